// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any bytes from a QMP client, from the frame cutter to the reply: each frame gets exactly one reply
 * that can be sent, the pieces in which the bytes come do not matter, and what reaches the guest has
 * passed the checks. The guest itself is a double below.
 *
 * sources: vmm/qmp/frames.c vmm/qmp/command.c vmm/qmp/table.c vmm/qmp/query.c vmm/qmp/control.c
 * sources: vmm/qmp/qom.c lib/error.c lib/idset.c lib/xalloc.c
 * libraries: -ljansson
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "vmm/options.h"
#include "vmm/qmp/command.h"
#include "vmm/vcpu.h"
#include "vmm/virtio/balloon.h"

#define RAM (UINT64_C(1) << 30)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

/* ---- the guest -------------------------------------------------------------------------------------- */

struct balloon {
	unsigned int polling;
};

static bool marked;

void vm_pause(struct vm *vm)
{
	vm->state = RUN_STATE_PAUSED;
}

void vm_resume(struct vm *vm)
{
	vm->state = RUN_STATE_RUNNING;
}

void vm_powerdown(struct vm *vm)
{
	check(vm != NULL);
}

void vm_reset(struct vm *vm, enum shutdown_cause cause)
{
	check(vm && cause == SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
}

void vm_shutdown(struct vm *vm, enum shutdown_cause cause)
{
	check(vm && cause == SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

enum run_state vm_state(struct vm *vm)
{
	return vm->state;
}

const char *run_state_name(enum run_state state)
{
	return state == RUN_STATE_PAUSED ? "paused" : "running";
}

int memory_set_mergeable(struct guest_memory *memory, bool mergeable, struct error *err)
{
	check(memory && err);
	marked = mergeable;
	return 0;
}

bool memory_is_mergeable(const struct guest_memory *memory, unsigned int node)
{
	check(memory && !node);
	return marked;
}

int balloon_check(const struct vm_config *config, struct error *err)
{
	check(config != NULL);
	return error_set(err, EINVAL, "no balloon");
}

int balloon_set_target(struct balloon *balloon, uint64_t guest_bytes, struct error *err)
{
	check(balloon && guest_bytes && guest_bytes <= INT64_MAX);
	return guest_bytes > RAM ? error_set(err, EINVAL, "too much") : 0;
}

uint64_t balloon_actual(struct balloon *balloon)
{
	check(balloon != NULL);
	return RAM;
}

void balloon_get_stats(struct balloon *balloon, struct balloon_stats *stats)
{
	check(balloon != NULL);
	*stats = (struct balloon_stats){.last_update = 1, .valid = 0xffff, .value = {INT64_MAX}};
}

void balloon_set_polling(struct balloon *balloon, unsigned int seconds)
{
	balloon->polling = seconds;
}

unsigned int balloon_get_polling(struct balloon *balloon)
{
	return balloon->polling;
}

const char *balloon_stat_name(unsigned int tag)
{
	static char name[] = "stat-a";

	check(tag < BALLOON_STATS);
	name[5] = (char)('a' + tag);
	return name;
}

/* ---- the client ------------------------------------------------------------------------------------- */

static void check_reply(const json_t *reply)
{
	json_t *error = json_object_get(reply, "error");
	size_t members = 1 + (json_object_get(reply, "id") != NULL);
	char *text;

	check(!error != !json_object_get(reply, "return"));
	check(json_object_size(reply) == members);
	if (error) {
		check(json_string_length(json_object_get(error, "class")) > 0);
		check(json_string_length(json_object_get(error, "desc")) > 0);
	}
	text = json_dumps(reply, JSON_ENSURE_ASCII);
	check(text && !strpbrk(text, "\r\n"));
	free(text);
}

static uint64_t mix(uint64_t hash, const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (uint8_t)data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Feeds the bytes in pieces of @step; returns a fingerprint of the frames. */
static uint64_t feed(struct qmp_session *session, const char *data, size_t size, size_t step)
{
	struct qmp_frames frames = {0};
	uint64_t hash = 0;

	for (size_t at = 0; at < size; at += step) {
		const char *input = data + at;
		size_t left = size - at < step ? size - at : step;
		enum qmp_frame kind;

		while ((kind = qmp_frames_next(&frames, &input, &left)) != QMP_FRAME_NONE) {
			check(kind != QMP_FRAME_WHOLE || (frames.length && frames.length <= QMP_FRAME_MAX));
			hash = mix(hash + kind, frames.data, kind == QMP_FRAME_WHOLE ? frames.length : 0);
			if (session) {
				json_t *reply = qmp_execute(session, kind, frames.data, frames.length);

				check_reply(reply);
				json_decref(reply);
			}
		}
		check(!left);
	}
	qmp_frames_release(&frames);
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_config config = {.name = (char *)"guest", .node_count = 1};
	static struct vcpu vcpus[2];
	struct balloon balloon = {0};
	struct vm vm = {.config = &config, .vcpus = vcpus, .vcpu_count = 2, .state = RUN_STATE_RUNNING};
	struct qmp_session session = {.vm = &vm};

	if (!size)
		return 0;
	session.negotiated = data[0] & 1;
	vm.balloon = data[0] & 2 ? NULL : &balloon;
	check(feed(&session, (const char *)data + 1, size - 1, 1 + data[0] / 4) ==
		feed(NULL, (const char *)data + 1, size - 1, 1));
	return 0;
}
