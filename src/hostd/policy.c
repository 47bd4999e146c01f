/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking for devices, and the rules by which guests get them. */
#include "config.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostd/policy.h"
#include "hostd/udev.h"

/* A scan that runs. */
struct scan {
	struct policy *policy;
	const struct conf_device *device;
	policy_report_fn *report;
	void *context;
	size_t n_reported;
};

static const struct {
	const char *subsystem; /* /sys/dev/char/MAJ:MIN/subsystem */
	uint32_t class;
} subsystems[] = {
	{ "drm", PROTO_CLASS_DRM },	{ "video4linux", PROTO_CLASS_V4L2 },
	{ "media", PROTO_CLASS_MEDIA }, { "sound", PROTO_CLASS_SOUND },
	{ "input", PROTO_CLASS_INPUT }, { "hidraw", PROTO_CLASS_HIDRAW },
	{ "rtc", PROTO_CLASS_RTC },	{ "tty", PROTO_CLASS_TTY },
	{ "gpio", PROTO_CLASS_GPIO },
};

/* Documentation/admin-guide/devices.txt of Linux; for what sysfs does not show,
 * like terminals in /dev/pts. */
static const struct {
	unsigned int major;
	unsigned int major_last;
	uint32_t class;
} majors[] = {
	{ 4, 5, PROTO_CLASS_TTY },	 { 13, 13, PROTO_CLASS_INPUT },
	{ 81, 81, PROTO_CLASS_V4L2 },	 { 116, 116, PROTO_CLASS_SOUND },
	{ 136, 143, PROTO_CLASS_TTY },	 { 188, 188, PROTO_CLASS_TTY },
	{ 226, 226, PROTO_CLASS_DRM },
};

#define MISC_MAJOR 10
#define TUN_MINOR 200

uint32_t policy_class(dev_t rdev, const char *subsystem, const char *kernel_name,
		      uint32_t *flagsp)
{
	*flagsp = 0;
	if (rdev == makedev(MISC_MAJOR, TUN_MINOR))
		return PROTO_CLASS_TUN;
	if (kernel_name && strcmp(kernel_name, "netmap") == 0) {
		/* Its poll moves packets. */
		*flagsp = PROTO_DEVICE_FORWARD_POLL;
		return PROTO_CLASS_NETMAP;
	}
	for (size_t i = 0; subsystem && i < sizeof(subsystems) / sizeof(subsystems[0]); i++) {
		if (strcmp(subsystem, subsystems[i].subsystem) == 0)
			return subsystems[i].class;
	}
	for (size_t i = 0; !subsystem && i < sizeof(majors) / sizeof(majors[0]); i++) {
		if (major(rdev) >= majors[i].major && major(rdev) <= majors[i].major_last)
			return majors[i].class;
	}
	return PROTO_CLASS_OTHER;
}

uint32_t policy_ioctls(enum conf_ioctls ioctls, uint32_t class)
{
	if (ioctls == CONF_IOCTLS_DEFAULT)
		ioctls = class == PROTO_CLASS_OTHER || class == PROTO_CLASS_NETMAP ? CONF_IOCTLS_ANY :
										     CONF_IOCTLS_DECLARED;
	switch (ioctls) {
	case CONF_IOCTLS_ANY:
		return PROTO_DEVICE_IOCTL_ANY;
	case CONF_IOCTLS_ON_DEMAND:
		return PROTO_DEVICE_IOCTL_ANY | PROTO_DEVICE_IOCTL_ON_DEMAND;
	default:
		return 0;
	}
}

/* The last component of where a link of sysfs points to, in `buffer`, or NULL. */
static const char *link_name(const char *path, char *buffer, size_t size)
{
	ssize_t n = readlink(path, buffer, size - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	buffer[n] = '\0';
	slash = strrchr(buffer, '/');
	return slash ? slash + 1 : buffer;
}

/* The device below a DRM node of virtio_gpu is the virtio one, or, since Linux 5.19,
 * what that is on: no other driver's nodes have such parents. */
static bool is_virtgpu(dev_t rdev)
{
	static const char *const drivers[] = { "virtio_gpu", "virtio-pci", "virtio-mmio" };
	char path[80], link[PATH_MAX];
	const char *driver;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/driver", major(rdev), minor(rdev));
	driver = link_name(path, link, sizeof(link));
	for (size_t i = 0; driver && i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(driver, drivers[i]) == 0)
			return true;
	return false;
}

static void classify(struct policy_node *node)
{
	char path[80], subsystem[PATH_MAX], device[PATH_MAX];
	const char *subsystem_name, *device_name;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(node->rdev), minor(node->rdev));
	device_name = link_name(path, device, sizeof(device));
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem", major(node->rdev),
		 minor(node->rdev));
	subsystem_name = link_name(path, subsystem, sizeof(subsystem));
	node->class = policy_class(node->rdev, subsystem_name, device_name, &node->flags);
	if (node->class == PROTO_CLASS_DRM && is_virtgpu(node->rdev))
		node->class = PROTO_CLASS_VIRTGPU;
	node->flags |= policy_ioctls(node->device->ioctls, node->class);
	node->rules = node->device->rules;
	/* The guest offers what no row declares; those that may run are picked here. */
	if (node->rules.n_allow && !(node->flags & PROTO_DEVICE_IOCTL_ANY)) {
		node->rules.only_allowed = 1;
		node->flags |= PROTO_DEVICE_IOCTL_ANY;
	}
}

