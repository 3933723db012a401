"""Rows of several evaluations in one report: what was judged twice stands there once."""

from make import make_row
from test_report import ORIGIN

from cotpress.records import Asked, EvalRow, Setting
from cotpress.report import screen
from cotpress.report.figures import accuracy_figure, ratio_figure, spent_figure
from cotpress.report.page import make_report
from cotpress.report.rows import in_order, series
from cotpress.report.sections.accuracy import section
from cotpress.report.table import setting, table


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


def test_tokens_spent_stand_against_the_budgets_that_were_asked_for_and_nothing_else() -> None:
    forced = Setting(model="tiny", method="budget-forcing", asked=Asked(budget=60))
    rows = [
        make_row("original", None),
        make_row("tokenskip", 0.5),
        make_row(setting=forced, mean_tokens=60.0),
    ]
    assert spent_figure(series(in_order(rows))) is None
    spent = {"mean_tokens_low": 66.0, "mean_tokens_high": 75.0, "asked_error": 0.21}
    rows += [
        make_row(setting=told(60), mean_tokens=70.0, **spent),
        make_row(setting=told(100), mean_tokens=130.0),
    ]
    figure = spent_figure(series(in_order(rows)))
    assert figure is not None
    (drawn,) = figure["data"]
    assert drawn["name"] == "tokenskip (budgets)"
    assert (drawn["x"], drawn["y"]) == ([100, 60], [130.0, 70.0])
    assert (drawn["error_y"]["array"], drawn["error_y"]["arrayminus"]) == ([0.0, 5.0], [0.0, 4.0])
    assert drawn["customdata"] == ["", "<br>21.0\u00a0% off"]
    for name, largest in (("xaxis", 100), ("yaxis", 130)):
        assert figure["layout"][name]["range"][1] > largest


def test_the_report_draws_budgets_only_where_they_were_asked_for() -> None:
    asked = [make_row("original", None), make_row(setting=told(60))]
    for rows, ids in ((asked, ["accuracy-0", "spent-0"]), (asked[:1], ["accuracy-0"])):
        found = section(make_report(rows, [], origin=ORIGIN))
        assert found is not None
        assert [drawn.id for drawn in found.parts[0].figures] == ids


def test_originals_that_differ_and_methods_that_differ_in_time_alone_all_stand_there() -> None:
    rows = [
        make_row("original", None, accuracy=0.9),
        make_row("original", None, accuracy=0.8),
        make_row("tokenskip", 0.5, seconds_per_problem=0.1),
        make_row("tokenskip", 0.5, seconds_per_problem=0.2),
    ]
    assert len(in_order(rows)) == 4


def blends(*asked: float) -> list[EvalRow]:
    return [
        make_row("original", None),
        *(
            make_row("blend", ratio, model="blend of base and q", blend=weight, mean_tokens=tokens)
            for ratio in asked
            for weight, tokens in ((0.25, 90.0), (0.5, 80.0), (0.75, 70.0))
        ),
    ]


def test_the_weights_of_a_blend_are_one_curve_and_named_beside_its_points() -> None:
    curves = series(in_order(blends(1.0)))
    assert [(one.label, len(one.rows)) for one in curves] == [("original", 1), ("blend", 3)]
    assert [row.blend for row in curves[1].rows] == [0.75, 0.5, 0.25]
    drawn = accuracy_figure(curves)["data"]
    assert [text for one in drawn for text in one["text"] if text] == ["0.75", "0.5", "0.25"]
    assert ratio_figure(curves) is None


def test_blends_that_were_asked_for_several_ratios_are_a_curve_for_each() -> None:
    curves = series(in_order(blends(1.0, 0.5)))
    assert [(one.label, len(one.rows)) for one in curves] == [
        ("original", 1),
        ("blend (nothing asked)", 3),
        ("blend (asked 0.5)", 3),
    ]


def test_the_weight_of_a_blend_stands_in_the_table_and_on_the_screen() -> None:
    rows = in_order(blends(0.5))
    found = table(rows)
    assert [line[found.titles.index("weight")] for line in found.lines] == [
        "–",
        "0.75",
        "0.5",
        "0.25",
    ]
    assert "weight" not in table([make_row()]).titles
    shown = list(screen.table(rows, "t").columns[0].cells)
    assert [str(cell) for cell in shown] == ["original", "blend 0.75", "blend 0.5", "blend 0.25"]
    assert setting(rows[1]) == " of weight 0.75 at 0.5"
