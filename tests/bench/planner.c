/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How good and how fast the placement engine is.
 *
 *   planner quality [SEED [COUNT]]   against the proven optimum, and other tools' rules beside it
 *   planner scale [SEED]             time against the size of machine and profile
 *
 * Quality: problems of each kind in turn are generated until the exact mode has solved COUNT of them
 * (500). All placements are scored by the tests' own evaluator. Problems that the exact mode did not
 * solve within its effort are counted for each kind; nothing is known about the gap there.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/xalloc.h"
#include "tests/planner/planner_test.h"

#define ALLOWED_MEAN  0.01
#define ALLOWED_WORST 0.05
#define FEASIBLE_S    1.0
#define EXACT_EFFORT  400000

static const char *const kind_names[KINDS] = { "  loose", "  tight", "  huge VMs" };

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time); /* the machine may be busy with other things */
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Placements of one tool or kind of problem. */
struct figures {
	double *gaps; /* of those it placed, relative to the optimum */
	unsigned int count, failed;
};

static void add_gap(struct figures *figures, double cost, double optimum)
{
	double gap = cost > optimum * (1 + 1e-9) ? cost / optimum - 1 : 0; /* no rounding errors */

	if (cost < 0) {
		figures->failed++;
		return;
	}
	figures->gaps = xreallocarray(figures->gaps, figures->count + 1, sizeof(*figures->gaps));
	figures->gaps[figures->count++] = gap;
}

