// SPDX-License-Identifier: GPL-2.0-or-later
/* The doctor's checks: what each finds, what passes, what stays unknown. */
#include "tests/unit/doctor_bench.h"

/* ---- all checks --------------------------------------------------------------------------------- */

static void what_is_not_known_never_passes(void **state)
{
	struct error err;
	struct facts *facts = facts_load("node:2 core:2 pu:2", &err);
	struct findings findings;

	(void)state;
	assert_non_null(facts);
	doctor_run(facts, &findings);
	for (size_t i = 0; i < findings.count; i++)
		if (findings.rows[i].grade != GRADE_UNKNOWN)
			fail_msg("%s: %s", findings.rows[i].check->id, findings.rows[i].measured);
	assert_true(findings.count > 20);
	findings_release(&findings);
	facts_free(facts);
}

static void each_check_has_an_id_of_its_own_and_says_why(void **state)
{
	static const struct check *const tables[] = {host_checks, mitigation_checks, memory_checks,
		guest_checks, placement_checks};
	const char *seen[64];
	size_t count = 0;

	(void)state;
	for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
		for (const struct check *check = tables[table]; check->id; check++) {
			assert_true(check->grade <= GRADE_NOTE);
			assert_non_null(check->run);
			assert_true(strlen(check->id) + strlen(check->title) < 70);
			assert_true(check->why[strlen(check->why) - 1] == '.');
			for (size_t i = 0; i < count; i++)
				assert_string_not_equal(seen[i], check->id);
			seen[count++] = check->id;
		}
}

static void worst_comes_first_and_unknown_last(void **state)
{
	struct facts *facts = machine_of("fpu vmx hypervisor");
	struct findings findings;

	(void)state;
	set_knob(facts, "kvm_intel_ept", "0");
	doctor_run(facts, &findings);
	assert_string_equal(findings.rows[0].check->id, "second-level-paging");
	for (size_t i = 1; i < findings.count; i++)
		assert_true(findings.rows[i - 1].grade <= findings.rows[i].grade);
	assert_int_equal(findings_count(&findings, GRADE_ERROR), 1);
	findings_release(&findings);
	facts_free(facts);
}

/* ---- KVM and the CPU ---------------------------------------------------------------------------- */

static void missing_kvm_is_an_error_with_the_right_advice(void **state)
{
	struct facts *facts = machine_of("fpu svm");

	(void)state;
	facts->snapshot->has_kvm = false;
	expect(facts, "kvm-device", GRADE_ERROR, "not there", FIX_HAND, "modprobe kvm_amd");
	facts = machine_of("fpu");
	facts->snapshot->has_kvm = false;
	expect(facts, "kvm-device", GRADE_ERROR, "not there", FIX_HAND, "firmware");
	facts = machine_of("fpu hypervisor");
	facts->snapshot->has_kvm = false;
	expect(facts, "kvm-device", GRADE_ERROR, "not there", FIX_HAND, "nested");
	facts = machine();
	facts->kvm_usable = false;
	expect(facts, "kvm-device", GRADE_ERROR, "may not open", FIX_HAND, "root");
	expect_passed(machine(), "kvm-device", "can be used");
}

static void kvm_without_hardware_is_told(void **state)
{
	(void)state;
	expect(machine_of("fpu tsc"), "kvm-hardware", GRADE_WARNING, "neither vmx nor svm", FIX_HAND,
		"firmware");
	expect_passed(machine_of("fpu vmx"), "kvm-hardware", "VT-x");
	expect_unknown(machine(), "kvm-hardware", "/proc/cpuinfo");
}

static void settings_of_the_other_vendor_are_not_looked_at(void **state)
{
	struct facts *facts = machine_of("fpu svm");

	(void)state;
	set_knob(facts, "kvm_amd_npt", "0");
	set_knob(facts, "kvm_intel_ept", "1");
	expect(facts, "second-level-paging", GRADE_ERROR, "npt = 0", FIX_MODULE, "options kvm_amd npt=1");
	expect_unknown(machine_of("fpu svm"), "second-level-paging", "kvm_amd_npt");
	expect_unknown(machine_of("fpu"), "second-level-paging", "neither");
}

