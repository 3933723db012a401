"""Scorers against the truth, on reasoning of which every token's use is known.

    python benchmarks/truth.py scorers RUN/scored/*.jsonl     average precision of "needed"
        --figure FILE.html                                    the same, drawn
    python benchmarks/truth.py cut RUN/graded.jsonl --out RUN the taught arms' cuts
    python benchmarks/truth.py arms RUN                       what the taught arms came to

Average precision is the area under the precision-recall curve of "this token is needed", tokens
ranked by importance within a trace, ties at one threshold; the mean over traces, with a 95 %
bootstrap interval over traces (2,000 draws). An uninformed scorer gets the base rate; with
importance averaged over each part of the reasoning it gets more, for short parts vary most: there
`random` is the measure. The ratio of a taught arm is only its name in the prompt; its length is
counted. recipes/truth.sh is the whole walk.
"""

import argparse
import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np

from cotpress import models, storage
from cotpress.evaluation.statistics import wilson
from cotpress.lm.capabilities import CausalLM
from cotpress.pipeline.compress import cut, within_budget
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Rules, Segments, segmented
from cotpress.records import Asked, CompressedTrace, Cut, EvalRow, ScoredTrace, Trace
from cotpress.report.plotting import COLOURS, SANS
from cotpress.scorers import score
from cotpress.scorers.random import Random
from cotpress.tasks.overthink import CHECK, NEEDED, OUTSIDE, Span, label, label_tokens

DRAWS = 2000
ARMS = {"oracle": 0.2, "chance": 0.2, "chance-of-parts": 0.2, "no-checks": 0.7}
"""Taught arm -> the ratio that its prompts name."""


def average_precision(values: Sequence[float], wanted: Sequence[bool]) -> float:
    """Area under the precision-recall curve, by steps; equal values are one threshold."""
    ranked = sorted(zip(values, wanted, strict=True), key=lambda pair: -pair[0])
    seen = found = 0
    area = 0.0
    for _, tied in groupby(ranked, key=lambda pair: pair[0]):
        right = [is_wanted for _, is_wanted in tied]
        seen, found = seen + len(right), found + sum(right)
        area += sum(right) * found / seen
    return area / found


