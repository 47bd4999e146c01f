/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout rows: terminals, pseudo-terminals and serial lines. Checked against
 * drivers/tty/tty_io.c, tty_ioctl.c, pty.c, n_tty.c and serial/serial_core.c.
 * Their structures are the kernel's (asm/termbits.h), not those of libc.
 *
 * Left out: what acts on the calling process's session (TIOCGPGRP, TIOCSPGRP,
 * TIOCGSID, TIOCSCTTY, TIOCNOTTY), TIOCGPTPEER (a new descriptor), and what may
 * harm the driver domain: TIOCSTI (types into a terminal), TIOCCONS (takes the
 * console), TIOCVHANGUP, TIOCSETD (other line disciplines make network
 * interfaces), TIOCSSERIAL (moves a port to another I/O address), TIOCLINUX.
 * TCSBRK, TCXONC, TCFLSH, TCSBRKP, TIOCMIWAIT and TIOCSIG take a small number.
 */
#include "config.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/serial.h>

#include "proto/layout_rows.h"

static const struct layout rows[] = {
	OLD_OUT(TCGETS, struct termios),
	OLD_IN(TCSETS, struct termios),
	OLD_IN(TCSETSW, struct termios),
	OLD_IN(TCSETSF, struct termios),
	OLD_OUT(TCGETA, struct termio),
	OLD_IN(TCSETA, struct termio),
	OLD_IN(TCSETAW, struct termio),
	OLD_IN(TCSETAF, struct termio),
	FLAT(TCGETS2, struct termios2),
	FLAT(TCSETS2, struct termios2),
	FLAT(TCSETSW2, struct termios2),
	FLAT(TCSETSF2, struct termios2),
	OLD_OUT(TIOCGWINSZ, struct winsize),
	OLD_IN(TIOCSWINSZ, struct winsize),
	OLD_OUT(TIOCINQ, int),
	OLD_OUT(TIOCOUTQ, int),
	NO_ARGUMENT(TIOCEXCL),
	NO_ARGUMENT(TIOCNXCL),
	FLAT(TIOCGEXCL, int),
	OLD_OUT(TIOCGETD, int),
	FLAT(TIOCGDEV, unsigned int),
	OLD_OUT(TIOCGSOFTCAR, int),
	OLD_IN(TIOCSSOFTCAR, int),

	OLD_IN(TIOCPKT, int),
	FLAT(TIOCGPKT, int),
	FLAT(TIOCGPTN, unsigned int),
	FLAT(TIOCSPTLCK, int),
	FLAT(TIOCGPTLCK, int),

	OLD_OUT(TIOCMGET, int),
	OLD_IN(TIOCMSET, int),
	OLD_IN(TIOCMBIS, int),
	OLD_IN(TIOCMBIC, int),
	NO_ARGUMENT(TIOCSBRK),
	NO_ARGUMENT(TIOCCBRK),
	OLD_OUT(TIOCGICOUNT, struct serial_icounter_struct),
	/* Its iomem_base is a value that tty_tiocgserial() writes and nobody reads. */
	OLD_OUT(TIOCGSERIAL, struct serial_struct),
	OLD_OUT(TIOCSERGETLSR, int),
	OLD_OUT(TIOCGRS485, struct serial_rs485),
	/* uart_set_rs485_config() gives back what it set. */
	OLD_INOUT(TIOCSRS485, struct serial_rs485),
	FLAT(TIOCGISO7816, struct serial_iso7816),
	FLAT(TIOCSISO7816, struct serial_iso7816),
};

LAYOUT_TABLE(layout_tty, "asm-generic/ioctls.h, linux/serial.h", LAYOUT_CLASS(TTY));
