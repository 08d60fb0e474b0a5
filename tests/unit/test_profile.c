/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Profiles: what is accepted and means what, and every error with its file, line and advice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/profile/profile.h"
#include "tuner/profile/internal.h"

static struct profile *parse(const char *text, struct error *err)
{
	memset(err, 0, sizeof(*err));
	return profile_parse(text, strlen(text), "dir/x.conf", err);
}

static struct profile *parse_good(const char *text)
{
	struct error err;
	struct profile *profile = parse(text, &err);

	if (!profile)
		fail_msg("refused: %s", err.text);
	return profile;
}

/* @text must be refused with a message that begins "dir/x.conf:LINE: " and holds all of @words. */
static void refused(const char *text, int line, const char *words)
{
	char begin[32], word[128];
	struct error err;
	struct profile *profile = parse(text, &err);

	if (profile)
		fail_msg("accepted: %s", text);
	snprintf(begin, sizeof(begin), "dir/x.conf:%d: ", line);
	if (strncmp(err.text, begin, strlen(begin)))
		fail_msg("%s\nshould begin with %s for\n%s", err.text, begin, text);
	for (const char *at = words; *at; at += strcspn(at, "|"), at += *at == '|') {
		size_t length = strcspn(at, "|");

		assert_true(length < sizeof(word));
		memcpy(word, at, length);
		word[length] = '\0';
		if (!strstr(err.text, word))
			fail_msg("%s\nshould say '%s'", err.text, word);
	}
}

static void the_empty_profile_is_fine(void **state)
{
	static const char *const texts[] = { "", "\n", "# nothing", "/* nothing */", "host { }\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct profile *profile = parse_good(texts[i]);

		assert_int_equal(profile->vm_count, 0);
		assert_int_equal(profile->setting_count, 0);
		profile_free(profile);
	}
}

static void every_key_arrives(void **state)
{
	struct profile *profile = parse_good(
		"host {\n"
		"  ksm_run = 1  kernel_cmdline = { \"nohz_full=2-3\", nosmt }\n"
		"  hugepages { node = 1 size = 1G count = 3 }\n"
		"  hugepages { at_least = 5 }\n"
		"}\n"
		"vm db {\n"
		"  vcpus = 4\n"
		"  memory = 2G\n"
		"  kernel = \"../k\"\n"
		"  initrd = /i\n"
		"  append = \"a=b c\"\n"
		"  disks = { \"one.img\", \"/two.img:ro\" }\n"
		"  nets = { \"user\", \"tap:vnet0\" }\n"
		"  pins = \"0=4,2=6-7,1=5,3=9\"\n"
		"  io_cpus = \"0,8\"\n"
		"  pages = thp\n"
		"  ksm = yes\n"
		"  balloon = 1G\n"
		"  balloon_floor = 512M\n"
		"  cpu_weight = 200\n"
		"  cpu_quota = 250%\n"
		"  memory_high = 2G\n"
		"  memory_max = 3G\n"
		"}\n");
	const struct profile_vm *vm = &profile->vms[0];

	(void)state;
	assert_int_equal(profile->setting_count, 1);
	assert_string_equal(profile->settings[0].knob->name, "ksm_run");
	assert_int_equal(profile->settings[0].at.line, 2);
	assert_int_equal(profile->pool_count, 2);
	assert_int_equal(profile->pools[0].node, 1);
	assert_int_equal(profile->pools[0].page_size, GIB);
	assert_int_equal(profile->pools[0].count, 3);
	assert_false(profile->pools[0].at_least);
	assert_int_equal(profile->pools[1].node, PROFILE_ALL_NODES);
	assert_true(profile->pools[1].at_least);
	assert_string_equal(vm->name, "db");
	assert_int_equal(vm->at.line, 6);
	assert_int_equal(vm->at_memory.line, 8);
	assert_int_equal(vm->vcpus, 4);
	assert_int_equal(vm->memory, 2 * GIB);
	assert_true(vm->kernel[0] == '/' && strstr(vm->kernel, "/dir/../k"));
	assert_string_equal(vm->initrd, "/i");
	assert_string_equal(vm->append, "a=b c");
	assert_int_equal(vm->disk_count, 2);
	assert_true(strstr(vm->disks[0].path, "/dir/one.img") && !vm->disks[0].readonly);
	assert_string_equal(vm->disks[1].path, "/two.img");
	assert_true(vm->disks[1].readonly);
	assert_null(vm->nets[0].tap);
	assert_string_equal(vm->nets[1].tap, "vnet0");
	assert_int_equal(vm->placement, PLACE_PINS);
	assert_int_equal(vm->pin_count, 4);
	assert_true(idset_has(&vm->pins[1], 5));
	assert_int_equal(idset_count(&vm->pins[2]), 2);
	assert_true(idset_has(&vm->io_cpus, 8));
	assert_int_equal(vm->pages, PAGES_THP);
	assert_true(vm->ksm);
	assert_int_equal(vm->balloon_target, GIB);
	assert_int_equal(vm->balloon_floor, 512 * MIB);
	assert_int_equal(vm->cpu_weight, 200);
	assert_int_equal(vm->cpu_quota, 250);
	assert_int_equal(vm->memory_max, 3 * GIB);
	profile_free(profile);
}

