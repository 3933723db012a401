"""What a method must beat: prompts that ask for brevity, thinking that is skipped or ended from
outside, and controls that shorten the original reasoning blindly.

The prompts are those of TokenSkip (specification section 7.1; after Lee et al. 2025), and Chain of
Draft's (Xu et al. 2025, arXiv 2502.18600). Where TokenSkip's paper places its sentences is unknown
(A11): all are appended to the instruction, before the question, and the trace's problem records
them.
"""

from collections.abc import Iterator

import msgspec

from cotpress.evaluation.asking import Asking, Baseline
from cotpress.evaluation.blind import cut_blindly
from cotpress.evaluation.skipping import budget_forced, natively_budgeted, no_think
from cotpress.methods import LC_PROMPT, METHODS
from cotpress.pipeline import generate as stage
from cotpress.records import Problem, Trace


def asked(problem: Problem, name: str, ratio: float | None) -> Problem:
    """The problem with the sentence of a prompt baseline after its
    instruction; the percentage comes from the ratio.
    """
    sentence = METHODS[name].words.format(percent=round(100 * (1 - (ratio or 1.0))))
    return msgspec.structs.replace(problem, instruction=f"{problem.instruction} {sentence}".strip())


def prompted(asking: Asking) -> Iterator[Trace]:
    """The untouched model's answers to the problems with the sentence of a prompt."""
    told = (
        stage.unanswered(
            asked(problem, asking.name, asking.asked.ratio), asking.model, sample=sample
        )
        for problem, sample in asking.todo
    )
    return stage.answer(
        told, asking.model, asking.sampling, marker=asking.marker, failed=asking.failed
    )


BASELINES = {
    "be-concise": Baseline(prompted, "once"),
    "only-numbers": Baseline(prompted, "once"),
    "abbre-words": Baseline(prompted, "once"),
    "chain-of-draft": Baseline(prompted, "once"),
    LC_PROMPT: Baseline(prompted, "ratio below 1"),
    "no-think": Baseline(no_think, "once", cuts=True),
    "truncation": Baseline(cut_blindly, "ratio reached", cuts=True),
    "random": Baseline(cut_blindly, "ratio reached", cuts=True),
    "budget-forcing": Baseline(budget_forced, "budget", cuts=True),
    "native-budget": Baseline(natively_budgeted, "budget"),
}
"""What each is stands in `cotpress.methods`; how it answers stands here."""

CONTROLS = tuple(
    name for name, baseline in BASELINES.items() if baseline.each in ("ratio reached", "budget")
)
"""Those that shorten to what the method reached, whatever it was asked for."""
