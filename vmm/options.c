// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line: one table row an option. Kept in the order of man/vmm.1. */
#include "vmm/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"
#include "lib/version.h"
#include "lib/xalloc.h"
#include "vmm/options_internal.h"
#include "vmm/suboptions.h"

static int set_text(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
	return 0;
}

/* A setter for a text field of the configuration. */
#define TEXT_SETTER(field)                                                             \
	static int option_##field(void *target, const char *text, struct error *err)   \
	{                                                                              \
		(void)err;                                                             \
		return set_text(&((struct parse *)target)->config->field, text);       \
	}
/* A setter for a flag: it sets @lvalue of the parse to @value. */
#define FLAG_SETTER(name, lvalue, value)                                               \
	static int option_##name(void *target, const char *text, struct error *err)    \
	{                                                                              \
		struct parse *parse = target;                                          \
                                                                                       \
		(void)text;                                                            \
		(void)err;                                                             \
		parse->lvalue = (value);                                               \
		return 0;                                                              \
	}

TEXT_SETTER(kernel)
TEXT_SETTER(initrd)
TEXT_SETTER(append)
TEXT_SETTER(qmp)
TEXT_SETTER(pidfile)
FLAG_SETTER(no_rng, config->rng, false)
FLAG_SETTER(paused, config->paused, true)
FLAG_SETTER(no_reboot, config->no_reboot, true)
FLAG_SETTER(help, help, true)
FLAG_SETTER(version, version, true)

static int option_name(void *target, const char *text, struct error *err)
{
	if (!*text || strchr(text, '/'))
		return error_set(err, EINVAL, "'%s' is not a name; a word without '/' is", text);
	return set_text(&((struct parse *)target)->config->name, text);
}

static int option_cpus(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;

	parse->has_cpus = true;
	return suboption_number(text, 1, VM_CPUS_MAX, &parse->config->cpus, err);
}

static int option_io_cpus(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;

	if (idset_parse(text, &parse->config->io_cpus, err) < 0)
		return -EINVAL;
	return idset_empty(&parse->config->io_cpus) ? error_set(err, EINVAL, "an empty list") : 0;
}

static int set_prefault(struct parse *parse, bool prefault)
{
	parse->has_prefault = true;
	parse->config->prefault = prefault;
	return 0;
}

static int option_prefault(void *target, const char *text, struct error *err)
{
	(void)text;
	(void)err;
	return set_prefault(target, true);
}

static int option_no_prefault(void *target, const char *text, struct error *err)
{
	(void)text;
	(void)err;
	return set_prefault(target, false);
}

static int option_triple_fault(void *target, const char *text, struct error *err)
{
	struct parse *parse = target;

	if (strcmp(text, "end") && strcmp(text, "reset"))
		return error_set(err, EINVAL, "'%s' is not one of end, reset", text);
	parse->config->triple_fault_resets = !strcmp(text, "reset");
	return 0;
}

