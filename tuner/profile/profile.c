/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a profile with libConfuse, which is used for its syntax only: every value is a string that
 * a callback checks and stores the moment it is read, because libConfuse keeps no line for an option
 * and lets a repeated one win in silence. The callback knows the line, refuses the second, and uses
 * the tables in profile/schema.c for everything else.
 *
 * libConfuse's callbacks carry no pointer of ours (and its scanner is one a process anyway), so the
 * reader in progress is a file-wide variable while profile_parse() runs.
 */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <confuse.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/profile/internal.h"

#define FILE_MAX (1 * MIB)
#define KEYS_MAX 256
#define HOST_KEYS_MAX 8 /* of the host section, besides knobs */
#define VMS_MAX  16384

/* An option of libConfuse that no one writes: its default makes it call us when a section begins. */
#define SECTION_BEGINS "section begins"

/* One key that was read, to find the second one. */
struct seen {
	const cfg_t *section;
	const char *name;
	int line;
};

struct reader {
	struct profile *profile;
	struct error *err;
	bool failed;
	struct seen *seen;
	size_t seen_count;
};

static struct reader *reading;

/* "FILE:LINE: " and the text; the first failure is the one that is told. */
static int fail(const cfg_t *cfg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(const cfg_t *cfg, const char *fmt, ...)
{
	char text[sizeof(reading->err->text)];
	va_list args;

	if (reading->failed)
		return -1;
	reading->failed = true;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	error_set(reading->err, EINVAL, "%s:%d: %s", reading->profile->file, cfg->line, text);
	return -1;
}

/* ---- keys ---- */

static struct profile_at at_line(const cfg_t *cfg)
{
	return (struct profile_at){ .file = reading->profile->file, .line = cfg->line };
}

static const struct profile_key *key_find(const struct profile_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

/* Refuses a key that this section has already; further elements of the same list are welcome. */
static int check_repeated(const cfg_t *cfg, const cfg_opt_t *opt)
{
	if (reading->failed)
		return -1;
	for (size_t i = 0; i < reading->seen_count; i++) {
		const struct seen *seen = &reading->seen[i];

		if (seen->section != cfg || strcmp(seen->name, opt->name) != 0)
			continue;
		if ((opt->flags & CFGF_LIST) && opt->nvalues > 1)
			return 0;
		return fail(cfg, "%s is given a second time; line %d has it already, keep one of them",
			opt->name, seen->line);
	}
	reading->seen = xreallocarray(reading->seen, reading->seen_count + 1, sizeof(*reading->seen));
	reading->seen[reading->seen_count++] = (struct seen){ cfg, opt->name, cfg->line };
	return 0;
}

/*
 * A file name as a guest's process will use it, whose working directory is another one: relative
 * names begin at the profile's folder. The caller frees.
 */
static char *resolve_path(const char *path)
{
	const char *file = reading->profile->file, *slash = strrchr(file, '/');
	char here[PATH_MAX];

	if (*path == '/')
		return xstrdup(path);
	if (*file == '/')
		return xasprintf("%.*s/%s", (int)(slash - file), file, path);
	if (!getcwd(here, sizeof(here)))
		snprintf(here, sizeof(here), ".");
	return slash ? xasprintf("%s/%.*s/%s", here, (int)(slash - file), file, path)
		     : xasprintf("%s/%s", here, path);
}

static int set_key(cfg_t *cfg, const struct profile_key *key, void *target, const char *value)
{
	struct profile_at here = at_line(cfg);
	struct error why;
	char *path = key->path && *value ? resolve_path(value) : NULL;
	int rc = key->set(key, target, path ? path : value, &why);

	free(path);
	if (rc < 0)
		return fail(cfg, "%s: %s", key->name, why.text);
	if (key->at != PROFILE_NO_AT)
		memcpy((char *)target + key->at, &here, sizeof(here));
	return 0;
}

static void add_disk_place(cfg_t *cfg, struct profile_vm *vm)
{
	struct profile_disk *disk = &vm->disks[vm->disk_count - 1];
	char *path = resolve_path(disk->path);

	free(disk->path);
	disk->path = path;
	disk->at = at_line(cfg);
}

/* The callbacks store nothing in libConfuse; it wants a string all the same. */
static int on_vm_key(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct profile_key *key = key_find(profile_vm_keys, opt->name);
	struct profile *profile = reading->profile;
	struct profile_vm *vm;

	*(const char **)result = "";
	if (check_repeated(cfg, opt) < 0)
		return -1;
	vm = &profile->vms[profile->vm_count - 1];
	if (set_key(cfg, key, vm, value) < 0)
		return -1;
	if (!strcmp(key->name, "disks"))
		add_disk_place(cfg, vm);
	return 0;
}

static int on_pool_key(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct profile *profile = reading->profile;

	*(const char **)result = "";
	if (check_repeated(cfg, opt) < 0)
		return -1;
	return set_key(cfg, key_find(profile_pool_keys, opt->name),
		&profile->pools[profile->pool_count - 1], value);
}

static int on_host_key(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct profile *profile = reading->profile;

	*(const char **)result = "";
	if (check_repeated(cfg, opt) < 0 ||
	    set_key(cfg, key_find(profile_host_keys, opt->name), profile, value) < 0)
		return -1;
	if (!strcmp(opt->name, "kernel_cmdline"))
		profile->words[profile->word_count - 1].at = at_line(cfg);
	return 0;
}

/* "1@2-7" for a setting whose files have numbers: cuts the numbers off. */
static int split_numbers(cfg_t *cfg, struct profile_setting *setting)
{
	char *at = strchr(setting->value, '@');
	struct error why;

	if (!at)
		return 0;
	if (!knob_numbered(setting->knob))
		return fail(cfg, "%s is one setting for the whole host; leave %s out", setting->knob->name, at);
	if (idset_parse(at + 1, &setting->numbers, &why) < 0)
		return fail(cfg, "%s: %s", setting->knob->name, why.text);
	if (idset_empty(&setting->numbers))
		return fail(cfg, "%s: no numbers after @; write VALUE@CPUS, such as \"1@2-7\"",
			setting->knob->name);
	setting->some = true;
	*at = '\0';
	return 0;
}

bool profile_setting_covers(const struct profile_setting *setting, const char *path)
{
	int number = setting->some ? knob_file_number(setting->knob, path) : -1;

	return !setting->some || (number >= 0 && idset_has(&setting->numbers, (unsigned int)number));
}

static int on_knob(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct profile *profile = reading->profile;
	struct profile_setting setting = { .at = at_line(cfg), .knob = knob_find(opt->name) };
	struct error why;

	*(const char **)result = "";
	if (check_repeated(cfg, opt) < 0)
		return -1;
	if (strlen(value) >= sizeof(setting.value))
		return fail(cfg, "%s: the value is longer than %zu characters", opt->name,
			sizeof(setting.value) - 1);
	memcpy(setting.value, value, strlen(value) + 1);
	if (knob_many(setting.knob) && split_numbers(cfg, &setting) < 0)
		return -1;
	if (knob_check(setting.knob, setting.value, &why) < 0)
		return fail(cfg, "%s", why.text);
	profile->settings = xreallocarray(profile->settings, profile->setting_count + 1,
		sizeof(*profile->settings));
	profile->settings[profile->setting_count++] = setting;
	return 0;
}

/* ---- sections ---- */

/* A VM's name becomes a folder, a cgroup and an argument: letters, digits and . _ - only. */
static int check_name(cfg_t *cfg, const char *name)
{
	const struct profile *profile = reading->profile;

	if (!*name || strlen(name) > PROFILE_NAME_MAX || *name == '.' || *name == '-')
		return fail(cfg, "'%s' cannot be a VM's name; write 1 to %d letters, digits, '.', '_' or "
			"'-', beginning with a letter, digit or '_'", name, PROFILE_NAME_MAX);
	for (const char *at = name; *at; at++)
		if (!isascii(*at) || (!isalnum((unsigned char)*at) && !strchr("._-", *at)))
			return fail(cfg, "'%s' cannot be a VM's name because of '%c'; letters, digits, '.', "
				"'_' and '-' can be used", name, isprint((unsigned char)*at) ? *at : '?');
	for (unsigned int i = 0; i < profile->vm_count; i++)
		if (!strcmp(profile->vms[i].name, name))
			return fail(cfg, "a second VM is named '%s'; line %d has the first, give this one "
				"another name", name, profile->vms[i].at.line);
	if (profile->vm_count >= VMS_MAX)
		return fail(cfg, "more than %d VMs", VMS_MAX);
	return 0;
}

static int on_vm(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct profile *profile = reading->profile;
	struct profile_vm *vm;

	(void)opt, (void)value;
	*(const char **)result = "";
	if (check_name(cfg, cfg->title) < 0)
		return 0; /* an error in a default would abort; the next key or the end tells */
	profile->vms = xreallocarray(profile->vms, profile->vm_count + 1, sizeof(*profile->vms));
	vm = &profile->vms[profile->vm_count++];
	*vm = (struct profile_vm){ .name = xstrdup(cfg->title), .at = at_line(cfg) };
	profile_defaults(profile_vm_keys, vm);
	return 0;
}

static int on_pool(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	struct profile *profile = reading->profile;
	struct profile_pool *pool;

	(void)opt, (void)value;
	*(const char **)result = "";
	profile->pools = xreallocarray(profile->pools, profile->pool_count + 1, sizeof(*profile->pools));
	pool = &profile->pools[profile->pool_count++];
	*pool = (struct profile_pool){ .at = at_line(cfg), .count = UINT64_MAX };
	profile_defaults(profile_pool_keys, pool);
	return 0;
}

static cfg_opt_t key_option(const char *name, bool list, cfg_callback_t callback)
{
	cfg_opt_t single = CFG_STR_CB(name, NULL, CFGF_NODEFAULT, callback);
	cfg_opt_t many = CFG_STR_LIST_CB(name, NULL, CFGF_NODEFAULT, callback);

	return list ? many : single;
}

/* The options of one section: its beginning, then @keys. */
static void section_options(cfg_opt_t *options, const struct profile_key *keys, cfg_callback_t begins,
	cfg_callback_t on_key)
{
	cfg_opt_t begin = CFG_STR_CB(SECTION_BEGINS, NULL, CFGF_NONE, begins);
	cfg_opt_t end = CFG_END();

	begin.def.parsed = (char *)"x";
	*options++ = begin;
	for (; keys->name; keys++)
		*options++ = key_option(keys->name, keys->list, on_key);
	*options = end;
}

static void host_options(cfg_opt_t *options, cfg_opt_t *pool_options)
{
	cfg_opt_t pools = CFG_SEC("hugepages", pool_options, CFGF_MULTI);
	cfg_opt_t end = CFG_END();

	for (const struct profile_key *key = profile_host_keys; key->name; key++)
		*options++ = key_option(key->name, key->list, on_host_key);
	for (size_t i = 0; i < knob_count && i < KEYS_MAX - HOST_KEYS_MAX; i++)
		*options++ = key_option(knobs[i].name, false, on_knob);
	*options++ = pools;
	*options = end;
}

/* ---- what libConfuse complains about ---- */

/* All names that may stand in a section, and the section another one would belong to. */
static size_t names_of(const char *section, const char **names)
{
	const struct profile_key *keys = !strcmp(section, "vm") ? profile_vm_keys : profile_pool_keys;
	size_t count = 0;

	if (!strcmp(section, "host")) {
		for (keys = profile_host_keys; keys->name; keys++)
			names[count++] = keys->name;
		for (size_t i = 0; i < knob_count && count < KEYS_MAX - 1; i++)
			names[count++] = knobs[i].name;
		names[count++] = "hugepages";
	} else if (!strcmp(section, "vm") || !strcmp(section, "hugepages")) {
		for (; keys->name; keys++)
			names[count++] = keys->name;
	} else {
		names[count++] = "host";
		names[count++] = "vm";
	}
	return count;
}

static const char *home_of(const char *name)
{
	static const char *const sections[] = { "vm", "host", "hugepages", "file" };
	const char *names[KEYS_MAX];

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		for (size_t j = names_of(sections[i], names); j-- > 0;)
			if (!strcmp(names[j], name))
				return sections[i];
	return NULL;
}

static void unknown_key(cfg_t *cfg, const char *name)
{
	const char *names[KEYS_MAX], *home = home_of(name), *nearest;
	bool top = strcmp(cfg->name, "vm") && strcmp(cfg->name, "host") && strcmp(cfg->name, "hugepages");
	size_t count = names_of(cfg->name, names);

	nearest = profile_nearest(name, names, count);
	if (home && !strcmp(home, "file"))
		fail(cfg, "'%s' stands inside a section; is a '}' missing before it?", name);
	else if (home && !nearest)
		fail(cfg, "'%s' is no key %s%s; it belongs into a %s section", name,
			top ? "outside of sections" : "of section ", top ? "" : cfg->name, home);
	else if (nearest)
		fail(cfg, "unknown key '%s'; did you mean '%s'?", name, nearest);
	else
		fail(cfg, "unknown key '%s'; 'vmtune help profile' lists the keys (a value with blanks or "
			"any of , = + ( ) must be in quotes)", name);
}

static void on_error(cfg_t *cfg, const char *fmt, va_list args)
{
	char text[512];

	if (reading->failed || !fmt)
		return;
	if (strstr(fmt, "no such option")) {
		unknown_key(cfg, va_arg(args, const char *));
		return;
	}
	vsnprintf(text, sizeof(text), fmt, args);
	if (strstr(fmt, "unexpected token"))
		fail(cfg, "%s; write KEY = VALUE, and put values with blanks or any of , = + ( ) { } in "
			"quotes", text);
	else if (strstr(fmt, "premature end"))
		fail(cfg, "the file ends too early; a '}' or a value is missing");
	else
		fail(cfg, "%s", text);
}

/* ---- the file ---- */

static bool is_stray(char c, char next)
{
	return (c == '+' && next != '=') || c == '*' ||
		(iscntrl((unsigned char)c) && !isspace((unsigned char)c));
}

/* Overwrites a comment that begins at @i with blanks; returns the index of its last character. */
static size_t blank_comment(char *text, size_t length, size_t i)
{
	bool block = text[i] == '/' && text[i + 1] == '*';
	size_t end = i + 1;

	if (block) {
		for (end = i + 3; end < length && !(text[end - 1] == '*' && text[end] == '/'); end++)
			;
	} else {
		while (end < length && text[end] != '\n')
			end++;
		end--;
	}
	for (; i <= end && i < length; i++)
		if (text[i] != '\n')
			text[i] = ' ';
	return i - 1;
}

/* What tidy() looks for; indices into the text. */
struct tidy {
	size_t stray;          /* a character that fits nowhere; the length: none */
	size_t brace, quote;   /* the outermost open one when the text ends */
	int depth;             /* of braces when the text ends */
	char quoted;           /* the kind of quote that is open, or 0 */
};

/*
 * Three faults of libConfuse are kept away from it here. It counts a line with a # comment more than
 * once, so comments become blanks. It skips characters that fit nowhere, so that `count = 512+` would
 * read 512. And it takes the end of the file for the end of every section.
 */
static void tidy(char *text, size_t length, struct tidy *found)
{
	*found = (struct tidy){ .stray = length };
	for (size_t i = 0; i < length && found->stray == length; i++) {
		char c = text[i], next = i + 1 < length ? text[i + 1] : '\0';

		if (found->quoted) {
			if (c == '\\')
				i++;
			else if (c == found->quoted)
				found->quoted = 0;
		} else if (c == '"' || c == '\'') {
			found->quoted = c;
			found->quote = i;
		} else if (c == '#' || (c == '/' && (next == '/' || next == '*'))) {
			i = blank_comment(text, length, i);
		} else if (c == '{') {
			found->brace = found->depth++ ? found->brace : i;
		} else if (c == '}') {
			found->depth--;
		} else if (is_stray(c, next)) {
			found->stray = i;
		}
	}
}

static int fail_at(const char *text, size_t index, const char *file, struct error *err, const char *what)
{
	int line = 1;

	for (size_t i = 0; i < index; i++)
		line += text[i] == '\n';
	return error_set(err, EINVAL, "%s:%d: %s", file, line, what);
}

static int tidy_text(char *text, size_t length, const char *file, struct error *err)
{
	char what[128];
	struct tidy found;

	tidy(text, length, &found);
	if (found.stray < length && iscntrl((unsigned char)text[found.stray]))
		snprintf(what, sizeof(what), "a control character (code %d); a profile is plain text",
			text[found.stray]);
	else
		snprintf(what, sizeof(what), "'%c' outside of quotes; put the whole value in quotes",
			text[found.stray]);
	if (found.stray < length)
		return fail_at(text, found.stray, file, err, what);
	if (found.quoted)
		return fail_at(text, found.quote, file, err, "a quote that is never closed");
	if (found.depth > 0)
		return fail_at(text, found.brace, file, err, "a '{' that is never closed; add the '}'");
	return 0;
}

/* Runs libConfuse over @text. False when it, or a callback, refused something. */
static bool scan(char *text, size_t length)
{
	static cfg_opt_t vm_options[KEYS_MAX], pool_options[KEYS_MAX], host[KEYS_MAX];
	cfg_opt_t top[] = {
		CFG_SEC("host", host, CFGF_NONE),
		CFG_SEC("vm", vm_options, CFGF_MULTI | CFGF_TITLE),
		CFG_END(),
	};
	FILE *file = fmemopen(text, length, "r");
	cfg_t *cfg;
	int rc;

	section_options(vm_options, profile_vm_keys, on_vm, on_vm_key);
	section_options(pool_options, profile_pool_keys, on_pool, on_pool_key);
	host_options(host, pool_options);
	cfg = cfg_init(top, CFGF_NONE);
	cfg_set_error_function(cfg, on_error);
	rc = file ? cfg_parse_fp(cfg, file) : CFG_FILE_ERROR;
	if (rc != CFG_SUCCESS)
		fail(cfg, "cannot be understood; 'vmtune help profile' shows how a profile looks");
	cfg_free(cfg);
	if (file)
		fclose(file);
	return rc == CFG_SUCCESS && !reading->failed;
}

struct profile *profile_parse(const char *text, size_t length, const char *file, struct error *err)
{
	struct error first = {{0}};
	struct reader reader = { .err = &first };
	char *copy = xmalloc(length + 1);
	bool good = true;

	memcpy(copy, text, length);
	copy[length] = '\0';
	if (tidy_text(copy, length, file, err) < 0) {
		free(copy);
		return NULL;
	}
	reader.profile = xcalloc(1, sizeof(*reader.profile));
	reader.profile->file = xstrdup(file);
	profile_defaults(profile_host_keys, reader.profile);
	reading = &reader;
	if (length)
		good = scan(copy, length);
	reading = NULL;
	free(copy);
	free(reader.seen);
	if (good && profile_check(reader.profile, &first) == 0)
		return reader.profile;
	error_set(err, EINVAL, "%s", first.text);
	profile_free(reader.profile);
	return NULL;
}

struct profile *profile_read(const char *file, struct error *err)
{
	struct profile *profile = NULL;
	char *text = xmalloc(FILE_MAX + 1);
	FILE *stream = fopen(file, "re");
	size_t length;

	if (!stream) {
		error_errno(err, errno, "%s", file);
		goto out;
	}
	length = fread(text, 1, FILE_MAX + 1, stream);
	if (ferror(stream))
		error_errno(err, errno, "%s", file);
	else if (length > FILE_MAX)
		error_set(err, EFBIG, "%s: is larger than 1M; that is no profile", file);
	else
		profile = profile_parse(text, length, file, err);
	fclose(stream);
out:
	free(text);
	return profile;
}

static void vm_release(struct profile_vm *vm)
{
	for (unsigned int i = 0; i < vm->disk_count; i++)
		free(vm->disks[i].path);
	for (unsigned int i = 0; i < vm->net_count; i++)
		free(vm->nets[i].tap);
	for (unsigned int i = 0; i < vm->near_count; i++)
		free(vm->near[i]);
	free(vm->near);
	free(vm->apart);
	free(vm->together);
	free(vm->disks);
	free(vm->nets);
	free(vm->pins);
	free(vm->name);
	free(vm->kernel);
	free(vm->initrd);
	free(vm->append);
	free(vm->attach);
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	for (unsigned int i = 0; i < profile->vm_count; i++)
		vm_release(&profile->vms[i]);
	free(profile->vms);
	for (unsigned int i = 0; i < profile->word_count; i++)
		free(profile->words[i].text);
	free(profile->words);
	free(profile->pools);
	free(profile->settings);
	free(profile->libvirt_uri);
	free(profile->file);
	free(profile);
}
