# crun-lite: `make run` shows a container from the inside, `make test` runs the tests, `make help`
# lists the rest. Nothing but ./crun-lite and mybundle/ is written outside $(BUILD).
PROGRAM ?= crun-lite
BUILD   ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
VERSION := 0.1.0
COMMIT  := $(shell git describe --always --dirty --abbrev=12 2>/dev/null)

# SANITIZE=1: AddressSanitizer and UndefinedBehaviorSanitizer, beside the ordinary build.
out     := $(BUILD)$(if $(SANITIZE),/sanitize)
program := $(if $(SANITIZE),$(out)/crun-lite,$(PROGRAM))
archive := $(out)/libcrun-lite.a

# LINK=static: a program of its own with musl, which starts in a fifth of the time (docs/performance.md); the default
# where there are musl and the libraries' archives.  LINK=shared: with the C library and the libraries of the system.
# Tests and their library are linked shared in either case.
hash        := \#
comma       := ,
archives     = libseccomp.a libcap.a libyajl_s.a
is_musl     := $(findstring musl,$(shell $(CC) -dumpmachine 2>/dev/null))
MUSL_CC     ?= $(if $(is_musl),$(CC),musl-gcc)
musl        := $(if $(is_musl),native,$(patsubst %/Scrt1.o,%,$(shell $(MUSL_CC) '-$(hash)$(hash)$(hash)' /dev/null 2>&1 | grep -o '/[^ "]*/Scrt1\.o')))
found        = $(filter /%,$(shell $(CC) -print-file-name=$(1)))
can_link    := $(if $(SANITIZE),shared,$(if $(musl),$(if $(filter 3,$(words $(foreach a,$(archives),$(call found,$(a))))),static,shared),shared))
LINK        ?= $(can_link)

has_entry   := $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null))

