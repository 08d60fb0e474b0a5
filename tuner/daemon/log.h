/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the daemon says: one line an event on standard error, key=value, for the journal with the priority of
 * sd-daemon(3) in front ("<6>"), on a terminal without.
 */
#ifndef VMTUNE_TUNER_DAEMON_LOG_H
#define VMTUNE_TUNER_DAEMON_LOG_H

/* syslog(3)'s numbers */
#define LOG_LEVEL_ERROR   3
#define LOG_LEVEL_WARNING 4
#define LOG_LEVEL_INFO    6

/* One line; newlines and other control characters among the arguments become blanks. */
void daemon_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
