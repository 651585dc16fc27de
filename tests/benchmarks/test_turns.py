"""The order in which contenders are measured."""

from benchmarks.turns import in_turns


def test_every_second_round_goes_backwards() -> None:
    seen: list[int] = []

    def run(number: int) -> int:
        seen.append(number)
        return -number

    assert in_turns({"a": 1, "b": 2, "c": 3}, 2, run) == [{"a": -1, "b": -2, "c": -3}] * 2
    assert seen == [1, 2, 3, 3, 2, 1]
