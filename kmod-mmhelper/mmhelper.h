/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/*
 * Paradice mmhelper: what CUSE cannot do for a guest's nodes, and what a driver
 * domain needs to show its driver's pages to a guest. See mmhelper(4).
 *
 * A file of the device is one daemon's: in the guest it adopts nodes (ADOPT), in
 * the driver domain it is bound to a domain (BIND). What it made ends with it.
 * Every unknown flag and every padding that is not zero is EINVAL.
 */
#ifndef PARADICE_MMHELPER_H
#define PARADICE_MMHELPER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MMHELPER_PATH "/dev/paradice-mmhelper"

/*
 * ---- guest ----
 *
 * A program's mmap(2), lseek(2), fcntl(O_ASYNC), and large read(2), pread(2) or the like, on
 * an adopted node, and what it says of the place in a small pread(2), becomes an ioctl
 * of that node for its CUSE daemon: this command, and a token as argument. The daemon
 * fetches what is asked by the token, supplies the result, and answers the ioctl with 0,
 * or with a negative errno for the program.
 */
#define MMHELPER_NODE_REQUEST _IO(0xf9, 0x50)

/* CUSE's requests do not tell of fcntl(F_SETFL). An adopted node's ioctls have these
 * bits besides the flags of linux/fuse.h. */
#define MMHELPER_IOCTL_FLAGS 0x40000000u /* always */
#define MMHELPER_IOCTL_NONBLOCK 0x80000000u /* the file has O_NONBLOCK now */

enum mmhelper_kind {
	MMHELPER_MAP = 1, /* offset, length and MMHELPER_MAP_… are asked for */
	MMHELPER_SEEK, /* offset, and whence in flags */
	MMHELPER_ASYNC, /* flags: 1 on, 0 off */
	MMHELPER_NAME, /* what the daemon calls this open file: for ASK, a RESULT */
	/* read(2) or write(2) of `length` bytes at `address`; flags: of the open file;
	 * offset: pread(2)'s or pwrite(2)'s, or MMHELPER_OWN_POSITION. RESULT is the call's;
	 * without one CUSE serves it, piece by piece. */
	MMHELPER_READ,
	MMHELPER_WRITE,
	/* The next `length` bytes that this thread reads or writes on the file by CUSE's
	 * requests are those at `offset` of the device, not at the file's own position.
	 * Length 0: there are no more. */
	MMHELPER_AT,
};

#define MMHELPER_OWN_POSITION 0x6d6d68656c706572LL /* the file's; no device is so large */

#define MMHELPER_MAP_READ 1u
#define MMHELPER_MAP_WRITE 2u
#define MMHELPER_MAP_SHARED 4u /* else MAP_PRIVATE */
#define MMHELPER_MAP_MAY_WRITE 8u /* by mprotect(2) later */

struct mmhelper_fetch {
	__u64 token; /* in; each is given out once */
	__u32 kind; /* out: MMHELPER_MAP… */
	__u32 flags; /* out */
	__s64 offset; /* out: bytes */
	__u64 length; /* out: bytes */
	__u64 address; /* out: READ, WRITE: of the program's buffer */
	__u64 file; /* out: ASYNC: the open file's number for MMHELPER_SIGNAL */
};

/* Makes the node of this open file (of CUSE's device) a helped one. Its daemon must
 * have asked for CUSE_UNRESTRICTED_IOCTL. */
struct mmhelper_adopt {
	__s32 fd;
	__u32 flags; /* zero */
	/* READ and WRITE are asked where a buffer ends so many bytes behind the begin of its
	 * first page, or more: that is where CUSE would split a call. 0: never. */
	__u64 direct_from;
};

#define MMHELPER_SUPPLY_TRACKED 1u /* tell of its end, and end it with this file */
#define MMHELPER_SUPPLY_READONLY 2u /* the program cannot make it writable */

enum mmhelper_cache {
	MMHELPER_CACHE_NORMAL,
	MMHELPER_CACHE_COMBINE,
	MMHELPER_CACHE_NONE,
};

/* What shall back the mapping: the file `fd` from `offset` on. A tracked one must
 * be open nowhere else and mapped nowhere yet; the daemon's file then has events to
 * read(2), which poll(2) tells: when it is mapped, and when all mappings have ended. */
struct mmhelper_supply {
	__u64 token;
	__s32 fd;
	__u32 flags; /* MMHELPER_SUPPLY_… */
	__u64 offset; /* bytes, whole pages */
	__u32 cache; /* enum mmhelper_cache */
	__u32 pad;
};

