/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The settings a KVM administrator tunes, by place. Ranges are the kernel's own where it checks one
 * (Documentation/admin-guide/{sysctl,mm,pm}, virt/kvm); defaults differ between kernels and are
 * therefore read, never written down here.
 *
 * The class says how a changed value can be taken back: most rows are written at run time; the kernel
 * refuses an _IF row until its precondition holds; RELOAD rows are module parameters without write
 * permission.
 */
#include <limits.h>

#include "host/knob.h"

#define KSM  "/sys/kernel/mm/ksm/"
#define THP  "/sys/kernel/mm/transparent_hugepage/"
#define KHP  THP "khugepaged/"
#define VM   "/proc/sys/vm/"
#define KERN "/proc/sys/kernel/"
#define KVM  "/sys/module/kvm/parameters/"
#define VMX  "/sys/module/kvm_intel/parameters/"
#define SVM  "/sys/module/kvm_amd/parameters/"

#define NUMBER(name_, path_, min_, max_, what_)                                                   \
	{ .name = name_, .path = path_, .shape = KNOB_NUMBER, .undo = CLASS_REVERSIBLE,           \
	  .min = min_, .max = max_, .what = what_ }
#define NUMBER_IF(name_, path_, min_, max_, what_, precondition_)                                 \
	{ .name = name_, .path = path_, .shape = KNOB_NUMBER, .undo = CLASS_PRECONDITION,         \
	  .min = min_, .max = max_, .what = what_, .precondition = precondition_ }
#define BOOL(name_, path_, what_)                                                                 \
	{ .name = name_, .path = path_, .shape = KNOB_BOOL, .undo = CLASS_REVERSIBLE,             \
	  .max = 1, .what = what_ }
#define BOOL_IF(name_, path_, what_, precondition_)                                               \
	{ .name = name_, .path = path_, .shape = KNOB_BOOL, .undo = CLASS_PRECONDITION,           \
	  .max = 1, .what = what_, .precondition = precondition_ }
#define CHOICE(name_, path_, choices_, what_)                                                     \
	{ .name = name_, .path = path_, .shape = KNOB_CHOICE, .undo = CLASS_REVERSIBLE,           \
	  .choices = choices_, .what = what_ }
#define MASK(name_, path_, what_)                                                                 \
	{ .name = name_, .path = path_, .shape = KNOB_MASK, .undo = CLASS_REVERSIBLE,             \
	  .what = what_ }
#define TEXT(name_, path_, what_)                                                                 \
	{ .name = name_, .path = path_, .shape = KNOB_TEXT, .undo = CLASS_REVERSIBLE,             \
	  .what = what_ }
#define RELOAD_BOOL(name_, path_, what_)                                                          \
	{ .name = name_, .path = path_, .shape = KNOB_BOOL, .undo = CLASS_MODULE_RELOAD,          \
	  .max = 1, .what = what_, .precondition = NO_GUEST }
#define RELOAD_NUMBER(name_, path_, min_, max_, what_)                                            \
	{ .name = name_, .path = path_, .shape = KNOB_NUMBER, .undo = CLASS_MODULE_RELOAD,        \
	  .min = min_, .max = max_, .what = what_, .precondition = NO_GUEST }

#define NO_GUEST    "no guest runs: the module must be loaded again"
#define UNSHARED    "no page is shared (ksm/pages_shared is 0; ksm_run = 2 unmerges)"
#define NO_ADVISOR  "ksm_advisor_mode is none: the advisor owns this value while it is on"
#define NO_BYTES    "the matching dirty_*bytes setting is 0: each clears the other"

