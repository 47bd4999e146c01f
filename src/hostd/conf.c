/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostd.conf, read with libconfuse.
 *
 * Objects: one struct reading for the time of conf_load(); libconfuse's
 * callbacks have no argument for it, so it is reached through a thread-local.
 * The strings of the struct conf are copies.
 */
#include "config.h"

#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/conf.h"
#include "hostd/conf_check.h"
#include "hostd/conf_text.h"
#include "proto/channel.h"

/* Which line set an option: libconfuse itself forgets. */
struct set_line {
	const cfg_opt_t *opt;
	int line;
};

struct reading {
	const char *path;
	struct conf_fault *fault;
	struct set_line *lines;
	size_t n_lines;
};

static __thread struct reading *reading;

/* Notes the first thing that is wrong; what follows is often its consequence. */
static int refuse(int line, const char *section, const char *title, const char *reason)
{
	if (reading->fault->text[0])
		return -EINVAL;
	snprintf(reading->fault->text, sizeof(reading->fault->text), "%s:%d: %s%s%s%s%s",
		 reading->path, line, section ? section : "", section ? " \"" : "",
		 title ? title : "", section ? "\": " : "", reason);
	return -EINVAL;
}

static int refuse_option(cfg_t *cfg, const cfg_opt_t *opt, const char *reason)
{
	char text[CONF_REASON_MAX + 32];
	int line = cfg->line;

	for (size_t i = 0; i < reading->n_lines; i++) {
		if (reading->lines[i].opt == opt)
			line = reading->lines[i].line;
	}
	snprintf(text, sizeof(text), "%s: %s", opt->name, reason);
	return refuse(line, cfg->title ? cfg->name : NULL, cfg->title, text);
}

/* What libconfuse finds by itself, with what to do about it. */
static void on_error(cfg_t *cfg, const char *format, va_list args)
{
	static const struct {
		const char *begin;
		const char *remedy;
	} remedies[] = {
		{ "no such option", "see hostd.conf(5) for those that exist" },
		{ "found duplicate title", "give each section its own name" },
		{ "missing title", "write a name in quotes before the {" },
		{ "premature end of file", "something is not closed" },
		{ "invalid integer", "write a number" },
	};
	const char *remedy = "see hostd.conf(5) for the form";
	char found[CONF_REASON_MAX], reason[CONF_REASON_MAX + 64];

	vsnprintf(found, sizeof(found), format, args);
	for (char *c = found; *c; c++) {
		if ((unsigned char)*c < ' ')
			*c = '?';
	}
	for (size_t i = 0; i < sizeof(remedies) / sizeof(remedies[0]); i++) {
		if (strncmp(found, remedies[i].begin, strlen(remedies[i].begin)) == 0)
			remedy = remedies[i].remedy;
	}
	snprintf(reason, sizeof(reason), "%s, %s", found, remedy);
	refuse(cfg->line, cfg->title ? cfg->name : NULL, cfg->title, reason);
}

/* Called after each option. A list with += calls it again: that is no second
 * setting, but one cannot tell, so lists may be set more than once. */
static int on_set(cfg_t *cfg, cfg_opt_t *opt)
{
	char reason[CONF_REASON_MAX];
	struct set_line *lines;

	for (size_t i = 0; i < reading->n_lines; i++) {
		if (reading->lines[i].opt != opt)
			continue;
		if (opt->flags & CFGF_LIST)
			return 0;
		snprintf(reason, sizeof(reason), "%s: set a second time, keep one", opt->name);
		return refuse(cfg->line, cfg->title ? cfg->name : NULL, cfg->title, reason);
	}
	lines = reallocarray(reading->lines, reading->n_lines + 1, sizeof(*lines));
	if (!lines)
		return refuse(cfg->line, NULL, NULL, "out of memory");
	reading->lines = lines;
	lines[reading->n_lines++] = (struct set_line){ .opt = opt, .line = cfg->line };
	return 0;
}

static int copy_string(char **copyp, const char *text)
{
	*copyp = text ? strdup(text) : NULL;
	return text && !*copyp ? refuse(0, NULL, NULL, "out of memory") : 0;
}

/* A number from 1 to `most`. */
static int read_number(cfg_t *cfg, const char *name, uint32_t most, uint32_t *valuep)
{
	long value = cfg_getint(cfg, name);
	char reason[CONF_REASON_MAX];

	*valuep = value;
	if (value >= 1 && value <= (long)most)
		return 0;
	snprintf(reason, sizeof(reason), "%ld is out of range, write 1 to %u", value, most);
	return refuse_option(cfg, cfg_getopt(cfg, name), reason);
}

