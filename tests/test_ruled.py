"""benchmarks/ruled.py: every step has the importance of the words that it begins with."""

import importlib
from pathlib import Path

import pytest
from make import make_problem, make_scored

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def ruled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("ruled").ruled


def traces():
    """Two traces with one step that begins alike in both, and one that does not."""
    texts = ["So it is 3.", "\n\nWait, that", " is wrong."], ["So it is 45.", "\n\nGood."]
    problems = make_problem("p", question="Is it 3?"), make_problem("q", question="Is it 45?")
    scores = [0.0, 1.0, 3.0], [4.0, 5.0]
    return [
        make_scored(text, importance, problem=problem)
        for text, importance, problem in zip(texts, scores, problems, strict=True)
    ]


def test_steps_that_begin_alike_have_their_mean_and_others_their_own(ruled) -> None:
    one, other = ruled(traces(), 3, None)
    assert one.importance == [2.0, 2.0, 2.0]
    assert other.importance == [2.0, 5.0]
    one, other = ruled(traces()[:1] + traces()[:1], 3, None)
    assert one.importance == [0.0, 2.0, 2.0]


def test_a_drawn_rule_is_the_same_for_the_same_words_and_seed_alone(ruled) -> None:
    one, other = ruled(traces(), 3, 1)
    assert one.importance[0] == other.importance[0]
    assert len({*one.importance, *other.importance}) == 3
    assert [again.importance for again in ruled(traces(), 3, 1)] == [
        one.importance,
        other.importance,
    ]
    assert [another.importance for another in ruled(traces(), 3, 2)] != [
        one.importance,
        other.importance,
    ]
