// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The journal on disk. A line is {"crc":"1a2b3c4d","record":{...}} with the CRC-32 of the record's
 * text; the file only ever grows, until nothing is left to undo and it is removed.
 *
 * What a crash can leave: a last line without its end, or with an end and wrong bytes before it. Both
 * mean that the sync did not return, so the change it announces was not begun: the line is ignored and
 * cut off by the next writer. The same damage in any other line is somebody's doing and an error.
 */
#include "tuner/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/writeall.h"
#include "lib/xalloc.h"

#define LINE_HEAD "{\"crc\":\"%08x\",\"record\":"
#define LINE_HEAD_LENGTH (sizeof("{\"crc\":\"12345678\",\"record\":") - 1)
#define LOCK_POLL_MS 50
#define NEW_FILE STATE_DIR "/journal.new"

struct journal {
	struct root root;
	struct journal_entry *entries;
	unsigned int count;
	unsigned long last;     /* highest sequence number */
	off_t length;           /* bytes of whole, good lines */
	int fd, lock;           /* -1 for a reader */
};

/* ---- the kill hook -------------------------------------------------------------------------- */

static unsigned long boundaries;

static void write_boundaries(void)
{
	const char *path = getenv("VMTUNE_KILL_COUNT");
	FILE *file = path ? fopen(path, "w") : NULL;

	if (!file)
		return;
	fprintf(file, "%lu\n", boundaries);
	fclose(file);
}