static int ascending(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

static double mean(const struct figures *figures)
{
	double sum = 0;

	for (unsigned int i = 0; i < figures->count; i++)
		sum += figures->gaps[i];
	return figures->count ? sum / figures->count : 0;
}

static double worst(const struct figures *figures)
{
	double most = 0;

	for (unsigned int i = 0; i < figures->count; i++)
		most = fmax(most, figures->gaps[i]);
	return most;
}

static double percentile(struct figures *figures, unsigned int percent)
{
	if (!figures->count)
		return 0;
	qsort(figures->gaps, figures->count, sizeof(*figures->gaps), ascending);
	return figures->gaps[((size_t)figures->count * percent + 99) / 100 - 1];
}

static void print_row(const char *name, struct figures *figures)
{
	printf("%-24s %8u %8.2f %8.2f %8.2f %8.2f %8.2f %9u\n", name, figures->count, 100 * mean(figures),
		100 * percentile(figures, 50), 100 * percentile(figures, 95), 100 * percentile(figures, 99),
		100 * worst(figures), figures->failed);
}

/* What became of the problems of one kind. */
struct outcome {
	unsigned int generated, solved, impossible, unsolved;
	double slowest;
};

struct quality {
	struct outcome outcomes[KINDS];
	struct figures planner, enumerated, searched, constructed, rules[RULES], kinds[KINDS];
	unsigned int solved, wrong;
	double slowest;
};

static double rule_cost(enum rule rule, const struct planner_problem *problem)
{
	unsigned int count = problem->vm_count + problem->fixed_count;
	struct planner_placement *placements = xcalloc(count, sizeof(*placements));
	const char *broken;
	double cost = -1;

	if (rule_place(rule, problem, placements))
		cost = evaluate(problem, placements, &broken);
	for (unsigned int i = 0; i < count; i++)
		free(placements[i].parts);
	free(placements);
	return cost;
}

/* A placement of all VMs by the evaluator; what the planner says about it must be the same. */
static double checked_cost(struct quality *quality, const struct planner_problem *problem,
	const struct planner_result *result)
{
	const char *broken;
	double cost;

	if (result->unplaced)
		return -1;
	cost = evaluate(problem, result->placements, &broken);
	if (cost < 0 || fabs(cost - result->total) > 1e-6 * (1 + cost)) {
		printf("the planner says %.9f, the evaluator %.9f (%s)\n", result->total, cost,
			broken ? broken : "no rule broken");
		quality->wrong++;
	}
	return cost;
}

static void compare(struct quality *quality, enum kind kind, const struct planner_problem *problem,
	const struct planner_result *quick, const struct planner_result *best)
{
	double optimum = checked_cost(quality, problem, best), cost = checked_cost(quality, problem, quick);

	if (cost >= 0 && cost < optimum - 1e-6) {
		printf("%.9f is better than the optimum %.9f\n", cost, optimum);
		quality->wrong++;
	}
	if (cost > optimum * (1 + ALLOWED_MEAN))
		printf("  %s problem %u, %u nodes, %u VMs: %.2f %% above the optimum\n", kind_names[kind],
			quality->outcomes[kind].generated, problem->node_count, problem->vm_count,
			100 * (cost / optimum - 1));
	add_gap(&quality->planner, cost, optimum);
	add_gap(&quality->kinds[kind], cost, optimum);
	add_gap(quick->proven ? &quality->enumerated : &quality->searched, cost, optimum);
	add_gap(&quality->constructed, quick->constructed > 0 ? quick->constructed : -1, optimum);
	for (int rule = 0; rule < RULES; rule++)
		add_gap(&quality->rules[rule], rule_cost((enum rule)rule, problem), optimum);
}

/* The heuristic comes first, by itself; then the exact mode with its own effort and another seed. */
static void try_one(struct quality *quality, enum kind kind, const struct planner_problem *problem, uint64_t seed)
{
	struct planner_options alone = { .seed = seed };
	struct planner_options proof = { .seed = seed + 1, .effort = EXACT_EFFORT, .exact = true };
	struct outcome *outcome = &quality->outcomes[kind];
	struct planner_result quick, best;
	double begin = now();

	outcome->generated++;
	planner_solve(problem, &alone, &quick);
	outcome->slowest = fmax(outcome->slowest, now() - begin);
	planner_solve(problem, &proof, &best);
	if (!best.proven) {
		outcome->unsolved++;
	} else if (best.unplaced) {
		outcome->impossible++;
		quality->wrong += !quick.unplaced;
	} else {
		outcome->solved++;
		quality->solved++;
		compare(quality, kind, problem, &quick, &best);
	}
	planner_result_release(&quick, problem);
	planner_result_release(&best, problem);
}

static double print_outcomes(const struct quality *quality)
{
	double slowest = 0;

	printf("\n%-24s %9s %9s %10s %10s %10s\n", "problems", "generated", "solved", "impossible", "not solved",
		"slowest, s");
	for (int kind = 0; kind < KINDS; kind++) {
		const struct outcome *outcome = &quality->outcomes[kind];

		printf("%-24s %9u %9u %10u %10u %10.2f\n", kind_names[kind], outcome->generated, outcome->solved,
			outcome->impossible, outcome->unsolved, outcome->slowest);
		slowest = fmax(slowest, outcome->slowest);
	}
	return slowest;
}

static int report_quality(struct quality *quality)
{
	double slowest = print_outcomes(quality);
	bool good;

	printf("\n%-24s %8s %8s %8s %8s %8s %8s %9s\n", "% above the optimum", "placed", "mean", "median", "95 %",
		"99 %", "worst", "no place");
	print_row("vmtune", &quality->planner);
	for (int kind = 0; kind < KINDS; kind++)
		print_row(kind_names[kind], &quality->kinds[kind]);
	print_row("  by enumeration", &quality->enumerated);
	print_row("  by search", &quality->searched);
	print_row("  construction alone", &quality->constructed);
	for (int rule = 0; rule < RULES; rule++)
		print_row(rule_name((enum rule)rule), &quality->rules[rule]);
	good = !quality->wrong && !quality->planner.failed && mean(&quality->planner) <= ALLOWED_MEAN &&
		worst(&quality->planner) <= ALLOWED_WORST && slowest <= FEASIBLE_S;
	printf("\n%swithin 1 %% on average, 5 %% at worst, a place for all VMs in 1 s; wrong answers: %u\n",
		good ? "" : "NOT ", quality->wrong);
	return good ? 0 : 1;
}

static void release_quality(struct quality *quality)
{
	free(quality->planner.gaps);
	free(quality->enumerated.gaps);
	free(quality->searched.gaps);
	free(quality->constructed.gaps);
	for (int rule = 0; rule < RULES; rule++)
		free(quality->rules[rule].gaps);
	for (int kind = 0; kind < KINDS; kind++)
		free(quality->kinds[kind].gaps);
}

static int quality_main(uint64_t seed, unsigned int count)
{
	struct quality quality = { 0 };
	uint64_t state = seed;
	int status;

	printf("placement quality, seed %llu, until %u problems are solved to the proven optimum\n",
		(unsigned long long)seed, count);
	for (unsigned int i = 0; quality.solved < count; i++) {
		enum kind kind = (enum kind)(i % KINDS);
		struct planner_problem problem;

		problem_generate(&problem, kind, &state);
		try_one(&quality, kind, &problem, state);
		problem_release(&problem);
	}
	status = report_quality(&quality);
	release_quality(&quality);
	return status;
}

static double solve_in(const struct planner_problem *problem, uint64_t effort, struct planner_result *result)
{
	struct planner_options options = { .effort = effort };
	double begin = now();

	planner_solve(problem, &options, result);
	return now() - begin;
}

/* Lost vCPUs with so much effort. */
static double total_with(const struct planner_problem *problem, uint64_t effort)
{
	struct planner_result result;
	double total;

	solve_in(problem, effort, &result);
	total = result.total;
	planner_result_release(&result, problem);
	return total;
}

/* Time against what the machine has; and what a quarter and four times of the effort come to. */
static int scale_main(uint64_t seed)
{
	static const struct {
		unsigned int nodes, cpus, vms;
		double limit;
	} rows[] = {
		{ 2, 16, 3, 1 }, { 4, 16, 30, 1 },
		{ 8, 128, 250, 1 }, { 8, 128, 500, 1 }, { 8, 128, 1000, 1 }, { 8, 128, 2000, 1 },
		{ 16, 16, 2500, 10 }, { 32, 16, 5000, 10 },
		{ 64, 16, 1250, 10 }, { 64, 16, 2500, 10 }, { 64, 16, 5000, 10 }, { 64, 16, 10000, 10 },
	};
	double before = 0;
	int status = 0;

	printf("placement time, seed %llu; lost vCPUs after construction and with so much of the effort\n\n"
	       "%6s %6s %6s %9s %9s %12s %10s %10s %10s\n", (unsigned long long)seed, "nodes", "CPUs", "VMs",
		"seconds", "growth", "constructed", "effort/4", "effort", "effort x 4");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct planner_problem problem;
		struct planner_result result;
		double seconds;
		uint64_t effort;

		problem_large(&problem, rows[i].nodes, rows[i].cpus, rows[i].vms, &seed);
		seconds = solve_in(&problem, 0, &result);
		effort = planner_effort(&problem);
		printf("%6u %6u %6u %9.3f", rows[i].nodes, rows[i].nodes * rows[i].cpus, rows[i].vms, seconds);
		if (i && rows[i].nodes == rows[i - 1].nodes)
			printf(" %8.1fx", seconds / before);
		else
			printf(" %9s", "");
		printf(" %12.3f %10.3f %10.3f %10.3f%s\n", result.constructed, total_with(&problem, effort / 4),
			result.total, total_with(&problem, effort * 4),
			result.unplaced ? "  some without a place" : seconds > rows[i].limit ? "  TOO SLOW" : "");
		status |= result.unplaced || seconds > rows[i].limit;
		before = seconds;
		planner_result_release(&result, &problem);
		problem_release(&problem);
	}
	return status;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);

	if (argc > 1 && !strcmp(argv[1], "quality"))
		return quality_main(seed, argc > 3 ? (unsigned int)atoi(argv[3]) : 500);
	if (argc > 1 && !strcmp(argv[1], "scale"))
		return scale_main(seed);
	fprintf(stderr, "usage: planner quality [SEED [COUNT]] | scale [SEED]\n");
	return 2;
}
