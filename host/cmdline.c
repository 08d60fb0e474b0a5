/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/cmdline.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/idset.h"

const struct cmdline_word cmdline_words[] = {
	/* Isolation. */
	{ "isolcpus", "keeps tasks (domain) and managed interrupts (managed_irq) off CPUs; isolate "
		"does the first without a boot, but for kernel threads", "kernel: kernel-parameters" },
	{ "nohz_full", "no timer tick on CPUs that run one task: a vCPU is not interrupted",
		"tuned: cpu-partitioning, realtime-virtual-host" },
	{ "nohz", "on: the tick stops on idle CPUs; nohz_full needs it", "tuned: cpu-partitioning" },
	{ "rcu_nocbs", "RCU callbacks of these CPUs run elsewhere", "tuned: realtime-virtual-host" },
	{ "irqaffinity", "CPUs for interrupts from the first one on: the housekeeping ones",
		"tuned: realtime-virtual-host" },
	{ "rcutree.nohz_full_patience_delay", "milliseconds RCU waits before it interrupts a nohz_full CPU",
		"tuned: network-latency (1000)" },
	{ "rcupdate.rcu_normal_after_boot", "1: grace periods interrupt no CPU once the host is up",
		"tuned: network-latency (1)" },
	{ "skew_tick", "1: the CPUs' ticks do not come at one moment and fight for locks",
		"tuned: network-latency (1)" },
	{ "tsc", "reliable: no watchdog checks the clock any more", "tuned: network-latency" },
	{ "nosoftlockup", "no soft-lockup thread from the start", "tuned: cpu-partitioning" },
	{ "nowatchdog", "neither of the lockup detectors", "kernel: kernel-parameters" },

	/* Power. */
	{ "intel_pstate", "disable: no frequency driver; passive: the general governors choose",
		"tuned: cpu-partitioning (disable)" },
	{ "amd_pstate", "active, guided or passive: who chooses the frequency",
		"kernel: pm/amd-pstate" },
	{ "intel_idle.max_cstate", "deepest C-state, where cpu_resume_latency_us is not enough",
		"kernel: kernel-parameters" },
	{ "processor.max_cstate", "the same for the ACPI driver", "kernel: kernel-parameters" },
	{ "idle", "poll: idle CPUs spin; the shortest wake-up and the most heat",
		"kernel: kernel-parameters" },

	/* Memory. */
	{ "default_hugepagesz", "page size of the default pool", "kernel: mm/hugetlbpage" },
	{ "hugepagesz", "page size of the hugepages word that follows", "kernel: mm/hugetlbpage" },
	{ "hugepages", "pages taken while memory is in one piece; NODE:COUNT for each node",
		"kernel: mm/hugetlbpage; libvirt real-time guide (1G)" },
	{ "hugetlb_cma", "memory from which 1G pages can be made later", "kernel: kernel-parameters" },
	{ "transparent_hugepage", "always, madvise or never before the first process starts",
		"kernel: mm/transhuge" },
	{ "numa_balancing", "disable: off before the first process starts", "kernel: kernel-parameters" },

	/* Devices and protection. */
	{ "intel_iommu", "on: passthrough of devices", "Intel: 700 series tuning guide" },
	{ "amd_iommu", "force_isolation and others; it is on by itself", "kernel: kernel-parameters" },
	{ "iommu", "pt: the host's own devices bypass translation", "Intel: 700 series tuning guide" },
	{ "mitigations", "auto; auto,nosmt for tenants who do not trust each other; off only when all do",
		"kernel: kernel-parameters" },
	{ "nosmt", "no second threads from the start", "kernel: kernel-parameters" },
	{ "preempt", "none, voluntary or full: throughput or latency", "kernel: kernel-parameters" },
};

const size_t cmdline_word_count = sizeof(cmdline_words) / sizeof(cmdline_words[0]);

/* ---- words ------------------------------------------------------------------------------------ */

/* The word at @at: where it ends. Blanks inside of quotes belong to it. */
static const char *word_end(const char *at)
{
	bool quoted = false;

	for (; *at && (quoted || !isspace((unsigned char)*at)); at++)
		quoted ^= *at == '"';
	return at;
}

static size_t name_length(const char *word, size_t length)
{
	const char *equals = memchr(word, '=', length);

	return equals ? (size_t)(equals - word) : length;
}

static char folded(char c)
{
	return c == '-' ? '_' : c;
}

static bool same_name(const char *a, size_t a_length, const char *b, size_t b_length)
{
	if (a_length != b_length)
		return false;
	for (size_t i = 0; i < a_length; i++)
		if (folded(a[i]) != folded(b[i]))
			return false;
	return true;
}

const struct cmdline_word *cmdline_word_find(const char *word)
{
	size_t length = name_length(word, strlen(word));

	for (size_t i = 0; i < cmdline_word_count; i++)
		if (same_name(cmdline_words[i].name, strlen(cmdline_words[i].name), word, length))
			return &cmdline_words[i];
	return NULL;
}

/* Values of words with the same name: equal texts, or equal sets of CPUs ("2-4" and "2,3,4"). */
static bool same_value(const char *a, const char *b)
{
	struct idset left, right;

	if (!strcmp(a, b))
		return true;
	return *a && *b && !idset_parse(a, &left, NULL) && !idset_parse(b, &right, NULL) &&
		idset_equal(&left, &right);
}

enum cmdline_state cmdline_look(const char *cmdline, const char *word, char found[CMDLINE_WORD_MAX])
{
	size_t name = name_length(word, strlen(word));
	enum cmdline_state state = CMDLINE_ABSENT;

	found[0] = '\0';
	for (const char *at = cmdline, *end; *(at += strspn(at, " \t\n")); at = end) {
		char text[CMDLINE_WORD_MAX];
		size_t length;

		end = word_end(at);
		length = (size_t)(end - at);
		if (length == 2 && !strncmp(at, "--", 2))
			break;
		if (!same_name(at, name_length(at, length), word, name))
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)length, at);
		if (same_value(text + name, word + name) ||
			(text[name] && word[name] && same_value(text + name + 1, word + name + 1)))
			return CMDLINE_PRESENT;
		state = CMDLINE_OTHER;
		snprintf(found, CMDLINE_WORD_MAX, "%s", text);
	}
	return state;
}

int cmdline_word_check(const char *word, struct error *err)
{
	const char *end = word_end(word);

	if (!*word || *word == '=')
		return error_set(err, EINVAL, "'%s' is no word of a kernel command line; write NAME or "
			"NAME=VALUE", word);
	if (strlen(word) >= CMDLINE_WORD_MAX)
		return error_set(err, EINVAL, "a word of %zu characters; the kernel takes fewer than %d",
			strlen(word), CMDLINE_WORD_MAX);
	for (const char *at = word; *at; at++)
		if (iscntrl((unsigned char)*at))
			return error_set(err, EINVAL, "holds a control character (code %d)", *at);
	if (*end)
		return error_set(err, EINVAL, "'%s' are several words; write them one by one: "
			"{ \"%.*s\", ... }", word, (int)(end - word), word);
	if (!strcmp(word, "--"))
		return error_set(err, EINVAL, "'--' ends the kernel's words; leave it out");
	return 0;
}
