/* SPDX-License-Identifier: GPL-2.0-or-later */
/* inotify on the folders of device files. */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hostd/conf_check.h"
#include "hostd/watch.h"

#define SETTLE_US 10000 /* a driver makes its nodes one after the other */
#define AGAIN_US 100000
#define EVENTS \
	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | \
	 IN_ONLYDIR)

struct watched {
	int wd; /* inotify gives one number per folder, whatever path leads there */
	bool wanted;
};

struct watch {
	int fd;
	sd_event_source *io;
	sd_event_source *timer;
	void (*changed)(void *context);
	void *context;
	struct watched *folders;
	size_t n_folders;
};

static int on_settled(sd_event_source *source, uint64_t usec, void *context)
{
	struct watch *watch = context;

	watch->changed(watch->context);
	return 0;
}

static void call_in(struct watch *watch, uint64_t usec)
{
	int enabled = SD_EVENT_OFF;

	sd_event_source_get_enabled(watch->timer, &enabled);
	if (enabled != SD_EVENT_OFF)
		return;
	sd_event_source_set_time_relative(watch->timer, usec);
	sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
}

void watch_again(struct watch *watch)
{
	call_in(watch, AGAIN_US);
}

/* What happened in detail does not matter: the scan looks itself. */
static int on_event(sd_event_source *source, int fd, uint32_t revents, void *context)
{
	char buffer[4096] __attribute__((aligned(8)));
	struct watch *watch = context;

	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	call_in(watch, SETTLE_US);
	return 0;
}

int watch_new(sd_event *event, void (*changed)(void *context), void *context,
	      struct watch **watchp)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->changed = changed;
	watch->context = context;
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	r = watch->fd < 0 ? -errno : 0;
	if (r == 0)
		r = sd_event_add_io(event, &watch->io, watch->fd, EPOLLIN, on_event, watch);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, 0, 0,
					       on_settled, watch);
	if (r >= 0)
		r = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	if (r < 0) {
		watch_free(watch);
		return r;
	}
	*watchp = watch;
	return 0;
}

void watch_free(struct watch *watch)
{
	if (!watch)
		return;
	sd_event_source_disable_unref(watch->io);
	sd_event_source_disable_unref(watch->timer);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch->folders);
	free(watch);
}

/* 1, 0 when there is no such folder, or negative errno. */
static int add_folder(struct watch *watch, const char *path)
{
	struct watched *folders;
	int wd = inotify_add_watch(watch->fd, path, EVENTS);

	if (wd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	for (size_t i = 0; i < watch->n_folders; i++) {
		if (watch->folders[i].wd == wd) {
			watch->folders[i].wanted = true;
			return 1;
		}
	}
	folders = reallocarray(watch->folders, watch->n_folders + 1, sizeof(*folders));
	if (!folders)
		return -ENOMEM;
	watch->folders = folders;
	folders[watch->n_folders++] = (struct watched){ .wd = wd, .wanted = true };
	return 1;
}

/* All folders that a pattern matches. 1 or negative errno. */
static int add_matching(struct watch *watch, const char *pattern)
{
	glob_t found;
	int r = 1;

	if (glob(pattern, GLOB_ONLYDIR | GLOB_NOSORT, NULL, &found) != 0)
		return 1;
	for (size_t i = 0; r >= 0 && i < found.gl_pathc; i++)
		r = add_folder(watch, found.gl_pathv[i]);
	globfree(&found);
	return r < 0 ? r : 1;
}

/* From the path's folder upwards, until one without pattern that exists. */
static int add_path(struct watch *watch, const char *path)
{
	char *folder = strdup(path), *slash;
	int r = 0;

	if (!folder)
		return -ENOMEM;
	while (r == 0 && (slash = strrchr(folder, '/'))) {
		*slash = '\0';
		if (conf_check_is_glob(folder)) {
			r = add_matching(watch, folder);
			r = r < 0 ? r : 0;
		} else {
			r = add_folder(watch, folder[0] ? folder : "/");
		}
	}
	free(folder);
	return r < 0 ? r : 0;
}

int watch_update(struct watch *watch, const struct conf *conf)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < watch->n_folders; i++)
		watch->folders[i].wanted = false;
	for (size_t i = 0; r == 0 && i < conf->n_devices; i++)
		r = add_path(watch, conf->devices[i].path);
	if (r < 0)
		return r;
	for (size_t i = 0; i < watch->n_folders; i++) {
		if (watch->folders[i].wanted)
			watch->folders[n++] = watch->folders[i];
		else
			inotify_rm_watch(watch->fd, watch->folders[i].wd);
	}
	watch->n_folders = n;
	return 0;
}
