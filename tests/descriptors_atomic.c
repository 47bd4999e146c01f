// SPDX-License-Identifier: GPL-2.0-or-later
/* Fences of atomic commits: descriptors that are values of properties. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libdrm/drm.h>
#include <libdrm/drm_fourcc.h>
#include <linux/sync_file.h>

#include "descriptors.h"

#define N_MOST 64
#define N_HEADS 2
#define N_PROPERTIES (13 * N_HEADS)

/* A screen. */
struct head {
	uint32_t crtc, connector, plane, fb, mode;
	uint32_t width, height;
};

/* The screens of virtio-gpu, and a commit for them in the making. */
struct display {
	int fd;
	struct head heads[N_HEADS];
	uint32_t n_heads;
	uint32_t n_objects;
	uint32_t objects[3 * N_HEADS], counts[3 * N_HEADS];
	uint32_t properties[N_PROPERTIES];
	uint64_t values[N_PROPERTIES];
	uint32_t n;
};

/* The property's number, and its value now. */
static uint32_t property_find(int fd, uint32_t object, uint32_t type, const char *name, uint64_t *valuep)
{
	uint32_t properties[N_MOST];
	uint64_t values[N_MOST];
	struct drm_mode_obj_get_properties all = {
		.props_ptr = (uintptr_t)properties,
		.prop_values_ptr = (uintptr_t)values,
		.count_props = N_MOST,
		.obj_id = object,
		.obj_type = type,
	};

	must(fd, DRM_IOCTL_MODE_OBJ_GETPROPERTIES, &all);
	ck_assert_uint_le(all.count_props, N_MOST);
	for (uint32_t i = 0; i < all.count_props; i++) {
		struct drm_mode_get_property one = { .prop_id = properties[i] };

		must(fd, DRM_IOCTL_MODE_GETPROPERTY, &one);
		if (strcmp(one.name, name) != 0)
			continue;
		if (valuep)
			*valuep = values[i];
		return properties[i];
	}
	ck_abort_msg("object %u has no property %s", object, name);
	return 0;
}

/* Adds a property of the object that was last begun. */
static void set(struct display *display, uint32_t type, const char *name, uint64_t value)
{
	uint32_t object = display->n_objects - 1;

	ck_assert_uint_lt(display->n, N_PROPERTIES);
	display->properties[display->n] =
		property_find(display->fd, display->objects[object], type, name, NULL);
	display->values[display->n++] = value;
	display->counts[object]++;
}

static void begin(struct display *display, uint32_t object)
{
	display->objects[display->n_objects] = object;
	display->counts[display->n_objects++] = 0;
}

static int commit(const struct display *display, uint32_t flags)
{
	struct drm_mode_atomic atomic = {
		.flags = flags,
		.count_objs = display->n_objects,
		.objs_ptr = (uintptr_t)display->objects,
		.count_props_ptr = (uintptr_t)display->counts,
		.props_ptr = (uintptr_t)display->properties,
		.prop_values_ptr = (uintptr_t)display->values,
	};

	return ioctl(display->fd, DRM_IOCTL_MODE_ATOMIC, &atomic) < 0 ? -errno : 0;
}

