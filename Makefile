# `make demo` and `make test` do everything from a fresh clone: they need Python 3.11 or newer, a C++20 compiler and make.

WINDOWS := $(filter Windows_NT,$(OS))
PYTHON ?= $(if $(WINDOWS),python,python3)
SCRIPTS := $(if $(WINDOWS),Scripts,bin)
BIN := .venv/$(SCRIPTS)

# The wheels are built once, however many environments they are installed into.
SOURCES := pyproject.toml CMakeLists.txt README.md LICENSE $(shell find src -type f -not -name '*.pyc')
WHEEL := build/wheel/built
TRAIN_WHEEL := build/train-wheel/built
LAB_WHEEL := build/lab-wheel/built

# The compiler is started once for each core; without this, where there is no ninja, for one file after the other.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(or $(NUMBER_OF_PROCESSORS),$(shell getconf _NPROCESSORS_ONLN))

# A process for each core. One that has nothing left takes half of what another has, in the order of the files: the tests
# of a file, which share what they train, stay together but for one cut, and none waits for the last file of another.
WORKERS := -n auto --dist worksteal

.PHONY: demo test test-core test-parts without-torch decoder test-decoder viewer test-slow docs lint lint-style lint-types lint-decoder bench cross sanitize fuzz clean

demo: .venv/installed-lab
	$(BIN)/bitsback demo

# Installing waits for one core and for the network, so decoding without torch is tested meanwhile.
test test-core:
	@$(MAKE) --no-print-directory -j2 .venv/installed-test without-torch decoder
	$(BIN)/python -m pytest $(WORKERS) $(TESTS)

# `make test` in two halves: the package, and what surrounds it.
test-core: TESTS := tests
test-parts: .venv/installed-test
	$(BIN)/python -m pytest $(WORKERS) lab/tests train/tests benchmarks/tests recipes/tests

without-torch: .venv-light/installed
	.venv-light/$(SCRIPTS)/python tests/cli/without_torch.py

# The second decoder, and the plug-in of HDF5 by it, where cargo is 1.85 or newer; their tests are skipped elsewhere.
# Compiled in parts, which is sooner done, and decodes a little slower.
CARGO ?= $(firstword $(wildcard /usr/bin/cargo) cargo)
# A cargo with a path takes the rustc beside it: rustup puts another one before it, which may have no default.
OWN_RUSTC := $(if $(findstring /,$(CARGO)),RUSTC=$(dir $(CARGO))rustc)
NEW_CARGO := printf '%s\n' "cargo 1.85" "$$($(CARGO) --version 2> /dev/null)" | sort -CV
decoder:
	@if $(NEW_CARGO); then CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 $(OWN_RUSTC) $(CARGO) build --quiet --release --offline --manifest-path decoder/Cargo.toml \
		-p bitsback-decode -p bitsback-decode-c -p bitsback-hdf5; fi

# The decoder's own tests, among them the traced decision of docs/model-format.md.
test-decoder:
	@if $(NEW_CARGO); then $(OWN_RUSTC) $(CARGO) test --quiet --release --offline --manifest-path decoder/Cargo.toml; \
	else echo "the decoder's own tests are skipped: cargo is older than 1.85 or missing"; fi

# The page that shows archives in a browser, src/bitsback/viewer.html, which is committed: to be made again after a change
# of decoder/, viewer/ or a model in it. It takes what Debian calls cargo, libstd-rust-dev-wasm32 and lld.
viewer:
	$(PYTHON) viewer/build.py

# Whole data sets, long campaigns, and property tests with many examples, where `make test` takes samples.
test-slow: .venv/installed-test test-decoder
	$(BIN)/python -m pytest $(WORKERS) -o faulthandler_timeout=0 -m "slow or hypothesis" --hypothesis-profile bitsback-slow

# The site, into site/. The tests build it too.
docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The prose that tools/check_prose.py must pass.
PROSE := README.md CONTRIBUTING.md CHANGELOG.md SECURITY.md docs conformance examples recipes tools \
	tests/README.md decoder/README.md lab/README.md lab/notes lab/src !lab/src/bitsback_lab/digits/LICENCE.md src/bitsback \
	train/README.md train/src

lint: lint-style lint-types lint-decoder

# The types of PyTorch, NumPy and others are read from what the tests install; without them mypy takes all for `Any`.
lint-types: .venv/installed-test .venv/installed-lint
	$(BIN)/mypy src lab/src train/src benchmarks examples recipes tools

# These need neither the core nor PyTorch.
lint-style: .venv/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/check_prose.py $(foreach path,$(PROSE),'$(path)')
	$(BIN)/clang-format --dry-run -Werror $(shell find src/core -name '*.[ch]pp')

