// SPDX-License-Identifier: GPL-2.0-or-later
/* vmtune daemon: the loop around its rounds, its socket, and what wakes it. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "lib/size.h"
#include "lib/xalloc.h"
#include "tuner/command.h"
#include "tuner/context.h"
#include "tuner/daemon/control.h"
#include "tuner/daemon/cycle.h"
#include "tuner/daemon/events.h"
#include "tuner/daemon/log.h"
#include "tuner/interrupt.h"
#include "tuner/state.h"

#define SECONDS_MAX 86400
#define SETTLE_MS   2000 /* after an event: a guest that starts has its threads then */

struct daemon_options {
	struct command_common common;
	const char *profile;
	unsigned int interval, window, dwell, forget; /* seconds */
	unsigned int band, threads;
	uint64_t rate;
	bool once, dry_run, status;
};

/* ---- options -------------------------------------------------------------------------------- */

static int number(const char *text, unsigned int max, unsigned int *value, struct error *err)
{
	char *end;
	unsigned long parsed = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || parsed > max)
		return error_set(err, EINVAL, "'%s' is no number from 0 to %u", text, max);
	*value = (unsigned int)parsed;
	return 0;
}

#define NUMBER_OPTION(name, max)                                                              \
	static int set_##name(void *target, const char *text, struct error *err)              \
	{                                                                                     \
		return number(text, max, &((struct daemon_options *)target)->name, err);      \
	}

NUMBER_OPTION(interval, SECONDS_MAX)
NUMBER_OPTION(window, SECONDS_MAX)
NUMBER_OPTION(dwell, SECONDS_MAX)
NUMBER_OPTION(forget, 30 * SECONDS_MAX)
NUMBER_OPTION(band, 1000)
NUMBER_OPTION(threads, 100000)

static int set_rate(void *target, const char *text, struct error *err)
{
	return move_parse_rate(text, &((struct daemon_options *)target)->rate, err);
}

static const struct option_row rows[] = {
	{"profile", 0, "FILE", "apply this first; without it: hold what is applied already",
		.at = offsetof(struct daemon_options, profile)},
	{"interval", 'i', "SECONDS", "look so often (10); the kernel's events wake it as well",
		.set = set_interval},
	{"window", 0, "SECONDS", "measure a guest for so long before it is moved (60)", .set = set_window},
	{"dwell", 0, "SECONDS", "what was put right stays for so long (300)", .set = set_dwell},
	{"forget", 0, "SECONDS", "a correction that held for so long is forgotten (3600)", .set = set_forget},
	{"band", 0, "PERCENT", "by which the gain in a window must exceed the cost (20)", .set = set_band},
	{"max-rate", 0, "MIB", "move at most so many MiB a second of guests' memory (256)", .set = set_rate},
	{"max-threads", 0, "NUMBER", "put at most so many threads on other CPUs in a window (64)",
		.set = set_threads},
	{"once", 0, NULL, "look twice, an interval apart, put right what is worth it, and end",
		.at = offsetof(struct daemon_options, once)},
	{"dry-run", 'n', NULL, "log what would be done and do nothing",
		.at = offsetof(struct daemon_options, dry_run)},
	{"status", 0, NULL, "ask the daemon that runs what it does",
		.at = offsetof(struct daemon_options, status)},
	{0},
};

/* ---- the daemon ----------------------------------------------------------------------------- */

struct daemon {
	const struct daemon_options *options;
	struct cycle cycle;
	struct control control;
	sigset_t signals; /* that it hears */
	int events;
	uint64_t due_ms; /* the next round */
};

static volatile sig_atomic_t reload; /* a handler has no other way to speak */

static void on_hangup(int signum)
{
	(void)signum;
	reload = 1;
}

static void watch_signals(sigset_t *ours)
{
	struct sigaction action = {.sa_handler = on_hangup};

	interrupt_watch();
	sigaction(SIGHUP, &action, NULL);
	sigemptyset(ours);
	sigaddset(ours, SIGHUP);
	sigaddset(ours, SIGINT);
	sigaddset(ours, SIGTERM);
}

static const char *doing(const struct daemon *daemon)
{
	if (control_busy(&daemon->control))
		return "busy";
	return daemon->cycle.idle ? "idle" : "active";
}

static json_t *objects_json(const struct decide_state *state)
{
	json_t *objects = json_array();

	for (unsigned int i = 0; i < state->count; i++) {
		const struct decide_object *object = &state->objects[i];
		bool differs = object->seen_ms == state->now_ms;

		json_array_append_new(objects, json_pack("{s:s, s:s, s:b, s:s, s:I, s:i}", "object", object->key,
			"wanted", object->wanted, "differs", differs, "verdict",
			decide_verdict_name(object->verdict), "gain-us", (json_int_t)object->gain_us,
			"corrections", (int)object->corrections));
	}
	return objects;
}

