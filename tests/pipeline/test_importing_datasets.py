"""Every known layout of public data sets, with made-up rows: it comes in without naming a column,
or is refused with the cure. docs/import.md has the same list in words.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from rows import ASKED, R1, A, Q, T, imported

from cotpress.errors import CotpressError
from cotpress.records import Trace

REPLY = {"role": "assistant", "content": R1}
THOUGHT = f"<|begin_of_thought|>\n\n{T}\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n{A}"
APART = ("", "\n\n")
TAGS = ("<think>\n", "\n</think>\n\n")
CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


class Layout(NamedTuple):
    """A row and what must come of it."""

    row: dict[str, Any]
    marks: tuple[str, str] = TAGS
    answer: str = "42"
    n: int = 1
    system: str = ""
    question: str = Q
    finished: Sequence[bool] = (True, True, True)


LAYOUTS = {
    "OpenR1-Math-220k": Layout(
        {
            "problem": Q,
            "solution": "A long solution in many words, whose answer is \\boxed{42}.",
            "answer": "42",
            "problem_type": "Algebra",
            "uuid": "u1",
            "is_reasoning_complete": [True, False],
            "generations": [R1, R1[:-1]],
            "correctness_math_verify": [True, False],
            "correctness_llama": None,
            "finish_reasons": None,
            "messages": [ASKED, REPLY],
        },
        n=2,
        finished=(True, False),
    ),
    "s1K-1.1": Layout(
        {
            "question": Q,
            "solution": "42",
            "cot_type": "math",
            "metadata": "{'a': 1}",
            "gemini_thinking_trajectory": "Another one thought this.",
            "gemini_attempt": "It is 43.",
            "deepseek_thinking_trajectory": T,
            "deepseek_attempt": A,
            "deepseek_grade": "Yes",
        },
        APART,
    ),
    "s1K": Layout(
        {
            "question": Q,
            "solution": "42",
            "cot_type": "math",
            "cot": None,
            "thinking_trajectories": [T],
            "attempt": A,
        },
        APART,
    ),
    "LIMO": Layout({"question": Q, "solution": f"{T}\n\n{A}", "answer": "42"}, APART),
    "OpenThoughts-114k": Layout(
        {
            "system": "Your role is to think.",
            "conversations": [
                {"from": "user", "value": Q},
                {"from": "assistant", "value": f"{THOUGHT}\n\n<|end_of_solution|>"},
            ],
        },
        (
            "<|begin_of_thought|>\n\n",
            "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n",
        ),
        answer="",
        system="Your role is to think.",
    ),
    "OpenThoughts-114k metadata": Layout(
        {
            "problem": Q,
            "deepseek_reasoning": T,
            "deepseek_solution": A,
            "ground_truth_solution": "Six bags of seven pears make\n\\boxed{42} pears in all.",
            "domain": "math",
            "test_cases": None,
        },
        APART,
    ),
    "OpenThoughts3": Layout(
        {
            "difficulty": 7,
            "source": "s",
            "domain": "math",
            "conversations": [
                {"from": "human", "value": Q},
                {"from": "gpt", "value": f"<think>{T}</think>\n\n{A}"},
            ],
        },
        ("<think>", "</think>\n\n"),
        answer="",
    ),
    "Mixture-of-Thoughts": Layout(
        {"messages": [ASKED, REPLY], "num_tokens": 9, "source": "s"}, answer=""
    ),
    "NuminaMath-CoT": Layout(
        {
            "source": "s",
            "problem": Q,
            "solution": f"{T}\n{A}",
            "messages": [ASKED, {"role": "assistant", "content": f"{T}\n{A}"}],
        },
        ("", "\n"),
    ),
    "NuminaMath-1.5": Layout(
        {
            "problem": Q,
            "solution": f"{T}\n{A}",
            "answer": "42",
            "problem_is_valid": "Yes",
            "solution_is_valid": "Yes",
        },
        ("", "\n"),
    ),
    "AM-DeepSeek-R1-Distilled": Layout(
        {
            "messages": [
                {**ASKED, "info": {"reference_answer": "42", "think_content": None}},
                {
                    "role": "assistant",
                    "content": f"<think>{T}</think><answer>{A}</answer>",
                    "info": {"think_content": T, "answer_content": A},
                },
            ]
        },
        ("<think>", "</think><answer>"),
    ),
    "OpenMathReasoning": Layout(
        {
            "expected_answer": "42",
            "problem": Q,
            "problem_type": "has_answer_extracted",
            "generated_solution": R1,
            "inference_mode": "cot",
            "pass_rate_72b_tir": "0.9",
            "generation_model": "R1",
        }
    ),
    "Llama-Nemotron-Post-Training": Layout(
        {
            "input": [ASKED],
            "output": R1,
            "category": "math",
            "reasoning": "on",
            "generator": "R1",
            "system_prompt": "detailed thinking on",
        },
        answer="",
        system="detailed thinking on",
    ),
    "Nemotron-Post-Training v2": Layout(
        {
            "uuid": "u",
            "category": "math",
            "reasoning": "on",
            "messages": [{"role": "system", "content": ""}, ASKED, REPLY],
            "metadata": '{"expected_answer": "42"}',
        }
    ),
    "Nemotron-Math-v2": Layout(
        {
            "problem": Q,
            "expected_answer": "42",
            "messages": [
                ASKED,
                {"role": "assistant", "reasoning_content": T, "content": A, "tool_calls": []},
            ],
            "tools": [],
        }
    ),
    "Multilingual-Thinking": Layout(
        {
            "reasoning_language": "German",
            "developer": "Be brief.",
            "user": Q,
            "analysis": T,
            "final": A,
            "messages": [
                {"role": "system", "content": "reasoning language: German", "thinking": None},
                {**ASKED, "thinking": None},
                {"role": "assistant", "content": A, "thinking": T},
            ],
        },
        answer="",
        system="reasoning language: German",
    ),
    "Multilingual-Thinking without messages": Layout(
        {"reasoning_language": "German", "user": Q, "analysis": T, "final": A}, APART, answer=""
    ),
    "harmony as text": Layout(
        {
            "prompt": Q,
            "completion": f"<|channel|>analysis<|message|>{T}<|end|><|start|>assistant"
            f"<|channel|>final<|message|>{A}<|return|>",
        },
        (
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
        ),
        answer="",
    ),
    "DeepMath-103K": Layout(
        {
            "question": Q,
            "final_answer": "42",
            "difficulty": 3.0,
            "topic": "Algebra",
            "r1_solution_1": f"{T}\n</think>\n\n{A}",
            "r1_solution_2": f"{T}\n</think>\n\n{A}",
            "r1_solution_3": f"{T}\n</think>\n\n{A}",
        },
        ("", "\n</think>\n\n"),
        n=3,
    ),
    "SYNTHETIC-1": Layout(
        {
            "prompt": Q,
            "gold_standard_solution": "Six of seven: \\boxed{42}",
            "llm_response": R1,
            "score": 1.0,
            "verification_info": '{"ground_truth": "42"}',
            "messages": [ASKED, REPLY],
        }
    ),
    "SYNTHETIC-2": Layout(
        {
            "problem_id": "p",
            "prompt": Q,
            "verification_info": '{"ground_truth": "42"}',
            "Qwen/Qwen3-32B_responses": [R1, R1],
            "Qwen/Qwen3-32B_avg_reward": 0.5,
        },
        n=2,
    ),
    "OpenCodeReasoning": Layout(
        {
            "id": "1",
            "input": Q,
            "output": R1,
            "solution": "def f(n):\n    return n",
            "difficulty": "EASY",
        },
        answer="",
    ),
    "Dolphin-R1": Layout(
        {"messages": [ASKED], "reasoning": T, "answer": A, "model": "r1"}, APART, answer=""
    ),
    "medical-o1": Layout({"Question": Q, "Complex_CoT": T, "Response": A}, APART, answer=""),
    "R1-Distill-SFT": Layout(
        {
            "id": "1",
            "problem": Q,
            "solution": "Six bags of seven pears make\n\\boxed{42} pears.",
            "reannotated_assistant_content": R1,
            "verified": True,
        }
    ),
    "alpaca": Layout(
        {"instruction": "Multiply.", "input": Q, "output": R1},
        answer="",
        question=f"Multiply.\n{Q}",
    ),
    "TRL": Layout({"prompt": [ASKED], "completion": [REPLY]}, answer=""),
    "verl": Layout(
        {
            "data_source": "s",
            "prompt": [ASKED],
            "responses": [R1],
            "reward_model": {"style": "rule", "ground_truth": "42"},
            "extra_info": {"split": "train"},
        }
    ),
    "Messages API": Layout(
        {
            "messages": [
                ASKED,
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": T, "signature": "s"},
                        {"type": "text", "text": A},
                    ],
                },
            ]
        },
        answer="",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("as_text", [False, True], ids=["as it is", "lists as text"])
def test_a_known_layout_comes_in_without_naming_a_column(layout: Layout, as_text: bool) -> None:
    row = layout.row
    if as_text:
        row = {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in row.items()}
    traces, dropped, _ = imported(row)
    assert not dropped
    assert [trace.sample for trace in traces] == list(range(layout.n))
    for trace, finished in zip(traces, layout.finished, strict=False):
        problem = trace.problem
        assert (problem.question, problem.answer, problem.system) == (
            layout.question,
            layout.answer,
            layout.system,
        )
        assert (trace.opening, trace.reasoning, trace.closing) == (
            layout.marks[0],
            T,
            layout.marks[1],
        )
        assert A.startswith(trace.conclusion)
        assert len(trace.conclusion) >= len(A) - 1
        assert trace.finished is finished


def test_a_tool_integrated_row_keeps_its_tools_and_its_last_reasoning() -> None:
    row = {
        "problem": Q,
        "expected_answer": "42",
        "messages": [
            ASKED,
            {"role": "assistant", "reasoning_content": "I call.", "tool_calls": CALL},
            {"role": "tool", "content": "42", "tool_call_id": "1"},
            {"role": "assistant", "reasoning_content": T, "content": A},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
    traces, _, notes = imported(row)
    assert [turn["role"] for turn in traces[0].problem.followed] == ["assistant", "tool"]
    assert traces[0].reasoning == T
    assert notes["what its tools are (column tools) is not carried over"] == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"generated_solution": f"<think>\n{T}\n<tool_call>\n1\n</tool_call>\n</think>{A}"},
            "a tool call in the text of the completion",
        ),
        (
            {"inference_mode": "genselect"},
            "no reasoning of one solution (inference_mode is genselect)",
        ),
    ],
)
def test_rows_of_open_math_reasoning_that_are_no_reasoning_of_one_solution_are_counted(
    fields: dict[str, str], reason: str
) -> None:
    row = LAYOUTS["OpenMathReasoning"].row
    traces, dropped, _ = imported(row, {**row, **fields})
    assert (len(traces), dropped) == (1, {reason: 1})


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            {"custom_id": "1", "response": {"body": {"choices": []}}, "error": None},
            r"join the two by custom_id into rows with a question, and name --question and "
            r"--completion response\.body\.choices\.0\.message",
        ),
        (
            {"data_source": "s", "prompt": [ASKED], "reward_model": {"ground_truth": "42"}},
            r"no column is known to hold the reasoning among data_source, prompt, reward_model: "
            r"name it with --reasoning, --completion or --messages",
        ),
        (
            {"messages": [ASKED], "source": "s"},
            r"no column is known to hold the reasoning among messages, source",
        ),
        (
            {"prompt": Q, "reasoning": "on", "tag": "math"},
            r"no column is known to hold the reasoning among prompt, reasoning, tag",
        ),
        ({"completion": R1, "id": "1"}, r"no column is known to hold the .* among completion, id"),
    ],
)
def test_a_layout_that_cannot_come_in_is_refused_with_the_cure(
    row: dict[str, Any], says: str
) -> None:
    with pytest.raises(CotpressError, match=says):
        imported(row)


# --- verdicts and references of data sets ---------------------------------------------------------


def verdicts(traces: list[Trace]) -> list[bool | None]:
    return [trace.grade.correct if trace.grade else None for trace in traces]


@pytest.mark.parametrize(
    ("data_set", "column", "expected"),
    [
        ("OpenR1-Math-220k", "correctness_math_verify", [True, False]),
        ("s1K-1.1", "deepseek_grade", [True]),
        ("R1-Distill-SFT", "verified", [True]),
        ("SYNTHETIC-1", "score", [True]),
        ("SYNTHETIC-2", "Qwen/Qwen3-32B_avg_reward", [None, None]),
        ("NuminaMath-1.5", "solution_is_valid", [True]),
    ],
)
def test_a_verdict_of_the_data_set_stands_as_the_grade_when_it_is_named(
    data_set: str, column: str, expected: list[bool | None]
) -> None:
    row = LAYOUTS[data_set].row
    traces, _, notes = imported(row, verdict=column)
    assert verdicts(traces) == expected
    for trace in traces:
        if trace.grade:
            assert trace.grade.status == "ok"
            assert trace.grade.answer == ("42" if trace.grade.correct else None)
    hint = f"a verdict of the data set, not used: --verdict {column} takes it"
    assert hint not in notes
    traces, _, notes = imported(row)
    assert verdicts(traces) == [None] * len(expected)
    assert (hint in notes) is (None not in expected)


@pytest.mark.parametrize(
    ("said", "correct"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        (-1, False),
        ("1", True),
        ("0.0", False),
        (0.5, True),
        (0.49, False),
        ("Yes", True),
        ("No.", False),
        ("correct", True),
        ("INCORRECT", False),
        ("true", True),
        ("False", False),
        (None, None),
        ("", None),
        (float("nan"), None),
        (7, None),
        ("perhaps", None),
        ({"a": 1}, None),
        ([], None),
        ([True, False], True),
        ('["no"]', False),
    ],
)
def test_words_and_numbers_of_a_verdict_are_read_and_others_leave_it_ungraded(
    said: Any, correct: bool | None
) -> None:
    rows = [{"question": Q, "completion": R1, "v": {"x": one}} for one in (True, said)]
    traces, dropped, notes = imported(*rows, verdict="v.x")
    assert verdicts(traces) == [True, correct]
    assert not dropped
    assert any(note.startswith("ungraded") for note in notes) is (correct is None)


@pytest.mark.parametrize(
    "path",
    [
        "messages.-1.info.gold",
        "messages.1.info.gold",
        "about.gold",
        "text.gold",
        "text.list.-1",
        "list.0",
    ],
)
def test_a_reference_can_be_reached_wherever_it_stands(path: str) -> None:
    row = {
        "messages": [ASKED, {**REPLY, "info": {"gold": "42"}}],
        "about": {"gold": 42},
        "text": '{"gold": "42", "list": [1, 42]}',
        "list": ["\\boxed{42}", "x"],
    }
    assert imported(row, answer=path)[0][0].problem.answer == "42"


def test_columns_are_known_however_they_are_spelt() -> None:
    for names in (
        ("Question", "Complex CoT", "Final-Answer"),
        ("PROBLEM", "chain_of_thought", "expectedAnswer"),
        ("user prompt", "reasoningContent", "gold answer"),
        ("query", "r1_reasoning", "GROUND_TRUTH"),
    ):
        (trace,), dropped, _ = imported(dict(zip(names, (Q, T, "42"), strict=True)))
        assert (trace.problem.question, trace.reasoning, trace.problem.answer) == (Q, T, "42")
        assert not dropped


def test_several_columns_named_are_a_sample_each() -> None:
    row = {"q": Q, "a": R1, "b": "", "c": [R1, R1]}
    traces, dropped, _ = imported(row, question="q", completion=("a", "b", "c"))
    assert [trace.sample for trace in traces] == [0, 2, 3]
    assert dropped == {"no completion": 1}


def test_a_named_column_that_is_null_everywhere_is_one_sentence() -> None:
    with pytest.raises(CotpressError, match=r"column cot \(--reasoning\) is null in the first 1 "):
        imported({"question": Q, "cot": None, "rationale": T}, reasoning="cot")
