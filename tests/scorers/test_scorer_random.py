"""random draws from (seed, trace), and no segment is kept longer for being longer."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import scorers, segments
from cotpress.errors import CotpressError
from cotpress.records import Problem, Trace
from cotpress.scorers.random import PIECE, WORD, Random


def trace(reasoning: str, id: str = "1") -> Trace:
    problem = Problem(id=id, question="?", answer="1", task="t")
    return Trace(
        problem=problem, model="m", reasoning=reasoning, conclusion="", n_tokens=1, n_conclusion_tokens=0, finished=True
    )


def test_seed_and_trace_decide_and_nothing_else_does() -> None:
    items = [trace("She sold 24 clips.", str(i)) for i in range(4)]
    values = [importance.values for importance in Random(seed=3).score(items)]
    assert [importance.values for importance in Random(seed=3).score(items[::-1])] == values[::-1]
    assert [importance.values for importance in Random(seed=4).score(items)] != values
    assert len({tuple(drawn) for drawn in values}) == 4


@given(st.text())
def test_pieces_tile_any_text(text: str) -> None:
    for pattern in (PIECE, WORD):
        assert "".join(pattern.findall(text)) == text


@pytest.mark.parametrize("unit", ["number", "token", "word"])
def test_the_importance_of_a_segment_does_not_depend_on_its_length(unit: segments.Unit) -> None:
    text = " ".join(["no", "supercalifragilistic", "$16-3-4", "1,234.56", "\\frac"] * 2000)
    token_ends = [i for i, c in enumerate(text) if c == " " or (c.islower() and i % 3 == 0)]
    (importance,) = Random(unit=unit).score([trace(text)])
    ends = segments.segment_ends(text, token_ends, "word")  # whole words, whose lengths differ most
    pooled = segments.pooled(ends, importance.ends, importance.values, unit)
    words = dict[str, list[float]]()
    for start, end, value in zip([0, *ends], ends, pooled, strict=False):
        words.setdefault(text[start:end].strip(), []).append(value)
    alike = ["no", "supercalifragilistic", "1,234.56", "\\frac", *(["$16-3-4"] if unit == "word" else [])]
    for word in alike:
        assert statistics.fmean(words[word]) == pytest.approx(0.5, abs=0.03)  # 2,000 draws: 5 standard errors
        assert statistics.pvariance(words[word]) == pytest.approx(1 / 12, abs=0.01)


def test_a_target_is_refused_with_the_cure() -> None:
    assert scorers.load("random,seed=7").name == "random,seed=7"
    with pytest.raises(CotpressError, match="write random,seed=7"):
        scorers.load("random:7")