static int read_root(cfg_t *cfg, struct conf *conf)
{
	char reason[CONF_REASON_MAX];
	const char *value = cfg_getstr(cfg, "poll-us");

	if (channel_poll_parse(value, &conf->poll_us) < 0) {
		snprintf(reason, sizeof(reason),
			 "\"%s\" is no time, write auto or 0 to 1000 microseconds", value);
		return refuse_option(cfg, cfg_getopt(cfg, "poll-us"), reason);
	}
	value = cfg_getstr(cfg, "log-level");
	if (log_level_parse(value, &conf->log_level) < 0) {
		snprintf(reason, sizeof(reason),
			 "\"%s\" is no level, write error, warning, info, debug or trace", value);
		return refuse_option(cfg, cfg_getopt(cfg, "log-level"), reason);
	}
	if (conf_check_uids(cfg_getstr(cfg, "session-uids"), &conf->uid_first, &conf->uid_last,
			    reason) < 0)
		return refuse_option(cfg, cfg_getopt(cfg, "session-uids"), reason);
	return read_number(cfg, "page-timeout-ms", CONF_PAGE_TIMEOUT_MAX, &conf->page_timeout_ms);
}

static int read_guest(cfg_t *cfg, struct conf_guest *guest)
{
	const char *xen = cfg_getstr(cfg, "xen"), *socket = cfg_getstr(cfg, "socket");
	char reason[CONF_REASON_MAX];
	int r;

	if (conf_check_guest_name(cfg->title, reason) < 0)
		return refuse(cfg->line, "guest", cfg->title, reason);
	if (!xen == !socket)
		return refuse(cfg->line, "guest", cfg->title,
			      xen ? "has both xen and socket, keep one of them" :
				    "has no address, set xen = or socket =");
	if (xen && !xen[0])
		return refuse_option(cfg, cfg_getopt(cfg, "xen"),
				     "is empty, write a domain's name, number or UUID");
	if (socket && conf_check_socket(socket, reason) < 0)
		return refuse_option(cfg, cfg_getopt(cfg, "socket"), reason);
	r = read_number(cfg, "max-handles", CONF_MAX_HANDLES_MAX, &guest->max_handles);
	if (r < 0)
		return r;
	r = read_number(cfg, "max-mapped", CONF_MAX_MAPPED_MAX, &guest->max_mapped);
	if (r < 0)
		return r;
	r = read_number(cfg, "max-pinned", CONF_MAX_PINNED_MAX, &guest->max_pinned);
	if (r < 0)
		return r;
	r = read_number(cfg, "max-call-memory", CONF_MAX_CALL_MEMORY_MAX, &guest->max_call_memory);
	if (r < 0)
		return r;
	guest->transport = xen ? CONTROL_VCHAN : CONTROL_UNIX;
	if (copy_string(&guest->name, cfg->title) < 0)
		return -ENOMEM;
	return copy_string(&guest->address, xen ? xen : socket);
}

static int read_device_guests(cfg_t *cfg, struct conf_device *device)
{
	size_t n = cfg_size(cfg, "guests");
	int r = 0;

	if (n == 0)
		return refuse(cfg->line, "device", cfg->title,
			      "no guest may use it, set guests = { \"NAME\", … } or { \"*\" }");
	device->guests = calloc(n, sizeof(*device->guests));
	if (!device->guests)
		return refuse(cfg->line, NULL, NULL, "out of memory");
	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *guest = cfg_getnstr(cfg, "guests", i);

		if (strcmp(guest, "*") == 0)
			device->all_guests = true;
		else
			r = copy_string(&device->guests[device->n_guests++], guest);
	}
	return r;
}

/* Both lists go into one array, deny first. */
static int read_device_rules(cfg_t *cfg, struct conf_device *device)
{
	static const char *const keys[] = { "deny", "allow" };
	struct control_rules *rules = &device->rules;
	char reason[CONF_REASON_MAX];
	size_t n = 0;

	for (size_t list = 0; list < 2; list++) {
		size_t size = cfg_size(cfg, keys[list]);

		for (size_t i = 0; i < size; i++) {
			if (n == CONTROL_RULES_MAX) {
				snprintf(reason, sizeof(reason), "deny and allow have more than %u ioctls",
					 CONTROL_RULES_MAX);
				return refuse_option(cfg, cfg_getopt(cfg, keys[list]), reason);
			}
			if (conf_check_ioctl(cfg_getnstr(cfg, keys[list], i), &rules->rules[n++], reason) < 0)
				return refuse_option(cfg, cfg_getopt(cfg, keys[list]), reason);
		}
		*(list == 0 ? &rules->n_deny : &rules->n_allow) = size;
	}
	return 0;
}

