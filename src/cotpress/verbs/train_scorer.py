"""`cotpress train-scorer`: a scorer of your own, which sees the question."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cotpress import plugins, storage
from cotpress.jsonl import first_fields
from cotpress.lm.saving import writing
from cotpress.records import CompressedTrace, ScoredTrace
from cotpress.training.lessons import Lesson, from_cuts, from_scores
from cotpress.training.scorer_options import ScorerOptions
from cotpress.verbs.common import say


def train_scorer(
    scored: Path,
    /,
    *,
    model: str,
    out: Path,
    options: Annotated[ScorerOptions | None, Parameter(name="*")] = None,
) -> None:
    """Train a token classifier that ranks tokens as its teacher does, much faster, and sees the
    question; then `score --scorer classifier:FOLDER`.

    Example: cotpress train-scorer scored.jsonl --model answerdotai/ModernBERT-base --out my-scorer

    Parameters
    ----------
    scored
        Scored traces of any one scorer; or compressed traces that `cotpress verify` has read, to
        learn what the cuts keep that kept the answer.
    model
        The encoder to begin with: a hub id or folder, not a spec.
    out
        Folder for the scorer, and what a rerun goes on from.
    options
        How to train.
    """
    for package in ("torch", "transformers", "trl", "accelerate"):
        plugins.require(package, "cotpress train-scorer")
    from cotpress.training import scorer as stage

    how, dropped = options or ScorerOptions(), Counter[str]()
    with writing(out):
        done = stage.train_scorer(
            _lessons(scored, how, dropped), model, out, how, dropped=dropped, say=say
        )
    skipped = "".join(f", {count} left out ({why})" for why, count in sorted(done.left_out.items()))
    loss = "" if done.loss is None else f", loss {done.loss:.3f}"
    say(f"train-scorer: {out} learnt {done.teacher} from {done.traces} traces{loss}{skipped}")
    agreed = ", ".join(f"{one.agreement:.1%} at {one.share:g}" for one in done.agreement)
    say(
        f"train-scorer: on {done.held_out} held-out traces it keeps what its teacher keeps: "
        f"{agreed} kept (chance: the kept share); {done.traces_per_second:.1f} traces/s"
    )


def _lessons(path: Path, how: ScorerOptions, dropped: Counter[str]) -> Iterator[Lesson]:
    """What a file holds: scored traces, or compressed ones that were verified."""
    if {"trace", "cuts"} <= first_fields(path).keys():
        return from_cuts(storage.read(path, CompressedTrace), how.most_loss, dropped)
    return from_scores(storage.read(path, ScoredTrace), dropped)
