"""A worker that is asked to stop by everyone at once, as Ctrl-C and the script around it do, stops."""

import os
import random
import select
import signal
import subprocess
import sys
import time

from tests.live import ROOT

# Asks for the next two signals as often as it has been stopped.
STOPPED_AGAIN_AND_AGAIN = """
import os
from threading import Event
from worker import stop_when_asked
while True:
    stopped = Event()
    stop_when_asked(stopped.set)
    os.write(1, b".")
    stopped.wait()
"""


def test_two_signals_at_once_stop_a_worker_as_well_as_one() -> None:
    command = [sys.executable, "-c", STOPPED_AGAIN_AND_AGAIN]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        try:
            for number in range(300):
                assert select.select([process.stdout], [], [], 30)[0], f"it did not stop after {number} times"
                os.read(process.stdout.fileno(), 4096)
                process.send_signal(signal.SIGTERM)
                time.sleep(random.uniform(0, 0.0002))
                process.send_signal(signal.SIGINT)
        finally:
            process.kill()
