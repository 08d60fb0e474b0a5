// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks of KVM, its page tables, the IOMMU and the clock. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/xalloc.h"
#include "tuner/doctor/doctor.h"

/* ---- vendors ------------------------------------------------------------------------------------ */

enum { PAGING, NESTED, APIC, OPTION_COUNT };

/* What the same thing is called by Intel and by AMD. */
struct vendor {
	const char *flag; /* of /proc/cpuinfo: the CPU can run guests */
	const char *module, *extension;
	struct {
		const char *name; /* of the module's parameter */
		const char *knob;
	} options[OPTION_COUNT];
};

static const struct vendor vendors[] = {
	{"vmx", "kvm_intel", "VT-x", {
		[PAGING] = {"ept", "kvm_intel_ept"},
		[NESTED] = {"nested", "kvm_intel_nested"},
		[APIC] = {"enable_apicv", "kvm_intel_enable_apicv"},
	}},
	{"svm", "kvm_amd", "AMD-V", {
		[PAGING] = {"npt", "kvm_amd_npt"},
		[NESTED] = {"nested", "kvm_amd_nested"},
		[APIC] = {"avic", "kvm_amd_avic"},
	}},
};

#define VENDOR_COUNT (sizeof(vendors) / sizeof(vendors[0]))

/* By the CPU; for a snapshot, which does not hold its flags, by the settings of the module. */
static const struct vendor *vendor_of(const struct facts *facts)
{
	for (size_t i = 0; i < VENDOR_COUNT; i++)
		if (facts->cpu_flags ? facts_word(facts->cpu_flags, vendors[i].flag)
				     : snapshot_knob(facts->snapshot, vendors[i].options[PAGING].knob) != NULL)
			return &vendors[i];
	return NULL;
}

/* A module option of this CPU's vendor, as it is now. */
struct option {
	const struct vendor *vendor;
	const char *name, *value;
};

/* False after having said why it is not known. */
static bool option_of(const struct facts *facts, struct findings *findings, int which,
	struct option *option)
{
	const struct vendor *vendor = vendor_of(facts);

	if (!vendor && facts->cpu_flags)
		finding_unknown(findings, xstrdup("neither kvm_intel nor kvm_amd runs the guests here"));
	else if (!vendor)
		finding_missing(findings, facts, "/proc/cpuinfo");
	if (!vendor)
		return false;
	option->vendor = vendor;
	option->name = vendor->options[which].name;
	option->value = snapshot_knob(facts->snapshot, vendor->options[which].knob);
	if (!option->value)
		finding_unknown(findings, xasprintf("the setting %s cannot be read: is the module %s "
			"loaded?", vendor->options[which].knob, vendor->module));
	return option->value != NULL;
}

static bool is_off(const struct option *option)
{
	return !strcmp(option->value, "0");
}

static char *option_text(const struct option *option, const char *more)
{
	return xasprintf("%s %s = %s%s", option->vendor->module, option->name, option->value, more);
}

static struct fix set_option(const struct option *option, int value)
{
	return fix_text(FIX_MODULE, "options %s %s=%d", option->vendor->module, option->name, value);
}

static bool is_guest(const struct facts *facts)
{
	return facts_word(facts->cpu_flags, "hypervisor");
}

/* ---- KVM ---------------------------------------------------------------------------------------- */

static struct fix get_kvm(const struct facts *facts)
{
	const struct vendor *vendor = vendor_of(facts);

	if (vendor)
		return fix_text(FIX_HAND, "modprobe %s", vendor->module);
	return fix_text(FIX_HAND, is_guest(facts)
		? "switch nested virtualization on in the host that runs this machine"
		: "switch virtualization (VT-x, AMD-V) on in the firmware, then load the module");
}

static void kvm_device(const struct facts *facts, struct findings *findings)
{
	if (!facts->told)
		finding_unknown(findings, xstrdup("no machine was looked at for /dev/kvm"));
	else if (!facts->snapshot->has_kvm)
		finding_found(findings, xstrdup("/dev/kvm is not there"), get_kvm(facts));
	else if (!facts->kvm_usable)
		finding_found(findings, xstrdup("/dev/kvm is there, but this user may not open it"),
			fix_text(FIX_HAND, "run as root, or join the group that owns /dev/kvm"));
	else
		finding_passed(findings, xstrdup("/dev/kvm can be used"));
}

static void kvm_hardware(const struct facts *facts, struct findings *findings)
{
	const struct vendor *vendor = vendor_of(facts);

	if (!facts->cpu_flags)
		finding_missing(findings, facts, "/proc/cpuinfo");
	else if (vendor)
		finding_passed(findings, xasprintf("the CPU has %s", vendor->extension));
	else if (facts->snapshot->has_kvm)
		finding_found(findings, xstrdup("/dev/kvm is there; the CPU has neither vmx nor svm"),
			fix_text(FIX_HAND, is_guest(facts)
				? "let the outer host offer nested virtualization, or use a bare machine"
				: "switch virtualization on in the firmware"));
	else
		finding_passed(findings, xstrdup("there is no KVM"));
}

