"""`plan`: only what the whole interval keeps to is
recommended, and what the figures cannot tell is said.
"""

import math
from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.evaluation.plan import Wish, plan
from cotpress.evaluation.statistics import wilson
from cotpress.methods import METHODS
from cotpress.records import Asked, Grade, Problem, Trace


def row(
    ratio,
    right,
    tokens,
    n=100,
    *,
    method="tokenskip",
    model="taught",
    cut=0,
    task="t",
    latents=None,
    asked=None,
    seconds=0.0,
):
    """Traces of one row: the first `right` of `n` are right; lengths
    alternate around `tokens`; `cut` are cut off.
    """
    for i in range(n):
        yield Trace(
            problem=Problem(id=str(i), question="?", answer="1", task=task),
            model=model,
            asked=asked or Asked(ratio=ratio),
            seconds=seconds,
            method=method,
            latents=latents,
            reasoning="",
            conclusion="1",
            n_tokens=tokens - 10 + (1 if i % 2 else -1),
            n_conclusion_tokens=10,
            finished=i >= cut,
            grade=Grade(answer="1", correct=i < right, status="ok"),
        )


def evaluation(*rows):
    return [trace for one in rows for trace in one]


UNTOUCHED = {"method": "original", "model": "base"}
CURVE = evaluation(
    row(None, 99, 110, **UNTOUCHED),
    row(1.0, 98, 108),
    row(0.7, 97, 80),
    row(0.5, 92, 60),
    row(0.4, 70, 50),
    row(0.5, 30, 60, method="truncation", model="base"),
)


def test_the_shortest_ratio_that_surely_keeps_the_accuracy_is_chosen():
    found = plan(CURVE, Wish(min_accuracy=0.9), price=2.0)
    assert [(offer.ratio, offer.met) for offer in found.offers] == [
        (1.0, "yes"),
        (0.7, "yes"),
        (0.5, "perhaps"),
        (0.4, "no"),
    ]
    assert found.choice == found.offers[1]
    low, high = wilson(97, 100)
    assert (found.choice.accuracy.low, found.choice.accuracy.high) == (low, high)
    assert found.base == "the untouched model"
    assert found.choice.saved.mean == 30
    # the lengths differ by 30 on every problem
    assert (found.choice.saved.low, found.choice.saved.high) == (
        30,
        30,
    )
    assert found.money_saved.mean == 60
    assert found.sentences == [
        f"Serve ratio 0.7: accuracy 97.0% [{100 * low:.1f}, "
        f"{100 * high:.1f}], 80.0 [79.8, 80.2] tokens per request.",
        "Against the untouched model that saves 30.0 [30.0, 30.0] tokens per request, "
        "30,000,000 [30,000,000, 30,000,000] per million requests.",
        "Ratio 0.5 may qualify too: accuracy 92.0% [85.0, 95.9], 60.0 [59.8, 60.2] tokens; "
        "evaluate about 950 problems to be sure.",
    ]


def test_the_most_accurate_ratio_that_surely_fits_is_chosen_and_equals_are_named():
    found = plan(evaluation(CURVE, row(0.6, 96, 70)), Wish(max_tokens=100))
    assert found.choice.ratio == 0.7
    assert (found.offers[0].ratio, found.offers[0].met) == (1.0, "no")
    assert found.sentences[2].endswith("accuracy 92.0% [85.0, 95.9], p = 0.062.")
    assert found.sentences[3] == (
        "Ratio 0.6 is shorter (70.0 [69.8, 70.2] tokens), and 100 "
        "problems do not tell its accuracy apart: "
        "accuracy 96.0% [90.2, 98.4], p = 1."
    )
    # 27 problems fewer: told apart
    assert not any(sentence.startswith("Ratio 0.4") for sentence in found.sentences)
    assert found.offers[3].p_value == pytest.approx(2 * 0.5**27)


