// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal: what was appended is read back, whatever end a crash has given the file. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/tree.h"
#include "tuner/journal.h"

static struct root root;

static void path_of(char path[PATH_MAX])
{
	root_path(&root, path, "/var/lib/vmtune/journal");
}

static int setup(void **state)
{
	(void)state;
	return tree_open(&root);
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(&root);
}

static struct action setting(const char *target, const char *before, const char *after)
{
	return (struct action){
		.kind = ACTION_SETTING,
		.undo_class = CLASS_REVERSIBLE,
		.target = (char *)(uintptr_t)target,
		.before = (char *)(uintptr_t)before,
		.after = (char *)(uintptr_t)after,
		.reason = (char *)(uintptr_t)"test",
	};
}

static struct journal *opened(bool write)
{
	struct error err = {""};
	struct journal *journal = journal_open(&root, write, 0, &err);

	if (!journal)
		fail_msg("%s", err.text);
	return journal;
}

static void append(unsigned int count)
{
	struct journal *journal = opened(true);
	struct action action = setting("/sys/kernel/mm/ksm/run", "0\n", "1");

	for (unsigned int i = 0; i < count; i++) {
		long sequence = journal_intent(journal, "boot", &action, NULL);

		assert_true(sequence > 0);
		assert_int_equal(journal_done(journal, (unsigned long)sequence, "1\n", NULL), 0);
	}
	journal_close(journal);
}

static unsigned int entries_now(void)
{
	struct journal *journal = opened(false);
	unsigned int count;

	journal_entries(journal, &count);
	journal_close(journal);
	return count;
}

static void what_was_written_is_read_back(void **state)
{
	struct action action = setting("/sys/\"odd\"\\path", "always [madvise] never\n", "line\n\ttwo");
	struct journal *journal = opened(true);
	const struct journal_entry *entry;
	unsigned int count;

	(void)state;
	action.vm = (char *)(uintptr_t)"db";
	assert_int_equal(journal_intent(journal, "b-1", &action, NULL), 1);
	assert_int_equal(journal_intent(journal, "b-1", &action, NULL), 2);
	assert_int_equal(journal_done(journal, 1, "now\n", NULL), 0);
	assert_int_equal(journal_undone(journal, 2, NULL), 0);
	assert_int_equal(journal_pending(journal), 1);
	journal_close(journal);

	journal = opened(false);
	entry = journal_entries(journal, &count);
	assert_int_equal(count, 2);
	assert_string_equal(entry[0].action.target, "/sys/\"odd\"\\path");
	assert_string_equal(entry[0].action.before, "always [madvise] never\n");
	assert_string_equal(entry[0].action.after, "line\n\ttwo");
	assert_string_equal(entry[0].action.vm, "db");
	assert_string_equal(entry[0].observed, "now\n");
	assert_string_equal(entry[0].boot_id, "b-1");
	assert_null(entry[0].action.detail);
	assert_true(entry[0].done && !entry[0].undone);
	assert_true(!entry[1].done && entry[1].undone);
	journal_close(journal);
}

static void numbers_go_on_after_reopening(void **state)
{
	struct action action = setting("/a", "0", "1");
	struct journal *journal;

	(void)state;
	append(3);
	journal = opened(true);
	assert_int_equal(journal_intent(journal, "boot", &action, NULL), 4);
	journal_close(journal);
}

