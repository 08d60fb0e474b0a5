// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Actions without their kinds: lists, JSON, and the verbs that look up a kind's row. The rows are in
 * actions/, one file a kind.
 */
#include "tuner/action.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/actions/kinds.h"

static const struct action_verbs *const kinds[] = {
	[ACTION_SETTING] = &action_setting,
	[ACTION_HUGEPAGES] = &action_hugepages,
	[ACTION_CGROUP_CONTROLLERS] = &action_cgroup_controllers,
	[ACTION_CGROUP] = &action_cgroup,
	[ACTION_CGROUP_VALUE] = &action_cgroup_value,
	[ACTION_UNIT_PROPERTY] = &action_unit_property,
	[ACTION_GROUP_CPUS] = &action_group_cpus,
	[ACTION_UNIT_CPUS] = &action_unit_cpus,
	[ACTION_START_GUEST] = &action_start_guest,
	[ACTION_AFFINITY] = &action_affinity,
	[ACTION_BALLOON] = &action_balloon,
	[ACTION_GUEST_KSM] = &action_guest_ksm,
	[ACTION_IRQ] = &action_irq,
	[ACTION_IRQBALANCE] = &action_irqbalance,
	[ACTION_MOVE_PAGES] = &action_move_pages,
	[ACTION_CPUSET_MEMS] = &action_cpuset_mems,
	[ACTION_LIBVIRT] = &action_libvirt,
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == ACTION_KIND_COUNT, "a row for each kind");

static const char *const state_names[] = {
	[STATE_OK] = "ok",
	[STATE_DRIFTED] = "drifted",
	[STATE_BEFORE] = "before",
	[STATE_GONE] = "gone",
	[STATE_UNSUPPORTED] = "unsupported",
};

const char *action_kind_name(enum action_kind kind)
{
	return kinds[kind]->name;
}

const char *action_state_name(enum action_state state)
{
	return state_names[state];
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct action *action_add(struct action_list *list, enum action_kind kind, enum action_class undo_class,
	char *target, char *detail, char *before, char *after, char *reason, const char *vm)
{
	struct action *action;

	list->actions = xreallocarray(list->actions, list->count + 1, sizeof(*action));
	action = &list->actions[list->count++];
	*action = (struct action){
		.kind = kind,
		.undo_class = undo_class,
		.target = target,
		.detail = detail,
		.before = before,
		.after = after,
		.reason = reason,
		.vm = vm ? xstrdup(vm) : NULL,
	};
	return action;
}

void action_release(struct action *action)
{
	free(action->target);
	free(action->detail);
	free(action->before);
	free(action->after);
	free(action->reason);
	free(action->vm);
	*action = (struct action){0};
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

void action_copy(struct action *to, const struct action *from)
{
	*to = (struct action){
		.kind = from->kind,
		.undo_class = from->undo_class,
		.target = copy_text(from->target),
		.detail = copy_text(from->detail),
		.before = copy_text(from->before),
		.after = copy_text(from->after),
		.reason = copy_text(from->reason),
		.vm = copy_text(from->vm),
	};
}

void action_list_release(struct action_list *list)
{
	for (unsigned int i = 0; i < list->count; i++)
		action_release(&list->actions[i]);
	free(list->actions);
	*list = (struct action_list){0};
}

void action_list_drop_done(const struct action_context *context, struct action_list *list)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < list->count; i++) {
		struct action *action = &list->actions[i];
		char *now;

		if (action_verify(context, action, &now) == STATE_OK) {
			free(now);
			action_release(action);
			continue;
		}
		if (!action->before)
			action->before = steal_pointer(&now);
		free(now);
		list->actions[kept++] = *action;
	}
	list->count = kept;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* A value on one line: the chosen word of "always [madvise] never", no newline, cut when it is long. */
static char *one_line(const char *text)
{
	const char *open = text ? strchr(text, '[') : NULL, *end = open ? strchr(open, ']') : NULL;
	char *line = end ? xasprintf("%.*s", (int)(end - open - 1), open + 1)
			 : xstrdup(text ? text : "");
	size_t length = strlen(line);

	while (length && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	if (length > 60)
		memcpy(line + 57, "...", 4);
	if (length)
		return line;
	free(line);
	return xstrdup("-");
}

/* The target for people: a guest by its name, a thread by its name and number. */
static char *spoken_target(const struct action *action)
{
	const char *blank = strchr(action->target, ' ');
	int pid, tid;

	if (action->kind == ACTION_AFFINITY && action->detail &&
	    sscanf(action->target, "%d:%*u/%d", &pid, &tid) == 2)
		return xasprintf("%s (%d) of %s", action->detail, tid, action->vm ? action->vm : "a guest");
	if (action->kind == ACTION_LIBVIRT && blank)
		return xasprintf("%s of %s", blank + 1, action->vm ? action->vm : "a guest");
	if (action->kind == ACTION_MOVE_PAGES && action->detail)
		return xasprintf("%s of %s", action->detail, action->vm ? action->vm : "a guest");
	if (action->kind == ACTION_UNIT_PROPERTY && action->detail)
		return xstrdup(action->detail);
	if (action->kind == ACTION_IRQ)
		return xstrdup(action->target);
	return xstrdup(blank && isdigit((unsigned char)*action->target) ? blank + 1 : action->target);
}

static char *spoken_value(const struct action *action, const char *value)
{
	char size[SIZE_TEXT_MAX];

	if (action->kind == ACTION_BALLOON && value)
		return xstrdup(size_format(size, strtoull(value, NULL, 10)));
	return one_line(value);
}

char *action_describe(const struct action *action)
{
	char *before = spoken_value(action, action->before), *after = spoken_value(action, action->after);
	char *target = spoken_target(action);
	char *line = xasprintf("%s %s: %s -> %s", kinds[action->kind]->verb, target, before, after);

	free(target);
	free(before);
	free(after);
	return line;
}

json_t *action_to_json(const struct action *action)
{
	return json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*}",
		"kind", action_kind_name(action->kind),
		"class", action_class_name(action->undo_class),
		"target", action->target,
		"detail", action->detail,
		"before", action->before,
		"after", action->after,
		"reason", action->reason,
		"vm", action->vm);
}

