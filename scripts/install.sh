#!/bin/sh
# Install requirements with the wanted build of torch, on a laptop and in the image alike.
#
#   install.sh PYTHON REQUIREMENTS...
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
    Darwin) local= index= ;; # the only build there is
esac

here=$(cd "$(dirname "$0")/.." && pwd)
torch=$(grep '^torch==' "$here/requirements.txt")$local
# Alone: what it depends on is pinned in the requirements and does not come from that index.
"$python" -m pip install --retries 2 --no-deps ${index:+--extra-index-url "$index"} "$torch"
for file in "$@"; do
    "$python" -m pip install --requirement "$file"
done