static void nested_is_a_note(void **state)
{
	struct facts *facts = machine_of("vmx");

	(void)state;
	set_knob(facts, "kvm_intel_nested", "1");
	expect(facts, "nested", GRADE_NOTE, "nested = 1", FIX_MODULE, "options kvm_intel nested=0");
	facts = machine_of("vmx");
	set_knob(facts, "kvm_intel_nested", "0");
	expect_passed(facts, "nested", "nested = 0");
}

static void page_sizes_of_ept_and_npt(void **state)
{
	struct facts *facts = machine_of("vmx pdpe1gb");

	(void)state;
	facts->vmx_flags = xstrdup("ept ept_ad vpid");
	expect(facts, "large-mappings", GRADE_NOTE, "ept_1gb", FIX_HAND, "2M");
	facts = machine_of("vmx");
	facts->vmx_flags = xstrdup("ept ept_1gb");
	expect_passed(facts, "large-mappings", "1G");
	expect_unknown(machine_of("vmx"), "large-mappings", "vmx flags");
	expect(machine_of("svm npt"), "large-mappings", GRADE_NOTE, "pdpe1gb", FIX_HAND, "2M");
	expect_passed(machine_of("svm pdpe1gb"), "large-mappings", "NPT");
}

static void switched_off_features_of_kvm_are_found(void **state)
{
	struct facts *facts = machine_of("vmx");

	(void)state;
	set_knob(facts, "kvm_tdp_mmu", "0");
	expect(facts, "tdp-mmu", GRADE_WARNING, "tdp_mmu = 0", FIX_MODULE, "options kvm tdp_mmu=1");
	facts = machine_of("vmx");
	facts->vmx_flags = xstrdup("vid apicv");
	set_knob(facts, "kvm_intel_enable_apicv", "0");
	expect(facts, "virtual-apic", GRADE_WARNING, "the CPU could", FIX_MODULE, "enable_apicv=1");
	facts = machine_of("vmx");
	set_knob(facts, "kvm_intel_enable_apicv", "0");
	expect_passed(facts, "virtual-apic", "cannot");
}

static void iommu_off_and_iommu_translating(void **state)
{
	struct facts *facts = machine_of("vmx");

	(void)state;
	facts->iommu_groups = 0;
	expect(facts, "iommu", GRADE_WARNING, "no IOMMU group", FIX_BOOT, "intel_iommu=on iommu=pt");
	facts = machine_of("svm hypervisor");
	facts->iommu_groups = 0;
	expect(facts, "iommu", GRADE_NOTE, "no IOMMU group", FIX_HAND, "outer host");
	facts = machine_of("vmx");
	facts->iommu_groups = 30;
	facts->iommu_translated = 28;
	expect(facts, "iommu-translation", GRADE_NOTE, "28 of 30", FIX_BOOT, "iommu=pt");
	facts = machine_of("vmx");
	facts->iommu_groups = 30;
	expect_unknown(facts, "iommu-translation", "type");
	expect_unknown(machine(), "iommu", "iommu_groups");
}

static struct facts *with_clock(const char *clock, const char *clocks)
{
	struct facts *facts = machine();

	facts->clock = xstrdup(clock);
	facts->clocks = xstrdup(clocks);
	return facts;
}

static void slow_clock_is_found(void **state)
{
	(void)state;
	expect(with_clock("hpet", "tsc hpet acpi_pm"), "clock-source", GRADE_WARNING, "hpet", FIX_BOOT,
		"clocksource=tsc tsc=reliable");
	expect(with_clock("acpi_pm", "acpi_pm"), "clock-source", GRADE_WARNING, "acpi_pm", FIX_HAND,
		"log");
	expect(with_clock("kvm-clock", "kvm-clock tsc"), "clock-source", GRADE_NOTE, "kvm-clock", FIX_BOOT,
		"tsc");
	expect_passed(with_clock("tsc", "tsc"), "clock-source", "tsc");
}

/* ---- mitigations -------------------------------------------------------------------------------- */

