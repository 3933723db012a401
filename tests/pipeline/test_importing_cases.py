"""Kinds of rows that people have and that once came in wrong: each kind by several of its rows."""

import json
from typing import Any

import pytest
from rows import ASKED, R1, A, Q, T, imported, only

from cotpress.errors import CotpressError
from cotpress.pipeline.importing import Columns, find_columns
from cotpress.pipeline.importing.foreign import unknown_mark, without_template

THINKS = {"type": "thinking", "thinking": T}
SAYS = {"type": "text", "text": A}
SIGNED = {"type": "thinking", "thinking": T, "signature": "s"}
LOCKED = {"type": "redacted_thinking", "data": "xyz"}
DETAIL = {"type": "reasoning.text", "text": T}


def chat(**reply: Any) -> dict[str, Any]:
    return {"messages": [ASKED, {"role": "assistant", **reply}]}


# --- 01: the reasoning stands beside the content, or in parts of it -------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        {"content": A, "thinking": T},
        {"content": A, "reasoning_content": T, "thinking": None},
        {"content": A, "reasoning": T, "reasoning_details": [DETAIL]},
        {"content": A, "reasoning": None, "reasoning_details": [DETAIL]},
        {"content": A, "reasoning_details": [{"text": T[:30]}, {"text": T[30:]}]},
        {"content": A, "info": {"think_content": T, "answer_content": A}},
        {"content": [THINKS, SAYS]},
        {"content": [{"type": "text", "text": "\n"}, SIGNED, SAYS]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": T}]}, SAYS]},
        {"content": [{"type": "reasoning", "text": T}, {"type": "output_text", "text": A}]},
        {"content": [SIGNED, {"type": "text", "text": A[:9]}, {"type": "text", "text": A[9:]}]},
        {"content": R1},
        {"content": [{"type": "text", "text": R1}]},
    ],
)
def test_the_reasoning_of_a_turn_is_taken_from_where_it_stands(reply: dict[str, Any]) -> None:
    trace = only(chat(**reply))
    assert (trace.reasoning, trace.conclusion) == (T, A)
    assert trace.completion() == R1


def test_a_turn_in_the_channel_of_analysis_is_the_reasoning_of_the_next() -> None:
    thinks = {"role": "assistant", "channel": "analysis", "content": T}
    says = {"role": "assistant", "channel": "final", "content": A}
    for row in (
        {"messages": [ASKED, thinks, says]},
        {"prompt": [ASKED], "completion": [thinks, says]},
    ):
        trace = only(row)
        assert (trace.completion(), trace.problem.followed) == (R1, [])


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({"content": [LOCKED, SAYS]}, "reasoning that cannot be read (encrypted or redacted)"),
        (
            {"content": A, "reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
            "reasoning that cannot be read (encrypted or redacted)",
        ),
        ({"content": [THINKS, SAYS, THINKS, SAYS]}, "more than one block of thinking"),
        ({"content": [THINKS, {"type": "tool_use", "id": "1"}]}, "the last turn calls a tool"),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "the last turn calls a tool"),
        ({"content": f"{R1} <think>\n{T}\n</think>\n\n{A}"}, "more than one block of thinking"),
        (
            {
                "content": f"<|channel|>analysis<|message|>{T}<|end|><|start|>assistant<|channel|>"
                f"analysis<|message|>{T}<|end|><|start|>assistant<|channel|>final<|message|>{A}"
            },
            "more than one block of thinking",
        ),
        (
            {"content": f"analysis{T}assistantanalysis{T}assistantfinal{A}"},
            "more than one block of thinking",
        ),
        (
            {"content": f"<think>\n{T}\n</think>\n<tool_call>\n{{}}\n</tool_call>"},
            "a tool call in the text of the completion",
        ),
    ],
)
def test_a_reply_that_is_not_one_reasoning_is_left_out_with_its_reason(
    reply: dict[str, Any], reason: str
) -> None:
    traces, dropped, _ = imported(chat(content=R1), chat(**reply))
    assert len(traces) == 1
    assert dropped == {reason: 1}


