# shmapper. `make help` lists the targets; `make demo` and `make test` are where to start.
#
# Two builds that never mix: Embedded Swift for everything that is installed (.build-embedded), ordinary Swift for
# tests, benchmarks and tools of the developer (.build). Each target installs the Debian packages that it needs when
# run as root, and otherwise names them (scripts/need).

SHELL := /bin/bash
SWIFT ?= swift
BUILD_PACKAGES := pkg-config libsystemd-dev libxml2-dev
BUS_PACKAGES := dbus
# Compiled by the tests, as examples of programs that are there already: boost.asio is one of their loops.
PROGRAM_PACKAGES := gcc g++ libboost-dev
TEST_PACKAGES := sparse gcc g++ binutils valgrind
ifeq ($(shell uname -m),x86_64)
# Programs of 32 bits, which run here too. (Not gcc-multilib, which cannot be installed beside the compilers of `make cross`.)
TEST_PACKAGES += gcc-i686-linux-gnu libc6-dev-i386-cross
endif

EMBEDDED_PATH := $(CURDIR)/.build-embedded
EMBEDDED_BIN := $(EMBEDDED_PATH)/release
EMBEDDED_BUILD := SHMAPPER_EMBEDDED=1 $(SWIFT) build -c release --scratch-path $(EMBEDDED_PATH) --disable-local-rpath
FORMATTED := $(wildcard Sources Tests Benchmarks Fuzz) Package.swift

# What the tests and benchmarks start and load: the binaries that are shipped, not the ordinary build.
export SHMAPPERD := $(EMBEDDED_BIN)/shmapperd
export SHMAPPER_BIN := $(EMBEDDED_BIN)

.DEFAULT_GOAL := build
.PHONY: help build test demo bench stress soak sanitize format lint clean need-swift need-build need-bus need-programs

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

build: need-build ## everything that is installed, as Embedded Swift
	$(EMBEDDED_BUILD)

test: build need-bus need-programs ## unit and conformance tests, against the Embedded build
	@scripts/need $(TEST_PACKAGES)
	$(SWIFT) test --disable-xctest $(if $(FILTER),--filter '$(FILTER)')

demo: build need-bus ## a small simulated BMC, the daemon, and a few lookups
	@$(SWIFT) build -c release --product fleet
	@$(SWIFT) build -c release --product demo
	@.build/release/demo

bench: build need-bus ## measure; TREES="small stress" ROUNDS=5 MAPPER="other mapper command"
	@for product in fleet times-swift times-c times-sdbus times-wait bench; do $(SWIFT) build -c release --product $$product || exit 1; done
	@.build/release/bench
	@$(MAKE) --no-print-directory bench-shmap

stress: build need-bus ## no older answers in 100,000 events, and readers beside a daemon that is killed 100 times, on each bus there is
	@$(SWIFT) build -c release --product stress
	@for bus in dbus-daemon dbus-broker; do \
	  command -v $$bus >/dev/null || continue; \
	  .build/release/stress rule --bus $$bus && .build/release/stress kill --bus $$bus || exit 1; \
	done

soak: build need-bus ## unmodified programs under the preload library for long: SOAK="seconds programs seconds-between-kills"
	@scripts/soak $(SOAK)

sanitize: build need-bus ## the unit tests under AddressSanitizer and ThreadSanitizer
	$(SWIFT) test --disable-xctest --sanitize=address --scratch-path .build-asan --filter UnitTests
	$(SWIFT) test --disable-xctest --sanitize=thread --scratch-path .build-tsan --filter UnitTests

format: need-swift ## rewrite the sources in the project's format
	$(SWIFT) format --in-place --recursive --parallel $(FORMATTED)

lint: need-swift ## complain about sources that are not in the project's format
	$(SWIFT) format lint --strict --recursive --parallel $(FORMATTED)

clean: ## remove all builds and results
	rm -rf .build .build-* dist dist-* bench-results

need-swift:
	@command -v $(SWIFT) >/dev/null || { echo "missing: Swift 6.3 or newer, see https://www.swift.org/install" >&2; exit 1; }

need-build: need-swift
	@scripts/need $(BUILD_PACKAGES)

need-bus:
	@scripts/need $(BUS_PACKAGES)

need-programs:
	@scripts/need $(PROGRAM_PACKAGES)

# dist, install and cross.
-include packaging/packaging.mk
# fuzz.
-include Fuzz/fuzz.mk
# bench-shmap.
-include Benchmarks/ShMap/shmap-bench.mk
