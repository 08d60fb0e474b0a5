# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A libvirt of its own for a test: libvirtd in a mount namespace where libvirt's folders are empty ones in
# memory, run by hand, as root, without systemd, D-Bus or networks. What the machine has of libvirt is not
# touched, and everything ends with the test. Sourced; the test gives its own output functions.

# libvirt_missing: says what is missing, or nothing.
libvirt_missing() {
	local program
	for program in libvirtd virsh unshare jq; do
		command -v "$program" >/dev/null || { echo "no $program"; return; }
	done
	[ -e /usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so ] ||
		ls /usr/lib*/libvirt/connection-driver/libvirt_driver_qemu.so >/dev/null 2>&1 ||
		echo "no QEMU driver of libvirt"
}

# libvirt_self "$@": runs the script again in a mount namespace. To be called first.
libvirt_self() {
	[ -n "${LIBVIRT_INSIDE:-}" ] || LIBVIRT_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
}

# libvirtd does not start without the account it was built for, also where another is configured; a package that
# is not needed otherwise makes it (libvirt-daemon-system).
libvirt_account() {
	local file lines
	for file in passwd group; do
		grep -q '^libvirt-qemu:' /etc/$file && continue
		lines=$(cat /etc/$file)
		case $file in
		passwd) lines+=$'\nlibvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin' ;;
		group) lines+=$'\nlibvirt-qemu:x:64055:' ;;
		esac
		mount -t tmpfs libvirt /mnt && echo "$lines" >/mnt/$file && mount --bind /mnt/$file /etc/$file && umount -l /mnt || return
	done
}

# libvirt_start FOLDER: the daemon, with its log there; sets libvirtd_pid.
libvirt_start() {
	local folder
	libvirt_account || return
	for folder in /etc/libvirt /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
		mkdir -p $folder && mount -t tmpfs -o mode=755 libvirt $folder || return
	done
	printf '%s\n' 'security_driver = "none"' 'user = "root"' 'group = "root"' 'remember_owner = 0' \
		'namespaces = []' 'stdio_handler = "file"' >/etc/libvirt/qemu.conf
	printf '%s\n' 'auth_unix_rw = "none"' 'auth_unix_ro = "none"' >/etc/libvirt/libvirtd.conf
	libvirt_run "$1"
}

libvirt_run() {
	local try
	libvirtd -p /run/libvirt/libvirtd.pid >>"$1/libvirtd.log" 2>&1 &
	libvirtd_pid=$!
	for ((try = 0; try < 300; try++)); do
		virsh -q list >/dev/null 2>&1 && return
		kill -0 $libvirtd_pid 2>/dev/null || return
		sleep 0.2
	done
	return 1
}

libvirt_stop() {
	kill "$libvirtd_pid" 2>/dev/null
	wait "$libvirtd_pid" 2>/dev/null
}

# libvirt_pins DOMAIN: every pin and weight that virsh prints, for comparing.
libvirt_pins() {
	virsh -q vcpupin "$1"
	virsh -q emulatorpin "$1"
	virsh -q iothreadinfo "$1"
	virsh schedinfo "$1" | grep -E 'cpu_shares|global_quota'
}

# libvirt_affinities PID: CPUs of every thread, by number.
libvirt_affinities() {
	local task
	for task in /proc/"$1"/task/*; do
		echo "${task##*/} $(awk '$1 == "Cpus_allowed_list:" { print $2 }' "$task/status")"
	done
}
