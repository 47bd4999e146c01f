/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watching domains in the xenstore.
 *
 * xenstored fires @introduceDomain and @releaseDomain; names and UUIDs are read
 * from /local/domain/N. A release comes before the toolstack has removed those
 * nodes, so only domains that xenstored itself knows count, and the list is made
 * once more a moment later.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#ifdef HAVE_XEN
#include <xenstore.h>
#endif

#include "hostd/domains.h"
#include "proto/log.h"

#ifdef HAVE_XEN

#define AGAIN_US 500000
#define RETRY_US 5000000

struct domains {
	sd_event *event;
	struct xs_handle *xs; /* NULL: no connection */
	sd_event_source *io;
	sd_event_source *timer;
	void (*changed)(void *context);
	void *context;
	struct domain_list list;
	bool complained;
};

static void list_clear(struct domain_list *list)
{
	for (size_t i = 0; i < list->n_domains; i++) {
		free(list->domains[i].name);
		free(list->domains[i].uuid);
	}
	free(list->domains);
	*list = (struct domain_list){ 0 };
}

static char *read_node(struct domains *domains, uint32_t domid, const char *node)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, node);
	return xs_read(domains->xs, XBT_NULL, path, NULL);
}

/* The node `vm` holds "/vm/UUID". */
static char *read_uuid(struct domains *domains, uint32_t domid)
{
	char *vm = read_node(domains, domid, "vm"), *slash, *uuid;

	if (!vm)
		return NULL;
	slash = strrchr(vm, '/');
	uuid = strdup(slash ? slash + 1 : vm);
	free(vm);
	return uuid;
}

static int list_fill(struct domains *domains)
{
	struct domain_list *list = &domains->list;
	unsigned int n;
	char **ids;

	list_clear(list);
	ids = xs_directory(domains->xs, XBT_NULL, "/local/domain", &n);
	if (!ids) {
		list->blind = errno == EACCES || errno == EPERM;
		return list->blind ? 0 : -errno;
	}
	list->domains = calloc(n + 1, sizeof(*list->domains));
	for (unsigned int i = 0; list->domains && i < n; i++) {
		uint32_t domid = strtoul(ids[i], NULL, 10);

		if (!xs_is_domain_introduced(domains->xs, domid))
			continue;
		list->domains[list->n_domains++] = (struct domain){
			.domid = domid,
			.name = read_node(domains, domid, "name"),
			.uuid = read_uuid(domains, domid),
		};
	}
	free(ids);
	return list->domains ? 0 : -ENOMEM;
}

static void disconnect(struct domains *domains)
{
	domains->io = sd_event_source_disable_unref(domains->io);
	xs_close(domains->xs);
	domains->xs = NULL;
	list_clear(&domains->list);
}

static void complain(struct domains *domains, const char *what, int error)
{
	if (domains->complained)
		return;
	domains->complained = true;
	log_error("xenstore: %s: %s; guests with xen = wait: run on Xen with xenstored, or use "
		  "socket = (trying again every %d s)",
		  what, strerror(error), RETRY_US / 1000000);
}

static void schedule(struct domains *domains, uint64_t usec)
{
	sd_event_source_set_time_relative(domains->timer, usec);
	sd_event_source_set_enabled(domains->timer, SD_EVENT_ONESHOT);
}

static void refresh(struct domains *domains)
{
	int r = list_fill(domains);

	if (r < 0) {
		complain(domains, "/local/domain", -r);
		disconnect(domains);
		schedule(domains, RETRY_US);
	}
	domains->changed(domains->context);
}

static int on_watch(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	struct domains *domains = context;
	char **event;

	while ((event = xs_check_watch(domains->xs)))
		free(event);
	if (errno != EAGAIN || (revents & (EPOLLHUP | EPOLLERR))) {
		complain(domains, "connection", errno == EAGAIN ? EPIPE : errno);
		disconnect(domains);
		schedule(domains, RETRY_US);
		domains->changed(domains->context);
		return 0;
	}
	refresh(domains);
	schedule(domains, AGAIN_US);
	return 0;
}

/* Each connection has its own watches; the first event comes at once. */
static int connect_store(struct domains *domains)
{
	int r;

	domains->xs = xs_open(0);
	if (!domains->xs)
		return errno ? -errno : -ENOENT;
	/* An unprivileged domain may not watch these. */
	if (!xs_watch(domains->xs, "@releaseDomain", "release") && errno != EACCES &&
	    errno != EPERM)
		return -errno;
	if (!xs_watch(domains->xs, "@introduceDomain", "introduce") && errno != EACCES &&
	    errno != EPERM)
		return -errno;
	r = sd_event_add_io(domains->event, &domains->io, xs_fileno(domains->xs), EPOLLIN,
			    on_watch, domains);
	return r < 0 ? r : 0;
}

/* Connects if need be, and looks again: names may change without an event. */
static int on_timer(sd_event_source *source, uint64_t usec, void *context)
{
	struct domains *domains = context;
	int r;

	if (!domains->xs) {
		r = connect_store(domains);
		if (r < 0) {
			complain(domains, "connection", -r);
			disconnect(domains);
			schedule(domains, RETRY_US);
			return 0;
		}
		if (domains->complained)
			log_info("xenstore: connected");
		domains->complained = false;
	}
	schedule(domains, RETRY_US);
	refresh(domains);
	return 0;
}

int domains_new(sd_event *event, void (*changed)(void *context), void *context,
		struct domains **domainsp)
{
	struct domains *domains = calloc(1, sizeof(*domains));
	int r;

	if (!domains)
		return -ENOMEM;
	domains->event = sd_event_ref(event);
	domains->changed = changed;
	domains->context = context;
	r = sd_event_add_time_relative(event, &domains->timer, CLOCK_MONOTONIC, 0, 0, on_timer,
				       domains);
	if (r < 0) {
		domains_free(domains);
		return r;
	}
	*domainsp = domains;
	return 0;
}

void domains_free(struct domains *domains)
{
	if (!domains)
		return;
	disconnect(domains);
	sd_event_source_disable_unref(domains->timer);
	sd_event_unref(domains->event);
	free(domains);
}

const struct domain_list *domains_list(const struct domains *domains)
{
	return &domains->list;
}

#else /* HAVE_XEN */

int domains_new(sd_event *event, void (*changed)(void *context), void *context,
		struct domains **domainsp)
{
	return -ENOSYS;
}

void domains_free(struct domains *domains)
{
}

const struct domain_list *domains_list(const struct domains *domains)
{
	static const struct domain_list none;

	return &none;
}

#endif
