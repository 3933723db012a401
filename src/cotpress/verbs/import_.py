"""`cotpress import`: the user's own traces, from files of any kind or from the hub."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cotpress import inputs, models
from cotpress.errors import CotpressError
from cotpress.pipeline.importing import (
    HEAD,
    Columns,
    Row,
    count_words,
    find_columns,
    import_traces,
    is_own,
    own_traces,
)
from cotpress.pipeline.importing.head import paths
from cotpress.pipeline.importing.parts import Parts, held_out_path
from cotpress.prompts import BOXED
from cotpress.records import Trace
from cotpress.verbs import progress
from cotpress.verbs.common import make, say


def import_(
    *source: str,
    out: Path,
    question: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    reasoning: str = "",
    completion: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    messages: str = "",
    answer: str = "",
    conclusion: str = "",
    system: str = "",
    verdict: str = "",
    id: str = "",
    task: str = "import",
    instruction: str = BOXED,
    model: str = "",
    model_name: str = "import",
    holdout: float = 0.0,
    holdout_seed: int = 0,
    skip: int = 0,
    limit: int | None = None,
) -> None:
    """Read your own traces: of files or the hub, in columns or chats, with or without think tags.

    Example: cotpress import mine.jsonl --question problem --answer answer --out traces.jsonl

    Columns that are not named are guessed by well-known names and by what they hold, and the guess
    is said. A column may be a dotted path, such as extra.cot, choices.0.message or
    messages.-1.content, and leads on into JSON text.

    Parameters
    ----------
    source
        Your rows: files, folders or globs of JSON Lines, JSON, CSV, Parquet or Arrow, packed or
        not; or hub:OWNER/NAME,config=…,split=…,revision=…, which is streamed. Traces that cotpress
        wrote come in as they are.
    out
        Where the traces go.
    question
        Column of the question: text, or a chat that ends with it. Of several columns, those that
        hold text are joined by a line break (alpaca's instruction and input).
    reasoning
        Column of the reasoning alone, taken as it is; its conclusion is another column, or stands
        at its end, or is made from the answer.
    completion
        Column of whole completions, or of lists of them (one trace each), in the marks of any known
        family; several columns are a sample each.
    messages
        Column of chats that end with the reply: OpenAI messages or ShareGPT conversations. Only the
        reasoning of the last turn is taken, what comes before is carried along.
    answer
        Column of the reference answer, bare or in a worked solution.
    conclusion
        Column of the final answer as the model worded it.
    system
        Column of the system turn, when it is not a turn of a chat.
    verdict
        Column that says whether the completion is right, which then is its grade: true or false, 1
        or 0, yes or no, correct or incorrect, or a number between 0 and 1, of which 0.5 and more is
        right; null leaves it ungraded.
    id
        Column that names the problem; without it, a hash of the question.
    task
        What the traces' task is called.
    instruction
        What to ask of the model before every question, in training and ever after; the default is
        that of the task jsonl, and nothing where a chat has a system turn or asks for a box.
    model
        In whose tokens to count lengths (see `cotpress ls`); without it they are counted in words
        and symbols.
    model_name
        Who wrote the traces.
    holdout
        Share of the problems to hold out, for eval: their traces go to NAME.heldout.jsonl beside
        the others. Which ones, a hash of the question says, so that a problem is on one side with
        all its samples and stays there when rows are added.
    holdout_seed
        Of that choice.
    skip
        Leave out this many of the other problems, from the first on.
    limit
        How many of the other problems to take; default: all.
    """
    parts = Parts(holdout, holdout_seed, skip, limit)
    named = Columns(
        question=_named(question),
        reasoning=reasoning,
        completion=_named(completion),
        messages=messages,
        answer=answer,
        conclusion=conclusion,
        system=system,
        verdict=verdict,
        id=id,
    )
    where = _found(source)
    rows = _rows(where)
    head = list(islice(rows, HEAD))
    if not head:
        raise CotpressError(f"{where.name} holds no rows.")
    own = is_own(head[0])
    columns = _own_columns(named, where.name) if own else find_columns(head, named)
    guessed = {name: path for name, path in asdict(columns).items() if path != getattr(named, name)}
    if guessed:
        say(
            "import: guessed "
            + ", ".join(f"--{name} {' '.join(paths(of))}" for name, of in guessed.items() if of)
        )
    counter = models.load(model) if model and not own else None
    count = _counting(counter)
    if not (model or own):
        say("import: no --model given, so lengths are word counts here; `score` counts real tokens")

    def traces(rows: Iterable[Row], dropped: Counter[str], notes: Counter[str]) -> Iterator[Trace]:
        if own:
            return own_traces(rows, dropped)
        return import_traces(
            rows,
            columns,
            count=count,
            task=task,
            model=model_name,
            instruction=instruction,
            dropped=dropped,
            noted=notes,
        )

    options = {
        **asdict(columns),
        "task": task,
        "instruction": instruction,
        "model": model,
        "model_name": model_name,
    }
    options |= {"holdout": holdout, "holdout_seed": holdout_seed} if holdout else {}
    write = partial(
        make,
        record=Trace,
        verb="import",
        inputs={"file": where.content},
        identity={"model": counter.identity} if counter else {},
    )
    lengths = "as they were" if own else f"tokens of {model}" if model else "words and symbols"
    if holdout:
        write(
            held_out_path(out),
            stage=lambda items, dropped: parts.held_out(
                traces(items, Counter(), Counter()), dropped
            ),
            items=chain(head, rows),
            options=options | {"part": "held out"},
            extra={"lengths_in": lengths},
        )
        rows = islice(_rows(where), len(head), None)
    notes: Counter[str] = Counter()
    write(
        out,
        stage=lambda items, dropped: parts.taught(traces(items, dropped, notes), dropped),
        items=chain(head, rows),
        options=options | ({"skip": skip} if skip else {}) | ({"limit": limit} if limit else {}),
        extra={"lengths_in": lengths, "notes": notes},
    )
    for note, times in notes.items():
        say(f"import: {times} trace{'s' if times > 1 else ''}: {note}")


def _own_columns(named: Columns, name: str) -> Columns:
    """No columns; `CotpressError` where some are named."""
    if named != Columns():
        raise CotpressError(
            f"{name} holds traces that cotpress wrote, whose fields are known: name no columns."
        )
    return named


def _rows(where: inputs.Several) -> Iterator[Row]:
    """The rows, with a word now and then on which of several files they are of."""
    said = time.monotonic()
    for source in where.sources:
        paths = source.paths if isinstance(source, inputs.Files) else ()
        if not paths:
            yield from (row.values for row in source.rows())
        for number, path in enumerate(paths, 1):
            if time.monotonic() - said >= progress.EVERY:
                said = time.monotonic()
                say(f"import: reading {path} ({number} of {len(paths)})")
            yield from (row.values for row in inputs.file_rows(path))


def _found(texts: Sequence[str]) -> inputs.Several:
    """What is to be read; says how many files that is, and what is passed over."""
    if not texts:
        raise CotpressError("import needs a file, a folder, a glob or hub:OWNER/NAME.")
    found = inputs.sources([str(text) for text in texts])
    for files in found:
        if not isinstance(files, inputs.Files):
            continue
        if len(files.paths) > 1 or files.passed_over:
            over = ", ".join(path.name for path in files.passed_over[:3])
            more = ", …" if len(files.passed_over) > 3 else ""
            passed = f", {len(files.passed_over)} passed over ({over}{more})" if over else ""
            say(f"import: {len(files.paths)} files of rows{passed}")
        if len(splits := files.splits()) > 1:
            say(
                f"import: the files are of several splits ({', '.join(splits)}), and all are "
                "read: name those of one to keep them apart"
            )
    return inputs.Several(tuple(found))


def _named(columns: list[str] | None) -> str | tuple[str, ...]:
    """The columns of an option: one as it is, several together, none as nothing."""
    several = tuple(columns or ())
    return several[0] if len(several) == 1 else several or ""


def _counting(model: models.Model | None) -> Callable[[str], int]:
    return (lambda text: len(model.token_ends([text])[0])) if model else count_words
