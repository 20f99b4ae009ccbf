#!/bin/sh
# Make or refresh the virtual environment .venv: `setup.sh` for the demo, `setup.sh aws` for the
# scripts too, `setup.sh dev` for tests. Quick when nothing has changed; remove .venv to begin anew.
set -eu
cd "$(dirname "$0")/.."

level=${1-run}
set -- lambda/requirements.txt # it is a lock, too
case $level in
    run) ;;
    aws) set -- "$@" requirements-aws.lock ;;
    dev) set -- "$@" requirements-aws.lock requirements-dev.lock ;;
    *) echo "usage: setup.sh [aws | dev]" >&2; exit 2 ;;
esac
stamp=.venv/installed-$level
wanted=$(cat requirements.txt requirements*.lock "$@" scripts/install.sh
    echo "${TORCH_LOCAL-+cpu} ${TORCH_INDEX-}")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    echo "set-up: .venv is up to date"
    exit 0
fi

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || {
    echo "set-up: no $python on the PATH; install Python 3.11 or set PYTHON" >&2
    exit 1
}
echo "set-up: installing requirements.lock $* into .venv (some minutes the first time)"
[ -x .venv/bin/python ] || "$python" -m venv .venv || {
    echo "set-up: cannot make .venv; on Debian or Ubuntu: apt-get install python3.11-venv" >&2
    exit 1
}
scripts/install.sh .venv/bin/python "$@"
printf '%s\n' "$wanted" >"$stamp"
echo "set-up: done"
