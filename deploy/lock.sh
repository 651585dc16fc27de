#!/usr/bin/env bash
# Writes the requirements files: every package pinned and hashed, for every Python from 3.11, from PyPI alone.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.13,<0.14'

# $1: the file to write; the rest: what to resolve.
lock() {
    local file=$1
    shift
    .venv/bin/python -m uv pip compile "$@" --output-file "$file" \
        --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
        --no-config --no-emit-index-url --no-emit-find-links \
        --custom-compile-command "make lock"
}

lock requirements.txt pyproject.toml
lock tests/requirements.txt pyproject.toml --group test --constraint requirements.txt
lock deploy/requirements-s3-server.txt --group s3-server --constraint tests/requirements.txt
