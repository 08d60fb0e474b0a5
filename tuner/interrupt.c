// SPDX-License-Identifier: GPL-2.0-or-later
#include "tuner/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t seen; /* a handler has no other way to speak */

static void handler(int signum)
{
	(void)signum;
	seen = 1;
}

void interrupt_watch(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = handler};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

bool interrupted(void)
{
	return seen != 0;
}

bool interrupt_forget(void)
{
	bool was = seen != 0;

	seen = 0;
	return was;
}

void interrupt_again(void)
{
	seen = 1;
}
