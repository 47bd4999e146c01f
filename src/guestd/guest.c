/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guestd's loop: FUSE requests in, messages out, answers back; see guest.h. */
#include "config.h"

#include <errno.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "guestd/descriptor.h"
#include "guestd/gather.h"
#include "guestd/on_demand.h"
#include "proto/near.h"

#define N_EVENTS 16
#define MAX_REQUESTS 32 /* of one FUSE session before the ring gets its turn */
#define N_THREADS 32 /* a program may withhold its memory from the thread that wants it */

/* Each thread that leads has a buffer for FUSE requests and one for messages,
 * because the lock is given up in the middle of serving one. */
struct workspace {
	struct fuse_buf request;
	struct channel_buffer message;
	struct gather *gather;
};
static __thread struct workspace workspace;
static pthread_key_t workspace_key; /* set in a thread that has one */

/* At the end of a thread: threads come and go. */
static void workspace_free(void *set)
{
	(void)set;
	free(workspace.request.mem);
	workspace.request.mem = NULL;
	channel_buffer_fini(&workspace.message);
	on_demand_thread_end();
}

struct channel_buffer *guest_buffer(struct guest *guest)
{
	return &workspace.message;
}

struct fuse_buf *guest_request(struct guest *guest)
{
	return &workspace.request;
}

void guest_alone(struct guest *guest)
{
	const struct fuse_in_header *header = workspace.request.mem;

	if (guest->channel)
		near_thread(header->pid);
}

struct gather *guest_gather(struct guest *guest)
{
	if (!workspace.gather)
		workspace.gather = gather_new();
	return workspace.gather;
}

