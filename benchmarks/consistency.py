"""Whether what a scorer cuts can be told from the wording: is there a rule that a model could learn?

    python benchmarks/consistency.py runs/choose/scored/*.jsonl [--unit step] [--ratio 0.5]

Every step (or other unit) of every trace is kept or dropped. It is guessed from the steps of other
traces that have the same wording: numbers count as alike, and so do words of the question that few
questions have. Printed is the share of the uncertainty (entropy in bits of kept or dropped) that
the wording takes away: at 0 a reader cannot tell what was cut, at 1 the words say it. Then the same
for the wording and the fifth of the trace that the step begins in. Intervals: 95 %, bootstrap over
traces (2,000 draws).
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cotpress import storage
from cotpress.pipeline.compress import keeping_order, prepared, selected
from cotpress.pipeline.segmenting import chosen_rules, segmented
from cotpress.records import ScoredTrace

DRAWS = 2000
PARTS = 5
"""Places in a trace that count as different."""
NUMBER = re.compile(r"\d+(?:\.\d+)?")
WORD = re.compile(r"[^\W\d_]+")
COMMON = 0.3
"""A word that stands in so large a share of the questions belongs to the wording."""


class Step(NamedTuple):
    """One unit of one trace."""

    trace: int
    wording: str
    place: int
    kept: bool


def common_words(questions: Sequence[str]) -> set[str]:
    """The words that stand in many of the questions."""
    counts = Counter(word for question in questions for word in set(WORD.findall(question)))
    return {word for word, n in counts.items() if n >= COMMON * len(questions)}


def wording(text: str, own: set[str]) -> str:
    """A step with its numbers and its question's own words alike."""
    alike = NUMBER.sub("#", text.strip())
    return WORD.sub(lambda word: "_" if word[0] in own else word[0], alike)


def steps(scored: Sequence[ScoredTrace], unit: str, ratio: float) -> list[Step]:
    """All units of all traces, cut at one ratio."""
    questions = [one.trace.problem.question for one in scored]
    common = common_words(questions)
    found = []
    for i, one in enumerate(scored):
        own = set(WORD.findall(questions[i])) - common
        parts = prepared(segmented(one, chosen_rules(one, unit, None, "")), "trace", None)
        kept = set(selected(parts, None if parts.percentile else keeping_order(parts), ratio))
        n = len(parts.texts)
        for place, text in enumerate(parts.texts):
            found.append(Step(i, wording(text, own), place * PARTS // n, place in kept))
    return found


def bits(shares: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """How surprising it is that a step was kept or dropped, where these shares were expected."""
    return -np.log2(np.where(kept, shares, 1 - shares))


def guessed(found: Sequence[Step], kinds: Iterable[Hashable]) -> np.ndarray:
    """The share kept among steps of the same kind in other traces, smoothed by the share among
    all with the weight of one step.
    """
    whole: defaultdict[Hashable, np.ndarray] = defaultdict(lambda: np.zeros(2))
    own: defaultdict[tuple[Hashable, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
    kinds = list(kinds)
    for step, kind in zip(found, kinds, strict=True):
        whole[kind] += (step.kept, 1)
        own[kind, step.trace] += (step.kept, 1)
    usual = np.mean([step.kept for step in found])
    others = np.array(
        [whole[kind] - own[kind, step.trace] for step, kind in zip(found, kinds, strict=True)]
    )
    return (others[:, 0] + usual) / (others[:, 1] + 1)


def told(found: Sequence[Step], kinds: Iterable[Hashable]) -> str:
    """`0.81 [0.80, 0.82]`: the share of the uncertainty that the kind of a step takes away."""
    kept = np.array([step.kept for step in found])
    traces = np.array([step.trace for step in found])
    n = traces.max() + 1
    before = np.bincount(traces, bits(np.full(len(kept), kept.mean()), kept), n)
    after = np.bincount(traces, bits(guessed(found, kinds), kept), n)
    drawn = np.random.default_rng(0).integers(n, size=(DRAWS, n))
    values = 1 - after[drawn].sum(1) / before[drawn].sum(1)
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{1 - after.sum() / before.sum():.2f} [{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scored", type=Path, nargs="+", help="what `cotpress score` wrote")
    parser.add_argument("--unit", default="step")
    parser.add_argument("--ratio", type=float, default=0.5)
    parser.add_argument("--limit", type=int, help="how many traces, from the first on")
    asked = parser.parse_args()
    print("| scorer | traces | units | kept | told by the wording | and the place |")
    print("|---|---|---|---|---|---|")
    for path in asked.scored:
        scored = list(islice(storage.read(path, ScoredTrace), asked.limit))
        found = steps(scored, asked.unit, asked.ratio)
        kept = np.mean([step.kept for step in found])
        cells = [
            f"`{path.stem}`",
            f"{len(scored):,}",
            f"{len(found):,}",
            f"{kept:.2f}",
            told(found, (step.wording for step in found)),
            told(found, ((step.wording, step.place) for step in found)),
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
