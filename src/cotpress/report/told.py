"""`EvalRow, Trace -> Report`: all that a report shows, put in order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cotpress.records import CompressedTrace, EvalRow, ScoredTrace, Trace
from cotpress.report.examples import Examples, examples
from cotpress.report.latents import Latents
from cotpress.report.provenance import Step
from cotpress.report.rows import in_order
from cotpress.report.scorers import Comparison
from cotpress.report.verified import Survival, survival
from cotpress.report.wording import Wording
from cotpress.training.curve import RewardPoint


@dataclass(frozen=True)
class Source:
    """A file that was read."""

    file: str
    hash: str
    """A short hash of its content."""
    meta: dict[str, Any]
    """The meta file beside it; empty where there is none."""


@dataclass(frozen=True)
class Origin:
    """How a report came to be; it is printed on it."""

    command: str
    """What made it, as it can be pasted."""
    version: str
    """Of cotpress."""
    date: str
    """ISO day."""
    sources: tuple[Source, ...] = ()
    """The files that were read."""
    steps: tuple[Step, ...] = ()
    """The commands behind those files, in order."""
    environment: str = ""
    """Where this report was made: versions, in one line."""
    files: tuple[str, ...] = ()
    """What else was written beside the page, to be linked there."""


@dataclass(frozen=True)
class Training:
    """How the training of a judged model went."""

    model: str
    points: tuple[tuple[int, float | None, float | None], ...] = ()
    """(step, loss, loss on what was held out) of what was logged."""
    rewards: tuple[RewardPoint, ...] = ()
    """The steps of a training by rewards, which has no curve of the loss."""


@dataclass(frozen=True)
class Report:
    """All that is to be told; `as_html`, `as_json` and `as_markdown` (page.py) tell it."""

    rows: list[EvalRow]
    examples: Examples
    origin: Origin
    verified: Survival
    comparison: Comparison | None = None
    wordings: tuple[Wording, ...] = ()
    """What the wording tells of the cuts of each scorer."""
    latents: Latents | None = None
    """What latent tokens stand for; None: there are none, or they were not asked for."""
    trainings: tuple[Training, ...] = ()
    """Of the models that were judged, where their curves are at hand."""


def make_report(
    rows: Iterable[EvalRow],
    traces: Iterable[Trace],
    scored: Iterable[ScoredTrace] = (),
    *,
    other: Iterable[ScoredTrace] = (),
    comparison: Comparison | None = None,
    wordings: Iterable[Wording] = (),
    verified: Iterable[CompressedTrace] = (),
    origin: Origin,
    latents: Latents | None = None,
    trainings: Iterable[Training] = (),
) -> Report:
    """Put rows in order and choose example problems; every iterable is read once and not kept.

    Args:
        rows: What `rows` gives.
        traces: The graded traces behind the rows, for examples.
        scored: Scores of training traces, for examples of what is important.
        other: Scores of the same traces by a second scorer.
        comparison: What `report.scorers.compare` makes of the two.
        wordings: What `report.wording.wording_of` makes of each scorer's.
        verified: What `verify` gives: does the answer survive?
        origin: How the report came to be; printed on it.
        latents: What latent tokens stand for; default: no such section.
        trainings: How the trainings of the judged models went, for the curve of the loss.

    Returns:
        The report, for `as_html`, `as_json` and `as_markdown`.
    """
    found = survival(verified)
    return Report(
        in_order(rows),
        examples(traces, scored, other=other, verified=found),
        origin,
        found,
        comparison,
        tuple(wordings),
        latents,
        tuple(trainings),
    )
