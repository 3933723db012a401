"""A conclusion's likelihood after one reasoning or another, against a naive reading of one text."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from cotpress.lm.conclusions import conclusions  # noqa: E402
from cotpress.records import Problem, Trace  # noqa: E402

Make = Callable[..., Any]

TRACE = Trace(
    problem=Problem(id="1", question="How many?", answer="72", task="t"),
    model="m",
    reasoning="She sold 48/2 = 24 clips.",
    opening="<think>\n",
    closing="\n</think>\n\n",
    conclusion="The answer is 72.",
    n_tokens=1,
    n_conclusion_tokens=1,
    finished=True,
)


@torch.inference_mode()
def naive(lm: Any, pieces: list[str], said: str) -> float:
    context = lm.prompt_ids([{"role": "user", "content": "How many?"}])
    for piece in pieces:
        context = context + lm.text_ids(piece)
    tokens = lm.text_ids(said)
    logits = lm.torch_model(torch.tensor([context + tokens])).logits[0].double().log_softmax(-1)
    return sum(float(logits[len(context) + i - 1, token]) for i, token in enumerate(tokens))


def test_a_conclusion_is_read_after_question_opening_reasoning_and_closing(causal_lm: Make) -> None:
    lm = causal_lm(thinks=True)
    reasonings = [TRACE.reasoning, "48/2 = 24", ""]
    found = conclusions(lm, [(TRACE, reasoning) for reasoning in reasonings])
    for reasoning, one in zip(reasonings, found, strict=True):
        pieces = ["<think>\n", reasoning, "\n</think>\n\n"]
        assert one is not None
        assert one.log_prob == pytest.approx(naive(lm, pieces, TRACE.conclusion), abs=2e-4)
        assert one.n_tokens == len(lm.text_ids(TRACE.conclusion))


def test_a_model_that_marks_no_thinking_reads_the_trace_s_marks_and_one_that_does_its_own(
    causal_lm: Make,
) -> None:
    bare = msgspec.structs.replace(TRACE, opening="", closing="\n")
    theirs = msgspec.structs.replace(TRACE, opening="[THINK]", closing="[/THINK]")
    for thinks, one, pieces in (
        (False, TRACE, ["<think>\n", TRACE.reasoning, "\n</think>\n\n"]),
        (False, bare, [TRACE.reasoning, "\n"]),
        (True, bare, ["<think>\n", TRACE.reasoning, "\n</think>\n\n"]),
        (True, theirs, ["<think>\n", TRACE.reasoning, "\n</think>\n\n"]),
    ):
        lm = causal_lm(thinks=thinks)
        (found,) = conclusions(lm, [(one, one.reasoning)])
        assert found is not None
        assert found.log_prob == pytest.approx(naive(lm, pieces, one.conclusion), abs=2e-4)


def test_blanks_before_the_conclusion_are_read_with_it(causal_lm: Make) -> None:
    lm = causal_lm()
    (one,) = conclusions(lm, [(msgspec.structs.replace(TRACE, opening="", closing="\n "), "x")])
    assert one is not None
    assert one.log_prob == pytest.approx(naive(lm, ["x", "\n"], " The answer is 72."), abs=2e-4)


def test_no_conclusion_or_one_that_does_not_fit_cannot_be_read_and_the_others_are(
    causal_lm: Make,
) -> None:
    lm = causal_lm(positions=128)
    found = conclusions(
        lm,
        [(msgspec.structs.replace(TRACE, conclusion=" "), "x"), (TRACE, "so " * 200), (TRACE, "x")],
    )
    assert [one is None for one in found] == [True, True, False]
