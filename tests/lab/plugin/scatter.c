// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes a process's large mappings apart, for tests/lab/compare: `scatter PID NODE...` moves each 2M of them to the
 * next of the nodes in turn, so that whoever wants the memory together has to move some of it. Says how many pages
 * of it that were touched would not move.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE  4096UL
#define BLOCK (2UL << 20)
#define LARGE (64UL << 20)
#define PAGES (BLOCK / PAGE)

/* Returns how many pages lie elsewhere afterwards; -1: the process has gone. */
static int move_block(int pid, uint64_t start, int node)
{
	int elsewhere = 0;

	void *page[PAGES];
	int to[PAGES], said[PAGES];

	for (unsigned long i = 0; i < PAGES; i++) {
		page[i] = (void *)(uintptr_t)(start + i * PAGE);
		to[i] = node;
	}
	/* A huge page comes along with its first part. What is said of a page that does not move is no answer. */
	if (syscall(SYS_move_pages, pid, 1UL, page, to, said, MPOL_MF_MOVE) < 0 ||
		syscall(SYS_move_pages, pid, PAGES - 1, page + 1, to + 1, said + 1, MPOL_MF_MOVE) < 0 ||
		syscall(SYS_move_pages, pid, PAGES, page, NULL, said, 0) < 0)
		return -1;
	for (unsigned long i = 0; i < PAGES; i++)
		elsewhere += said[i] >= 0 && said[i] != node;
	return elsewhere;
}

int main(int argc, char **argv)
{
	unsigned long start, end, turn = 0, elsewhere = 0;
	char path[64], line[512], access[5];
	int pid = argc > 2 ? atoi(argv[1]) : 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = pid > 0 ? fopen(path, "r") : NULL;
	if (!maps) {
		fprintf(stderr, "usage: scatter PID NODE...\n");
		return 2;
	}
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || strncmp(access, "rw", 2) != 0 ||
			end - start < LARGE)
			continue;
		for (uint64_t at = (start + BLOCK - 1) / BLOCK * BLOCK; at + BLOCK <= end; at += BLOCK, turn++) {
			int left = move_block(pid, at, atoi(argv[2 + turn % (unsigned long)(argc - 2)]));

			if (left < 0) {
				fprintf(stderr, "scatter: PID %d: %s\n", pid, strerror(errno));
				return 1;
			}
			elsewhere += (unsigned long)left;
		}
	}
	fclose(maps);
	if (elsewhere)
		printf("scatter: PID %d: %lu pages would not move\n", pid, elsewhere);
	return 0;
}
