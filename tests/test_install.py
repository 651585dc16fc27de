"""What make installs: locked packages, system packages, and nothing that the code does not find there."""

import ast
import json
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_floors import FLOORS, imported_names

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.txt", "tests/requirements.txt", "deploy/requirements-s3-server.txt")


def running_part(source: str) -> str:
    """The module without what only the type checker reads."""
    module = ast.parse(source)
    typing_only = {one for one in module.body if isinstance(one, ast.If) and "TYPE_CHECKING" in ast.dump(one.test)}
    module.body = [one for one in module.body if one not in typing_only]
    return ast.unparse(module)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_its_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    packages = [block for block in re.split(r"\n(?=\S)", text) if not block.startswith("#")]
    assert all(re.match(r"[a-z0-9._-]+==\S+ .*\\\n +--hash=sha256:[0-9a-f]{64}", block) for block in packages)
    assert not re.search(r"https?:|file:|--index|--find-links|/home/|/root/", text)


def test_the_locks_agree_with_each_other() -> None:
    everything = pins("tests/requirements.txt")
    for lock in LOCKS:
        assert pins(lock).items() <= everything.items()


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    direct = {re.split(r"[^a-zA-Z0-9_-]", line)[0] for line in project["project"]["dependencies"]}
    tools = {re.split(r"[^a-zA-Z0-9_-]", line)[0] for line in project["dependency-groups"]["test"]
             if isinstance(line, str)}  # fmt: skip
    assert direct <= pins("requirements.txt").keys()
    assert tools <= pins("tests/requirements.txt").keys()


def test_whatever_the_code_imports_is_installed_by_make_run() -> None:
    installed = {canonical(name) for name in pins("requirements.txt")}
    of_module = packages_distributions()
    modules = [path for name in FLOORS for path in (ROOT / f"{name}.py", *(ROOT / name).rglob("*.py")) if path.exists()]
    names = {name.split(".")[0] for path in modules for name in imported_names(running_part(path.read_text()))}
    third_parties = names - sys.stdlib_module_names - FLOORS.keys()
    assert {"flask", "sqlalchemy"} <= third_parties
    assert [name for name in third_parties if not installed & set(map(canonical, of_module.get(name, [])))] == []


def test_the_immich_cli_is_locked_without_an_address() -> None:
    lock = json.loads((ROOT / "tests/e2e/package-lock.json").read_text())
    packages = [package for name, package in lock["packages"].items() if name]
    assert lock["packages"]["node_modules/@immich/cli"]["version"] == "3.2.2"
    assert all(package["integrity"] and "resolved" not in package for package in packages)


@pytest.mark.parametrize("target", ["run", "run-s3", "test", "test-fast", "lint", "bench", "lock", "clean"])
def test_make_explains_and_knows_each_target(target: str) -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"^  make {target}  +\S", said, re.MULTILINE)
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, check=True)


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "deploy").glob("*.sh")))
def test_each_script_is_executable_and_can_be_parsed(script: str) -> None:
    path = ROOT / "deploy" / script
    assert path.stat().st_mode & stat.S_IXUSR
    subprocess.run(["bash", "-n", path], check=True)


# The packages that `make run` needs, by the command that tells that one is there.
FOR_RUN = dict(
    pair.split(":")
    for pair in re.findall(r"^for_run=\((.*?)\)", (ROOT / "deploy/packages.sh").read_text(), re.M | re.S)[0].split()
)


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A PATH on which there is only what every Debian has."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in ("bash", "chmod", "dirname", "env", "touch"):
        (commands / name).symlink_to(str(shutil.which(name)))
    return commands


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
    (folder / name).chmod(0o755)


def ask(script: str, *arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "deploy" / script), *arguments]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True)


def test_what_cannot_be_installed_is_named(bare_machine: Path) -> None:
    done = ask("packages.sh", "run", path=bare_machine)
    assert done.returncode == 1
    assert f"Missing: {' '.join(FOR_RUN.values())}. There is no apt-get here" in done.stderr


def test_a_missing_system_package_is_installed_and_then_left_alone(bare_machine: Path) -> None:
    put(bare_machine, "sudo", '"$@"')
    commands = " ".join(str(bare_machine / command) for command in FOR_RUN)
    put(bare_machine, "apt-get", f"[[ $1 = update ]] || {{ touch {commands}; chmod +x {commands}; }}")
    first, second = (ask("packages.sh", "run", path=bare_machine) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, f"Installing system packages: {' '.join(FOR_RUN.values())}\n")
    assert (second.returncode, second.stdout) == (0, "")


def test_a_failed_installation_is_told(bare_machine: Path) -> None:
    put(bare_machine, "sudo", '"$@"')
    put(bare_machine, "apt-get", "exit 100")
    done = ask("packages.sh", "run", path=bare_machine)
    assert done.returncode == 1
    assert f"apt-get could not install: {' '.join(FOR_RUN.values())}" in done.stderr


def test_a_python_that_is_too_old_is_told(bare_machine: Path) -> None:
    put(bare_machine, "sudo", '"$@"')
    put(bare_machine, "apt-get", "")
    put(bare_machine, "python3", '[[ $1 = --version ]] && echo "Python 3.10.12"')
    done = ask("venv.sh", path=bare_machine)
    assert done.returncode == 1
    assert "Bucketroll wants Python 3.11 or newer with venv; the newest here is: Python 3.10.12." in done.stderr
