"""Units that are worded alike have the same importance, and a cut that follows from it a rule."""

from random import Random
from statistics import mean

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_problem, make_scored

from cotpress.errors import CotpressError
from cotpress.pipeline.alike import common_words, own_words, worded
from cotpress.pipeline.average import average, averages
from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import Rules
from cotpress.records import Percentile, ScoredTrace
from cotpress.report.wording import told, units

WORDS = (" so", " it", " is", " that", " 3", " 45")


def traces() -> list[ScoredTrace]:
    """Two traces with one step that begins alike in both, and one that does not."""
    texts = ["So it is 3.", "\n\nWait, that", " is wrong."], ["So it is 45.", "\n\nGood."]
    problems = make_problem("p", question="Is it 3?"), make_problem("q", question="Is it 45?")
    scores = [0.0, 1.0, 3.0], [4.0, 5.0]
    return [
        make_scored(text, importance, problem=problem)
        for text, importance, problem in zip(texts, scores, problems, strict=True)
    ]


def made(scored: list[ScoredTrace], unit: str = "step", words: int = 3) -> list[ScoredTrace]:
    return list(average(scored, averages(lambda: scored, unit, words)))


def test_steps_that_begin_alike_have_their_mean_and_others_their_own() -> None:
    one, other = made(traces())
    assert one.importance == [2.0, 2.0, 2.0]
    assert other.importance == [2.0, 5.0]
    one, other = made(traces()[:1] + traces()[:1])
    assert one.importance == [0.0, 2.0, 2.0]


def test_a_wording_that_is_not_known_keeps_its_own_importance() -> None:
    one, other = traces()
    [again] = average([other], averages(lambda: [one]))
    assert again.importance == [0.0, 5.0]


def test_only_so_many_words_decide() -> None:
    texts = ["So it is.", "\n\nSo we add."]
    [few] = made([make_scored(texts, [0.0, 4.0])], words=1)
    [more] = made([make_scored(texts, [0.0, 4.0])], words=2)
    assert (few.importance, more.importance) == ([2.0, 2.0], [0.0, 4.0])


def test_numbers_and_the_words_of_one_question_are_alike() -> None:
    questions = ["Ann has 3 hats.", "Bob has 4 keys.", "Cy has 5 pens.", "Di has 6 cups."]
    own = own_words(questions[0], common_words(questions))
    assert own == {"Ann", "hats"}
    assert worded(" Ann has 3.5 hats ", own) == "_ has # _"
    assert worded(" Ann has 3.5 hats ", own, 2) == "_ has"


def test_the_name_of_the_scorer_says_it_and_likelihoods_that_no_longer_explain_it_are_left_out() -> (
    None
):
    [whole] = traces()[:1]
    known = msgspec.structs.replace(whole, given=[-1.0] * 3, alone=[-2.0] * 3)
    [one] = made([known])
    assert one.scorer == f"{whole.scorer}, averaged by step"
    assert (one.given, one.alone) == (None, None)


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(WORDS), st.floats(-9, 9, allow_subnormal=False)), min_size=1
        ),
        min_size=1,
        max_size=5,
    )
)
def test_tokens_have_the_mean_of_all_that_are_worded_so_as_in_a_naive_loop(rows) -> None:
    scored = [
        make_scored(
            [text for text, _ in row], [value for _, value in row], problem=make_problem(f"{i}")
        )
        for i, row in enumerate(rows)
    ]
    for one, row in zip(made(scored, "word", 1), rows, strict=True):
        for (text, _), importance in zip(row, one.importance, strict=True):
            alike = [
                value
                for other in rows
                for word, value in other
                if word == text or (word[1].isdigit() and text[1].isdigit())
            ]
            assert importance == pytest.approx(mean(alike))


@given(st.randoms(use_true_random=False))
def test_averaged_twice_is_averaged_once(chance: Random) -> None:
    scored = [
        make_scored([f"{word}." for word in WORDS], [chance.random() for _ in WORDS])
        for _ in range(4)
    ]
    once = made(scored, "sentence")
    assert [one.importance for one in made(once, "sentence")] == [
        pytest.approx(one.importance) for one in once
    ]


def test_a_cut_at_random_follows_no_rule_and_its_average_does() -> None:
    chance = Random(0)
    texts = [f"{word} one." for word in ("So", " But", " Now", " Then", " Here", " Wait")]
    scored = [
        make_scored(texts, [chance.random() for _ in texts], problem=make_problem(f"{i}"))
        for i in range(100)
    ]
    rules, ruled = Rules("sentence", "none"), made(scored, "sentence")
    [before], [after] = units(scored, rules, [0.5]), units(ruled, rules, [0.5])
    assert told(before) < 0.05
    assert told(after) > 0.9
    cuts = {one.cuts[0].reasoning for one in compress(ruled, [0.5], rules=rules)}
    assert len(cuts) == 1


def test_scores_that_are_no_averages_are_refused() -> None:
    [one] = traces()[:1]
    for other in (
        msgspec.structs.replace(one, from_start=True),
        msgspec.structs.replace(
            one, percentile=Percentile(weights=[1] * 3, chunk_ends=[3], n_tokens=[1] * 3)
        ),
    ):
        with pytest.raises(CotpressError, match="nothing to average"):
            made([other])


def test_no_words_are_refused() -> None:
    with pytest.raises(CotpressError, match="--words 0 would make all units alike"):
        made(traces(), words=0)
