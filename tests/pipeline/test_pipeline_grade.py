"""Grading traces: order, what is graded, and workers that can be killed.

The functions that misbehave stand at the top of this file, so that a spawned worker can import them
by name.
"""

import os
import time
from importlib.util import find_spec

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import grading
from cotpress.errors import MissingExtra
from cotpress.pipeline import grade as stage
from cotpress.pipeline.split import split
from cotpress.records import Grade, Problem, Trace

needs_algebra = pytest.mark.skipif(
    find_spec("math_verify") is None or find_spec("pebble") is None,
    reason="the math extra is not installed",
)


def misbehaving(said: str, answer: str) -> Grade:
    """Stands in for math-verify: hangs, dies, eats memory or raises, as the answer says."""
    if said == "x + hang":
        time.sleep(600)
    if said == "x + die":
        os._exit(3)
    if said == "x + eat":
        bytearray(stage.MEMORY * 2)
    if said == "x + raise":
        raise KeyError("a bug in the library")
    return Grade(answer=said, correct=said == answer, status="ok")


def trace(
    conclusion: str = "",
    answer: str = "18",
    *,
    reasoning: str = "",
    finished: bool = True,
    id: str = "p",
) -> Trace:
    problem = Problem(id=id, question="?", answer=answer, task="t")
    return Trace(
        problem=problem,
        model="m",
        reasoning=reasoning,
        conclusion=conclusion,
        n_tokens=0,
        n_conclusion_tokens=0,
        finished=finished,
    )


def by_math(_: Trace) -> str:
    return "math"


def one(of: Trace) -> Grade:
    (graded,) = stage.grade([of], by_math)
    return graded.grade


@pytest.mark.parametrize(
    ("of", "answer", "status"),
    [
        (trace(r"\boxed{18}", reasoning=r"perhaps \boxed{7}"), r"\boxed{18}", "ok"),
        (trace("So Mia has 18 apples."), "18", "ok"),
        (trace("", reasoning="9 + 9 = 18"), "18", "ok"),
        (trace(" \n", reasoning=r"so \boxed{18}."), "18", "ok"),
        (trace("", reasoning=r"perhaps \boxed{18}, but wait", finished=False), None, "no_answer"),
        (trace("The answer is 18", finished=False), None, "no_answer"),
        (trace(r"It is \boxed{18}. And by the", finished=False), "18", "ok"),
        (trace(r"It is \boxed{18", finished=False), None, "no_answer"),
        (trace("I cannot say."), None, "no_answer"),
    ],
)
def test_the_conclusion_is_graded_else_a_finished_reasoning_and_nothing_that_was_cut_off(
    of, answer, status
):
    grade = one(of)
    assert grade.status == status
    assert grade.correct == (status == "ok")
    assert (grade.answer is None) == (answer is None)


@pytest.mark.parametrize("text", [r"<think>so \boxed{18}. The answer is \boxed{18}.", "<think>18"])
def test_an_answer_that_was_cut_off_inside_its_thinking_is_none(text):
    parts = split(text)
    cut = trace(parts.conclusion, reasoning=parts.reasoning, finished=False)
    assert one(msgspec.structs.replace(cut, opening=parts.opening, closing=parts.closing)) == (
        Grade(answer=None, correct=False, status="no_answer")
    )


def test_a_box_in_what_was_taken_for_a_conclusion_is_none_while_the_thinking_goes_on():
    cut = trace(r"The answer is \boxed{18}.", reasoning="so", finished=False)
    thinking = msgspec.structs.replace(cut, opening="<think>\n")
    assert one(thinking).status == "no_answer"
    for opening, closing in (("<think>\n", "\n</think>\n"), ("<think>\n\n</think>\n", "\n")):
        closed = msgspec.structs.replace(cut, opening=opening, closing=closing)
        assert one(closed).correct


def test_every_trace_has_its_own_grader():
    traces = [
        trace("Tom is a lempus.", "tom is a lempus"),
        trace(r"\boxed{\text{(b)}}", "B"),
        trace("18.0"),
    ]
    names = iter(["exact", "choice", "math"])
    assert [done.grade.correct for done in stage.grade(traces, lambda _: next(names))] == [
        True,
        True,
        True,
    ]


def test_a_trace_changes_in_nothing_but_its_grade_and_an_old_grade_is_replaced():
    before = trace(r"\boxed{18}", reasoning="r")
    (after,) = stage.grade([before], by_math)
    (again,) = stage.grade([after], lambda _: "exact")
    assert after.grade == Grade(answer="18", correct=True, status="ok")
    assert [f for f in Trace.__struct_fields__ if getattr(after, f) != getattr(before, f)] == [
        "grade"
    ]
    assert again.grade.answer == "18"


