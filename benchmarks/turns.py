"""Contenders that take turns: whatever else the machine does meanwhile strikes them all."""

from collections.abc import Callable, Mapping
from typing import TypeVar

Contender = TypeVar("Contender")
Result = TypeVar("Result")


def in_turns(
    contenders: Mapping[str, Contender], rounds: int, run: Callable[[Contender], Result]
) -> list[dict[str, Result]]:
    """Each round's results by name of the contender; every second round goes through them backwards."""
    forth = list(contenders.items())
    return [
        {name: run(contender) for name, contender in (forth[::-1] if number % 2 else forth)}
        for number in range(rounds)
    ]
