"""Rows of JSON that spans lines, or stands in one: an array of objects, an object around a list of
them, pretty-printed objects one after another; a piece of the file in memory at a time.
"""

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from cotpress.errors import BadRecord
from cotpress.inputs.row import MAX_ROW, Row, too_long

PIECE = 1 << 20
"""Bytes that are read at a time, as long as a row fits in."""

LISTS = (
    *("data", "rows", "examples", "instances", "records", "items"),
    *("questions", "problems", "train", "test", "validation"),
)
"""Names of the list in an object that is a whole file."""

BLANK = re.compile(r"[ \t\r\n]*")
OPENS_A_LIST = re.compile(r"\[[ \t\r\n]*(\{|\]|$)")

UNFINISHED = 16
"""Characters from the end of a piece within which an error may be that more is to come."""

DECODER = json.JSONDecoder()


def document_rows(file: BinaryIO, path: str) -> Iterator[Row]:
    """The rows of a file of arrays and objects that span lines, numbered in their order."""
    text, number = _Text(file, path), 0
    while char := text.peek():
        values = _list(text) if char == "[" else _object(text) if char == "{" else None
        if values is None:
            raise text.bad("an object or a list was expected")
        for value in values:
            number += 1
            yield row_of(_served(value), f"{path}, row {number}")


def leads_to_rows(head: bytes) -> bool:
    """Whether the object that begins here is one around a list of rows."""
    text = _Text(io.BytesIO(head), "")
    try:
        text.take("{")
        while True:
            key = text.value()
            text.take(":")
            text.peek()
            if key in LISTS and text.opens_rows():
                return True
            text.value()
            text.take(",")
    except BadRecord:
        return False


class _Text:
    """The text of a file, of which only what is being read is held."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.file, self.path = file, path
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.text, self.at = "", 0
        self.line = 1
        """The line in which `text` begins."""
        self.ended = False

    def more(self) -> None:
        """Read on, and let go of what was used."""
        self.line += self.text.count("\n", 0, self.at)
        self.text, self.at = self.text[self.at :], 0
        if len(self.text) > MAX_ROW:
            raise too_long(f"{self.path}:{self.line}")
        held = len(self.text)
        piece = self.file.read(max(PIECE, min(held, MAX_ROW - held)))
        self.ended = not piece
        try:
            self.text += self.decoder.decode(piece, self.ended)
        except UnicodeDecodeError as error:
            line = self.line + self.text.count("\n") + piece.count(b"\n", 0, error.start)
            raise BadRecord(
                f"{self.path}:{line}: not UTF-8: {error.reason}: "
                "mend the character, or write the file again as UTF-8."
            ) from error

    def peek(self) -> str:
        """The next character that is not blank, where reading then stands; empty at the end."""
        while True:
            self.at = BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if self.ended:
                return ""
            self.more()

    def take(self, wanted: str) -> str:
        """The next character, which must be one of those that are wanted."""
        char = self.peek()
        if not char or char not in wanted:
            raise self.bad(f"{' or '.join(wanted)} was expected, not {char or 'the end'}")
        self.at += 1
        return char

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                if self.ended or not is_cut_short(error, len(self.text)):
                    raise self.bad(error.msg, error.pos) from error
            except RecursionError as error:
                raise too_deep(self.where()) from error
            else:
                if end < len(self.text) or self.ended:
                    if end - self.at > MAX_ROW:
                        raise too_long(self.where())
                    self.at = end
                    return value
            self.more()

    def opens_rows(self) -> bool:
        """Whether a list of objects, or an empty one, begins here."""
        while True:
            found = OPENS_A_LIST.match(self.text, self.at)
            if not found or found[1] or self.ended:
                return bool(found)
            self.more()

    def where(self, at: int | None = None) -> str:
        """File and line."""
        return (
            f"{self.path}:{self.line + self.text.count(chr(10), 0, self.at if at is None else at)}"
        )

    def bad(self, why: str, at: int | None = None) -> BadRecord:
        """What to raise where this is not JSON."""
        return BadRecord(f"{self.where(at)}: not JSON: {why}.")


def _list(text: _Text) -> Iterator[Any]:
    """The values of the list that begins here."""
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return


def _object(text: _Text) -> Iterator[Any]:
    """The values of the one list in the object that begins here; without one, the object itself."""
    text.take("{")
    fields: dict[str, Any] = {}
    held = ""
    while text.peek() != "}":
        if text.peek() != '"':
            raise text.bad("a name in quotes was expected")
        key = text.value()
        text.take(":")
        text.peek()
        if key in LISTS and text.opens_rows():
            if held:
                raise BadRecord(
                    f"{text.where()}: two lists of rows, {held} and {key}, in one file: "
                    "write each to a file of its own."
                )
            held = key
            yield from _list(text)
        else:
            fields[key] = text.value()
        if text.peek() != "}":
            text.take(",")
    text.take("}")
    if held and text.peek():
        raise text.bad(
            f"more follows the object around the list {held}: "
            "write one object per line, or the list alone"
        )
    if not held:
        yield from only_list(fields) or [fields]


def only_list(fields: dict[str, Any]) -> list[Any]:
    """The list of objects that is all there is in an object, and no chat; empty for any other."""
    value = next(iter(fields.values())) if len(fields) == 1 else None
    if not isinstance(value, list):
        return []
    chat = {"role", "from"}
    return value if all(isinstance(one, dict) and not chat & one.keys() for one in value) else []


def _served(value: Any) -> Any:
    """A row out of what the data sets server puts around it."""
    around = isinstance(value, dict) and {"row_idx", "row"} <= value.keys()
    return value["row"] if around else value


def row_of(value: Any, where: str) -> Row:
    """A value as a row; `BadRecord` where it is not an object."""
    if not isinstance(value, dict):
        raise BadRecord(f"{where}: not a row: an object was expected, not {type(value).__name__}.")
    return Row(value, where)


def is_cut_short(error: json.JSONDecodeError, length: int) -> bool:
    """Whether an error in a text of that length may be that more is to come."""
    return error.msg.startswith("Unterminated string") or error.pos >= length - UNFINISHED


def too_deep(where: str) -> BadRecord:
    """What to raise for JSON that is nested deeper than Python's parser goes."""
    return BadRecord(f"{where}: not JSON that can be read: nested too deep (recursion).")
