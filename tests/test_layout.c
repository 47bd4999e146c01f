/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ioctl layout table: that its rows can be told apart and have sane sizes,
 * that known commands have the sizes their drivers use, that commands nobody
 * declared are not in it, and that the predicates see the variants. What pointers
 * lead to is for test_layout_walk.c.
 */
#include "config.h"

#include <asm/termbits.h>
#include <check.h>
#include <errno.h>
#include <libdrm/drm.h>
#include <libdrm/virtgpu_drm.h>
#include <linux/fb.h>
#include <linux/fs.h>
#include <linux/hidraw.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/input.h>
#include <linux/joystick.h>
#include <linux/kd.h>
#include <linux/media.h>
#include <linux/ptp_clock.h>
#include <linux/random.h>
#include <linux/rtc.h>
#include <linux/serial.h>
#include <linux/spi/spidev.h>
#include <linux/uinput.h>
#include <linux/videodev2.h>
#include <linux/vt.h>
#include <linux/watchdog.h>
#include <sound/asequencer.h>
#include <sound/asound.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout_rows.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

/* Calls `visit` for each row of all tables. */
static void each_row(void (*visit)(const struct layout_table *table, const struct layout *row))
{
	for (size_t i = 0; layout_tables[i]; i++)
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++)
			visit(layout_tables[i], &layout_tables[i]->rows[j]);
}

static void check_sane(const struct layout_table *table, const struct layout *row)
{
	ck_assert_msg((row->command & ~row->mask) == 0, "%s: bits outside the mask", row->name);
	ck_assert_msg(row->in < LAYOUT_SIZE_MAX && row->out < LAYOUT_SIZE_MAX, "%s: size",
		      row->name);
	ck_assert_msg(row->name && row->name[0], "%s: a row without name", table->header);
	/* A pointer must never go to the driver as it is: a row without sizes is
	 * one of NUMBER and NO_ARGUMENT, on an exact command, without predicate. */
	if (row->mask != LAYOUT_ALL)
		ck_assert_msg(row->in || row->out, "%s: free size without minimum", row->name);
	if (row->flat_if)
		ck_assert_msg(row->in, "%s: predicate without bytes to see", row->name);
}

START_TEST(rows_are_sane)
{
	each_row(check_sane);
	for (size_t i = 0; layout_tables[i]; i++) {
		ck_assert_uint_gt(layout_tables[i]->n_rows, 0);
		ck_assert_ptr_nonnull(layout_tables[i]->header);
		ck_assert_uint_ne(layout_tables[i]->classes, 0);
		ck_assert_uint_eq(layout_tables[i]->classes >> PROTO_CLASS_MAX_, 0);
	}
}
END_TEST

static const struct layout *other;

static void check_apart(const struct layout_table *table, const struct layout *row)
{
	uint32_t common = row->mask & other->mask;

	(void)table;
	if (row == other)
		return;
	/* Of so many pairs libcheck should hear only if it matters. */
	if ((row->command & common) == (other->command & common))
		ck_abort_msg("%s overlaps %s", row->name, other->name);
	if (strcmp(row->name, other->name) == 0)
		ck_abort_msg("%s is there twice", row->name);
}

static void check_apart_from_all(const struct layout_table *table, const struct layout *row)
{
	(void)table;
	other = row;
	each_row(check_apart);
}

START_TEST(rows_do_not_overlap)
{
	each_row(check_apart_from_all);
}
END_TEST

/* Each row is found by its own command, with its own sizes and classes. */
static void check_found(const struct layout_table *table, const struct layout *row)
{
	bool free_size = !(row->mask & ~LAYOUT_NO_SIZE);
	uint32_t command = row->command | (free_size ? 100u << _IOC_SIZESHIFT : 0);
	struct layout_need need;

	ck_assert_msg(layout_find(command, &need) == 0, "%s is not found", row->name);
	ck_assert_str_eq(need.name, row->name);
	ck_assert_uint_eq(need.in, free_size ? 100 : row->in);
	ck_assert_uint_eq(need.out, free_size ? (LAYOUT_WRITES(command) ? 100 : 0) : row->out);
	ck_assert_uint_eq(need.classes, table->classes);
	ck_assert_msg(!layout_refused(command), "%s is refused", row->name);
}

