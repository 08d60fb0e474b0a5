/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who a guest is: its VMM, its name, its control socket, the RAM it was promised, all from the
 * command line, which everyone may read. A table row is a VMM; what differs is in the row.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/guest_internal.h"
#include "lib/size.h"
#include "lib/xalloc.h"

#define ARGS_MAX 4096

struct vmm_kind {
	const char *name;
	const char *programs[4];    /* program names; one that ends in '-' is a prefix */
	const char *name_option;    /* option whose value is (or begins with) the guest's name */
	const char *socket_option;  /* control socket, when its name alone tells the guest */
	const char *memory_options[2];
	uint64_t memory_unit;       /* of a memory value without a suffix */
	const char *own_name;       /* what it calls a guest without a name: this, and the process number */
};

/* Firecracker and Cloud Hypervisor are released as programs with a version or "static" in their names. */
static const struct vmm_kind kinds[] = {
	{ "vmm", {"vmm"}, "--name", "--qmp", {NULL}, 1, NULL },
	{ "qemu", {"qemu-system-", "qemu-kvm", "kvm"}, "-name", NULL, {"-m"}, MIB, NULL },
	{ "firecracker", {"firecracker", "firecracker-"}, "--id", "--api-sock", {NULL}, 1, NULL },
	{ "cloud-hypervisor", {"cloud-hypervisor", "cloud-hypervisor-"}, NULL, "--api-socket", {"--memory"}, 1,
		NULL },
	{ "crosvm", {"crosvm"}, "--name", "--socket", {"--mem", "-m"}, MIB, NULL },
	{ "kvmtool", {"lkvm", "lkvm-static", "kvmtool", "vm"}, "--name", NULL, {"--mem", "-m"}, MIB, "guest-" },
};

struct args {
	char *text;
	const char *list[ARGS_MAX];
	unsigned int count;
};

/* ---- the command line ------------------------------------------------------------------------- */

static void args_read(const struct root *root, pid_t pid, struct args *args)
{
	size_t length = 0;

	args->count = 0;
	args->text = root_read_all(root, &length, "/proc/%d/cmdline", pid);
	for (size_t at = 0; args->text && at < length && args->count < ARGS_MAX;
		at += strlen(args->text + at) + 1)
		args->list[args->count++] = args->text + at;
}

/* "-name" and "--name" are the same option to QEMU, and harmless to accept from the others. */
static bool option_is(const char *arg, const char *option, const char **value)
{
	size_t length;

	if (arg[0] != '-')
		return false;
	arg += 1 + (arg[1] == '-');
	option += 1 + (option[1] == '-');
	length = strlen(option);
	if (strncmp(arg, option, length) || (arg[length] && arg[length] != '='))
		return false;
	*value = arg[length] ? arg + length + 1 : NULL;
	return true;
}

/* The value of the @nth (from 0) occurrence of an option, "--name X" or "--name=X"; NULL if none. */
static const char *args_option(const struct args *args, const char *option, unsigned int nth)
{
	if (!option)
		return NULL;
	for (unsigned int i = 1; i < args->count; i++) {
		const char *value;

		if (!option_is(args->list[i], option, &value))
			continue;
		if (!value && i + 1 < args->count)
			value = args->list[++i];
		if (nth-- == 0)
			return value;
	}
	return NULL;
}

bool guest_suboption(const char *text, const char *key, char *value, size_t size)
{
	size_t key_length = key ? strlen(key) : 0;

	while (text && *text) {
		const char *start = text;
		bool match;
		size_t used = 0;

		if (key) {
			match = !strncmp(text, key, key_length) && text[key_length] == '=';
			if (match)
				start = text + key_length + 1;
		} else {
			match = strcspn(text, "=") >= strcspn(text, ",");
		}
		for (text = start; *text && (*text != ',' || text[1] == ','); text++) {
			text += *text == ',';
			if (used + 1 < size)
				value[used++] = *text;
		}
		text += *text == ',';
		value[used] = '\0';
		if (match)
			return true;
		if (!key)
			return false;
	}
	return false;
}

