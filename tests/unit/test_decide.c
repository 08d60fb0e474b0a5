// SPDX-License-Identifier: GPL-2.0-or-later
/* What the daemon decides: a pure function, so every rule is asked with made-up times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/size.h"
#include "tuner/daemon/decide.h"

#define STEP 1000

static const struct decide_config config = {
	.window_ms = 10000, .dwell_ms = 60000, .forget_ms = 600000, .band = 20, .rate = 100 * MIB, .threads = 4,
};

/* Goes on with one sample; what was before is released. */
static void go(struct decide_state *state, const struct drift *sample, unsigned int count, uint64_t now,
	struct decision *decisions)
{
	struct decide_state next = decide(state, sample, count, now, &config, decisions);

	decide_release(state);
	*state = next;
}

static enum verdict one(struct decide_state *state, const struct drift *drift, uint64_t now)
{
	struct decision decision;

	go(state, drift, 1, now, &decision);
	return decision.verdict;
}

static struct drift value(const char *wanted)
{
	return (struct drift){ .key = "setting /x", .wanted = wanted };
}

static struct drift guest(uint64_t gain, uint64_t cost)
{
	return (struct drift){ .key = "guest 1:2 db", .wanted = "nodes 1", .weighed = true, .threads = 2,
		.gain_us = gain, .cost_us = cost };
}

static void a_value_is_put_right_once_and_then_it_is_someone_elses(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = value("10");
	struct decision decision;
	uint64_t now = 1000;

	(void)unused;
	assert_int_equal(one(&state, &drift, now), DECIDE_CORRECT);
	go(&state, NULL, 0, now += STEP, NULL);
	/* changed again: told once, left for as long as it differs */
	go(&state, &drift, 1, now += STEP, &decision);
	assert_int_equal(decision.verdict, DECIDE_CONFLICT);
	assert_true(decision.news);
	for (int i = 0; i < 2000; i++) {
		go(&state, &drift, 1, now += STEP, &decision);
		assert_int_equal(decision.verdict, DECIDE_CONFLICT);
		assert_false(decision.news);
	}
	decide_release(&state);
}

static void with_no_threads_allowed_no_guest_is_moved_and_values_are(void **unused)
{
	const struct decide_config none = { .window_ms = 1000, .forget_ms = 1000, .rate = MIB };
	struct decide_state state = { 0 };
	struct drift sample[] = { value("10"), guest(1000000, 0) };

	(void)unused;
	for (uint64_t now = 1000; now < 20000; now += STEP) {
		struct decision decisions[2];
		struct decide_state next = decide(&state, sample, 2, now, &none, decisions);

		decide_release(&state);
		state = next;
		assert_int_not_equal(decisions[1].verdict, DECIDE_CORRECT);
		assert_true(now > 1000 || decisions[0].verdict == DECIDE_CORRECT);
	}
	decide_release(&state);
}

static void a_correction_that_held_is_forgotten(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = value("10");
	uint64_t now = 1000;

	(void)unused;
	assert_int_equal(one(&state, &drift, now), DECIDE_CORRECT);
	for (uint64_t passed = 0; passed <= config.forget_ms; passed += STEP)
		go(&state, NULL, 0, now += STEP, NULL);
	assert_int_equal(state.count, 0);
	assert_int_equal(one(&state, &drift, now += STEP), DECIDE_CORRECT);
	decide_release(&state);
}

static void what_could_not_be_done_is_no_conflict(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = value("10");

	(void)unused;
	assert_int_equal(one(&state, &drift, 1000), DECIDE_CORRECT);
	decide_failed(&state, drift.key);
	assert_int_equal(one(&state, &drift, 2000), DECIDE_DWELL);
	assert_int_equal(one(&state, &drift, 1000 + config.dwell_ms), DECIDE_CORRECT);
	decide_release(&state);
}

static void another_goal_is_another_matter(void **unused)
{
	struct decide_state state = { 0 };
	struct drift a = value("0-3"), b = value("0-2"); /* a CPU went away */

	(void)unused;
	assert_int_equal(one(&state, &a, 1000), DECIDE_CORRECT);
	assert_int_equal(one(&state, &b, 2000), DECIDE_DWELL);
	assert_int_equal(one(&state, &b, 1000 + config.dwell_ms), DECIDE_CORRECT);
	assert_int_equal(one(&state, &b, 2000 + config.dwell_ms), DECIDE_CONFLICT);
	decide_release(&state);
}