/* Cut anywhere in the last line, the journal reads as if that line had never been. */
static void a_torn_last_line_never_happened(void **state)
{
	char path[PATH_MAX];
	struct stat whole;
	off_t previous;
	FILE *file;

	(void)state;
	append(2);
	path_of(path);
	assert_int_equal(stat(path, &whole), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	previous = whole.st_size - 1;
	while (previous > 0 && fseeko(file, previous - 1, SEEK_SET) == 0 && fgetc(file) != '\n')
		previous--;
	fclose(file);
	for (off_t size = whole.st_size - 1; size >= previous; size--) {
		struct journal *journal;
		const struct journal_entry *entry;
		unsigned int count;

		assert_int_equal(truncate(path, size), 0);
		journal = opened(false);
		entry = journal_entries(journal, &count);
		assert_int_equal(count, 2);
		assert_true(entry[0].done && !entry[1].done);
		journal_close(journal);
	}
}

static void a_writer_cuts_the_torn_line_off(void **state)
{
	char path[PATH_MAX];
	FILE *file;

	(void)state;
	append(1);
	path_of(path);
	file = fopen(path, "a");
	assert_non_null(file);
	fputs("{\"crc\":\"0000", file);
	fclose(file);
	append(1);
	assert_int_equal(entries_now(), 2);
}

/* Sizes reach the disk before data: blocks of zeros, or a whole line of something else. */
static void a_last_line_of_garbage_never_happened(void **state)
{
	static const char garbage[] = "\0\0\0\0\0\0\0\0\n";
	char path[PATH_MAX];
	FILE *file;

	(void)state;
	append(1);
	path_of(path);
	file = fopen(path, "a");
	assert_non_null(file);
	fwrite(garbage, 1, sizeof(garbage) - 1, file);
	fclose(file);
	assert_int_equal(entries_now(), 1);
}

static void damage_in_the_middle_is_named(void **state)
{
	struct error err = {""};
	char path[PATH_MAX];
	FILE *file;

	(void)state;
	append(2);
	path_of(path);
	file = fopen(path, "r+");
	assert_non_null(file);
	fseek(file, 40, SEEK_SET);
	fputc('#', file);
	fclose(file);
	assert_null(journal_open(&root, false, 0, &err));
	assert_non_null(strstr(err.text, "journal:1 is damaged"));
	assert_null(journal_open(&root, true, 0, &err));
}

static void one_writer_at_a_time(void **state)
{
	struct journal *journal = opened(true);
	char wanted[32];
	int status;
	pid_t child;

	(void)state;
	snprintf(wanted, sizeof(wanted), "PID %d", (int)getpid());
	child = fork();
	if (child == 0) {
		struct error err = {""};

		_exit(journal_open(&root, true, 0, &err) || !strstr(err.text, wanted));
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(entries_now(), 0); /* a reader needs no lock */
	journal_close(journal);
	journal_close(opened(true));
}

static void a_reader_cannot_write(void **state)
{
	struct action action = setting("/a", "0", "1");
	struct journal *journal = opened(false);
	struct error err = {""};

	(void)state;
	assert_true(journal_intent(journal, "boot", &action, &err) < 0);
	journal_close(journal);
}

static void an_empty_journal_leaves_nothing(void **state)
{
	struct journal *journal;
	char path[PATH_MAX];

	(void)state;
	append(1);
	journal = opened(true);
	assert_int_equal(journal_undone(journal, 1, NULL), 0);
	assert_int_equal(journal_clear(journal, NULL), 0);
	journal_close(journal);
	assert_int_equal(access(root_path(&root, path, "/var/lib/vmtune"), F_OK), -1);
}

static void bytes_that_are_not_text_are_refused(void **state)
{
	struct action action = setting("/a", "\xff\xfe", "1");
	struct journal *journal = opened(true);
	struct error err = {""};

	(void)state;
	assert_true(journal_intent(journal, "boot", &action, &err) < 0);
	assert_int_equal(journal_pending(journal), 0);
	journal_close(journal);
}

/* A change that is made and marked done; @observed is what was read then. */
static unsigned long made(struct journal *journal, const char *boot, const char *target, const char *before,
	const char *after, const char *observed)
{
	struct action action = setting(target, before, after);
	long sequence = journal_intent(journal, boot, &action, NULL);

	assert_true(sequence > 0);
	assert_int_equal(journal_done(journal, (unsigned long)sequence, observed, NULL), 0);
	return (unsigned long)sequence;
}

/* What is left after compaction, also for the next reader; the file is small when all came back. */
static void of_many_changes_the_first_before_and_the_last_after_stay(void **state)
{
	struct journal *journal = opened(true);
	struct error err = {""};
	const struct journal_entry *entry;
	unsigned int count;

	(void)state;
	made(journal, "boot", "/a", "60\n", "10", "10\n");
	made(journal, "boot", "/b", "0\n", "1", "1\n");
	for (int i = 0; i < 1000; i++) {
		made(journal, "boot", "/a", "77\n", "10", "10\n");
		if (journal_compact(journal, &err) < 0)
			fail_msg("%s", err.text);
	}
	made(journal, "boot", "/b", "1\n", "0", "0\n");
	made(journal, "boot", "/c", "0\n", "1", "1\n");
	made(journal, "other", "/c", "5\n", "1", "1\n");
	assert_int_equal(journal_undone(journal, made(journal, "boot", "/d", "0", "1", "1"), NULL), 0);
	assert_int_equal(journal_compact(journal, &err), 0);
	for (int reopened = 0; reopened < 2; reopened++) {
		entry = journal_entries(journal, &count);
		assert_int_equal(count, 3);
		assert_string_equal(entry[0].action.target, "/a");
		assert_string_equal(entry[0].action.before, "60\n");
		assert_string_equal(entry[0].observed, "10\n");
		assert_true(entry[0].done && !entry[0].undone);
		assert_string_equal(entry[1].action.target, "/c");
		assert_string_equal(entry[1].boot_id, "boot");
		assert_string_equal(entry[2].boot_id, "other");
		journal_close(journal);
		journal = opened(true);
	}
	made(journal, "boot", "/e", "0", "1", "1"); /* and it goes on */
	journal_close(journal);
	assert_int_equal(entries_now(), 4);
}

static void what_is_not_done_and_what_was_refused_stay(void **state)
{
	struct action action = setting("/a", "0", "1");
	struct journal *journal = opened(true);
	struct error err = {""};
	const struct journal_entry *entry;
	unsigned int count;

	(void)state;
	made(journal, "boot", "/a", "0", "1", "1");
	for (int i = 0; i < 3; i++) {
		action.target = (char *)(uintptr_t)"/irq";
		assert_int_equal(journal_refused(journal,
			(unsigned long)journal_intent(journal, "boot", &action, NULL), NULL), 0);
	}
	action.target = (char *)(uintptr_t)"/a";
	assert_true(journal_intent(journal, "boot", &action, NULL) > 0);
	assert_int_equal(journal_compact(journal, &err), 0);
	entry = journal_entries(journal, &count);
	assert_int_equal(count, 3);
	assert_true(entry[0].done && entry[1].refused && !entry[2].done);
	assert_true(journal_was_refused(journal, "boot", ACTION_SETTING, "/irq"));
	assert_false(journal_was_refused(journal, "boot", ACTION_SETTING, "/a"));
	journal_close(journal);
}

static void a_compaction_that_was_killed_leaves_the_old_journal(void **state)
{
	char path[PATH_MAX];
	FILE *file;

	(void)state;
	append(2);
	file = fopen(root_path(&root, path, "/var/lib/vmtune/journal.new"), "w");
	assert_non_null(file);
	fputs("{\"crc\":\"half", file);
	fclose(file);
	append(1);
	assert_int_equal(entries_now(), 3);
	assert_int_equal(access(path, F_OK), -1);
}

/* Each has its own value from before: weight and limit of one scope are two changes, with one guest as target. */
static void two_properties_of_one_guest_are_two_changes(void **state)
{
	static const char *const properties[] = {"a.scope CPUWeight", "a.scope MemoryMax"};
	struct journal *journal = opened(true);
	struct error err = {""};
	const struct journal_entry *entry;
	unsigned int count;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct action action = setting("1:2 a", i / 2 ? "50" : "100", i / 2 ? "70" : "50");

		action.kind = ACTION_UNIT_PROPERTY;
		action.detail = (char *)(uintptr_t)properties[i % 2];
		assert_int_equal(journal_done(journal,
			(unsigned long)journal_intent(journal, "boot", &action, NULL), action.after, NULL), 0);
	}
	assert_int_equal(journal_compact(journal, &err), 0);
	entry = journal_entries(journal, &count);
	assert_int_equal(count, 2);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(entry[i].action.detail, properties[i]);
		assert_string_equal(entry[i].action.before, "100");
		assert_string_equal(entry[i].observed, "70");
	}
	journal_close(journal);
}