/* ---- which VMM -------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool program_matches(const char *pattern, const char *program)
{
	size_t length = strlen(pattern);

	return pattern[length - 1] == '-' ? !strncmp(pattern, program, length) : !strcmp(pattern, program);
}

static const struct vmm_kind *kind_of(const char *program)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		for (size_t j = 0; j < 4 && kinds[i].programs[j]; j++)
			if (program_matches(kinds[i].programs[j], program))
				return &kinds[i];
	return NULL;
}

bool guest_vmm_name(const char *comm)
{
	return kind_of(comm) != NULL || !strncmp(comm, "cloud-hyperviso", 15);
}

/* ---- name, socket, memory --------------------------------------------------------------------- */

/* The last part of the cgroup path without ".scope", for libvirt's and systemd's units. */
static char *name_from_cgroup(const char *cgroup)
{
	const char *base = cgroup ? base_name(cgroup) : "";
	size_t length = strlen(base);

	if (length > 6 && !strcmp(base + length - 6, ".scope"))
		return xasprintf("%.*s", (int)length - 6, base);
	return NULL;
}

static char *find_name(const struct args *args, const struct vmm_kind *kind, const struct guest *guest,
	const char *comm)
{
	const char *option = args_option(args, kind ? kind->name_option : "--name", 0);
	const char *socket = kind ? args_option(args, kind->socket_option, 0) : NULL;
	char value[256], *name;

	if (option && (guest_suboption(option, "guest", value, sizeof(value)) ||
			guest_suboption(option, NULL, value, sizeof(value))))
		return xstrdup(value);
	if (option && *option && !strchr(option, '='))
		return xstrdup(option);
	if (kind && kind->own_name)
		return xasprintf("%s%d", kind->own_name, (int)guest->pid);
	name = name_from_cgroup(guest->cgroup);
	if (!name && socket && *socket)
		name = xasprintf("%.*s", (int)strcspn(base_name(socket), "."), base_name(socket));
	return name ? name : xstrdup(comm);
}

/* A path of the guest's process as seen from here. */
static char *absolute(const struct root *root, pid_t pid, const char *path)
{
	char link[PATH_MAX], cwd[PATH_MAX];
	ssize_t length;

	if (path[0] == '/')
		return xstrdup(path);
	length = readlink(root_path(root, link, "/proc/%d/cwd", pid), cwd, sizeof(cwd) - 1);
	if (length <= 0)
		return NULL;
	cwd[length] = '\0';
	return xasprintf("%s/%s", cwd, path);
}

/* "unix:PATH,server=on,wait=off" */
static bool unix_path(const char *text, char *path, size_t size)
{
	return text && !strncmp(text, "unix:", 5) && guest_suboption(text + 5, NULL, path, size);
}

/* The socket behind "-mon chardev=ID,mode=control". */
static bool monitor_path(const struct args *args, char *path, size_t size)
{
	char id[128], mode[32], other[128];
	const char *mon, *chardev;

	for (unsigned int i = 0; (mon = args_option(args, "-mon", i)); i++) {
		if (!guest_suboption(mon, "mode", mode, sizeof(mode)) || strcmp(mode, "control"))
			continue;
		if (!guest_suboption(mon, "chardev", id, sizeof(id)) && !guest_suboption(mon, NULL, id, sizeof(id)))
			continue;
		for (unsigned int j = 0; (chardev = args_option(args, "-chardev", j)); j++)
			if (guest_suboption(chardev, "id", other, sizeof(other)) && !strcmp(id, other) &&
				guest_suboption(chardev, "path", path, size))
				return true;
	}
	return false;
}

