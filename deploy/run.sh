#!/usr/bin/env bash
# Runs web, worker or both until a signal comes or one of them ends; then ends the other.
#
# The first signal (Ctrl-C, SIGTERM, SIGHUP) lets requests and jobs in flight finish, the second does not.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
if [[ ! -x $python ]]; then
    echo "There is no .venv yet; \`make run\` makes it." >&2
    exit 1
fi
# Nothing is written outside the folders that the settings name.
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD FLASK_SKIP_DOTENV=1
# glibc would keep a heap for each thread; two are as fast here and hold far less memory.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"

preflight=$("$python" deploy/preflight.py)
read -r address roles <<<"$preflight"
"$python" -m flask --app app db upgrade

code=0
stopped=
children=()
announcer=

stop() {
    stopped=1
    trap 'code=130; kill_all' INT TERM HUP
    [[ ${#children[@]} -eq 0 ]] || kill -TERM "${children[@]}" 2>/dev/null || true
}

kill_all() {
    local child
    for child in "${children[@]}" $announcer; do
        kill -KILL -- "-$child" 2>/dev/null || true
    done
}

start() {
    [[ -z $stopped ]] || return 0
    "$@" </dev/null &
    children+=("$!")
    [[ -z $stopped ]] || kill -TERM "$!" 2>/dev/null || true
}

# Job control gives each child a process group of its own: Ctrl-C reaches only this script, which asks
# the children to finish, and whatever a child leaves behind can be ended with its group.
set -m
trap stop INT TERM HUP

if [[ $roles == *api* ]]; then
    start "$python" -m gunicorn --config deploy/gunicorn.conf.py 'app:create_app()'
    "$python" deploy/announce.py "$address" </dev/null &
    announcer=$!
fi
if [[ $roles == *microservices* ]]; then
    start "$python" worker.py
fi

if [[ -z $stopped ]]; then
    wait -n "${children[@]}" || code=$?
fi
if [[ -n $stopped ]]; then
    code=0
else
    stop
fi
for child in "${children[@]}"; do
    while kill -0 "$child" 2>/dev/null; do
        wait "$child" || true
    done
done
kill_all
exit "$code"
