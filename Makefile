# drywire: every entry point. `make help` lists them.
#
# Variables: CC, CFLAGS_EXTRA, SANITIZE=address,undefined, O=build folder, V=1 (show commands),
# SEED=, SCENARIO=, ARTIFACTS= (a folder for failures; for sim-test), COVERAGE=1 (kernels that count
# their lines; targets/targets.mk).

CC ?= cc
O ?= build
SEED ?= 1
SCENARIO ?= tests/scenarios tests/captures
BOOT ?= tests/scenarios/common/contract-web.scn
TARGET ?= x86_64
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
# Isolated: the checkout has a folder named pytest, which is not the module.
PYTEST := /usr/bin/python3 -I -m pytest -q -p no:cacheprovider
# As many jobs as processors, unless -j is given.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

WARNINGS := -Wall -Wextra -Wshadow -Wvla -Wswitch-enum -Wmissing-prototypes -Wundef -Wcast-align \
            -Wno-missing-field-initializers -Werror
SANITIZE_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
                    -fno-omit-frame-pointer)
# gcc zeroes and copies structs with the string instructions of x86, which start too slowly for our
# sizes: use moves, and the C library for large ones.
STRATEGY := unrolled_loop:96:noalign,libcall:-1:noalign
MOVES := $(shell f='-mmemset-strategy=$(STRATEGY) -mmemcpy-strategy=$(STRATEGY)'; \
           $(CC) $$f -x c -c /dev/null -o /dev/null 2>/dev/null && echo $$f)
OPTIMIZE := -O3
BASE = -std=c11 $(OPTIMIZE) -g $(MOVES) $(WARNINGS) $(SANITIZE_FLAGS) $(CFLAGS_EXTRA)
# At -O3 gcc 14 warns of stores that the tests' inlined loops do not make.
$(O)/tests/%.o: OPTIMIZE := -O2
DEPS = -MMD -MP -MF $(@:.o=.d)

# Freestanding: no C library, no writable file-scope data. pytest/test_build.py checks this on the
# plain objects.
FREESTANDING := -ffreestanding -fno-stack-protector
PLAIN := -std=c11 -O2 $(WARNINGS) $(FREESTANDING) -fno-pic

# Files with a main(), or that need libslirp, are listed separately.
SLIRP_ONLY := $(wildcard sim/world/slirp/*.c)
CORE_SOURCES := $(sort $(wildcard core/*/*.[ch]))
CORE := $(patsubst core/%,%,$(wildcard core/*/*.c))
USER := $(patsubst user/%,%,$(wildcard user/*.c))
SIM := $(filter-out $(SLIRP_ONLY) cmd/bench.c cmd/main.c cmd/qtest/%, \
         $(wildcard sim/*/*.c sim/*/*/*.c cmd/*.c cmd/*/*.c))
QTEST := main.c qtest.c qtest_machine.c record.c registers.c

# Detect libslirp. It needs no GLib header, and Debian's slirp.pc is not usable without one.
HASH := \#
SLIRP := $(shell printf '%s\n' '$(HASH)include <libslirp.h>' \
           'int main(void) { return slirp_version_string() == 0; }' | \
           $(CC) -I/usr/include/slirp -x c - -o /dev/null -lslirp 2>/dev/null && echo yes)
ifeq ($(SLIRP),yes)
SIM += $(SLIRP_ONLY)
SLIRP_FLAGS := -DDRYWIRE_SLIRP -isystem /usr/include/slirp
LIBS += -lslirp
endif

# Of the core's sources: a journal is replayed by the revision that wrote it (docs/recorder.md).
CORE_REVISION := $(shell cat $(CORE_SOURCES) | sha256sum | cut -c1-16)

SIM_FLAGS = $(BASE) -D_GNU_SOURCE -DDRYWIRE_SIM -isystem $(O)/include $(SLIRP_FLAGS)
BUILT_WITH := $(strip $(CC) $(SIM_FLAGS) $(LIBS))

CORE_O := $(CORE:%.c=$(O)/core/%.o)
USER_O := $(USER:%.c=$(O)/user/%.o)
SIM_O := $(SIM:%.c=$(O)/%.o) $(O)/page_parts.o
BARE_O := $(CORE:%.c=$(O)/bare/core/%.o)
# QEMU as a child that ends with its parent, and memory it shares: Linux.
LINUX_TOOLS := $(if $(filter Linux,$(shell uname -s)),$(O)/qtest $(O)/record)