static char *find_qmp(const struct root *root, const struct args *args, const struct vmm_kind *kind,
	pid_t pid)
{
	char path[PATH_MAX];
	const char *own;

	if (!kind)
		return NULL;
	if (!strcmp(kind->name, "vmm")) {
		own = args_option(args, kind->socket_option, 0);
		return own && *own ? absolute(root, pid, own) : NULL;
	}
	if (strcmp(kind->name, "qemu"))
		return NULL;
	if (unix_path(args_option(args, "-qmp", 0), path, sizeof(path)) ||
		unix_path(args_option(args, "-qmp-pretty", 0), path, sizeof(path)) ||
		monitor_path(args, path, sizeof(path)))
		return absolute(root, pid, path);
	return NULL;
}

/* "512", "2G", "size=2G,slots=4": bytes, 0 when it says nothing we understand. */
static uint64_t find_memory(const struct args *args, const struct vmm_kind *kind)
{
	const char *option = kind ? args_option(args, kind->memory_options[0], 0) : NULL;
	char value[64];
	uint64_t bytes;

	if (kind && !option)
		option = args_option(args, kind->memory_options[1], 0);
	if (!option || (!guest_suboption(option, "size", value, sizeof(value)) &&
			!guest_suboption(option, NULL, value, sizeof(value))) ||
		size_parse(value, &bytes, NULL) < 0)
		return 0;
	if (isdigit((unsigned char)value[strlen(value) - 1]) && bytes < UINT64_MAX / kind->memory_unit)
		bytes *= kind->memory_unit;
	return bytes;
}

/*
 * The cgroup: the unified tree's unless the process sits in its root, else v1's memory or cpu
 * hierarchy (hybrid machines keep an empty unified tree). NULL when it is in no group of its own.
 */
static char *find_cgroup(const struct root *root, pid_t pid)
{
	static const char *const wanted[] = {"0::", ":memory:", ":cpu,cpuacct:", ":cpu:"};
	char *text = root_read_all(root, NULL, "/proc/%d/cgroup", pid), *found = NULL;

	for (size_t i = 0; text && !found && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char *at = strstr(text, wanted[i]);

		at = at ? at + strlen(wanted[i]) : NULL;
		if (at && strcspn(at, "\n") > 1)
			found = xasprintf("%.*s", (int)strcspn(at, "\n"), at);
	}
	free(text);
	return found;
}

/*
 * libvirt gives each domain its UUID, and passes files of its own folder, whoever's libvirt it is
 * (/var/lib/libvirt/qemu/, ~/.config/libvirt/qemu/).
 */
static struct guest_domain *find_domain(const struct args *args, const struct vmm_kind *kind)
{
	const char *uuid = kind && !strcmp(kind->name, "qemu") ? args_option(args, "-uuid", 0) : NULL;

	for (unsigned int i = 1; uuid && i < args->count; i++)
		if (strstr(args->list[i], "/libvirt/qemu/"))
			return guest_domain_new(uuid);
	return NULL;
}

/* Only of our own vmm: other command lines are none of our business, and may hold secrets. */
static char **keep_args(const struct args *args, const struct vmm_kind *kind)
{
	char **argv;

	if (!kind || strcmp(kind->name, "vmm") || !args->count)
		return NULL;
	argv = xcalloc(args->count + 1, sizeof(*argv));
	for (unsigned int i = 0; i < args->count; i++)
		argv[i] = xstrdup(args->list[i]);
	return argv;
}

uint64_t guest_identify(const struct root *root, struct guest *guest, const char *comm)
{
	const struct vmm_kind *kind;
	struct args args;
	uint64_t memory;

	args_read(root, guest->pid, &args);
	kind = kind_of(args.count ? base_name(args.list[0]) : comm);
	if (!kind)
		kind = kind_of(comm);
	guest->vmm = xstrdup(kind ? kind->name : comm);
	guest->cgroup = find_cgroup(root, guest->pid);
	guest->name = find_name(&args, kind, guest, comm);
	guest->qmp = find_qmp(root, &args, kind, guest->pid);
	guest->domain = find_domain(&args, kind);
	guest->argv = keep_args(&args, kind);
	memory = find_memory(&args, kind);
	free(args.text);
	return memory;
}
