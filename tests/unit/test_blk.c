// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio-blk and the virtio-pci transport under it, driven as a guest drives them. */
#include "tests/unit/virtio_driver.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/virtio_blk.h>

#include "vmm/virtio/blk.h"

#define SECTORS 64u
#define BUFFER  (DRIVER_DATA + 0x1000)
#define STATUS  (DRIVER_DATA + 0x100)
#define PENDING 0xee /* what the status byte holds until the device writes it */

#define ALL_FEATURES                                                                  \
	(1u << VIRTIO_BLK_F_FLUSH | 1u << VIRTIO_BLK_F_SEG_MAX | 1u << VIRTIO_BLK_F_BLK_SIZE)

struct bench {
	struct driver driver;
	char path[64];
	int fd;
};

static void make_image(struct bench *bench)
{
	uint8_t sector[512];

	strcpy(bench->path, "/tmp/vmtune-test-blk-XXXXXX");
	bench->fd = mkstemp(bench->path);
	assert_true(bench->fd >= 0);
	for (unsigned int i = 0; i < SECTORS; i++) {
		memset(sector, (int)i, sizeof(sector));
		assert_int_equal(write(bench->fd, sector, sizeof(sector)), sizeof(sector));
	}
}

static void start(void **state, bool readonly)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct disk_config disk = {bench->path, readonly};
	struct error err;

	make_image(bench);
	driver_init(&bench->driver);
	if (blk_add(&bench->driver.vm, &disk, &err) < 0)
		fail_msg("%s", err.text);
	driver_start(&bench->driver);
	driver_probe(&bench->driver, driver_features(&bench->driver) & (ALL_FEATURES |
		1u << VIRTIO_BLK_F_RO | 1u << VIRTIO_BLK_F_DISCARD | 1u << VIRTIO_BLK_F_WRITE_ZEROES), 1);
	*state = bench;
}

static int setup(void **state)
{
	start(state, false);
	return 0;
}

static int setup_readonly(void **state)
{
	start(state, true);
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	driver_release(&bench->driver);
	unlink(bench->path);
	close(bench->fd);
	free(bench);
	return 0;
}

/* One request with @length bytes of data at BUFFER; returns its status, *@written the used length. */
static uint8_t request(struct bench *bench, uint32_t type, uint64_t sector, uint32_t length,
	uint32_t *written)
{
	struct virtio_blk_outhdr *header = driver_ram(&bench->driver, DRIVER_DATA);
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	struct driver_segment segments[3] = {{DRIVER_DATA, sizeof(*header), false}};
	struct vring_used_elem used = {0};
	unsigned int count = 1;

	*header = (struct virtio_blk_outhdr){.type = type, .sector = sector};
	*(uint8_t *)driver_ram(&bench->driver, STATUS) = PENDING;
	if (length)
		segments[count++] = (struct driver_segment){BUFFER, length, in};
	segments[count++] = (struct driver_segment){STATUS, 1, true};
	driver_offer(&bench->driver, 0, 5, segments, count);
	driver_kick(&bench->driver, 0);
	assert_true(driver_poll(&bench->driver, 0, &used));
	assert_int_equal(used.id, 5);
	if (written)
		*written = used.len;
	return *(uint8_t *)driver_ram(&bench->driver, STATUS);
}

static uint8_t image_byte(struct bench *bench, uint64_t offset)
{
	uint8_t byte;

	assert_int_equal(pread(bench->fd, &byte, 1, (off_t)offset), 1);
	return byte;
}

static void test_capacity(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(driver_get(&bench->driver, bench->driver.device_config, 4), SECTORS);
	assert_int_equal(driver_get(&bench->driver, bench->driver.device_config + 4, 4), 0);
	/* config space is read-only */
	driver_put(&bench->driver, bench->driver.device_config, 4, 1);
	assert_int_equal(driver_get(&bench->driver, bench->driver.device_config, 4), SECTORS);
	/* and ends somewhere */
	assert_int_equal(driver_get(&bench->driver, bench->driver.device_config + 0xffc, 4), 0);
}

