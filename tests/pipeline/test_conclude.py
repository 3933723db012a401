"""What a model concludes from each shortened reasoning, and what `build` makes of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_compressed, make_trace

from cotpress.lm.markup import Markup
from cotpress.models import Request, Sampling
from cotpress.models.scripted import Scripted
from cotpress.pipeline.build import build, misled
from cotpress.pipeline.conclude import BATCH, WHOLE, conclude
from cotpress.records import CompressedTrace, Concluded, Grade, Trace

WHOLE_TEXT = "abcdefghij"
RIGHT = Grade(answer="72", correct=True, status="ok")
WRONG = Grade(answer="7", correct=False, status="ok")
NO_ANSWER = Grade(answer=None, correct=False, status="no_answer")


def short(number: int = 0, *ratios: float, **fields: object) -> CompressedTrace:
    usual = {"closing": "\n", "grade": RIGHT, "n_tokens": 10}
    trace = make_trace(WHOLE_TEXT, id=f"p{number}", **usual | fields)
    return make_compressed(trace, {ratio: WHOLE_TEXT[: round(10 * ratio)] for ratio in ratios})


def by_last_number(traces: Iterable[Trace]) -> Iterator[Trace]:
    """Right where the reference answer ends the conclusion."""
    for one in traces:
        right = one.conclusion.rstrip(".").endswith(one.problem.answer or "?")
        yield msgspec.structs.replace(one, grade=RIGHT if right else WRONG)


def says(text: str | Callable[[Request], str]) -> Scripted:
    """A model that goes on from every prefill with this text."""
    said = text if callable(text) else lambda _: text
    return Scripted(lambda request: request.prefill + said(request), name="target")


def concluded(given: list[CompressedTrace], model: Scripted, **more: object) -> list:
    return list(conclude(given, model, by_last_number, Sampling(max_tokens=20), **more))


def bare(one: CompressedTrace) -> CompressedTrace:
    cuts = [msgspec.structs.replace(cut, concluded=None) for cut in one.cuts]
    return msgspec.structs.replace(one, cuts=cuts)


def with_grades(grades: list[Grade | None]) -> CompressedTrace:
    """A trace at 0.1, 0.2 …, with conclusions of these grades."""
    one = short(0, *(i / 10 for i in range(1, len(grades) + 1)))
    own = [
        Concluded(model="m", conclusion=f"It is {i}.", n_tokens=3, finished=True, grade=grade)
        for i, grade in enumerate(grades)
    ]
    cuts = [
        msgspec.structs.replace(cut, concluded=led) for cut, led in zip(one.cuts, own, strict=True)
    ]
    return msgspec.structs.replace(one, cuts=cuts)


def test_the_model_goes_on_from_the_cut_reasoning_and_the_words_before_the_answer() -> None:
    asked: list[str] = []

    def say(request: Request) -> str:
        asked.append(request.prefill)
        assert request.messages == short(0, 0.5).trace.problem.prompt()
        return " 72.\nMore of it."

    (one,) = concluded([short(0, 0.5, 0.8)], says(say))
    assert asked == ["abcde\nThe answer is", "abcdefgh\nThe answer is"]
    for cut in one.cuts:
        assert cut.concluded == Concluded(
            model="target",
            conclusion="The answer is 72.",
            n_tokens=3 + 2,
            finished=True,
            grade=RIGHT,
        )
    assert bare(one) == short(0, 0.5, 0.8)


def test_a_model_that_marks_its_thinking_reads_and_closes_it_in_its_own_marks() -> None:
    asked: list[str] = []
    model = says(lambda request: asked.append(request.prefill) or "So.\n\n72</answer>\n")
    model.markup = Markup(family="think", opening="<think>\n", closing="\n</think>\n\n")
    (one,) = concluded([short(0, 0.5)], model)
    assert asked == ["<think>\nabcde\n</think>\n\n"]
    assert one.cuts[0].concluded.conclusion == "So.\n\n72"
    (taught,) = build([one], ratios=[0.5])
    assert taught.completion == "abcde\nSo.\n\n72"


def test_marks_of_another_model_are_not_shown_to_one_that_has_none() -> None:
    asked: list[str] = []
    model = says(lambda request: asked.append(request.prefill) or " 72.")
    marks = {"opening": "<think>\n", "closing": "\n</think>\n\n"}
    concluded([short(0, 0.5, **marks)], model)
    concluded([short(0, 0.5, **marks, model="target")], model)
    assert asked == ["abcde\n\nThe answer is", "<think>\nabcde\n</think>\n\n"]


def test_a_reasoning_is_concluded_once_and_what_dropped_nothing_stays() -> None:
    asked: list[str] = []
    noted: Counter[str] = Counter()
    model = says(lambda request: asked.append(request.prefill) or " 72.")
    (one,) = concluded([short(0, 0.5, 0.52, 1.0)], model, noted=noted)
    assert len(asked) == 1
    assert one.cuts[0].concluded == one.cuts[1].concluded
    assert one.cuts[2].concluded is None
    assert noted == {WHOLE: 1}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"grade": WRONG}, "wrong answer"),
        ({"conclusion": ""}, "no conclusion"),
        ({"finished": False}, "cut off by the token limit"),
    ],
)
def test_what_build_leaves_out_costs_no_answer_and_passes(fields, reason) -> None:
    noted: Counter[str] = Counter()
    given = short(0, 0.5, 0.8, **fields)
    (one,) = concluded([given], says(lambda _: pytest.fail("asked")), noted=noted)
    assert one == given
    assert noted == {f"not concluded ({reason})": 2}


def test_without_a_reference_answer_nothing_is_graded_and_all_is_taught() -> None:
    (one,) = concluded([short(0, 0.5, answer="", grade=None)], says(" 5."))
    assert one.cuts[0].concluded.grade is None
    assert len(list(build([one], draw="all"))) == 2


def test_blocks_change_nothing() -> None:
    given = [short(number, 0.3, 0.6) for number in range(2 * BATCH + 1)]
    model = says(" 72.")
    assert concluded(given, model) == [one for each in given for one in concluded([each], model)]


fates = st.lists(st.sampled_from([RIGHT, WRONG, NO_ANSWER, None]), min_size=1, max_size=9)


@given(fates, st.integers(0, 5))
def test_cuts_that_lead_to_a_wrong_answer_are_left_out_and_counted_and_the_others_taught(
    grades, seed
) -> None:
    one, dropped = with_grades(grades), Counter()
    taught = list(build([one], draw="all", dropped=dropped))
    kept = [i for i, grade in enumerate(grades) if grade is None or grade.correct]
    assert [example.ratio for example in taught] == [(i + 1) / 10 for i in kept] + [1.0]
    assert [example.conclusion for example in taught[:-1]] == [f"It is {i}." for i in kept]
    for i, example in zip(kept, taught, strict=False):
        assert example.completion == WHOLE_TEXT[: i + 1] + f"\nIt is {i}."
    assert taught[-1].completion == one.trace.completion()
    assert dropped.total() == len(grades) - len(kept)
    (drawn,) = build([one], seed=seed)
    assert drawn in taught
    if len(kept) == len(grades):  # nothing is left out: the draw is that of the plain cuts
        (plain,) = build([bare(one)], seed=seed)
        assert drawn.ratio == plain.ratio


@given(st.lists(st.sampled_from([0.2, 0.4, 0.6]), min_size=1, unique=True), st.integers(0, 5))
def test_cuts_without_a_conclusion_of_their_own_are_taught_with_the_trace_s(ratios, seed) -> None:
    for draw in ("one", "all"):
        for example in build([short(0, *ratios)], draw=draw, seed=seed):
            assert example.conclusion == "The answer is 72."


def test_a_trace_whose_only_cut_misleads_is_left_out_where_nothing_is_asked_for() -> None:
    dropped: Counter[str] = Counter()
    assert not list(build([with_grades([WRONG])], control="none", dropped=dropped))
    assert dropped == {"cut at 0.1 that leads to: wrong answer": 1}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"grade": None}, ""),
        ({"grade": WRONG}, "wrong answer"),
        ({"finished": False}, "a conclusion that the token limit cut off"),
        ({"conclusion": ""}, "no conclusion"),
        ({"conclusion": "Wait.\n<think>\nno</think> 72"}, "thinking again"),
    ],
)
def test_why_a_conclusion_is_none_to_learn(fields, reason) -> None:
    usual = {"model": "m", "conclusion": "72", "n_tokens": 1, "finished": True, "grade": RIGHT}
    cut = msgspec.structs.replace(short(0, 0.5).cuts[0], concluded=Concluded(**usual | fields))
    assert misled(cut) == reason
