"""Truncation as training data: every cut is a beginning, and divides nothing that is whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress import scorers
from cotpress.errors import CotpressError
from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import Rules
from cotpress.scorers import score_trace

TEXTS = st.lists(
    st.sampled_from(
        ["So ", "we add ", "12", " + ", "3.5", "(see ", ") ", "\\frac{1}{2}", "$x = 2$", "\n\n", " ", "中文", "- "]
    )
    | st.text(max_size=3),
    min_size=1,
    max_size=20,
).map("".join)  # fmt: skip
RATIOS = [0.2, 0.5, 0.8, 1.0]


@pytest.mark.parametrize("unit", ["token", "number", "word", "sentence", "step"])
@given(text=TEXTS.filter(str.strip), size=st.integers(1, 4))
def test_a_cut_is_the_beginning_of_the_reasoning(unit: str, text: str, size: int) -> None:
    (importance,) = scorers.load("prefix").score([make_trace(text)])
    ends = [*range(size, len(text), size), len(text)]
    scored = score_trace(make_trace(text), ends, importance, "prefix")
    for protect in ("none", "symbols"):
        (one,) = compress([scored], RATIOS, rules=Rules(unit, protect))
        for cut in one.cuts:
            assert text.startswith(cut.reasoning)
            assert cut.n_tokens <= round(cut.ratio * len(ends))
        assert one.cuts[-1].reasoning == text


def test_a_beginning_ends_before_brackets_or_behind_them_and_within_no_number() -> None:
    text = "We add (first of all) 1234 apples"
    (importance,) = scorers.load("prefix").score([make_trace(text)])
    scored = score_trace(make_trace(text), list(range(1, len(text) + 1)), importance, "prefix")
    cuts = next(compress([scored], [n / 100 for n in range(1, 101)], rules=Rules("token"))).cuts
    found = {cut.reasoning for cut in cuts}
    assert "We add " in found
    assert "We add (first of all)" in found
    assert not any(one.count("(") != one.count(")") for one in found)
    assert not any(one.endswith((" 1", "12", "123")) for one in found)


def test_it_takes_no_target() -> None:
    with pytest.raises(CotpressError, match="takes no target"):
        scorers.load("prefix:tiny")
