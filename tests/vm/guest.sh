# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For the tests of the benchmark guest: starts build/guest.elf under QEMU and, when it is built, under
# our vmm, both by one call; reads its JSON lines. Sourced by tests/vm/test-guest-*.
#
# Every guest has a name and the files $work/NAME.out (its serial port's output), NAME.in (a fifo to
# the serial port), NAME.err (the VMM's own words), NAME.qmp (control socket).

BUILD=${BUILD:-build}
elf=$BUILD/guest.elf
work=$(mktemp -d)
declare -A pid_of=()
tests=0

cleanup() {
	local name
	for name in "${!pid_of[@]}"; do stop_guest "$name"; done
	rm -rf "$work"
}
trap cleanup EXIT

# GUEST_ACCEL=tcg tests as on a machine without /dev/kvm.
accel=${GUEST_ACCEL:-kvm}
[ -w /dev/kvm ] || accel=tcg

# ok DESCRIPTION: reports the last command's status; on failure with the given guests' output.
ok() {
	local status=$? name
	tests=$((tests + 1))
	if [ $status -eq 0 ]; then
		echo "ok $tests - $1"
		return
	fi
	echo "not ok $tests - $1"
	for name in "${@:2}"; do sed "s/^/# $name: /" "$work/$name.out" "$work/$name.err" | tail -n 20; done
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests - $1 # SKIP $2"
}

# The VMMs to test under: QEMU's smallest machine, its PCI machine, and ours.
have_vmm() { [ -x "$BUILD/vmm" ] && [ "$accel" = kvm ]; }

runners() {
	echo microvm
	! have_vmm || echo vmm
}

pci_runners() {
	echo q35
	! have_vmm || echo vmm
}

command_of() { # RUNNER NAME CPUS MEMORY APPEND
	local name=$2 qmp=$work/$2.qmp
	case $1 in
	vmm)
		command=("$BUILD/vmm" --name "$name" --kernel "$elf" --append "$5" --cpus "$3" --memory "$4"
			--serial stdio --qmp "$qmp")
		;;
	*)
		command=(qemu-system-x86_64 -M "$1" -accel "$accel" -smp "$3" -m "$4" -kernel "$elf" -append "$5"
			-display none -nodefaults -serial stdio -qmp "unix:$qmp,server=on,wait=off")
		[ "$1" != q35 ] || command+=(-vga none -device 'virtio-balloon-pci,id=balloon0')
		;;
	esac
}

# start_guest NAME RUNNER CPUS MEMORY APPEND [OPTION...]: in the background; ends an older one of that name.
start_guest() {
	local name=$1 command
	[ -z "${pid_of[$name]:-}" ] || stop_guest "$name"
	rm -f "$work/$name".*
	command_of "$2" "$1" "$3" "$4" "$5"
	mkfifo "$work/$name.in"
	: >"$work/$name.out"
	# A reader and writer of the fifo, so that neither side waits or sees its end.
	exec {fifo}<>"$work/$name.in"
	"${command[@]}" "${@:6}" <&"$fifo" >"$work/$name.out" 2>"$work/$name.err" &
	pid_of[$name]=$!
	exec {fifo}>&-
}

# send NAME TEXT: a line to the guest's serial port.
send() { timeout 5 bash -c 'echo "$1" >"$2"' send "$2" "$work/$1.in"; }

alive() { kill -0 "${pid_of[$1]}" 2>/dev/null; }

# wait_for NAME REGEX [COUNT]: until that many lines match; prints the last one. Fails after 60 s.
wait_for() {
	local try
	for ((try = 0; try < 600; try++)); do
		if [ "$(grep -cE -- "$2.*}\$" "$work/$1.out")" -ge "${3:-1}" ]; then
			grep -E -- "$2.*}\$" "$work/$1.out" | tail -n 1
			return 0
		fi
		alive "$1" || [ $try -lt 5 ] || return 1
		sleep 0.1
	done
	return 1
}

# wait_end NAME: until the VMM has ended by itself; gives its exit status. Fails after 60 s.
wait_end() {
	local try status
	for ((try = 0; try < 600; try++)); do
		if ! alive "$1"; then
			wait "${pid_of[$1]}"
			status=$?
			unset "pid_of[$1]"
			return $status
		fi
		sleep 0.1
	done
	return 1
}

stop_guest() {
	kill "${pid_of[$1]}" 2>/dev/null
	wait "${pid_of[$1]}" 2>/dev/null
	unset "pid_of[$1]"
}

# run_guest NAME RUNNER CPUS MEMORY APPEND [OPTION...]: start_guest, then wait_end.
run_guest() {
	start_guest "$@"
	wait_end "$1"
}

# line NAME EVENT: the last line of that event.
line() { grep "^{\"event\":\"$2\"" "$work/$1.out" | tail -n 1; }

# field KEY <LINE: a value of one line, without its quotes.
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^],\"}]*\).*/\1/p"; }

# qmp NAME STEP...: commands to the control socket; see tests/tools/qmp.c.
qmp() { "$BUILD/tests/tools/qmp" "$work/$1.qmp" "${@:2}"; }
