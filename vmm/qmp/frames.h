/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts a QMP byte stream into frames, one JSON text each, whatever the pieces are that it comes in.
 *
 * A frame ends where its outermost brace or bracket closes (as QEMU has it: a client need not send a
 * newline), or at a newline. So a broken frame costs no more than its own line: the next line is
 * read afresh. The price is that one JSON text may not be spread over several lines, which QEMU
 * allows and no client is known to do.
 */
#ifndef VMTUNE_VMM_QMP_FRAMES_H
#define VMTUNE_VMM_QMP_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#define QMP_FRAME_MAX ((size_t)1 << 20) /* bytes of one frame */
#define QMP_DEPTH_MAX 64                /* braces and brackets open at once; QMP itself needs 5 */

enum qmp_frame { QMP_FRAME_NONE, QMP_FRAME_WHOLE, QMP_FRAME_TOO_LONG, QMP_FRAME_TOO_DEEP };

/* All zero is the state at the start of a stream. */
struct qmp_frames {
	char *data; /* the frame so far; not terminated, may hold any byte */
	size_t length;
	/* the rest is private */
	size_t capacity;
	unsigned int depth;
	bool in_string, escaped, whole, skipping;
};

/*
 * Takes bytes from *@input on, of which there are *@left, and moves both past them. Returns WHOLE
 * with a frame in ->data and ->length, valid until the next call; TOO_LONG or TOO_DEEP once for a
 * frame that is given up (its line is skipped); NONE when all input was taken and no frame is whole.
 */
enum qmp_frame qmp_frames_next(struct qmp_frames *frames, const char **input, size_t *left);
void qmp_frames_release(struct qmp_frames *frames);

#endif
