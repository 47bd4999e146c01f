/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CUSE has not: mmap, lseek and SIGIO, by the kernel module mmhelper(4).
 *
 * A node is adopted before programs may open it. A program's request comes as an
 * ioctl with a token; it goes to the host as a call, and when that is answered the
 * result is supplied to the module before the ioctl is answered.
 *
 * A mapping of granted pages has an entry from its supply until the module tells
 * that the last program has let go, or the connection is lost (then it is revoked).
 * The program's mmap_lock is held while it waits for us: nothing here may touch its
 * memory.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Linux's header takes two types of Xen's own, which need not be installed. */
typedef uint32_t grant_ref_t;
typedef uint16_t domid_t;
#include <xen/gntdev.h>

#include "guestd/descriptor.h"
#include "guestd/guest.h"
#include "kmod-mmhelper/mmhelper.h"

#define PAGE_SHIFT 12
#define GNTDEV_PATH "/dev/xen/gntdev"
#define N_EVENTS 64

_Static_assert(PROTO_MMAP_READ == MMHELPER_MAP_READ && PROTO_MMAP_WRITE == MMHELPER_MAP_WRITE &&
	       PROTO_MMAP_SHARED == MMHELPER_MAP_SHARED, "they travel as they are");

struct mapping {
	struct mapping *next;
	uint64_t token; /* the module's number */
	uint64_t id; /* the host's */
	int grants_fd; /* until they are mapped; else -1 */
	uint64_t grants_index;
	uint32_t n_grants;
	bool ended; /* to be told to the host */
};

/* ---- the module ---- */

