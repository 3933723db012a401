"""`compress` from stored scores, JSON in and out, one ratio, one core: traces a second.

    python benchmarks/row_compress.py [--data DATA] [--traces 1000]

Made-up traces of 150 segments, and with --data GSM8K's worked solutions with SmolLM2's tokens.
Importance is random: its values change no work. The same with the stage alone, without JSON, and
with the released rule of LLMLingua-2.
"""

import argparse
import random
from collections.abc import Iterator, Sequence

import msgspec
from compress_speed import cut, made_up, with_json
from measured import Row, Skipped, in_turns, per_second, run, worked

from cotpress import models
from cotpress.records import Problem, ScoredTrace, Trace


def gsm8k(asked: argparse.Namespace) -> list[ScoredTrace]:
    """Worked solutions with random importance."""
    texts = worked(asked, "GSM8K")[: asked.traces]
    chance, target = random.Random(0), models.load("smollm2")
    made = []
    for text, ends in zip(texts, target.token_ends(texts), strict=True):
        problem = Problem(id=str(len(made)), question="", answer="", task="gsm8k")
        trace = Trace(
            problem=problem, model="worked", reasoning=text, conclusion="", n_tokens=len(ends),
            n_conclusion_tokens=0, finished=True,
        )  # fmt: skip
        values = [chance.random() for _ in ends]
        made.append(ScoredTrace(trace=trace, scorer="random", ends=list(ends), importance=values))
    return made


def row(what: str, scored: Sequence[ScoredTrace], passes: int) -> Row:
    """One line of the table."""
    lines = [msgspec.json.encode(one) for one in scored]
    ways = {"json": lambda: with_json(lines, [0.5]), "stage": lambda: cut(scored, [0.5])}
    seconds = in_turns(ways, passes)
    rates = sorted(len(lines) / one for one in seconds["json"])
    tokens = sum(len(one.ends) for one in scored) / len(scored)
    return Row(
        what=f"`compress` from stored scores, {what}, JSON in and out, one ratio, one core",
        goal="10,000 traces/s",
        said=f"{per_second(len(lines), seconds['json']):,.0f} traces/s ({rates[0]:,.0f}–"
        f"{rates[-1]:,.0f}); without JSON {per_second(len(lines), seconds['stage']):,.0f}",
        n=f"{len(lines):,} traces of {tokens:.0f} tokens",
    )


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    for released in (False, True):
        scored = [made_up(150, seed, released=released) for seed in range(asked.traces)]
        rule = "by the released rule" if released else "by the exact budget"
        yield row(f"made-up traces, {rule}", scored, asked.passes)
    try:
        yield row("GSM8K, by the exact budget", gsm8k(asked), asked.passes)
    except Skipped as why:
        print(why)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--traces", type=int, default=1000)


if __name__ == "__main__":
    run(rows, __doc__, options)
