# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Sourced by tests/vm/test-*: reports one TAP line a check, with the end of $log when it failed. The
# caller sets $log, and ends with: echo "1..$tests"; exit $failed
tests=0 failed=0

report() { # STATUS WHAT
	tests=$((tests + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tests - $2"
	else
		echo "not ok $tests - $2"
		# shellcheck disable=SC2154 # log is the caller's
		sed 's/^/# /' "$log" | tail -n 30
		failed=1
	fi
}