START_TEST(all_rows_are_found)
{
	each_row(check_found);
}
END_TEST

/* Every bit of a row's command matters: no neighbour is taken for it. */
static void check_neighbours(const struct layout_table *table, const struct layout *row)
{
	struct layout_need need;

	(void)table;
	for (uint32_t bit = 0; bit < 32; bit++) {
		uint32_t command = row->command ^ 1u << bit;

		if (!(row->mask & 1u << bit) || layout_find(command, &need) != 0)
			continue;
		ck_assert_str_ne(need.name, row->name);
	}
}

START_TEST(neighbours_are_not_found)
{
	each_row(check_neighbours);
}
END_TEST

/* A 32-bit program's number may differ in its size, and in nothing else. */
START_TEST(compat_numbers)
{
	const uint32_t queue_32 = _IOWR('V', 15, char[68]); /* VIDIOC_QBUF with 32-bit pointers */
	const struct layout *row = layout_find_compat(queue_32, PROTO_CLASS_V4L2);
	struct layout_need need;

	ck_assert_ptr_nonnull(row);
	ck_assert_str_eq(row->name, "VIDIOC_QBUF");
	ck_assert_int_lt(layout_find(queue_32, &need), 0);
	ck_assert_ptr_null(layout_find_compat(queue_32, PROTO_CLASS_INPUT));
	ck_assert_ptr_null(layout_find_compat(queue_32 ^ 0x80, PROTO_CLASS_V4L2));
	ck_assert_ptr_null(layout_find_compat(queue_32 ^ _IOC(_IOC_READ, 0, 0, 0), PROTO_CLASS_V4L2));
	ck_assert_ptr_nonnull(layout_find_compat(TCGETS, PROTO_CLASS_TTY));
	ck_assert_ptr_null(layout_find_compat(TCGETS, UINT32_MAX));
}
END_TEST

