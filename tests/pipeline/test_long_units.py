"""Sentences and steps as units: the mean budget is met, cuts stay nested, and white space is worth
nothing by itself.
"""

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_scored

from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import Rules, segmented
from cotpress.records import CompressedTrace, ScoredTrace

SENTENCES = (
    "So it is 3.",
    "Wait, no.",
    "It is 4 then, I am sure.",
    "Hmm.",
    "Next, we add them up.",
)

long_units = pytest.mark.parametrize("unit", ["sentence", "step"])


@st.composite
def traces(draw: st.DrawFn, least: int = 1, most: int = 30) -> list[ScoredTrace]:
    """Each of one to eight sentences, a token per character, importance by sentence."""
    found = []
    for number in range(draw(st.integers(least, most))):
        said = draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=8))
        values = draw(st.lists(st.floats(0, 1), min_size=len(said), max_size=len(said)))
        gaps = draw(
            st.lists(st.sampled_from([" ", "\n\n"]), min_size=len(said), max_size=len(said))
        )
        tokens = [c for one, gap in zip(said, gaps, strict=True) for c in one + gap]
        scores = [
            v for one, gap, v in zip(said, gaps, values, strict=True) for _ in one + gap
        ]  # the blank scores as its sentence
        found.append(make_scored(tokens, scores, id=str(number)))
    return found


ratios = st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), min_size=1, max_size=4, unique=True)


def cut(scored: list[ScoredTrace], asked: list[float], unit: str) -> list[CompressedTrace]:
    return list(compress(scored, asked, rules=Rules(unit, "none")))


@long_units
@given(scored=traces(), ratio=st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]))
def test_the_mean_kept_is_less_than_one_trace_short_of_the_ratio_and_never_above_it(
    unit: str, scored: list[ScoredTrace], ratio: float
) -> None:
    kept = mean(one.cuts[0].kept for one in cut(scored, [ratio], unit))
    rounding = 0.5 / min(len(one.ends) for one in scored)  # budgets are whole tokens
    above = rounding / len(scored) + 1e-9  # 0.7 of 5 tokens is 4: just what may be kept above it
    assert ratio - 1 / len(scored) - rounding < kept <= ratio + above


@long_units
@given(scored=traces(60, 70), asked=ratios)
def test_over_many_traces_the_mean_kept_is_within_two_hundredths_of_every_ratio(
    unit: str, scored: list[ScoredTrace], asked: list[float]
) -> None:
    found = cut(scored, asked, unit)
    for i, ratio in enumerate(asked):
        assert abs(mean(one.cuts[i].kept for one in found) - ratio) < 0.05
    if len(asked) == 1:
        assert abs(mean(one.cuts[0].kept for one in found) - asked[0]) < 0.02


@long_units
@given(scored=traces(), asked=ratios)
def test_a_smaller_ratio_keeps_a_subset_whatever_was_left_before(
    unit: str, scored: list[ScoredTrace], asked: list[float]
) -> None:
    for one in cut(scored, sorted(asked), unit):
        for small, large in zip(one.cuts, one.cuts[1:], strict=False):
            assert small.n_tokens <= large.n_tokens
            rest = iter(large.reasoning)
            assert all(character in rest for character in small.reasoning)


@long_units
@given(scored=traces(most=5))
def test_ratio_one_is_the_identity(unit: str, scored: list[ScoredTrace]) -> None:
    for one in cut(scored, [1.0, 0.5], unit):
        assert one.cuts[0].reasoning == one.trace.reasoning


def test_what_a_step_leaves_of_the_budget_goes_to_the_next_trace() -> None:
    one = make_scored(["It is 3.", " Wait, no."], [1, 0])
    found = [
        [cut.n_tokens for cut in each.cuts] for each in cut([one] * 4, [0.25, 0.5], "sentence")
    ]
    assert found == [[0, 1], [1, 1], [0, 1], [1, 1]]


def test_a_long_unit_is_worth_the_mean_of_its_tokens_so_that_length_does_not_decide() -> None:
    long, short = "It is 4 then, I am sure.", "So it is 3."
    scored = make_scored([*long, " ", *short], [0.5] * len(long) + [0.6] + [0.6] * len(short))
    parts = segmented(scored, Rules("sentence", "none"))
    assert parts.texts == [long, f" {short}"]
    assert parts.importance == pytest.approx([0.5, 0.6])


@pytest.mark.parametrize("end", [[".", "\n\n"], [".\n\n"]], ids=["apart", "in one token"])
def test_a_break_is_kept_for_its_line_alone_also_where_a_token_holds_it_and_a_full_stop(
    end: list[str],
) -> None:
    line = ["It", " is", " 3", ".", " No", *end]
    scored = make_scored([*line, "So", " 4", "."], [1, 1, 1, 1, 5, *[9] * len(end), 20, 20, 20])
    parts = segmented(scored, Rules("sentence", "none"))
    assert parts.texts == ["It is 3.", " No.", "\n\n", "So 4."]
    assert parts.importance[2] == min(parts.importance)
    (found,) = cut([scored], [0.3, 0.5, 0.9], "sentence")
    assert found.cuts[0].reasoning == "So 4."
    assert all("No.So" not in one.reasoning for one in found.cuts)


def test_a_wrapped_line_within_a_step_binds_nobody_else() -> None:
    scored = make_scored(["It is", "\n", "three.", " Wait", ", no."], [0, 0, 0, 9, 9])
    (found,) = cut([scored], [0.5], "step")
    assert found.cuts[0].reasoning == " Wait, no."
