"""What a cut keeps and what it damages, on real solutions: mean kept ratio and share of protected
tokens by unit and protection, and counts of damaged cuts.

    cotpress import SOLUTIONS.jsonl --out traces.jsonl
    python benchmarks/kept_ratio.py traces.jsonl [--target smollm2] [--limit N] [--units …] [--alone]

Of sentences and steps a trace's budget holds what those before it left; `--alone`: it does not.
Importance is drawn at random, once for each trace. A cut is damaged where braces, brackets, math
delimiters or fences are not balanced although they were; where it holds a number that the original
does not; where it divides a grapheme cluster; where it glues two lines.
"""

import argparse
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from statistics import mean
from typing import get_args

import regex

from cotpress import models, storage
from cotpress.pipeline.budgets import Left
from cotpress.pipeline.compress import selected
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Protect, Rules, is_long, segmented
from cotpress.records import ScoredTrace, Trace

RATIOS = [0.9, 0.7, 0.5, 0.3]
UNITS = ["token", "number", "word", "sentence", "step"]
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
MARK = re.compile(
    r"```|\\(?:begin|end)\{\w+\*?\}|\\(?:left|right)(?![a-z])\s*(?:\\.|[^\\])|\\.|\$\$|[$(){}\[\]]",
    re.DOTALL,
)
CLOSES = {"\\(": "\\)", "\\[": "\\]", "\\{": "\\}", "{": "}", "(": ")", "[": ")"}


FORMULA = re.compile(
    r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}|\\\[.*?\\\]|\$\$.*?\$\$|\[asy\].*?\[/asy\]", re.DOTALL
)
"""What may stand in one line or in several."""
PRICED = re.compile(r"(?<!\\)\$(?=\s?\.?\d)")


def is_balanced(text: str, *, priced: bool = False) -> bool:
    """Whether all that opens closes, in order; an interval such as `[0, 1)` does. `priced`: a
    dollar sign before a digit is none that opens.
    """
    awaited: list[str] = []
    for said in MARK.findall(PRICED.sub("", text) if priced else text):
        said = "\\right" if said.startswith("\\right") else ")" if said == "]" else said
        if said == "$$" and awaited[-1:] == ["$"]:  # `$a$$b$`, as TeX reads it
            continue
        if awaited and said == awaited[-1]:
            awaited.pop()
        elif said.startswith(("\\begin", "\\left")):
            awaited.append("\\right" if "left" in said else said.replace("begin", "end"))
        elif said in ("$", "$$", "```") or said in CLOSES:
            awaited.append(CLOSES.get(said, said))
        elif said in ("\\right", *CLOSES.values()) or said.startswith("\\end"):
            return False
    return not awaited


def damages(text: str, kept: Sequence[int]) -> Iterator[str]:
    """What is wrong with the cut that keeps these characters."""
    short = "".join(text[i] for i in kept)
    priced = "\\" not in text  # no formula
    if is_balanced(text, priced=priced) and not is_balanced(short, priced=priced):
        yield "unbalanced"
    if not set(NUMBER.findall(short)) <= set(NUMBER.findall(text)):
        yield "new number"
    here = set(kept)
    if not text.isascii() and any(
        0 < sum(i in here for i in range(*match.span())) < len(match[0])
        for match in regex.finditer(r"\X", text)
    ):
        yield "divided character"
    plain = FORMULA.sub(lambda match: "x" * len(match[0]), text)
    if any("\n" in plain[a + 1 : b] and (plain[a] + plain[b]).split() == [plain[a] + plain[b]]
           for a, b in pairwise(kept)):  # fmt: skip
        yield "glued lines"


def scored(path: Path, target: str, limit: int | None) -> list[ScoredTrace]:
    """The traces with importance at random."""
    model = models.load(target)
    traces = list(storage.read(path, Trace))[:limit]
    ends = model.token_ends([trace.reasoning for trace in traces])
    return [
        ScoredTrace(
            trace=trace,
            scorer="random",
            ends=own,
            importance=[random.Random(f"{n}|{i}").random() for i in own],
        )
        for n, (trace, own) in enumerate(zip(traces, ends, strict=True))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", type=Path)
    parser.add_argument("--target", default="smollm2")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--units", nargs="+", default=UNITS)
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    traces = scored(given.traces, given.target, given.limit)
    print(f"{given.traces.name}, n = {len(traces)}, tokens of {given.target}\n")
    print(f"| unit | protect | protected | {' | '.join(map(str, RATIOS))} | damaged cuts |")
    print("|---|---|---|" + "---|" * len(RATIOS) + "---|")
    for unit, protect in product(given.units, get_args(Protect)):
        kept: dict[float, list[float]] = {ratio: [] for ratio in RATIOS}
        share, wrong = [], Counter[str]()
        left = None if given.alone or not is_long(Rules(unit, protect)) else Left(RATIOS)
        for one in traces:
            parts = segmented(one, Rules(unit, protect))
            order, total = keeping_order(parts), sum(parts.n_tokens)
            starts = [0, *parts.ends]
            named = {
                own for own, is_held in zip(parts.group, parts.protected, strict=True) if is_held
            }
            late = zip(parts.group, parts.n_tokens, strict=True)
            share.append(sum(n for own, n in late if own in named) / total)
            rooms = left.rooms(total) if left else {}
            for ratio in RATIOS:
                chosen = selected(parts, order, ratio, rooms.get(ratio))
                kept[ratio].append(sum(parts.n_tokens[i] for i in chosen) / total)
                if left:
                    left.spend(ratio, kept[ratio][-1])
                at = [c for i in chosen for c in range(starts[i], starts[i + 1])]
                wrong.update(damages(parts.text, at))
        means = " | ".join(f"{mean(values):.3f}" for values in kept.values())
        found = ", ".join(f"{n} {what}" for what, n in wrong.items()) or "0"
        print(f"| {unit} | {protect} | {mean(share):.2f} | {means} | {found} |", flush=True)


if __name__ == "__main__":
    main()
