// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio over PCI (virtio 1.2, 4.1), modern only: one function with one 32-bit BAR that holds every
 * structure, each on a page of its own:
 *
 *   0000 common configuration   2000 device configuration   4000 MSI-X table
 *   1000 ISR                    3000 notify (doorbells)     5000 MSI-X pending bits
 *
 * A doorbell has an ioeventfd as soon as its queue is enabled: the kick goes to the I/O thread without
 * leaving the kernel in the vCPU thread. Interrupts are MSI-X; a driver without it polls ISR.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "lib/xalloc.h"
#include "vmm/pci/msix.h"
#include "vmm/virtio/pci_internal.h"

#define VENDOR      0x1af4 /* 4.1.2 */
#define DEVICE_BASE 0x1040
#define REVISION    1

#define ISR_QUEUE  1 /* 4.1.4.5 */
#define ISR_CONFIG 2

#define BAR        0
#define BAR_SIZE   0x8000
#define PAGE       0x1000
#define MSIX_TABLE 0x4000
#define MSIX_PBA   0x5000

enum page { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY, PAGE_MSIX_TABLE, PAGE_MSIX_PBA };

_Static_assert(MSIX_TABLE == PAGE_MSIX_TABLE * PAGE && MSIX_PBA == PAGE_MSIX_PBA * PAGE, "layout");

static const struct virtio_transport_ops transport_ops;

/* ---- pages of the BAR ---------------------------------------------------------------------------- */

static uint64_t isr_read(struct virtio_pci *transport, uint64_t offset, unsigned int size)
{
	(void)size;
	return offset ? 0 : __atomic_exchange_n(&transport->isr, 0, __ATOMIC_SEQ_CST);
}

static bool is_device_config(const struct virtio_device *device, uint64_t offset, unsigned int size)
{
	return offset <= device->ops->config_size && size <= device->ops->config_size - offset;
}

static uint64_t device_read(struct virtio_pci *transport, uint64_t offset, unsigned int size)
{
	struct virtio_device *device = transport->device;
	uint64_t value = 0;

	if (!is_device_config(device, offset, size))
		return 0;
	pthread_mutex_lock(&device->config_lock);
	if (device->ops->config_read)
		device->ops->config_read(device);
	memcpy(&value, device->config + offset, size);
	pthread_mutex_unlock(&device->config_lock);
	return value;
}

static void device_write(struct virtio_pci *transport, uint64_t offset, unsigned int size,
	uint64_t value)
{
	struct virtio_device *device = transport->device;

	if (!device->ops->config_written || !is_device_config(device, offset, size))
		return;
	pthread_mutex_lock(&device->config_lock);
	memcpy(device->config + offset, &value, size);
	device->ops->config_written(device, (uint32_t)offset, size);
	pthread_mutex_unlock(&device->config_lock);
}

/* A kick that no ioeventfd caught: of another width, through the config capability, or too early. */
static void notify_write(struct virtio_pci *transport, uint64_t offset, unsigned int size,
	uint64_t value)
{
	uint64_t index = offset / VIRTIO_PCI_NOTIFY_STRIDE;

	(void)size;
	(void)value;
	if (index < transport->device->ops->queue_count)
		virtqueue_kick_again(&transport->device->queues[index]);
}

static uint64_t table_read(struct virtio_pci *transport, uint64_t offset, unsigned int size)
{
	return msix_table_read(transport->pci.msix, offset, size);
}

static void table_write(struct virtio_pci *transport, uint64_t offset, unsigned int size,
	uint64_t value)
{
	msix_table_write(transport->pci.msix, offset, size, value);
}

static uint64_t pba_read(struct virtio_pci *transport, uint64_t offset, unsigned int size)
{
	return msix_pba_read(transport->pci.msix, offset, size);
}

static const struct {
	uint64_t (*read)(struct virtio_pci *transport, uint64_t offset, unsigned int size);
	void (*write)(struct virtio_pci *transport, uint64_t offset, unsigned int size, uint64_t value);
} pages[BAR_SIZE / PAGE] = {
	[PAGE_COMMON] = {virtio_pci_common_read, virtio_pci_common_write},
	[PAGE_ISR] = {isr_read, NULL},
	[PAGE_DEVICE] = {device_read, device_write},
	[PAGE_NOTIFY] = {NULL, notify_write},
	[PAGE_MSIX_TABLE] = {table_read, table_write},
	[PAGE_MSIX_PBA] = {pba_read, NULL},
};