/* Whose list of CPUs it was in between is asked for later (own_limits.c): only what goes on from ours becomes one. */
static void a_list_of_cpus_that_someone_else_set_in_between_is_kept(void **state)
{
	static const struct {
		const char *before, *after;
	} changes[] = { { "", "2-7" }, { "2-7", "2-6" }, { "0-3", "2-3" } };
	struct journal *journal = opened(true);
	const struct journal_entry *entry;
	unsigned int count;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct action action = setting("system.slice", changes[i].before, changes[i].after);

		action.kind = ACTION_UNIT_CPUS;
		assert_int_equal(journal_done(journal,
			(unsigned long)journal_intent(journal, "boot", &action, NULL), action.after, NULL), 0);
	}
	assert_int_equal(journal_compact(journal, NULL), 0);
	entry = journal_entries(journal, &count);
	assert_int_equal(count, 2);
	assert_string_equal(entry[0].action.before, "");
	assert_string_equal(entry[0].action.after, "2-6");
	assert_string_equal(entry[1].action.before, "0-3");
	assert_string_equal(entry[1].action.after, "2-3");
	journal_close(journal);
}

/* What someone else had there comes back when the later change is taken back; that is not their doing then. */
static void a_value_put_back_by_revert_is_known(void **state)
{
	struct journal *journal = opened(true);
	unsigned long first = made(journal, "boot", "/a", "60\n", "10", "10\n");
	unsigned long second = made(journal, "boot", "/a", "77\n", "10", "10\n");
	unsigned int count;

	(void)state;
	assert_int_equal(first, 1);
	assert_false(journal_put_back(journal, journal_entries(journal, &count), "77\n"));
	assert_int_equal(journal_undone(journal, second, NULL), 0);
	assert_false(journal_put_back(journal, journal_entries(journal, &count), "77\n")); /* it was so already */
	assert_int_equal(journal_restored(journal, second, NULL), 0);
	assert_true(journal_put_back(journal, journal_entries(journal, &count), "77\n"));
	assert_false(journal_put_back(journal, journal_entries(journal, &count), "78\n"));
	journal_close(journal);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read_back),
		TEST(numbers_go_on_after_reopening),
		TEST(a_torn_last_line_never_happened),
		TEST(a_writer_cuts_the_torn_line_off),
		TEST(a_last_line_of_garbage_never_happened),
		TEST(damage_in_the_middle_is_named),
		TEST(one_writer_at_a_time),
		TEST(a_reader_cannot_write),
		TEST(an_empty_journal_leaves_nothing),
		TEST(bytes_that_are_not_text_are_refused),
		TEST(of_many_changes_the_first_before_and_the_last_after_stay),
		TEST(what_is_not_done_and_what_was_refused_stay),
		TEST(two_properties_of_one_guest_are_two_changes),
		TEST(a_list_of_cpus_that_someone_else_set_in_between_is_kept),
		TEST(a_compaction_that_was_killed_leaves_the_old_journal),
		TEST(a_value_put_back_by_revert_is_known),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
