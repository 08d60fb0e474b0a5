/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/console.h"

#include "guest/balloon.h"
#include "guest/check.h"
#include "guest/fill.h"
#include "guest/hold.h"
#include "guest/job.h"
#include "guest/json.h"
#include "guest/probe.h"
#include "guest/serial.h"

static void ping(struct guest *guest)
{
	struct json line;

	json_open(&line, "pong");
	json_fixed(&line, "uptime_s", guest_uptime_ms(guest), 3);
	json_close(&line);
}

static void status(struct guest *guest)
{
	const struct pool *pool = &guest->pool;
	struct json line;

	json_open(&line, "status");
	json_string(&line, "job", guest->options.job->name);
	json_string(&line, "phase", guest->phase);
	json_fixed(&line, "uptime_s", guest_uptime_ms(guest), 3);
	json_u64(&line, "pool_pages", pool->pages);
	json_u64(&line, "job_pages", pool->job_pages);
	json_u64(&line, "free_pages", pool_free(pool));
	json_u64(&line, "balloon_pages", pool->balloon_pages);
	json_bool(&line, "balloon", guest->balloon != NULL);
	if (guest->balloon)
		balloon_status(guest->balloon, &line);
	hold_status(&line);
	check_status(&line);
	json_close(&line);
}

static void verify(struct guest *guest)
{
	struct json line;

	if (guest->options.job->run != job_fill || guest->options.job->touch) {
		json_open(&line, "error");
		json_string(&line, "error", "only job=fill knows what its pages should hold");
		json_close(&line);
		return;
	}
	json_open(&line, "verify");
	json_u64(&line, "pages", guest->pool.job_pages);
	json_u64(&line, "bad_pages", fill_verify(guest));
	json_close(&line);
}

static void latency(struct guest *guest)
{
	probe_report(guest);
}

static void quit(struct guest *guest)
{
	guest_end(guest, "quit");
}

static const struct {
	const char *word;
	void (*answer)(struct guest *guest);
} commands[] = {
	{"ping", ping},
	{"status", status},
	{"verify", verify},
	{"latency", latency},
	{"quit", quit},
};

static void answer(struct guest *guest, const char *word)
{
	struct json line;
	unsigned int i;

	if (!*word)
		return;
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(word, commands[i].word)) {
			commands[i].answer(guest);
			return;
		}
	json_open(&line, "error");
	json_string(&line, "error", "unknown command");
	json_string(&line, "command", word);
	json_string(&line, "expected", "ping, status, verify, latency or quit");
	json_close(&line);
}

void console_poll(struct guest *guest)
{
	static char line[64];
	static size_t length;
	char in[64];
	size_t i, n = serial_read(in, sizeof(in));

	for (i = 0; i < n; i++) {
		if (in[i] == '\n' || in[i] == '\r') {
			line[length] = '\0';
			length = 0;
			answer(guest, line);
		} else if (length < sizeof(line) - 1) {
			line[length++] = in[i];
		}
	}
}
