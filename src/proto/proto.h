/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire protocol between paradice-guestd and paradice-hostd, version 1.
 *
 * Every message is written once, in the tables below. From them come the C
 * structures, the decoder's checks, the trace printer, the fuzzers' seeds and
 * the tables of docs/PROTOCOL.md (checked by tests/check_protocol_doc.sh).
 *
 * All numbers are little-endian and naturally aligned. A message is a header,
 * the fixed body of its opcode, and a payload whose length is what remains of
 * header.length. Fields named pad… must be zero. Nothing here has a lifetime
 * or a lock: these are plain values.
 */
#ifndef PARADICE_PROTO_H
#define PARADICE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the protocol's structures are used in place: a big-endian port needs conversion"
#endif

#define PROTO_MAGIC UINT64_C(0x4543494441524150) /* "PARADICE" in memory */
#define PROTO_VERSION_MIN 1
#define PROTO_VERSION_MAX 1

/* Largest message that version 1 ever sends inline: 128 KiB (the size at which
 * CUSE splits a transfer, linux/fs/fuse/cuse.c) and room for body and ranges. */
#define PROTO_DATA_MAX (128u * 1024)
#define PROTO_MESSAGE_MAX (PROTO_DATA_MAX + 4096u)
#define PROTO_MESSAGE_MIN 8192u /* a peer that announces less is refused */
#define PROTO_IN_FLIGHT_MAX 100u /* the paper's cap, section 5.1 */
#define PROTO_NAME_MAX 200u
#define PROTO_PROPERTIES_MAX 2048u
#define PROTO_RANGES_MAX 256u

#define PROTO_BULK_NONE UINT32_MAX /* the data is in the message itself */
#define PROTO_READY_UNKNOWN UINT32_MAX /* nobody asked to poll this handle */
/* In a mask, where it is POLLNVAL, which no driver says: nothing is watched any more. */
#define PROTO_READY_ASK 0x20u

/* -PROTO_RESTART is the result of an open, read, write or ioctl that was interrupted, if the
 * driver wants it begun anew unless a handler without SA_RESTART has run: ERESTARTSYS. */
#define PROTO_RESTART 512

/* HELLO.capabilities */
#define PROTO_CAP_PROPERTIES 1u /* DEVICE_ADD may tell a device's properties */
#define PROTO_CAP_ALL PROTO_CAP_PROPERTIES

/* Who may send a message. */
enum proto_from {
	PROTO_FROM_GUEST = 1,
	PROTO_FROM_HOST = 2,
	PROTO_FROM_BOTH = 3,
};

/* What the payload is. */
enum proto_payload {
	PROTO_PAYLOAD_NONE,
	PROTO_PAYLOAD_NAME, /* 1 to PROTO_NAME_MAX bytes, see proto_name_valid(); then properties */
	PROTO_PAYLOAD_DATA, /* bytes of the program or the device */
	PROTO_PAYLOAD_RANGES, /* body.n_ranges × struct proto_range, then their bytes */
};

/* How a field is printed and checked. */
enum proto_kind {
	PROTO_KIND_DEC,
	PROTO_KIND_HEX,
	PROTO_KIND_RESULT, /* signed; negative values are a device's errno */
	PROTO_KIND_SIGNED,
	PROTO_KIND_PAD, /* must be zero */
};

/* F(C type, name, kind, meaning) */
#define PROTO_HEADER_FIELDS(F)                                                       \
	F(uint32_t, length, DEC, "bytes of the whole message, this header included") \
	F(uint16_t, opcode, HEX, "which message this is")                            \
	F(uint16_t, pad, PAD, "zero")                                                \
	F(uint64_t, tag, DEC, "chosen by who sends a request, repeated in its answer; else zero")

#define PROTO_HELLO_FIELDS(F)                                                            \
	F(uint64_t, magic, HEX, "PARADICE in ASCII")                                     \
	F(uint16_t, version_min, DEC, "oldest protocol version the sender speaks")       \
	F(uint16_t, version_max, DEC, "newest protocol version the sender speaks")       \
	F(uint32_t, pad, PAD, "zero")                                                    \
	F(uint64_t, capabilities, HEX, "PROTO_CAP_… bits the sender offers")             \
	F(uint32_t, max_message, DEC, "largest message the sender accepts, in bytes")    \
	F(uint32_t, max_in_flight, DEC, "most requests in flight the sender agrees to")

