"""The words that announce an answer are the same for splitting, grading, importing and the controls:
whatever one of them knows, all know.
"""

from collections.abc import Callable

import pytest

from cotpress.answers import ANNOUNCED, BOX, announcements, stated
from cotpress.grading import load
from cotpress.pipeline.importing import Columns, find_columns, import_traces
from cotpress.pipeline.leads import lead
from cotpress.pipeline.split import split
from cotpress.records import Problem, Trace

REASONING = "She buys 6 bags of 7 pears each.\nThat makes 6 times 7 pears"
WORDINGS = [
    "The answer is 42.",
    "So the answer is 42.",
    "The final answer is 42.",
    "The final answer is: $\\boxed{42}$",
    "Therefore, the correct answer is 42.",
    "The answer is therefore 42.",
    "The answer to the question is 42.",
    "Thus, the answer to how many pears she has would be 42.",
    "The answer must be 42.",
    "The answer will then be 42.",
    "My answer is 42.",
    "The answer: 42",
    "Answer: 42",
    "ANSWER: 42",
    "**Answer:** 42",
    "**Answer**: 42",
    "**Final Answer**: 42",
    "**Final Answer**\n\n$\\boxed{42}$",
    "### Answer\n42",
    "#### 42",
    "Final answer: 42",
    "<answer>42</answer>",
    "答案是42。",
    "所以答案为：42",
    "答え：42",
    "La respuesta es 42.",
    "La respuesta correcta es: 42",
    "La réponse est 42.",
    "La réponse finale est : 42",
    "Die Antwort ist 42.",
    "Die Antwort lautet: 42",
    "Ответ: 42",
    "정답은 42",
]
UNSAID = [
    "To answer this is hard.",
    "I hope this answer is helpful!",
    "Let me see if the answer is right.",
    "We ask whether the answer is even.",
    "My final answer depends on the bags.",
    "##### 42",
    "They all stand and wait for an answer",
]

every_wording = pytest.mark.parametrize("said", WORDINGS)


def trace(conclusion: str) -> Trace:
    problem = Problem(id="1", question="q", answer="42", task="t")
    return Trace(
        problem=problem,
        model="m",
        reasoning=REASONING,
        conclusion=conclusion,
        n_tokens=1,
        n_conclusion_tokens=1,
        finished=True,
        closing="\n",
    )


@every_wording
def test_a_completion_is_split_where_its_answer_is_announced(said: str) -> None:
    parts = split(f"{REASONING}.\n{said}")
    assert parts.reasoning == f"{REASONING}."
    assert parts.conclusion == said


@every_wording
def test_the_grader_reads_the_answer_that_is_announced_and_no_later_number(said: str) -> None:
    later = "" if "\\boxed" in said or "<answer>" in said else "\n\nI used 2 steps"
    assert load("math")(f"{REASONING}.\n{said}{later}", "42").correct


@every_wording
def test_an_imported_completion_is_split_there_too(said: str) -> None:
    row = {"question": "q", "completion": f"{REASONING}.\n{said}", "answer": "42"}
    (one,) = import_traces([row], find_columns([row], Columns()), count=len)
    assert (one.reasoning, one.conclusion) == (f"{REASONING}.", said)


@every_wording
def test_a_control_is_given_the_words_but_not_the_answer(said: str) -> None:
    begun = lead(trace(said)).stem
    assert "42" not in begun
    assert said.startswith(begun)
    assert ANNOUNCED.search(begun + " 42")


@pytest.mark.parametrize("said", UNSAID)
def test_an_answer_that_is_only_spoken_of_is_not_announced(said: str) -> None:
    assert not ANNOUNCED.search(said)


def test_an_answer_that_nobody_stated_is_stated_in_words_that_all_know() -> None:
    assert ANNOUNCED.search(stated("42"))
    assert BOX.search(stated("42"))
    assert load("math")(stated("42"), "42").correct


@pytest.mark.parametrize(
    "said", [*WORDINGS, *UNSAID, "The an\u017fwer is 42.", "LA RÉPONSE EST 42"]
)
@pytest.mark.parametrize("spelt", [str, str.upper, str.lower, str.title])
def test_the_quick_look_passes_over_no_announcement(said: str, spelt: Callable[[str], str]) -> None:
    text = f"{REASONING}. {spelt(said)}\n{spelt(said)}"
    for begin in (0, len(REASONING)):
        wanted = [one.span() for one in ANNOUNCED.finditer(text, begin)]
        assert [one.span() for one in announcements(text, begin)] == wanted