static void outer_host(const struct facts *facts, struct findings *findings)
{
	if (!facts->cpu_flags)
		finding_missing(findings, facts, "/proc/cpuinfo");
	else if (is_guest(facts))
		finding_found(findings, xstrdup("the CPU's flags say hypervisor"),
			fix_text(FIX_HAND, "for measurements and latency, use a bare machine"));
	else
		finding_passed(findings, xstrdup("no hypervisor below"));
}

static void nested(const struct facts *facts, struct findings *findings)
{
	struct option option;

	if (!option_of(facts, findings, NESTED, &option))
		return;
	if (is_off(&option))
		finding_passed(findings, option_text(&option, ""));
	else
		finding_found(findings, option_text(&option, ""), set_option(&option, 0));
}

static void second_level_paging(const struct facts *facts, struct findings *findings)
{
	struct option option;

	if (!option_of(facts, findings, PAGING, &option))
		return;
	if (is_off(&option))
		finding_found(findings, option_text(&option, ""), set_option(&option, 1));
	else
		finding_passed(findings, option_text(&option, ""));
}

/* EPT says itself whether it can map 1G; NPT has the formats of the CPU's own page tables. */
static void large_mappings(const struct facts *facts, struct findings *findings)
{
	bool intel = facts_word(facts->cpu_flags, "vmx"), amd = facts_word(facts->cpu_flags, "svm");

	if (!facts->cpu_flags)
		finding_missing(findings, facts, "/proc/cpuinfo");
	else if (intel ? !facts->vmx_flags : !amd)
		finding_unknown(findings, xstrdup(intel ? "this kernel does not print the vmx flags"
							: "neither EPT nor NPT is known of this CPU"));
	else if (intel && !facts_word(facts->vmx_flags, "ept_1gb"))
		finding_found(findings, xstrdup("EPT maps 4K and 2M, no 1G (no ept_1gb)"),
			fix_text(FIX_HAND, "use pages = 2M rather than 1G on this machine"));
	else if (amd && !facts_word(facts->cpu_flags, "pdpe1gb"))
		finding_found(findings, xstrdup("NPT maps 4K and 2M, no 1G (no pdpe1gb)"),
			fix_text(FIX_HAND, "use pages = 2M rather than 1G on this machine"));
	else
		finding_passed(findings, xasprintf("%s maps 4K, 2M and 1G", intel ? "EPT" : "NPT"));
}

static void tdp_mmu(const struct facts *facts, struct findings *findings)
{
	const char *value = snapshot_knob(facts->snapshot, "kvm_tdp_mmu");

	if (!value)
		finding_missing(findings, facts, "the setting tdp_mmu of kvm");
	else if (strcmp(value, "0") != 0)
		finding_passed(findings, xasprintf("kvm tdp_mmu = %s", value));
	else if (vendor_of(facts))
		finding_found(findings, xstrdup("kvm tdp_mmu = 0"),
			fix_text(FIX_MODULE, "options kvm tdp_mmu=1"));
	else
		finding_passed(findings, xstrdup("kvm tdp_mmu = 0; there is neither EPT nor NPT for it"));
}

/* A CPU without the feature has the setting at 0 as well: nothing to be done there. */
static void virtual_apic(const struct facts *facts, struct findings *findings)
{
	bool able = facts_word(facts->vmx_flags, "apicv") || facts_word(facts->vmx_flags, "vid") ||
		facts_word(facts->cpu_flags, "avic");
	struct option option;

	if (!option_of(facts, findings, APIC, &option))
		return;
	if (!is_off(&option))
		finding_passed(findings, option_text(&option, ""));
	else if (able)
		finding_found(findings, option_text(&option, ", and the CPU could"),
			set_option(&option, 1));
	else
		finding_passed(findings, option_text(&option, ": the CPU cannot, or does not say so"));
}

/* ---- IOMMU -------------------------------------------------------------------------------------- */

static struct fix get_iommu(const struct facts *facts)
{
	if (is_guest(facts))
		return fix_text(FIX_HAND, "give this machine a virtual IOMMU in its outer host");
	if (facts_word(facts->cpu_flags, "vmx"))
		return fix_text(FIX_BOOT, "intel_iommu=on iommu=pt");
	return fix_text(FIX_HAND, "switch the IOMMU (AMD-Vi, VT-d) on in the firmware");
}

static void iommu(const struct facts *facts, struct findings *findings)
{
	if (facts->iommu_groups == FACT_UNKNOWN)
		finding_missing(findings, facts, "/sys/kernel/iommu_groups");
	else if (facts->iommu_groups)
		finding_passed(findings, xasprintf("%" PRIu64 " IOMMU groups", facts->iommu_groups));
	else /* inside a virtual machine there is rarely a device to give away */
		finding_add(findings, is_guest(facts) ? GRADE_NOTE : findings->check->grade,
			xstrdup("no IOMMU group: the IOMMU is off or absent"), get_iommu(facts));
}

