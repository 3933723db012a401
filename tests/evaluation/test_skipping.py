"""Thinking that is skipped or ended from outside: the same budget for all, no more than asked, and
what is short enough stays as it is.
"""

from statistics import fmean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import words
from test_baselines import Concluder, asking, trace

from cotpress.errors import CotpressError
from cotpress.evaluation.evaluate import Plan
from cotpress.evaluation.skipping import (
    budget_forced,
    common_budget,
    natively_budgeted,
    no_think,
)
from cotpress.lm.markup import Markup
from cotpress.models import Sampling
from cotpress.models._chat_fields import sampling_fields
from cotpress.records import Asked

THINKS = Markup(family="think", opening="<think>\n", closing="\n</think>\n\n")
LONG = "9 + 8 = 17, and 17 - 5 = 12"


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.floats(0.01, 1.2))
def test_the_common_budget_is_the_largest_that_spends_no_more_than_the_method(
    lengths: list[int], share: float
) -> None:
    def spent(budget: int) -> float:
        return fmean(min(length, budget) for length in lengths)

    budget, wanted = common_budget(lengths, share), share * fmean(lengths)
    assert budget >= 1
    assert budget == 1 or spent(budget) <= wanted + 1e-6
    assert budget >= max(lengths) or spent(budget + 1) > wanted - 1e-6


def test_a_thinking_longer_than_the_budget_is_cut_to_its_first_tokens_and_concluded() -> None:
    short, long = trace(reasoning="9 + 3 = 12"), trace(reasoning=LONG)
    model = Concluder()
    asked = asking([short, long], model, "budget-forcing", asked=Asked(budget=6))
    first, second = budget_forced(asked)
    assert first == msgspec.structs.replace(short, grade=None)
    assert (second.reasoning, second.n_tokens) == ("9 + 8 = 17, and", 6)
    (request,) = model.requests
    assert request.prefill == "9 + 8 = 17, and\nThe answer is \\boxed{"


def test_without_a_budget_as_many_tokens_are_spent_as_by_the_method() -> None:
    originals = [trace(reasoning="9 + 3 = 12"), trace(reasoning=LONG)]
    asked = asking(originals, Concluder(), "budget-forcing", actual=0.6)
    spent = [one.n_tokens for one in budget_forced(asked)]
    assert sum(spent) <= 0.6 * sum(one.n_tokens for one in originals)
    assert max(spent) == common_budget([one.n_tokens for one in originals], 0.6)


def test_a_model_that_marks_its_thinking_is_asked_with_an_empty_one() -> None:
    model = Concluder("9 + 3 is 12.\nThe answer is 12.")
    model.markup = THINKS
    (one,) = no_think(asking([trace()], model, "no-think"))
    (request,) = model.requests
    assert request.prefill == "<think>\n\n</think>\n\n"
    assert one.opening.strip() == "<think>\n\n</think>"
    assert (one.reasoning, one.conclusion) == ("9 + 3 is 12.", "The answer is 12.")


def test_a_model_that_marks_none_is_led_to_its_conclusion_at_once() -> None:
    model = Concluder()
    (one,) = no_think(asking([trace()], model, "no-think"))
    (request,) = model.requests
    assert request.prefill == "\nThe answer is \\boxed{"
    assert (one.reasoning, one.n_tokens) == ("", 0)
    assert one.conclusion == "The answer is \\boxed{12}."


def test_a_thinking_that_was_cut_off_is_closed_by_the_model_s_own_mark() -> None:
    cut_off = trace(reasoning=LONG, conclusion="", closing="", opening="<think>\n", finished=False)
    model = Concluder("It is 12.")
    model.markup = THINKS
    (one,) = budget_forced(asking([cut_off], model, "budget-forcing", asked=Asked(budget=6)))
    assert model.requests[0].prefill == "<think>\n9 + 8 = 17, and\n</think>\n\n"
    assert (one.closing, one.conclusion) == ("\n</think>\n\n", "It is 12.")


def test_the_engine_s_own_budget_is_handed_to_the_model_and_to_servers_that_have_one() -> None:
    class Engine(Concluder):
        def generate(self, requests, sampling):  # type: ignore[no-untyped-def]
            self.sampling = sampling
            return super().generate(requests, sampling)

    model = Engine("9 + 3 = 12.\nThe answer is 12.")
    asked = asking([trace()], model, "native-budget", asked=Asked(budget=64))
    (one,) = natively_budgeted(asked)
    assert one.conclusion == "The answer is 12."
    assert model.sampling.thinking_budget == 64
    fields = sampling_fields(model.sampling, "open")
    assert (fields["thinking_token_budget"], fields["thinking_budget_tokens"]) == (64, 64)
    assert "thinking_token_budget" not in sampling_fields(Sampling(), "open")
    for kind in ("openai", "transformers"):
        with pytest.raises(CotpressError, match="has no budget of its own for thinking"):
            sampling_fields(model.sampling, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("baselines", "budgets", "says"),
    [
        (["budget-forcing"], [], "baseline budget-forcing needs --budgets"),
        (["no-think"], [64], "--budgets is for the baselines budget-forcing and native-budget"),
        (["budget-forcing"], [0], "a budget of less than one token is none"),
    ],
)
def test_budgets_that_belong_to_nothing_are_one_sentence(
    baselines: list[str], budgets: list[int], says: str
) -> None:
    model = Concluder()
    model.token_ends = words
    with pytest.raises(CotpressError, match=says):
        Plan(model, [1.0], original=model, baselines=baselines, budgets=budgets)
    Plan(model, [1.0], original=model, baselines=["budget-forcing"], budgets=[64])
    Plan(model, [0.5], original=model, baselines=["budget-forcing"])
