// SPDX-License-Identifier: GPL-2.0-or-later
/* Both pictures of a plan: in characters as a whole, and what lstopo is told and what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/plan_bench.h"
#include "tuner/picture/internal.h"

#define MACHINE "pack:2 [numa(memory=4GiB)] l3:2 core:2 pu:2"

/* db on cores 1 to 3 of node 0, and two that share node 1. */
static const char profile_text[] =
	"vm db { kernel = k vcpus = 4 memory = 2G dedicated = true nodes = \"0\" }\n"
	"vm web1 { kernel = k vcpus = 2 memory = 1G nodes = \"1\" }\n"
	"vm web2 { kernel = k vcpus = 2 memory = 1536M nodes = \"1\" }\n";

static void plan_on(struct bench *bench, const char *machine, const char *profile)
{
	memset(bench, 0, sizeof(*bench));
	bench->snapshot = snapshot_load(machine, &bench->err);
	assert_non_null(bench->snapshot);
	bench->profile = profile_parse(profile, strlen(profile), "x.conf", &bench->err);
	assert_non_null(bench->profile);
	bench->plan = plan_make(bench->profile, bench->snapshot, &context, &bench->err);
	if (!bench->plan)
		fail_msg("%s", bench->err.text);
}

/* The caller frees. */
static char *draw(const struct bench *bench, int width, bool colour)
{
	const struct picture_options options = { .width = width, .colour = colour };
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	picture_print(bench->plan, bench->snapshot->machine, &options, out);
	fclose(out);
	return text;
}

static void characters_show_cpus_memory_and_legend(void **state)
{
	static const char wanted[] =
		"+- package 0 ------------------------+ +- package 1 ------------------------+\n"
		"| +- node 0, 4G -------------------+ | | +- node 1, 4G -------------------+ |\n"
		"| | cpu [.. ..] [AA AA]            | | | | cpu [++ ++] [++ ++]            | |\n"
		"| | mem [AAAAAAAAAAAA............] | | | |     + B, C                     | |\n"
		"| |     A 2G, 2G left              | | | | mem [BBBBBBCCCCCCCCC.........] | |\n"
		"| +--------------------------------+ | | |     B 1G, C 1.5G, 1.5G left    | |\n"
		"+------------------------------------+ | +--------------------------------+ |\n"
		"                                       +------------------------------------+\n"
		"\n"
		"A  db: 4 vCPUs, dedicated; 2G in THP pages on node 0\n"
		"B  web1: 2 vCPUs; 1G in THP pages on node 1\n"
		"C  web2: 2 vCPUs; 1536M in THP pages on node 1\n"
		"+  a CPU of several VMs\n"
		".  no vCPU, or memory left\n";
	struct bench bench;
	char *text;

	(void)state;
	plan_on(&bench, MACHINE, profile_text);
	text = draw(&bench, 80, false);
	assert_string_equal(text, wanted);
	free(text);
	clear(&bench);
}

static void closed_cpus_and_used_memory_have_signs_of_their_own(void **state)
{
	static const char profile[] = "vm a { kernel = k memory = 1G }";
	static const char wanted[] =
		"+- package 0 ------------------------+\n"
		"| +- node 0, 4G -------------------+ |\n"
		"| | cpu [--AA]                     | |\n"
		"| | mem [######AAAAAA............] | |\n"
		"| |     A 1G, 2G left              | |\n"
		"| +--------------------------------+ |\n"
		"+------------------------------------+\n"
		"\n"
		"A  a: 1 vCPU; 1G in THP pages on node 0\n"
		".  no vCPU, or memory left\n"
		"#  memory in use already\n"
		"-  a CPU not for VMs\n";
	struct bench bench = { 0 };
	struct machine *machine;
	char *text;

	(void)state;
	bench.snapshot = snapshot_load("pack:1 [numa(memory=4GiB)] core:4 pu:1", &bench.err);
	assert_non_null(bench.snapshot);
	machine = bench.snapshot->machine;
	machine->nodes[0].free = machine->nodes[0].available = 3 * GIB;
	assert_int_equal(idset_parse("2-3", &machine->allowed, &bench.err), 0);
	bench.profile = profile_parse(profile, strlen(profile), "x.conf", &bench.err);
	bench.plan = plan_make(bench.profile, bench.snapshot, &context, &bench.err);
	assert_non_null(bench.plan);
	text = draw(&bench, 80, false);
	assert_string_equal(text, wanted);
	free(text);
	clear(&bench);
}