/* Whether the connector has a screen; its first mode as a blob. */
static bool connector_find(int fd, struct head *head)
{
	struct drm_mode_modeinfo modes[N_MOST];
	struct drm_mode_get_connector connector = { .connector_id = head->connector };
	struct drm_mode_create_blob blob = { .data = (uintptr_t)modes, .length = sizeof(modes[0]) };

	must(fd, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	if (connector.connection != 1 || !connector.count_modes || connector.count_modes > N_MOST)
		return false;
	connector.count_props = connector.count_encoders = 0;
	connector.modes_ptr = (uintptr_t)modes;
	must(fd, DRM_IOCTL_MODE_GETCONNECTOR, &connector);
	must(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob);
	head->mode = blob.blob_id;
	head->width = modes[0].hdisplay;
	head->height = modes[0].vdisplay;
	return true;
}

/* The primary plane of the CRTC with this index. */
static uint32_t plane_find(int fd, uint32_t crtc)
{
	uint32_t planes[N_MOST];
	struct drm_mode_get_plane_res all = { .plane_id_ptr = (uintptr_t)planes, .count_planes = N_MOST };
	uint64_t type;

	must(fd, DRM_IOCTL_MODE_GETPLANERESOURCES, &all);
	ck_assert_uint_le(all.count_planes, N_MOST);
	for (uint32_t i = 0; i < all.count_planes; i++) {
		struct drm_mode_get_plane plane = { .plane_id = planes[i] };

		must(fd, DRM_IOCTL_MODE_GETPLANE, &plane);
		property_find(fd, planes[i], DRM_MODE_OBJECT_PLANE, "type", &type);
		if (type == 1 && (plane.possible_crtcs & (1u << crtc))) /* DRM_PLANE_TYPE_PRIMARY, in no header */
			return planes[i];
	}
	ck_abort_msg("CRTC %u has no primary plane", crtc);
	return 0;
}

static uint32_t fb_make(int fd, const struct head *head)
{
	struct drm_mode_create_dumb dumb = { .width = head->width, .height = head->height, .bpp = 32 };
	struct drm_mode_fb_cmd2 fb = {
		.width = head->width, .height = head->height, .pixel_format = DRM_FORMAT_XRGB8888,
	};

	must(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	fb.handles[0] = dumb.handle;
	fb.pitches[0] = dumb.pitch;
	must(fd, DRM_IOCTL_MODE_ADDFB2, &fb);
	return fb.fb_id;
}

/* The first screens, `n` at most. In virtio-gpu a connector and a CRTC belong together. */
static void display_open(struct display *display, uint32_t n)
{
	uint32_t connectors[N_MOST], crtcs[N_MOST];
	struct drm_mode_card_res resources = {
		.count_connectors = N_MOST, .connector_id_ptr = (uintptr_t)connectors,
		.count_crtcs = N_MOST, .crtc_id_ptr = (uintptr_t)crtcs,
	};
	struct drm_set_client_cap cap = { .capability = DRM_CLIENT_CAP_ATOMIC, .value = 1 };

	*display = (struct display){ .fd = drm_open("virtio_gpu") };
	must(display->fd, DRM_IOCTL_SET_CLIENT_CAP, &cap);
	must(display->fd, DRM_IOCTL_MODE_GETRESOURCES, &resources);
	ck_assert_uint_le(resources.count_crtcs, N_MOST);
	ck_assert_uint_eq(resources.count_connectors, resources.count_crtcs);
	for (uint32_t i = 0; i < resources.count_crtcs && display->n_heads < n; i++) {
		struct head head = { .crtc = crtcs[i], .connector = connectors[i] };

		if (!connector_find(display->fd, &head))
			continue;
		head.plane = plane_find(display->fd, i);
		head.fb = fb_make(display->fd, &head);
		display->heads[display->n_heads++] = head;
	}
	ck_assert_uint_ge(display->n_heads, 1);
}

static void head_set(struct display *display, const struct head *head, uint64_t in_fence, uint64_t out_fence)
{
	begin(display, head->connector);
	set(display, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", head->crtc);
	begin(display, head->crtc);
	set(display, DRM_MODE_OBJECT_CRTC, "MODE_ID", head->mode);
	set(display, DRM_MODE_OBJECT_CRTC, "ACTIVE", 1);
	set(display, DRM_MODE_OBJECT_CRTC, "OUT_FENCE_PTR", out_fence);
	begin(display, head->plane);
	set(display, DRM_MODE_OBJECT_PLANE, "FB_ID", head->fb);
	set(display, DRM_MODE_OBJECT_PLANE, "CRTC_ID", head->crtc);
	set(display, DRM_MODE_OBJECT_PLANE, "SRC_W", (uint64_t)head->width << 16);
	set(display, DRM_MODE_OBJECT_PLANE, "SRC_H", (uint64_t)head->height << 16);
	set(display, DRM_MODE_OBJECT_PLANE, "CRTC_W", head->width);
	set(display, DRM_MODE_OBJECT_PLANE, "CRTC_H", head->height);
	set(display, DRM_MODE_OBJECT_PLANE, "IN_FENCE_FD", in_fence);
}

/* A commit that shows the first screen's buffer, with these fences: a descriptor and an
 * address. */
static void display_set(struct display *display, uint64_t in_fence, uint64_t out_fence)
{
	display->n_objects = display->n = 0;
	head_set(display, &display->heads[0], in_fence, out_fence);
}

static void fence_wait(int fence)
{
	struct pollfd pfd = { .fd = fence, .events = POLLIN };
	struct sync_file_info info = { 0 };

	ck_assert_int_ge(fence, 0);
	ck_assert_int_eq(poll(&pfd, 1, 60000), 1);
	must(fence, SYNC_IOC_FILE_INFO, &info);
	ck_assert_int_eq(info.status, 1);
}

/* The fence of one commit is what the next one waits for. */
START_TEST(fences_of_commits)
{
	struct display display;
	int32_t first[2] = { -7, -7 }, second = -7;

	display_open(&display, 1);
	display_set(&display, (uint64_t)-1, (uintptr_t)first);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), 0);
	ck_assert_int_eq(first[1], -7);
	ck_assert_int_eq(fcntl(first[0], F_GETFD), FD_CLOEXEC);
	fence_wait(first[0]);
	display_set(&display, first[0], (uintptr_t)&second);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_NONBLOCK), 0);
	ck_assert_int_ne(second, first[0]);
	fence_wait(second);
	close(first[0]);
	close(second);
	close(display.fd);
}
END_TEST

