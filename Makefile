# CLIP Browser. `make up` starts it, `make test` runs all tests; the rest is for its developers: CONTRIBUTING.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pip and uv take wheels from the index alone, whatever a machine's own configuration offers
export PIP_CONFIG_FILE := /dev/null
export PIP_FIND_LINKS :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# bytecode is kept, or every start would compile all it imports
unexport PYTHONDONTWRITEBYTECODE
COMPILED := alembic amqp billiard celery flask flask_openapi3 flask_socketio gunicorn kombu minio pydantic redis socketio sqlalchemy werkzeug

.PHONY: up dev test lint types format migration screenshots tensorboard minio seaweedfs clean lock release bundle rehearse-offline schema-fixture bench-way bench-captions bench-dashboards bench-jobs bench-augment bench-train bench-team chaos fuzz hostile llm llm-environment test-llm
.PHONY: env trial upgrade bench-crowd

# What `docker compose` needs before its first start: .env and a file for each secret
env:
	@bash deploy/env.sh

# docs/deploy.md tried on a real engine, half an hour: make trial ARGS="way upgrade"
trial:
	@bash .ci/compose.sh $(ARGS)

# New images, and a change-over that people who save captions notice little of
upgrade:
	@bash deploy/upgrade.sh $(ARGS)

up: $(VENV)/.runtime web/dist/.built
	@exec $(BIN)/clip-browser up $(ARGS)

# The service, started again when a Python file changes (running jobs are saved and go on), and Vite, which
# shows a changed page at once and asks the service on port 8000 for the rest.
dev: export CLIP_BROWSER_PUBLIC_URL = http://127.0.0.1:5173
dev: $(VENV)/.test web/node_modules/.installed
	@(cd web && PATH="$(CURDIR)/$(BIN):$$PATH" exec npm run dev -- --host 127.0.0.1 --strictPort) & vite=$$!; trap "kill $$vite" EXIT; \
		$(BIN)/watchfiles --filter python --sigint-timeout 60 "$(BIN)/clip-browser up $(ARGS)" api cli common workers

# Whole files side by side, each child with one thread, the longest first (tests/conftest.py). Then, with nothing
# beside it, what measures times.
test: $(VENV)/.test web/dist/.built lint
ifdef TESTS
	@$(BIN)/python -m pytest $(TESTS)
else
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not timed" tests
	@$(BIN)/python -m pytest -m timed tests
endif
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm test --silent

lint: $(VENV)/.test web/node_modules/.installed
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/longest.py
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent typecheck
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/types.sh check

# After a change of a route or an answer: the document and the dashboard's types
types: $(VENV)/.test web/node_modules/.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash .ci/types.sh write

format: $(VENV)/.test
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

# A draft of the next migration, from what the tables have and the newest schema has not
migration: $(VENV)/.test
	@$(BIN)/python .ci/new_migration.py "$(SAYS)"
	@$(BIN)/ruff check --fix --quiet common/db/migrations && $(BIN)/ruff format --quiet common/db/migrations

# The rows of a schema that a new migration makes an earlier one: tests/data/README.md
schema-fixture: $(VENV)/.test
	@$(BIN)/python -m tests.data.schema_fixtures

# What others install with one command: a wheel with the dashboard, its source, their checksums
release: $(VENV)/.runtime web/dist/.built
	@rm -rf dist build *.egg-info
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python
	@cd dist && rm -f .gitignore && sha256sum *.whl *.tar.gz > SHA256SUMS && cat SHA256SUMS

# One file for machines without a network: docs/offline.md
bundle: release
	@bash .ci/bundle.sh

# That file, installed and used from the first image to a search where no network is
rehearse-offline:
	@bash .ci/offline.sh

screenshots: $(VENV)/.test web/dist/.built
	@$(BIN)/python -m pytest tests/system/test_way_in_the_browser.py --screenshots test-results/screenshots

tensorboard: $(VENV)/.runtime
	@$(BIN)/clip-browser tensorboard

# Real S3 servers for the tests, built from source (Go)
minio seaweedfs:
	@bash .ci/s3_server.sh $@

llm: $(VENV)/.runtime
	@$(BIN)/python -m workers.paraphrase.llm_setup

# What `make test-llm` runs on, made beforehand
llm-environment: $(VENV)/.test
	@bash .ci/llm.sh >/dev/null

test-llm: $(VENV)/.test
	@python="$$(bash .ci/llm.sh)" && "$$python" -m pytest -m llm tests/llm

