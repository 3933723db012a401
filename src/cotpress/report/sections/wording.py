"""Is there a rule in what a scorer cuts, which a model could learn from the words?"""

from cotpress.report.sections import Grid, Part, Section
from cotpress.report.table import Table, percent
from cotpress.report.told import Report

PLACE = 41

HOW = (
    "What a model can learn of a cut is what shows in the words. Whether a token (or a step) is "
    "kept is guessed from those of other traces with the same wording; numbers count as alike, and "
    "so do words of the question that few questions have. The share is how much of the uncertainty "
    "that takes away: at 0 % a reader cannot tell what was dropped, at 100 % the words say it. At "
    "random: a cut at random under the same protection. A scorer near it leaves little to learn."
)


def section(told: Report) -> Section | None:
    """None where no scores are shown, or too few."""
    if not told.wordings:
        return None
    titles = ["scorer", "unit", "ratio", "told by the wording", "at random", "traces"]
    lines = [
        [
            one.scorer,
            one.unit,
            f"{row.ratio:g}",
            percent(row.told),
            percent(row.by_chance),
            f"{one.n:,}",
        ]
        for one in told.wordings
        for row in one.rows
    ]
    table = Table(titles, [True, True, *[False] * 4], lines)
    grid = Grid("What the wording tells of the cut, by ratio.", table)
    return Section(
        "wording", "Is there a rule to learn?", (Part("", (HOW,), (), grid),), told.wordings
    )