static int watch(struct guest *guest, int fd, uint32_t events, void *what)
{
	struct epoll_event event = { .events = events, .data.ptr = what };

	return epoll_ctl(guest->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int guest_watch(struct guest *guest, int fd, void *what)
{
	return watch(guest, fd, EPOLLIN | EPOLLRDHUP, what);
}

int guest_watch_channel(struct guest *guest)
{
	const struct transport *transport = guest->channel->transport;
	int r;

	r = watch(guest, transport->event_fd, EPOLLIN | (transport->ops->edges ? EPOLLET : 0), &guest->channel);
	if (r == 0 && transport->life_fd >= 0)
		r = watch(guest, transport->life_fd, EPOLLRDHUP, &guest->channel);
	return r;
}

void guest_unwatch(struct guest *guest, int fd)
{
	epoll_ctl(guest->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int guest_fuse_serve(struct guest *guest, const struct source *source)
{
	for (int i = 0; i < MAX_REQUESTS; i++) {
		int r = fuse_session_receive_buf(source->session, &workspace.request);

		if (fuse_session_exited(source->session) || r == -ENODEV || r == 0)
			return -ENODEV;
		if (r < 0)
			return 0;
		fuse_session_process_buf(source->session, &workspace.request);
		if (!lead_mine(&guest->lead))
			return 0;
		/* One program at a time: look for its answer before for another
		 * request. */
		if (guest->n_sent <= 1 && !crowd_is_one(&guest->crowd)) {
			guest_alone(guest);
			reader_consider(guest, source);
			return 0;
		}
		near_end();
	}
	return 0;
}

static void on_stop_signal(struct guest *guest)
{
	struct signalfd_siginfo info;

	if (read(guest->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_info("stopping on signal %u", info.ssi_signo);
	sd_notify(0, "STOPPING=1");
	lead_stop(&guest->lead);
}

/* The peer rang, or is gone. */
static void channel_event(struct guest *guest, uint32_t events)
{
	struct channel *channel = guest->channel;
	struct transport *transport;
	bool ended;

	if (!channel)
		return;
	transport = channel->transport;
	ended = transport->life_fd < 0 || events & EPOLLRDHUP;
	if (!transport->ops->edges)
		transport->ops->acknowledge(transport);
	/* What came before the end is still served. */
	connection_serve(guest);
	if (ended && guest->channel == channel && !channel_alive(channel))
		connection_lost(guest, "the host is gone");
}

static void event_serve(struct guest *guest, const struct epoll_event *event)
{
	void *what = event->data.ptr;

	if (what == &guest->signal_fd) {
		on_stop_signal(guest);
	} else if (what == &guest->helper_fd) {
		mapping_serve(guest);
	} else if (what == &guest->giver) {
		descriptor_serve(guest);
	} else if (what == &guest->connected_fd) {
		connection_take(guest);
	} else if (what == &guest->processes) {
		process_ended(guest);
	} else if (what == &guest->channel) {
		channel_event(guest, event->events);
	} else {
		guest->frontend->serve(guest, what);
	}
}

void guest_nudge(struct guest *guest)
{
	uint64_t one = 1;

	/* Only a full counter can fail, and then it is readable anyway. */
	(void)!write(guest->connected_fd, &one, sizeof(one));
}

/* Something waits for room in the ring, or for the loop. */
static bool is_waiting(const struct guest *guest)
{
	return guest->waiting || guest->interrupts_due || guest->wants;
}

void guest_hand_over(struct guest *guest)
{
	if (guest->channel && is_waiting(guest))
		guest_nudge(guest);
}

/* Lets others run who have to before there can be an answer. Who gets the processor may
 * be a stranger; then it is not worth spinning for. One look at the clock, which may be a
 * system call (between Xen domains without a stable TSC). */
static void make_way(struct guest *guest)
{
	uint64_t now_ns;

	sched_yield();
	now_ns = channel_now_ns();
	if (guest->spun_ns)
		channel_spun(guest->channel, now_ns - guest->spun_ns);
	guest->spun_ns = now_ns;
	if (now_ns >= guest->spin_until_ns || !channel_spin_budget_ns(guest->channel))
		guest->spin_until_ns = 0;
}

enum guest_round guest_round(struct guest *guest)
{
	if (!guest->channel)
		return GUEST_SLEEP;
	/* Whom we wake may be queued on this very processor. */
	if (channel_flush(guest->channel) && guest->n_sent && guest->spin_until_ns)
		make_way(guest);
	if (guest->n_sent && guest->spin_until_ns) {
		if (channel_glance(guest->channel))
			return GUEST_SERVE;
		make_way(guest);
		return GUEST_SPIN;
	}
	if (channel_arm(guest->channel, is_waiting(guest) || guest->mappings_due))
		return GUEST_SPIN;
	return GUEST_SLEEP;
}

/* Waits for something to do: spinning while answers are expected soon, else
 * asleep. Returns the number of events; gives the lock up. */
static int wait_events(struct guest *guest, struct epoll_event *events)
{
	enum guest_round round = guest_round(guest);
	int n;

	if (round == GUEST_SERVE)
		return 0;
	pthread_mutex_unlock(&guest->lead.lock);
	n = epoll_wait(guest->epoll_fd, events, N_EVENTS, round == GUEST_SLEEP ? -1 : 0);
	pthread_mutex_lock(&guest->lead.lock);
	if (guest->channel && round == GUEST_SLEEP)
		channel_disarm(guest->channel);
	return n;
}

void guest_workspace(struct guest *guest)
{
	if (!workspace.message.memory && channel_buffer_init(&workspace.message) < 0) {
		log_error("no memory for a buffer");
		lead_stop(&guest->lead);
	}
	pthread_setspecific(workspace_key, &workspace);
}

static void guest_serve(void *context)
{
	struct guest *guest = context;
	struct epoll_event events[N_EVENTS];
	int n;

	guest_workspace(guest);
	while (lead_mine(&guest->lead) && !guest->lead.stopping) {
		if (guest->channel)
			connection_serve(guest);
		if (!lead_mine(&guest->lead))
			break;
		call_flush(guest);
		on_demand_flush(guest);
		if (!lead_mine(&guest->lead))
			break;
		n = wait_events(guest, events);
		if (n > 0)
			guest->spun_ns = 0; /* what is served now is no loss */
		for (int i = 0; i < n && lead_mine(&guest->lead) && !guest->lead.stopping; i++)
			event_serve(guest, &events[i]);
	}
	/* The new leader may sleep already; what this thread has sent since is its
	 * own to ring for, and what found no room is the leader's to wait for. */
	if (guest->channel)
		channel_flush(guest->channel);
	guest_hand_over(guest);
	if (guest->lead.stopping)
		reader_stop(guest);
}

static void guest_relieve(void *context)
{
	reader_relieve(context);
}

static const struct lead_ops lead_ops = {
	.serve = guest_serve,
	.relieve = guest_relieve,
};

static int signals_block(struct guest *guest)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -EINVAL;
	sigdelset(&set, SIGHUP);
	guest->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return guest->signal_fd < 0 ? -errno : 0;
}

static int guest_init(struct guest *guest, const struct guest_config *config)
{
	int r;

	guest->config = config;
	guest->frontend = config->frontend == FRONTEND_FUSE ? &frontend_fuse : &frontend_cuse;
	guest->waiting_tail = &guest->waiting;
	for (uint32_t i = 0; i < PROTO_IN_FLIGHT_MAX; i++)
		guest->free_slots[guest->n_free_slots++] = PROTO_IN_FLIGHT_MAX - 1 - i;
	pthread_cond_init(&guest->disconnected, NULL);
	pthread_cond_init(&guest->written, NULL);
	r = -pthread_key_create(&workspace_key, workspace_free);
	if (r < 0)
		return r;
	guest->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	guest->connected_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (guest->epoll_fd < 0 || guest->connected_fd < 0)
		return -errno;
	r = process_table_init(&guest->processes);
	if (r == 0)
		r = guest_watch(guest, guest->processes.epoll_fd, &guest->processes);
	if (r == 0)
		r = signals_block(guest);
	if (r == 0)
		r = guest_watch(guest, guest->signal_fd, &guest->signal_fd);
	if (r == 0)
		r = guest_watch(guest, guest->connected_fd, &guest->connected_fd);
	if (r == 0)
		r = lead_init(&guest->lead, N_THREADS, &lead_ops, guest);
	return r;
}

int guest_run(const struct guest_config *config)
{
	static struct guest guest;
	int r;

	r = guest_init(&guest, config);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	guest.helper_fd = -1;
	if (guest.frontend == &frontend_cuse)
		mapping_start(&guest);
	pin_start(&guest);
	if (guest.frontend->start(&guest) < 0)
		return EXIT_FAILURE;
	if (guest.helper_fd >= 0)
		descriptor_start(&guest);
	r = connection_start(&guest);
	if (r == 0)
		r = lead_run(&guest.lead);
	if (r < 0)
		log_error("cannot start a thread: %s", strerror(-r));
	pthread_mutex_lock(&guest.lead.lock);
	connection_lost(&guest, NULL);
	guest.frontend->stop(&guest);
	pthread_cond_broadcast(&guest.disconnected);
	pthread_mutex_unlock(&guest.lead.lock);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
