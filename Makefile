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

# What there is to build, by folder: a new file needs no line here.
objects_of         = $(patsubst %.c,$(out)/%.o,$(wildcard $(1:%=%/*.c)))
folders           := base spec cgroups namespaces namespaces/mount seccomp runtime
library           := $(call objects_of,$(folders))
command           := $(call objects_of,cmd/crun-lite)
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
compile = $(CC) -std=gnu11 -I. -D_GNU_SOURCE $(warnings) $(hardening) $(CFLAGS) $(sanitize) \
          $(CPPFLAGS) -MMD -MP $(shell $(PKG_CONFIG) --cflags $(libraries) $(1)) -c $< -o $@
link    = $(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(CFLAGS) $(sanitize) $(LDFLAGS) $^ \
          $(shell $(PKG_CONFIG) --libs $(libraries) $(1)) -o $@
# All cores, unless the caller has said how many.
jobs    = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))
say     = $(if $(V),,@echo '  $(1)' $@;)

.PHONY: all test test-unit test-vm test-probe test-engines test-mutations compatibility spec-coverage test-programs probe-program run check format install uninstall clean help deps
.PHONY: always
.DELETE_ON_ERROR:
.SECONDARY:

all: $(program)                 ## build the program (default); SANITIZE=1, WERROR=1, V=1

$(program): $(command) $(archive)
	$(call say,link   )$(call link)
$(archive): $(library)
	@mkdir -p $(@D) && rm -f $@
	$(call say,archive)$(AR) rcs $@ $^
$(out)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,compile)$(call compile)
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
$(command): CPPFLAGS += $(version)
$(command): $(out)/commit
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
test-vm:                        ## integration tests in a guest with pure cgroup v2 (as root, QEMU)
	@tests/packages.sh build test vm
	@$(MAKE) --no-print-directory $(jobs) test-programs
	@CRUN_LITE=$(abspath $(program)) TEST_RESULTS=$(BUILD)/results tests/vm/test.sh $(integration_tests)
test-probe:                     ## what a container sees: the same configurations under runc and crun (as root)
	@tests/packages.sh build probe
	@$(MAKE) --no-print-directory $(jobs) all probe-program
	@CRUN_LITE=$(abspath $(program)) PROBE=$(probe) PROBE_RESULTS=$(BUILD)/probe tests/probe/run.sh
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
	    PROGRAM=$(BUILD)/gcc/crun-lite test-programs probe-program
	@$(MAKE) --no-print-directory $(jobs) CC=clang WERROR=1 BUILD=$(BUILD)/clang \
	    PROGRAM=$(BUILD)/clang/crun-lite test-programs probe-program
	@echo 'clang-tidy' && printf '%s\n' $(filter-out tests/%,$(filter %.c,$(sources))) | \
	    xargs -P$$(nproc) -n8 clang-tidy --quiet 2>/dev/null
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
