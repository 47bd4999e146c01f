/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bare FUSE or CUSE daemon. See floor_fuse.h.
 *
 * Each request is answered in the handler, from the one thread that reads the
 * descriptor, by one system call and without a copy of our own. FUSE and CUSE
 * share the handlers; FUSE adds a root folder with one file in it.
 */
#define FUSE_USE_VERSION 35

#include "config.h"

#include <cuse_lowlevel.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/floor_forwarder.h"
#include "bench/floor_fuse.h"

#define DATA_MAX (1024u * 1024)
#define FILE_NAME "file"
#define FILE_INODE 2
#define FOREVER_S 86400.0
#define NODE_TRIES 100
#define NODE_PAUSE_NS 50000000

/* The daemon's state; lives as long as its process. */
struct daemon {
	struct child *child;
	struct floor_counts *counts;
	struct forwarder *forwarder; /* NULL: answer at once */
	uint32_t data_max; /* largest request, bytes */
	uint8_t *data; /* what reads answer */
};

static void reply_result(fuse_req_t req, int64_t result)
{
	fuse_reply_err(req, result < 0 ? -result : 0);
}

static void serve_open(fuse_req_t req, struct fuse_file_info *fi)
{
	struct daemon *daemon = fuse_req_userdata(req);
	int64_t r;

	if (daemon->forwarder) {
		r = forwarder_call(daemon->forwarder,
				   &(struct forward){ .kind = FORWARD_OPEN, .argument = fi->flags },
				   NULL);
		if (r < 0) {
			reply_result(req, r);
			return;
		}
		fi->fh = r;
	}
	fi->direct_io = 1;
	fuse_reply_open(req, fi);
}

static void serve_release(fuse_req_t req, struct fuse_file_info *fi)
{
	struct daemon *daemon = fuse_req_userdata(req);

	if (daemon->forwarder)
		forwarder_call(daemon->forwarder,
			       &(struct forward){ .kind = FORWARD_CLOSE, .fd = fi->fh }, NULL);
	fuse_reply_err(req, 0);
}

static void serve_read(fuse_req_t req, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct daemon *daemon = fuse_req_userdata(req);
	int64_t r = size < daemon->data_max ? size : daemon->data_max;

	daemon->counts->n_reads++;
	if (daemon->forwarder)
		r = forwarder_call(
			daemon->forwarder,
			&(struct forward){ .kind = FORWARD_READ, .fd = fi->fh, .size = r },
			daemon->data);
	if (r < 0)
		reply_result(req, r);
	else
		fuse_reply_buf(req, (const char *)daemon->data, r);
}

static void serve_write(fuse_req_t req, const char *bytes, size_t size, off_t offset,
			struct fuse_file_info *fi)
{
	struct daemon *daemon = fuse_req_userdata(req);
	int64_t r = size;

	if (daemon->forwarder)
		r = forwarder_call(
			daemon->forwarder,
			&(struct forward){ .kind = FORWARD_WRITE, .fd = fi->fh, .size = size },
			(void *)bytes);
	if (r < 0)
		reply_result(req, r);
	else
		fuse_reply_write(req, r);
}

static void serve_ioctl(fuse_req_t req, unsigned int command, void *argument,
			struct fuse_file_info *fi)
{
	struct daemon *daemon = fuse_req_userdata(req);
	int64_t r = 0;

	if (daemon->forwarder)
		r = forwarder_call(daemon->forwarder,
				   &(struct forward){ .kind = FORWARD_IOCTL,
						      .fd = fi->fh,
						      .command = command,
						      .argument = (uintptr_t)argument },
				   NULL);
	if (r < 0)
		reply_result(req, r);
	else
		fuse_reply_ioctl(req, r, NULL, 0);
}

static void serve_poll(fuse_req_t req, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct daemon *daemon = fuse_req_userdata(req);
	int64_t r = POLLIN | POLLOUT;

	if (daemon->forwarder)
		r = forwarder_call(daemon->forwarder,
				   &(struct forward){ .kind = FORWARD_POLL, .fd = fi->fh }, NULL);
	if (ph)
		fuse_pollhandle_destroy(ph);
	fuse_reply_poll(req, r < 0 ? POLLERR : r);
}

