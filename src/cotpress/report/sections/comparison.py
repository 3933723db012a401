"""Two scorers on the same traces: what both keep, and which kinds of tokens each prefers."""

from cotpress.report.sections import Grid, Part, Section
from cotpress.report.table import Table, percent
from cotpress.report.told import Report

PLACE = 40


def section(told: Report) -> Section | None:
    """None where two scorers are not compared."""
    found = told.comparison
    if found is None:
        return None
    title = f"Two scorers: {' and '.join(found.scorers)}"
    kinds = list(found.rows[0].of_kind)
    titles = ["ratio", "kept by both", "by chance", *(f"{kind}: first, second" for kind in kinds)]
    lines = [
        [f"{one.ratio:g}", percent(one.both), percent(one.kept[1])]
        + [f"{percent(one.of_kind[kind][0])}, {percent(one.of_kind[kind][1])}" for kind in kinds]
        for one in found.rows
    ]
    how = (
        f"First: {found.scorers[0]}; second: {found.scorers[1]}, on {found.n} "
        "traces, in characters other than blanks. Kept by "
        "both: of what the first keeps, the share that the second keeps too; by "
        "chance it would be the share that the second "
        "keeps of everything. Then the share of numbers, operators, "
        "words and the rest that each keeps."
    )
    table = Table(titles, [False] * len(titles), lines)
    return Section(
        "comparison",
        title,
        (Part("", (how,), (), Grid("What both keep, by ratio.", table)),),
        found,
    )
