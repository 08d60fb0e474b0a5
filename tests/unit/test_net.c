// SPDX-License-Identifier: GPL-2.0-or-later
/* virtio-net over a tap interface (in a network namespace of the test's own) and over libslirp. */
#include "tests/unit/virtio_driver.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/if.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>

#include "vmm/virtio/net.h"

#define HEADER     sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define ETHERTYPE  0x88b5 /* for local experiments: nobody else sends it */
#define TAP        "vmtune-test"
#define RX_BUFFERS (DRIVER_DATA)
#define TX_BUFFER  (DRIVER_DATA + 0x80000)

enum { RECEIVE, TRANSMIT };

struct bench {
	struct driver driver;
	uint32_t rx_size;   /* bytes of each receive buffer */
	unsigned int rx_count;
	int packet_fd;      /* the host's end of the tap */
};

static void offer_rx(struct bench *bench, unsigned int index)
{
	const struct driver_segment segment = {RX_BUFFERS + index * bench->rx_size, bench->rx_size, true};

	driver_offer(&bench->driver, RECEIVE, index, &segment, 1);
}

static void start_guest(struct bench *bench, uint64_t features, uint32_t rx_size,
	unsigned int rx_count)
{
	bench->rx_size = rx_size;
	bench->rx_count = rx_count;
	driver_start(&bench->driver);
	driver_probe(&bench->driver, features, 2);
	for (unsigned int i = 0; i < rx_count; i++)
		offer_rx(bench, i);
	driver_kick(&bench->driver, RECEIVE);
}

static struct bench *new_bench(enum net_backend backend)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct net_config net = {.backend = backend, .tap = (char *)TAP};
	struct error err;

	bench->packet_fd = -1;
	driver_init(&bench->driver);
	if (net_add(&bench->driver.vm, &net, &err) < 0)
		fail_msg("%s", err.text);
	return bench;
}

static void free_bench(struct bench *bench)
{
	driver_release(&bench->driver);
	if (bench->packet_fd >= 0)
		close(bench->packet_fd);
	free(bench);
}

/* Sends @length bytes of frame from the guest, behind an empty header. */
static void guest_send(struct bench *bench, const void *frame, uint32_t length)
{
	const struct driver_segment segments[] = {
		{TX_BUFFER, HEADER, false},
		{TX_BUFFER + 0x100, length, false},
	};
	struct vring_used_elem used = {0};

	memset(driver_ram(&bench->driver, TX_BUFFER), 0, HEADER);
	memcpy(driver_ram(&bench->driver, TX_BUFFER + 0x100), frame, length);
	driver_offer(&bench->driver, TRANSMIT, 0, segments, 2);
	driver_kick(&bench->driver, TRANSMIT);
	assert_true(driver_poll(&bench->driver, TRANSMIT, &used));
}

/* Waits for a frame of @ethertype; joins merged buffers into @frame. Returns its length. */
static size_t guest_receive(struct bench *bench, uint16_t ethertype, uint8_t *frame, size_t size)
{
	for (;;) {
		struct virtio_net_hdr_mrg_rxbuf header;
		size_t length = 0;
		unsigned int parts = 1;

		for (unsigned int i = 0; i < parts; i++) {
			struct vring_used_elem used = {0};
			const uint8_t *buffer;

			assert_true(driver_poll(&bench->driver, RECEIVE, &used));
			buffer = driver_ram(&bench->driver, RX_BUFFERS + used.id * bench->rx_size);
			assert_in_range(used.len, 1, bench->rx_size);
			assert_true(length + used.len <= size);
			memcpy(frame + length, buffer, used.len);
			length += used.len;
			if (i == 0) {
				memcpy(&header, buffer, sizeof(header));
				parts = header.num_buffers;
				assert_in_range(parts, 1, bench->rx_count);
			}
		}
		if (frame[HEADER + 12] == ethertype >> 8 && frame[HEADER + 13] == (ethertype & 0xff)) {
			memmove(frame, frame + HEADER, length - HEADER);
			return length - HEADER;
		}
	}
}

static uint8_t *guest_mac(struct bench *bench, uint8_t mac[6])
{
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)driver_get(&bench->driver, bench->driver.device_config + i, 1);
	return mac;
}

/* ---- user ---------------------------------------------------------------------------------------- */

static const uint8_t gateway[] = {10, 0, 2, 2};

/* Asks who has the gateway's address. */
static void send_arp(struct bench *bench)
{
	uint8_t request[42] = {[12] = 8, [13] = 6, [15] = 1, [16] = 8, [18] = 6, [19] = 4, [21] = 1};
	static const uint8_t guest[] = {10, 0, 2, 15};
	uint8_t mac[6];

	memset(request, 0xff, 6);
	memcpy(request + 6, guest_mac(bench, mac), 6);
	memcpy(request + 22, mac, 6);
	memcpy(request + 28, guest, 4);
	memcpy(request + 38, gateway, 4);
	guest_send(bench, request, sizeof(request));
}