static void serve_init(void *context, struct fuse_conn_info *connection)
{
	struct daemon *daemon = context;

	/* the data is in our memory already: one writev() is the shortest way */
	connection->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	connection->max_write = daemon->data_max;
	connection->max_read = daemon->data_max;
}

/* FUSE: the same with an inode number, and a folder */

static void fuse_stat(struct stat *st, fuse_ino_t ino)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = ino;
	st->st_mode = ino == FILE_INODE ? S_IFREG | 0600 : S_IFDIR | 0700;
	st->st_nlink = 1;
	st->st_uid = getuid();
	st->st_gid = getgid();
}

static void fuse_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = { .ino = FILE_INODE,
					  .attr_timeout = FOREVER_S,
					  .entry_timeout = FOREVER_S };

	if (parent != FUSE_ROOT_ID || strcmp(name, FILE_NAME) != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	fuse_stat(&entry.attr, FILE_INODE);
	fuse_reply_entry(req, &entry);
}

static void fuse_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	fuse_stat(&st, ino);
	fuse_reply_attr(req, &st, FOREVER_S);
}

static void fuse_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	serve_open(req, fi);
}

static void fuse_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	serve_release(req, fi);
}

static void fuse_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		      struct fuse_file_info *fi)
{
	serve_read(req, size, offset, fi);
}

static void fuse_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size,
		       off_t offset, struct fuse_file_info *fi)
{
	serve_write(req, bytes, size, offset, fi);
}

static void fuse_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int command, void *argument,
		       struct fuse_file_info *fi, unsigned int flags, const void *in,
		       size_t n_in, size_t n_out)
{
	serve_ioctl(req, command, argument, fi);
}

static void fuse_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		      struct fuse_pollhandle *ph)
{
	serve_poll(req, fi, ph);
}

static const struct fuse_lowlevel_ops fuse_ops = {
	.init = serve_init,
	.lookup = fuse_lookup,
	.getattr = fuse_getattr,
	.open = fuse_open,
	.release = fuse_release,
	.read = fuse_read,
	.write = fuse_write,
	.ioctl = fuse_ioctl,
	.poll = fuse_poll,
};

