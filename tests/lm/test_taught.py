"""What is remembered of the budgets of a training."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cotpress.lm.taught import budgets_of


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=50))
def test_the_quantiles_are_those_of_numpy_and_the_ends_are_held(asked: list[int]) -> None:
    found = budgets_of(asked)
    assert found is not None
    expected = np.quantile(asked, [0.1, 0.5, 0.9])
    assert all(abs(a - b) <= 0.5 + 1e-6 for a, b in zip(found.usual, expected, strict=True))
    assert (found.least, found.most) == (min(asked), max(asked))
    assert all(found.hold(budget) for budget in (*asked, *found.usual))
    assert not found.hold(min(asked) - 1)
    assert not found.hold(max(asked) + 1)


def test_without_budgets_there_is_nothing_to_remember() -> None:
    assert budgets_of([]) is None
