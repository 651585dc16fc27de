"""The registry of handlers: which function runs which job, and which jobs come round by the clock."""

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from jobs.names import JobName, QueueName

Progress = Callable[[float], object]
H = TypeVar("H", bound=Callable[..., None])

# By the name as text: that is how the ledger gives it back.
_handlers: dict[str, Callable[..., None]] = {}
_intervals: dict[JobName, timedelta] = {}


def job(name: JobName, *, every: timedelta | None = None) -> Callable[[H], H]:
    """Registers `handler(system, **data)` for a job; with `every`, one is enqueued each interval.

    Delivery is at least once: a handler may run twice with the same data, even at the same time.
    A parameter annotated `UUID` is given as one. A handler with a parameter `progress` is given a
    function that takes the share done, from 0 to 1. What the handler raises decides what follows:
    see `ledger.fail`.
    """

    def register(handler: H) -> H:
        if name in _handlers:
            raise ValueError(f"{name} has two handlers: {_handlers[name]} and {handler}")
        _handlers[name] = handler
        if every is not None:
            _intervals[name] = every
        return handler

    return register


def perform(system: Any, name: str, data: Mapping[str, Any], progress: Progress) -> None:
    """Runs the handler of a job to its end; raises whatever it raises, KeyError where there is none."""
    handler = _handlers[name]
    parameters = inspect.signature(handler).parameters
    arguments = {key: UUID(value) if _wants_uuid(parameters.get(key)) else value for key, value in data.items()}
    if "progress" in parameters:
        arguments["progress"] = progress
    handler(system, **arguments)


def _wants_uuid(parameter: inspect.Parameter | None) -> bool:
    return parameter is not None and parameter.annotation is UUID


def queues() -> frozenset[QueueName]:
    """The queues that this process has handlers for."""
    return frozenset(name.queue for name in JobName if name in _handlers)


def intervals() -> Mapping[JobName, timedelta]:
    """The jobs that come round by the clock."""
    return dict(_intervals)
