/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device memory in guests; see guest_frames.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostd/guest.h"
#include "hostd/guest_frames.h"
#include "hostd/supervisor.h"
#include "kmod-mmhelper/mmhelper.h"
#include "proto/log.h"

#define FRAME_END (UINT64_C(1) << 40) /* x86: addresses have 52 bits, frames 12 less */

struct placed {
	struct placed *next;
	uint64_t tag; /* the session's name for it */
	struct mmhelper_frames frames;
};

static int helper_open(struct frames *frames)
{
	if (frames->helper_fd < 0)
		frames->helper_fd = open(MMHELPER_PATH, O_RDWR | O_CLOEXEC);
	return frames->helper_fd < 0 ? -errno : 0;
}

static int helper_ask(struct frames *frames, unsigned long command, void *argument)
{
	return ioctl(frames->helper_fd, command, argument) < 0 ? -errno : 0;
}

static void drop(struct frames *frames, const struct mmhelper_frames *what)
{
	struct mmhelper_drop gone = { .token = what->token };

	(void)helper_ask(frames, MMHELPER_DROP, &gone);
}

/* Out of the guest's address space. Xen stops at a frame that the guest has since used
 * for something else; the others must go all the same. */
static int unmap(const struct mmhelper_frames *what)
{
	int r = guest_frames_xen_map(what->domid, what->guest_frame, what->frame, what->n_frames, false);

	if (r == 0 || r == -ESRCH || what->n_frames == 1)
		return r;
	for (uint64_t i = 0; i < what->n_frames; i++)
		(void)guest_frames_xen_map(what->domid, what->guest_frame + i, what->frame + i, 1, false);
	return 0;
}

static int take_away(const struct mmhelper_frames *what)
{
	int r = unmap(what);
	int denied = guest_frames_xen_permit(what->domid, what->frame, what->n_frames, false);

	if (r == -ESRCH || denied == -ESRCH)
		return 0; /* the domain is gone, and what it had with it */
	return denied;
}

void guest_frames_start(struct frames *frames)
{
	struct mmhelper_frames left = { 0 };
	int r;

	if (helper_open(frames) < 0)
		return; /* without it there is nothing */
	while (helper_ask(frames, MMHELPER_LEFT, &left) == 0) {
		r = take_away(&left);
		if (r < 0)
			log_error("domain %u keeps device memory of an earlier run, from frame 0x%llx on: "
				  "Xen: %s", left.domid, (unsigned long long)left.frame, strerror(-r));
		else
			drop(frames, &left);
		left = (struct mmhelper_frames){ 0 };
	}
	/* Open, it would keep the module from being unloaded; place() opens it when needed. */
	guest_frames_stop(frames);
}

void guest_frames_stop(struct frames *frames)
{
	if (frames->helper_fd >= 0)
		close(frames->helper_fd);
	frames->helper_fd = -1;
}

/* ---- placing ---- */

static bool overlaps(uint64_t a, uint64_t n_a, uint64_t b, uint64_t n_b)
{
	return a < b + n_b && b < a + n_a;
}

/* The device that the frames are of, if the guest may use it now, or NULL. */
static const struct announce_device *device_find(const struct guest_session *session,
						 const struct mmhelper_frames *what)
{
	dev_t rdev = makedev(what->major, what->minor);

	for (size_t i = 0; i < session->announce.n_devices; i++)
		if (session->announce.devices[i].rdev == rdev)
			return &session->announce.devices[i];
	return NULL;
}

static const char *device_name(const struct guest *guest, const struct mmhelper_frames *what)
{
	const struct announce_device *device = device_find(&guest->session, what);

	return device ? device->name : "?";
}

/* Why it may not be there, or NULL. */
static const char *misplaced(const struct guest_session *session, const struct mmhelper_frames *what)
{
	if (!what->guest_frame || what->guest_frame >= FRAME_END || what->n_frames > FRAME_END - what->guest_frame)
		return "the guest frame cannot be one";
	for (const struct placed *placed = session->placed; placed; placed = placed->next)
		if (overlaps(placed->frames.guest_frame, placed->frames.n_frames, what->guest_frame,
			     what->n_frames))
			return "the guest has device memory at that frame already";
	if (!device_find(session, what))
		return "the guest may not use the device";
	return NULL;
}

