// SPDX-License-Identifier: GPL-2.0-or-later
/* See decide.h; here the order of the questions is what matters. */
#include "tuner/daemon/decide.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

#define THREAD UINT64_C(1000) /* one thread in its bucket */

static const char *const verdict_names[] = {
	[DECIDE_CORRECT] = "correct",
	[DECIDE_MEASURE] = "measure",
	[DECIDE_GAIN_LOW] = "gain-low",
	[DECIDE_DWELL] = "dwell",
	[DECIDE_BUDGET] = "budget",
	[DECIDE_CONFLICT] = "conflict",
};
static_assert(sizeof(verdict_names) / sizeof(verdict_names[0]) == DECIDE_COUNT, "a name for each verdict");

const char *decide_verdict_name(enum verdict verdict)
{
	return verdict_names[verdict];
}

/* ---- what is remembered --------------------------------------------------------------------- */

static struct decide_object *find(const struct decide_state *state, const char *key)
{
	for (unsigned int i = 0; i < state->count; i++)
		if (!strcmp(state->objects[i].key, key))
			return &state->objects[i];
	return NULL;
}

static struct decide_object *add(struct decide_state *state, const struct decide_object *object)
{
	state->objects = xreallocarray(state->objects, state->count + 1, sizeof(*object));
	state->objects[state->count] = *object;
	state->objects[state->count].key = xstrdup(object->key);
	state->objects[state->count].wanted = xstrdup(object->wanted);
	return &state->objects[state->count++];
}

void decide_release(struct decide_state *state)
{
	for (unsigned int i = 0; i < state->count; i++) {
		free(state->objects[i].key);
		free(state->objects[i].wanted);
	}
	free(state->objects);
	*state = (struct decide_state){ 0 };
}

/* What no longer differs is kept for a while: that it was corrected matters when it differs again. */
static bool remembered(const struct decide_object *object, uint64_t now_ms, const struct decide_config *config)
{
	uint64_t last = object->acted_ms > object->seen_ms ? object->acted_ms : object->seen_ms;

	return object->acted_ms && now_ms - last < config->forget_ms;
}

/* The object of a difference in the new state: as remembered, with a new window for a new matter. */
static struct decide_object *take(struct decide_state *state, const struct decide_state *old,
	const struct drift *drift)
{
	const struct decide_object *known = find(old, drift->key);
	struct decide_object fresh = { .key = (char *)(uintptr_t)drift->key,
		.wanted = (char *)(uintptr_t)drift->wanted, .since_ms = state->now_ms, .verdict = DECIDE_COUNT };
	struct decide_object *object = add(state, known ? known : &fresh);
	bool same = !strcmp(object->wanted, drift->wanted);

	if (!same) {
		free(object->wanted);
		object->wanted = xstrdup(drift->wanted);
		object->corrections = 0;
	}
	if (!same || (known && known->seen_ms != old->now_ms)) {
		object->since_ms = state->now_ms;
		object->gain_us = 0;
		object->rest = false;
	} else if (known) {
		object->gain_us += drift->gain_us;
	}
	object->seen_ms = state->now_ms;
	return object;
}

/* ---- the questions -------------------------------------------------------------------------- */

static void fill(struct decide_state *state, const struct decide_state *old, const struct decide_config *config)
{
	uint64_t passed = old->now_ms ? state->now_ms - old->now_ms : config->window_ms;
	uint64_t bytes_most = config->rate / 1000 * config->window_ms, threads_most = config->threads * THREAD;

	if (passed > config->window_ms)
		passed = config->window_ms;
	state->bytes = old->bytes + config->rate / 1000 * passed;
	state->threads = old->threads + (config->window_ms ? threads_most * passed / config->window_ms : threads_most);
	if (state->bytes > bytes_most)
		state->bytes = bytes_most;
	if (state->threads > threads_most)
		state->threads = threads_most;
}

/* Pages stray by themselves, when a guest touches new ones; values and threads only by someone's doing. */
static bool contested(const struct decide_object *object, const struct drift *drift)
{
	return object->corrections && (!drift->weighed || drift->threads);
}

/* Whole when it fits, else the pages that do; the last crumbs of the bucket are not worth a start. */
static uint64_t part(const struct decide_state *state, const struct drift *drift,
	const struct decide_config *config)
{
	if (drift->bytes <= state->bytes)
		return drift->bytes;
	if (state->bytes < config->rate)
		return 0;
	return drift->unit ? state->bytes / drift->unit * drift->unit : state->bytes;
}

/*
 * What was begun is finished, as long as each part takes away at least half of what it was to: looks are samples, and
 * what is found less by less than that may be their noise.
 */
static bool is_rest(const struct decide_object *object, const struct drift *drift)
{
	return object->rest && !drift->threads && drift->bytes <= object->rest_bytes;
}

/* A guest with more threads than a window may move takes the whole of it; where that is none, no guest moves. */
static uint64_t threads_of(const struct drift *drift, const struct decide_config *config)
{
	unsigned int most = config->threads ? config->threads : 1;

	return (drift->threads < most ? drift->threads : most) * THREAD;
}

