"""`cotpress compress`: the same scores, cut at every ratio."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from cotpress import storage
from cotpress.pipeline import compress as stage
from cotpress.records import CompressedTrace, ScoredTrace, check_ratio
from cotpress.verbs.common import make, say


class RatioSummary(msgspec.Struct):
    """What became of one requested ratio; stands in the meta file."""

    ratio: float
    n: int = 0
    kept: float = 0.0
    """Mean fraction of the reasoning's target-model tokens that was kept."""
    n_over_budget: int = 0
    """Traces whose protected tokens alone exceed the budget."""


def compress(
    scored: Path,
    /,
    *,
    ratios: Annotated[list[float], Parameter(consume_multiple=True)],
    out: Path,
    method: str = "tokenskip",
    json: bool = False,
) -> None:
    """Keep the most important tokens: every trace at every ratio.

    Example: cotpress compress scored.jsonl --ratios 0.5 0.7 0.9 --out compressed.jsonl

    Parameters
    ----------
    scored
        Scored traces.
    ratios
        Fractions of the reasoning's tokens to keep, such as 0.5 0.7 0.9.
    out
        Where the compressed traces go.
    method
        What the report calls it: tokenskip, cts, random …
    json
        Print the summary as JSON on standard output.
    """
    ratios = list(dict.fromkeys(check_ratio(ratio) for ratio in ratios))
    summaries = [RatioSummary(ratio) for ratio in ratios]
    make(
        out,
        CompressedTrace,
        lambda items, _: summarised(items, summaries, method),
        storage.read(scored, ScoredTrace),
        verb="compress",
        options={"scored": storage.hash_file(scored), "ratios": ratios, "method": method},
        total=len(ratios) * sum(1 for _ in storage.lines(scored)),
        extra={"ratios": summaries},
    )
    report(storage.meta_path(out), json)


def summarised(scored: Iterable[ScoredTrace], summaries: Sequence[RatioSummary], method: str) -> Iterator[CompressedTrace]:
    """Run the stage and keep one summary per ratio up to date."""
    by_ratio = {summary.ratio: summary for summary in summaries}
    over: Counter[str] = Counter()
    for cut in stage.compress(scored, list(by_ratio), method=method, counts=over):
        summary = by_ratio[cut.ratio]
        summary.n += 1
        summary.kept += (cut.kept - summary.kept) / summary.n
        summary.n_over_budget = over[f"{stage.OVER_BUDGET} at {cut.ratio:g}"]
        yield cut


def report(meta: Path, json: bool) -> None:
    """Print one line per ratio, or the same as JSON; from the meta file, so that a finished output is summed up too."""
    summaries = msgspec.convert(msgspec.json.decode(meta.read_bytes())["ratios"], list[RatioSummary])
    if json:
        print(msgspec.json.encode(summaries).decode())
        return
    for summary in summaries:
        over = f", {summary.n_over_budget} over budget (protected tokens alone exceed it)" if summary.n_over_budget else ""
        say(f"ratio {summary.ratio:g}: {summary.kept:.3f} kept on average of {summary.n} traces{over}")
