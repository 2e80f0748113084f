# Everything that is done to this tree has a verb here; CI calls the same ones.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X main.version=$(VERSION)
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# Empty as root and where there is no sudo.
SUDO     := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

ARGS      ?=
TESTFLAGS ?=
BENCH     ?= .
COUNT     ?= 1
FUZZTIME  ?= 10s

.PHONY: help build run demo test test-kernel test-vm test-fleet generate verify fmt lint vuln bench bench-host fuzz recipes screenshot dist clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/tcptop, one static file
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/tcptop ./cmd/tcptop
	@.ci/size bin/tcptop

run: build ## build it and run it on this host, as root or through sudo; ARGS='-n 5 rport=443'
	@$(SUDO) bin/tcptop $(ARGS)

demo: ## four hosts that talk, an agent on each, a Prometheus, and tcptop fleet over it: on this machine alone, as root or through sudo, until you quit
	@$(MAKE) -s build >&2
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false -o bin/ ./test/load ./test/demo
	@prometheus=$$(.ci/prometheus) && exec $(SUDO) bin/demo -prometheus "$$prometheus" $(if $(TRAFFIC),-traffic $(TRAFFIC)) -- $(ARGS)

test: ## all tests that this machine can run: as root the kernel tests too; the last line says what was left out
	@go run .ci/test.go $(TESTFLAGS)

test-kernel: ## the kernel tests alone, as root or through sudo
	@go run .ci/test.go -kernel $(TESTFLAGS)

test-vm: ## the kernel tests and the program on eight other kernels, emulated; ARGS='-k 6.1,7.3-arm64' or ARGS=-fast
	go run ./test/vm -btf
	go run ./test/vm $(ARGS)

test-fleet: ## the tests against real engines (ClickHouse, the one of today from npm); ARGS=-short for the quick ones
	@.ci/fleet $(ARGS)

generate: ## the BPF object and its Go bindings from bpf/ (needs clang-19)
	@.ci/needs clang-19 llvm-19 libbpf-dev
	go generate ./...

verify: ## prove that generated files equal their source, and that the formatting is in order
	@.ci/verify

fmt: ## format Go and C in place
	@.ci/needs clang-format-19
	go run $(GOLANGCI) fmt
	find bpf test -name '*.[ch]' -exec clang-format-19 -i {} +

lint: ## golangci-lint (built on its first use, which takes a minute or two), dead code, unused modules
	go run $(GOLANGCI) run
	cd packaging/image && go run $(GOLANGCI) run -c ../../.golangci.yml
	cd test/fleet && go run $(GOLANGCI) run -c ../../.golangci.yml
	@.ci/dead

vuln: ## what is known to be vulnerable in the program's libraries and in Go, and is reached
	@.ci/vuln

bench: ## all benchmarks; BENCH=regexp COUNT=10
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

bench-host: ## what tcptop costs this host, into docs/overhead.md: as root, alone on the machine, half an hour; ARGS=-quick for a trial
	go run ./test/host $(ARGS)

fuzz: ## every fuzz target in turn, FUZZTIME=10s each
	@.ci/fuzz $(FUZZTIME)

recipes: build ## run the recipes of docs/report.md on a recording of this host, as root (needs npm's registry)
	@.ci/recipes

screenshot: ## docs/img/*.svg, the screen and the stream, from real runs in network namespaces, as root
	@.ci/screenshot

dist: ## packages, tarballs, images, what they are made of and checksums, in dist/
	@.ci/dist

clean: ## remove what was built here
	rm -rf bin dist .cache
