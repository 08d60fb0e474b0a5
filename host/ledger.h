/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The books of a NUMA node's memory: every byte of it on one line. The kernel counts most lines itself; of what
 * it counts as programs' memory, page cache and huge pages, the guests' part is looked up guest by guest.
 */
#ifndef VMTUNE_HOST_LEDGER_H
#define VMTUNE_HOST_LEDGER_H

#include "host/guest.h"
#include "host/machine.h"
#include "host/meminfo.h"
#include "host/root.h"

enum ledger_line {
	LEDGER_FREE,          /* and what CPUs keep at hand */
	LEDGER_GUEST_SMALL,   /* guests' RAM in pages of 4K, */
	LEDGER_GUEST_THP,     /* in transparent huge ones, */
	LEDGER_GUEST_2M,      /* of pools */
	LEDGER_GUEST_1G,
	LEDGER_GUEST_MERGED,  /* pages that KSM keeps for several guests */
	LEDGER_VMM,           /* guests' processes beside their RAM */
	LEDGER_POOL_FREE,     /* huge pages nobody has, */
	LEDGER_POOL_RESERVED, /* promised to somebody, */
	LEDGER_POOL_OTHER,    /* in use by others than guests */
	LEDGER_PROGRAMS,      /* other processes' own memory */
	LEDGER_SHARED,        /* shared memory and tmpfs of others than guests */
	LEDGER_CACHE,         /* page cache */
	LEDGER_SECOND_TABLES, /* guests' second-level page tables */
	LEDGER_TABLES,        /* processes' page tables */
	LEDGER_SLAB,          /* the kernel's objects, KSM's metadata among them */
	LEDGER_STACKS,        /* the kernel's stacks */
	LEDGER_REST,          /* not accounted: drivers' pages, vmalloc, what changed while it was read; may be negative */
	LEDGER_LINES
};

/* "free", "guests, 4K pages", ...: for people; "free", "guest-4k", ...: for JSON. */
const char *ledger_line_title(enum ledger_line line);
const char *ledger_line_key(enum ledger_line line);

struct ledger {
	int64_t line[LEDGER_LINES]; /* bytes; they sum up to ->total exactly */
	uint64_t total;             /* the node's MemTotal */
};

/* What one node's books are made of; bytes, of this node. */
struct ledger_figures {
	struct meminfo memory;
	uint64_t at_hand;             /* free pages that CPUs keep, which no line of meminfo counts */
	uint64_t merged;              /* pages that KSM keeps */
	uint64_t small_own, small_shared, thp, huge_2m, huge_1g; /* guests' RAM: private, of memory files, ... */
	uint64_t vmm;
	uint64_t pool[2], pool_free[2], pool_reserved[2]; /* of 2M and 1G pages */
};

/*
 * Pure. A guest's figures are estimates (pages may be sampled) and are bounded by what the kernel counts of that
 * kind, so that no byte is on two lines.
 */
void ledger_make(const struct ledger_figures *figures, struct ledger *ledger);

/* ---- one guest ------------------------------------------------------------------------------- */

/* Bytes; GUEST_UNKNOWN for what cannot be told. */
struct guest_memory {
	bool gone;                    /* it could not be looked at (it has ended, no permission): all else is 0 or unknown */
	uint64_t configured, resident;
	uint64_t merged;              /* of it, in pages that are shared with others (KSM) */
	int64_t merge_profit;         /* what that saves, less KSM's metadata for it; INT64_MIN unknown */
	uint64_t small_own, small_shared, thp, huge_2m, huge_1g;
	uint64_t vmm;                 /* of the process, beside its RAM */
	uint64_t ballooned;           /* configured, but given back by the balloon */
	uint64_t reported;            /* given back by free page reporting so far; our vmm's word */
	uint64_t working;             /* what the guest itself says it needs: total less available */
	uint64_t idle;                /* of the rest, by its own word: free; the other is its page cache */
};

/* What only its VMM and its own kernel know: ->ballooned, ->reported, ->working, ->idle. */
void guest_memory_ask(struct guest *guest, int timeout_ms, struct guest_memory *memory);

/* ---- all of it ------------------------------------------------------------------------------- */

/*
 * The books of all nodes, in the order of machine->nodes; the caller frees. @memory, a row for each guest, gets what
 * the kernel knows of it. @samples: pages asked for of each guest and page size, 0: all.
 */
struct ledger *ledger_read(const struct root *root, const struct machine *machine, const struct guest_list *guests,
	unsigned int samples, struct guest_memory *memory);

#endif