static uint64_t bar_read(void *opaque, uint64_t offset, unsigned int size)
{
	return pages[offset / PAGE].read ? pages[offset / PAGE].read(opaque, offset % PAGE, size) : 0;
}

static void bar_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	if (pages[offset / PAGE].write)
		pages[offset / PAGE].write(opaque, offset % PAGE, size, value);
}

static const struct bus_ops bar_ops = {bar_read, bar_write};

/* ---- kicks and interrupts ------------------------------------------------------------------------ */

/* Any width and any value rings a doorbell, so KVM may skip decoding the instruction (length 0). */
static void bind_kick(struct virtio_pci *transport, struct virtqueue *queue, bool on)
{
	struct kvm_ioeventfd request = {
		.addr = transport->notify_base + queue->index * VIRTIO_PCI_NOTIFY_STRIDE,
		.fd = queue->kick_fd,
		.flags = on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN,
	};

	/* When KVM refuses, the access comes to notify_write(): slower, and nothing else. */
	transport->kick_bound[queue->index] =
		ioctl(transport->device->vm->vm_fd, KVM_IOEVENTFD, &request) == 0 && on;
}

void virtio_pci_bind_kicks(struct virtio_pci *transport)
{
	struct virtio_device *device = transport->device;

	for (unsigned int i = 0; transport->notify_base && i < device->ops->queue_count; i++)
		if (device->queues[i].enabled && !transport->kick_bound[i])
			bind_kick(transport, &device->queues[i], true);
}

static void unbind_kicks(struct virtio_pci *transport)
{
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (transport->kick_bound[i])
			bind_kick(transport, &transport->device->queues[i], false);
}

static void bar_moved(struct pci_device *pci, unsigned int bar)
{
	struct virtio_pci *transport = pci->opaque;

	pthread_mutex_lock(&transport->lock);
	unbind_kicks(transport);
	transport->notify_base = pci->bars[bar].mapped ? pci->bars[bar].base + PAGE_NOTIFY * PAGE : 0;
	virtio_pci_bind_kicks(transport);
	pthread_mutex_unlock(&transport->lock);
}

static void kicked(void *opaque, uint32_t events)
{
	struct virtqueue *queue = opaque;
	struct virtio_device *device = queue->device;
	struct virtio_pci *transport = device->transport;
	uint64_t count;

	(void)events;
	if (read(queue->kick_fd, &count, sizeof(count)) < 0)
		return;
	if (transport->live && queue->enabled)
		device->ops->kick(device, queue->index);
}

static void queue_interrupt(struct virtqueue *queue)
{
	struct virtio_pci *transport = queue->device->transport;

	__atomic_fetch_or(&transport->isr, ISR_QUEUE, __ATOMIC_SEQ_CST);
	msix_notify(transport->pci.msix, __atomic_load_n(&queue->vector, __ATOMIC_RELAXED));
}

static void config_interrupt(struct virtio_device *device)
{
	struct virtio_pci *transport = device->transport;

	__atomic_fetch_or(&transport->isr, ISR_CONFIG, __ATOMIC_SEQ_CST);
	msix_notify(transport->pci.msix, __atomic_load_n(&transport->config_vector, __ATOMIC_RELAXED));
}

static const struct virtio_transport_ops transport_ops = {queue_interrupt, config_interrupt};

/* ---- start and reset, on the I/O thread ---------------------------------------------------------- */

void virtio_pci_go_live(void *opaque, uint32_t events)
{
	struct virtio_pci *transport = opaque;
	struct virtio_device *device = transport->device;
	bool ready;

	(void)events;
	pthread_mutex_lock(&transport->lock);
	/* A reset may have overtaken the driver's DRIVER_OK. */
	ready = !transport->resetting && !transport->live &&
		__atomic_load_n(&device->status, __ATOMIC_SEQ_CST) & VIRTIO_CONFIG_S_DRIVER_OK;
	pthread_mutex_unlock(&transport->lock);
	if (!ready)
		return;
	transport->live = true;
	if (device->ops->ready)
		device->ops->ready(device);
	/* Kicks from before went unheard; buffers may be there already. */
	for (unsigned int i = 0; i < device->ops->queue_count; i++)
		if (device->queues[i].enabled)
			device->ops->kick(device, i);
}

