"""Records: what a line holds, how a question and a ratio
become words, and that nothing changes on the way.
"""

import math
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.prompts import check_ratio, ratio_tag, untagged
from cotpress.records import (
    NOTHING,
    Asked,
    CompressedTrace,
    Cut,
    EvalRow,
    Grade,
    Percentile,
    Problem,
    Record,
    ScoredTrace,
    Setting,
    Trace,
    TrainingExample,
)

TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\r\n\t \u2028\u0085\0\\"³😀')
)
RATIO = st.integers(1, 100).map(lambda percent: percent / 100)

problems = st.builds(Problem, id=TEXT, question=TEXT, answer=TEXT, task=TEXT, instruction=TEXT)
askings = st.builds(Asked, ratio=st.none() | RATIO) | st.builds(Asked, budget=st.integers(1, 9999))
traces = st.builds(
    Trace,
    problem=problems,
    asked=askings,
    reasoning=TEXT,
    conclusion=TEXT,
    opening=TEXT,
    closing=TEXT,
    model=TEXT,
)

cuts = st.builds(Cut, asked=askings, kept=RATIO, reasoning=TEXT, verified=st.none())


@st.composite
def scored(draw: st.DrawFn) -> ScoredTrace:
    trace = draw(traces)
    cuts = draw(st.lists(st.integers(1, max(1, len(trace.reasoning)))))
    ends = sorted(cut for cut in cuts if cut < len(trace.reasoning)) + [
        len(trace.reasoning)
    ] * bool(trace.reasoning)
    size = {"min_size": len(ends), "max_size": len(ends)}
    return ScoredTrace(
        trace=trace,
        scorer="s",
        ends=ends,
        importance=draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), **size)),
        percentile=draw(
            st.none() | st.builds(Percentile, n_tokens=st.lists(st.integers(0, 9), **size))
        ),
    )


@pytest.mark.parametrize(
    "record",
    [
        problems,
        traces,
        scored(),
        st.builds(CompressedTrace, trace=traces, cuts=st.lists(cuts, max_size=2)),
        st.builds(
            TrainingExample,
            problem=problems,
            asked=askings,
            prompt=problems.map(Problem.prompt),
            completion=TEXT,
        ),
        st.builds(
            EvalRow,
            **{n: st.floats(0, 1) for n, t in get_type_hints(EvalRow).items() if t is float},
            setting=st.builds(Setting, asked=askings),
            kept=st.none(),
        ),
    ],
    ids=["Problem", "Trace", "ScoredTrace", "CompressedTrace", "TrainingExample", "EvalRow"],
)
@given(data=st.data())
def test_a_record_survives_a_round_trip(
    record: st.SearchStrategy[Record], data: st.DataObject
) -> None:
    value = data.draw(record)
    line = msgspec.json.encode(value)
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=type(value)) == value


@given(scored())
def test_slices_between_the_ends_join_to_exactly_the_reasoning(value: ScoredTrace) -> None:
    text = value.trace.reasoning
    assert "".join(text[a:b] for a, b in zip([0, *value.ends], value.ends, strict=False)) == text


def test_a_ratio_or_a_budget_is_asked_for_and_not_both() -> None:
    assert [str(asked) for asked in (NOTHING, Asked(ratio=0.5), Asked(budget=200))] == [
        "None",
        "0.5",
        "200 tokens",
    ]
    assert msgspec.json.encode(NOTHING) == b"{}"
    with pytest.raises(ValueError, match="not both"):
        Asked(ratio=0.5, budget=200)
    with pytest.raises(msgspec.ValidationError, match="not both"):
        msgspec.json.decode(b'{"ratio":0.5,"budget":9}', type=Asked)


@given(traces, TEXT)
def test_a_completion_is_its_parts_and_another_reasoning_changes_only_the_reasoning(
    trace: Trace, other: str
) -> None:
    assert trace.completion() == trace.opening + trace.reasoning + trace.closing + trace.conclusion
    assert trace.completion(trace.reasoning) == trace.completion()
    assert trace.completion("") == trace.opening + trace.closing + trace.conclusion
    assert trace.completion(other) == trace.opening + other + trace.closing + trace.conclusion


