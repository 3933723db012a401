"""Conclusions after shortened, full and no reasoning; and the smallest ratio that keeps them likely."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.pipeline import keep_answer as choosing
from cotpress.pipeline.keep_answer import keep_answer
from cotpress.pipeline.verify import BATCH, NO_CONCLUSION, TOO_LONG, verify
from cotpress.records import CompressedTrace, Problem, Trace, Verified


class Read(NamedTuple):
    log_prob: float
    n_tokens: int


def trace(number: int, conclusion: str = "The answer is 7.") -> Trace:
    return Trace(
        problem=Problem(id=f"p{number}", question="q", answer="7", task="t"),
        model="m",
        reasoning="abcdefghij",
        conclusion=conclusion,
        n_tokens=10,
        n_conclusion_tokens=5,
        finished=True,
    )


def cut(number: int, ratio: float, **fields: object) -> CompressedTrace:
    n = round(10 * ratio)
    kept = {"reasoning": "abcdefghij"[:n], "kept": n / 10, "n_tokens": n}
    return CompressedTrace(trace=trace(number), method="cts", scorer="s", ratio=ratio, **kept | fields)  # type: ignore[arg-type]


def length(asked: Sequence[tuple[Trace, str]]) -> list[Read | None]:
    """A reader that finds a conclusion one nat likelier for each letter of reasoning."""
    return [Read(len(text) - 20.0, 5) if one.conclusion else None for one, text in asked]


def test_each_cut_gets_the_likelihoods_after_the_three_reasonings_and_nothing_else_changes() -> None:
    cuts = [cut(number, ratio) for number in range(2) for ratio in (0.5, 0.8)]
    done = list(verify(cuts, length, "R"))
    assert done[0].verified == Verified(reference="R", shortened=-15.0, full=-10.0, none=-20.0, n_tokens=5)
    assert [one.verified.loss for one in done if one.verified] == [5.0, 2.0, 5.0, 2.0]
    assert [msgspec.structs.replace(one, verified=None) for one in done] == cuts


def test_a_reasoning_is_read_once_however_many_ratios_there_are() -> None:
    asked: list[int] = []
    list(verify([cut(0, n / 10) for n in range(1, 11)], lambda batch: asked.append(len(batch)) or length(batch), "R"))
    assert asked == [11]  # nine shortened ones, the full one (also at 1.0), and none


def test_a_conclusion_that_cannot_be_read_passes_unverified_and_counted() -> None:
    noted: Counter[str] = Counter()
    unread = msgspec.structs.replace(cut(0, 0.5), trace=trace(0, conclusion=""))
    first, second = verify([unread, cut(1, 0.5)], length, "R", noted=noted)
    assert first == unread
    assert second.verified
    assert noted == {NO_CONCLUSION: 1}
    (passed,) = verify([cut(1, 0.5)], lambda asked: [None] * len(asked), "R", noted=noted)
    assert passed == cut(1, 0.5)
    assert noted == {NO_CONCLUSION: 1, TOO_LONG: 1}


def test_batches_change_nothing() -> None:
    cuts = [cut(number, ratio) for number in range(BATCH) for ratio in (0.3, 0.6)]
    assert list(verify(cuts, length, "R")) == [one for each in cuts for one in verify([each], length, "R")]


def verified(losses: Sequence[float], number: int = 0) -> list[CompressedTrace]:
    """A trace at ratios 0.1, 0.2 …, with these losses."""
    return [
        cut(number, i / 10, verified=Verified(reference="R", shortened=-loss, full=0.0, none=-9.0, n_tokens=5))
        for i, loss in enumerate(losses, 1)
    ]


@given(st.lists(st.lists(st.floats(-2, 8), min_size=1, max_size=9), min_size=1, max_size=5), st.floats(0, 6))
def test_each_trace_comes_once_at_its_smallest_ratio_under_the_threshold_or_whole(
    losses: list[list[float]], threshold: float
) -> None:
    noted: Counter[str] = Counter()
    chosen = list(keep_answer([one for i, many in enumerate(losses) for one in verified(many, i)], threshold, noted=noted))
    assert [one.trace.problem.id for one in chosen] == [f"p{i}" for i in range(len(losses))]
    for many, one in zip(losses, chosen, strict=True):
        holding = [i for i, loss in enumerate(many, 1) if loss <= threshold]
        assert one.ratio == (min(holding) / 10 if holding else 1.0)
        assert one.n_tokens == round(10 * one.ratio) == len(one.reasoning)
        assert (one.verified is None) == (not holding)  # what was found of a cut does not stand beside the whole
        assert one.keep_answer == threshold
    assert noted.total() == sum(one.ratio == 1.0 for one in chosen)


@given(st.lists(st.floats(-2, 8), min_size=1, max_size=9), st.floats(0, 6), st.floats(0, 6))
def test_a_trace_is_never_cut_less_under_a_laxer_threshold(losses: list[float], one: float, other: float) -> None:
    (strict,), (lax,) = (list(keep_answer(verified(losses), value)) for value in (min(one, other), max(one, other)))
    assert lax.ratio <= strict.ratio


def test_what_was_never_verified_is_kept_whole_and_counted() -> None:
    noted: Counter[str] = Counter()
    (whole,) = keep_answer([cut(0, 0.5), cut(0, 0.8)], 1.0, noted=noted)
    assert (whole.ratio, whole.reasoning, whole.n_tokens, whole.kept) == (1.0, "abcdefghij", 10, 1.0)
    assert noted == {choosing.UNVERIFIED: 1}
    (text,) = keep_answer([msgspec.structs.replace(cut(0, 0.5), n_latent=3)], 1.0)
    assert text.n_latent == 0
    (empty,) = keep_answer([cut(0, 0.01)], 1.0)
    assert empty.n_tokens == 10


@pytest.mark.parametrize("threshold", [-0.1, float("nan")])
def test_a_threshold_that_is_no_loss_is_refused(threshold: float) -> None:
    with pytest.raises(CotpressError, match="choose 0 or more"):
        list(keep_answer(verified([1.0]), threshold))
