#!/bin/sh
# Send a file to the server that serve_local.sh has started, and print the answer.
set -eu

usage() {
    cat >&2 <<'TEXT'
usage: predict.sh FILE [CONTENT_TYPE]

The type is guessed from the suffix: .txt .json .jsonl .ndjson .csv .npy. PORT names the server's
port (default: 8080). Where the server refuses, its message is printed and the exit status is 1.
TEXT
    exit 2
}

[ $# -eq 1 ] || [ $# -eq 2 ] || usage
file=$1
case $file in
    -*) usage ;;
esac
if [ ! -r "$file" ] || [ -d "$file" ]; then
    echo "predict.sh: cannot read $file" >&2
    exit 1
fi
if [ $# -eq 2 ]; then
    type=$2
else
    case $file in
        *.txt) type=text/plain ;;
        *.json) type=application/json ;;
        *.jsonl | *.ndjson) type=application/jsonlines ;;
        *.csv) type=text/csv ;;
        *.npy) type=application/x-npy ;;
        *)
            echo "predict.sh: no content type is known for $file; name it as second argument" >&2
            exit 2
            ;;
    esac
fi

# 60 seconds are all that a real-time endpoint gives a request.
status=0
answer=$(curl --silent --show-error --fail-with-body --max-time 60 \
    --header "Content-Type: $type" --data-binary "@$file" \
    "http://127.0.0.1:${PORT:-8080}/invocations") || status=1
if [ "$status" -eq 0 ]; then
    printf '%s\n' "$answer"
elif [ -n "$answer" ]; then
    printf '%s\n' "$answer" >&2
fi
exit "$status"
