# SPDX-License-Identifier: GPL-2.0-or-later
#
# One plain Makefile. Rooms are folders; a program is its room, the libraries it may use, and
# nothing else (docs/DESIGN in README: tuner -> host -> lib, monitor -> host -> lib, vmm -> lib).
#
#   make            build/vmm build/vmtune build/vmtop build/guest.elf
#   make demo       install what is missing, build, run the main job here
#   make check      install what is missing, build, run every test; ends "N passed, N failed, N skipped"
#   V=1 shows commands; SANITIZE=1 builds with ASan and UBSan into build/sanitize.

CC      ?= gcc
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   := build$(if $(SANITIZE),/sanitize)
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
            -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wnull-dereference -Werror
CFLAGS   ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -I.
comma    := ,
OURS     := -std=gnu11 -pthread $(WARNINGS) $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-omit-frame-pointer)
ifdef SANITIZE
LDFLAGS  += -fsanitize=address,undefined
endif

# ---- what each program is made of --------------------------------------------------------------

lib_SRC     := $(wildcard lib/*.c)
host_SRC    := $(wildcard host/*.c)
vmm_SRC     := $(filter-out vmm/main.c,$(wildcard vmm/*.c vmm/*/*.c))
tuner_SRC   := $(filter-out tuner/main.c,$(wildcard tuner/*.c tuner/*/*.c))
monitor_SRC := $(filter-out monitor/main.c,$(wildcard monitor/*.c monitor/*/*.c))
guest_SRC   := $(wildcard guest/*.c guest/*.S)

object       = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
archive      = $(BUILD)/lib$(1).a
ROOMS       := lib host vmm tuner monitor

vmm_LIBS    := -ljansson -lnuma -luring -ldl -pthread
vmtune_LIBS := -lhwloc -lnuma -lcgroup -lconfuse -ljansson -lxml2 -lsystemd -ldl -lm -pthread
vmtop_LIBS  := -lhwloc -lnuma -lncursesw -ltinfo -ljansson -ldl -lm -pthread

all: $(BUILD)/vmm $(BUILD)/vmtune $(BUILD)/vmtop $(BUILD)/guest.elf

$(BUILD)/vmm:    $(BUILD)/obj/vmm/main.o $(call archive,vmm) $(call archive,lib)
$(BUILD)/vmtune: $(BUILD)/obj/tuner/main.o $(call archive,tuner) $(call archive,host) $(call archive,lib)
$(BUILD)/vmtop:  $(BUILD)/obj/monitor/main.o $(call archive,monitor) $(call archive,host) $(call archive,lib)

$(BUILD)/vmm $(BUILD)/vmtune $(BUILD)/vmtop:
	$(call say,LD,$@)
	$(Q)$(CC) $(OURS) $(CFLAGS) $(LDFLAGS) -o $@ $^ $($(notdir $@)_LIBS)

define archive_rule
$(call archive,$(1)): $(call object,$($(1)_SRC))
	$$(Q)rm -f $$@ && ar qcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call archive_rule,$(room))))

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(OURS) $(CFLAGS) -MMD -MP -c -o $@ $<

# libxml2's headers are in a folder of their own.
$(BUILD)/obj/tuner/import/libvirt.o: CPPFLAGS += $(shell pkg-config --cflags libxml-2.0)

# ---- the benchmark guest: freestanding, whatever the flags of the host programs are ------------

GUEST_FLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
               -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -mcmodel=small \
               -I. $(WARNINGS)
guest_OBJ   := $(patsubst %,$(BUILD)/obj/%.o,$(basename $(guest_SRC)))

$(guest_OBJ): CPPFLAGS :=
$(BUILD)/obj/guest/%.o: guest/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/obj/guest/%.o: guest/%.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_FLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/guest.elf: $(guest_OBJ) guest/guest.ld
	$(call say,LD,$@)
	$(Q)$(CC) -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-T,guest/guest.ld -o $@ $(guest_OBJ)

# ---- tests -------------------------------------------------------------------------------------
# Every test prints TAP ("ok N - what", "not ok N - what", "ok N - what # SKIP why"); tests/run sums.

UNIT := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))

$(BUILD)/tests/unit/%: tests/unit/%.c $(foreach r,vmm tuner monitor host lib,$(call archive,$(r)))
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(OURS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $(filter %.c %.a,$^) -lcmocka \
	    $(vmtune_LIBS) $(vmtop_LIBS) $(vmm_LIBS)

# Small programs that the test scripts use: build/tests/tools/NAME.
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/tools/%,$(wildcard tests/tools/*.c))

$(BUILD)/tests/tools/%: tests/tools/%.c $(call archive,lib)
	$(call say,TOOL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(OURS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $(filter %.c %.a,$^) -ljansson

# The placement engine's problems, evaluator and rivals, and the benchmark made of them.
planner_test_SRC := $(wildcard tests/planner/*.c)
$(call archive,planner_test): $(call object,$(planner_test_SRC))
	$(Q)rm -f $@ && ar qcs $@ $^
$(BUILD)/tests/unit/test_planner: $(call archive,planner_test)
$(BUILD)/tests/bench/planner: tests/bench/planner.c $(call archive,planner_test) $(call archive,tuner) $(call archive,lib)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(OURS) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $(filter %.c %.a,$^) -lm

test-tools: $(TOOLS)

unit-tests: $(UNIT)

check-unit: $(UNIT)
	$(Q)BUILD=$(BUILD) tests/run $(UNIT)

check-vm: all test-tools
	$(Q)BUILD=$(BUILD) tests/run $(sort $(wildcard tests/vm/test-*))

check-lab: all test-tools lab-files
	$(Q)BUILD=$(BUILD) tests/run $(sort $(wildcard tests/lab/test-*))

check-topologies: all
	$(Q)BUILD=$(BUILD) tests/run tests/topologies/test-plans

check: deps
	$(Q)$(MAKE) --no-print-directory all unit-tests test-tools lab-files
	$(Q)BUILD=$(BUILD) tests/run $(UNIT) tests/topologies/test-plans $(sort $(wildcard tests/vm/test-*)) $(sort $(wildcard tests/lab/test-*))

# Not part of check: FUZZ_SECONDS for each fuzzer; skipped with a reason without clang's libFuzzer.
fuzz:
	$(Q)BUILD=$(BUILD) tests/run tests/fuzz/run

# ---- dependencies, demo, lab -------------------------------------------------------------------

deps:
	$(Q)tests/deps

# The lab's plugins for QEMU's TCG, and programs that their tests run.
LAB_PLUGINS := $(BUILD)/lab/numa_count.so $(BUILD)/lab/stale_int3.so
$(LAB_PLUGINS): $(BUILD)/lab/%.so: tests/lab/plugin/%.c tests/lab/plugin/qemu_plugin.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -I. -std=gnu11 $(WARNINGS) -O2 -g -fPIC -fvisibility=hidden -shared -o $@ $<
LAB_LOADS := $(BUILD)/lab/load1 $(BUILD)/lab/load2 $(BUILD)/lab/load3
$(LAB_LOADS): $(BUILD)/lab/load%: tests/lab/plugin/load.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARNINGS) -O2 -static -no-pie -Wl,-Ttext-segment=0x$*0000000 -o $@ $<
LAB_PROGRAMS := $(BUILD)/lab/touch $(BUILD)/lab/trap $(BUILD)/lab/scatter
$(LAB_PROGRAMS): $(BUILD)/lab/%: tests/lab/plugin/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -std=gnu11 $(WARNINGS) -O2 -static -no-pie -o $@ $<

lab-files: deps
	$(Q)$(MAKE) -s $(LAB_PLUGINS) $(LAB_PROGRAMS) $(LAB_LOADS)
	$(Q)BUILD=$(BUILD) tests/lab/fetch

demo: deps
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) tests/demo

demo-lab: lab-files
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD=$(BUILD) tests/demo-lab

SHAPE ?= 2x2
lab: all lab-files
	$(Q)BUILD=$(BUILD) tests/lab/run $(SHAPE)

bench: all $(BUILD)/tests/bench/planner
	$(Q)BUILD=$(BUILD) tests/run --plain $(sort $(wildcard tests/bench/bench-*))

# Those that need the lab, and half an hour.
bench-lab: all lab-files
	$(Q)BUILD=$(BUILD) tests/run --plain $(sort $(wildcard tests/bench/lab-*))

lint:
	$(Q)tests/lint

# ---- install -----------------------------------------------------------------------------------

MAN1 := man/vmm.1 man/vmtune.1 man/vmtop.1
MAN5 := man/vmtune.conf.5
# Beside a system's own vmtune the units belong to its packages; in /usr/local the administrator's place is right.
UNITDIR ?= $(if $(filter /usr,$(PREFIX)),/lib/systemd/system,/etc/systemd/system)
UNITS := systemd/vmtune.service systemd/vmtune-boot.service

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/vmtune/profiles \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(UNITDIR)
	install -m 755 $(BUILD)/vmtune $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BUILD)/vmm $(BUILD)/vmtop $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/guest.elf $(DESTDIR)$(PREFIX)/share/vmtune/
	install -m 644 profiles/*.conf $(DESTDIR)$(PREFIX)/share/vmtune/profiles/
	sed -i 's,\.\./build/guest\.elf,../guest.elf,' $(DESTDIR)$(PREFIX)/share/vmtune/profiles/demo.conf
	install -m 644 $(MAN1) $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 $(MAN5) $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 $(UNITS) $(DESTDIR)$(UNITDIR)/
	sed -i 's,@SBIN@,$(PREFIX)/sbin,' $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)))

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/sbin/vmtune $(DESTDIR)$(PREFIX)/bin/vmm $(DESTDIR)$(PREFIX)/bin/vmtop
	rm -rf $(DESTDIR)$(PREFIX)/share/vmtune
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man1/,$(notdir $(MAN1)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/share/man/man5/,$(notdir $(MAN5)))

clean:
	rm -rf build

.PHONY: all deps demo demo-lab lab lab-files check check-unit check-topologies check-vm check-lab unit-tests test-tools fuzz bench bench-lab lint \
        install uninstall clean
.DELETE_ON_ERROR:

-include $(shell find $(BUILD) -path $(BUILD)/lab -prune -o -name '*.d' -type f -print 2>/dev/null)
