"""`cotpress merge`: the shards of one run as its one output."""

from functools import partial
from pathlib import Path

from cotpress.engine.merge import Merged
from cotpress.engine.merge import merge as join
from cotpress.verbs.common import progress, say


def merge(*shards: Path, out: Path) -> None:
    """Join the shards of generate, score, verify or eval with their meta files into the
    output of one run.

    Example: cotpress merge scored.0.jsonl scored.1.jsonl --out scored.jsonl

    Parameters
    ----------
    shards
        What the verb wrote with --shard 0/n to n-1/n, in any order.
    out
        Where all records go.
    """
    joined = join(shards, out, partial(progress, verb="merge"))
    say(f"merge: {len(shards)} shards of {joined.verb}, {joined.n} records in {out}{rest(joined)}")


def rest(joined: Merged) -> str:
    """What is still to be done, as the end of a sentence."""
    if joined.verb != "eval":
        return ""
    late = f"makes {', '.join(joined.rest)} and " if joined.rest else ""
    return f"; the same eval command without --shard {late}writes the rows"
