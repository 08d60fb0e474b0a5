/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The placement engine: promises it keeps on any problem. How near to the optimum it comes is measured
 * by tests/bench/bench-planner; here a few problems of each kind, scored by the same evaluator.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>
#include <stdio.h>
#include <time.h>

#include "tests/planner/planner_test.h"

#define PROBLEMS 12

static uint64_t fresh_seed(void)
{
	uint64_t seed = (uint64_t)time(NULL);

	printf("# seed %llu\n", (unsigned long long)seed);
	return seed;
}

/* Two nodes of 8 CPUs and 64 GiB each, at SLIT 20, and @count VMs of @vcpus busy vCPUs and 8 GiB. */
struct small {
	struct planner_node nodes[2];
	struct planner_site sites[2];
	struct planner_vm vms[4];
	double latency[4];
	struct planner_problem problem;
};

static void small_init(struct small *small, unsigned int count, unsigned int vcpus)
{
	const uint64_t gib = 1u << 30;

	*small = (struct small){ .sites = { { 0, 0 }, { 1, 1 } }, .latency = { 0, 1, 1, 0 } };
	for (unsigned int i = 0; i < 2; i++)
		small->nodes[i] = (struct planner_node){ .cpus = 8, .core_width = 1, .dedicable = 8,
			.total = 64 * gib, .memory = 64 * gib };
	for (unsigned int i = 0; i < count; i++)
		small->vms[i] = (struct planner_vm){ .vcpus = vcpus, .demand = vcpus, .memory = 8 * gib,
			.step = 2 << 20, .parts_max = 1, .apart = PLANNER_NO_GROUP,
			.together = PLANNER_NO_GROUP };
	small->problem = (struct planner_problem){ .nodes = small->nodes, .sites = small->sites,
		.latency = small->latency, .vms = small->vms, .node_count = 2, .site_count = 2,
		.vm_count = count, .keep_cpus = 1 };
}

/* What the planner says a placement costs is what the document says it costs. */
static void the_cost_is_the_documented_one(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < PROBLEMS; i++) {
		struct planner_options options = { .seed = seed, .effort = 100000 };
		struct planner_problem problem;
		struct planner_result result;
		const char *broken = NULL;
		double cost;

		problem_generate(&problem, (enum kind)(i % KINDS), &seed);
		planner_solve(&problem, &options, &result);
		if (!result.unplaced) {
			cost = evaluate(&problem, result.placements, &broken);
			assert_null(broken);
			assert_true(fabs(cost - result.total) < 1e-6 * (1 + cost));
		}
		planner_result_release(&result, &problem);
		problem_release(&problem);
	}
}

/* HBM: memory without CPUs that is a little slower to answer and four times as fast to stream from. */
static void fast_memory_is_for_those_who_ask_for_bandwidth(void **state)
{
	static const struct {
		enum planner_goal goal;
		double ordinary;
		unsigned int site;
	} cases[] = {
		{ PLANNER_BANDWIDTH, 100000, 1 },
		{ PLANNER_BALANCED, 100000, 0 },
		{ PLANNER_BANDWIDTH, 0, 0 }, /* unknown: perhaps it is as fast */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct planner_options options = { .seed = 1, .exact = true };
		struct planner_result result;
		struct small small;

		small_init(&small, 1, 2);
		small.sites[1].cpu_node = 0;
		small.nodes[1].cpus = small.nodes[1].dedicable = 0;
		small.latency[1] = small.latency[2] = 0.3;
		small.nodes[0].bandwidth = cases[i].ordinary;
		small.nodes[1].bandwidth = 400000;
		small.vms[0].goal = cases[i].goal;
		planner_solve(&small.problem, &options, &result);
		assert_int_equal(result.placements[0].part_count, 1);
		assert_int_equal(result.placements[0].parts[0].site, cases[i].site);
		planner_result_release(&result, &small.problem);
	}
}

/* The table that a plan prints adds up: nothing is counted twice, nothing left out. */
static void the_terms_add_up_to_the_total(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < PROBLEMS; i++) {
		struct planner_options options = { .seed = seed, .effort = 20000 };
		struct planner_problem problem;
		struct planner_result result;
		double sum = 0;

		problem_generate(&problem, (enum kind)(i % KINDS), &seed);
		for (unsigned int vm = 0; vm < problem.vm_count; vm += 2)
			problem.vms[vm].together = 0;
		problem.vms[0].demand = problem.vms[0].memory = 0; /* has no share of anything */
		planner_solve(&problem, &options, &result);
		for (int term = 0; term < PLANNER_TERMS; term++) {
			sum += result.rest[term];
			for (unsigned int vm = 0; vm < problem.vm_count + problem.fixed_count; vm++)
				sum += result.placements[vm].cost[term];
		}
		assert_true(fabs(sum - result.total) < 1e-6 * (1 + sum));
		planner_result_release(&result, &problem);
		problem_release(&problem);
	}
}

