"""The page on two scorers and on what was verified:
agreement, kinds, losses and ratios of a trace's own.
"""

import msgspec
import pytest
from make import make_scored
from test_report import ORIGIN, scored_trace, trace

from cotpress.pipeline.compress import compress
from cotpress.records import CompressedTrace, ScoredTrace, Verified
from cotpress.report import page as pages
from cotpress.report.scorers import KINDS, compare, kinds
from cotpress.report.sections.verified import chosen_figure, loss_figure
from cotpress.report.verified import survival


def scored(
    reasoning: str, importance: list[float], scorer: str = "a", number: int = 0
) -> ScoredTrace:
    return msgspec.structs.replace(
        make_scored(reasoning, importance, scorer=scorer), trace=trace(number, reasoning=reasoning)
    )


def test_each_character_is_a_number_an_operator_a_word_or_something_else() -> None:
    text = "so 3 x 4\n= \\frac{12}{1} (x-1)."
    by_kind = {
        kind: "".join(c for c, found in zip(text, kinds(text), strict=True) if found == kind)
        for kind in KINDS
    }
    assert by_kind["numbers"] == "341211"
    assert by_kind["words"] == "sofracx"
    assert by_kind["operators"] == "x=\\-"
    assert by_kind["other"] == "{}{}()."


def test_the_same_scores_agree_wholly_and_opposite_ones_not_at_all() -> None:
    one, same = scored("abc(){", [6, 5, 4, 3, 2, 1]), scored("abc(){", [6, 5, 4, 3, 2, 1], "b")
    other = scored("abc(){", [1, 2, 3, 4, 5, 6], "b")
    agree = {row.ratio: row for row in compare([one], [same]).rows}[0.5]
    differ = {row.ratio: row for row in compare([one], [other]).rows}[0.5]
    assert (agree.both, agree.kept) == (1.0, (0.5, 0.5))
    assert differ.both == 0.0
    assert differ.of_kind == {"words": (1.0, 0.0), "other": (0.0, 1.0)}


def test_what_both_keep_is_told_as_a_share_of_what_the_first_keeps() -> None:
    fine = scored("abcd", [4, 3, 2, 1], "b")
    coarse = msgspec.structs.replace(fine, scorer="a", ends=[3, 4], importance=[2, 1])
    agree = {row.ratio: row for row in compare([coarse], [fine]).rows}[0.5]
    assert agree.kept == (3 / 4, 2 / 4)
    assert agree.both == 2 / 3


def test_only_traces_of_both_are_compared_and_none_is_no_comparison() -> None:
    ours = [scored("ab", [1, 2], "a", number) for number in (1, 2, 3)]
    theirs = [scored("ab", [1, 2], "b", number) for number in (3, 4, 1)]
    assert compare(ours, theirs).n == 2
    assert compare(ours[:1], theirs[1:2]) is None


def verified(
    loss: float, ratio: float, number: int = 0, keep_answer: float | None = None
) -> CompressedTrace:
    (short,) = compress([scored_trace(number)], [ratio])
    found = Verified(reference="R", shortened=-1.0 - loss, full=-1.0, none=-9.0, n_tokens=5)
    return msgspec.structs.replace(
        short,
        cuts=[msgspec.structs.replace(short.cuts[0], verified=found)],
        keep_answer=keep_answer,
    )


def test_losses_are_drawn_by_ratio_and_chosen_ratios_only_where_there_are_any() -> None:
    found = survival(
        [
            verified(loss, ratio, number)
            for number, loss in enumerate((1.0, 2.0, 6.0))
            for ratio in (0.5, 0.8)
        ]
    )
    (line,) = loss_figure(found)["data"]
    assert (line["x"], line["y"]) == ([0.5, 0.8], [2.0, 2.0])
    assert chosen_figure(found) is None
    chosen = survival(
        [verified(0.1, 0.5, 0, 0.5), verified(0.2, 0.8, 1, 0.5), verified(0.3, 0.8, 2, 0.5)]
    )
    (bar,) = chosen_figure(chosen)["data"]
    assert (bar["x"], bar["y"]) == (["0.5", "0.8"], [1, 2])


def test_a_page_of_two_scorers_needs_no_evaluation_and_shows_likelihoods_losses_and_the_chosen_ratio() -> (
    None
):
    pytest.importorskip("jinja2")
    one = scored_trace(0)
    n = len(one.ends)
    one = msgspec.structs.replace(one, given=[-0.5] * n, alone=[-2.25] * n)
    other = msgspec.structs.replace(
        one, scorer="second scorer", importance=one.importance[::-1], given=None, alone=None
    )
    told = pages.make_report(
        [],
        [],
        [one],
        other=[other],
        comparison=compare([one], [other]),
        verified=[verified(0.1, 0.5, 0, 0.5)],
        origin=ORIGIN,
    )
    (example,) = told.examples.shown
    assert example.tokens.given[0] - example.tokens.alone[0] == 1.75
    assert (example.tokens.losses, example.tokens.chosen) == ([(0.5, 0.1)], 0.5)
    assert example.other.scorer == "second scorer"
    page = pages.as_html(told)
    assert "<title>Two scorers on the same traces</title>" in page
    assert all(f'id="{place}"' in page for place in ("loss", "chosen", "comparison", "second"))
    assert "| ratio | kept by both |" in pages.as_markdown(told)
    assert msgspec.json.decode(pages.as_json(told))["comparison"]["n"] == 1
