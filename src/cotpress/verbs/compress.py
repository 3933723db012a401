"""`cotpress compress`: the same scores, cut at every ratio."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.pipeline import budgets
from cotpress.pipeline import compress as stage
from cotpress.pipeline.keep_answer import keep_answer as choose
from cotpress.records import Budget, CompressedTrace, ScoredTrace, check_ratio
from cotpress.verbs.common import make, say


class RatioSummary(msgspec.Struct):
    """What became of one ratio; stands in the meta file."""

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
    out: Path,
    ratios: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    budget: Budget = "trace",
    longest_run: int | None = None,
    keep_answer: float | None = None,
    method: str = "tokenskip",
    json: bool = False,
) -> None:
    """Keep the most important tokens: every trace at every ratio, or each at the smallest that keeps its answer likely.

    Example: cotpress compress scored.jsonl --ratios 0.5 0.7 0.9 --out compressed.jsonl

    Parameters
    ----------
    scored
        Scored traces; with --keep-answer what `cotpress verify` wrote.
    out
        Where the compressed traces go.
    ratios
        Fractions of the reasoning's tokens to keep, such as 0.5 0.7 0.9.
    budget
        What a ratio holds for. trace: each trace; window: each window of 64 tokens of it; dataset: all traces together, by
        one threshold on their scores.
    longest_run
        Never drop more than this many tokens in a row.
    keep_answer
        For each trace the smallest of its ratios at which the conclusion loses at most this many nats of log-likelihood.
    method
        What the report calls it: tokenskip, cts, random … (--keep-answer leaves it as it is).
    json
        Print the summary as JSON on standard output.
    """
    if keep_answer is not None:
        if ratios or longest_run or budget != "trace":
            raise CotpressError(
                "--keep-answer chooses among the cuts in its file: leave out --ratios, --budget and --longest-run."
            )
        _choose(scored, keep_answer, out)
    elif not ratios:
        raise CotpressError("name the fractions of tokens to keep: --ratios 0.5 0.7 0.9, say.")
    else:
        _cut(scored, list(dict.fromkeys(check_ratio(ratio) for ratio in ratios)), budget, longest_run, method, out)
    report(storage.meta_path(out), json)


def _cut(scored: Path, ratios: list[float], budget: Budget, longest_run: int | None, method: str, out: Path) -> None:
    """Every trace at every ratio."""
    over: Counter[str] = Counter()
    summaries = [RatioSummary(ratio) for ratio in ratios]
    how: dict[str, Any] = {"budget": budget} if budget != "trace" else {}
    how |= {"longest_run": longest_run} if longest_run is not None else {}

    def traces() -> Iterator[ScoredTrace]:
        for one in storage.read(scored, ScoredTrace):
            yield budgets.prepared(one, budget, longest_run)

    def cuts(items: Iterable[ScoredTrace], _: Counter[str]) -> Iterator[CompressedTrace]:
        allowed = budgets.whole_data(traces(), ratios) if budget == "dataset" else None
        for cut in summarised(stage.compress(items, ratios, method=method, allowed=allowed, counts=over), summaries):
            summaries[ratios.index(cut.ratio)].n_over_budget = over[f"{stage.OVER_BUDGET} at {cut.ratio:g}"]
            yield msgspec.structs.replace(cut, **how) if how else cut

    options: dict[str, Any] = {"scored": storage.hash_file(scored), "ratios": ratios, "method": method, **how}
    total = len(ratios) * sum(1 for _ in storage.lines(scored))
    extra = {"ratios": summaries}
    make(out, CompressedTrace, cuts, traces(), verb="compress", options=options, total=total, extra=extra)


def _choose(verified: Path, threshold: float, out: Path) -> None:
    """Each trace at a ratio of its own."""
    if not any(cut.verified for cut in storage.read(verified, CompressedTrace)):
        raise CotpressError(
            f"no trace in {verified} is verified, so all would be kept whole: "
            "give --keep-answer what `cotpress verify` wrote, with a reference model that can read them."
        )
    summaries: list[RatioSummary] = []
    noted: Counter[str] = Counter()
    make(
        out,
        CompressedTrace,
        lambda items, _: summarised(choose(items, threshold, noted=noted), summaries),
        storage.read(verified, CompressedTrace),
        verb="compress",
        options={"verified": storage.hash_file(verified), "keep_answer": threshold},
        extra={"ratios": summaries, "noted": noted},
    )
    for what, count in noted.items():
        say(f"compress: {count} traces {what}")


def summarised(cuts: Iterable[CompressedTrace], summaries: list[RatioSummary]) -> Iterator[CompressedTrace]:
    """Pass cuts on and keep one summary per ratio up to date; ratios that come up later are added in order."""
    for cut in cuts:
        summary = next((one for one in summaries if one.ratio == cut.ratio), None)
        if summary is None:
            summary = RatioSummary(cut.ratio)
            summaries.append(summary)
            summaries.sort(key=lambda one: one.ratio)
        summary.n += 1
        summary.kept += (cut.kept - summary.kept) / summary.n
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
    if len(summaries) > 1 and (n := sum(summary.n for summary in summaries)):
        mean = sum(summary.kept * summary.n for summary in summaries) / n
        if len({summary.n for summary in summaries}) > 1:  # each trace at a ratio of its own
            say(f"{mean:.3f} kept on average of {n} traces")
