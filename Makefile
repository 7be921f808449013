# make help lists what there is.

CARGO ?= cargo
# Nothing on the machine is touched but by `make deps`, which the others call: it installs what is missing and else does nothing.
CARGO_DENY_VERSION := 0.20.2
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help run build test test-containers test-kernels lint bench fuzz fmt deps deny docs test-peers

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/:/' | column -t -s:

run: build ## build falco and watch this machine with the built-in rules until Ctrl-C
	$(SUDO) target/release/falco

build: deps ## the release binary: target/release/falco; all sinks with FEATURES=amqp,kafka,postgresql
	$(CARGO) build --release -p falco $(if $(FEATURES),--features $(FEATURES))

test: deps ## every test; the live ones need root and BTF and say so where they are missing
	$(CARGO) test --workspace

test-containers: deps ## containers of Podman and containerd, which it installs: a thousand, started and gone, and those of the generator; slow
	$(SUDO) apt-get install -y --no-install-recommends podman containerd runc busybox-static
	FALCO_CONTAINERS=1000 $(CARGO) test -p falco --test containers -- --nocapture
	$(CARGO) test -p falco-generator --test live -- --ignored --nocapture

test-kernels: deps ## the probe's live tests on Debian's kernels 5.10, 6.1 and 6.12, under qemu; slow
	scripts/test-kernels

test-peers: deps ## channels, sinks and gRPC with the servers and clients that they are for, which it installs; falco killed 50 times
	scripts/test-peers

lint: deps deny ## formatting, clippy, licences and sources of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO) deny --workspace check bans licenses sources

bench: deps ## speed (loading, evaluating, replaying, from a system call to its alert) and memory when much happens
	$(CARGO) bench --workspace

FUZZ_SECONDS ?= 600

fuzz: deps ## every fuzz target for FUZZ_SECONDS each; needs cargo-fuzz and a nightly toolchain
	$(CARGO) run -q -p falco-capture --example seeds -- fuzz/corpus
	mkdir -p fuzz/corpus/rules && cp rules/*.yaml fuzz/corpus/rules
	cd fuzz && for target in $$($(CARGO) +nightly fuzz list); do \
		$(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=512 -timeout=10 || exit 1; \
	done

docs: ## the pages of the handbook that the program tells itself
	$(CARGO) build -p falco
	scripts/docs

fmt: ## format the code
	$(CARGO) fmt --all

deps: ## what the build needs beside Rust: clang, libelf, zlib, pkg-config
	@scripts/deps

deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny --version $(CARGO_DENY_VERSION)
