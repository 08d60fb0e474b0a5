// SPDX-License-Identifier: GPL-2.0-or-later
/* --disk, --net, --serial, --console and --balloon. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "vmm/options_internal.h"
#include "vmm/suboptions.h"

#define READONLY ",readonly"

int option_disk(void *target, const char *text, struct error *err)
{
	struct vm_config *config = ((struct parse *)target)->config;
	struct disk_config *disk = &config->disks[config->disk_count];
	size_t length = strlen(text), suffix = strlen(READONLY);

	if (config->disk_count == VM_DISKS_MAX)
		return error_set(err, EINVAL, "more than %d disks", VM_DISKS_MAX);
	disk->readonly = length >= suffix && !strcmp(text + length - suffix, READONLY);
	if (disk->readonly)
		length -= suffix;
	if (!length)
		return error_set(err, EINVAL, "'%s' names no file; write FILE or FILE,readonly", text);
	disk->path = xasprintf("%.*s", (int)length, text);
	config->disk_count++;
	return 0;
}

struct net_target {
	struct net_config *net;
	bool chosen;
};

static int choose_backend(struct net_target *target, enum net_backend backend, struct error *err)
{
	if (target->chosen)
		return error_set(err, EINVAL, "a second backend; one of user and tap=NAME");
	target->chosen = true;
	target->net->backend = backend;
	return 0;
}

static int set_user(void *target, const char *text, struct error *err)
{
	(void)text;
	return choose_backend(target, NET_USER, err);
}

static int set_tap(void *target, const char *text, struct error *err)
{
	struct net_target *net = target;

	if (strlen(text) >= IFNAMSIZ)
		return error_set(err, EINVAL, "'%s' is too long for an interface's name (%d characters)",
			text, IFNAMSIZ - 1);
	if (choose_backend(net, NET_TAP, err) < 0)
		return -EINVAL;
	net->net->tap = xstrdup(text);
	return 0;
}

static int set_mac(void *target, const char *text, struct error *err)
{
	struct net_target *net = target;
	unsigned int b[6];
	int used = 0;

	if (strlen(text) != 17 ||
		sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &used) !=
			6 ||
		used != 17 || b[0] & 1)
		return error_set(err, EINVAL,
			"'%s' is not an interface's MAC address, such as 52:54:00:12:34:56", text);
	for (int i = 0; i < 6; i++)
		net->net->mac[i] = (uint8_t)b[i];
	return 0;
}

static const struct suboption_row net_rows[] = {
	{"user", NULL, set_user},
	{"tap", "NAME", set_tap},
	{"mac", "ADDRESS", set_mac},
	{NULL, NULL, NULL},
};

int option_net(void *target, const char *text, struct error *err)
{
	struct vm_config *config = ((struct parse *)target)->config;
	struct net_target net = {.net = &config->nets[config->net_count]};

	if (config->net_count == VM_NETS_MAX)
		return error_set(err, EINVAL, "more than %d interfaces", VM_NETS_MAX);
	config->net_count++;
	if (suboptions_parse(text, net_rows, &net, err) < 0)
		return -EINVAL;
	if (!net.chosen)
		return error_set(err, EINVAL, "'%s' says no backend; one of user and tap=NAME", text);
	return 0;
}

/* One row a backend; @path: what follows the colon, or NULL when nothing does. */
static const struct {
	const char *word;
	enum chardev_kind kind;
	bool has_path;
} chardevs[] = {
	{"none", CHARDEV_NONE, false},
	{"stdio", CHARDEV_STDIO, false},
	{"file", CHARDEV_FILE, true},
	{"unix", CHARDEV_UNIX, true},
};

static int set_chardev(struct chardev_config *config, const char *text, struct error *err)
{
	size_t word = strcspn(text, ":");

	for (size_t i = 0; i < sizeof(chardevs) / sizeof(chardevs[0]); i++) {
		const char *path = text[word] == ':' ? text + word + 1 : NULL;

		if (strlen(chardevs[i].word) != word || strncmp(text, chardevs[i].word, word))
			continue;
		if (chardevs[i].has_path != (path && *path))
			break;
		free(config->path);
		config->kind = chardevs[i].kind;
		config->path = path ? xstrdup(path) : NULL;
		return 0;
	}
	return error_set(err, EINVAL, "'%s' is not one of stdio, file:FILE, unix:SOCKET, none", text);
}

int option_serial(void *target, const char *text, struct error *err)
{
	return set_chardev(&((struct parse *)target)->config->serial, text, err);
}

int option_console(void *target, const char *text, struct error *err)
{
	return set_chardev(&((struct parse *)target)->config->console, text, err);
}

/* ---- balloon ------------------------------------------------------------------------------------- */

static int set_switch(bool *slot, const char *text, struct error *err)
{
	if (strcmp(text, "on") && strcmp(text, "off"))
		return error_set(err, EINVAL, "'%s' is neither on nor off", text);
	*slot = !strcmp(text, "on");
	return 0;
}

/* A setter for one switch of the balloon. */
#define SWITCH_SETTER(field)                                                          \
	static int set_##field(void *target, const char *text, struct error *err)     \
	{                                                                             \
		return set_switch(&((struct balloon_config *)target)->field, text, err); \
	}

SWITCH_SETTER(deflate_on_oom)
SWITCH_SETTER(page_poison)
SWITCH_SETTER(free_page_reporting)
SWITCH_SETTER(free_page_hint)

static const struct suboption_row balloon_rows[] = {
	{"deflate-on-oom", "on|off", set_deflate_on_oom},
	{"free-page-reporting", "on|off", set_free_page_reporting},
	{"free-page-hint", "on|off", set_free_page_hint},
	{"page-poison", "on|off", set_page_poison},
	{NULL, NULL, NULL},
};

int option_balloon(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;

	parse->has_balloon = parse->config->balloon = true;
	return text ? suboptions_parse(text, balloon_rows, &parse->config->balloon_config, err) : 0;
}

int option_no_balloon(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;

	(void)text;
	(void)err;
	parse->has_balloon = true;
	parse->config->balloon = false;
	return 0;
}
