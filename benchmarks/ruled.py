"""Scores that follow a rule: every step has the importance of the words that it begins with.

    python benchmarks/ruled.py SCORED OUT [--random SEED] [--words 3]

That is the mean importance of all steps that begin alike (numbers count as alike, and so do words
of a question that few questions have), or with --random a number drawn for these words, whatever
SCORED says. A cut by OUT drops the same kinds of step every time: beside a cut by SCORED it shows
what that alone is worth.
"""

import argparse
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import mean

import msgspec

from cotpress import storage
from cotpress.pipeline.segmenting import Segments, chosen_rules, segmented
from cotpress.records import ScoredTrace
from cotpress.report.wording import own_words, worded


def beginnings(scored: Sequence[ScoredTrace], parts: Sequence[Segments], n: int) -> list[list[str]]:
    """For each trace the first `n` words of each of its steps, its question's own words alike."""
    return [
        [" ".join(worded(text, own).split()[:n]) for text in of.texts]
        for own, of in zip(own_words(scored), parts, strict=True)
    ]


def ruled(scored: Sequence[ScoredTrace], words: int, seed: int | None) -> Iterator[ScoredTrace]:
    """The traces with the importance of each token's step replaced."""
    parts = [segmented(one, chosen_rules(one, "step", None, "")) for one in scored]
    kinds = beginnings(scored, parts, words)
    values: defaultdict[str, list[float]] = defaultdict(list)
    for of, names in zip(parts, kinds, strict=True):
        for importance, name in zip(of.importance, names, strict=True):
            values[name].append(importance)
    rule = {
        name: mean(found) if seed is None else Random(f"{seed} {name}").random()
        for name, found in values.items()
    }
    for one, of, names in zip(scored, parts, kinds, strict=True):
        starts = [0, *one.ends[:-1]]
        places = [min(bisect_right(of.ends, start), len(names) - 1) for start in starts]
        yield msgspec.structs.replace(one, importance=[rule[names[place]] for place in places])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scored", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--random", type=int, help="draw the importance of each beginning by a seed"
    )
    parser.add_argument("--words", type=int, default=3)
    asked = parser.parse_args()
    scored = list(storage.read(asked.scored, ScoredTrace))
    storage.write(asked.out, ruled(scored, asked.words, asked.random))


if __name__ == "__main__":
    main()