static int read_device_capabilities(cfg_t *cfg, struct conf_device *device)
{
	char reason[CONF_REASON_MAX];

	for (unsigned int i = 0; i < cfg_size(cfg, "capabilities"); i++)
		if (conf_check_capability(cfg_getnstr(cfg, "capabilities", i), &device->capabilities, reason) < 0)
			return refuse_option(cfg, cfg_getopt(cfg, "capabilities"), reason);
	return 0;
}

static int read_device(cfg_t *cfg, struct conf_device *device)
{
	const char *path = cfg_getstr(cfg, "path"), *mode = cfg_getstr(cfg, "mode");
	const char *group = cfg_getstr(cfg, "group");
	char reason[CONF_REASON_MAX];

	if (!path)
		return refuse(cfg->line, "device", cfg->title,
			      "has no path, set path = \"/dev/…\"");
	if (conf_check_path(path, reason) < 0)
		return refuse_option(cfg, cfg_getopt(cfg, "path"), reason);
	device->is_glob = conf_check_is_glob(path);
	device->mode = CONF_MODE_DEFAULT;
	if (mode && conf_check_mode(mode, &device->mode, reason) < 0)
		return refuse_option(cfg, cfg_getopt(cfg, "mode"), reason);
	if (group && conf_check_group(group, reason) < 0)
		return refuse_option(cfg, cfg_getopt(cfg, "group"), reason);
	if (conf_check_ioctls(cfg_getstr(cfg, "ioctls"), &device->ioctls, reason) < 0)
		return refuse_option(cfg, cfg_getopt(cfg, "ioctls"), reason);
	if (copy_string(&device->title, cfg->title) < 0 || copy_string(&device->path, path) < 0 ||
	    copy_string(&device->name, cfg_getstr(cfg, "name")) < 0 || copy_string(&device->group, group) < 0)
		return -ENOMEM;
	if (read_device_rules(cfg, device) < 0 || read_device_capabilities(cfg, device) < 0)
		return -EINVAL;
	return read_device_guests(cfg, device);
}

static int read_sections(cfg_t *cfg, struct conf *conf)
{
	size_t n_guests = cfg_size(cfg, "guest"), n_devices = cfg_size(cfg, "device");
	int r = 0;

	conf->guests = calloc(n_guests + 1, sizeof(*conf->guests));
	conf->devices = calloc(n_devices + 1, sizeof(*conf->devices));
	if (!conf->guests || !conf->devices)
		return refuse(cfg->line, NULL, NULL, "out of memory");
	while (r == 0 && conf->n_guests < n_guests) {
		r = read_guest(cfg_getnsec(cfg, "guest", conf->n_guests),
			       &conf->guests[conf->n_guests]);
		conf->n_guests++;
	}
	while (r == 0 && conf->n_devices < n_devices) {
		r = read_device(cfg_getnsec(cfg, "device", conf->n_devices),
				&conf->devices[conf->n_devices]);
		conf->n_devices++;
	}
	return r;
}

static int check_whole(cfg_t *cfg, const struct conf *conf)
{
	struct conf_finding finding;
	cfg_t *section;

	if (conf_check_whole(conf, &finding) == 0)
		return 0;
	section = cfg_getnsec(cfg, finding.place == CONF_PLACE_GUEST ? "guest" : "device",
			      finding.index);
	return refuse_option(section, cfg_getopt(section, finding.key), finding.reason);
}

static int read_all(cfg_t *cfg, char *text, struct conf *conf)
{
	static const char *const options[] = {
		"poll-us",     "log-level",   "session-uids", "guest|xen",   "guest|socket",
		"guest|max-handles", "device|path", "device|name", "device|mode", "device|group", "device|guests",
		"device|ioctls", "device|deny", "device|allow", "device|capabilities", "guest|max-call-memory", "guest|max-mapped", "guest|max-pinned",
		"page-timeout-ms",
	};
	int r;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		cfg_set_validate_func(cfg, options[i], on_set);
	cfg_set_error_function(cfg, on_error);
	if (cfg_parse_buf(cfg, text) != CFG_SUCCESS)
		return refuse(cfg->line, NULL, NULL, "not understood, see hostd.conf(5)");
	r = read_root(cfg, conf);
	if (r == 0)
		r = read_sections(cfg, conf);
	if (r == 0)
		r = check_whole(cfg, conf);
	return r;
}

