// SPDX-License-Identifier: GPL-2.0-or-later
/* The QMP socket's file, and the commands that act on balloon and memory. */
#include "tests/unit/qmp_bench.h"

#include <fcntl.h>

/* ---- the socket ----------------------------------------------------------------------------------- */

static void test_socket_file_is_private_and_live_one_refused(void **state)
{
	struct bench *bench = *state;
	struct client *client;
	struct stat status;
	struct error err;

	assert_int_equal(stat(bench->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_null(qmp_start(&bench->vm, bench->path, &err));
	assert_non_null(strstr(err.text, "in use"));
	client = connect_client(bench); /* the first server is still there */
	expect_alive(client);
	hang_up(client);
}

static void test_stale_socket_is_replaced_and_other_files_are_not(void **state)
{
	struct bench *bench = *state;
	char path[80];
	struct error err;
	int fd;

	snprintf(path, sizeof(path), "%s/other", bench->directory);
	fd = unixsock_listen(path, &err);
	assert_true(fd >= 0);
	close(fd); /* leaves the file behind, as a killed vmm does */
	assert_int_equal(unixsock_connect(path, &err), -ECONNREFUSED);
	fd = unixsock_listen(path, &err);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(unixsock_listen(path, &err), -EEXIST);
	assert_non_null(strstr(err.text, "not a socket"));
	unlink(path);
}

static void test_long_path_is_refused(void **state)
{
	char path[200];
	struct error err;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(unixsock_listen(path, &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "107"));
}

/* ---- commands ------------------------------------------------------------------------------------- */

static void test_balloon_is_found_and_driven(void **state)
{
	struct client *client = connect_client(*state);

	say(client, "{\"execute\": \"qom-list\", \"arguments\": {\"path\": \"/machine/peripheral\"}}\n");
	expect(client, "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}, "
		"{\"name\": \"balloon0\", \"type\": \"child<virtio-balloon-pci>\"}]}");
	say(client, "{\"execute\": \"balloon\", \"arguments\": {\"value\": 4194304}}\n");
	expect(client, "{\"return\": {}}");
	say(client, "{\"execute\": \"query-balloon\"}\n");
	expect(client, "{\"return\": {\"actual\": 8388608}}"); /* the guest has done nothing yet */
	say(client, "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats-polling-interval\", \"value\": 5}}\n");
	expect(client, "{\"return\": {}}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats-polling-interval\"}}\n");
	expect(client, "{\"return\": 5}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats\"}}\n");
	expect(client, "{\"return\": {\"stats\": {}, \"last-update\": 0}}");
	hang_up(client);
}

static void test_balloon_tells_what_its_driver_does(void **state)
{
	struct client *client = connect_client(*state);

	say(client, "{\"execute\": \"x-query-balloon\"}\n");
	expect(client, "{\"return\": {\"ram\": 8388608, \"actual\": 8388608, \"target\": 8388608, "
		"\"driver\": false, \"features\": [], \"poison\": 0, "
		"\"inflated\": {\"discarded\": 0, \"discards\": 0}, "
		"\"statistics\": {\"silent\": false, \"clamped\": []}, "
		"\"reporting\": {\"reported\": 0, \"discarded\": 0, \"discards\": 0}, "
		"\"hinting\": {\"state\": \"none\", \"hinted\": 0, \"resident\": 0}}}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"free-page-reporting\"}}\n");
	expect(client, "{\"return\": false}");
	say(client, "{\"execute\": \"x-balloon-hint\"}\n");
	expect_error(client, "GenericError", "The balloon does no free page hinting; start vmm with "
		"--balloon=free-page-hint=on");
	hang_up(client);
}

static void guest_says_actual(struct bench *bench, uint32_t pages)
{
	pthread_mutex_lock(&bench->balloon->config_lock);
	memcpy(bench->balloon->config + 4, &pages, 4);
	bench->balloon->ops->config_written(bench->balloon, 4, 4);
	pthread_mutex_unlock(&bench->balloon->config_lock);
}

static void test_balloon_changes_are_throttled_and_the_last_one_comes(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);
	json_t *data;

	for (uint32_t pages = 1; pages <= 100; pages++)
		guest_says_actual(bench, pages);
	data = expect_event(client, "BALLOON_CHANGE");
	assert_int_equal(json_integer_value(json_object_get(data, "actual")), RAM - 4096);
	json_decref(data);
	data = expect_event(client, "BALLOON_CHANGE");
	assert_int_equal(json_integer_value(json_object_get(data, "actual")), RAM - 100 * 4096);
	json_decref(data);
	say(client, "{\"execute\": \"query-balloon\"}\n");
	expect(client, "{\"return\": {\"actual\": 7979008}}");
	hang_up(client);
}

static void test_without_a_balloon_its_commands_say_so(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);

	bench->vm.balloon = NULL;
	say(client, "{\"execute\": \"query-balloon\"}\n");
	expect_error(client, "DeviceNotActive", "No balloon device has been activated");
	say(client, "{\"execute\": \"balloon\", \"arguments\": {\"value\": 4194304}}\n");
	expect_error(client, "DeviceNotActive", "No balloon device has been activated");
	say(client, "{\"execute\": \"qom-list\", \"arguments\": {\"path\": \"/machine/peripheral\"}}\n");
	expect(client, "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}]}");
	say(client, "{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"/machine/peripheral/balloon0\", "
		"\"property\": \"guest-stats\"}}\n");
	expect_error(client, "DeviceNotFound", "not found");
	hang_up(client);
}

