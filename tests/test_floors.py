"""Imports go down only, and each third party enters at one file: the map of docs/architecture.md, checked."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {"config": 0, "errors": 0, "models": 1, "storage": 1, "media": 2, "jobs": 2, "services": 3,
          "blueprints": 4, "cli": 4, "app": 5, "worker": 5}
# Neither of two neighbours imports the other.
STRANGERS = {("models", "storage"), ("storage", "models"), ("media", "jobs"), ("jobs", "media")}
ONLY_IN = {"boto3": "storage/s3.py", "botocore": "storage/s3.py", "huey": "jobs/carrier.py",
           "subprocess": "media/tools.py"}
FLASK = {"flask", "werkzeug", "flask_migrate", "jinja2"}


def imported_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def breaches(path: str, source: str) -> list[str]:
    """Every import in the module at `path` that the floors forbid."""
    here = path.split("/")[0].removesuffix(".py")
    found = []
    for name in imported_names(source):
        there = name.split(".")[0]
        upward = FLOORS.get(there, 0) > FLOORS[here]
        smuggled = there in ONLY_IN and path != ONLY_IN[there]
        flask_too_low = there in FLASK and FLOORS[here] < 3
        if upward or (here, there) in STRANGERS or smuggled or flask_too_low:
            found.append(f"{path} imports {name}")
    return found


def test_every_import_goes_down() -> None:
    files = [ROOT / f"{name}.py" for name in FLOORS] + [file for name in FLOORS for file in (ROOT / name).rglob("*.py")]
    modules = {file.relative_to(ROOT).as_posix(): file.read_text() for file in files if file.exists()}
    assert {"app.py", "config.py", "storage/s3.py"} <= modules.keys()
    assert [breach for path, source in modules.items() for breach in breaches(path, source)] == []


def test_every_folder_of_code_has_its_floor() -> None:
    outside = {"benchmarks", "deploy", "docs", "migrations", "static", "templates", "tests", "data", "node_modules"}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    assert folders - outside <= FLOORS.keys()


@pytest.mark.parametrize(("path", "source"), [
    ("storage/local.py", "import services.assets"),
    ("models/users.py", "def late():\n    from storage.types import StorageKey"),
    ("jobs/ledger.py", "from media import images"),
    ("storage/local.py", "import boto3.session"),
    ("services/jobs.py", "from huey import RedisHuey"),
    ("media/video.py", "import subprocess"),
    ("media/staging.py", "from flask import current_app"),
])  # fmt: skip
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(breaches(path, source)) == 1


@pytest.mark.parametrize(("path", "source"), [
    ("services/assets.py", "from storage.types import StorageKey\nfrom flask import current_app"),
    ("storage/s3.py", "import boto3"),
    ("media/staging.py", "from . import tools"),
])  # fmt: skip
def test_an_import_that_goes_down_is_left_alone(path: str, source: str) -> None:
    assert breaches(path, source) == []
