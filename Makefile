# Two targets are all a newcomer needs: `make run` and `make test`. The others are for those who stay.
SHELL := /bin/bash
.DEFAULT_GOAL := help

STATE := .quickstart
RELEASE := .build/release/countersign
# With Swift's library inside: the program runs where no Swift is, starts in half the time and takes 3 MB less.
SWIFT_RELEASE := swift build -c release --static-swift-stdlib

.PHONY: help
help:
	@echo "make run     install what is missing, build, and serve deploy/quickstart on 127.0.0.1:9191 (GRPC_PORT, ADMIN_PORT: other ports)"
	@echo "make test    install what is missing, and run every test"
	@echo "make demo    Envoy on 127.0.0.1:8080 in front, Countersign behind, the README's table by curl (PROXY_PORT, …: other ports)"
	@echo "make load    200,000 checks by h2load, and the server's CPU time for each"
	@echo "make allocations  whether a warm check allocates, on the real worker thread"
	@echo "make perf    every figure of speed beside its rivals, 20 minutes: perf/RESULTS.md and a picture"
	@echo "make instructions  what a warm check executes, by callgrind"
	@echo "make reload   policies that change under load, good ones and broken ones, for a minute"
	@echo "make crowd    10,000 idle connections, slow clients, no descriptors left: whether checks go on"
	@echo "make image    the Dockerfile's commands without docker, and the program in the root that they make"
	@echo "make rotation  an issuer's keys rotating every second under load, and an attack with invented key IDs"
	@echo "make differential  a million random policies and requests against the oracle, in a release build"
	@echo "make signatures  ECDSA by tables and RSA without EVP against libcrypto, 100,000 signatures, and what each algorithm costs beside it"
	@echo "make fuzz     the readers of strangers' octets under libFuzzer"
	@echo "make mutations     whether it finds mistakes that are put into the sources"
	@echo "make generate  make the test messages of Tests/ExtAuthzTests/Proto anew"
	@echo "make format  format every Swift file in place;  make lint  only say what is wrong"

# What the build links against, and what the quickstart calls.
BUILD_PACKAGES := libssl-dev libnghttp2-dev libjemalloc-dev libyaml-dev libcurl4-openssl-dev pkg-config curl
# What the tests run besides: a real client, and a venv for the real Envoy.
TEST_PACKAGES := nghttp2-client python3-venv nginx-light openssl chromium

.PHONY: packages test-packages
packages:
	@deploy/install-packages $(BUILD_PACKAGES)

test-packages: packages
	@deploy/install-packages $(TEST_PACKAGES)
	@deploy/install-envoy
	@deploy/install-prometheus
	@deploy/install-kubernetes-schemas

.PHONY: build
build: packages
	$(SWIFT_RELEASE) --product countersign

# GRPC_PORT, ADMIN_PORT and, for the demo, PROXY_PORT (8080) choose other ports.
GRPC_PORT ?= 9191
ADMIN_PORT ?= 9193
export GRPC_PORT ADMIN_PORT

.PHONY: run
run: build
	@deploy/quickstart/prepare $(RELEASE) $(STATE)
	@exec $(RELEASE) serve --policies $(STATE)/policies --workload istio-system/app=istio-ingressgateway \
	  --grpc 127.0.0.1:$(GRPC_PORT) --admin 127.0.0.1:$(ADMIN_PORT)

# A tool that cannot be had makes its tests skip with a printed reason; with CI=true it makes them fail.
.PHONY: test
test: test-packages
	swift build --build-tests
	swift test --skip-build

.PHONY: demo
demo: build test-packages
	@deploy/envoy/demo $(RELEASE)

.PHONY: load
load: build test-packages
	@perf/h2load-checks $(RELEASE)

# countersign-load is the load generator for everything that one message cannot show.
.PHONY: rotation
rotation: build test-packages
	$(SWIFT_RELEASE) --product countersign-load
	@perf/rotation $(RELEASE) .build/release/countersign-load

# Peers that can be had: Envoy, HAProxy, a server on grpc-swift-2 and jwt-kit (built once, some minutes).
.PHONY: perf perf-build instructions
perf-build: build
	$(SWIFT_RELEASE) --product countersign-load
	$(SWIFT_RELEASE) --product transport-floor
	$(SWIFT_RELEASE) --product signature-differential

perf: perf-build test-packages
	@deploy/install-packages python3 haproxy
	@perf/run $(PERF)

instructions: perf-build
	@deploy/install-packages valgrind
	@perf/instructions $(RELEASE) .build/release/countersign-load .build/release/transport-floor

.PHONY: allocations
allocations: build
	$(SWIFT_RELEASE) --product countersign-load
	@perf/allocations $(RELEASE) .build/release/countersign-load

# The Dockerfile's commands without docker; `make image` also makes the second stage, in a Debian root, as root.
.PHONY: image image-build
image-build: packages
	@deploy/docker/check

image: packages
	@deploy/install-packages debootstrap
	@deploy/docker/check --image

.PHONY: crowd
crowd: build
	$(SWIFT_RELEASE) --product countersign-load
	@perf/crowd $(RELEASE) .build/release/countersign-load

.PHONY: reload
reload: build
	$(SWIFT_RELEASE) --product countersign-load
	@perf/reload $(RELEASE) .build/release/countersign-load $(SECONDS_OF_LOAD)
SECONDS_OF_LOAD ?= 60

# The authorizer against Tests/PolicyOracle; the seed is printed, TRIPLES and SEED choose others.
TRIPLES ?= 1000000
.PHONY: differential mutations
differential: packages
	$(SWIFT_RELEASE) --product policy-differential
	.build/release/policy-differential --triples $(TRIPLES) $(if $(SEED),--seed $(SEED))

# The seed is printed; SIGNATURES and SEED choose others.
SIGNATURES ?= 100000
.PHONY: signatures
signatures: packages
	$(SWIFT_RELEASE) --product signature-differential
	.build/release/signature-differential --count $(SIGNATURES) $(if $(SEED),--seed $(SEED))
	.build/release/signature-differential --measure 7

# Each reader of strangers' octets for FUZZ_SECONDS under libFuzzer.
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: packages
	@Tests/Fuzz/run $(FUZZ_SECONDS) $(READERS)

# Whether that comparison finds mistakes: each of Tests/PolicyDifferential/mutations, in a copy of the sources.
mutations: packages
	@deploy/install-packages python3
	Tests/PolicyDifferential/mutate

# The messages that the wire reader is tested against; needs protobuf-compiler, and builds its Swift plugin.
.PHONY: generate
generate:
	Tests/ExtAuthzTests/Proto/generate.sh

.PHONY: format lint
format:
	swift format format --in-place --recursive Package.swift Sources Tests

lint:
	swift format lint --strict --recursive Package.swift Sources Tests
