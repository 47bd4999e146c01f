/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * layout_coverage [--doc] OBSERVED: how many rows the layout tables have for each
 * class, and how many of them have been observed on a real driver, by the list
 * OBSERVED (tests/layout_observed.txt). Prints "COVERAGE CLASS ROWS OBSERVED" lines,
 * or with --doc the tables of docs/LAYOUTS.md. Fails if the list names no row.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/layout.h"

#define MAX_OBSERVED 2048

static char *observed[MAX_OBSERVED];
static size_t n_observed;

static bool is_observed(const struct layout *row)
{
	for (size_t i = 0; i < n_observed; i++)
		if (strcmp(observed[i], row->name) == 0)
			return true;
	return false;
}

static const struct layout *row_find(const char *name)
{
	for (size_t i = 0; layout_tables[i]; i++)
		for (uint32_t j = 0; j < layout_tables[i]->n_rows; j++)
			if (strcmp(layout_tables[i]->rows[j].name, name) == 0)
				return &layout_tables[i]->rows[j];
	return NULL;
}

/* The name of a row ends at the first blank; it may have one inside its brackets. */
static void name_cut(char *line)
{
	char *end = strchr(line, '(');

	end = end ? strchr(end, ')') : line;
	end = end ? strpbrk(end, " \t\n") : NULL;
	if (end)
		*end = '\0';
}

static int list_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[512];
	int status = EXIT_SUCCESS;

	if (!file) {
		perror(path);
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), file) && n_observed < MAX_OBSERVED) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		name_cut(line);
		if (!row_find(line)) {
			fprintf(stderr, "%s: no row is called %s\n", path, line);
			status = EXIT_FAILURE;
		}
		observed[n_observed++] = strdup(line);
	}
	fclose(file);
	return status;
}

struct counts {
	unsigned int rows, nested, descriptors, observed;
};

static struct counts count(const struct layout_table *table)
{
	struct counts counts = { .rows = table->n_rows };

	for (uint32_t i = 0; i < table->n_rows; i++) {
		const struct layout *row = &table->rows[i];

		counts.descriptors += (row->flags & LAYOUT_ROW_DESCRIPTOR) != 0;
		counts.nested += row->type && !(row->flags & LAYOUT_ROW_DESCRIPTOR);
		counts.observed += is_observed(row);
	}
	return counts;
}

static void coverage_print(void)
{
	for (size_t i = 0; layout_tables[i]; i++) {
		struct counts counts = count(layout_tables[i]);

		printf("COVERAGE %s %u %u\n", layout_tables[i]->name, counts.rows, counts.observed);
	}
}

static void doc_counts(void)
{
	struct counts all = { 0 };

	puts("| class | header | rows | of them nested | for descriptors | observed |\n"
	     "|---|---|---|---|---|---|");
	for (size_t i = 0; layout_tables[i]; i++) {
		struct counts counts = count(layout_tables[i]);

		printf("| %s | %s | %u | %u | %u | %u |\n", layout_tables[i]->name, layout_tables[i]->header,
		       counts.rows, counts.nested, counts.descriptors, counts.observed);
		all.rows += counts.rows;
		all.nested += counts.nested;
		all.descriptors += counts.descriptors;
		all.observed += counts.observed;
	}
	printf("| all | | %u | %u | %u | %u |\n", all.rows, all.nested, all.descriptors, all.observed);
}

/* The rows of one table that were not observed, in lines of a text's width. */
static void doc_missing(const struct layout_table *table)
{
	int column = printf("\n- %s:", table->name) - 1;

	for (uint32_t i = 0; i < table->n_rows; i++) {
		int width = strlen(table->rows[i].name) + 3;

		if (is_observed(&table->rows[i]))
			continue;
		if (column + width > 118)
			column = printf("\n ") - 1;
		column += printf(" `%s`", table->rows[i].name);
	}
}

int main(int argc, char **argv)
{
	bool doc = argc == 3 && strcmp(argv[1], "--doc") == 0;

	if (argc != 2 && !doc) {
		fprintf(stderr, "usage: layout_coverage [--doc] OBSERVED\n");
		return 2;
	}
	if (list_read(argv[argc - 1]) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (doc) {
		doc_counts();
		printf("\nNever observed:\n");
		for (size_t i = 0; layout_tables[i]; i++)
			if (count(layout_tables[i]).observed < layout_tables[i]->n_rows)
				doc_missing(layout_tables[i]);
		printf("\n");
	} else {
		coverage_print();
	}
	return EXIT_SUCCESS;
}