# Where cargo has clippy and rustfmt, which rustup installs.
LINT_CARGO ?= $(firstword $(wildcard $(HOME)/.cargo/bin/cargo) cargo)
lint-decoder:
	@if $(LINT_CARGO) clippy --version > /dev/null 2>&1 && $(LINT_CARGO) fmt --version > /dev/null 2>&1; then \
		$(LINT_CARGO) fmt --manifest-path decoder/Cargo.toml --all --check && \
		$(LINT_CARGO) clippy --quiet --offline --manifest-path decoder/Cargo.toml -p bitsback-decode -p bitsback-decode-c \
			-p bitsback-hdf5 --all-targets -- -D warnings && \
		$(LINT_CARGO) clippy --quiet --offline --manifest-path decoder/Cargo.toml -p bitsback-decode-wasm -- -D warnings; \
	else echo "the decoder in Rust is not linted: cargo has no clippy and rustfmt here"; fi

bench: .venv/installed-bench
	for script in benchmarks/bench_*.py; do echo; $(BIN)/python $$script || exit 1; done

# The core and the format on other processors, under emulation.
cross: .venv/installed-test
	tests/cross/run.sh

# The core with sanitizers, and libFuzzer on it: `make sanitize SANITIZE=thread`, `make fuzz SECONDS=600`. The latter needs clang.
SANITIZE ?= address,undefined
sanitize: .venv/installed-test
	$(BIN)/python -m pip install -q "nanobind>=2.2,<4"
	tests/sanitize.sh $(SANITIZE)

SECONDS ?= 60
fuzz: .venv/installed-test
	tests/fuzz/native/run.sh $(SECONDS)

clean:
	rm -rf .venv .venv-light build site

.venv/created .venv-light/created: %/created:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=...") if sys.version_info < (3, 11) else None'
	@echo "making the environment $*"
	@$(PYTHON) -m venv --clear $*
	@touch $@

$(WHEEL): .venv/created $(SOURCES)
	@echo "compiling the core on $(CMAKE_BUILD_PARALLEL_LEVEL) cores (a minute or two)"
	@rm -rf build/wheel
	@$(BIN)/python -m pip wheel -q --no-deps -w build/wheel .
	@touch $@

$(TRAIN_WHEEL): train/pyproject.toml $(shell find train/src -type f -not -name '*.pyc')
$(LAB_WHEEL): lab/pyproject.toml $(shell find lab/src -type f -not -name '*.pyc')
$(TRAIN_WHEEL) $(LAB_WHEEL): build/%-wheel/built: .venv/created
	@rm -rf build/$*-wheel
	@$(BIN)/python -m pip wheel -q --no-deps -w build/$*-wheel ./$*
	@touch $@

.venv/installed .venv-light/installed: %/installed: %/created $(WHEEL)
	@echo "installing bitsback into $*"
	@$*/$(SCRIPTS)/python -m pip install -q --no-deps --force-reinstall build/wheel/*.whl
	@$*/$(SCRIPTS)/python -m pip install -q build/wheel/*.whl
	@touch $@

# The trainer without PyTorch, whose command says what it needs, and the lab.
.venv/installed-lab: .venv/installed $(TRAIN_WHEEL) $(LAB_WHEEL)
	@$(BIN)/python -m pip install -q --no-deps --force-reinstall build/train-wheel/*.whl build/lab-wheel/*.whl
	@touch $@

.venv/installed-test: .venv/installed-lab tests/constraints.txt
	@echo "installing what the tests need, PyTorch for the CPU among it"
	@$(BIN)/python -m pip install -q -U pip  # one that finds what belongs together in half the time
	@$(BIN)/python -m pip install -q -c tests/constraints.txt "$$(echo build/wheel/*.whl)[test]" build/train-wheel/*.whl build/lab-wheel/*.whl
	@touch $@

# With the lab, whose commands and digits are in pages, and the modules that the pages of `bitsback.zarr` and others are about.
.venv/installed-docs: .venv/installed-lab tests/constraints.txt
	@echo "installing what the site is built with"
	@$(BIN)/python -m pip install -q -c tests/constraints.txt "$$(echo build/wheel/*.whl)[docs,zarr,hdf5]" build/lab-wheel/*.whl
	@touch $@

.venv/installed-bench: .venv/installed-lab
	@echo "installing other compressors"
	@$(BIN)/python -m pip install -q "$$(echo build/wheel/*.whl)[peers]" "$$(echo build/lab-wheel/*.whl)[bench]"
	@touch $@

# The versions that the extra `lint` pins, without the package.
LINTERS := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["lint"])
.venv/installed-lint: .venv/created pyproject.toml
	@echo "installing the linters"
	@$(BIN)/python -m pip install -q $$($(BIN)/python -c '$(LINTERS)')
	@touch $@
