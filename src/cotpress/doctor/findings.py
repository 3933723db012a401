"""Findings about a model folder, a data file or a running server, each with its cure.

The examinations stand in `model.py`, `data.py` and `server.py`; each yields findings as it goes.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from cotpress.errors import CotpressError
from cotpress.records import Record

if TYPE_CHECKING:
    from cotpress.models.hf import HFModel


class Finding(Record, frozen=True, kw_only=True):
    """One thing that was looked at."""

    about: str
    """What was looked at, in a word or two."""
    level: Literal["ok", "warning", "problem"]
    says: str
    cure: str = ""
    """What to change; empty where all is well."""


def ok(about: str, says: str) -> Finding:
    """All is well."""
    return Finding(about=about, level="ok", says=says)


def warning(about: str, says: str, cure: str) -> Finding:
    """It works, but not as one might think."""
    return Finding(about=about, level="warning", says=says, cure=cure)


def problem(about: str, says: str, cure: str) -> Finding:
    """It does not do what was trained or asked for."""
    return Finding(about=about, level="problem", says=says, cure=cure)


def unusable(model: "HFModel") -> Finding | None:
    """Why the chat template cannot be used at all: then nothing else can be found out."""
    try:
        model.markup  # noqa: B018 - renders the template
    except CotpressError as error:
        said, _, cure = str(error).rpartition(": ")
        return problem("template", said, cure.removesuffix("."))
    return None


def is_ill(findings: Iterable[Finding]) -> bool:
    """Whether there is a problem."""
    return any(finding.level == "problem" for finding in findings)


def written(findings: Iterable[Finding]) -> Iterator[str]:
    """The findings as lines for a person."""
    for one in findings:
        yield f"{one.level:8} {one.about}: {one.says}" + (
            f"\n{'':8} cure: {one.cure}" if one.cure else ""
        )