static int kind_from_name(const char *name)
{
	for (int kind = 0; kind < ACTION_KIND_COUNT; kind++)
		if (name && !strcmp(kinds[kind]->name, name))
			return kind;
	return -1;
}

static int class_from_name(const char *name)
{
	for (int class = CLASS_REVERSIBLE; class <= CLASS_IRREVERSIBLE; class++)
		if (name && !strcmp(action_class_name((enum action_class)class), name))
			return class;
	return -1;
}

static char *text_of(const json_t *json, const char *key)
{
	return copy_text(json_string_value(json_object_get(json, key)));
}

int action_from_json(const json_t *json, struct action *action, struct error *err)
{
	const char *kind_name = json_string_value(json_object_get(json, "kind"));
	const char *class_name = json_string_value(json_object_get(json, "class"));
	int kind = kind_from_name(kind_name), class = class_from_name(class_name);

	if (kind < 0)
		return error_set(err, EINVAL, "unknown kind of action '%s'", kind_name ? kind_name : "");
	if (class < 0)
		return error_set(err, EINVAL, "unknown class '%s'", class_name ? class_name : "");
	*action = (struct action){
		.kind = (enum action_kind)kind,
		.undo_class = (enum action_class)class,
		.target = text_of(json, "target"),
		.detail = text_of(json, "detail"),
		.before = text_of(json, "before"),
		.after = text_of(json, "after"),
		.reason = text_of(json, "reason"),
		.vm = text_of(json, "vm"),
	};
	if (action->target && action->after)
		return 0;
	action_release(action);
	return error_set(err, EINVAL, "a %s action without target or value", kind_name);
}

/* ---- verbs ---------------------------------------------------------------------------------- */

char *action_current(const struct action_context *context, const struct action *action)
{
	return kinds[action->kind]->read(context, action);
}

bool action_text_same(const char *a, const char *b)
{
	size_t a_length, b_length;

	while (isspace((unsigned char)*a))
		a++;
	while (isspace((unsigned char)*b))
		b++;
	a_length = strlen(a);
	b_length = strlen(b);
	while (a_length && isspace((unsigned char)a[a_length - 1]))
		a_length--;
	while (b_length && isspace((unsigned char)b[b_length - 1]))
		b_length--;
	return a_length == b_length && !memcmp(a, b, a_length);
}

