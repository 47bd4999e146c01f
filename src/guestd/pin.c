/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory of programs that the host works in; see pin.h. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guestd/guest.h"
#include "kmod-mmhelper/mmhelper.h"

void pin_start(struct guest *guest)
{
	struct mmhelper_bind bind = {
		.domid = guest->config->domid,
		.max_pages = guest->config->max_pinned,
	};

	guest->can_pin = guest->helper_fd >= 0 &&
			 (guest->config->host != HOST_XEN || ioctl(guest->helper_fd, MMHELPER_BIND, &bind) == 0);
	if (guest->helper_fd >= 0 && !guest->can_pin)
		log_warning(MMHELPER_PATH ": %s: programs' memory cannot be granted to domain %u: it is copied",
			    strerror(errno), bind.domid);
}

uint32_t pin_pages(uint64_t address, uint64_t length)
{
	uint64_t most = PROTO_DATA_MAX / sizeof(uint32_t);

	if (length > most * PIN_PAGE)
		return most + 1;
	return ((address & (PIN_PAGE - 1)) + length + PIN_PAGE - 1) / PIN_PAGE;
}

/* 0, or the negative errno for what is not to be had. */
static int pin_possible(const struct guest *guest, uint32_t n)
{
	if (!guest->can_pin)
		return -EOPNOTSUPP;
	if (!n || n > PROTO_DATA_MAX / sizeof(uint32_t) || n > guest->config->max_pinned - guest->n_pinned)
		return -ENOMEM;
	return 0;
}

int pin_make(struct guest *guest, pid_t pid, uint64_t address, uint64_t length, bool write, struct pin *pin)
{
	struct mmhelper_pin request = {
		.pid = pid,
		.flags = write ? MMHELPER_PIN_WRITE : 0,
		.address = address,
		.length = length,
	};
	uint32_t n = pin_pages(address, length);
	int r = pin_possible(guest, n);

	*pin = (struct pin){ .id = ++guest->last_pin, .n = n, .fd = -1 };
	if (r == 0 && guest->config->host == HOST_XEN) {
		pin->refs = malloc(n * sizeof(*pin->refs));
		request.refs = (uintptr_t)pin->refs;
		if (!pin->refs)
			r = -ENOMEM;
	}
	if (r < 0) {
		pin->n = 0;
		return r;
	}
	guest->n_pinned += n;
	/* It may have to wait for the program's memory, as memory_read(). */
	guest_away(guest);
	pin->fd = ioctl(guest->helper_fd, MMHELPER_PIN, &request);
	r = pin->fd < 0 ? -errno : 0;
	lead_back(&guest->lead);
	if (r < 0)
		pin_end(guest, pin);
	return r == -ERANGE || r == -ENOSPC || r == -EMFILE ? -ENOMEM : r;
}

int pin_pass(struct guest *guest, struct pin *pin)
{
	struct transport *transport = guest->channel->transport;
	int r;

	if (!pin->n || pin->refs || pin->fd < 0)
		return 0;
	if (!transport->ops->pass)
		return -EOPNOTSUPP;
	r = transport->ops->pass(transport, pin->id, pin->fd);
	if (r < 0)
		return r;
	close(pin->fd);
	pin->fd = -1;
	return 0;
}

void pin_end(struct guest *guest, struct pin *pin)
{
	if (pin->n && pin->fd >= 0)
		close(pin->fd);
	guest->n_pinned -= pin->n;
	free(pin->refs);
	*pin = (struct pin){ 0 };
}
