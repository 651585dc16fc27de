"""The worker: runs the jobs of the ledger until it is asked to stop."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from uuid import UUID

from config import load_settings
from errors import AppError, ConfigError
from jobs import ledger, registry, schedule
from jobs.ledger import LEASE, Claim
from services import handlers, storage  # noqa: F401 - importing the handlers registers them
from services.logs import start_logging
from services.system import System, open_system

logger = logging.getLogger("worker")

# A thread without work asks the ledger this often, rung or not: it heals whatever ring was lost.
IDLE_SECONDS = 5.0
BEAT_SECONDS = LEASE.total_seconds() / 4
# Docker kills after 10 seconds unless told otherwise, systemd after 90; `make run` waits.
GRACE_SECONDS = 25.0
# After an error of the loop itself: the database is away, most likely.
REST_SECONDS = 5.0


class Worker:
    """Threads that run jobs, and one that renews their leases and looks after the ledger."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._stop = Event()
        self._held: dict[UUID, Claim] = {}
        self._held_lock = Lock()

    def stop(self) -> None:
        """Starts no more jobs; `run` returns when those that are running have ended."""
        self._stop.set()

    def run(self) -> bool:
        """Runs jobs until `stop`; False where some did not end in the time of grace and went back."""
        upkeep = Thread(target=self._keep, args=(self._look_after,), name="upkeep", daemon=True)
        threads = [
            Thread(target=self._keep, args=(self._work,), name=f"jobs-{number}", daemon=True)
            for number in range(self._system.settings.worker_threads)
        ]
        for thread in (upkeep, *threads):
            thread.start()
        logger.info("worker %s runs %d jobs at once", self._name, len(threads))
        self._stop.wait()
        deadline = time.monotonic() + GRACE_SECONDS
        for thread in (*threads, upkeep):
            thread.join(max(0.0, deadline - time.monotonic()))
        unfinished = self._claims()
        ledger.release(self._system.database, unfinished)
        for held in unfinished:
            logger.warning("%s %s did not end in time and goes back", held.name, held.id)
        return not unfinished

    def _keep(self, step: Callable[[], None]) -> None:
        """Repeats a step until the stop, whatever happens in it."""
        while not self._stop.is_set():
            try:
                step()
            except Exception:
                logger.exception("the worker stumbled and goes on in %s seconds", REST_SECONDS)
                self._stop.wait(REST_SECONDS)

    def _work(self) -> None:
        held = ledger.claim(self._system.database, self._name, registry.queues())
        if held is None:
            self._system.carrier.wait(self._stop, IDLE_SECONDS)
            return
        with self._held_lock:
            self._held[held.id] = held
        try:
            self._run(held)
        finally:
            with self._held_lock:
                del self._held[held.id]

    def _run(self, held: Claim) -> None:
        database = self._system.database
        started = time.monotonic()
        try:
            registry.perform(self._system, held.name, held.data, lambda done: ledger.progress(database, held, done))
        except Exception as error:
            unexpected = None if isinstance(error, AppError) else error
            logger.warning("%s %s failed, attempt %d: %s", held.name, held.id, held.attempt, error, exc_info=unexpected)
            kept = ledger.fail(database, held, error)
        else:
            kept = ledger.finish(database, held)
            logger.debug("%s %s took %.3f seconds", held.name, held.id, time.monotonic() - started)
        if not kept:
            logger.warning("%s %s was taken away while it ran; its result counts for nothing", held.name, held.id)

    def _look_after(self) -> None:
        system = self._system
        for lost in ledger.heartbeat(system.database, self._claims()):
            logger.warning("%s %s was taken away while it runs", lost.name, lost.id)
        recovered = ledger.recover(system.database)
        if recovered:
            logger.warning("%d jobs of silent workers wait again", len(recovered))
        system.carrier.ring(recovered)
        with system.transaction() as session:
            schedule.enqueue_due(session)
        self._stop.wait(BEAT_SECONDS)

    def _claims(self) -> list[Claim]:
        with self._held_lock:
            return list(self._held.values())


def stop_when_asked(stop: Callable[[], None]) -> None:
    """Calls `stop` in a thread of its own on SIGTERM or SIGINT, however many of them come at once."""
    asked, signalled = os.pipe()

    def wait_and_stop() -> None:
        os.read(asked, 1)
        stop()

    Thread(target=wait_and_stop, name="stop", daemon=True).start()
    # The interpreter writes to the pipe when a signal comes. A handler in Python would be interrupted by the
    # next signal, and an Event that is being set in both waits for itself for ever.
    os.set_blocking(signalled, False)
    signal.set_wakeup_fd(signalled)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)


def main() -> int:
    """Runs a worker on settings from the environment until SIGTERM or SIGINT; the exit code."""
    try:
        settings = load_settings(os.environ)
        start_logging(settings.log_level)
        system = open_system(settings)
        storage.check_mounts(system)
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log yet
        return 1
    except AppError as error:
        logger.error("%s", error)  # noqa: TRY400 - the sentence is what the operator needs
        return 1
    worker = Worker(system)
    stop_when_asked(worker.stop)
    if not worker.run():
        # The threads that still run jobs would hold up an orderly end, and their results count no more.
        logging.shutdown()
        os._exit(0)
    system.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
