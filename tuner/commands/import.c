/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmtune import: a profile of what runs now, or of what a file says. Changes nothing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/writeall.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/import/import.h"

struct import_options {
	struct command_common common;
	const char *out, *qemu, *libvirt;
};

static const struct option_row rows[] = {
	{ "output", 'o', "FILE", "write the profile there (a file that is there is not overwritten)",
		.at = offsetof(struct import_options, out) },
	{ "qemu", 0, "FILE", "from a QEMU command line: shell words, or a copy of /proc/PID/cmdline",
		.at = offsetof(struct import_options, qemu) },
	{ "libvirt", 0, "FILE.xml", "from a domain of libvirt (virsh dumpxml)",
		.at = offsetof(struct import_options, libvirt) },
	{ 0 },
};

static char *import_file(const char *file, char *(*import)(const char *, size_t, struct error *),
	struct error *err)
{
	struct root here = { .dir = "" };
	size_t length = 0;
	char *text = root_read_all(&here, &length, "%s", file), *profile;

	if (!text) {
		error_errno(err, errno, "%s", file);
		return NULL;
	}
	profile = import(text, length, err);
	if (!profile)
		error_prefix(err, "%s", file);
	free(text);
	return profile;
}

static char *import_here(const struct import_options *options, char *const *names, unsigned int count,
	struct error *err)
{
	struct snapshot *snapshot = snapshot_read(&options->common.root, err);
	struct action_context context;
	char *profile;

	if (!snapshot)
		return NULL;
	context_init(&context, &options->common.root);
	profile = import_running(snapshot, names, count, &context, err);
	snapshot_free(snapshot);
	return profile;
}

static int deliver(const struct import_options *options, const char *profile, struct error *err)
{
	if (options->out)
		return write_new_file(options->out, profile, err);
	if (options->common.json)
		command_print_json(json_pack("{s:s}", "profile", profile));
	else
		fputs(profile, stdout);
	return 0;
}

int import_command(int argc, char **argv)
{
	struct import_options options = { 0 };
	char *profile = NULL;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	if ((options.qemu || options.libvirt) && (operands < argc || (options.qemu && options.libvirt))) {
		error_set(&err, EINVAL, "--qemu, --libvirt and names of guests exclude each other");
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	if (options.qemu)
		profile = import_file(options.qemu, import_qemu, &err);
	else if (options.libvirt)
		profile = import_file(options.libvirt, import_libvirt, &err);
	else
		profile = import_here(&options, argv + operands, (unsigned int)(argc - operands), &err);
	status = profile ? deliver(&options, profile, &err) : -1;
	free(profile);
	return status < 0 ? command_failed(argv[0], &err) : EXIT_SUCCESS;
}
