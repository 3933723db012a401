import json
import math
import random
import re
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_row

from cotpress.pipeline.compress import compress, shared_rooms
from cotpress.pipeline.segmenting import Rules, segmented
from cotpress.records import (
    Asked,
    EvalRow,
    Grade,
    Percentile,
    Problem,
    ScoredTrace,
    Setting,
    Trace,
    Verified,
)
from cotpress.report import page as pages
from cotpress.report.examples import RATIOS, examples, tokens
from cotpress.report.figures import accuracy_figure, ratio_figure
from cotpress.report.rows import in_order, original_of, series
from cotpress.report.sections.verified import loss_figure
from cotpress.report.verified import survival
from cotpress.report.words import headline, warnings
from cotpress.shown import visible

ATTACK = "<script>document.documentElement.dataset.owned = 'yes'</script><img src=x onerror=\"document.title='owned'\">"

QUESTIONS = [
    "Natalia sold clips to 48 of her friends in April, and then she sold half "
    "as many clips in May. How many clips altogether?",
    "Weng earns $12 an hour for babysitting. Yesterday, she just "
    "did 50 minutes. How much did she earn?",
    "Betty needs $100 for a wallet and has half of it. Her parents give her "
    "$15, her grandparents twice that. What is missing?",
    "Convert $(0,3)$ to polar coordinates $(r,\\theta)$ with $r > "
    "0$ and $0 \\le \\theta < 2 \\pi.$",
]
REASONINGS = [
    "In April Natalia sold clips to 48 of her friends 🎉, so that is 48 "
    "clips.\nIn May she sold half as many as in April:\n"
    "48 / 2 = 24 clips.\nSo altogether, in April and in May, she sold 48 + 24 = 72 clips.",
    "First, let us think about how much Weng earns in one minute. An hour has "
    "60 minutes, therefore she earns 12 / 60 = $0.2 "
    "per minute.\r\nSince she worked for 50 minutes, she earned 0.2 x "
    "50 = $10, which is our final result.",
    f"In the beginning, Betty has only 100 / 2 = $50. {ATTACK}\n\nHer "
    "grandparents gave her 15 * 2 = $30.\n"
    "This means that Betty needs 100 - 50 - 30 - 15 = $5 more. \x1b[31m\u202egnorw\u202c هذا صحيح",
    "We have that $r = \\sqrt{0^2 + 3^2} = 3.$ Also, if we draw the line "
    "connecting the origin and $(0,3),$ this line makes an "
    "angle of $\\frac{\\pi}{2}$ with the positive $x$-axis, and 10³ is not needed.",
]
CONCLUSIONS = [
    "The answer is 72.",
    "The answer is $10.",
    f"The answer is 5. {ATTACK}",
    "$\\boxed{\\left( 3, \\frac{\\pi}{2} \\right)}$",
]
ANSWERS = ["72", "10", "5", "\\left( 3, \\frac{\\pi}{2} \\right)"]


def row(method="tokenskip", ratio=0.6, accuracy=0.976, length=66.2, **more):
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / 500) + 0.002
    facts = {
        "model": "tiny" if method in ("original", "truncation", "be-concise") else f"runs/{method}",
        "accuracy_low": max(accuracy - half, 0),
        "accuracy_high": min(accuracy + half, 1),
        "kept": length / 108.6,
        "kept_low": length / 108.6 - 0.012,
        "kept_high": length / 108.6 + 0.012,
        "seconds_per_problem": 0.021,
        "mean_total_tokens": length + 9.0,
        "p_value": None if method == "original" else 0.8,
        "scorer": "surprisal:tiny" if method == "tokenskip" else "",
        "statuses": {"ok": 496, "no_answer": 4},
        **more,
    }
    return make_row(method, ratio, accuracy=accuracy, mean_tokens=length, **facts)


