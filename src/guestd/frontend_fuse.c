/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes as files of a FUSE mount, for kernels without CUSE. They are regular
 * files, because the kernel would open a device node on any file system by its
 * number; so there is no mmap and no SIGIO, and old ioctls that the kernel serves
 * for every regular file (FIGETBSZ, FIONREAD) do not reach the device.
 *
 * An entry is one name below the mount: a node, or a directory that leads to one.
 * Entries are never removed, so that inode numbers stay unique; one without a node
 * is not found.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guestd/guest.h"
#include "guestd/outbox.h"

struct entry {
	fuse_ino_t parent;
	char *name; /* its last part */
	bool directory;
	struct node *node; /* NULL: a directory, or gone */
};

static struct {
	struct guest *guest;
	struct source source;
	struct entry *entries; /* by inode number, 1 is the root */
	fuse_ino_t n_entries;
} mount;

/* ---- names ---- */

static struct entry *entry_get(fuse_ino_t ino)
{
	return ino && ino <= mount.n_entries ? &mount.entries[ino - 1] : NULL;
}

static fuse_ino_t entry_find(fuse_ino_t parent, const char *name, size_t length)
{
	for (fuse_ino_t ino = 2; ino <= mount.n_entries; ino++) {
		struct entry *entry = entry_get(ino);

		if (entry->parent == parent && strlen(entry->name) == length &&
		    memcmp(entry->name, name, length) == 0)
			return ino;
	}
	return 0;
}

static fuse_ino_t entry_add(fuse_ino_t parent, const char *name, size_t length, bool directory)
{
	fuse_ino_t ino = entry_find(parent, name, length);
	struct entry *entries;

	if (ino)
		return entry_get(ino)->directory == directory ? ino : 0;
	entries = reallocarray(mount.entries, mount.n_entries + 1, sizeof(*entries));
	if (!entries)
		return 0;
	mount.entries = entries;
	entries[mount.n_entries] = (struct entry){
		.parent = parent,
		.name = strndup(name, length),
		.directory = directory,
	};
	return entries[mount.n_entries].name ? ++mount.n_entries : 0;
}

/* True for a node that is there, and for a directory with one somewhere below. */
static bool entry_visible(fuse_ino_t ino)
{
	struct entry *entry = entry_get(ino);

	if (!entry || !entry->directory)
		return entry && entry->node;
	for (fuse_ino_t child = 2; child <= mount.n_entries; child++)
		if (entry_get(child)->parent == ino && entry_visible(child))
			return true;
	return ino == FUSE_ROOT_ID;
}

static void attributes(fuse_ino_t ino, struct stat *st)
{
	struct entry *entry = entry_get(ino);

	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_nlink = 1;
	st->st_mode = entry->directory ? S_IFDIR | 0755 : S_IFREG | (entry->node->add.mode & 0777);
	st->st_gid = entry->directory ? 0 : entry->node->gid;
}

static void fuse_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param param = { .ino = entry_find(parent, name, strlen(name)) };

	if (!entry_visible(param.ino)) {
		fuse_reply_err(request, ENOENT);
		return;
	}
	attributes(param.ino, &param.attr);
	fuse_reply_entry(request, &param);
}

static void fuse_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat st;

	if (!entry_visible(ino)) {
		fuse_reply_err(request, ENOENT);
		return;
	}
	attributes(ino, &st);
	fuse_reply_attr(request, &st, 0);
}

/* A device file ignores truncation (open with O_TRUNC), and so do these. */
static void fuse_setattr(fuse_req_t request, fuse_ino_t ino, struct stat *st, int what,
			 struct fuse_file_info *info)
{
	if (what & ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME |
		     FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME))
		fuse_reply_err(request, EPERM);
	else
		fuse_getattr(request, ino, info);
}

static void fuse_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
			 struct fuse_file_info *info)
{
	char buffer[4096];
	size_t used = 0;

	if (size > sizeof(buffer))
		size = sizeof(buffer);
	/* The offset of an entry is its inode number; 0 is the beginning. */
	for (fuse_ino_t child = offset < 2 ? 2 : offset + 1; child <= mount.n_entries; child++) {
		struct stat st;
		size_t n;

		if (entry_get(child)->parent != ino || !entry_visible(child))
			continue;
		attributes(child, &st);
		n = fuse_add_direntry(request, buffer + used, size - used, entry_get(child)->name, &st, child);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(request, buffer, used);
}

/* ---- open files ---- */

static struct file *file_of(const struct fuse_file_info *info)
{
	return (struct file *)(uintptr_t)info->fh;
}

static void fuse_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct entry *entry = entry_get(ino);

	if (!entry || !entry->node)
		fuse_reply_err(request, ENODEV);
	else
		call_open(entry->node, request, info);
}

static void fuse_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info)
{
	call_release(request, file_of(info));
}

static void fuse_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
		      struct fuse_file_info *info)
{
	call_read(request, file_of(info), size, 0, info->flags);
}