def test_both_bounds_hold_together():
    assert plan(CURVE, Wish(min_accuracy=0.8, max_tokens=70)).choice.ratio == 0.5
    assert plan(CURVE, Wish(min_accuracy=0.9, max_tokens=70)).choice is None


def test_where_nothing_surely_keeps_to_it_no_ratio_is_recommended():
    found = plan(CURVE, Wish(min_accuracy=0.95), price=1.0)
    assert (found.choice, found.money_saved) == (None, None)
    assert found.sentences[0] == "No ratio reliably reaches an accuracy of 95.0%."
    assert [sentence.split(":")[0] for sentence in found.sentences[1:]] == [
        "Ratio 1 may qualify too",
        "Ratio 0.7 may qualify too",
        "Ratio 0.5 may qualify too",
    ]
    assert all(offer.p_value is None for offer in found.offers)


def test_a_length_whose_interval_reaches_over_the_limit_is_no_promise():
    found = plan(evaluation(row(1.0, 90, 100), row(0.5, 90, 60)), Wish(max_tokens=60.1))
    assert (found.choice, found.offers[1].met) == (None, "perhaps")


def test_savings_are_paired_and_wrong_and_cut_off_answers_count():
    found = plan(
        evaluation(row(None, 9, 100, 10, **UNTOUCHED), row(0.5, 9, 60, 8, cut=2)),
        Wish(max_tokens=80),
    )
    assert found.choice.saved.mean == 40  # on the eight problems that both have
    assert (
        "25.0% of its answers were cut off at the token limit; they count as they were cut."
        in found.sentences
    )


def test_without_an_untouched_model_ratio_one_is_the_base():
    found = plan(evaluation(row(1.0, 98, 108), row(0.5, 92, 60)), Wish(max_tokens=70))
    assert (found.base, found.choice.saved.mean, found.offers[0].saved) == (
        "tokenskip at ratio 1",
        48,
        None,
    )
    alone = plan(evaluation(row(0.5, 92, 60)), Wish(max_tokens=70))
    assert (alone.base, alone.choice.saved, alone.money_saved) == ("", None, None)


def test_a_plain_model_asked_for_ratios_may_be_served_as_it_is():
    same = {"method": "original", "model": "served"}
    found = plan(
        evaluation(row(None, 98, 108, **same), row(0.5, 92, 60, **same)), Wish(min_accuracy=0.9)
    )
    assert (found.choice.ratio, found.choice.saved) == (1.0, None)


@given(st.integers(5, 60), st.data(), st.floats(0.05, 0.99))
def test_every_recommendation_keeps_to_the_wish_with_its_whole_interval(n, data, least):
    right = st.integers(0, n)
    curve = evaluation(
        *(row(ratio, data.draw(right), 20 + int(100 * ratio), n) for ratio in (1.0, 0.8, 0.6, 0.4))
    )
    found = plan(curve, Wish(min_accuracy=least))
    keeps = [offer for offer in found.offers if offer.accuracy.low >= least]
    assert found.choice == min(keeps, key=lambda offer: offer.tokens.mean, default=None)
    assert all((offer.met == "no") == (offer.accuracy.high < least) for offer in found.offers)


def test_among_budgets_the_smallest_that_surely_keeps_the_accuracy_is_chosen():
    budgets = [
        row(None, right, tokens, asked=Asked(budget=budget), seconds=tokens / 100)
        for budget, right, tokens in ((100, 98, 108), (70, 97, 80), (50, 92, 60), (40, 70, 50))
    ]
    untouched = row(None, 99, 110, seconds=1.1, **UNTOUCHED)
    found = plan(evaluation(untouched, *budgets), Wish(min_accuracy=0.9), price=2.0)
    assert [(offer.budget, offer.ratio, offer.met) for offer in found.offers] == [
        (100, None, "yes"),
        (70, None, "yes"),
        (50, None, "perhaps"),
        (40, None, "no"),
    ]
    assert found.choice == found.offers[1]
    assert found.choice.seconds.mean == pytest.approx(0.8)
    assert found.choice.seconds_saved.mean == pytest.approx(0.3)
    assert found.money_saved.mean == 60
    said = " ".join(found.sentences)
    assert said.startswith("Serve a budget of 70 tokens: accuracy 97.0%")
    assert "an answer took 0.8 [0.8, 0.8] s, 0.3 [0.3, 0.3] s less." in said
    assert "A budget of 50 tokens may qualify too" in said
    few = plan(evaluation(row(None, 5, 80, asked=Asked(budget=70))), Wish(min_accuracy=0.9))
    assert few.sentences == ["No budget reliably reaches an accuracy of 90.0%."]


