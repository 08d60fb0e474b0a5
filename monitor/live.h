/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two ways to run: on a terminal until the user quits, or as text for a number of samples. */
#ifndef VMTUNE_MONITOR_LIVE_H
#define VMTUNE_MONITOR_LIVE_H

#include "monitor/sample.h"
#include "monitor/screen.h"

struct live_config {
	double interval;      /* seconds between samples */
	long count;           /* samples to show, 0 without end (the screen too) */
	enum field_id sort;
	bool json;            /* text output: one JSON object a line */
};

/* Runs the screen; owns @sampler from now on. Returns 0 or negative with @err. */
int live_run(struct sampler *sampler, const struct live_config *config, struct error *err);

/* Writes samples to standard output. Returns 0, or -EIO with @err when it cannot be written to. */
int batch_run(struct sampler *sampler, const struct live_config *config, struct error *err);

#endif
