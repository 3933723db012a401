"""`cotpress average`: scores that follow a rule."""

from functools import partial
from pathlib import Path

from cotpress import storage
from cotpress.pipeline import average as stage
from cotpress.records import ScoredTrace
from cotpress.verbs.common import make


def average(scored: Path, /, *, out: Path, unit: str = "step", words: int = stage.WORDS) -> None:
    """Give units that are worded alike the same importance, so that a cut can be learnt.

    Example: cotpress average scored.jsonl --unit step --out averaged.jsonl

    Each unit gets the mean importance of all units that begin with the same words. Numbers count as
    alike, and so do words of a question that few questions have.

    Parameters
    ----------
    scored
        Scored traces.
    out
        Where the same traces go; `compress` reads it, with the same --unit.
    unit
        What is averaged: step, sentence, word, number or token.
    words
        By how many of its first words a unit is known.
    """
    make(
        out,
        ScoredTrace,
        lambda items, _: stage.average(
            items, stage.averages(partial(storage.read, scored, ScoredTrace), unit, words)
        ),
        storage.read(scored, ScoredTrace),
        verb="average",
        options={"unit": unit, "words": words},
        inputs={"scored": partial(storage.hash_file, scored)},
        total=sum(1 for _ in storage.lines(scored)),
    )