# The core without the simulator's hooks, with the parts of the simulator that it needs.
QTEST_O := $(BARE_O) $(O)/user.o $(QTEST:%.c=$(O)/cmd/qtest/%.o) $(O)/cmd/base/whole_file.o \
           $(addprefix $(O)/sim/, base/memory.o frame/decode.o frame/dhcp.o frame/decode_summary.o frame/pcapng.o machine/coroutine.o \
              machine/guest_core.o machine/processes.o text/values.o)
RECORD_O := $(addprefix $(O)/cmd/qtest/, record.o record_main.o registers.o)
PLAIN_O := $(CORE:%.c=$(O)/plain/core/%.o) $(USER:%.c=$(O)/plain/user/%.o)

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9_ -]*\):.*## \(.*\)/  make \1\t\2/p' Makefile targets/targets.mk | expand -t 24

.PHONY: all
all: $(O)/drywire $(O)/bench $(O)/markers $(O)/guest_ping.so $(LINUX_TOOLS) ## build the simulator and its tools

.PHONY: sim-test
sim-test: ## the main job: every simulator scenario, every ladder
	$(Q)sh tools/setup.sh sim
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire
	$(Q)$(O)/drywire run --memory both --seed $(SEED) $(if $(ARTIFACTS),--artifacts $(ARTIFACTS)) $(SCENARIO)
	$(Q)$(O)/drywire pkt -q tests/ladders

.PHONY: update-hashes
update-hashes: ## rewrite tests/hashes: what every scenario hashes to; review its diff
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire
	$(Q)/usr/bin/python3 tools/hashes.py $(O)/drywire

.PHONY: test
test: ## all tests, a file of them on each processor (JOBS=)
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) all units plain $(IMAGES)
	$(Q)O=$(O) CC=$(CC) $(PYTEST) -n $(or $(JOBS),auto) --dist loadfile pytest

.PHONY: qemu-test
qemu-test: ## the marker suite: every common scenario and the device matrix in QEMU
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire $(IMAGES)
	$(Q)O=$(O) $(PYTEST) pytest/test_qemu.py

.PHONY: wireshark-check
wireshark-check: ## what tshark sees of our captures: comments and ring events show and filter
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire $(IMAGES)
	$(Q)O=$(O) $(PYTEST) pytest/test_wireshark.py \
	    pytest/test_captures.py

.PHONY: qemu-x86_64 qemu-rv64 qemu-gdb
qemu-x86_64 qemu-rv64: qemu-%: ## boot one scenario there (BOOT=FILE)
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire $(IMAGES)
	$(Q)$(O)/drywire qemu --target $* $(BOOT)

qemu-gdb: ## the same, stopped before the first instruction for gdb (TARGET=x86_64|rv64)
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire $(IMAGES)
	$(Q)$(O)/drywire qemu --target $(TARGET) --gdb $(BOOT)

.PHONY: size
size: ## what an image with webget alone weighs
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/x86_64/webget.elf $(O)/rv64/webget.elf
	$(Q)/usr/bin/python3 tools/size.py $(O)

.PHONY: unit
unit: ## the unit tests alone
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) units
	$(Q)for t in $(UNIT); do $(O)/unit/$$t || exit 1; done

.PHONY: parity
parity: ## do the simulator and QEMU agree? (docs/parity.md)
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire $(IMAGES)
	$(Q)O=$(O) CC=$(CC) $(PYTEST) pytest/test_parity.py

.PHONY: bench
bench: ## measure speed; writes $(O)/bench.json
	$(Q)sh tools/setup.sh bench
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/bench $(O)/drywire $(O)/x86_64/bench.elf $(O)/rv64/bench.elf \
	    stacks
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) O=$(O)/asan SANITIZE=address,undefined $(O)/asan/bench
	$(Q)sh tools/bench.sh $(O)

.PHONY: coverage
coverage: ## gcov over scenarios, unit tests and kernels in QEMU, HTML in $(O)/coverage
	$(Q)sh tools/setup.sh test
	$(Q)sh tools/coverage.sh $(O)

.PHONY: mutants
mutants: ## which drawn mistakes in core/ do the tests find? (N=200 SEED= JOBS=; docs/coverage.md)
	$(Q)sh tools/setup.sh test
	$(Q)/usr/bin/python3 tools/mutants.py --count $(or $(N),200) --seed $(SEED) \
	    --jobs $(or $(JOBS),1) --build $(O) --cc $(CC)

.PHONY: bugs
bugs: ## is every planted bug of tests/bugs reported, in the simulator and in QEMU? (BUG=NAME: this one)
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire $(O)/x86_64/kernel.elf $(O)/rv64/kernel.elf
	$(Q)/usr/bin/python3 tools/planted.py --build $(O) --cc $(CC) $(BUG)

