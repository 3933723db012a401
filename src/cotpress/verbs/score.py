"""`cotpress score`: how important is each token of the reasoning."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

from cotpress import models, scorers, storage
from cotpress.engine.shards import Share, parse
from cotpress.records import ScoredTrace, Trace
from cotpress.verbs.common import make
from cotpress.verbs.groups import SPREAD
from cotpress.verbs.spread import Engine, spread


@spread("score")
def score(
    traces: Path,
    /,
    *,
    scorer: str,
    target: str,
    out: Path,
    shard: Annotated[str, SPREAD] = "",
    processes: Annotated[int, SPREAD] = 1,
    engine: Annotated[Engine, SPREAD] = "processes",
    ray_address: Annotated[str, SPREAD] = "",
) -> None:
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
    shard
        Do only this part of the run, 0/8 to 7/8 say, into a file of its own; `cotpress merge` joins
        them.
    processes
        Work in so many processes of this machine, each on a GPU of its own, where there are any.
    engine
        ray: work in so many tasks of a Ray cluster instead, on files that all its machines share.
    ray_address
        The cluster, such as ray-head:6379; default: RAY_ADDRESS, else Ray on this machine.
    """
    which = parse(shard)
    options = {"scorer": scorer, "target": target}
    judge, model = scorers.load(scorer), models.load(target)
    done = Counter[str]()
    n = storage.count_distinct(traces, Trace, lambda trace: trace.key)
    share = Share(which, n, scorers.BLOCK)

    def own() -> Iterator[Trace]:
        return storage.read(traces, Trace, takes=share.takes)

    make(
        out,
        ScoredTrace,
        lambda items, dropped: scorers.score(items, judge, model, dropped=dropped, done=done),
        own(),
        verb="score",
        options=options,
        inputs={"traces": partial(storage.hash_file, traces)},
        identity={"scorer": judge.identity, "target": model.identity},
        share=share,
        keys=lambda: (trace.key for trace in own()),
        resumed=done,
        key=lambda scored: scored.key,
    )
