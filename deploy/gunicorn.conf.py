"""How gunicorn serves Bucketroll: everything that differs between machines comes from the settings."""

import gc
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

from config import LogLevel, load_settings

settings = load_settings(os.environ)

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
# A thread per request: downloads are slow and mostly wait, and the sync worker is killed in mid-download.
worker_class = "gthread"
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
