# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the lab's tests share. A test runs outside, starts the lab once with itself, and reports TAP
# from inside: one behaviour a check.
#
#     . "$(dirname "$0")/lib.sh"
#     lab_self 2x2 "$@"                     # outside: run this file inside a 2x2 and end; inside: go on
#     check "two nodes" test "$(ls -d /sys/devices/system/node/node* | wc -l)" = 2
#     done_testing
set -u
BUILD=${BUILD:-build}
tap_count=0
tap_failed=0

# ok|not_ok DESCRIPTION [DETAIL...]: one TAP line; the details follow as diagnostics.
ok() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}
not_ok() {
	tap_count=$((tap_count + 1)) tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}
skip() { # skip DESCRIPTION REASON
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# check DESCRIPTION COMMAND...: passes when the command does; shows its output when it does not.
check() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then ok "$what"; else not_ok "$what" "failed: $*" "$output"; fi
}

# is GOT WANTED DESCRIPTION: passes when both are the same text.
is() {
	if [ "$1" = "$2" ]; then ok "$3"; else not_ok "$3" "got:    $1" "wanted: $2"; fi
}

# has TEXT PATTERN DESCRIPTION: passes when a line of the text matches the extended expression.
has() {
	if grep -qE -- "$2" <<<"$1"; then ok "$3"; else not_ok "$3" "no line matches: $2" "$1"; fi
}

done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}

# lab_self SHAPE [ARGUMENT...]: outside the lab, runs this test inside one of that shape and ends
# with its status; inside, returns. Settings of the lab (LAB_COUNT, ...) come before it.
lab_self() {
	[ -z "${LAB_INSIDE:-}" ] || return 0
	local shape=$1 here
	shift
	here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
	LAB_NAME=${LAB_NAME:-$(basename "$0")-${shape//[^A-Za-z0-9]/_}}
	export LAB_NAME
	exec "$here/run" "$shape" bash "$0" "$@"
}

# A test with parts that each want a lab of their own has a function part_NAME for each, then:
#
#     lab_parts "$@"                        # inside: run the part asked for and end; outside: go on
#     lab_part 2x2 NAME                     # run that part inside a 2x2, its reports numbered on
lab_parts() {
	[ -n "${LAB_INSIDE:-}" ] || return 0
	"part_$1"
	done_testing
}
lab_part() {
	local shape=$1 part=$2 name status output
	name=$(basename "$0")-$part
	output=$(LAB_NAME=$name "$(dirname "${BASH_SOURCE[0]}")/run" "$shape" bash "$0" "$part" 2>&1)
	status=$?
	report_again "" "$output"
	[ $status -lt 2 ] || not_ok "the lab runs $name to its end" "status $status"
}
# report_again PREFIX TAP: what another test has reported, numbered on.
report_again() {
	local line
	while IFS= read -r line; do
		case $line in
		"ok "*) ok "$1${line#ok * - }" ;;
		"not ok "*) not_ok "$1${line#not ok * - }" ;;
		1..*) ;;
		*) echo "$line" ;;
		esac
	done <<<"$2"
}

# wait_for SECONDS COMMAND...: repeats the command, quietly, until it passes; fails after that long.
wait_for() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}
wait_line() { # wait_line SECONDS FILE EXPRESSION
	wait_for "$1" grep -qE -- "$3" "$2" && return
	echo "no line '$3' in $2 after $1 s; its end:"
	tail -n 20 "$2"
	return 1
}

guest_kernel=$BUILD/lab/kernel/guest/vmlinuz
guest_initrd=$BUILD/lab/kernel/guest/initrd
guest_append="console=ttyS0 quiet panic=-1"

# qemu_guest NAME ARGUMENT...: Debian's QEMU with KVM in the background, with the test guest, its
# serial log /lab/out/NAME.log, QMP socket /run/NAME.qmp; sets guest_pid. Ended with the test.
qemu_guest() {
	local name=$1
	shift
	qemu-system-x86_64 -name "$name" -M q35 -accel kvm -cpu host -nodefaults -no-user-config \
		-display none -no-reboot -serial "file:/lab/out/$name.log" \
		-qmp "unix:/run/$name.qmp,server=on,wait=off" \
		-kernel "$guest_kernel" -initrd "$guest_initrd" -append "$guest_append" "$@" \
		>"/lab/out/$name.qemu" 2>&1 &
	guest_pid=$!
}

# vmm_guest NAME ARGUMENT...: the same with this project's vmm.
vmm_guest() {
	local name=$1
	shift
	"$BUILD/vmm" --name "$name" --kernel "$guest_kernel" --initrd "$guest_initrd" \
		--append "$guest_append" --serial "file:/lab/out/$name.log" --qmp "/run/$name.qmp" "$@" \
		>"/lab/out/$name.vmm" 2>&1 &
	guest_pid=$!
}

# qmp SOCKET COMMAND [ARGUMENTS-AS-JSON]: one QMP command; prints the line that answers it, and does not
# wait for the other side to hang up, which QEMU never does.
qmp() (
	trap '' PIPE
	coproc QMP { exec socat - "UNIX-CONNECT:$1"; }
	trap 'kill "$QMP_PID"' EXIT
	printf '{"execute":"qmp_capabilities"}\n{"execute":"%s"%s,"id":"lab"}\n' "$2" "${3:+,\"arguments\":$3}" \
		>&"${QMP[1]}"
	while read -r -t 60 line <&"${QMP[0]}"; do
		[[ $line != *'"lab"'* ]] || { echo "$line"; exit 0; }
	done
	exit 1
) 2>/dev/null
