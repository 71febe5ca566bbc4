# The bare-metal targets: the same core and programs, each with what its processor needs.
# Included by the Makefile. Images: $(O)/x86_64/kernel.elf, $(O)/rv64/kernel.elf (QEMU's -bios none)
# and $(O)/rv64/kernel-opensbi.elf; the same kernels with programs that misbehave are isolation.elf
# and isolation-opensbi.elf (pytest/test_isolation.py), with webget alone webget.elf (make size), the
# benchmarks bench.elf (make bench), with a flight recorder kernel-journal.elf (docs/recorder.md).
# COVERAGE=1 (with an O of its own): the kernel counts the lines it runs and sends the counts at the end
# (targets/common/coverage.h); the programs do not.

X86_CC ?= $(if $(filter x86_64,$(shell uname -m)),gcc,x86_64-linux-gnu-gcc)
RV_CC ?= riscv64-unknown-elf-gcc

TARGET_OPT ?= -O2

TARGET_COMMON := console.c main.c options.c panic.c process.c string.c
TARGET_x86_64 := boot.S trap.S cpu.c devices.c interrupt.c paging.c
TARGET_rv64 := boot.S trap.S cpu.c devices.c paging.c

USER_BASE_x86_64 := 0x70000000
USER_BASE_rv64 := 0x1000000000

TARGET_FLAGS := -DDRYWIRE_METAL -std=gnu11 $(TARGET_OPT) -g $(WARNINGS) $(FREESTANDING) -fno-pic -fno-asynchronous-unwind-tables \
                -fno-tree-loop-distribute-patterns -fno-common -ffunction-sections -fdata-sections -ffile-prefix-map=$(CURDIR)/=
FLAGS_x86_64 := $(TARGET_FLAGS) -m64 -mno-red-zone -mgeneral-regs-only -fcf-protection=none \
                -DUSER_BASE=$(USER_BASE_x86_64) -Itargets/x86_64
# Under QEMU a word of any alignment costs as much as an aligned one: with this
# tuning gcc knows that, and copies and checksums use words.
FLAGS_rv64 := $(TARGET_FLAGS) -march=rv64imac_zicsr -mabi=lp64 -mcmodel=medany -msmall-data-limit=0 \
              -mno-strict-align -mtune=thead-c906 -mno-relax -DUSER_BASE=$(USER_BASE_rv64) -Itargets/rv64
# Counted without optimisation, as on the host, to keep lines. The recorded path of an object file
# starts with PWD, if that is correct: not through a symbolic link.
ifeq ($(COVERAGE),1)
export PWD := $(CURDIR)
TARGET_COMMON += coverage.c
COUNT := -O0 -fprofile-arcs -ftest-coverage -fprofile-info-section -fprofile-update=single
LIBRARY_x86_64 := -print-file-name=libgcov.a
LIBRARY_rv64 := -march=rv64imac -mabi=lp64 -print-file-name=libgcov.a
endif
CC_x86_64 := $(X86_CC)
CC_rv64 := $(RV_CC)
LINK_x86_64 := -nostdlib -static -no-pie -Wl,--build-id=sha1 -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--gc-sections
LINK_rv64 := -nostdlib -static -Wl,--build-id=sha1 -Wl,-z,max-page-size=4096 -Wl,--gc-sections -lgcc

# The objects of a kernel besides its boot object; those of one with a recorder. Invariants of the core
# are checked in the simulator (core/base/check.h).
kernel_sources = $(filter-out %_invariants.c,$(CORE:%=core/%)) $(TARGET_COMMON:%=targets/common/%) \
    $(filter-out targets/$(1)/boot.S,$(TARGET_$(1):%=targets/$(1)/%))
kernel_objects = $(patsubst %,$(O)/$(1)/%.o,$(basename $(call kernel_sources,$(1))))
journal_objects = $(patsubst %,$(O)/$(1)/journal/%.o,$(basename $(call kernel_sources,$(1)) \
    targets/common/journal.c))

# Another table of programs and what is in it ($(1) is the target).
ISOLATION = $(filter-out user/programs.c,$(USER:%=user/%)) \
            $(addprefix tests/targets/isolation/,programs.c misbehave.c misbehave_$(1).c places.S)
BENCH := $(filter-out user/programs.c,$(USER:%=user/%)) \
         $(addprefix tests/targets/bench/,programs.c copy.c)
WEBGET := tests/targets/webget.c $(addprefix user/,http.c lib.c parse.c print.c url.c webget.c)

# $(1) target, $(2) name of the image, $(3) base address, $(4) the boot object, $(5) the programs,
# $(6) which objects
define target_image
$(O)/$(1)/$(2).elf: $(O)/$(1)/targets/$(1)/$(4).o $(call $(or $(6),kernel)_objects,$(1)) \
    $(O)/$(1)/$(5).o targets/$(1)/link.ld
	@echo "  link    $$@"
	$(Q)$(CC_$(1)) -T targets/$(1)/link.ld -Wl,--defsym=KERNEL_BASE=$(3) \
	    -Wl,--defsym=USER_BASE=$(USER_BASE_$(1)) -Wl,-Map=$$@.map -o $$@ $$(filter %.o,$$^) $(LINK_$(1)) \
	    $(if $(COUNT),$$$$($(CC_$(1)) $(LIBRARY_$(1))))
