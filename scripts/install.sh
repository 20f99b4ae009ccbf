#!/bin/sh
# Install what requirements.txt names, on a laptop and in the image alike: just those files whose
# hashes are in the locks.
#
#   install.sh PYTHON [LOCK...]   and what is in further locks
#
# TORCH_LOCAL  suffix of torch's version: +cpu (default), +cu126, ...; empty for the default
#              index's own build, which on Linux is the CUDA one
# TORCH_INDEX  where that build is; where it cannot be reached, pip's other sources are used, and
#              a +cpu request is never answered with gigabytes of CUDA
set -eu

python=$1
shift
local=${TORCH_LOCAL-+cpu}
index=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
case $(uname -s) in
    Darwin) local='' index='' ;; # the only build there is
esac
here=$(cd "$(dirname "$0")/.." && pwd)

# Bytecode is made of what is imported, and not of the gigabyte that never is.
install() { "$python" -m pip install --retries 2 --no-compile "$@"; }
# The locks are whole, so nothing else is looked for; and nothing is built, so no set-up code runs.
locked() { install --no-deps --only-binary :all: --require-hashes --requirement "$@"; }

locked "$here/requirements.lock"
torch=$(grep '^torch==' "$here/requirements.txt") || local=none # another algorithm's list
case "$(uname -sm)$local" in
    *none) ;;
    "Linux x86_64+cpu")
        locked "$here/requirements-torch-cpu.lock" ${index:+--extra-index-url "$index"} ;;
    "Linux x86_64")
        locked "$here/requirements-torch-cuda.lock" ${index:+--extra-index-url "$index"} ;;
    *) # of other machines' builds the version is pinned and no hash
        install ${index:+--extra-index-url "$index"} "$torch$local" ;;
esac
for lock in "$@"; do
    locked "$lock"
done
