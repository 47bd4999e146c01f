/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes as character devices, by CUSE: one libfuse session for each. The session's
 * descriptor is ours (fuse_session_custom_io), because libfuse's own set-up would
 * install signal handlers and go to the background.
 *
 * A node has the device number that the device has on the host, if the guest's kernel
 * uses that major number for nothing else: some programs tell a class by it. The
 * kernel has about a hundred major numbers to give away, so all other nodes share one:
 * it chooses that for the first of them.
 *
 * A static node is a file in /dev that kmod has made at boot (kmod-static-nodes.service),
 * so that opening it loads the driver (snd/seq, uinput, net/tun). With static-nodes =
 * replace one whose driver is not there is put aside as long as a node has its name.
 */
#include "config.h"

#include <cuse_lowlevel.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guestd/descriptor.h"
#include "guestd/guest.h"
#include "guestd/outbox.h"
#include "kmod-mmhelper/mmhelper.h"

struct cuse_node {
	struct source source;
	dev_t number;
	bool shared; /* its major number, with other such nodes */
};

/* As much as /proc/devices has of a name (CHRDEV_NAME… of the kernel's fs/char_dev.c). */
#define REGION_NAME_MAX 63

static void cuse_open(fuse_req_t request, struct fuse_file_info *info)
{
	struct node *node = fuse_req_userdata(request);

	/* Our own opening has no file. */
	if (mapping_opens_itself(node, request)) {
		info->fh = 0;
		fuse_reply_open(request, info);
	} else if (descriptor_node(node)) {
		descriptor_open(request, info);
	} else {
		call_open(node, request, info);
	}
}

static struct file *file_of(const struct fuse_file_info *info)
{
	return (struct file *)(uintptr_t)info->fh;
}

static void cuse_release(fuse_req_t request, struct fuse_file_info *info)
{
	if (file_of(info))
		call_release(request, file_of(info));
	else
		fuse_reply_err(request, 0);
}

static void cuse_read(fuse_req_t request, size_t size, off_t offset, struct fuse_file_info *info)
{
	call_read(request, file_of(info), size, offset, info->flags);
}

static void cuse_write(fuse_req_t request, const char *data, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	call_write(request, file_of(info), data, size, offset, info->flags);
}

static void cuse_ioctl(fuse_req_t request, int command, void *argument, struct fuse_file_info *info,
		       unsigned int flags, const void *in, size_t in_size, size_t out_size)
{
	if ((unsigned int)command == MMHELPER_NODE_REQUEST &&
	    mapping_request(request, file_of(info), (uintptr_t)argument))
		return;
	call_ioctl(request, file_of(info), (unsigned int)command, (uintptr_t)argument, flags);
}

static void cuse_poll(fuse_req_t request, struct fuse_file_info *info, struct fuse_pollhandle *handle)
{
	call_poll(request, file_of(info), info->poll_events, handle);
}

static const struct cuse_lowlevel_ops operations = {
	.open = cuse_open,
	.release = cuse_release,
	.read = cuse_read,
	.write = cuse_write,
	.ioctl = cuse_ioctl,
	.poll = cuse_poll,
};

static ssize_t io_read(int fd, void *buffer, size_t size, void *userdata)
{
	return read(fd, buffer, size);
}

static ssize_t io_writev(int fd, struct iovec *iov, int n, void *userdata)
{
	return outbox_writev(fd, iov, n);
}

static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };

static bool region_is_ours(const struct guest *guest, const char *name)
{
	for (const struct node *node = guest->nodes; node; node = node->next) {
		if (strncmp(node->name, name, REGION_NAME_MAX) == 0)
			return true;
	}
	return false;
}

/* True if the guest's kernel has this major number in use for others than our nodes
 * (proc(5), /proc/devices, which has a line for each region of numbers). */
static bool major_taken(const struct guest *guest, unsigned int wanted)
{
	FILE *devices = fopen("/proc/devices", "re");
	char line[128], name[sizeof(line)];
	bool taken = false;

	if (!devices)
		return false;
	while (fgets(line, sizeof(line), devices) && strncmp(line, "Block", 5) != 0) {
		unsigned int number;

		if (sscanf(line, "%u %[^\n]", &number, name) == 2 && number == wanted &&
		    !region_is_ours(guest, name))
			taken = true;
	}
	fclose(devices);
	return taken;
}

static bool number_is_ours(const struct guest *guest, dev_t number)
{
	for (const struct node *node = guest->nodes; node; node = node->next) {
		const struct cuse_node *cuse = node->private;

		if (cuse->number == number)
			return true;
	}
	return false;
}

