"""Redirects to the bucket, against a bare Flask route that redirects to a URL of the same length."""

import hashlib
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.library import Original, session_cookie, upload_original
from benchmarks.processes import children_of
from benchmarks.report import Figure, at_least, spread
from benchmarks.servers import bare_server
from benchmarks.store import environ_of
from benchmarks.turns import in_turns
from benchmarks.wrk import CONNECTIONS, SECONDS, Contender, Run, load
from tests.e2e.client import Client
from tests.live import live_server, new_admin_key
from tests.servers import S3Server, seaweedfs

TITLE = "Redirects to the bucket"
# Many short turns, as with thumbnails.
ROUNDS = 8
ORIGINALS = 8
# Above what is sent by the web process itself (DELIVERY_REDIRECT_BYTES).
SIZE = 9 * 1024 * 1024
NAMES = {"cookie": "by cookie", "key": "by key", "bare": "bare route"}


def measure() -> list[Figure]:
    """By cookie and by API key in the query, in turns with the bare route."""
    with seaweedfs() as store, live_server(_environ(store), workers=0) as server, bare_server(server) as bare:
        key = new_admin_key(server)
        originals = [upload_original(Client(server.url, key), SIZE) for _ in range(ORIGINALS)]
        [web] = children_of(server.pid_of("web"))
        contenders = {
            "cookie": Contender(web, server.url, [one.path for one in originals], session_cookie(server)),
            "key": Contender(web, server.url, [f"{one.path}?apiKey={key}" for one in originals], {}),
        }
        length = max(_check(contender, originals) for contender in contenders.values())
        contenders["bare"] = Contender(bare.pid, bare.url, [f"/away/{length}"], {})
        assert len(_location(contenders["bare"], f"/away/{length}")) == length
        return _figures(in_turns(contenders, ROUNDS, load), length)


def _environ(store: S3Server) -> dict[str, str]:
    """Clients reach the bucket by another host name than ours, or it would get the cookie."""
    return {**environ_of(store), "S3_PUBLIC_ENDPOINT": f"http://localhost:{urlsplit(store.endpoint).port}"}


def _check(contender: Contender, originals: Sequence[Original]) -> int:
    """Every path leads to its bytes; how long the longest of the URLs is."""
    locations = [_location(contender, path) for path in contender.paths]
    for location, original in zip(locations, originals, strict=True):
        assert location.startswith("http://localhost:"), location
        with urlopen(location, timeout=30) as answer:
            assert hashlib.sha256(answer.read()).digest() == original.sha256, location
    return max(map(len, locations))


def _location(contender: Contender, path: str) -> str:
    connection = HTTPConnection(urlsplit(contender.url).netloc, timeout=30)
    connection.request("GET", path, headers=dict(contender.headers))
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 302, answer.status
    return answer.headers["Location"]


def _figures(rounds: Sequence[Mapping[str, Run]], length: int) -> list[Figure]:
    figures = [
        at_least(
            f"{NAMES[name]}: ratio", 0.4, [one[name].rate / one["bare"].rate for one in rounds],
            f"redirects per second to those of the bare route (`redirect` to a URL of the same {length} characters, "
            f"same gunicorn configuration, one process); {ORIGINALS} originals in the bucket, authenticated by {how}; "
            f"wrk, {CONNECTIONS} kept connections, {SECONDS} s each, {ROUNDS} rounds, order alternating.",
        )
        for name, how in (("cookie", "the session cookie"), ("key", "`apiKey` in the query"))
    ]  # fmt: skip
    for name, shown in NAMES.items():
        runs = [one[name] for one in rounds]
        figures.append(Figure(f"{shown}: rate", spread([run.rate for run in runs], unit="redirects/s"),
                              f"half of the answers came within {spread([run.latency for run in runs], 1, 'ms')}; "
                              f"CPU of the web process {spread([run.cpu for run in runs], 2, 'ms')} each."))
    return figures
