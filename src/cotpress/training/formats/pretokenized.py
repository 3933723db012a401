"""Token ids, mask and labels in the tokens of the model to be taught, for any trainer."""

from collections import Counter
from collections.abc import Iterable, Iterator

from cotpress.lm.capabilities import Tokenizing
from cotpress.pipeline.build import PretokenizedRow, pretokenized_rows
from cotpress.records import CompressedTrace
from cotpress.training.formats import Drawing, Format, examples, wanted


class Pretokenized(Format):
    """The ids and labels that `cotpress train` trains on."""

    record = PretokenizedRow

    def __init__(self, target: str) -> None:
        self.model, self.tokenizing = wanted("pretokenized", target, Tokenizing)

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[PretokenizedRow]:
        """One row per example."""
        return pretokenized_rows(examples(cuts, how, dropped, noted), self.tokenizing, dropped)


def load(target: str = "") -> Format:
    """Rows for the model to be taught."""
    return Pretokenized(target)
