"""Blends are arms of an evaluation: every weight at every ratio, one blend at a time, their weight
written on traces and rows.
"""

import gc
import weakref

import pytest
from test_evaluate import PROBLEMS, N, Obedient, by_box

from cotpress.errors import CotpressError
from cotpress.evaluation.evaluate import Plan, evaluate
from cotpress.evaluation.plan import Wish
from cotpress.evaluation.plan import plan as choose
from cotpress.evaluation.rows import rows

WEIGHTS = (0.25, 0.75)


def between(weight):
    """A model that obeys a ratio the more, the more it is the trained one."""
    return Obedient("blend", keeps=lambda ratio: 1 - weight * (1 - ratio))


def blending(ratios=(1.0, 0.5), **others):
    return Plan(
        model=Obedient("taught"),
        ratios=ratios,
        method="tokenskip",
        original=Obedient("base"),
        weights=WEIGHTS,
        blended=between,
        **others,
    )


def test_every_weight_is_asked_at_every_ratio_behind_the_model_itself():
    plan = blending(baselines=("be-concise", "truncation"))
    traces = list(evaluate(PROBLEMS, plan, by_box))
    found = [(row.method, row.ratio, row.blend, row.kept) for row in rows(traces)]
    assert found == [
        ("original", None, None, 1.0),
        ("tokenskip", 1.0, None, 1.0),
        ("tokenskip", 0.5, None, 0.5),
        ("blend", 1.0, 0.25, 1.0),
        ("blend", 0.5, 0.25, 0.9),
        ("blend", 1.0, 0.75, 1.0),
        ("blend", 0.5, 0.75, 0.6),
        ("be-concise", None, None, 1.0),
        ("truncation", 0.5, None, 0.5),
    ]
    assert len({trace.key for trace in traces}) == len(traces) == len(found) * N
    assert plan.n_arms == len(found) + 1  # truncation at 1.0 has nothing to cut


def test_a_blend_that_was_begun_is_not_asked_again():
    traces = list(evaluate(PROBLEMS, blending(), by_box))
    asked = []

    def counted(weight):
        asked.append(between(weight))
        return asked[-1]

    plan = Plan(**{**vars(blending()), "blended": counted})
    again = list(evaluate(PROBLEMS, plan, by_box, done=traces[: -N - 3]))
    assert [trace.key for trace in again] == [trace.key for trace in traces[-N - 3 :]]
    assert [len(model.asked) for model in asked] == [0, N + 3]


def test_one_blend_is_held_at_a_time():
    held = weakref.WeakSet()
    most = 0

    def watched(weight):
        nonlocal most
        model = between(weight)
        inner = model.generate

        def generate(requests, sampling):
            nonlocal most
            gc.collect()
            most = max(most, len(held))
            yield from inner(requests, sampling)

        model.generate = generate
        held.add(model)
        return model

    plan = Plan(**{**vars(blending()), "blended": watched, "weights": (0.2, 0.4, 0.6, 0.8)})
    assert len(list(evaluate(PROBLEMS, plan, by_box))) == (1 + 2 + 8) * N
    assert most == 1


@pytest.mark.parametrize("original", [None, "itself"])
def test_a_blend_needs_another_model(original):
    model = Obedient("taught")
    with pytest.raises(CotpressError, match="--blend takes two models"):
        Plan(model=model, ratios=[1.0], original=model if original else None, weights=[0.5])


def test_a_plan_of_what_to_serve_does_not_confuse_blends_with_the_model_itself():
    traces = list(evaluate(PROBLEMS, blending(), by_box))
    found = choose(traces, Wish(max_tokens=100))
    assert {(offer.method, offer.ratio) for offer in found.offers} == {
        ("tokenskip", 1.0),
        ("tokenskip", 0.5),
    }
