/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hostd.conf: what is accepted, and what the refusals say. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostd/conf.h"
#include "hostd/conf_text.h"
#include "proto/channel.h"

static struct conf_fault fault;

static int load_bytes(const void *text, size_t size, struct conf **confp)
{
	char path[] = "/tmp/hostd.conf.XXXXXX";
	int fd = mkstemp(path), r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
	r = conf_load(path, confp, &fault);
	unlink(path);
	return r;
}

static struct conf *load(const char *text)
{
	struct conf *conf = NULL;
	int r = load_bytes(text, strlen(text), &conf);

	ck_assert_msg(r == 0, "refused: %s", fault.text);
	return conf;
}

START_TEST(accepts_all_options)
{
	struct conf *conf = load("# comment\n"
				 "poll-us = 50\n"
				 "log-level = debug // comment\n"
				 "session-uids = \"5000-5009\"\n"
				 "guest \"work\" { xen = 5 max-handles = 7 }\n"
				 "guest box { socket = \"/run/#box\" }\n"
				 "/* a\n   comment */\n"
				 "device \"keys\" {\n"
				 "  path = \"/dev/input/event*\"\n"
				 "  name = \"input/*\"\n"
				 "  mode = 0660\n"
				 "  group = input\n"
				 "  guests = { \"work\", \"box\" }\n"
				 "}\n"
				 "device \"all\" { path = /dev/null guests = {\"*\"} }\n");
	const struct conf_device *keys = &conf->devices[0], *all = &conf->devices[1];

	ck_assert_int_eq(conf->poll_us, 50);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(conf->uid_first, 5000);
	ck_assert_uint_eq(conf->uid_last, 5009);
	ck_assert_uint_eq(conf->n_guests, 2);
	ck_assert_int_eq(conf->guests[0].transport, CONTROL_VCHAN);
	ck_assert_str_eq(conf->guests[0].address, "5");
	ck_assert_uint_eq(conf->guests[0].max_handles, 7);
	ck_assert_int_eq(conf->guests[1].transport, CONTROL_UNIX);
	ck_assert_str_eq(conf->guests[1].address, "/run/#box");
	ck_assert_uint_eq(conf->guests[1].max_handles, CONF_MAX_HANDLES_DEFAULT);
	ck_assert_uint_eq(conf->n_devices, 2);
	ck_assert(keys->is_glob && !keys->all_guests);
	ck_assert_uint_eq(keys->mode, 0660);
	ck_assert_str_eq(keys->group, "input");
	ck_assert_ptr_null(all->group);
	ck_assert(conf_device_allows(keys, "box"));
	ck_assert(!conf_device_allows(keys, "other"));
	ck_assert(!all->is_glob && all->all_guests);
	ck_assert_uint_eq(all->mode, 0600);
	ck_assert(conf_device_allows(all, "work"));
	ck_assert_ptr_eq(conf_guest_find(conf, "box"), &conf->guests[1]);
	ck_assert_ptr_null(conf_guest_find(conf, "none"));
	conf_free(conf);
}
END_TEST

START_TEST(ioctls_by_name_and_number)
{
	struct conf *conf = load("device \"video\" { path = /dev/video0 guests = {\"*\"}\n"
				 "  deny = { VIDIOC_S_FMT, \"0x40045612\", EVIOCGNAME }\n"
				 "  allow = { 21532 }\n"
				 "}\n"
				 "device \"other\" { path = /dev/video1 guests = {\"*\"} }\n");
	const struct control_rules *rules = &conf->devices[0].rules;

	ck_assert_uint_eq(rules->n_deny, 3);
	ck_assert_uint_eq(rules->n_allow, 1);
	ck_assert_uint_eq(rules->rules[0].command, 0xc0d05605);
	ck_assert_uint_eq(rules->rules[0].mask, UINT32_MAX);
	ck_assert_uint_eq(rules->rules[1].command, 0x40045612);
	ck_assert_uint_eq(rules->rules[2].command, 0x80004506);
	ck_assert_uint_eq(rules->rules[2].mask, 0xc000ffff);
	ck_assert_uint_eq(rules->rules[3].command, 21532);
	ck_assert_uint_eq(conf->devices[1].rules.n_deny + conf->devices[1].rules.n_allow, 0);
	conf_free(conf);
}
END_TEST