static int run_fuse(struct daemon *daemon, const char *mount_point)
{
	char program[] = "paradice-bench", flag[] = "-o", options[80];
	char *argv[] = { program, flag, options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *session;
	int r;

	/* libfuse wants the mount option to say what serve_init() says */
	snprintf(options, sizeof(options), "fsname=paradice-bench,max_read=%u", daemon->data_max);
	session = fuse_session_new(&args, &fuse_ops, sizeof(fuse_ops), daemon);
	if (!session)
		return -EINVAL;
	fuse_set_signal_handlers(session);
	if (fuse_session_mount(session, mount_point) < 0) {
		fuse_session_destroy(session);
		return -EPERM;
	}
	child_ready(daemon->child, 0);
	r = fuse_session_loop(session);
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	return r;
}

/* CUSE: the command comes signed, and the node appears when init is done */

static void cuse_ioctl(fuse_req_t req, int command, void *argument, struct fuse_file_info *fi,
		       unsigned int flags, const void *in, size_t n_in, size_t n_out)
{
	serve_ioctl(req, (unsigned int)command, argument, fi);
}

static void cuse_init_done(void *context)
{
	struct daemon *daemon = context;

	child_ready(daemon->child, 0);
}

static const struct cuse_lowlevel_ops cuse_ops = {
	.init = serve_init,
	.init_done = cuse_init_done,
	.open = serve_open,
	.release = serve_release,
	.read = serve_read,
	.write = serve_write,
	.ioctl = cuse_ioctl,
	.poll = serve_poll,
};

static int run_cuse(struct daemon *daemon, const char *name)
{
	char device[80];
	const char *dev_info[] = { device };
	struct cuse_info info = { .dev_info_argc = 1,
				  .dev_info_argv = dev_info,
				  .flags = CUSE_UNRESTRICTED_IOCTL };
	char program[] = "paradice-bench", foreground[] = "-f", single[] = "-s";
	char *argv[] = { program, foreground, single, NULL };
	struct fuse_session *session;
	int threads, r;

	snprintf(device, sizeof(device), "DEVNAME=%s", name);
	session = cuse_lowlevel_setup(3, argv, &info, &cuse_ops, &threads, daemon);
	if (!session)
		return -EIO;
	r = fuse_session_loop(session);
	cuse_lowlevel_teardown(session);
	return r;
}

/* In the child, to its end. */
static int floor_main(struct floor_file *file, const char *native)
{
	struct daemon daemon = { .child = &file->child,
				 .counts = file->counts,
				 .data_max = native ? FORWARD_DATA_MAX : DATA_MAX };
	int r = -ENOMEM;

	daemon.data = mmap(NULL, daemon.data_max, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (daemon.data != MAP_FAILED)
		r = native ? forwarder_new(native, &daemon.forwarder) : 0;
	if (!r)
		r = file->kind == FLOOR_FUSE ? run_fuse(&daemon, file->mount) :
					       run_cuse(&daemon, file->path + strlen("/dev/"));
	child_ready(&file->child, r);
	forwarder_free(daemon.forwarder);
	if (file->mount[0])
		rmdir(file->mount);
	return r < 0;
}

static int mount_folder_new(struct floor_file *file)
{
	const char *parent = getenv("TMPDIR");
	int n;

	n = snprintf(file->mount, sizeof(file->mount), "%s/paradice-bench.XXXXXX",
		     parent && parent[0] == '/' ? parent : "/tmp");
	if (n >= (int)sizeof(file->mount) || !mkdtemp(file->mount)) {
		n = n >= (int)sizeof(file->mount) ? -ENAMETOOLONG : -errno;
		file->mount[0] = '\0';
		return n;
	}
	snprintf(file->path, sizeof(file->path), "%s/" FILE_NAME, file->mount);
	return 0;
}

/* Who may open the node may be settled by udev, a little later. */
static int node_await(const char *path)
{
	const struct timespec pause = { .tv_nsec = NODE_PAUSE_NS };

	for (int i = 0; i < NODE_TRIES; i++) {
		if (access(path, R_OK | W_OK) == 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -errno;
}

static int file_prepare(struct floor_file *file, enum floor_kind kind)
{
	const char *device = kind == FLOOR_FUSE ? "/dev/fuse" : "/dev/cuse";
	static int n_nodes;

	memset(file, 0, sizeof(*file));
	file->kind = kind;
	if (access(device, R_OK | W_OK) < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	file->counts = mmap(NULL, sizeof(*file->counts), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (file->counts == MAP_FAILED) {
		file->counts = NULL;
		return -ENOMEM;
	}
	if (kind == FLOOR_FUSE)
		return mount_folder_new(file);
	snprintf(file->path, sizeof(file->path), "/dev/paradice-bench-%d-%d", (int)getpid(),
		 n_nodes++);
	return 0;
}

int floor_file_start(struct floor_file *file, enum floor_kind kind, const char *native)
{
	int r = file_prepare(file, kind);

	if (!r) {
		r = child_fork(&file->child);
		if (r == 0)
			_exit(floor_main(file, native));
	}
	if (r > 0)
		r = child_await(&file->child);
	if (!r)
		r = node_await(file->path);
	if (r < 0)
		floor_file_stop(file);
	return r;
}

void floor_file_stop(struct floor_file *file)
{
	child_stop(&file->child);
	if (file->mount[0]) {
		/* only if the daemon could not do it itself */
		umount2(file->mount, MNT_DETACH);
		rmdir(file->mount);
	}
	if (file->counts)
		munmap(file->counts, sizeof(*file->counts));
	memset(file, 0, sizeof(*file));
}

uint64_t floor_file_requests(const struct floor_file *file, uint32_t size)
{
	uint64_t before = file->counts->n_reads;
	void *buffer = NULL;
	int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	bool done;

	/* as the measurement does it: aligned to a page */
	if (fd < 0 || posix_memalign(&buffer, 4096, size))
		buffer = NULL;
	done = buffer && read(fd, buffer, size) == (ssize_t)size;
	free(buffer);
	if (fd >= 0)
		close(fd);
	return done ? file->counts->n_reads - before : 0;
}
