/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which device files are found, who gets them, and which domain is which guest.
 * Links to /dev/null and /dev/zero stand for devices. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostd/domains.h"
#include "hostd/policy.h"

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void setup(void)
{
	strcpy(folder, "/tmp/test_policy.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static void make_device(const char *name, const char *target)
{
	ck_assert_int_eq(symlink(target, in_folder(name)), 0);
}

/* Oddities as a string: one letter each. */
static char oddities[64];

static void note(void *context, enum policy_oddity oddity, const struct conf_device *device,
		 const char *path, int error)
{
	size_t n = strlen(oddities);

	ck_assert_ptr_nonnull(device);
	ck_assert_ptr_nonnull(path);
	ck_assert(n + 1 < sizeof(oddities));
	oddities[n] = "MDNE"[oddity];
	oddities[n + 1] = '\0';
}

static struct policy *scan(const struct conf *conf)
{
	struct policy *policy;

	oddities[0] = '\0';
	ck_assert_int_eq(policy_scan(conf, note, NULL, &policy), 0);
	return policy;
}

START_TEST(finds_pattern)
{
	char path[128], name[] = "input/*", title[] = "d", guest[] = "a", *guests[] = { guest }, group[] = "video";
	struct conf_device device = { .title = title, .path = path, .name = name, .is_glob = true,
				      .mode = 0640, .group = group, .guests = guests, .n_guests = 1 };
	struct conf conf = { .devices = &device, .n_devices = 1 };
	struct policy *policy;

	strcpy(path, in_folder("event*"));
	policy = scan(&conf);
	ck_assert_uint_eq(policy->n_nodes, 0);
	ck_assert_str_eq(oddities, "M");
	policy_free(policy);

	make_device("event1", "/dev/null");
	make_device("event0", "/dev/zero");
	make_device("other", "/dev/null");
	make_device("event gone", "/nonexistent");
	policy = scan(&conf);
	ck_assert_uint_eq(policy->n_nodes, 2);
	ck_assert_str_eq(oddities, "");
	ck_assert_str_eq(policy->nodes[0].name, "input/event0");
	ck_assert_uint_eq(policy->nodes[0].rdev, makedev(1, 5));
	ck_assert_str_eq(policy->nodes[1].name, "input/event1");
	ck_assert_uint_eq(policy->nodes[1].rdev, makedev(1, 3));
	ck_assert_uint_eq(policy->nodes[1].class, PROTO_CLASS_OTHER);
	ck_assert_str_eq(policy->nodes[1].properties, "GROUP=video\n");
	ck_assert(policy_allows(policy, 0, "a"));
	ck_assert(!policy_allows(policy, 0, "b"));
	policy_free(policy);
}
END_TEST

START_TEST(leaves_out)
{
	char path[128], name[] = "n/*", title[] = "d";
	struct conf_device device = { .title = title, .path = path, .name = name, .is_glob = true,
				      .all_guests = true };
	struct conf conf = { .devices = &device, .n_devices = 1 };
	struct policy *policy;
	FILE *file;

	strcpy(path, in_folder("x*"));
	make_device("x a blank", "/dev/null");
	ck_assert_int_eq(mkdir(in_folder("x2"), 0700), 0);
	ck_assert_int_eq(mkfifo(in_folder("x3"), 0600), 0);
	file = fopen(in_folder("x4"), "w");
	fclose(file);
	policy = scan(&conf);
	ck_assert_uint_eq(policy->n_nodes, 0);
	ck_assert_str_eq(oddities, "NDD");
	policy_free(policy);

	/* One file, and it is none: not missing too. */
	strcpy(path, in_folder("x4"));
	device.is_glob = false;
	policy = scan(&conf);
	ck_assert_str_eq(oddities, "D");
	policy_free(policy);
	strcpy(path, in_folder("x5"));
	policy = scan(&conf);
	ck_assert_str_eq(oddities, "M");
	policy_free(policy);
	strcpy(path, in_folder("x4/below"));
	policy = scan(&conf);
	ck_assert_str_eq(oddities, "M");
	policy_free(policy);
}
END_TEST

START_TEST(first_has_the_name)
{
	char path1[128], path2[128], name[] = "*", title[] = "d", a[] = "a", *guests[] = { a };
	struct conf_device devices[] = {
		{ .title = title, .path = path1, .name = name, .guests = guests, .n_guests = 1 },
		{ .title = title, .path = path2, .name = name, .is_glob = true,
		  .all_guests = true },
	};
	struct conf conf = { .devices = devices, .n_devices = 2 };
	struct policy *policy;

	ck_assert_int_eq(mkdir(in_folder("one"), 0700) | mkdir(in_folder("two"), 0700), 0);
	make_device("one/dev", "/dev/null");
	make_device("two/dev", "/dev/zero");
	strcpy(path1, in_folder("one/dev"));
	strcpy(path2, in_folder("two/d*"));
	policy = scan(&conf);
	ck_assert_uint_eq(policy->n_nodes, 2);
	ck_assert(policy_allows(policy, 0, "a") && !policy_allows(policy, 1, "a"));
	ck_assert(!policy_allows(policy, 0, "b") && policy_allows(policy, 1, "b"));
	ck_assert_ptr_eq(policy_shadowed(policy, 1, "a"), &policy->nodes[0]);
	ck_assert_ptr_null(policy_shadowed(policy, 1, "b"));
	policy_free(policy);
}
END_TEST

START_TEST(classes)
{
	static const struct {
		unsigned int major, minor;
		const char *subsystem, *kernel_name;
		uint32_t class, flags;
	} cases[] = {
		{ 226, 0, "drm", "card0", PROTO_CLASS_DRM, 0 },
		{ 226, 128, NULL, NULL, PROTO_CLASS_DRM, 0 },
		{ 81, 0, "video4linux", "video0", PROTO_CLASS_V4L2, 0 },
		{ 81, 0, NULL, NULL, PROTO_CLASS_V4L2, 0 },
		{ 240, 0, "media", "media0", PROTO_CLASS_MEDIA, 0 },
		{ 116, 1, "sound", "seq", PROTO_CLASS_SOUND, 0 },
		{ 116, 1, NULL, NULL, PROTO_CLASS_SOUND, 0 },
		{ 13, 64, "input", "event0", PROTO_CLASS_INPUT, 0 },
		{ 13, 64, NULL, NULL, PROTO_CLASS_INPUT, 0 },
		{ 241, 0, "hidraw", "hidraw0", PROTO_CLASS_HIDRAW, 0 },
		{ 242, 0, "rtc", "rtc0", PROTO_CLASS_RTC, 0 },
		{ 254, 0, "gpio", "gpiochip0", PROTO_CLASS_GPIO, 0 },
		{ 4, 64, "tty", "ttyS0", PROTO_CLASS_TTY, 0 },
		{ 136, 3, NULL, NULL, PROTO_CLASS_TTY, 0 },
		{ 10, 200, "misc", "tun", PROTO_CLASS_TUN, 0 },
		{ 10, 60, "misc", "netmap", PROTO_CLASS_NETMAP, PROTO_DEVICE_FORWARD_POLL },
		{ 10, 223, "misc", "uinput", PROTO_CLASS_OTHER, 0 },
		{ 1, 3, "mem", "null", PROTO_CLASS_OTHER, 0 },
		/* A local major number that something else uses. */
		{ 81, 9, "cuse", "x", PROTO_CLASS_OTHER, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t flags = 99;

		ck_assert_uint_eq(policy_class(makedev(cases[i].major, cases[i].minor),
					       cases[i].subsystem, cases[i].kernel_name, &flags),
				  cases[i].class);
		ck_assert_uint_eq(flags, cases[i].flags);
	}
}
END_TEST

START_TEST(matches_domains)
{
	char work[] = "work", box[] = "box", five[] = "5";
	char uuid1[] = "0a1b2c3d-0000-1111-2222-333344445555";
	char uuid2[] = "ffffffff-0000-1111-2222-333344445555";
	struct domain domains[] = {
		{ .domid = 0 },
		{ .domid = 3, .name = work, .uuid = uuid1 },
		{ .domid = 5, .name = box, .uuid = uuid2 },
		{ .domid = 7, .name = work },
		{ .domid = 8, .name = five },
	};
	struct domain_list list = { .domains = domains, .n_domains = 5 };
	uint32_t domids[2];

	ck_assert_uint_eq(domains_match(&list, "box", domids), 1);
	ck_assert_uint_eq(domids[0], 5);
	ck_assert_uint_eq(domains_match(&list, "work", domids), 2);
	ck_assert_uint_eq(domids[0], 3);
	ck_assert_uint_eq(domids[1], 7);
	ck_assert_uint_eq(domains_match(&list, "5", domids), 1);
	ck_assert_uint_eq(domids[0], 5);
	ck_assert_uint_eq(domains_match(&list, "FFFFFFFF-0000-1111-2222-333344445555", domids), 1);
	ck_assert_uint_eq(domids[0], 5);
	ck_assert_uint_eq(domains_match(&list, "Box", domids), 0);
	ck_assert_uint_eq(domains_match(&list, "4", domids), 0);
	ck_assert_uint_eq(domains_match(&list, "99999999999999999999", domids), 0);
	ck_assert_uint_eq(domains_match(&list, "", domids), 0);
	list.n_domains = 0;
	ck_assert_uint_eq(domains_match(&list, "5", domids), 0);
	list.blind = true;
	ck_assert_uint_eq(domains_match(&list, "5", domids), 1);
	ck_assert_uint_eq(domids[0], 5);
	ck_assert_uint_eq(domains_match(&list, "work", domids), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hostd/policy");
	TCase *tcase = tcase_create("policy");
	SRunner *runner = srunner_create(suite);
	int n_failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, finds_pattern);
	tcase_add_test(tcase, leaves_out);
	tcase_add_test(tcase, first_has_the_name);
	tcase_add_test(tcase, classes);
	tcase_add_test(tcase, matches_domains);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