static void defaults_are_those_of_the_schema(void **state)
{
	struct profile *profile = parse_good("vm a { kernel = k }");
	const struct profile_vm *vm = &profile->vms[0];

	(void)state;
	assert_int_equal(vm->vcpus, 1);
	assert_int_equal(vm->memory, 512 * MIB);
	assert_int_equal(vm->pages, PAGES_THP);
	assert_int_equal(vm->placement, PLACE_AUTO);
	assert_false(vm->ksm);
	assert_false(vm->dedicated);
	assert_int_equal(vm->at_memory.line, 0);
	profile_free(profile);
}

static void pins_in_order_are_one_cpu_a_vcpu(void **state)
{
	struct profile *profile = parse_good("vm a { kernel = k vcpus = 5 pins = \"2,0-2,7\" }");
	static const unsigned int wanted[] = { 2, 0, 1, 2, 7 };

	(void)state;
	assert_int_equal(profile->vms[0].pin_count, 5);
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(idset_count(&profile->vms[0].pins[i]), 1);
		assert_true(idset_has(&profile->vms[0].pins[i], wanted[i]));
	}
	profile_free(profile);
}

/* libConfuse counts a line with a # comment three times; messages must not. */
static void comments_do_not_shift_lines(void **state)
{
	(void)state;
	refused("# one\n// two\n/* three\nfour */ # five\nvm a { kernel = k\n# six\nbad = 1 }", 7, "bad");
	refused("vm a { kernel = \"# no comment\"\nbad = 1 }", 2, "bad");
	refused("vm a { kernel = \"x\\\"# no\"\n\nbad = 1 }", 3, "bad");
}

static void unknown_keys_get_a_suggestion(void **state)
{
	(void)state;
	refused("vm a {\nmemroy = 1G }", 2, "memroy|did you mean 'memory'");
	refused("host {\n\nksm_rum = 1 }", 3, "did you mean 'ksm_run'");
	refused("host { hugepages {\nsice = 2M } }", 2, "did you mean 'size'");
	refused("hots { }", 1, "did you mean 'host'");
	refused("vm a { kernel = k\nxyzzy = 1 }", 2, "xyzzy|vmtune help profile");
	refused("host { memory = 1G }", 1, "belongs into a vm section");
	refused("vm a { kernel = k\nksm_run = 1 }", 2, "belongs into a host section");
	refused("vm a { kernel = k\nhost { } }", 2, "'}' missing");
}