static const struct option_row rows[] = {
	{"name", 0, "NAME", "what the guest is called (guest)", .set = option_name},
	{"kernel", 'k', "FILE", "Linux bzImage, or ELF kernel with a PVH note (needed)", .set = option_kernel},
	{"initrd", 0, "FILE", "initial RAM disk", .set = option_initrd},
	{"append", 0, "TEXT", "kernel command line (for a bzImage: console=ttyS0)", .set = option_append},
	{"cpus", 'c', "N", "number of vCPUs (1, or what --numa says)", .set = option_cpus},
	{"memory", 'm', "SIZE[,...]", "memory of a guest of one node (512M)", .set = option_memory},
	{"numa", 0, "KEY=VALUE,...", "one guest node: cpus memory host-node policy pages ...",
		.set = option_numa},
	{"prefault", 0, NULL, "populate all memory at start (default with host-node)", .set = option_prefault},
	{"no-prefault", 0, NULL, "do not populate memory other than hugepages", .set = option_no_prefault},
	{"pin", 0, "VCPU=CPUS,...", "host CPUs each vCPU may run on", .set = option_pin},
	{"io-cpus", 0, "LIST", "host CPUs of the I/O thread", .set = option_io_cpus},
	{"disk", 0, "FILE[,readonly]", "virtio disk on a raw image or block device", .set = option_disk},
	{"net", 0, "user|tap=NAME[,...]", "virtio network interface", .set = option_net},
	{"serial", 0, "BACKEND", "COM1: stdio, file:FILE, unix:SOCKET, none (stdio)", .set = option_serial},
	{"console", 0, "BACKEND", "virtio console, as --serial (none)", .set = option_console},
	{"no-rng", 0, NULL, "no virtio entropy device", .set = option_no_rng},
	{"balloon", 0, "[=KEY=on|off,...]", "a virtio balloon (default without hugepages)",
		.set = option_balloon},
	{"no-balloon", 0, NULL, "no virtio balloon", .set = option_no_balloon},
	{"qmp", 0, "SOCKET", "control socket", .set = option_qmp},
	{"pidfile", 0, "FILE", "write the process id there, once the guest can run", .set = option_pidfile},
	{"paused", 0, NULL, "wait for QMP cont before the first instruction", .set = option_paused},
	{"no-reboot", 0, NULL, "end when the guest resets itself", .set = option_no_reboot},
	{"triple-fault", 0, "end|reset", "what a triple fault does (end, with status 1)",
		.set = option_triple_fault},
	{"help", 'h', NULL, "this text", .set = option_help},
	{"version", 0, NULL, "version", .set = option_version},
	{0},
};

static void set_defaults(struct vm_config *config)
{
	*config = (struct vm_config){.cpus = 1,
		.rng = true,
		.balloon_config = {.deflate_on_oom = true, .page_poison = true}};
	config->name = xstrdup("guest");
	config->serial.kind = CHARDEV_STDIO;
}

static void print_help(void)
{
	printf("Usage: vmm --kernel FILE [OPTION...]\n"
	       "Runs one virtual machine; man vmm explains the options.\n\n");
	options_help(rows);
}

/* A balloon returns single pages, and of a hugepage that is nothing: no use where there are any. */
static bool wants_balloon(const struct vm_config *config)
{
	for (unsigned int i = 0; i < config->node_count; i++)
		if (config->nodes[i].pages == MEMORY_PAGES_2M || config->nodes[i].pages == MEMORY_PAGES_1G)
			return false;
	return true;
}

static int finish(struct parse *parse, struct error *err)
{
	struct vm_config *config = parse->config;

	if (!config->kernel)
		return error_set(err, EINVAL, "--kernel FILE is needed; --help lists the options");
	if (config->serial.kind == CHARDEV_STDIO && config->console.kind == CHARDEV_STDIO)
		return error_set(err, EINVAL, "--console stdio: --serial has it already (give --serial none)");
	if (options_finish_nodes(parse, err) < 0)
		return -EINVAL;
	if (!parse->has_balloon)
		config->balloon = wants_balloon(config);
	return 0;
}

static int parse_all(int argc, char **argv, struct parse *parse, struct error *err)
{
	int operands;

	if (options_parse(argc, argv, rows, parse, 0, &operands, err) < 0)
		return -EINVAL;
	if (parse->help || parse->version) {
		if (parse->help)
			print_help();
		else
			printf("vmm %s\n", VMTUNE_VERSION);
		return 1;
	}
	if (operands < argc)
		return error_set(err, EINVAL, "'%s' is no option; --help lists them", argv[operands]);
	return finish(parse, err);
}

int vm_config_parse(int argc, char **argv, struct vm_config *config, struct error *err)
{
	struct parse parse = {.config = config};
	int ret;

	set_defaults(config);
	ret = parse_all(argc, argv, &parse, err);
	if (ret)
		vm_config_release(config);
	return ret;
}

void vm_config_release(struct vm_config *config)
{
	char **texts[] = {&config->name, &config->kernel, &config->initrd, &config->append, &config->qmp,
		&config->pidfile, &config->serial.path, &config->console.path};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(*texts[i]);
	for (unsigned int i = 0; i < config->disk_count; i++)
		free(config->disks[i].path);
	for (unsigned int i = 0; i < config->net_count; i++)
		free(config->nets[i].tap);
	*config = (struct vm_config){0};
}
