"""random draws from (seed, trace), and no segment is kept longer for being longer."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress import scorers
from cotpress.errors import CotpressError
from cotpress.pipeline.segmenting import Rules, segmented
from cotpress.scorers import score_trace
from cotpress.scorers.random import PIECE, Random


def test_seed_and_trace_decide_and_nothing_else_does() -> None:
    items = [make_trace("She sold 24 clips.", id=str(i)) for i in range(4)]
    values = [importance.values for importance in Random(seed=3).score(items)]
    assert [importance.values for importance in Random(seed=3).score(items[::-1])] == values[::-1]
    assert [importance.values for importance in Random(seed=4).score(items)] != values
    assert len({tuple(drawn) for drawn in values}) == 4


@given(st.text())
def test_pieces_tile_any_text(text: str) -> None:
    assert "".join(PIECE.findall(text)) == text


def test_the_importance_of_a_segment_does_not_depend_on_its_length() -> None:
    text = " ".join(["no", "supercalifragilistic", "1,234.56", "\\alpha"] * 2000)
    token_ends = [
        i
        for i, c in enumerate(text, 1)
        if text[i : i + 1] in ("", " ") or (c.islower() and i % 3 == 0)
    ]
    scored = score_trace(
        make_trace(text), token_ends, next(Random().score([make_trace(text)])), "random"
    )
    for unit in ("number", "word"):
        parts = segmented(scored, Rules(unit))
        drawn = dict[str, list[float]]()
        for segment, value in zip(parts.texts, parts.importance, strict=True):
            drawn.setdefault(segment.strip(), []).append(value)
        for values in (values for values in drawn.values() if len(values) == 2000):
            # 2,000 draws: 5 standard errors
            assert statistics.fmean(values) == pytest.approx(0.5, abs=0.03)
            assert statistics.pvariance(values) == pytest.approx(1 / 12, abs=0.01)
    assert len([values for values in drawn.values() if len(values) == 2000]) == 4


def test_a_target_is_refused_with_the_cure() -> None:
    assert scorers.load("random,seed=7").name == "random,seed=7"
    with pytest.raises(CotpressError, match="write random,seed=7"):
        scorers.load("random:7")