static void test_read(void **state)
{
	struct bench *bench = *state;
	uint8_t *data = driver_ram(&bench->driver, BUFFER);
	uint32_t written;

	assert_int_equal(request(bench, VIRTIO_BLK_T_IN, 7, 1024, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 1025);
	assert_int_equal(data[0], 7);
	assert_int_equal(data[511], 7);
	assert_int_equal(data[1023], 8);
	assert_int_equal(data[1024], 0);
}

static void test_write_and_flush(void **state)
{
	struct bench *bench = *state;

	memset(driver_ram(&bench->driver, BUFFER), 0xa5, 1024);
	assert_int_equal(request(bench, VIRTIO_BLK_T_OUT, SECTORS - 2, 1024, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(request(bench, VIRTIO_BLK_T_FLUSH, 0, 0, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(image_byte(bench, (SECTORS - 2) * 512 - 1), SECTORS - 3);
	assert_int_equal(image_byte(bench, (SECTORS - 2) * 512), 0xa5);
	assert_int_equal(image_byte(bench, SECTORS * 512 - 1), 0xa5);
}

static void test_bounds(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t length;
	} bad[] = {
		{SECTORS, 512},
		{SECTORS - 1, 1024},
		{UINT64_MAX, 512},
		{UINT64_MAX / 512, 512},
		{0, 513},
		{0, (SECTORS + 1) * 512},
	};
	struct bench *bench = *state;
	uint32_t written;

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(request(bench, VIRTIO_BLK_T_OUT, bad[i].sector, bad[i].length, NULL),
			VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(bench, VIRTIO_BLK_T_IN, bad[i].sector, bad[i].length, &written),
			VIRTIO_BLK_S_IOERR);
		assert_int_equal(written, 1);
	}
	assert_int_equal(request(bench, VIRTIO_BLK_T_IN, 0, 0, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(lseek(bench->fd, 0, SEEK_END), SECTORS * 512);
}

static void test_unknown_type(void **state)
{
	assert_int_equal(request(*state, 99, 0, 0, NULL), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(*state, 2, 0, 0, NULL), VIRTIO_BLK_S_UNSUPP);
}

static void test_id(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(request(bench, VIRTIO_BLK_T_GET_ID, 0, 20, NULL), VIRTIO_BLK_S_OK);
	assert_memory_equal(driver_ram(&bench->driver, BUFFER), strrchr(bench->path, '/') + 1, 20);
}

static uint8_t punch(struct bench *bench, uint32_t type, uint64_t sector, uint32_t count,
	uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes *range = driver_ram(&bench->driver, BUFFER);

	*range = (struct virtio_blk_discard_write_zeroes){sector, count, flags};
	return request(bench, type, 0, sizeof(*range), NULL);
}

static void test_discard(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(punch(bench, VIRTIO_BLK_T_DISCARD, 8, 8, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(image_byte(bench, 8 * 512 - 1), 7);
	assert_int_equal(image_byte(bench, 8 * 512), 0);
	assert_int_equal(image_byte(bench, 16 * 512 - 1), 0);
	assert_int_equal(image_byte(bench, 16 * 512), 16);
	assert_int_equal(punch(bench, VIRTIO_BLK_T_WRITE_ZEROES, 1, 1, 1), VIRTIO_BLK_S_OK);
	assert_int_equal(image_byte(bench, 512), 0);
	assert_int_equal(image_byte(bench, 1024), 2);
	assert_int_equal(punch(bench, VIRTIO_BLK_T_DISCARD, 0, 1, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(punch(bench, VIRTIO_BLK_T_DISCARD, SECTORS, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(punch(bench, VIRTIO_BLK_T_DISCARD, 0, UINT32_MAX, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(lseek(bench->fd, 0, SEEK_END), SECTORS * 512);
}

static void test_readonly(void **state)
{
	struct bench *bench = *state;

	assert_true(driver_features(&bench->driver) >> VIRTIO_BLK_F_RO & 1);
	assert_false(driver_features(&bench->driver) >> VIRTIO_BLK_F_DISCARD & 1);
	memset(driver_ram(&bench->driver, BUFFER), 0xa5, 512);
	assert_int_equal(request(bench, VIRTIO_BLK_T_OUT, 3, 512, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(punch(bench, VIRTIO_BLK_T_WRITE_ZEROES, 3, 1, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(image_byte(bench, 3 * 512), 3);
	assert_int_equal(request(bench, VIRTIO_BLK_T_IN, 3, 512, NULL), VIRTIO_BLK_S_OK);
}

static void test_odd_segments(void **state)
{
	struct bench *bench = *state;
	struct driver *driver = &bench->driver;
	struct virtio_blk_outhdr *header = driver_ram(driver, DRIVER_DATA);
	/* Header cut in two, data cut off the sector grid, status glued to the data (2.7.4.2). */
	const struct driver_segment segments[] = {
		{DRIVER_DATA, 5, false},
		{DRIVER_DATA + 5, 11, false},
		{BUFFER, 100, true},
		{BUFFER + 4096, 413, true},
	};

	struct vring_used_elem used = {0};

	*header = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN, .sector = 9};
	memset(driver_ram(driver, BUFFER), 0xff, 8192);
	driver_offer(driver, 0, 0, segments, 4);
	driver_kick(driver, 0);
	assert_true(driver_poll(driver, 0, &used));
	assert_int_equal(*(uint8_t *)driver_ram(driver, BUFFER + 99), 9);
	assert_int_equal(*(uint8_t *)driver_ram(driver, BUFFER + 100), 0xff);
	assert_int_equal(*(uint8_t *)driver_ram(driver, BUFFER + 4096 + 411), 9);
	assert_int_equal(*(uint8_t *)driver_ram(driver, BUFFER + 4096 + 412), VIRTIO_BLK_S_OK);
}

static void expect_needs_reset(struct bench *bench)
{
	assert_true(driver_wait_status(&bench->driver, VIRTIO_CONFIG_S_NEEDS_RESET,
		VIRTIO_CONFIG_S_NEEDS_RESET));
	driver_probe(&bench->driver, ALL_FEATURES, 1);
	assert_int_equal(request(bench, VIRTIO_BLK_T_IN, 1, 512, NULL), VIRTIO_BLK_S_OK);
}

static void test_no_status(void **state)
{
	struct bench *bench = *state;
	const struct driver_segment segment = {DRIVER_DATA, 16, false};

	driver_offer(&bench->driver, 0, 0, &segment, 1);
	driver_kick(&bench->driver, 0);
	expect_needs_reset(bench);
}

static void test_no_header(void **state)
{
	struct bench *bench = *state;
	const struct driver_segment segments[] = {{DRIVER_DATA, 15, false}, {STATUS, 1, true}};

	driver_offer(&bench->driver, 0, 0, segments, 2);
	driver_kick(&bench->driver, 0);
	expect_needs_reset(bench);
}

/* ---- the transport ------------------------------------------------------------------------------- */

static void test_reset_under_load(void **state)
{
	struct bench *bench = *state;
	struct virtio_blk_outhdr *header = driver_ram(&bench->driver, DRIVER_DATA);
	const struct driver_segment segments[] = {
		{DRIVER_DATA, sizeof(*header), false},
		{BUFFER, 8192, true},
		{STATUS, 1, true},
	};

	*header = (struct virtio_blk_outhdr){.type = VIRTIO_BLK_T_IN};
	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < 60; i++)
			driver_offer(&bench->driver, 0, i * 4, segments, 3);
		driver_kick(&bench->driver, 0);
		driver_probe(&bench->driver, ALL_FEATURES, 1);
	}
	assert_int_equal(request(bench, VIRTIO_BLK_T_IN, 1, 512, NULL), VIRTIO_BLK_S_OK);
}

static void test_features(void **state)
{
	struct driver *driver = &((struct bench *)*state)->driver;
	uint64_t version_1 = UINT64_C(1) << VIRTIO_F_VERSION_1;
	static const uint64_t bad[] = {0, 1, 1u << VIRTIO_BLK_F_MQ, UINT64_C(1) << VIRTIO_F_RING_PACKED};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		driver_put(driver, driver->common + VIRTIO_PCI_COMMON_STATUS, 1, 0);
		assert_true(driver_wait_status(driver, 0xff, 0));
		driver_set_status(driver, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
		driver_set_features(driver, bad[i] ? bad[i] | version_1 : 0);
		driver_set_status(driver, VIRTIO_CONFIG_S_FEATURES_OK);
		assert_int_equal(driver_status(driver),
			VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
		driver_set_status(driver, VIRTIO_CONFIG_S_DRIVER_OK);
		assert_true(driver_status(driver) & VIRTIO_CONFIG_S_NEEDS_RESET);
	}
}

static void test_early_queue(void **state)
{
	struct driver *driver = &((struct bench *)*state)->driver;

	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_true(driver_wait_status(driver, 0xff, 0));
	driver_set_queue(driver, 0, DRIVER_QUEUES);
	assert_true(driver_status(driver) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(driver_get(driver, driver->common + VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

static void test_absent_queue(void **state)
{
	struct driver *driver = &((struct bench *)*state)->driver;

	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	assert_int_equal(driver_get(driver, driver->common + VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_Q_SELECT, 2, 0xffff);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	driver_put(driver, driver->notify + 0xf00, 2, 0);
	assert_false(driver_status(driver) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void test_vectors(void **state)
{
	struct driver *driver = &((struct bench *)*state)->driver;

	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_MSIX, 2, 1);
	assert_int_equal(driver_get(driver, driver->common + VIRTIO_PCI_COMMON_MSIX, 2), 1);
	driver_put(driver, driver->common + VIRTIO_PCI_COMMON_MSIX, 2, 2);
	assert_int_equal(driver_get(driver, driver->common + VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
}

static void test_config_window(void **state)
{
	struct driver *driver = &((struct bench *)*state)->driver;
	struct pci_bus *bus = driver->vm.pci;
	unsigned int at = pci_guest_read(bus, DRIVER_BDF, PCI_CAPABILITY_LIST, 1);

	while (pci_guest_read(bus, DRIVER_BDF, at, 1) != PCI_CAP_ID_VNDR ||
		pci_guest_read(bus, DRIVER_BDF, at + 3, 1) != VIRTIO_PCI_CAP_PCI_CFG)
		at = pci_guest_read(bus, DRIVER_BDF, at + PCI_CAP_LIST_NEXT, 1);
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_BAR, 1, 0);
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_NUMQ);
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_LENGTH, 4, 2);
	assert_int_equal(pci_guest_read(bus, DRIVER_BDF, at + 16, 2), 1);
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_Q_SELECT);
	pci_guest_write(bus, DRIVER_BDF, at + 16, 2, 0x1234);
	assert_int_equal(driver_get(driver, driver->common + VIRTIO_PCI_COMMON_Q_SELECT, 2), 0x1234);
	/* outside of the BAR, of odd length, unaligned: nothing */
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_OFFSET, 4, UINT32_MAX);
	pci_guest_read(bus, DRIVER_BDF, at + 16, 4);
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_LENGTH, 4, 3);
	pci_guest_read(bus, DRIVER_BDF, at + 16, 4);
	pci_guest_write(bus, DRIVER_BDF, at + VIRTIO_PCI_CAP_LENGTH, 4, UINT32_MAX);
	pci_guest_write(bus, DRIVER_BDF, at + 16, 4, 0);
}

static void test_vm_reset(void **state)
{
	struct bench *bench = *state;

	/* As a VM reset does it, with the loop's thread at rest. */
	loop_stop(bench->driver.vm.loop);
	pthread_join(bench->driver.thread, NULL);
	pci_bus_reset(bench->driver.vm.pci);
	assert_int_equal(driver_status(&bench->driver), 0);
	driver_put(&bench->driver, bench->driver.common + VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	assert_int_equal(
		driver_get(&bench->driver, bench->driver.common + VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	pthread_create(&bench->driver.thread, NULL, driver_loop, bench->driver.vm.loop);
}

/* ---- images -------------------------------------------------------------------------------------- */

static int try_add(struct driver *driver, const char *path, bool readonly, struct error *err)
{
	struct disk_config disk = {(char *)path, readonly};

	return blk_add(&driver->vm, &disk, err);
}

static void test_locking(void **state)
{
	struct bench *bench = *state;
	struct error err;

	assert_int_equal(try_add(&bench->driver, bench->path, false, &err), -EBUSY);
	assert_non_null(strstr(err.text, bench->path));
	assert_int_equal(try_add(&bench->driver, bench->path, true, &err), -EBUSY);
}

static void test_shared_readonly(void **state)
{
	struct bench *bench = *state;
	struct error err;

	assert_int_equal(try_add(&bench->driver, bench->path, false, &err), -EBUSY);
	assert_int_equal(try_add(&bench->driver, bench->path, true, &err), 0);
}

static void test_bad_images(void **state)
{
	struct bench *bench = *state;
	struct error err;

	assert_int_equal(try_add(&bench->driver, "/nonexistent/disk", false, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/disk"));
	assert_int_equal(try_add(&bench->driver, "/dev/null", false, &err), -EINVAL);
	assert_int_equal(try_add(&bench->driver, "/tmp", true, &err), -EINVAL);
	assert_int_equal(truncate(bench->path, 1000), 0);
	assert_int_equal(try_add(&bench->driver, bench->path, true, &err), -EINVAL);
	assert_non_null(strstr(err.text, "1000"));
	assert_int_equal(truncate(bench->path, 0), 0);
	assert_int_equal(try_add(&bench->driver, bench->path, true, &err), -EINVAL);
}

/* The process cannot make an io_uring any more, as in many containers. */
static void forbid_io_uring(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void test_without_io_uring(void **state)
{
	forbid_io_uring();
	setup(state);
	test_read(state);
	test_write_and_flush(state);
	test_discard(state);
	test_bounds(state);
	teardown(state);
}

#define TEST(function, name)     {name, function, setup, teardown, NULL}
#define READONLY(function, name) {name, function, setup_readonly, teardown, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_capacity, "the disk's size is in config space, which is read-only"),
		TEST(test_read, "sectors are read"),
		TEST(test_write_and_flush, "sectors are written and flushed"),
		TEST(test_bounds, "requests past the end or off the sector grid fail and change nothing"),
		TEST(test_unknown_type, "unknown requests are unsupported"),
		TEST(test_id, "the id is the image's name"),
		TEST(test_discard, "discard and write zeroes punch holes, within bounds"),
		READONLY(test_readonly, "a read-only disk refuses writes"),
		TEST(test_odd_segments, "header, data and status may be cut anywhere"),
		TEST(test_no_status, "a request without status stops the device until its reset"),
		TEST(test_no_header, "a request without header stops the device until its reset"),
		TEST(test_reset_under_load, "a reset with requests in flight is clean"),
		TEST(test_features, "FEATURES_OK is refused for what was not offered"),
		TEST(test_early_queue, "a queue is not enabled before FEATURES_OK"),
		TEST(test_absent_queue, "queues that do not exist have size 0"),
		TEST(test_vectors, "a vector that does not exist reads back as none"),
		TEST(test_config_window, "the BAR can be reached through config space"),
		TEST(test_vm_reset, "a VM reset resets the device"),
		TEST(test_locking, "an image that is written to cannot be opened twice"),
		READONLY(test_shared_readonly, "read-only disks may share an image"),
		READONLY(test_bad_images, "what is not an image is refused by name"),
		/* last: it cannot be undone */
		{"disks work without io_uring", test_without_io_uring, NULL, NULL, NULL},
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