.PHONY: lint
lint: ## clang-tidy and cppcheck over the core and the simulator
	$(Q)sh tools/setup.sh lint
	$(Q)sh tools/lint.sh

.PHONY: fmt
fmt: ## format the sources in place
	$(Q)sh tools/setup.sh lint
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

.PHONY: chaos
chaos: ## kills at random moments, two runs into one path, full disks: what is left? (N=500)
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(O)/drywire
	$(Q)/usr/bin/python3 tools/chaos.py --kills $(or $(N),500) --seed $(SEED) --build $(O)

.PHONY: fresh-test
fresh-test: ## the README's commands on fresh Debian roots, before a release (as root; CELLS='trixie-*')
	$(Q)sh tools/fresh.sh $(O) $(CELLS)

.PHONY: doctor
doctor: ## what is here, what is missing, and the line that installs it
	$(Q)sh tools/setup.sh doctor

.PHONY: clean
clean: ## remove the build folder
	$(Q)rm -rf $(O)

# ---- programs and objects ----

# All objects are rebuilt when this changes: other flags, or libslirp was installed. The compiler is
# tried first, so that a missing header is reported in one line. The hash is one header: compilers that
# do not search /usr/include (musl's, aarch64's) find it in $(O)/include.
TRY_HEADERS = printf '$(HASH)include <%s>\n' stdio.h xxhash.h | $(CC) $(SIM_FLAGS) -E -o /dev/null -x c -
ifneq ($(BUILT_WITH),$(strip $(file <$(O)/flags)))
$(O)/flags: always
endif
$(O)/flags:
	$(Q)mkdir -p $(O)/include
	$(Q)$(if $(wildcard /usr/include/xxhash.h),ln -sf /usr/include/xxhash.h $(O)/include)
	$(Q)$(TRY_HEADERS) 2>/dev/null || { sh tools/setup.sh need && $(TRY_HEADERS); }
	$(Q)printf '%s\n' '$(BUILT_WITH)' >$@

.PHONY: units plain
units: $(BARE_O) $(UNIT:%=$(O)/unit/%) $(if $(wildcard /usr/include/lwip/lwip/init.h),$(O)/stack_lwip.so)
plain: $(PLAIN_O)

$(O)/drywire: $(CORE_O) $(O)/user.o $(SIM_O) $(O)/cmd/main.o
	@echo "  link    $@"
	$(Q)$(CC) $(BASE) -o $@ $^ $(LIBS)

$(O)/bench: $(CORE_O) $(O)/user.o $(SIM_O) $(O)/cmd/bench.o
	@echo "  link    $@"
	$(Q)$(CC) $(BASE) -o $@ $^ $(LIBS)

$(O)/markers: $(O)/tools/markers.o $(O)/core/trace/trace.o $(O)/core/base/fmt.o
	@echo "  link    $@"
	$(Q)$(CC) $(BASE) -o $@ $^

# The core against QEMU's devices, and the simulator's side of the comparison.
$(O)/qtest: $(QTEST_O)
	@echo "  link    $@"
	$(Q)$(CC) $(BASE) -o $@ $^

$(O)/record: $(CORE_O) $(O)/user.o $(SIM_O) $(RECORD_O)
	@echo "  link    $@"
	$(Q)$(CC) $(BASE) -o $@ $^ $(LIBS)

