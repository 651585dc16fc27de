"""What `make bench` installs to measure against."""

import json
from pathlib import Path

PEERS = Path(__file__).parents[2] / "benchmarks/peers"


def test_the_peers_are_locked_without_an_address() -> None:
    lock = json.loads((PEERS / "package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert all(package["integrity"] and "resolved" not in package for package in packages)


def test_the_lock_has_the_versions_that_are_named() -> None:
    named = json.loads((PEERS / "package.json").read_text())
    locked = json.loads((PEERS / "package-lock.json").read_text())["packages"]
    for name, version in {**named["dependencies"], **named["optionalDependencies"]}.items():
        assert locked[f"node_modules/{name}"]["version"] == version
