"""The table of recipes/compare.sh: accuracy and length of each scorer at each ratio, over seeds.

    python benchmarks/compare_scorers.py runs/compare

A seed is one fine-tuning of the same model on the same traces. `accuracy` is the mean over seeds
with a 95 % interval of Student's t over seeds (wide with three of them; it covers training, not the
choice of problems), `pooled` is Wilson's interval over all answers, which the seeds' common
problems make too narrow. `taught` is the share of tokens kept in the training data. Controls
(truncation, random) are the untouched model's, cut to what the method really kept.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

from cotpress import storage
from cotpress.evaluation.statistics import wilson
from cotpress.records import EvalRow

T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""Two-sided 95 % quantiles of Student's t by number of seeds."""


def interval(values: list[float]) -> str:
    middle = mean(values)
    if len(values) not in T95:
        return f"{100 * middle:.1f}"
    half = T95[len(values)] * stdev(values) / len(values) ** 0.5
    return f"{100 * middle:.1f} ± {100 * half:.1f}"


def taught(arm: Path) -> dict[float, float]:
    meta = json.loads(storage.meta_path(arm / "compressed.jsonl").read_bytes())
    return {one["ratio"]: one["kept"] for one in meta["ratios"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(
        "| arm | method | ratio | taught | seeds | n | tokens | kept "
        "| accuracy (seeds) | pooled 95 % |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for arm in sorted(
        path.parent
        for path in folder.glob("*/compressed.meta.json")
        if path.parent.name != "reference"
    ):
        kept = taught(arm)
        groups: dict[tuple[str, float | None], list[EvalRow]] = defaultdict(list)
        for path in sorted(arm.glob("eval-*.rows.jsonl")):
            for row in storage.read(path, EvalRow):
                groups[row.method, row.ratio].append(row)
        for (method, ratio), rows in groups.items():
            n = sum(row.n for row in rows)
            low, high = wilson(sum(round(row.accuracy * row.n) for row in rows), n)
            shares = [row.kept for row in rows if row.kept is not None]
            share = f"{mean(shares):.3f}" if shares else "–"
            own = f"{kept[ratio]:.3f}" if method == arm.name and ratio in kept else "–"
            print(
                f"| {arm.name} | {method} | "
                f"{'–' if ratio is None else f'{ratio:g}'} | {own} | "
                f"{len(rows)} | {n} "
                f"| {mean(row.mean_tokens for row in rows):.1f} | {share} | "
                f"{interval([row.accuracy for row in rows])} "
                f"| [{100 * low:.1f}, {100 * high:.1f}] |"
            )


if __name__ == "__main__":
    main()
