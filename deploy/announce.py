"""Prints where Bucketroll is as soon as it answers, and on the first run what to do there."""

import json
import sys
import time
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

PATIENCE = 120.0

# The server is on this machine; a proxy of the environment could not reach it.
_opener = build_opener(ProxyHandler({}))


def answer(url: str) -> dict[str, Any] | None:
    """The JSON object that lies at the URL; None while nobody answers."""
    try:
        with _opener.open(url, timeout=5) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except (URLError, ConnectionError, TimeoutError, ValueError):
        return None


def main(address: str) -> int:
    """Wait for the server to answer, then announce it; exit code 1 where it never did."""
    deadline = time.monotonic() + PATIENCE
    while answer(f"{address}/api/server/ping") is None:
        if time.monotonic() > deadline:
            return 1
        time.sleep(0.1)
    print(f"Bucketroll is at {address}", flush=True)
    config = answer(f"{address}/api/server/config") or {}
    if config.get("isInitialized") is False:
        print("Nobody has signed up yet: the first visitor creates the admin.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