static void memory_without_cpus_stands_beside_its_node(void **state)
{
	static const char wanted[] =
		"+- package 0 ------------------------------------------------------------+\n"
		"| +- node 0, 4G -------------------+ +- node 1, 1.5G CXL-DRAM, no CPUs + |\n"
		"| | cpu [AAA]                      | | mem [.........................] | |\n"
		"| | mem [AAAAAA..................] | |     1.5G left                   | |\n";
	struct bench bench;
	char *text;

	(void)state;
	plan_on(&bench, "pack:1 [numa(memory=4GiB)] [numa(memory=1536MiB)] core:3 pu:1",
		"vm a { kernel = k memory = 1G }");
	strcpy(bench.snapshot->machine->nodes[1].tier, "CXL-DRAM");
	text = draw(&bench, 80, false);
	assert_int_equal(strncmp(text, wanted, strlen(wanted)), 0);
	free(text);
	clear(&bench);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
	static const char *const machines[] = {
		MACHINE, "pack:2 [numa(memory=64GiB)] core:96 pu:2", "pack:1 [numa(memory=64GiB)] l3:16 core:3 pu:4",
		"pack:4 group:4 [numa(memory=8GiB)] core:4 pu:2", "pack:8 group:8 [numa(memory=64GiB)] core:8 pu:2",
		"node:64(memory=1GiB) pu:1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		for (int width = 80; width <= 160; width += 40) {
			struct bench bench;
			unsigned int lines = 0;
			char *text, *line, *rest;

			plan_on(&bench, machines[i], "vm a { kernel = k }");
			text = draw(&bench, width, false);
			for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
				assert_in_range(strlen(line), 0, width);
				lines++;
			}
			/* 64 nodes and 1,024 CPUs: a line each, and the legend. */
			assert_in_range(lines, 7, 75);
			free(text);
			clear(&bench);
		}
}

static void colour_is_only_in_escapes(void **state)
{
	struct bench bench;
	char *plain, *coloured, *to, *from;
	unsigned int escapes = 0;

	(void)state;
	plan_on(&bench, MACHINE, profile_text);
	plain = draw(&bench, 80, false);
	coloured = draw(&bench, 80, true);
	for (to = from = coloured; *from; from++) {
		if (*from == '\033') {
			escapes++;
			from = strchr(from, 'm');
			continue;
		}
		*to++ = *from;
	}
	*to = '\0';
	assert_string_equal(coloured, plain);
	assert_true(escapes > 10);
	free(plain);
	free(coloured);
	clear(&bench);
}

/* ---- hwloc's drawing ---- */

static bool has_misc(hwloc_obj_t parent, const char *name)
{
	for (hwloc_obj_t child = parent->misc_first_child; child; child = child->next_sibling)
		if (!strcmp(child->name, name))
			return true;
	return false;
}

/* What lstopo reads: the annotated topology written as XML and read again. */
static hwloc_topology_t write_and_read(const struct bench *bench)
{
	struct picture picture;
	hwloc_topology_t annotated, again;
	struct error err;
	char *xml;
	int length;

	picture_init(&picture, bench->plan, bench->snapshot->machine);
	annotated = picture_annotate(&picture, &err);
	assert_non_null(annotated);
	assert_int_equal(hwloc_topology_export_xmlbuffer(annotated, &xml, &length, 0), 0);
	assert_int_equal(hwloc_topology_init(&again), 0);
	hwloc_topology_set_type_filter(again, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_ALL);
	assert_int_equal(hwloc_topology_set_xmlbuffer(again, xml, length), 0);
	assert_int_equal(hwloc_topology_load(again), 0);
	hwloc_free_xmlbuffer(annotated, xml);
	hwloc_topology_destroy(annotated);
	picture_release(&picture);
	return again;
}