class Measured(NamedTuple):
    """A mean over traces with its 95 % bootstrap interval."""

    name: str
    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def measured(name: str, values: Sequence[float]) -> Measured:
    """The mean of these values and its interval."""
    drawn = np.random.default_rng(0).choice(np.array(values), (DRAWS, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Measured(name, mean(values), float(low), float(high), len(values))


def scorers(files: Iterable[Path], figure: Path | None) -> None:
    """One line for each file of scores, and one for the base rate and for position."""
    base: dict[str, float] = {}
    position: dict[str, float] = {}
    lines: list[tuple[Measured, Measured | None]] = []
    for path in files:
        found, pooled = [], []
        for scored in storage.read(path, ScoredTrace):
            labels = label_tokens(scored.trace.reasoning, scored.ends)
            if OUTSIDE in labels or NEEDED not in labels:
                continue
            wanted = [one == NEEDED for one in labels]
            found.append(average_precision(scored.importance, wanted))
            pooled.append(average_precision(_over_parts(scored), wanted))
            base[scored.key] = mean(wanted)
            position[scored.key] = average_precision([-i for i in range(len(wanted))], wanted)
        lines.append((measured(path.stem, found), measured(path.stem, pooled)))
    first = measured("position: the earlier, the more important", list(position.values()))
    lines.append((first, None))
    lines.sort(key=lambda line: line[0].mean, reverse=True)
    print('| scorer | average precision of "needed" | averaged over each part | traces |')
    print("|---|---|---|---|")
    known = measured("base rate", list(base.values()))
    for line, parts in [*lines, (known, None)]:
        print(f"| {line.name} | {line} | {parts or ''} | {line.n} |")
    if figure:
        _draw([line for line, _ in lines], known.mean, figure)


def _parts(scored: ScoredTrace) -> list[int]:
    """For every token which part of the reasoning it belongs to, by number."""
    ends = [span.end for span in label(scored.trace.reasoning)]
    return [bisect_left(ends, end) for end in scored.ends]


def _over_parts(scored: ScoredTrace) -> list[float]:
    """For every token the mean importance of the part it belongs to."""
    found: list[float] = []
    for _, tokens in groupby(zip(_parts(scored), scored.importance, strict=True), itemgetter(0)):
        values = [value for _, value in tokens]
        found += [mean(values)] * len(values)
    return found


def _draw(lines: Sequence[Measured], base: float, path: Path) -> None:
    """The scorers as points with their intervals, the base rate as a line."""
    import plotly.graph_objects as go

    points = go.Scatter(
        x=[line.mean for line in lines],
        y=[line.name for line in lines],
        mode="markers",
        marker={"size": 9, "color": COLOURS[0]},
        error_x={
            "array": [line.high - line.mean for line in lines],
            "arrayminus": [line.mean - line.low for line in lines],
        },
    )
    page = go.Figure(points)
    page.add_vline(
        x=base,
        line_dash="dash",
        annotation_text=f"base rate {base:.2f}",
        annotation_position="bottom right",
    )
    page.update_xaxes(title='average precision of "needed"', range=[0, 1])
    page.update_yaxes(autorange="reversed", automargin=True)
    page.update_layout(
        template="plotly_white",
        font={"family": SANS, "size": 14},
        margin={"t": 20, "r": 20, "b": 60},
    )
    page.write_html(path, config={"displayModeBar": False})


def cuts(graded: Path, out: Path, spec: str) -> None:
    """Each right trace with what is needed alone, as many tokens by chance, and without checks."""
    model = models.load(spec)
    traces = [one for one in storage.read(graded, Trace) if one.grade and one.grade.correct]
    made: dict[str, list[CompressedTrace]] = {name: [] for name in ARMS}
    for scored in score(traces, Random(), model):
        spans = label(scored.trace.reasoning)
        if OUTSIDE in {span.label for span in spans}:
            continue
        for name in ("oracle", "no-checks"):
            left = [
                s for s in spans if (s.label == NEEDED if name == "oracle" else s.label != CHECK)
            ]
            made[name].append(_compressed(scored, name, left, model))
        n_oracle = made["oracle"][-1].cuts[0].n_tokens
        made["chance"].append(_by_chance(scored, n_oracle))
        made["chance-of-parts"].append(
            _compressed(scored, "chance-of-parts", _some_parts(scored, n_oracle), model)
        )
    for name, compressed in made.items():
        storage.write(out / name / "compressed.jsonl", compressed)
        kept = [one.cuts[0].kept for one in compressed]
        print(f"{name}: {len(compressed)} traces, {mean(kept):.3f} kept")


def _by_chance(scored: ScoredTrace, n_tokens: int) -> CompressedTrace:
    """As many tokens, numbers and operators first (the usual protection), each by chance."""
    parts = segmented(scored, Rules())
    free = [False] * len(parts.ends)
    order = keeping_order(parts)  # protected ones first, then by the random importance
    parts = Segments(parts.text, parts.ends, parts.importance, parts.n_tokens, free)
    short = cut(parts, within_budget(parts, order, 0.2, n_tokens), ARMS["chance"])
    return CompressedTrace(trace=scored.trace, method="chance", scorer="random", cuts=[short])


def _some_parts(scored: ScoredTrace, n_tokens: int) -> list[Span]:
    """Whole parts by chance, as many as fit in so many tokens."""
    spans, sizes = label(scored.trace.reasoning), Counter(_parts(scored))
    order = list(range(len(spans)))
    random.Random(scored.key).shuffle(order)
    kept: list[int] = []
    for part in order:
        if sizes[part] <= n_tokens:
            kept.append(part)
            n_tokens -= sizes[part]
    return [spans[part] for part in sorted(kept)]


def _compressed(
    scored: ScoredTrace, name: str, left: Sequence[Span], model: CausalLM
) -> CompressedTrace:
    text = scored.trace.reasoning
    short = "".join(text[span.start : span.end] for span in left).strip()
    n = len(model.token_ends([short])[0])
    made = Cut(
        asked=Asked(ratio=ARMS[name]), reasoning=short, kept=n / len(scored.ends), n_tokens=n
    )
    return CompressedTrace(trace=scored.trace, method=name, scorer="truth", cuts=[made])


def arms(folder: Path) -> None:
    """Accuracy and tokens of each taught arm, over seeds."""
    print("| taught | seeds | n each | tokens | of original | accuracy, % (seeds) | pooled 95 % "
          "| cut off, % (seeds) |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for name in ARMS:
        paths = sorted((folder / name).glob("eval-*.rows.jsonl"))
        rows = [row for path in paths for row in storage.read(path, EvalRow) if row.method == name]
        if not rows:
            continue
        n = sum(row.n for row in rows)
        low, high = wilson(sum(round(row.accuracy * row.n) for row in rows), n)
        seeds = ", ".join(f"{100 * row.accuracy:.1f}" for row in rows)
        cut_off = ", ".join(f"{100 * row.truncated:.0f}" for row in rows)
        kept = mean(row.kept for row in rows if row.kept is not None)
        print(f"| {name} | {len(rows)} | {rows[0].n} | {mean(row.mean_tokens for row in rows):.1f} "
              f"| {kept:.3f} | {seeds} | [{100 * low:.1f}, {100 * high:.1f}] "
              f"| {cut_off} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    judging = parts.add_parser("scorers")
    judging.add_argument("files", type=Path, nargs="+")
    judging.add_argument("--figure", type=Path)
    cutting = parts.add_parser("cut")
    cutting.add_argument("graded", type=Path)
    cutting.add_argument("--out", type=Path, required=True)
    cutting.add_argument("--model", default="overthink")
    parts.add_parser("arms").add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.part == "scorers":
        scorers(given.files, given.figure)
    elif given.part == "cut":
        cuts(given.graded, given.out, given.model)
    else:
        arms(given.folder)


if __name__ == "__main__":
    main()
