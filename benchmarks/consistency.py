"""What the wording tells of a scorer's cuts (cotpress/report/wording.py), with intervals and for any
unit and ratio.

    python benchmarks/consistency.py runs/choose/scored/*.jsonl [--unit step] [--ratio 0.5]

Then the same for the wording together with the fifth of the trace that the unit begins in.
Intervals: 95 %, bootstrap over traces (2,000 draws).
"""

import argparse
from collections.abc import Hashable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from cotpress import storage
from cotpress.pipeline.segmenting import chosen_rules
from cotpress.records import ScoredTrace
from cotpress.report.wording import Unit, bits, guessed, units

DRAWS = 2000
PARTS = 5
"""Places in a trace that count as different."""


def told(found: Sequence[Unit], kinds: Sequence[Hashable]) -> str:
    """`0.81 [0.80, 0.82]`: the share of the uncertainty that the kind of a unit takes away."""
    usual = np.mean([unit.kept for unit in found])
    traces = np.array([unit.trace for unit in found])
    before = np.bincount(traces, [bits(usual, kept=unit.kept) for unit in found])
    guesses = zip(guessed(found, kinds), found, strict=True)
    after = np.bincount(traces, [bits(guess, kept=unit.kept) for guess, unit in guesses])
    drawn = np.random.default_rng(0).integers(len(before), size=(DRAWS, len(before)))
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
        [found] = units(scored, chosen_rules(scored[0], asked.unit, None, ""), [asked.ratio])
        placed = [(unit.wording, int(unit.place * PARTS)) for unit in found]
        cells = [
            f"`{scored[0].scorer}`",
            f"{len(scored):,}",
            f"{len(found):,}",
            f"{np.mean([unit.kept for unit in found]):.2f}",
            told(found, [unit.wording for unit in found]),
            told(found, placed),
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
