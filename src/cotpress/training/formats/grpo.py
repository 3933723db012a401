"""Questions for training by rewards: a prompt with its reference answer and the length that it asks
for, for GRPO in TRL and others, and for `cotpress train --stage grpo`.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator

from cotpress.records import NOTHING, Asked, CompressedTrace
from cotpress.training.formats import Drawing, Format, refuse_target
from cotpress.training.rewarding import Question

DOUBLE = "of a problem that stands there already"


class Grpo(Format):
    """Each problem once, at a ratio drawn for it, or at all."""

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
                yield Question(
                    problem=trace.problem,
                    asked=Asked(ratio=ratio),
                    prompt=trace.problem.prompt(ratio),
                    answer=trace.problem.answer,
                    wanted=None if ratio is None else max(1, round(ratio * trace.n_tokens)),
                )


def load(target: str = "") -> Format:
    """Rows that fit any model."""
    refuse_target("grpo", target)
    return Grpo()
