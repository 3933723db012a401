"""benchmarks/consistency.py: what the wording tells about a cut, from a rule to chance."""

import importlib
from pathlib import Path
from random import Random

import pytest

from tests.make import make_problem, make_scored

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def consistency(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("consistency")


def found(consistency, keeps, n: int = 60):
    """Steps of `n` traces, each with the wordings a and b, kept as `keeps(wording)` says."""
    return [
        consistency.Step(i, wording, 0, keeps(wording)) for i in range(n) for wording in ("a", "b")
    ]


def test_a_cut_that_follows_the_wording_is_told_nearly_wholly(consistency) -> None:
    steps = found(consistency, lambda wording: wording == "a")
    assert float(consistency.told(steps, (s.wording for s in steps)).split()[0]) > 0.9


def test_a_cut_at_random_is_not_told(consistency) -> None:
    chance = Random(0)
    steps = found(consistency, lambda _: chance.random() < 0.5, n=500)
    assert abs(float(consistency.told(steps, (s.wording for s in steps)).split()[0])) < 0.02


def test_a_wording_of_one_trace_tells_nothing(consistency) -> None:
    """Or long steps, each with words of its own, would look like a rule."""
    steps = found(consistency, lambda wording: wording == "a")
    alone = consistency.guessed(steps, (s.trace for s in steps))
    assert set(alone) == {0.5}


def test_numbers_and_the_words_of_one_question_count_as_alike(consistency) -> None:
    questions = ["Ann has 3 hats.", "Bob has 4 keys.", "Cy has 5 pens.", "Di has 6 cups."]
    common = consistency.common_words(questions)
    assert common == {"has"}
    assert consistency.wording(" Ann has 3.5 hats ", {"Ann", "hats"}) == "_ has # _"


def test_every_unit_of_every_trace_is_counted(consistency) -> None:
    scored = [
        make_scored(["One two.", " Three four."], [2.0, 1.0], problem=make_problem(f"{i}"))
        for i in range(3)
    ]
    steps = consistency.steps(scored, "sentence", 0.5)
    assert len(steps) == 6
    assert {step.trace for step in steps} == {0, 1, 2}
    assert [(step.wording, step.kept) for step in steps[:2]] == [
        ("One two.", True),
        ("Three four.", False),
    ]