/* Once all VMs have a place they keep one, and the total only falls. */
static void assert_no_worse(const struct planner_result *result, const struct planner_result *than)
{
	if (!than->unplaced)
		assert_true(!result->unplaced && result->total <= than->total + 1e-9);
}

static void improvement_never_makes_it_worse(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < PROBLEMS; i++) {
		struct planner_options options = { .seed = seed, .effort = 1 + i * 5000 };
		struct planner_problem problem;
		struct planner_result result;

		if (i % 4)
			problem_generate(&problem, (enum kind)(i % KINDS), &seed);
		else
			problem_large(&problem, 4, 16, 100, &seed);
		planner_solve(&problem, &options, &result);
		if (result.constructed > 0)
			assert_true(!result.unplaced && result.total <= result.constructed + 1e-9);
		planner_result_release(&result, &problem);
		problem_release(&problem);
	}
}

/* Few VMs and many go through different steps; both are to keep what was found with less effort. */
static void more_effort_never_makes_it_worse(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < PROBLEMS; i++) {
		struct planner_options options = { .seed = seed };
		struct planner_result before = { .unplaced = ~0u }, after;
		struct planner_problem problem;

		if (i % 4)
			problem_generate(&problem, (enum kind)(i % KINDS), &seed);
		else
			problem_large(&problem, 8, 16, 100, &seed);
		for (options.effort = 1; options.effort < 1000000; options.effort *= 7) {
			planner_solve(&problem, &options, &after);
			assert_no_worse(&after, &before);
			planner_result_release(&before, &problem);
			before = after;
		}
		planner_result_release(&before, &problem);
		problem_release(&problem);
	}
}

/* What can be searched to the end is, and the rest of the effort is not wasted on it. */
static void a_small_plan_ends_early(void **state)
{
	struct planner_options options = { 0 };
	struct planner_result result;
	struct small small;

	(void)state;
	small_init(&small, 3, 4);
	planner_solve(&small.problem, &options, &result);
	assert_true(result.proven);
	assert_int_equal(result.unplaced, 0);
	assert_true(result.effort < 1000 && planner_effort(&small.problem) > 1000000);
	planner_result_release(&result, &small.problem);
}

static void more_vms_and_sites_get_more_effort(void **state)
{
	struct planner_problem less = { .vm_count = 1000, .site_count = 8 };
	struct planner_problem vms = { .vm_count = 10000, .site_count = 8 };
	struct planner_problem sites = { .vm_count = 1000, .site_count = 64 };

	(void)state;
	assert_true(planner_effort(&vms) > planner_effort(&less));
	assert_true(planner_effort(&sites) > planner_effort(&less));
}

static void the_same_seed_gives_the_same_plan(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < KINDS + 1; i++) {
		struct planner_options options = { .seed = seed, .effort = 100000 };
		struct planner_problem problem;
		struct planner_result one, two;

		if (i < KINDS)
			problem_generate(&problem, (enum kind)i, &seed);
		else
			problem_large(&problem, 4, 16, 100, &seed);
		planner_solve(&problem, &options, &one);
		planner_solve(&problem, &options, &two);
		assert_int_equal(one.effort, two.effort);
		assert_int_equal(one.proven, two.proven);
		assert_memory_equal(&one.total, &two.total, sizeof(one.total));
		for (unsigned int vm = 0; vm < problem.vm_count; vm++) {
			const struct planner_placement *a = &one.placements[vm], *b = &two.placements[vm];

			assert_int_equal(a->part_count, b->part_count);
			for (unsigned int part = 0; part < a->part_count; part++) {
				assert_int_equal(a->parts[part].site, b->parts[part].site);
				assert_int_equal(a->parts[part].vcpus, b->parts[part].vcpus);
				assert_int_equal(a->parts[part].bytes, b->parts[part].bytes);
			}
		}
		planner_result_release(&one, &problem);
		planner_result_release(&two, &problem);
		problem_release(&problem);
	}
}

