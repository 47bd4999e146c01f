// SPDX-License-Identifier: GPL-2.0-or-later
/* hostd as the puppet sees it: its own child or a systemd service, and /proc. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "puppet.h"

static const char *command;
static const char *service;
static pid_t child; /* hostd, if it is our child and runs */

void hostd_set(const char *new_command, const char *new_service)
{
	command = new_command;
	service = new_service;
}

static void systemctl(const char *verb, const char *option)
{
	char line[256];

	snprintf(line, sizeof(line), "systemctl %s %s %s", verb, option, service);
	if (system(line))
		fprintf(stderr, "puppet: \"%s\" failed\n", line);
}

static pid_t service_pid(void)
{
	char line[256];
	FILE *pipe;
	int pid = 0;

	snprintf(line, sizeof(line), "systemctl show -P MainPID %s", service);
	pipe = popen(line, "r");
	if (!pipe)
		return 0;
	if (fscanf(pipe, "%d", &pid) != 1)
		pid = 0;
	pclose(pipe);
	return pid;
}

static pid_t hostd_pid(void)
{
	return service ? service_pid() : child;
}

void hostd_start(void)
{
	sigset_t none;

	if (service) {
		systemctl("start", "");
		return;
	}
	if (child || !command)
		return;
	child = fork();
	if (child)
		return;
	/* No controlling terminal, and no end later than the puppet's. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl("/bin/sh", "sh", "-c", command, NULL);
	_exit(127);
}

void hostd_kill(void)
{
	if (service) {
		systemctl("kill", "--kill-whom=main -s KILL");
		return;
	}
	if (!child)
		return;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = 0;
}

void hostd_end(void)
{
	if (!child)
		return;
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	child = 0;
}

void hostd_reap(void)
{
	if (child && waitpid(child, NULL, WNOHANG) == child) {
		fprintf(stderr, "puppet: hostd has ended\n");
		child = 0;
	}
}

/* The parent of a process and whether it still runs. */
static bool process_parent(pid_t pid, pid_t *parentp)
{
	char path[64], text[512], state;
	const char *after;
	int parent;
	FILE *file;
	bool read;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	read = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	after = read ? strrchr(text, ')') : NULL;
	if (!after || sscanf(after + 1, " %c %d", &state, &parent) != 2 || state == 'Z')
		return false;
	*parentp = parent;
	return true;
}

/* Calls `each` for all children of hostd; the sum of its results. */
static int children_each(int (*each)(pid_t pid, const void *argument), const void *argument)
{
	pid_t hostd = hostd_pid(), parent;
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int sum = 0;

	while (hostd && proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && process_parent(pid, &parent) && parent == hostd)
			sum += each(pid, argument);
	}
	if (proc)
		closedir(proc);
	return sum;
}

/* Sessions are not hostd's only children: some have mirrors. */
static bool is_session(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "r");
	if (file) {
		if (!fgets(name, sizeof(name), file))
			name[0] = '\0';
		fclose(file);
	}
	return strncmp(name, "paradice-mirror", 15) != 0;
}

static int session_signal(pid_t pid, const void *argument)
{
	const int *number = argument;

	if (!is_session(pid))
		return 0;
	if (*number)
		kill(pid, *number);
	return 1;
}

int hostd_sessions(int number)
{
	return children_each(session_signal, &number);
}

/* Descriptors of a process, all of them (path NULL) or those on one device. */
static int count_descriptors(pid_t pid, const void *argument)
{
	const char *path = argument;
	char folder[64], name[400];
	struct stat wanted, found;
	struct dirent *entry;
	int n = 0;
	DIR *dir;

	if (path && stat(path, &wanted) < 0)
		return 0;
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
		if (!path || (stat(name, &found) == 0 && S_ISCHR(found.st_mode) &&
			      found.st_rdev == wanted.st_rdev))
			n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

static int count_in_session(pid_t pid, const void *argument)
{
	return is_session(pid) ? count_descriptors(pid, argument) : 0;
}

/* Mirrors have open what their session has; they count where it has not. */
int hostd_count_open(const char *path)
{
	pid_t hostd = hostd_pid();
	int n = children_each(count_in_session, path) + (hostd ? count_descriptors(hostd, path) : 0);

	return n ? n : children_each(count_descriptors, path);
}

int hostd_count_descriptors(void)
{
	pid_t hostd = hostd_pid();

	return hostd ? count_descriptors(hostd, NULL) : -1;
}