static void open_vulnerabilities_are_named(void **state)
{
	struct facts *facts = machine();

	(void)state;
	add_vulnerability(facts, "l1tf", "Mitigation: PTE Inversion; VMX: cache flushes, SMT vulnerable");
	add_vulnerability(facts, "mds", "Vulnerable: Clear CPU buffers attempted, no microcode");
	add_vulnerability(facts, "srbds", "Not affected");
	expect(facts, "vulnerable", GRADE_WARNING, "1 of 3: mds", FIX_HAND, "microcode");
	facts = machine();
	add_vulnerability(facts, "srbds", "Not affected");
	expect_passed(facts, "vulnerable", "none open");
}

static void the_last_mitigations_word_counts(void **state)
{
	struct facts *facts = machine();

	(void)state;
	facts->cmdline = xstrdup("quiet mitigations=auto mitigations=off ro");
	expect(facts, "mitigations-off", GRADE_WARNING, "mitigations=off", FIX_BOOT, "mitigations=auto");
	facts = machine();
	facts->cmdline = xstrdup("mitigations=off mitigations=auto,nosmt");
	expect_passed(facts, "mitigations-off", "auto,nosmt");
	facts = machine();
	facts->cmdline = xstrdup("mitigations=auto,no_guest_host");
	expect(facts, "mitigations-off", GRADE_WARNING, "no_guest_host", FIX_BOOT, "mitigations=auto");
	facts = machine();
	facts->cmdline = xstrdup("quiet");
	expect_passed(facts, "mitigations-off", "left to the kernel");
}

static struct facts *leaky(const char *smt)
{
	struct facts *facts = machine();

	add_vulnerability(facts, "mds", "Mitigation: Clear CPU buffers; SMT vulnerable");
	facts->smt = xstrdup(smt);
	set_knob(facts, "smt", "on");
	return facts;
}

static void leaks_between_siblings_matter_only_with_smt(void **state)
{
	(void)state;
	expect(leaky("1"), "smt-leaks", GRADE_NOTE, "mds", FIX_PROFILE, "smt = off");
	expect_passed(leaky("0"), "smt-leaks", "not active");
}

static struct facts *multihit(const char *text, const char *setting)
{
	struct facts *facts = machine();

	add_vulnerability(facts, "itlb_multihit", text);
	set_knob(facts, "kvm_nx_huge_pages", setting);
	return facts;
}

static void nx_huge_pages_must_fit_the_cpu(void **state)
{
	(void)state;
	expect(multihit("Not affected", "1"), "nx-huge-pages", GRADE_WARNING, "Not affected", FIX_PROFILE,
		"kvm_nx_huge_pages = 0");
	expect(multihit("KVM: Vulnerable", "0"), "nx-huge-pages", GRADE_ERROR, "Vulnerable", FIX_PROFILE,
		"kvm_nx_huge_pages = 1");
	expect(multihit("KVM: Vulnerable", "never"), "nx-huge-pages", GRADE_ERROR, "never", FIX_HAND,
		"auto");
	expect_passed(multihit("KVM: Mitigation: Split huge pages", "1"), "nx-huge-pages", "Split");
	expect_passed(multihit("Not affected", "0"), "nx-huge-pages", "= 0");
}

/* ---- memory ------------------------------------------------------------------------------------- */

static struct facts *with_blocks(uint64_t free, uint64_t huge, const char *proactiveness)
{
	struct facts *facts = machine();

	facts->blocks = xcalloc(1, sizeof(*facts->blocks));
	facts->blocks[0] = (struct node_blocks){.node = 1, .free = free, .huge = huge};
	facts->block_count = 1;
	if (proactiveness)
		set_knob(facts, "compaction_proactiveness", proactiveness);
	return facts;
}

static void memory_in_small_pieces_is_found_by_node(void **state)
{
	(void)state;
	expect(with_blocks(4 * GIB, GIB, "0"), "fragmentation", GRADE_WARNING, "node 1: 1.0G of 4.0G",
		FIX_PROFILE, "compaction_proactiveness = 20");
	expect(with_blocks(4 * GIB, GIB, "20"), "fragmentation", GRADE_WARNING, "25%", FIX_PROFILE,
		"compaction_proactiveness = 40");
	expect(with_blocks(4 * GIB, GIB, "60"), "fragmentation", GRADE_WARNING, "25%", FIX_HAND,
		"compact_memory");
	expect(with_blocks(4 * GIB, GIB, NULL), "fragmentation", GRADE_WARNING, "25%", FIX_HAND,
		"compact_memory");
	expect_passed(with_blocks(4 * GIB, 3 * GIB, "0"), "fragmentation", "on no node");
	expect_passed(with_blocks(64 * MIB, 0, "0"), "fragmentation", "on no node");
}

