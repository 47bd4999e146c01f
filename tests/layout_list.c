/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints the layout tables, a row a line, for docs/LAYOUTS.md: table, command, its
 * number, bytes in and out, what else there is of it, with tabs between. */
#include "config.h"

#include <linux/ioctl.h>
#include <stdio.h>

#include "proto/layout.h"

static void number_print(uint32_t number, const struct layout *row)
{
	if (!(row->mask & _IOC_SIZEMASK << _IOC_SIZESHIFT))
		printf("%u…", number);
	else
		printf("%u", number);
}

static const char *kind(const struct layout *row)
{
	if (row->flags & LAYOUT_ROW_DESCRIPTOR)
		return "descriptor";
	if (!row->in && !row->out)
		return "number";
	return row->type ? "nested" : "flat";
}

int main(void)
{
	for (size_t i = 0; layout_tables[i]; i++) {
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++) {
			const struct layout *row = &layout_tables[i]->rows[j];

			printf("%s\t", layout_tables[i]->name);
			for (const char *at = row->name; *at; at++)
				if (*at != ' ')
					putchar(*at);
			printf("\t0x%08x\t", row->command);
			number_print(row->in, row);
			putchar('\t');
			number_print(row->out, row);
			printf("\t%s\n", kind(row));
		}
	}
	return 0;
}
