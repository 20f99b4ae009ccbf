#!/bin/sh
# Lint and types. `make lint` sets up what this needs.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/ruff check
.venv/bin/mypy
.venv/bin/shellcheck scripts/*.sh local_test/*.sh container/entrypoint .ci/run
.venv/bin/hadolint Dockerfile