def test_a_reasoning_of_which_a_part_is_hidden_is_noted() -> None:
    traces, dropped, notes = imported(
        chat(content=[THINKS, LOCKED, SAYS]),
        chat(content=A, reasoning_details=[{"type": "reasoning.summary", "summary": T}]),
    )
    assert [trace.reasoning for trace in traces] == [T, T]
    assert not dropped
    assert notes["a part of the reasoning cannot be read (encrypted or redacted)"] == 1
    assert notes["the reasoning is the summary of one that is not shown"] == 1


# --- 02: the question in two columns --------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "question"),
    [
        ({"instruction": "Add.", "input": "2 2", "output": R1}, "Add.\n2 2"),
        ({"instruction": "Add 2 and 2.", "input": "", "output": R1}, "Add 2 and 2."),
        ({"instruction": "Add 2 and 2.", "input": None, "output": R1}, "Add 2 and 2."),
        ({"Instruction": "Add.", "Input": "2 2", "Response": R1}, "Add.\n2 2"),
        ({"input": "Write f", "output": R1, "solution": "def f(): ..."}, "Write f"),
    ],
)
def test_alpaca_rows_are_asked_with_instruction_and_input(
    row: dict[str, Any], question: str
) -> None:
    other = {**row, next(iter(row)): "Take.", "input": "5 3"}
    traces, dropped, _ = imported(row, other)
    assert traces[0].problem.question == question
    assert traces[0].problem.id != traces[1].problem.id
    assert not dropped


def test_earlier_pairs_of_alpaca_rows_are_carried() -> None:
    row = {"instruction": Q, "output": R1, "history": [["Hello?", "<think>Hm.</think>Hi."]]}
    assert only(row).problem.history == [
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Hi."},
    ]


# --- 03: columns whose names promise what they do not hold ----------------------------------------


@pytest.mark.parametrize("word", ["on", "high", "Enabled", True, 1, "math"])
def test_a_column_that_never_holds_more_than_a_word_is_no_reasoning(word: Any) -> None:
    for name in ("reasoning", "thinking", "cot"):
        trace = only({"prompt": Q, name: word, "output": R1})
        assert (trace.reasoning, trace.conclusion) == (T, A)


@pytest.mark.parametrize("word", ["off", "Off", False, "disabled", "no_think"])
def test_a_row_that_says_its_reasoning_is_off_is_left_out(word: Any) -> None:
    on = {"prompt": Q, "reasoning": "on", "output": R1}
    traces, dropped, _ = imported(on, {**on, "reasoning": word, "output": "It is 42."})
    assert len(traces) == 1
    assert dropped == {f"made without reasoning (reasoning is {str(word).lower()})": 1}


@pytest.mark.parametrize(
    "row",
    [
        {"cot": None, "thinking_trajectories": [T], "attempt": A},
        {"cot": "", "thinking_trajectories": [T], "attempt": A},
        {"reasoning_content": None, "deepseek_reasoning": T, "deepseek_solution": A},
        {"reasoning_content": "", "reasoning": "  ", "rationale": T, "response": A},
        {"thinking": None, "content": None, "completion": f"{T}\n\n{A}"},
        {
            "deepseek_thinking_trajectory": None,
            "deepseek_attempt": None,
            "gemini_thinking_trajectory": T,
            "gemini_attempt": A,
        },
    ],
)
def test_a_column_without_any_text_is_passed_over(row: dict[str, Any]) -> None:
    trace = only({"question": Q, **row, "answer": "42"})
    assert (trace.reasoning, trace.conclusion, trace.problem.answer) == (T, A, "42")


def test_a_column_that_is_mostly_null_comes_after_one_that_is_full() -> None:
    rows = [{"question": f"{Q} {n}", "cot": None, "rationale": T, "answer": "42"} for n in range(9)]
    rows[4]["cot"] = "a stray remark"
    assert find_columns(rows, Columns()).reasoning == "rationale"


def test_a_short_remark_does_not_stand_for_the_thinking_of_a_long_completion() -> None:
    row = {"question": Q, "type_of_reasoning": "one step of arithmetic", "response": R1}
    assert only(row).reasoning == T
    both = {"question": Q, "reasoning": T, "response": R1}
    assert (only(both).reasoning, only(both).conclusion) == (T, A)


