/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How good and how fast the placement engine is.
 *
 *   planner quality [SEED [COUNT]]   against the proven optimum, and other tools' rules beside it
 *   planner scale [SEED]             time against the number of VMs
 *
 * Quality: problems are generated until the exact mode has solved COUNT of them (500). All placements
 * are scored by the tests' own evaluator.
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

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time); /* the machine may be busy with other things */
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct figures {
	double *gaps; /* of those it placed, relative to the optimum */
	unsigned int count, failed;
};

static void add_gap(struct figures *figures, double cost, double optimum)
{
	double gap = optimum > 0 ? cost / optimum - 1 : 0;

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

static void print_row(const char *name, struct figures *figures)
{
	unsigned int n = figures->count;

	if (n)
		qsort(figures->gaps, n, sizeof(*figures->gaps), ascending);
	printf("%-22s %9.2f %9.2f %9.2f %9.2f %9u\n", name, 100 * mean(figures), n ? 100 * figures->gaps[n / 2] : 0,
		n ? 100 * figures->gaps[n * 95 / 100] : 0, n ? 100 * figures->gaps[n - 1] : 0, figures->failed);
}

static void try_rules(const struct planner_problem *problem, double optimum, struct figures rules[RULES])
{
	for (int rule = 0; rule < RULES; rule++) {
		struct planner_placement *placements = xcalloc(problem->vm_count, sizeof(*placements));
		const char *broken;
		double cost = -1;

		if (rule_place((enum rule)rule, problem, placements))
			cost = evaluate(problem, placements, &broken);
		if (cost >= 0)
			add_gap(&rules[rule], cost, optimum);
		else
			rules[rule].failed++;
		for (unsigned int i = 0; i < problem->vm_count; i++)
			free(placements[i].parts);
		free(placements);
	}
}

struct quality {
	struct figures planner, constructed, rules[RULES];
	unsigned int solved, unsolved, impossible, wrong;
	double slowest;
};

/* The exact mode starts from nothing else than the heuristic, whose own result was written down before. */
static void try_one(struct quality *quality, const struct planner_problem *problem, uint64_t seed)
{
	struct planner_options options = { .seed = seed };
	struct planner_result quick, best;
	const char *broken = NULL;
	double cost, optimum, begin = now();

	planner_solve(problem, &options, &quick);
	if (now() - begin > quality->slowest)
		quality->slowest = now() - begin;
	options.exact = true;
	options.effort = PLANNER_EFFORT / 40;
	planner_solve(problem, &options, &best);
	if (!best.proven) {
		quality->unsolved++;
	} else if (best.unplaced) {
		quality->impossible++;
		if (!quick.unplaced)
			quality->wrong++;
	} else {
		optimum = evaluate(problem, best.placements, &broken);
		if (broken || fabs(optimum - best.total) > 1e-6 * (1 + optimum)) {
			printf("seed %llu: the exact mode says %.9f, the evaluator %.9f (%s)\n",
				(unsigned long long)seed, best.total, optimum, broken ? broken : "no rule broken");
			quality->wrong++;
		}
		quality->solved++;
		cost = quick.unplaced ? -1 : evaluate(problem, quick.placements, &broken);
		if (cost < 0)
			quality->planner.failed++;
		else
			add_gap(&quality->planner, cost, optimum);
		if (cost >= 0 && cost < optimum - 1e-6) {
			printf("seed %llu: %.9f is better than the optimum %.9f\n", (unsigned long long)seed, cost,
				optimum);
			quality->wrong++;
		}
		if (quick.constructed > 0)
			add_gap(&quality->constructed, quick.constructed, optimum);
		else
			quality->constructed.failed++;
		try_rules(problem, optimum, quality->rules);
	}
	planner_result_release(&quick, problem);
	planner_result_release(&best, problem);
}

static int report_quality(struct quality *quality)
{
	bool good;

	printf("%u problems solved to the proven optimum, %u impossible, %u not solved within the effort\n\n",
		quality->solved, quality->impossible, quality->unsolved);
	printf("%-22s %9s %9s %9s %9s %9s\n", "% above the optimum", "mean", "median", "95 %", "worst", "no place");
	print_row("vmtune", &quality->planner);
	print_row("  construction alone", &quality->constructed);
	for (int rule = 0; rule < RULES; rule++)
		print_row(rule_name((enum rule)rule), &quality->rules[rule]);
	printf("\nslowest heuristic run %.2f s; wrong answers %u\n", quality->slowest, quality->wrong);
	good = !quality->wrong && !quality->planner.failed && mean(&quality->planner) <= ALLOWED_MEAN &&
		(!quality->planner.count ||
			quality->planner.gaps[quality->planner.count - 1] <= ALLOWED_WORST) &&
		quality->slowest <= FEASIBLE_S;
	puts(good ? "within 1 % on average, 5 % at worst, 1 s" : "NOT within 1 % on average, 5 % at worst, 1 s");
	return good ? 0 : 1;
}

static int quality_main(uint64_t seed, unsigned int count)
{
	struct quality quality = { 0 };
	uint64_t state = seed;
	int status;

	printf("placement quality, seed %llu\n", (unsigned long long)seed);
	for (unsigned int i = 0; quality.solved < count; i++) {
		struct planner_problem problem;

		problem_generate(&problem, i % 2 ? TIGHT : LOOSE, &state);
		try_one(&quality, &problem, state);
		problem_release(&problem);
	}
	status = report_quality(&quality);
	free(quality.planner.gaps);
	free(quality.constructed.gaps);
	for (int rule = 0; rule < RULES; rule++)
		free(quality.rules[rule].gaps);
	return status;
}

static int scale_main(uint64_t seed)
{
	static const struct {
		unsigned int nodes, cpus, vms;
		double limit;
	} rows[] = {
		{ 8, 128, 250, 1 }, { 8, 128, 500, 1 }, { 8, 128, 1000, 1 }, { 8, 128, 2000, 1 },
		{ 64, 16, 1250, 10 }, { 64, 16, 2500, 10 }, { 64, 16, 5000, 10 }, { 64, 16, 10000, 10 },
	};
	double before = 0;
	int status = 0;

	printf("placement time, seed %llu\n\n%6s %6s %6s %9s %9s %12s %12s\n", (unsigned long long)seed, "nodes", "CPUs",
		"VMs", "seconds", "growth", "constructed", "improved");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct planner_options options = { .seed = seed };
		struct planner_problem problem;
		struct planner_result result;
		double seconds;

		problem_large(&problem, rows[i].nodes, rows[i].cpus, rows[i].vms, &seed);
		seconds = now();
		planner_solve(&problem, &options, &result);
		seconds = now() - seconds;
		printf("%6u %6u %6u %9.2f", rows[i].nodes, rows[i].nodes * rows[i].cpus, rows[i].vms, seconds);
		if (i && rows[i].nodes == rows[i - 1].nodes)
			printf(" %8.1fx", seconds / before);
		else
			printf(" %9s", "");
		printf(" %12.2f %12.2f%s\n", result.constructed, result.total,
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
