/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads by the VMM's own word. QEMU names its threads only with debug-threads=on; its control socket
 * knows them by number. The socket takes one client: where libvirt is that client there is no answer,
 * and what names and procfs say stands.
 */
#include "host/guest_internal.h"
#include "host/qmp.h"

/* The guest node of a vCPU, -1 where QEMU says none. */
static int node_of(const json_t *row)
{
	const json_t *node = json_object_get(json_object_get(row, "props"), "node-id");

	return json_is_integer(node) && json_integer_value(node) >= 0 && json_integer_value(node) < IDSET_MAX
		? (int)json_integer_value(node) : -1;
}

static void set_kind(struct guest *guest, const json_t *row, enum thread_kind kind, int vcpu)
{
	json_int_t tid = json_integer_value(json_object_get(row, "thread-id"));

	for (unsigned int i = 0; i < guest->thread_count; i++)
		if (guest->threads[i].tid == tid) {
			guest->threads[i].kind = kind;
			guest->threads[i].vcpu = vcpu;
			guest->threads[i].guest_node = node_of(row);
		}
}

static void take_vcpus(struct guest *guest, const json_t *rows)
{
	size_t i;
	json_t *row;

	if (!json_array_size(rows))
		return;
	for (unsigned int thread = 0; thread < guest->thread_count; thread++)
		if (guest->threads[thread].kind == THREAD_VCPU) {
			guest->threads[thread].kind = THREAD_WORKER;
			guest->threads[thread].vcpu = -1;
		}
	json_array_foreach(rows, i, row) {
		json_int_t index = json_integer_value(json_object_get(row, "cpu-index"));

		if (index >= 0 && index < GUEST_VCPUS_MAX)
			set_kind(guest, row, THREAD_VCPU, (int)index);
	}
}

void guest_ask_threads(struct guest *guest, int timeout_ms)
{
	struct qmp *qmp = guest->qmp && guest->handles ? qmp_connect(guest->qmp, timeout_ms, NULL) : NULL;
	json_t *vcpus = qmp ? qmp_call(qmp, "query-cpus-fast", NULL, NULL) : NULL;
	json_t *threads = qmp ? qmp_call(qmp, "query-iothreads", NULL, NULL) : NULL, *row;
	size_t i;

	take_vcpus(guest, vcpus);
	json_array_foreach(threads, i, row)
		set_kind(guest, row, THREAD_IO, -1);
	json_decref(vcpus);
	json_decref(threads);
	qmp_close(qmp);
}
