"""What the page tells of several answers, several runs, budgets, lengths and the parts of a task."""

import json
import re
from itertools import pairwise
from statistics import fmean, stdev

import msgspec
import pytest
from make import make_row, make_trace

from cotpress.evaluation.rows import rows as rows_of
from cotpress.records import Grade, Problem
from cotpress.report import page as pages
from cotpress.report.rows import in_order, named, original_of, series
from cotpress.report.sections import budgets, sections
from cotpress.report.sections.runs import spread
from cotpress.report.strips import WIDTH, strips
from cotpress.report.table import table
from cotpress.report.words import SEVERAL, footnotes, headline, measured, warnings

ORIGIN = pages.Origin("cotpress report", "0", "2026-01-01")


def evaluated(seed=0, *, k=2, levels=("level 1", "level 2"), task="plus"):
    """The rows of an evaluation of six problems; of the method the odd ones are wrong, and longer
    with each seed.
    """
    traces = []
    for method, ratio, tokens in (("original", None, 40), ("tokenskip", 0.5, 20 + seed)):
        for i in range(6):
            problem = Problem(
                id=str(i), question="?", answer="7", task=task, stratum=levels[i % len(levels)]
            )
            for sample in range(k):
                right = method == "original" or i % 2 == 0
                made = make_trace(
                    "So it is 7. Let me see. It is.",
                    method=method,
                    model="base" if method == "original" else "taught",
                    ratio=ratio,
                    sample=sample,
                    n_tokens=tokens + i,
                    grade=Grade(answer="7" if right else "8", correct=right, status="ok"),
                )
                traces.append(msgspec.structs.replace(made, problem=problem))
    return rows_of(traces, seed=seed)


def told(*found):
    return pages.make_report([row for rows in found for row in rows], [], origin=ORIGIN)


def grid(report, name):
    (section,) = [one for one in sections(report) if one.name == name]
    (part,) = section.parts
    found = part.grid.table
    return [dict(zip(found.titles, line, strict=True)) for line in found.lines]


def test_k_pass_and_vote_are_columns_only_where_problems_were_asked_several_times():
    (original, row) = evaluated()
    found = table([original, row])
    line = dict(zip(found.titles, found.lines[1], strict=True))
    assert (line["k"], line["pass@k"], line["maj@k"]) == ("2", "50.0\u00a0%", "50.0\u00a0%")
    assert "seed" not in line
    assert not {"k", "pass@k", "maj@k"} & set(table(evaluated(k=1)).titles)
    assert SEVERAL in footnotes([original, row])
    assert SEVERAL not in footnotes(evaluated(k=1))
    assert footnotes([]) == ()
    assert "plus (n = 6, 2 answers each)" in measured([original, row])


def test_runs_under_two_seeds_are_two_curves_and_each_has_the_original_of_its_seed():
    rows = in_order([*evaluated(1), *evaluated(0)])
    assert [name for name, _ in named(rows)] == [
        "original (seed 0)",
        "original (seed 1)",
        "tokenskip (seed 0) at 0.5",
        "tokenskip (seed 1) at 0.5",
    ]
    assert [row.seed for row in rows if original_of(row, rows).seed == row.seed] == [0, 1, 0, 1]
    found = table(rows)
    at = found.titles.index("seed")
    assert [line[at] for line in found.lines] == ["0", "1", "0", "1"]


def test_two_runs_under_one_seed_are_told_apart_and_one_run_read_twice_is_one():
    longer = [msgspec.structs.replace(row, mean_tokens=row.mean_tokens + 1) for row in evaluated()]
    assert [curve.label for curve in series(in_order([*evaluated(), *longer]))] == [
        "original (run 1)",
        "original (run 2)",
        "tokenskip (run 1)",
        "tokenskip (run 2)",
    ]
    assert len(in_order([*evaluated(), *evaluated()])) == 2


def test_several_runs_show_mean_and_spread_in_table_and_json():
    report = told(*map(evaluated, (0, 1, 5)))
    line = grid(report, "runs")[1]
    assert (line["method"], line["runs"], line["seeds"]) == ("tokenskip", "3", "0, 1, 5")
    assert line["reasoning tokens"] == "24.5\u00a0±\u00a02.6 [22.5–27.5]"
    assert line["accuracy, %"] == "50.0\u00a0±\u00a00.0 [50.0–50.0]"
    data = json.loads(pages.as_json(report))["runs"][1]
    assert data["setting"]["method"] == "tokenskip"
    assert data["seeds"] == [0, 1, 5]
    lengths = [22.5, 23.5, 27.5]
    assert data["mean_tokens"] == pytest.approx(
        {"mean": fmean(lengths), "sd": stdev(lengths), "min": 22.5, "max": 27.5}
    )
    assert spread([0.5, 0.7]).mean == pytest.approx(0.6)
    assert [section.name for section in sections(told(evaluated()))][:2] == ["accuracy", "budgets"]


def test_the_headline_is_about_the_first_run_and_says_what_all_of_them_give():
    found = headline(in_order([*evaluated(0), *evaluated(1)]))
    assert len(found) == 1
    assert "At its best, at ratio 0.5 the model reasons in" in found[0]
    assert "Over 2 runs the accuracy is 50.0\u00a0±\u00a00.0\u00a0%." in found[0]


