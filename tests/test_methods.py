"""One table says what a method is called and means, and whatever names a method is in it."""

from typing import get_args

import pytest

from cotpress.evaluation.baselines import BASELINES
from cotpress.methods import METHODS, Kind, method

COMPARED_WITH = [name for name, one in METHODS.items() if one.kind in ("prompt", "control")]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_kind_and_a_sentence(name):
    found = METHODS[name]
    assert found.kind in get_args(Kind)
    assert found.sentence.strip()
    assert bool(found.words) == (found.kind == "prompt")


def test_a_name_that_is_not_in_the_table_is_a_taught_method():
    assert (method("mine").kind, method("mine").trained, method("mine").servable) == (
        "taught",
        True,
        True,
    )


def test_what_the_untouched_model_answers_is_a_baseline_or_the_original():
    assert {name for name, one in METHODS.items() if not one.trained} == {"original", *BASELINES}


def test_nothing_that_a_method_is_compared_with_is_offered_for_serving():
    assert not any(METHODS[name].servable for name in COMPARED_WITH)
