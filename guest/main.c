/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot order, in ring 3 already (start.S), then the job, then power off. */
#include "guest/apic.h"
#include "guest/balloon.h"
#include "guest/button.h"
#include "guest/clock.h"
#include "guest/cpu.h"
#include "guest/guest.h"
#include "guest/job.h"
#include "guest/json.h"
#include "guest/paging.h"
#include "guest/power.h"
#include "guest/serial.h"
#include "guest/smp.h"

extern char image_end[];

void guest_main(uint64_t start_info) __attribute__((noreturn));

static void die(const char *error, const char *key, uint64_t value) __attribute__((noreturn));

static void die(const char *error, const char *key, uint64_t value)
{
	struct json line;

	json_open(&line, "error");
	json_string(&line, "error", error);
	if (key)
		json_u64(&line, key, value);
	json_close(&line);
	power_off();
}

static void die_of_option(const struct option_error *wrong)
{
	struct json line;

	json_open(&line, "error");
	json_string(&line, "error", wrong->what);
	json_string(&line, "key", wrong->key);
	if (wrong->value[0])
		json_string(&line, "value", wrong->value);
	json_string(&line, "expected", wrong->expected);
	json_close(&line);
	power_off();
}

/* The old interrupt controllers may still be set up as a BIOS left them; nobody here wants them. */
static void mask_pic(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static void read_machine(struct guest *guest, uint64_t start_info)
{
	const char *wrong = pvh_read(&guest->pvh, start_info);
	unsigned int i;

	if (wrong)
		die(wrong, NULL, 0);
	unmap_page_zero();
	for (i = 0; i < guest->pvh.ram_count; i++)
		guest->ram += guest->pvh.ram[i].end - guest->pvh.ram[i].start;
	acpi_read(&guest->acpi, guest->pvh.rsdp);
	power_init(&guest->acpi);
	mask_pic();
	if (!clock_init(guest->acpi.pm_timer))
		die("no source for the frequency of the TSC", NULL, 0);
	guest->started = rdtsc();
}

static void read_options(struct guest *guest)
{
	struct option_error wrong;

	if (!options_parse(&guest->options, guest->pvh.cmdline, &wrong))
		die_of_option(&wrong);
	if (guest->options.node != NODE_ANY && guest->options.node >= guest->acpi.node_count)
		die("node= is not a node of this guest", "nodes", guest->acpi.node_count);
}

static void start_cpus(struct guest *guest)
{
	const char *wrong;
	uint32_t missing;

	apic_enable();
	apic_calibrate();
	if (!smp_start(guest, &missing))
		die("a CPU did not start", "apic_id", missing);
	wrong = smp_choose_threads(guest);
	if (wrong)
		die(wrong, "cpus", guest->cpu_count);
}

/* Every job with memory wants at least three pages a thread (triad's arrays). */
static void size_job(struct guest *guest)
{
	const struct job *job = guest->options.job;
	uint64_t size = guest->options.size ? guest->options.size : job->default_size;
	struct pool *pool = &guest->pool;
	uint64_t room = pool->near_pages;

	if (!job->default_size)
		return;
	if (size == SIZE_HALF)
		pool->job_pages = room / 2;
	else if (size == SIZE_ALL || !guest->options.size)
		pool->job_pages = min_u64(room, size / PAGE_SIZE);
	else if (size / PAGE_SIZE > room)
		die("size= is more than there is", "room_MiB", room / 256);
	else
		pool->job_pages = size / PAGE_SIZE;
	if (pool->job_pages < 3 * (uint64_t)guest->thread_count)
		die("size= is too small for the threads", "pages_needed", 3 * (uint64_t)guest->thread_count);
	guest->job_wanted = pool->job_pages;
}

static void start_balloon(struct guest *guest)
{
	const char *wrong = NULL;

	if (!guest->options.balloon)
		return;
	guest->balloon = balloon_start(guest, &wrong);
	if (wrong)
		die(wrong, NULL, 0);
}

static void say_boot(const struct guest *guest)
{
	struct json line;

	json_open(&line, "boot");
	json_string(&line, "job", guest->options.job->name);
	json_u64(&line, "cpus", guest->cpu_count);
	json_u64(&line, "threads", guest->thread_count);
	json_u64(&line, "nodes", guest->acpi.node_count);
	json_u64(&line, "memory_MiB", (guest->ram + (1 << 19)) >> 20);
	json_u64(&line, "pool_MiB", guest->pool.pages / 256);
	json_hex(&line, "pool_address", guest->pool.part[0].address);
	json_u64(&line, "tsc_kHz", clock_khz());
	json_string(&line, "tsc_source", clock_source());
	json_bool(&line, "acpi", guest->acpi.found);
	json_bool(&line, "balloon", guest->balloon != NULL);
	json_close(&line);
}

uint64_t guest_uptime_ms(const struct guest *guest)
{
	return clock_ns(rdtsc() - guest->started) / 1000000;
}

void guest_end(const struct guest *guest, const char *status)
{
	struct json line;

	json_open(&line, "end");
	json_string(&line, "status", status);
	json_fixed(&line, "uptime_s", guest_uptime_ms(guest), 3);
	json_close(&line);
	power_off();
}

void guest_main(uint64_t start_info)
{
	static struct guest guest;

	cpu_init();
	serial_init();
	read_machine(&guest, start_info);
	read_options(&guest);
	pool_init(&guest.pool, &guest.pvh, &guest.acpi,
		guest.options.node == NODE_ANY ? -1 : (int)guest.options.node);
	if (!guest.pool.pages)
		die("no RAM above the guest's own image", "image_end_MiB", ((uint64_t)image_end + 0xfffff) >> 20);
	start_cpus(&guest);
	size_job(&guest);
	button_init(&guest.acpi);
	start_balloon(&guest);
	say_boot(&guest);
	guest.phase = "running";
	guest.options.job->run(&guest);
	guest_end(&guest, "ok");
}
