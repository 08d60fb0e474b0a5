// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of vCPU threads that were pinned onto one CPU or one core. A thread counts as pinned when all
 * the CPUs it may use belong to one core: what the scheduler may still spread is its business.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"
#include "tuner/doctor/guest_name.h"
#include "tuner/doctor/text.h"

struct pinned {
	const struct guest *guest;
	int vcpu;
	unsigned int core;
	int cpu;            /* -1: any of the core's */
	unsigned int first; /* a CPU of the core, to name it by */
	int node;
};

struct pins {
	struct pinned *rows; /* by core, then CPU */
	size_t count;
};

static void add_thread(struct pins *pins, const struct machine *machine, const struct guest *guest,
	const struct guest_thread *thread)
{
	const struct machine_cpu *first = NULL;

	idset_for_each(id, &thread->allowed) {
		const struct machine_cpu *cpu = machine_cpu_of(machine, (unsigned int)id);

		if (!cpu || (first && cpu->core != first->core))
			return;
		first = first ? first : cpu;
	}
	if (!first)
		return;
	pins->rows = xreallocarray(pins->rows, pins->count + 1, sizeof(*pins->rows));
	pins->rows[pins->count++] = (struct pinned){
		.guest = guest,
		.vcpu = thread->vcpu,
		.core = first->core,
		.cpu = idset_count(&thread->allowed) == 1 ? (int)first->os : -1,
		.first = first->os,
		.node = first->node,
	};
}

static int by_core(const void *a, const void *b)
{
	const struct pinned *one = a, *other = b;

	if (one->core != other->core)
		return one->core < other->core ? -1 : 1;
	if (one->cpu != other->cpu)
		return one->cpu < other->cpu ? -1 : 1;
	if (one->guest != other->guest) /* of one array */
		return one->guest < other->guest ? -1 : 1;
	return one->vcpu - other->vcpu;
}

static struct pins pins_of(const struct facts *facts)
{
	const struct guest_list *list = &facts->snapshot->guests;
	struct pins pins = {0};

	for (unsigned int i = 0; i < list->count; i++)
		for (unsigned int j = 0; j < list->guests[i].thread_count; j++)
			if (list->guests[i].threads[j].kind == THREAD_VCPU)
				add_thread(&pins, facts->snapshot->machine, &list->guests[i],
					&list->guests[i].threads[j]);
	if (pins.count)
		qsort(pins.rows, pins.count, sizeof(*pins.rows), by_core);
	return pins;
}

static bool core_used(const struct pins *pins, unsigned int core)
{
	for (size_t i = 0; i < pins->count; i++)
		if (pins->rows[i].core == core)
			return true;
	return false;
}

/* A CPU of a core where no vCPU is pinned, best on @node; NULL: there is none. */
static const struct machine_cpu *free_cpu(const struct machine *machine, const struct pins *pins, int node)
{
	const struct machine_cpu *best = NULL;

	for (unsigned int i = 0; i < machine->cpu_count; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];

		if (!idset_has(&machine->allowed, cpu->os) || core_used(pins, cpu->core))
			continue;
		if (!best || (cpu->node == node && best->node != node))
			best = cpu;
	}
	return best;
}

static struct fix move_away(const struct facts *facts, const struct pins *pins,
	const struct pinned *pinned)
{
	const struct machine_cpu *cpu = free_cpu(facts->snapshot->machine, pins, pinned->node);
	char name[GUEST_NAME_MAX];

	if (!cpu || pinned->vcpu < 0)
		return fix_text(FIX_HAND, "no core is free of vCPUs: pin fewer, or give guests fewer vCPUs");
	return fix_text(FIX_COMMAND, "vmtune pin %s %d=%u", guest_operand(name, pinned->guest),
		pinned->vcpu, cpu->os);
}

static void describe(struct text *text, const struct pinned *from, const struct pinned *to)
{
	unsigned int listed = 0;

	for (const struct pinned *at = from; at < to && listed < LISTED_MAX; at++, listed++)
		text_add(text, "%s%s vCPU %d", at == from ? "" : ", ", at->guest->name, at->vcpu);
	if (from + listed < to)
		text_add(text, " and %zu more", (size_t)(to - from) - listed);
}

/* The end of the rows that are on @from's core, and with @same_cpu on its very CPU. */
static const struct pinned *group_end(const struct pins *pins, const struct pinned *from, bool same_cpu)
{
	const struct pinned *at = from;

	while (at < pins->rows + pins->count && at->core == from->core &&
		(!same_cpu || at->cpu == from->cpu))
		at++;
	return at;
}

