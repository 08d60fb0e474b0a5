/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan for people, on one screen, and for programs (field names: vmtune(1)). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/plan/plan.h"

#define LIST_TEXT 512
#define WIDTH     100
#define INDENT    11

/* Prints @text in lines of WIDTH, broken between words, continued below its first column. */
static void print_wrapped(const char *text)
{
	int column = INDENT;

	while (*text) {
		int length = (int)strcspn(text, " ");

		if (column > INDENT && column + 1 + length > WIDTH) {
			printf("\n%*s", INDENT, "");
			column = INDENT;
		} else if (column > INDENT) {
			putchar(' ');
			column++;
		}
		printf("%.*s", length, text);
		column += length;
		text += length;
		text += strspn(text, " ");
	}
	putchar('\n');
}

/* How many vCPUs from @first on have the same CPUs. */
static unsigned int same_pins(const struct placed_vm *placed, unsigned int first)
{
	unsigned int count = 1;

	while (first + count < placed->vm->vcpus &&
	       idset_equal(&placed->pins[first], &placed->pins[first + count]))
		count++;
	return count;
}

/* "0=2 1=3" for pinned vCPUs, "0-3 on 0-7; 4-7 on 8-15" for those that share. The caller frees. */
static char *cpus_text(const struct placed_vm *placed)
{
	char list[LIST_TEXT], *text = xstrdup("");

	for (unsigned int i = 0, count; i < placed->vm->vcpus; i += count) {
		const char *between = *text ? idset_count(&placed->pins[i]) > 1 ? "; " : " " : "";
		char *longer;

		count = same_pins(placed, i);
		idset_format(&placed->pins[i], list, sizeof(list));
		if (count == placed->vm->vcpus && count > 1)
			longer = xasprintf("all vCPUs on %s", list);
		else if (count > 1)
			longer = xasprintf("%s%s%u-%u on %s", *text ? text : "vCPUs ", between, i, i + count - 1, list);
		else
			longer = xasprintf("%s%s%u=%s", *text ? text : "vCPU ", between, i, list);
		free(text);
		text = longer;
	}
	return text;
}

static void print_nodes(const struct placed_vm *placed)
{
	char list[LIST_TEXT], size[SIZE_TEXT_MAX];

	for (unsigned int i = 0; i < placed->node_count; i++) {
		const struct placed_node *node = &placed->nodes[i];

		printf("  node %-4d%s, %s%s", node->host_node, size_format(size, node->memory),
			idset_empty(&node->vcpus) ? "no vCPUs" : "vCPUs ", idset_format(&node->vcpus, list, sizeof(list)));
		/* The nodes of an attached guest are its VMM's affair. */
		if (placed->node_count > 1 && !placed->vm->attach)
			printf(" as guest node %u", i);
		putchar('\n');
	}
}

/* "0.31 of 8 vCPUs: interference 0.21, smt 0.10"; terms that come to nothing are left out. */
static void print_lost(const struct placed_vm *placed)
{
	const char *between = ": ";

	printf("  loses    %.2f of %u vCPU%s", placed_loses(placed), placed->vm->vcpus,
		placed->vm->vcpus == 1 ? "" : "s");
	for (int term = 0; term < PLANNER_TERMS; term++)
		if (placed->lost[term] >= LOSS_WORTH_TELLING) {
			printf("%s%s %.2f", between, planner_term_name(term), placed->lost[term]);
			between = ", ";
		}
	putchar('\n');
}

static void print_vm(const struct placed_vm *placed)
{
	const struct profile_vm *vm = placed->vm;
	char size[SIZE_TEXT_MAX], floor[SIZE_TEXT_MAX], list[LIST_TEXT];
	char *cpus = cpus_text(placed), *line;

	printf("%s: %u vCPU%s, %s in %s pages%s%s", vm->name, vm->vcpus, vm->vcpus == 1 ? "" : "s",
		size_format(size, vm->memory), page_choice_name(vm->pages), vm->ksm ? ", mergeable" : "",
		vm->dedicated ? ", dedicated CPUs" : "");
	if (vm->balloon_target)
		printf(", balloon to %s", size_format(floor, vm->balloon_target));
	printf("%s\n", placed->running ? " (runs)" : "");
	print_nodes(placed);
	line = xasprintf("%s, I/O %s", cpus, idset_empty(&placed->io_cpus) ? "anywhere"
		: idset_format(&placed->io_cpus, list, sizeof(list)));
	printf("  CPUs     ");
	print_wrapped(line);
	if (placed->why) {
		printf("  because  ");
		print_wrapped(placed->why);
	}
	print_lost(placed);
	free(line);
	free(cpus);
}