static enum verdict judge(const struct decide_state *state, const struct decide_object *object,
	const struct drift *drift, const struct decide_config *config)
{
	uint64_t now = state->now_ms;

	if (contested(object, drift))
		return DECIDE_CONFLICT;
	if (drift->weighed && !object->rest) {
		if (now - object->since_ms < config->window_ms)
			return DECIDE_MEASURE;
		if (drift->cost_us && object->gain_us * 100 <= drift->cost_us * (100 + config->band))
			return DECIDE_GAIN_LOW;
	}
	if (object->acted_ms && !object->rest && now - object->acted_ms < config->dwell_ms)
		return DECIDE_DWELL;
	if (threads_of(drift, config) > state->threads || (drift->bytes && !part(state, drift, config)))
		return DECIDE_BUDGET;
	return DECIDE_CORRECT;
}

static void correct(struct decide_state *state, struct decide_object *object, const struct drift *drift,
	const struct decide_config *config, struct decision *decision)
{
	decision->bytes = part(state, drift, config);
	state->bytes -= decision->bytes;
	state->threads -= threads_of(drift, config);
	object->rest = drift->bytes > 0;
	object->rest_bytes = drift->bytes - decision->bytes / 2;
	object->acted_ms = state->now_ms;
	object->corrections += !drift->weighed || drift->threads;
}

/* Measuring once more what was not worth it the last time is nothing new. */
static bool is_news(const struct decide_object *object, enum verdict verdict)
{
	if (verdict == DECIDE_MEASURE && object->verdict == DECIDE_GAIN_LOW)
		return false;
	return verdict == DECIDE_CORRECT || verdict != object->verdict;
}

static void decide_one(struct decide_state *state, const struct decide_state *old, const struct drift *drift,
	const struct decide_config *config, struct decision *decision)
{
	struct decide_object *object = take(state, old, drift);
	enum verdict verdict;

	object->rest = is_rest(object, drift);
	verdict = judge(state, object, drift, config);
	*decision = (struct decision){ .verdict = verdict, .gain_us = object->gain_us,
		.window_ms = state->now_ms - object->since_ms,
		.news = is_news(object, verdict) };
	if (verdict == DECIDE_CORRECT)
		correct(state, object, drift, config, decision);
	if (verdict == DECIDE_CORRECT || verdict == DECIDE_GAIN_LOW) {
		object->since_ms = state->now_ms;
		object->gain_us = 0;
	}
	if (decision->news)
		object->verdict = verdict;
}

struct decide_state decide(const struct decide_state *old, const struct drift *sample, unsigned int count,
	uint64_t now_ms, const struct decide_config *config, struct decision *decisions)
{
	struct decide_state state = { .now_ms = now_ms };

	fill(&state, old, config);
	for (unsigned int i = 0; i < count; i++)
		decide_one(&state, old, &sample[i], config, &decisions[i]);
	for (unsigned int i = 0; i < old->count; i++)
		if (!find(&state, old->objects[i].key) && remembered(&old->objects[i], now_ms, config))
			add(&state, &old->objects[i]);
	return state;
}

void decide_failed(struct decide_state *state, const char *key)
{
	struct decide_object *object = find(state, key);

	if (!object)
		return;
	object->rest = false;
	if (object->corrections)
		object->corrections--;
}

/* ---- to a file and back --------------------------------------------------------------------- */

json_t *decide_to_json(const struct decide_state *state)
{
	json_t *objects = json_array();

	for (unsigned int i = 0; i < state->count; i++) {
		const struct decide_object *object = &state->objects[i];

		json_array_append_new(objects, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:b, s:i}",
			"key", object->key, "wanted", object->wanted, "seen", (json_int_t)object->seen_ms,
			"since", (json_int_t)object->since_ms, "gain", (json_int_t)object->gain_us,
			"acted", (json_int_t)object->acted_ms, "rest_bytes", (json_int_t)object->rest_bytes,
			"corrections", (int)object->corrections, "rest", object->rest, "verdict", (int)object->verdict));
	}
	return json_pack("{s:I, s:I, s:I, s:o}", "now", (json_int_t)state->now_ms, "bytes",
		(json_int_t)state->bytes, "threads", (json_int_t)state->threads, "objects", objects);
}

void decide_from_json(const json_t *json, struct decide_state *state)
{
	json_int_t now, bytes, threads;
	json_t *objects, *row;
	size_t i;

	*state = (struct decide_state){ 0 };
	if (json_unpack((json_t *)(uintptr_t)json, "{s:I, s:I, s:I, s:o}", "now", &now, "bytes", &bytes, "threads",
		    &threads, "objects", &objects) < 0)
		return;
	state->now_ms = (uint64_t)now;
	state->bytes = (uint64_t)bytes;
	state->threads = (uint64_t)threads;
	json_array_foreach (objects, i, row) {
		struct decide_object object = { 0 };
		json_int_t seen, since, gain, acted, rest_bytes = 0;
		int corrections, rest, verdict;

		if (json_unpack(row, "{s:s, s:s, s:I, s:I, s:I, s:I, s?I, s:i, s:b, s:i}", "key", &object.key,
			    "wanted", &object.wanted, "seen", &seen, "since", &since, "gain", &gain, "acted",
			    &acted, "rest_bytes", &rest_bytes, "corrections", &corrections, "rest", &rest,
			    "verdict", &verdict) < 0)
			continue;
		object.seen_ms = (uint64_t)seen;
		object.since_ms = (uint64_t)since;
		object.gain_us = (uint64_t)gain;
		object.acted_ms = (uint64_t)acted;
		object.rest_bytes = (uint64_t)rest_bytes;
		object.corrections = (unsigned int)corrections;
		object.rest = rest != 0;
		object.verdict = (enum verdict)verdict;
		if (verdict >= 0 && verdict < DECIDE_COUNT)
			add(state, &object);
	}
}