#define PROTO_DEVICE_ADD_FIELDS(F)                                                       \
	F(uint32_t, device, DEC, "the device's number in this connection")               \
	F(uint32_t, class, DEC, "PROTO_CLASS_…")                                         \
	F(uint32_t, major, DEC, "major number in the driver domain")                     \
	F(uint32_t, minor, DEC, "minor number in the driver domain")                     \
	F(uint32_t, mode, HEX, "permission bits for the guest's node")                   \
	F(uint32_t, flags, HEX, "PROTO_DEVICE_… bits")                                   \
	F(uint64_t, capabilities, HEX, "of the caller, that the host's driver may find: a bit each (linux/capability.h)")

#define PROTO_DEVICE_REMOVE_FIELDS(F)                                                    \
	F(uint32_t, device, DEC, "the device that is gone")                              \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_DEVICE_END_FIELDS(F)                                                       \
	F(uint32_t, n_devices, DEC, "devices announced so far in this connection")       \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_OPEN_FIELDS(F)                                                             \
	F(uint32_t, device, DEC, "the device to open")                                   \
	F(uint32_t, flags, HEX, "open(2) flags: access mode and O_NONBLOCK")             \
	F(uint32_t, thread, DEC, "the calling thread's number in the guest, 0: unknown")  \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_OPEN_ANSWER_FIELDS(F)                                                      \
	F(int64_t, result, RESULT, "0, or a negative errno")                             \
	F(uint64_t, handle, HEX, "the open file's handle, chosen by the host")

#define PROTO_RELEASE_FIELDS(F)                                                          \
	F(uint64_t, handle, HEX, "the handle to close")

#define PROTO_RELEASE_ANSWER_FIELDS(F)                                                   \
	F(int64_t, result, RESULT, "0, or a negative errno")

#define PROTO_READ_FIELDS(F)                                                             \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, size, DEC, "bytes asked for")                                        \
	F(uint32_t, flags, HEX, "the open file's present flags: O_NONBLOCK counts")      \
	F(uint32_t, bulk, DEC, "bulk slot for the data, or PROTO_BULK_NONE")             \
	F(uint32_t, at, DEC, "1: as pread(2) from `position` on; 0: as read(2)")         \
	F(int64_t, position, SIGNED, "byte of the device; without `at` zero")

#define PROTO_READ_ANSWER_FIELDS(F)                                                      \
	F(int64_t, result, RESULT, "bytes read, or a negative errno")                    \
	F(uint32_t, ready, HEX, "poll mask after the operation, or PROTO_READY_UNKNOWN") \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_WRITE_FIELDS(F)                                                            \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, size, DEC, "bytes to write")                                         \
	F(uint32_t, flags, HEX, "the open file's present flags: O_NONBLOCK counts")      \
	F(uint32_t, bulk, DEC, "bulk slot that holds the data, or PROTO_BULK_NONE")      \
	F(uint32_t, at, DEC, "1: as pwrite(2) from `position` on; 0: as write(2)")       \
	F(int64_t, position, SIGNED, "byte of the device; without `at` zero")

#define PROTO_WRITE_ANSWER_FIELDS(F)                                                     \
	F(int64_t, result, RESULT, "bytes written, or a negative errno")                 \
	F(uint32_t, ready, HEX, "poll mask after the operation, or PROTO_READY_UNKNOWN") \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_IOCTL_FIELDS(F)                                                            \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, command, HEX, "the ioctl command")                                   \
	F(uint32_t, flags, HEX, "PROTO_IOCTL_… bits")                                    \
	F(uint64_t, argument, HEX, "the third argument as the program gave it")          \
	F(uint64_t, process, DEC, "number of the calling process, chosen by the guest; 0: not told") \
	F(uint32_t, n_ranges, DEC, "ranges of the caller's memory in the payload")       \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_IOCTL_ANSWER_FIELDS(F)                                                     \
	F(int64_t, result, RESULT, "the device's result, or a negative errno")           \
	F(uint32_t, ready, HEX, "poll mask after the operation, or PROTO_READY_UNKNOWN") \
	F(uint32_t, n_ranges, DEC, "ranges of the caller's memory to write")

