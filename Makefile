# Every target sets up what it needs, in .venv. Nothing but make, bash and Python 3.11 is asked of the machine.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
CODE := nst_engine nst_client jobs api worker cli
# All but KEDA's resources and kustomize's own file, which tests/deploy checks.
MANIFESTS := $(filter-out %/scaling.yaml %/kustomization.yaml,$(wildcard deploy/k8s/*.yaml))
ARGS ?=

# uv on PATH, else one of our own from the package index.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
OWN_UV := $(filter .tools/bin/uv,$(UV))

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	@echo 'uv is not on PATH: installing it into .tools'
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nst needs Python 3.11 or newer")'
	@python3 -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

# --inexact: what the other stamp installed stays.
.venv/.embedded: pyproject.toml uv.lock | $(OWN_UV)
	@echo 'setting up .venv (once; it holds torch and takes a while)'
	@$(UV) sync --quiet --frozen --inexact --extra embedded
	@touch $@

.venv/.dev: pyproject.toml uv.lock | $(OWN_UV)
	@echo 'setting up .venv for development (once; it holds torch and takes a while)'
	@$(UV) sync --quiet --frozen --inexact --extra dev
	@touch .venv/.embedded $@

setup: .venv/.dev  ## install everything that development needs into .venv

demo: .venv/.embedded  ## turn a photo and a painting into out/demo.png, through the real service
	@$(BIN)/nst demo $(ARGS)

up: .venv/.embedded  ## run the whole service here: Redis, API and worker, until Ctrl-C
	@$(BIN)/nst up $(ARGS)

test: .venv/.dev  ## run all tests (ARGS='-k word' for some)
	@$(BIN)/python -m pytest $(ARGS)

chaos: .venv/.dev  ## kill what can be killed, under load, and count what is left (11 minutes)
	@$(BIN)/python -m tests.chaos $(ARGS)

rolling: .venv/.dev  ## restart workers, API and Redis one after another, under load, and count what is left
	@$(BIN)/python -m tests.chaos.rolling $(ARGS)

coverage: .venv/.dev  ## run all tests, tell what they miss; under 90 % of engine, jobs or api is an error
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory coverage-part coverage-report

coverage-part: .venv/.dev  ## add a part of the tests to what coverage knows (ARGS=tests/jobs); `make clean` forgets
	@$(BIN)/python -m pytest --cov --cov-append --cov-report= $(ARGS)

coverage-report: .venv/.dev  ## tell what the parts so far miss
	@$(BIN)/coverage report --show-missing --skip-covered
	@for part in nst_engine jobs api; do \
	  echo -n "$$part: "; $(BIN)/coverage report --include="$$part/*" --format=total --fail-under=90; done

lint: .venv/.dev  ## check style and formatting (seconds)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { echo 'not formatted; run: make format'; exit 1; }

types: .venv/.dev  ## check types
	@$(BIN)/mypy $(CODE)

imports: .venv/.dev  ## check who may import whom
	@$(BIN)/lint-imports --no-cache --no-logo

# In a folder of its own: Zensical keeps a cache beside its settings, and cleaning that empties all of .cache.
docs: .venv/.dev  ## build the documentation site into site/; a warning is an error
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && cp -r docs zensical.toml "$$folder" && \
	  $(BIN)/zensical build --strict --config-file "$$folder/zensical.toml" && rm -rf site && mv "$$folder/site" site

reference: .venv/.dev  ## write the pages of docs/ that are made from code
	@$(BIN)/nst config --markdown > docs/run/settings.md
	@$(BIN)/nst presets --markdown > docs/use/presets.md
	@$(BIN)/python -m tools.http_reference > docs/use/http-reference.md

deployment: .venv/.dev  ## check Dockerfiles, compose files and Kubernetes manifests
	@$(BIN)/hadolint Dockerfile.api Dockerfile.worker
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml compose.*.yml
	@$(BIN)/kubernetes-validate --quiet --strict $(MANIFESTS)

bench: .venv/.dev  ## measure engine and service on this machine into docs/internals/benchmarks.md (about ten minutes)
	@$(BIN)/python -m bench.report $(ARGS)

gallery: .venv/.dev  ## paint the sheets of docs/gallery.md and the strips of docs/use/concepts.md anew (many minutes)
	@$(BIN)/python -m bench.sheets.gallery
	@$(BIN)/python -m bench.sheets.concepts

check: lint types imports docs deployment  ## all of these: lint, types, imports, docs, deployment

images-test: .venv/.dev  ## build both images and paint one picture through them (root; ARGS='--base IMAGE')
	@type -P buildah debootstrap >/dev/null || \
	  { echo 'buildah or debootstrap is missing; on Debian: apt-get install buildah debootstrap'; exit 1; }
	@$(BIN)/python -m tests.containers $(ARGS)

release-check: .venv/.dev  ## build wheel and sdist, install them in clean environments and try them (5 GB for a while)
	@$(BIN)/python -m tools.release_check --uv $(UV) $(ARGS)

format: .venv/.dev  ## put the code into the project's format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

clean:  ## remove what targets made, but not .venv
	@rm -rf out dist site .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.*

.PHONY: help setup demo up bench test chaos rolling coverage coverage-part coverage-report lint types imports docs reference deployment gallery check images-test release-check format clean