def sample_rows():
    return [
        row("random", 0.9, 0.81, 97.1, p_value=1e-9),
        row("random", 0.7, 0.44, 77.0, p_value=1e-30),
        row("random", 0.5, 0.19, 55.2, p_value=1e-60),
        row("tokenskip", 0.5, 0.950, 54.7, p_value=0.03, truncated=0.004),
        row("tokenskip", 0.6, 0.976, 66.2),
        row("tokenskip", 0.7, 0.972, 77.1, p_value=0.61),
        row("tokenskip", 0.8, 0.974, 88.0, p_value=1.0),
        row("tokenskip", 0.9, 0.976, 98.3, p_value=0.9),
        row("tokenskip", 1.0, 0.974, 108.6, p_value=1.0),
        row("truncation", 0.9, 0.70, 97.6, p_value=1e-12),
        row("truncation", 0.7, 0.26, 76.2, p_value=1e-30),
        row("truncation", 0.5, 0.07, 54.3, p_value=1e-60),
        row("be-concise", None, 0.948, 92.4, p_value=0.02, looping=0.034),
        row("original", None, 0.974, 108.6, kept=1.0),
    ]


def problem(number):
    return Problem(
        id=f"train/{number}",
        question=QUESTIONS[number % 4],
        answer=ANSWERS[number % 4],
        task="arithmetic",
        instruction="Think.",
    )


def trace(number=0, method="original", ratio=None, share=1.0, correct=True, **more):
    words = re.findall(r"\s*\S+", REASONINGS[number % 4])
    kept = words[: max(1, round(share * len(words)))]
    facts = {
        "problem": problem(number),
        "model": "tiny" if method in ("original", "truncation", "be-concise") else f"runs/{method}",
        "reasoning": "".join(kept),
        "conclusion": CONCLUSIONS[number % 4] if correct else "",
        "n_tokens": len(kept),
        "n_conclusion_tokens": 5 if correct else 0,
        "finished": correct,
        "grade": Grade(
            answer=ANSWERS[number % 4] if correct else None,
            correct=correct,
            status="ok" if correct else "no_answer",
        ),
        "closing": "\n",
        **more,
    }
    return Trace(method=method, asked=Asked(ratio=ratio), **facts)


def sample_traces(n=60):
    settings = [
        ("original", None, 1.0),
        *(("tokenskip", r, r) for r in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)),
    ]
    settings += [("truncation", 0.5, 0.5), ("random", 0.5, 0.5), ("be-concise", None, 0.85)]
    for method, ratio, share in settings:
        for number in range(n):
            yield trace(
                number,
                method,
                ratio,
                share,
                correct=method not in ("truncation", "random") or number % 3 == 0,
            )


def scored_trace(number=0, percentile=False, seed=0, scorer="surprisal:tiny"):
    whole = trace(number)
    ends = [match.end() for match in re.finditer(r"\s*(?:[A-Za-z]+|\S)|\s+$", whole.reasoning)]
    n, chance = len(ends), random.Random(f"{seed} {number}")
    rule = Percentile(
        weights=[1 + i % 3 for i in range(n)], chunk_ends=[n // 2, n], n_tokens=[1] * n
    )
    return ScoredTrace(
        trace=whole,
        scorer=scorer,
        ends=ends,
        importance=[round(chance.random() ** 3, 3) for _ in ends],
        percentile=rule if percentile else None,
    )


ORIGIN = pages.Origin(
    command="cotpress report eval.jsonl --scored scored.jsonl --out report.html",
    version="0.1.0",
    date="2026-02-01",
    sources=(
        pages.Source(
            "eval.jsonl",
            "0a1b",
            {
                "verb": "eval",
                "options": {"task": "arithmetic", "ratios": [1.0, 0.5], "limit": None},
            },
        ),
    ),
)


def sample_report(n=60):
    return pages.make_report(
        sample_rows(), sample_traces(n), [scored_trace(i) for i in range(0, n, 2)], origin=ORIGIN
    )


def test_a_report_of_the_same_records_is_the_same_page_to_the_byte():
    assert pages.as_html(sample_report()) == pages.as_html(sample_report())


def test_rows_come_original_first_then_methods_then_baselines_each_by_falling_ratio():
    rows = in_order(reversed([*sample_rows(), *sample_rows()]))
    named = [(found.method, found.ratio) for found in rows]
    assert named[0] == ("original", None)
    assert named[1:7] == [("tokenskip", ratio) for ratio in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)]
    assert [method for method, _ in named[7:]] == [
        "be-concise",
        *["random"] * 3,
        *["truncation"] * 3,
    ]