/* A fence of each screen, by one commit. */
START_TEST(fences_of_two_screens)
{
	struct display display;
	int32_t fences[4] = { -7, -7, -7, -7 };

	display_open(&display, 2);
	ck_assert_msg(display.n_heads == 2, "virtio-gpu has one screen: -device virtio-gpu-pci,max_outputs=2, and "
					     "'on' in /sys/class/drm/card*-Virtual-2/status");
	head_set(&display, &display.heads[0], (uint64_t)-1, (uintptr_t)&fences[0]);
	head_set(&display, &display.heads[1], (uint64_t)-1, (uintptr_t)&fences[2]);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), 0);
	ck_assert_int_ne(fences[0], fences[2]);
	ck_assert_int_eq(fcntl(fences[0], F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fences[2], F_GETFD), FD_CLOEXEC);
	fence_wait(fences[0]);
	fence_wait(fences[2]);
	ck_assert_int_eq(fences[1], -7);
	ck_assert_int_eq(fences[3], -7);
	close(fences[0]);
	close(fences[2]);
	/* All or none. */
	fences[0] = -7;
	display.n_objects = display.n = 0;
	head_set(&display, &display.heads[0], (uint64_t)-1, (uintptr_t)&fences[0]);
	head_set(&display, &display.heads[1], (uint64_t)-1, 8);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), -EFAULT);
	ck_assert_int_eq(fences[0], -1);
	close(display.fd);
}
END_TEST

START_TEST(commits_that_fail)
{
	struct display display;
	int32_t fence = -7, other = open("/dev/null", O_RDWR | O_CLOEXEC);

	display_open(&display, 1);
	/* A descriptor of another kind, and nobody's. */
	display_set(&display, other, 0);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), -EINVAL);
	display_set(&display, display.fd, 0);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), -EINVAL);
	display_set(&display, 98765, 0);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), -EINVAL);
	/* Addresses with nothing there. */
	display_set(&display, (uint64_t)-1, 8);
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), -EFAULT);
	display_set(&display, (uint64_t)-1, UINT64_C(0x7ffffffff000));
	ck_assert_int_eq(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), -EFAULT);
	/* What failed has made none. */
	display_set(&display, (uint64_t)-1, (uintptr_t)&fence);
	display.values[display.n - 2] = UINT32_MAX; /* CRTC_H */
	ck_assert_int_lt(commit(&display, DRM_MODE_ATOMIC_ALLOW_MODESET), 0);
	ck_assert_int_eq(fence, -1);
	close(other);
	close(display.fd);
}
END_TEST

void descriptors_atomic_add(TCase *tcase)
{
	tcase_add_test(tcase, fences_of_commits);
	tcase_add_test(tcase, fences_of_two_screens);
	tcase_add_test(tcase, commits_that_fail);
}