#define PROTO_POLL_FIELDS(F)                                                             \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, events, HEX, "poll events to watch from now on, added to earlier ones") \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_POLL_ANSWER_FIELDS(F)                                                      \
	F(int64_t, result, RESULT, "0, or a negative errno")                             \
	F(uint32_t, ready, HEX, "poll mask of all watched events")                       \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_MMAP_FIELDS(F)                                                             \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint64_t, offset, HEX, "mmap(2) offset, in bytes")                             \
	F(uint64_t, length, DEC, "bytes, whole pages")                                   \
	F(uint32_t, flags, HEX, "PROTO_MMAP_… bits")                                     \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_MMAP_ANSWER_FIELDS(F)                                                      \
	F(int64_t, result, RESULT, "0, or a negative errno")                             \
	F(uint64_t, mapping, HEX, "the mapping's number, for MUNMAP; 0 with a descriptor") \
	F(uint32_t, flags, HEX, "PROTO_MAPPED_… bits")                                   \
	F(uint32_t, cache, DEC, "PROTO_CACHE_… of the pages")                            \
	F(uint32_t, n_refs, DEC, "grant references in the payload, 4 bytes each, one a page") \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_MUNMAP_FIELDS(F)                                                           \
	F(uint64_t, mapping, HEX, "the mapping that no program of the guest has any more")

#define PROTO_MUNMAP_ANSWER_FIELDS(F)                                                    \
	F(int64_t, result, RESULT, "0, or a negative errno")                             \
	F(uint64_t, mapping, HEX, "the mapping that has ended")

#define PROTO_PLACE_FIELDS(F)                                                            \
	F(uint64_t, mapping, HEX, "a mapping of device memory")                          \
	F(uint64_t, frame, HEX, "the guest frame from which on it shall be; nothing is there")

#define PROTO_PLACE_ANSWER_FIELDS(F)                                                     \
	F(int64_t, result, RESULT, "0, or a negative errno")

#define PROTO_LSEEK_FIELDS(F)                                                            \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(int64_t, offset, SIGNED, "lseek(2) offset, in bytes")                          \
	F(uint32_t, whence, DEC, "lseek(2) whence")                                      \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_LSEEK_ANSWER_FIELDS(F)                                                     \
	F(int64_t, result, RESULT, "the new position, or a negative errno")

#define PROTO_FASYNC_FIELDS(F)                                                           \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, on, DEC, "1: have SIGNAL sent when the driver would send SIGIO; 0: no more") \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_FASYNC_ANSWER_FIELDS(F)                                                    \
	F(int64_t, result, RESULT, "0, or a negative errno")

#define PROTO_DIRECT_FIELDS(F)                                                           \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint64_t, pages, DEC, "number of the program's pages, chosen by the guest; not used again") \
	F(uint32_t, size, DEC, "bytes to read or write")                                 \
	F(uint32_t, first, DEC, "where they begin in the first page")                    \
	F(uint32_t, flags, HEX, "the open file's present flags: O_NONBLOCK counts")      \
	F(uint32_t, write, DEC, "1: write(2); 0: read(2)")                               \
	F(uint32_t, n_refs, DEC, "grant references in the payload, 4 bytes each, one a page; 0: a descriptor") \
	F(uint32_t, at, DEC, "1: as pread(2) or pwrite(2) at `position`; 0: as read(2) or write(2)") \
	F(int64_t, position, SIGNED, "byte of the device; without `at` zero")

#define PROTO_DIRECT_ANSWER_FIELDS(F)                                                    \
	F(int64_t, result, RESULT, "bytes read or written, or a negative errno")         \
	F(uint32_t, ready, HEX, "poll mask after the operation, or PROTO_READY_UNKNOWN") \
	F(uint32_t, flags, HEX, "PROTO_DIRECT_… bits")