def test_two_models_with_the_same_method_are_two_curves_with_two_names():
    rows = in_order([row(), row(model="runs/other"), row("original", None), row("original", 0.5)])
    assert [curve.label for curve in series(rows)] == [
        "original",
        "original with ratio",
        "tokenskip (other)",
        "tokenskip (tokenskip)",
    ]
    assert [curve.reference for curve in series(rows)] == [True, False, False, False]


def test_of_several_originals_a_row_is_measured_against_the_one_its_actual_ratio_was_computed_with():
    small, large = (
        row("original", None, 0.9, 50.0, kept=1.0),
        row("original", None, 0.99, 200.0, kept=1.0),
    )
    assert original_of(row(length=120.0, kept=0.6), [small, large]) is large
    assert original_of(row(length=30.0, kept=0.6), [small, large]) is small
    assert original_of(row(task="gsm8k"), [small, large]) is None


def test_the_headline_is_the_shortest_row_that_keeps_the_accuracy_with_its_interval_and_p_value():
    (sentence,) = headline(in_order(sample_rows()))
    assert sentence.replace("\u00a0", " ") == (
        "At ratio 0.6 the model reasons in 61 % of the tokens (66 of 109);"
        " accuracy 97.6 % [96.1, 99.1] against 97.4 % [95.8, 99.0] (p = 0.80)."
    )


def test_the_headline_says_so_when_no_ratio_keeps_the_accuracy():
    rows = [
        row("original", None, 0.974, 108.6),
        row(ratio=1.0, accuracy=0.97, length=108.0),
        row(accuracy=0.80, p_value=1e-9),
    ]
    (sentence,) = headline(rows)
    assert sentence.startswith(
        "No shorter reasoning keeps the accuracy. At its best, at ratio 0.6 the model reasons in 61"
    )


def test_the_headline_praises_no_row_that_did_not_become_shorter():
    longer = [row(ratio=r, accuracy=0.974, length=112.0, kept=1.03) for r in (0.9, 0.5)]
    (sentence,) = headline([row("original", None, 0.974, 108.6), *longer])
    assert sentence.startswith("No reasoning became shorter: at ratio 0.9 the model reasons in 103")
    one_is = [*longer, row(ratio=0.7, accuracy=0.5, length=80.0, kept=0.74, p_value=1e-9)]
    (sentence,) = headline([row("original", None, 0.974, 108.6), *one_is])
    assert sentence.startswith("No shorter reasoning keeps the accuracy. At its best, at ratio 0.7")


def test_the_headline_does_not_hide_that_its_answers_were_cut_off():
    (sentence,) = headline([row("original", None), row(truncated=0.12)])
    assert sentence.endswith("The token limit cut 12.0\u00a0% of these answers off.")


def test_a_long_list_of_warnings_names_a_few_rows_and_counts_the_others():
    rows = [row("original", None, kept=1.0), *(row(ratio=r / 100, kept=0.3) for r in range(50, 60))]
    assert any(sentence.endswith(" and 4 more rows.") for sentence in warnings(rows))


def test_a_small_loss_that_is_significant_does_not_count_as_keeping_the_accuracy():
    rows = [
        row("original", None, 0.974, 108.6),
        row(ratio=0.9, length=98.0),
        row(ratio=0.5, accuracy=0.96, length=54.0, p_value=0.01),
    ]
    assert headline(rows)[0].startswith("At ratio 0.9 ")


def test_a_row_that_is_significantly_better_than_the_original_keeps_the_accuracy():
    rows = [
        row("original", None, 0.90, 108.6),
        row(ratio=0.9, accuracy=0.90, length=98.0),
        row(ratio=0.5, accuracy=0.96, length=54.0, p_value=0.001),
    ]
    assert headline(rows)[0].startswith("At ratio 0.5 ")


def test_several_methods_and_tasks_each_have_their_sentence_and_baselines_have_none():
    both = [row("original", None), row(), row("cts"), row("random", 0.6, 0.1)]
    rows = in_order([*both, *(msgspec.structs.replace(found, task="gsm8k") for found in both)])
    assert [sentence.partition(" reasons")[0] for sentence in headline(rows)] == [
        f"On {task}, at ratio 0.6 {method}"
        for task in ("arithmetic", "gsm8k")
        for method in ("cts", "tokenskip")
    ]


