"""Rows of several evaluations in one report: what was judged twice stands there once."""

from make import make_row

from cotpress.report.rows import in_order


def test_an_original_that_several_evaluations_judged_stands_there_once() -> None:
    rows = [
        make_row("original", None, seconds_per_problem=0.5),
        make_row("tokenskip", 0.5, model="a"),
        make_row("original", None, seconds_per_problem=0.7),
        make_row("tokenskip", 0.5, model="b"),
    ]
    assert [row.model for row in in_order(rows)] == ["tiny", "a", "b"]
    assert in_order(rows)[0].seconds_per_problem == 0.5


def test_originals_that_differ_and_methods_that_differ_in_time_alone_all_stand_there() -> None:
    rows = [
        make_row("original", None, accuracy=0.9),
        make_row("original", None, accuracy=0.8),
        make_row("tokenskip", 0.5, seconds_per_problem=0.1),
        make_row("tokenskip", 0.5, seconds_per_problem=0.2),
    ]
    assert len(in_order(rows)) == 4
