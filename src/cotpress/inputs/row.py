"""One row of a stranger's file, and how long it may be."""

import os
from dataclasses import dataclass
from typing import Any

from cotpress.errors import BadRecord, CotpressError

VARIABLE = "COTPRESS_MAX_ROW_MB"
"""The environment variable that sets the bound."""


def _bound() -> int:
    said = os.environ.get(VARIABLE, "64")
    if not said.isdecimal() or not 1 <= int(said) <= 2048:
        raise CotpressError(f"{VARIABLE} is {said!r}: write a number of megabytes, 1 to 2048.")
    return int(said) << 20


MAX_ROW = _bound()
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
        f"take it out, split it into rows of their own, or allow more with {VARIABLE}=N."
    )