endef

# The programs share no symbol with the kernel: what they need of string.c and the compiler's
# library is theirs. $(1) target, $(2) name of the object, $(3) sources
define target_programs
$(O)/$(1)/$(2).o: $(patsubst %,$(O)/$(1)/%.o,$(basename $(3))) $(O)/$(1)/targets/$(1)/user.o \
    $(O)/$(1)/user/string.o targets/common/user.ld
	@echo "  link    $$@"
	$(Q)$(CC_$(1)) -nostdlib -r -Wl,-T,targets/common/user.ld -o $$@ $$(filter %.o,$$^) \
	    $$$$($(CC_$(1)) $(FLAGS_$(1)) -print-libgcc-file-name)
	$(Q)$(subst gcc,objcopy,$(CC_$(1))) --keep-global-symbol=user_none $$@
endef

define target_rules
$(O)/$(1)/%.o: %.c $(O)/flags
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC_$(1)) $$(FLAGS_$(1)) $$(DEPS) -c $$< -o $$@

$(O)/$(1)/%.o: %.S $(O)/flags
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC_$(1)) $$(FLAGS_$(1)) $$(DEPS) -c $$< -o $$@

$(O)/$(1)/journal/%.o: %.c $(O)/flags
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC_$(1)) $$(FLAGS_$(1)) -DDRYWIRE_JOURNAL -DCORE_REVISION='"$(CORE_REVISION)"' $$(DEPS) -c $$< -o $$@

$(O)/$(1)/journal/%.o: %.S $(O)/flags
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC_$(1)) $$(FLAGS_$(1)) $$(DEPS) -c $$< -o $$@

$(O)/$(1)/journal/targets/common/journal.o: $(CORE_SOURCES)

ifneq ($(COUNT),)
$(filter-out %/coverage.o,$(call kernel_objects,$(1))): FLAGS_$(1) += $(COUNT)
$(call kernel_objects,$(1)): FLAGS_$(1) += -DCOVERAGE_FOLDER='"$(abspath $(O))/$(1)/"'
endif

$(O)/$(1)/user/string.o: targets/common/string.c $(O)/flags
	$(Q)mkdir -p $$(@D)
	$(Q)$(CC_$(1)) $$(FLAGS_$(1)) $$(DEPS) -c $$< -o $$@
endef

$(foreach t,x86_64 rv64,$(eval $(call target_rules,$(t))))
$(foreach t,x86_64 rv64,$(eval $(call target_programs,$(t),user,$(USER:%=user/%))))
$(foreach t,x86_64 rv64,$(eval $(call target_programs,$(t),isolation-user,$(call ISOLATION,$(t)))))
$(foreach t,x86_64 rv64,$(eval $(call target_programs,$(t),webget-user,$(WEBGET))))
$(foreach t,x86_64 rv64,$(eval $(call target_programs,$(t),bench-user,$(BENCH))))
$(eval $(call target_image,x86_64,kernel,0x200000,boot,user))
$(eval $(call target_image,x86_64,isolation,0x200000,boot,isolation-user))
$(eval $(call target_image,x86_64,webget,0x200000,boot,webget-user))
$(eval $(call target_image,rv64,kernel,0x80000000,boot,user))
$(eval $(call target_image,rv64,kernel-opensbi,0x80200000,boot-opensbi,user))
$(eval $(call target_image,rv64,isolation,0x80000000,boot,isolation-user))
$(eval $(call target_image,rv64,isolation-opensbi,0x80200000,boot-opensbi,isolation-user))
$(eval $(call target_image,x86_64,bench,0x200000,boot,bench-user))
$(eval $(call target_image,rv64,bench,0x80000000,boot,bench-user))
$(eval $(call target_image,rv64,webget,0x80000000,boot,webget-user))
$(eval $(call target_image,x86_64,kernel-journal,0x200000,boot,user,journal))
$(eval $(call target_image,rv64,kernel-journal,0x80000000,boot,user,journal))
$(eval $(call target_image,rv64,kernel-opensbi-journal,0x80200000,boot-opensbi,user,journal))

IMAGES := $(foreach k,x86_64/kernel rv64/kernel rv64/kernel-opensbi,$(O)/$(k).elf $(O)/$(k)-journal.elf)
.PHONY: images
images: ## the kernels for QEMU
	$(Q)sh tools/setup.sh test
	$(Q)$(MAKE) --no-print-directory $(PARALLEL) $(IMAGES)

$(O)/rv64/targets/rv64/boot-opensbi.o: targets/rv64/boot.S $(O)/flags
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_rv64) $(FLAGS_rv64) -DOPENSBI $(DEPS) -c $< -o $@
