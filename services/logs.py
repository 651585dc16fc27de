"""Logs: one line per event on stderr, at Immich's log levels."""

import logging

from config import LogLevel

_LEVELS = {
    LogLevel.VERBOSE: logging.DEBUG,
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.LOG: logging.INFO,
    LogLevel.WARN: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.FATAL: logging.CRITICAL,
}


def start_logging(level: LogLevel) -> None:
    """Sends what this process logs to stderr; a second call changes nothing."""
    logging.basicConfig(level=_LEVELS[level], format="%(asctime)s %(levelname)s %(name)s: %(message)s")