static void print_action(unsigned int number, const struct action *action)
{
	char *what = action_describe(action);

	printf("%3u  %s\n     %s", number, what, action_class_name(action->undo_class));
	if (action->reason)
		printf("; %s", action->reason);
	putchar('\n');
	free(what);
}

/* CPUs that no VM gets, whatever it costs. */
static void print_left_out(const struct machine *machine)
{
	struct idset fenced = machine->online, homeless = { 0 };
	char list[LIST_TEXT];

	if (!idset_empty(&machine->allowed))
		idset_subtract(&fenced, &machine->allowed);
	else
		fenced = (struct idset){ 0 };
	for (unsigned int i = 0; i < machine->cpu_count; i++)
		if (machine->cpus[i].node == MACHINE_NO_NODE)
			idset_add(&homeless, machine->cpus[i].os);
	if (!idset_empty(&fenced))
		printf("not used: CPUs %s, which are not for us\n", idset_format(&fenced, list, sizeof(list)));
	if (!idset_empty(&homeless))
		printf("not used: CPUs %s, which belong to no node\n",
			idset_format(&homeless, list, sizeof(list)));
}

void plan_print(const struct plan *plan, const struct snapshot *snapshot)
{
	const struct machine *machine = snapshot->machine;

	printf("plan for %s: %u node%s, %u core%s, %u CPU%s\n", machine->source, machine->node_count,
		machine->node_count == 1 ? "" : "s", machine->core_count,
		machine->core_count == 1 ? "" : "s", machine->cpu_count,
		machine->cpu_count == 1 ? "" : "s");
	print_left_out(machine);
	putchar('\n');
	for (unsigned int i = 0; i < plan->vm_count; i++)
		print_vm(&plan->vms[i]);
	if (plan->vm_count)
		putchar('\n');
	for (unsigned int i = 0; i < plan->actions.count; i++)
		print_action(i + 1, &plan->actions.actions[i]);
	if (!plan->actions.count)
		puts("nothing to do");
	else
		printf("%u action%s\n", plan->actions.count, plan->actions.count == 1 ? "" : "s");
	plan_notes_print(&plan->notes);
}

/* ---- JSON ---- */

static json_t *set_json(const struct idset *set)
{
	char list[IDSET_MAX * 2];

	return json_string(idset_format(set, list, sizeof(list)));
}

static json_t *nodes_json(const struct placed_vm *placed)
{
	json_t *nodes = json_array();

	for (unsigned int i = 0; i < placed->node_count; i++)
		json_array_append_new(nodes, json_pack("{s:i, s:i, s:I, s:o}", "guest-node", (int)i,
			"host-node", placed->nodes[i].host_node,
			"memory", (json_int_t)placed->nodes[i].memory,
			"vcpus", set_json(&placed->nodes[i].vcpus)));
	return nodes;
}

static json_t *pins_json(const struct placed_vm *placed)
{
	json_t *pins = json_array();

	for (unsigned int i = 0; i < placed->vm->vcpus; i++)
		json_array_append_new(pins, set_json(&placed->pins[i]));
	return pins;
}

/* To the hundredth, as for people: what is behind that changes with every page the host frees. */
static json_t *lost_json(const struct placed_vm *placed)
{
	json_t *lost = json_object();

	for (int term = 0; term < PLANNER_TERMS; term++)
		json_object_set_new(lost, planner_term_name(term), json_real(round(placed->lost[term] * 100) / 100));
	return lost;
}

json_t *placed_vm_json(const struct placed_vm *placed)
{
	const struct profile_vm *vm = placed->vm;

	return json_pack("{s:s, s:b, s:i, s:I, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:s, s:o}",
		"name", vm->name, "running", placed->running, "vcpus", (int)vm->vcpus,
		"memory", (json_int_t)vm->memory, "pages", page_choice_name(vm->pages),
		"dedicated", vm->dedicated, "ksm", vm->ksm,
		"balloon", vm->balloon_target ? json_integer((json_int_t)vm->balloon_target) : json_null(),
		"nodes", nodes_json(placed), "pins", pins_json(placed),
		"io-cpus", set_json(&placed->io_cpus), "why", placed->why ? placed->why : "",
		"loses", lost_json(placed));
}

json_t *plan_to_json(const struct plan *plan)
{
	json_t *vms = json_array(), *actions = json_array();

	for (unsigned int i = 0; i < plan->vm_count; i++)
		json_array_append_new(vms, placed_vm_json(&plan->vms[i]));
	for (unsigned int i = 0; i < plan->actions.count; i++)
		json_array_append_new(actions, action_to_json(&plan->actions.actions[i]));
	return json_pack("{s:o, s:o, s:o}", "vms", vms, "actions", actions,
		"notes", plan_notes_json(&plan->notes));
}
