"""Two scorers on the same traces: how far their cuts agree at equal ratio, and what each keeps.
Nothing here is HTML.

Kept sets are compared by characters, blanks aside, so that scorers may differ in their segments.
`by chance` is the overlap of two independent cuts of these sizes. Kinds are told apart by what
`--protect symbols` protects.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from cotpress.pipeline.compress import selected
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import segmented, usual_rules
from cotpress.records import ScoredTrace
from cotpress.segments import SYMBOLS

RATIOS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
TRACES = 500
"""Traces that are compared at most."""
KINDS = ("numbers", "operators", "words", "other")


@dataclass(frozen=True)
class Agreement:
    """Two scorers at one ratio."""

    ratio: float
    kept: tuple[float, float]
    """Share of characters that each keeps."""
    both: float
    """Share of the first one's characters that the second keeps too."""
    of_kind: dict[str, tuple[float, float]]
    """Share of the characters of each kind that each keeps."""


@dataclass(frozen=True)
class Comparison:
    """Two scorers on the traces that both scored."""

    scorers: tuple[str, str]
    n: int
    rows: list[Agreement]


def compare(one: Iterable[ScoredTrace], other: Iterable[ScoredTrace]) -> Comparison | None:
    """Compare on the first traces of `one` that `other` holds too; None where there is none."""
    first = {scored.key: scored for scored in islice(one, TRACES)}
    pairs = [(first[scored.key], scored) for scored in other if scored.key in first]
    if not pairs:
        return None
    return Comparison(
        (pairs[0][0].scorer, pairs[0][1].scorer),
        len(pairs),
        [_agreement(pairs, ratio) for ratio in RATIOS],
    )


def _agreement(pairs: Sequence[tuple[ScoredTrace, ScoredTrace]], ratio: float) -> Agreement:
    counts: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        left = [_kept(scored, ratio) for scored in pair]
        for a, b, kind in zip(*left, kinds(pair[0].trace.reasoning), strict=True):
            if kind:
                counts.update(
                    (
                        (kind, "all"),
                        *[(kind, "first")] * a,
                        *[(kind, "second")] * b,
                        *[(kind, "both")] * (a and b),
                    )
                )

    def share(part: str, of: str, among: Sequence[str] = KINDS) -> float:
        return sum(counts[kind, part] for kind in among) / max(
            1, sum(counts[kind, of] for kind in among)
        )

    of_kind = {
        kind: (share("first", "all", [kind]), share("second", "all", [kind]))
        for kind in KINDS
        if counts[kind, "all"]
    }
    return Agreement(
        ratio, (share("first", "all"), share("second", "all")), share("both", "first"), of_kind
    )


def _kept(scored: ScoredTrace, ratio: float) -> list[bool]:
    """For each character of the reasoning, whether a cut at `ratio` keeps it."""
    parts = segmented(scored, usual_rules(scored.scorer))
    result = [False] * len(parts.text)
    for i in selected(parts, None if parts.percentile else keeping_order(parts), ratio):
        start = parts.ends[i - 1] if i else 0
        result[start : parts.ends[i]] = [True] * (parts.ends[i] - start)
    return result


def kinds(text: str) -> list[str]:
    """For each character one of `KINDS`; empty for a blank."""
    found = [
        "" if c.isspace() else "numbers" if c.isdigit() else "words" if c.isalpha() else "other"
        for c in text
    ]
    for match in SYMBOLS.finditer(text):
        for i in range(match.start(), match.end()):
            if found[i] != "numbers" and not (
                found[i] == "words" and match.end() - match.start() > 1
            ):
                found[i] = "operators"
    return found
