#!/bin/sh
# Train in the image as SageMaker would, with test_dir in the place of /opt/ml.
set -eu

usage() {
    cat >&2 <<'TEXT'
usage: train_local.sh IMAGE [--NAME VALUE ...]

Learns from local_test/test_dir/input and writes local_test/test_dir/model and output. A
hyperparameter given here wins over test_dir/input/config/hyperparameters.json.
DOCKER names the Docker client (default: docker).
TEXT
    exit 2
}

case ${1-} in
    '' | -*) usage ;;
esac
image=$1
shift
tree=$(cd "$(dirname "$0")/test_dir" && pwd)

# Every job begins with empty places to write to. Made here, because Docker would make them root's.
rm -rf "$tree/model" "$tree/output"
mkdir -p "$tree/model" "$tree/output"

terminal=
if [ -t 0 ] && [ -t 1 ]; then
    terminal=--interactive\ --tty # for the progress bar
fi
# As this user, so that what is written can be removed again without root.
# shellcheck disable=SC2086 # two words, or none
exec "${DOCKER:-docker}" run --rm $terminal --user "$(id -u):$(id -g)" \
    --volume "$tree:/opt/ml" "$image" train "$@"
