// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/daemon/cycle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/apply.h"
#include "tuner/context.h"
#include "tuner/daemon/log.h"
#include "tuner/daemon/measure.h"
#include "tuner/revert.h"
#include "tuner/state.h"

uint64_t cycle_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- what is remembered --------------------------------------------------------------------- */

static const char *memory_path(const struct cycle *cycle, char path[PATH_MAX], const char *tail)
{
	return root_path(&cycle->context.root, path, DAEMON_MEMORY "%s", tail);
}

/* Its times are of this boot's clock, and /run does not outlive a boot. */
static void recall(struct cycle *cycle)
{
	char path[PATH_MAX];
	json_t *json = json_load_file(memory_path(cycle, path, ""), 0, NULL);

	decide_from_json(json, &cycle->state);
	if (cycle->state.now_ms > cycle_now_ms())
		decide_release(&cycle->state);
	json_decref(json);
}

/* A full /run is said once, not at every round; nothing but a restart's memory hangs on it. */
static void keep(struct cycle *cycle)
{
	char path[PATH_MAX], fresh[PATH_MAX], directory[PATH_MAX];
	bool kept;
	json_t *json;

	root_path(&cycle->context.root, directory, RUN_DIR);
	memory_path(cycle, path, "");
	if (!cycle->state.count) {
		unlink(path);
		rmdir(directory); /* when nothing else is in it */
		return;
	}
	context_make_run_dir(&cycle->context.root, NULL);
	json = decide_to_json(&cycle->state);
	kept = json_dump_file(json, memory_path(cycle, fresh, ".new"), JSON_COMPACT) == 0 && rename(fresh, path) == 0;
	if (!kept && !cycle->unkept)
		daemon_log(LOG_LEVEL_WARNING, "event=memory error=\"cannot write %s: %s\"", path, strerror(errno));
	if (!kept)
		unlink(fresh);
	cycle->unkept = !kept;
	json_decref(json);
}

/* ---- putting right -------------------------------------------------------------------------- */

/* The actions of one drift, as a list of their own. */
static struct action_list actions_of(const struct plan *plan, const struct measure *measure, unsigned int drift)
{
	struct action_list list = { 0 };

	for (unsigned int i = 0; i < plan->actions.count; i++) {
		if (measure->drift_of[i] != drift)
			continue;
		list.actions = xreallocarray(list.actions, list.count + 1, sizeof(*list.actions));
		action_copy(&list.actions[list.count++], &plan->actions.actions[i]);
	}
	return list;
}

static void log_steps(const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach (rows, i, row) {
		struct action action;
		char *line;

		if (action_from_json(row, &action, NULL) < 0)
			continue;
		line = action_describe(&action);
		daemon_log(LOG_LEVEL_INFO, "event=change step=%s what=\"%s\" reason=\"%s\"",
			json_string_value(json_object_get(row, "step")), line, action.reason ? action.reason : "");
		free(line);
		action_release(&action);
	}
}

static void learn(struct cycle *cycle, const struct move_result *result)
{
	char text[MOVE_TEXT];

	if (!result->bytes && !result->left_bytes)
		return;
	if (result->bytes >= MIB)
		cycle->mib_us = result->busy_us / (result->bytes / MIB) + 1;
	daemon_log(LOG_LEVEL_INFO, "event=moved bytes=%" PRIu64 " left=%" PRIu64 " mib_us=%" PRIu64 " text=\"%s\"",
		result->bytes, result->left_bytes, cycle->mib_us, move_text(result, text));
}

/* @part: of the guest's pages at most so many bytes; 0: all there are. */
static int put_right(struct cycle *cycle, struct journal *journal, struct action_list *list, uint64_t part)
{
	struct move_result moved = { 0 };
	struct report report = { .rows = json_array() };
	struct error err;
	int made;

	cycle->context.move.most = part;
	cycle->context.move.result = &moved;
	cycle->context.machine = cycle->look.snapshot->machine;
	made = apply_run(&cycle->context, journal, list, &report, &err);
	cycle->context.move.result = NULL;
	cycle->context.machine = NULL;
	log_steps(report.rows);
	json_decref(report.rows);
	learn(cycle, &moved);
	if (made < 0)
		daemon_log(LOG_LEVEL_WARNING, "event=failed error=\"%s\"", err.text);
	return made;
}

static void log_decision(const struct drift *drift, const struct decision *decision, const struct action_list *list)
{
	const struct action *first = list->count ? &list->actions[0] : NULL;
	char *what = first ? action_describe(first) : xstrdup("");

	daemon_log(decision->verdict == DECIDE_CONFLICT ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
		"event=decision verdict=%s object=\"%s\" weighed=%d gain_us=%" PRIu64 " cost_us=%" PRIu64
		" window_ms=%" PRIu64 " stall=%d%% threads=%u bytes=%" PRIu64 " now_bytes=%" PRIu64
		" actions=%u first=\"%s\"",
		decide_verdict_name(decision->verdict), drift->key, drift->weighed, decision->gain_us,
		drift->cost_us, decision->window_ms, MEASURE_STALL, drift->threads, drift->bytes, decision->bytes,
		list->count, what);
	free(what);
}

/* The lock is taken for a correction only; who has it at the moment may be changing this very thing. */
static struct journal *open_journal(const struct cycle *cycle)
{
	struct error err;
	struct journal *journal = journal_open(&cycle->context.root, true, 0, &err);