static void a_second_value_is_refused(void **state)
{
	(void)state;
	refused("vm a {\nmemory = 1G\nkernel = k\nmemory = 2G }", 4, "memory|second time|line 2");
	refused("host { ksm_run = 1 }\nhost { ksm_run = 0 }", 2, "ksm_run|second time|line 1");
	refused("vm a { kernel = k disks = { \"a\" }\ndisks = { \"b\" } }", 2, "disks|second time|line 1");
	refused("vm a { kernel = k }\nvm a { kernel = k }", 2, "named 'a'|line 1");
	refused("host { hugepages { count = 1 }\nhugepages { node = 0 count = 2 } }", 2, "second pool|line 1");
}

static void bad_values_say_what_is_right(void **state)
{
	(void)state;
	refused("vm a { kernel = k\nmemory = 5Q }", 2, "5Q|512M");
	refused("vm a { kernel = k\nmemory = 3M }", 2, "multiple of 2M|2M and 4M");
	refused("vm a { kernel = k\nmemory = 1K }", 2, "2M to 16T");
	refused("vm a { kernel = k\nmemory = -1G }", 2, "not a size");
	refused("vm a { kernel = k\nvcpus = 300 }", 2, "300|1 to 255");
	refused("vm a { kernel = k\nvcpus = 0 }", 2, "1 to 255");
	refused("vm a { kernel = k\nvcpus = two }", 2, "two|1 to 255");
	refused("vm a { kernel = k\nksm = maybe }", 2, "maybe|true or false");
	refused("vm a { kernel = k\npages = 4M }", 2, "4M|4K THP 2M 1G");
	refused("vm a { kernel = k\nplacement = best }", 2, "best|auto nodes pins");
	refused("vm a { kernel = k\nnodes = \"0-\" }", 2, "0-");
	refused("vm a { kernel = k\nnodes = \"\" }", 2, "empty");
	refused("vm a { kernel = k\npins = \"0=x\" }", 2, "VCPU=CPU");
	refused("vm a { kernel = k\nvcpus = 2\npins = \"0=1,0=2\" }", 3, "vCPU 0 is pinned twice");
	refused("vm a { kernel = k\nnets = { \"bridge\" } }", 2, "bridge|tap:NAME");
	refused("vm a { kernel = k\nnets = { \"tap:a/b\" } }", 2, "tap:a/b");
	refused("vm a { kernel = k\ncpu_weight = 0 }", 2, "1 to 10000");
	refused("vm a { kernel = k\ncpu_quota = 0 }", 2, "1 to");
	refused("vm a { kernel = \"\" }", 1, "empty");
	refused("vm a { kernel = k\nappend = \"a\nb\" }", 3, "control character");
	refused("host {\nksm_run = 7 }", 2, "ksm_run|0 to 2");
	refused("host {\ncpu_governor = \"performance@2-\" }", 2, "cpu_governor|2-");
	refused("host {\ncpu_governor = \"performance@\" }", 2, "cpu_governor|VALUE@CPUS");
	refused("host {\ncpu_governor = \"fast@2\" }", 2, "fast|performance powersave");
	refused("host {\nnvme_scheduler = \"none@0\" }", 2, "nvme_scheduler|leave @0 out");
	refused("host {\nswappiness = \"10@0\" }", 2, "swappiness|not a number");
	refused("host {\nirq_affinity = balanced }", 2, "irq_affinity|keep housekeeping node");
	refused("host {\nkernel_cmdline = { \"nosmt quiet\" } }", 2, "kernel_cmdline|several words|one by one");
	refused("host {\nkernel_cmdline = { \"nosmt\",\n\"nosmt\" } }", 3, "kernel_cmdline|twice");
	refused("host {\nkernel_cmdline = { nosmt }\nkernel_cmdline = { quiet } }", 3, "second time|line 2");
	refused("host {\nkernel_comdline = { nosmt } }", 2, "did you mean 'kernel_cmdline'");
	refused("host {\nthp_enabled = sometimes }", 2, "sometimes|always madvise never");
	refused("host { hugepages { size = 4K count = 1 } }", 1, "2M or 1G");
	refused("host {\nhugepages { node = 0 } }", 2, "count = PAGES");
}

