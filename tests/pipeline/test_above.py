"""A cut at a threshold: each trace has a ratio of its own, and nothing asks for it."""

import pytest
from make import make_scored

from cotpress.errors import CotpressError
from cotpress.pipeline.above import above
from cotpress.pipeline.build import build
from cotpress.pipeline.segmenting import Rules
from cotpress.records import NOTHING, Percentile

FREE = Rules("number", "none")


def test_what_scored_above_is_kept_with_what_it_needs() -> None:
    scored = make_scored(["We ", "add ", "3", " +", " 4", " now"], [0, 2, 0, 0, 3, 1])
    (one,) = above([scored], 1.0, rules=FREE)
    assert one.cuts[0].reasoning == "add 3 + 4"
    assert (one.cuts[0].asked, one.cuts[0].n_tokens, one.cuts[0].kept) == (NOTHING, 4, 4 / 6)
    assert (one.method, one.unit, one.protect) == ("earliest", "number", "none")


def test_it_is_taught_once_and_the_prompt_asks_for_nothing() -> None:
    scored = make_scored(["a ", "b ", "c"], [1, 1, 0], closing="\n")
    (example,) = build(above([scored], 0.0, rules=FREE), draw="all")
    assert (example.asked, example.ratio) == (NOTHING, None)
    assert example.prompt == scored.trace.problem.prompt()
    assert example.completion == "a b \nThe answer is 72."


def test_a_released_selection_has_a_threshold_of_its_own() -> None:
    rule = Percentile(weights=[1, 1], chunk_ends=[2], n_tokens=[1, 1])
    scored = make_scored(["a", "b"], [1, 0], percentile=rule)
    with pytest.raises(CotpressError, match="released selection"):
        list(above([scored], 0.0))