START_TEST(capabilities_by_name)
{
	struct conf *conf = load("guest \"work\" { xen = w }\n"
				 "guest \"box\" { xen = b }\n"
				 "device \"a\" { path = /dev/video0 guests = { work } capabilities = { CAP_SYS_ADMIN, cap_bpf } }\n"
				 "device \"b\" { path = /dev/video1 guests = {\"*\"} capabilities = { CAP_CHOWN } }\n"
				 "device \"c\" { path = /dev/video2 guests = {\"*\"} }\n");

	/* linux/capability.h: 21, 39, 0. */
	ck_assert_uint_eq(conf->devices[0].capabilities, 1ull << 21 | 1ull << 39);
	ck_assert_uint_eq(conf->devices[1].capabilities, 1);
	ck_assert_uint_eq(conf->devices[2].capabilities, 0);
	ck_assert_uint_eq(conf_guest_capabilities(conf, "work"), 1ull << 21 | 1ull << 39 | 1);
	ck_assert_uint_eq(conf_guest_capabilities(conf, "box"), 1);
	conf_free(conf);
}
END_TEST

/* As many as a message to the session holds. */
START_TEST(ioctls_up_to_a_bound)
{
	struct conf *conf = NULL;
	char text[4096];

	for (unsigned int more = 0; more < 2; more++) {
		int n = snprintf(text, sizeof(text), "device \"d\" { path = /dev/null guests = {\"*\"} deny = { 1");

		for (unsigned int i = 1; i < CONTROL_RULES_MAX - 5; i++)
			n += snprintf(text + n, sizeof(text) - n, ", %u", i);
		n += snprintf(text + n, sizeof(text) - n, " } allow = { 1, 2, 3, 4, 5%s } }\n", more ? ", 6" : "");
		ck_assert_int_eq(load_bytes(text, n, &conf), more ? -EINVAL : 0);
		if (!more)
			conf_free(conf);
	}
	ck_assert_ptr_nonnull(strstr(fault.text, "allow: deny and allow have more than 32 ioctls"));
}
END_TEST

START_TEST(defaults)
{
	struct conf *conf = load("");

	ck_assert_int_eq(conf->poll_us, CHANNEL_POLL_AUTO);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(conf->uid_first, 61000);
	ck_assert_uint_eq(conf->uid_last, 61127);
	ck_assert_uint_eq(conf->n_guests + conf->n_devices, 0);
	conf_free(conf);
}
END_TEST

#define G "guest \"a\" { socket = \"/s\" }\nguest \"b\" { xen = \"x\" }\n" /* two lines */
#define DEVICE(body) G "device \"d\" {\n" body "\n}\n"
#define ALL " guests = {\"*\"}"

