/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop, signals, reloading, and the list of guests. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "hostd/guest.h"
#include "hostd/supervisor.h"
#include "proto/log.h"

static bool uid_used(const struct supervisor *supervisor, uint32_t uid)
{
	for (size_t i = 0; i < supervisor->n_guests; i++) {
		const struct guest *guest = supervisor->guests[i];

		if (guest_busy(guest) && (guest->session.uid == uid || guest->session.mirror_uid == uid))
			return true;
	}
	return false;
}

int supervisor_uids_choose(const struct supervisor *supervisor, uint32_t *sessionp, uint32_t *mirrorp)
{
	const struct conf *conf = supervisor->conf;
	uint32_t *uids[] = { sessionp, mirrorp };
	size_t n = 0;

	*sessionp = *mirrorp = 0;
	if (!supervisor->change_user)
		return 0;
	for (uint64_t uid = conf->uid_first; uid <= conf->uid_last && n < 2; uid++)
		if (!uid_used(supervisor, uid))
			*uids[n++] = uid;
	return n == 2 ? 0 : -EUSERS;
}

void supervisor_status(const struct supervisor *supervisor)
{
	size_t n_wanted = 0, n_up = 0;

	for (size_t i = 0; i < supervisor->n_guests; i++) {
		n_wanted += !supervisor->guests[i]->unwanted;
		n_up += supervisor->guests[i]->session.up;
	}
	if (!supervisor->stopping)
		sd_notifyf(0, "STATUS=%zu guests, %zu connected, %zu devices", n_wanted, n_up,
			   supervisor->policy ? supervisor->policy->n_nodes : 0);
}

void supervisor_guest_gone(struct supervisor *supervisor, struct guest *guest)
{
	for (size_t i = 0; i < supervisor->n_guests; i++) {
		if (supervisor->guests[i] != guest)
			continue;
		supervisor->n_guests--;
		memmove(&supervisor->guests[i], &supervisor->guests[i + 1],
			(supervisor->n_guests - i) * sizeof(struct guest *));
		break;
	}
	guest_free(guest);
	if (supervisor->stopping && supervisor->n_guests == 0)
		sd_event_exit(supervisor->event, 0);
}

static void log_oddity(void *context, enum policy_oddity oddity, const struct conf_device *device,
		       const char *path, int error)
{
	static const char *const texts[] = {
		[POLICY_MISSING] = "not there, announced when it appears",
		[POLICY_NOT_DEVICE] = "no character device, left out: correct path =",
		[POLICY_BAD_NAME] = "no valid name in a guest, left out: set name =",
		[POLICY_ERROR] = "left out",
	};

	if (error)
		log_warning("device \"%s\": \"%s\": %s: %s", device->title, path, strerror(error),
			    texts[oddity]);
	else
		log_warning("device \"%s\": \"%s\": %s", device->title, path, texts[oddity]);
}

static bool policy_has(const struct policy *policy, const struct policy_node *node)
{
	for (size_t i = 0; policy && i < policy->n_nodes; i++) {
		if (strcmp(policy->nodes[i].path, node->path) == 0 &&
		    strcmp(policy->nodes[i].name, node->name) == 0)
			return true;
	}
	return false;
}

/* Two files that patterns gave the same name in a guest: what is new since `before`
 * (NULL: all). */
static void log_shadowed(const struct supervisor *supervisor, const struct policy *before)
{
	const struct policy *policy = supervisor->policy;
	const struct policy_node *first;

	for (size_t i = 0; i < policy->n_nodes; i++) {
		const struct policy_node *node = &policy->nodes[i];

		if (policy_has(before, node))
			continue;
		for (size_t j = 0; j < supervisor->conf->n_guests; j++) {
			const char *guest = supervisor->conf->guests[j].name;

			if (!conf_device_allows(node->device, guest))
				continue;
			first = policy_shadowed(policy, i, guest);
			if (first)
				log_warning("device \"%s\": guest \"%s\": \"%s\" is left out, \"%s\" has the name \"%s\" already: set another name =",
					    node->device->title, guest, node->path, first->path,
					    node->name);
		}
	}
}

static void update_watch(struct supervisor *supervisor, const struct conf *conf)
{
	int r = watch_update(supervisor->watch, conf);

	if (r < 0)
		log_error("devices that appear may go unseen: inotify: %s%s", strerror(-r),
			  r == -ENOSPC ? "; raise fs.inotify.max_user_watches" : "");
}

static void sync_guests(struct supervisor *supervisor)
{
	if (supervisor->policy->incomplete)
		watch_again(supervisor->watch);
	for (size_t i = 0; i < supervisor->n_guests; i++)
		guest_session_sync(supervisor->guests[i]);
	supervisor_status(supervisor);
}

