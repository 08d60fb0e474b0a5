/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles out of QEMU command lines and libvirt's XML: the whole text, and that a profile it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/attach.h"
#include "tuner/import/import.h"

typedef char *(*import_fn)(const char *text, size_t length, struct error *err);

/* The section without its comment must be @wanted, and all of it a profile. */
static void imports(import_fn import, const char *text, size_t length, const char *wanted)
{
	struct error err = { "" };
	char *got = import(text, length, &err), *section;
	struct profile *profile;

	if (!got) {
		fail_msg("refused: %s", err.text);
		return;
	}
	section = strncmp(got, "vm ", 3) ? strstr(got, "\nvm ") : got - 1;
	assert_non_null(section);
	assert_string_equal(section + 1, wanted);
	profile = profile_parse(got, strlen(got), "x.conf", &err);
	if (!profile)
		fail_msg("%s for\n%s", err.text, got);
	profile_free(profile);
	free(got);
}

static void notes(import_fn import, const char *text, const char *words)
{
	struct error err = { "" };
	char *got = import(text, strlen(text), &err);

	if (!got || !strstr(got, words))
		fail_msg("%s\nshould say '%s'", got ? got : err.text, words);
	free(got);
}

static void refused(import_fn import, const char *text, const char *words)
{
	struct error err = { "" };
	char *got = import(text, strlen(text), &err);

	if (got)
		fail_msg("accepted:\n%s", got);
	if (!strstr(err.text, words))
		fail_msg("%s\nshould say '%s'", err.text, words);
}

/* ---- QEMU ----------------------------------------------------------------------------------- */

static void qemu_command_lines(void **state)
{
	static const struct { const char *line, *section; } rows[] = {
		{ "qemu-system-x86_64", "vm qemu-system-x86 {\n\tattach = \"name:qemu-system-x86\"\n"
			"\tvcpus = 1\n\tmemory = 128M\n}\n" },
		{ "/usr/bin/qemu-system-x86_64 -name db -smp 4 -m 2G",
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 4\n\tmemory = 2G\n}\n" },
		{ "qemu-system-x86_64 -name guest=db,debug-threads=on --smp sockets=2,cores=2,threads=1 \\\n"
		  "  -m size=1048576k,slots=4",
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 4\n\tmemory = 1G\n}\n" },
		{ "qemu-system-x86_64 -name 'my guest' -smp cpus=2,maxcpus=8 -m 513",
			"vm my_guest {\n\tattach = \"name:my guest\"\n\tvcpus = 2\n\tmemory = 512M\n}\n" },
		{ "qemu-kvm -name guest=a,,b -m 64", /* a comma in a value is doubled */
			"vm a_b {\n\tattach = \"name:a,b\"\n\tvcpus = 1\n\tmemory = 64M\n}\n" },
		{ "qemu-kvm -name a -m 4G -mem-path /dev/hugepages",
			"vm a {\n\tattach = \"name:a\"\n\tvcpus = 1\n\tmemory = 4G\n\tpages = 2M\n}\n" },
		{ "qemu-system-x86_64 -name a -m 1G "
		  "-object memory-backend-memfd,id=m,size=1G,hugetlb=on,hugetlbsize=1G,host-nodes=1,policy=bind",
			"vm a {\n\tattach = \"name:a\"\n\tvcpus = 1\n\tmemory = 1G\n\tpages = 1G\n"
			"\tnodes = \"1\"\n}\n" },
		{ "qemu-system-x86_64 -name a -m 1G -object '{\"qom-type\":\"memory-backend-ram\",\"id\":\"r\","
		  "\"size\":1073741824,\"host-nodes\":[0,2],\"policy\":\"bind\"}'",
			"vm a {\n\tattach = \"name:a\"\n\tvcpus = 1\n\tmemory = 1G\n\tnodes = \"0,2\"\n}\n" },
		{ "qemu-system-x86_64 -qmp unix:/run/x.sock,server=on -m 64",
			"vm x.sock {\n\tattach = \"qmp:/run/x.sock\"\n\tvcpus = 1\n\tmemory = 64M\n}\n" },
	};
	static const char words[] = "qemu-system-x86_64\0-name\0a b\0-m\0" "1G";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		imports(import_qemu, rows[i].line, strlen(rows[i].line), rows[i].section);
	imports(import_qemu, words, sizeof(words),
		"vm a_b {\n\tattach = \"name:a b\"\n\tvcpus = 1\n\tmemory = 1G\n}\n");
}

