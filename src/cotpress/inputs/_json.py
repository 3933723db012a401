"""Rows of JSON in any of its forms, and JSON Lines: one object a line.

Python's parser reads what users have and JSON forbids: NaN in a column that is not read, half a
character, whole numbers of any length.
"""

import json
from collections.abc import Iterator
from typing import BinaryIO

from cotpress.errors import BadRecord
from cotpress.inputs._document import (
    PIECE,
    document_rows,
    is_cut_short,
    leads_to_rows,
    only_list,
    row_of,
    too_deep,
)
from cotpress.inputs.row import MAX_ROW, Row, too_long
from cotpress.jsonl import BYTE_ORDER_MARK


def json_rows(file: BinaryIO, path: str, head: bytes) -> Iterator[Row]:
    """The rows of a JSON file in any of its forms; `head` is how it begins, at least `PIECE` bytes
    of it or all.
    """
    return document_rows(file, path) if is_document(head) else line_rows(file, path)


def is_document(head: bytes) -> bool:
    """Whether a file is not one object per line."""
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"["):
        return True
    if not text.startswith(b"{"):
        return False
    line, newline, rest = text.partition(b"\n")
    whole = len(head) < PIECE
    try:
        first = json.loads(line)
    except json.JSONDecodeError as error:
        if newline or whole:  # an object that goes on in the next line
            return bool(newline) and is_cut_short(error, len(error.doc.rstrip()))
        return leads_to_rows(text)
    except (ValueError, RecursionError):
        return False
    alone = whole and not rest.strip() and isinstance(first, dict)
    return alone and (leads_to_rows(text) or bool(only_list(first)))


def line_rows(file: BinaryIO, path: str) -> Iterator[Row]:
    """The objects of a JSON Lines file; `BadRecord` names the line that is none.

    Lines end at `\\n` only: GSM8K holds a U+2028.
    """
    number = 0
    while line := file.readline(MAX_ROW + 1):
        number += 1
        where = f"{path}:{number}"
        if len(line) > MAX_ROW:
            raise too_long(where)
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except RecursionError as error:
            raise too_deep(where) from error
        except ValueError as error:
            cure = (
                " (one JSON object per line was expected; a table is called .csv or .tsv)"
                if number == 1
                else ""
            )
            raise BadRecord(f"{where}: not JSON: {error}{cure}.") from error
        yield row_of(value, where)