#define PROTO_INTERRUPT_FIELDS(F)                                                        \
	F(uint64_t, target, DEC, "tag of the request to interrupt; unknown tags are ignored")

#define PROTO_READY_FIELDS(F)                                                            \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, ready, HEX, "poll mask of all watched events")                       \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_SIGNAL_FIELDS(F)                                                           \
	F(uint64_t, handle, HEX, "the open file")                                        \
	F(uint32_t, band, DEC, "POLL_IN, POLL_OUT, … as the driver gave it (siginfo)")   \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_PROCESS_END_FIELDS(F)                                                      \
	F(uint64_t, process, DEC, "a calling process that has ended; its number is not used again")

#define PROTO_LET_GO_FIELDS(F)                                                           \
	F(uint64_t, pages, DEC, "number of pages that an IOCTL told and the host has no more")

#define PROTO_MEM_READ_FIELDS(F)                                                         \
	F(uint64_t, call, DEC, "tag of the IOCTL for which the driver needs the memory") \
	F(uint64_t, address, HEX, "first page of the caller's memory, on a page border") \
	F(uint32_t, n_pages, DEC, "pages wanted; the first is needed, the others may be soon") \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_MEM_READ_ANSWER_FIELDS(F)                                                  \
	F(int64_t, result, RESULT, "0, or -EFAULT if the first page is not the caller's to read") \
	F(uint32_t, n_ranges, DEC, "runs of pages, from the first wanted on")            \
	F(uint32_t, pad, PAD, "zero")

#define PROTO_MEM_WRITE_FIELDS(F)                                                        \
	F(uint64_t, call, DEC, "tag of the IOCTL whose driver wrote the memory")         \
	F(uint32_t, n_ranges, DEC, "ranges of the caller's memory to write")             \
	F(uint32_t, pad, PAD, "zero")

/* An answer has its request's opcode with this bit. */
#define PROTO_ANSWER 0x8000

/* M(NAME, name, opcode, from, payload, meaning). 0x30–0x3f are driver memory
 * operations. */
