# inkprint: build, try, test. `make help` lists what there is.

SHELL := /bin/sh
CARGO ?= cargo
# How long `make fuzz` runs each of which targets.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= json pem base64 cri mark rules redact
# How long `make test-long` runs the service at full load.
SOAK_MINUTES ?= 30
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Vectorscan, in C++, is most of the build: a compiler cache keeps its objects over `cargo clean`. With paths below the base
# directory taken as relative, one profile's objects serve the other. `shell` is expanded in each recipe, so that a ccache
# that was installed a moment ago is used.
export CMAKE_C_COMPILER_LAUNCHER = $(shell command -v ccache 2>/dev/null)
export CMAKE_CXX_COMPILER_LAUNCHER = $(shell command -v ccache 2>/dev/null)
export CCACHE_NOHASHDIR = 1
export CCACHE_BASEDIR = $(abspath $(TARGET))

.DEFAULT_GOAL := help
.PHONY: help run test test-long build lint fuzz bench bench-report install-deps install-test-deps install-bench-deps

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: build ## build, and show inkprint cleaning a sample log
	@sh docs/sample/demo.sh $(TARGET)/release/inkprint

build: install-deps ## install what is missing, and build the release binary
	@$(CARGO) build --release --locked

# The property tests draw the same cases each time, so that a change is judged by what it changes. `make test-long` and
# `make fuzz` draw others.
test: export PROPTEST_RNG_SEED ?= 20260801
test: install-test-deps ## run every test
	@$(CARGO) test --locked
	@sh docs/sample/demo.sh $(TARGET)/debug/inkprint >/dev/null && echo "the sample log comes out clean: ok"

test-long: install-test-deps build ## run what takes minutes, a soak of SOAK_MINUTES (30), and the sink away
	@INKPRINT_LONG=1 $(CARGO) test --locked --release --test promises
	@python3 benches/soak.py $(TARGET)/release/inkprint --minutes $(SOAK_MINUTES)
	@python3 benches/away.py $(TARGET)/release/inkprint

lint: ## check the formatting, and run clippy
	@$(CARGO) fmt --check
	@$(CARGO) clippy --locked --all-targets -- -D warnings

fuzz: install-test-deps ## fuzz each target for FUZZ_SECONDS (60)
	@sh tests/fuzz/run.sh $(abspath $(TARGET)) $(FUZZ_SECONDS) $(FUZZ_TARGETS)

bench: install-bench-deps build ## measure, in process and end to end
	@$(CARGO) bench --locked --bench scan -- --json $(abspath $(TARGET))/scan.json
	@python3 benches/end_to_end.py --binary $(TARGET)/release/inkprint --json $(TARGET)/end-to-end.json $(BENCH_ARGS)
	@python3 benches/serve.py $(TARGET)/release/inkprint --json $(TARGET)/serve.json

bench-report: bench ## measure, and rewrite docs/performance.md
	@python3 benches/report.py $(TARGET)/scan.json $(TARGET)/end-to-end.json $(TARGET)/serve.json

install-deps:
	@sh tools/install-missing.sh build

install-test-deps:
	@sh tools/install-missing.sh build test

install-bench-deps:
	@sh tools/install-missing.sh build bench
