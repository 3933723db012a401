"""Scores that follow a rule which means nothing: every step has an importance that is drawn for the
words that it begins with.

    python benchmarks/drawn.py SCORED OUT [--seed 1] [--words 3]

A cut by OUT drops the same kinds of step every time, whatever SCORED says: beside a cut by what
`cotpress average` makes of real scores it shows what consistency alone is worth.
"""

import argparse
from functools import partial
from pathlib import Path
from random import Random

from cotpress import storage
from cotpress.pipeline.average import WORDS, Averages, average, averages
from cotpress.records import ScoredTrace


def drawn(by: Averages, seed: int) -> Averages:
    """The same wordings, each with an importance that depends on the seed and its words alone."""
    return by._replace(
        importance={name: Random(f"{seed} {name}").random() for name in by.importance}
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scored", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--words", type=int, default=WORDS)
    asked = parser.parse_args()
    read = partial(storage.read, asked.scored, ScoredTrace)
    rule = drawn(averages(read, words=asked.words), asked.seed)
    storage.write(asked.out, average(read(), rule))


if __name__ == "__main__":
    main()
