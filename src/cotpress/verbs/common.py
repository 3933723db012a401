"""What every verb shares: one output file made by one stage,
with resume, progress and a summary line.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from rich.console import Console
from rich.text import Text

from cotpress import __version__, storage
from cotpress.engine.shards import Share, chunks
from cotpress.errors import CotpressError
from cotpress.failures import Failures
from cotpress.lm.capabilities import context_of
from cotpress.lm.contract import MOSTLY_CUT
from cotpress.lm.own_sampling import own_sampling
from cotpress.models import Model, Sampling
from cotpress.pieces import Piece, marked
from cotpress.records import Trace
from cotpress.shown import shown, visible
from cotpress.verbs.progress import Count, barred, counted, spoken

I = TypeVar("I")  # noqa: E741
R = TypeVar("R", bound=msgspec.Struct)

PLAIN_WIDTH = 140
"""Columns of a table where it is not printed on a terminal."""

hushed = False
"""Whether `say` and `progress` are silent: `--quiet`."""


def make(
    out: Path,
    record: type[R],
    stage: Callable[[Iterator[Any], Counter[str]], Iterable[R]],
    items: Iterable[I],
    *,
    verb: str,
    options: dict[str, Any],
    total: int | None = None,
    skip: Callable[[I], str] | None = None,
    block: int = 0,
    key: Callable[[R], str] | None = None,
    rank: Callable[[R], Any] | None = None,
    resumed: Counter[str] | None = None,
    identity: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
    inputs: Mapping[str, Callable[[], str]] | None = None,
    watch: Callable[[Failures], None] | None = None,
    share: Share | None = None,
    keys: Callable[[], Iterable[str]] = tuple,
) -> None:
    """Run `stage(items, dropped)` into `out`: locked, resumed by `key`, finished atomically,
    counted in the meta file.

    `identity`: what the tasks, models and scorers of the run call themselves; with another one it
    is another run.

    `inputs`: options that say what is read, as a function each that hashes it; an input that is
    another one when all is read is refused.

    `skip` gives the key of the record an item will become, so that finished ones are not done
    again; `key` that of a record. With `block` the stage is handed lists of so many items, at fixed
    places. Without keys all records are made again, and those that are written stay. A stage whose
    records come in any order gives their `rank`, by which the finished output is ordered. In place
    of `skip`, `resumed` gets the keys of finished records, for a stage that passes over them
    itself. A stage counts what it leaves out in `dropped`. `watch` is handed what takes rows that
    could not be made. Where a `share` is given, the items are its own, and `keys` lists theirs, by
    which `merge` finds where the records belong.
    """
    shard = share.shard if share and share.shard.n > 1 else None
    if share:
        total = share.n_items
    held = {name: content() for name, content in (inputs or {}).items()}
    options = options | (shard.options if shard else {})
    deciding = held | options | ({storage.IDENTITY: identity} if identity else {})
    with storage.run(out, record, verb, deciding, version=__version__, key=key, rank=rank) as this:
        if this.complete:
            say(f"{verb}: {out} was finished before under the same options; nothing to do")
            return
        this.extra.update(extra or {})
        if share and shard and key:
            this.closing = partial(_placed, share, keys, record, key)
        if resumed is not None:
            resumed.update(this.done)
        if watch:
            watch(this.failures)
        before = this.done.total()
        if before:
            say(f"{verb}: resuming {out} with {before} records done")
        elif this.keyless and storage.part_path(out).stat().st_size:
            say(f"{verb}: going on with {out}, of which a part is written")
        counted = this.counted(items)
        todo: Iterator[Any] = counted
        if skip:
            todo = this.blocks(counted, skip, block) if block else this.todo(counted, skip)
        for _ in progress(this.write(stage(todo, this.dropped)), verb, total, started_with=before):
            pass
        for name, content in (inputs or {}).items():
            if content() != held[name]:
                raise CotpressError(
                    f"{verb}: what was read as {name} changed meanwhile, so that "
                    f"{storage.part_path(out)} belongs to no state of it: run the same command "
                    "with --overwrite once the input is whole."
                )
        if not shard:
            refuse_nothing(this, verb)
        written = this.n_out + before
    left_out = "".join(f", {count} left out ({why})" for why, count in sorted(this.dropped.items()))
    of = f" of shard {shard}" if shard else ""
    say(f"{verb}: {written} records{of} in {out}{left_out}")
    say_failed(this.failures, verb)


def refuse_nothing(this: storage.Run[Any], verb: str) -> None:
    """`CotpressError` with the reason where a run wrote no record, now or before."""
    if this.n_out + this.done.total():
        return
    reasons = (
        ", ".join(f"{count} {why}" for why, count in this.dropped.items()) or "the input is empty"
    )
    if this.failures.found:
        reasons = f"all requests failed: {this.failures.found[-1].reason}"
    raise CotpressError(f"{verb}: nothing to write to {this.path}: {reasons}.")


def say_failed(failures: Failures, verb: str) -> None:
    """How many rows failed, and what to do about them."""
    if n := len(failures.found):
        say(
            f"{verb}: failed: {n}; the reasons are in {failures.path}, and the same command "
            "asks for these alone"
        )


def _placed(
    share: Share,
    keys: Callable[[], Iterable[str]],
    record: type[R],
    key: Callable[[R], str],
    part: Path,
) -> dict[str, Any]:
    """Where the records of a shard belong in the whole run, for its meta file."""
    written = map(key, storage.read(part, record))
    return {"chunks": chunks(share.windows(keys(), written))}


def progress(
    records: Iterable[I], verb: str, total: int | None = None, started_with: int = 0
) -> Iterator[I]:
    """Pass records through, showing count, rate and time left: a bar on a terminal, a plain line
    every 20 seconds elsewhere.
    """
    console = Console(stderr=True)
    if hushed:
        yield from records
    elif console.is_terminal:
        yield from barred(records, verb, total, started_with, console)
    else:
        count = Count(verb, total, started_with)
        with spoken(count, say):
            yield from counted(records, count)


def check_sampling(sampling: Sampling, samples: int, *, own: bool) -> None:
    """`CotpressError` for what no answers can be drawn with; `own`: as the model's own
    generation_config.json says, which the flags then leave alone.
    """
    if sampling.max_tokens < 1 or samples < 1:
        raise CotpressError("choose --max-tokens of at least 1, and --samples of at least 1.")
    if sampling.temperature < 0 or not 0 < sampling.top_p <= 1:
        raise CotpressError("choose --temperature of at least 0 and 0 < --top-p <= 1.")
    if sampling.top_k < 0 or not 0 <= sampling.min_p <= 1:
        raise CotpressError("choose --top-k of at least 0 and 0 <= --min-p <= 1; 0 is off.")
    cuts = (sampling.top_p, sampling.top_k, sampling.min_p) != (1.0, 0, 0.0)
    if own and (cuts or sampling.temperature):
        raise CotpressError(
            "--sampling model takes temperature, top-p, top-k and min-p from the model: leave "
            "out --temperature, --top-p, --top-k and --min-p."
        )
    if cuts and not sampling.temperature:
        raise CotpressError(
            "--top-p, --top-k and --min-p choose what is drawn from, and without a temperature "
            "nothing is drawn: choose a --temperature, such as 0.6, or leave them out."
        )
    if not own:
        _refuse_copies(sampling, samples)


def sampling_as_meant(
    sampling: Sampling, samples: int, model: Model, *, own: bool, verb: str
) -> Sampling:
    """The sampling that was checked, or where `own` the model's own; which that is, is said."""
    if not own:
        return sampling
    found, sentence = own_sampling(model, sampling)
    say(f"{verb}: {sentence}")
    _refuse_copies(found, samples)
    return found