static const struct {
	uint32_t command;
	uint32_t in, out;
	uint32_t class;
	const char *name;
} known[] = {
	{ EVIOCGVERSION, 0, 4, PROTO_CLASS_INPUT, "EVIOCGVERSION" },
	{ EVIOCGID, 0, 8, PROTO_CLASS_INPUT, "EVIOCGID" },
	{ EVIOCGKEYCODE, 8, 8, PROTO_CLASS_INPUT, "EVIOCGKEYCODE" },
	{ EVIOCGNAME(256), 256, 256, PROTO_CLASS_INPUT, "EVIOCGNAME(len)" },
	{ EVIOCGNAME(1), 1, 1, PROTO_CLASS_INPUT, "EVIOCGNAME(len)" },
	{ EVIOCGBIT(EV_KEY, 96), 96, 96, PROTO_CLASS_INPUT, "EVIOCGBIT(index, len)" },
	{ EVIOCGBIT(0, 4), 4, 4, PROTO_CLASS_INPUT, "EVIOCGBIT(index, len)" },
	{ EVIOCGBIT(EV_MAX, 4), 4, 4, PROTO_CLASS_INPUT, "EVIOCGBIT(index, len)" },
	{ EVIOCGMTSLOTS(44), 44, 44, PROTO_CLASS_INPUT, "EVIOCGMTSLOTS(len)" },
	{ EVIOCGABS(ABS_X), 0, 24, PROTO_CLASS_INPUT, "EVIOCGABS(index)" },
	{ EVIOCGABS(ABS_MAX), 0, 24, PROTO_CLASS_INPUT, "EVIOCGABS(index)" },
	{ EVIOCSABS(ABS_MT_SLOT), 24, 0, PROTO_CLASS_INPUT, "EVIOCSABS(index)" },
	{ EVIOCGRAB, 0, 0, PROTO_CLASS_INPUT, "EVIOCGRAB" },
	{ JSIOCGNAME(128), 128, 128, PROTO_CLASS_INPUT, "JSIOCGNAME(len)" },
	{ JSIOCSAXMAP, ABS_CNT, 0, PROTO_CLASS_INPUT, "JSIOCSAXMAP" },
	{ UI_DEV_CREATE, 0, 0, PROTO_CLASS_OTHER, "UI_DEV_CREATE" },
	{ UI_DEV_SETUP, 92, 0, PROTO_CLASS_INPUT, "UI_DEV_SETUP" },
	{ UI_GET_SYSNAME(16), 16, 16, PROTO_CLASS_INPUT, "UI_GET_SYSNAME(len)" },
	{ HIDIOCGRDESC, 4100, 4100, PROTO_CLASS_HIDRAW, "HIDIOCGRDESC" },
	{ HIDIOCGRAWNAME(64), 64, 64, PROTO_CLASS_HIDRAW, "HIDIOCGRAWNAME(len)" },
	{ HIDIOCGFEATURE(9), 9, 9, PROTO_CLASS_HIDRAW, "HIDIOCGFEATURE(len)" },
	{ RTC_RD_TIME, 0, 36, PROTO_CLASS_RTC, "RTC_RD_TIME" },
	{ RTC_AIE_ON, 0, 0, PROTO_CLASS_RTC, "RTC_AIE_ON" },
	{ RNDGETENTCNT, 0, 4, PROTO_CLASS_OTHER, "RNDGETENTCNT" },
	{ WDIOC_SETOPTIONS, 4, 0, PROTO_CLASS_OTHER, "WDIOC_SETOPTIONS" },
	{ VIDIOC_QUERYCAP, 0, 104, PROTO_CLASS_V4L2, "VIDIOC_QUERYCAP" },
	{ VIDIOC_G_FMT, 208, 208, PROTO_CLASS_V4L2, "VIDIOC_G_FMT" },
	{ VIDIOC_DQBUF, 88, 88, PROTO_CLASS_V4L2, "VIDIOC_DQBUF" },
	{ VIDIOC_STREAMON, 4, 0, PROTO_CLASS_V4L2, "VIDIOC_STREAMON" },
	{ VIDIOC_G_EXT_CTRLS, 32, 32, PROTO_CLASS_V4L2, "VIDIOC_G_EXT_CTRLS" },
	{ VIDIOC_EXPBUF, 64, 64, PROTO_CLASS_V4L2, "VIDIOC_EXPBUF" },
	{ SNDRV_PCM_IOCTL_READI_FRAMES, 24, 24, PROTO_CLASS_SOUND, "SNDRV_PCM_IOCTL_READI_FRAMES" },
	{ SNDRV_PCM_IOCTL_WRITEI_FRAMES, 24, 24, PROTO_CLASS_SOUND, "SNDRV_PCM_IOCTL_WRITEI_FRAMES" },
	{ DRM_IOCTL_MODE_GETRESOURCES, 64, 64, PROTO_CLASS_DRM, "DRM_IOCTL_MODE_GETRESOURCES" },
	{ DRM_IOCTL_MODE_GETRESOURCES, 64, 64, PROTO_CLASS_VIRTGPU, "DRM_IOCTL_MODE_GETRESOURCES" },
	{ DRM_IOCTL_VIRTGPU_GETPARAM, 16, 16, PROTO_CLASS_VIRTGPU, "DRM_IOCTL_VIRTGPU_GETPARAM" },
	{ SPI_IOC_MESSAGE(3), 96, 0, PROTO_CLASS_OTHER, "SPI_IOC_MESSAGE(n)" },
	{ EVIOCSFF, 48, 48, PROTO_CLASS_INPUT, "EVIOCSFF" },
	{ JSIOCGCORR, 0, 64 * 36, PROTO_CLASS_INPUT, "JSIOCGCORR" },
	{ UI_SET_PHYS, 1024, 0, PROTO_CLASS_OTHER, "UI_SET_PHYS" },
	{ TUNSETTXFILTER, 4, 0, PROTO_CLASS_TUN, "TUNSETTXFILTER" },
	{ KDFONTOP, 32, 32, PROTO_CLASS_TTY, "KDFONTOP" },
	{ KDGKBDIACR, 0, 772, PROTO_CLASS_TTY, "KDGKBDIACR" },
	{ _IOWR('i', 151, char[88]), 88, 88, PROTO_CLASS_NETMAP, "NIOCCTRL" },
	{ _IOWR('i', 145, char[60]), 60, 60, PROTO_CLASS_NETMAP, "NIOCGINFO" },
	{ MEDIA_IOC_DEVICE_INFO, 256, 256, PROTO_CLASS_MEDIA, "MEDIA_IOC_DEVICE_INFO" },
	{ SNDRV_CTL_IOCTL_CARD_INFO, 0, 376, PROTO_CLASS_SOUND, "SNDRV_CTL_IOCTL_CARD_INFO" },
	{ SNDRV_PCM_IOCTL_HW_PARAMS, 608, 608, PROTO_CLASS_SOUND, "SNDRV_PCM_IOCTL_HW_PARAMS" },
	{ SNDRV_PCM_IOCTL_SYNC_PTR, 136, 136, PROTO_CLASS_SOUND, "SNDRV_PCM_IOCTL_SYNC_PTR" },
	{ SNDRV_PCM_IOCTL_REWIND, 8, 8, PROTO_CLASS_SOUND, "SNDRV_PCM_IOCTL_REWIND" },
	{ TCGETS, 0, 36, PROTO_CLASS_TTY, "TCGETS" },
	{ TCSETSF, 36, 0, PROTO_CLASS_TTY, "TCSETSF" },
	{ TCGETA, 0, 18, PROTO_CLASS_TTY, "TCGETA" },
	{ TCGETS2, 0, 44, PROTO_CLASS_TTY, "TCGETS2" },
	{ TIOCGWINSZ, 0, 8, PROTO_CLASS_TTY, "TIOCGWINSZ" },
	{ FIONREAD, 0, 4, PROTO_CLASS_TTY, "TIOCINQ" },
	{ TUNSETIFF, 40, 40, PROTO_CLASS_TUN, "TUNSETIFF" },
	{ TUNGETIFF, 40, 40, PROTO_CLASS_TUN, "TUNGETIFF" },
	{ TUNSETOWNER, 0, 0, PROTO_CLASS_TUN, "TUNSETOWNER" },
	{ DRM_IOCTL_GET_CAP, 16, 16, PROTO_CLASS_DRM, "DRM_IOCTL_GET_CAP" },
	{ DRM_IOCTL_MODE_CREATE_DUMB, 32, 32, PROTO_CLASS_DRM, "DRM_IOCTL_MODE_CREATE_DUMB" },
	{ DRM_IOCTL_SET_MASTER, 0, 0, PROTO_CLASS_DRM, "DRM_IOCTL_SET_MASTER" },
	{ FBIOGET_VSCREENINFO, 0, 160, PROTO_CLASS_OTHER, "FBIOGET_VSCREENINFO" },
	{ FBIOPAN_DISPLAY, 160, 160, PROTO_CLASS_OTHER, "FBIOPAN_DISPLAY" },
	{ PTP_SYS_OFFSET, 832, 832, PROTO_CLASS_OTHER, "PTP_SYS_OFFSET" },
	{ SPI_IOC_RD_MODE, 0, 1, PROTO_CLASS_OTHER, "SPI_IOC_RD_MODE" },
	{ I2C_FUNCS, 0, 8, PROTO_CLASS_OTHER, "I2C_FUNCS" },
};

