"""Preference rows for DPO: a prompt, the answer that is preferred and the one that is not, as TRL's
trainers and `cotpress train --stage dpo` read them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from cotpress.pipeline.pairs import Pair, pairs
from cotpress.records import CompressedTrace
from cotpress.training.formats import Drawing, Format, refuse_target


class Pairs(Format):
    """Pairs of graded samples; nothing is drawn."""

    record = Pair
    draws_alone = True

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[Pair]:
        """The pairs of the samples that stand behind the cuts."""
        return pairs((one.trace for one in cuts), dropped=dropped, noted=noted)


def load(target: str = "") -> Format:
    """Rows that fit any model."""
    refuse_target("pairs", target)
    return Pairs()