static struct facts *with_faults(uint64_t got, uint64_t missed)
{
	struct facts *facts = machine();

	facts->thp_fault_alloc = got;
	facts->thp_fault_fallback = missed;
	set_knob(facts, "thp_defrag", "never");
	return facts;
}

static void page_faults_that_miss_their_2m_page_are_found(void **state)
{
	(void)state;
	expect(with_faults(5000, 5000), "thp-fallback", GRADE_WARNING, "50%", FIX_PROFILE,
		"thp_defrag = defer+madvise");
	expect_passed(with_faults(10, 90), "thp-fallback", "90%"); /* too few to mean anything */
	expect_passed(with_faults(5000, 50), "thp-fallback", "50 of 5050");
}

static void thp_off_is_worse_with_big_guests(void **state)
{
	struct facts *facts = machine_running(guest("db", 1, "0"));

	(void)state;
	set_knob(facts, "thp_enabled", "never");
	expect(facts, "thp-off", GRADE_WARNING, "db", FIX_PROFILE, "thp_enabled = madvise");
	facts = machine();
	set_knob(facts, "thp_enabled", "never");
	expect(facts, "thp-off", GRADE_NOTE, "no big guest", FIX_PROFILE, "thp_enabled = madvise");
	facts = machine_running(guest("pool", 1, "0"));
	facts->snapshot->guests.guests[0].ram[0].page_size = 2 * MIB;
	set_knob(facts, "thp_enabled", "never");
	expect(facts, "thp-off", GRADE_NOTE, "no big guest", FIX_PROFILE, "thp_enabled = madvise");
	facts = machine();
	set_knob(facts, "thp_enabled", "madvise");
	expect_passed(facts, "thp-off", "madvise");
}

static struct facts *with_swap(uint64_t used, const char *swappiness)
{
	struct facts *facts = machine();

	facts->swap_total = 8 * GIB;
	facts->swap_used = used;
	set_knob(facts, "swappiness", swappiness);
	return facts;
}

static void swap_in_use_is_found(void **state)
{
	struct facts *facts;

	(void)state;
	expect(with_swap(2 * GIB, "60"), "swap", GRADE_WARNING, "2.0G of 8.0G", FIX_PROFILE,
		"swappiness = 10");
	expect(with_swap(2 * GIB, "5"), "swap", GRADE_WARNING, "2.0G", FIX_HAND, "memory");
	expect(with_swap(MIB, "60"), "swap", GRADE_NOTE, "1.0M", FIX_PROFILE, "swappiness = 10");
	expect_passed(with_swap(0, "60"), "swap", "0B of");
	facts = with_swap(2 * GIB, "100");
	facts->swaps = xstrdup("Filename\tType\n/dev/zram0   partition\t8G");
	expect(facts, "swap", GRADE_NOTE, "2.0G", FIX_HAND, "zram");
	facts = with_swap(2 * GIB, "100");
	facts->swaps = xstrdup("Filename\tType\n/dev/zram0   partition\t8G\n/dev/sda2  partition");
	expect(facts, "swap", GRADE_WARNING, "2.0G", FIX_PROFILE, "swappiness = 10");
}

static void ksm_across_nodes_matters_while_it_merges(void **state)
{
	struct facts *facts = machine();

	(void)state;
	set_knob(facts, "ksm_run", "1");
	set_knob(facts, "ksm_merge_across_nodes", "1");
	expect(facts, "ksm-nodes", GRADE_WARNING, "on 2 nodes", FIX_PROFILE, "ksm_merge_across_nodes = 0");
	facts = machine();
	set_knob(facts, "ksm_run", "0");
	set_knob(facts, "ksm_merge_across_nodes", "1");
	expect_passed(facts, "ksm-nodes", "not merging");
	expect_unknown(machine(), "ksm-nodes", "ksm_run");
}