# --- 04: a solution that concludes itself ---------------------------------------------------------


@pytest.mark.parametrize(
    ("solution", "reasoning", "conclusion"),
    [
        (f"{T}\n\n**Final Answer**\n\n\\boxed{{42}}", T, "**Final Answer**\n\n\\boxed{42}"),
        (
            "Each has 7. Thus the crate holds $6 \\cdot 7 = \\boxed{42}$ pears.",
            "Each has 7.",
            "Thus the crate holds $6 \\cdot 7 = \\boxed{42}$ pears.",
        ),
        (f"{T}\nThe answer is 42.", T, "The answer is 42."),
        (f"<think>\n{T}\n</think>\n\n{A}", T, A),
        (f"{T}\n#### 42", T, "The final answer is \\boxed{42}."),
        (T, T, "The final answer is \\boxed{42}."),
        (f"{T}\nSo the final answer is 42.", T, "So the final answer is 42."),
        (
            "Both have 7 right answers each.\nIn total, the number of questions and answers is 42.",
            "Both have 7 right answers each.\nIn total, the number of questions and answers is 42.",
            "The final answer is \\boxed{42}.",
        ),
        (
            "$6 \\cdot 7 = \\boxed{42}$.",
            "$6 \\cdot 7 = \\boxed{42}$.",
            "The final answer is \\boxed{42}.",
        ),
    ],
)
@pytest.mark.parametrize("column", ["solution", "cot", "Rationale"])
def test_a_worked_solution_keeps_its_own_conclusion(
    solution: str, reasoning: str, conclusion: str, column: str
) -> None:
    trace = only({"question": Q, column: solution, "answer": "42"})
    assert (trace.reasoning, trace.conclusion) == (reasoning, conclusion)
    assert trace.finished


# --- 05: what ended a completion ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "finished"),
    [
        ({"finish_reasons": ["stop", "length"]}, [True, False]),
        ({"finish_reasons": None}, [True, True]),
        ({"finish_reasons": '["stop", "length"]'}, [True, False]),
        ({"finish_reason": "length"}, [False, False]),
        ({"stop_reason": ["end_turn", "max_tokens"]}, [True, False]),
        ({"is_reasoning_complete": [True, False]}, [True, False]),
        (
            {"finish_reasons": ["stop", "stop"], "is_reasoning_complete": [False, True]},
            [False, True],
        ),
        ({"finish_reasons": ["stop"]}, [True, True]),
        ({"finish_reasons": ["error", "content_filter"]}, [False, False]),
    ],
)
def test_a_completion_is_finished_as_its_data_set_says(
    said: dict[str, Any], finished: list[bool]
) -> None:
    traces, _, notes = imported({"problem": Q, "generations": [R1, R1], **said})
    assert [trace.finished for trace in traces] == finished
    cut = [note for note in notes if note.startswith("cut off, as ") or "taken as cut off" in note]
    assert bool(cut) is (False in finished)


def test_an_unknown_reason_is_said() -> None:
    _, _, notes = imported({"problem": Q, "generations": [R1], "finish_reason": "error"})
    assert notes["finish_reason says 'error', which is unknown: taken as cut off"] == 1


# --- 06, 07: who speaks ---------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["system", "system_prompt", "System Prompt"])
def test_a_system_column_is_the_system_turn(column: str) -> None:
    turns = {"conversations": [{"from": "user", "value": Q}, {"from": "assistant", "value": R1}]}
    for row in (turns, {"question": Q, "completion": R1}):
        problem = only({column: "Be brief.", **row}).problem
        assert (problem.system, problem.instruction) == ("Be brief.", "")
        assert only({column: "", **row}).problem.system == ""
    replied = {"role": "assistant", "content": R1}
    own = {"messages": [{"role": "system", "content": "Its own."}, ASKED, replied]}
    assert only({column: "Be brief.", **own}).problem.system == "Its own."