/* Each has dozens of shapes; one after another they never came to some pairs, up to 14 % above. */
static void few_huge_vms_come_near_the_optimum(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < PROBLEMS / 2; i++) {
		struct planner_options alone = { .seed = seed, .effort = 500000 };
		struct planner_options proof = { .seed = seed + 1, .effort = 50000, .exact = true };
		struct planner_problem problem;
		struct planner_result heuristic, best;

		problem_generate(&problem, HUGE_VMS, &seed);
		planner_solve(&problem, &alone, &heuristic);
		planner_solve(&problem, &proof, &best);
		if (best.proven && !best.unplaced) {
			assert_int_equal(heuristic.unplaced, 0);
			assert_true(heuristic.total <= 1.05 * best.total);
		}
		planner_result_release(&heuristic, &problem);
		planner_result_release(&best, &problem);
		problem_release(&problem);
	}
}

/* The exact mode may be beaten by nothing; where it proves that nothing fits, nothing is placed. */
static void nothing_is_better_than_the_proven_optimum(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < PROBLEMS; i++) {
		struct planner_options quick = { .seed = seed, .effort = 400000 };
		struct planner_options thorough = { .seed = seed, .effort = 20000, .exact = true };
		struct planner_problem problem;
		struct planner_result heuristic, best;

		problem_generate(&problem, (enum kind)(i % KINDS), &seed);
		planner_solve(&problem, &quick, &heuristic);
		planner_solve(&problem, &thorough, &best);
		if (best.proven && best.unplaced)
			assert_true(heuristic.unplaced);
		else if (best.proven && !heuristic.unplaced)
			assert_true(heuristic.total >= best.total - 1e-6);
		planner_result_release(&heuristic, &problem);
		planner_result_release(&best, &problem);
		problem_release(&problem);
	}
}

static void solve_small(struct small *small, struct planner_result *result)
{
	struct planner_options options = { .effort = 10000, .exact = true };

	planner_solve(&small->problem, &options, result);
	assert_true(result->proven);
}

/* Memory that a guest left on another node keeps no VM of its group away from the CPUs there. */
static void apart_counts_where_the_vcpus_are(void **state)
{
	static const struct planner_part parts[] = { { 0, 2, 6ull << 30 }, { 1, 0, 2ull << 30 } };
	struct planner_result result;
	struct small small;

	(void)state;
	small_init(&small, 2, 2);
	small.vms[0].apart = small.vms[1].apart = 0;
	small.vms[1].fixed = parts;
	small.vms[1].fixed_parts = 2;
	small.problem.vm_count = small.problem.fixed_count = 1;
	solve_small(&small, &result);
	assert_int_equal(result.unplaced, 0);
	assert_int_equal(result.placements[0].parts[0].site, 1);
	planner_result_release(&result, &small.problem);
}

static void a_vm_lives_where_its_devices_are(void **state)
{
	static const unsigned int devices[] = { 1, 1 };
	struct planner_result result;
	struct small small;

	(void)state;
	small_init(&small, 1, 2);
	small.nodes[0].memory -= 1 << 30; /* without the devices node 0 is the tidier one */
	for (unsigned int count = 0; count <= 2; count += 2) {
		small.vms[0].devices = devices;
		small.vms[0].device_count = count;
		solve_small(&small, &result);
		assert_int_equal(result.placements[0].parts[0].site, count ? 1 : 0);
		assert_true(result.placements[0].cost[PLANNER_DEVICE] <= 0);
		planner_result_release(&result, &small.problem);
	}
	small.nodes[1].memory = 0; /* the devices are out of reach: 0.10 x 2 x 1.0 */
	solve_small(&small, &result);
	assert_true(fabs(result.placements[0].cost[PLANNER_DEVICE] - 0.2) < 1e-12);
	planner_result_release(&result, &small.problem);
}

/* Idle VMs would all go to one node, next to the VM they belong to; their vCPUs count nevertheless. */
static void no_vm_shares_beyond_its_overcommit_limit(void **state)
{
	struct planner_result result;
	struct small small;

	(void)state;
	small_init(&small, 4, 6);
	for (unsigned int i = 0; i < 4; i++) {
		small.vms[i].demand = 0.1;
		small.vms[i].together = 0;
	}
	solve_small(&small, &result);
	for (unsigned int i = 1; i < 4; i++)
		assert_int_equal(result.placements[i].parts[0].site, result.placements[0].parts[0].site);
	planner_result_release(&result, &small.problem);

	small.vms[2].overcommit = 1; /* 6 of 8 CPUs: it is alone there */
	solve_small(&small, &result);
	assert_int_equal(result.unplaced, 0);
	for (unsigned int i = 0; i < 4; i++)
		if (i != 2)
			assert_int_not_equal(result.placements[i].parts[0].site,
				result.placements[2].parts[0].site);
	planner_result_release(&result, &small.problem);

	small.vms[0].overcommit = 2; /* 18 vCPUs on the other node are too many for this one */
	solve_small(&small, &result);
	assert_int_equal(result.unplaced, 1);
	planner_result_release(&result, &small.problem);
}

