// SPDX-License-Identifier: GPL-2.0-or-later
/* The MSI-X table: what the guest writes into it, and when that becomes a route and an irqfd. */
#include "vmm/pci/msix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/xalloc.h"

enum { ADDRESS_LOW, ADDRESS_HIGH, DATA, CONTROL };

void msix_init(struct pci_device *device, struct irq_router *irq, unsigned int count,
	unsigned int bar, uint32_t table_offset, uint32_t pba_offset)
{
	struct pci_msix *msix = xcalloc(1, sizeof(*msix));
	unsigned int at = pci_add_capability(device, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);

	pthread_mutex_init(&msix->lock, NULL);
	msix->irq = irq;
	msix->name = device->name;
	msix->capability = at;
	msix->count = count;
	msix->vectors = xcalloc(count, sizeof(*msix->vectors));
	for (unsigned int i = 0; i < count; i++)
		msix->vectors[i].gsi = msix->vectors[i].event_fd = -1;
	msix_reset(msix);
	pci_config_set(device, at + PCI_MSIX_FLAGS, 2, count - 1);
	pci_config_set(device, at + PCI_MSIX_TABLE, 4, table_offset | bar);
	pci_config_set(device, at + PCI_MSIX_PBA, 4, pba_offset | bar);
	device->writable[at + PCI_MSIX_FLAGS + 1] = (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	device->msix = msix;
}

void msix_free(struct pci_device *device)
{
	struct pci_msix *msix = steal_pointer(&device->msix);

	if (!msix)
		return;
	for (unsigned int i = 0; i < msix->count; i++) {
		struct msix_vector *vector = &msix->vectors[i];

		if (vector->gsi >= 0) {
			irq_fd(msix->irq, vector->gsi, vector->event_fd, 0);
			irq_msi_free(msix->irq, vector->gsi);
		}
		if (vector->event_fd >= 0)
			close(vector->event_fd);
	}
	pthread_mutex_destroy(&msix->lock);
	free(msix->vectors);
	free(msix);
}

void msix_reset(struct pci_msix *msix)
{
	pthread_mutex_lock(&msix->lock);
	msix->enabled = msix->masked = false;
	for (unsigned int i = 0; i < msix->count; i++) {
		memset(msix->vectors[i].entry, 0, sizeof(msix->vectors[i].entry));
		msix->vectors[i].entry[CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
		msix->vectors[i].pending = false;
	}
	pthread_mutex_unlock(&msix->lock);
}

/* Makes the vector's eventfd, and connects it to a GSI if there is one left. */
static int connect_vector(struct pci_msix *msix, struct msix_vector *vector)
{
	int gsi, ret;

	if (vector->event_fd < 0)
		vector->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (vector->event_fd < 0)
		return -errno;
	if (vector->gsi >= 0)
		return 0;
	gsi = irq_msi_alloc(msix->irq);
	if (gsi < 0)
		return gsi;
	ret = irq_fd(msix->irq, gsi, vector->event_fd, 1);
	if (ret < 0) {
		irq_msi_free(msix->irq, gsi);
		return ret;
	}
	vector->gsi = gsi;
	return 0;
}

/* Makes the route say what the table entry says. */
static int route_vector(struct pci_msix *msix, struct msix_vector *vector)
{
	uint64_t address = (uint64_t)vector->entry[ADDRESS_HIGH] << 32 | vector->entry[ADDRESS_LOW];
	uint32_t data = vector->entry[DATA];
	int ret = connect_vector(msix, vector);

	if (ret < 0)
		return ret;
	if (vector->routed && vector->routed_address == address && vector->routed_data == data)
		return 0;
	ret = irq_msi_route(msix->irq, vector->gsi, address, data);
	vector->routed = ret == 0;
	vector->routed_address = address;
	vector->routed_data = data;
	return ret;
}

static bool is_live(const struct pci_msix *msix, const struct msix_vector *vector)
{
	return msix->enabled && !msix->masked &&
		!(vector->entry[CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void raise_vector(const struct msix_vector *vector)
{
	uint64_t one = 1;
	ssize_t ret = write(vector->event_fd, &one, sizeof(one));

	(void)ret; /* EAGAIN: the counter is full, the interrupt is on its way */
}

/* After anything changed that could make the vector live, or its message another one. */
static void update_vector(struct pci_msix *msix, struct msix_vector *vector)
{
	int ret;

	if (!is_live(msix, vector))
		return;
	ret = route_vector(msix, vector);
	if (ret < 0) {
		warn("%s: cannot route MSI-X vector %u: %s", msix->name,
			(unsigned int)(vector - msix->vectors), strerror(-ret));
		return;
	}
	if (vector->pending) {
		vector->pending = false;
		raise_vector(vector);
	}
}

void msix_control_written(struct pci_device *device)
{
	struct pci_msix *msix = device->msix;
	uint32_t control = pci_config_get(device, msix->capability + PCI_MSIX_FLAGS, 2);

	pthread_mutex_lock(&msix->lock);
	msix->enabled = control & PCI_MSIX_FLAGS_ENABLE;
	msix->masked = control & PCI_MSIX_FLAGS_MASKALL;
	for (unsigned int i = 0; i < msix->count; i++)
		update_vector(msix, &msix->vectors[i]);
	pthread_mutex_unlock(&msix->lock);
}

/* Dword accesses inside the table, aligned (6.8.2: software uses dwords or qwords). */
static bool is_entry_access(const struct pci_msix *msix, uint64_t offset, unsigned int size)
{
	return (size == 4 || size == 8) && offset % size == 0 &&
		offset + size <= (uint64_t)msix->count * MSIX_ENTRY_SIZE;
}

uint64_t msix_table_read(struct pci_msix *msix, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;

	if (!is_entry_access(msix, offset, size))
		return 0;
	pthread_mutex_lock(&msix->lock);
	memcpy(&value, (uint8_t *)msix->vectors[offset / MSIX_ENTRY_SIZE].entry + offset % MSIX_ENTRY_SIZE,
		size);
	pthread_mutex_unlock(&msix->lock);
	return value;
}

void msix_table_write(struct pci_msix *msix, uint64_t offset, unsigned int size, uint64_t value)
{
	struct msix_vector *vector;

	if (!is_entry_access(msix, offset, size))
		return;
	vector = &msix->vectors[offset / MSIX_ENTRY_SIZE];
	pthread_mutex_lock(&msix->lock);
	memcpy((uint8_t *)vector->entry + offset % MSIX_ENTRY_SIZE, &value, size);
	vector->entry[CONTROL] &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	update_vector(msix, vector);
	pthread_mutex_unlock(&msix->lock);
}

uint64_t msix_pba_read(struct pci_msix *msix, uint64_t offset, unsigned int size)
{
	uint64_t bits = 0;

	if (offset % size)
		return 0;
	pthread_mutex_lock(&msix->lock);
	for (unsigned int i = 0; i < size * 8 && offset * 8 + i < msix->count; i++)
		bits |= (uint64_t)msix->vectors[offset * 8 + i].pending << i;
	pthread_mutex_unlock(&msix->lock);
	return bits;
}

void msix_notify(struct pci_msix *msix, unsigned int vector)
{
	if (vector >= msix->count)
		return;
	pthread_mutex_lock(&msix->lock);
	if (is_live(msix, &msix->vectors[vector]) && msix->vectors[vector].routed)
		raise_vector(&msix->vectors[vector]);
	else if (msix->enabled)
		msix->vectors[vector].pending = true;
	pthread_mutex_unlock(&msix->lock);
}
