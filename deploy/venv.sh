#!/usr/bin/env bash
# Makes .venv from the newest Python that Bucketroll runs on, installing one through apt where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

# $1: modules that this Python must have; Debian packs `ensurepip` apart from the rest.
newest_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3; do
        if "$name" -c "import sys, $1; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

if ! python=$(newest_python ensurepip,sqlite3,ssl); then
    if python=$(newest_python sys); then
        version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        deploy/apt.sh "$version-venv"
    else
        deploy/apt.sh python3 python3-venv
    fi
    if ! python=$(newest_python ensurepip,sqlite3,ssl); then
        echo "Bucketroll wants Python 3.11 or newer with venv; the newest here is: $(python3 --version 2>&1)." >&2
        exit 1
    fi
fi
echo "Making .venv with $("$python" --version)"
"$python" -m venv .venv