/* Files appeared or vanished. */
static void on_devices(void *context)
{
	struct supervisor *supervisor = context;
	struct policy *before = supervisor->policy, *policy;
	int r;

	update_watch(supervisor, supervisor->conf);
	r = policy_scan(supervisor->conf, NULL, NULL, &policy);
	if (r < 0) {
		log_error("looking for devices: %s", strerror(-r));
		return;
	}
	supervisor->policy = policy;
	log_shadowed(supervisor, before);
	sync_guests(supervisor);
	policy_free(before);
}

/* Another guest that the domain belongs to already, or NULL. */
static const struct guest *domain_owner(const struct supervisor *supervisor,
					const struct guest *guest, uint32_t domid)
{
	for (size_t i = 0; i < supervisor->n_guests; i++) {
		const struct guest *other = supervisor->guests[i];

		if (other != guest && other->transport == CONTROL_VCHAN && other->domid == domid &&
		    (other->present || guest_busy(other)))
			return other;
	}
	return NULL;
}

/* Logs once that a guest cannot be served although its domain runs. */
static void log_ambiguous(struct guest *guest, const struct guest *owner, const uint32_t *domids)
{
	if (guest->ambiguous)
		return;
	guest->ambiguous = true;
	if (owner)
		log_error("guest \"%s\": domain %u is guest \"%s\" already: remove one of the two",
			  guest->name, domids[0], owner->name);
	else
		log_error("guest \"%s\": xen = \"%s\" matches the domains %u and %u, neither is served: use a number or UUID",
			  guest->name, guest->address, domids[0], domids[1]);
}

static void on_domains(void *context)
{
	struct supervisor *supervisor = context;
	const struct domain_list *list = domains_list(supervisor->domains);

	for (size_t i = 0; i < supervisor->n_guests; i++) {
		struct guest *guest = supervisor->guests[i];
		const struct guest *owner = NULL;
		uint32_t domids[2];
		size_t n;

		if (guest->transport != CONTROL_VCHAN || guest->unwanted)
			continue;
		n = domains_match(list, guest->address, domids);
		if (n == 1)
			owner = domain_owner(supervisor, guest, domids[0]);
		if (n > 1 || (owner && !owner->unwanted))
			log_ambiguous(guest, owner, domids);
		else
			guest->ambiguous = false;
		guest_domain(guest, n == 1 && !owner, n ? domids[0] : 0);
	}
}

/* Watches domains exactly as long as some guest is one. */
static void update_domains(struct supervisor *supervisor)
{
	bool wanted = false;
	int r;

	for (size_t i = 0; i < supervisor->conf->n_guests; i++)
		wanted |= supervisor->conf->guests[i].transport == CONTROL_VCHAN;
	if (wanted && !supervisor->domains) {
		r = domains_new(supervisor->event, on_domains, supervisor, &supervisor->domains);
		if (r < 0)
			log_error("guests with xen = are not served: %s",
				  r == -ENOSYS ?
					  "built without Xen: build it with libxen-dev, or use socket =" :
					  strerror(-r));
	} else if (!wanted) {
		domains_free(supervisor->domains);
		supervisor->domains = NULL;
	} else {
		on_domains(supervisor);
	}
}

static struct guest *find_guest(const struct supervisor *supervisor, const struct conf_guest *conf)
{
	for (size_t i = 0; i < supervisor->n_guests; i++) {
		struct guest *guest = supervisor->guests[i];

		if (!guest->unwanted && strcmp(guest->name, conf->name) == 0 &&
		    guest->transport == conf->transport &&
		    strcmp(guest->address, conf->address) == 0)
			return guest;
	}
	return NULL;
}

static void remove_guests(struct supervisor *supervisor)
{
	/* Backwards: a guest without session is gone at once. */
	for (size_t i = supervisor->n_guests; i-- > 0;) {
		struct guest *guest = supervisor->guests[i];
		const struct conf_guest *conf =
			conf_guest_find(supervisor->conf, guest->name);

		if (guest->unwanted || (conf && find_guest(supervisor, conf) == guest))
			continue;
		log_info("guest \"%s\": its configuration is gone or changed", guest->name);
		guest_remove(guest);
	}
}

static int add_guest(struct supervisor *supervisor, const struct conf_guest *conf)
{
	struct guest **guests, *guest;
	int r;

	guests = reallocarray(supervisor->guests, supervisor->n_guests + 1, sizeof(*guests));
	if (!guests)
		return -ENOMEM;
	supervisor->guests = guests;
	r = guest_new(supervisor, conf, &guest);
	if (r == 0)
		guests[supervisor->n_guests++] = guest;
	return r;
}