static void a_guest_is_measured_for_a_window_first(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = guest(1000, 400);
	struct decision decision;
	uint64_t now = 1000;

	(void)unused;
	for (; now < 1000 + config.window_ms; now += STEP)
		assert_int_equal(one(&state, &drift, now), DECIDE_MEASURE);
	go(&state, &drift, 1, now, &decision);
	assert_int_equal(decision.verdict, DECIDE_CORRECT);
	assert_int_equal(decision.gain_us, 10 * 1000); /* the first look has nothing to compare with */
	assert_int_equal(decision.window_ms, config.window_ms);
	decide_release(&state);
}

static void a_gap_begins_a_new_window(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = guest(1000, 400);
	uint64_t now = 1000;

	(void)unused;
	for (int i = 0; i < 8; i++)
		assert_int_equal(one(&state, &drift, now += STEP), DECIDE_MEASURE);
	go(&state, NULL, 0, now += STEP, NULL);
	for (int i = 0; i < 8; i++)
		assert_int_equal(one(&state, &drift, now += STEP), DECIDE_MEASURE);
	decide_release(&state);
}

/* Gain at, below and just above cost and band. */
static void what_is_not_worth_it_never_moves(void **unused)
{
	static const struct {
		uint64_t gain, cost;
		bool moves;
	} cases[] = { { 0, 0, true }, { 0, 1, false }, { 100, 1000, false }, { 120, 1000, false },
		{ 121, 1000, true }, { 99, 1000, false }, { 1, 0, true } };

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct decide_state state = { 0 };
		struct drift drift = guest(cases[i].gain, cases[i].cost);
		bool moved = false;

		for (uint64_t now = 1000; now < 500000; now += STEP) {
			enum verdict verdict = one(&state, &drift, now);

			if (verdict == DECIDE_CORRECT) {
				moved = true;
				break;
			}
		}
		if (moved != cases[i].moves)
			fail_msg("gain %d cost %d: %s", (int)cases[i].gain, (int)cases[i].cost, moved ? "moved" : "stayed");
		decide_release(&state);
	}
}

static void what_is_not_worth_it_is_said_once(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = guest(1, 1000);
	unsigned int news = 0;

	(void)unused;
	for (uint64_t now = 1000; now < 500000; now += STEP) {
		struct decision decision;

		go(&state, &drift, 1, now, &decision);
		news += decision.news;
	}
	assert_int_equal(news, 2); /* that it is measured, and what came out */
	decide_release(&state);
}

/* A plan that wants A, then B, then A again, with every gain there can be, at every rhythm. */
static void an_oscillating_plan_never_flips_within_the_dwell_time(void **unused)
{
	(void)unused;
	for (uint64_t rhythm = 1; rhythm < 80; rhythm++) {
		struct decide_state state = { 0 };
		struct drift drift = guest(1000000, 1);
		uint64_t last = 0;
		unsigned int moves = 0;

		for (uint64_t i = 0; i < 2000; i++) {
			uint64_t now = 1000 + i * STEP;

			drift.wanted = i / rhythm % 2 ? "nodes 1" : "nodes 0";
			if (one(&state, &drift, now) != DECIDE_CORRECT)
				continue;
			assert_true(!moves++ || now - last >= config.dwell_ms);
			last = now;
		}
		assert_true(rhythm * STEP <= config.window_ms || moves > 1);
		decide_release(&state);
	}
}

static unsigned int random_below(unsigned int *seed, unsigned int limit)
{
	return (unsigned int)rand_r(seed) % limit;
}

/* Whatever comes, over any span of time no more is moved than the rate gives for that span and a window. */
static void the_budget_is_never_exceeded(void **unused)
{
	enum { LOOKS = 400, GUESTS = 8 };
	static const char *const keys[GUESTS] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	static uint64_t times[LOOKS], bytes[LOOKS], threads[LOOKS];
	unsigned int seed = 7;
	uint64_t now = 1000, all = 0;
	struct decide_state state = { 0 };

	(void)unused;
	for (int look = 0; look < LOOKS; look++) {
		struct drift sample[GUESTS];
		struct decision decisions[GUESTS];

		now += 100 + random_below(&seed, 4000);
		for (int i = 0; i < GUESTS; i++)
			sample[i] = (struct drift){ .key = keys[i], .wanted = random_below(&seed, 40) ? "1" : "0",
				.weighed = true, .threads = random_below(&seed, 3) ? 0 : random_below(&seed, 3),
				.bytes = random_below(&seed, 4096) * MIB, .gain_us = 1000000, .cost_us = 1 };
		go(&state, sample, GUESTS, now, decisions);
		times[look] = now;
		bytes[look] = threads[look] = 0;
		for (int i = 0; i < GUESTS; i++) {
			if (decisions[i].verdict != DECIDE_CORRECT)
				continue;
			assert_true(decisions[i].bytes <= sample[i].bytes);
			bytes[look] += decisions[i].bytes;
			threads[look] += sample[i].threads;
		}
	}
	for (int from = 0; from < LOOKS; from++) {
		uint64_t sum = 0, count = 0;

		for (int to = from; to < LOOKS; to++) {
			uint64_t span = times[to] - times[from] + config.window_ms;

			sum += bytes[to];
			count += threads[to];
			assert_true(sum <= config.rate / 1000 * span);
			assert_true(count * config.window_ms <= config.threads * span);
		}
		all = sum > all ? sum : all;
	}
	assert_true(all > 10 * GIB); /* and it is made use of */
	decide_release(&state);
}