START_TEST(known_commands)
{
	struct layout_need need;

	ck_assert_int_eq(layout_find(known[_i].command, &need), 0);
	ck_assert_str_eq(need.name, known[_i].name);
	ck_assert_uint_eq(need.in, known[_i].in);
	ck_assert_uint_eq(need.out, known[_i].out);
	ck_assert(layout_need_class(&need, known[_i].class));
	ck_assert(known[_i].class == PROTO_CLASS_NETMAP || !layout_need_class(&need, PROTO_CLASS_NETMAP));
	ck_assert(!layout_need_class(&need, PROTO_CLASS_MAX_));
	ck_assert(!layout_need_class(&need, UINT32_MAX));
}
END_TEST

#define NOT_DECLARED(command) { command, #command }
static const struct {
	uint32_t command;
	const char *name;
} not_declared[] = {
	/* the free size is too small to hold what the driver reads */
	NOT_DECLARED(EVIOCGNAME(0)),
	NOT_DECLARED(EVIOCGMTSLOTS(0)),
	NOT_DECLARED(EVIOCGMTSLOTS(3)),
	NOT_DECLARED(HIDIOCSFEATURE(1)),
	NOT_DECLARED(JSIOCGBTNMAP & LAYOUT_NO_SIZE),
	NOT_DECLARED(SPI_IOC_MESSAGE(0)),
	/* not the device's business */
	NOT_DECLARED(VT_SETMODE),
	NOT_DECLARED(TIOCSTI),
	NOT_DECLARED(TIOCSETD),
	NOT_DECLARED(TIOCSSERIAL),
	/* nothing */
	NOT_DECLARED(0),
	NOT_DECLARED(UINT32_MAX),
};