@pytest.mark.parametrize(
    ("user", "assistant"),
    [
        ("human", "gpt"),
        ("human", "chatgpt"),
        ("user", "model"),
        ("human", "bot"),
        ("Human", "Assistant"),
        ("USER", "AI"),
        ("prompter", "assistant"),
    ],
)
def test_speakers_of_every_name_are_known(user: str, assistant: str) -> None:
    for who, what in (("from", "value"), ("role", "content")):
        turns = [{who: user, what: Q}, {who: assistant, what: R1}]
        assert only({"conversations": turns}).completion() == R1


def test_only_the_last_reasoning_is_taken_and_what_comes_before_is_carried() -> None:
    calls = [{"id": "1", "type": "function", "function": {"name": "times", "arguments": "{}"}}]
    trace = only(
        {
            "messages": [
                {"role": "system", "content": "Be good."},
                {"role": "user", "content": "Hello?"},
                {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\nHi."},
                {"role": "user", "content": "And you?"},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}, SAYS]},
                ASKED,
                {"role": "assistant", "content": None, "tool_calls": calls, "thinking": "I call."},
                {"role": "tool", "content": {"result": 42}, "tool_call_id": "1", "name": "times"},
                {"role": "assistant", "content": R1},
            ]
        }
    )
    problem = trace.problem
    assert (problem.question, trace.completion()) == (Q, R1)
    assert problem.prompt() == [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "And you?"},
        {"role": "assistant", "content": A},
        ASKED,
        {"role": "assistant", "content": "", "tool_calls": calls},
        {"role": "tool", "content": '{"result": 42}', "tool_call_id": "1", "name": "times"},
    ]


def test_tool_turns_in_the_words_of_sharegpt_are_carried() -> None:
    call = '{"name": "times", "arguments": {"a": 6, "b": 7}}'
    trace = only(
        {
            "conversations": [
                {"from": "human", "value": Q},
                {"from": "function_call", "value": call},
                {"from": "observation", "value": "42"},
                {"from": "gpt", "value": R1},
            ]
        }
    )
    assert trace.problem.followed == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": json.loads(call)}],
        },
        {"role": "tool", "content": "42"},
    ]


def test_the_same_question_after_another_history_is_another_problem() -> None:
    hello = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi."}]
    replied = [ASKED, {"role": "assistant", "content": R1}]
    traces, _, _ = imported({"messages": replied}, {"messages": [*hello, *replied]})
    assert traces[0].problem.id != traces[1].problem.id


# --- 08: references -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (True, "True"),
        (False, "False"),
        ([True], "True"),
        (["42"], "42"),
        (42, "42"),
        (4.5, "4.5"),
        ("\\boxed{42}", "42"),
        ("Six times seven is 42.\n#### 42", "42"),
        ("proof", ""),
        ("notfound", ""),
        ("not found", ""),
        (None, ""),
        (["1", "2"], ""),
        ({"a": 1}, ""),
        (float("nan"), ""),
    ],
)
def test_a_reference_is_read_or_only_the_reference_is_missing(answer: Any, reference: str) -> None:
    traces, dropped, notes = imported({"question": Q, "completion": R1, "answer": answer})
    assert [trace.problem.answer for trace in traces] == [reference]
    assert not dropped
    assert notes["no reference answer"] == (not reference)


# --- 09: chats as text, prompt and completion as chats --------------------------------------------

TURNS = [ASKED, {"role": "assistant", "content": R1}]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": json.dumps(TURNS)},
        {"messages": str(TURNS)},
        {"conversations": json.dumps(TURNS, indent=1)},
        {"prompt": TURNS[:1], "completion": TURNS[1:]},
        {"prompt": json.dumps(TURNS[:1]), "completion": json.dumps(TURNS[1:])},
        {"prompt": TURNS[:1], "completion": R1},
        {"prompt": Q, "completion": TURNS[1:]},
        {"prompt": Q, "completion": TURNS[1]},
        {"prompt": TURNS[:1], "responses": [TURNS[1:]]},
        {"prompt": Q, "response": {"choices": [{"message": TURNS[1], "finish_reason": "stop"}]}},
        {"messages": TURNS[:1], "completion": R1},
        {"messages": TURNS[:1], "choices": [{"message": TURNS[1]}]},
        {"prompt": Q, "response": {"message": TURNS[1], "done_reason": "stop"}},
        {"prompt": Q, "completion": TURNS},
        {"prompt": Q, "generations": json.dumps([R1])},
    ],
)
def test_chats_come_in_whatever_they_are_written_as(row: dict[str, Any]) -> None:
    trace = only(row)
    assert (trace.problem.question, trace.completion()) == (Q, R1)
    assert trace.finished


