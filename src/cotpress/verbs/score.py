"""`cotpress score`: how important is each token of the reasoning."""

from collections import Counter
from functools import partial
from pathlib import Path

from cotpress import models, scorers, storage
from cotpress.records import ScoredTrace, Trace
from cotpress.verbs.common import make


def score(traces: Path, /, *, scorer: str, target: str, out: Path) -> None:
    """Say how important each token of the reasoning is: runs once, and every ratio is cut from it.

    Example: cotpress score graded.jsonl --scorer surprisal:tiny --target tiny --out scored.jsonl

    Parameters
    ----------
    traces
        Traces, graded or not.
    scorer
        What assigns importance: llmlingua2:CHECKPOINT, surprisal:MODEL, random … (see `cotpress
        ls`).
    target
        The model to be taught; the ratio is counted in its tokens.
    out
        Where the scored traces go.
    """
    options = {"scorer": scorer, "target": target}
    judge, model = scorers.load(scorer), models.load(target)
    done = Counter[str]()
    make(
        out,
        ScoredTrace,
        lambda items, dropped: scorers.score(items, judge, model, dropped=dropped, done=done),
        storage.read(traces, Trace),
        verb="score",
        options=options,
        inputs={"traces": partial(storage.hash_file, traces)},
        identity={"scorer": judge.identity, "target": model.identity},
        total=storage.count_distinct(traces, Trace, lambda trace: trace.key),
        resumed=done,
        key=lambda scored: scored.key,
    )