static json_t *describe(void *opaque)
{
	const struct daemon *daemon = opaque;
	char *origin = state_origin(&daemon->cycle.context.root);
	json_t *json = json_pack("{s:i, s:s, s:s?, s:I, s:I, s:s?, s:o}", "pid", (int)getpid(), "state",
		doing(daemon), "applied", origin, "rounds", (json_int_t)daemon->cycle.rounds, "corrections",
		(json_int_t)daemon->cycle.corrections, "fault", *daemon->cycle.fault ? daemon->cycle.fault : NULL,
		"objects", objects_json(&daemon->cycle.state));

	free(origin);
	return json;
}

static void tell_systemd(const struct daemon *daemon, const char *more)
{
	sd_notifyf(0, "%sSTATUS=%s; %lu rounds, %lu corrections", more, doing(daemon), daemon->cycle.rounds,
		daemon->cycle.corrections);
}

static int apply_profile(struct daemon *daemon, const char *file, struct error *err)
{
	const char *sysroot = daemon->cycle.context.root.dir;
	char *argv[] = {(char *)"apply", (char *)"--quiet", (char *)"--sysroot", (char *)(uintptr_t)(*sysroot ? sysroot : "/"),
		(char *)(uintptr_t)file, NULL};

	return control_run(&daemon->control, argv, err);
}

/* What is applied is read from its file again and applied again; after a revert nothing is. */
static void apply_again(struct daemon *daemon)
{
	bool nothing = daemon->cycle.idle || daemon->options->dry_run;
	char *origin = nothing ? NULL : state_origin(&daemon->cycle.context.root);
	const char *file = daemon->options->profile ? daemon->options->profile : origin;
	struct error err;

	if (nothing)
		daemon_log(LOG_LEVEL_INFO, "event=reload what=nothing reason=\"%s\"",
			daemon->cycle.idle ? "nothing is applied" : "a dry run");
	else if (file && apply_profile(daemon, file, &err) < 0)
		daemon_log(LOG_LEVEL_ERROR, "event=reload error=\"%s\"", err.text);
	free(origin);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void round_if_due(struct daemon *daemon)
{
	uint64_t now = cycle_now_ms();

	if (now < daemon->due_ms || control_busy(&daemon->control))
		return;
	cycle_run(&daemon->cycle);
	daemon->due_ms = cycle_now_ms() + daemon->options->interval * UINT64_C(1000);
	tell_systemd(daemon, "WATCHDOG=1\n");
}

static void wake_soon(struct daemon *daemon)
{
	uint64_t soon = cycle_now_ms() + SETTLE_MS;

	if (soon < daemon->due_ms)
		daemon->due_ms = soon;
}

static void poll_once(struct daemon *daemon, const sigset_t *mask)
{
	struct pollfd polls[CONTROL_POLLS + 1];
	unsigned int count = control_polls(&daemon->control, polls);
	uint64_t now = cycle_now_ms(), left = daemon->due_ms > now ? daemon->due_ms - now : 0;
	struct timespec limit = {.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000) * 1000000};

	polls[count] = (struct pollfd){.fd = daemon->events, .events = POLLIN};
	/* with a command under way there is no round: its end wakes */
	if (ppoll(polls, count + 1, control_busy(&daemon->control) ? NULL : &limit, mask) <= 0)
		return;
	if (polls[count].revents && events_take(daemon->events))
		wake_soon(daemon);
	if (control_answer(&daemon->control, polls, count))
		daemon->due_ms = cycle_now_ms();
}

/* Signals come in here only, so that none is lost between a look at its flag and the wait. */
static void wait_for_something(struct daemon *daemon)
{
	sigset_t outside;

	sigprocmask(SIG_BLOCK, &daemon->signals, &outside);
	if (reload && !control_busy(&daemon->control)) {
		reload = 0;
		apply_again(daemon);
	}
	if (!interrupted())
		poll_once(daemon, &outside);
	sigprocmask(SIG_SETMASK, &outside, NULL);
}

static void loop(struct daemon *daemon)
{
	tell_systemd(daemon, "READY=1\n");
	while (!interrupted()) {
		round_if_due(daemon);
		wait_for_something(daemon);
	}
}

/* Before anything is held: a profile that cannot be applied is the daemon's failure, whatever was applied before. */
static int apply_first(struct daemon *daemon, struct error *err)
{
	const char *file = daemon->options->profile;

	if (!file)
		return 0;
	if (apply_profile(daemon, file, err) < 0)
		return -EIO;
	while (control_busy(&daemon->control) && !interrupted())
		wait_for_something(daemon);
	if (interrupted())
		return error_set(err, EINTR, "interrupted");
	return daemon->control.own_status ? error_set(err, EINVAL, "%s could not be applied", file) : 0;
}

