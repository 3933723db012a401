"""Rows as people have them: of files, folders, globs and data sets of the hub.

A file may hold JSON Lines, a JSON array, an object around one list of rows, pretty-printed objects,
CSV or TSV with a header, Parquet or Arrow; text may be packed with gzip, bzip2, xz or zstd. What it
is, is known by its content first and by its name second. Rows are streamed: memory holds one batch,
or one row, which has at most `MAX_ROW` bytes. What cannot be read is a `BadRecord` that names file
and place.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cotpress.inputs._files import Files as Files
from cotpress.inputs._files import file_rows as file_rows
from cotpress.inputs._files import find as find
from cotpress.inputs._files import merged
from cotpress.inputs._files import place as place
from cotpress.inputs._hub import Hub as Hub
from cotpress.inputs._hub import hub
from cotpress.inputs.row import MAX_ROW as MAX_ROW
from cotpress.inputs.row import Row as Row


class Source(Protocol):
    """Where rows come from."""

    @property
    def name(self) -> str:
        """The source as it was named."""
        ...

    def rows(self) -> Iterator[Row]:
        """Its rows, the same ones in the same order every time."""
        ...

    def content(self) -> str:
        """A short text that is another one where the rows are."""
        ...


@dataclass(frozen=True)
class Several:
    """Sources, read one after another."""

    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """Their names."""
        return " ".join(source.name for source in self.sources)

    def rows(self) -> Iterator[Row]:
        """The rows of all, in order."""
        for source in self.sources:
            yield from source.rows()

    def content(self) -> str:
        """A short hash of what each holds; that of the only one as it is."""
        if len(self.sources) == 1:
            return self.sources[0].content()
        parts = "\n".join(source.content() for source in self.sources)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def sources(texts: Sequence[str]) -> list[Source]:
    """What `PATH`, `FOLDER`, `'GLOB'` and `hub:OWNER/NAME,config=…,split=…` name: the files among
    them as one.
    """
    files = [find(text) for text in texts if not text.startswith("hub:")]
    data_sets: list[Source] = [hub(text) for text in texts if text.startswith("hub:")]
    return [*([merged(files)] if files else []), *data_sets]
