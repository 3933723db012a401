"""Questions for training by rewards: a prompt with its reference answer and the length that it asks
for, for GRPO in TRL and others, and for `cotpress train --stage grpo`.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator

from cotpress.records import NOTHING, Asked, CompressedTrace, Trace
from cotpress.training.formats import Drawing, Format, refuse_target
from cotpress.training.rewarding import Question

DOUBLE = "of a problem that stands there already"


class Grpo(Format):
    """Each problem once, at a ratio or a budget drawn for it, or at all."""

    record = Question

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[Question]:
        """The questions of the traces, right or wrong: it is the model's own answers that count."""
        seen: set[str] = set()
        for one in cuts:
            trace = one.trace
            if trace.problem.id in seen:
                dropped[DOUBLE] += 1
                continue
            seen.add(trace.problem.id)
            ratios: list[float | None] = [None]
            offered = how.ratios or [cut.ratio for cut in one.cuts if cut.asked != NOTHING]
            if how.control != "none" and offered:
                ratios = [*sorted({1.0, *offered} if not how.ratios else set(offered))]
            if how.draw == "one":
                ratios = [random.Random(f"{how.seed}|{trace.problem.id}").choice(ratios)]
            for ratio in ratios:
                yield question(trace, ratio, how)


def question(trace: Trace, ratio: float | None, how: Drawing) -> Question:
    """The problem of a trace at a ratio of its reasoning, or at the budget that this ratio is."""
    length = max(1, round((1.0 if ratio is None else ratio) * trace.n_tokens))
    control = how.control
    if control == "both":
        coin = random.Random(f"{how.seed}|control|{trace.problem.id}|{ratio}")
        control = coin.choice(("ratio", "budget"))
    asked = Asked(budget=length) if control == "budget" else Asked(ratio=ratio)
    return Question(
        problem=trace.problem,
        asked=asked,
        prompt=trace.problem.prompt(asked.ratio, budget=asked.budget),
        answer=trace.problem.answer,
        wanted=None if asked == NOTHING else length,
    )


def load(target: str = "") -> Format:
    """Rows that fit any model."""
    refuse_target("grpo", target)
    return Grpo()