static void iommu_translation(const struct facts *facts, struct findings *findings)
{
	if (facts->iommu_groups == 0)
		finding_passed(findings, xstrdup("there is no IOMMU in use"));
	else if (facts->iommu_translated == FACT_UNKNOWN)
		finding_missing(findings, facts, "/sys/kernel/iommu_groups/*/type");
	else if (facts->iommu_translated)
		finding_found(findings, xasprintf("%" PRIu64 " of %" PRIu64 " IOMMU groups translate the "
			"host's own DMA", facts->iommu_translated, facts->iommu_groups),
			fix_text(FIX_BOOT, "iommu=pt"));
	else
		finding_passed(findings, xasprintf("%" PRIu64 " IOMMU groups, all passed through",
			facts->iommu_groups));
}

/* ---- clock -------------------------------------------------------------------------------------- */

enum { CLOCK_GOOD, CLOCK_FAIR, CLOCK_SLOW };

static const struct {
	const char *name;
	int worth;
} clocks[] = {
	{"tsc", CLOCK_GOOD},
	{"hyperv_clocksource_tsc_page", CLOCK_GOOD},
	{"arch_sys_counter", CLOCK_GOOD},
	{"kvm-clock", CLOCK_FAIR},
	{"xen", CLOCK_FAIR},
};

static int clock_worth(const char *name)
{
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		if (!strcmp(clocks[i].name, name))
			return clocks[i].worth;
	return CLOCK_SLOW;
}

static void clock_source(const struct facts *facts, struct findings *findings)
{
	bool tsc = facts_word(facts->clocks, "tsc");
	int worth;

	if (!facts->clock) {
		finding_missing(findings, facts, "clocksource0/current_clocksource");
		return;
	}
	worth = clock_worth(facts->clock);
	if (worth == CLOCK_GOOD)
		finding_passed(findings, xstrdup(facts->clock));
	else
		finding_add(findings, worth == CLOCK_FAIR ? GRADE_NOTE : findings->check->grade,
			xasprintf("%s; available: %s", facts->clock, facts->clocks ? facts->clocks
				: "unknown"),
			tsc ? fix_text(FIX_BOOT, "clocksource=tsc tsc=reliable")
			    : fix_text(FIX_HAND, "see in the kernel's log why it gave up the TSC (often "
				"firmware that sets it differently on each package)"));
}

const struct check host_checks[] = {
	{"kvm-device", GRADE_ERROR, "KVM cannot be used",
		"Without /dev/kvm a guest is emulated, ten to a hundred times slower, or does not start.",
		kvm_device},
	{"kvm-hardware", GRADE_WARNING, "KVM runs without the CPU's virtualization",
		"Guest kernels run deprivileged or by software: system calls, page faults and interrupts "
		"of guests cost several times as much as with VT-x or AMD-V.", kvm_hardware},
	{"second-level-paging", GRADE_ERROR, "guest page tables are shadowed by software",
		"Each change of a guest's page tables leaves the guest; with EPT or NPT none does.",
		second_level_paging},
	{"large-mappings", GRADE_NOTE, "guest memory cannot be mapped by 1G",
		"1G huge pages are then mapped in pieces of 2M: they cost a contiguous gigabyte and save "
		"no TLB misses over 2M pages.", large_mappings},
	{"tdp-mmu", GRADE_WARNING, "KVM handles guest page faults one at a time",
		"The TDP MMU takes faults of many vCPUs in parallel; large guests start and migrate "
		"faster with it.", tdp_mmu},
	{"virtual-apic", GRADE_WARNING, "interrupts of guests leave the guest",
		"With APICv or AVIC an interrupt is delivered without an exit (about 1 to 2 microseconds "
		"each, for every packet and timer).", virtual_apic},
	{"nested", GRADE_NOTE, "guests may run guests of their own",
		"Nested virtualization is much code that a hostile guest can reach. Off is less attack "
		"surface, where no guest needs it.", nested},
	{"outer-host", GRADE_NOTE, "this host is a virtual machine itself",
		"Cores, caches and nodes seen here need not be real ones, the outer host can take CPUs "
		"away at any time, and exits of guests cost many times more.", outer_host},
	{"iommu", GRADE_WARNING, "there is no IOMMU",
		"Without it no device can be given to a guest safely (VFIO), and devices can write "
		"anywhere in memory.", iommu},
	{"iommu-translation", GRADE_NOTE, "the IOMMU translates DMA of the host's own devices",
		"Each buffer is mapped and unmapped, which costs throughput of fast NICs and NVMe. iommu=pt "
		"translates only for devices of guests; the host's own are then not fenced.",
		iommu_translation},
	{"clock-source", GRADE_WARNING, "the host does not keep time by the TSC",
		"Reading the time then costs a system call or slow I/O, and guests' kvmclock falls back to "
		"a mode without vDSO, so that each of their clock reads is a system call too.",
		clock_source},
	{0},
};