def test_rows_that_the_token_limit_decided_come_before_anything_else():
    original, row = make_row("original", None, kept=1.0), make_row(truncated=0.44)
    first, *others = headline([original, row])
    assert first.replace("\u00a0", " ") == (
        "The token limit cut off more than 30 % of these answers, so that their figures tell about "
        "the limit; evaluate again with a larger --max-tokens: tokenskip at 0.6 (44.0 %)."
    )
    assert len(others) == 1
    assert headline([original, make_row(truncated=0.3)])[0].startswith("At ratio 0.6")


def test_answers_the_grader_gave_up_on_are_counted_out_of_all_answers():
    row = make_row(n=10, k=4, statuses={"timeout": 3}, accuracy_low=0.96)
    assert any("(3 of 40)" in sentence for sentence in warnings([row]))


def test_budgets_have_a_curve_an_area_and_the_scores_of_the_field():
    report = told(evaluated())
    first, second = grid(report, "budgets")
    assert (first["AES"], first["up to tokens"]) == ("+0.00", "45")
    assert second["method"] == "tokenskip at 0.5"
    row = report.rows[1]
    assert second["area"] == f"{row.budget_area:.3f}"
    assert second["OckScore"] == f"{row.ock_score:.1f}"
    figure = budgets.budget_figure(report.rows)
    assert [curve["name"] for curve in figure["data"]] == ["original", "tokenskip at 0.5"]
    for curve, row in zip(figure["data"], report.rows, strict=True):
        assert curve["y"][-1] == pytest.approx(100 * row.accuracy)
        assert all(low <= high for low, high in pairwise(curve["y"]))
    assert json.loads(pages.as_json(report))["rows"][1]["at_budget"] == report.rows[1].at_budget


def test_lengths_are_told_by_right_and_wrong_and_against_what_was_asked():
    _, line = grid(told(evaluated()), "lengths")
    assert line["right: tokens"] == "22 / 22 / 24"
    assert line["wrong: tokens"] == "23 / 23 / 25"
    assert line["longer than asked"] == "83.3\u00a0%"  # 20 + i tokens, asked for 20 + i / 2
    assert line["states the answer"] == "100.0\u00a0%"
    assert line["after the answer"] == "63.3\u00a0%"
    assert line["rest"] == "×\u00a01.00"


def test_the_parts_of_a_task_have_lines_of_their_own():
    found = grid(told(evaluated()), "strata")
    assert [(line["part"], line["method"], line["n"]) for line in found] == [
        ("level 1", "original", "3"),
        ("level 1", "tokenskip at 0.5", "3"),
        ("level 2", "original", "3"),
        ("level 2", "tokenskip at 0.5", "3"),
    ]
    assert found[1]["accuracy [95\u00a0%]"].startswith("100.0\u00a0%")
    assert found[3]["accuracy [95\u00a0%]"].startswith("0.0\u00a0%")
    assert "strata" not in [one.name for one in sections(told(evaluated(levels=("",))))]


def test_tasks_stand_apart_in_every_section():
    report = told(evaluated(), evaluated(task="minus"))
    for section in sections(report):
        if section.name != "runs":
            assert [part.title for part in section.parts] == ["minus", "plus"]


def test_a_page_of_all_this_is_made_and_holds_every_figure_once():
    pytest.importorskip("jinja2")
    report = told(evaluated(0), evaluated(1), evaluated(task="minus"))
    page = pages.as_html(report)
    ids = [d.id for s in sections(report) for part in s.parts for d in part.figures]
    assert len(ids) == len(set(ids))
    assert all(f'id="{one}"' in page for one in ids)


def test_rows_of_earlier_files_are_told_without_what_they_do_not_know():
    names = [section.name for section in sections(told([make_row("original", None), make_row()]))]
    assert names == ["accuracy"]


def test_lengths_are_told_as_distributions_beside_that_of_the_original():
    report = told(evaluated())
    (part,) = next(one for one in sections(report) if one.name == "lengths").parts
    original, taught = part.strips
    assert (original.label, original.outline) == ("original", "")
    assert taught.label == "tokenskip at 0.5"
    assert original.said == "half within 42, 90\u00a0% within 45"
    assert taught.said == "half within 22, 90\u00a0% within 25"
    assert {strip.ends for strip in part.strips} == {("0", "45 tokens")}
    assert heights(taught.bars) == [20.0, *[40.0] * 5]  # the first bar is two tokens wide
    assert 'role="img" aria-label="tokenskip at 0.5: half within 22, 90' in pages.as_html(report)


def heights(path):
    """Of the bars of a strip; its own highest bar is 40 high."""
    return [40 - float(top) for top in re.findall(r"V([\d.]+)H", path)]


def test_answers_longer_than_the_originals_have_a_bar_of_their_own():
    original, row = evaluated()
    longer = msgspec.structs.replace(row, within_budget=[0.5 * one for one in row.within_budget])
    first, second = strips([original, longer])
    assert first.ends == second.ends == ("0", "over 45 tokens")
    assert first.width == second.width > WIDTH
    assert len(heights(second.bars)) == len(heights(strips([row])[0].bars)) + 1
    assert second.said == "half within 25, 90\u00a0% over 45"


def test_rows_of_earlier_versions_have_no_distribution():
    old = [msgspec.structs.replace(row, within_budget=[]) for row in evaluated()]
    (part,) = next(one for one in sections(told(old)) if one.name == "lengths").parts
    assert part.strips == ()
    assert "<svg" not in pages.as_html(told(old)).partition("<script")[0]
