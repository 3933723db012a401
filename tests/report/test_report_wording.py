"""What the wording tells of a cut, from a rule to chance, and what the page says of it."""

from random import Random

import msgspec
import pytest
from make import make_problem, make_scored
from test_report import ORIGIN

from cotpress.pipeline.segmenting import Rules
from cotpress.records import ScoredTrace
from cotpress.report import page as pages
from cotpress.report.wording import (
    FEWEST,
    Unit,
    guessed,
    told,
    units,
    wording_of,
)

TEXTS = [" then", " so", " it", " is", " that", " we", " have", " more"]


def found(keeps, traces: int = 60) -> list[Unit]:
    """Units of so many traces, each with the wordings a and b, kept as `keeps(wording)` says."""
    return [
        Unit(trace, 0.5 * half, wording, keeps(wording))
        for trace in range(traces)
        for half, wording in enumerate("ab")
    ]


def scored(importance, traces: int = 60) -> list[ScoredTrace]:
    """Traces of the same tokens, with an importance each."""
    return [
        make_scored(TEXTS, importance(trace), scorer="s", problem=make_problem(f"{trace}"))
        for trace in range(traces)
    ]


def test_a_cut_that_follows_the_wording_is_told_nearly_wholly() -> None:
    assert told(found(lambda wording: wording == "a")) > 0.9


def test_a_cut_at_random_is_not_told() -> None:
    chance = Random(0)
    assert abs(told(found(lambda _: chance.random() < 0.5, traces=500))) < 0.02


@pytest.mark.parametrize("kept", [True, False])
def test_where_all_or_nothing_is_kept_there_is_nothing_to_tell(kept: bool) -> None:
    assert told(found(lambda _: kept)) == 0
    assert told([]) == 0


def test_a_wording_of_one_trace_tells_nothing() -> None:
    """Or long units, each with words of its own, would look like a rule."""
    all_units = found(lambda wording: wording == "a")
    assert {*guessed(all_units, [unit.trace for unit in all_units])} == {0.5}


def test_every_unit_of_every_trace_is_counted_where_it_begins() -> None:
    two = make_scored(["One two.", " Three four."], [2.0, 1.0])
    [all_units] = units([two, two, two], Rules("sentence", "none"), [0.5])
    assert [unit[:2] for unit in all_units] == [(i, at) for i in range(3) for at in (0, 0.5)]
    assert [(unit.wording, unit.kept) for unit in all_units[:2]] == [
        ("One two.", True),
        ("Three four.", False),
    ]


def test_a_scorer_with_a_rule_is_told_at_every_ratio_and_one_without_is_as_chance() -> None:
    ruled = wording_of(scored(lambda _: range(len(TEXTS))))
    assert [row.told > 0.8 > row.by_chance for row in ruled.rows] == [True] * 3
    chance = Random(0)
    drawn = wording_of(scored(lambda _: [chance.random() for _ in TEXTS], traces=300))
    assert all(abs(row.told - row.by_chance) < 0.05 for row in drawn.rows)


def test_the_cut_is_made_by_the_rules_that_are_named() -> None:
    texts = [" So it is.", " But we add.", " Now it is."]
    traces = [
        make_scored(texts, [3.0, 1.0, 2.0], problem=make_problem(f"{n}")) for n in range(FEWEST)
    ]
    assert wording_of(traces).unit == "number"
    ruled = wording_of(traces, Rules("sentence", "none"))
    assert (ruled.unit, ruled.n) == ("sentence", FEWEST)
    assert ruled.rows[1].told > 0.8


def test_too_few_traces_are_told_nothing_of() -> None:
    assert wording_of(scored(lambda _: range(len(TEXTS)), traces=FEWEST - 1)) is None


def test_no_more_traces_are_read_than_have_tokens_enough_but_never_too_few(monkeypatch) -> None:
    for tokens, n in ((0, FEWEST), (len(TEXTS) * 30, 31)):
        monkeypatch.setattr("cotpress.report.wording.TOKENS", tokens)
        assert wording_of(iter(scored(lambda _: range(len(TEXTS))))).n == n


def test_the_page_and_its_figures_for_machines_have_a_line_for_each_ratio() -> None:
    rules = [wording_of(scored(lambda _: range(len(TEXTS))))]
    report = pages.make_report([], [], wordings=rules, origin=ORIGIN)
    assert "Is there a rule to learn?" in pages.as_html(report)
    data = msgspec.json.decode(pages.as_json(report))["wording"]
    assert [row["ratio"] for row in data[0]["rows"]] == [0.7, 0.5, 0.3]
    assert "told by the wording" in pages.as_markdown(report)
