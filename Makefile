# Every command of the project. `make` alone lists them.

ARCH   := $(shell uname -m)
TARGET := $(ARCH)-unknown-linux-musl
ARM64  := aarch64-unknown-linux-musl
TOOLS  := $(CURDIR)/target/tools
# Where release builds go. Those of `make dist` have a place of their own, see there.
BUILT  := target
BINARY := $(BUILT)/$(TARGET)/release/supervisor

.DEFAULT_GOAL := help
.PHONY: help demo test test-one bench bench-docs fuzz build build-arm64 layer dist lint check-examples fmt tools tools-demo images clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: tools-demo build ## run a grayscale job on an S3 event, with real udocker and no AWS account
	@examples/demo/run.sh $(BINARY)

test: tools images build build-arm64 ## every test: units, end to end against real peers, and that nothing is left behind
	cargo run --quiet --locked -p layer-build -- check $(BINARY) target/$(ARM64)/release/supervisor
	tests/setup/suite.sh cargo test --locked --workspace --no-fail-fast -- --test-threads=4

test-one: tools images ## the end-to-end tests whose name contains T, with the debug build: make test-one T=name
	@tests/setup/one.sh "$(T)"

bench: tools build ## measure against the physical limit and existing clients, as a table and a chart
	tests/bench/run.sh

bench-docs: ## put the last benchmark's chart and figures into docs/
	cp target/bench/bench.svg docs/benchmark.svg
	cp target/bench/bench.json docs/benchmark.json

fuzz: ## fuzz events, configuration, paths, layers and loader caches, a minute each
	tests/setup/fuzz.sh

build: ## the static release binary for this machine
	cargo build --locked --release --target-dir $(BUILT) --target $(TARGET) -p supervisor

build-arm64: tools ## the static release binary for arm64, cross-compiled with zig
	PATH="$(TOOLS)/venv/bin:$$PATH" cargo zigbuild --locked --release --target-dir $(BUILT) --target $(ARM64) -p supervisor

# What may be added: `make layer UDOCKER_TARBALL=FILE`, `make layer ENGINES=all`.
layer: tools build build-arm64 ## the Lambda layer for both architectures, into target/layer (UDOCKER_TARBALL=FILE without internet)
	for arch in x86_64 arm64; do \
	  cargo run --quiet --locked -p layer-build -- assemble --arch $$arch --engines $(or $(ENGINES),f-modes) \
	    --binary $(BUILT)/$$(case $$arch in arm64) echo aarch64 ;; *) echo $$arch ;; esac)-unknown-linux-musl/release/supervisor \
	    --python $(TOOLS)/venv/bin/python || exit; \
	done

# No path of this machine is in a released program: builds in two places are the same, and panics name sources without a home
# directory. The options are for the target only, and are no others than `make build` has; else cargo, which finds the one in
# place of the other, would rebuild everything in turn. So these builds have a directory of their own.
# The two programs are built one by one: together, each would get the dependencies' features that the other needs.
REMAP := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=/cargo --remap-path-prefix=$(CURDIR)=/build
dist: export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS := $(REMAP)
dist: export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS := $(REMAP)
dist: BUILT := target/dist/build
dist: tools ## a release of both architectures, into target/dist: archives, layers, bills of materials, checksums
	$(MAKE) layer BUILT=$(BUILT)
	cargo build --locked --release --target-dir $(BUILT) --target x86_64-unknown-linux-musl -p layer-build --bin faas-deploy
	PATH="$(TOOLS)/venv/bin:$$PATH" cargo zigbuild --locked --release --target-dir $(BUILT) --target $(ARM64) -p layer-build --bin faas-deploy
	dist/release.sh $(BUILT)

lint: tools ## formatting, clippy, dependencies' licences and sources, workflows, and templates of the examples
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	tests/setup/deny.sh
	tests/setup/workflows.sh
	tests/setup/attach.sh quick

check-examples: ## check every way to attach the layer; needs Node.js and a download of 90 MB for the CDK
	@tests/setup/tools.sh examples
	tests/setup/attach.sh all

fmt: ## format the sources
	cargo fmt --all

tools: ## install what building and testing need, if it is missing
	@tests/setup/tools.sh tests

tools-demo:
	@tests/setup/tools.sh demo

images: tools
	@python3 tests/setup/images.py target/fixtures
	@python3 tests/setup/engine_tarball.py target/fixtures/engines.tar.gz

clean: ## remove everything that was built or downloaded
	rm -rf target
