"""Thumbnails from local disk, against a bare Flask route that sends the same files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

from benchmarks.library import PHOTOS, session_cookie, upload_photos
from benchmarks.processes import children_of
from benchmarks.report import Figure, at_least, at_most, spread
from benchmarks.servers import bare_server
from benchmarks.turns import in_turns
from benchmarks.wrk import CONNECTIONS, SECONDS, Contender, Run, load
from tests.e2e.client import Client
from tests.live import LiveServer, live_server, new_admin_key

TITLE = "Thumbnails from local disk"
# Many short turns: whatever else the machine does meanwhile strikes both.
ROUNDS = 10
# More pixels than a thumbnail has; how many more is of no matter here.
SIZE = (800, 600)
ENVIRON = {"MALLOC_ARENA_MAX": "2"}


def measure() -> list[Figure]:
    """By API key and by cookie, in turns with the bare route."""
    with live_server(ENVIRON) as server:
        key = new_admin_key(server)
        client = Client(server.url, key)
        ids = upload_photos(client, SIZE)
        server.stop("worker")
        paths = [f"/api/assets/{asset_id}/thumbnail?size=thumbnail" for asset_id in ids]
        files = [_file_of(server, asset_id) for asset_id in ids]
        with bare_server(server, files) as bare_one:
            [web] = children_of(server.pid_of("web"))
            by_key = Contender(web, server.url, paths, {"x-api-key": key})
            by_cookie = Contender(web, server.url, paths, session_cookie(server))
            bare = Contender(bare_one.pid, bare_one.url, [f"/{number}" for number in range(len(files))], {})
            for contender in (by_key, by_cookie, bare):
                _check(contender, files)
            rounds = in_turns({"key": by_key, "cookie": by_cookie, "bare": bare}, ROUNDS, load)
        return _figures(rounds, median(file.stat().st_size for file in files))


def _file_of(server: LiveServer, asset_id: str) -> Path:
    [file] = server.media_location.glob(f"thumbs/*/*/*/{asset_id}_thumbnail.*")
    return file


def _check(contender: Contender, files: Sequence[Path]) -> None:
    """Every path answers with the bytes of its file; nobody is measured at sending something else."""
    for path, file in zip(contender.paths, files, strict=True):
        with urlopen(Request(contender.url + path, headers=dict(contender.headers)), timeout=30) as answer:
            assert answer.read() == file.read_bytes(), path


def _figures(rounds: Sequence[Mapping[str, Run]], size: float) -> list[Figure]:
    figures = []
    for name, how in (("key", "x-api-key"), ("cookie", "the session cookie")):
        figures += [
            at_least(
                f"by {name}: ratio", 0.5, [one[name].rate / one["bare"].rate for one in rounds],
                f"requests per second to those of the bare route (`send_file` of the same {PHOTOS} files, same "
                f"gunicorn configuration, one process); authenticated by {how}; wrk, {CONNECTIONS} kept connections, "
                f"{SECONDS} s each, {ROUNDS} rounds, order alternating; a file has {size:.0f} bytes.",
            ),
            at_most(
                f"by {name}: CPU", 1.5, [one[name].cpu for one in rounds],
                "user and system time of the web process per request, from `/proc`, SQLite included. Immich: 2.4 ms.",
                "ms",
            ),
        ]  # fmt: skip
    for name in ("key", "cookie", "bare"):
        runs = [one[name] for one in rounds]
        figures.append(Figure(f"{_named(name)}: rate", spread([run.rate for run in runs], unit="requests/s"),
                              f"half of the answers came within {spread([run.latency for run in runs], 1, 'ms')}."))
    figures.append(Figure("bare route: CPU", spread([one["bare"].cpu for one in rounds], 2, "ms"), "as above."))
    return figures


def _named(name: str) -> str:
    return "bare route" if name == "bare" else f"by {name}"
