#!/bin/sh
# Train the bundled model anew: model/ at the top of the repository. Its figures stand in its card.
set -eu

usage() {
    cat >&2 <<'TEXT'
usage: bundle_model.sh ARCHIVE

Trains with all defaults on the IMDB archive (aclImdb_v1.tar.gz), its unlabelled reviews included,
and puts the result into model/. Takes some minutes; the same archive gives the same model.
TEXT
    exit 2
}

[ $# -eq 1 ] && [ -f "$1" ] || usage
root=$(cd "$(dirname "$0")/.." && pwd)
archive=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

mkdir -p "$tree/input/data/train"
ln -s "$archive" "$tree/input/data/train/"
"$root/.venv/bin/python" "$root/container/train" --root "$tree"
cp "$tree/model/model.json" "$tree/model/vocabulary.json" "$tree/model/weights.safetensors" \
    "$root/model/"
echo "model/ is new; measure it and bring model/README.md up to date"