def test_without_an_original_the_headline_and_the_warnings_say_that_there_is_none():
    alone = [row(kept=None, kept_low=None, kept_high=None, p_value=None)]
    assert headline(alone)[0].endswith("with no original beside it.")
    assert any(
        "No original was evaluated on arithmetic" in sentence for sentence in warnings(alone)
    )


@pytest.mark.parametrize(
    ("found", "warning"),
    [
        ({"truncated": 0.12}, "The token limit cut answers off; …: tokenskip at 0.6 (12.0 %)."),
        ({"looping": 0.02}, "Answers end in a repetition; …: tokenskip at 0.6 (2.0 %)."),
        (
            {"unsplit": 0.5},
            "Reasoning and conclusion could not be separated; …: tokenskip at 0.6 (50.0 %).",
        ),
        (
            {"statuses": {"timeout": 2}},
            "The grader gave up (timeout or error); …: tokenskip at 0.6 (2 of 500).",
        ),
        (
            {"mean_total_tokens": 130.0},
            "The conclusion takes over what the reasoning leaves out; …: tokenskip at 0.6 (130 "
            "tokens in all).",
        ),
        (
            {"kept": 0.64},
            "The model does not follow the ratio, or is asked for one it was not taught: tokenskip at 0.6 (kept 0.64).",
        ),
        (
            {"note": "never trained on"},
            "The model does not follow the ratio, or is asked for one it was not taught: tokenskip at 0.6 (never trained on).",
        ),
        (
            {"n": 400},
            "The settings on arithmetic were evaluated on different "
            "numbers of problems (400 to 500).",
        ),
        (
            {"accuracy_low": 0.8},
            "Few problems on arithmetic: with n = 500 an accuracy is "
            "known to about ±10 points only.",
        ),
    ],
)
def test_what_makes_a_row_hard_to_believe_is_said_in_plain_words(found, warning):
    original = row("original", None, kept=1.0)
    assert warnings([original, row()]) == []
    (sentence,) = warnings([original, row(**found)])
    assert re.sub("; [^:]*:", "; …:", sentence.replace("\u00a0", " ")) == warning


def test_a_budget_that_is_missed_is_a_warning_and_the_headline_names_one_that_holds():
    original = row("original", None, kept=1.0)
    told = Setting(model="runs/model", method="tokenskip", asked=Asked(budget=60))
    budgeted = msgspec.structs.replace(row(kept=0.58, note="asked 60, spent 68"), setting=told)
    rows = in_order([original, budgeted])
    (sentence,) = warnings(rows)
    assert sentence == (
        "The budget needs a second look: tokenskip at 60 tokens (asked 60, spent 68)."
    )
    assert headline(rows)[0].startswith("At a budget of 60 tokens the model reasons in 58")


def test_methods_that_really_keep_different_shares_at_one_ratio_are_not_compared_in_silence():
    rows = [row("original", None), row(kept=0.58, length=63.0), row("cts", kept=0.62, length=67.3)]
    assert any("at 0.6: tokenskip 0.58, cts 0.62" in sentence for sentence in warnings(rows))


def test_a_control_is_cut_to_the_ratio_of_the_method_and_so_cannot_miss_the_one_asked_for():
    assert warnings([row("original", None, kept=1.0), row("random", 0.5, kept=0.6)]) == []


def test_figures_are_what_plotly_takes_and_show_every_row_with_its_interval():
    go = pytest.importorskip("plotly.graph_objects")
    curves = series(in_order(sample_rows()))
    for figure in (accuracy_figure(curves), ratio_figure(curves)):
        go.Figure(figure).to_json()
    shown = [trace for trace in accuracy_figure(curves)["data"] if trace["yaxis"] == "y"]
    assert sum(len(trace["x"]) for trace in shown) == len(sample_rows())
    (skip,) = [trace for trace in shown if trace["name"] == "tokenskip"]
    for value, up, down, found in zip(
        skip["y"],
        skip["error_y"]["array"],
        skip["error_y"]["arrayminus"],
        curves[1].rows,
        strict=True,
    ):
        assert (value + up, value - down) == pytest.approx(
            (100 * found.accuracy_high, 100 * found.accuracy_low)
        )


