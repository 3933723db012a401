"""What a report tells, section by section: one file each, with `PLACE` and `section(told) ->
Section | None`.

The page, `report.json` and `report.md` loop over the sections; none knows any of them by name.
`PLACE` is where a section stands: those with lower numbers come first.
"""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cotpress.plugins import names
from cotpress.report.plotting import Figure
from cotpress.report.strips import Strip
from cotpress.report.table import MISS, Table
from cotpress.report.told import Report


@dataclass(frozen=True)
class Drawn:
    """A figure with what is said below it."""

    id: str
    """Unique on the page."""
    title: str
    caption: str
    alt: str
    """What it shows, for who cannot see it."""
    figure: Figure

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.figure["layout"]["height"])


@dataclass(frozen=True)
class Grid:
    """A table."""

    label: str
    table: Table
    long: bool = False
    """Whether it has many lines and scrolls by itself."""

    def folded(self) -> tuple[Table, list[str]]:
        """The table without the columns that say the same in every line, and what these say
        (`n 500`): on a page there is no room for what is not a difference.
        """
        columns = list(zip(*self.table.lines, strict=True))
        same = [
            len(cells) > 1 and len({*cells}) == 1 and place > 0
            for place, cells in enumerate(columns)
        ]
        kept = [place for place, alike in enumerate(same) if not alike]
        table = Table(
            [self.table.titles[i] for i in kept],
            [self.table.words[i] for i in kept],
            [[line[i] for i in kept] for line in self.table.lines],
        )
        said = [f"{self.table.titles[i]} {columns[i][0]}" for i, alike in enumerate(same) if alike]
        return table, said

    @staticmethod
    def missed(cell: str) -> bool:
        """Whether a cell says that something was missed."""
        return MISS in cell


@dataclass(frozen=True)
class Aside:
    """Something on the page alone: an example in lines."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Sentences, figures and a table; a section has one for each task, say."""

    title: str = ""
    """Empty: that of the section is enough."""
    sentences: tuple[str, ...] = ()
    figures: tuple[Drawn, ...] = ()
    grid: Grid | None = None
    asides: tuple[Aside, ...] = ()
    strips: tuple[Strip, ...] = ()
    """Distributions on one scale, between the figures and the table."""
    strips_say: str = ""
    """What is said below them."""


@dataclass(frozen=True)
class Section:
    """One thing that a report tells."""

    name: str
    """Where it stands on the page and in `report.json`."""
    title: str
    parts: tuple[Part, ...]
    data: Any = None
    """Its figures for machines; None: they are the rows, which are there in any case."""


def sections(told: Report) -> Iterator[Section]:
    """The sections for which the report has something to tell, in order."""
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names("report/sections")]
    for module in sorted(modules, key=lambda module: module.PLACE):
        if found := module.section(told):
            yield found