static void what_is_no_qemu_command_line(void **state)
{
	(void)state;
	refused(import_qemu, "", "no QEMU command line");
	refused(import_qemu, "-name a", "no QEMU command line");
	refused(import_qemu, "qemu-system-x86_64 -name 'a", "a quote (') that is never closed");
}

/* ---- libvirt -------------------------------------------------------------------------------- */

#define DOMAIN(rest) "<domain type='kvm'><name>db</name><memory unit='KiB'>4194304</memory>" rest "</domain>"

static void libvirt_domains(void **state)
{
	static const struct { const char *xml, *section; } rows[] = {
		{ DOMAIN("<vcpu placement='static'>2</vcpu>"),
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 2\n\tmemory = 4G\n}\n" },
		{ DOMAIN("<vcpu current='2'>8</vcpu><cputune><vcpupin vcpu='0' cpuset='2'/>"
			"<vcpupin vcpu='1' cpuset='3,8-9'/><emulatorpin cpuset='0-1'/><shares>2048</shares>"
			"<period>100000</period><quota>50000</quota></cputune>"),
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 2\n\tmemory = 4G\n\tpins = \"0=2,1=3+8-9\"\n"
			"\tio_cpus = \"0-1\"\n\tcpu_weight = 200\n\tcpu_quota = 100\n}\n" },
		{ DOMAIN("<vcpu cpuset='0-3,^1'>1</vcpu><iothreads>1</iothreads><cputune>"
			"<iothreadpin iothread='1' cpuset='7'/></cputune>"),
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 1\n\tmemory = 4G\n\tpins = \"0=0+2-3\"\n"
			"\tio_cpus = \"7\"\n}\n" },
		{ DOMAIN("<vcpu>2</vcpu><cputune><vcpupin vcpu='1' cpuset='3'/></cputune>"
			"<numatune><memory mode='strict' nodeset='1'/></numatune>"
			"<memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages></memoryBacking>"),
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 2\n\tmemory = 4G\n\tpages = 1G\n"
			"\tnodes = \"1\"\n}\n" },
		{ DOMAIN("<vcpu>2</vcpu><memoryBacking><hugepages/></memoryBacking><numatune>"
			"<memnode cellid='0' mode='strict' nodeset='0'/><memnode cellid='1' nodeset='2'/></numatune>"),
			"vm db {\n\tattach = \"name:db\"\n\tvcpus = 2\n\tmemory = 4G\n\tpages = 2M\n"
			"\tnodes = \"0,2\"\n}\n" },
		{ "<?xml version='1.0'?><domain><name>a</name><memory unit='GB'>1</memory></domain>",
			"vm a {\n\tattach = \"name:a\"\n\tvcpus = 1\n\tmemory = 952M\n}\n" },
		{ "<domstatus><domain><name>a&quot;b</name></domain></domstatus>",
			"vm a_b {\n\tattach = \"name:a_b\"\n\tvcpus = 1\n}\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		imports(import_libvirt, rows[i].xml, strlen(rows[i].xml), rows[i].section);
}

static void what_a_profile_says_differently_is_noted(void **state)
{
	(void)state;
	notes(import_libvirt, DOMAIN("<vcpu>2</vcpu><cputune><vcpupin vcpu='1' cpuset='3'/></cputune>"),
		"# vCPU 0 is not pinned; a profile pins all vCPUs or none\n");
	notes(import_libvirt, DOMAIN("<vcpu cpuset='1'>1</vcpu><numatune><memory nodeset='1'/></numatune>"),
		"# numatune nodeset is 1; with pins memory follows the vCPUs\n");
	notes(import_libvirt, DOMAIN("<numatune><memory mode='interleave' nodeset='0-1'/></numatune>"),
		"# numatune mode is interleave; vmtune moves memory to the nodes\n");
	notes(import_libvirt, DOMAIN("<vcpu>999</vcpu>"), "# 999 vCPUs are more than a profile takes\n");
	notes(import_qemu, "qemu-system-x86_64 -object memory-backend-ram,policy=interleave,host-nodes=0",
		"# its memory's policy is interleave; vmtune moves it to the nodes\n");
}

static void what_is_no_domain(void **state)
{
	static const char entities[] = "<!DOCTYPE domain [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
		"<domain><name>&e;</name></domain>";

	(void)state;
	refused(import_libvirt, "", "no domain of libvirt");
	refused(import_libvirt, "<network><name>n</name></network>", "no domain of libvirt");
	refused(import_libvirt, "<domain>\n<name>a</name>\n", "line ");
	refused(import_libvirt, entities, "it has a document type");
}

/* ---- guests that run ------------------------------------------------------------------------ */

static const struct action_context context = { .run_dir = "/run/vmtune", .vmm = "/bin/vmm" };

static void add_guest(struct snapshot *snapshot, const char *name, pid_t pid, const char *cpus, unsigned int node)
{
	struct guest_list *list = &snapshot->guests;
	struct guest *guest;

	list->guests = xreallocarray(list->guests, list->count + 1, sizeof(*guest));
	guest = &list->guests[list->count++];
	*guest = (struct guest){ .pid = pid, .start = 5, .name = xstrdup(name), .vmm = xstrdup("qemu"),
		.vcpu_count = 1, .configured = 512 * MIB, .balloon = GUEST_UNKNOWN, .node_count = 2 };
	guest->ram = xcalloc(1, sizeof(*guest->ram));
	guest->ram[0] = (struct guest_ram){ .start = GIB, .size = 512 * MIB, .page_size = 4096 };
	guest->ram_count = 1;
	guest->node_bytes = xcalloc(2, sizeof(*guest->node_bytes));
	guest->node_bytes[node] = 512 * MIB;
	guest->threads = xcalloc(2, sizeof(*guest->threads));
	guest->thread_count = 2;
	for (int i = 0; i < 2; i++) {
		guest->threads[i] = (struct guest_thread){ .tid = pid + i, .start = 7,
			.kind = i ? THREAD_EMULATOR : THREAD_VCPU, .vcpu = i ? -1 : 0 };
		assert_int_equal(idset_parse(cpus, &guest->threads[i].allowed, NULL), 0);
	}
}

static void running_guests_are_written_so_that_nothing_changes(void **state)
{
	struct error err = { "" };
	struct snapshot *snapshot = snapshot_load("node:2(memory=4GB) core:4 pu:1", &err);
	char names[] = "200", *only[] = { names }, *text;

	(void)state;
	assert_non_null(snapshot);
	snapshot->machine->live = true;
	for (unsigned int i = 0; i < 2; i++)
		snapshot->machine->nodes[i].free = snapshot->machine->nodes[i].memory = 4 * GIB;
	add_guest(snapshot, "pinned", 100, "5", 1);
	add_guest(snapshot, "free", 200, "0-7", 1);
	add_guest(snapshot, "remote", 300, "2", 1); /* its memory would follow the pin */
	add_guest(snapshot, "twin", 400, "0-7", 0);
	add_guest(snapshot, "twin", 500, "0-7", 0);
	add_guest(snapshot, "", 600, "0-7", 0); /* -name guest= */
	text = import_running(snapshot, NULL, 0, &context, &err);
	if (!text) {
		fail_msg("%s", err.text);
		return;
	}
	assert_non_null(strstr(text, "vm pinned {\n\tattach = \"name:pinned\"\n\tvcpus = 1\n\tmemory = 512M\n"
		"\tpages = 4K\n\tpins = \"0=5\"\n\tio_cpus = \"5\"\n}\n"));
	assert_non_null(strstr(text, "vm free {\n\tattach = \"name:free\"\n\tvcpus = 1\n\tmemory = 512M\n"
		"\tpages = 4K\n\tplacement = keep\n}\n"));
	assert_non_null(strstr(text, "#   512M of its memory on node 1\n#   vCPU 0 may use CPUs 2\n"));
	assert_non_null(strstr(text, "vm remote {\n\tattach = \"name:remote\"\n\tvcpus = 1\n\tmemory = 512M\n"
		"\tpages = 4K\n\tplacement = keep\n}\n"));
	assert_non_null(strstr(text, "vm twin {\n\tattach = \"pid:400\"\n"));
	assert_non_null(strstr(text, "vm twin-2 {\n\tattach = \"pid:500\"\n"));
	assert_non_null(strstr(text, "\tattach = \"pid:600\"\n"));
	free(text);
	text = import_running(snapshot, only, 1, &context, &err);
	assert_non_null(text);
	assert_null(strstr(text, "vm pinned"));
	free(text);
	snapshot_free(snapshot);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_command_lines),
		cmocka_unit_test(what_is_no_qemu_command_line),
		cmocka_unit_test(libvirt_domains),
		cmocka_unit_test(what_a_profile_says_differently_is_noted),
		cmocka_unit_test(what_is_no_domain),
		cmocka_unit_test(running_guests_are_written_so_that_nothing_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