static void a_large_guest_moves_in_parts_one_after_the_other(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = { .key = "guest 1:2 db", .wanted = "nodes 1", .weighed = true, .bytes = 3000 * MIB,
		.gain_us = 100000000, .cost_us = 3000000 };
	uint64_t now = 1000, moved = 0, begin = 0;

	(void)unused;
	while (drift.bytes && now < 300000) {
		struct decision decision;

		go(&state, &drift, 1, now, &decision);
		if (decision.verdict == DECIDE_CORRECT) {
			begin = begin ? begin : now;
			assert_true(decision.bytes <= config.rate / 1000 * config.window_ms);
			moved += decision.bytes;
			drift.bytes -= decision.bytes;
		}
		now += STEP;
	}
	assert_int_equal(moved, 3000 * MIB);
	/* without waiting for the window or the dwell time between parts */
	assert_true(now - begin <= 3000 * STEP / 100 + 2 * STEP);
	decide_release(&state);
}

/* Of pages that are larger than what may move in a second, none is begun that cannot be finished. */
static void large_pages_move_whole(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = { .key = "guest 1:2 db", .wanted = "nodes 1", .weighed = true, .bytes = 4 * GIB,
		.unit = 512 * MIB, .gain_us = 100000000, .cost_us = 4000000 };

	(void)unused;
	for (uint64_t now = 1000; drift.bytes && now < 300000; now += STEP) {
		struct decision decision;

		go(&state, &drift, 1, now, &decision);
		if (decision.verdict != DECIDE_CORRECT)
			continue;
		assert_true(decision.bytes && decision.bytes % drift.unit == 0);
		drift.bytes -= decision.bytes;
	}
	assert_int_equal(drift.bytes, 0);
	decide_release(&state);
}

/* Pages that stray again are no one's doing, but are not moved again within the dwell time. */
static void pages_that_stray_again_are_no_conflict(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = { .key = "guest 1:2 db", .wanted = "nodes 1", .weighed = true, .bytes = 10 * MIB,
		.gain_us = 100000000, .cost_us = 10000 };
	uint64_t last = 0;
	unsigned int moves = 0;

	(void)unused;
	for (uint64_t now = 1000; now < 1000 + 10 * config.dwell_ms; now += STEP) {
		enum verdict verdict = one(&state, &drift, now);

		assert_int_not_equal(verdict, DECIDE_CONFLICT);
		if (verdict != DECIDE_CORRECT)
			continue;
		assert_true(!moves++ || now - last >= config.dwell_ms);
		last = now;
	}
	assert_in_range(moves, 9, 10);
	decide_release(&state);
}

/* Pages that were in use, or that the estimate missed, would not be worth a move of their own. */
static void what_a_move_left_is_finished_while_it_gets_less(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = { .key = "guest 1:2 db", .wanted = "nodes 1", .weighed = true, .bytes = 200 * MIB,
		.gain_us = 1000000, .cost_us = 200000 };
	uint64_t now = 1000;

	(void)unused;
	while (one(&state, &drift, now) != DECIDE_CORRECT)
		assert_true((now += STEP) < 10 * config.window_ms);
	drift.gain_us = 1;
	drift.bytes = 6 * MIB;
	assert_int_equal(one(&state, &drift, now += STEP), DECIDE_CORRECT);
	drift.bytes = 2 * MIB;
	assert_int_equal(one(&state, &drift, now += STEP), DECIDE_CORRECT);
	/* what stays as it is cannot be moved, and is not tried at every round */
	for (uint64_t begin = now; now < begin + 10 * config.dwell_ms; now += STEP)
		assert_int_not_equal(one(&state, &drift, now + STEP), DECIDE_CORRECT);
	decide_release(&state);
}