static void refuse(struct guest *guest, const struct mmhelper_frames *what, const char *why, int error)
{
	if (log_limit_pass(&guest->session.frames_limit, guest->name))
		log_warning("guest \"%s\": device \"%s\": mmap of device memory: %s%s%s", guest->name,
			    device_name(guest, what), why, error ? ": " : "", error ? strerror(-error) : "");
}

/* Into the guest's address space, or nothing of it. */
static int put_there(struct guest *guest, const struct mmhelper_frames *what)
{
	int r = guest_frames_xen_permit(what->domid, what->frame, what->n_frames, true);

	if (r == 0) {
		r = guest_frames_xen_map(what->domid, what->guest_frame, what->frame, what->n_frames, true);
		if (r < 0)
			(void)take_away(what);
	}
	if (r == 0)
		return 0;
	refuse(guest, what, r == -EPERM ? "this domain is not privileged for the guest" : "Xen does not map it", r);
	return -ENODEV;
}

/* Xen keeps one permission for a frame, however often it is mapped. */
static void permit_again(const struct guest_session *session, const struct mmhelper_frames *gone)
{
	for (const struct placed *placed = session->placed; placed; placed = placed->next)
		if (overlaps(placed->frames.frame, placed->frames.n_frames, gone->frame, gone->n_frames))
			(void)guest_frames_xen_permit(placed->frames.domid, placed->frames.frame,
						      placed->frames.n_frames, true);
}

static int try_place(struct guest *guest, struct placed *placed)
{
	struct guest_session *session = &guest->session;
	const char *why = misplaced(session, &placed->frames);
	int r;

	if (why) {
		refuse(guest, &placed->frames, why, 0);
		return -EINVAL;
	}
	r = put_there(guest, &placed->frames);
	if (r < 0)
		permit_again(session, &placed->frames);
	return r;
}

static int place(struct guest *guest, const struct control_message *request)
{
	struct guest_session *session = &guest->session;
	struct frames *frames = &guest->supervisor->frames;
	struct placed *placed;
	int r = guest->transport == CONTROL_VCHAN ? helper_open(frames) : -ENODEV;

	if (r < 0)
		return r;
	placed = calloc(1, sizeof(*placed));
	if (!placed)
		return -ENOMEM;
	placed->tag = request->tag;
	placed->frames.token = request->token;
	placed->frames.guest_frame = request->frame;
	placed->frames.domid = session->domid;
	r = helper_ask(frames, MMHELPER_TAKE, &placed->frames);
	if (r < 0) {
		refuse(guest, &placed->frames, "the session has no such offer", r);
	} else {
		r = try_place(guest, placed);
		if (r < 0)
			drop(frames, &placed->frames);
	}
	if (r < 0) {
		free(placed);
		return r;
	}
	placed->next = session->placed;
	session->placed = placed;
	return 0;
}

/* ---- the end ---- */

/* Takes the first of a list away. Its record stays where Xen failed: so does the device. */
static int end_first(struct guest *guest, struct placed **at)
{
	struct placed *placed = *at;
	int r = take_away(&placed->frames);

	*at = placed->next;
	permit_again(&guest->session, &placed->frames);
	if (r < 0)
		log_error("guest \"%s\": device \"%s\": its memory stays in domain %u: Xen: %s", guest->name,
			  device_name(guest, &placed->frames), placed->frames.domid, strerror(-r));
	else
		drop(&guest->supervisor->frames, &placed->frames);
	free(placed);
	return r;
}

static int unplace(struct guest *guest, uint64_t tag)
{
	struct placed **at = &guest->session.placed;

	while (*at && (*at)->tag != tag)
		at = &(*at)->next;
	return *at ? end_first(guest, at) : -ENOENT;
}

int guest_frames_serve(struct guest *guest, const struct control_message *request)
{
	struct control_message answer = { .kind = CONTROL_PLACED, .tag = request->tag };

	if (request->kind == CONTROL_PLACE)
		answer.error = -place(guest, request);
	else
		answer.error = -unplace(guest, request->tag);
	return broker_send(guest->session.broker, &answer, -1);
}

void guest_frames_end_all(struct guest *guest)
{
	while (guest->session.placed)
		(void)end_first(guest, &guest->session.placed);
}