void mapping_start(struct guest *guest)
{
	guest->helper_fd = open(MMHELPER_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (guest->helper_fd < 0)
		log_warning(MMHELPER_PATH ": %s: programs get ENODEV from mmap, and no SIGIO "
			    "(modprobe mmhelper, then restart paradice-guestd)", strerror(errno));
	else if (guest_watch(guest, guest->helper_fd, &guest->helper_fd) < 0)
		log_warning("cannot watch " MMHELPER_PATH);
}

struct adoption {
	struct guest *guest;
	const char *path;
	pid_t *openerp;
	int error;
};

/* Opens the node, so that the module finds its device; guestd itself answers. */
static void *adoption_main(void *argument)
{
	struct adoption *adoption = argument;
	struct mmhelper_adopt adopt;

	__atomic_store_n(adoption->openerp, gettid(), __ATOMIC_RELEASE);
	adopt = (struct mmhelper_adopt){
		.fd = open(adoption->path, O_RDWR | O_CLOEXEC | O_NONBLOCK),
		.direct_from = adoption->guest->can_pin ? adoption->guest->config->direct_from : 0,
	};
	if (adopt.fd < 0 || ioctl(adoption->guest->helper_fd, MMHELPER_ADOPT, &adopt) < 0)
		adoption->error = errno;
	if (adopt.fd >= 0)
		close(adopt.fd);
	return NULL;
}

int mapping_adopt(struct node *node, const char *path, void (*serve)(struct node *node))
{
	struct adoption adoption = { .guest = node->guest, .path = path, .openerp = &node->opener };
	struct timespec soon;
	pthread_t thread;
	int r;

	if (node->guest->helper_fd < 0)
		return 0;
	r = pthread_create(&thread, NULL, adoption_main, &adoption);
	if (r)
		return -r;
	do {
		serve(node);
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 200000;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(thread, NULL, &soon) == ETIMEDOUT);
	node->opener = 0;
	/* Its close may be waiting to be answered. */
	serve(node);
	return -adoption.error;
}

bool mapping_opens_itself(const struct node *node, fuse_req_t request)
{
	pid_t opener = __atomic_load_n(&node->opener, __ATOMIC_ACQUIRE);

	return opener && fuse_req_ctx(request)->pid == opener;
}

/* ---- requests of programs ---- */

static void request_submit(struct call *call, struct file *file, const struct mmhelper_fetch *fetch)
{
	switch (fetch->kind) {
	case MMHELPER_MAP:
		call->body.mmap = (struct proto_mmap){
			.handle = file->handle,
			.offset = fetch->offset,
			.length = fetch->length,
			.flags = fetch->flags,
		};
		break;
	case MMHELPER_SEEK:
		call->body.lseek = (struct proto_lseek){
			.handle = file->handle,
			.offset = fetch->offset,
			.whence = fetch->flags,
		};
		break;
	default:
		file->async = fetch->file;
		call->body.fasync = (struct proto_fasync){ .handle = file->handle, .on = fetch->flags };
		break;
	}
	call_submit(call, NULL, 0);
}

bool mapping_request(fuse_req_t request, struct file *file, uint64_t token)
{
	static const uint16_t opcodes[] = {
		[MMHELPER_MAP] = PROTO_MMAP,
		[MMHELPER_SEEK] = PROTO_LSEEK,
		[MMHELPER_ASYNC] = PROTO_FASYNC,
	};
	struct mmhelper_fetch fetch = { .token = token };
	struct guest *guest = file->node->guest;
	struct call *call;

	if (guest->helper_fd < 0 || ioctl(guest->helper_fd, MMHELPER_FETCH, &fetch) < 0)
		return false;
	if (fetch.kind == MMHELPER_NAME) {
		descriptor_named(guest, request, file, token);
		return true;
	}
	if (fetch.kind == MMHELPER_READ || fetch.kind == MMHELPER_WRITE) {
		direct_request(request, file, &fetch);
		return true;
	}
	call = call_new_on(file, opcodes[fetch.kind], request);
	if (!call)
		return true;
	call->file = file;
	call->token = token;
	request_submit(call, file, &fetch);
	return true;
}

/* The program's result: 0 (and what was supplied counts) or a negative errno. */
static void request_end(struct call *call, int result)
{
	fuse_reply_ioctl(call_take(call), result, NULL, 0);
	call_end(call, EIO);
}

/* ---- mappings ---- */

/* Tells the host of what has ended, as far as there is room. */
void mapping_flush(struct guest *guest)
{
	struct mapping **at = &guest->mappings;

	if (!guest->mappings_due || !guest->channel || !guest->settled)
		return;
	guest->mappings_due = false;
	while (*at) {
		struct mapping *mapping = *at;
		struct proto_munmap body = { .mapping = mapping->id };

		if (!mapping->ended) {
			at = &mapping->next;
			continue;
		}
		if (call_send_alone(guest, PROTO_MUNMAP, &body) < 0) {
			guest->mappings_due = true;
			return;
		}
		*at = mapping->next;
		free(mapping);
	}
}

static struct mapping *mapping_find(struct guest *guest, uint64_t token)
{
	struct mapping *mapping = guest->mappings;

	while (mapping && mapping->token != token)
		mapping = mapping->next;
	return mapping;
}

/* From now on only the programs' mappings hold the grants, so that they go with the
 * last of those, before the host hears of it. */
static void grants_leave(struct mapping *mapping)
{
	struct ioctl_gntdev_unmap_grant_ref unmap = {
		.index = mapping->grants_index,
		.count = mapping->n_grants,
	};

	if (mapping->grants_fd < 0)
		return;
	(void)ioctl(mapping->grants_fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	close(mapping->grants_fd);
	mapping->grants_fd = -1;
}

void mapping_serve(struct guest *guest)
{
	struct mmhelper_event events[N_EVENTS];
	struct mapping *mapping;
	ssize_t n;

	while ((n = read(guest->helper_fd, events, sizeof(events))) > 0) {
		for (size_t i = 0; i < n / sizeof(events[0]); i++) {
			mapping = mapping_find(guest, events[i].token);
			if (!mapping)
				continue;
			grants_leave(mapping);
			if (events[i].what & MMHELPER_EVENT_ENDED)
				guest->mappings_due = mapping->ended = true;
		}
	}
	mapping_flush(guest);
}

void mapping_all_lost(struct guest *guest)
{
	struct mapping *mapping;

	while ((mapping = guest->mappings)) {
		struct mmhelper_revoke revoke = { .token = mapping->token };

		guest->mappings = mapping->next;
		grants_leave(mapping);
		/* It may have ended by itself. */
		(void)ioctl(guest->helper_fd, MMHELPER_REVOKE, &revoke);
		free(mapping);
	}
	guest->mappings_due = false;
}

/* A gntdev file for these references. *offsetp is where to map it. The file, or
 * negative errno. */
static int grants_open(uint32_t domid, const uint8_t *refs, uint32_t n, __u64 *offsetp)
{
	struct ioctl_gntdev_map_grant_ref *map;
	int fd, r;

	map = calloc(1, sizeof(*map) + n * sizeof(map->refs[0]));
	if (!map)
		return -ENOMEM;
	map->count = n;
	for (uint32_t i = 0; i < n; i++) {
		map->refs[i].domid = domid;
		memcpy(&map->refs[i].ref, refs + i * sizeof(uint32_t), sizeof(uint32_t));
	}
	fd = open(GNTDEV_PATH, O_RDWR | O_CLOEXEC);
	/* ENOENT means another thing here. */
	r = fd >= 0 ? 0 : errno == ENOENT ? -ENODEV : -errno;
	if (r == 0 && ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, map) < 0) {
		r = -errno;
		close(fd);
	}
	*offsetp = map->index;
	free(map);
	return r < 0 ? r : fd;
}

static int supply(struct guest *guest, const struct mmhelper_supply *what)
{
	return ioctl(guest->helper_fd, MMHELPER_SUPPLY, what) < 0 ? -errno : 0;
}

/* Backs the mapping with granted pages. 0 or negative errno; in any case the host
 * hears of the end. */
static int back_by_grants(struct guest *guest, const struct call *call,
			  const struct proto_message *message)
{
	const struct proto_mmap_answer *answer = message->body;
	struct mapping *mapping = calloc(1, sizeof(*mapping));
	struct mmhelper_supply what = {
		.token = call->token,
		.flags = MMHELPER_SUPPLY_TRACKED |
			 (answer->flags & PROTO_MAPPED_READONLY ? MMHELPER_SUPPLY_READONLY : 0),
		.cache = answer->cache,
	};
	int r;

	if (!mapping) {
		/* Without an entry the host could not be told later. */
		struct proto_munmap body = { .mapping = answer->mapping };

		(void)call_send_alone(guest, PROTO_MUNMAP, &body);
		return -ENOMEM;
	}
	what.fd = grants_open(guest->config->domid, message->payload, answer->n_refs, &what.offset);
	*mapping = (struct mapping){
		.next = guest->mappings,
		.token = call->token,
		.id = answer->mapping,
		.grants_fd = what.fd,
		.grants_index = what.offset,
		.n_grants = answer->n_refs,
	};
	guest->mappings = mapping;
	r = what.fd < 0 ? what.fd : supply(guest, &what);
	if (r < 0) {
		grants_leave(mapping);
		mapping->ended = guest->mappings_due = true;
		mapping_flush(guest);
	}
	return r;
}

static int back_by_device(struct guest *guest, const struct call *call)
{
	struct transport *transport = guest->channel->transport;
	struct mmhelper_supply what = {
		.token = call->token,
		.fd = transport->ops->take(transport, call->tag),
		.offset = call->body.mmap.offset,
	};

	int r;

	if (what.fd < 0)
		return -EIO;
	r = supply(guest, &what);
	close(what.fd);
	return r;
}

/* Why the answer cannot be one to this request, or NULL. */
static const char *mmap_misfit(const struct guest *guest, const struct call *call,
			       const struct proto_message *message)
{
	const struct proto_mmap_answer *answer = message->body;
	bool device = answer->flags & PROTO_MAPPED_DESCRIPTOR;

	if (answer->result > 0 || answer->cache >= PROTO_CACHE_MAX_ ||
	    (answer->flags & ~(PROTO_MAPPED_DESCRIPTOR | PROTO_MAPPED_READONLY)))
		return "a field has a value that it cannot have";
	if (answer->n_refs > PROTO_DATA_MAX || message->payload_length != answer->n_refs * sizeof(uint32_t))
		return "n_refs is not what came";
	if (answer->result < 0)
		return NULL;
	if (device != (guest->config->host == HOST_UNIX) || device != (answer->n_refs == 0))
		return "pages come by another way over this transport";
	if (!device && answer->n_refs != call->body.mmap.length >> PAGE_SHIFT)
		return "n_refs is not the pages that were asked for";
	return NULL;
}

int mapping_mmap_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_mmap_answer *answer = message->body;
	const char *misfit = mmap_misfit(guest, call, message);
	int64_t result = answer->result;

	if (misfit)
		return call_misfit(guest, message, misfit);
	if (result == 0 && (answer->flags & PROTO_MAPPED_DESCRIPTOR))
		result = back_by_device(guest, call);
	else if (result == 0)
		result = back_by_grants(guest, call, message);
	/* ENOENT: the program was killed meanwhile. */
	if (result < 0 && result != -ENOENT && answer->result == 0 && log_limit_pass(&guest->limit, "guestd"))
		log_warning("node \"%s\": mmap: cannot back it: %s%s", call->file->node->name,
			    strerror(-result),
			    result == -ENODEV ? " (" GNTDEV_PATH ": modprobe xen-gntdev)" :
			    result == -EOPNOTSUPP ? " (its cache attribute cannot cross to a PV guest)" : "");
	request_end(call, result);
	return 0;
}

/* ---- lseek ---- */

int mapping_lseek_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_lseek_answer *answer = message->body;
	struct mmhelper_result result = { .token = call->token, .value = answer->result };
	int r = ioctl(guest->helper_fd, MMHELPER_RESULT, &result) < 0 ? -errno : 0;

	request_end(call, r);
	return 0;
}

/* ---- SIGIO ---- */

int mapping_fasync_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_fasync_answer *answer = message->body;

	if (answer->result > 0)
		return call_misfit(guest, message, "result is positive");
	request_end(call, answer->result);
	return 0;
}

void mapping_signal(struct file *file, uint32_t band)
{
	struct mmhelper_signal signal = { .file = file->async, .band = band };

	/* It may have been closed meanwhile. */
	if (file->async)
		(void)ioctl(file->node->guest->helper_fd, MMHELPER_SIGNAL, &signal);
}
