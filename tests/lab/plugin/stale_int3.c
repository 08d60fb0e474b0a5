// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's TCG that frees a CPU from a breakpoint that is no longer there.
 *
 * Linux patches its own code (static keys, static calls, ftrace) by way of an int3. Before version
 * 8.1, TCG can translate a page while another CPU writes to it and not notice: the translation keeps
 * the int3 for ever, Linux finds none in memory and goes back to it, and the CPU never gets out
 * while the others wait for it. It hung about one boot in 30, of the lab's host and of SMP guests.
 *
 * So: when a CPU executes one int3 LIMIT times with no other between, drop all translations; they
 * are made anew from what is in memory. A breakpoint that really is hit that often costs some time.
 */
#include <stdio.h>

#include "tests/lab/plugin/qemu_plugin.h"

#define LIMIT	 10000
#define MAX_CPUS 256

int qemu_plugin_version = 1;

/* Written by the CPU's own thread only. */
static struct cpu {
	void *address;
	unsigned int hits;
} cpus[MAX_CPUS];
static qemu_plugin_id_t self;

static void watch_instructions(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);

static void start_over(qemu_plugin_id_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, watch_instructions);
}

static void count_int3(unsigned int index, void *address)
{
	struct cpu *cpu = &cpus[index % MAX_CPUS];

	cpu->hits = cpu->address == address ? cpu->hits + 1 : 1;
	cpu->address = address;
	if (cpu->hits == LIMIT) {
		cpu->hits = 0;
		fprintf(stderr, "stale_int3: freeing CPU %u from an int3 at %p\n", index, address);
		qemu_plugin_reset(self, start_over); /* drops all translations */
	}
}

static void watch_instructions(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *code = qemu_plugin_insn_data(insn);

		if (qemu_plugin_insn_size(insn) == 1 && code[0] == 0xcc)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, count_int3, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)qemu_plugin_insn_vaddr(insn));
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	self = id;
	start_over(id);
	return 0;
}
