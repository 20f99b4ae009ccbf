#!/bin/sh
# Serve in the image as SageMaker would: the model that train_local.sh has made, or else the bundled
# one. Ctrl-C ends it.
set -eu

usage() {
    cat >&2 <<'TEXT'
usage: serve_local.sh IMAGE

Serves local_test/test_dir/model at http://127.0.0.1:8080, or the bundled model while nothing is
there; predict.sh sends requests to it.
PORT names another port, DOCKER the Docker client (default: docker).
TEXT
    exit 2
}

[ $# -eq 1 ] || usage
case $1 in
    '' | -*) usage ;;
esac
model=$(cd "$(dirname "$0")/test_dir" && pwd)/model
if [ ! -e "$model/model.json" ]; then
    model=$(cd "$(dirname "$0")/../model" && pwd)
    echo "serve_local.sh: serving the bundled model" >&2
fi
exec "${DOCKER:-docker}" run --rm --publish "127.0.0.1:${PORT:-8080}:8080" \
    --volume "$model:/opt/ml/model:ro" "$1" serve