static void balancing_of_bound_guests_is_a_note(void **state)
{
	struct facts *facts = machine_running(guest("db", 2, "0-3", "4"));

	(void)state;
	set_knob(facts, "numa_balancing", "1");
	expect(facts, "numa-balancing", GRADE_NOTE, "bound", FIX_PROFILE, "numa_balancing = 0");
	facts = machine_running(guest("db", 2, "0-3", "0-7"));
	set_knob(facts, "numa_balancing", "1");
	expect_passed(facts, "numa-balancing", "is 1");
	facts = machine();
	set_knob(facts, "zone_reclaim_mode", "1");
	expect(facts, "zone-reclaim", GRADE_WARNING, "is 1", FIX_PROFILE, "zone_reclaim_mode = 0");
}

/* ---- guests ------------------------------------------------------------------------------------- */

static void memory_away_from_bound_vcpus_is_found(void **state)
{
	struct facts *facts = machine_running(guest("db", 2, "0", "1"));

	(void)state;
	put_memory(facts, 0, GIB, 3 * GIB);
	expect(facts, "guest-node", GRADE_ERROR, "db: 3.0G of 4.0G (75%) is not on node 0", FIX_COMMAND,
		"vmtune move db 0");
	facts = machine_running(guest("db", 2, "0", "1"));
	put_memory(facts, 0, 3 * GIB, GIB);
	expect(facts, "guest-node", GRADE_WARNING, "25%", FIX_COMMAND, "vmtune move db 0");
	facts = machine_running(guest("db", 2, "0", "1"));
	put_memory(facts, 0, 100 * GIB, GIB);
	expect_passed(facts, "guest-node", "0%");
}

/* A guest over two nodes by design is at home on both. */
static void memory_on_any_node_of_the_vcpus_is_right(void **state)
{
	struct facts *facts = machine_running(guest("wide", 2, "0-3", "4-7"));

	(void)state;
	put_memory(facts, 0, 2 * GIB, 2 * GIB);
	expect_passed(facts, "guest-node", "node 0-1");
}

static void a_free_vcpu_is_at_home_where_it_ran_last(void **state)
{
	struct guest free = guest("free", 1, "0-7");
	struct facts *facts;

	(void)state;
	free.threads[0].cpu = 5;
	facts = machine_running(free);
	put_memory(facts, 0, 4 * GIB, 0);
	expect(facts, "guest-node", GRADE_WARNING, "not on node 1, where its vCPUs ran last", FIX_COMMAND,
		"pin its vCPUs first");
	/* Not seen on any CPU: it may be on all nodes, so nothing can be said against its memory. */
	facts = machine_running(guest("free", 1, "0-7"));
	put_memory(facts, 0, 4 * GIB, 0);
	expect_passed(facts, "guest-node", "0%");
}

static void guests_that_cannot_be_looked_into_are_unknown(void **state)
{
	struct facts *facts = machine_running(guest("db", 1, "0"));

	(void)state;
	facts->snapshot->guests.guests[0].anon_huge = GUEST_UNKNOWN;
	facts->snapshot->guests.hidden = 3;
	expect_unknown(facts, "guests-seen", "3 processes");
	expect_unknown(machine_running(guest("db", 1, "0")), "guest-node", "db");
	expect_unknown(machine_running(guest("db", 1, "0")), "guest-swap", "db");
	facts = machine_running(guest("db", 1, "0"));
	facts->snapshot->guests.guests[0].anon_huge = GUEST_UNKNOWN;
	expect_unknown(facts, "guest-pages", "db");
	facts = machine_running(guest("db", 1, "0"));
	facts->snapshot->guests.guests[0].configured = 0; /* its mappings could not be read */
	expect_unknown(facts, "guest-pages", "db");
	expect_unknown(machine_running(guest("db", 0)), "shared-cpu", "db");
	expect_unknown(machine_running(guest("db", 0)), "shared-core", "db");
	facts = machine();
	facts->snapshot->guests.hidden = 3;
	expect_unknown(facts, "shared-cpu", "hidden");
}

static struct facts *with_pages(uint64_t rss, uint64_t huge, const char *thp)
{
	struct facts *facts = machine_running(guest("db", 1, "0"));
	struct guest *one = &facts->snapshot->guests.guests[0];

	one->rss = rss;
	one->anon_huge = huge;
	set_knob(facts, "thp_enabled", thp);
	return facts;
}

