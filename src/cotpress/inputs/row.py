"""One row of a stranger's file, and how long it may be."""

from dataclasses import dataclass
from typing import Any

from cotpress.errors import BadRecord

MAX_ROW = 64 << 20
"""Bytes of one row. A longer one is a mistake or a decompression bomb, and is refused before it
fills the memory.
"""


@dataclass(frozen=True)
class Row:
    """One line of a file or of a data set, and where it stands."""

    values: dict[str, Any]
    where: str

    def text(self, field: str) -> str:
        """A field as text; `BadRecord` names place and field, and lists the fields that there
        are.
        """
        if field not in self.values:
            raise BadRecord(
                f"{self.where}: no field {field!r}; fields there: "
                f"{', '.join(sorted(self.values)) or 'none'}."
            )
        value = self.values[field]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadRecord(
                f"{self.where}: expected text or a number, got {type(value).__name__} at {field}."
            )
        text = str(value)
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise BadRecord(
                f"{self.where}: half a character (a lone surrogate) at {field}: "
                "mend the text or take the row out."
            )
        return text


def too_long(where: str) -> BadRecord:
    """What to raise for a row that is longer than `MAX_ROW`."""
    return BadRecord(
        f"{where}: a row of more than {MAX_ROW >> 20} MiB, which is not read: "
        "take it out, or split it into rows of their own."
    )