/* The host's number, or 0 where the node cannot have it: CUSE would refuse it, and say
 * so in the kernel's log. */
static dev_t number_of_host(const struct node *node)
{
	dev_t number = makedev(node->add.major, node->add.minor);

	if (number_is_ours(node->guest, number) || major_taken(node->guest, node->add.major))
		return 0;
	return number;
}

/* The next one of the shared major number, or 0 for one that the kernel chooses. While
 * one of those nodes is there, the kernel gives their major number to nobody else. */
static dev_t number_shared(const struct guest *guest)
{
	dev_t last = 0;

	for (const struct node *node = guest->nodes; node; node = node->next) {
		const struct cuse_node *cuse = node->private;

		if (cuse->shared && cuse->number > last)
			last = cuse->number;
	}
	return last ? makedev(major(last), minor(last) + 1) : 0;
}

static struct fuse_session *session_make(struct node *node, dev_t number)
{
	char info[sizeof("DEVNAME=") + PROTO_NAME_MAX];
	const char *info_argv[] = { info };
	struct cuse_info cuse = {
		.dev_major = major(number),
		.dev_minor = minor(number),
		.dev_info_argc = 1,
		.dev_info_argv = info_argv,
		.flags = CUSE_UNRESTRICTED_IOCTL,
	};
	char *argv[] = { (char *)"paradice-guestd", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *session;

	snprintf(info, sizeof(info), "DEVNAME=%s", node->name);
	session = cuse_lowlevel_new(&args, &cuse, &operations, node);
	fuse_opt_free_args(&args);
	return session;
}

static bool node_exists(const char *path, dev_t *numberp)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if (numberp)
		*numberp = st.st_rdev;
	return true;
}

/* True if the file is a character device that no driver of this machine serves now. Some
 * drivers are not in sysfs, all are in /proc/devices. */
static bool static_node(const struct guest *guest, const char *path)
{
	char link[64];
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISCHR(st.st_mode))
		return false;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	return access(link, F_OK) < 0 &&
	       (major(st.st_rdev) == MISC_MAJOR || !major_taken(guest, major(st.st_rdev)));
}

/* Where a static node is meanwhile; a guestd that is killed leaves it to the next one. */
static void static_node_aside(const char *path, char aside[PATH_MAX])
{
	const char *name = strrchr(path, '/') + 1;

	snprintf(aside, PATH_MAX, "%.*s.%s-static", (int)(name - path), path, name);
}

/* False if the name is not free afterwards. */
static bool name_free(const struct node *node, const char *path)
{
	const char *mend = "";
	char aside[PATH_MAX];

	if (!node_exists(path, NULL))
		return true;
	if (static_node(node->guest, path)) {
		if (node->guest->config->replace_static) {
			static_node_aside(path, aside);
			if (rename(path, aside) < 0) {
				log_error("node \"%s\": %s cannot be made %s: %s", node->name, path, aside,
					  strerror(errno));
				return false;
			}
			log_info("node \"%s\": %s has no driver here and is put aside", node->name, path);
			return true;
		}
		mend = "its driver is not loaded here: write static-nodes = replace in guestd.conf, or ";
	}
	log_error("node \"%s\": %s exists already: %sgive the device another name in the host's hostd.conf",
		  node->name, path, mend);
	return false;
}

/* The node is gone: what was in its place is there again. */
static void static_node_back(const struct node *node)
{
	char path[sizeof("/dev/") + PROTO_NAME_MAX], aside[PATH_MAX];

	snprintf(path, sizeof(path), "/dev/%s", node->name);
	static_node_aside(path, aside);
	if (access(aside, F_OK) == 0 && !node_exists(path, NULL) && rename(aside, path) < 0)
		log_warning("node \"%s\": %s cannot be made %s again: %s", node->name, aside, path, strerror(errno));
}

static void node_close(struct cuse_node *cuse)
{
	/* Destroying the session closes the descriptor; the kernel then removes
	 * the device. */
	fuse_session_destroy(cuse->source.session);
	free(cuse);
}

/* Serves the kernel's CUSE_INIT; when that is answered, the device is there or was
 * refused (-EBUSY). The kernel chooses the number if it is 0. */