static void a_big_guest_on_small_pages_is_found(void **state)
{
	struct facts *facts;

	(void)state;
	expect(with_pages(4 * GIB, GIB, "never"), "guest-pages", GRADE_WARNING, "25%", FIX_PROFILE,
		"thp_enabled = madvise");
	expect(with_pages(4 * GIB, GIB, "madvise"), "guest-pages", GRADE_WARNING, "25%", FIX_PROFILE,
		"thp_enabled = always");
	expect_passed(with_pages(4 * GIB, 3 * GIB, "always"), "guest-pages", "75%");
	facts = with_pages(4 * GIB, GIB, "always");
	set_knob(facts, "khugepaged_scan_sleep_millisecs", "10000");
	expect(facts, "guest-pages", GRADE_WARNING, "25%", FIX_PROFILE,
		"khugepaged_scan_sleep_millisecs = 1000");
	/* A pool's pages are not part of the resident set. */
	facts = with_pages(64 * MIB, 0, "never");
	facts->snapshot->guests.guests[0].hugetlb = 4 * GIB;
	expect_passed(facts, "guest-pages", "98%");
	/* Merged by KSM: small by choice. */
	facts = with_pages(4 * GIB, 0, "madvise");
	facts->snapshot->guests.guests[0].ksm_pages = 5000;
	expect(facts, "guest-pages", GRADE_NOTE, "0%", FIX_HAND, "KSM");
}

static void swapped_guest_memory_is_an_error(void **state)
{
	struct facts *facts = machine_running(guest("db", 1, "0"));

	(void)state;
	facts->guests[0].swapped = 300 * MIB;
	set_knob(facts, "swappiness", "60");
	expect(facts, "guest-swap", GRADE_ERROR, "db: 300M", FIX_PROFILE, "swappiness = 10");
	facts = machine_running(guest("db", 1, "0"));
	facts->guests[0].swapped = 300 * MIB;
	set_knob(facts, "swappiness", "1"); /* 10 would make it worse */
	expect(facts, "guest-swap", GRADE_ERROR, "db: 300M", FIX_HAND, "fewer or smaller guests");
	facts = machine_running(guest("db", 1, "0"));
	facts->guests[0].swapped = 0;
	expect_passed(facts, "guest-swap", "db: 0B");
}

/* ---- vCPUs on one core -------------------------------------------------------------------------- */

static void vcpus_on_one_cpu_are_an_error_and_a_free_core_is_named(void **state)
{
	(void)state;
	expect(machine_running_two(guest("db", 2, "0", "2"), guest("web", 1, "0")), "shared-cpu",
		GRADE_ERROR, "CPU 0: db vCPU 0, web vCPU 0", FIX_COMMAND, "vmtune pin web 0=4");
	expect(machine_running(guest("db", 2, "5", "5")), "shared-cpu", GRADE_ERROR,
		"db vCPU 0, db vCPU 1", FIX_COMMAND, "vmtune pin db 1=6");
	expect(machine_running(guest("db", 5, "0", "2", "4", "6", "6")), "shared-cpu", GRADE_ERROR, "CPU 6",
		FIX_HAND, "no core is free");
}

static void free_vcpus_share_nothing(void **state)
{
	(void)state;
	expect_passed(machine_running(guest("db", 2, "0-7", "0-7")), "shared-cpu", "0 pinned");
	expect_passed(machine_running(guest("db", 2, "0-7", "0-7")), "shared-core", "0 pinned");
	expect_passed(machine_running(guest("db", 2, "0", "2")), "shared-core", "2 pinned");
}

static void siblings_of_two_guests_are_worse_than_of_one(void **state)
{
	(void)state;
	expect(machine_running_two(guest("db", 1, "0"), guest("web", 1, "1")), "shared-core", GRADE_WARNING,
		"db vCPU 0, web vCPU 0", FIX_COMMAND, "vmtune pin web 0=2");
	expect(machine_running(guest("db", 2, "0", "1")), "shared-core", GRADE_NOTE,
		"db vCPU 0, db vCPU 1", FIX_COMMAND, "vmtune pin db 1=2");
	/* Both may use both threads of one core. */
	expect(machine_running_two(guest("db", 1, "0-1"), guest("web", 1, "0-1")), "shared-core",
		GRADE_WARNING, "core of CPU 0", FIX_COMMAND, "vmtune pin web 0=2");
	/* The same CPU is shared-cpu's to tell, once. */
	expect_passed(machine_running(guest("db", 2, "0", "0")), "shared-core", "no two");
}

