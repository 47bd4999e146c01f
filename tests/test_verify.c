// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Verify mode on terminals of this machine: hostds with tables of the test's own
 * (verify_tables.c), and a raw guest that sends what a guestd with the same tables
 * would. Right rows must be found right, wrong ones wrong in the right way.
 */
#include "config.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raw.h"

#define ADDRESS UINT64_C(0x40001000)
#define FAR_ADDRESS UINT64_C(0x50002000)
#define TIMES 24 /* enough for every place, and to find where a driver stops */
#define UNIMAP_PLACES 1024u

static struct daemon hostd;
static struct raw guest;
static char folder[64];
static int master, slave;
static uint64_t tty, console; /* handles; console: 0 if there is none */
static unsigned int n_skipped;

/* ---- the rig ---- */

static void terminal_make(char *path, size_t size)
{
	struct winsize window = { 0x1111, 0x2222, 0x3333, 0x4444 };

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(unlockpt(master), 0);
	ck_assert_int_eq(ptsname_r(master, path, size), 0);
	slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ck_assert_int_ge(slave, 0);
	ck_assert_int_eq(ioctl(master, TIOCSWINSZ, &window), 0);
}

static void conf_write(const char *path)
{
	FILE *file = fopen(path, "w");
	char terminal[64];

	ck_assert_ptr_nonnull(file);
	terminal_make(terminal, sizeof(terminal));
	fprintf(file, "guest \"g\" { socket = \"%s/g.sock\" }\n", folder);
	fprintf(file, "device \"tty\" { path = \"%s\" name = \"tty\" guests = { \"*\" } ioctls = \"any\" }\n",
		terminal);
	fprintf(file, "device \"console\" { path = \"/dev/tty0\" name = \"console\" guests = { \"*\" } ioctls = \"any\" }\n");
	fclose(file);
}

static void guest_connect(void)
{
	uint64_t until = raw_now_ms() + RAW_HANG_MS;
	struct transport *transport;
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/g.sock", folder);
	while ((r = transport_unix_connect(path, RAW_HANG_MS, &transport)) < 0 && raw_now_ms() < until)
		raw_rest_ms(20);
	ck_assert_msg(r == 0, "%s: %s", path, strerror(-r));
	raw_init(&guest, transport, PROTO_FROM_HOST);
	raw_hello(&guest);
}

static uint64_t device_open(uint32_t device)
{
	struct proto_open body = { .device = device, .flags = O_RDWR };
	const struct proto_open_answer *answer;

	raw_send(&guest, PROTO_OPEN, ++guest.tag, &body, sizeof(body), NULL, 0);
	answer = raw_expect(&guest, PROTO_OPEN_ANSWER);
	return answer->result < 0 ? 0 : answer->handle;
}

static void devices_open(void)
{
	uint32_t tty_device = 0, console_device = 0;

	do {
		ck_assert_msg(raw_receive(&guest), "the connection ended");
		if (guest.message.header.opcode == PROTO_DEVICE_ADD) {
			const struct proto_device_add *add = guest.message.body;
			size_t name_length, length;

			(void)proto_properties(&guest.message, &name_length, &length);
			if (name_length == 3)
				tty_device = add->device;
			else
				console_device = add->device;
		}
	} while (guest.message.header.opcode != PROTO_DEVICE_END);
	tty = device_open(tty_device);
	ck_assert_uint_ne(tty, 0);
	console = console_device ? device_open(console_device) : 0;
}

