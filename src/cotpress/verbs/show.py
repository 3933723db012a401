"""`cotpress show`: records of any file, for a person; of a scored one what a ratio keeps and
drops.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.jsonl import first_fields
from cotpress.kinds import kind_of
from cotpress.pieces import Piece, aligned
from cotpress.pipeline.build import misled
from cotpress.pipeline.compress import cut_pieces
from cotpress.pipeline.segmenting import Protect, Rules, chosen_rules
from cotpress.prompts import check_ratio
from cotpress.records import CompressedTrace, Cut, Problem, ScoredTrace, Trace, TrainingExample
from cotpress.verbs.common import in_colour

USUAL_RATIO = 0.6
"""At which scored traces are shown where nothing is said."""

Block = tuple[str, list[Piece]]
"""A heading and what stands below it."""


def show(
    file: Path,
    /,
    *,
    ratio: float | None = None,
    n: Annotated[int, Parameter(name=("--n", "-n"))] = 1,
    skip: int = 0,
    unit: str = "",
    protect: Protect | None = None,
    protect_regex: str = "",
) -> None:
    """Print records of a file; of a scored one what a ratio keeps and drops, before anything is
    trained.

    Example: cotpress show scored.jsonl --ratio 0.6 -n 3

    On a terminal what is dropped is red and struck out; in a file, or with NO_COLOR, it stands
    between [- and -].

    Parameters
    ----------
    file
        What `cotpress generate`, `import`, `grade`, `score`, `compress` or `build` wrote.
    ratio
        Fraction of reasoning tokens to keep; default: 0.6. Of compressed traces the
        cut at this ratio, default: all of them.
    n
        How many records.
    skip
        Leave out this many at the beginning.
    unit
        As in `cotpress compress`.
    protect
        As in `cotpress compress`.
    protect_regex
        As in `cotpress compress`.
    """
    if n < 1 or skip < 0:
        raise CotpressError("choose -n of at least 1, and --skip of at least 0.")
    if ratio is not None:
        check_ratio(ratio)
    how = (unit, protect, protect_regex)
    found = 0
    for blocks in islice(_blocks(file, ratio, how), skip, skip + n):
        found += 1
        _print(blocks)
    if not found:
        raise CotpressError(f"{file} holds no record behind the first {skip}.")


def _blocks(
    file: Path, ratio: float | None, how: tuple[str, Protect | None, str]
) -> Iterator[list[Block]]:
    """Each record of a file in blocks; the kind of file is known by its first line."""
    kind = kind_of(first_fields(file))
    record = kind.record if kind else ""
    if record == "Trace":
        yield from map(_of_trace, storage.read(file, Trace))
    elif record == "CompressedTrace":
        for one in storage.read(file, CompressedTrace):
            yield _of_compressed(one, ratio)
    elif record == "TrainingExample":
        yield from map(_of_example, storage.read(file, TrainingExample))
    else:
        rules: Rules | None = None
        for scored in storage.read(file, ScoredTrace):
            rules = rules or chosen_rules(scored, *how)
            yield _of_scored(scored, ratio or USUAL_RATIO, rules)


def _of_scored(scored: ScoredTrace, ratio: float, rules: Rules) -> list[Block]:
    cut, pieces = cut_pieces(scored, ratio, rules)
    head = f"{_kept(cut, scored.trace)} by {scored.scorer}"
    return [
        *_asked(scored.trace.problem),
        (f"reasoning at {ratio:g}: {head}", pieces),
        ("conclusion, never cut", _plain(scored.trace.conclusion)),
    ]


def _of_compressed(one: CompressedTrace, ratio: float | None) -> list[Block]:
    cuts = [cut for cut in one.cuts if ratio is None or cut.ratio == ratio]
    if not cuts:
        held = ", ".join(f"{cut.ratio:g}" for cut in one.cuts)
        raise CotpressError(f"there is no cut at --ratio {ratio:g} in this file, only at {held}.")
    return [
        *_asked(one.trace.problem),
        *(block for cut in cuts for block in _of_cut(cut, one)),
        ("conclusion, never cut", _plain(one.trace.conclusion)),
    ]


def _of_cut(cut: Cut, one: CompressedTrace) -> Iterator[Block]:
    yield (
        f"reasoning at {cut.ratio:g}: {_kept(cut, one.trace)}",
        _plain(cut.reasoning) if one.codebook else aligned(one.trace.reasoning, cut.reasoning),
    )
    if own := cut.concluded:
        said = misled(cut) or ("right" if own.grade else "ungraded")
        yield f"its conclusion by {own.model}, {said}", _plain(own.conclusion)


def _of_trace(trace: Trace) -> list[Block]:
    grade = trace.grade
    said = "" if grade is None else ", right" if grade.correct else f", {grade.fault}"
    return [
        *_asked(trace.problem),
        (f"reasoning of {trace.model}: {trace.n_tokens} tokens", _plain(trace.reasoning)),
        (f"conclusion{said}", _plain(trace.conclusion)),
    ]


def _of_example(one: TrainingExample) -> list[Block]:
    turns = [(f"prompt, {turn['role']}", _plain(turn["content"])) for turn in one.prompt]
    return [*turns, ("completion", _plain(one.completion))]


def _asked(problem: Problem) -> list[Block]:
    answer = f" (answer: {problem.answer})" if problem.answer else ""
    return [(f"{problem.id}{answer}", _plain(problem.question))]


def _kept(cut: Cut, trace: Trace) -> str:
    whole = round(cut.n_tokens / cut.kept) if cut.kept else trace.n_tokens
    return f"{cut.n_tokens} of {whole} tokens, {cut.kept:.2f} kept"


def _plain(text: str) -> list[Piece]:
    return [Piece(text, True)]


def _print(blocks: list[Block]) -> None:
    """One record on standard output."""
    console = Console(soft_wrap=True, highlight=False, markup=False, file=sys.stdout)
    for name, pieces in blocks:
        console.print(in_colour([Piece(f"── {name}", True)], console, style="bold"))
        console.print(in_colour(pieces, console))
    console.print(Text(""))