def test_traces_stream_one_by_one_where_no_algebra_is_needed():
    read = []

    def reading():
        for n in range(3):
            read.append(n)
            yield trace(rf"\boxed{{{n}}}")

    graded = stage.grade(reading(), by_math)
    next(graded)
    assert read == [0]


def test_no_worker_is_started_for_answers_that_are_numbers(monkeypatch):
    monkeypatch.setattr(stage.Workers, "_start", lambda self: pytest.fail("a worker was started"))
    graded = list(stage.grade([trace(rf"\boxed{{{n}}}", str(n)) for n in range(1000)], by_math))
    assert all(done.grade.correct for done in graded)


def test_without_the_math_extra_the_first_formula_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pebble", None)
    with pytest.raises(MissingExtra, match=r"cotpress\[math\]"):
        one(trace(r"\boxed{x + 1}", "x + 2"))


def test_a_grader_whose_package_is_missing_says_what_to_install(monkeypatch):
    pytest.importorskip("pebble")
    monkeypatch.setattr(stage.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"'math_verify': pip install 'cotpress\[math\]'"):
        one(trace(r"\boxed{x + 1}", "x + 2"))


@given(st.lists(st.sampled_from([r"\boxed{18}", "17", "", "none", "It is 18%"]), max_size=20))
def test_grading_many_equals_grading_each(conclusions):
    traces = [trace(text, id=str(n)) for n, text in enumerate(conclusions)]
    assert list(stage.grade(traces, by_math)) == [
        done for each in traces for done in stage.grade([each], by_math)
    ]


@needs_algebra
def test_formulas_are_graded_in_order_between_numbers_and_hostile_ones_end_as_a_status():
    rows = [
        ("18", "18", True, "ok"),
        ("x+1", "1+x", True, "ok"),
        ("9**9**9", "18", False, None),
        ("9^{9^{9}}", "18", False, "timeout"),
        ("17", "18", False, "ok"),
        (r"\frac{", "18", False, None),
        ("\ud800", "18", False, "error"),
        ("(" * 300, "18", False, None),
        (r"2\sqrt{2}", r"\sqrt{8}", True, "ok"),
    ]
    traces = [
        trace(rf"\boxed{{{said}}}", answer, id=str(n)) for n, (said, answer, *_) in enumerate(rows)
    ]
    graded = list(stage.grade(traces, by_math, workers=2, timeout=4.0))
    assert [done.problem.id for done in graded] == [str(n) for n in range(len(rows))]
    assert [done.grade.correct for done in graded] == [correct for _, _, correct, _ in rows]
    for done, (*_, status) in zip(graded, rows, strict=True):
        assert done.grade.status == status or (
            status is None and done.grade.status in ("ok", "timeout", "error", "no_answer")
        )
    assert b"surrogate" not in repr([done.grade for done in graded]).encode()


@needs_algebra
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_hangs_dies_eats_memory_or_raises_costs_its_own_grade_only(
    monkeypatch, workers
):
    said = [
        "x + 1",
        "x + hang",
        "x + 2",
        "x + die",
        "x + 3",
        "x + eat",
        "x + raise",
        "x + 4",
        "x + 1",
    ]
    traces = [trace(rf"\boxed{{{text}}}", f"{text} ", id=str(n)) for n, text in enumerate(said)]
    grader = grading.Grader(lambda text, answer: grading.found_answer(text), misbehaving)
    monkeypatch.setattr(stage, "_loaded", lambda name: grader)
    graded = list(stage.grade(traces, by_math, workers=workers, timeout=8.0))
    assert [done.grade.answer for done in graded] == said
    statuses = dict(zip(said, (done.grade.status for done in graded), strict=True))
    assert statuses["x + hang"] == "timeout"
    assert {statuses[f"x + {fault}"] for fault in ("die", "eat", "raise")} == {"error"}
    assert {statuses[f"x + {n}"] for n in range(1, 5)} == {"ok"}


@needs_algebra
def test_the_same_answer_to_the_same_problem_is_judged_once(monkeypatch):
    submitted = []
    submit = stage.Workers._submit
    monkeypatch.setattr(
        stage.Workers, "_submit", lambda *args: submitted.append(args[2:]) or submit(*args)
    )
    graded = list(stage.grade([trace(r"\boxed{x+1}", "1+x")] * 20, by_math, workers=1))
    assert submitted == [("x+1", "1+x")]
    assert all(done.grade.correct for done in graded)


@needs_algebra
def test_workers_are_gone_when_the_reader_stops_early():
    import multiprocessing

    graded = stage.grade(
        [trace(r"\boxed{x+1}", "1+x"), trace(r"\boxed{x+2}", "1+x")], by_math, workers=1
    )
    next(graded)
    graded.close()
    assert multiprocessing.active_children() == []