static void reset_queue(struct virtqueue *queue)
{
	*queue = (struct virtqueue){
		.device = queue->device,
		.index = queue->index,
		.size = queue->device->ops->queue_size,
		.vector = VIRTIO_MSI_NO_VECTOR,
		.kick_fd = queue->kick_fd,
		.kick_source = queue->kick_source,
	};
}

void virtio_pci_reset(void *opaque, uint32_t events)
{
	struct virtio_pci *transport = opaque;
	struct virtio_device *device = transport->device;

	(void)events;
	transport->live = false;
	if (device->ops->reset)
		device->ops->reset(device);
	pthread_mutex_lock(&transport->lock);
	for (unsigned int i = 0; i < device->ops->queue_count; i++)
		reset_queue(&device->queues[i]);
	device->acked = 0;
	transport->device_feature_select = transport->driver_feature_select = 0;
	transport->driver_features = 0;
	transport->queue_select = 0;
	transport->config_vector = VIRTIO_MSI_NO_VECTOR;
	transport->resetting = false;
	__atomic_store_n(&transport->isr, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&device->status, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&transport->lock);
}

/* ---- config space -------------------------------------------------------------------------------- */

/*
 * The configuration access capability (4.1.4.9): an access to its data field is an access to the BAR
 * at the offset and of the length that the guest wrote into it. Returns the length, 0 for nonsense.
 */
static unsigned int window_target(struct virtio_pci *transport, unsigned int offset,
	unsigned int size, uint32_t *target)
{
	const struct pci_device *pci = &transport->pci;
	unsigned int at = transport->config_offset, data = at + sizeof(struct virtio_pci_cap);
	uint32_t length = pci_config_get(pci, at + VIRTIO_PCI_CAP_LENGTH, 4);

	*target = pci_config_get(pci, at + VIRTIO_PCI_CAP_OFFSET, 4);
	if (offset >= data + 4 || offset + size <= data)
		return 0;
	if (pci->config[at + VIRTIO_PCI_CAP_BAR] != BAR || *target >= BAR_SIZE)
		return 0;
	if ((length != 1 && length != 2 && length != 4) || *target % length)
		return 0;
	return length;
}

static void config_read(struct pci_device *pci, unsigned int offset, unsigned int size)
{
	struct virtio_pci *transport = pci->opaque;
	uint32_t target;
	unsigned int length = window_target(transport, offset, size, &target);

	if (length)
		pci_config_set(pci, transport->config_offset + sizeof(struct virtio_pci_cap), length,
			(uint32_t)bar_read(transport, target, length));
}

static void config_written(struct pci_device *pci, unsigned int offset, unsigned int size)
{
	struct virtio_pci *transport = pci->opaque;
	uint32_t target, value;
	unsigned int length = window_target(transport, offset, size, &target);

	if (!length)
		return;
	value = pci_config_get(pci, transport->config_offset + sizeof(struct virtio_pci_cap), length);
	bar_write(transport, target, length, value);
}

static void reset_function(struct pci_device *pci)
{
	virtio_pci_reset(pci->opaque, 0);
}

static void free_function(struct pci_device *pci)
{
	struct virtio_pci *transport = pci->opaque;
	struct virtio_device *device = transport->device;

	for (unsigned int i = 0; i < device->ops->queue_count; i++) {
		loop_remove(device->queues[i].kick_source);
		if (device->queues[i].kick_fd >= 0)
			close(device->queues[i].kick_fd);
	}
	msix_free(pci);
	pthread_mutex_destroy(&device->config_lock);
	device->ops->free(device);
	pthread_mutex_destroy(&transport->lock);
	free(transport);
}

static const struct pci_device_ops function_ops = {
	.bar_moved = bar_moved,
	.config_read = config_read,
	.config_written = config_written,
	.reset = reset_function,
	.free = free_function,
};

/* One vendor capability (4.1.4): where in the BAR a structure is. Returns the capability's offset. */
static unsigned int add_structure(struct pci_device *pci, uint8_t type, unsigned int size,
	enum page page, uint32_t length)
{
	unsigned int at = pci_add_capability(pci, PCI_CAP_ID_VNDR, size);

