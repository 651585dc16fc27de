"""The carrier: rings reach one waiting thread each, in whatever process, and a dead carrier harms nobody."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from config import Settings, load_settings
from jobs import carrier
from jobs.carrier import Carrier, open_carrier
from tests import databases
from tests.databases import Postgresql
from tests.live import free_port

# Generous, for a busy machine; the sweep would come after 5 seconds.
SOON = 2.0


@pytest.fixture(params=["sqlite", *(pytest.param(name, marks=pytest.mark.servers) for name in ("postgresql", "redis"))])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings that choose one of the carriers."""
    plain = load_settings({"DB_URL": f"sqlite:///{tmp_path}/bucketroll.db"})
    if request.param == "postgresql":
        return replace(plain, database_url=request.getfixturevalue("empty_postgresql_url"))
    if request.param == "redis":
        # A database name of the test's own keeps its rings apart in the server that the tests share.
        url = make_url(f"sqlite:///{tmp_path}/{uuid4().hex}.db")
        return replace(plain, redis_url=request.getfixturevalue("redis_url"), database_url=url)
    return plain


@pytest.fixture
def web(settings: Settings) -> Iterator[Carrier]:
    with closing(open_carrier(settings)) as end:
        yield end


@pytest.fixture
def worker(settings: Settings) -> Iterator[Carrier]:
    with closing(open_carrier(settings)) as end:
        yield end


def test_a_ring_is_heard_at_the_other_end_at_once(web: Carrier, worker: Carrier) -> None:
    with ThreadPoolExecutor(1) as threads:
        heard = threads.submit(worker.wait, Event(), 10)
        time.sleep(0.2)
        rung_at = time.monotonic()
        web.ring([uuid4()])
        assert heard.result(SOON)
    assert time.monotonic() - rung_at < SOON


def test_a_ring_that_came_before_anyone_waited_is_heard(web: Carrier, worker: Carrier) -> None:
    web.ring([uuid4()])
    assert worker.wait(Event(), SOON)
    assert not worker.wait(Event(), 0.1)


def test_each_ring_wakes_one_thread_over_all_workers(web: Carrier, worker: Carrier, settings: Settings) -> None:
    with closing(open_carrier(settings)) as second, ThreadPoolExecutor(6) as threads:
        waits = [threads.submit(end.wait, Event(), 1.5) for end in (worker, second) for _ in range(3)]
        time.sleep(0.2)
        web.ring([uuid4() for _ in range(4)])
        assert sum(wait.result() for wait in waits) == 4


def test_waiting_ends_with_the_stop(worker: Carrier) -> None:
    stop = Event()
    waiting = [Thread(target=worker.wait, args=(stop, 30)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    stop.set()
    for thread in waiting:
        thread.join(3)
        assert not thread.is_alive()


def test_a_carrier_that_was_closed_opens_again(web: Carrier, worker: Carrier) -> None:
    web.ring([uuid4()])
    web.close()
    web.ring([uuid4()])
    assert worker.wait(Event(), SOON)
    assert worker.wait(Event(), SOON)


def test_ringing_for_nothing_opens_nothing(web: Carrier, tmp_path: Path) -> None:
    web.ring([])
    assert not (tmp_path / "queue.db").exists()


@pytest.mark.servers
def test_on_postgresql_a_worker_holds_two_connections_however_many_threads_it_has(
    postgresql_server: Postgresql, tmp_path: Path
) -> None:
    with postgresql_server.database() as url:
        plain = load_settings({"DB_URL": url.render_as_string(hide_password=False)})
        with closing(open_carrier(plain)) as worker, ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: worker.wait(Event(), 1.2), range(8)))
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
            with psycopg.connect(host="127.0.0.1", port=postgresql_server.port, user="postgres") as connection:
                assert connection.execute(count, [url.database]).fetchall() == [(2,)]


@pytest.mark.servers
def test_installations_that_share_a_redis_do_not_ring_for_each_other(redis_url: str, tmp_path: Path) -> None:
    ours, theirs = (
        load_settings({"REDIS_URL": redis_url, "DB_URL": f"postgresql://host/{name}"}) for name in ("ours", "theirs")
    )
    with closing(open_carrier(ours)) as us, closing(open_carrier(theirs)) as them:
        us.ring([uuid4()])
        assert not them.wait(Event(), 0.1)
        assert us.wait(Event(), SOON)


def dead_ends(tmp_path: Path) -> list[Settings]:
    port = free_port()
    return [
        load_settings({"DB_URL": f"sqlite:///{tmp_path}/no/such/folder/bucketroll.db"}),
        load_settings({"DB_URL": f"postgresql://postgres@127.0.0.1:{port}/nothing"}),
        load_settings({"REDIS_URL": f"redis://127.0.0.1:{port}/0"}),
    ]


@pytest.mark.parametrize("number", range(3), ids=["sqlite", "postgresql", "redis"])
def test_a_dead_carrier_costs_a_request_next_to_nothing(
    number: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(open_carrier(dead_ends(tmp_path)[number])) as dead, caplog.at_level(logging.WARNING):
        started = time.monotonic()
        for _ in range(100):
            dead.ring([uuid4()])
        assert not dead.wait(Event(), 0.2)
        assert time.monotonic() - started < SOON
    assert len(caplog.records) == 1


@pytest.mark.servers
def test_a_carrier_that_comes_back_is_used_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(carrier, "_REST_SECONDS", 0.1)
    port = free_port()
    settings = load_settings({"REDIS_URL": f"redis://127.0.0.1:{port}/0", "DB_URL": f"sqlite:///{tmp_path}/x.db"})
    with closing(open_carrier(settings)) as end:
        for _ in range(2):
            with databases.redis(port):
                time.sleep(0.2)
                end.ring([uuid4()])
                assert end.wait(Event(), SOON)
            end.ring([uuid4()])