def test_a_detail_panel_appears_only_where_failing_baselines_press_the_rest_together():
    assert "yaxis2" in accuracy_figure(series(in_order(sample_rows())))["layout"]
    alone = [found for found in sample_rows() if found.method in ("original", "tokenskip")]
    assert "yaxis2" not in accuracy_figure(series(in_order(alone)))["layout"]


def test_of_many_curves_the_baselines_are_named_in_a_legend():
    few, many = sample_rows(), [*sample_rows(), row("abbre-words", None), row("only-numbers", None)]
    assert not accuracy_figure(series(in_order(few)))["layout"]["showlegend"]
    layout = accuracy_figure(series(in_order(many)))["layout"]
    assert layout["showlegend"]
    assert {label["text"] for label in layout["annotations"]} == {
        "<b>original</b>",
        "<b>tokenskip</b>",
    }


def test_names_of_curves_do_not_lie_on_one_another():
    rows = [
        row(method, 0.5, 0.9, 50.0)
        for method in ("tokenskip", "cts", "token-assorted", "random", "truncation")
    ]
    shifts = sorted(
        label["yshift"]
        for label in accuracy_figure(series(in_order(rows)))["layout"]["annotations"]
    )
    assert all(above - below >= 16 for below, above in pairwise(shifts))


def test_a_long_name_loses_its_middle_and_stays_within_the_figure():
    scorers = (
        "llmlingua2:microsoft/llmlingua-2-xlm-roberta-large-meetingbank",
        "cts:runs/a-reference-model,condition=boxed",
    )
    rows = [
        row("tokenskip", 0.3, 0.9 + i / 50, 30.0, scorer=scorer) for i, scorer in enumerate(scorers)
    ]
    curves = series([*rows, row("original", None, 0.97, 108.6)])
    figure = accuracy_figure(curves)
    assert [trace["name"] for trace in ratio_figure(curves)["data"]] == [
        trace["name"] for trace in figure["data"]
    ][:2]
    assert [len(trace["name"]) for trace in figure["data"]] == [33, 33, 8]
    assert {label["xanchor"] for label in figure["layout"]["annotations"]} == {"left"}


def test_no_ratio_figure_is_drawn_where_no_ratio_was_asked_for():
    assert ratio_figure(series([row("original", None), row("be-concise", None)])) is None


RULES = st.builds(
    Rules,
    st.sampled_from(["number", "token", "word"]),
    st.sampled_from(["none", "symbols"]),
    st.just(""),
)


def cut_all(scored, ratios, rules, budget="trace", longest_run=None):
    """As `cotpress compress` cuts them."""
    allowed = shared_rooms(scored, ratios, rules, longest_run) if budget == "dataset" else None
    return list(
        compress(
            scored, ratios, rules=rules, budget=budget, longest_run=longest_run, allowed=allowed
        )
    )


@given(st.integers(0, 10_000), st.booleans())
def test_the_page_keeps_at_every_ratio_exactly_what_compress_keeps(seed, percentile):
    scored = scored_trace(seed % 4, percentile, seed)
    shown, parts = tokens(scored), segmented(scored)
    for cut in next(compress([scored], RATIOS)).cuts:
        kept = [i for i, first in enumerate(shown.first) if first <= cut.ratio]
        assert "".join(parts.texts[i] for i in kept) == cut.reasoning
        assert sum(parts.n_tokens[i] for i in kept) == cut.n_tokens


@given(
    st.integers(0, 10_000),
    RULES,
    st.sampled_from(["trace", "window", "dataset"]),
    st.sampled_from([None, 1, 3, 8]),
)
def test_the_page_cuts_as_the_compressed_file_was_cut(seed, rules, budget, longest_run):
    scored = [scored_trace(number, seed=seed) for number in range(4)]
    ratios = [0.35, 0.5, 0.7, 0.9]
    compressed = cut_all(scored, ratios, rules, budget, longest_run)
    found = survival(compressed)
    for one, short in zip(scored, compressed, strict=True):
        shown, parts = tokens(one, found), segmented(one, rules)
        assert shown.only == ([*ratios, 1.0] if budget == "dataset" else [])
        assert ("--longest-run" in shown.how) == (longest_run is not None)
        assert ("--budget" in shown.how) == (budget != "trace")
        for cut in short.cuts:
            kept = [i for i, first in enumerate(shown.first) if first <= cut.ratio]
            assert "".join(parts.texts[i] for i in kept) == cut.reasoning


