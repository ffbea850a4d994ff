# Predis: one Makefile, nothing recursive. `make help` lists the targets.
# A program is a folder bin/predis-*/; a module is a folder lib/*/: adding
# one of either needs no edit here.

VERSION := $(shell cat VERSION)
B ?= build
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/predis
COMPDIR ?= $(PREFIX)/share/bash-completion/completions

# Build switches, 0 or 1. MLOPS_ENABLED=0 leaves out lib/learn,
# predis-retrain and libxgboost. CUDA=1 needs NVIDIA's compiler, nvcc.
MLOPS_ENABLED ?= 1
TLS ?= 1
KAFKA ?= 0
CUDA ?= 0
DEVELOPER ?= 0

CC ?= cc
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wvla -Wformat=2 -Wundef
HARD ?= -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fstack-clash-protection
HARDLD ?= -pie -Wl,-z,relro,-z,now
# -ffp-contract=off: scores must be the same bits on every machine.
CFLAGS_ALL := -std=c11 $(OPT) $(WARN) $(HARD) -fPIE -pthread \
	-ffunction-sections -fdata-sections -ffp-contract=off \
	-ffile-prefix-map='$(CURDIR)'=. $(CFLAGS)
CPPFLAGS_ALL := -D_POSIX_C_SOURCE=200809L -Ilib $(CPPFLAGS)
# Only files that name a switch or the version see them, and depend on them.
SWITCHES := -DPD_VERSION='"$(VERSION)"' -DPD_MLOPS=$(MLOPS_ENABLED) \
	-DPD_TLS=$(TLS) -DPD_KAFKA=$(KAFKA) -DPD_CUDA=$(CUDA)