bool action_same_set(const struct action *action, const char *a, const char *b)
{
	struct idset left, right;

	(void)action;
	return !idset_parse(a, &left, NULL) && !idset_parse(b, &right, NULL) && idset_equal(&left, &right);
}

bool action_same(const struct action *action, const char *a, const char *b)
{
	const struct action_verbs *verbs = kinds[action->kind];

	return verbs->same ? verbs->same(action, a, b) : action_text_same(a, b);
}

int action_prepare(const struct action_context *context, struct action *action, struct error *err)
{
	const struct action_verbs *verbs = kinds[action->kind];
	int status = verbs->resolve ? verbs->resolve(context, action, err) : 0;
	char *before;

	if (status < 0)
		return status;
	before = verbs->read(context, action);
	if (!before)
		return error_errno(err, errno ? errno : ENOENT, "%s %s", verbs->verb, action->target);
	free(action->before);
	action->before = before;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool action_same_object(const struct action *a, const struct action *b)
{
	return a->kind == b->kind && same_text(a->target, b->target) &&
		(!kinds[a->kind]->many || same_text(a->detail, b->detail));
}

bool action_continues(const struct action *earlier, const struct action *later)
{
	return !kinds[later->kind]->others_matter ||
		(later->before && action_same(later, earlier->after, later->before));
}

bool action_refusable(const struct action *action)
{
	return kinds[action->kind]->refusable;
}

int action_apply(const struct action_context *context, const struct action *action, struct error *err)
{
	const struct action_verbs *verbs = kinds[action->kind];

	return verbs->set ? verbs->set(context, action, action->after, err)
			  : verbs->apply(context, action, err);
}

enum action_state action_verify(const struct action_context *context, const struct action *action,
	char **now)
{
	char *current = action_current(context, action);
	enum action_state state = STATE_DRIFTED;

	if (!current)
		state = errno == ENOENT && action->kind == ACTION_SETTING ? STATE_UNSUPPORTED : STATE_GONE;
	else if (action_same(action, current, action->after))
		state = STATE_OK;
	else if (action->before && action_same(action, current, action->before))
		state = STATE_BEFORE;
	if (now)
		*now = steal_pointer(&current);
	free(current);
	return state;
}

char *action_busy(const struct action_context *context, const struct action *action)
{
	const struct action_verbs *verbs = kinds[action->kind];

	return verbs->busy ? verbs->busy(context, action) : NULL;
}

bool action_partial(const struct action *action)
{
	return kinds[action->kind]->partial;
}

bool action_moot(const struct action_context *context, const struct action *action)
{
	const struct action_verbs *verbs = kinds[action->kind];

	return verbs->moot && verbs->moot(context, action);
}

bool action_can_undo(const struct action *action)
{
	return kinds[action->kind]->set || kinds[action->kind]->undo;
}

int action_undo(const struct action_context *context, const struct action *action, struct error *err)
{
	const struct action_verbs *verbs = kinds[action->kind];

	if (verbs->set)
		return verbs->set(context, action, action->before, err);
	if (!verbs->undo)
		return error_set(err, EOPNOTSUPP, "%s %s cannot be undone", verbs->verb, action->target);
	return verbs->undo(context, action, err);
}

/* ---- for the kinds that are a file ---------------------------------------------------------- */

char *action_read_file(const struct action_context *context, const struct action *action)
{
	char text[ACTION_TEXT_MAX];
	int length = root_read(&context->root, text, sizeof(text), "%s", action->target);

	if (length < 0) {
		errno = -length;
		return NULL;
	}
	return xstrdup(text);
}

int action_write_file(const struct action_context *context, const struct action *action,
	const char *text, struct error *err)
{
	int status = root_write(&context->root, action->target, text, strlen(text));
	char *line;

	if (status >= 0)
		return 0;
	line = one_line(text);
	error_errno(err, -status, "writing %s to %s", line, action->target);
	free(line);
	return status;
}