const struct knob knobs[] = {
	/* KSM: RAM for CPU time. */
	NUMBER("ksm_run", KSM "run", 0, 2,
		"1 merges equal pages of marked guests, 0 stops, 2 unmerges all (needs the RAM for it)"),
	NUMBER_IF("ksm_pages_to_scan", KSM "pages_to_scan", 1, UINT_MAX,
		"pages ksmd looks at before it sleeps: more merges sooner, for more CPU", NO_ADVISOR),
	NUMBER("ksm_sleep_millisecs", KSM "sleep_millisecs", 0, UINT_MAX,
		"how long ksmd sleeps between two batches"),
	BOOL_IF("ksm_merge_across_nodes", KSM "merge_across_nodes",
		"0 merges only within a NUMA node: less saved, no remote reads", UNSHARED),
	NUMBER_IF("ksm_max_page_sharing", KSM "max_page_sharing", 2, INT_MAX,
		"how many may share one page: bounds the time to reclaim or migrate it", UNSHARED),
	NUMBER("ksm_stable_node_chains_prune_millisecs", KSM "stable_node_chains_prune_millisecs", 0,
		UINT_MAX, "how often chains of over-shared pages are tidied"),
	BOOL("ksm_use_zero_pages", KSM "use_zero_pages",
		"merges empty pages with the kernel's zero page: cheap for fresh guests"),
	BOOL("ksm_smart_scan", KSM "smart_scan",
		"skips pages that never merged: about a fifth less ksmd CPU"),
	CHOICE("ksm_advisor_mode", KSM "advisor_mode", "none scan-time",
		"scan-time lets the kernel choose pages_to_scan to meet the target scan time"),
	NUMBER("ksm_advisor_max_cpu", KSM "advisor_max_cpu", 0, 100,
		"percent of one CPU the advisor may let ksmd use"),
	NUMBER("ksm_advisor_target_scan_time", KSM "advisor_target_scan_time", 1, UINT_MAX,
		"seconds a full scan shall take under the advisor"),
	NUMBER("ksm_advisor_min_pages_to_scan", KSM "advisor_min_pages_to_scan", 1, UINT_MAX,
		"lower limit for the advisor"),
	NUMBER("ksm_advisor_max_pages_to_scan", KSM "advisor_max_pages_to_scan", 1, UINT_MAX,
		"upper limit for the advisor"),

	/* Huge pages without a pool. */
	CHOICE("thp_enabled", THP "enabled", "always madvise never",
		"2M pages for anonymous memory: madvise gives them to guests that ask"),
	CHOICE("thp_defrag", THP "defrag", "always defer defer+madvise madvise never",
		"whether a page fault may wait for compaction to make a 2M page"),
	CHOICE("thp_shmem_enabled", THP "shmem_enabled", "always within_size advise never deny force",
		"the same for shared memory (memfd guests, vhost-user)"),
	BOOL("thp_use_zero_page", THP "use_zero_page", "a huge zero page for reads of untouched memory"),
	BOOL("thp_shrink_underused", THP "shrink_underused",
		"splits 2M pages that are mostly zero when memory is short"),
	BOOL("khugepaged_defrag", KHP "defrag", "whether khugepaged compacts memory for its 2M pages"),
	NUMBER("khugepaged_pages_to_scan", KHP "pages_to_scan", 1, UINT_MAX,
		"4K pages khugepaged looks at a round: more collapses sooner, for more CPU"),
	NUMBER("khugepaged_scan_sleep_millisecs", KHP "scan_sleep_millisecs", 0, UINT_MAX,
		"how long khugepaged sleeps between rounds; 1000 while guests warm up"),
	NUMBER("khugepaged_alloc_sleep_millisecs", KHP "alloc_sleep_millisecs", 0, UINT_MAX,
		"how long it waits after it found no free 2M page"),
	NUMBER("khugepaged_max_ptes_none", KHP "max_ptes_none", 0, 511,
		"how many 4K pages may be missing when it collapses: low values waste no RAM"),
	NUMBER("khugepaged_max_ptes_swap", KHP "max_ptes_swap", 0, 511,
		"how many it may fetch from swap for one collapse"),
	NUMBER("khugepaged_max_ptes_shared", KHP "max_ptes_shared", 0, 511,
		"how many may be shared (after fork) when it collapses"),

	/* NUMA and reclaim. */
	NUMBER("numa_balancing", KERN "numa_balancing", 0, 3,
		"1 moves pages towards the CPUs that use them; 0 when all guests are bound; 2 tiers memory"),
	NUMBER("zone_reclaim_mode", VM "zone_reclaim_mode", 0, 7,
		"non-zero reclaims on the local node before it goes to another one"),
	NUMBER("swappiness", VM "swappiness", 0, 200,
		"how readily guest RAM is swapped rather than page cache dropped"),
	NUMBER("compaction_proactiveness", VM "compaction_proactiveness", 0, 100,
		"background work for free 2M pages; 0 avoids the jitter once guests run"),
	NUMBER("watermark_scale_factor", VM "watermark_scale_factor", 1, 3000,
		"free memory kept by kswapd, in 1/10000: more keeps direct reclaim away from guests"),
	NUMBER("watermark_boost_factor", VM "watermark_boost_factor", 0, INT_MAX,
		"extra reclaim after fragmentation; 0 avoids its latency"),
	NUMBER("min_free_kbytes", VM "min_free_kbytes", 0, INT_MAX,
		"memory that is always kept free, in KiB"),
	NUMBER("extfrag_threshold", VM "extfrag_threshold", 0, 1000,
		"below it the kernel compacts rather than reclaims for a large page"),
	BOOL("compact_unevictable_allowed", VM "compact_unevictable_allowed",
		"whether locked guest RAM may be moved by compaction; 0 for real-time guests"),
	NUMBER("overcommit_memory", VM "overcommit_memory", 0, 2,
		"0 guesses, 1 always grants, 2 counts strictly: what mapping guest RAM may promise"),
	NUMBER("overcommit_ratio", VM "overcommit_ratio", 0, INT_MAX,
		"percent of RAM that may be promised under overcommit_memory = 2"),
	NUMBER("max_map_count", VM "max_map_count", 1, INT_MAX,
		"mappings a process may have; raise it when KSM splits guest RAM a lot"),
	NUMBER("nr_overcommit_hugepages", VM "nr_overcommit_hugepages", 0, LLONG_MAX,
		"surplus pages of the default huge page size that may be made on demand"),
	NUMBER("vfs_cache_pressure", VM "vfs_cache_pressure", 0, INT_MAX,
		"how readily inodes and dentries are dropped; image hosts keep them"),
	NUMBER_IF("dirty_ratio", VM "dirty_ratio", 0, 100,
		"percent of memory that may be dirty before writers must wait", NO_BYTES),
	NUMBER_IF("dirty_background_ratio", VM "dirty_background_ratio", 0, 100,
		"percent of memory that may be dirty before writeback begins", NO_BYTES),

	/* Scheduler and housekeeping noise. */
	NUMBER("sched_rt_runtime_us", KERN "sched_rt_runtime_us", -1, INT_MAX,
		"microseconds a period real-time threads may run; -1 for real-time vCPUs"),
	BOOL("sched_autogroup_enabled", KERN "sched_autogroup_enabled",
		"groups tasks by session: off on a host without desktops"),
	BOOL("timer_migration", KERN "timer_migration", "whether timers move to busy CPUs; 0 for isolation"),
	BOOL("nmi_watchdog", KERN "nmi_watchdog", "hard-lockup detector: costs one perf counter and NMIs"),
	NUMBER("watchdog_thresh", KERN "watchdog_thresh", 0, 60, "seconds before a lockup is reported; 0 off"),
	TEXT("watchdog_cpumask", KERN "watchdog_cpumask",
		"CPUs the watchdogs run on, as a list: the housekeeping ones"),
	NUMBER("stat_interval", VM "stat_interval", 1, INT_MAX,
		"seconds between updates of VM counters on each CPU; 10 for isolation"),
	MASK("irq_default_smp_affinity", "/proc/irq/default_smp_affinity",
		"CPUs for interrupts that are set up from now on"),
	MASK("workqueue_cpumask", "/sys/devices/virtual/workqueue/cpumask",
		"CPUs for unbound kernel work: the housekeeping ones"),
	MASK("workqueue_writeback_cpumask", "/sys/devices/virtual/workqueue/writeback/cpumask",
		"CPUs for writeback work"),
	CHOICE("smt", "/sys/devices/system/cpu/smt/control", "on off",
		"off takes the second threads away: no guest shares a core with another"),
	BOOL("cpufreq_boost", "/sys/devices/system/cpu/cpufreq/boost", "turbo frequencies"),
	BOOL("intel_pstate_no_turbo", "/sys/devices/system/cpu/intel_pstate/no_turbo",
		"1 switches turbo off: steadier frequency"),
	NUMBER("intel_pstate_min_perf_pct", "/sys/devices/system/cpu/intel_pstate/min_perf_pct", 0, 100,
		"lowest frequency in percent of the highest; 100 for latency"),

	/* KVM. */
	NUMBER("kvm_halt_poll_ns", KVM "halt_poll_ns", 0, UINT_MAX,
		"how long a halted vCPU is polled for before its thread sleeps: latency for CPU"),
	NUMBER("kvm_halt_poll_ns_grow", KVM "halt_poll_ns_grow", 0, UINT_MAX,
		"factor by which the polling time grows; 0 keeps it"),
	NUMBER("kvm_halt_poll_ns_grow_start", KVM "halt_poll_ns_grow_start", 0, UINT_MAX,
		"first polling time when it grows from 0"),
	NUMBER("kvm_halt_poll_ns_shrink", KVM "halt_poll_ns_shrink", 0, UINT_MAX,
		"divisor by which it shrinks; 0 resets it at once"),
	BOOL("kvm_nx_huge_pages", KVM "nx_huge_pages",
		"iTLB multihit mitigation: splits guest huge pages that hold code"),
	NUMBER("kvm_nx_huge_pages_recovery_ratio", KVM "nx_huge_pages_recovery_ratio", 0, UINT_MAX,
		"1/ratio of the pages split by it are joined again a period; 0 never (real time)"),
	BOOL("kvm_eager_page_split", KVM "eager_page_split",
		"splits huge pages when dirty logging starts rather than at each write"),
	BOOL("kvm_ignore_msrs", KVM "ignore_msrs", "ignores guest accesses to unknown MSRs"),
	BOOL("kvm_kvmclock_periodic_sync", KVM "kvmclock_periodic_sync",
		"corrects guest clocks every five minutes; 0 for real-time guests"),
	NUMBER("kvm_pi_inject_timer", KVM "pi_inject_timer", -1, 1,
		"posts the guest timer from a housekeeping CPU without an exit"),
	RELOAD_BOOL("kvm_tdp_mmu", KVM "tdp_mmu", "the scalable page-table code for EPT and NPT"),
	RELOAD_BOOL("kvm_enable_pmu", KVM "enable_pmu", "performance counters in guests"),
	RELOAD_BOOL("kvm_intel_ept", VMX "ept", "second-level page tables in hardware"),
	RELOAD_BOOL("kvm_intel_nested", VMX "nested", "VMX inside guests: off is less attack surface"),
	RELOAD_BOOL("kvm_intel_enable_apicv", VMX "enable_apicv", "interrupts without exits"),
	RELOAD_BOOL("kvm_intel_enable_ipiv", VMX "enable_ipiv", "IPIs between vCPUs without exits"),
	RELOAD_NUMBER("kvm_intel_ple_gap", VMX "ple_gap", 0, UINT_MAX,
		"pause-loop exiting: 0 turns it off, for vCPUs with CPUs of their own"),
	RELOAD_NUMBER("kvm_intel_ple_window", VMX "ple_window", 0, UINT_MAX,
		"how long a vCPU may spin before it exits, in cycles"),
	RELOAD_BOOL("kvm_amd_npt", SVM "npt", "second-level page tables in hardware"),
	RELOAD_BOOL("kvm_amd_nested", SVM "nested", "SVM inside guests: off is less attack surface"),
	{ .name = "kvm_amd_avic", .path = SVM "avic", .shape = KNOB_TEXT, .undo = CLASS_MODULE_RELOAD,
	  .what = "interrupts without exits (newer kernels: -1 decides by itself)",
	  .precondition = NO_GUEST },
	RELOAD_NUMBER("kvm_amd_pause_filter_count", SVM "pause_filter_count", 0, USHRT_MAX,
		"pauses a vCPU may spin before it exits; 0 turns it off"),
	RELOAD_NUMBER("kvm_amd_pause_filter_thresh", SVM "pause_filter_thresh", 0, USHRT_MAX,
		"cycles between pauses that reset the count"),
};

const size_t knob_count = sizeof(knobs) / sizeof(knobs[0]);
