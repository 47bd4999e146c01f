/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest side: what all of paradice-guestd's parts share.
 *
 * One loop (lead.h: a thread that leads, and a standby for when it is stuck in a
 * program's memory) owns the FUSE descriptors and the connection; the one that is used
 * most may have a reader (reader.h). One lock (lead.lock) covers everything below.
 *
 * Objects: a node is a device file of this machine; it stays when the connection
 * goes. A file is one open of a node; it belongs to the connection that opened it
 * and is dead without it. A call is one FUSE request that waits for an answer.
 */
#ifndef PARADICE_GUESTD_GUEST_H
#define PARADICE_GUESTD_GUEST_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "guestd/conf.h"
#include "guestd/crowd.h"
#include "guestd/pin.h"
#include "guestd/process.h"
#include "guestd/reader.h"
#include "proto/channel.h"
#include "proto/layout.h"
#include "proto/lead.h"
#include "proto/log.h"

struct call_descriptors;
struct giver;
struct guest;
struct kept;
struct frontend_ops;
struct mmhelper_fetch;
struct on_demand_want;
struct on_demand_writing;
struct position;

struct node {
	struct node *next;
	char name[PROTO_NAME_MAX + 1]; /* below /dev, or below the mount */
	struct proto_device_add add; /* add.device: 0 while the host does not offer it */
	struct guest *guest;
	uint32_t n_files;
	bool removed; /* goes when its last file does */
	pid_t opener; /* the thread that has it adopted; 0: none */
	bool adopted; /* by the module */
	gid_t gid; /* of the file */
	void *private; /* the frontend's */
};

struct file {
	struct file *next; /* in its hash chain */
	struct node *node;
	uint32_t class; /* the node's PROTO_CLASS_…, or that of what an ioctl returned */
	uint64_t handle; /* the host's */
	uint32_t connection; /* guest->connection when it was opened */
	uint32_t watched; /* poll events the host watches; 0: none */
	uint32_t ready; /* last known mask of them */
	uint64_t ready_ns; /* when it was learnt */
	struct fuse_pollhandle *poll_handle; /* who waits for a change, or NULL */
	struct position *positions; /* where threads are about to read or write, other than at its own */
	uint64_t async; /* the module's number of the open file, if SIGIO was asked for */
	struct layout_facts facts; /* what ioctls have settled */
};

enum call_state { CALL_NEW, CALL_WAITING, CALL_SENT };

struct call {
	struct call *next; /* in the waiting list, or the free list */
	enum call_state state;
	fuse_req_t request; /* answered exactly once; NULL afterwards */
	struct guest *guest;
	struct node *node; /* OPEN */
	struct file *file;
	uint16_t opcode;
	uint64_t tag;
	uint64_t sent_ns; /* 0: in a crowd, how long it takes says nothing of spinning */
	bool interrupted;
	uint32_t slot; /* place in guest->slots, and its bulk slot */
	uint32_t bulk; /* the slot if bulk is used, or PROTO_BULK_NONE */
	struct fuse_file_info info; /* OPEN */
	union {
		struct proto_open open;
		struct proto_release release;
		struct proto_read read;
		struct proto_write write;
		struct proto_ioctl ioctl;
		struct proto_poll poll;
		struct proto_mmap mmap;
		struct proto_lseek lseek;
		struct proto_fasync fasync;
		struct proto_direct direct;
		struct proto_place place;
	} body;
	uint64_t token; /* MMAP, PLACE, LSEEK, FASYNC, DIRECT: the module's number of the request */
	struct pin pin; /* DIRECT */
	pid_t pid; /* IOCTL: the caller's thread */
	struct proto_range range; /* IOCTL, flat: the caller's memory */
	struct proto_range *ranges; /* IOCTL, nested: all of it, body.ioctl.n_ranges; else NULL */
	struct call_descriptors *descriptors; /* IOCTL: those that it passes, or NULL */
	bool carries; /* IOCTL, nested: as walk_carries() */
	bool write_failed; /* IOCTL, on demand: some of what the driver wrote found no place */
	void *payload; /* own copy of what goes with the body, or NULL */
	uint32_t payload_size;
};

#define FILE_BUCKETS 256
#define NO_SLOT UINT32_MAX

struct guest {
	struct lead lead;
	const struct guest_config *config;
	const struct frontend_ops *frontend;
	struct reader reader;
	int epoll_fd;
	int signal_fd;
	int connected_fd; /* the connector has a channel for us, or there is more to do */
	struct channel *channel; /* NULL while there is no connection */
	struct channel *offered; /* made by the connector, not yet taken */
	pthread_cond_t disconnected; /* the connector's turn */
	uint32_t connection; /* counts connections */
	bool settled; /* HELLO is done */
	struct node *nodes;
	struct file *files[FILE_BUCKETS];
	struct call *slots[PROTO_IN_FLIGHT_MAX];
	uint32_t free_slots[PROTO_IN_FLIGHT_MAX];
	uint32_t n_free_slots;
	uint32_t n_sent;
	struct call *waiting; /* in order; for a slot, or for room in the ring */
	struct call **waiting_tail;
	struct call *releases; /* sent, without a slot */
	uint64_t tag;
	struct process_table processes;
	struct on_demand_want *wants; /* in order; memory that the host asked for */
	uint32_t n_wants;
	struct on_demand_writing *writings; /* under way */
	pthread_cond_t written; /* one of them is done */
	struct crowd crowd; /* of programs */
	uint64_t spin_until_ns; /* 0: no answer is expected soon */
	uint64_t spun_ns; /* when it last had the processor while spinning; 0: it has served something since */
	bool interrupts_due;
	int helper_fd; /* the kernel module, or -1 */
	bool can_pin; /* the module can pin programs' memory for the host */
	uint64_t last_pin;
	uint32_t n_pinned; /* pages */
	struct kept *kept; /* memory that drivers keep, kept.h */
	struct giver *giver; /* of descriptors, or NULL */
	struct mapping *mappings; /* that reach into the host's domain */
	bool mappings_due; /* some have ended, and the host does not know */
	struct log_limit limit;
	char last_reason[200]; /* why there is no connection, as last logged */
};

/* What makes nodes visible to programs. */
struct frontend_ops {
	bool devices; /* nodes are devices, of which the kernel tells udev */
	/* Before the first node. 0 or negative errno (logged). */
	int (*start)(struct guest *guest);
	/* Makes a node visible. 0 or negative errno (logged). */
	int (*node_add)(struct node *node);
	/* Takes it away; nobody has it open. */
	void (*node_remove)(struct node *node);
	void (*stop)(struct guest *guest);
	/* An fd of the frontend is readable (epoll data was `what`). Serves requests
	 * until there are none. */
	void (*serve)(struct guest *guest, void *what);
};

extern const struct frontend_ops frontend_cuse;
extern const struct frontend_ops frontend_fuse;

/* Runs the daemon until SIGTERM or SIGINT. The exit status. */
int guest_run(const struct guest_config *config);

/* connection.c: the connector thread, and the messages of the host. */
int connection_start(struct guest *guest);
/* The connector has offered a channel: take it. */
void connection_take(struct guest *guest);
/* Serves all messages that have come. */
void connection_serve(struct guest *guest);
/* Ends the connection: all calls end with EIO, files die, nodes stay. `reason` is
 * logged, unless NULL. */
void connection_lost(struct guest *guest, const char *reason);
/* lead_away() for what a program's memory may hold up; lead_back() ends it. */
void guest_away(struct guest *guest);

/* Has the leader look again at what waits, if it sleeps. */
void guest_nudge(struct guest *guest);
/* The same if anything does: the calling thread will not serve it. */
void guest_hand_over(struct guest *guest);

/* Adds a descriptor to the loop; `what` goes to frontend->serve(). */
int guest_watch(struct guest *guest, int fd, void *what);
/* Adds the channel's doorbell, and its peer's life where that is a descriptor. */
int guest_watch_channel(struct guest *guest);
void guest_unwatch(struct guest *guest, int fd);

/* Receives and processes what is queued on one FUSE session. -ENODEV when the
 * kernel has ended it, else 0. */
int guest_fuse_serve(struct guest *guest, const struct source *source);

/* What a thread with nothing to do shall do next: serve what has come from the host
 * already; spin, because an answer is expected soon; or sleep, and the host will ring. */
enum guest_round { GUEST_SERVE, GUEST_SPIN, GUEST_SLEEP };
enum guest_round guest_round(struct guest *guest);

/* Makes the calling thread's buffers, which go with it. Without memory the daemon stops. */
void guest_workspace(struct guest *guest);
/* Its buffer for a FUSE request, and for a message. */
struct fuse_buf *guest_request(struct guest *guest);
struct channel_buffer *guest_buffer(struct guest *guest);
/* What is in the former is all that is under way. */
void guest_alone(struct guest *guest);

/* What the calling thread gathers callers' memory in (gather.h), or NULL. */
struct gather *guest_gather(struct guest *guest);

/* node.c */
struct node *node_find(struct guest *guest, uint32_t device);
/* The host offers a device: a new node, or one that was there before. `properties`: as
 * proto_properties() has them, `length` bytes. */
void node_offer(struct guest *guest, const struct proto_device_add *add, const char *name,
		const char *properties, size_t length);
/* The host takes a device back. */
void node_withdraw(struct guest *guest, struct node *node);
/* After the host has offered all: nodes that it did not offer again go. */
void node_sweep(struct guest *guest);
/* A removed node goes when nobody has it open. */
void node_put(struct node *node);

/* file.c */
struct file *file_new(struct node *node, uint64_t handle);
void file_free(struct file *file);
struct file *file_find(struct guest *guest, uint64_t handle);
bool file_alive(const struct file *file);
/* News of readiness, learnt at now_ns: wakes who waits. `pushed`: the device has woken its
 * waiters, even if the mask looks the same. */
void file_ready(struct file *file, uint32_t mask, bool pushed, uint64_t now_ns);
/* All files of a lost connection: poll says POLLERR | POLLHUP. */
void file_all_dead(struct guest *guest);

/* request.c: the requests of programs, as the frontends get them. */
void call_open(struct node *node, fuse_req_t request, const struct fuse_file_info *info);
void call_release(fuse_req_t request, struct file *file);
/* `done`: the bytes of the same call that came before these. */
void call_read(fuse_req_t request, struct file *file, size_t size, off_t done, uint32_t flags);
void call_write(fuse_req_t request, struct file *file, const char *data, size_t size, off_t done,
		uint32_t flags);
void call_poll(fuse_req_t request, struct file *file, uint32_t events, struct fuse_pollhandle *handle);
/* True while the answer to an open is being written to the kernel. */
bool call_opening(void);
/* The host's answers to them. */
int request_opened(struct guest *guest, struct call *call, const struct proto_message *message);
int request_read_done(struct guest *guest, struct call *call, const struct proto_message *message);
int request_write_done(struct guest *guest, struct call *call, const struct proto_message *message);
int request_poll_done(struct guest *guest, struct call *call, const struct proto_message *message);
int request_released(struct guest *guest, struct call *call, const struct proto_message *message);
/* ioctl.c */
void call_ioctl(fuse_req_t request, struct file *file, uint32_t command, uint64_t argument,
		unsigned int flags);

/* call.c: calls on their way. An answer of the host. -EPROTO (fault in the channel) if it fits no call. */
int call_answered(struct guest *guest, const struct proto_message *message);
/* Sends what waits for a slot or for room, and interrupts that are due. */
void call_flush(struct guest *guest);
/* Ends every call with this errno. */
void call_fail_all(struct guest *guest, int error);

/* For what serves one kind of call (request.c, ioctl.c). A new call, or NULL when memory is
 * short, which was answered. */
struct call *call_new(struct guest *guest, uint16_t opcode, fuse_req_t request);
/* The same on an open file; NULL also when that was answered with ENODEV. */
struct call *call_new_on(struct file *file, uint16_t opcode, fuse_req_t request);
/* Sends a call, or lets it wait with a copy of its data. */
void call_submit(struct call *call, const void *data, uint32_t size);
/* Sends a request that has no call: its answer is not waited for. 0 or as
 * channel_send(). */
int call_send_alone(struct guest *guest, uint16_t opcode, const void *body);
/* Takes a call out of every list, so that nothing finds it any more. */
void call_detach(struct call *call);
/* The request, for the one answer that it gets. */
fuse_req_t call_take(struct call *call);
/* Ends a call; whoever has not been answered gets `error`, an errno or PROTO_RESTART. */
void call_end(struct call *call, int error);
/* An ioctl's result, which may be -PROTO_RESTART: for the kernel the same number is
 * ERESTARTSYS, and stays within it if a signal has interrupted the call. Else -EINTR. */
int64_t call_restart(const struct call *call, int64_t result);
/* An answer that does not fit its call: sets the fault, -EPROTO. */
int call_misfit(struct guest *guest, const struct proto_message *message, const char *why);
/* The IOCTL on demand with this tag that was sent, or NULL. */
struct call *call_on_demand(struct guest *guest, uint64_t tag);
/* True if a call of this process is waiting or sent. */
bool call_of_process(const struct guest *guest, uint64_t process);
/* The answer to an IOCTL. */
int call_ioctl_done(struct guest *guest, struct call *call, const struct proto_message *message);

/* mapping.c: mmap, lseek and SIGIO, by the kernel module. */
/* Opens the module; without it (logged) nodes are as CUSE makes them. */
void mapping_start(struct guest *guest);
/* Has the module adopt a node, before programs can open it; `serve` serves the
 * node's requests meanwhile. 0 (also without the module) or negative errno. */
int mapping_adopt(struct node *node, const char *path, void (*serve)(struct node *node));
/* True if a request comes from the thread that has the node adopted: then it is for
 * guestd to answer. */
bool mapping_opens_itself(const struct node *node, fuse_req_t request);
/* Serves an ioctl with MMHELPER_NODE_REQUEST; false if its token is made up, and it
 * is a program's own ioctl. */
bool mapping_request(fuse_req_t request, struct file *file, uint64_t token);
/* The module has news. */
void mapping_serve(struct guest *guest);
/* Sends what has ended, if there is room. */
void mapping_flush(struct guest *guest);
/* The connection is lost: what is mapped over it goes. */
void mapping_all_lost(struct guest *guest);
/* The host says that the driver sends SIGIO. */
void mapping_signal(struct file *file, uint32_t band);
/* The host has heard of an end. */
void mapping_munmap_done(struct guest *guest, const struct proto_message *message);
int mapping_mmap_done(struct guest *guest, struct call *call, const struct proto_message *message);
int mapping_lseek_done(struct guest *guest, struct call *call, const struct proto_message *message);
int mapping_fasync_done(struct guest *guest, struct call *call, const struct proto_message *message);

/* direct.c: read(2) and write(2) in the program's own pages. Serves a request of the
 * kernel module. */
void direct_request(fuse_req_t request, struct file *file, const struct mmhelper_fetch *fetch);
int direct_done(struct guest *guest, struct call *call, const struct proto_message *message);

/* position.c: pread(2) and pwrite(2). Serves a request of the kernel module. */
void position_request(fuse_req_t request, struct file *file, const struct mmhelper_fetch *fetch);
/* Whether the thread's next `size` bytes, of a call that has had `done`, are those at
 * *positionp of the device. */
bool position_take(struct file *file, pid_t pid, uint64_t done, uint64_t size, int64_t *positionp);
void position_forget(struct file *file);

/* place.c: mappings of device memory. */
/* A PLACE ends: without success the host hears of it. */
void place_end(struct call *call);
int place_done(struct guest *guest, struct call *call, const struct proto_message *message);
/* A connection is new: of earlier ones the host has nothing here. */
void place_connected(struct guest *guest);

/* memory.c: the calling program's memory. Copies up to `size` bytes at `address`
 * of the process of thread `pid`; bytes copied, possibly fewer, or negative errno.
 * May block: call it away from the lock. */
ssize_t memory_read(pid_t pid, uint64_t address, void *data, size_t size);
/* Copies whole pages, in order, up to the first that is not all there. How many. */
uint32_t memory_read_pages(pid_t pid, const uint64_t *addresses, uint32_t n, void *data);
/* Writes ranges whose bytes follow each other at `bytes`. 0, or -EFAULT if not all
 * could be written. */
int memory_write_ranges(pid_t pid, const struct proto_range *ranges, uint32_t n, const uint8_t *bytes);

/* The same for `n` pieces at once (at most PROTO_RANGES_MAX), one after the other in
 * `data`. The first is true if all is there; the second stops at the first byte that
 * is not. */
struct memory_piece {
	uint64_t address;
	size_t size;
};
bool memory_read_pieces(pid_t pid, const struct memory_piece *pieces, uint32_t n, void *data);
ssize_t memory_write_pieces(pid_t pid, const struct memory_piece *pieces, uint32_t n, const void *data);

#endif
