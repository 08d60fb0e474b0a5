/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine of which each fact can be set by hand, for the tests of the doctor; and what is expected. */
#ifndef VMTUNE_TESTS_UNIT_DOCTOR_BENCH_H
#define VMTUNE_TESTS_UNIT_DOCTOR_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"

/* ---- a machine to be examined ------------------------------------------------------------------- */

/* Two nodes (CPUs 0-3 and 4-7), two cores each with two threads; nothing is known of its settings. */
static inline struct facts *machine_with(struct guest *guests, unsigned int count)
{
	struct error err;
	struct snapshot *snapshot = snapshot_load("node:2(memory=4GB) core:2 pu:2", &err);
	struct facts *facts;

	assert_non_null(snapshot);
	snapshot->machine->live = true;
	snapshot->has_kvm = true;
	snapshot->guests.count = count;
	snapshot->guests.guests = guests;
	facts = facts_new(snapshot);
	facts->told = facts->kvm_usable = true;
	return facts;
}

static inline struct facts *machine(void)
{
	return machine_with(NULL, 0);
}

static inline void set_knob(struct facts *facts, const char *name, const char *value)
{
	const struct knob *knob = knob_find(name);

	assert_non_null(knob);
	snprintf(facts->snapshot->knobs[knob - knobs].value, KNOB_VALUE_MAX, "%s", value);
}

/* An Intel or AMD machine, by its flags. */
static inline struct facts *machine_of(const char *flags)
{
	struct facts *facts = machine();

	facts->cpu_flags = xstrdup(flags);
	return facts;
}

static inline void add_vulnerability(struct facts *facts, const char *name, const char *text)
{
	facts->vulnerabilities = xreallocarray(facts->vulnerabilities, facts->vulnerability_count + 1,
		sizeof(*facts->vulnerabilities));
	facts->vulnerabilities[facts->vulnerability_count++] =
		(struct vulnerability){.name = xstrdup(name), .text = xstrdup(text)};
}

/* A guest of 4 GiB, whose vCPUs may run on these CPUs each: guest("db", 2, "0", "4-7"). */
static inline struct guest guest(const char *name, unsigned int vcpus, ...)
{
	struct guest guest = {.pid = 77, .name = xstrdup(name), .configured = 4 * GIB};
	va_list args;

	guest.vmm = xstrdup("qemu");
	guest.thread_count = guest.vcpu_count = vcpus;
	guest.threads = xcalloc(vcpus, sizeof(*guest.threads));
	va_start(args, vcpus);
	for (unsigned int i = 0; i < vcpus; i++) {
		guest.threads[i] = (struct guest_thread){.kind = THREAD_VCPU, .vcpu = (int)i, .cpu = -1};
		assert_int_equal(idset_parse(va_arg(args, const char *), &guest.threads[i].allowed, NULL),
			0);
	}
	va_end(args);
	guest.ram = xcalloc(1, sizeof(*guest.ram));
	guest.ram[0] = (struct guest_ram){.size = 4 * GIB, .page_size = 4 * KIB, .guest_node = -1};
	guest.ram_count = 1;
	return guest;
}

static inline struct facts *machine_running(struct guest first)
{
	struct guest *guests = xcalloc(1, sizeof(*guests));

	guests[0] = first;
	return machine_with(guests, 1);
}

static inline struct facts *machine_running_two(struct guest first, struct guest second)
{
	struct guest *guests = xcalloc(2, sizeof(*guests));

	guests[0] = first;
	guests[1] = second;
	return machine_with(guests, 2);
}

static inline void put_memory(struct facts *facts, unsigned int number, uint64_t node0, uint64_t node1)
{
	struct guest_memory_map *map = &facts->guests[number].map;

	map->node_bytes = xcalloc(2, sizeof(*map->node_bytes));
	map->node_count = 2;
	map->node_bytes[0] = node0;
	map->node_bytes[1] = node1;
	map->resident = node0 + node1;
}

/* ---- what is expected --------------------------------------------------------------------------- */

static inline void expect_text(const char *text, const char *words)
{
	if (!text || !strstr(text, words))
		fail_msg("'%s'\nshould have '%s'", text ? text : "(none)", words);
}

/* The check has one finding; frees the facts. @fix NULL: none. */
static inline void expect(struct facts *facts, const char *id, enum grade grade, const char *measured,
	enum fix_kind kind, const char *fix)
{
	struct findings findings;

	doctor_run_one(id, facts, &findings);
	assert_int_equal(findings.count, 1);
	assert_string_equal(grade_name(findings.rows[0].grade), grade_name(grade));
	expect_text(findings.rows[0].measured, measured);
	assert_string_equal(fix_kind_name(findings.rows[0].fix.kind), fix_kind_name(kind));
	if (fix)
		expect_text(findings.rows[0].fix.text, fix);
	findings_release(&findings);
	facts_free(facts);
}

static inline void expect_passed(struct facts *facts, const char *id, const char *measured)
{
	expect(facts, id, GRADE_PASSED, measured, FIX_NONE, NULL);
}

static inline void expect_unknown(struct facts *facts, const char *id, const char *what)
{
	expect(facts, id, GRADE_UNKNOWN, what, FIX_NONE, NULL);
}

#endif
