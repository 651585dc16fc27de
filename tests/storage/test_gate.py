"""The gate lets no more through than it may, keeps the order, and loses no place."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from errors import StorageUnavailable, StoreBusy
from storage.gate import Gate, Pass

LONG = 20.0


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def queued(gate: Gate, pool: ThreadPoolExecutor) -> "Future[Pass]":
    """A thread that waits in the gate's queue."""
    before = gate.waiting_now
    waiting = pool.submit(gate.enter)
    wait_until(lambda: gate.waiting_now == before + 1)
    return waiting


def test_a_gate_with_room_lets_through_at_once() -> None:
    gate = Gate(limit=2, waiting=0, patience=0)
    with gate.enter(), gate.enter():
        assert gate.taken == 2
    assert gate.taken == 0


def test_one_too_many_is_refused_at_once_and_may_try_again() -> None:
    gate = Gate(limit=1, waiting=0, patience=LONG)
    held = gate.enter()
    with pytest.raises(StoreBusy, match="Too many downloads at once; please try again") as caught:
        gate.enter()
    assert (caught.value.status, caught.value.retryable) == (503, True)
    assert isinstance(caught.value, StorageUnavailable)
    held.release()
    gate.enter()


def test_a_pass_released_twice_is_one_place() -> None:
    gate = Gate(limit=2, waiting=0, patience=0)
    first, second = gate.enter(), gate.enter()
    with first:
        first.release()
    first.release()
    assert gate.taken == 1
    second.release()
    assert gate.taken == 0


def test_whoever_waits_is_served_in_order_and_never_overtaken() -> None:
    gate = Gate(limit=1, waiting=5, patience=LONG)
    held = gate.enter()
    with ThreadPoolExecutor(5) as pool:
        waiting = [queued(gate, pool) for _ in range(5)]
        for number, turn in enumerate(waiting, 1):
            held.release()
            assert gate.taken == 1  # from hand to hand: in between, a newcomer would have found it free
            held = turn.result(LONG)
            assert [other.done() for other in waiting] == [True] * number + [False] * (5 - number)
        held.release()
    assert (gate.taken, gate.waiting_now) == (0, 0)


def test_no_more_wait_than_may() -> None:
    gate = Gate(limit=1, waiting=1, patience=LONG)
    held = gate.enter()
    with ThreadPoolExecutor(1) as pool:
        waiting = queued(gate, pool)
        with pytest.raises(StoreBusy):
            gate.enter()
        held.release()
        waiting.result(LONG).release()


def test_patience_ends_in_a_refusal_and_leaves_the_queue() -> None:
    gate = Gate(limit=1, waiting=1, patience=0.05)
    with gate.enter():
        begun = time.monotonic()
        with pytest.raises(StoreBusy):
            gate.enter()
        assert 0.05 <= time.monotonic() - begun < LONG
        assert (gate.taken, gate.waiting_now) == (1, 0)
    assert gate.taken == 0


class _ServedTooLate(threading.Event):
    """Says that its time ran out, although it was served in that moment."""

    served: Callable[[], None]

    def wait(self, timeout: float | None = None) -> bool:
        self.served()
        return False


def test_a_turn_that_comes_as_patience_ends_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(limit=1, waiting=1, patience=LONG)
    held = gate.enter()
    monkeypatch.setattr(_ServedTooLate, "served", staticmethod(held.release), raising=False)
    monkeypatch.setattr(threading, "Event", _ServedTooLate)
    with gate.enter():
        assert gate.taken == 1
    assert gate.taken == 0


@pytest.mark.parametrize("served", [False, True])
def test_a_wait_that_is_interrupted_costs_no_place(monkeypatch: pytest.MonkeyPatch, served: bool) -> None:
    gate = Gate(limit=1, waiting=1, patience=LONG)
    held = gate.enter()

    class Interrupted(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if served:
                held.release()
            raise SystemExit

    monkeypatch.setattr(threading, "Event", Interrupted)
    with pytest.raises(SystemExit):
        gate.enter()
    held.release()
    assert (gate.taken, gate.waiting_now) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_a_crowd_with_little_patience_loses_no_place(seed: int) -> None:
    gate = Gate(limit=3, waiting=6, patience=0.002)
    inside, most, outcomes = 0, 0, []
    counting = threading.Lock()

    def visit(number: int) -> None:
        nonlocal inside, most
        chance = random.Random(f"{seed}-{number}")
        for _ in range(60):
            try:
                held = gate.enter()
            except StoreBusy:
                outcomes.append("busy")
                time.sleep(chance.random() * 0.002)
                continue
            with held:
                with counting:
                    inside += 1
                    most = max(most, inside)
                time.sleep(chance.random() * 0.004)
                with counting:
                    inside -= 1
                if chance.random() < 0.3:
                    held.release()
            outcomes.append("served")

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert (gate.taken, gate.waiting_now, inside) == (0, 0, 0)
    assert most == 3
    assert set(outcomes) == {"busy", "served"}
    assert len(outcomes) == 16 * 60