/* A command that runs must not go on with nobody to tell: it undoes what it has done, and its caller is answered. */
static void end_commands(struct daemon *daemon)
{
	tell_systemd(daemon, "STOPPING=1\n");
	control_close(&daemon->control);
	while (control_busy(&daemon->control))
		poll_once(daemon, NULL);
}

static int run(struct daemon *daemon, struct error *err)
{
	int status = control_listen(&daemon->control, &daemon->cycle.context.root, err);

	if (status < 0)
		return status;
	watch_signals(&daemon->signals);
	daemon->events = root_is_live(&daemon->cycle.context.root) ? events_open() : -1;
	status = apply_first(daemon, err);
	if (status >= 0) {
		cycle_begin(&daemon->cycle);
		loop(daemon);
	}
	end_commands(daemon);
	if (status >= 0)
		cycle_end(&daemon->cycle);
	if (daemon->events >= 0)
		close(daemon->events);
	return status;
}

/* Two looks, for a gain is what has passed between them. */
static int run_once(struct daemon *daemon, struct error *err)
{
	json_t *other = control_ask_status(&daemon->cycle.context.root, err);
	unsigned int looks = daemon->options->interval ? 2 : 1;
	uint64_t pause_ms = daemon->options->interval * UINT64_C(1000);

	if (other) {
		int pid = (int)json_integer_value(json_object_get(other, "pid"));

		json_decref(other);
		return error_set(err, EBUSY, "a daemon runs already (PID %d)", pid);
	}
	if (daemon->cycle.config.window_ms > pause_ms)
		daemon->cycle.config.window_ms = pause_ms;
	interrupt_watch();
	cycle_begin(&daemon->cycle);
	for (unsigned int i = 0; i < looks && !interrupted(); i++) {
		if (i)
			poll(NULL, 0, (int)pause_ms);
		cycle_run(&daemon->cycle);
	}
	cycle_end(&daemon->cycle);
	return 0;
}

static void print_status(const json_t *json)
{
	const char *applied = json_string_value(json_object_get(json, "applied"));
	const char *fault = json_string_value(json_object_get(json, "fault"));
	size_t i;
	json_t *row;

	printf("daemon (PID %d) is %s; %lld rounds, %lld corrections\n", (int)json_integer_value(json_object_get(json, "pid")),
		json_string_value(json_object_get(json, "state")), json_integer_value(json_object_get(json, "rounds")),
		json_integer_value(json_object_get(json, "corrections")));
	if (applied)
		printf("holds: %s\n", applied);
	if (fault)
		printf("no plan: %s\n", fault);
	json_array_foreach (json_object_get(json, "objects"), i, row)
		printf("%s %s%s\n", json_string_value(json_object_get(row, "verdict")),
			json_string_value(json_object_get(row, "object")),
			json_is_true(json_object_get(row, "differs")) ? "" : " (as planned now)");
}

static int ask(const struct daemon_options *options, struct error *err)
{
	json_t *json = control_ask_status(&options->common.root, err);

	if (!json)
		return -ENOENT;
	if (options->common.json)
		return command_print_json(json);
	print_status(json);
	json_decref(json);
	return 0;
}

static int check_options(const struct daemon_options *options, struct error *err)
{
	if (options->profile && (options->once || options->dry_run))
		return error_set(err, EINVAL, "--profile is for a daemon that stays and acts; with --once and --dry-run "
			"what is applied already is looked at (vmtune apply FILE)");
	return 0;
}

int daemon_command(int argc, char **argv)
{
	struct daemon_options options = {.interval = 10, .window = 60, .dwell = 300, .forget = 3600, .band = 20,
		.threads = 64, .rate = 256 * MIB};
	struct daemon daemon = {.options = &options};
	struct error err;
	int operands, status = command_begin(argc, argv, rows, &options.common, &operands);

	if (status >= 0)
		return status;
	if (check_options(&options, &err) < 0) {
		command_failed(argv[0], &err);
		return EXIT_USAGE;
	}
	context_init(&daemon.cycle.context, &options.common.root);
	daemon.cycle.dry_run = options.dry_run;
	daemon.cycle.config = (struct decide_config){.window_ms = options.window * UINT64_C(1000),
		.dwell_ms = options.dwell * UINT64_C(1000), .forget_ms = options.forget * UINT64_C(1000),
		.band = options.band, .rate = options.rate, .threads = options.threads};
	daemon.control.status = describe;
	daemon.control.opaque = &daemon;
	if (options.status)
		status = ask(&options, &err);
	else
		status = options.once ? run_once(&daemon, &err) : run(&daemon, &err);
	return status < 0 ? command_failed(argv[0], &err) : EXIT_SUCCESS;
}