# What there is to build, by folder: a new file needs no line here.
objects_of         = $(patsubst %.c,$(out)/%.o,$(wildcard $(1:%=%/*.c)))
folders           := base spec cgroups namespaces namespaces/mount seccomp runtime
for_static        := base/fortified.c namespaces/mnl.c cmd/crun-lite/malloc.c cmd/crun-lite/entry.c
not_static         = $(filter-out $(for_static:%.c=$(out)/%.o),$(call objects_of,$(1)))
library           := $(call not_static,$(folders))
command           := $(call not_static,cmd/crun-lite)
static_parts       = $(patsubst $(out)/%,$(out)/static/%,$(library) $(command) \
                     $(patsubst %.c,$(out)/%.o,cmd/crun-lite/malloc.c $(if $(has_entry),cmd/crun-lite/entry.c) $(if $(is_musl),,base/fortified.c) $(if $(libmnl),,namespaces/mnl.c)))
harness           := $(call objects_of,tests/integration/harness)
unit_tests        := $(basename $(call objects_of,tests/unit))
integration_tests := $(basename $(call objects_of,tests/integration))
probe             := $(out)/tests/probe/probe

warnings  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
             -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Wundef -Wpointer-arith \
             -Wwrite-strings $(if $(WERROR),-Werror)
hardening := -fPIE -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE \
             $(if $(filter x86_64 i%86,$(shell uname -m)),-fcf-protection) \
             $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
sanitize  := $(if $(SANITIZE),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all \
             -fno-omit-frame-pointer)

# pkg-config is asked in the recipes, not up here: on a fresh machine `deps` has yet to install it.
PKG_CONFIG ?= pkg-config
libraries  := libseccomp libcap yajl libmnl
compile = $(CC) -std=gnu11 -I. -I$(out)/generated -D_GNU_SOURCE $(warnings) $(hardening) $(CFLAGS) $(sanitize) \
          $(CPPFLAGS) -MMD -MP $(shell $(PKG_CONFIG) --cflags $(libraries) $(1)) -c $< -o $@
link    = $(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(CFLAGS) $(sanitize) $(LDFLAGS) $^ \
          $(shell $(PKG_CONFIG) --libs $(libraries) $(1)) -o $@
# All cores, unless the caller has said how many.
jobs    = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))
say     = $(if $(V),,@echo '  $(1)' $@;)

.PHONY: all test test-unit test-vm test-probe test-engines test-mutations compatibility spec-coverage test-programs probe-program bench-programs bench bench-quick test-counts performance run check format install uninstall clean help deps
.PHONY: always
.DELETE_ON_ERROR:
.SECONDARY:

all: $(program)                 ## build the program (default); SANITIZE=1, WERROR=1, V=1

ifeq ($(LINK),static)
# As small as can be: what a page fault brings in is most of the time that a start takes.
libmnl       := $(call found,libmnl.a)
static_flags := -Os -g -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-plt
from_gcc      = $(shell $(CC) -print-file-name=$(1))
link_musl     = $(if $(is_musl),$(CC) -static-pie,$(CC) -static-pie -nostdlib -nostartfiles $(musl)/rcrt1.o $(musl)/crti.o \
                $(call from_gcc,crtbeginS.o)) -Wl,-z,relro,-z,now,-z,noexecstack,-z,noseparate-code,--gc-sections,--build-id$(if $(has_entry),$(comma)-e$(comma)entry) $(LDFLAGS) $^ \
                $(foreach a,$(archives),$(call found,$(a))) $(libmnl) $(if $(is_musl),,$(musl)/libc.a -lgcc \
                $(call from_gcc,crtendS.o) $(musl)/crtn.o) -o $@
$(program): $(out)/crun-lite.debug
	$(call say,strip  )strip -o $@ $<
$(out)/crun-lite.debug: $(static_parts)
	$(call say,link   )$(link_musl)
# The headers of the kernel and of the libraries, without those of the other C library beside them.
$(out)/static/include: Makefile
	@rm -rf $@ && mkdir -p $@/sys
	@$(if $(is_musl),true,cd $@ && for header in linux asm asm-generic mtd seccomp.h seccomp-syscalls.h yajl libmnl sys/capability.h; do \
	    for place in /usr/include/$$($(CC) -dumpmachine) /usr/include; do \
	        [ ! -e $$place/$$header ] || { ln -s $$place/$$header $$header; break; }; done; done)
$(out)/static/cmd/crun-lite/entry.o: static_flags += -fno-stack-protector -fcf-protection=none -U_FORTIFY_SOURCE
$(out)/static/%.o: %.c | $(out)/static/include
	@mkdir -p $(@D)
	$(call say,compile)$(MUSL_CC) -std=gnu11 -I. -I$(out)/generated -isystem $(out)/static/include -D_GNU_SOURCE $(warnings) $(hardening) \
	    $(static_flags) $(CPPFLAGS) -MMD -MP -c $< -o $@
else
$(program): $(command) $(archive)
	$(call say,link   )$(call link)
endif
$(archive): $(library)
	@mkdir -p $(@D) && rm -f $@
	$(call say,archive)$(AR) rcs $@ $^
$(out)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,compile)$(call compile)
# Tables that a program of ours writes, on the machine that builds: HOST_CC where that is another one.
HOST_CC    ?= $(CC)
call_table := $(out)/generated/seccomp/call_table.h
$(out)/generate/call_table: seccomp/generate/call_table.c seccomp/call_hash.h
	@mkdir -p $(@D)
	$(call say,link   )$(HOST_CC) -std=gnu11 -I. $(warnings) -O1 \
	    $(shell $(PKG_CONFIG) --cflags libseccomp) $< \
	    $(shell $(PKG_CONFIG) --libs libseccomp) -o $@
$(call_table): $(out)/generate/call_table
	@mkdir -p $(@D)
	$(call say,write  )$< >$@
$(out)/seccomp/calls.o $(out)/static/seccomp/calls.o: $(call_table)
$(out)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,compile)$(call compile,criterion)
$(unit_tests): %: %.o $(archive)
	$(call say,link   )$(call link,criterion)
$(integration_tests): %: %.o $(harness) $(archive)
	$(call say,link   )$(call link,criterion)
test-programs: $(program) $(unit_tests) $(integration_tests)
$(probe): tests/probe/probe.c
	@mkdir -p $(@D)
	$(call say,link   )$(CC) -std=gnu11 -D_GNU_SOURCE $(warnings) $(CFLAGS) -static $< -o $@
probe-program: $(probe)

version := -DCRUN_LITE_VERSION='"$(VERSION)"' -DCRUN_LITE_COMMIT='"$(COMMIT)"'
$(command) $(command:$(out)/%=$(out)/static/%): CPPFLAGS += $(version)
$(command) $(command:$(out)/%=$(out)/static/%): $(out)/commit
$(out)/commit: always           # rewritten only when it says something else
	@mkdir -p $(@D); echo '$(VERSION) $(COMMIT)' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
-include $(shell find $(out) -name '*.d' 2>/dev/null)

run:                            ## build, make mybundle/ and run it: a container from the inside
	@tests/packages.sh build run
	@$(MAKE) --no-print-directory $(jobs) all
	@tests/bundle/make-bundle.sh mybundle
	$(abspath $(program)) run mybundle

# Where results of this machine are kept: those of root and of an ordinary user apart.
here = $(BUILD)/results/$(if $(filter 0,$(shell id -u)),native,rootless).tsv
test:                           ## unit and integration tests: all of them as root
	@tests/packages.sh build test
	@$(MAKE) --no-print-directory $(jobs) test-programs
	@mkdir -p $(BUILD)/results; [ -n "$$TEST_FILTER" ] || rm -f $(here)
	@CRUN_LITE=$(abspath $(program)) TEST_RESULTS=$(here) tests/summary.sh $(unit_tests) $(integration_tests)
test-unit:                      ## unit tests alone
	@tests/packages.sh build test
	@$(MAKE) --no-print-directory $(jobs) $(unit_tests)
	@tests/summary.sh $(unit_tests)
test-vm:                        ## integration tests in guests: cgroup v2, SELinux, NUMA and RDMA, cgroup v1 (as root, QEMU)
	@tests/packages.sh build test vm
	@$(MAKE) --no-print-directory $(jobs) test-programs
	@CRUN_LITE=$(abspath $(program)) TEST_RESULTS=$(BUILD)/results tests/vm/test.sh $(integration_tests)
test-probe:                     ## what a container sees: the same configurations under runc and crun (as root)
	@tests/packages.sh build probe
	@$(MAKE) --no-print-directory $(jobs) all probe-program
	@CRUN_LITE=$(abspath $(program)) PROBE=$(probe) PROBE_RESULTS=$(BUILD)/probe tests/probe/run.sh
# The bench's own programs. What is without libc has no start-up code, and nothing to protect its stack by.
bench_folder := $(out)/bench
is_x86_64    := $(filter x86_64,$(shell uname -m))
bench        := $(addprefix $(bench_folder)/,interleave count memlock.so $(if $(is_x86_64),floor floor-timing true))
freestanding := -O2 -static -fno-pie -nostdlib -ffreestanding -fno-builtin -fno-stack-protector \
                -fno-asynchronous-unwind-tables -fcf-protection=none
compile_whole = @mkdir -p $(@D); echo '  link   ' $@; $(CC) -std=gnu11 -I. -D_GNU_SOURCE $(warnings)
floor_sources := $(addprefix tests/bench/floor/,floor.c child.c devices.c raw.c)
$(bench): $(wildcard tests/bench/floor/*.h)
$(bench_folder)/floor $(bench_folder)/floor-timing: $(floor_sources)
	$(compile_whole) $(freestanding) $(if $(findstring timing,$@),-DTIMING) $(filter %.c,$^) -o $@
$(bench_folder)/true: tests/bench/floor/payload.c tests/bench/floor/raw.c
	$(compile_whole) $(freestanding) $(filter %.c,$^) -o $@
$(bench_folder)/interleave $(bench_folder)/count: $(bench_folder)/%: tests/bench/%.c
	$(compile_whole) -O2 $< -o $@
$(bench_folder)/memlock.so: tests/bench/memlock.c
	$(compile_whole) -O2 -shared -fPIC -nostartfiles $< -o $@
bench-programs: $(bench)
# CRUN=PROGRAM, RUNC=PROGRAM: other peers than those installed. BENCH_OPTIONS='--json FILE': see tests/bench/bench.py.
run_bench = CRUN_LITE=$(abspath $(program)) tests/bench/bench.py --probe $(probe)
bench:                          ## speed, memory, counts against the floor and installed peers (as root)
	@tests/packages.sh build probe bench
	@$(MAKE) --no-print-directory $(jobs) all bench-programs probe-program
	@$(run_bench) --json $(bench_folder)/results.json $(BENCH_OPTIONS) $(bench_folder)
bench-quick:                    ## the same in a minute: run, create+start+delete, seccomp, exec (as root)
	@tests/packages.sh build probe bench
	@$(MAKE) --no-print-directory $(jobs) all bench-programs probe-program
	@$(run_bench) --quick $(BENCH_OPTIONS) $(bench_folder)
test-counts:                    ## system calls, memory, size against limits; that no step is skipped (as root)
	@tests/packages.sh build probe bench
	@$(MAKE) --no-print-directory $(jobs) all bench-programs probe-program
	@$(run_bench) --counts $(bench_folder)
performance:                    ## docs/performance.{md,svg}: take in the last results of bench
	@tests/bench/report.py $(bench_folder)/results.json docs/performance.md docs/performance.svg
ENGINES ?= native containerd cri docker podman
test-engines:                   ## containerd, CRI, Docker, Podman with it, and runc as control (as root, QEMU)
	@tests/packages.sh build test engines $(if $(filter-out native,$(ENGINES)),vm)
	@$(MAKE) --no-print-directory $(jobs) all
	@CRUN_LITE=$(abspath $(program)) ENGINES_RESULTS=$(BUILD)/engines tests/engines/run.sh $(ENGINES)
MUTATIONS_WHERE ?= native bare systemd
test-mutations: export MUTATIONS_WHERE := $(MUTATIONS_WHERE)
test-mutations:                 ## that tests fail when the rule they guard is taken away (as root, QEMU)
	@tests/packages.sh build test check $(if $(filter-out native,$(MUTATIONS_WHERE)),vm)
	@tests/mutations/run.py $(BUILD)
compatibility: all              ## docs/compatibility.{tsv,md}: take in the last results of test-engines
	@tests/engines/report.py $(abspath $(program)) docs $(wildcard $(patsubst %,$(BUILD)/engines/%.tsv,$(ENGINES)))
spec-coverage:                  ## docs/spec-coverage.{tsv,md}: take in the last results of test and test-vm
	@tests/spec-coverage.py docs $(wildcard $(BUILD)/results/*.tsv)

sources = $(shell find base spec cgroups namespaces seccomp runtime cmd tests -name '*.[ch]')
check:                          ## format, layers, both compilers with -Werror, clang-tidy
	@tests/packages.sh build test check
	@echo 'clang-format' && clang-format --dry-run -Werror $(sources)
	tests/check-layers.sh
	tests/spec-coverage.py
	tests/mutations/run.py --check
	@$(MAKE) --no-print-directory $(jobs) CC=gcc WERROR=1 BUILD=$(BUILD)/gcc \
	    PROGRAM=$(BUILD)/gcc/crun-lite test-programs probe-program bench-programs
	@$(MAKE) --no-print-directory $(jobs) CC=clang LINK=shared WERROR=1 BUILD=$(BUILD)/clang \
	    PROGRAM=$(BUILD)/clang/crun-lite test-programs probe-program bench-programs
	@echo 'clang-tidy' && printf '%s\n' $(filter-out tests/%,$(filter %.c,$(sources))) | \
	    xargs -P$$(nproc) -n8 clang-tidy --quiet --extra-arg=-I$(BUILD)/clang/generated 2>/dev/null
format:                         ## clang-format all sources
	@clang-format -i $(sources)

completions := bash-completion/completions/crun-lite zsh/site-functions/_crun-lite \
               fish/vendor_completions.d/crun-lite.fish
install: all                    ## install to $(DESTDIR)$(PREFIX)
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/crun-lite
	[ ! -f docs/crun-lite.8 ] || \
	    install -D -m 644 docs/crun-lite.8 $(DESTDIR)$(PREFIX)/share/man/man8/crun-lite.8
	install -d $(dir $(addprefix $(DESTDIR)$(PREFIX)/share/,$(completions)))
	$(abspath $(program)) completion bash >$(DESTDIR)$(PREFIX)/share/$(word 1,$(completions))
	$(abspath $(program)) completion zsh >$(DESTDIR)$(PREFIX)/share/$(word 2,$(completions))
	$(abspath $(program)) completion fish >$(DESTDIR)$(PREFIX)/share/$(word 3,$(completions))
uninstall:                      ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/crun-lite $(DESTDIR)$(PREFIX)/share/man/man8/crun-lite.8 \
	    $(addprefix $(DESTDIR)$(PREFIX)/share/,$(completions))
clean:                          ## remove everything that was built
	rm -rf $(BUILD) $(PROGRAM) mybundle
deps:                           ## install what building, `make run` and `make test` need
	@tests/packages.sh build run test
help:                           ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' Makefile | expand -t 16
