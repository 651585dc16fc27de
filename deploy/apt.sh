#!/usr/bin/env bash
# Installs the named Debian packages, or says in one sentence why it cannot.
set -euo pipefail

root=()
if ! command -v apt-get >/dev/null; then
    echo "Missing: $*. There is no apt-get here; install what these Debian packages hold, then try again." >&2
    exit 1
fi
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "Missing: $*. Ask an administrator to run: apt-get install $*" >&2
        exit 1
    fi
    root=(sudo)
fi
echo "Installing system packages: $*"
if ! { "${root[@]}" apt-get update -qq &&
       "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
           apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }; then
    echo "apt-get could not install: $*" >&2
    exit 1
fi