static void fuse_write(fuse_req_t request, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		       struct fuse_file_info *info)
{
	call_write(request, file_of(info), data, size, 0, info->flags);
}

static void fuse_ioctl(fuse_req_t request, fuse_ino_t ino, unsigned int command, void *argument,
		       struct fuse_file_info *info, unsigned int flags, const void *in, size_t in_size,
		       size_t out_size)
{
	if (flags & FUSE_IOCTL_DIR)
		fuse_reply_err(request, ENOTTY);
	else
		call_ioctl(request, file_of(info), command, (uintptr_t)argument, flags);
}

static void fuse_poll(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *info,
		      struct fuse_pollhandle *handle)
{
	call_poll(request, file_of(info), info->poll_events, handle);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = fuse_lookup,
	.getattr = fuse_getattr,
	.setattr = fuse_setattr,
	.readdir = fuse_readdir,
	.open = fuse_open,
	.release = fuse_release,
	.read = fuse_read,
	.write = fuse_write,
	.ioctl = fuse_ioctl,
	.poll = fuse_poll,
};

/* ---- the session ---- */

static ssize_t io_read(int fd, void *buffer, size_t size, void *userdata)
{
	return read(fd, buffer, size);
}

/* libfuse 3.14 cannot say that a file is a stream (no position to lock, so one
 * blocked read does not hold up the others on the same descriptor) and that writes
 * may run in parallel: linux/fuse.h, FOPEN_STREAM and FOPEN_PARALLEL_DIRECT_WRITES.
 * So they are added to the answer to an open, which is the only one of its size. */
static ssize_t io_writev(int fd, struct iovec *iov, int n, void *userdata)
{
	if (n == 2 && iov[1].iov_len == sizeof(struct fuse_open_out) && call_opening()) {
		struct fuse_open_out *out = iov[1].iov_base;

		out->open_flags |= FOPEN_STREAM | FOPEN_PARALLEL_DIRECT_WRITES;
	}
	return outbox_writev(fd, iov, n);
}

static const struct fuse_custom_io io = { .read = io_read, .writev = io_writev };

static int fuse_start(struct guest *guest)
{
	char *argv[] = { (char *)"paradice-guestd", (char *)"-o",
			 (char *)"fsname=paradice,subtype=paradice,allow_other,default_permissions", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);

	mount.guest = guest;
	if (!entry_add(0, "", 0, true))
		return -ENOMEM;
	/* Without root, only the user who mounts may come in (mount.fuse3(8)). */
	if (geteuid() != 0)
		argv[2] = (char *)"fsname=paradice,subtype=paradice,default_permissions";
	mount.source.session = fuse_session_new(&args, &operations, sizeof(operations), guest);
	fuse_opt_free_args(&args);
	if (!mount.source.session || fuse_session_mount(mount.source.session, guest->config->mount) < 0) {
		log_error("cannot mount on %s: is it a directory, and /dev/fuse there?", guest->config->mount);
		return -ENODEV;
	}
	mount.source.fd = fuse_session_fd(mount.source.session);
	mount.source.what = &mount;
	fuse_session_custom_io(mount.source.session, &io, mount.source.fd);
	fcntl(mount.source.fd, F_SETFL, O_NONBLOCK);
	fcntl(mount.source.fd, F_SETFD, FD_CLOEXEC);
	return guest_watch(guest, mount.source.fd, mount.source.what);
}

static int fuse_node_add(struct node *node)
{
	const char *part = node->name;
	fuse_ino_t ino = FUSE_ROOT_ID;
	const char *slash;

	while (ino && (slash = strchr(part, '/'))) {
		ino = entry_add(ino, part, slash - part, true);
		part = slash + 1;
	}
	if (ino)
		ino = entry_add(ino, part, strlen(part), false);
	if (!ino) {
		log_error("node \"%s\": its name is, or lies below, another node's", node->name);
		return -EEXIST;
	}
	entry_get(ino)->node = node;
	node->private = (void *)(uintptr_t)ino;
	return 0;
}

static void fuse_node_remove(struct node *node)
{
	struct entry *entry = entry_get((uintptr_t)node->private);

	if (entry->node == node)
		entry->node = NULL;
}

static void fuse_serve(struct guest *guest, void *what)
{
	if (guest_fuse_serve(guest, &mount.source) == 0)
		return;
	log_error("the FUSE mount on %s has ended", guest->config->mount);
	lead_stop(&guest->lead);
}

static void fuse_stop(struct guest *guest)
{
	fuse_session_unmount(mount.source.session);
	fuse_session_destroy(mount.source.session);
	for (fuse_ino_t i = 0; i < mount.n_entries; i++)
		free(mount.entries[i].name);
	free(mount.entries);
}

const struct frontend_ops frontend_fuse = {
	.start = fuse_start,
	.node_add = fuse_node_add,
	.node_remove = fuse_node_remove,
	.stop = fuse_stop,
	.serve = fuse_serve,
};