#define PROTO_MESSAGES(M)                                                                \
	M(HELLO, hello, 0x0001, BOTH, NONE, "first message of either side")              \
	M(DEVICE_ADD, device_add, 0x0002, HOST, NAME, "a device that the guest may open") \
	M(DEVICE_REMOVE, device_remove, 0x0003, HOST, NONE, "a device that is gone")     \
	M(DEVICE_END, device_end, 0x0004, HOST, NONE, "all present devices are announced") \
	M(OPEN, open, 0x0010, GUEST, NONE, "open a device")                              \
	M(RELEASE, release, 0x0011, GUEST, NONE, "close a handle")                       \
	M(READ, read, 0x0012, GUEST, NONE, "read(2)")                                    \
	M(WRITE, write, 0x0013, GUEST, DATA, "write(2)")                                 \
	M(IOCTL, ioctl, 0x0014, GUEST, RANGES, "ioctl(2) and the memory it reads")       \
	M(POLL, poll, 0x0015, GUEST, NONE, "ask for readiness and have it pushed")       \
	M(MMAP, mmap, 0x0016, GUEST, NONE, "mmap(2)")                                    \
	M(MUNMAP, munmap, 0x0017, GUEST, NONE, "a mapping has ended")                    \
	M(LSEEK, lseek, 0x0018, GUEST, NONE, "lseek(2)")                                 \
	M(FASYNC, fasync, 0x0019, GUEST, NONE, "fcntl(2) with O_ASYNC")                  \
	M(DIRECT, direct, 0x001a, GUEST, DATA, "read(2) or write(2) in the program's own pages") \
	M(PLACE, place, 0x001b, GUEST, NONE, "where the guest shall have device memory") \
	M(INTERRUPT, interrupt, 0x0020, GUEST, NONE, "the program got a signal; not answered") \
	M(READY, ready, 0x0021, HOST, NONE, "a handle's readiness changed; not answered") \
	M(PROCESS_END, process_end, 0x0022, GUEST, NONE, "a calling process has ended; not answered") \
	M(SIGNAL, signal, 0x0023, HOST, NONE, "the driver sends SIGIO; not answered")    \
	M(LET_GO, let_go, 0x0024, HOST, NONE, "memory that a driver kept is free; not answered") \
	M(MEM_READ, mem_read, 0x0030, HOST, NONE, "a driver needs pages of a caller's memory") \
	M(MEM_WRITE, mem_write, 0x0031, HOST, RANGES, "a driver wrote a caller's memory; not answered") \
	M(OPEN_ANSWER, open_answer, 0x8010, HOST, NONE, "answer to OPEN")                \
	M(RELEASE_ANSWER, release_answer, 0x8011, HOST, NONE, "answer to RELEASE")       \
	M(READ_ANSWER, read_answer, 0x8012, HOST, DATA, "answer to READ")                \
	M(WRITE_ANSWER, write_answer, 0x8013, HOST, NONE, "answer to WRITE")             \
	M(IOCTL_ANSWER, ioctl_answer, 0x8014, HOST, RANGES, "answer to IOCTL")           \
	M(POLL_ANSWER, poll_answer, 0x8015, HOST, NONE, "answer to POLL")                \
	M(MMAP_ANSWER, mmap_answer, 0x8016, HOST, DATA, "answer to MMAP")                \
	M(MUNMAP_ANSWER, munmap_answer, 0x8017, HOST, NONE, "answer to MUNMAP")          \
	M(LSEEK_ANSWER, lseek_answer, 0x8018, HOST, NONE, "answer to LSEEK")             \
	M(FASYNC_ANSWER, fasync_answer, 0x8019, HOST, NONE, "answer to FASYNC")          \
	M(DIRECT_ANSWER, direct_answer, 0x801a, HOST, NONE, "answer to DIRECT")          \
	M(PLACE_ANSWER, place_answer, 0x801b, HOST, NONE, "answer to PLACE")             \
	M(MEM_READ_ANSWER, mem_read_answer, 0x8030, GUEST, RANGES, "answer to MEM_READ, whose tag the host chose")

#define PROTO_STRUCT_FIELD(type, name, kind, meaning) type name;
struct proto_header {
	PROTO_HEADER_FIELDS(PROTO_STRUCT_FIELD)
};
#define PROTO_STRUCT(NAME, name, opcode, from, payload, meaning) \
	struct proto_##name {                                    \
		PROTO_##NAME##_FIELDS(PROTO_STRUCT_FIELD)        \
	};
PROTO_MESSAGES(PROTO_STRUCT)
#undef PROTO_STRUCT
#undef PROTO_STRUCT_FIELD

#define PROTO_OPCODE(NAME, name, opcode, from, payload, meaning) PROTO_##NAME = opcode,
enum proto_opcode { PROTO_MESSAGES(PROTO_OPCODE) };
#undef PROTO_OPCODE

/* A piece of the calling program's memory, in a RANGES payload. The bytes of
 * all ranges that carry any follow the ranges, in their order. */
struct proto_range {
	uint64_t address; /* in the calling program */
	uint32_t length; /* bytes */
	uint32_t direction; /* PROTO_RANGE_… bits */
};
#define PROTO_RANGE_IN 1u /* the driver reads it: bytes are in the request */
#define PROTO_RANGE_OUT 2u /* the driver writes it: bytes are in the answer */
/* Stands alone, after all memory: not bytes at `address` but the int there is a
 * descriptor, which is told by a struct proto_descriptor. In a request: one that the
 * program passes; in an answer: one that the driver has made. */
#define PROTO_RANGE_DESCRIPTOR 4u

/* The same, between memory and descriptors, in a request only: the pointer at `address`
 * leads to memory that the driver keeps, which is told by a struct proto_pages. */
#define PROTO_RANGE_PAGES 8u

/* Pages of the calling program. Where they are new and come without a descriptor, a
 * grant reference of 4 bytes for each follows. */