# core/net beside lwIP (tools/bench_stacks.py), as docs/embedding.md compiles it: at -O2.
EMBEDDED := $(filter-out %_invariants.c core/net/socket.c,$(wildcard core/net/*.c)) \
            $(addprefix core/base/,bitset.c checksum.c rng.c)
STACK_FLAGS = $(BASE) -O2 -D_GNU_SOURCE -I. -fPIC -fvisibility=hidden
STACKS := core.so $(if $(wildcard /usr/include/lwip/lwip/init.h),lwip.so)

.PHONY: stacks
stacks: $(O)/stacks/rig $(STACKS:%=$(O)/stacks/%)

$(O)/stacks/%: tests/bench/end.h $(O)/flags
	@echo "  bench   $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(STACK_FLAGS) $(FLAGS) -o $@ $(filter %.c,$^) $(LINKED)

$(O)/stacks/rig: tests/bench/rig.c
$(O)/stacks/core.so: FLAGS := -shared -DDRYWIRE_METAL
$(O)/stacks/core.so: tests/bench/end_core.c $(EMBEDDED) $(wildcard core/*/*.h)
$(O)/stacks/lwip.so: FLAGS := -shared -isystem /usr/include/lwip
$(O)/stacks/lwip.so: LINKED := -llwip
$(O)/stacks/lwip.so: tests/bench/end_lwip.c

# An external guest: it uses nothing of drywire but two headers.
$(O)/guest_ping.so: tests/guests/ping.c sim/machine/guest.h core/port/platform.h $(O)/flags
	@echo "  guest   $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -fPIC -shared -o $@ $<

# Another stack under ladders, if its library is here.
$(O)/stack_lwip.so: tests/guests/stack_lwip.c sim/pkt/stack.h core/interface/syscall.h $(O)/flags
	@echo "  guest   $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -D_GNU_SOURCE -fPIC -shared -fvisibility=hidden -isystem /usr/include/lwip -o $@ $< -llwip

# The programs' read-only data goes into one section: what the simulator lets the kernel read.
$(O)/user.o: $(USER_O) user/sections.ld
	@echo "  link    $@"
	$(Q)$(LD) -r -T user/sections.ld -o $@ $(USER_O)

# Unit tests of the core link it without the simulator's hooks; the decoder and the device side of a
# virtqueue do not use the core. A static pattern: make would prefer the rule below whenever the
# bare objects are not there yet.
ALONE_O := $(addprefix $(O)/sim/frame/,decode.o dhcp.o) $(patsubst %.c,$(O)/%.o,$(wildcard sim/fake_device/vqueue*.c))
$(filter $(O)/unit/test_core_%,$(UNIT:%=$(O)/unit/%)): $(O)/unit/test_core_%: \
        $(O)/tests/unit/test_core_%.o $(BARE_O) $(ALONE_O)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -o $@ $^ -lcmocka $(UNIT_LIBS)

# Another reader of devicetrees, for comparison.
$(patsubst %,$(O)/unit/test_core_%,discover fdt fdt_damage): UNIT_LIBS := -lfdt

$(O)/unit/%: $(O)/tests/unit/%.o $(CORE_O) $(O)/user.o $(SIM_O)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -o $@ $^ -lcmocka $(LIBS)

$(O)/core/%.o: core/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(FREESTANDING) -DDRYWIRE_SIM $(DEPS) -c $< -o $@

# Named one by one: else make, finding a new one missing, links a core test by the general rule.
$(BARE_O): $(O)/bare/core/%.o: core/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(FREESTANDING) $(DEPS) -c $< -o $@

$(O)/user/%.o: user/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) $(FREESTANDING) $(DEPS) -c $< -o $@

$(O)/sim/%.o: sim/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SIM_FLAGS) $(DEPS) -c $< -o $@

$(O)/cmd/%.o: cmd/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SIM_FLAGS) $(DEPS) -c $< -o $@

# Captures contain the revision of the sources.
REVISED := $(addprefix $(O)/cmd/,base/origin.o base/version.o options.o replay/replay_exact.o)
$(REVISED): SIM_FLAGS += -I$(O)
$(REVISED): $(O)/revision.h
.PHONY: always
$(O)/revision.h: always
	$(Q)mkdir -p $(@D)
	$(Q)sh tools/revision.sh $@

# The page of `drywire report`, embedded in the program.
PAGE := $(addprefix cmd/report/page.,html css js)
$(O)/page_parts.c: $(PAGE) tools/embed.sh
	@echo "  embed   cmd/report"
	$(Q)mkdir -p $(@D)
	$(Q)sh tools/embed.sh $(PAGE) >$@.new && mv $@.new $@

$(O)/page_parts.o: $(O)/page_parts.c $(O)/flags
	$(Q)$(CC) $(SIM_FLAGS) -c $< -o $@

$(O)/cmd/replay/replay_journal.o: SIM_FLAGS += -DCORE_REVISION='"$(CORE_REVISION)"'
$(O)/cmd/replay/replay_journal.o: $(CORE_SOURCES)

# Tests of the core play the device in the driver's own memory: no hooks there either.
$(O)/tests/unit/test_core_%.o: tests/unit/test_core_%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -D_GNU_SOURCE $(DEPS) -c $< -o $@

$(O)/tests/unit/%.o: tests/unit/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SIM_FLAGS) $(DEPS) -c $< -o $@

$(O)/tools/%.o: tools/%.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SIM_FLAGS) $(DEPS) -c $< -o $@

$(O)/plain/%.o: %.c $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PLAIN) $(DEPS) -c $< -o $@

include targets/targets.mk

.SECONDARY:
-include $(shell find $(O) -path $(O)/fresh -prune -o -name '*.d' -type f -print 2>/dev/null)
