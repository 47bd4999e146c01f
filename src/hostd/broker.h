/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The broker of one session: opens devices for it, so that a blocking open
 * delays neither another open nor the supervisor.
 *
 * Lifetime: broker_new() … broker_free() by the guest's session record; the
 * object itself lives until its last thread is gone, which an open that cannot
 * be interrupted may delay. One lock per broker covers all of it. All functions
 * are for the supervisor's main thread, and none of them blocks.
 */
#ifndef PARADICE_HOSTD_BROKER_H
#define PARADICE_HOSTD_BROKER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "hostd/control.h"

/* Opens that one session may have at work: its own cap on operations, and a few
 * that it cancelled and has not been told of yet. */
#define BROKER_OPENS_MAX (PROTO_IN_FLIGHT_MAX + 8)

/* Threads that wait for the next open when there is none. */
#define BROKER_OPENERS_KEPT 4

/* Requests that may wait for the main thread: about mirrors and device memory. */
#define BROKER_REQUESTS_MAX (4 * PROTO_IN_FLIGHT_MAX)

/* open(2) flags that a session may ask for. */
#define BROKER_FLAGS_ALLOWED (O_ACCMODE | O_NONBLOCK | O_APPEND | O_SYNC | O_DSYNC)

/* What broker_events() tells. */
#define BROKER_UP 1u /* the session's guest is connected (CONTROL_UP) */
#define BROKER_CLOSED 2u /* the session closed its end */
#define BROKER_REQUEST 8u /* broker_request() has something */
#define BROKER_VIOLATION 4u /* the session broke the rules: logged; end it */

struct broker;

/* Starts a broker for `guest`'s session on `control`, a connected control socket
 * that the broker owns from now on (on failure too) and makes non-blocking. 0
 * and *brokerp, or negative errno. */
int broker_new(int control, const char *guest, struct broker **brokerp);

/* Cuts the session off, interrupts the opens that are at work and lets go of the
 * broker. NULL is allowed. */
void broker_free(struct broker *broker);

/* A descriptor that is readable when broker_events() has news; the broker's. */
int broker_event_fd(const struct broker *broker);

/* BROKER_… bits since the last call. */
unsigned int broker_events(struct broker *broker);

/* The next CONTROL_MIRROR, _MIRROR_END, _PLACE or _UNPLACE of the session. False when
 * there is none. */
bool broker_request(struct broker *broker, struct control_message *request);

/* Sends a message to the session. 0, -EAGAIN when its socket is full (wait until
 * broker_control_fd() is writable), or negative errno. */
int broker_send(struct broker *broker, const struct control_message *message, int fd);
int broker_control_fd(const struct broker *broker);

/* Lets the session open `path`, as long as it is the character device `rdev`, by
 * the number `id`; 0 or -ENOMEM. The second takes it back: what is open stays
 * open, an open at work is answered ENODEV. */
int broker_device_add(struct broker *broker, uint32_t id, const char *path, dev_t rdev);
void broker_device_remove(struct broker *broker, uint32_t id);

#endif