def test_seconds_that_were_not_measured_are_not_told():
    found = plan(CURVE, Wish(min_accuracy=0.9))
    assert {offer.seconds for offer in found.offers} == {None}
    assert not any("In the evaluation" in one for one in found.sentences)


def test_the_number_of_problems_that_would_tell_is_enough_and_not_far_too_many():
    (sentence,) = [
        one for one in plan(CURVE, Wish(min_accuracy=0.9)).sentences if "to be sure" in one
    ]
    said = int(sentence.rpartition("about ")[2].split()[0].replace(",", ""))
    least = next(n for n in count(100) if wilson(math.floor(0.92 * n), n).low >= 0.9)
    assert least <= said <= 1.25 * least


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({}, "say what the ratio or budget must keep to"),
        ({"min_accuracy": 90}, "write 0.9 for 90 %"),
        ({"min_accuracy": 0}, "not a share"),
        ({"max_tokens": 0}, "leaves no room"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wish, message):
    with pytest.raises(CotpressError, match=message):
        Wish(**wish)


def test_each_number_of_forced_latent_tokens_keeps_the_length_of_its_own_answers():
    forced = [
        row(1.0, 90, tokens, latents=k, method="token-assorted")
        for k, tokens in ((0, 100), (2, 80), (4, 60))
    ]
    found = plan(evaluation(row(None, 99, 110, **UNTOUCHED), *forced), Wish(max_tokens=200))
    assert [offer.tokens.mean for offer in found.offers] == [100, 80, 60]
    assert [offer.saved.mean for offer in found.offers] == [10, 30, 50]


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if method.kind in ("prompt", "control")]
)
def test_what_a_method_is_compared_with_is_never_recommended(name):
    better = row(1.0, 100, 20, method=name, latents=2 if name == "forced-latents" else None)
    served = [row(None, 99, 110, **UNTOUCHED), row(1.0, 98, 100, method="token-assorted")]
    found = plan(evaluation(*served, better), Wish(min_accuracy=0.8))
    assert [offer.method for offer in found.offers] == ["token-assorted"]
    with pytest.raises(CotpressError, match="holds no ratio or budget to choose"):
        plan(evaluation(better), Wish(min_accuracy=0.8))


@pytest.mark.parametrize("name", ["token-assorted-poisson", "my-own-method"])
def test_ablations_and_methods_of_ones_own_may_be_served(name):
    assert (
        plan(evaluation(row(0.5, 99, 60, method=name)), Wish(min_accuracy=0.8)).choice.method
        == name
    )


def test_evaluations_without_a_choice_are_refused():
    with pytest.raises(CotpressError, match="holds no ratio or budget to choose"):
        plan(evaluation(row(None, 9, 100, 10, **UNTOUCHED)), Wish(max_tokens=9))
    with pytest.raises(CotpressError, match="several tasks"):
        plan(evaluation(row(0.5, 9, 60, 10), row(0.5, 9, 60, 10, task="other")), Wish(max_tokens=9))
    ungraded = [msgspec.structs.replace(trace, grade=None) for trace in CURVE]
    with pytest.raises(CotpressError, match="has no grade"):
        plan(ungraded, Wish(max_tokens=9))
