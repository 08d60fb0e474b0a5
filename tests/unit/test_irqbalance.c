// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Talking to irqbalance. The daemon here is a thread that answers as irqbalance 1.9 does: a ban is
 * taken up only some questions later.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/irqbalance.h"
#include "host/service.h"
#include "lib/unixsock.h"
#include "lib/xalloc.h"
#include "tests/unit/tree.h"
#include "tuner/action.h"
#include "tuner/plan/irq.h"

#define PID       4242
#define START     "777"
#define CONFIGURED "00000000,00000008" /* what its own configuration bans */

static struct action_context context;
static char socket_path[PATH_MAX];

static struct daemon {
	pthread_t thread;
	int listener, stop[2];
	int delay;             /* questions until a ban counts */
	char banned[64], next[64];
	bool silent;           /* closes without an answer */
} daemon_;

static void command(int fd, const char *text)
{
	char answer[128];

	if (!strncmp(text, "settings cpus ", 14)) {
		snprintf(daemon_.next, sizeof(daemon_.next), "%s", strcmp(text + 14, "2-3") ?
			strcmp(text + 14, "3") ? CONFIGURED : "00000008" : "0000000c");
		daemon_.delay = 2;
	} else if (!strcmp(text, "setup") && !daemon_.silent) {
		if (daemon_.delay && !--daemon_.delay)
			snprintf(daemon_.banned, sizeof(daemon_.banned), "%s", daemon_.next);
		snprintf(answer, sizeof(answer), "SLEEP 10 IRQ 4 LOAD 0 DIFF 0 CLASS 0 BANNED %s", daemon_.banned);
		assert_true(send(fd, answer, strlen(answer), MSG_NOSIGNAL) > 0);
	}
}