static void expect_arp_reply(struct bench *bench)
{
	uint8_t reply[2048], mac[6];

	assert_true(guest_receive(bench, ETH_P_ARP, reply, sizeof(reply)) >= 42);
	assert_int_equal(reply[21], 2);
	assert_memory_equal(reply, guest_mac(bench, mac), 6);
	assert_memory_equal(reply + 28, gateway, 4);
}

static void test_arp(void **state)
{
	struct bench *bench = new_bench(NET_USER);

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC, 2048, 16);
	send_arp(bench);
	expect_arp_reply(bench);
	free_bench(bench);
}

static void test_user_waits_for_room(void **state)
{
	struct bench *bench = new_bench(NET_USER);

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC, 2048, 0);
	bench->rx_count = 16;
	for (unsigned int i = 0; i < 5; i++)
		send_arp(bench);
	for (unsigned int i = 0; i < 16; i++)
		offer_rx(bench, i);
	driver_kick(&bench->driver, RECEIVE);
	for (unsigned int i = 0; i < 5; i++)
		expect_arp_reply(bench);
	free_bench(bench);
}

static void test_mac(void **state)
{
	struct bench *one = new_bench(NET_USER), *two = new_bench(NET_USER);
	uint8_t mac_one[6], mac_two[6];

	(void)state;
	driver_start(&one->driver);
	driver_start(&two->driver);
	guest_mac(one, mac_one);
	guest_mac(two, mac_two);
	assert_memory_equal(mac_one, mac_two, 6);
	assert_int_equal(mac_one[0] & 3, 2);
	free_bench(one);
	free_bench(two);
}

static void test_small_frames(void **state)
{
	struct bench *bench = new_bench(NET_USER);
	const struct driver_segment segment = {TX_BUFFER, HEADER - 1, false};

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC, 2048, 16);
	guest_send(bench, "x", 1); /* less than Ethernet: the peer's to drop */
	driver_offer(&bench->driver, TRANSMIT, 0, &segment, 1);
	driver_kick(&bench->driver, TRANSMIT);
	assert_true(driver_wait_status(&bench->driver, VIRTIO_CONFIG_S_NEEDS_RESET,
		VIRTIO_CONFIG_S_NEEDS_RESET));
	free_bench(bench);
}

/* ---- tap ----------------------------------------------------------------------------------------- */

static bool have_tap; /* a namespace of our own with a tap interface in it */

static int make_tap(void)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int tun, control = -1, ret = -1;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	strcpy(request.ifr_name, TAP);
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (tun < 0)
		return -1;
	if (ioctl(tun, TUNSETIFF, &request) == 0 && ioctl(tun, TUNSETPERSIST, 1) == 0)
		control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control >= 0) {
		request.ifr_flags = IFF_UP;
		ret = ioctl(control, SIOCSIFFLAGS, &request);
		close(control);
	}
	close(tun);
	return ret;
}

static struct bench *new_tap_bench(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
	};
	struct timeval patience = {.tv_sec = DRIVER_PATIENCE / 1000};
	struct bench *bench;

	if (!have_tap) {
		print_message("needs root for a network namespace and /dev/net/tun\n");
		skip();
	}
	bench = new_bench(NET_TAP);
	bench->packet_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE));
	address.sll_ifindex = (int)if_nametoindex(TAP);
	assert_int_equal(bind(bench->packet_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setsockopt(bench->packet_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return bench;
}

static void fill_frame(uint8_t *frame, size_t length, uint8_t seed)
{
	for (size_t i = 0; i < length; i++)
		frame[i] = (uint8_t)(i + seed);
	memset(frame, 0xff, 6);
	frame[6] = 2;
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
}

static void host_send(struct bench *bench, const uint8_t *frame, size_t length)
{
	assert_int_equal(send(bench->packet_fd, frame, length, 0), length);
}

static void test_tap_transmit(void **state)
{
	struct bench *bench = new_tap_bench();
	uint8_t frame[1514], got[2048];

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC, 2048, 16);
	fill_frame(frame, sizeof(frame), 1);
	guest_send(bench, frame, sizeof(frame));
	assert_int_equal(recv(bench->packet_fd, got, sizeof(got), 0), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	free_bench(bench);
}

static void test_tap_receive(void **state)
{
	struct bench *bench = new_tap_bench();
	uint8_t frame[1514], got[2048];

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC, 2048, 64);
	fill_frame(frame, sizeof(frame), 2);
	host_send(bench, frame, sizeof(frame));
	assert_int_equal(guest_receive(bench, ETHERTYPE, got, sizeof(got)), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	free_bench(bench);
}

static void test_tap_merged(void **state)
{
	struct bench *bench = new_tap_bench();
	uint8_t frame[1514], got[2048];

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC | 1u << VIRTIO_NET_F_MRG_RXBUF, 200, 128);
	for (uint8_t i = 0; i < 5; i++) {
		fill_frame(frame, sizeof(frame), i);
		host_send(bench, frame, sizeof(frame));
		assert_int_equal(guest_receive(bench, ETHERTYPE, got, sizeof(got)), sizeof(frame));
		assert_memory_equal(got, frame, sizeof(frame));
	}
	free_bench(bench);
}

static void test_tap_waits_for_room(void **state)
{
	struct bench *bench = new_tap_bench();
	uint8_t frame[1000], got[2048];

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC | 1u << VIRTIO_NET_F_MRG_RXBUF, 500, 0);
	bench->rx_count = 128;
	fill_frame(frame, sizeof(frame), 9);
	host_send(bench, frame, sizeof(frame));
	usleep(50000); /* lets it be refused; right either way */
	for (unsigned int i = 0; i < 128; i++) {
		offer_rx(bench, i);
		driver_kick(&bench->driver, RECEIVE);
	}
	assert_int_equal(guest_receive(bench, ETHERTYPE, got, sizeof(got)), sizeof(frame));
	assert_memory_equal(got, frame, sizeof(frame));
	free_bench(bench);
}

