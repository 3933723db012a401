"""`cotpress import`: the user's own traces, from files of any kind or from the hub."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cotpress import inputs, models
from cotpress.errors import CotpressError
from cotpress.pipeline.importing import Columns, Row, count_words, find_columns, import_traces
from cotpress.pipeline.importing.head import paths
from cotpress.prompts import BOXED
from cotpress.records import Trace
from cotpress.verbs.common import PLAIN_SECONDS, make, say

HEAD = 100
"""Rows that are looked at before the columns are settled: an
optional column may be missing from the first ones.
"""


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
        not; or hub:OWNER/NAME,config=…,split=…,revision=…, which is streamed.
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
        Column of the system turn, where it is no turn of a chat.
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
    """
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
    columns = find_columns(head, named)
    guessed = {name: path for name, path in asdict(columns).items() if path != getattr(named, name)}
    if guessed:
        say(
            "import: guessed "
            + ", ".join(f"--{name} {' '.join(paths(of))}" for name, of in guessed.items() if of)
        )
    counter = models.load(model) if model else None
    count = _counting(counter)
    if not model:
        say(
            "import: lengths are counted in words and symbols, for want of "
            "--model; score counts the target's tokens anyway"
        )
    notes: Counter[str] = Counter()
    make(
        out,
        Trace,
        lambda items, dropped: import_traces(
            items,
            columns,
            count=count,
            task=task,
            model=model_name,
            instruction=instruction,
            dropped=dropped,
            notes=notes,
        ),
        chain(head, rows),
        verb="import",
        options={
            **asdict(columns),
            "task": task,
            "instruction": instruction,
            "model": model,
            "model_name": model_name,
        },
        inputs={"file": where.content},
        identity={"model": counter.identity} if counter else {},
        extra={
            "lengths_in": f"tokens of {model}" if model else "words and symbols",
            "notes": notes,
        },
    )
    for note, times in notes.items():
        say(f"import: {times} traces: {note}")


def _rows(where: inputs.Several) -> Iterator[Row]:
    """The rows, with a word now and then on which of several files they are of."""
    said = time.monotonic()
    for source in where.sources:
        paths = source.paths if isinstance(source, inputs.Files) else ()
        if not paths:
            yield from (row.values for row in source.rows())
        for number, path in enumerate(paths, 1):
            if time.monotonic() - said >= PLAIN_SECONDS:
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
