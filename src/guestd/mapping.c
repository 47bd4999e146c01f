/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CUSE has not: mmap, lseek and SIGIO, by the kernel module mmhelper(4).
 *
 * A node is adopted before programs may open it. A program's request comes as an
 * ioctl with a token; it goes to the host as a call, and when that is answered the
 * result is supplied to the module before the ioctl is answered.
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
#include "guestd/mapping.h"
#include "kmod-mmhelper/mmhelper.h"

#define PAGE_SHIFT 12
#define GNTDEV_PATH "/dev/xen/gntdev"
#define N_EVENTS 64

_Static_assert(PROTO_MMAP_READ == MMHELPER_MAP_READ && PROTO_MMAP_WRITE == MMHELPER_MAP_WRITE &&
	       PROTO_MMAP_SHARED == MMHELPER_MAP_SHARED &&
	       PROTO_MMAP_MAY_WRITE == MMHELPER_MAP_MAY_WRITE, "they travel as they are");

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
	node->adopted = !adoption.error;
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
	if (fetch.kind == MMHELPER_AT) {
		position_request(request, file, &fetch);
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

void mapping_answer(struct call *call, int result)
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

		if (!mapping->ended || mapping->told) {
			at = &mapping->next;
			continue;
		}
		if (call_send_alone(guest, PROTO_MUNMAP, &body) < 0) {
			guest->mappings_due = true;
			return;
		}
		mapping->told = true;
		if (!mapping->frame) {
			*at = mapping->next;
			free(mapping);
		}
	}
}

void mapping_munmap_done(struct guest *guest, const struct proto_message *message)
{
	const struct proto_munmap_answer *answer = message->body;
	struct mapping **at = &guest->mappings;
	struct mapping *mapping;

	while (*at && ((*at)->id != answer->mapping || !(*at)->told))
		at = &(*at)->next;
	mapping = *at;
	if (!mapping)
		return;
	*at = mapping->next;
	if (answer->result == 0)
		place_vacate(guest, mapping->frame);
	else if (log_limit_pass(&guest->limit, "guestd"))
		log_warning("munmap: the host's device memory is still there: %s", strerror(-answer->result));
	free(mapping);
}

struct mapping *mapping_find(struct guest *guest, uint64_t token)
{
	struct mapping *mapping = guest->mappings;

	while (mapping && mapping->token != token)
		mapping = mapping->next;
	return mapping;
}

/* From now on only the programs' mappings hold the grants or the address space, so that
 * they go with the last of those, before the host hears of it. */
static void backing_leave(struct mapping *mapping)
{
	struct ioctl_gntdev_unmap_grant_ref unmap = {
		.index = mapping->grants_index,
		.count = mapping->n_grants,
	};

	if (mapping->fd < 0)
		return;
	if (mapping->n_grants)
		(void)ioctl(mapping->fd, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap);
	close(mapping->fd);
	mapping->fd = -1;
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
			backing_leave(mapping);
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
		backing_leave(mapping);
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

struct mapping *mapping_new(struct guest *guest, const struct call *call,
			    const struct proto_mmap_answer *answer)
{
	struct mapping *mapping = calloc(1, sizeof(*mapping));
	struct proto_munmap body = { .mapping = answer->mapping };

	if (!mapping) {
		/* Without an entry the host could not be told later. */
		(void)call_send_alone(guest, PROTO_MUNMAP, &body);
		return NULL;
	}
	mapping->next = guest->mappings;
	mapping->token = call->token;
	mapping->id = answer->mapping;
	mapping->fd = -1;
	guest->mappings = mapping;
	return mapping;
}

void mapping_end(struct guest *guest, struct mapping *mapping)
{
	backing_leave(mapping);
	mapping->ended = guest->mappings_due = true;
	mapping_flush(guest);
}

static int supply(struct guest *guest, const struct mmhelper_supply *what)
{
	return ioctl(guest->helper_fd, MMHELPER_SUPPLY, what) < 0 ? -errno : 0;
}

int mapping_supply(struct guest *guest, struct mapping *mapping, const struct mmhelper_supply *what)
{
	int r = supply(guest, what);

	mapping->supplied = r == 0;
	return r;
}

/* Backs the mapping with granted pages. 0 or negative errno; in any case the host
 * hears of the end. */
static int back_by_grants(struct guest *guest, const struct call *call,
			  const struct proto_message *message)
{
	const struct proto_mmap_answer *answer = message->body;
	struct mapping *mapping = mapping_new(guest, call, answer);
	struct mmhelper_supply what = {
		.token = call->token,
		.flags = MMHELPER_SUPPLY_TRACKED |
			 (answer->flags & PROTO_MAPPED_READONLY ? MMHELPER_SUPPLY_READONLY : 0),
		.cache = answer->cache,
	};
	int r;

	if (!mapping)
		return -ENOMEM;
	what.fd = grants_open(guest->config->domid, message->payload, answer->n_refs, &what.offset);
	mapping->fd = what.fd;
	mapping->grants_index = what.offset;
	mapping->n_grants = answer->n_refs;
	r = what.fd < 0 ? what.fd : mapping_supply(guest, mapping, &what);
	if (r < 0)
		mapping_end(guest, mapping);
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
	bool pages = !(answer->flags & (PROTO_MAPPED_DESCRIPTOR | PROTO_MAPPED_DEVICE));

	if (answer->result > 0 || answer->cache >= PROTO_CACHE_MAX_ ||
	    (answer->flags & ~(PROTO_MAPPED_DESCRIPTOR | PROTO_MAPPED_READONLY | PROTO_MAPPED_DEVICE)))
		return "a field has a value that it cannot have";
	if (answer->n_refs > PROTO_DATA_MAX || message->payload_length != answer->n_refs * sizeof(uint32_t))
		return "n_refs is not what came";
	if (answer->result < 0)
		return NULL;
	if (device != (guest->config->host == HOST_UNIX) || pages != (answer->n_refs != 0))
		return "pages come by another way over this transport";
	if (pages && answer->n_refs != call->body.mmap.length >> PAGE_SHIFT)
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
	if (result == 0 && (answer->flags & PROTO_MAPPED_DEVICE)) {
		place_begin(guest, call, answer);
		return 0;
	}
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
	mapping_answer(call, result);
	return 0;
}

/* ---- lseek ---- */

int mapping_lseek_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_lseek_answer *answer = message->body;
	struct mmhelper_result result = { .token = call->token, .value = answer->result };
	int r = ioctl(guest->helper_fd, MMHELPER_RESULT, &result) < 0 ? -errno : 0;

	mapping_answer(call, r);
	return 0;
}

/* ---- SIGIO ---- */

int mapping_fasync_done(struct guest *guest, struct call *call, const struct proto_message *message)
{
	const struct proto_fasync_answer *answer = message->body;

	if (answer->result > 0)
		return call_misfit(guest, message, "result is positive");
	mapping_answer(call, answer->result);
	return 0;
}

void mapping_signal(struct file *file, uint32_t band)
{
	struct mmhelper_signal signal = { .file = file->async, .band = band };

	/* It may have been closed meanwhile. */
	if (file->async)
		(void)ioctl(file->node->guest->helper_fd, MMHELPER_SIGNAL, &signal);
}