#define MMHELPER_EVENT_MAPPED 1u /* the backing file is in its place */
#define MMHELPER_EVENT_ENDED 2u

struct mmhelper_event {
	__u64 token;
	__u32 what; /* MMHELPER_EVENT_… */
	__u32 pad;
};

/* Ends a tracked mapping: programs that touch it get SIGBUS. */
struct mmhelper_revoke {
	__u64 token;
};

/* An ioctl that returns descriptors: open files of the daemon's nodes are given for the
 * thread that waits in the ioctl, which is then to be answered with MMHELPER_IOCTL_GIVEN.
 * The thread gets a descriptor of each `fd`, whose number it finds at `address`, and
 * `result` (not negative); or EMFILE or EFAULT, and none. Once for each ioctl. */
struct mmhelper_gift {
	__u64 address;
	__s32 fd;
	__u32 flags; /* MMHELPER_GIVE_… */
};

#define MMHELPER_GIFTS_MAX 8

struct mmhelper_give {
	__s32 pid; /* thread; as in the CUSE request */
	__s32 result;
	__u32 n; /* 1 to MMHELPER_GIFTS_MAX */
	__u32 pad; /* zero */
	struct mmhelper_gift gifts[MMHELPER_GIFTS_MAX];
};

#define MMHELPER_GIVE_CLOEXEC 1u
#define MMHELPER_IOCTL_GIVEN (-0x5041524f) /* no errno */

/* An answer to an ioctl of an adopted node: ENOSYS for the program. That number itself
 * FUSE makes ENOTTY. */
#define MMHELPER_IOCTL_NOSYS (-0x50415250)

/* An answer to an open, a read or a write of an adopted node that a signal has interrupted: the
 * kernel shall begin it anew unless a handler without SA_RESTART has run. No errno; the
 * kernel's own number for that is none that FUSE takes. */
#define MMHELPER_RESTART 511

/* An ioctl that takes one: what is descriptor `fd` of the thread that waits in it?
 * EBADF: none is open there; EINVAL: it is no file of the daemon's nodes. Else the
 * daemon is asked for its name by a request on it, and gets its own RESULT back: not
 * from the thread that answers requests. */
struct mmhelper_ask {
	__s32 pid;
	__s32 fd;
	__s64 value; /* out; zero */
};

/* Pins the pages under a range of the memory of a thread, which waits in a call on a
 * node. Returns a descriptor that holds them: its end lets them go. For a bound file
 * (BIND) they are granted to the domain, and stay pinned until that has let go, too.
 * Else the descriptor can be mapped, once, shared and as a whole; drivers can pin what
 * is mapped so. EFAULT: not all of it can be pinned; ERANGE: the domain does not let go
 * of too many. */
struct mmhelper_pin {
	__s32 pid; /* thread; as in the CUSE request */
	__u32 flags; /* MMHELPER_PIN_… */
	__u64 address;
	__u64 length; /* bytes */
	__u64 refs; /* bound: where to put a __u32 for each page; else zero */
};

#define MMHELPER_PIN_WRITE 1u /* they will be written */

/* The result of a SEEK, a NAME, a READ or a WRITE. */
struct mmhelper_result {
	__u64 token;
	__s64 value;
};

/* Sends SIGIO to those who asked for it on this open file. */
struct mmhelper_signal {
	__u64 file;
	__u32 band; /* POLL_IN, POLL_OUT, … of siginfo */
	__u32 pad;
};

/* Address space for memory of the host's devices, in a PVH or HVM guest (else
 * EOPNOTSUPP): frames at which this machine has nothing, and a file that maps all of
 * them from offset 0 on, for a tracked SUPPLY with the same `cache` when the host has
 * put its memory there. Nothing else comes to that place before the file is closed and
 * VACATE has said that the host's memory is gone from there. */
struct mmhelper_reserve {
	__u64 length; /* bytes, whole pages */
	__u64 frame; /* out: the first one; zero */
	__u32 host; /* the domain whose memory it will be */
	__u32 cache; /* enum mmhelper_cache */
	__s32 fd; /* out; zero */
	__u32 flags; /* zero */
};

struct mmhelper_vacate {
	__u64 frame; /* as reserved; 0: all for `host`, also what a daemon that is gone left */
	__u32 host;
	__u32 flags; /* zero */
};

/*
 * ---- driver domain, and pins between domains ----
 */