static void impossible_vms_are_refused(void **state)
{
	(void)state;
	refused("vm a {\n}", 1, "no kernel");
	refused("vm a { kernel = k\nplacement = nodes }", 2, "without nodes");
	refused("vm a { kernel = k\nplacement = pins }", 2, "without pins");
	refused("vm a { kernel = k\nplacement = auto\nnodes = \"0\" }", 2, "contradicts nodes");
	refused("vm a { kernel = k nodes = \"0\"\npins = \"1\" }", 2, "both nodes and pins");
	refused("vm a { kernel = k\npins = \"1,2\" }", 2, "2 vCPUs|has 1");
	refused("vm a { kernel = k vcpus = 3\npins = \"0=1,2=3\" }", 2, "vCPU 1 has no pin");
	refused("vm a { kernel = k vcpus = 2 dedicated = true\npins = \"1,1\" }", 2, "CPU 1 is pinned twice");
	refused("vm a { kernel = k vcpus = 2 dedicated = true\novercommit = 2 }", 2, "VMs that share CPUs");
	refused("vm a { kernel = k pages = 2M\nksm = true }", 2, "KSM cannot merge 2M");
	refused("vm a { kernel = k pages = 2M\nballoon = 256M }", 2, "balloon|4K or THP");
	refused("vm a { kernel = k\nmemory = 1536M\npages = 1G }", 2, "multiple of 1G|2G");
	refused("vm a { kernel = k memory = 256M\nballoon = 512M }", 2, "at most 256M");
	refused("vm a { kernel = k balloon_floor = 256M\nballoon = 128M }", 2, "below balloon_floor");
	refused("vm a { kernel = k memory = 1G\nmemory_max = 1G }", 2, "memory_max|64M more");
	refused("vm a { kernel = k memory = 1G\nmemory_high = 512M }", 2, "memory_high|swap");
	refused("vm a { kernel = k\nguest_nodes = 2 }", 2, "as many vCPUs");
	refused("vm a { kernel = k vcpus = 4\nnodes = \"0-1\"\nguest_nodes = 1 }", 3, "2 host nodes");
	refused("vm a { kernel = k memory = 2M vcpus = 2 nodes = \"0-1\" }", 1, "at least 4M");
}

static void names_are_fit_for_paths(void **state)
{
	(void)state;
	refused("vm a/b { kernel = k }", 1, "'/'");
	refused("vm \"..\" { kernel = k }", 1, "..");
	refused("vm \"\" { kernel = k }", 1, "1 to 32");
	refused("vm -rf { kernel = k }", 1, "beginning with");
	refused("vm \"a b\" { kernel = k }", 1, "a b");
	refused("vm \"a\xc3\xa4\" { kernel = k }", 1, "because of");
	refused("\nvm abcdefghijklmnopqrstuvwxyzabcdefg { kernel = k }", 2, "1 to 32");
	profile_free(parse_good("vm A_1.b-c { kernel = k }"));
}

static void syntax_errors_have_lines(void **state)
{
	(void)state;
	refused("vm a { kernel = k\npins = 0-3,8 }", 2, "','|quotes");
	refused("# x\nvm a { kernel = k\n\n", 2, "'{' that is never closed");
	refused("vm a { kernel =", 1, "never closed");
	refused("host { ksm_run = }", 1, "unexpected");
	refused("vm a { kernel k }", 1, "equal sign");
	refused("vm { kernel = k }", 1, "title");
	refused("host { ksm_run = 1 } }", 1, "brace");
	refused("vm a {\nkernel = \"k }\n\n", 2, "quote that is never closed");
}

