"""Which of several samples are learnt: those asked for, in any order of the file, and all others
counted.
"""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import sum_trace

from cotpress.errors import CotpressError
from cotpress.methods import METHODS
from cotpress.pipeline import select as stage
from cotpress.pipeline.build import build, unfit
from cotpress.pipeline.select import FEWER, FIRST_KEPT, NO_SAMPLE, NOT_CHOSEN, Keep, select
from cotpress.pipeline.whole import whole
from cotpress.records import Grade, Trace

RIGHT = Grade(answer="1", correct=True, status="ok")
WRONG = Grade(answer="7", correct=False, status="ok")


def sample(i: int, number: int, n_tokens: int, *, right: bool = True, **fields: object) -> Trace:
    grade = RIGHT if right else WRONG
    return sum_trace(i, sample=number, n_tokens=n_tokens, grade=grade, **fields)


@st.composite
def files(draw: st.DrawFn) -> list[Trace]:
    """Samples of a few problems, in any order."""
    found = [
        sample(i, number, draw(st.integers(1, 9)), right=draw(st.booleans()),
               finished=draw(st.sampled_from([True, True, False])))
        for i in range(draw(st.integers(1, 4)))
        for number in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    return draw(st.permutations(found))


keeps = st.sampled_from(list(stage.METHODS))


def naive(traces: list[Trace], keep: Keep, n: int, longest: int | None) -> list[Trace]:
    """All samples of each problem that may be kept, sorted, and the first of them."""
    groups: defaultdict[str, list[Trace]] = defaultdict(list)
    for trace in traces:
        groups[trace.problem.id].append(trace)
    found = []
    for group in groups.values():
        usable = [
            trace
            for trace in group
            if (trace.finished if keep == "shortest" else not unfit(trace))
            and (longest is None or trace.n_tokens <= longest)
        ]
        usable.sort(key=lambda trace: trace.sample)
        if keep != "all-right":
            usable.sort(key=lambda trace: trace.n_tokens, reverse=keep == "longest")
        found += usable if keep == "all-right" else usable[:n]
    return found


@given(files(), keeps.filter(lambda keep: keep != "random"), st.integers(1, 3),
       st.none() | st.integers(1, 9))  # fmt: skip
def test_what_is_chosen_is_what_sorting_all_samples_gives(
    traces: list[Trace], keep: Keep, n: int, longest: int | None
) -> None:
    chosen = select(traces, keep, per_problem=n, longest_tokens=longest)
    assert [(one.problem.id, one.sample) for one in chosen] == [
        (one.problem.id, one.sample) for one in naive(traces, keep, n, longest)
    ]


@given(files(), keeps, st.integers(1, 3), st.sampled_from(["drop", "keep"]))
def test_every_sample_is_chosen_or_counted_and_every_problem_without_one_is_told(
    traces: list[Trace], keep: Keep, n: int, unsolved: stage.Unsolved
) -> None:
    dropped, noted = Counter[str](), Counter[str]()
    chosen = list(
        select(traces, keep, per_problem=n, unsolved=unsolved, dropped=dropped, noted=noted)
    )
    assert len(chosen) + dropped.total() == len(traces)
    assert min(dropped.values(), default=0) >= 0
    ids = {one.problem.id for one in traces}
    without = noted[NO_SAMPLE]
    assert len({one.problem.id for one in chosen}) == len(ids) - without
    assert noted[FIRST_KEPT] == 0 if unsolved == "drop" else without == 0


@given(files(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_a_random_choice_depends_on_the_seed_and_the_problem_alone(
    traces: list[Trace], random: object, seed: int
) -> None:
    once = {one.problem.id: one.sample for one in select(traces, "random", seed=seed)}
    other = list(traces)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert once == {one.problem.id: one.sample for one in select(other, "random", seed=seed)}
    for name, number in once.items():
        own = [one for one in traces if one.problem.id == name]
        (alone,) = select(own, "random", seed=seed)
        assert alone.sample == number


def test_another_seed_chooses_otherwise_and_every_sample_has_its_turn() -> None:
    traces = [sample(0, number, 5) for number in range(4)]
    drawn = Counter(next(select(traces, "random", seed=seed)).sample for seed in range(200))
    assert set(drawn) == {0, 1, 2, 3}
    assert all(25 <= count <= 75 for count in drawn.values())  # 50 expected, deviation 6


def test_problems_come_in_the_order_of_their_first_sample_and_need_not_stand_together() -> None:
    traces = [sample(1, 0, 9), sample(0, 0, 9), sample(1, 1, 3), sample(0, 1, 4)]
    assert [(one.problem.id, one.sample) for one in select(traces)] == [("sum/1", 1), ("sum/0", 1)]


@pytest.mark.parametrize("keep", list(stage.METHODS))
def test_the_chosen_are_named_after_how_they_were_chosen_and_the_table_knows_the_name(
    keep: Keep,
) -> None:
    (one,) = select([sample(0, 0, 5)], keep)
    assert one.method == stage.METHODS[keep]
    assert METHODS[one.method].sentence


def test_the_shortest_may_be_wrong_and_then_has_no_grade_so_that_it_is_learnt() -> None:
    traces = [sample(0, 0, 3, right=False), sample(0, 1, 9), sample(0, 2, 1, finished=False)]
    (one,) = select(traces, "shortest")
    assert (one.sample, one.grade) == (0, None)
    (right,) = select(traces, "shortest-right")
    assert (right.sample, right.grade) == (1, RIGHT)
    assert [example.completion for example in build(whole([one]))] == [one.completion()]


def test_an_unsolved_problem_is_kept_at_its_first_sample_where_that_is_wished() -> None:
    traces = [sample(0, 1, 5, right=False), sample(0, 0, 8, right=False)]
    dropped, noted = Counter[str](), Counter[str]()
    assert list(select(traces, noted=noted)) == []
    assert noted == {NO_SAMPLE: 1}
    (one,) = select(traces, unsolved="keep", dropped=dropped)
    assert (one.sample, one.grade, one.method) == (0, None, "shortest-right")
    assert dropped == {"wrong answer": 1}


def test_fewer_samples_than_asked_for_are_kept_and_counted() -> None:
    noted, dropped = Counter[str](), Counter[str]()
    traces = [sample(0, 0, 5), sample(0, 1, 6), sample(1, 0, 5), sample(1, 1, 4), sample(1, 2, 3)]
    chosen = list(select([*traces[:1], *traces[2:]], per_problem=2, noted=noted, dropped=dropped))
    assert [one.n_tokens for one in chosen] == [5, 3, 4]
    assert (noted, dropped) == ({FEWER: 1}, {NOT_CHOSEN: 1})


def test_a_sample_that_is_too_long_is_left_out_and_counted() -> None:
    dropped = Counter[str]()
    (one,) = select(
        [sample(0, 0, 9), sample(0, 1, 4)], "longest", longest_tokens=5, dropped=dropped
    )
    assert one.n_tokens == 4
    assert dropped == {"longer than 5 tokens": 1}


def test_right_ones_cannot_be_told_without_a_grade() -> None:
    with pytest.raises(CotpressError, match=r"sum/0\|.* has no grade, .* run `cotpress grade`"):
        list(select([sum_trace(0, grade=None)]))
    assert len(list(select([sum_trace(0, grade=None)], "shortest"))) == 1


@pytest.mark.parametrize("options", [{"per_problem": 0}, {"longest_tokens": 0}])
def test_nothing_to_choose_is_refused(options: dict[str, int]) -> None:
    with pytest.raises(CotpressError, match="at least 1"):
        list(select([], **options))