	pci->config[at + VIRTIO_PCI_CAP_LEN] = (uint8_t)size;
	pci->config[at + VIRTIO_PCI_CAP_CFG_TYPE] = type;
	pci->config[at + VIRTIO_PCI_CAP_BAR] = BAR;
	pci_config_set(pci, at + VIRTIO_PCI_CAP_OFFSET, 4, page * PAGE);
	pci_config_set(pci, at + VIRTIO_PCI_CAP_LENGTH, 4, length);
	return at;
}

static void add_structures(struct virtio_pci *transport)
{
	const struct virtio_ops *ops = transport->device->ops;
	struct pci_device *pci = &transport->pci;
	unsigned int cap = sizeof(struct virtio_pci_cap), at;

	add_structure(pci, VIRTIO_PCI_CAP_COMMON_CFG, cap, PAGE_COMMON,
		sizeof(struct virtio_pci_common_cfg));
	add_structure(pci, VIRTIO_PCI_CAP_ISR_CFG, cap, PAGE_ISR, 1);
	if (ops->config_size)
		add_structure(pci, VIRTIO_PCI_CAP_DEVICE_CFG, cap, PAGE_DEVICE, ops->config_size);
	at = add_structure(pci, VIRTIO_PCI_CAP_NOTIFY_CFG, sizeof(struct virtio_pci_notify_cap),
		PAGE_NOTIFY, ops->queue_count * VIRTIO_PCI_NOTIFY_STRIDE);
	pci_config_set(pci, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, VIRTIO_PCI_NOTIFY_STRIDE);
	at = add_structure(pci, VIRTIO_PCI_CAP_PCI_CFG, sizeof(struct virtio_pci_cfg_cap), 0, 0);
	pci->writable[at + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(pci->writable + at + VIRTIO_PCI_CAP_OFFSET, 0xff, 12); /* offset, length, data */
	transport->config_offset = at;
}

static int add_queues(struct virtio_device *device, struct error *err)
{
	for (unsigned int i = 0; i < device->ops->queue_count; i++) {
		struct virtqueue *queue = &device->queues[i];

		queue->device = device;
		queue->index = i;
		queue->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (queue->kick_fd < 0)
			return error_errno(err, errno, "%s: cannot create an eventfd", device->ops->name);
		queue->kick_source =
			loop_add(device->vm->loop, queue->kick_fd, EPOLLIN, kicked, queue, err);
		if (!queue->kick_source)
			return -ENOMEM;
		reset_queue(queue);
	}
	return 0;
}

static void init_function(struct virtio_pci *transport)
{
	struct virtio_device *device = transport->device;
	struct pci_device *pci = &transport->pci;
	uint16_t id = DEVICE_BASE + device->ops->device_id;

	pci->name = device->ops->name;
	pci->ops = &function_ops;
	pci->opaque = transport;
	pci_device_init(pci, VENDOR, id, device->ops->pci_class, REVISION);
	pci_config_set(pci, PCI_SUBSYSTEM_VENDOR_ID, 2, VENDOR);
	pci_config_set(pci, PCI_SUBSYSTEM_ID, 2, id); /* 4.1.2.1: 0x40 or above */
	pci_add_bar(pci, BAR, BAR_SIZE, false, &bar_ops);
	pci_add_express(pci);
	msix_init(pci, &device->vm->irq, device->ops->queue_count + 1, BAR, MSIX_TABLE, MSIX_PBA);
	add_structures(transport);
}

int virtio_pci_add(struct vm *vm, struct virtio_device *device, struct error *err)
{
	struct virtio_pci *transport = xcalloc(1, sizeof(*transport));
	int ret;

	device->vm = vm;
	device->transport = transport;
	device->transport_ops = &transport_ops;
	device->features |= UINT64_C(1) << VIRTIO_F_VERSION_1 |
		UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;
	pthread_mutex_init(&device->config_lock, NULL);
	pthread_mutex_init(&transport->lock, NULL);
	transport->device = device;
	transport->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		device->queues[i].kick_fd = -1;
	init_function(transport);
	ret = add_queues(device, err);
	if (ret == 0)
		ret = pci_add(vm->pci, &transport->pci, err);
	if (ret < 0)
		free_function(&transport->pci);
	return ret;
}
