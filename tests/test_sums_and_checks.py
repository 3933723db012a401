"""benchmarks/sums_and_checks.py: what is counted of an answer, and what is not."""

import importlib
from pathlib import Path

import pytest
from make import make_trace as trace

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("sums_and_checks")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("16 * 2 = 32. 32 - 40 = -8.", []),
        ("16 * 2 = 4. So it is 4 balls.", ["16 * 2 = 4"]),
        ("13+4=17, 9 / 2 = 4.5, 1.5 + 1.5 = 3", []),
        ("9/2=4 and 1 / 0 = 0", ["9/2=4", "1 / 0 = 0"]),
        ("1 + 2 + 3 = 6 has three numbers, 5 = 2 + 3 = 5", []),
    ],
)
def test_a_sum_of_two_numbers_is_worked_out(counting, text: str, wrong: list[str]) -> None:
    assert list(counting.wrong_sums(text)) == wrong


def test_behind_codes_one_walk_through_the_days_is_a_check_and_without_them_the_second(
    counting,
) -> None:
    codes = "<boLatent><|latent_3|><|latent_17|><eoLatent>"
    result = "So Sam has 35 books in the end. "
    once, again = "Monday: 3.", "But wait. Monday again: 3."
    read = counting.read
    assert read(trace(reasoning=codes + result + again)).checks
    assert read(trace(reasoning=codes + result)).result_first
    assert not read(trace(reasoning=codes + result)).checks
    assert not read(trace(reasoning=once)).checks
    assert read(trace(reasoning=once + again)).checks