static int parse(char *text, struct conf *conf)
{
	cfg_opt_t guest[] = {
		CFG_STR("xen", NULL, CFGF_NODEFAULT),
		CFG_STR("socket", NULL, CFGF_NODEFAULT),
		CFG_INT("max-mapped", CONF_MAX_MAPPED_DEFAULT, CFGF_NONE),
		CFG_INT("max-pinned", CONF_MAX_PINNED_DEFAULT, CFGF_NONE),
		CFG_INT("max-handles", CONF_MAX_HANDLES_DEFAULT, CFGF_NONE),
		CFG_INT("max-call-memory", CONF_MAX_CALL_MEMORY_DEFAULT, CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t device[] = {
		CFG_STR("path", NULL, CFGF_NODEFAULT),
		CFG_STR("name", NULL, CFGF_NODEFAULT),
		CFG_STR("mode", NULL, CFGF_NODEFAULT),
		CFG_STR("group", NULL, CFGF_NODEFAULT),
		CFG_STR("ioctls", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("deny", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("allow", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("capabilities", NULL, CFGF_NODEFAULT),
		CFG_STR_LIST("guests", NULL, CFGF_NODEFAULT),
		CFG_END(),
	};
	cfg_opt_t root[] = {
		CFG_STR("poll-us", "auto", CFGF_NONE),
		CFG_STR("log-level", "info", CFGF_NONE),
		CFG_STR("session-uids", CONF_UIDS_DEFAULT, CFGF_NONE),
		CFG_INT("page-timeout-ms", CONF_PAGE_TIMEOUT_DEFAULT, CFGF_NONE),
		CFG_SEC("guest", guest, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_SEC("device", device, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_END(),
	};
	int line = conf_text_unclosed(text), r;
	cfg_t *cfg;

	if (line)
		return refuse(line, NULL, NULL, "what this { begins does not end, close it with }");
	cfg = cfg_init(root, CFGF_NONE);
	if (!cfg)
		return refuse(0, NULL, NULL, "out of memory");
	r = read_all(cfg, text, conf);
	cfg_free(cfg);
	return r;
}

int conf_load(const char *path, struct conf **confp, struct conf_fault *fault)
{
	struct reading now = { .path = path, .fault = fault };
	struct conf *conf;
	char *text;
	int r;

	fault->text[0] = '\0';
	r = conf_text_read(path, &text);
	if (r < 0) {
		snprintf(fault->text, sizeof(fault->text), "%s: %s, %s", path,
			 r == -EFBIG   ? "too large" :
			 r == -EILSEQ  ? "not a text file" :
			 r == -ENOTDIR ? "not a regular file" :
					 strerror(-r),
			 r == -ENOENT ? "write it (see hostd.conf(5)) or use --config" :
					"check the file");
		return r;
	}
	conf = calloc(1, sizeof(*conf));
	if (!conf) {
		free(text);
		return -ENOMEM;
	}
	reading = &now;
	r = parse(text, conf);
	reading = NULL;
	free(now.lines);
	free(text);
	if (r < 0)
		conf_free(conf);
	else
		*confp = conf;
	return r;
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->n_guests; i++) {
		free(conf->guests[i].name);
		free(conf->guests[i].address);
	}
	for (size_t i = 0; i < conf->n_devices; i++) {
		struct conf_device *device = &conf->devices[i];

		for (size_t j = 0; j < device->n_guests; j++)
			free(device->guests[j]);
		free(device->guests);
		free(device->title);
		free(device->path);
		free(device->name);
		free(device->group);
	}
	free(conf->guests);
	free(conf->devices);
	free(conf);
}

const struct conf_guest *conf_guest_find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n_guests; i++) {
		if (strcmp(conf->guests[i].name, name) == 0)
			return &conf->guests[i];
	}
	return NULL;
}

bool conf_device_allows(const struct conf_device *device, const char *guest)
{
	for (size_t i = 0; i < device->n_guests; i++) {
		if (strcmp(device->guests[i], guest) == 0)
			return true;
	}
	return device->all_guests;
}

uint64_t conf_guest_capabilities(const struct conf *conf, const char *guest)
{
	uint64_t capabilities = 0;

	for (size_t i = 0; i < conf->n_devices; i++)
		if (conf_device_allows(&conf->devices[i], guest))
			capabilities |= conf->devices[i].capabilities;
	return capabilities;
}

int conf_device_name(const struct conf_device *device, const char *path, char *name)
{
	const char *last = strrchr(path, '/'), *pattern = device->name, *star;
	int n;

	if (!pattern) {
		if (strncmp(path, "/dev/", 5) != 0)
			return -EINVAL;
		pattern = path + 5;
	}
	star = device->name ? strchr(pattern, '*') : NULL;
	if (star)
		n = snprintf(name, PROTO_NAME_MAX + 1, "%.*s%s%s", (int)(star - pattern), pattern,
			     last ? last + 1 : path, star + 1);
	else
		n = snprintf(name, PROTO_NAME_MAX + 1, "%s", pattern);
	if (n < 0 || n > (int)PROTO_NAME_MAX || !proto_name_valid(name, n))
		return -EINVAL;
	return 0;
}
