"""`ScoredTrace -> ScoredTrace`: units that are worded alike have the same importance, so that a cut
follows a rule which can be learnt. Pure; no model.

A model that is taught cut traces cannot know the scores: it learns which wordings are left out. A
scorer that drops a kind of step here and keeps it there teaches no such rule (docs/results.md, "Is
there a rule to learn?"). Here each unit gets the mean importance of all units, in all traces, that
begin with the same words (alike.py).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from cotpress.errors import CotpressError
from cotpress.pipeline.alike import common_words, own_words, worded
from cotpress.pipeline.segmenting import Rules, Segments, segmented
from cotpress.records import ScoredTrace

WORDS = 3
"""By how many of its first words a unit is known, where nothing else is said."""


class Averages(NamedTuple):
    """How important a wording is."""

    unit: str
    """What is averaged, as `compress` cuts it: token, number, word, sentence or step."""
    words: int
    common: frozenset[str]
    """Words of the questions that belong to the wording."""
    importance: dict[str, float]
    """First words of a unit -> the mean importance of all units that begin so."""


def averages(
    read: Callable[[], Iterable[ScoredTrace]], unit: str = "step", words: int = WORDS
) -> Averages:
    """The mean importance of each wording.

    Args:
        read: Gives the scored traces, from the first; it is called twice.
        unit: What is averaged, as `compress` cuts it.
        words: By how many of its first words a unit is known, at least 1.

    Returns:
        What `average` takes, with one mean for each wording.

    Raises:
        CotpressError: Fewer than one word, an unknown unit, scores of a released selection, or ones
            that keep a beginning of each reasoning.
    """
    if words < 1:
        raise CotpressError(f"--words {words} would make all units alike: choose 1 or more.")
    common = common_words(one.trace.problem.question for one in read())
    totals: dict[str, float] = {}
    counts: dict[str, int] = {}
    for one in read():
        parts = _parts(one, unit)
        for name, importance in zip(
            _names(one, parts, common, words), parts.importance, strict=True
        ):
            totals[name] = totals.get(name, 0.0) + importance
            counts[name] = counts.get(name, 0) + 1
    return Averages(unit, words, common, {name: totals[name] / counts[name] for name in totals})


def average(scored: Iterable[ScoredTrace], by: Averages) -> Iterator[ScoredTrace]:
    """The same traces, each token as important as the wording of its unit.

    Args:
        scored: What `score` gives.
        by: What `averages` made of the same traces; a wording that it does not know keeps its own
            importance.

    Yields:
        One `ScoredTrace` per trace, whose scorer says by what it was averaged, without the
        log-likelihoods behind the scores, which no longer explain them.

    Raises:
        CotpressError: A released selection, or scores that keep a beginning of each reasoning.
    """
    for one in scored:
        parts = _parts(one, by.unit)
        names = _names(one, parts, by.common, by.words)
        means = [
            by.importance.get(name, own) for name, own in zip(names, parts.importance, strict=True)
        ]
        starts = [0, *one.ends[:-1]]
        places = [min(bisect_right(parts.ends, start), len(means) - 1) for start in starts]
        yield msgspec.structs.replace(
            one,
            scorer=f"{one.scorer}, averaged by {by.unit}",
            importance=[means[place] for place in places],
            given=None,
            alone=None,
        )


def _parts(one: ScoredTrace, unit: str) -> Segments:
    """The units of a trace, whose scores must be ones that can be averaged."""
    if one.percentile or one.from_start:
        why = (
            "carry a released selection"
            if one.percentile
            else "keep a beginning of each reasoning, whatever stands there"
        )
        raise CotpressError(
            f"the scores of {one.scorer} {why}, so there is nothing to average: compress them as "
            "they are."
        )
    return segmented(one, Rules(unit, "none"))


def _names(one: ScoredTrace, parts: Segments, common: frozenset[str], words: int) -> list[str]:
    """What each unit begins with."""
    own = own_words(one.trace.problem.question, common)
    return [worded(text, own, words) for text in parts.texts]
