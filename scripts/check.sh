#!/bin/sh
# Everything that must hold before a change lands. `make test` sets up what this needs.
set -eu
cd "$(dirname "$0")/.."
scripts/lint.sh
.venv/bin/python -m pytest "$@"
