#!/bin/sh
# Serve in the image as SageMaker would, with the model that train_local.sh has made. Ctrl-C ends it.
set -eu

usage() {
    cat >&2 <<'TEXT'
usage: serve_local.sh IMAGE

Serves local_test/test_dir/model at http://127.0.0.1:8080; predict.sh sends requests to it.
PORT names another port, DOCKER the Docker client (default: docker).
TEXT
    exit 2
}

[ $# -eq 1 ] || usage
case $1 in
    '' | -*) usage ;;
esac
tree=$(cd "$(dirname "$0")/test_dir" && pwd)

mkdir -p "$tree/model" # made here, because Docker would make it root's
exec "${DOCKER:-docker}" run --rm --publish "127.0.0.1:${PORT:-8080}:8080" \
    --volume "$tree/model:/opt/ml/model:ro" "$1" serve