void journal_boundary(const char *where)
{
	const char *at = getenv("VMTUNE_KILL_AT");

	if (!boundaries++ && getenv("VMTUNE_KILL_COUNT"))
		atexit(write_boundaries);
	if (!at || strtoul(at, NULL, 10) != boundaries)
		return;
	dprintf(STDERR_FILENO, "killed at boundary %lu: %s\n", boundaries, where);
	kill(getpid(), SIGKILL);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* CRC-32 (ISO 3309, as in gzip), a bit at a time: journals are small. */
static uint32_t crc32_of(const char *data, size_t length)
{
	uint32_t crc = ~UINT32_C(0);

	while (length--) {
		crc ^= (unsigned char)*data++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

static struct journal_entry *entry_of(const struct journal *journal, unsigned long sequence)
{
	for (unsigned int i = 0; i < journal->count; i++)
		if (journal->entries[i].sequence == sequence)
			return &journal->entries[i];
	return NULL;
}

static int take_intent(struct journal *journal, unsigned long sequence, const json_t *record,
	struct error *err)
{
	const char *boot = json_string_value(json_object_get(record, "boot"));
	struct journal_entry entry = {.sequence = sequence};
	int status;

	if (sequence <= journal->last)
		return error_set(err, EINVAL, "sequence number %lu comes after %lu", sequence,
			journal->last);
	status = action_from_json(json_object_get(record, "action"), &entry.action, err);
	if (status < 0)
		return status;
	snprintf(entry.boot_id, sizeof(entry.boot_id), "%s", boot ? boot : "");
	journal->entries = xreallocarray(journal->entries, journal->count + 1, sizeof(entry));
	journal->entries[journal->count++] = entry;
	journal->last = sequence;
	return 0;
}

static int take_mark(struct journal *journal, const char *type, unsigned long sequence,
	const json_t *record, struct error *err)
{
	struct journal_entry *entry = entry_of(journal, sequence);
	const char *observed = json_string_value(json_object_get(record, "observed"));

	if (!entry)
		return error_set(err, EINVAL, "'%s' of %lu, which was never announced", type, sequence);
	if (!strcmp(type, "undone")) {
		entry->undone = true;
		entry->refused = json_is_true(json_object_get(record, "refused"));
		entry->restored = json_is_true(json_object_get(record, "restored"));
		return 0;
	}
	entry->done = true;
	free(entry->observed);
	entry->observed = observed ? xstrdup(observed) : NULL;
	return 0;
}

static int take_record(struct journal *journal, const json_t *record, struct error *err)
{
	const char *type = json_string_value(json_object_get(record, "type"));
	json_int_t sequence = json_integer_value(json_object_get(record, "sequence"));

	if (sequence <= 0)
		return error_set(err, EINVAL, "no sequence number");
	if (type && !strcmp(type, "intent"))
		return take_intent(journal, (unsigned long)sequence, record, err);
	if (type && (!strcmp(type, "done") || !strcmp(type, "undone")))
		return take_mark(journal, type, (unsigned long)sequence, record, err);
	return error_set(err, EINVAL, "unknown record '%s'", type ? type : "");
}

/* Takes in one line (without its newline). -EBADMSG: its bytes are not what was written. */
static int take_line(struct journal *journal, const char *line, size_t length, struct error *err)
{
	char head[LINE_HEAD_LENGTH + 1];
	const char *text = line + LINE_HEAD_LENGTH;
	json_t *record = NULL;
	int status;

	if (length > LINE_HEAD_LENGTH + 1 && line[length - 1] == '}') {
		size_t text_length = length - LINE_HEAD_LENGTH - 1;

		snprintf(head, sizeof(head), LINE_HEAD, crc32_of(text, text_length));
		if (!memcmp(head, line, LINE_HEAD_LENGTH))
			record = json_loadb(text, text_length, 0, NULL);
	}
	if (!record)
		return error_set(err, EBADMSG, "its checksum does not match");
	status = take_record(journal, record, err);
	json_decref(record);
	return status;
}

static int take_file(struct journal *journal, const char *text, size_t length, struct error *err)
{
	size_t at = 0;
	unsigned int number = 0;

	while (at < length) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t next = end ? (size_t)(end - text) + 1 : length;
		int status;

		number++;
		if (!end)
			break; /* torn */
		status = take_line(journal, text + at, (size_t)(end - text) - at, err);
		if (status == -EBADMSG && next == length)
			break; /* torn as well: lengths reach the disk before data */
		if (status < 0) {
			error_prefix(err, STATE_DIR "/journal:%u is damaged (restore the line, or move the file "
				"away to give up undoing what it lists)", number);
			return status;
		}
		at = next;
	}
	journal->length = (off_t)at;
	return 0;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int make_directories(const struct root *root, struct error *err)
{
	static const char *const parts[] = {"/var", "/var/lib", STATE_DIR};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (mkdir(root_path(root, path, "%s", parts[i]), i < 2 ? 0755 : 0700) < 0 &&
		    errno != EEXIST)
			return error_errno(err, errno, "making %s", path);
	return 0;
}

static void sleep_ms(int ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

/*
 * Opens and locks the file at @path. The last holder may have removed it between our open and our
 * lock: then the lock is on a file that nobody else will ever see, and one must begin again (*@stale).
 */
static int lock_once(const char *path, bool *stale)
{
	struct stat ours, theirs;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), errnum;

	*stale = false;
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		errnum = errno;
		close(fd);
		return -errnum;
	}
	if (fstat(fd, &ours) < 0 || stat(path, &theirs) < 0 || ours.st_ino != theirs.st_ino) {
		close(fd);
		*stale = true;
		return -EAGAIN;
	}
	return fd;
}

static int lock_holder(const struct root *root)
{
	char text[32];

	return root_read_line(root, text, sizeof(text), STATE_DIR "/lock") > 0 ? atoi(text) : 0;
}

static int take_lock(struct journal *journal, int wait_ms, struct error *err)
{
	char path[PATH_MAX];
	bool stale;
	int fd;

	root_path(&journal->root, path, STATE_DIR "/lock");
	for (int waited = 0;;) {
		fd = lock_once(path, &stale);
		if (fd >= 0)
			break;
		if (stale)
			continue;
		if (fd == -ENOENT && make_directories(&journal->root, err) == 0)
			continue; /* the last holder has tidied up just now */
		if (fd != -EWOULDBLOCK)
			return error_errno(err, -fd, "opening %s", path);
		if (waited >= wait_ms)
			return error_set(err, EBUSY,
				"another vmtune (PID %d) is changing this host; try again when it is done",
				lock_holder(&journal->root));
		sleep_ms(LOCK_POLL_MS);
		waited += LOCK_POLL_MS;
	}
	journal->lock = fd;
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
		return error_errno(err, errno, "writing %s", path);
	return 0;
}

static int load(struct journal *journal, struct error *err)
{
	size_t length;
	char *text = root_read_all(&journal->root, &length, STATE_DIR "/journal");
	int status;

	if (!text)
		return errno == ENOENT || errno == ENOTDIR
			? 0
			: error_errno(err, errno, "reading " STATE_DIR "/journal");
	status = take_file(journal, text, length, err);
	free(text);
	return status;
}

static int open_for_writing(struct journal *journal, int wait_ms, struct error *err)
{
	char path[PATH_MAX];
	int status = make_directories(&journal->root, err);

	if (status >= 0)
		status = take_lock(journal, wait_ms, err);
	if (status >= 0)
		unlink(root_path(&journal->root, path, NEW_FILE)); /* of a writer that was killed */
	return status;
}

struct journal *journal_open(const struct root *root, bool write, int wait_ms, struct error *err)
{
	struct journal *journal = xcalloc(1, sizeof(*journal));

	journal->root = *root;
	journal->fd = journal->lock = -1;
	if ((write && open_for_writing(journal, wait_ms, err) < 0) || load(journal, err) < 0) {
		journal_close(journal);
		return NULL;
	}
	return journal;
}

static bool present(const struct journal *journal, const char *file)
{
	char path[PATH_MAX];

	return access(root_path(&journal->root, path, STATE_DIR "/%s", file), F_OK) == 0;
}

/* Removes lock and directory when there is nothing else: a host that was reverted shows no trace. */
static void tidy(struct journal *journal)
{
	char path[PATH_MAX];

	if (present(journal, "journal") || present(journal, "profile"))
		return;
	unlink(root_path(&journal->root, path, STATE_DIR "/lock"));
	rmdir(root_path(&journal->root, path, STATE_DIR));
}

static void release_entries(struct journal *journal)
{
	for (unsigned int i = 0; i < journal->count; i++) {
		action_release(&journal->entries[i].action);
		free(journal->entries[i].observed);
	}
	free(journal->entries);
	journal->entries = NULL;
	journal->count = 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	if (journal->lock >= 0) {
		tidy(journal);
		close(journal->lock);
	}
	release_entries(journal);
	free(journal);
}

const struct journal_entry *journal_entries(const struct journal *journal, unsigned int *count)
{
	*count = journal->count;
	return journal->entries;
}

unsigned int journal_pending(const struct journal *journal)
{
	unsigned int pending = 0;

	for (unsigned int i = 0; i < journal->count; i++)
		pending += !journal->entries[i].undone;
	return pending;
}

/* ---- questions ------------------------------------------------------------------------------ */

static bool is_about(const struct journal_entry *entry, const char *boot_id, const struct action *action)
{
	return !strcmp(entry->boot_id, boot_id) && action_same_object(&entry->action, action);
}

bool journal_was_refused(const struct journal *journal, const char *boot_id, enum action_kind kind,
	const char *target)
{
	const struct action action = {.kind = kind, .target = (char *)(uintptr_t)target};

	for (unsigned int i = journal ? journal->count : 0; i-- > 0;)
		if (is_about(&journal->entries[i], boot_id, &action))
			return journal->entries[i].refused;
	return false;
}

bool journal_put_back(const struct journal *journal, const struct journal_entry *entry, const char *now)
{
	for (unsigned int i = 0; i < journal->count; i++) {
		const struct journal_entry *later = &journal->entries[i];

		if (later->sequence > entry->sequence && later->restored && later->action.before &&
		    is_about(later, entry->boot_id, &entry->action) &&
		    !strcmp(later->action.before, now))
			return true;
	}
	return false;
}

unsigned long journal_next(const struct journal *journal)
{
	return journal->last + 1;
}

const char *journal_boot_id(const struct root *root, char id[40])
{
	if (root_read_line(root, id, 40, "/proc/sys/kernel/random/boot_id") < 0)
		id[0] = '\0';
	return id;
}

/* ---- appending ------------------------------------------------------------------------------ */

static int sync_directory(const struct root *root, struct error *err)
{
	char path[PATH_MAX];
	int fd = open(root_path(root, path, STATE_DIR), O_RDONLY | O_DIRECTORY | O_CLOEXEC), errnum;

	if (fd >= 0 && fsync(fd) == 0) {
		close(fd);
		return 0;
	}
	errnum = errno;
	if (fd >= 0)
		close(fd);
	return error_errno(err, errnum, "syncing %s", path);
}

/* Opens the file for appending at the end of its last good line. */
static int open_file(struct journal *journal, struct error *err)
{
	char path[PATH_MAX];
	int errnum;

	if (journal->lock < 0)
		return error_set(err, EPERM, "the journal was opened for reading");
	root_path(&journal->root, path, STATE_DIR "/journal");
	journal->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (journal->fd >= 0 && ftruncate(journal->fd, journal->length) == 0 &&
	    lseek(journal->fd, journal->length, SEEK_SET) >= 0)
		return sync_directory(&journal->root, err);
	errnum = errno;
	return error_errno(err, errnum, "opening %s", path);
}

static int append_text(struct journal *journal, const char *line, size_t length, struct error *err)
{
	int status = journal->fd >= 0 ? 0 : open_file(journal, err);

	if (status < 0)
		return status;
	journal_boundary("before a journal write");
	status = write_all(journal->fd, line, length);
	if (!status) {
		journal_boundary("before the journal's sync");
		if (fdatasync(journal->fd) < 0)
			status = -errno;
	}
	if (status < 0) {
		/* Reopened at the end of the last good line by the next append. */
		close(journal->fd);
		journal->fd = -1;
		return error_errno(err, -status, "writing " STATE_DIR "/journal");
	}
	journal->length += (off_t)length;
	journal_boundary("after the journal's sync");
	return 0;
}

/* The caller frees; NULL with @err when it holds what is not text. */
static char *line_of(const json_t *record, struct error *err)
{
	char *text = record ? json_dumps(record, JSON_COMPACT) : NULL, *line;

	if (!text) {
		error_set(err, EILSEQ, "a value that is not text cannot be journaled");
		return NULL;
	}
	line = xasprintf(LINE_HEAD "%s}\n", crc32_of(text, strlen(text)), text);
	free(text);
	return line;
}

/* Writes a record and takes it in, so that memory and disk say the same. Consumes @record. */
static int append(struct journal *journal, json_t *record, struct error *err)
{
	char *line = line_of(record, err);
	int status = line ? append_text(journal, line, strlen(line), err) : -EILSEQ;

	free(line);
	if (!status)
		status = take_record(journal, record, err);
	json_decref(record);
	return status;
}

static json_t *intent_record(unsigned long sequence, const char *boot_id, const struct action *action)
{
	return json_pack("{s:s, s:I, s:s, s:o}", "type", "intent", "sequence", (json_int_t)sequence,
		"boot", boot_id, "action", action_to_json(action));
}

static json_t *done_record(unsigned long sequence, const char *observed)
{
	return json_pack("{s:s, s:I, s:s*}", "type", "done", "sequence", (json_int_t)sequence,
		"observed", observed);
}

static json_t *refused_record(unsigned long sequence)
{
	return json_pack("{s:s, s:I, s:b}", "type", "undone", "sequence", (json_int_t)sequence,
		"refused", true);
}

long journal_intent(struct journal *journal, const char *boot_id, const struct action *action,
	struct error *err)
{
	unsigned long sequence = journal_next(journal);
	int status = append(journal, intent_record(sequence, boot_id, action), err);

	return status < 0 ? status : (long)sequence;
}

int journal_done(struct journal *journal, unsigned long sequence, const char *observed,
	struct error *err)
{
	return append(journal, done_record(sequence, observed), err);
}

int journal_undone(struct journal *journal, unsigned long sequence, struct error *err)
{
	return append(journal,
		json_pack("{s:s, s:I}", "type", "undone", "sequence", (json_int_t)sequence), err);
}

int journal_restored(struct journal *journal, unsigned long sequence, struct error *err)
{
	return append(journal,
		json_pack("{s:s, s:I, s:b}", "type", "undone", "sequence", (json_int_t)sequence, "restored", true),
		err);
}

int journal_refused(struct journal *journal, unsigned long sequence, struct error *err)
{
	return append(journal, refused_record(sequence), err);
}

/* Nothing is known any more of a file that was removed or replaced. */
static void begin_anew(struct journal *journal)
{
	if (journal->fd >= 0)
		close(journal->fd);
	journal->fd = -1;
	journal->length = 0;
	journal->last = 0;
	release_entries(journal);
}

int journal_clear(struct journal *journal, struct error *err)
{
	char path[PATH_MAX];

	journal_boundary("before the journal is removed");
	if (unlink(root_path(&journal->root, path, STATE_DIR "/journal")) < 0 && errno != ENOENT)
		return error_errno(err, errno, "removing %s", path);
	begin_anew(journal);
	journal_boundary("after the journal is removed");
	return sync_directory(&journal->root, err);
}

/* ---- leaving out ---------------------------------------------------------------------------- */

static bool stands(const struct journal_entry *entry)
{
	return entry->done && !entry->undone;
}

/* The last of @kept about the same object as @entry. */
static struct journal_entry *last_about(struct journal_entry *kept, unsigned int count,
	const struct journal_entry *entry)
{
	while (count-- > 0)
		if (is_about(&kept[count], entry->boot_id, &entry->action))
			return &kept[count];
	return NULL;
}

/* Changed and changed back, byte for byte: there is nothing to revert. */
static bool came_back(const struct journal_entry *entry)
{
	return stands(entry) && action_can_undo(&entry->action) && entry->action.before &&
		entry->observed && !strcmp(entry->action.before, entry->observed);
}

/*
 * Fills @kept with what revert and verify have a use for; the texts stay the journal's. A change that was
 * continued keeps its place and number: the order of taking back is that of the first changes.
 */
static unsigned int choose(const struct journal *journal, struct journal_entry *kept)
{
	unsigned int count = 0, left = 0;

	for (unsigned int i = 0; i < journal->count; i++) {
		const struct journal_entry *entry = &journal->entries[i];
		struct journal_entry *last = last_about(kept, count, entry);
		char *before = last ? last->action.before : NULL;

		if (entry->undone && !entry->refused)
			continue;
		if (last && stands(last) && stands(entry) && action_continues(&last->action, &entry->action)) {
			last->action = entry->action;
			last->action.before = before;
			last->observed = entry->observed;
		} else if (last && last->refused && entry->refused) {
			continue;
		} else {
			kept[count++] = *entry;
		}
	}
	for (unsigned int i = 0; i < count; i++)
		if (!came_back(&kept[i]))
			kept[left++] = kept[i];
	return left;
}

static int write_record(int fd, json_t *record, struct error *err)
{
	char *line = line_of(record, err);
	int status = line ? write_all(fd, line, strlen(line)) : -EILSEQ;

	if (line && status < 0)
		error_errno(err, -status, "writing " NEW_FILE);
	free(line);
	json_decref(record);
	return status;
}

static int write_kept(int fd, const struct journal_entry *kept, unsigned int count, struct error *err)
{
	int status = 0;

	for (unsigned int i = 0; i < count && status >= 0; i++) {
		status = write_record(fd, intent_record(kept[i].sequence, kept[i].boot_id, &kept[i].action), err);
		if (kept[i].done && status >= 0)
			status = write_record(fd, done_record(kept[i].sequence, kept[i].observed), err);
		if (kept[i].refused && status >= 0)
			status = write_record(fd, refused_record(kept[i].sequence), err);
	}
	return status;
}

static int replace(struct journal *journal, const struct journal_entry *kept, unsigned int count,
	struct error *err)
{
	char path[PATH_MAX], file[PATH_MAX];
	int fd = open(root_path(&journal->root, path, NEW_FILE), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int status;

	if (fd < 0)
		return error_errno(err, errno, "writing %s", path);
	status = write_kept(fd, kept, count, err);
	if (status >= 0 && fsync(fd) < 0)
		status = error_errno(err, errno, "writing %s", path);
	close(fd);
	journal_boundary("before the journal is replaced");
	if (status >= 0 && rename(path, root_path(&journal->root, file, STATE_DIR "/journal")) < 0)
		status = error_errno(err, errno, "renaming %s", path);
	journal_boundary("after the journal is replaced");
	if (status < 0)
		unlink(path);
	return status < 0 ? status : sync_directory(&journal->root, err);
}

int journal_compact(struct journal *journal, struct error *err)
{
	struct journal_entry *kept = xcalloc(journal->count + 1, sizeof(*kept));
	unsigned int count = choose(journal, kept);
	bool same = count == journal->count;
	int status = same ? 0 : replace(journal, kept, count, err);

	free(kept);
	if (same || status < 0)
		return status;
	begin_anew(journal);
	return load(journal, err);
}