def _refuse_copies(sampling: Sampling, samples: int) -> None:
    if samples > 1 and not sampling.temperature:
        raise CotpressError(
            f"--samples {samples} would be {samples} times the same answer: "
            "choose a --temperature, such as 0.8."
        )


def say(line: str) -> None:
    """One line for a person, on standard error: standard output is for results."""
    if not hushed:
        print(shown(line), file=sys.stderr, flush=True)


def in_colour(pieces: Sequence[Piece], console: Console, style: str = "") -> Text:
    """A text with what is kept and dropped: by colour on a terminal, else, or with NO_COLOR,
    between marks. What a terminal would obey is shown by its number.
    """
    harmless = [Piece(visible(text), kept) for text, kept in pieces]
    if not console.is_terminal or console.no_color:
        return Text(marked(harmless))
    text = Text(style=style)
    for one in harmless:
        text.append(one.text, None if one.kept else "red dim strike")
    return text


def say_pieces(line: str, pieces: Sequence[Piece]) -> None:
    """A line and a cut for a person, on standard error."""
    if not hushed:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        console.print(Text(line))
        console.print(in_colour(pieces, console))


def hush(quiet: bool) -> None:
    """Let `say` and `progress` be silent, or speak."""
    global hushed
    hushed = quiet


AT_LEAST = 20
"""Answers after which it is said that too many of them are cut off."""


def answer_limit(
    asked: int | None, usual: int, task: str, answerers: Sequence[Model], verb: str
) -> int:
    """How many tokens an answer may take: what the user asked for, else what the task's answers
    `usual`ly take, within what every model reads; which of them is said.

    `CotpressError` where more was asked for than a model reads.
    """
    contexts = [(n, model.name) for model in answerers if (n := context_of(model)) is not None]
    least, name = min(contexts, default=(None, ""))
    if asked is not None:
        if least is not None and asked > least:
            raise CotpressError(
                f"--max-tokens {asked:,} is more than {name} reads, prompt included: "
                f"choose at most {least:,}."
            )
        return asked
    limit = usual if least is None else min(usual, least)
    why = f"task {task}" if limit == usual else f"all that {name} reads, prompt included"
    say(f"{verb}: answers may take {limit:,} tokens ({why}); --max-tokens says otherwise")
    return limit


def watched(
    traces: Iterable[Trace], verb: str, limit: int, arm: Callable[[Trace], str] = lambda _: ""
) -> Iterator[Trace]:
    """Pass traces through; say once per arm, and at once, that many of its answers are cut off."""
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    said = set()
    for trace in traces:
        name = arm(trace)
        counts[name][0] += trace.cut_off
        counts[name][1] += 1
        cut, n = counts[name]
        if name not in said and n >= AT_LEAST and cut > MOSTLY_CUT * n:
            said.add(name)
            of = f" of {name}" if name else ""
            say(
                f"{verb}: {cut} of the first {n} answers{of} were cut off at {limit:,} tokens: "
                "raise --max-tokens"
            )
        yield trace


def rows_path(out: Path) -> Path:
    """`eval.jsonl` -> `eval.rows.jsonl`."""
    return out.with_name(storage.stem(out) + ".rows.jsonl")
