/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See outbox.h. */
#include "config.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "guestd/outbox.h"

#define ANSWERS_MAX 32 /* a third of what may be in flight */
#define ANSWER_SIZE 128 /* a header and some small structure */

struct answer {
	int fd;
	uint32_t size;
	uint8_t bytes[ANSWER_SIZE];
};

static __thread struct answer answers[ANSWERS_MAX];
static __thread uint32_t n_answers;
static __thread bool holds;

void outbox_hold(bool hold)
{
	holds = hold;
}

ssize_t outbox_writev(int fd, const struct iovec *iov, int n)
{
	struct answer *answer;
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += iov[i].iov_len;
	if (!holds || size > ANSWER_SIZE)
		return writev(fd, iov, n);
	if (n_answers == ANSWERS_MAX)
		outbox_send();
	answer = &answers[n_answers++];
	answer->fd = fd;
	answer->size = 0;
	for (int i = 0; i < n; i++) {
		memcpy(answer->bytes + answer->size, iov[i].iov_base, iov[i].iov_len);
		answer->size += iov[i].iov_len;
	}
	return size;
}

void outbox_send(void)
{
	for (uint32_t i = 0; i < n_answers; i++)
		(void)!write(answers[i].fd, answers[i].bytes, answers[i].size);
	n_answers = 0;
}
