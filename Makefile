# crun-lite: `make run` shows a container from the inside, `make test` runs the tests, `make help`
# lists the rest. Nothing but ./crun-lite (and mybundle/) is written outside $(BUILD).
PROGRAM ?= crun-lite
BUILD   ?= build
PREFIX  ?= /usr/local
VERSION := 0.1.0
COMMIT  := $(shell git describe --always --dirty --abbrev=12 2>/dev/null)

# SANITIZE=1: AddressSanitizer and UndefinedBehaviorSanitizer, beside the ordinary build.
out     := $(BUILD)$(if $(SANITIZE),/sanitize)
program := $(if $(SANITIZE),$(out)/crun-lite,$(PROGRAM))
archive := $(out)/libcrun-lite.a

folders   := base spec cgroups namespaces namespaces/mount seccomp runtime
library   := $(patsubst %.c,$(out)/%.o,$(wildcard $(folders:%=%/*.c)))
commands  := $(patsubst %.c,$(out)/%.o,$(wildcard cmd/crun-lite/*.c))
harness   := $(patsubst %.c,$(out)/%.o,$(wildcard tests/integration/harness/*.c))
unit_tests        := $(patsubst %.c,$(out)/%,$(wildcard tests/unit/*.c))
integration_tests := $(patsubst %.c,$(out)/%,$(wildcard tests/integration/*.c))

# pkg-config is asked inside the recipes, not here: on a fresh machine `make deps` has yet to install it.
PKG_CONFIG ?= pkg-config
libraries  := libseccomp libcap yajl libmnl
x86        := $(filter x86_64 i%86,$(shell uname -m))

warnings  := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
             -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Wundef -Wpointer-arith \
             -Wwrite-strings -Wcast-align $(if $(WERROR),-Werror)
hardening := -fPIE -fstack-protector-strong -fstack-clash-protection $(if $(x86),-fcf-protection) \
             -U_FORTIFY_SOURCE $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
sanitize  := $(if $(SANITIZE),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
CFLAGS    ?= -O2 -g

compile = $(CC) -std=gnu11 -I. -D_GNU_SOURCE $(warnings) $(hardening) $(CFLAGS) $(sanitize) -MMD -MP \
          $(shell $(PKG_CONFIG) --cflags $(libraries) $(1)) $(CPPFLAGS)
link    = $(CC) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(CFLAGS) $(sanitize) $(LDFLAGS)
libs    = $(shell $(PKG_CONFIG) --libs $(libraries) $(1))

say     = @$(if $(V),set -x;,echo '  $(1) $@';)        # V=1 shows whole commands

.PHONY: all test test-unit test-vm test-programs run check format install uninstall clean help deps FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(program)                 ## build the program (default)

$(program): $(commands) $(archive)
	$(call say,link) $(link) $^ $(libs) -o $@
$(archive): $(library)
	@mkdir -p $(@D) && rm -f $@
	$(call say,archive) $(AR) rcs $@ $^
$(out)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,compile) $(compile) -c $< -o $@
$(commands): CPPFLAGS += -DCRUN_LITE_VERSION='"$(VERSION)"' -DCRUN_LITE_COMMIT='"$(COMMIT)"'
$(out)/cmd/crun-lite/main.o: $(out)/commit
$(out)/commit: FORCE            # touched only when the commit has changed
	@mkdir -p $(@D) && { echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT)' >$@; }

$(out)/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,compile) $(call compile,criterion) -c $< -o $@
$(unit_tests): %: %.o $(archive)
	$(call say,link) $(link) $^ $(call libs,criterion) -o $@
$(integration_tests): %: %.o $(harness) $(archive)
	$(call say,link) $(link) $^ $(call libs,criterion) -o $@
test-programs: $(program) $(unit_tests) $(integration_tests)

test: test-programs             ## unit and integration tests; as root all of them
	CRUN_LITE=$(abspath $(program)) tests/summary.sh $(unit_tests) $(integration_tests)
test-unit: $(unit_tests)        ## unit tests alone
	tests/summary.sh $(unit_tests)

-include $(shell find $(out) -name '*.d' 2>/dev/null)

clean:                          ## remove everything that was built
	rm -rf $(BUILD) $(PROGRAM) mybundle
help:                           ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 16
