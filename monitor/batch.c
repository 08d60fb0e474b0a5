/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --once, -b and --json: a frame or an object a sample, flushed, for people, scripts and pipes. */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "monitor/export.h"
#include "monitor/live.h"

#define WIDE 1000 /* no window: as wide as the text is */

static int text_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize window;

	if (columns && atoi(columns) >= LAYOUT_WIDTH_MIN && atoi(columns) <= WIDE)
		return atoi(columns);
	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) &&
		window.ws_col >= LAYOUT_WIDTH_MIN)
		return window.ws_col;
	return WIDE;
}

static void sleep_seconds(double seconds)
{
	struct timespec rest = { .tv_sec = (time_t)seconds };

	rest.tv_nsec = (long)((seconds - (double)rest.tv_sec) * 1e9);
	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
}

static void print(const struct live_config *config, struct model *model)
{
	struct view view = { .sort = config->sort };
	struct frame *frame;
	json_t *json;

	model_sort(model, config->sort, false);
	if (config->json) {
		json = model_to_json(model);
		json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(14));
		putchar('\n');
		json_decref(json);
		return;
	}
	frame = screen_draw(&view, model, text_width(), 0);
	frame_print(frame, stdout);
	frame_free(frame);
}

int batch_run(struct sampler *sampler, const struct live_config *config, struct error *err)
{
	bool once = config->count == 1;
	struct sample *before = sampler_take(sampler, once);
	int result = 0;

	for (long done = 0; !result && (!config->count || done < config->count); done++) {
		struct sample *now;
		struct model *model;

		sleep_seconds(config->interval);
		now = sampler_take(sampler, false);
		model = model_make(before, now);
		if (done && !config->json)
			putchar('\n');
		print(config, model);
		if (fflush(stdout) == EOF || ferror(stdout))
			result = error_errno(err, EIO, "standard output");
		model_free(model);
		sample_free(before);
		before = now;
	}
	sample_free(before);
	return result;
}