/* A driver's own commands mean another thing to another driver. */
START_TEST(driver_rows_hold_for_their_driver)
{
	struct layout_need need;

	ck_assert_int_eq(layout_find(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &need), 0);
	ck_assert(layout_need_class(&need, PROTO_CLASS_VIRTGPU));
	ck_assert(!layout_need_class(&need, PROTO_CLASS_DRM));
}
END_TEST

START_TEST(not_declared_commands)
{
	struct layout_need need;

	ck_assert_msg(layout_find(not_declared[_i].command, &need) == -ENOENT, "%s is found",
		      not_declared[_i].name);
}
END_TEST

START_TEST(number_commands_have_no_sizes)
{
	static const uint32_t numbers[] = { UI_SET_EVBIT, UI_SET_KEYBIT, RTC_IRQP_SET,
					    EVIOCRMFF, SNDRV_PCM_IOCTL_PAUSE };
	struct layout_need need;

	for (size_t i = 0; i < N_ELEMENTS(numbers); i++)
		if (layout_find(numbers[i], &need) == 0)
			ck_assert_uint_eq(need.in + need.out, 0);
}
END_TEST

static struct layout_need find(uint32_t command)
{
	struct layout_need need;

	ck_assert_int_eq(layout_find(command, &need), 0);
	return need;
}

START_TEST(without_predicate_only_the_size_counts)
{
	struct layout_need need = find(VIDIOC_S_CTRL);
	struct v4l2_control control = { .id = 1 };

	ck_assert(layout_need_flat(&need, &control, sizeof(control)));
	ck_assert(!layout_need_flat(&need, &control, sizeof(control) - 1));
	need = find(VIDIOC_QUERYCAP);
	ck_assert(layout_need_flat(&need, NULL, 0));
}
END_TEST

START_TEST(sequencer_port_is_flat_without_kernel_pointer)
{
	struct layout_need need = find(SNDRV_SEQ_IOCTL_CREATE_PORT);
	struct snd_seq_port_info info = { .capability = 1 };

	ck_assert(layout_need_flat(&need, &info, sizeof(info)));
	info.kernel = &info;
	ck_assert(!layout_need_flat(&need, &info, sizeof(info)));
}
END_TEST

