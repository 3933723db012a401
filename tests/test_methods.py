"""One table says what a method is called and means, and whatever names a method is in it."""

from typing import get_args

import pytest

from cotpress.errors import CotpressError
from cotpress.evaluation.baselines import BASELINES
from cotpress.methods import BLEND, CORRUPTED, FORCED, METHODS, Kind, check_taught, method

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


NOT_TAUGHT = [*(name for name, one in METHODS.items() if not one.trained), FORCED, CORRUPTED, BLEND]


@pytest.mark.parametrize("name", NOT_TAUGHT)
def test_nothing_is_taught_under_the_name_of_a_control_that_needs_no_training(name):
    with pytest.raises(CotpressError, match=f"^{name} names a control"):
        check_taught(name)


@pytest.mark.parametrize(
    "name", [*(name for name in METHODS if name not in NOT_TAUGHT), "mine", "chance"]
)
def test_every_other_name_may_be_taught(name):
    assert check_taught(name) == name
