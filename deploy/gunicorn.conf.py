"""How gunicorn serves Bucketroll: everything that differs between machines comes from the settings."""

import gc
import logging
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # the package ships no types

from config import LogLevel, load_settings

settings = load_settings(os.environ)

# gunicorn's own: how long, and for how many bytes, a client is listened to that has had its answer.
LINGER_SECONDS = 2.0
LINGER_BYTES = 64 * 1024
_QUERY = re.compile(r"\?\S*")


def without_queries(record: logging.LogRecord) -> bool:
    """Cut query strings out of gunicorn's own messages: API keys and share keys travel there."""
    record.msg = _QUERY.sub("?...", record.getMessage())
    record.args = ()
    return True


def without_tracebacks_of_silence(record: logging.LogRecord) -> bool:
    """Tell in one line of a client that was cut off after DELIVERY_IDLE_SECONDS: that is no error of ours."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, TimeoutError):
        record.levelno, record.levelname = logging.INFO, "INFO"
        record.msg, record.args, record.exc_info = "A client that neither took nor sent a byte was cut off.", (), None
    return True


logging.getLogger("gunicorn.error").addFilter(without_queries)
logging.getLogger("gunicorn.error").addFilter(without_tracebacks_of_silence)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """A thread per request, in which the connection also ends.

    gunicorn waits up to two seconds for each client to hang up, in the loop that accepts everybody
    else's connections: nine silent clients kept all others waiting for 18 seconds.
    """

    def handle(self, conn: Any) -> object:
        goes_on: object = super().handle(conn)
        if goes_on is False:
            part_from(conn.sock)
        return goes_on


def part_from(client: socket.socket) -> None:
    """Say that nothing more will come, and listen until the client hangs up, but not for long (RFC 9112, 9.6)."""
    deadline, heard = time.monotonic() + LINGER_SECONDS, 0
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while heard < LINGER_BYTES and (left := deadline - time.monotonic()) > 0:
            client.settimeout(left)
            data = client.recv(4096)
            if not data:
                break
            heard += len(data)
    with suppress(OSError):
        # Now nothing is left to wait for.
        client.shutdown(socket.SHUT_RDWR)


def on_starting(server: object) -> None:
    """Check the places that are written to, before anything is served.

    In a process of its own: the master stays small, and holds no connection that its workers would inherit.
    """
    root = Path(__file__).parent.parent
    checked = subprocess.run([sys.executable, "-m", "deploy.check_mounts"], cwd=root, check=False)
    if checked.returncode != 0:
        sys.exit(checked.returncode)


def post_worker_init(worker: object) -> None:
    """Keep the garbage collector from walking through the whole application again and again.

    What is loaded now stays for good; what requests make is mostly freed without a collector.
    A quarter of the time of a thumbnail request went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


host = f"[{settings.host}]" if ":" in settings.host else settings.host
bind = f"{host}:{settings.port}"
workers = settings.web_processes
# Downloads are slow and mostly wait, and the sync worker is killed in mid-download.
worker_class = Worker
threads = settings.web_threads

# Seconds without a heartbeat from a worker's main loop, not a limit for a request. The loop does not
# beat while the application starts, and the probes of a store that does not answer take their time.
timeout = 120
# How long requests in flight may go on after SIGTERM: a phone's video on a slow line.
graceful_timeout = 60
# Longer than the 60 s for which nginx keeps its idle connections, so that it never reuses a closed one.
keepalive = 75
# Nothing leaks that a restart would cure, and a restart would cut long downloads.
max_requests = 0
# The heartbeat file: on a disk, a busy file system would stop the heart.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# Its socket would lie in the home folder, outside of what Bucketroll may write to.
control_socket_disable = True
# Whose X-Forwarded headers count is decided in one place, by IMMICH_TRUSTED_PROXIES.
forwarded_allow_ips = ""

loglevel = {
    LogLevel.VERBOSE: "debug",
    LogLevel.DEBUG: "debug",
    LogLevel.LOG: "info",
    LogLevel.WARN: "warning",
    LogLevel.ERROR: "error",
    LogLevel.FATAL: "critical",
}[settings.log_level]
accesslog = "-" if loglevel == "debug" else None
# Address, method, path, status, bytes, milliseconds; neither query, referrer nor any header.
access_log_format = "%(h)s %(m)s %(U)s %(s)s %(b)s %(M)sms"