def verified_as(short, found, **how):
    """Every cut with the same likelihoods."""
    cuts = [msgspec.structs.replace(cut, verified=found) for cut in short.cuts]
    return msgspec.structs.replace(short, cuts=cuts, **how)


def test_the_line_of_no_reasoning_is_what_the_conclusion_loses_of_its_likelihood_after_the_whole_reasoning():
    verified = [
        Verified(reference="R", shortened=-4.0, full=full, none=-10.0, n_tokens=5)
        for full in (-1.0, -2.0, -3.0)
    ]
    compressed = compress([scored_trace(number) for number in range(3)], [0.5])
    found = survival(
        verified_as(short, one) for short, one in zip(compressed, verified, strict=True)
    )
    assert found.without == [9.0, 8.0, 7.0]
    assert found.by_ratio == {0.5: [3.0, 2.0, 1.0]}
    figure = loss_figure(found)
    assert (
        {line["y0"] for line in figure["layout"]["shapes"]}
        == {line["y1"] for line in figure["layout"]["shapes"]}
        == {8.0}
    )


def test_the_cuts_of_another_scorer_say_nothing_of_these_scores():
    scored, other = scored_trace(0), scored_trace(0, scorer="other")
    found = survival(compress([other], [0.5], budget="window", longest_run=1))
    assert tokens(scored, found) == tokens(scored)
    assert tokens(other, found) != tokens(other)


def test_tokens_are_said_to_be_those_of_the_target_and_not_of_the_model_that_wrote_the_trace():
    scored = scored_trace(0)
    assert tokens(msgspec.structs.replace(scored, target="taught")).target == "taught"
    assert tokens(scored).target == "the target model"  # of a file that does not say


def test_problems_are_chosen_by_hash_whatever_their_order_and_counted():
    traces = list(sample_traces(300))
    scored = [scored_trace(i) for i in range(250, 300)]
    found = examples(traces, scored)
    assert (len(found.shown), found.total) == (50, 300)
    assert {one.id for one in found.shown} == {f"train/{i}" for i in range(250, 300)}
    assert examples(reversed(traces), reversed(scored)) == found


def test_where_scores_and_answers_are_of_different_problems_both_kinds_are_shown():
    found = examples(sample_traces(100), (scored_trace(i) for i in range(100, 200)), limit=10)
    assert [one.tokens is not None for one in found.shown] == [False] * 5 + [True] * 5
    assert all(len(one.answers) == 10 for one in found.shown[:5])
    assert found.total == 200


def test_of_a_very_long_answer_the_middle_is_left_out_and_that_is_said():
    found = examples([trace(reasoning="begin " + "word " * 200_000 + "end")], [])
    ((answer,),) = [one.answers for one in found.shown]
    assert answer.reasoning.startswith("begin ")
    assert answer.reasoning.endswith(" end")
    assert "[… 988,009 characters are left out here …]" in answer.reasoning
    assert found.clipped == 1


def test_a_page_of_very_long_traces_stays_below_2_mb_and_shows_fewer_problems():
    ratios = [round(0.1 * step, 1) for step in range(1, 11)]
    long = [
        trace(i, "tokenskip", r, reasoning=r"\\(x\\) " * 20_000) for i in range(30) for r in ratios
    ]
    found = examples(long, [scored_trace(0)])
    assert 1 < len(found.shown) < 5
    assert found.total == 30
    assert len(pages.as_html(pages.make_report(sample_rows(), long, origin=ORIGIN))) < 2_000_000


def test_of_several_samples_the_first_is_shown_and_the_others_counted():
    found = examples(
        [trace(0, sample=2), trace(0, sample=0, conclusion="first"), trace(0, sample=1)], []
    )
    (answer,) = found.shown[0].answers
    assert (answer.conclusion, answer.samples) == ("first", 3)


def test_an_answer_without_a_grade_is_neither_right_nor_wrong():
    (answer,) = examples([trace(0, grade=None)], []).shown[0].answers
    assert (answer.correct, answer.read) == (None, "not graded")


@given(st.text())
def test_no_character_of_a_model_acts_unseen(text):
    shown = visible(text)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff]", shown
    )
    shown.encode()