struct proto_pages {
	uint64_t pages; /* their number; 0: not all of it is memory that can be used so */
};

/* A descriptor of the calling program that leads to the host. */
struct proto_descriptor {
	uint64_t handle; /* in a request 0: the program has no such descriptor */
	uint32_t flags; /* answer: open(2) flags: access mode, O_NONBLOCK, O_CLOEXEC; else zero */
	uint32_t class; /* answer: PROTO_CLASS_… of what it does ioctls for; else zero */
};

/* On demand, memory goes in whole pages: in an IOCTL those that the driver is
 * likely to need, with PROTO_RANGE_OUT if the caller may write them. */
#define PROTO_PAGE 4096u
#define PROTO_MEM_PAGES_MAX 32u /* that one message carries */

/* PROTO_DEVICE_ADD.flags */
#define PROTO_DEVICE_FORWARD_POLL 1u /* poll has side effects: ask the host each time */
#define PROTO_DEVICE_IOCTL_ANY 2u /* commands without a row are served on demand */
#define PROTO_DEVICE_IOCTL_ON_DEMAND 4u /* all commands with a pointer are served on demand */

/* PROTO_IOCTL.flags */
#define PROTO_IOCTL_COMPAT 1u /* the caller is a 32-bit program */
#define PROTO_IOCTL_ON_DEMAND 2u /* ranges are pages; the driver gets the program's pointers */
#define PROTO_IOCTL_FLAGS 4u /* the next bit is the open file's; else it is not known */
#define PROTO_IOCTL_NONBLOCK 8u /* O_NONBLOCK */
#define PROTO_IOCTL_CAPABLE 16u /* the caller has all of the device's capabilities */

/* PROTO_MMAP.flags */
#define PROTO_MMAP_READ 1u
#define PROTO_MMAP_WRITE 2u
#define PROTO_MMAP_SHARED 4u /* else MAP_PRIVATE */
#define PROTO_MMAP_MAY_WRITE 8u /* by mprotect(2) later */
#define PROTO_MMAP_ALL 15u

/* PROTO_MMAP_ANSWER.flags */
#define PROTO_MAPPED_DESCRIPTOR 1u /* on one kernel: the device itself comes over the socket */
#define PROTO_MAPPED_READONLY 2u /* the driver lets nobody write */
#define PROTO_MAPPED_DEVICE 4u /* device memory: without references; PLACE says where to put it */

/* PROTO_DIRECT_ANSWER.flags */
#define PROTO_DIRECT_NOT_RUN 1u /* the pages could not be had: the device was not called */

/* PROTO_MMAP_ANSWER.cache */
enum proto_cache { PROTO_CACHE_NORMAL, PROTO_CACHE_COMBINE, PROTO_CACHE_NONE, PROTO_CACHE_MAX_ };

/* PROTO_DEVICE_ADD.class: for logs and for the class's own rows in tables. VIRTGPU is
 * a DRM device of the driver virtio_gpu, whose own commands have rows too. The last
 * four are no devices, but what ioctls of devices return descriptors of. */
#define PROTO_CLASSES(C)                                                             \
	C(OTHER, "other") C(DRM, "drm") C(V4L2, "v4l2") C(MEDIA, "media")            \
	C(SOUND, "sound") C(INPUT, "input") C(HIDRAW, "hidraw") C(RTC, "rtc")        \
	C(TTY, "tty") C(TUN, "tun") C(NETMAP, "netmap")                   \
	C(VIRTGPU, "virtio-gpu") C(GPIO, "gpio")                                     \
	C(DMABUF, "dma-buf") C(SYNC_FILE, "sync-file")                               \
	C(MEDIA_REQUEST, "media-request") C(GPIO_LINE, "gpio-line")
#define PROTO_CLASS_ENUM(NAME, string) PROTO_CLASS_##NAME,
enum proto_class { PROTO_CLASSES(PROTO_CLASS_ENUM) PROTO_CLASS_MAX_ };
#undef PROTO_CLASS_ENUM

