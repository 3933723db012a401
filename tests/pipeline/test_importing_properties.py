"""What holds for every row, however odd: nothing is lost without a count, and no text is changed
without a word.
"""

import json
from collections import Counter
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rows import A, Q, T, imported

from cotpress.errors import CotpressError
from cotpress.lm.marks import FAMILIES, Thought, thought_in
from cotpress.pipeline.importing import names
from cotpress.pipeline.importing.columns import Columns
from cotpress.pipeline.importing.foreign import without_template
from cotpress.pipeline.importing.traces import import_traces
from cotpress.pipeline.importing.values import at, decoded
from cotpress.pipeline.importing.verdicts import verdict
from cotpress.pipeline.split import split
from cotpress.records import Trace

PIECES = st.sampled_from(
    [
        *(mark for family in FAMILIES for mark in (family.opening, family.closing, family.ending)),
        *("</think>", "<ponder>", "</ponder>", "`</think>`", "analysis", "assistantfinal", "</s>"),
        *("<|im_start|>assistant\n", "<|im_end|>", "<tool_call>", "#### 42", "<<6*7=42>>", "\n"),
        *("\n\n", " ", T, A, "The answer is 42.", "Wait, ", "<answer>", "</answer>"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=9).map("".join)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 9)
    | st.floats()
    | TEXTS
    | st.sampled_from(["on", "off"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "from",
                    "content",
                    "value",
                    "thinking",
                    "reasoning_content",
                    "reasoning_details",
                    "type",
                    "text",
                    "tool_calls",
                    "info",
                    "message",
                    "choices",
                    "finish_reason",
                    "channel",
                ]
            ),
            inner
            | st.sampled_from(["user", "assistant", "system", "tool", "thinking", "text", "gpt"]),
            max_size=4,
        )
    ),
    max_leaves=8,
)
NAMED = [
    *names.QUESTION.names,
    *names.REASONING.names,
    *names.COMPLETION.names,
    *names.MESSAGES.names,
    *names.ANSWER.names,
    *names.WORKED.names,
    *names.VERDICT.names,
    *names.FINISH.names,
    *names.SYSTEM.names,
    *("history", "tools", "metadata", "custom_id", "r1_solution_1", "r1_solution_2"),
]
ROWS = st.dictionaries(st.sampled_from(NAMED), VALUES | TEXTS, max_size=6)


@given(st.lists(ROWS, min_size=1, max_size=3))
def test_whatever_the_rows_they_are_refused_or_every_one_is_a_trace_or_counted(
    rows: list[dict[str, Any]],
) -> None:
    try:
        traces, dropped, _ = imported(*rows)
    except CotpressError:
        return
    assert len(traces) + dropped.total() >= len(rows)
    assert len({trace.key for trace in traces}) == len(traces)
    for trace in traces:
        assert trace.reasoning.strip() or not trace.reasoning
        assert msgspec.json.decode(msgspec.json.encode(trace), type=Trace) == trace


@given(st.lists(TEXTS, max_size=4))
def test_every_completion_becomes_one_trace_or_is_counted(texts: list[str]) -> None:
    traces, dropped, _ = imported({"q": Q, "c": texts}, question="q", completion="c")
    assert len(traces) + dropped.total() == max(1, len(texts))


@given(TEXTS)
def test_the_parts_of_a_completion_join_to_its_text_unless_something_is_said(text: str) -> None:
    dropped: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    columns = Columns(question="q", completion="c")
    row = {"q": Q, "c": text}
    for trace in import_traces([row], columns, count=len, dropped=dropped, noted=notes):
        if not any("taken o" in note for note in notes):
            assert trace.completion() == text
            assert trace.reasoning == trace.reasoning.strip()
        else:
            assert len(trace.completion()) < len(text)


@given(TEXTS)
def test_a_split_joins_to_its_text_and_its_thought_stands_inside(text: str) -> None:
    assert "".join(split(text)) == text
    if (thought := thought_in(text)) is not None:
        begin, end, answer, closed = thought
        assert 0 <= begin <= end <= answer <= len(text)
        assert closed or thought == Thought(begin, len(text), len(text), False)


@given(TEXTS)
def test_taking_a_template_off_twice_is_taking_it_off_once(text: str) -> None:
    bare = without_template(text)
    assert bare in text
    assert without_template(bare) == bare


@given(VALUES, st.text(max_size=5), st.lists(st.sampled_from(["role", "0", "-1", "x"]), max_size=3))
def test_a_path_never_fails_and_leads_into_text_as_into_lists(
    value: Any, name: str, path: list[str]
) -> None:
    way = ".".join(["c", *path])
    found = at({"c": value, name: value}, way)
    if isinstance(value, list | dict) and path:
        try:
            written = json.dumps(value, allow_nan=False)
        except ValueError:
            return
        if decoded(written) == value:
            assert at({"c": written}, way) == found


@given(VALUES)
def test_a_verdict_is_right_wrong_nothing_or_refused(value: Any) -> None:
    try:
        assert verdict(value) in (True, False, None)
    except ValueError:
        assert value is not None