def test_controls_and_direction_overrides_are_shown_by_number_and_text_is_left_as_it_is():
    assert visible("a\x1b[31m\u202eb\r\n") == "a⟨U+001B⟩[31m⟨U+202E⟩b⟨U+000D⟩\n"
    assert visible("10³ 👩‍👩‍👧 \\frac{1}{2}\tهذا\n") == "10³ 👩‍👩‍👧 \\frac{1}{2}\tهذا\n"


def test_no_text_of_a_model_a_task_or_an_option_becomes_markup():
    evil = [
        row(one.method, one.ratio, model=ATTACK, task=ATTACK, scorer=ATTACK, note=ATTACK)
        for one in sample_rows()
    ]
    bad = Problem(id=ATTACK, question=ATTACK, answer=ATTACK, task=ATTACK)
    origin = pages.Origin(
        ATTACK,
        "0.1.0",
        "2026-02-01",
        (pages.Source(ATTACK, "", {"verb": ATTACK, "options": {ATTACK: ATTACK}}),),
    )
    traces = [
        trace(
            0, problem=bad, model=ATTACK, reasoning=ATTACK, conclusion=f"]]></script>{ATTACK}<!--"
        )
    ]
    scored = [msgspec.structs.replace(scored_trace(2), scorer=ATTACK)]
    made = pages.make_report(evil, traces, scored, origin=origin)
    page = pages.as_html(made)
    assert "<script>document" not in page
    assert "<img src=x" not in page
    assert len(re.findall(r"<script", page.partition("<body>")[2])) == 5
    assert "<script>document" not in re.sub("`[^`]*`", "", pages.as_markdown(made))
    assert json.loads(pages.as_json(made))["rows"][0]["setting"]["model"] == ATTACK


def test_the_policy_admits_only_the_scripts_of_the_page_and_no_network():
    page = pages.as_html(sample_report(4))
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src &#39;sha256-")
    assert policy.count("sha256-") == 3
    assert "unsafe-eval" not in policy
    assert not re.search(
        r"(src|href)=[\"']?(https?:)?//",
        page.partition("<body>")[0] + page.partition("<body>")[2][:20_000],
    )


def test_json_holds_every_row_as_it_was_and_where_it_comes_from():
    made = json.loads(pages.as_json(sample_report(4)))
    assert msgspec.convert(made["rows"], list[EvalRow]) == in_order(sample_rows())
    assert made["version"] == "0.1.0"
    assert made["command"] == ORIGIN.command
    assert made["sources"][0] == {
        "file": "eval.jsonl",
        "hash": "0a1b",
        "meta": ORIGIN.sources[0].meta,
    }


def test_where_a_file_comes_from_is_told_with_grouped_options_one_by_one_and_what_is_off_left_out():
    sampling = {"max_tokens": 256, "latents": None, "legal_latents": False}
    meta = {
        "verb": "eval",
        "options": {"latents": [0, 1], "sampling": sampling},
        "counts": {"dropped": {"wrong": 3}},
    }
    source = pages.Source("eval.jsonl", "0" * 16, meta)
    told = pages.as_markdown(
        pages.make_report(sample_rows(), [], origin=replace(ORIGIN, sources=(source,)))
    )
    assert "- eval.jsonl: `eval --latents 0 1 --max-tokens 256; left out: 3 wrong`" in told


def test_markdown_holds_headline_warnings_table_and_commands():
    text = pages.as_markdown(sample_report(4)).replace("\u00a0", " ")
    assert "**At ratio 0.6 the model reasons in 61 % of the tokens" in text
    assert "- Beware: Answers end in a repetition" in text
    table = [line for line in text.split("\n") if line.startswith("| ")]
    assert len(table) == 2 + len(sample_rows())
    assert len({line.count(" | ") for line in table}) == 1
    assert "- eval.jsonl: `eval --ratios 1.0 0.5 --task arithmetic`" in text


def test_columns_in_which_nothing_is_known_are_left_out():
    text = pages.as_html(sample_report(4))
    assert '<th scope="col">of own 1.0</th>' not in text
    assert '<th scope="col" class="words">scorer</th>' in text


def test_a_page_without_any_trace_still_shows_figures_and_table():
    page = pages.as_html(pages.make_report(sample_rows(), [], origin=ORIGIN))
    assert 'id="accuracy-0"' in page
    assert 'id="traces"' not in page
