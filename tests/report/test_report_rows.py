"""Rows of several evaluations in one report: what was judged twice stands there once."""

from make import make_row

from cotpress.records import Asked, Setting
from cotpress.report.rows import in_order, series


def test_an_original_that_several_evaluations_judged_stands_there_once() -> None:
    rows = [
        make_row("original", None, seconds_per_problem=0.5),
        make_row("tokenskip", 0.5, model="a"),
        make_row("original", None, seconds_per_problem=0.7),
        make_row("tokenskip", 0.5, model="b"),
    ]
    assert [row.model for row in in_order(rows)] == ["tiny", "a", "b"]
    assert in_order(rows)[0].seconds_per_problem == 0.5


def told(budget: int) -> Setting:
    return Setting(model="runs/model", method="tokenskip", asked=Asked(budget=budget))


def test_ratios_and_budgets_of_one_model_are_two_curves_that_say_so() -> None:
    rows = [
        make_row("original", None),
        *(make_row("tokenskip", ratio) for ratio in (1.0, 0.5)),
        *(make_row(setting=told(budget)) for budget in (60, 100)),
    ]
    curves = series(in_order(rows))
    assert [curve.label for curve in curves] == [
        "original",
        "tokenskip (ratios)",
        "tokenskip (budgets)",
    ]
    assert [row.budget for row in curves[2].rows] == [100, 60]
    alone = series(in_order([rows[0], *rows[3:]]))
    assert [curve.label for curve in alone] == ["original", "tokenskip"]


def test_originals_that_differ_and_methods_that_differ_in_time_alone_all_stand_there() -> None:
    rows = [
        make_row("original", None, accuracy=0.9),
        make_row("original", None, accuracy=0.8),
        make_row("tokenskip", 0.5, seconds_per_problem=0.1),
        make_row("tokenskip", 0.5, seconds_per_problem=0.2),
    ]
    assert len(in_order(rows)) == 4