/* The bytes of a message may lie anywhere. */
START_TEST(predicate_needs_no_alignment)
{
	struct layout_need need = find(SNDRV_SEQ_IOCTL_CREATE_PORT);
	struct snd_seq_port_info info = { .capability = 1 };
	char bytes[sizeof(info) + 1];

	memcpy(bytes + 1, &info, sizeof(info));
	ck_assert(layout_need_flat(&need, bytes + 1, sizeof(info)));
}
END_TEST

/* deny and allow in hostd.conf use names. */
START_TEST(rows_by_name)
{
	uint32_t command, mask;

	ck_assert_int_eq(layout_find_name("VIDIOC_G_EXT_CTRLS", &command, &mask), 0);
	ck_assert_uint_eq(command, VIDIOC_G_EXT_CTRLS);
	ck_assert_uint_eq(mask, UINT32_MAX);
	ck_assert_int_eq(layout_find_name("EVIOCGNAME", &command, &mask), 0);
	ck_assert_uint_eq(EVIOCGNAME(77) & mask, command);
	ck_assert_int_eq(layout_find_name("EVIOCGBIT", &command, &mask), 0);
	ck_assert_uint_eq(EVIOCGBIT(EV_KEY, 12) & mask, command);
	ck_assert_int_eq(layout_find_name("VIDIOC_G_EXT_CTRL", &command, &mask), -ENOENT);
	ck_assert_int_eq(layout_find_name("EVIOCGNAME(len)", &command, &mask), 0);
	ck_assert_int_eq(layout_find_name("EVIOCGNAME(le", &command, &mask), -ENOENT);
	ck_assert_int_eq(layout_find_name("", &command, &mask), -ENOENT);
}
END_TEST

START_TEST(refused_commands)
{
	static const uint32_t refused[] = { FIOCLEX,   FIONCLEX,  FIONBIO,     FIOASYNC,
					    FIFREEZE,  FICLONE,   TIOCSCTTY,   TIOCNOTTY,
					    TIOCSPGRP, TIOCGSID,  TIOCGPTPEER, TUNGETDEVNETNS };
	struct layout_need need;

	for (size_t i = 0; i < N_ELEMENTS(refused); i++) {
		ck_assert(layout_refused(refused[i]));
		ck_assert_int_eq(layout_find(refused[i], &need), -ENOENT);
	}
	ck_assert(!layout_refused(TCGETS));
	ck_assert(!layout_refused(FIONREAD));
	ck_assert(!layout_refused(UI_SET_EVBIT));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("layout");
	TCase *table = tcase_create("table");
	TCase *predicates = tcase_create("predicates");
	SRunner *runner;
	int n_failed;

	tcase_add_test(table, rows_are_sane);
	tcase_add_test(table, rows_do_not_overlap);
	tcase_add_test(table, all_rows_are_found);
	tcase_add_test(table, neighbours_are_not_found);
	tcase_add_test(table, compat_numbers);
	tcase_add_loop_test(table, known_commands, 0, N_ELEMENTS(known));
	tcase_add_loop_test(table, not_declared_commands, 0, N_ELEMENTS(not_declared));
	tcase_add_test(table, driver_rows_hold_for_their_driver);
	tcase_add_test(table, number_commands_have_no_sizes);
	tcase_add_test(table, refused_commands);
	tcase_add_test(table, rows_by_name);
	suite_add_tcase(suite, table);
	tcase_add_test(predicates, without_predicate_only_the_size_counts);
	tcase_add_test(predicates, sequencer_port_is_flat_without_kernel_pointer);
	tcase_add_test(predicates, predicate_needs_no_alignment);
	suite_add_tcase(suite, predicates);

	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