static int node_try(struct node *node, const char *path, dev_t number)
{
	struct cuse_node *cuse = calloc(1, sizeof(*cuse));
	struct fuse_buf buffer = { 0 };
	int fd, r;

	if (!cuse)
		return -ENOMEM;
	cuse->source.session = session_make(node, number);
	fd = open("/dev/cuse", O_RDWR | O_CLOEXEC);
	if (!cuse->source.session || fd < 0) {
		r = fd < 0 ? -errno : -ENOMEM;
		if (cuse->source.session)
			fuse_session_destroy(cuse->source.session);
		if (fd >= 0)
			close(fd);
		free(cuse);
		return r;
	}
	cuse->source.fd = fd;
	cuse->source.what = node;
	fuse_session_custom_io(cuse->source.session, &io, fd);
	r = fuse_session_receive_buf(cuse->source.session, &buffer);
	if (r > 0)
		fuse_session_process_buf(cuse->source.session, &buffer);
	free(buffer.mem);
	if (r <= 0 || !node_exists(path, &cuse->number)) {
		node_close(cuse);
		return r < 0 ? r : -EBUSY;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	node->private = cuse;
	return 0;
}

/* While the loop is in node_add(), which waits for the node's adoption. */
static void cuse_node_serve(struct node *node)
{
	struct cuse_node *cuse = node->private;

	(void)guest_fuse_serve(node->guest, &cuse->source);
}

static int node_make(struct node *node, const char *path)
{
	dev_t number = number_of_host(node);
	struct cuse_node *cuse;
	int r;

	if (number) {
		r = node_try(node, path, number);
		if (r != -EBUSY)
			return r;
	}
	/* What no device of the host's is behind is not among the guest's nodes. */
	if (!node->add.major)
		return node_try(node, path, 0);
	number = number_shared(node->guest);
	r = node_try(node, path, number);
	if (r == -EBUSY && number)
		r = node_try(node, path, 0);
	if (r == 0) {
		cuse = node->private;
		cuse->shared = true;
	}
	return r;
}

static int cuse_node_add(struct node *node)
{
	char path[sizeof("/dev/") + PROTO_NAME_MAX];
	struct cuse_node *cuse;
	int r;

	snprintf(path, sizeof(path), "/dev/%s", node->name);
	if (!name_free(node, path))
		return -EEXIST;
	r = node_make(node, path);
	if (r < 0) {
		log_error("node \"%s\": CUSE: %s%s", node->name, strerror(-r),
			  r == -ENOENT ? ": modprobe cuse" : "");
		static_node_back(node);
		return r;
	}
	r = mapping_adopt(node, path, cuse_node_serve);
	if (r < 0)
		log_warning("node \"%s\": mmhelper: %s: no mmap", node->name, strerror(-r));
	if (node->gid && chown(path, 0, node->gid) < 0)
		log_warning("node \"%s\": chown %s: %s", node->name, path, strerror(errno));
	if (chmod(path, node->add.mode & 0777) < 0)
		log_warning("node \"%s\": chmod %s: %s", node->name, path, strerror(errno));
	cuse = node->private;
	r = guest_watch(node->guest, cuse->source.fd, cuse->source.what);
	if (r < 0) {
		log_error("node \"%s\": epoll: %s", node->name, strerror(-r));
		node_close(cuse);
		static_node_back(node);
	}
	return r;
}

static void cuse_node_remove(struct node *node)
{
	struct cuse_node *cuse = node->private;

	outbox_send();
	reader_leave(node->guest, cuse->source.session);
	guest_unwatch(node->guest, cuse->source.fd);
	node_close(cuse);
	static_node_back(node);
}

static void cuse_serve(struct guest *guest, void *what)
{
	struct node *node = what;
	struct cuse_node *cuse = node->private;

	if (guest_fuse_serve(guest, &cuse->source) < 0) {
		log_error("node \"%s\": the kernel has ended its CUSE session", node->name);
		guest_unwatch(guest, cuse->source.fd);
	}
}

static int cuse_start(struct guest *guest)
{
	if (access("/dev/cuse", R_OK | W_OK) == 0)
		return 0;
	log_error("/dev/cuse: %s: modprobe cuse, run as root, or use --frontend fuse", strerror(errno));
	return -ENODEV;
}

static void cuse_stop(struct guest *guest)
{
	for (struct node *node = guest->nodes; node; node = node->next)
		cuse_node_remove(node);
}

const struct frontend_ops frontend_cuse = {
	.devices = true,
	.start = cuse_start,
	.node_add = cuse_node_add,
	.node_remove = cuse_node_remove,
	.stop = cuse_stop,
	.serve = cuse_serve,
};
