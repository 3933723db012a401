"""`cotpress import`: the user's own traces, from JSON Lines or Parquet."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cotpress import models, plugins, storage
from cotpress.errors import BadRecord, CotpressError
from cotpress.pipeline.importing import Columns, Row, count_words, find_columns, import_traces
from cotpress.pipeline.importing.head import paths
from cotpress.prompts import BOXED
from cotpress.records import Trace
from cotpress.verbs.common import make, say

HEAD = 100
"""Rows that are looked at before the columns are settled: an
optional column may be missing from the first ones.
"""


def import_(
    file: Path,
    /,
    *,
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
    """Read your own traces: JSON Lines or Parquet, in columns or chats, with or without think tags.

    Example: cotpress import mine.jsonl --question problem --answer answer --out traces.jsonl

    Columns that are not named are guessed by well-known names and by what they hold, and the guess
    is said. A column may be a dotted path, such as extra.cot, choices.0.message or
    messages.-1.content, and leads on into JSON text.

    Parameters
    ----------
    file
        Your rows: one JSON object per line, or a .parquet file.
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
    content = storage.hash_file(file)
    rows = rows_of(file)
    head = list(islice(rows, HEAD))
    if not head:
        raise CotpressError(f"{file} holds no rows.")
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
            "file": content,
            **asdict(columns),
            "task": task,
            "instruction": instruction,
            "model": model,
            "model_name": model_name,
        },
        identity={"model": counter.identity} if counter else {},
        extra={
            "lengths_in": f"tokens of {model}" if model else "words and symbols",
            "notes": notes,
        },
    )
    for note, times in notes.items():
        say(f"import: {times} traces: {note}")


PACKED = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"PK\x03\x04": "unzip"}
"""How packed files begin, and what unpacks them."""


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file, of whichever kind its first bytes say it is."""
    with path.open("rb") as file:
        head = file.read(4)
    if path.suffix == ".parquet" or head.startswith(b"PAR1"):
        return parquet_rows(path)
    for magic, unpack in PACKED.items():
        if head.startswith(magic):
            raise CotpressError(f"{path} is packed: unpack it first, with {unpack} {path}.")
    return json_rows(path)


def json_rows(path: Path) -> Iterator[Row]:
    """The objects of a JSON Lines file; `BadRecord` names the line that is none.

    Python's parser reads what users have and JSON forbids: NaN in a column nobody asked for, half a
    character.
    """
    for number, line in storage.lines(path):
        if number == 1 and line.lstrip().startswith(b"["):
            raise CotpressError(
                f"{path} is one JSON array: write one object per line, as jq -c '.[]' {path} does."
            )
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            cure = " (one JSON object per line was expected, or Parquet)." if number == 1 else ""
            raise BadRecord(f"{path}:{number}: not JSON: {error}{cure}") from error
        if not isinstance(row, dict):
            raise BadRecord(
                f"{path}:{number}: not a row: an object was expected, not {type(row).__name__}."
            )
        yield row


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, a batch in memory at a time."""
    arrow, parquet = (
        plugins.require(name, "reading Parquet") for name in ("pyarrow", "pyarrow.parquet")
    )
    try:
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=HEAD):
            yield from batch.to_pylist()
    except arrow.ArrowInvalid as error:
        raise BadRecord(f"{path}: not a Parquet file: {error}") from error


def _named(columns: list[str] | None) -> str | tuple[str, ...]:
    """The columns of an option: one as it is, several together, none as nothing."""
    several = tuple(columns or ())
    return several[0] if len(several) == 1 else several or ""


def _counting(model: models.Model | None) -> Callable[[str], int]:
    return (lambda text: len(model.token_ends([text])[0])) if model else count_words