/* A VM that has its place is no VM to place, but who wants to be apart from it stays away. */
static void fixed_vms_count_for_their_groups(void **state)
{
	static const struct planner_part place = { 0, 2, 8ull << 30 };
	struct planner_result result;
	struct small small;

	(void)state;
	for (unsigned int apart = 0; apart < 2; apart++) {
		small_init(&small, 2, 2);
		small.nodes[1].memory -= 8ull << 30; /* node 0 would be the tidier one */
		small.vms[1].fixed = &place;
		small.vms[1].fixed_parts = 1;
		small.vms[0].apart = small.vms[1].apart = apart ? 0 : PLANNER_NO_GROUP;
		small.vms[0].together = small.vms[1].together = apart ? PLANNER_NO_GROUP : 0;
		small.problem.vm_count = small.problem.fixed_count = 1;
		solve_small(&small, &result);
		assert_int_equal(result.placements[0].parts[0].site, apart);
		assert_int_equal(result.placements[1].parts[0].site, 0);
		planner_result_release(&result, &small.problem);
	}
}

/* A little more room elsewhere does not move a guest; twice as many vCPUs as CPUs do. */
static void a_guest_that_runs_moves_only_for_a_gain(void **state)
{
	static const uint64_t resident[] = { 8ull << 30, 0 };
	struct planner_result result;
	struct small small;

	(void)state;
	for (unsigned int load = 1; load <= 8; load += 7) {
		small_init(&small, 1, 4);
		small.nodes[0].load = load;
		small.vms[0].resident = resident;
		solve_small(&small, &result);
		assert_int_equal(result.placements[0].parts[0].site, load > 4);
		planner_result_release(&result, &small.problem);
	}
}

/* The next best place is one, and what it says of the cost is the difference of the totals. */
static void the_next_best_place_costs_what_it_says(void **state)
{
	struct planner_options options = { .effort = 10000, .exact = true, .others = true };
	struct planner_part fixed;
	struct planner_result result, other;
	struct small small;
	double more = 0;

	(void)state;
	small_init(&small, 2, 3);
	small.nodes[1].load = 2;
	planner_solve(&small.problem, &options, &result);
	assert_non_null(result.placements[0].other);
	assert_int_not_equal(result.placements[0].other[0].site, result.placements[0].parts[0].site);
	for (int term = 0; term < PLANNER_TERMS; term++)
		more += result.placements[0].more[term];
	assert_true(more >= 0);
	/* Both VMs nailed to where they are, but the first at its other place. */
	fixed = result.placements[0].other[0];
	for (unsigned int i = 0; i < 2; i++) {
		const struct planner_part *part = i ? &result.placements[1].parts[0] : &fixed;

		small.vms[i].fixed = part;
		small.vms[i].fixed_parts = 1;
		small.nodes[part->site].load += 3;
		small.nodes[part->site].memory -= part->bytes;
	}
	small.problem.vm_count = 0;
	small.problem.fixed_count = 2;
	planner_solve(&small.problem, &options, &other);
	assert_true(fabs(other.total - result.total - more) < 1e-9);
	planner_result_release(&other, &small.problem);
	small.problem.vm_count = 2;
	small.problem.fixed_count = 0;
	planner_result_release(&result, &small.problem);
}

/* The least that the evaluator finds in all placements of one part each; negative when none is allowed. */
static double try_all(const struct planner_problem *problem)
{
	unsigned int count = problem->vm_count, choices = 1;
	struct planner_part parts[8];
	struct planner_placement placements[8] = { 0 };
	double least = -1;

	for (unsigned int i = 0; i < count; i++)
		choices *= problem->site_count;
	for (unsigned int choice = 0; choice < choices; choice++) {
		const char *broken;
		double cost;

		for (unsigned int i = 0, rest = choice; i < count; i++, rest /= problem->site_count) {
			parts[i] = (struct planner_part){ rest % problem->site_count, problem->vms[i].vcpus,
				problem->vms[i].memory };
			placements[i] = (struct planner_placement){ .parts = &parts[i], .part_count = 1 };
		}
		cost = evaluate(problem, placements, &broken);
		if (cost >= 0 && (least < 0 || cost < least))
			least = cost;
	}
	return least;
}