static const struct {
	const char *text;
	const char *expect; /* after the file's name */
} refusals[] = {
	{ "# c\n# d\nfoo = 1\n", ":3: no such option 'foo', see hostd.conf(5)" },
	{ DEVICE("path = /dev/null" ALL " capabilities = { SYS_ADMIN }"),
	  ":4: device \"d\": capabilities: \"SYS_ADMIN\" is no capability, write it like CAP_SYS_ADMIN" },
	{ DEVICE("path = /dev/null" ALL " capabilities = { CAP_SYS_GOD }"),
	  "capabilities: \"CAP_SYS_GOD\" is no capability" },
	{ DEVICE("path = /dev/null" ALL " deny = { VIDIOC_NOTHING }"),
	  ":4: device \"d\": deny: \"VIDIOC_NOTHING\" is in no layout table, write its number like" },
	{ DEVICE("path = /dev/null" ALL " allow = { \"0x123456789\" }"), "allow: \"0x123456789\" is no number of an ioctl" },
	{ DEVICE("path = /dev/null" ALL " allow = { 12x }"), "allow: \"12x\" is no number of an ioctl" },
	{ DEVICE("path = /dev/null" ALL " group = \"a b\""), ":4: device \"d\": group: \"a b\" is no name of a group" },
	{ DEVICE("path = /dev/null" ALL " group = \"\""), "group: \"\" is no name of a group" },
	{ "poll-us = 2000\n", ":1: poll-us: \"2000\" is no time, write auto" },
	{ "\nlog-level = loud\n", ":2: log-level: \"loud\" is no level, write" },
	{ "log-level = info\nlog-level = info\n", ":2: log-level: set a second time" },
	{ "session-uids = 5\n", ":1: session-uids: \"5\" is no range" },
	{ "session-uids = 5-\n", "\"5-\" is no range" },
	{ "session-uids = a-b\n", "is no range" },
	{ "session-uids = 9-8\n", "is empty, write the smaller id first" },
	{ "session-uids = 0-8\n", "contains root" },
	{ "session-uids = 60000-70000\n", "contains 65534" },
	{ "session-uids = 70000-4294967295\n", "too large" },
	{ "session-uids = 70000-99999999999999999999\n", "too large" },
	{ "guest \"a\" {\n}\n", ":2: guest \"a\": has no address, set xen = or socket =" },
	{ "guest \"a\" {\n xen = \"x\"\n socket = \"/s\"\n}\n", "guest \"a\": has both" },
	{ "guest \"a\" { xen = \"\" }\n", ":1: guest \"a\": xen: is empty" },
	{ "guest \"a\" { socket = \"s\" }\n", ":1: guest \"a\": socket: \"s\" is relative" },
	{ "guest \"a\" { socket = \"/s/\" }\n", "socket: \"/s/\" is a folder" },
	{ "guest \"a b\" { xen = x }\n", "guest \"a b\": this is no name for a guest" },
	{ "guest \"*\" { xen = x }\n", "guest \"*\": this is no name for a guest" },
	{ "guest \"a\" {\n xen = x\n max-handles = 0\n}", ":3: guest \"a\": max-handles: 0 is out" },
	{ "guest \"a\" {\n xen = x\n max-mapped = 5000\n}", ":3: guest \"a\": max-mapped: 5000 is out" },
	{ "guest \"a\" {\n xen = x\n max-pinned = 0\n}", ":3: guest \"a\": max-pinned: 0 is out" },
	{ "guest \"a\" { xen = x max-handles = y }", "guest \"a\": invalid integer value" },
	{ "guest \"a\" { xen = x\n wen = y }", ":2: guest \"a\": no such option 'wen'" },
	{ "guest \"a\" { xen = x }\nguest \"a\" { xen = y }\n",
	  ":2: found duplicate title 'a', give each section its own name" },
	{ "guest \"a\" { xen = x }\nguest \"b\" {\n xen = X }\n",
	  ":3: guest \"b\": xen: \"X\" is guest \"a\" already" },
	{ "guest \"a\" { socket = /x }\nguest \"b\" { socket = /x }\n",
	  ":2: guest \"b\": socket: \"/x\" is guest \"a\" already" },
	{ "guest { xen = x }\n", "missing title" },
	{ "guest \"a\" { xen = x\n", ":1: what this { begins does not end, close it with }" },
	{ "poll-us = \"5\n", "premature end of file, something is not closed" },
	{ "device \"d\" { guests = {\"a\" }\n}\n\n'}'guest \"a\"\n{ xen = {x }\n", ":5: what this {" },
	{ DEVICE(ALL), ":5: device \"d\": has no path, set path" },
	{ DEVICE("path = dev/x" ALL), ":4: device \"d\": path: \"dev/x\" is relative" },
	{ DEVICE("path = /dev/x/" ALL), "path: \"/dev/x/\" is a folder" },
	{ DEVICE("path = /dev/x"), ":5: device \"d\": no guest may use it, set guests" },
	{ DEVICE("path = /dev/x guests = {}"), "no guest may use it" },
	{ DEVICE("path = /dev/x\nmode = 0888" ALL), ":5: device \"d\": mode: \"0888\" is no mode" },
	{ DEVICE("path = /dev/x mode = 1777" ALL), "\"1777\" is no mode" },
	{ DEVICE("path = /dev/x mode = rw" ALL), "\"rw\" is no mode" },
	{ DEVICE("path = /dev/x\nguests = {\n\"a\", \"c\"}"),
	  "device \"d\": guests: guest \"c\" is not defined, add guest \"c\" { … }" },
	{ DEVICE("path = \"/dev/x*\"\nname = x" ALL), ":5: device \"d\": name: \"x\" has no '*'" },
	{ DEVICE("path = \"/dev/x*\" name = \"*/*\"" ALL), "more than one '*'" },
	{ DEVICE("path = /dev/x name = \"../y\"" ALL), "\"../y\" is no valid name" },
	{ DEVICE("path = /dev/x name = \"/y\"" ALL), "\"/y\" is no valid name" },
	{ DEVICE("path = /dev/x name = \"\"" ALL), "\"\" is no valid name" },
	{ DEVICE("path = /run/x" ALL), ":4: device \"d\": path: \"/run/x\" is not below /dev" },
	{ DEVICE("path = \"/run/x*\"" ALL), "is not below /dev" },
	{ DEVICE("path = \"/dev/x y\"" ALL), "gives no valid name" },
	{ DEVICE("path = /dev/x" ALL) "device \"e\" { path = /dev/y\n name = x guests = {\"b\"} }\n",
	  ":7: device \"e\": name: \"x\" is device \"d\" already for guest \"b\"" },
	{ DEVICE("path = /dev/x" ALL) "device \"d\" { path = /dev/y" ALL " }\n", "duplicate title 'd'" },
};

