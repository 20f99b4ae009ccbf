#!/bin/sh
# Write the locks (exact versions and SHA-256 of every file) from the lists that people edit.
#
#   lock.sh            after a change of a requirements*.txt or lambda/requirements.in
#   lock.sh --upgrade  take the newest versions of what those bring, too
set -eu
cd "$(dirname "$0")/.."

compile() { # INPUT LOCK [OPTION...]
    input=$1 lock=$2
    shift 2
    .venv/bin/uv pip compile --quiet --generate-hashes --custom-compile-command "make lock" \
        --output-file "$lock" "$@" "$input"
}
names() { sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' "$1"; }

compile lambda/requirements.in lambda/requirements.txt --python-version 3.11 "$@"

# As on a Mac, where torch brings no CUDA libraries; the hashes are those of all platforms. Torch is
# left out, because which build of it is wanted is said when it is installed.
export MACOSX_DEPLOYMENT_TARGET=14.0
compile requirements.txt requirements.lock --python-platform macos --python-version 3.11.5 \
    --no-emit-package torch "$@"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The tools, for any machine. What stands in another lock is that version, and is not locked again.
locked="requirements.lock lambda/requirements.txt"
tools() { # LOCK OTHERS [OPTION...] INPUT...
    lock=$1 others=$2
    shift 2
    for other in $others; do
        for name in torch $(names "$other"); do
            set -- --no-emit-package "$name" "$@"
        done
        set -- --constraint "$other" "$@"
    done
    .venv/bin/uv pip compile --quiet --generate-hashes --custom-compile-command "make lock" \
        --no-annotate --universal --python-version 3.11 --output-file "$lock" "$@"
}
cat requirements-aws.lock requirements-dev.lock >"$folder/all" # where it begins, unless upgraded
tools "$folder/all" "$locked" "$@" requirements-aws.txt requirements-dev.txt
tools requirements-aws.lock "$locked" --constraint "$folder/all" requirements-aws.txt
tools requirements-dev.lock "$locked requirements-aws.lock" --constraint "$folder/all" \
    requirements-aws.txt requirements-dev.txt

torch=$(grep '^torch==' requirements.txt) || exit 0 # nothing else has builds of its own

# The CUDA build, and what only it brings.
echo "$torch" >"$folder/torch.txt"
set -- --constraint requirements.lock "$@"
for name in $(names requirements.lock); do
    set -- --no-emit-package "$name" "$@"
done
compile "$folder/torch.txt" requirements-torch-cuda.lock --no-annotate \
    --python-platform x86_64-manylinux_2_28 --python-version 3.11.5 "$@"

# The CPU build is in PyTorch's own index, where pip finds it and uv would look for the rest too.
.venv/bin/python -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" \
    --python-version 3.11 --platform manylinux_2_28_x86_64 \
    --extra-index-url "${TORCH_INDEX-https://download.pytorch.org/whl/cpu}" "$torch+cpu"
hash=$(.venv/bin/python -m pip hash --algorithm sha256 "$folder"/torch-*.whl | tail -n 1)
cat >requirements-torch-cpu.lock <<LOCK
# This file was made by the following command:
#    make lock
$torch+cpu \\
    $hash
LOCK
