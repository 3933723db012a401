"""Rows of CSV and TSV: a header, then as many fields a row as it has; quoted fields may hold lines
and be long.
"""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from cotpress.errors import BadRecord
from cotpress.inputs.row import MAX_ROW, Row, too_long

DELIMITERS = ",\t;"
"""The likelier first; the header says which it is."""


def csv_rows(file: BinaryIO, path: str) -> Iterator[Row]:
    """The rows of a table, all values as text; `BadRecord` names the line that does not fit."""
    csv.field_size_limit(MAX_ROW)
    lines = _Lines(file, path)
    first = next(lines, "")
    reader = csv.reader(
        _again(first, lines), delimiter=max(DELIMITERS, key=first.count), strict=True
    )
    header: list[str] = []
    try:
        for fields in reader:
            lines.held = 0
            where = f"{path}:{reader.line_num}"
            if not fields:
                continue
            if not header:
                header = _header(fields, where)
                continue
            if len(fields) != len(header):
                raise BadRecord(
                    f"{where}: {len(fields)} fields where the header names {len(header)}: "
                    "mend the row, or quote what holds the delimiter."
                )
            yield Row(dict(zip(header, fields, strict=True)), where)
    except csv.Error as error:
        raise BadRecord(f"{path}:{reader.line_num}: not CSV: {error}.") from error


class _Lines:
    """The lines of a table, of which no row holds too many."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        self.path, self.number = path, 0
        self.held = 0
        """Characters since the last whole row."""

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        self.number += 1
        where = f"{self.path}:{self.number}"
        try:
            line = self.text.readline(MAX_ROW + 1)
        except UnicodeDecodeError as error:
            raise BadRecord(
                f"{where}: not UTF-8 here or soon after: {error.reason}: "
                "write the file again as UTF-8 (iconv -f LATIN1 -t UTF-8)."
            ) from error
        self.held += len(line)
        if self.held > MAX_ROW:
            raise too_long(where)
        if not line:
            raise StopIteration
        return line


def _again(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _header(fields: list[str], where: str) -> list[str]:
    """The names of the columns, each once."""
    names = [name.strip() for name in fields]
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise BadRecord(f"{where}: the header names {', '.join(map(repr, again))} twice.")
    return names