/* libConfuse drops such characters in silence: "512+" would be 512. */
static void stray_characters_are_refused(void **state)
{
	(void)state;
	refused("host {\nthp_defrag = defer+madvise }", 2, "'+'|quotes");
	refused("host {\nhugepages { count = 512+ } }", 2, "'+'");
	refused("vm a { kernel = k*\n}", 1, "'*'");
	refused("vm a {\n\n kernel = k\001 }", 3, "control character (code 1)");
}

static void suggestions_are_near(void **state)
{
	static const char *const names[] = { "memory", "memory_max", "kernel" };

	(void)state;
	assert_string_equal(profile_nearest("memry", names, 3), "memory");
	assert_string_equal(profile_nearest("memorymax", names, 3), "memory_max");
	assert_null(profile_nearest("zzz", names, 3));
	assert_null(profile_nearest("", names, 3));
}

static void missing_files_are_named_with_their_line(void **state)
{
	struct profile *profile = parse_good("vm a {\n\nkernel = /nowhere/vmlinuz\n}");
	struct error err;

	(void)state;
	assert_true(profile_check_files(&profile->vms[0], &err) < 0);
	assert_non_null(strstr(err.text, "dir/x.conf:3: "));
	assert_non_null(strstr(err.text, "/nowhere/vmlinuz"));
	profile_free(profile);
}

static void unreadable_profiles_are_errors(void **state)
{
	struct error err;

	(void)state;
	assert_null(profile_read("/nowhere/x.conf", &err));
	assert_non_null(strstr(err.text, "/nowhere/x.conf"));
	assert_null(profile_read("/", &err));
}

/* Every profile we ship can be read; they are also what people copy. */
static void shipped_profiles_are_good(void **state)
{
	static const char *const files[] = { "demo", "demo-lab", "density", "latency", "attach" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = xasprintf("profiles/%s.conf", files[i]);
		struct error err;
		struct profile *profile = profile_read(path, &err);

		if (!profile)
			fail_msg("%s", err.text);
		profile_free(profile);
		free(path);
	}
}

static void check_in_manual(const char *manual, const char *key)
{
	char *bold = xasprintf(".B %s\n", key), *with_value = xasprintf(".BR %s \" = ", key);
	char *item = xasprintf(".B %s =", key);

	if (!strstr(manual, bold) && !strstr(manual, with_value) && !strstr(manual, item))
		fail_msg("man/vmtune.conf.5 does not describe '%s'", key);
	free(bold);
	free(with_value);
	free(item);
}

static void the_manual_has_every_key(void **state)
{
	static char manual[256 * 1024];
	FILE *file = fopen("man/vmtune.conf.5", "r");

	(void)state;
	assert_non_null(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	for (const struct profile_key *key = profile_vm_keys; key->name; key++)
		check_in_manual(manual, key->name);
	for (const struct profile_key *key = profile_pool_keys; key->name; key++)
		check_in_manual(manual, key->name);
	for (size_t i = 0; i < knob_count; i++)
		check_in_manual(manual, knobs[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_empty_profile_is_fine),
		cmocka_unit_test(every_key_arrives),
		cmocka_unit_test(defaults_are_those_of_the_schema),
		cmocka_unit_test(pins_in_order_are_one_cpu_a_vcpu),
		cmocka_unit_test(comments_do_not_shift_lines),
		cmocka_unit_test(unknown_keys_get_a_suggestion),
		cmocka_unit_test(a_second_value_is_refused),
		cmocka_unit_test(bad_values_say_what_is_right),
		cmocka_unit_test(impossible_vms_are_refused),
		cmocka_unit_test(names_are_fit_for_paths),
		cmocka_unit_test(syntax_errors_have_lines),
		cmocka_unit_test(stray_characters_are_refused),
		cmocka_unit_test(suggestions_are_near),
		cmocka_unit_test(missing_files_are_named_with_their_line),
		cmocka_unit_test(unreadable_profiles_are_errors),
		cmocka_unit_test(shipped_profiles_are_good),
		cmocka_unit_test(the_manual_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