static void lstopo_gets_colours_names_and_a_legend(void **state)
{
	hwloc_topology_t topology;
	hwloc_obj_t cpu, shared, node;
	struct bench bench;
	char wanted[64];

	(void)state;
	plan_on(&bench, MACHINE, profile_text);
	topology = write_and_read(&bench);
	cpu = hwloc_get_pu_obj_by_os_index(topology, (unsigned int)idset_next(&bench.plan->vms[0].pins[3], -1));
	shared = hwloc_get_pu_obj_by_os_index(topology, 8);
	node = hwloc_get_numanode_obj_by_os_index(topology, 1);
	snprintf(wanted, sizeof(wanted), "Background=%s;Text=%s", picture_colour(0)->background,
		picture_colour(0)->text);
	assert_string_equal(cpu->subtype, "A3");
	assert_string_equal(hwloc_obj_get_info_by_name(cpu, "lstopoStyle"), wanted);
	assert_string_equal(shared->subtype, "B+C");
	assert_true(has_misc(node, "B web1 1G"));
	assert_true(has_misc(node, "C web2 1.5G"));
	assert_true(has_misc(node, "1.5G left"));
	assert_false(has_misc(node, "A db 2G"));
	assert_true(has_misc(hwloc_get_root_obj(topology), "A  db: 4 vCPUs, dedicated; 2G in THP pages on node 0"));
	hwloc_topology_destroy(topology);
	clear(&bench);
}

/* The caller frees; NULL when there is no such file. */
static char *read_file(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	if (file && getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	if (file)
		fclose(file);
	return text;
}

static void svg_has_the_vms_in_it(void **state)
{
	static const char path[] = "/tmp/vmtune-test-picture.svg";
	struct bench bench;
	struct error err;
	char *svg;
	int rc;

	(void)state;
	if (system("command -v lstopo >/dev/null")) {
		puts("no lstopo here (Debian package hwloc)");
		skip();
	}
	plan_on(&bench, MACHINE, profile_text);
	unlink(path);
	rc = picture_write(bench.plan, bench.snapshot->machine, "my title", path, &err);
	if (rc < 0)
		fail_msg("%s", err.text);
	svg = read_file(path);
	assert_non_null(svg);
	assert_non_null(strstr(svg, "<svg"));
	/* The colour of A, as lstopo with cairo and lstopo without graphics write it. */
	assert_true(strstr(svg, "rgb(30.58") || strstr(svg, "rgb(78,121,167)"));
	unlink(path);
	free(svg);
	clear(&bench);
}

static void without_lstopo_the_error_names_the_package_and_the_file_stays(void **state)
{
	static const char path[] = "/tmp/vmtune-test-picture-kept.svg";
	char *before = xstrdup(getenv("PATH")), *kept;
	FILE *file = fopen(path, "w");
	struct bench bench;
	struct error err;
	int rc;

	(void)state;
	assert_non_null(file);
	fputs("mine", file);
	fclose(file);
	plan_on(&bench, MACHINE, profile_text);
	setenv("PATH", "/nonexistent", 1);
	rc = picture_write(bench.plan, bench.snapshot->machine, "title", path, &err);
	setenv("PATH", before, 1);
	assert_true(rc < 0);
	assert_non_null(strstr(err.text, "install hwloc"));
	kept = read_file(path);
	assert_string_equal(kept, "mine");
	assert_true(picture_check_name("x.gif", &err) < 0);
	assert_non_null(strstr(err.text, "x.gif"));
	unlink(path);
	free(kept);
	free(before);
	clear(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_show_cpus_memory_and_legend),
		cmocka_unit_test(closed_cpus_and_used_memory_have_signs_of_their_own),
		cmocka_unit_test(memory_without_cpus_stands_beside_its_node),
		cmocka_unit_test(no_line_is_wider_than_the_terminal),
		cmocka_unit_test(colour_is_only_in_escapes),
		cmocka_unit_test(lstopo_gets_colours_names_and_a_legend),
		cmocka_unit_test(svg_has_the_vms_in_it),
		cmocka_unit_test(without_lstopo_the_error_names_the_package_and_the_file_stays),
	};

	return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