static void *serve(void *opaque)
{
	struct pollfd polls[] = {{.fd = daemon_.listener, .events = POLLIN},
		{.fd = daemon_.stop[0], .events = POLLIN}};

	(void)opaque;
	while (poll(polls, 2, -1) > 0 && !polls[1].revents) {
		int fd = accept(daemon_.listener, NULL, NULL);
		char text[256];
		ssize_t length = fd < 0 ? -1 : recv(fd, text, sizeof(text) - 1, 0);

		if (length > 0) {
			text[length] = '\0';
			command(fd, text);
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

#define STAT "4242 (irqbalance) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 " START " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 " \
	"17 1 0 0 0 0 0\n"

static int setup(void **state)
{
	(void)state;
	context = (struct action_context){.run_dir = "/run/vmtune"};
	if (tree_open(&context.root))
		return -1;
	tree_put(&context.root, "/proc/4242/stat", STAT);
	tree_put(&context.root, "/proc/4242/task/4242/stat", STAT);
	tree_put(&context.root, "/run/irqbalance/file", "");
	root_path(&context.root, socket_path, "/run/irqbalance/irqbalance%d.sock", PID);
	daemon_ = (struct daemon){.banned = "00000008"};
	daemon_.listener = unixsock_listen(socket_path, NULL);
	return daemon_.listener < 0 || pipe(daemon_.stop) < 0 ||
		pthread_create(&daemon_.thread, NULL, serve, NULL) != 0;
}

static int teardown(void **state)
{
	(void)state;
	close(daemon_.stop[1]);
	pthread_join(daemon_.thread, NULL);
	close(daemon_.stop[0]);
	unixsock_unlisten(daemon_.listener, socket_path);
	return tree_remove(&context.root);
}

static void the_process_that_answers_is_known_with_its_ban(void **state)
{
	struct irqbalance irqbalance;
	char text[64];

	(void)state;
	irqbalance_read(&context.root, PID, &irqbalance);
	assert_int_equal(irqbalance.pid, PID);
	assert_int_equal(irqbalance.start, 777);
	assert_string_equal(idset_format(&irqbalance.banned, text, sizeof(text)), "3");
	irqbalance_read(&context.root, 4243, &irqbalance);
	assert_int_equal(irqbalance.pid, 0);
}

static void one_that_does_not_answer_is_none_to_talk_to(void **state)
{
	struct irqbalance irqbalance;
	struct error err = {""};
	struct idset banned;

	(void)state;
	daemon_.silent = true;
	irqbalance_read(&context.root, PID, &irqbalance);
	assert_int_equal(irqbalance.pid, 0);
	assert_int_equal(irqbalance_banned(&context.root, PID, &banned, &err), -EPROTO);
	assert_non_null(strstr(err.text, "BANNED"));
}

/* The ban counts some questions later: until then the action is not done. */
static void a_ban_is_waited_for_and_comes_back(void **state)
{
	struct action_list list = {0};
	struct action *action = action_add(&list, ACTION_IRQBALANCE, CLASS_REVERSIBLE,
		xstrdup("4242:" START " irqbalance"), NULL, NULL, xstrdup("2-3"), NULL, NULL);
	struct error err = {""};

	(void)state;
	assert_int_equal(action_prepare(&context, action, &err), 0);
	assert_string_equal(action->before, "3");
	if (action_apply(&context, action, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(action_verify(&context, action, NULL), STATE_OK);
	if (action_undo(&context, action, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(action_verify(&context, action, NULL), STATE_BEFORE);
	action_list_release(&list);
}

static void another_process_of_that_number_is_not_touched(void **state)
{
	struct action_list list = {0};
	struct action *action = action_add(&list, ACTION_IRQBALANCE, CLASS_REVERSIBLE,
		xstrdup("4242:776 irqbalance"), NULL, xstrdup("3"), xstrdup("2-3"), NULL, NULL);
	struct error err = {""};

	(void)state;
	assert_int_equal(action_verify(&context, action, NULL), STATE_GONE);
	assert_int_equal(action_apply(&context, action, &err), -ESRCH);
	assert_string_equal(daemon_.banned, "00000008");
	action_list_release(&list);
}

/* Interrupts are not moved beside it: it is told, and moves them itself. */
static void one_that_answers_is_told_rather_than_named_a_conflict(void **state)
{
	struct snapshot *snapshot = snapshot_load("node:2(memory=4GB) core:4 pu:1", NULL);
	static const char text[] = "host { irq_affinity = node }";
	struct profile *profile = profile_parse(text, strlen(text), "x.conf", NULL);
	json_t *json = json_pack("[{s:s, s:i}]", "name", "irqbalance", "pid", PID);
	struct irq irq = {.number = 9, .node = 1, .name = "x", .device = "-"};
	struct plan *plan;

	(void)state;
	assert_non_null(snapshot);
	assert_non_null(profile);
	services_from_json(json, &snapshot->services);
	idset_add(&irq.allowed, 0);
	idset_add(&snapshot->machine->isolated, 2);
	snapshot->irqs = (struct irq_list){memcpy(xmalloc(sizeof(irq)), &irq, sizeof(irq)), 1};
	plan = plan_make(profile, snapshot, &context, NULL);
	assert_non_null(plan);
	assert_int_equal(plan->actions.count, 0); /* it does not answer */
	assert_int_equal(plan->notes.count, 1);
	plan_free(plan);

	irqbalance_read(&context.root, PID, &snapshot->irqbalance);
	plan = plan_make(profile, snapshot, &context, NULL);
	assert_int_equal(plan->notes.count, 0);
	assert_int_equal(plan->actions.count, 1);
	assert_int_equal(plan->actions.actions[0].kind, ACTION_IRQBALANCE);
	assert_string_equal(plan->actions.actions[0].target, "4242:" START " irqbalance");
	assert_string_equal(plan->actions.actions[0].before, "3");
	assert_string_equal(plan->actions.actions[0].after, "2-3"); /* its own ban stays */
	plan_free(plan);
	json_decref(json);
	profile_free(profile);
	snapshot_free(snapshot);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_process_that_answers_is_known_with_its_ban),
		TEST(one_that_does_not_answer_is_none_to_talk_to),
		TEST(a_ban_is_waited_for_and_comes_back),
		TEST(another_process_of_that_number_is_not_touched),
		TEST(one_that_answers_is_told_rather_than_named_a_conflict),
	};

	return cmocka_run_group_tests_name("irqbalance", tests, NULL, NULL);
}
