/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout_coverage [--doc | --rows] OBSERVED: how many rows the layout tables have for
 * each class, and how many of them have been verified on a real driver, by the list
 * OBSERVED (tests/layout_observed.txt, which tools/verify-layouts writes). Prints
 * "COVERAGE CLASS ROWS VERIFIED" lines, with --doc the tables of docs/LAYOUTS.md, or
 * with --rows the rows: table, name and kind, with tabs between. Fails if the list
 * names no row.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout.h"

#define MAX_OBSERVED 2048

static struct {
	char *name;
	char *status; /* "verified…", or what is missing or wrong */
} observed[MAX_OBSERVED];
static size_t n_observed;

/* NULL: never observed. */
static const char *row_status(const struct layout *row)
{
	for (size_t i = 0; i < n_observed; i++)
		if (strcmp(observed[i].name, row->name) == 0)
			return observed[i].status;
	return NULL;
}

static bool is_verified(const struct layout *row)
{
	const char *status = row_status(row);

	return status && strncmp(status, "verified", 8) == 0;
}

static const struct layout *row_find(const char *name)
{
	for (size_t i = 0; layout_tables[i]; i++)
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++)
			if (strcmp(layout_tables[i]->rows[j].name, name) == 0)
				return &layout_tables[i]->rows[j];
	return NULL;
}

/* A line is a row's name, ": ", and its status. Returns the latter. */
static char *line_cut(char *line)
{
	char *status = strstr(line, ": ");

	line[strcspn(line, "\n")] = '\0';
	if (!status)
		return line + strlen(line);
	*status = '\0';
	return status + 2;
}

static int list_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[512], *status_text;
	int status = EXIT_SUCCESS;

	if (!file) {
		perror(path);
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), file) && n_observed < MAX_OBSERVED) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		status_text = line_cut(line);
		if (!row_find(line) || !*status_text) {
			fprintf(stderr, "%s: no row is called %s, or it has no status\n", path, line);
			status = EXIT_FAILURE;
		}
		observed[n_observed].name = strdup(line);
		observed[n_observed++].status = strdup(status_text);
	}
	fclose(file);
	return status;
}

struct counts {
	unsigned int rows, nested, descriptors, verified, other, never;
};

static struct counts count(const struct layout_table *table)
{
	struct counts counts = { .rows = table->n_rows };

	for (uint32_t i = 0; i < table->n_rows; i++) {
		const struct layout *row = &table->rows[i];

		counts.descriptors += (row->flags & LAYOUT_ROW_DESCRIPTOR) != 0;
		counts.nested += row->type && !(row->flags & LAYOUT_ROW_DESCRIPTOR);
		counts.verified += is_verified(row);
		counts.other += row_status(row) && !is_verified(row);
		counts.never += !row_status(row);
	}
	return counts;
}

static void coverage_print(void)
{
	for (size_t i = 0; layout_tables[i]; i++) {
		struct counts counts = count(layout_tables[i]);

		printf("COVERAGE %s %u %u\n", layout_tables[i]->name, counts.rows, counts.verified);
	}
}

static void doc_counts(void)
{
	struct counts all = { 0 };

	puts("| class | header | rows | of them nested | for descriptors | verified | in part, or otherwise | never observed |\n"
	     "|---|---|---:|---:|---:|---:|---:|---:|");
	for (size_t i = 0; layout_tables[i]; i++) {
		struct counts counts = count(layout_tables[i]);

		printf("| %s | %s | %u | %u | %u | %u | %u | %u |\n", layout_tables[i]->name,
		       layout_tables[i]->header, counts.rows, counts.nested, counts.descriptors,
		       counts.verified, counts.other, counts.never);
		all.rows += counts.rows;
		all.nested += counts.nested;
		all.descriptors += counts.descriptors;
		all.verified += counts.verified;
		all.other += counts.other;
		all.never += counts.never;
	}
	printf("| all | | %u | %u | %u | %u | %u | %u |\n", all.rows, all.nested, all.descriptors, all.verified,
	       all.other, all.never);
}

/* Rows of which not all was seen, or something else than they say. */
static void doc_others(void)
{
	printf("\nIn part, or otherwise than the row says:\n\n");
	for (size_t i = 0; layout_tables[i]; i++) {
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++) {
			const struct layout *row = &layout_tables[i]->rows[j];

			if (row_status(row) && !is_verified(row))
				printf("- `%s`: %s\n", row->name, row_status(row));
		}
	}
}

static void rows_print(void)
{
	for (size_t i = 0; layout_tables[i]; i++) {
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++) {
			const struct layout *row = &layout_tables[i]->rows[j];

			printf("%s\t%s\t%s\n", layout_tables[i]->name, row->name,
			       row->flags & LAYOUT_ROW_DESCRIPTOR ? "descriptor" : "row");
		}
	}
}

/* The rows of one table that were not observed, in lines of a text's width. */
static void doc_missing(const struct layout_table *table)
{
	int column = printf("\n- %s:", table->name) - 1;

	for (uint32_t i = 0; i < table->n_rows; i++) {
		int width = strlen(table->rows[i].name) + 3;

		if (row_status(&table->rows[i]))
			continue;
		if (column + width > 118)
			column = printf("\n ") - 1;
		column += printf(" `%s`", table->rows[i].name);
	}
}

int main(int argc, char **argv)
{
	bool doc = argc == 3 && strcmp(argv[1], "--doc") == 0;
	bool rows = argc == 3 && strcmp(argv[1], "--rows") == 0;

	if (argc != 2 && !doc && !rows) {
		fprintf(stderr, "usage: layout_coverage [--doc | --rows] OBSERVED\n");
		return 2;
	}
	if (list_read(argv[argc - 1]) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (doc) {
		doc_counts();
		doc_others();
		printf("\nNever observed:\n");
		for (size_t i = 0; layout_tables[i]; i++)
			if (count(layout_tables[i]).never)
				doc_missing(layout_tables[i]);
		printf("\n");
	} else if (rows) {
		rows_print();
	} else {
		coverage_print();
	}
	return EXIT_SUCCESS;
}
