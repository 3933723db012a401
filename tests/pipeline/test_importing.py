"""Importing: every shape in which people keep traces, and what is said of rows that cannot be
used.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows import imported, only

from cotpress.errors import CotpressError, UnknownName
from cotpress.pipeline.importing import CALCULATOR, Columns, find_columns
from cotpress.pipeline.importing.apart import take_apart
from cotpress.pipeline.importing.references import final_line
from cotpress.pipeline.importing.replies import Reply
from cotpress.pipeline.importing.values import at
from cotpress.prompts import BOXED
from cotpress.records import Trace

BEGIN, END = "<|begin_of_thought|>", "<|end_of_thought|>"
SOLUTION = "<|begin_of_solution|>"

DATA = Path(__file__).parents[2].parent / "shared" / "data"
Q = "What is 6 * 7?"


OWN = "its own system turn, or a box in its question, in place of the default --instruction"


# --- shapes ---------------------------------------------------------------------------------------

THINK = "<think>\nSix times seven is 42.\n</think>\n\nIt is \\boxed{42}."
SHAPES = {
    "R1 completion": (
        {"question": Q, "completion": THINK, "answer": "42"},
        "<think>\n",
        "\n</think>\n\n",
        "It is \\boxed{42}.",
    ),
    "Qwen3 message": (
        {"messages": [{"role": "user", "content": Q}, {"role": "assistant", "content": THINK}]},
        "<think>\n",
        "\n</think>\n\n",
        "It is \\boxed{42}.",
    ),
    "API message with reasoning_content": (
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": Q}]},
                {
                    "role": "assistant",
                    "reasoning_content": "\nSix times seven is 42.\n",
                    "content": "\n\nIt is \\boxed{42}.",
                },
            ]
        },
        "<think>\n",
        "\n</think>\n\n",
        "It is \\boxed{42}.",
    ),
    "API message with reasoning": (
        {
            "messages": [
                {"role": "user", "content": Q},
                {"role": "assistant", "reasoning": "Six times seven is 42.", "content": "42"},
            ]
        },
        "<think>\n",
        "\n</think>\n\n",
        "42",
    ),
    "ShareGPT": (
        {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": THINK}]},
        "<think>\n",
        "\n</think>\n\n",
        "It is \\boxed{42}.",
    ),
    "OpenThoughts": (
        {
            "system": "Your role …",
            "conversations": [
                {"from": "user", "value": Q},
                {
                    "from": "assistant",
                    "value": "<|begin_of_thought|>\n\nSix times seven is "
                    "42.\n\n<|end_of_thought|>\n\n"
                    "<|begin_of_solution|>\n\n\\boxed{42}",
                },
            ],
        },
        "<|begin_of_thought|>\n\n",
        "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n",
        "\\boxed{42}",
    ),
    "plain completion": (
        {"prompt": Q, "response": "Six times seven is 42.\nThe answer is 42."},
        "",
        "\n",
        "The answer is 42.",
    ),
    "CTS": (
        {"prompt": Q, "long_res": "Six times seven is 42.", "answer": "42"},
        "",
        "\n\n",
        "The final answer is \\boxed{42}.",
    ),
    "reasoning and response": (
        {
            "query": Q,
            "reasoning_content": "Six times seven is 42.",
            "response": "Forty-two.",
            "final_answer": 42,
        },
        "",
        "\n\n",
        "Forty-two.",
    ),
    "tagged reasoning column": (
        {"problem": Q, "reasoning": "<think>\nSix times seven is 42.\n</think>", "answer": "42"},
        "<think>\n",
        "\n</think>\n\n",
        "The final answer is \\boxed{42}.",
    ),
    "open tag in a reasoning column": (
        {"problem": Q, "reasoning": "<think>\nSix times seven is 42.", "answer": "42"},
        "<think>\n",
        "\n</think>\n\n",
        "The final answer is \\boxed{42}.",
    ),
    "MATH": (
        {"problem": Q, "solution": "Six times seven is 42.", "answer": "42", "level": 1},
        "",
        "\n\n",
        "The final answer is \\boxed{42}.",
    ),
    "GSM8K as published": (
        {"question": Q, "answer": "Six times seven is <<6*7=42>>42.\n#### 42"},
        "",
        "\n\n",
        "The final answer is \\boxed{42}.",
    ),
    "solution without an answer": (
        {"problem": Q, "solution": "Six times seven is 42.\nThe answer is $\\boxed{42}$."},
        "",
        "\n",
        "The answer is $\\boxed{42}$.",
    ),
}


@pytest.mark.parametrize(("row", "opening", "closing", "conclusion"), SHAPES.values(), ids=SHAPES)
def test_every_known_shape_is_taken_apart_without_naming_a_column(
    row: dict[str, Any], opening: str, closing: str, conclusion: str
) -> None:
    trace = only(row)
    assert trace.problem.question == Q
    assert trace.reasoning == "Six times seven is 42."
    assert (trace.opening, trace.closing, trace.conclusion) == (opening, closing, conclusion)
    assert trace.finished
    assert trace.n_tokens == 5
    assert trace.n_conclusion_tokens == len(f"{opening} {closing} {conclusion}".split())
    assert trace.problem.answer in ("42", "")
    assert trace.grade is None


OPEN_R1 = {
    "problem": Q,
    "solution": "the reference solution",
    "answer": "42",
    "generations": [THINK, THINK.replace("42", "43"), "<think>\nSix times"],
    "messages": [{"role": "user", "content": Q}, {"role": "assistant", "content": THINK}],
}


def test_each_of_several_generations_becomes_a_sample_of_its_own() -> None:
    traces, dropped, _ = imported(OPEN_R1)
    assert [trace.sample for trace in traces] == [0, 1, 2]
    assert [trace.conclusion for trace in traces] == [
        "It is \\boxed{42}.",
        "It is \\boxed{43}.",
        "",
    ]
    assert [trace.finished for trace in traces] == [True, True, False]
    assert {trace.problem.answer for trace in traces} == {"42"}
    assert len({trace.key for trace in traces}) == 3
    assert not dropped


def test_a_generation_that_cannot_be_used_does_not_shift_the_others() -> None:
    traces, dropped, _ = imported({**OPEN_R1, "generations": ["", None, THINK]})
    assert [trace.sample for trace in traces] == [2]
    assert dropped == {"no completion": 2}


def test_what_a_model_wrote_keeps_its_own_conclusion_even_if_it_is_wrong() -> None:
    trace = only({"question": Q, "response": THINK.replace("42", "43"), "answer": "42"})
    assert trace.conclusion == "It is \\boxed{43}."


TAGGED = st.lists(
    st.text(max_size=3)
    | st.sampled_from(["<think>", "</think>", BEGIN, END, SOLUTION, "\n", " ", "answer is "])
).map("".join)


@given(st.text() | TAGGED)
def test_a_completion_is_never_changed(text: str) -> None:
    traces, dropped, _ = imported({"question": Q, "completion": text})
    assert [trace.completion() for trace in traces] == ([text] if traces else [])
    assert len(traces) + dropped.total() == 1


@pytest.mark.parametrize("content", ["", None, "\n\n"])
def test_a_reply_that_was_cut_off_gets_no_conclusion_from_the_reference(
    content: str | None,
) -> None:
    message = {"role": "assistant", "content": content, "reasoning_content": "Six times"}
    chat = only({"messages": [{"role": "user", "content": Q}, message], "answer": "42"})
    columns = only({"question": Q, "reasoning": "Six times", "response": content, "answer": "42"})
    tagged = only({"question": Q, "completion": "<think>\nSix times\n</think>", "answer": "42"})
    for trace in (chat, columns, tagged):
        assert (trace.reasoning, trace.conclusion, trace.finished) == ("Six times", "", False)


@given(st.text())
def test_a_gold_reasoning_without_marks_is_taken_as_it_is(text: str) -> None:
    traces, dropped, _ = imported({"question": Q, "cot": text, "answer": "1"}, reasoning="cot")
    if traces and not any(mark in text for mark in ("####", "think>", "thought|>", "<<")):
        assert traces[0].reasoning == text
    assert len(traces) + dropped.total() == 1


def test_what_a_model_says_before_the_opening_mark_belongs_to_it() -> None:
    said = f"Let me think. {BEGIN}Six times seven is 42.{END}\nThe answer is 42."
    trace = only({"question": Q, "completion": said})
    assert (trace.opening, trace.conclusion) == (f"Let me think. {BEGIN}", "The answer is 42.")
    assert trace.reasoning == "Six times seven is 42."


# --- columns --------------------------------------------------------------------------------------


def test_named_columns_win_over_guesses_and_may_be_dotted_paths() -> None:
    row = {
        "x": {"q": Q},
        "question": "not this",
        "cot": "nor this",
        "choices": [{"message": {"cot": "Six times seven."}}],
        "meta": {"gold": [42], "uid": 7},
    }
    trace = only(
        row, question="x.q", reasoning="choices.0.message.cot", answer="meta.gold", id="meta.uid"
    )
    assert (trace.problem.question, trace.reasoning, trace.problem.answer, trace.problem.id) == (
        Q,
        "Six times seven.",
        "42",
        "7",
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", None),
        ("a.b", 1),
        ("c.d", 2),
        ("l.1.x", 3),
        ("l.9.x", None),
        ("l.x", None),
        ("c.d.e", None),
        ("none", None),
        ("l.-1.x", 3),
        ("l.-3", None),
        ("l.1e0", None),
        ("l.²", None),
        ("m.n.o.x.y", 4),
        ("j.ground_truth", "5"),
        ("j.list.-1", 7),
        ("j.none", None),
        ("p.list.0", 8),
        ("t.0", None),
    ],
)
def test_a_path_finds_whole_names_keys_and_list_entries(path: str, value: Any) -> None:
    row = {
        "a.b": 1,
        "a": {"b": 0},
        "c": {"d": 2},
        "l": [{}, {"x": 3}],
        "m.n": {"o.x": {"y": 4}},
        "j": '{"ground_truth": "5", "list": [6, 7]}',
        "p": "{'list': [8]}",
        "t": "[not json",
    }
    assert at(row, path) == value


def test_a_column_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match="unknown column for --reasoning 'cots'; did you mean cot"
    ):
        find_columns([{"question": Q, "cot": "x"}], Columns(reasoning="cots"))


def test_a_column_may_be_missing_from_the_first_rows() -> None:
    rows = [{"question": Q, "answer": "1"}, {"question": Q, "cot": "x", "answer": "1"}]
    assert find_columns(rows, Columns()) == Columns(
        question="question", reasoning="cot", answer="answer"
    )


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"foo": 1, "bar": 2},
            "no column is known to hold the reasoning among foo, bar: name it with --reasoning",
        ),
        ({"cot": "x", "foo": 1}, "no column is known to hold the reasoning among cot, foo"),
        ({"question": Q, "answer": "72"}, "no column is known to hold the reasoning"),
    ],
)
def test_columns_that_cannot_be_told_are_asked_for(row: dict[str, Any], says: str) -> None:
    with pytest.raises(CotpressError, match=says):
        find_columns([row], Columns())


def test_a_missing_question_is_asked_for() -> None:
    with pytest.raises(
        CotpressError, match="to hold the question among cot, foo: name it with --question"
    ):
        find_columns([{"cot": "x", "foo": 1}], Columns(reasoning="cot"))


# --- rows that cannot be used ---------------------------------------------------------------------

CHAT = [{"role": "user", "content": Q}, {"role": "assistant", "content": THINK}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"question": Q, "answer": "1"}, "no reasoning"),
        ({"question": Q, "cot": None, "answer": "1"}, "no reasoning"),
        ({"question": Q, "cot": " \n", "answer": "1"}, "no reasoning"),
        ({"question": Q, "cot": {"text": "x"}, "answer": "1"}, "reasoning is not text but dict"),
        ({"question": Q, "cot": True, "answer": "1"}, "reasoning is not text but bool"),
        ({"question": "", "cot": "x", "answer": "1"}, "no question"),
        ({"question": ["a", "b"], "cot": "x", "answer": "1"}, "question is not text but list"),
        ({"question": Q, "cot": "x", "answer": ["1", "2"]}, "no answer to make a conclusion from"),
        ({"question": Q, "cot": "x"}, "no answer to make a conclusion from"),
        ({"question": Q, "cot": "#### 72", "answer": "72"}, "no reasoning"),
        (
            {"question": Q, "cot": "x \ud83d", "answer": "1"},
            "half a character (a lone surrogate) in the reasoning",
        ),
        (
            {"question": "\udfff", "cot": "x", "answer": "1"},
            "half a character (a lone surrogate) in the question",
        ),
        (
            {"question": Q, "cot": "x", "answer": "\udfff"},
            "half a character (a lone surrogate) in the answer",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_counted_with_its_reason(
    row: dict[str, Any], reason: str
) -> None:
    good = {"question": "Why?", "cot": "Because.", "answer": "1"}
    traces, dropped, _ = imported(good, row, good | {"question": "Why not?"})
    assert [trace.problem.question for trace in traces] == ["Why?", "Why not?"]
    assert dropped == {reason: 1}


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (None, "no messages"),
        ([], "no messages"),
        ("hello", "no messages"),
        (["hello"], "no messages"),
        (CHAT[:1], "no reply"),
        ([{"role": "system", "content": "s"}], "no reply"),
        ([*CHAT, CHAT[0]], "the last turn is not a reply"),
        (CHAT[1:], "no question"),
        ([{"role": "narrator", "content": "x"}, *CHAT], "a turn of an unknown role (narrator)"),
        ([{"role": "a narrator\n", "content": "x"}, *CHAT], "a turn of an unknown role (…)"),
        ([CHAT[0], {**CHAT[1], "tool_calls": [{"id": "1"}]}], "the last turn calls a tool"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, CHAT[1]],
            "question holds a part that is not text (image_url)",
        ),
        ([CHAT[0], {"role": "assistant", "content": None}], "no completion"),
        ([CHAT[0], {"role": "assistant", "content": "<think>\n\n</think>\n\n"}], "no reasoning"),
    ],
)
def test_a_chat_of_another_shape_is_counted_with_its_reason(turns: Any, reason: str) -> None:
    traces, dropped, _ = imported({"messages": CHAT}, {"messages": turns})
    assert len(traces) == 1
    assert dropped == {reason: 1}


@pytest.mark.parametrize("role", ["system", "developer", "System"])
def test_a_system_turn_is_carried_and_stands_in_place_of_the_default_instruction(role: str) -> None:
    rows = [{"messages": [{"role": role, "content": "Be good."}, *CHAT]}]
    traces, dropped, notes = imported(*rows)
    assert traces[0].problem.prompt() == [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": Q},
    ]
    assert not dropped
    assert notes == {OWN: 1, "no reference answer": 1}
    traces, _, notes = imported(*rows, instruction="Think.")
    assert traces[0].problem.prompt()[1] == {"role": "user", "content": f"Think.\n{Q}"}
    assert OWN not in notes


def test_an_empty_system_turn_is_none_and_a_chat_that_asks_for_a_box_is_not_asked_twice() -> None:
    asked = {"role": "user", "content": f"{Q} Use \\boxed{{}}."}
    traces, _, notes = imported(
        {"messages": [{"role": "system", "content": ""}, *CHAT]}, {"messages": [asked, CHAT[1]]}
    )
    assert [trace.problem.instruction for trace in traces] == [BOXED, ""]
    assert [trace.problem.system for trace in traces] == ["", ""]
    assert notes[OWN] == 1


def test_a_reply_whose_conclusion_cannot_be_told_is_counted() -> None:
    traces, dropped, notes = imported({"question": Q, "completion": "It is 42.", "answer": "42"})
    assert [(trace.reasoning, trace.conclusion) for trace in traces] == [("It is 42.", "")]
    assert not dropped
    assert notes == {
        "no conclusion could be separated from the reasoning, and build leaves such traces out": 1
    }


# --- names and numbers ----------------------------------------------------------------------------


def test_the_same_problem_again_is_another_sample_and_counted() -> None:
    row = {"question": Q, "cot": "x", "answer": "1"}
    traces, _, notes = imported(row, {**row, "question": "Why?"}, row, row)
    assert [trace.sample for trace in traces] == [0, 0, 1, 2]
    assert len({trace.key for trace in traces}) == 4
    assert notes["duplicate question: stored as a further sample"] == 2
    assert traces[0].problem.id == traces[2].problem.id != traces[1].problem.id


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.lists(st.sampled_from(["x. The answer is 1.", ""]), max_size=3),
        ),
        max_size=6,
    )
)
def test_no_two_traces_have_the_same_key(rows: list[tuple[str, list[str]]]) -> None:
    traces, _, _ = imported(
        {"question": "q", "completion": "x"},
        *({"question": question, "completion": texts} for question, texts in rows),
    )
    assert len({trace.key for trace in traces}) == len(traces)


def test_calculator_marks_are_taken_out_and_nothing_else_between_angles() -> None:
    assert CALCULATOR.sub(
        "", "48/2 = <<48/2=24>>24, cout << x << y >> z, <<a=b>>, $<<.5*2=1.0>>1"
    ) == ("48/2 = 24, cout << x << y >> z, <<a=b>>, $1")
    _, _, notes = imported(
        {"question": Q, "cot": "<<1+1=2>>2", "answer": "2"},
        {"question": "q", "cot": "2", "answer": "2"},
    )
    assert notes == {"calculator marks such as <<48/2=24>> taken out": 1}


def test_odd_text_survives_the_way_to_the_file_and_back() -> None:
    odd = "a\r\nb\u2028c\0d\x85e😀 10³ " + "x" * 1_000_000
    trace = only({"question": odd, "cot": odd, "answer": "1"})
    assert msgspec.json.decode(msgspec.json.encode(trace), type=Trace) == trace
    assert trace.reasoning == trace.problem.question == odd


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 1_000_000,
        "#### " + " " * 1_000_000 + "x\ny",
        f"{'<|begin_of_thought|>'}{' ' * 1_000_000}",
        "<think>" * 200_000,
        "x</think>" * 200_000,
        "<s>" + "\n" * 1_000_000 + "x",
        "x" + " <|endoftext|>" * 100_000,
        "x" + " " * 1_000_000 + "<|im_end|>",
        "[" * 500_000,
        '[{"a": ' * 100_000,
        "<ponder>" * 100_000 + "a b c d</ponder>x",
    ],
)
def test_a_million_blanks_or_marks_take_no_longer_than_a_million_letters(text: str) -> None:
    traces, dropped, _ = imported({"question": Q, "cot": text, "answer": text})
    assert len(traces) + dropped.total() == 1


@pytest.mark.parametrize(
    ("solution", "parts"),
    [
        ("a\nb\n#### 72", ("a\nb", "72")),
        ("a\r\n#### 1,000 \n", ("a", "1,000")),
        ("####72", ("", "72")),
        ("a\n#### 72\nb", ("a\n#### 72\nb", "")),
        ("a\n##### 72", ("a\n##### 72", "")),
        (" a ", (" a ", "")),
    ],
)
def test_the_last_line_of_a_gsm8k_solution_is_its_answer(
    solution: str, parts: tuple[str, str]
) -> None:
    assert final_line(solution) == parts


def test_a_number_is_an_answer() -> None:
    notes: list[str] = []
    assert take_apart(Reply(42, "because"), "", notes.append).conclusion == "42"
    assert not notes


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data")
def test_all_of_gsm8k_comes_through_without_its_calculator_marks() -> None:
    lines = (DATA / "gsm8k_train.jsonl").read_bytes().split(b"\n")
    rows = [json.loads(line) for line in lines if line]
    traces, dropped, notes = imported(*rows)
    assert (len(traces), dropped) == (7473, {})
    assert notes["calculator marks such as <<48/2=24>> taken out"] == 7378
    assert not any("<<" in trace.reasoning or ">>" in trace.reasoning for trace in traces)
    assert all(
        trace.conclusion == f"The final answer is \\boxed{{{row['answer']}}}."
        for trace, row in zip(traces, rows, strict=True)
    )