bench-way: $(VENV)/.test web/dist/.built
	@$(BIN)/python -m bench.way $(ARGS)

chaos: $(VENV)/.test
	@$(BIN)/python -m tests.system.chaos $(ARGS)

# The alert rules, by promtool
.PHONY: alerts
alerts:
	@bash .ci/alerts.sh

# Workers on other hosts (network namespaces) that share nothing but the store; as root
.PHONY: hosts
hosts: $(VENV)/.test
	@$(BIN)/python -m tests.system.hosts $(ARGS)

# Made-up requests over the whole document, as each role: 10,000 cases at least unless ARGS says otherwise
fuzz: $(VENV)/.test
	@$(BIN)/python -m tests.api.fuzzing $(ARGS)

# Hostile pictures, zips, tables, models, names, requests and sockets: make hostile ARGS="--count 1500 --seed 7"
hostile: $(VENV)/.test
	@$(BIN)/python -m tests.hostile $(ARGS)

bench-jobs: $(VENV)/.test
	@$(BIN)/python -m bench.jobs $(ARGS)

# A thousand pretended GPU workers: starts, lags, the database's load. ARGS="--against CHECKOUT": beside another version's
.PHONY: bench-fleet
bench-fleet: $(VENV)/.test
	@$(BIN)/python -m bench.fleet $(ARGS)

# The Helm chart, by helm lint and kubeconform; builds them with Go the first time
.PHONY: chart
chart: $(VENV)/.test
	@bash .ci/chart.sh --strict

# The Helm chart at a real kube-apiserver: server-side dry run, install, upgrade; builds it with Go the first time
.PHONY: cluster
cluster: $(VENV)/.test
	@bash .ci/cluster.sh

bench-captions: $(VENV)/.test web/dist/.built
	@$(BIN)/python -m bench.captions $(ARGS)

# Many open tabs while jobs report and captions are saved, with one API process and with two
bench-dashboards: $(VENV)/.test web/dist/.built
	@$(BIN)/python -m bench.live.dashboards $(ARGS)

# Hundreds and thousands of open tabs while captions are saved through the API: make bench-crowd ARGS="--tabs 5000 --processes 2"
bench-crowd: $(VENV)/.test web/dist/.built
	@$(BIN)/python -m bench.live.crowd $(ARGS)

# Fifty people at work with three jobs; ARGS=--attacker: and one who does everything of bench.attacks
bench-team: $(VENV)/.test web/dist/.built
	@$(BIN)/python -m bench.team $(ARGS)

bench-augment: $(VENV)/.test
	@$(BIN)/python -m bench.augment $(ARGS)

bench-train: $(VENV)/.test
	@$(BIN)/python -m bench.train $(ARGS)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CLIP Browser needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make up PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)"; rm -rf $(VENV); exit 1; }

$(VENV)/.bootstrap: requirements/bootstrap.txt | $(VENV)/bin/python
	@$(BIN)/pip install --quiet --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml $(VENV)/.bootstrap
	@echo "Installing what CLIP Browser needs (some GB with PyTorch; minutes at the first time)"
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements/runtime.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@cd $(VENV)/lib/python3*/site-packages && ../../../bin/python -m compileall -q -j 0 $(COMPILED)
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.runtime
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/.dashboard: requirements/dashboard.txt $(VENV)/.bootstrap
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements/dashboard.txt
	@touch $@

web/node_modules/.installed: web/package-lock.json | $(VENV)/.runtime $(VENV)/.dashboard
	@echo "Installing the dashboard's packages"
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/.built: web/node_modules/.installed web/index.html web/vite.config.ts $(shell find web/src web/public -type f 2>/dev/null)
	@echo "Building the dashboard"
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent build
	@touch $@

lock:
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -q pyproject.toml -o requirements/runtime.txt
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -q pyproject.toml -c requirements/runtime.txt \
		--excludes requirements/service-excludes.txt -o requirements/service.txt
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -q pyproject.toml --group test -c requirements/runtime.txt -o requirements/test.txt
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -q --group dashboard -o requirements/dashboard.txt
	@uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -q --group flower -c requirements/runtime.txt -o requirements/flower.txt
	@for group in llm-cpu llm-cuda llm-test; do \
		uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate -q --group $$group -c requirements/runtime.txt \
			--overrides requirements/llm-overrides.txt --excludes requirements/llm-excludes.txt -o requirements/$$group.txt; \
	done

clean:
	@rm -rf $(VENV) web/node_modules web/dist .mypy_cache .ruff_cache .pytest_cache
