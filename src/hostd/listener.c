/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening sockets and their files. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostd/listener.h"

#define BACKLOG 16

static int address_set(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

/* The daemon's umask is strict, so the mode is set afterwards. */
static int make_folders(const char *path)
{
	char folder[PATH_MAX];

	if (strlen(path) >= sizeof(folder))
		return -ENAMETOOLONG;
	strcpy(folder, path);
	for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(folder, 0755) == 0) {
			if (chmod(folder, 0755) < 0)
				return -errno;
		} else if (errno != EEXIST && errno != EROFS && errno != EACCES) {
			return -errno;
		}
		*slash = '/';
	}
	return 0;
}

/* Removes the socket of a daemon that is gone. */
static int remove_stale(const struct sockaddr_un *address)
{
	const struct sockaddr *sockaddr = (const struct sockaddr *)address;
	struct stat st;
	int fd, r;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, sockaddr, sizeof(*address)) < 0 ? errno : EADDRINUSE;
	close(fd);
	if (r != ECONNREFUSED)
		return r == EACCES ? -EACCES : -EADDRINUSE;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* No one can connect before listen(), so the mode is right in time. */
static int bind_and_listen(struct listener *listener, const struct sockaddr_un *address)
{
	if (bind(listener->fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    chmod(address->sun_path, 0600) < 0 || listen(listener->fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int listener_open(struct listener *listener, const char *path)
{
	struct sockaddr_un address;
	int r;

	*listener = LISTENER_CLOSED;
	r = address_set(&address, path);
	if (r == 0)
		r = make_folders(path);
	if (r == 0)
		r = remove_stale(&address);
	if (r < 0)
		return r;
	listener->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return -errno;
	r = bind_and_listen(listener, &address);
	if (r < 0)
		listener_close(listener, path);
	return r;
}

void listener_close(struct listener *listener, const char *path)
{
	struct sockaddr_un address;

	if (listener->fd < 0)
		return;
	close(listener->fd);
	*listener = LISTENER_CLOSED;
	/* Now ours is a dead one; inode numbers would not tell, they are used again. */
	if (address_set(&address, path) == 0)
		remove_stale(&address);
}

int listener_accept(const struct listener *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	struct pollfd pfd = { .fd = fd, .events = POLLRDHUP };

	if (fd >= 0 && poll(&pfd, 1, 0) == 0)
		return fd;
	if (fd >= 0) {
		/* It waited so long that the guest has given it up. */
		close(fd);
		return -EAGAIN;
	}
	/* accept(2): errors of the connection that was waiting. */
	return errno == ECONNABORTED || errno == EINTR || errno == EPROTO ? -EAGAIN : -errno;
}