def test_what_a_prompt_begins_of_the_reply_belongs_to_the_completion() -> None:
    begun = {"role": "assistant", "content": "Let me see.\n<think>"}
    trace = only({"prompt": [ASKED, begun], "completion": f"{T}</think>{A}"})
    assert (trace.opening, trace.reasoning) == ("Let me see.\n<think>", T)
    assert trace.problem.followed == []


def test_an_answer_of_an_api_says_itself_why_it_ended() -> None:
    parts = [{"type": "thinking", "thinking": T}, {"type": "text", "text": A}]
    for answer in (
        {"role": "assistant", "content": parts, "stop_reason": "max_tokens"},
        {"message": TURNS[1], "done_reason": "length"},
        {"choices": [{"message": TURNS[1], "finish_reason": "length"}]},
    ):
        traces, _, notes = imported({"prompt": Q, "response": answer})
        assert [(trace.completion(), trace.finished) for trace in traces] == [(R1, False)]
        assert notes["cut off, as its finish_reason says"] == 1


def test_a_list_of_conclusions_stands_beside_a_list_of_reasonings() -> None:
    traces, _, _ = imported({"question": Q, "reasoning": [T, f"{T} Yes."], "response": [A, "42"]})
    assert [trace.conclusion for trace in traces] == [A, "42"]


def test_a_batch_is_refused_with_the_cure_and_comes_in_once_it_is_joined() -> None:
    body = {"choices": [{"message": TURNS[1], "finish_reason": "length"}]}
    row = {"custom_id": "1", "response": {"status_code": 200, "body": body}}
    with pytest.raises(CotpressError, match="join the two by custom_id"):
        imported(row)
    trace = only({"q": Q, **row}, question="q", completion="response.body")
    assert (trace.completion(), trace.finished) == (R1, False)
    named = "response.body.choices.0.message"
    assert only({"q": Q, **row}, question="q", completion=named).completion() == R1


# --- 10: marks of every family, and of none -------------------------------------------------------

FAMILIES = {
    "magistral": ("[THINK]", "[/THINK]", ""),
    "harmony": (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        "",
    ),
    "harmony with its header": (
        "<|start|>assistant<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        "",
    ),
    "harmony without special tokens": ("analysis", "assistantfinal", ""),
    "harmony in lines": ("assistantanalysis\n\n", "\n\nassistantfinal\n\n", ""),
    "seed": ("<seed:think>\n", "\n</seed:think>\n", ""),
    "kimi": ("◁think▷", "◁/think▷", ""),
    "minimax": ("<mm:think>", "</mm:think>", ""),
    "command": ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>", "<|END_RESPONSE|>"),
    "gemma": ("<|channel>thought\n", "<channel|>", ""),
    "marco": ("<Thought>\n", "\n</Thought>\n<Output>\n", "\n</Output>"),
    "upper case": ("<THINK>\n", "\n</THINK>\n", ""),
    "granite": ("Here is my thought process:\n\n", "\n\nHere is my response:\n\n", ""),
    "scratchpad": ("<scratchpad>", "</scratchpad>\n<answer>", "</answer>"),
    "opened by the prompt": ("", "\n</think>\n\n", ""),
}


@pytest.mark.parametrize(("opening", "closing", "ending"), FAMILIES.values(), ids=FAMILIES)
def test_the_marks_of_every_family_are_known(opening: str, closing: str, ending: str) -> None:
    whole = opening + T + closing + A + ending
    for row in ({"question": Q, "completion": whole}, chat(content=whole)):
        trace = only(row)
        assert (trace.opening, trace.reasoning, trace.closing) == (opening, T, closing)
        assert (trace.conclusion, trace.ending) == (A, ending)


