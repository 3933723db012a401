"""The checks for authors of plug-ins find what is wrong; that ours pass them is for the contract
tests of each kind.
"""

import re
from collections.abc import Callable, Iterator
from itertools import count, islice

import pytest

from cotpress.grading import NO_ANSWER, Grader, decided
from cotpress.models.scripted import Scripted
from cotpress.records import Problem
from cotpress.scorers import Importance, Unscored
from cotpress.tasks import BOXED, Task
from cotpress.testing import check_grader, check_model, check_scorer, check_task


class Scorer:
    name = identity = "my_pkg.my_scorer"

    def __init__(self, of: Callable[[str, int], Importance | Unscored], more: int = 0) -> None:
        self.of, self.more = of, more

    def score(self, traces: list) -> Iterator[Importance | Unscored]:
        for trace in traces:
            yield self.of(trace.reasoning, len(traces))
        yield from [Unscored("extra")] * self.more


def whole(text: str, company: int) -> Importance:
    return Importance([len(text)], [1.0])


def test_a_good_scorer_passes() -> None:
    check_scorer(Scorer(whole))
    check_scorer(Scorer(lambda text, company: Unscored("never")))


@pytest.mark.parametrize(
    ("scorer", "says"),
    [
        (Scorer(whole, more=1), "9 answers for 8 traces"),
        (Scorer(lambda text, _: Importance([1], [1.0])), "cover the whole reasoning"),
        (Scorer(lambda text, _: Importance([len(text)], [float("nan")])), "not a finite number"),
        (Scorer(lambda text, n: Importance([len(text)], [float(n)])), "in other company"),
    ],
)
def test_a_bad_scorer_is_told(scorer: Scorer, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_scorer(scorer)


def problems(split: str, *, apart: bool = True, ids: bool = True) -> Iterator[Problem]:
    for n in count(split == "test" and apart, 2):
        yield Problem(
            id=f"{split}/{n if ids else 0}",
            question=f"2 * {n}?",
            answer=str(2 * n),
            task="my_pkg.double",
            instruction=BOXED,
        )


def task(of: Callable[[str], Iterator[Problem]]) -> Task:
    return Task("my_pkg.double", of, splits=("train", "test"))


def test_a_good_task_passes() -> None:
    check_task(task(problems))


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (lambda split: problems(split, apart=False), "stands in train, too"),
        (lambda split: problems(split, ids=False), "two problems with the id"),
        (lambda split: islice(problems(split), 0), "no problem in split train"),
    ],
)
def test_a_bad_task_is_told(of: Callable, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_task(task(of))


def last_word(text: str, answer: str):
    words = re.findall(r"\w+", text)
    return decided(words[-1], words[-1] == answer) if words else NO_ANSWER


def test_a_good_grader_passes() -> None:
    check_grader(Grader(last_word), "B", right=["It is B."])


@pytest.mark.parametrize(
    ("grader", "says"),
    [
        (Grader(lambda text, answer: decided(text, True)), "right where nothing is said"),
        (Grader(lambda text, answer: text), "no `slow` to judge"),
        (
            Grader(
                lambda text, answer: text, lambda said, answer: decided(said, said == "It is B.")
            ),
            "not a function of a",
        ),
        (Grader(lambda text, answer: NO_ANSWER), "wrong: 'It is B.' for 'B'"),
    ],
)
def test_a_bad_grader_is_told(grader: Grader, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_grader(grader, "B", right=["It is B."])


class Falling(Scripted):
    def token_ends(self, texts: list[str]) -> list[list[int]]:
        return [[len(text), 0] for text in texts]


class Endless(Scripted):
    def generate(self, requests, sampling):
        yield from super().generate(requests, type(sampling)(max_tokens=9))


def test_a_good_model_passes_and_a_bad_one_is_told() -> None:
    def say(request) -> str:
        return "one two three four five six seven eight nine ten eleven"

    check_model(Scripted(say, name="my_pkg.my_model"))
    with pytest.raises(AssertionError, match="ends that fall"):
        check_model(Falling(say, name="x"))
    with pytest.raises(AssertionError, match="9 tokens where 1 were the limit"):
        check_model(Endless(say, name="x"))
