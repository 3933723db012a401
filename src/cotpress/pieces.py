"""A reasoning in pieces that a cut keeps or drops, for people: on a terminal, without colour, in a
notebook.
"""

import difflib
import html
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

SPLIT = (re.compile(r"\s*(?:\w+|[^\w\s])|\s+"), re.compile(r"\s|\w|[^\w\s]"))
"""Words with the space before them; where a cut divides those, characters."""
LONGEST = 20_000
"""Characters of a longer reasoning are not aligned, which takes quadratic time."""


class Piece(NamedTuple):
    """A part of a text, kept or dropped."""

    text: str
    kept: bool


def joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The same text, with neighbours of one fate as one piece."""
    return [
        Piece("".join(one.text for one in run), kept)
        for kept, run in groupby(pieces, key=lambda one: one.kept)
    ]


def aligned(whole: str, shorter: str) -> list[Piece]:
    """Which parts of `whole` a cut kept that left `shorter`, as well as two texts tell; of a text
    that is longer than `LONGEST`, or was not shortened by leaving out, the shorter one alone.
    """
    if len(whole) > LONGEST:
        return [Piece(shorter, True)]
    for split in SPLIT:
        before, after = split.findall(whole), split.findall(shorter)
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        found = matcher.get_opcodes()
        if all(kind in ("equal", "delete") for kind, *_ in found):
            return joined(
                Piece("".join(before[a:b]), kind == "equal") for kind, a, b, _, _ in found
            )
    return [Piece(shorter, True)]


def marked(pieces: Sequence[Piece]) -> str:
    """The text with what is dropped between `[-` and `-]`, as wdiff marks it."""
    return "".join(text if kept else f"[-{text}-]" for text, kept in pieces)


def in_html(title: str, *blocks: tuple[str, Sequence[Piece]]) -> str:
    """Named blocks for a notebook: what is dropped is struck out, and every text is escaped."""
    parts = [f"<div><b>{html.escape(title)}</b>"]
    for name, pieces in blocks:
        shown = "".join(
            html.escape(text)
            if kept
            else f'<del style="opacity:.55;color:#b42318">{html.escape(text)}</del>'
            for text, kept in pieces
        )
        parts.append(
            f'<div style="margin-top:.5em;opacity:.7">{html.escape(name)}</div>'
            f'<div style="white-space:pre-wrap">{shown}</div>'
        )
    return "".join([*parts, "</div>"])
