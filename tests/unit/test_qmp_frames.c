// SPDX-License-Identifier: GPL-2.0-or-later
/* QMP frames: where one ends, in whatever pieces it comes, and how little a broken one costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/qmp/frames.h"

/* Feeds @text in pieces of @step bytes; writes each frame, or ! for one given up, ended by '|'. */
static const char *cut(const char *text, size_t length, size_t step)
{
	static char result[4096];
	struct qmp_frames frames = {0};
	size_t used = 0;

	for (size_t at = 0; at < length; at += step) {
		const char *input = text + at;
		size_t left = length - at < step ? length - at : step;
		enum qmp_frame kind;

		while ((kind = qmp_frames_next(&frames, &input, &left)) != QMP_FRAME_NONE) {
			assert_true(used + frames.length + 2 < sizeof(result));
			if (kind == QMP_FRAME_WHOLE) {
				memcpy(result + used, frames.data, frames.length);
				used += frames.length;
			} else {
				result[used++] = '!';
			}
			result[used++] = '|';
		}
		assert_int_equal(left, 0);
	}
	result[used] = '\0';
	qmp_frames_release(&frames);
	return result;
}

static void expect(const char *text, const char *frames)
{
	size_t length = strlen(text);

	for (size_t step = 1; step <= length; step++)
		assert_string_equal(cut(text, length, step), frames);
}

static void test_ends(void **state)
{
	(void)state;
	expect("{\"a\": 1}\n", "{\"a\": 1}|");
	expect("{\"a\": {\"b\": [1, {}]}}", "{\"a\": {\"b\": [1, {}]}}|"); /* no newline needed */
	expect("{} {}{}\r\n\n \t{}\n", "{}|{}|{}|{}|");
	expect("5\ntrue\n", "5|true|");
	expect("{\"a\"", "");
}

static void test_strings(void **state)
{
	(void)state;
	expect("{\"}\": \"{\"}", "{\"}\": \"{\"}|");
	expect("{\"a\\\"}\": 1}", "{\"a\\\"}\": 1}|");
	expect("{\"a\\\\\": 1}{}", "{\"a\\\\\": 1}|{}|");
}

static void test_newline_ends_a_broken_frame(void **state)
{
	(void)state;
	expect("{\"a\": [\n{}\n", "{\"a\": [|{}|");
	expect("{\"a\n{}\n", "{\"a|{}|");
	expect("garbage\n{}\n", "garbage|{}|");
	expect("}}]\n{}\n", "}}]|{}|");
}

static void test_any_byte_is_carried(void **state)
{
	static const char bytes[] = "\0\x80{\xff\n{}";

	(void)state;
	assert_memory_equal(cut(bytes, sizeof(bytes) - 1, 1), "\0\x80{\xff|{}|", 9);
}

static void test_depth(void **state)
{
	char text[2 * QMP_DEPTH_MAX + 64];

	(void)state;
	memset(text, '[', QMP_DEPTH_MAX);
	memset(text + QMP_DEPTH_MAX, ']', QMP_DEPTH_MAX);
	text[2 * (size_t)QMP_DEPTH_MAX] = '\0';
	assert_int_equal(strlen(cut(text, strlen(text), 7)), 2 * QMP_DEPTH_MAX + 1);
	memset(text, '[', QMP_DEPTH_MAX + 1);
	strcpy(text + QMP_DEPTH_MAX + 1, "]]{}\n{\"a\": 1}\n"); /* the rest of the line is skipped */
	expect(text, "!|{\"a\": 1}|");
}

static void test_length(void **state)
{
	size_t length = QMP_FRAME_MAX + 100;
	char *text = malloc(length);
	struct qmp_frames frames = {0};
	const char *input = text;
	size_t left = length;

	(void)state;
	memset(text, 'x', length);
	memcpy(text + length - 4, "\n{}\n", 4);
	assert_int_equal(qmp_frames_next(&frames, &input, &left), QMP_FRAME_TOO_LONG);
	assert_int_equal(length - left, QMP_FRAME_MAX + 1); /* said at once, not at the newline */
	assert_int_equal(qmp_frames_next(&frames, &input, &left), QMP_FRAME_WHOLE);
	assert_int_equal(frames.length, 2);
	assert_int_equal(qmp_frames_next(&frames, &input, &left), QMP_FRAME_NONE);
	qmp_frames_release(&frames);
	free(text);
}

static void test_longest(void **state)
{
	char *text = malloc(QMP_FRAME_MAX);
	struct qmp_frames frames = {0};
	const char *input = text;
	size_t left = QMP_FRAME_MAX;

	(void)state;
	memset(text, ' ', QMP_FRAME_MAX);
	text[0] = '{';
	text[QMP_FRAME_MAX - 1] = '}';
	assert_int_equal(qmp_frames_next(&frames, &input, &left), QMP_FRAME_WHOLE);
	assert_int_equal(frames.length, QMP_FRAME_MAX);
	qmp_frames_release(&frames);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_newline_ends_a_broken_frame),
		cmocka_unit_test(test_any_byte_is_carried),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests_name("qmp frames", tests, NULL, NULL);
}
