// SPDX-License-Identifier: GPL-2.0-or-later
/* QMP commands that act on the guest: its run state, its balloon, KSM. */
#include <errno.h>

#include "vmm/qmp/command.h"
#include "vmm/virtio/balloon.h"

int qmp_stop_guest(struct qmp_call *call, struct error *err)
{
	(void)err;
	vm_pause(call->vm);
	return 0;
}

int qmp_cont(struct qmp_call *call, struct error *err)
{
	enum run_state state = vm_state(call->vm);

	if (state == RUN_STATE_SHUTDOWN || state == RUN_STATE_INTERNAL_ERROR)
		return error_set(err, EINVAL, "Resetting the Virtual Machine is required");
	vm_resume(call->vm);
	return 0;
}

int qmp_system_powerdown(struct qmp_call *call, struct error *err)
{
	(void)err;
	vm_powerdown(call->vm);
	return 0;
}

int qmp_system_reset(struct qmp_call *call, struct error *err)
{
	(void)err;
	vm_reset(call->vm, SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
	return 0;
}

int qmp_quit(struct qmp_call *call, struct error *err)
{
	(void)err;
	vm_shutdown(call->vm, SHUTDOWN_CAUSE_HOST_QMP_QUIT);
	return 0;
}

int qmp_need_balloon(struct qmp_call *call, struct error *err)
{
	if (call->vm->balloon)
		return 0;
	call->error_class = QMP_DEVICE_NOT_ACTIVE;
	if (balloon_check(call->vm->config, err) < 0)
		error_prefix(err, "No balloon device has been activated");
	else
		error_set(err, ENODEV, "No balloon device has been activated");
	return -ENODEV;
}

int qmp_balloon(struct qmp_call *call, struct error *err)
{
	json_int_t value = json_integer_value(json_object_get(call->arguments, "value"));

	if (qmp_need_balloon(call, err) < 0)
		return -ENODEV;
	if (value <= 0)
		return error_set(err, EINVAL, "Parameter 'value' expects a size");
	return balloon_set_target(call->vm->balloon, (uint64_t)value, err);
}

/* Returns at once; x-query-balloon tells how the round goes. */
int qmp_x_balloon_hint(struct qmp_call *call, struct error *err)
{
	if (qmp_need_balloon(call, err) < 0)
		return -ENODEV;
	return balloon_hint_start(call->vm->balloon, err);
}

int qmp_x_ksm(struct qmp_call *call, struct error *err)
{
	bool enable = json_is_true(json_object_get(call->arguments, "enable"));

	return memory_set_mergeable(&call->vm->memory, enable, err);
}
