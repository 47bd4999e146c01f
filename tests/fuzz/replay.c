/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target on files, for compilers without libFuzzer:
 * replay_<target> [FILE or DIRECTORY]… Without arguments, the target's corpus.
 * Also each file cut at every length that is a power of two, and some bytes flipped,
 * so that a target is moved a little beyond its corpus at each run.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"

#define SIZE_MAX_BYTES 65536u
#define N_FLIPS 8

static int n_inputs;
static const char *present; /* the file that is run now */

static void on_end(int number)
{
	static const char text[] = " (or a change of it) ends the target\n";

	(void)!write(STDERR_FILENO, present, strlen(present));
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	signal(number, SIG_DFL);
	raise(number);
}

/* On a copy that ends where the input ends. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	n_inputs++;
}

static void run_around(uint8_t *data, size_t size)
{
	run(data, size);
	for (size_t cut = 1; cut < size; cut *= 2)
		run(data, cut);
	for (size_t i = 0; size && i < N_FLIPS; i++) {
		size_t at = (i * 2654435761u) % size;

		data[at] ^= 1u << i;
		run(data, size);
		data[at] ^= 1u << i;
	}
}

static void run_seeds(void)
{
	static uint8_t data[SIZE_MAX_BYTES];
	static char name[32];
	size_t size;

	present = name;
	for (uint32_t n = 0; fuzz_seed && (size = fuzz_seed(n, data, sizeof(data))) != 0; n++) {
		snprintf(name, sizeof(name), "seed %u", n);
		run_around(data, size);
	}
}

static int run_file(const char *path)
{
	static uint8_t data[SIZE_MAX_BYTES];
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	present = path;
	run_around(data, size);
	return EXIT_SUCCESS;
}

static int run_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	int status = EXIT_SUCCESS;

	if (n < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	for (int i = 0; i < n; i++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			status |= run_file(name);
		free(entries[i]);
	}
	free(entries);
	return status;
}

static int run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return run_directory(path);
	return run_file(path);
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir");
	char corpus[4096];
	int status = EXIT_SUCCESS;

	LLVMFuzzerInitialize(&argc, &argv);
	signal(SIGABRT, on_end);
	signal(SIGALRM, on_end);
	alarm(300); /* nothing may hang */
	for (int i = 1; i < argc; i++)
		status |= run_path(argv[i]);
	if (argc == 1) {
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", source ? source : ".",
			 FUZZ_TARGET);
		status = run_path(corpus);
		run_seeds();
	}
	fprintf(stderr, "%s: %d inputs\n", FUZZ_TARGET, n_inputs);
	return n_inputs ? status : EXIT_FAILURE;
}