static void many_shared_places_are_summed(void **state)
{
	(void)state;
	expect(machine_running_two(guest("db", 6, "0", "1", "2", "3", "4", "5"),
		guest("web", 6, "0", "1", "2", "3", "4", "5")), "shared-cpu", GRADE_ERROR, "and 2 more",
		FIX_COMMAND, "vmtune pin web 0=6");
}

/* Names are chosen by whoever starts the guest. */
static void a_guests_name_cannot_reach_the_shell_or_the_terminal(void **state)
{
	struct facts *facts = machine_running(guest("x;reboot\n\033[2J", 2, "0", "0"));
	struct findings findings;

	(void)state;
	doctor_run_one("shared-cpu", facts, &findings);
	assert_string_equal(findings.rows[0].fix.text, "vmtune pin 77 1=2");
	assert_null(strpbrk(findings.rows[0].measured, "\n\033"));
	findings_release(&findings);
	facts_free(facts);
}

/* JSON is UTF-8; a name that is not must not take its finding along. */
static void a_name_that_is_no_utf8_still_has_its_finding_in_json(void **state)
{
	struct facts *facts = machine_running(guest("d\xff" "b", 2, "0", "0"));
	struct findings findings;
	json_t *json;

	(void)state;
	doctor_run_one("shared-cpu", facts, &findings);
	json = json_string(findings.rows[0].measured);
	assert_non_null(json);
	json_decref(json);
	findings_release(&findings);
	facts_free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_known_never_passes),
		cmocka_unit_test(each_check_has_an_id_of_its_own_and_says_why),
		cmocka_unit_test(worst_comes_first_and_unknown_last),
		cmocka_unit_test(missing_kvm_is_an_error_with_the_right_advice),
		cmocka_unit_test(kvm_without_hardware_is_told),
		cmocka_unit_test(settings_of_the_other_vendor_are_not_looked_at),
		cmocka_unit_test(nested_is_a_note),
		cmocka_unit_test(page_sizes_of_ept_and_npt),
		cmocka_unit_test(switched_off_features_of_kvm_are_found),
		cmocka_unit_test(iommu_off_and_iommu_translating),
		cmocka_unit_test(slow_clock_is_found),
		cmocka_unit_test(open_vulnerabilities_are_named),
		cmocka_unit_test(the_last_mitigations_word_counts),
		cmocka_unit_test(leaks_between_siblings_matter_only_with_smt),
		cmocka_unit_test(nx_huge_pages_must_fit_the_cpu),
		cmocka_unit_test(memory_in_small_pieces_is_found_by_node),
		cmocka_unit_test(page_faults_that_miss_their_2m_page_are_found),
		cmocka_unit_test(thp_off_is_worse_with_big_guests),
		cmocka_unit_test(swap_in_use_is_found),
		cmocka_unit_test(ksm_across_nodes_matters_while_it_merges),
		cmocka_unit_test(balancing_of_bound_guests_is_a_note),
		cmocka_unit_test(memory_away_from_bound_vcpus_is_found),
		cmocka_unit_test(memory_on_any_node_of_the_vcpus_is_right),
		cmocka_unit_test(a_free_vcpu_is_at_home_where_it_ran_last),
		cmocka_unit_test(guests_that_cannot_be_looked_into_are_unknown),
		cmocka_unit_test(a_big_guest_on_small_pages_is_found),
		cmocka_unit_test(swapped_guest_memory_is_an_error),
		cmocka_unit_test(vcpus_on_one_cpu_are_an_error_and_a_free_core_is_named),
		cmocka_unit_test(free_vcpus_share_nothing),
		cmocka_unit_test(siblings_of_two_guests_are_worse_than_of_one),
		cmocka_unit_test(many_shared_places_are_summed),
		cmocka_unit_test(a_guests_name_cannot_reach_the_shell_or_the_terminal),
		cmocka_unit_test(a_name_that_is_no_utf8_still_has_its_finding_in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
