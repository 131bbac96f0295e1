# Userspace NAT gateway. `make help` lists the targets; V=1 shows the commands.

CC ?= gcc
AR ?= ar
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
PYTHON ?= /usr/bin/python3

WARN := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wundef -Wwrite-strings -Werror
CFLAGS ?= -O2 -g
SANITIZE ?=
ifneq ($(SANITIZE),)
SANFLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
FLAGS = -std=gnu11 -D_GNU_SOURCE -Iinclude $(WARN) $(CFLAGS) $(SANFLAGS) -MMD -MP
LIBS := -lconfig -lseccomp -ljansson -lmnl -lnetfilter_queue -lnftables -lxdp -lbpf -luring -lurcu-qsbr -lpthread

# What builds, runs and tests need, by the names of Debian 12's packages.
DEPS := gcc clang libclang-rt-14-dev libc6-dev make pkg-config \
	libconfig-dev libbpf-dev libxdp-dev libjansson-dev libmnl-dev libnetfilter-queue-dev libnftables-dev libseccomp-dev liburcu-dev liburing-dev libcmocka-dev \
	iproute2 iputils-ping iperf3 traceroute curl dnsutils iptables nftables util-linux procps \
	ethtool python3 python3-pytest python3-scapy man-db bird2 adduser dpkg-dev lintian systemd coturn python3-pyftpdlib lftp tftpd-hpa

# What doc/recipes.md is tested with. A kernel and servers are unpacked only: a test is no reason to have
# them run here.
RECIPE_DEPS := qemu-system-x86 busybox-static dnsmasq-base openvpn openssl openssh-client libwrap0 \
	libevent-2.1-7 libprotobuf-c1 libpython3.11
UNPACKED := linux-image-cloud-amd64 openssh-server unbound radvd

# What tests are watched with, make check-valgrind.
WATCH_DEPS := valgrind

# What it is measured against and with.
BENCH_DEPS := libdpdk-dev linux-perf passt slirp4netns
BENCH_UNPACKED := tayga