/* Nodes so small that dedicated vCPUs take all cores of some, where the bound is easily wrong. */
static void the_exact_mode_finds_what_trying_all_does(void **state)
{
	uint64_t seed = fresh_seed();

	(void)state;
	for (unsigned int i = 0; i < 20 * PROBLEMS; i++) {
		struct planner_options options = { .seed = seed, .effort = 2000, .exact = true };
		struct planner_problem problem;
		struct planner_result result;
		double least;

		problem_large(&problem, 3, i % 2 ? 2 : 4, 6, &seed);
		problem.sites[2].cpu_node = i % 3 ? 2 : 1;
		for (unsigned int vm = 0; vm < problem.vm_count; vm++) {
			problem.vms[vm].parts_max = 1;
			problem.vms[vm].vcpus = 1 + (unsigned int)(seed >> (2 * vm) & 3) % 3;
			problem.vms[vm].demand = problem.vms[vm].vcpus;
			problem.vms[vm].dedicated = seed >> (20 + vm) & 1;
			problem.vms[vm].apart = seed >> (30 + vm) & 1 && seed >> (40 + vm) & 1 ? 0 : PLANNER_NO_GROUP;
		}
		planner_solve(&problem, &options, &result);
		least = try_all(&problem);
		assert_true(result.proven);
		if (least < 0)
			assert_true(result.unplaced);
		else
			assert_true(!result.unplaced && fabs(result.total - least) < 1e-9 * (1 + least));
		planner_result_release(&result, &problem);
		problem_release(&problem);
	}
}

/* Of 104 GiB that are left on two nodes neither halves of 90 fit, nor parts by what both had at first. */
static void large_vms_are_cut_to_what_is_left(void **state)
{
	struct planner_options options = { 0 };
	struct planner_result result;
	struct small small;

	(void)state;
	for (unsigned int cut = 0; cut < 2; cut++) {
		small_init(&small, 2, 4);
		small.vms[0].memory = 90ull << 30;
		small.vms[0].parts_max = 2;
		small.vms[1].memory = 24ull << 30;
		options.cut = cut;
		planner_solve(&small.problem, &options, &result);
		assert_int_equal(result.unplaced, !cut);
		assert_int_equal(result.placements[0].part_count, 2);
		assert_true(!cut || result.placements[1].part_count == 1);
		planner_result_release(&result, &small.problem);
	}
}

static void parts_sum_up_to_the_whole(void **state)
{
	const double weights[] = { 3, 1, 2 };
	uint64_t sum;

	(void)state;
	for (uint64_t whole = 0; whole < 50; whole++) {
		sum = 0;
		for (unsigned int i = 0; i < 3; i++)
			sum += planner_part(whole, whole % 2 ? weights : NULL, 3, i);
		assert_int_equal(sum, whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cost_is_the_documented_one),
		cmocka_unit_test(fast_memory_is_for_those_who_ask_for_bandwidth),
		cmocka_unit_test(the_terms_add_up_to_the_total),
		cmocka_unit_test(improvement_never_makes_it_worse),
		cmocka_unit_test(more_effort_never_makes_it_worse),
		cmocka_unit_test(a_small_plan_ends_early),
		cmocka_unit_test(more_vms_and_sites_get_more_effort),
		cmocka_unit_test(few_huge_vms_come_near_the_optimum),
		cmocka_unit_test(the_same_seed_gives_the_same_plan),
		cmocka_unit_test(nothing_is_better_than_the_proven_optimum),
		cmocka_unit_test(apart_counts_where_the_vcpus_are),
		cmocka_unit_test(a_vm_lives_where_its_devices_are),
		cmocka_unit_test(no_vm_shares_beyond_its_overcommit_limit),
		cmocka_unit_test(fixed_vms_count_for_their_groups),
		cmocka_unit_test(a_guest_that_runs_moves_only_for_a_gain),
		cmocka_unit_test(the_next_best_place_costs_what_it_says),
		cmocka_unit_test(the_exact_mode_finds_what_trying_all_does),
		cmocka_unit_test(large_vms_are_cut_to_what_is_left),
		cmocka_unit_test(parts_sum_up_to_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