static void test_tap_too_small(void **state)
{
	struct bench *bench = new_tap_bench();
	uint8_t frame[1000], got[2048];

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC, 512, 64);
	fill_frame(frame, sizeof(frame), 1);
	host_send(bench, frame, sizeof(frame)); /* never fits: must not stop those behind it */
	host_send(bench, frame, 300);
	assert_int_equal(guest_receive(bench, ETHERTYPE, got, sizeof(got)), 300);
	free_bench(bench);
}

static uint16_t link_status(struct bench *bench)
{
	return (uint16_t)driver_get(&bench->driver,
		bench->driver.device_config + offsetof(struct virtio_net_config, status), 2);
}

static void test_tap_deleted(void **state)
{
	struct bench *bench = new_tap_bench();
	uint8_t frame[100];

	(void)state;
	start_guest(bench, 1u << VIRTIO_NET_F_MAC | 1u << VIRTIO_NET_F_STATUS, 2048, 16);
	assert_int_equal(link_status(bench), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(system("ip link delete " TAP), 0);
	for (unsigned int i = 0; i < DRIVER_PATIENCE && link_status(bench); i++)
		usleep(1000);
	assert_int_equal(link_status(bench), 0);
	fill_frame(frame, sizeof(frame), 1);
	guest_send(bench, frame, sizeof(frame)); /* into the void, but the queue goes on */
	driver_probe(&bench->driver, 1u << VIRTIO_NET_F_MAC, 2);
	free_bench(bench);
}

static void test_missing_tap(void **state)
{
	struct net_config net = {.backend = NET_TAP, .tap = (char *)"nosuchtap0"};
	struct error err;
	struct driver driver;

	(void)state;
	driver_init(&driver);
	/* Either the interface or, on a machine without taps, the device node is what is named. */
	assert_int_equal(net_add(&driver.vm, &net, &err), -ENODEV);
	assert_non_null(strstr(err.text, access("/dev/net/tun", F_OK) ? "/dev/net/tun" : "nosuchtap0"));
	net.tap = (char *)"a-name-longer-than-the-kernel-allows";
	assert_int_equal(net_add(&driver.vm, &net, &err), -ENODEV);
	assert_int_equal(pthread_create(&driver.thread, NULL, driver_loop, driver.vm.loop), 0);
	driver_release(&driver);
}

#define TEST(function, name) {name, function, NULL, NULL, NULL}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_arp, "user network: the gateway answers"),
		TEST(test_user_waits_for_room, "user network: frames wait until the guest has room"),
		TEST(test_mac, "the MAC address follows from the name and is a private one"),
		TEST(test_small_frames, "a frame without header stops the device"),
		TEST(test_tap_transmit, "tap: a frame of the guest reaches the host"),
		TEST(test_tap_receive, "tap: a frame of the host reaches the guest"),
		TEST(test_tap_merged, "tap: a frame is spread over merged buffers"),
		TEST(test_tap_waits_for_room, "tap: a frame waits until the guest has room"),
		TEST(test_tap_too_small, "tap: a frame too big for the buffers is dropped, the next is not"),
		TEST(test_tap_deleted, "tap: an interface that is deleted takes the link down"),
		TEST(test_missing_tap, "a tap interface that does not exist is refused by name"),
	};

	have_tap = make_tap() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
