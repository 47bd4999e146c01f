/* SPDX-License-Identifier: GPL-2.0-or-later WITH Linux-syscall-note */
/* What the test driver for memory of a PCI device maps, by mmap(2) offset. */
#ifndef PARADICE_TESTS_BAR_H
#define PARADICE_TESTS_BAR_H

#define BAR_SIZE 0x100000u /* QEMU's ivshmem-plain, as the tests have it */
#define BAR_MEMORY 0x00000000ul /* the memory, and on */
#define BAR_COMBINE 0x10000000ul /* the same, write-combining */
#define BAR_MOVABLE 0x20000000ul /* the same, filled in when it is touched */
#define BAR_PIECES 0x30000000ul /* the same, its pages in reverse order */
#define BAR_REGISTERS 0x40000000ul /* a BAR of less than a page */
#define BAR_OTHERS 0x50000000ul /* a frame that is no PCI device's */

#endif