/* Whether the mapping at @address is marked for KSM, from the kernel itself. */
static bool marked_for_ksm(const void *address)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	char line[512];
	bool here = false, marked = false;

	while (fgets(line, sizeof(line), smaps)) {
		unsigned long begin, end;

		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
			here = begin <= (unsigned long)address && (unsigned long)address < end;
		if (here && !strncmp(line, "VmFlags:", 8))
			marked = strstr(line, " mg") != NULL;
	}
	fclose(smaps);
	return marked;
}

static void test_memory_is_described_and_ksm_switched(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);
	uint8_t *host = bench->vm.memory.regions[0].host;
	char wanted[512];

	if (access("/sys/kernel/mm/ksm", F_OK))
		skip();
	for (int on = 1; on >= 0; on--) {
		snprintf(wanted, sizeof(wanted), "{\"execute\": \"x-ksm\", \"arguments\": {\"enable\": %s}}\n",
			on ? "true" : "false");
		say(client, wanted);
		expect(client, "{\"return\": {}}");
		assert_int_equal(marked_for_ksm(host), on);
		snprintf(wanted, sizeof(wanted),
			"{\"return\": {\"pid\": %d, \"nodes\": [{\"node\": 0, \"size\": 8388608, \"host-nodes\": "
			"[0], \"policy\": \"default\", \"page-size\": 4096, \"thp\": false, \"shared\": false, "
			"\"mergeable\": %s, \"regions\": [{\"gpa\": 0, \"size\": 8388608, \"host-address\": "
			"%lu}]}]}}",
			(int)getpid(), on ? "true" : "false", (unsigned long)host);
		say(client, "{\"execute\": \"x-query-memory\"}\n");
		expect(client, wanted);
	}
	hang_up(client);
}

static void test_ksm_on_shared_memory_is_refused(void **state)
{
	struct bench *bench = *state;
	struct client *client = connect_client(bench);
	struct guest_memory old = bench->vm.memory;
	struct memory_node_config config = bench->config.nodes[0];
	struct error err;

	config.shared = true;
	assert_int_equal(memory_create(&bench->vm.memory, &config, 1, false, &err), 0);
	say(client, "{\"execute\": \"x-ksm\", \"arguments\": {\"enable\": true}}\n");
	expect_error(client, "GenericError", "shared memory; KSM merges only private memory");
	memory_release(&bench->vm.memory);
	bench->vm.memory = old;
	hang_up(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket_file_is_private_and_live_one_refused),
		TEST(test_stale_socket_is_replaced_and_other_files_are_not),
		TEST(test_long_path_is_refused),
		TEST(test_balloon_is_found_and_driven),
		TEST(test_balloon_tells_what_its_driver_does),
		TEST(test_balloon_changes_are_throttled_and_the_last_one_comes),
		TEST(test_without_a_balloon_its_commands_say_so),
		TEST(test_memory_is_described_and_ksm_switched),
		TEST(test_ksm_on_shared_memory_is_refused),
	};

	return cmocka_run_group_tests_name("qmp commands", tests, NULL, NULL);
}
