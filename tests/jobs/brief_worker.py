"""A worker process for tests: one job that tells what it does, and leases short enough to wait for.

Run as a program, with the settings in its environment.
"""

import sys
import time
from datetime import timedelta
from pathlib import Path

import worker
from jobs import ledger, registry
from jobs.names import JobName
from services.system import System

TOLD = JobName.FILE_DELETE
LEASE_SECONDS = 3.0
GRACE_SECONDS = 2.0


def tell(system: System, diary: str, seconds: float) -> None:
    """Writes `start` into the diary, waits, and writes `end`."""
    with Path(diary).open("a") as book:
        book.write("start\n")
        book.flush()
        time.sleep(seconds)
        book.write("end\n")


if __name__ == "__main__":
    # None of the application's own handlers, so that nothing else happens in the ledger.
    registry._handlers.clear()
    registry._intervals.clear()
    registry.job(TOLD)(tell)
    ledger.LEASE = timedelta(seconds=LEASE_SECONDS)
    worker.BEAT_SECONDS = LEASE_SECONDS / 4
    worker.GRACE_SECONDS = GRACE_SECONDS
    sys.exit(worker.main())
