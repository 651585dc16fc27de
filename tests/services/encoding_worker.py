"""A worker process for tests: the application's own, with leases short enough to wait for.

Run as a program, with the settings in its environment.
"""

import sys
from datetime import timedelta

import worker
from jobs import ledger

LEASE_SECONDS = 3.0

if __name__ == "__main__":
    ledger.LEASE = timedelta(seconds=LEASE_SECONDS)
    worker.BEAT_SECONDS = LEASE_SECONDS / 4
    sys.exit(worker.main())
