// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune doctor: what on this host costs guests speed or safety, and what would help. Changes nothing. */
#include <stdio.h>

#include "tuner/command.h"
#include "tuner/doctor/doctor.h"

struct doctor_options {
	struct command_common common;
	const char *host, *fix;
	bool all;
};

static const struct option_row rows[] = {
	{ "fix", 0, "FILE", "write a profile that answers the findings; FILE must not exist",
		.at = offsetof(struct doctor_options, fix) },
	{ "all", 'a', NULL, "print what passed as well", .at = offsetof(struct doctor_options, all) },
	{ "host", 0, "SOURCE", "of a snapshot (what it does not hold is unknown)",
		.at = offsetof(struct doctor_options, host) },
	{ 0 },
};

static void print(const struct doctor_options *options, const struct findings *findings)
{
	json_t *json;

	if (options->common.json) {
		json = report_json(findings);
		if (options->fix)
			json_object_set_new(json, "fix-file", json_string(options->fix));
		command_print_json(json);
		return;
	}
	report_print(findings, options->all);
	if (options->fix)
		printf("%s is written; see what it would do: vmtune plan %s\n\n", options->fix,
			options->fix);
	report_summary(findings);
}

int doctor_command(int argc, char **argv)
{
	struct doctor_options options = {0};
	struct findings findings;
	struct facts *facts;
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	facts = options.host ? facts_load(options.host, &err) : facts_read(&options.common.root, &err);
	if (!facts)
		return command_failed(argv[0], &err);
	doctor_run(facts, &findings);
	if (options.fix && fix_write(&findings, options.fix, &err) < 0) {
		status = command_failed(argv[0], &err);
	} else {
		print(&options, &findings);
		status = findings_count(&findings, GRADE_ERROR) || findings_count(&findings, GRADE_WARNING)
			? EXIT_DRIFT : EXIT_SUCCESS;
	}
	findings_release(&findings);
	facts_free(facts);
	return status;
}