NAT_C := $(wildcard nat/*.c)
ROUTERCTL_C := $(wildcard router/routerctl*.c)
ROUTER_C := $(filter-out router/main.c $(ROUTERCTL_C),$(wildcard router/*.c router/*/*.c))
UNIT_C := $(wildcard test/unit/*/test_*.c)
MODEL_C := $(wildcard test/model/*.c)
SCENARIO_C := $(wildcard test/scenario/*.c)
ENDURANCE_C := $(wildcard test/endurance/*.c)
EXPLORE_C := $(wildcard test/explore/*.c)
BENCH_C := $(wildcard test/bench/*.c)
FUZZ_C := $(wildcard fuzz/fuzz_*.c)
FUZZ_SHARED_C := $(filter-out fuzz/main.c $(FUZZ_C),$(wildcard fuzz/*.c))

NAT_O := $(NAT_C:%.c=$(BUILD)/obj/%.o)
ROUTER_O := $(ROUTER_C:%.c=$(BUILD)/obj/%.o)
UNIT := $(UNIT_C:test/%.c=$(BUILD)/test/%)
BENCH := $(BENCH_C:test/bench/%.c=$(BUILD)/bench/%)
FUZZ := $(FUZZ_C:fuzz/fuzz_%.c=$(BUILD)/fuzz/%)
FUZZ_MAIN := $(BUILD)/obj/fuzz/main.o

EXPLORED := ring log_queue frames worker worker_run gateway_reload
EXPLORE_PROGRAMS := litmus ring exchange around
EXPLORE_WRAPPED := malloc calloc free aligned_alloc posix_memalign clock_gettime nanosleep epoll_wait read write

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

.PHONY: all deps recipe-deps check check-all check-threads check-valgrind explore conformance units mutants fuzz captures fuzz-coverage fuzzers hour soak demo bench install deb clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/router $(BUILD)/routerctl $(BUILD)/libnat.a ## build router, routerctl and libnat.a

deps: ## install the Debian packages that building, running and testing need
	@sh test/tools/deps.sh $(DEPS)

recipe-deps: deps
	@sh test/tools/deps.sh $(RECIPE_DEPS)
	@sh test/tools/unpack.sh $(BUILD)/debian $(UNPACKED)

check: recipe-deps ## run every test; the last line is the sum
	@$(MAKE) --no-print-directory check-all

check-all: all units
	@$(PYTHON) test/tools/check.py --build $(BUILD)

# gcc's ThreadSanitizer knows no fences.
check-threads: recipe-deps ## tests under ThreadSanitizer, with four workers; takes an hour
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CC=clang SANITIZE=thread CFLAGS="-O1 -g" all units
	@ln -sfn ../debian $(BUILD)/tsan/debian
	@$(PYTHON) test/tools/instruments.py --build $(BUILD)/tsan threads

check-valgrind: deps all units ## units and stories under memcheck
	@sh test/tools/deps.sh $(WATCH_DEPS)
	@$(PYTHON) test/tools/instruments.py --build $(BUILD) valgrind

explore: deps $(BUILD)/test/explore ## all orders of what threads do to each other, with larger bounds; a minute
	@$(BUILD)/test/explore large

WALKS ?=
ONLY ?=

conformance: recipe-deps ## requirement by requirement: tests and results (WALKS="4787 FWD-1" ONLY=scenario)
	@$(MAKE) --no-print-directory all units
	@$(PYTHON) test/tools/conformance.py --build $(BUILD) $(ONLY:%=--only %) $(WALKS)

demo: deps ## a client, the gateway and a server in namespaces, with real traffic
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) sh test/net/demo.sh

QUICK ?=

bench: ## measure: tables, JSON and plots under build/bench (QUICK=1: two minutes, and rough)
	@sh test/tools/deps.sh $(DEPS) $(BENCH_DEPS)
	@sh test/tools/unpack.sh $(BUILD)/debian $(BENCH_UNPACKED)
	@$(MAKE) --no-print-directory all $(BENCH)
	@$(PYTHON) test/bench/run.py --build $(BUILD) $(QUICK:%=--quick)

units: $(UNIT) $(BUILD)/test/play $(BUILD)/test/hour $(BUILD)/test/differential $(BUILD)/test/manual $(FUZZ) $(if $(SANITIZE),,$(BUILD)/test/explore)

MUTANTS ?=

mutants: deps ## plant bugs, one at a time, and say which test sees each (MUTANTS="ttl parity")
	@$(PYTHON) test/tools/mutants.py --build $(BUILD) $(MUTANTS)

# libFuzzer brings a main() of its own. Comparisons are not traced: inputs have their structure, and
# dictionaries the words.
FUZZING := CC=clang FUZZ_MAIN= SANITIZE=address,undefined LDFLAGS=-fsanitize=fuzzer \
	CFLAGS="-O2 -g -fsanitize=fuzzer-no-link -fno-sanitize-coverage=trace-cmp"
TARGET ?= nat
TIME ?= 180

fuzz: deps ## look for inputs that break TARGET (see fuzz/README.md), for TIME seconds
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/libfuzzer $(FUZZING) $(BUILD)/libfuzzer/fuzz/$(TARGET)
	@sh fuzz/run.sh $(BUILD)/libfuzzer $(TARGET) $(TIME)

fuzzers: $(FUZZ)

# What the compiler would leave out or join counts as it stands in the source.
fuzz-coverage: deps ## lines of nat/ that the inputs of all fuzz targets reach, and those that none does
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/coverage CFLAGS="-O0 -g --coverage" LDFLAGS=--coverage fuzzers
	@$(PYTHON) test/tools/fuzz_coverage.py $(BUILD)/coverage --json $(BUILD)/coverage.json

MINUTES ?= 60
RATE ?= 1000000
SESSIONS ?= 4000000

hour: $(BUILD)/test/hour ## the NATs alone, through MINUTES of virtual time with RATE new sessions in each
	@$< --minutes $(MINUTES) --rate $(RATE) --sessions $(SESSIONS)

soak: TIME = 600
soak: deps all ## real traffic and everything that goes wrong, for TIME seconds; see test/endurance/README.md
	@SOAK=$(TIME) BUILD=$(BUILD) $(PYTHON) -m pytest -q -s -p no:cacheprovider test/net/test_soak.py

captures: deps ## write fuzz/corpus/*/capture-* anew, from real traffic in namespaces
	@$(MAKE) --no-print-directory all
	@$(PYTHON) -B fuzz/captures.py --build $(BUILD)

install: all ## install below PREFIX, in DESTDIR
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib \
		$(DESTDIR)$(PREFIX)/include/nat $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(DESTDIR)/etc/router
	install -m 755 $(BUILD)/router $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BUILD)/routerctl $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/libnat.a $(DESTDIR)$(PREFIX)/lib/
	install -m 644 include/nat/*.h $(DESTDIR)$(PREFIX)/include/nat/
	install -m 644 router.conf $(DESTDIR)/etc/router/router.conf.example
	install -m 644 doc/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 doc/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	sed 's|/usr/sbin/|$(PREFIX)/sbin/|' doc/router.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/router.service

deb: all ## a Debian package of it, below build
	@sh doc/debian/build.sh $(BUILD)

clean: ## remove what was built
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -c -o $@ $<

$(BUILD)/libnat.a: $(NAT_O)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/librouter.a: $(ROUTER_O)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# ThreadSanitizer does not see into liburcu.
ifneq ($(findstring thread,$(SANITIZE)),)
RCU_CALLS := quiescent_state thread_offline unregister_thread synchronize_rcu
LIBS := $(BUILD)/obj/test/tools/tsan_rcu.o $(RCU_CALLS:%=-Wl,--wrap=urcu_qsbr_%) $(LIBS)
$(BUILD)/router $(BUILD)/test/manual $(UNIT) $(FUZZ) $(BENCH): | $(BUILD)/obj/test/tools/tsan_rcu.o
endif

link = $(Q)mkdir -p $(@D) && $(CC) $(SANFLAGS) $(LDFLAGS) -o $@ $^

$(BUILD)/router: $(BUILD)/obj/router/main.o $(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) $(LIBS)

$(BUILD)/routerctl: $(ROUTERCTL_C:%.c=$(BUILD)/obj/%.o) $(BUILD)/librouter.a
	$(call say,LD,$@)
	$(link) -ljansson

$(BUILD)/test/unit/%: $(BUILD)/obj/test/unit/%.o $(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) $(LIBS) -lcmocka

# What is below the face of the forwarding table, and of the gateway.
$(BUILD)/obj/test/unit/router/test_fib_plain.o: FLAGS += -iquote router
$(BUILD)/obj/test/unit/router/test_gateway_pool.o: FLAGS += -iquote router
$(BUILD)/obj/test/unit/router/test_endpoint.o: FLAGS += -iquote router
$(BUILD)/obj/test/unit/router/test_faults.o: FLAGS += -iquote router
$(BUILD)/obj/test/unit/router/test_clock.o: FLAGS += -iquote router
$(BUILD)/obj/test/unit/router/test_gateway_learn.o: FLAGS += -iquote router

# What only somebody who knows the index and its key could do.
$(BUILD)/obj/test/unit/nat/test_collision.o: FLAGS += -iquote nat

$(BUILD)/test/unit/router/test_routerctl: | $(BUILD)/routerctl
$(BUILD)/test/unit/router/test_plan: | $(BUILD)/router

# What writes the pages below doc/, test/tools/manual.sh.
$(BUILD)/obj/test/tools/manual.o: FLAGS += -iquote router

$(BUILD)/test/manual: $(BUILD)/obj/test/tools/manual.o $(BUILD)/obj/router/routerctl_manual.o \
		$(BUILD)/obj/router/routerctl_show.o $(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) $(LIBS)

$(BUILD)/test/play: $(SCENARIO_C:%.c=$(BUILD)/obj/%.o) $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link)

# Some of what it looks at lies below the face of the library.
$(ENDURANCE_C:%.c=$(BUILD)/obj/%.o): FLAGS += -iquote nat -iquote test/model

$(BUILD)/test/hour: $(ENDURANCE_C:%.c=$(BUILD)/obj/%.o) $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link)

# What is explored calls the explorer at each access, by the names of ThreadSanitizer's library. It stands
# before the archives with what it has in the place of other parts. gcc need not know about fences here.
EXPLORED_C := $(EXPLORED:%=router/%.c) $(EXPLORE_PROGRAMS:%=test/explore/%.c)
$(BUILD)/explore/%.o: private SANFLAGS := -fsanitize=thread -Wno-tsan -Wno-unknown-warning-option
$(BUILD)/explore/%.o $(BUILD)/obj/test/explore/%.o: private FLAGS += -iquote router

$(BUILD)/explore/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(FLAGS) -c -o $@ $<

$(BUILD)/test/explore: $(EXPLORED_C:%.c=$(BUILD)/explore/%.o) \
		$(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(EXPLORED_C),$(EXPLORE_C))) \
		$(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) -Wl,-z,muldefs $(EXPLORE_WRAPPED:%=-Wl,--wrap=%) $(filter-out -lurcu-qsbr,$(LIBS))

$(BUILD)/test/differential: $(MODEL_C:%.c=$(BUILD)/obj/%.o) $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link)

# The index of sessions is measured below the face of the library.
$(BUILD)/obj/test/bench/table.o: FLAGS += -iquote nat

# The forwarding table is measured beside DPDK's, where that is installed.
FIB_BENCH_C := test/bench/fib.c $(filter-out %/dpdk.c,$(wildcard test/bench/fib/*.c))
ifeq ($(shell pkg-config --exists libdpdk 2>/dev/null && echo yes),yes)
FIB_BENCH_C += test/bench/fib/dpdk.c
$(BUILD)/obj/test/bench/fib.o: FLAGS += -DDPDK
$(BUILD)/obj/test/bench/fib/dpdk.o: FLAGS += $(subst -I,-isystem ,$(shell pkg-config --cflags libdpdk))
$(BUILD)/bench/fib: LIBS += -lrte_lpm -lrte_fib -lrte_rib -lrte_eal
endif

$(BUILD)/bench/fib: $(FIB_BENCH_C:%.c=$(BUILD)/obj/%.o) $(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) $(LIBS)

$(BUILD)/bench/%: $(BUILD)/obj/test/bench/%.o $(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) $(LIBS) -lm

# The oracle has the model's names where others have those of fuzz/.
$(BUILD)/obj/fuzz/fuzz_model.o: FLAGS += -iquote test/model

$(BUILD)/fuzz/model: $(BUILD)/obj/fuzz/fuzz_model.o \
		$(filter-out %/differential.o,$(MODEL_C:%.c=$(BUILD)/obj/%.o)) $(FUZZ_MAIN) $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link)

$(BUILD)/fuzz/%: $(BUILD)/obj/fuzz/fuzz_%.o $(FUZZ_SHARED_C:%.c=$(BUILD)/obj/%.o) $(FUZZ_MAIN) \
		$(BUILD)/librouter.a $(BUILD)/libnat.a
	$(call say,LD,$@)
	$(link) $(LIBS)

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)
