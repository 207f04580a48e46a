# geodns and vipd. `make` alone says what there is.
GO        ?= go
GO_NEEDED := 1.26
PORT      ?= 5300
FUZZTIME  ?= 20s
VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
export GOTOOLCHAIN ?= local

.PHONY: help run vipd-demo vip-lab test lint bench fuzz build audit check-go tools clean

help:
	@echo "geodns and vipd need Go $(GO_NEEDED) or newer (this machine: $$($(GO) version 2>/dev/null || echo none)), git and make."
	@echo
	@echo "  make run     build geodns and run the embedded example on 127.0.0.1:$(PORT) (PORT=… for another)"
	@echo "  make vipd-demo  two nodes and a client in network namespaces: hand-over, crash, hang (needs root)"
	@echo "  make vip-lab    what a client loses while an address moves, vipd beside keepalived (needs root, an hour)"
	@echo "  make test    install what the tests need (Debian packages, services not started) and run them"
	@echo "  make build   bin/geodns and bin/vipd"
	@echo "  make lint    gofmt, go vet, staticcheck"
	@echo "  make bench   micro-benchmarks; cost and latency beside gdnsd, Knot and NSD, written to docs/performance.md"
	@echo "  make fuzz    each fuzz target for FUZZTIME=$(FUZZTIME)"
	@echo "  make audit   known vulnerabilities of the dependencies (needs the network)"

check-go:
	@v=$$($(GO) env GOVERSION 2>/dev/null | sed 's/^go//'); \
	if [ -z "$$v" ]; then echo "no Go found: install Go $(GO_NEEDED) or newer (https://go.dev/dl/)" >&2; exit 1; fi; \
	if [ "$$(printf '%s\n' $(GO_NEEDED) "$$v" | sort -V | head -n 1)" != "$(GO_NEEDED)" ]; then \
		echo "Go $$v is too old: install Go $(GO_NEEDED) or newer (https://go.dev/dl/)" >&2; exit 1; fi

build: check-go
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/ ./cmd/...

run: build
	@exec bin/geodns demo --port $(PORT)

vipd-demo: build
	$(GO) run ./tools/vipddemo bin/vipd

vip-lab: tools
	$(GO) test -count 1 -v -timeout 3h -run 'TestLab|TestHeals|TestReturn|TestLoad' ./test/viplab -args -lab

tools: check-go
	@scripts/install-test-tools

test: tools
	$(GO) test ./...

lint: check-go
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt -w these:" >&2; echo "$$out" >&2; exit 1; fi
	$(GO) vet ./...
	@mkdir -p bin
	cd tools/lint && $(GO) build -o ../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

bench: tools build
	$(GO) test -run '^$$' -bench . -benchmem ./pkg/...
	$(GO) test -count 1 -timeout 30m -v -run TestServersSideBySide ./bench -args -bench -write

fuzz: check-go
	@set -e; for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

audit: check-go
	@mkdir -p bin
	cd tools/lint && $(GO) build -o ../../bin/govulncheck golang.org/x/vuln/cmd/govulncheck
	bin/govulncheck ./...

clean:
	rm -rf bin .cache