@pytest.mark.parametrize(
    ("opening", "closing", "mark"),
    [
        ("<ponder>", "</ponder>", "<ponder>"),
        ("<ponder>\n", "\n</ponder>\n\n", "<ponder>"),
        ("[REASON]", "[/REASON]", "[REASON]"),
        ("[reflect]\n", "\n[/reflect]\n", "[reflect]"),
        ("<|ponder|>", "<|/ponder|>", "<|ponder|>"),
        ("<|begin_of_musing|>\n", "\n<|end_of_musing|>\n", "<|begin_of_musing|>"),
        ("<|musing_start|>", "<|musing_end|>", "<|musing_start|>"),
        ("◁muse▷", "◁/muse▷", "◁muse▷"),
        ("", "\n</pondering_thought>\n", "</pondering_thought>"),
    ],
)
def test_marks_that_no_family_knows_are_left_out_with_their_name(
    opening: str, closing: str, mark: str
) -> None:
    traces, dropped, _ = imported(
        {"question": Q, "completion": R1}, {"question": Q, "completion": opening + T + closing + A}
    )
    assert len(traces) == 1
    assert dropped == {
        f"marks of thinking that no family is known by ({mark}): write <think> and </think> in "
        "their place": 1
    }
    named = {"question": Q, "reasoning": opening + T + closing, "answer": "42"}
    if opening:
        assert imported(named)[1] == dropped


@pytest.mark.parametrize(
    "text",
    [
        "<div>First we multiply 6 by 7.</div>\nThe answer is 42.",
        "<table><tr><td>6 bags of 7 pears</td></tr></table> The answer is 42.",
        "[asy]draw((0,0)--(1,1)); draw(circle((0,0), 2));[/asy] The answer is 42.",
        "[b]First we multiply 6 by 7.[/b] The answer is 42.",
        "\\[ 6 \\cdot 7 = 42 \\] The answer is 42.",
        "$$6 \\cdot 7$$ is it. The answer is 42.",
        "[6, 7] are the numbers. [1] The answer is 42.",
        "```html\n<ponder>a b c d e</ponder>\n```\nThe answer is 42.",
        "<name>Tom</name> has 42 pears. The answer is 42.",
        "<items><item>a b c d</item></items> The answer is 42.",
        "<vector>.size() < 3 and the rest of it is 42. The answer is 42.",
        "x < y > z and so on. The answer is 42.",
        "<step>Multiply 6 by 7 now.</step><step>Say it is 42.</step> The answer is 42.",
        "The code </div> closes what was opened above all. The answer is 42.",
    ],
)
def test_html_latex_and_code_are_no_marks_of_thinking(text: str) -> None:
    assert unknown_mark(text) == ""
    assert only({"question": Q, "completion": text}).conclusion.endswith(("answer is 42.", "42."))


# --- 11: what stands before the opening mark ------------------------------------------------------


@pytest.mark.parametrize(
    "before", ["Sure.\n", "\n\n", "I think about it first. " * 40, "Okay!\n" * 99, "Okay! "]
)
def test_a_preamble_belongs_to_the_opening(before: str) -> None:
    trace = only({"question": Q, "completion": before + R1})
    assert (trace.opening, trace.reasoning, trace.conclusion) == (f"{before}<think>\n", T, A)


@pytest.mark.parametrize(
    ("header", "end"),
    [
        ("<|im_start|>assistant\n", "<|im_end|>"),
        ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
        ("<start_of_turn>model\n", "<end_of_turn>\n"),
        ("<|turn>model\n", "<turn|>\n"),
        ("<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"),
        ("<|begin_of_text|><|start_header_id|>assistant<|end_header_id|>\n\n", "<|end_of_text|>"),
        ("", "</s>"),
        ("", "<|endoftext|>" * 700),
        ("", "<|return|>"),
        ("<s>", "</s>\n"),
        ("", "<|im_end|>\n<|endoftext|>"),
        ("<|assistant|>\n", "<|user|>"),
        ("", "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"),
        ("<|im_start|>assistant\n", "<|im_end|>\n<|im_start|>user\n"),
    ],
)
def test_what_a_template_wrote_around_a_turn_is_taken_off_and_said(header: str, end: str) -> None:
    for row in ({"question": Q, "completion": header + R1 + end}, chat(content=header + R1 + end)):
        traces, _, notes = imported(row)
        assert traces[0].completion() == R1
        assert notes["chat markup of a template taken off"] == 1
    apart = {"question": Q, "reasoning": T, "response": A + end, "answer": "42"}
    assert only(apart).conclusion == A