SWITCHED := $(shell grep -lE '\bPD_(VERSION|MLOPS|TLS|KAFKA|CUDA)\b' \
	lib/*/*.[ch] bin/*/*.[ch] tests/*/*.[ch])
ifneq ($(filter %.h,$(SWITCHED)),)
$(error a header may not depend on a switch: $(filter %.h,$(SWITCHED)))
endif
NVCC ?= nvcc
CUDA_ARCH ?= all
# No fused operation: the bits of the CPU. No spill, no local memory.
NVCCFLAGS ?= -arch=$(CUDA_ARCH) --fmad=false -Werror all-warnings \
	-Wno-deprecated-gpu-targets -Xptxas -warn-spills,-warn-lmem-usage,-Werror
LDFLAGS_ALL := $(HARDLD) -pthread -Wl,--gc-sections -Wl,--as-needed $(LDFLAGS)
ifeq ($(DEVELOPER),1)
CFLAGS_ALL += -Werror
endif

LDLIBS_ALL := -lsodium -lxxhash -lz -ljansson -larchive -lhiredis
ifeq ($(TLS),1)
LDLIBS_ALL += -lssl -lcrypto
endif
ifeq ($(KAFKA),1)
LDLIBS_ALL += -lrdkafka
endif
ifeq ($(MLOPS_ENABLED),1)
LDLIBS_ALL += -lxgboost
endif
LDLIBS_ALL += -lm $(LDLIBS)

LIBSRC := $(sort $(wildcard lib/*/*.c))
PROGRAMS := $(sort $(notdir $(wildcard bin/predis-*)))
UNITSRC := $(sort $(wildcard tests/unit/*_test.c))
FUZZSRC := $(sort $(wildcard tests/fuzz/*_fuzz.c))
BENCHSRC := $(sort $(wildcard tests/bench/*_bench.c))
ifneq ($(MLOPS_ENABLED),1)
LIBSRC := $(filter-out lib/learn/%,$(LIBSRC))
PROGRAMS := $(filter-out predis-retrain,$(PROGRAMS))
UNITSRC := $(filter-out tests/unit/learn_%,$(UNITSRC))
endif
ifneq ($(TLS),1)
LIBSRC := $(filter-out %/tls.c,$(LIBSRC))
UNITSRC := $(filter-out tests/unit/%_tls_test.c,$(UNITSRC))
endif
ifneq ($(KAFKA),1)
LIBSRC := $(filter-out %/kafka.c %/kafka_in.c,$(LIBSRC))
UNITSRC := $(filter-out tests/unit/%_kafka_test.c,$(UNITSRC))
endif
ifneq ($(CUDA),1)
LIBSRC := $(filter-out %/gpu.c,$(LIBSRC))
UNITSRC := $(filter-out tests/unit/%_gpu_test.c,$(UNITSRC))
endif

LIBOBJ := $(LIBSRC:%.c=$(B)/%.o)
ifeq ($(CUDA),1)
LIBOBJ += $(B)/lib/model/trees_cuda.o
endif
LIB := $(B)/libpredis.a
BINS := $(PROGRAMS:%=$(B)/%)
UNITS := $(UNITSRC:tests/unit/%.c=$(B)/tests/unit/%)
FUZZERS := $(FUZZSRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)
CLOCKED := predis-sample predis-serve
HELPERS := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/lib/*.c))) \
	$(CLOCKED:%=$(B)/tests/clock/%)
BENCHES := $(BENCHSRC:tests/bench/%.c=$(B)/tests/bench/%)

# Where nobody asked for jobs, the targets for users take all processors.
J = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

.PHONY: all help deps demo check check-unit check-cli check-long check-san \
	check-fuzz check-repro check-switches lint format complexity bench \
	bench-policy bench-serve fuzz install uninstall dist clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BINS) ## build every program into build/

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-14s %s\n", $$1, $$2}' Makefile
	@echo "switches: MLOPS_ENABLED=$(MLOPS_ENABLED) TLS=$(TLS)" \
	    "KAFKA=$(KAFKA) CUDA=$(CUDA) DEVELOPER=$(DEVELOPER) B=$(B)"

deps: ## install the Debian packages that are missing (says which)
	@MLOPS_ENABLED=$(MLOPS_ENABLED) TLS=$(TLS) KAFKA=$(KAFKA) \
	    CUDA=$(CUDA) sh share/deps.sh build test

# The flags are a prerequisite: a switch flipped rebuilds what it touches.
FLAGS := $(CC) $(CFLAGS_ALL) $(CPPFLAGS_ALL)
SWITCHFLAGS := $(SWITCHES) $(LDFLAGS_ALL) $(LDLIBS_ALL) $(LIBSRC) \
	$(if $(filter 1,$(CUDA)),$(NVCC) $(NVCCFLAGS))
define remember
	@mkdir -p $(B)
	@printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(1))' >$@
endef
$(B)/flags: FORCE
	$(call remember,$(FLAGS))
$(B)/switches: FORCE
	$(call remember,$(SWITCHFLAGS))
.PHONY: FORCE
FORCE:

$(SWITCHED:%.c=$(B)/%.o): $(B)/switches
$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(if $(filter $<,$(SWITCHED)),$(SWITCHES)) \
	    $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The kernels of a .cu file, compiled for every card, as bytes in the library.
$(B)/%.fatbin: %.cu lib/model/trees_priv.h lib/model/trees.h $(B)/flags \
		$(B)/switches
	$(call say,NVCC,$<)
	@mkdir -p $(@D)
	@command -v $(NVCC) >/dev/null || { echo "CUDA=1 needs nvcc of NVIDIA's" \
	    "CUDA toolkit on PATH, or make NVCC=/path/to/nvcc" >&2; exit 1; }
	$(Q)$(NVCC) $(NVCCFLAGS) -Ilib -fatbin -o $@ $<
$(B)/%_cuda.o: %_cuda.S $(B)/%_cuda.fatbin
	$(call say,AS,$<)
	$(Q)$(CC) -DPD_FATBIN='"$(B)/$*_cuda.fatbin"' -c -o $@ $<

$(LIB): $(LIBOBJ) $(B)/switches
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $(LIBOBJ)

define PROGRAM_RULE
$(B)/$(1): $$(patsubst %.c,$(B)/%.o,$$(sort $$(wildcard bin/$(1)/*.c))) $$(LIB)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(LDLIBS_ALL)
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM_RULE,$(p))))

# Test builds: their clock is a file that a test writes (PREDIS_TEST_CLOCK).
$(B)/tests/clock/clock.o: lib/base/clock.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -DPD_TEST_CLOCK=1 $(CFLAGS_ALL) -MMD -MP \
	    -c -o $@ $<
define CLOCKED_RULE
$(B)/tests/clock/$(1): $(B)/tests/clock/clock.o \
		$$(patsubst %.c,$(B)/%.o,$$(sort $$(wildcard bin/$(1)/*.c))) $$(LIB)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(LDLIBS_ALL)
endef
$(foreach p,$(CLOCKED),$(eval $(call CLOCKED_RULE,$(p))))

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LDLIBS_ALL)

# The GPU's test has a driver of its own in tests/gpu/. An old RPATH finds it
# also where AddressSanitizer's dlopen() stands between.
$(B)/tests/unit/model_gpu_test: | $(B)/tests/gpu/libcuda.so.1
$(B)/tests/unit/model_gpu_test: LDFLAGS_ALL += \
	-Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../gpu'
# Where cuda.h is, nvcc itself tells: it may be a script that calls another.
nvcc_includes = $(shell $(NVCC) --dryrun -c -x cu /dev/null 2>&1 | \
	sed -n 's/^..[ ]INCLUDES=//p' | tr -d '"')
$(B)/tests/gpu/libcuda.so.1: tests/gpu/fake_libcuda.cc tests/gpu/emulate.h \
		lib/model/trees_cuda.cu lib/model/trees_priv.h $(B)/flags
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(OPT) -Wall -Wextra $(filter -f%,$(CFLAGS)) \
	    -ffp-contract=off -fPIC -shared -Ilib $(call nvcc_includes) -o $@ $<

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)
$(B)/tests/lib/%: $(B)/tests/lib/%.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)

# Without libFuzzer (FUZZMAIN empty) a driver replays corpora with any compiler.
FUZZMAIN ?= $(B)/tests/fuzz/replay_driver.o
$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(FUZZMAIN) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LDLIBS_ALL)

demo: ## install what is missing, build, run the whole loop on a real trace
	@[ $(MLOPS_ENABLED) = 1 ] || \
	    { echo 'the demo trains a model: MLOPS_ENABLED=1' >&2; exit 2; }
	@TLS=$(TLS) KAFKA=$(KAFKA) CUDA=$(CUDA) sh share/deps.sh build demo
	@$(MAKE) --no-print-directory $(J) all
	@B=$(B) sh share/demo/demo.sh

check: ## run the tests (under 10 minutes on 2 cores)
	@MLOPS_ENABLED=$(MLOPS_ENABLED) TLS=$(TLS) KAFKA=$(KAFKA) \
	    CUDA=$(CUDA) sh share/deps.sh build test
	@$(MAKE) --no-print-directory $(J) all check-build
	@B=$(B) sh tests/run.sh unit fuzz cli

check-build: $(BINS) $(UNITS) $(FUZZERS) $(HELPERS)
check-unit: check-build ## unit tests only
	@B=$(B) sh tests/run.sh unit
check-cli: all $(HELPERS) ## command-line tests only
	@B=$(B) sh tests/run.sh cli
check-long: all ## the long tests: every trace, several seeds
	@MLOPS_ENABLED=$(MLOPS_ENABLED) TLS=$(TLS) KAFKA=$(KAFKA) \
	    CUDA=$(CUDA) sh share/deps.sh build test
	@$(MAKE) --no-print-directory check-build
	@B=$(B) sh tests/run.sh long
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
check-san: ## unit tests and corpora under AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory $(J) B=build-asan OPT='-O1 -g' HARD= \
	    CFLAGS='$(SAN)' check-build
	@B=build-asan sh tests/run.sh unit fuzz
fuzz: check-fuzz ## the same as check-fuzz
check-fuzz: ## a short libFuzzer run of each parser (needs clang)
	@$(MAKE) --no-print-directory $(J) B=build-fuzz CC=clang OPT='-O1 -g' HARD= \
	    CFLAGS='-fsanitize=fuzzer-no-link,address,undefined' \
	    LDFLAGS='-fsanitize=fuzzer,address,undefined' FUZZMAIN= fuzzers
	@B=build-fuzz sh tests/fuzz/run.sh
fuzzers: $(FUZZERS)
.PHONY: check-build fuzzers
check-repro: ## two clones in two folders give the same binaries
	@sh tests/lint/repro.sh
check-switches: ## each build switch builds and passes without the others
	@sh tests/lint/switches.sh

lint: ## layers, warnings, clang-tidy, shellcheck, man pages
	@sh tests/lint/run.sh
format: ## clang-format the C files
	@clang-format -i $$(git ls-files '*.c' '*.h')
complexity: ## the ten most complex functions
	@pmccabe $$(git ls-files 'lib/*.c' 'bin/*.c') | sort -rn | head

bench: all $(BENCHES) $(HELPERS) ## peers and Predis side by side, as ratios
	@B=$(B) sh tests/bench/run.sh
bench-policy: all ## every policy on every trace, warm and cold (QUICK=1: a part)
	@B=$(B) sh tests/bench/policy_table.sh
bench-serve: all $(HELPERS) ## predis-serve beside redis-server, memcached (QUICK=1)
	@B=$(B) sh tests/bench/serve_bench.sh
bench-sample: all $(HELPERS) ## what sampling costs an operation of predis-serve
	@B=$(B) sh tests/bench/sample_bench.sh
bench-wounds: all ## what hurts a cache, done to redis-server and to us (QUICK=1)
	@B=$(B) sh tests/bench/wounds.sh
soak: all ## SOAK_SECONDS (600) of good and bad connections (B=build-asan ...)
	@B=$(B) sh tests/soak/soak.sh
.PHONY: bench-sample bench-wounds soak

install: all ## install into DESTDIR and PREFIX
	@PREFIX='$(PREFIX)' BINDIR='$(DESTDIR)$(BINDIR)' \
	    MANDIR='$(DESTDIR)$(MANDIR)' DATADIR='$(DESTDIR)$(DATADIR)' \
	    COMPDIR='$(DESTDIR)$(COMPDIR)' B='$(B)' \
	    sh share/install.sh install $(PROGRAMS)
uninstall: ## remove what install put there
	@PREFIX='$(PREFIX)' BINDIR='$(DESTDIR)$(BINDIR)' \
	    MANDIR='$(DESTDIR)$(MANDIR)' DATADIR='$(DESTDIR)$(DATADIR)' \
	    COMPDIR='$(DESTDIR)$(COMPDIR)' B='$(B)' \
	    sh share/install.sh uninstall $(PROGRAMS)
dist: ## a reproducible source archive of HEAD
	@mkdir -p $(B)
	git archive --format=tar --prefix=predis-$(VERSION)/ HEAD | \
	    gzip -n >$(B)/predis-$(VERSION).tar.gz
	@echo $(B)/predis-$(VERSION).tar.gz
clean: ## remove build/ and its variants
	rm -rf build build-*

-include $(LIBOBJ:.o=.d) $(B)/tests/clock/clock.d \
	$(patsubst %.c,$(B)/%.d,$(wildcard bin/*/*.c tests/lib/*.c) $(UNITSRC) $(FUZZSRC) $(BENCHSRC))