/* What is found is counted by a sample: a little less is no sign that pages can be moved. */
static void a_little_less_is_noise_and_weighed_anew(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = { .key = "guest 1:2 db", .wanted = "nodes 1", .weighed = true, .bytes = 200 * MIB,
		.gain_us = 1000000, .cost_us = 200000 };
	uint64_t now = 1000, acted;

	(void)unused;
	while (one(&state, &drift, now) != DECIDE_CORRECT)
		assert_true((now += STEP) < 10 * config.window_ms);
	acted = now;
	drift.bytes = 190 * MIB;
	for (unsigned int look = 0; now + STEP < acted + config.dwell_ms; look++, now += STEP) {
		assert_int_not_equal(one(&state, &drift, now + STEP), DECIDE_CORRECT);
		/* and what has once strayed again is no rest any more, however little it is later */
		drift.bytes = look % 2 ? 190 * MIB : 10 * MIB;
	}
	decide_release(&state);
}

static void threads_moved_away_twice_are_left(void **unused)
{
	struct decide_state state = { 0 };
	struct drift drift = guest(1000000, 400);
	uint64_t now = 1000;
	enum verdict verdict;

	(void)unused;
	do
		verdict = one(&state, &drift, now += STEP);
	while (verdict == DECIDE_MEASURE);
	assert_int_equal(verdict, DECIDE_CORRECT);
	go(&state, NULL, 0, now += STEP, NULL);
	assert_int_equal(one(&state, &drift, now += STEP), DECIDE_CONFLICT);
	decide_release(&state);
}

static void the_old_state_stays_as_it_is(void **unused)
{
	struct decide_state state = { 0 }, next, again;
	struct drift drift = value("10");
	struct decision first, second;

	(void)unused;
	go(&state, &drift, 1, 1000, &first);
	next = decide(&state, &drift, 1, 2000, &config, &first);
	again = decide(&state, &drift, 1, 2000, &config, &second);
	assert_memory_equal(&first, &second, sizeof(first));
	decide_release(&state);
	decide_release(&next);
	decide_release(&again);
}

static void a_restart_goes_on_where_it_was(void **unused)
{
	struct decide_state state = { 0 }, back;
	struct drift drifts[] = { value("10"), guest(500, 1000) };
	struct decision decisions[2], others[2];
	uint64_t now = 1000;
	json_t *json;

	(void)unused;
	for (int i = 0; i < 5; i++)
		go(&state, drifts, 2, now += STEP, decisions);
	json = decide_to_json(&state);
	decide_from_json(json, &back);
	json_decref(json);
	for (int i = 0; i < 200; i++) {
		go(&state, drifts, 2, now += STEP, decisions);
		go(&back, drifts, 2, now, others);
		for (int j = 0; j < 2; j++) {
			assert_int_equal(decisions[j].verdict, others[j].verdict);
			assert_int_equal(decisions[j].gain_us, others[j].gain_us);
		}
	}
	decide_release(&state);
	decide_release(&back);
	decide_from_json(NULL, &back);
	assert_int_equal(back.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_put_right_once_and_then_it_is_someone_elses),
		cmocka_unit_test(with_no_threads_allowed_no_guest_is_moved_and_values_are),
		cmocka_unit_test(a_correction_that_held_is_forgotten),
		cmocka_unit_test(what_could_not_be_done_is_no_conflict),
		cmocka_unit_test(another_goal_is_another_matter),
		cmocka_unit_test(a_guest_is_measured_for_a_window_first),
		cmocka_unit_test(a_gap_begins_a_new_window),
		cmocka_unit_test(what_is_not_worth_it_never_moves),
		cmocka_unit_test(what_is_not_worth_it_is_said_once),
		cmocka_unit_test(an_oscillating_plan_never_flips_within_the_dwell_time),
		cmocka_unit_test(the_budget_is_never_exceeded),
		cmocka_unit_test(a_large_guest_moves_in_parts_one_after_the_other),
		cmocka_unit_test(large_pages_move_whole),
		cmocka_unit_test(pages_that_stray_again_are_no_conflict),
		cmocka_unit_test(what_a_move_left_is_finished_while_it_gets_less),
		cmocka_unit_test(a_little_less_is_noise_and_weighed_anew),
		cmocka_unit_test(threads_moved_away_twice_are_left),
		cmocka_unit_test(the_old_state_stays_as_it_is),
		cmocka_unit_test(a_restart_goes_on_where_it_was),
	};

	return cmocka_run_group_tests_name("decide", tests, NULL, NULL);
}
