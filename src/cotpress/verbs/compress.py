"""`cotpress compress`: the same scores, cut at every ratio."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.methods import check_taught
from cotpress.pieces import Piece, aligned
from cotpress.pipeline import compress as stage
from cotpress.pipeline.above import above as cut_above
from cotpress.pipeline.connect import connected
from cotpress.pipeline.keep_answer import keep_answer as choose
from cotpress.pipeline.kept import RatioSummary, summarised
from cotpress.pipeline.segmenting import Protect, Rules, chosen_rules
from cotpress.prompts import check_ratio
from cotpress.records import Budget, CompressedTrace, ScoredTrace
from cotpress.shown import shown
from cotpress.verbs.common import make, say, say_pieces


def compress(
    scored: Path,
    /,
    *,
    out: Path,
    ratios: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    unit: str = "",
    protect: Protect | None = None,
    protect_regex: str = "",
    budget: Budget = "trace",
    longest_run: int | None = None,
    keep_answer: float | None = None,
    above: float | None = None,
    connect: str = "",
    method: str = "",
    json: bool = False,
) -> None:
    """Keep the most important tokens: at every ratio, or at the smallest that keeps the answer.

    Example: cotpress compress scored.jsonl --ratios 0.5 0.7 0.9 --out compressed.jsonl

    Parameters
    ----------
    scored
        Scored traces; with --keep-answer what `cotpress verify` wrote.
    out
        Where the compressed traces go.
    ratios
        Fractions of the reasoning's tokens to keep, such as 0.5 0.7 0.9.
    unit
        What is scored as one: token, number (a token, but numbers and LaTeX commands in one
        piece), word, sentence or step (a paragraph, an item, a turn of thought such as "Wait");
        without it word for scores of llmlingua2, as in its release, else number. Whatever the unit,
        no cut divides a number, a formula's operands, code, a table or a character.
    protect
        symbols (default): numbers, operators, LaTeX commands and boxes are dropped last, once all
        other text is; strict: never, though a trace exceed its budget; none (default of sentence
        and step): like any other text.
    protect_regex
        A regular expression: what it matches in a reasoning is protected, too.
    budget
        What a ratio holds for. trace: each trace (of sentences and steps, what one leaves goes to
        the next); window: each window of 64 tokens of it; dataset: all traces together, by one
        threshold on their scores.
    longest_run
        Never drop more than this many tokens in a row.
    keep_answer
        Cut each trace as far as its ratios go without making its conclusion more than e^T times
        less likely.
    above
        In place of --ratios: keep what scored higher than this number, however much of each trace
        that is; the prompt then asks for no ratio. With scores of earliest, 0 keeps all up to the
        first right answer.
    connect
        Words to put behind each reasoning whose end was dropped, before its closing mark, such as
        "That is enough to answer."; for scores that keep a beginning (prefix, earliest). No count
        of tokens includes them.
    method
        What the report calls it: tokenskip, cts, chance …; without it prefix and earliest for their
        scores, else tokenskip (--keep-answer leaves it as it is).
    json
        Print the summary as JSON on standard output.
    """
    if method:
        check_taught(method)
    if connect:
        _check_connect(scored, connect, chosen=keep_answer is not None)
    made_before = out.exists()
    if keep_answer is not None:
        how = ratios or unit or protect or protect_regex or longest_run or budget != "trace"
        _choose(scored, keep_answer, out, alone=not (how or above is not None))
    elif above is not None:
        if ratios or longest_run or budget != "trace" or protect == "symbols":
            raise CotpressError(
                "--above keeps what scored above it, without a budget: leave out --ratios, "
                "--budget, --longest-run and --protect symbols."
            )
        rules = _rules(scored, unit, protect or "none", protect_regex)
        _cut_above(scored, above, rules, method or _method(scored), connect, out)
    elif not ratios:
        raise CotpressError("name the fractions of tokens to keep: --ratios 0.5 0.7 0.9, say.")
    else:
        ratios = list(dict.fromkeys(check_ratio(ratio) for ratio in ratios))
        rules = _rules(scored, unit, protect, protect_regex)
        named = method or _method(scored)
        _cut(scored, ratios, rules, budget, longest_run, named, connect, out)
    if not (made_before or json):
        _say_sample(out)
    report(storage.meta_path(out), json)


SAMPLED, SAMPLE_LENGTH = 20, 600
"""One of so many traces is shown, and so many characters of it."""


def _say_sample(out: Path) -> None:
    """Show the shortest of the first traces, at the smallest ratio of at least a half."""
    first = list(islice(storage.read(out, CompressedTrace), SAMPLED))
    one = min(first, key=lambda one: len(one.trace.reasoning))
    below = sorted(cut.ratio for cut in one.cuts if cut.n_tokens and cut.kept < 1)
    if not below:
        return
    ratio = next((ratio for ratio in below if ratio >= 0.5), below[-1])
    cut = next(cut for cut in one.cuts if cut.ratio == ratio)
    pieces, left = [], SAMPLE_LENGTH
    for text, kept in aligned(one.trace.reasoning, cut.reasoning):
        pieces.append(Piece(text[:left], kept))
        left -= len(pieces[-1].text)
        if left <= 0:
            pieces.append(Piece(" …", kept=True))
            break
    say_pieces(
        f"compress: {one.trace.problem.id} at ratio {ratio:g} (more: cotpress show):", pieces
    )


def _rules(scored: Path, unit: str, protect: Protect | None, protect_regex: str) -> Rules:
    """How the traces of a file are cut; a released selection leaves no choice."""
    first = next(storage.read(scored, ScoredTrace), None)
    return chosen_rules(first, unit, protect, protect_regex)


def _check_connect(scored: Path, words: str, *, chosen: bool) -> None:
    """`CotpressError` where connective words would join nothing."""
    if chosen:
        raise CotpressError(
            "--keep-answer chooses among cuts that have their words already: give --connect where "
            "they are cut."
        )
    first = next(storage.read(scored, ScoredTrace), None)
    if not words.strip():
        raise CotpressError("--connect holds no words: write some, or leave it out.")
    if first and not first.from_start:
        raise CotpressError(
            f"--connect goes behind a reasoning that was cut off, and the scores of {first.scorer} "
            "drop words all over it: score with prefix or earliest, or leave it out."
        )


def _method(scored: Path) -> str:
    """What a cut of these scores is called by default."""
    first = next(storage.read(scored, ScoredTrace), None)
    name = first.scorer.partition(",")[0] if first else ""
    return name if name in ("prefix", "earliest") else "tokenskip"


def _cut(
    scored: Path,
    ratios: list[float],
    rules: Rules,
    budget: Budget,
    longest_run: int | None,
    method: str,
    connect: str,
    out: Path,
) -> None:
    """Every trace at every ratio."""
    over: Counter[str] = Counter()
    summaries = [RatioSummary(ratio) for ratio in ratios]

    def cuts(items: Iterable[ScoredTrace], _: Counter[str]) -> Iterator[CompressedTrace]:
        whole = budget == "dataset"
        allowed = (
            stage.shared_rooms(storage.read(scored, ScoredTrace), ratios, rules, longest_run)
            if whole
            else None
        )
        made = stage.compress(
            items,
            ratios,
            rules=rules,
            budget=budget,
            longest_run=longest_run,
            method=method,
            allowed=allowed,
            noted=over,
        )
        made = connected(made, connect) if connect else made
        for one in summarised(made, summaries):
            for summary in summaries:
                summary.n_over_budget = over[f"{stage.OVER_BUDGET} at {summary.ratio:g}"]
            yield one

    options: dict[str, Any] = {
        "ratios": ratios,
        "method": method,
        **rules._asdict(),
    }
    options |= {"budget": budget, "longest_run": longest_run}
    options |= {"connect": connect} if connect else {}
    total = sum(1 for _ in storage.lines(scored))
    items = storage.read(scored, ScoredTrace)
    make(
        out,
        CompressedTrace,
        cuts,
        items,
        verb="compress",
        options=options,
        inputs={"scored": partial(storage.hash_file, scored)},
        total=total,
        extra={"ratios": summaries},
    )


def _cut_above(
    scored: Path, least: float, rules: Rules, method: str, connect: str, out: Path
) -> None:
    """Each trace at a ratio of its own, which nothing asks for."""
    summaries: list[RatioSummary] = []
    noted: Counter[str] = Counter()

    def cuts(items: Iterable[ScoredTrace], _: Counter[str]) -> Iterator[CompressedTrace]:
        made = cut_above(items, least, rules=rules, method=method)
        made = connected(made, connect) if connect else made
        for one in summarised(made, summaries):
            noted[WHOLE] += one.cuts[0].kept == 1.0
            yield one

    options: dict[str, Any] = {"above": least, "method": method}
    options |= {"connect": connect} if connect else {}
    make(
        out,
        CompressedTrace,
        cuts,
        storage.read(scored, ScoredTrace),
        verb="compress",
        options=options | rules._asdict(),
        inputs={"scored": partial(storage.hash_file, scored)},
        extra={"ratios": summaries, "noted": noted},
    )


def _choose(verified: Path, threshold: float, out: Path, *, alone: bool) -> None:
    """Each trace at a ratio of its own; `CotpressError` for an option that goes with ratios."""
    if not alone:
        raise CotpressError(
            "--keep-answer chooses among the cuts in its file: leave out --ratios, and how they "
            "are to be cut."
        )
    if not any(cut.verified for one in storage.read(verified, CompressedTrace) for cut in one.cuts):
        raise CotpressError(
            f"no trace in {verified} is verified, so all would be kept whole: "
            "give --keep-answer what `cotpress verify` wrote, with a "
            "reference model that can read them."
        )
    summaries: list[RatioSummary] = []
    noted: Counter[str] = Counter()
    make(
        out,
        CompressedTrace,
        lambda items, _: summarised(choose(items, threshold, noted=noted), summaries),
        storage.read(verified, CompressedTrace),
        verb="compress",
        inputs={"verified": partial(storage.hash_file, verified)},
        options={"keep_answer": threshold},
        extra={"ratios": summaries, "noted": noted},
    )
    for what, count in noted.items():
        say(f"compress: {count} traces {what}")


WHOLE = "kept whole"

MISSED = 0.02
"""How far the mean kept ratio may be from what was asked for before it is worth a warning."""
LARGER = "Ask for a larger ratio to make up for it"
LATER = (
    "--protect symbols drops mathematics last instead; without --longest-run gaps may be longer."
)


def report(meta: Path, json: bool) -> None:
    """Print one line per ratio, or the same as JSON; from the meta
    file, so that a finished output is summed up too.
    """
    made = msgspec.json.decode(meta.read_bytes())
    summaries = msgspec.convert(made["ratios"], list[RatioSummary])
    if json:
        print(shown(msgspec.json.encode(summaries).decode()))
        return
    if made["options"].get("above") is not None:
        for one in summaries:
            n_whole = made["noted"].get(WHOLE, 0)
            say(f"{one.kept:.3f} kept on average of {one.n} traces, {n_whole} of them {WHOLE}")
        return
    for summary in summaries:
        over = (
            f", {summary.n_over_budget} over budget (protected tokens alone exceed it)"
            if summary.n_over_budget
            else ""
        )
        say(
            f"ratio {summary.ratio:g}: {summary.kept:.3f} kept on "
            f"average of {summary.n} traces{over}"
        )
        if "keep_answer" in made["options"]:
            continue  # who has which ratio was chosen by what it keeps
        if summary.ratio - summary.kept > MISSED:
            cure = "--unit number divides more" if made["options"].get("unit") == "word" else LARGER
            say(f"  less than asked for: the next formula, table or code did not fit. {cure}.")
        elif summary.kept - summary.ratio > MISSED:
            say("  more than asked for: what is never dropped exceeds the budget. " + LATER)
    if len(summaries) > 1 and (n := sum(summary.n for summary in summaries)):
        mean = sum(summary.kept * summary.n for summary in summaries) / n
        if len({summary.n for summary in summaries}) > 1:  # each trace at a ratio of its own
            say(f"{mean:.3f} kept on average of {n} traces")