def test_html_is_no_template_and_markup_in_the_middle_is_said() -> None:
    assert without_template("It was <s>7</s>") == "It was <s>7</s>"
    traces, _, notes = imported(
        {"question": Q, "completion": R1.replace("6*7", "<|im_end|>\n<|im_start|>user\n6*7")}
    )
    assert len(traces) == 1
    assert notes["chat markup of a template inside of the text"] == 1


# --- 12: a closing mark that does not close -------------------------------------------------------


@pytest.mark.parametrize(
    "inside",
    [
        "I must close with `</think>` at the end. ",
        'I must close with "</think>" at the end. ',
        "I must close with </think> at the end. ",
        "I must close (</think>) at the end. ",
        "First <think> and then </think>, they say. ",
        "They write </think>.\n",
        "As in\n```\n<think>\n6*7\n</think>\n```\n",
    ],
)
@pytest.mark.parametrize("opening", ["<think>\n", "<think>"])
@pytest.mark.parametrize("closing", ["\n</think>\n\n", "</think>\n", "</think>", "\n</think> "])
def test_a_closing_mark_that_is_mentioned_ends_nothing(
    inside: str, opening: str, closing: str
) -> None:
    trace = only({"question": Q, "completion": opening + inside + T + closing + A})
    assert (trace.reasoning, trace.conclusion) == (inside + T, A)


@pytest.mark.parametrize("again", ["</think>\n\n", "</think></think>", "\n</think>\n\n</think> "])
def test_a_mark_that_closes_twice_leaves_no_mark_in_the_conclusion(again: str) -> None:
    trace = only({"question": Q, "completion": f"<think>\n{T}\n</think>\n\n{again}{A}"})
    assert (trace.reasoning, trace.conclusion) == (T, A)


def test_a_reasoning_that_the_prompt_opened_may_show_how() -> None:
    shown = f"{'I think about it. ' * 40}As in\n```\n<think>\n6*7\n</think>\n```\n{T}"
    trace = only({"question": Q, "completion": f"{shown}\n</think>\n\n{A}"})
    assert (trace.opening, trace.reasoning, trace.conclusion) == ("", shown, A)


def test_a_conclusion_may_mention_the_marks() -> None:
    said = f"{A} So <think> begins and </think> ends it, as `</think>` does."
    trace = only({"question": Q, "completion": f"<think>\n{T}\n</think>\n\n{said}"})
    assert (trace.reasoning, trace.conclusion) == (T, said)


# --- 13: the reasoning apart and inside -----------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        R1,
        f"</think>\n\n{A}",
        f"\n</think>\n{A}",
        f"<think>\n\n</think>\n\n{A}",
        f"<think>{T}</think>{A}",
        f"<think>\n{T[:40]}\n</think>\n\n{A}",
        f"[THINK]{T}[/THINK]{A}",
        f"</reasoning>\n<answer>{A}</answer>",
        f"\n\n{A}",
    ],
)
def test_a_reasoning_that_is_said_twice_is_taken_once(content: str) -> None:
    for trace in (
        only(chat(content=content, reasoning_content=T)),
        only({"question": Q, "reasoning": T, "response": content, "answer": "42"}),
    ):
        assert (trace.reasoning, trace.conclusion) == (T, A)


def test_two_different_reasonings_are_left_out() -> None:
    other = {"content": f"<think>Something else.</think>{A}", "reasoning_content": T}
    traces, dropped, _ = imported(chat(content=R1), chat(**other))
    assert len(traces) == 1
    assert dropped == {"two different reasonings, apart and inside of the completion": 1}
