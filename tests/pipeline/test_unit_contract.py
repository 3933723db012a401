"""What every unit owes the cut: spans within the text, in order and
apart, and a score between those of its tokens.
"""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_scored

from cotpress import plugins
from cotpress.errors import CotpressError
from cotpress.pipeline import units
from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import Rules, segmented

TEXTS = st.lists(
    st.sampled_from(
        [
            "so ",
            "12",
            "3.5%",
            "\\frac{1}{2}",
            " ",
            "\n\n",
            "\r\n",
            "中文",
            "😀",
            "e\u0301",
            "a-b",
            "$",
            "x_{12}",
        ]
    )
    | st.text(max_size=4),
    max_size=12,
).map("".join)


every_unit = pytest.mark.parametrize("name", list(plugins.available("pipeline/units")))


@every_unit
@given(text=TEXTS)
def test_spans_rise_within_the_text_and_do_not_overlap(name: str, text: str) -> None:
    spans = list(units.load(name).spans(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@every_unit
@given(values=st.lists(st.floats(-100, 100), min_size=1, max_size=9))
def test_the_score_of_a_segment_lies_between_those_of_its_tokens(
    name: str, values: list[float]
) -> None:
    assert min(values) - 1e-9 <= units.load(name).pool(values) <= max(values) + 1e-9


@every_unit
@given(text=TEXTS, seed=st.randoms(use_true_random=False))
def test_no_cut_divides_a_span(name: str, text: str, seed: object) -> None:
    scored = make_scored(text, [seed.random() for _ in text])  # type: ignore[attr-defined]
    rules = Rules(name, "none")
    ends = {0, *segmented(scored, rules).ends}
    for start, end in units.load(name).spans(text):
        assert not ends & set(range(start + 1, end))
    (one,) = compress([scored], [0.3, 0.6, 1.0], rules=rules)
    assert one.cuts[-1].reasoning == text
    assert all(cut.n_tokens <= round(cut.ratio * len(text)) for cut in one.cuts)


def test_a_unit_of_ones_own_is_loaded_by_its_dotted_name_and_must_offer_both_parts(
    tmp_path, monkeypatch
) -> None:
    own = tmp_path / "own_units"
    own.mkdir()
    (own / "line.py").write_text(
        "import re\nfrom cotpress.pipeline.units import Unit, mean\n"
        "def load(target=''):\n    return Unit(lambda text: (m.span() for m "
        "in re.finditer(r'[^\\n]+', text)), mean)\n"
    )
    (own / "nothing.py").write_text("def load(target=''):\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    scored = make_scored("ab\ncd", [1, 3, 0, 2, 9])
    assert segmented(scored, Rules("own_units.line", "none")).texts == ["ab", "\n", "cd"]
    assert segmented(scored, Rules("own_units.line", "none")).importance == [2, 0, 5.5]
    with pytest.raises(
        CotpressError, match=r"unit own_units\.nothing has no 'spans', which every unit offers"
    ):
        units.load("own_units.nothing")
    with pytest.raises(CotpressError, match="unknown unit 'lines'"):
        units.load("lines")