static void report(struct scan *scan, enum policy_oddity oddity, const char *path, int error)
{
	scan->n_reported++;
	if (scan->report)
		scan->report(scan->context, oddity, scan->device, path, error);
}

/* A file that vanishes meanwhile is no oddity: the next scan does not find it. */
static int scan_file(struct scan *scan, const char *path)
{
	struct policy *policy = scan->policy;
	struct policy_node node = { .device = scan->device }, *nodes;
	struct stat st;
	int r;

	if (stat(path, &st) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			report(scan, POLICY_ERROR, path, errno);
		return 0;
	}
	/* A pattern like /dev/snd/? meets by-path/, which nobody meant. */
	if (scan->device->is_glob && S_ISDIR(st.st_mode))
		return 0;
	if (!S_ISCHR(st.st_mode)) {
		report(scan, POLICY_NOT_DEVICE, path, 0);
		return 0;
	}
	if (conf_device_name(scan->device, path, node.name) < 0) {
		report(scan, POLICY_BAD_NAME, path, 0);
		return 0;
	}
	node.rdev = st.st_rdev;
	node.inode = st.st_ino;
	r = udev_look(&st, scan->device->group, &node.properties);
	if (r == -EAGAIN) {
		scan->n_reported++;
		policy->incomplete = true;
		return 0;
	}
	if (r < 0)
		return r;
	classify(&node);
	node.path = strdup(path);
	nodes = reallocarray(policy->nodes, policy->n_nodes + 1, sizeof(*nodes));
	if (nodes)
		policy->nodes = nodes;
	if (!nodes || !node.path) {
		free(node.path);
		free(node.properties);
		return -ENOMEM;
	}
	nodes[policy->n_nodes++] = node;
	return 0;
}

static int scan_glob(struct scan *scan)
{
	glob_t found;
	int r = 0;

	switch (glob(scan->device->path, 0, NULL, &found)) {
	case 0:
		break;
	case GLOB_NOMATCH:
		return 0;
	default:
		return -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = scan_file(scan, found.gl_pathv[i]);
	globfree(&found);
	return r;
}

static int scan_device(struct scan *scan)
{
	size_t before = scan->policy->n_nodes + scan->n_reported;
	int r;

	r = scan->device->is_glob ? scan_glob(scan) : scan_file(scan, scan->device->path);
	if (r == 0 && scan->policy->n_nodes + scan->n_reported == before)
		report(scan, POLICY_MISSING, scan->device->path, 0);
	return r;
}

int policy_scan(const struct conf *conf, policy_report_fn *report_fn, void *context,
		struct policy **policyp)
{
	struct scan scan = { .report = report_fn, .context = context };
	int r = 0;

	scan.policy = calloc(1, sizeof(*scan.policy));
	if (!scan.policy)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < conf->n_devices; i++) {
		scan.device = &conf->devices[i];
		r = scan_device(&scan);
	}
	if (r < 0)
		policy_free(scan.policy);
	else
		*policyp = scan.policy;
	return r;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->n_nodes; i++) {
		free(policy->nodes[i].path);
		free(policy->nodes[i].properties);
	}
	free(policy->nodes);
	free(policy);
}

const struct policy_node *policy_shadowed(const struct policy *policy, size_t index,
					  const char *guest)
{
	for (size_t i = 0; i < index; i++) {
		if (strcmp(policy->nodes[i].name, policy->nodes[index].name) == 0 &&
		    conf_device_allows(policy->nodes[i].device, guest))
			return &policy->nodes[i];
	}
	return NULL;
}

bool policy_allows(const struct policy *policy, size_t index, const char *guest)
{
	return conf_device_allows(policy->nodes[index].device, guest) &&
	       !policy_shadowed(policy, index, guest);
}
