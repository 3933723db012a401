"""Token ids, mask and labels in the tokens of the model to be taught, for any trainer."""

from collections import Counter
from collections.abc import Iterable, Iterator

from cotpress.errors import CotpressError
from cotpress.pipeline.build import PretokenizedRow, Tokenizing, pretokenized_rows
from cotpress.records import CompressedTrace
from cotpress.training.formats import Drawing, Format, examples, wanted


class Pretokenized(Format):
    """The ids and labels that `cotpress train` trains on."""

    record = PretokenizedRow

    def __init__(self, target: str) -> None:
        model = wanted("pretokenized", target, "whose token ids are written")
        if not isinstance(model, Tokenizing):
            raise CotpressError(f"model {target} has no tokenizer here: name a local folder or hub id, such as hf:{target}.")
        self.model = model
        self.tokenizing: Tokenizing = model

    def rows(
        self, cuts: Iterable[CompressedTrace], how: Drawing, dropped: Counter[str], noted: Counter[str]
    ) -> Iterator[PretokenizedRow]:
        """One row per example."""
        return pretokenized_rows(examples(cuts, how, dropped, noted), self.tokenizing, dropped)


def load(target: str = "") -> Format:
    """Rows for the model to be taught."""
    return Pretokenized(target)