/* Tells of guests whose vCPU threads could not be told from others; whether all are of that kind. */
static bool faceless(const struct facts *facts, struct findings *findings)
{
	const struct guest_list *list = &facts->snapshot->guests;
	unsigned int count = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		bool any = false;

		for (unsigned int j = 0; j < list->guests[i].thread_count; j++)
			any = any || list->guests[i].threads[j].kind == THREAD_VCPU;
		if (any)
			continue;
		count++;
		finding_unknown(findings, xasprintf("%s: no vCPU thread was found",
			list->guests[i].name));
	}
	return count == list->count;
}

/* Groups that were found, summed into one finding: where, who, and how many more such places. */
struct places {
	struct text text;
	unsigned int count;
	const struct pinned *victim; /* the one to be moved first */
};

static void add_place(struct places *places, const struct pinned *from, const struct pinned *to)
{
	if (places->count++ >= LISTED_MAX)
		return;
	places->victim = places->victim ? places->victim : to - 1;
	if (places->text.text)
		text_add(&places->text, "; ");
	if (from->cpu >= 0 && from->cpu == to[-1].cpu)
		text_add(&places->text, "CPU %d: ", from->cpu);
	else
		text_add(&places->text, "core of CPU %u: ", from->first);
	describe(&places->text, from, to);
}

/* Takes the text. */
static void say_places(const struct facts *facts, const struct pins *pins, struct places *places,
	enum grade grade, struct findings *findings)
{
	if (!places->count)
		return;
	if (places->count > LISTED_MAX)
		text_add(&places->text, "; and %u more", places->count - LISTED_MAX);
	finding_add(findings, grade, places->text.text, move_away(facts, pins, places->victim));
}

static void shared_cpu(const struct facts *facts, struct findings *findings)
{
	struct places places = {0};
	struct pins pins;

	if (!findings_have_guests(findings, facts) || faceless(facts, findings))
		return;
	pins = pins_of(facts);
	for (const struct pinned *at = pins.rows, *end; at < pins.rows + pins.count; at = end) {
		end = group_end(&pins, at, true);
		if (at->cpu >= 0 && end - at > 1)
			add_place(&places, at, end);
	}
	say_places(facts, &pins, &places, findings->check->grade, findings);
	if (!places.count)
		finding_passed(findings, xasprintf("%zu pinned vCPUs, no two on one CPU", pins.count));
	free(pins.rows);
}

static bool one_guest(const struct pinned *from, const struct pinned *to)
{
	for (const struct pinned *at = from; at < to; at++)
		if (at->guest != from->guest)
			return false;
	return true;
}

/* Whether more than one CPU of the core is in play: threads on one CPU are shared_cpu's finding. */
static bool siblings(const struct pinned *from, const struct pinned *to)
{
	for (const struct pinned *at = from; at < to; at++)
		if (at->cpu != from->cpu || at->cpu < 0)
			return to - from > 1;
	return false;
}

static void shared_core(const struct facts *facts, struct findings *findings)
{
	struct places mixed = {0}, own = {0};
	struct pins pins;

	if (!findings_have_guests(findings, facts) || faceless(facts, findings))
		return;
	pins = pins_of(facts);
	for (const struct pinned *at = pins.rows, *end; at < pins.rows + pins.count; at = end) {
		end = group_end(&pins, at, false);
		if (siblings(at, end))
			add_place(one_guest(at, end) ? &own : &mixed, at, end);
	}
	say_places(facts, &pins, &mixed, findings->check->grade, findings);
	say_places(facts, &pins, &own, GRADE_NOTE, findings);
	if (!mixed.count && !own.count)
		finding_passed(findings, xasprintf("%zu pinned vCPUs, no two on sibling threads",
			pins.count));
	free(pins.rows);
}

const struct check placement_checks[] = {
	{"shared-cpu", GRADE_ERROR, "vCPUs are pinned to the same CPU",
		"Only one of them runs at a time; the others stand still with whatever lock they hold, "
		"though CPUs elsewhere may be idle.", shared_cpu},
	{"shared-core", GRADE_WARNING, "vCPUs share a core as SMT siblings",
		"Two busy threads of one core get about 60 % of it each, and see each other's caches. Fine "
		"for siblings within one guest that knows them as such; not across guests.", shared_core},
	{0},
};
