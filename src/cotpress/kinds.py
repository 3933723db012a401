"""Which step of the walk a file stands at, found from its first row: a file of another step is the
likeliest mistake.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """One kind of file."""

    noun: str
    fields: str
    """Those that its rows have."""
    record: str = ""
    """Name of the record in a row; empty: no verb reads it."""
    verb: str = ""
    """What makes such a file from the kind before it."""


WALK = (
    Kind("a file of traces without grades", "problem reasoning conclusion", "Trace"),
    Kind("a graded file", "problem reasoning conclusion grade", "Trace"),
    Kind("a scored file", "trace ends importance", "ScoredTrace", "score"),
    Kind("a compressed file", "trace cuts", "CompressedTrace", "compress"),
    Kind("a file of training examples", "problem prompt completion", "TrainingExample", "build"),
)
"""In order: each is made from the one before it; grades need not be there."""

OTHERS = (
    Kind("a file of preference pairs (`build --format pairs`)", "prompt chosen rejected", "Pair"),
    Kind(
        "a file of questions for training by rewards (`build --format grpo`)",
        "problem prompt answer",
        "Question",
    ),
    Kind("the rows of an evaluation, which only reports read", "setting n accuracy", "EvalRow"),
    Kind("a file of rows for another trainer (`build --format`)", "segments"),
    Kind("a file of rows for another trainer (`build --format`)", "input_ids labels"),
    Kind("a file of rows for another trainer (`build --format`)", "prompt completion"),
)


def kind_of(row: Mapping[str, Any]) -> Kind | None:
    """The kind of file that a row stands in; None where no verb writes such rows."""
    names = {name for name, value in row.items() if value is not None}
    found = [kind for kind in (*WALK, *OTHERS) if names.issuperset(kind.fields.split())]
    found = [kind for kind in found if kind.record != "Trace" or isinstance(row["problem"], dict)]
    return max(found, key=lambda kind: len(kind.fields.split()), default=None)


def mistaken(row: Mapping[str, Any], wanted: str, written_by: Sequence[str]) -> str:
    """What to say of a file with this first row where rows with the record `wanted` are read; empty
    where it is not another kind of file.
    """
    kind = kind_of(row)
    makers = " or ".join(f"`cotpress {verb}`" for verb in written_by)
    if kind is None:
        ours = any(isinstance(row.get(name), dict) for name in ("problem", "trace", "setting"))
        if ours or not written_by:
            return ""
        return (
            f"was not written by cotpress (its rows have {', '.join(row)}): read your own traces "
            "with `cotpress import` first."
        )
    if kind.record == wanted or not makers:
        return ""
    if verbs := _between(kind, wanted):
        first = ", then ".join(f"`cotpress {verb}`" for verb in verbs)
        return f"is {kind.noun}: run {first} first."
    return f"is {kind.noun}: give what {makers} writes."


def _between(found: Kind, wanted: str) -> list[str]:
    """The verbs that make the wanted kind of the one that was found; none where it stands later."""
    if found not in WALK:
        return []
    behind = WALK[WALK.index(found) + 1 :]
    last = next((place for place, kind in enumerate(behind) if kind.record == wanted), -1)
    return [kind.verb for kind in behind[: last + 1] if kind.verb]
