"""Rarity of each word among traces, `unigram:TRACES.jsonl`: what a scorer with a model has to beat,
at no cost.

Self-information under a unigram model, `-ln((n(w) + 1) / (N + V + 1))` with the counts of a file of
traces, case ignored: Selective Context (Li et al. 2023, arXiv 2310.06201) with the simplest
language model there is. The same word is equally important everywhere, so that what is cut is
regular, and a small model learns it quickly; it ignores meaning.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.plugins import Spec
from cotpress.records import Trace
from cotpress.scorers import Importance, Scorer
from cotpress.scorers.random import PIECE


def load(target: str) -> Scorer:
    """The scorer with the counts of the traces in `target`."""
    if not target:
        raise CotpressError(
            "scorer unigram needs the traces to count words in: unigram:graded.jsonl, say."
        )
    counts = Counter(
        word for trace in storage.read(Path(target), Trace) for word, _ in words(trace.reasoning)
    )
    return Unigram(str(Spec("unigram", target)), counts, source=storage.hash_file(Path(target)))


class Unigram:
    """Importance of a word or symbol = its self-information in nats."""

    def __init__(self, name: str, counts: Mapping[str, int], *, source: str = "") -> None:
        self.name = name
        self.identity = f"{name}@{source}"
        self.counts = counts
        self._total = sum(counts.values()) + len(counts) + 1

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order."""
        for trace in traces:
            found = list(words(trace.reasoning))
            values = [-math.log((self.counts.get(word, 0) + 1) / self._total) for word, _ in found]
            yield Importance([end for _, end in found], values)


def words(text: str) -> Iterator[tuple[str, int]]:
    """Each word, number, command or run of punctuation as it is counted, with its end offset."""
    for match in PIECE.finditer(text):
        yield match[0].strip().casefold(), match.end()