static void start(const char *program)
{
	char conf[128], log[128];
	char *argv[] = { (char *)program, (char *)"--foreground", (char *)"--verify-layouts", (char *)"--config",
			 conf, NULL };

	snprintf(folder, sizeof(folder), "/tmp/paradice-verify.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	chmod(folder, 0755);
	snprintf(conf, sizeof(conf), "%s/hostd.conf", folder);
	snprintf(log, sizeof(log), "%s/hostd.log", folder);
	conf_write(conf);
	daemon_start(&hostd, log, argv);
	guest_connect();
	devices_open();
}

static void right_setup(void)
{
	start("tests/hostd_right_rows");
}

static void wrong_setup(void)
{
	start("tests/hostd_wrong_rows");
}

static void flat_setup(void)
{
	start("tests/hostd_flat_rows");
}

static void teardown(void)
{
	char command[128];

	raw_fini(&guest);
	daemon_stop(&hostd);
	close(master);
	close(slave);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

/* ---- calls as guestd makes them ---- */

/* With `size` bytes of zeros at the argument, and `far_size` at FAR_ADDRESS, which is
 * put at `pointer_at`. The result. */
static int64_t call(uint64_t handle, uint32_t command, uint32_t size, bool root_out, uint16_t count,
		    uint32_t pointer_at, uint32_t far_size)
{
	struct proto_ioctl body = { .handle = handle, .command = command, .argument = ADDRESS,
				    .n_ranges = (size != 0) + (far_size != 0) };
	struct {
		struct proto_range ranges[2];
		uint8_t bytes[2 * PROTO_PAGE];
	} payload = { 0 };
	uint8_t *bytes = (uint8_t *)(payload.ranges + body.n_ranges);
	uint64_t far = FAR_ADDRESS;

	ck_assert_uint_le(size + far_size, sizeof(payload.bytes));
	payload.ranges[0] = (struct proto_range){
		ADDRESS, size, PROTO_RANGE_IN | (root_out ? PROTO_RANGE_OUT : 0) };
	if (far_size)
		payload.ranges[1] = (struct proto_range){ FAR_ADDRESS, far_size, PROTO_RANGE_IN | PROTO_RANGE_OUT };
	if (count) {
		memcpy(bytes, &count, sizeof(count));
		memcpy(bytes + pointer_at, &far, sizeof(far));
	}
	raw_send(&guest, PROTO_IOCTL, ++guest.tag, &body, sizeof(body), &payload,
		 body.n_ranges * sizeof(payload.ranges[0]) + size + far_size);
	return ((const struct proto_ioctl_answer *)raw_expect(&guest, PROTO_IOCTL_ANSWER))->result;
}

/* A flat command, as often as it takes. */
static void flat(uint32_t command, uint32_t size)
{
	for (int i = 0; i < TIMES; i++)
		ck_assert_int_eq(call(tty, command, size, true, 0, 0, 0), 0);
}

/* Gets the console's map, with room for `places` elements. How many it has. */
static uint16_t unimap(uint16_t places, uint32_t element)
{
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint16_t count = places;
	uint32_t n;

	ck_assert_int_eq(call(console, GIO_UNIMAP, sizeof(struct unimapdesc), true, places,
			      offsetof(struct unimapdesc, entries), element * places), 0);
	/* What has changed of it comes back. */
	ranges = proto_ranges(&guest.message, &n, &bytes);
	for (uint32_t i = 0; n && i < ranges[0].length; i++)
		if (ranges[0].address + i - ADDRESS < sizeof(count))
			((uint8_t *)&count)[ranges[0].address + i - ADDRESS] = bytes[i];
	return count;
}

static bool no_console(void)
{
	if (console)
		return false;
	printf("SKIP: test_verify: no /dev/tty0\n");
	n_skipped++;
	return true;
}

static void expect(const char *start_of_line, const char *text)
{
	daemon_log_expect(&hostd, start_of_line, text);
}

/* ---- right rows ---- */

START_TEST(right_out)
{
	flat(TCGETS, 36);
	expect("VERIFY tty TCGETS ok", "argument: 36 bytes written");
}
END_TEST

START_TEST(right_in)
{
	flat(TIOCSWINSZ, sizeof(struct winsize));
	expect("VERIFY tty TIOCSWINSZ ok", "argument: 8 bytes read");
}
END_TEST

/* What the driver wrote comes back as in any other mode, wherever the piece lay. */
START_TEST(right_bytes)
{
	const struct proto_range *range;
	const uint8_t *bytes;
	uint32_t n, sum = 0;

	ck_assert_int_eq(write(master, "ab\n", 3), 3);
	raw_rest_ms(100);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(call(tty, TIOCINQ, 4, true, 0, 0, 0), 0);
		range = proto_ranges(&guest.message, &n, &bytes);
		ck_assert_uint_eq(n, 1);
		ck_assert_uint_eq(range->address, ADDRESS);
		ck_assert_uint_eq(range->length, 4);
		sum += bytes[0];
	}
	ck_assert_uint_eq(sum, 9);
	expect("VERIFY tty TIOCINQ ok", "4 bytes written");
}
END_TEST

START_TEST(right_number)
{
	struct proto_ioctl body = { .handle = tty, .command = TIOCNXCL, .argument = ADDRESS };

	raw_send(&guest, PROTO_IOCTL, ++guest.tag, &body, sizeof(body), NULL, 0);
	ck_assert_int_eq(((const struct proto_ioctl_answer *)raw_expect(&guest, PROTO_IOCTL_ANSWER))->result, 0);
	expect("VERIFY tty TIOCNXCL ok", "no memory used");
}
END_TEST

START_TEST(right_nested)
{
	const struct proto_range *ranges;
	const uint8_t *bytes;
	uint16_t count = 0;
	uint32_t n;

	if (no_console())
		return;
	for (int i = 0; i < TIMES; i++)
		count = unimap(UNIMAP_PLACES, sizeof(struct unipair));
	ck_assert_uint_gt(count, 0);
	ck_assert_uint_lt(count, UNIMAP_PLACES);
	expect("VERIFY tty GIO_UNIMAP ok", "entries: 4096 bytes written");
	/* The count and the entries, and nothing of the pointer. */
	ranges = proto_ranges(&guest.message, &n, &bytes);
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(ranges[0].address, ADDRESS);
	ck_assert_uint_le(ranges[0].length, sizeof(count));
	ck_assert_uint_ge(ranges[1].address, FAR_ADDRESS);
	ck_assert_uint_le(ranges[1].address + ranges[1].length, FAR_ADDRESS + count * sizeof(struct unipair));
}
END_TEST

/* A command without a row: what was seen, and a row. */
START_TEST(undeclared)
{
	struct proto_ioctl body = { .handle = tty, .command = TIOCGWINSZ, .argument = ADDRESS + 16,
				    .process = 1, .flags = PROTO_IOCTL_ON_DEMAND };
	struct proto_mem_read_answer answer = { .n_ranges = 1 };
	struct {
		struct proto_range range;
		uint8_t page[PROTO_PAGE];
	} payload = { .range = { ADDRESS, PROTO_PAGE, PROTO_RANGE_IN | PROTO_RANGE_OUT } };
	const struct proto_mem_read *wanted;

	raw_send(&guest, PROTO_IOCTL, ++guest.tag, &body, sizeof(body), NULL, 0);
	wanted = raw_expect(&guest, PROTO_MEM_READ);
	ck_assert_uint_eq(wanted->address, ADDRESS);
	ck_assert_uint_eq(wanted->n_pages, 1);
	raw_send(&guest, PROTO_MEM_READ_ANSWER, guest.message.header.tag, &answer, sizeof(answer), &payload,
		 sizeof(payload));
	ck_assert_int_eq(((const struct proto_ioctl_answer *)raw_expect(&guest, PROTO_IOCTL_ANSWER))->result, 0);
	expect("VERIFY tty 0x00005413 undeclared", "argument written, 8 bytes or more");
	expect("VERIFY tty 0x00005413 row", "OLD_OUT(0x00005413, __u8[8]),");
}
END_TEST

/* ---- wrong rows ---- */

START_TEST(too_short)
{
	flat(TCGETS, 20);
	expect("VERIFY tty TCGETS missing", "behind its end");
}
END_TEST

START_TEST(too_long)
{
	flat(TIOCINQ, 64);
	expect("VERIFY tty TIOCINQ superfluous", "none from byte 4 on");
}
END_TEST

START_TEST(reads_what_comes_out)
{
	flat(TIOCSWINSZ, sizeof(struct winsize));
	expect("VERIFY tty TIOCSWINSZ wrong", "read, but only comes out");
}
END_TEST

START_TEST(writes_what_goes_in)
{
	for (int i = 0; i < TIMES; i++)
		ck_assert_int_eq(call(tty, TIOCGETD, 4, true, 0, 0, 0), 0);
	expect("VERIFY tty TIOCGETD wrong", "written, but only goes in");
}
END_TEST

START_TEST(no_number)
{
	struct proto_ioctl body = { .handle = tty, .command = TIOCGSOFTCAR, .argument = ADDRESS };

	raw_send(&guest, PROTO_IOCTL, ++guest.tag, &body, sizeof(body), NULL, 0);
	ck_assert_int_eq(((const struct proto_ioctl_answer *)raw_expect(&guest, PROTO_IOCTL_ANSWER))->result, 0);
	expect("VERIFY tty TIOCGSOFTCAR missing", "memory was written");
}
END_TEST

START_TEST(elements_too_small)
{
	uint16_t count;

	if (no_console())
		return;
	count = unimap(UNIMAP_PLACES, 2);
	ck_assert_uint_gt(count, 0);
	for (int i = 0; i < TIMES; i++)
		unimap(count, 2);
	expect("VERIFY tty GIO_UNIMAP missing", "behind its end");
}
END_TEST

START_TEST(unknown_pointer)
{
	if (no_console())
		return;
	for (int i = 0; i < TIMES; i++)
		ck_assert_int_eq(call(console, GIO_UNIMAP, sizeof(struct unimapdesc), true, UNIMAP_PLACES,
				      offsetof(struct unimapdesc, entries), 0), 0);
	expect("VERIFY tty GIO_UNIMAP missing", "the pointer at offset 8 of argument is followed");
}
END_TEST

static TCase *case_new(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("verify");
	TCase *right = case_new(suite, "right", right_setup), *wrong = case_new(suite, "wrong", wrong_setup);
	TCase *flat_case = case_new(suite, "flat", flat_setup);
	SRunner *runner;
	int n_failed, n_run;

	if (geteuid() != 0) {
		printf("SKIP: test_verify: not root: no userfaultfd for faults in the kernel\n");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	tcase_add_test(right, right_out);
	tcase_add_test(right, right_in);
	tcase_add_test(right, right_bytes);
	tcase_add_test(right, right_number);
	tcase_add_test(right, right_nested);
	tcase_add_test(right, undeclared);
	tcase_add_test(wrong, too_short);
	tcase_add_test(wrong, too_long);
	tcase_add_test(wrong, reads_what_comes_out);
	tcase_add_test(wrong, writes_what_goes_in);
	tcase_add_test(wrong, no_number);
	tcase_add_test(wrong, elements_too_small);
	tcase_add_test(flat_case, unknown_pointer);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	n_failed = srunner_ntests_failed(runner);
	n_run = srunner_ntests_run(runner);
	srunner_free(runner);
	printf("%d passed, %d failed, %u skipped\n", n_run - n_failed - (int)n_skipped, n_failed, n_skipped);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