static void update_guests(struct supervisor *supervisor)
{
	remove_guests(supervisor);
	for (size_t i = 0; i < supervisor->conf->n_guests; i++) {
		const struct conf_guest *conf = &supervisor->conf->guests[i];
		struct guest *guest = find_guest(supervisor, conf);
		int r = 0;

		if (guest)
			guest_update(guest, conf);
		else
			r = add_guest(supervisor, conf);
		if (r < 0)
			log_error("guest \"%s\": %s; it is not served", conf->name, strerror(-r));
	}
}

/* Makes `conf` the configuration; takes it over, also on failure. */
static int apply(struct supervisor *supervisor, struct conf *conf)
{
	struct conf *old_conf = supervisor->conf;
	struct policy *old_policy = supervisor->policy, *policy;
	int r;

	update_watch(supervisor, conf);
	r = policy_scan(conf, log_oddity, NULL, &policy);
	if (r < 0) {
		conf_free(conf);
		return r;
	}
	supervisor->conf = conf;
	supervisor->policy = policy;
	if (!supervisor->level_fixed)
		log_level_set(conf->log_level);
	log_shadowed(supervisor, NULL);
	sync_guests(supervisor);
	update_guests(supervisor);
	update_domains(supervisor);
	policy_free(old_policy);
	conf_free(old_conf);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct supervisor *supervisor = context;
	struct conf_fault fault;
	struct timespec now;
	struct conf *conf;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	r = conf_load(supervisor->conf_path, &conf, &fault);
	if (r < 0) {
		log_error("%s", fault.text);
	} else {
		r = apply(supervisor, conf);
		if (r < 0)
			log_error("%s: %s", supervisor->conf_path, strerror(-r));
	}
	if (r < 0)
		log_error("%s: not loaded, the earlier configuration stays", supervisor->conf_path);
	else
		log_info("%s: loaded", supervisor->conf_path);
	sd_notify(0, "READY=1");
	supervisor_status(supervisor);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *context)
{
	struct supervisor *supervisor = context;

	if (supervisor->stopping)
		return 0;
	log_info("stopping");
	sd_notify(0, "STOPPING=1");
	supervisor->stopping = true;
	domains_free(supervisor->domains);
	supervisor->domains = NULL;
	for (size_t i = supervisor->n_guests; i-- > 0;) {
		if (!supervisor->guests[i]->unwanted)
			guest_remove(supervisor->guests[i]);
	}
	if (supervisor->n_guests == 0)
		sd_event_exit(supervisor->event, 0);
	return 0;
}

static int setup(struct supervisor *supervisor, struct conf *conf)
{
	int r;

	r = sd_event_new(&supervisor->event);
	if (r >= 0)
		r = sd_event_add_signal(supervisor->event, NULL, SIGTERM, on_stop, supervisor);
	if (r >= 0)
		r = sd_event_add_signal(supervisor->event, NULL, SIGINT, on_stop, supervisor);
	if (r >= 0)
		r = sd_event_add_signal(supervisor->event, NULL, SIGHUP, on_reload, supervisor);
	if (r >= 0)
		r = watch_new(supervisor->event, on_devices, supervisor, &supervisor->watch);
	if (r < 0) {
		conf_free(conf);
		return r;
	}
	return apply(supervisor, conf);
}

static void fini(struct supervisor *supervisor)
{
	domains_free(supervisor->domains);
	for (size_t i = 0; i < supervisor->n_guests; i++)
		guest_free(supervisor->guests[i]);
	free(supervisor->guests);
	watch_free(supervisor->watch);
	policy_free(supervisor->policy);
	conf_free(supervisor->conf);
	guest_frames_stop(&supervisor->frames);
	sd_event_unref(supervisor->event);
}

int supervisor_run(struct conf *conf, const char *conf_path, bool level_fixed, bool verify)
{
	struct supervisor supervisor = {
		.conf_path = conf_path,
		.level_fixed = level_fixed,
		.verify = verify,
		.change_user = geteuid() == 0,
		.frames = { .helper_fd = -1 },
	};
	int r;

	/* Before any guest can be served. */
	guest_frames_start(&supervisor.frames);
	r = setup(&supervisor, conf);
	if (r == 0) {
		if (!supervisor.change_user)
			log_warning("not started as root: sessions run as the same user, without a user of their own");
		sd_notify(0, "READY=1");
		supervisor_status(&supervisor);
		r = sd_event_loop(supervisor.event);
	}
	if (r < 0)
		log_error("event loop: %s", strerror(-r));
	else
		log_info("stopped");
	fini(&supervisor);
	return r < 0 ? r : 0;
}