START_TEST(refuses)
{
	struct conf *conf;
	int r = load_bytes(refusals[_i].text, strlen(refusals[_i].text), &conf);

	ck_assert_msg(r == -EINVAL, "accepted: %s", refusals[_i].text);
	ck_assert_msg(strncmp(fault.text, "/tmp/hostd.conf.", 16) == 0, "%s", fault.text);
	ck_assert_msg(strstr(fault.text, refusals[_i].expect) != NULL, "%s\nshould have: %s",
		      fault.text, refusals[_i].expect);
	ck_assert_ptr_null(strchr(fault.text, '\n'));
	ck_assert_ptr_nonnull(strchr(fault.text, ','));
}
END_TEST

START_TEST(refuses_what_is_no_text)
{
	static const char nul[] = "poll-us = 1\n\0";
	struct conf *conf;

	ck_assert_int_eq(load_bytes(nul, sizeof(nul), &conf), -EILSEQ);
	ck_assert_ptr_nonnull(strstr(fault.text, "not a text file"));
	ck_assert_int_eq(conf_load("/nonexistent/hostd.conf", &conf, &fault), -ENOENT);
	ck_assert_str_eq(fault.text, "/nonexistent/hostd.conf: No such file or directory, "
				     "write it (see hostd.conf(5)) or use --config");
	ck_assert_int_eq(conf_load("/tmp", &conf, &fault), -ENOTDIR);
	ck_assert_int_eq(conf_load("/dev/zero", &conf, &fault), -ENOTDIR);
}
END_TEST

/* One name for two guests, or a pattern: no clash that can be seen here. */
START_TEST(same_name_for_different_guests)
{
	struct conf *conf = load(G "device \"d\" { path = /dev/x guests = {\"a\"} }\n"
				   "device \"e\" { path = /dev/y name = x guests = {\"b\"} }\n"
				   "device \"f\" { path = \"/dev/x*\" guests = {\"a\"} }\n");

	ck_assert_uint_eq(conf->n_devices, 3);
	conf_free(conf);
}
END_TEST

START_TEST(names)
{
	char path[] = "/dev/input/event*", plain[] = "keys/main", star[] = "in/*.x";
	struct conf_device device = { .path = path, .is_glob = true };
	char name[PROTO_NAME_MAX + 1], long_path[400];

	ck_assert_int_eq(conf_device_name(&device, "/dev/input/event3", name), 0);
	ck_assert_str_eq(name, "input/event3");
	ck_assert_int_eq(conf_device_name(&device, "/run/event3", name), -EINVAL);
	ck_assert_int_eq(conf_device_name(&device, "/dev/a b", name), -EINVAL);
	device.name = star;
	ck_assert_int_eq(conf_device_name(&device, "/run/event3", name), 0);
	ck_assert_str_eq(name, "in/event3.x");
	/* A '*' in the file's own name stays one. */
	ck_assert_int_eq(conf_device_name(&device, "/run/e*", name), 0);
	ck_assert_str_eq(name, "in/e*.x");
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(conf_device_name(&device, long_path, name), -EINVAL);
	device.name = plain;
	ck_assert_int_eq(conf_device_name(&device, "/run/x", name), 0);
	ck_assert_str_eq(name, "keys/main");
}
END_TEST

START_TEST(blanks_comments)
{
	static const struct {
		const char *text, *expect;
	} cases[] = {
		{ "a # b\nc", "a    \nc" },
		{ "a // b\nc", "a     \nc" },
		{ "a /* b\n */ c", "a     \n    c" },
		{ "\"# // /* \" 'x#'", "\"# // /* \" 'x#'" },
		{ "\"a\\\"#\" #", "\"a\\\"#\"  " },
		{ "/dev//x/*y a#b", "/dev//x/*y a#b" },
		{ "{#\n}", "{ \n}" },
		{ "/* open", "       " },
		{ "\"open", "\"open" },
		{ "\"open\\", "\"open\\" },
		{ "", "" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(text, cases[i].text);
		conf_text_blank(text);
		ck_assert_str_eq(text, cases[i].expect);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostd/conf");
	TCase *tcase = tcase_create("conf");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_test(tcase, accepts_all_options);
	tcase_add_test(tcase, ioctls_by_name_and_number);
	tcase_add_test(tcase, capabilities_by_name);
	tcase_add_test(tcase, ioctls_up_to_a_bound);
	tcase_add_test(tcase, defaults);
	tcase_add_loop_test(tcase, refuses, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tcase, refuses_what_is_no_text);
	tcase_add_test(tcase, same_name_for_different_guests);
	tcase_add_test(tcase, names);
	tcase_add_test(tcase, blanks_comments);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