	if (!journal)
		daemon_log(LOG_LEVEL_WARNING, "event=waits error=\"%s\"", err.text);
	return journal;
}

/* Without this the journal would grow with every correction, and with every guest that comes and goes. */
static void tidy(const struct cycle *cycle, struct journal *journal)
{
	struct error err;

	if (revert_forget_gone(&cycle->context, journal, &err) < 0 || journal_compact(journal, &err) < 0)
		daemon_log(LOG_LEVEL_WARNING, "event=failed error=\"%s\"", err.text);
}

/* The last part has no bound but its pace: what differs was estimated, and crumbs would be left for ever. */
static uint64_t part_of(const struct drift *drift, const struct decision *decision)
{
	return decision->bytes < drift->bytes ? decision->bytes : 0;
}

static void carry_out(struct cycle *cycle, const struct measure *measure, const struct decision *decisions)
{
	struct journal *journal = NULL;

	for (unsigned int i = 0; i < measure->count; i++) {
		const struct drift *drift = &measure->drifts[i];
		struct action_list list = actions_of(cycle->look.plan, measure, i);
		bool act = decisions[i].verdict == DECIDE_CORRECT;

		if (decisions[i].news)
			log_decision(drift, &decisions[i], &list);
		if (act && !cycle->dry_run && !journal)
			journal = open_journal(cycle);
		if (act && (!journal || put_right(cycle, journal, &list, part_of(drift, &decisions[i])) < 0))
			decide_failed(&cycle->state, drift->key);
		else
			cycle->corrections += act;
		action_list_release(&list);
	}
	if (!journal)
		return;
	tidy(cycle, journal);
	journal_close(journal);
}

/* ---- begin and end -------------------------------------------------------------------------- */

/* Each boot has left its changes there. */
static void tidy_once(const struct cycle *cycle)
{
	char file[PATH_MAX];
	struct journal *journal = state_profile(&cycle->context.root, file)
		? journal_open(&cycle->context.root, true, 0, NULL) : NULL;

	if (journal)
		tidy(cycle, journal);
	journal_close(journal);
}

void cycle_begin(struct cycle *cycle)
{
	cycle->mib_us = MEASURE_MIB_US;
	cycle->context.move.rate = cycle->config.rate;
	if (cycle->dry_run)
		return;
	recall(cycle);
	tidy_once(cycle);
}

static void forget(struct cycle *cycle)
{
	decide_release(&cycle->state);
	look_release(&cycle->look);
	cycle->fault[0] = '\0';
}

void cycle_end(struct cycle *cycle)
{
	if (!cycle->dry_run)
		keep(cycle);
	forget(cycle);
}

/* ---- one round ------------------------------------------------------------------------------ */

static void decide_and_act(struct cycle *cycle, const struct guest_list *before)
{
	struct measure measure;
	struct decision *decisions;
	struct decide_state state;

	measure_plan(&measure, cycle->look.plan, cycle->look.snapshot, before, cycle->mib_us);
	decisions = xcalloc(measure.count + 1, sizeof(*decisions));
	state = decide(&cycle->state, measure.drifts, measure.count, cycle_now_ms(), &cycle->config, decisions);
	decide_release(&cycle->state);
	cycle->state = state;
	carry_out(cycle, &measure, decisions);
	/* afterwards: what was not finished by one that was killed is not somebody else's doing */
	if (!cycle->dry_run)
		keep(cycle);
	free(decisions);
	measure_release(&measure);
}

/*
 * What was seen and decided does not count any more when something else is wanted. An apply puts a new file in the
 * place of the old one; one that failed, a dry run and a trial that was taken back do not.
 */
static bool applied_anew(struct cycle *cycle, const char *file)
{
	struct stat last = cycle->applied;

	if (stat(file, &cycle->applied) < 0 || !last.st_ino)
		return false;
	return cycle->applied.st_ino != last.st_ino || cycle->applied.st_mtim.tv_sec != last.st_mtim.tv_sec ||
		cycle->applied.st_mtim.tv_nsec != last.st_mtim.tv_nsec;
}

/* The same fault is said once. */
static void fault(struct cycle *cycle, const struct error *err)
{
	if (strcmp(cycle->fault, err->text) != 0)
		daemon_log(LOG_LEVEL_WARNING, "event=no-plan error=\"%s\"", err->text);
	snprintf(cycle->fault, sizeof(cycle->fault), "%s", err->text);
}

void cycle_run(struct cycle *cycle)
{
	struct look last;
	char file[PATH_MAX];
	struct error err;

	cycle->rounds++;
	cycle->idle = !state_profile(&cycle->context.root, file);
	if (cycle->idle || applied_anew(cycle, file))
		forget(cycle);
	if (cycle->idle)
		return;
	last = cycle->look;
	cycle->look = (struct look){ 0 };
	if (look_read(&cycle->look, file, &cycle->context, &err) < 0) {
		fault(cycle, &err);
	} else {
		cycle->fault[0] = '\0';
		decide_and_act(cycle, last.snapshot ? &last.snapshot->guests : NULL);
	}
	look_release(&last);
	/* until the next round only its figures are of use */
	if (cycle->look.snapshot)
		guests_let_go(&cycle->look.snapshot->guests);
}
