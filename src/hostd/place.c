/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mappings of device memory: offered in the kernel module when they are made, put into
 * the guest by the supervisor when that says where (PLACE), and taken away before the
 * session's own mapping ends; see mapping.h and guest_frames.h.
 */
#include "config.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "hostd/session.h"
#include "kmod-mmhelper/mmhelper.h"

int place_offer(int helper_fd, struct mapping *mapping, uint32_t *cachep)
{
	struct mmhelper_offer offer = {
		.address = (uintptr_t)mapping->memory,
		.length = mapping->length,
	};

	if (ioctl(helper_fd, MMHELPER_OFFER, &offer) < 0)
		return -errno;
	mapping->token = offer.token;
	*cachep = offer.cache;
	return 0;
}

const char *place_why(int error)
{
	switch (error) {
	case -ETXTBSY:
		return "it is memory of the device that its driver can move, which the guest would not notice";
	case -EACCES:
		return "it is memory of the device that may only be read, and Xen cannot keep the guest from writing";
	case -EREMOTEIO:
		return "its driver may take it away, or it is not one piece of the memory of one PCI device";
	default:
		return NULL;
	}
}

/* Asks the supervisor and waits for its answer, some milliseconds: 0 or negative errno. */
static int supervisor_ask(struct session *session, struct mapping *mapping,
			  const struct control_message *request)
{
	/* Nothing finds it meanwhile but the answer. */
	mapping->busy = true;
	channel_arm(session->channel, false);
	lead_wake(&session->lead);
	if (control_send(session->control_fd, request, -1) < 0)
		session_end(session, "the supervisor is gone");
	while (mapping->busy)
		lead_wait(&session->lead, &session->mappings.answered);
	if (lead_mine(&session->lead))
		channel_disarm(session->channel);
	return -mapping->error;
}

void place_answered(struct session *session, const struct control_message *message)
{
	struct mapping *mapping = mapping_find(session, message->tag);

	if (!mapping || !mapping->busy)
		return;
	mapping->busy = false;
	mapping->error = message->error;
	pthread_cond_broadcast(&session->mappings.answered);
}

int place_end(struct session *session, struct mapping *mapping)
{
	struct control_message unplace = { .kind = CONTROL_UNPLACE, .tag = mapping->id };
	struct mmhelper_drop drop = { .token = mapping->token };

	if (mapping->placed)
		return supervisor_ask(session, mapping, &unplace);
	return ioctl(session->mappings.helper_fd, MMHELPER_DROP, &drop) < 0 ? -errno : 0;
}

bool place_serve(struct session *session, struct workspace *workspace,
		 const struct proto_message *message, struct operation *operation)
{
	const struct proto_place *request = message->body;
	struct mapping *mapping = mapping_find(session, request->mapping);
	struct proto_place_answer answer = { .result = -EINVAL };
	uint64_t tag = operation->tag;

	if (mapping && mapping->token && !mapping->placed && !mapping->busy) {
		struct control_message place = {
			.kind = CONTROL_PLACE,
			.tag = mapping->id,
			.token = mapping->token,
			.frame = request->frame,
		};

		answer.result = supervisor_ask(session, mapping, &place);
		mapping->placed = answer.result == 0;
	}
	operation_leave(session, operation);
	session_send(session, PROTO_PLACE_ANSWER, tag, &answer, NULL, 0);
	return lead_mine(&session->lead);
}
