"""Which judged questions were taught: against a naive loop, and in the folder of a model."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError
from cotpress.pipeline import overlap
from cotpress.pipeline.overlap import (
    AT_LEAST,
    SHARED,
    N,
    Questions,
    grams,
    like_any,
    normalised,
    words,
)

LONG = "Anna has three red apples and gives two of them to her brother Tom before lunch"

question = st.lists(
    st.sampled_from(["a", "b", "c", "d", "1", "+", "-"]), min_size=0, max_size=14
).map(" ".join)


def naive(taught: list[str], judged: str) -> bool:
    """The rule of the docstring, question by question."""
    if normalised(judged) in map(normalised, taught):
        return True
    ours, theirs = (
        grams(words(judged)),
        [grams(words(one)) for one in dict.fromkeys(map(normalised, taught))],
    )
    telling = {
        g for g in ours if sum(g in other for other in theirs) <= max(AT_LEAST, 0.02 * len(theirs))
    }
    return bool(telling) and any(len(telling & other) >= SHARED * len(telling) for other in theirs)


@given(st.lists(question, max_size=30), st.lists(question, min_size=1, max_size=5))
def test_what_is_found_is_what_a_loop_over_all_pairs_finds(
    taught: list[str], judged: list[str]
) -> None:
    known = Questions.of(taught)
    assert [known.has(one) for one in judged] == [naive(taught, one) for one in judged]


@given(st.lists(question, max_size=10), st.lists(question, max_size=10), question)
def test_two_sets_together_hold_what_either_holds_alone(
    a: list[str], b: list[str], asked: str
) -> None:
    together = Questions.of(a) + Questions.of(b)
    assert len(together.whole) == len(Questions.of(a).whole) + len(Questions.of(b).whole)
    if Questions.of(a).has(asked) or Questions.of(b).has(asked):
        assert together.has(asked)


@pytest.mark.parametrize(
    ("judged", "taught"),
    [
        (LONG, True),
        (f"  {LONG.upper()}?!\n", True),
        (LONG.replace("lunch", "dinner"), True),
        (LONG.replace("three", "four").replace("Tom", "Ben"), False),
        ("x + 3 = 5", True),
        ("x - 3 = 5", False),
        ("X+3 =5.", True),
        ("求和一加一等于多少呢", True),
        ("求和一加二等于多少呢", False),
    ],
)
def test_case_spacing_and_punctuation_make_no_difference_but_operators_do(
    judged: str, taught: bool
) -> None:
    assert Questions.of([LONG, "x + 3 = 5", "求和一加一等于多少呢"]).has(judged) is taught


def test_the_common_wording_of_a_prompt_is_no_overlap() -> None:
    prompt = "Please answer the following question with great care and show all of your work"
    known = Questions.of(f"{prompt}: item {i} costs {i} coins" for i in range(50))
    assert not known.has(f"{prompt}: how far is it to the next town")
    assert known.has(f"{prompt}: item 7 costs 7 coins")


def test_a_folder_gives_back_what_was_written_and_says_when_it_was_damaged(tmp_path: Path) -> None:
    known = Questions.of([LONG, "short", f"{LONG} and more"])
    overlap.write(tmp_path, known)
    found = overlap.read(tmp_path)
    assert found is not None
    for name in ("whole", "grams", "owners"):
        assert np.array_equal(getattr(found, name), getattr(known, name))
    (tmp_path / overlap.FILE).write_bytes(b"PK nothing")
    with pytest.raises(CotpressError, match="does not hold the questions of a training"):
        overlap.read(tmp_path)
    (tmp_path / overlap.FILE).unlink()
    assert overlap.read(tmp_path) is None


def test_the_taught_questions_that_are_judged_are_found_from_the_other_side() -> None:
    taught = [LONG, "What is 2 + 2?", "What is 3 + 3?"]
    assert like_any(taught, ["what is 2+2", LONG.replace("lunch", "tea")]) == {
        normalised(LONG),
        "what is 2 + 2",
    }
    assert len(words(LONG)) > N
