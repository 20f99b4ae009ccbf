#!/bin/sh
# Ask the public list of vulnerabilities about every package in the locks: `make audit`.
# Exit status: 0 none is known, 1 some are (they are listed), 2 the list could not be asked.
set -eu
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# torch's CPU build has the vulnerabilities of its version, which the list knows without +cpu.
# Strict: a package that the list does not answer for is no package without vulnerabilities.
status=0
${PIP_AUDIT:-.venv/bin/pip-audit} --strict --disable-pip --require-hashes --progress-spinner off \
    --requirement requirements.lock --requirement requirements-torch-cuda.lock \
    --requirement lambda/requirements.txt --requirement requirements-aws.lock \
    --requirement requirements-dev.lock --cache-dir "$folder/cache" \
    >"$folder/found" 2>"$folder/said" || status=$?
cat "$folder/found"
if [ $status -eq 0 ]; then
    echo "audit: no vulnerability is known in any package of the locks"
elif [ -s "$folder/found" ]; then
    exit 1
else
    echo "audit: the list of vulnerabilities could not be asked, so nothing is known:" >&2
    tail -n 1 "$folder/said" >&2
    exit 2
fi
