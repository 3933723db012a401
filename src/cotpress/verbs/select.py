"""`cotpress select`: of several samples of each problem those to learn from."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from cotpress import storage
from cotpress.jsonl import read_placed, reading_at
from cotpress.pipeline import select as stage
from cotpress.pipeline.select import Keep, Unsolved
from cotpress.records import Trace
from cotpress.verbs.common import make, say


def select(
    graded: Path,
    /,
    *,
    out: Path,
    keep: Keep = "shortest-right",
    per_problem: int = 1,
    longest_tokens: int | None = None,
    unsolved: Unsolved = "drop",
    seed: int = 0,
) -> None:
    """Choose among several samples of each problem those to learn from, such as the shortest right
    one.

    Example: cotpress select graded.jsonl --keep shortest-right --out chosen.jsonl

    The samples come from `cotpress generate --samples 8 --temperature 1`; `cotpress build` takes
    the chosen ones as they are, with nothing asked for in the prompt.

    Parameters
    ----------
    graded
        Graded traces, several of each problem; those of one need not stand together.
    out
        Where the chosen traces go.
    keep
        shortest-right; shortest: right or not, of those that ended by themselves; longest and
        random: right ones, the controls of shortest-right; all-right.
    per_problem
        How many samples of a problem to keep at most; all-right keeps all.
    longest_tokens
        Leave out samples of more reasoning tokens.
    unsolved
        What becomes of a problem without a sample to keep: drop it, or keep its first sample.
    seed
        Of random, whose choice depends on it and the problem alone.
    """
    noted: Counter[str] = Counter()

    def chosen(items: Iterator[tuple[int, Trace]], dropped: Counter[str]) -> Iterator[Trace]:
        with reading_at(graded, Trace) as at:
            yield from stage.choose(
                items,
                at,
                keep,
                per_problem=per_problem,
                longest_tokens=longest_tokens,
                unsolved=unsolved,
                seed=seed,
                dropped=dropped,
                noted=noted,
            )

    options: dict[str, Any] = {"keep": keep, "per_problem": per_problem}
    options |= {"longest_tokens": longest_tokens, "unsolved": unsolved, "seed": seed}
    make(
        out,
        Trace,
        chosen,
        read_placed(graded, Trace),
        verb="select",
        options=options,
        inputs={"traces": partial(storage.hash_file, graded)},
        extra={"noted": noted},
    )
    for what, count in noted.items():
        say(f"select: {count} {what}")
    n = n_tokens = 0
    problems = set[int]()
    for trace in storage.read(out, Trace):
        n += 1
        n_tokens += trace.n_tokens
        problems.add(hash(trace.problem.id))
    say(f"select: {len(problems)} problems, {n_tokens / n:.1f} reasoning tokens on average")
