"""What a trained scorer learns from: a value from 0 to 1 for every piece of a reasoning.

Three sources, one kind of lesson. A file of `score`: the rank of each token's importance within its
trace, ties at their mean, so that every ratio is learnt and not one threshold; of a scorer whose
cuts are beginnings (`earliest`) whether it is above 0, for its ranks are only positions. A file of
`verify` or of `compress --keep-answer`: the share of the cuts that kept the answer in which each
character was kept. A cut holds its text and not where it came from, so it is laid over the
reasoning again: as few runs as a search from left to right finds, always all of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np

from cotpress.errors import CotpressError
from cotpress.records import CompressedTrace, Cut, ScoredTrace, Trace
from cotpress.training.scorer_options import Labels

FLAT = "telling no token from another"
NO_CUT = "without a cut that kept the answer"
PROBE = 32
"""Characters by which the place of a kept run is looked for at first."""


class Lesson(NamedTuple):
    """One trace to learn from."""

    trace: Trace
    ends: list[int]
    """Where each piece ends in characters of the reasoning, never falling."""
    values: list[float]
    """From 0 to 1; higher is kept longer."""
    teacher: str
    labels: Labels
    from_start: bool = False

    @property
    def problem(self) -> str:
        """The id of its problem."""
        return self.trace.problem.id


def from_scores(
    scored: Iterable[ScoredTrace], dropped: Counter[str] | None = None
) -> Iterator[Lesson]:
    """The importance that a scorer found.

    Args:
        scored: What `score` gives.
        dropped: Gets the number of traces left out, all of whose tokens are equally important.

    Yields:
        One lesson per trace, with a value from 0 to 1 for each token: the rank of its importance
        in the trace, ties at their mean; for scorers whose cuts are beginnings 1 where the
        importance is above 0, else 0.
    """
    dropped = Counter() if dropped is None else dropped
    for one in scored:
        values = (
            [float(value > 0) for value in one.importance]
            if one.from_start
            else ranks(one.importance)
        )
        if len(set(values)) < 2:
            dropped[FLAT] += 1
            continue
        yield Lesson(
            one.trace,
            one.ends,
            values,
            one.scorer,
            "above 0" if one.from_start else "importance",
            one.from_start,
        )


def from_cuts(
    compressed: Iterable[CompressedTrace], most_loss: float, dropped: Counter[str] | None = None
) -> Iterator[Lesson]:
    """What the cuts kept that kept the answer; `CotpressError` where no cut was ever verified.

    Args:
        compressed: What `verify` gives, or `compress --keep-answer` wrote.
        most_loss: A cut whose conclusion lost more than this, in nats, is not learnt from.
        dropped: Gets the number of traces left out, by reason: without such a cut, or without a
            difference between tokens.

    Yields:
        One lesson per trace, with a value from 0 to 1 for each run of characters: the share of
        those cuts that kept it.

    Raises:
        CotpressError: None of the traces has a verified cut; raised at the end.
    """
    dropped = Counter() if dropped is None else dropped
    seen = verified = 0
    for one in compressed:
        seen += 1
        verified += one.keep_answer is not None or any(cut.verified for cut in one.cuts)
        text = one.trace.reasoning
        counts = np.zeros(len(text))
        kept = [cut for cut in one.cuts if _kept_answer(one, cut, most_loss)]
        for cut in kept:
            if (runs := laid_over(text, cut.reasoning)) is None:
                continue  # replaced by latent tokens, say
            for start, end in runs:
                counts[start:end] += 1
        if not kept or counts.min(initial=np.inf) == counts.max(initial=-np.inf):
            dropped[FLAT if kept else NO_CUT] += 1
            continue
        runs_of = [(value, len(list(same))) for value, same in groupby(counts.tolist())]
        ends = list(accumulate(length for _, length in runs_of))
        values = [value / len(kept) for value, _ in runs_of]
        yield Lesson(one.trace, ends, values, one.scorer, "kept")
    if seen and not verified:
        raise CotpressError(
            "no cut of this file was verified, so that none is known to have kept its answer: run "
            "`cotpress verify` first, or give the scored file."
        )


def _kept_answer(one: CompressedTrace, cut: Cut, most_loss: float) -> bool:
    if len(cut.reasoning) >= len(one.trace.reasoning):
        return False  # which says nothing
    if one.keep_answer is not None:
        return True
    return cut.verified is not None and cut.verified.loss <= most_loss


def of_one_teacher(lessons: Iterable[Lesson]) -> Iterator[Lesson]:
    """Pass lessons on; `CotpressError` where two scorers stand in one file."""
    first: Lesson | None = None
    for lesson in lessons:
        first = first or lesson
        if lesson.teacher != first.teacher:
            raise CotpressError(
                f"the file holds the importance of two scorers, {first.teacher} and "
                f"{lesson.teacher}, whose ranks cannot be learnt together: give one file each."
            )
        yield lesson


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value from 0 (lowest) to 1 (highest), equal ones at their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    mean = (before + (counts - 1) / 2) / max(1, len(values) - 1)
    return [float(value) for value in mean[place]]


def laid_over(text: str, shortened: str) -> list[tuple[int, int]] | None:
    """Runs of `text` that join to `shortened`, in order; None where it is not a subsequence.

    From left to right: a run goes on while it can, and the next begins where the most of what
    follows is found.
    """
    latest = _latest(text, shortened)
    if latest is None:
        return None
    runs: list[tuple[int, int]] = []
    at = done = 0
    while done < len(shortened):
        start = _next(text, shortened, at, done, latest[done])
        end = start
        while done < len(shortened) and end < len(text) and text[end] == shortened[done]:
            end, done = end + 1, done + 1
        runs.append((start, end))
        at = end
    return runs


def _latest(text: str, shortened: str) -> list[int] | None:
    """For each character the last place at which it may stand, if all behind it is to find one."""
    places, at = [], len(text)
    for character in reversed(shortened):
        at = text.rfind(character, 0, at)
        if at < 0:
            return None
        places.append(at)
    return places[::-1]


def _next(text: str, shortened: str, at: int, done: int, latest: int) -> int:
    """Where the next run begins: the first place from `at` on for as much as can be found."""
    length = min(PROBE, len(shortened) - done)
    while length > 1:
        found = text.find(shortened[done : done + length], at)
        if 0 <= found <= latest:
            return found
        length //= 2
    return text.find(shortened[done], at)
