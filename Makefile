# Two commands for a newcomer: `make demo` and `make test`. `make help` lists the others.
.DEFAULT_GOAL := help
SHELL := /bin/sh

IMAGE ?= sentiment
PYTHON ?= python3.11
# torch's CPU build comes from here; any mirror will do.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# The default index's own torch for Linux is a CUDA build. Where the hosts' driver is older, say
#   make image-gpu GPU_LOCAL=+cu126 GPU_INDEX=https://download.pytorch.org/whl/cu126
GPU_LOCAL ?=
GPU_INDEX ?=
export PYTHON TORCH_INDEX

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: ## serve the bundled model, and open a page to try it (Ctrl-C ends all)
	@scripts/setup.sh
	@.venv/bin/python local_test/demo.py

.PHONY: tools
tools: ## install what the scripts for AWS need (see scripts/README.md)
	@scripts/setup.sh aws

.PHONY: test
test: ## lint, types and all tests; those of the image where a Docker engine answers
	@scripts/setup.sh dev
	@scripts/check.sh

.PHONY: lint
lint: ## lint and types only: Python, shell scripts, Dockerfile
	@scripts/setup.sh dev
	@scripts/lint.sh

.PHONY: docs
docs: ## write docs/hyperparameters.md from the declaration
	@scripts/setup.sh
	@.venv/bin/python scripts/docs.py

.PHONY: image
image: ## build the CPU image: $(IMAGE):cpu
	@scripts/build.sh $(IMAGE):cpu --build-arg TORCH_INDEX

.PHONY: image-gpu
image-gpu: ## build the GPU image: $(IMAGE):gpu
	@scripts/build.sh $(IMAGE):gpu --build-arg TORCH_LOCAL=$(GPU_LOCAL) --build-arg TORCH_INDEX=$(GPU_INDEX)

.PHONY: sbom
sbom: ## print the list of all that is in the CPU image (CycloneDX)
	@$${DOCKER:-docker} run --rm $(IMAGE):cpu cat /usr/share/doc/sentiment/sbom.cdx.json

.PHONY: lock
lock: ## write the locks anew, after a change of requirements*.txt or lambda/requirements.in
	@scripts/setup.sh dev
	@scripts/lock.sh

.PHONY: audit
audit: ## ask which of the locked packages have known vulnerabilities
	@scripts/setup.sh dev
	@scripts/audit.sh
