// SPDX-License-Identifier: GPL-2.0-or-later
/* The frame cutter: counts braces and brackets outside of strings, and knows nothing else of JSON. */
#include "vmm/qmp/frames.h"

#include <stdlib.h>

#include "lib/xalloc.h"

#define FIRST_CAPACITY 256
#define KEPT_CAPACITY  (16 * 1024) /* a larger buffer is given back after its frame */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static void begin(struct qmp_frames *frames)
{
	if (frames->capacity > KEPT_CAPACITY)
		qmp_frames_release(frames);
	frames->length = 0;
	frames->depth = 0;
	frames->in_string = frames->escaped = frames->whole = false;
}

static void append(struct qmp_frames *frames, char byte)
{
	if (frames->length == frames->capacity) {
		frames->capacity = frames->capacity ? 2 * frames->capacity : FIRST_CAPACITY;
		frames->data = xreallocarray(frames->data, frames->capacity, 1);
	}
	frames->data[frames->length++] = byte;
}

/* A byte within a string; a backslash takes the one after it along. */
static void scan_string(struct qmp_frames *frames, char byte)
{
	if (frames->escaped)
		frames->escaped = false;
	else if (byte == '\\')
		frames->escaped = true;
	else if (byte == '"')
		frames->in_string = false;
}

/* What @byte does to the nesting. A closing one that closes nothing is left to the JSON parser. */
static enum qmp_frame scan(struct qmp_frames *frames, char byte)
{
	if (frames->in_string) {
		scan_string(frames, byte);
		return QMP_FRAME_NONE;
	}
	switch (byte) {
	case '"':
		frames->in_string = true;
		return QMP_FRAME_NONE;
	case '{':
	case '[':
		return ++frames->depth > QMP_DEPTH_MAX ? QMP_FRAME_TOO_DEEP : QMP_FRAME_NONE;
	case '}':
	case ']':
		if (frames->depth && !--frames->depth)
			return QMP_FRAME_WHOLE;
		return QMP_FRAME_NONE;
	default:
		return QMP_FRAME_NONE;
	}
}

static enum qmp_frame take(struct qmp_frames *frames, char byte)
{
	if (frames->whole)
		begin(frames);
	if (byte == '\n') {
		frames->skipping = false;
		frames->whole = frames->length > 0;
		return frames->whole ? QMP_FRAME_WHOLE : QMP_FRAME_NONE;
	}
	if (frames->skipping || (!frames->length && is_blank(byte)))
		return QMP_FRAME_NONE;
	if (frames->length == QMP_FRAME_MAX)
		return QMP_FRAME_TOO_LONG;
	append(frames, byte);
	return scan(frames, byte);
}

enum qmp_frame qmp_frames_next(struct qmp_frames *frames, const char **input, size_t *left)
{
	while (*left) {
		enum qmp_frame found = take(frames, *(*input)++);

		--*left;
		if (found == QMP_FRAME_NONE)
			continue;
		if (found == QMP_FRAME_WHOLE) {
			frames->whole = true;
		} else {
			begin(frames);
			frames->skipping = true;
		}
		return found;
	}
	return QMP_FRAME_NONE;
}

void qmp_frames_release(struct qmp_frames *frames)
{
	free(frames->data);
	frames->data = NULL;
	frames->capacity = frames->length = 0;
}
