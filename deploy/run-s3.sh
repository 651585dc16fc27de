#!/usr/bin/env bash
# Runs Bucketroll on the S3 engine, over an S3 server of its own under ./data unless S3_ENDPOINT names another.
set -euo pipefail
cd "$(dirname "$0")/.."

export IMMICH_STORAGE_ENGINE="${IMMICH_STORAGE_ENGINE:-s3}"
export S3_BUCKET="${S3_BUCKET:-bucketroll}"
if [[ -n ${S3_ENDPOINT:-} ]]; then
    exec deploy/run.sh
fi

keys=$(.venv/bin/python deploy/s3_server_keys.py data/seaweedfs.keys)
read -r port access_key secret_key <<<"$keys"
# Keys of the environment win: the server is started with whatever Bucketroll will use.
for name in S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY; do
    file="${name}_FILE"
    if [[ -n ${!file:-} ]]; then
        printf -v "$name" '%s' "$(<"${!file}")"
        unset "$file"
    fi
done
if [[ -n ${S3_ACCESS_KEY_ID:-} && -n ${S3_SECRET_ACCESS_KEY:-} ]]; then
    access_key=$S3_ACCESS_KEY_ID
    secret_key=$S3_SECRET_ACCESS_KEY
fi
export S3_ENDPOINT="http://127.0.0.1:$port" S3_ACCESS_KEY_ID="$access_key" S3_SECRET_ACCESS_KEY="$secret_key"

# Job control gives each child a process group of its own: Ctrl-C reaches only this script, and the store
# stays until the requests and jobs in flight have finished with it.
set -m
coproc STORE {
    exec .venv/bin/python deploy/seaweedfs.py --dir data/seaweedfs --port "$port" \
        --access-key="$access_key" --secret-key="$secret_key" --bucket "$S3_BUCKET"
}
store=$STORE_PID
trap 'kill -TERM "$store" 2>/dev/null || true; exit 130' INT TERM HUP
if ! read -r _ <&"${STORE[0]}"; then
    echo "The S3 server did not start." >&2
    exit 1
fi
echo "The S3 server is at $S3_ENDPOINT, its files under data/seaweedfs, its keys in data/seaweedfs.keys"

deploy/run.sh </dev/null &
run=$!
trap 'kill -TERM "$run" 2>/dev/null || true' INT TERM HUP

code=0
wait -n "$run" "$store" || code=$?
lost=
if ! kill -0 "$store" 2>/dev/null; then
    lost=1
    echo "The S3 server has ended." >&2
    kill -TERM "$run" 2>/dev/null || true
fi
while kill -0 "$run" 2>/dev/null; do
    code=0
    wait "$run" || code=$?
done
kill -TERM "$store" 2>/dev/null || true
while kill -0 "$store" 2>/dev/null; do
    wait "$store" || true
done
exit "${lost:-$code}"
