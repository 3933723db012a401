"""TokenSkip's released prompts and LLaMA-Factory rows, byte for byte, for who wants parity with the
release.

From the specification of the method, sections 2.2 (prompts), 2.4 (filter) and 2.6 (rows): alpaca
rows, ONE ratio per example drawn in file order by one generator with seed 42, then all rows
shuffled by it. Choices where the release disagrees with itself or says nothing (section 13):

- A1: the answer is the single prediction of the grader, also for MATH (where the released code
  stops with a TypeError); the reference answer for an ungraded trace.
- A2: the rows have no system prompt. The prompts for Qwen set `You are a helpful assistant.`; the
  trainer must be given the same (LLaMA-Factory's `default_system`), because its newer `qwen`
  template carries another one.
- A3: the release has a newline before LLaMA's delimiter in evaluation and none in training;
  `released_input` makes both here, with the newline, for `llama3`.
- A8: originals repeat the whole output, so the answer comes twice in them, as released. Compressed
  rows hold what the trace calls reasoning: for full parity on Qwen, whose whole output was
  compressed, import the outputs unsplit.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from cotpress.errors import CotpressError
from cotpress.lm import control
from cotpress.pipeline.build import by_ratio, distinct
from cotpress.records import CompressedTrace, Cut, Record, Trace
from cotpress.training.formats import Drawing, Format, refuse_target

Family = Literal["qwen", "llama3"]

INSTRUCTION = r"Please reason step by step, and put your final answer within \boxed{}."
RATIOS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""What index 0 to 5 of the draw stand for."""
LONGEST = 500
"""Longer reasoning, in tokens of the target model, is left out."""

DELIMITER = "<|eot_id|>"
"""For every family (A4); LLaMA's end-of-turn token, ordinary text for Qwen."""


class AlpacaRow(Record, frozen=True, kw_only=True):
    """One row of the release's training file; LLaMA-Factory
    joins instruction and input with a newline.
    """

    instruction: str
    input: str
    output: str


class Released(Format):
    """The release's rows, drawn and shuffled as it does."""

    record = AlpacaRow
    draws_alone = True

    def __init__(self, family: Family) -> None:
        self.family: Family = family

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[AlpacaRow]:
        """One row per trace."""
        return released_rows(cuts, self.family, seed=how.seed, dropped=dropped)


def load(target: str = "", *, family: Family = "qwen") -> Format:
    """Rows for any model; `family`: whose delimiters are written."""
    refuse_target("released", target)
    return Released(family)


def released_prompt(question: str, ratio: float, family: Family) -> str:
    """The finished prompt of the release's evaluation, chat markup included (section 2.2)."""
    user = f"{INSTRUCTION}\n{released_input(question, ratio, family)}"
    if family == "qwen":
        return (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
        )
    return (
        f"<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{user}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def released_input(question: str, ratio: float, family: Family) -> str:
    """Question and ratio, after the instruction; at 1.0 there is no delimiter."""
    asked = question + ("\n" if family == "llama3" else "")
    return asked if ratio == 1.0 else f"{asked}{DELIMITER}{float(ratio)}{DELIMITER}"


def released_rows(
    compressed: Iterable[CompressedTrace],
    family: Family = "qwen",
    *,
    seed: int = 42,
    dropped: Counter[str] | None = None,
) -> Iterator[AlpacaRow]:
    """The release's training rows from traces compressed at
    0.9, 0.8, 0.7, 0.6 and 0.5, in its order.
    """
    # draws and shuffles as the module's own functions do after random.seed(seed)
    chance = random.Random(seed)
    rows = []
    for one in distinct(compressed):
        if reason := _unfit(one.trace):
            if dropped is not None:
                dropped[reason] += 1
            continue
        for cuts in by_ratio(one):
            ratio = RATIOS[chance.choice([0, 1, 2, 3, 4, 5])]
            rows.append(_row(one.trace, cuts, ratio, family))
    chance.shuffle(rows)
    yield from rows


def _unfit(trace: Trace) -> str:
    """Section 2.4; also where a control token is spelled out."""
    if trace.grade is not None and trace.grade.fault:
        return trace.grade.fault
    if control.spelled([trace.problem.question, trace.completion()]):
        return control.SPELLED
    return f"reasoning longer than {LONGEST} tokens" if trace.n_tokens > LONGEST else ""


def _row(trace: Trace, cuts: dict[float, Cut], ratio: float, family: Family) -> AlpacaRow:
    missing = [f"{ratio:g}" for ratio in RATIOS[1:] if ratio not in cuts]
    if missing:
        raise CotpressError(
            f"trace {trace.key} was not compressed at {', '.join(missing)}: "
            "the released rows need compress --ratios 0.9 0.8 0.7 0.6 0.5."
        )
    cot = trace.completion() if ratio == 1.0 else cuts[ratio].reasoning
    answer = (
        trace.problem.answer
        if trace.grade is None or trace.grade.answer is None
        else trace.grade.answer
    )
    return AlpacaRow(
        instruction=INSTRUCTION,
        input=released_input(trace.problem.question, ratio, family),
        output=f"{cot}\n\nThe final answer is: $\\boxed{{{answer}}}$",
    )