def test_the_prompt_is_instruction_question_and_ratio() -> None:
    problem = Problem(id="p", question="What is 2 + 2?", answer="4", task="t", instruction="Think.")
    asked = "Think.\nWhat is 2 + 2?"
    assert problem.prompt() == problem.prompt(1.0) == [{"role": "user", "content": asked}]
    assert problem.prompt(0.5) == [{"role": "user", "content": f"{asked}\n<ratio>0.5</ratio>"}]
    assert Problem(id="p", question="Why?", answer="", task="t").prompt() == [
        {"role": "user", "content": "Why?"}
    ]


@pytest.mark.parametrize("ratio", [0, -0.5, 1.5, 70, math.nan, math.inf])
def test_what_is_no_kept_fraction_is_refused(ratio: float) -> None:
    with pytest.raises(CotpressError, match="choose 0 < ratio <= 1"):
        check_ratio(ratio)


def test_a_ratio_that_the_prompt_would_round_is_refused() -> None:
    with pytest.raises(CotpressError, match="more than two decimals"):
        ratio_tag(0.333)


@given(RATIO)
def test_the_tag_carries_the_ratio_exactly(ratio: float) -> None:
    tag = ratio_tag(ratio)
    assert (
        tag == ""
        if ratio == 1
        else float(tag.removeprefix("\n<ratio>").removesuffix("</ratio>")) == ratio
    )


@given(problems, RATIO)
def test_a_tag_is_taken_off_as_it_was_put_on(problem: Problem, ratio: float) -> None:
    system = {"role": "system", "content": "Be brief.\n<ratio>0.1</ratio>"}
    begun = {"role": "assistant", "content": "So"}
    found = untagged([system, *problem.prompt(ratio), begun])
    assert found == ([system, *problem.prompt(), begun], ratio, None)
    assert found.tagged == (ratio < 1)


@given(problems, st.integers(1, 10**6))
def test_a_budget_is_taken_off_as_it_was_put_on(problem: Problem, budget: int) -> None:
    system = {"role": "system", "content": "Be brief.\n<budget>7</budget>"}
    begun = {"role": "assistant", "content": "So"}
    prompt = problem.prompt(budget=budget)
    assert prompt[-1]["content"] == f"{problem.asked}\n<budget>{budget}</budget>"
    assert untagged([system, *prompt, begun]) == ([system, *problem.prompt(), begun], 1.0, budget)


@given(problems, st.sampled_from(["\n<ratio>0.5</ratio>", "\n<budget>40</budget>"]))
def test_of_a_question_that_ends_in_a_tag_only_what_was_added_is_taken_off(
    problem: Problem, own: str
) -> None:
    ending = msgspec.structs.replace(problem, question=problem.question + own)
    assert untagged(ending.prompt(budget=9)) == (ending.prompt(), 1.0, 9)
    assert untagged(ending.prompt(0.5)) == (ending.prompt(), 0.5, None)


@pytest.mark.parametrize("text", ["0", "012", "-3", "1.5", "", "three", "\u0663"])
def test_what_is_no_budget_is_no_tag(text: str) -> None:
    turn = {"role": "user", "content": f"Why?\n<budget>{text}</budget>"}
    assert untagged([turn]) == ([turn], 1.0, None)


def test_a_ratio_and_a_budget_are_never_asked_for_at_once() -> None:
    problem = Problem(id="p", question="Why?", answer="1", task="t")
    with pytest.raises(ValueError, match="not both"):
        problem.prompt(0.5, budget=10)
    with pytest.raises(CotpressError, match="a budget of 0 tokens leaves none"):
        problem.prompt(budget=0)


@given(traces)
def test_a_key_does_not_depend_on_what_came_out(one: Trace) -> None:
    assert (
        msgspec.structs.replace(
            one, seconds=9.0, grade=Grade(answer=None, correct=False, status="ok")
        ).key
        == one.key
    )
    assert msgspec.structs.replace(one, sample=one.sample + 1).key != one.key


def test_unknown_fields_are_passed_over_so_that_newer_files_load() -> None:
    line = b'{"id":"p","question":"q","answer":"1","task":"t","new":[1]}'
    assert msgspec.json.decode(line, type=Problem) == Problem(
        id="p", question="q", answer="1", task="t"
    )


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        Problem(id="p", question="q", answer="1", task="t").id = "other"