/* One field of a message, as the table above has it. */
struct proto_field {
	const char *name;
	uint16_t offset; /* in the body */
	uint8_t size; /* bytes: 2, 4 or 8 */
	uint8_t kind; /* enum proto_kind */
};

/* One message, as the table above has it. */
struct proto_desc {
	const char *name;
	uint16_t opcode;
	uint8_t from; /* enum proto_from */
	uint8_t payload; /* enum proto_payload */
	uint16_t body_size; /* bytes */
	uint16_t n_fields;
	const struct proto_field *fields;
};

extern const struct proto_desc proto_descs[];
extern const size_t proto_n_descs;

/* A message in private memory, decoded. `body` and `payload` point into the
 * buffer that was decoded and live as long as it does. */
struct proto_message {
	struct proto_header header;
	const struct proto_desc *desc;
	const void *body; /* struct proto_<name>, aligned to 8 */
	const uint8_t *payload;
	uint32_t payload_length;
};

/* Why a message was refused: which message, which field, which value. */
struct proto_fault {
	char text[160];
};

/* Writes a one-line reason. Always returns -EPROTO, so that a check can end
 * with it. */
int proto_fault_set(struct proto_fault *fault, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* True for requests that are answered, of either side, and their answers: only they
 * have a tag. */
bool proto_tagged(uint16_t opcode);

/* The table's row for an opcode, or NULL. */
const struct proto_desc *proto_desc_find(uint16_t opcode);

/* The name of a PROTO_CLASS_…; "other" for a number that has none. */
const char *proto_class_name(uint32_t class);

/* True if a header may begin a message that `from` (one PROTO_FROM_ bit) sends
 * and that is no larger than `max_message`; else fault says why. */
int proto_header_check(const struct proto_header *header, enum proto_from from,
		       uint32_t max_message, struct proto_fault *fault);

/* Decodes one whole message of `size` bytes in private, 8-aligned memory, sent
 * by `from`: table, padding, payload form and every range. Returns 0 and fills
 * *message, or -EPROTO with the reason in *fault. */
int proto_decode(const void *buffer, size_t size, enum proto_from from,
		 uint32_t max_message, struct proto_message *message,
		 struct proto_fault *fault);

/* True if `name` of `length` bytes (no NUL) may name a device below a guest's
 * /dev: relative, no empty, "." or ".." part, printable ASCII, no blank, and
 * none of the characters that udev or CUSE give a meaning (! \ = % ,). */
bool proto_name_valid(const char *name, size_t length);

/* True if `length` bytes are "KEY=VALUE" as a property of a device may be: KEY of A-Z, 0-9
 * and _, VALUE without control characters, blanks at its ends, or a quote at its start. */
bool proto_property_valid(const char *text, size_t length);

/* True if the property that begins with its key at `text` describes a device, by that key.
 * Udev also takes orders by properties, like to start a service. */
bool proto_property_describes(const char *text);

/* The properties of a decoded message with PROTO_PAYLOAD_NAME: *lengthp bytes, lines
 * "KEY=VALUE" with a newline each; they follow the name's *name_lengthp bytes and a NUL. */
const char *proto_properties(const struct proto_message *message, size_t *name_lengthp, size_t *lengthp);

/* The ranges of a decoded message with PROTO_PAYLOAD_RANGES: *np is their
 * number, *bytesp what follows them. */
const struct proto_range *proto_ranges(const struct proto_message *message, uint32_t *np,
				       const uint8_t **bytesp);

/* Those of them that are descriptors, which come last; *bytesp is a struct
 * proto_descriptor for each, perhaps without alignment. */
const struct proto_range *proto_descriptors(const struct proto_message *message, uint32_t *np,
					    const uint8_t **bytesp);

/* Those before them that are pages; *bytesp is a struct proto_pages for each, with its
 * references behind it, perhaps without alignment. */
const struct proto_range *proto_pages(const struct proto_message *message, uint32_t *np,
				      const uint8_t **bytesp);

/* Writes one line for a decoded message, without newline, cut to `size`.
 * Returns `text`. For traces; payload bytes are not shown. */
char *proto_print(const struct proto_message *message, char *text, size_t size);

#endif
