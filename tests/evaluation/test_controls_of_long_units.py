"""Beside a method that was cut by sentences or steps, the controls are cut by them too, within
budgets that are carried from trace to trace as they were for the method.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_scored, make_trace
from test_baselines import Concluder, asking

from cotpress.evaluation.blind import cut_blindly, shorten, shortened
from cotpress.evaluation.problems import key_of
from cotpress.lm.checkpoint import Checkpoint
from cotpress.pipeline.budgets import Spending, prepared
from cotpress.pipeline.build import build
from cotpress.pipeline.compress import compress, within_budget
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import Protect, Rules, Segments, segmented
from cotpress.records import Grade, ScoredTrace, Trace
from cotpress.report.examples import tokens
from cotpress.report.verified import survival
from cotpress.verbs.eval_asking import spending_of

SENTENCES = [
    "Mia has 3 apples. ",
    "So 3 + 4 = 7 apples are hers. ",
    "Wait, no. ",
    "Then 7 - 2 = 5.",
]
texts = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=8).map("".join)
many = st.lists(texts, min_size=1, max_size=8)
ratios = st.floats(0.05, 1.0)
LONG = [Rules("sentence", "none"), Rules("sentence", "symbols"), Rules("step", "none")]


class Letters:
    """Every character is a token."""

    name = "letters"

    @staticmethod
    def token_ends(texts: Sequence[str]) -> list[list[int]]:
        return [list(range(1, len(text) + 1)) for text in texts]


def traces(of: list[str]) -> list[Trace]:
    return [make_trace(text, id=f"p/{i}", n_tokens=len(text)) for i, text in enumerate(of)]


def scored(trace: Trace, importance: list[float], **fields: bool) -> ScoredTrace:
    n = len(trace.reasoning)
    ends = list(range(1, n + 1))
    return ScoredTrace(trace=trace, scorer="s", ends=ends, importance=importance, **fields)


@pytest.mark.parametrize("rules", LONG, ids="-".join)
@given(of=many, ratio=ratios)
def test_truncation_cuts_what_compress_cuts_of_prefix_scores(
    rules: Rules, of: list[str], ratio: float
) -> None:
    asked = round(ratio, 2)
    found = shortened(traces(of), Letters(), "truncation", asked, 0, rules)
    prefixes = [
        scored(one, [-float(i) for i in range(len(one.reasoning))], from_start=True)
        for one in traces(of)
    ]
    plain = Rules(rules.unit, "none")
    expected = [one.cuts[0].reasoning for one in compress(prefixes, [asked], rules=plain)]
    assert [cut.reasoning for cut in found.values()] == expected
    assert all(text.startswith(cut.reasoning) for text, cut in zip(of, found.values(), strict=True))


@pytest.mark.parametrize("rules", LONG, ids="-".join)
@given(of=many, ratio=ratios, seed=st.integers(0, 2))
def test_random_deletion_carries_what_a_naive_loop_carries(
    rules: Rules, of: list[str], ratio: float, seed: int
) -> None:
    found = list(shortened(traces(of), Letters(), "random", ratio, seed, rules).values())
    left = 0.0
    for one, cut in zip(traces(of), found, strict=True):
        total = len(one.reasoning)
        parts = segmented(scored(one, [0.0] * total), rules)
        order = list(range(len(parts.ends)))
        Random(f"{seed}|{one.problem.id}").shuffle(order)
        drawn = replace(parts, importance=[-float(order.index(i)) for i in range(len(order))])
        most = max(0, round((ratio + left) * total))
        kept = within_budget(drawn, keeping_order(drawn), ratio, most)
        assert cut.reasoning == "".join(parts.texts[i] for i in kept)
        assert cut.n_tokens <= most or ratio == 1.0
        left += ratio - cut.kept


@pytest.mark.parametrize("control", ["truncation", "random"])
def test_the_mean_of_a_control_meets_the_ratio_though_no_trace_alone_can(control: str) -> None:
    of = ["Mia has 3 apples. So 3 + 4 = 7 apples are hers. "] * 40
    rules = Rules("sentence", "none")
    carried = shortened(traces(of), Letters(), control, 0.6, 0, rules).values()
    alone = [
        shorten(one, Letters.token_ends([one.reasoning])[0], control, 0.6, 0, rules)
        for one in traces(of)
    ]
    assert abs(fmean(cut.kept for cut in carried) - 0.6) < 1 / len(of)
    assert fmean(cut.kept for cut in alone) < 0.6
    whole_sentences = {"", of[0].strip(), *(one.strip() for one in SENTENCES[:2])}
    assert {cut.reasoning.strip() for cut in carried} <= whole_sentences


def test_what_is_carried_does_not_depend_on_which_answers_are_still_to_be_given() -> None:
    originals = [
        make_trace(
            " ".join(SENTENCES),
            id=f"p/{i}",
            closing="\n",
            conclusion="The answer is 5.",
            n_tokens=21,
        )
        for i in range(6)
    ]
    whole = asking(originals, Concluder(), "truncation", actual=0.4)
    whole = whole._replace(
        rules=Rules("sentence", "none"),
        originals={key_of(one): one for one in originals},
        todo=[(one.problem, 0) for one in originals],
    )
    every = [one.reasoning for one in cut_blindly(whole)]
    rest = [one.reasoning for one in cut_blindly(whole._replace(todo=whole.todo[3:]))]
    assert rest == every[3:]
    assert len(set(every)) > 1


@pytest.mark.parametrize("protect", ["none", "symbols"])
@given(of=many, ratio=st.sampled_from([0.3, 0.5, 0.8]))
def test_the_token_view_shows_the_cuts_that_carried_budgets_made(
    protect: Protect, of: list[str], ratio: float
) -> None:
    many = [
        make_scored(list(text), [float(ord(one)) for one in text], id=f"p/{i}")
        for i, text in enumerate(of)
    ]
    cuts = list(compress(many, [ratio], rules=Rules("sentence", protect)))
    found = survival(cuts)
    for one, compressed in zip(many, cuts, strict=True):
        shown = tokens(one, found)
        kept = [
            text for text, first in zip(shown.segments, shown.first, strict=True) if first <= ratio
        ]
        assert "".join(kept) == compressed.cuts[0].reasoning
        assert shown.only == [ratio, 1.0]
        assert "what traces before it left" in shown.how


@pytest.mark.parametrize(
    "spending", [Spending("window"), Spending("trace", 4), Spending("window", 4), Spending()]
)
@given(of=many, ratio=ratios, seed=st.integers(0, 2))
def test_random_deletion_spends_its_budget_as_compress_spends_that_of_scores(
    spending: Spending, of: list[str], ratio: float, seed: int
) -> None:
    asked, rules = round(ratio, 2), Rules("number", "none")
    found = shortened(traces(of), Letters(), "random", asked, seed, rules, spending)
    for one, cut in zip(traces(of), found.values(), strict=True):
        drawn = _drawn(one, seed, rules)
        kept = prepared(drawn, *spending)
        expected = within_budget(kept, keeping_order(kept), asked)
        assert cut.reasoning == "".join(drawn.texts[i] for i in expected)


def _drawn(one: Trace, seed: int, rules: Rules) -> Segments:
    """The trace with its segments in the order that chance gives them."""
    parts = segmented(scored(one, [0.0] * len(one.reasoning)), rules)
    order = list(range(len(parts.ends)))
    Random(f"{seed}|{one.problem.id}").shuffle(order)
    return replace(parts, importance=[-float(order.index(i)) for i in range(len(order))])


@pytest.mark.parametrize("spending", [Spending("dataset"), Spending()])
def test_one_threshold_for_all_is_no_other_budget_for_chance(spending: Spending) -> None:
    of = traces(["".join(SENTENCES)] * 3)
    usual = shortened(of, Letters(), "random", 0.5, 0, Rules("number", "none"))
    assert shortened(of, Letters(), "random", 0.5, 0, Rules("number", "none"), spending) == usual


@pytest.mark.parametrize(
    ("budget", "run", "found"),
    [
        ("", None, Spending()),
        ("dataset", None, Spending("dataset")),
        ("window", 8, Spending("window", 8)),
        ("trace+window", None, Spending()),
    ],
)
def test_a_checkpoint_says_how_its_cuts_spent_a_ratio(
    budget: str, run: int | None, found: Spending
) -> None:
    checkpoint = Checkpoint(base="m", method="tokenskip", budget=budget, longest_run=run)
    assert spending_of(checkpoint) == found


def test_examples_say_how_their_cuts_spent_a_ratio() -> None:
    grade = Grade(answer="72", correct=True, status="ok")
    one = make_scored(list("abcdefgh"), [0.0] * 8, closing="\n", grade=grade)
    for how in (Spending(), Spending("window", 3)):
        (cut,) = compress([one], [0.5], budget=how.budget, longest_run=how.longest_run)
        taught = list(build([cut], draw="all"))
        assert [Spending(each.budget, each.longest_run) for each in taught] == [how, how]
