// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether KSM may merge a guest's pages. Only the process itself can mark its memory, so the guest's
 * VMM is asked: ours by x-ksm, QEMU by the "merge" property of its memory backends. What holds is
 * read from the kernel (VmFlags), not from the VMM.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"
#include "tuner/guests.h"
#include "tuner/smaps.h"

#define QMP_MS 30000 /* unmerging copies every shared page */

static char *read_mark(const struct action_context *context, const struct action *action)
{
	struct smaps_ram sum = {0};
	const struct guest *guest;
	struct guest_list list;
	struct guest_ref ref;

	errno = ESRCH;
	if (guest_resolve(context, action->target, &ref, NULL) < 0)
		return NULL;
	guests_read(&context->root, &list);
	guest = guest_by_pid(&list, ref.pid);
	if (guest)
		smaps_read(&context->root, guest, &sum, NULL);
	guests_release(&list);
	if (!sum.mapped) {
		errno = ENODATA;
		return NULL;
	}
	return xstrdup(!sum.mergeable ? "off" : sum.mergeable == sum.mapped ? "on" : "partly");
}

/* Sets "merge" of each memory backend below /objects. Returns how many there were, or negative. */
static int set_backends(struct qmp *qmp, bool enable, struct error *err)
{
	json_t *objects = qmp_call(qmp, "qom-list", json_pack("{s:s}", "path", "/objects"), err);
	int done = 0;
	size_t i;
	json_t *object;

	if (!objects)
		return -EIO;
	json_array_foreach (objects, i, object) {
		const char *type = json_string_value(json_object_get(object, "type"));
		const char *name = json_string_value(json_object_get(object, "name"));
		char *path;
		json_t *answer;

		if (!type || !name || strncmp(type, "child<memory-backend-", 21))
			continue;
		path = xasprintf("/objects/%s", name);
		answer = qmp_call(qmp, "qom-set", json_pack("{s:s, s:s, s:b}", "path", path, "property",
				"merge", "value", enable), err);
		free(path);
		json_decref(answer);
		if (!answer) {
			done = -EIO;
			break;
		}
		done++;
	}
	json_decref(objects);
	return done;
}

static int set_mark(struct qmp *qmp, bool enable, struct error *err)
{
	struct error first;
	json_t *answer = qmp_call(qmp, "x-ksm", json_pack("{s:b}", "enable", enable), &first);
	int done;

	if (answer) {
		json_decref(answer);
		return 0;
	}
	if (!strstr(first.text, "CommandNotFound"))
		return error_set(err, EIO, "%s", first.text);
	done = set_backends(qmp, enable, err);
	if (done == 0)
		return error_set(err, ENOTSUP, "this VMM has no memory backend that can be marked");
	return done < 0 ? done : 0;
}

static int set(const struct action_context *context, const struct action *action, const char *value,
	struct error *err)
{
	struct guest_ref ref;
	struct qmp *qmp;
	int status = guest_resolve(context, action->target, &ref, err);

	if (status < 0)
		return status;
	if (strcmp(value, "on") && strcmp(value, "off"))
		return error_set(err, EINVAL, "guest %s was marked %s before; say on or off", ref.name,
			value);
	qmp = guest_connect(&ref, action->detail, QMP_MS, err);
	if (!qmp)
		return -EIO;
	status = set_mark(qmp, !strcmp(value, "on"), err);
	qmp_close(qmp);
	if (status < 0)
		error_prefix(err, "guest %s", ref.name);
	return status;
}

const struct action_verbs action_guest_ksm = {
	.name = "guest-ksm",
	.verb = "KSM mark of guest",
	.read = read_mark,
	.set = set,
	.resolve = guest_resolve_target,
};
