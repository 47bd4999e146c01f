/* SPDX-License-Identifier: GPL-2.0-or-later */
/* deny and allow: what they match, and how long they live. */
#include "config.h"

#include <check.h>
#include <linux/input.h>
#include <linux/videodev2.h>
#include <stdlib.h>

#include "hostd/handle.h"
#include "hostd/rules.h"
#include "proto/layout.h"

static struct control_rules control;

static void add(uint32_t command, uint32_t mask, bool allow)
{
	control.rules[control.n_deny + control.n_allow] = (struct control_rule){ command, mask };
	*(allow ? &control.n_allow : &control.n_deny) += 1;
}

static struct rules *make(void)
{
	bool failed = false;
	struct rules *rules = rules_new(&control, &failed);

	ck_assert(!failed);
	return rules;
}

static void setup(void)
{
	control = (struct control_rules){ 0 };
}

START_TEST(nothing_is_denied_without_rules)
{
	struct rules *rules = make();

	ck_assert_ptr_null(rules);
	ck_assert(!rules_deny(rules, 1, PROTO_CLASS_TTY, false));
	ck_assert(rules_on_demand(rules, 1, PROTO_CLASS_TTY, false));
	rules_put(rules_get(rules));
}
END_TEST

START_TEST(deny_and_allow)
{
	struct rules *rules;

	add(VIDIOC_S_FMT, UINT32_MAX, false);
	add(EVIOCGNAME(0), ~((uint32_t)_IOC_SIZEMASK << _IOC_SIZESHIFT), false);
	add(VIDIOC_S_CTRL, UINT32_MAX, false);
	add(VIDIOC_S_CTRL, UINT32_MAX, true);
	rules = make();
	ck_assert(rules_deny(rules, VIDIOC_S_FMT, PROTO_CLASS_V4L2, false));
	ck_assert(!rules_deny(rules, VIDIOC_G_FMT, PROTO_CLASS_V4L2, false));
	ck_assert(rules_deny(rules, EVIOCGNAME(1), PROTO_CLASS_INPUT, false));
	ck_assert(rules_deny(rules, EVIOCGNAME(1000), PROTO_CLASS_INPUT, false));
	ck_assert(!rules_deny(rules, EVIOCGPHYS(1000), PROTO_CLASS_INPUT, false));
	/* A 32-bit program's structure has another size. */
	ck_assert(rules_deny(rules, _IOWR('V', 5, char[204]), PROTO_CLASS_V4L2, true));
	ck_assert(!rules_deny(rules, _IOWR('V', 5, char[204]), PROTO_CLASS_V4L2, false));
	/* allow wins. */
	ck_assert(!rules_deny(rules, VIDIOC_S_CTRL, PROTO_CLASS_V4L2, false));
	ck_assert(rules_on_demand(rules, 1234, PROTO_CLASS_V4L2, false));
	rules_put(rules);
}
END_TEST

START_TEST(only_what_is_allowed_runs_on_demand)
{
	struct rules *rules;

	add(0x5678, UINT32_MAX, true);
	control.only_allowed = 1;
	rules = make();
	ck_assert(rules_on_demand(rules, 0x5678, PROTO_CLASS_TTY, false));
	ck_assert(!rules_on_demand(rules, 0x5679, PROTO_CLASS_TTY, false));
	ck_assert(!rules_deny(rules, 0x5679, PROTO_CLASS_TTY, false));
	rules_put(rules);
}
END_TEST

/* The graphics core looks at the low byte only, so another size is no way around. */
START_TEST(graphics_commands_have_no_size)
{
	struct rules *rules;

	add(_IOWR('d', 0xb2, char[32]), UINT32_MAX, false);
	rules = make();
	ck_assert(rules_deny(rules, _IOWR('d', 0xb2, char[32]), PROTO_CLASS_DRM, false));
	ck_assert(rules_deny(rules, _IOWR('d', 0xb2, char[40]), PROTO_CLASS_DRM, false));
	ck_assert(rules_deny(rules, _IO('d', 0xb2), PROTO_CLASS_VIRTGPU, false));
	ck_assert(!rules_deny(rules, _IO('d', 0xb3), PROTO_CLASS_DRM, false));
	ck_assert(!rules_deny(rules, _IO('d', 0xb2), PROTO_CLASS_OTHER, false));
	rules_put(rules);
}
END_TEST

START_TEST(more_than_there_is_room_for)
{
	bool failed = false;

	control.n_deny = CONTROL_RULES_MAX;
	control.n_allow = 1;
	ck_assert_ptr_null(rules_new(&control, &failed));
	ck_assert(failed);
}
END_TEST

/* An open file keeps the rules that it was opened with. */
START_TEST(handles_hold_their_rules)
{
	struct handle_table table;
	struct handle *handle;
	struct rules *rules;

	add(7, UINT32_MAX, false);
	rules = make();
	ck_assert_int_eq(handle_table_init(&table, 2), 0);
	handle = handle_add(&table, 0, 1, PROTO_CLASS_TTY, 0);
	ck_assert_ptr_null(handle->rules);
	handle->rules = rules_get(rules);
	rules_put(rules); /* the device is gone */
	ck_assert(rules_deny(handle->rules, 7, PROTO_CLASS_TTY, false));
	handle_remove(&table, handle);
	ck_assert_ptr_null(handle->rules);
	handle_table_fini(&table);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");
	SRunner *runner;
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, nothing_is_denied_without_rules);
	tcase_add_test(tcase, deny_and_allow);
	tcase_add_test(tcase, only_what_is_allowed_runs_on_demand);
	tcase_add_test(tcase, graphics_commands_have_no_size);
	tcase_add_test(tcase, more_than_there_is_room_for);
	tcase_add_test(tcase, handles_hold_their_rules);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
