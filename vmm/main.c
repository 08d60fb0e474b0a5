// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm: one guest in one process. main() is the boot order. The thread that runs it becomes the I/O
 * thread; vCPUs have threads of their own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/options.h"
#include "vmm/machine.h"
#include "vmm/options.h"
#include "vmm/qmp/qmp.h"
#include "vmm/vcpu.h"

/* Everything of a run that is not the machine itself. */
struct session {
	struct vm vm;
	struct qmp_server *qmp;
	int signal_fd;
	struct loop_source *signals;
	bool has_pidfile;
};

static void on_signal(void *opaque, uint32_t events)
{
	struct session *session = opaque;
	struct signalfd_siginfo info;

	(void)events;
	if (read(session->signal_fd, &info, sizeof(info)) == sizeof(info))
		vm_shutdown(&session->vm, SHUTDOWN_CAUSE_HOST_SIGNAL);
}

/* SIGTERM, SIGINT and SIGHUP end the guest like a pulled plug; all other signals are blocked. */
static int watch_signals(struct session *session, struct error *err)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGHUP);
	session->signal_fd = signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC);
	if (session->signal_fd < 0)
		return error_errno(err, errno, "signalfd");
	session->signals =
		loop_add(session->vm.loop, session->signal_fd, EPOLLIN, on_signal, session, err);
	return session->signals ? 0 : -EIO;
}

static int start_qmp(struct session *session, struct error *err)
{
	const char *path = session->vm.config->qmp;

	if (!path)
		return 0;
	session->qmp = qmp_start(&session->vm, path, err);
	return session->qmp ? 0 : -EIO;
}

static int write_pidfile(struct session *session, struct error *err)
{
	const char *path = session->vm.config->pidfile;
	int fd, length;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_errno(err, errno, "--pidfile: cannot write %s", path);
	session->has_pidfile = true;
	length = dprintf(fd, "%d\n", getpid());
	close(fd);
	return length > 0 ? 0 : error_errno(err, errno, "--pidfile: cannot write %s", path);
}

static int start(struct session *session, const struct vm_config *config, struct error *err)
{
	int ret = watch_signals(session, err);

	if (!ret)
		ret = start_qmp(session, err);
	if (!ret)
		ret = write_pidfile(session, err);
	if (!ret && !config->paused)
		vm_resume(&session->vm);
	return ret;
}

static void stop(struct session *session)
{
	vcpus_stop(&session->vm);
	if (session->qmp)
		qmp_stop(session->qmp);
	if (session->has_pidfile)
		unlink(session->vm.config->pidfile);
	loop_remove(session->signals);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	machine_release(&session->vm);
}

/* Runs the guest to its end. Returns the exit status: 0 when the guest or its owner ended it. */
static int run(const struct vm_config *config, struct error *err)
{
	static struct session session = {.signal_fd = -1};
	int ret = machine_create(&session.vm, config, err);

	if (ret)
		return ret;
	ret = start(&session, config, err);
	if (!ret) {
		loop_run(session.vm.loop);
		if (session.vm.cause == SHUTDOWN_CAUSE_GUEST_PANIC ||
			session.vm.cause == SHUTDOWN_CAUSE_HOST_ERROR)
			ret = error_set(err, EIO, "the guest ended: %s",
				shutdown_cause_name(session.vm.cause));
	}
	stop(&session);
	return ret;
}

int main(int argc, char **argv)
{
	static struct vm_config config;
	struct error err;
	int ret = vm_config_parse(argc, argv, &config, &err);

	if (ret > 0)
		return EXIT_SUCCESS;
	if (ret < 0) {
		warn("%s", err.text);
		return EXIT_USAGE;
	}
	ret = run(&config, &err);
	if (ret)
		warn("%s", err.text);
	vm_config_release(&config);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
