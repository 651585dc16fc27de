"""A gate that lets so many through at once and makes a few others wait, in the order in which they came."""

import threading
from collections import deque
from types import TracebackType
from typing import Self

from errors import StoreBusy


class Pass:
    """One of the places behind a gate, until it is released; releasing twice is no error."""

    __slots__ = ("_gate",)

    def __init__(self, gate: "Gate") -> None:
        self._gate: Gate | None = gate

    def release(self) -> None:
        """Give the place to whoever has waited longest; from any thread."""
        gate = self._gate
        if gate is not None:
            gate._take_back(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.release()


class Gate:
    """`limit` passes at once; `waiting` others may wait for one, each up to `patience` seconds.

    A place that comes free goes from hand to hand to the first in the queue and is never free in
    between, so no newcomer overtakes.
    """

    def __init__(self, limit: int, waiting: int, patience: float) -> None:
        self._limit, self._most_waiting, self._patience = limit, waiting, patience
        self._taken = 0
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many passes are out."""
        return self._taken

    @property
    def waiting_now(self) -> int:
        """How many threads wait for a pass."""
        return len(self._queue)

    def enter(self) -> Pass:
        """A pass, now or after waiting; whoever gets it releases it.

        Raises StoreBusy at once where too many wait already, else after `patience` seconds.
        """
        turn = threading.Event()
        with self._lock:
            if self._taken < self._limit:
                self._taken += 1
                return Pass(self)
            if len(self._queue) >= self._most_waiting:
                raise StoreBusy
            self._queue.append(turn)
        try:
            turn.wait(self._patience)
        except BaseException:
            if not self._leave(turn):
                self._pass_on()
            raise
        if self._leave(turn):
            raise StoreBusy
        return Pass(self)

    def _leave(self, turn: threading.Event) -> bool:
        """Stop waiting; False where the turn has come already, perhaps in this very moment."""
        with self._lock:
            if turn.is_set():
                return False
            self._queue.remove(turn)
            return True

    def _take_back(self, held: Pass) -> None:
        with self._lock:
            if held._gate is None:
                return
            held._gate = None
        self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._taken -= 1
