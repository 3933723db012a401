"""Conclusions after shortened, full and no reasoning; and the
smallest ratio that keeps them likely.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_compressed, make_trace

from cotpress.errors import CotpressError
from cotpress.methods import POLICY
from cotpress.pipeline import keep_answer as choosing
from cotpress.pipeline.build import build
from cotpress.pipeline.keep_answer import keep_answer
from cotpress.pipeline.verify import BATCH, NO_CONCLUSION, TOO_LONG, verify
from cotpress.records import NOTHING, CompressedTrace, Trace, Verified


class Read(NamedTuple):
    log_prob: float
    n_tokens: int


def trace(number: int, conclusion: str = "The answer is 7.") -> Trace:
    return make_trace("abcdefghij", id=f"p{number}", conclusion=conclusion, n_tokens=10)


def short(number: int, *ratios: float, conclusion: str = "The answer is 7.") -> CompressedTrace:
    return make_compressed(
        trace(number, conclusion), {ratio: "abcdefghij"[: round(10 * ratio)] for ratio in ratios}
    )


def length(asked: Sequence[tuple[Trace, str]]) -> list[Read | None]:
    """A reader that finds a conclusion one nat likelier for each letter of reasoning."""
    return [Read(len(text) - 20.0, 5) if one.conclusion else None for one, text in asked]


def unread(one: CompressedTrace) -> CompressedTrace:
    return msgspec.structs.replace(
        one, cuts=[msgspec.structs.replace(cut, verified=None) for cut in one.cuts]
    )


def test_each_cut_gets_the_likelihoods_after_the_three_reasonings_and_nothing_else_changes() -> (
    None
):
    given = [short(number, 0.5, 0.8) for number in range(2)]
    done = list(verify(given, length, "R"))
    assert done[0].cuts[0].verified == Verified(
        reference="R", shortened=-15.0, full=-10.0, none=-20.0, n_tokens=5
    )
    assert [cut.verified.loss for one in done for cut in one.cuts if cut.verified] == [
        5.0,
        2.0,
        5.0,
        2.0,
    ]
    assert [unread(one) for one in done] == given


def test_a_reasoning_is_read_once_however_many_ratios_there_are() -> None:
    asked: list[int] = []
    ratios = [n / 10 for n in range(1, 11)]
    list(verify([short(0, *ratios)], lambda batch: asked.append(len(batch)) or length(batch), "R"))
    assert asked == [11]  # nine shortened ones, the full one (also at 1.0), and none


def test_a_conclusion_that_cannot_be_read_passes_unverified_and_counted() -> None:
    noted: Counter[str] = Counter()
    silent = short(0, 0.5, conclusion="")
    first, second = verify([silent, short(1, 0.5)], length, "R", noted=noted)
    assert first == silent
    assert second.cuts[0].verified
    assert noted == {NO_CONCLUSION: 1}
    (passed,) = verify([short(1, 0.5)], lambda asked: [None] * len(asked), "R", noted=noted)
    assert passed == short(1, 0.5)
    assert noted == {NO_CONCLUSION: 1, TOO_LONG: 1}


def test_batches_change_nothing() -> None:
    given = [short(number, 0.3, 0.6) for number in range(2 * BATCH)]
    assert list(verify(given, length, "R")) == [
        one for each in given for one in verify([each], length, "R")
    ]


def verified(losses: Sequence[float], number: int = 0) -> CompressedTrace:
    """A trace at ratios 0.1, 0.2 …, with these losses."""
    one = short(number, *(i / 10 for i in range(1, len(losses) + 1)))
    found = [
        Verified(reference="R", shortened=-loss, full=0.0, none=-9.0, n_tokens=5) for loss in losses
    ]
    cuts = [
        msgspec.structs.replace(cut, verified=each)
        for cut, each in zip(one.cuts, found, strict=True)
    ]
    return msgspec.structs.replace(one, cuts=cuts)


@given(
    st.lists(st.lists(st.floats(-2, 8), min_size=1, max_size=9), min_size=1, max_size=5),
    st.floats(0, 6),
)
def test_each_trace_comes_once_at_its_smallest_ratio_under_the_threshold_or_whole(
    losses: list[list[float]], threshold: float
) -> None:
    noted: Counter[str] = Counter()
    chosen = list(
        keep_answer([verified(many, i) for i, many in enumerate(losses)], threshold, noted=noted)
    )
    assert [one.trace.problem.id for one in chosen] == [f"p{i}" for i in range(len(losses))]
    for many, one in zip(losses, chosen, strict=True):
        holding = [i for i, loss in enumerate(many, 1) if loss <= threshold]
        (cut,) = one.cuts
        assert cut.ratio == (min(holding) / 10 if holding else 1.0)
        assert cut.n_tokens == round(10 * cut.ratio) == len(cut.reasoning)
        # what was found of a cut does not stand beside the whole
        assert (cut.verified is None) == (not holding)
        assert one.keep_answer == threshold
    assert noted.total() == sum(one.cuts[0].ratio == 1.0 for one in chosen)


@given(st.lists(st.floats(-2, 8), min_size=1, max_size=9), st.floats(0, 6), st.floats(0, 6))
def test_a_trace_is_never_cut_less_under_a_laxer_threshold(
    losses: list[float], one: float, other: float
) -> None:
    (strict,), (lax,) = (
        list(keep_answer([verified(losses)], value)) for value in (min(one, other), max(one, other))
    )
    assert lax.cuts[0].ratio <= strict.cuts[0].ratio


@given(
    st.lists(st.lists(st.floats(-2, 8), min_size=1, max_size=9), min_size=1, max_size=5),
    st.floats(0, 6),
    st.integers(0, 3),
)
def test_policy_teaches_each_trace_once_at_its_own_ratio_without_saying_it(
    losses: list[list[float]], threshold: float, seed: int
) -> None:
    chosen = list(keep_answer([verified(many, i) for i, many in enumerate(losses)], threshold))
    for draw in ("one", "all"):
        taught = list(build(chosen, control="none", draw=draw, seed=seed))
        assert len(taught) == len(losses)
        for many, one, example in zip(losses, chosen, taught, strict=True):
            held = [i for i, loss in enumerate(many, 1) if loss <= threshold]
            assert example.reasoning == "abcdefghij"[: min(held, default=10)]
            assert example.prompt == one.trace.problem.prompt()
            assert (example.method, example.asked) == (POLICY, NOTHING)
            assert example.conclusion == one.trace.conclusion


@given(st.lists(st.floats(-2, 8), min_size=1, max_size=9), st.floats(0, 6))
def test_what_was_chosen_loses_no_more_than_was_tolerated_and_choosing_again_changes_nothing(
    losses: list[float], threshold: float
) -> None:
    (one,) = keep_answer([verified(losses)], threshold)
    (cut,) = one.cuts
    assert cut.verified is None or cut.verified.loss <= threshold
    assert cut.verified is not None or cut.reasoning == one.trace.reasoning
    if cut.verified is not None:
        assert list(keep_answer([one], threshold)) == [one]


def test_what_was_never_verified_is_kept_whole_and_counted() -> None:
    noted: Counter[str] = Counter()
    (one,) = keep_answer([short(0, 0.5, 0.8)], 1.0, noted=noted)
    (whole,) = one.cuts
    assert (whole.ratio, whole.reasoning, whole.n_tokens, whole.kept) == (
        1.0,
        "abcdefghij",
        10,
        1.0,
    )
    assert noted == {choosing.UNVERIFIED: 1}
    latent = msgspec.structs.replace(
        short(0, 0.5), cuts=[msgspec.structs.replace(short(0, 0.5).cuts[0], n_latent=3)]
    )
    (text,) = keep_answer([latent], 1.0)
    assert text.cuts[0].n_latent == 0
    (empty,) = keep_answer([short(0, 0.01)], 1.0)
    assert empty.cuts[0].n_tokens == 10


@pytest.mark.parametrize("threshold", [-0.1, float("nan")])
def test_a_threshold_that_is_no_loss_is_refused(threshold: float) -> None:
    with pytest.raises(CotpressError, match="choose 0 or more"):
        list(keep_answer([verified([1.0])], threshold))
