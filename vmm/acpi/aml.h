/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI machine language, written term by term (ACPI 6.4, chapter 20). Terms that contain others are
 * opened by a function that returns a mark and closed by aml_end() with it, which puts their length in:
 *
 *     size_t device = aml_device(&aml, "COM1");
 *     aml_name(&aml, "_HID");
 *     aml_eisaid(&aml, "PNP0501");
 *     aml_end(&aml, device);
 */
#ifndef VMTUNE_VMM_ACPI_AML_H
#define VMTUNE_VMM_ACPI_AML_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/acpi/bytes.h"

/* Terms that contain others. @path: "\\_SB_", "PCI0": an optional backslash and one segment. */
size_t aml_scope(struct bytes *aml, const char *path);
size_t aml_device(struct bytes *aml, const char *path);
size_t aml_method(struct bytes *aml, const char *path, unsigned int arguments, bool serialized);
size_t aml_if(struct bytes *aml);
size_t aml_package(struct bytes *aml, unsigned int elements);
void aml_end(struct bytes *aml, size_t mark);

/* Name(path, ...): the value is the next term. */
void aml_name(struct bytes *aml, const char *path);
/* A reference to a name. */
void aml_path(struct bytes *aml, const char *path);
void aml_integer(struct bytes *aml, uint64_t value);
void aml_string(struct bytes *aml, const char *text);
/* "PNP0501" in its packed form (ACPI 6.4, 19.3.4). */
void aml_eisaid(struct bytes *aml, const char *id);
void aml_argument(struct bytes *aml, unsigned int index);
void aml_local(struct bytes *aml, unsigned int index);

/* Return(next term); Store(next term, the one after); Notify(next, next); And(next, next, none). */
void aml_return(struct bytes *aml);
void aml_store(struct bytes *aml);
void aml_notify(struct bytes *aml);
void aml_and(struct bytes *aml);

/* OperationRegion(path, SystemIO, port, size) and in it one 32-bit Field of the name @field. */
void aml_port_field(struct bytes *aml, const char *region, uint16_t port, uint8_t size,
	const char *field);

/* A resource template (6.4): descriptors between aml_resources() and aml_resources_end(). */
size_t aml_resources(struct bytes *aml);
void aml_resources_end(struct bytes *aml, size_t mark);
void aml_ports(struct bytes *aml, uint16_t base, uint8_t size);
void aml_irq(struct bytes *aml, unsigned int isa_irq);
/* An interrupt by GSI: edge triggered, active high. */
void aml_interrupt(struct bytes *aml, uint32_t gsi);
void aml_fixed_memory(struct bytes *aml, uint32_t base, uint32_t size);
/* Windows of a bridge. */
void aml_bus_window(struct bytes *aml, uint16_t first, uint16_t last);
void aml_memory_window32(struct bytes *aml, uint32_t base, uint32_t size);
void aml_memory_window64(struct bytes *aml, uint64_t base, uint64_t size);

#endif