/* Binds the file to a domain and to the calling process, once. */
struct mmhelper_bind {
	__u32 domid;
	__u32 flags; /* zero */
	__u64 max_pages; /* exported at a time; of pins, those that it does not let go of */
};

#define MMHELPER_EXPORT_WRITE 1u

/* Grants the pages of a device mapping of the calling process to the domain. The
 * range lies in one mapping. ERANGE: more than max_pages; EREMOTEIO: memory that
 * cannot be granted: not RAM, or pages that the driver may take away (it keeps no count
 * of their users, and can fill the mapping in again). */
struct mmhelper_export {
	__u64 address; /* in the caller; whole pages */
	__u64 length; /* bytes, whole pages */
	__u64 refs; /* where to put a __u32 for each page */
	__u32 flags; /* MMHELPER_EXPORT_… */
	__u32 id; /* out */
	__u32 cache; /* out: enum mmhelper_cache */
	__u32 pad;
};

/* Takes the grants of one export back. Pages that the domain still maps stay
 * allocated until it lets go. */
struct mmhelper_unexport {
	__u32 id;
	__u32 pad;
};

/* Offers the device memory under a range of a mapping of the calling process to the
 * domain that it is bound to: for whoever takes it and has it mapped there. EREMOTEIO:
 * not all of it is one piece of one PCI device's memory; ETXTBSY: its driver can move
 * it; EACCES: it is not mapped shared and for writing; ERANGE: more than max_pages. */
struct mmhelper_offer {
	__u64 address; /* in the caller; whole pages */
	__u64 length; /* bytes, whole pages */
	__u64 token; /* out: cannot be guessed; zero */
	__u32 flags; /* zero */
	__u32 cache; /* out: enum mmhelper_cache; zero */
};

/* Takes an offer to a domain (ENOENT: there is none), with CAP_SYS_ADMIN. What was
 * taken, and the device's file, stays until it is dropped, whoever ends. LEFT takes over
 * what a taker left that is gone (all fields zero; ENOENT: nothing). */
struct mmhelper_frames {
	__u64 token; /* in; LEFT: out */
	__u64 guest_frame; /* in: where the guest shall have it; LEFT: out */
	__u64 frame; /* out: first machine frame */
	__u64 n_frames; /* out */
	__u32 domid; /* in; LEFT: out */
	__u32 major; /* out: the device that was mapped */
	__u32 minor; /* out */
	__u32 flags; /* zero */
};

/* The domain has nothing of it any more; or the offer ends before it was taken. */
struct mmhelper_drop {
	__u64 token;
};

#define MMHELPER_ADOPT _IOW(0xf9, 0x01, struct mmhelper_adopt)
#define MMHELPER_FETCH _IOWR(0xf9, 0x02, struct mmhelper_fetch)
#define MMHELPER_SUPPLY _IOW(0xf9, 0x03, struct mmhelper_supply)
#define MMHELPER_RESULT _IOW(0xf9, 0x04, struct mmhelper_result)
#define MMHELPER_SIGNAL _IOW(0xf9, 0x05, struct mmhelper_signal)
#define MMHELPER_REVOKE _IOW(0xf9, 0x06, struct mmhelper_revoke)
#define MMHELPER_GIVE _IOW(0xf9, 0x07, struct mmhelper_give)
#define MMHELPER_ASK _IOWR(0xf9, 0x08, struct mmhelper_ask)
#define MMHELPER_PIN _IOW(0xf9, 0x09, struct mmhelper_pin)
#define MMHELPER_BIND _IOW(0xf9, 0x10, struct mmhelper_bind)
#define MMHELPER_EXPORT _IOWR(0xf9, 0x11, struct mmhelper_export)
#define MMHELPER_UNEXPORT _IOW(0xf9, 0x12, struct mmhelper_unexport)
#define MMHELPER_OFFER _IOWR(0xf9, 0x18, struct mmhelper_offer)
#define MMHELPER_TAKE _IOWR(0xf9, 0x19, struct mmhelper_frames)
#define MMHELPER_LEFT _IOWR(0xf9, 0x1a, struct mmhelper_frames)
#define MMHELPER_DROP _IOW(0xf9, 0x1b, struct mmhelper_drop)
#define MMHELPER_RESERVE _IOWR(0xf9, 0x20, struct mmhelper_reserve)
#define MMHELPER_VACATE _IOW(0xf9, 0x21, struct mmhelper_vacate)

#endif
