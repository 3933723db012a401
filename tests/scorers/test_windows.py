"""What is scored together depends on the input alone, so that a run that was stopped writes what
one that was not writes.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress import scorers
from cotpress.errors import CotpressError
from cotpress.models.scripted import Scripted
from cotpress.records import Trace
from cotpress.scorers import Importance, Likelihoods, Unscored
from cotpress.scorers._windows import MOST, windows

TARGET = Scripted(lambda request: "", name="target")


def traces(lengths: Sequence[int]) -> list[Trace]:
    return [make_trace(id=f"t/{i}", reasoning="x" * n) for i, n in enumerate(lengths)]


class Company:
    """A score that hangs on the company, as those of a model do in the last digits."""

    name = identity = "company"

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self.calls = 0

    def score(self, traces: list[Trace]) -> Iterator[Importance | Unscored]:
        self.calls += 1
        for trace in traces:
            if len(trace.reasoning) % 7 == 0:
                yield Unscored("unlucky")
            else:
                value = float(sum(len(other.reasoning) for other in traces))
                yield Importance([len(trace.reasoning)], [value])


LENGTHS = st.lists(st.integers(0, 30), max_size=40)


@given(LENGTHS, st.integers(1, 60) | st.none())
def test_windows_hold_all_in_order_and_no_more_than_they_may(
    lengths: list[int], characters: int | None
) -> None:
    found = list(windows(traces(lengths), characters))
    assert [trace for window in found for trace in window] == traces(lengths)
    for window in found:
        size = sum(len(trace.reasoning) for trace in window)
        assert len(window) == 1 or characters is None or size <= characters
        assert 0 < len(window) <= MOST


@given(LENGTHS, st.integers(1, 60), st.integers(0, 40))
def test_a_run_that_was_stopped_writes_and_counts_what_one_that_was_not_does(
    lengths: list[int], at_once: int, stopped: int
) -> None:
    def run(done: list[scorers.ScoredTrace], most: int | None) -> tuple[list, Counter[str]]:
        dropped = Counter[str]()
        found = scorers.score(
            traces(lengths),
            Company(at_once),
            TARGET,
            dropped=dropped,
            done=Counter(one.key for one in done),
        )
        return [*done, *islice(found, most)], dropped

    whole, dropped = run([], None)
    part, _ = run([], stopped)
    assert run(part, None) == (whole, dropped)


def test_what_is_written_is_not_scored_again() -> None:
    scorer = Company(30)
    everything = traces([10] * 9)
    found = list(scorers.score(everything, scorer, TARGET))
    assert scorer.calls == 3
    done = Counter(one.key for one in found[:6])
    assert list(scorers.score(everything, scorer, TARGET, done=done)) == found[6:]
    assert scorer.calls == 3 + 1


def test_the_first_records_are_there_before_the_second_window_is_scored() -> None:
    scorer = Company(30)
    next(scorers.score(iter(traces([10] * 9)), scorer, TARGET))
    assert scorer.calls == 1


# --- what a scorer must give ----------------------------------------------------------------------


class Fixed:
    name = identity = "my_pkg.fixed"

    def __init__(self, *found: Importance) -> None:
        self.found = found

    def score(self, traces: list[Trace]) -> Iterator[Importance]:
        yield from self.found


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Importance([3], [1.0]), "pieces that end at 3 of 10 characters: cover the whole"),
        (Importance([], []), "pieces that end at 0 of 10 characters"),
        (Importance([4, 11], [1.0, 2.0]), "pieces that end at 11 of 10 characters"),
        (Importance([6, 4, 10], [1.0] * 3), "pieces whose ends fall"),
        (Importance([-1, 10], [1.0] * 2), "pieces whose ends fall"),
        (Importance([4, 10], [1.0]), "2 pieces and 1 values"),
        (Importance([10], [1.0], likelihoods=Likelihoods([1.0], [])), "1 pieces and 1, 1, 0"),
        (Importance([10], [float("nan")]), "a value that is not a finite number"),
        (Importance([10], [1.0], likelihoods=Likelihoods([float("inf")], [1.0])), "not a finite"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_with_scorer_and_trace(
    found: Importance, says: str
) -> None:
    with pytest.raises(CotpressError, match=r"^scorer my_pkg\.fixed gave trace ") as error:
        list(scorers.score(traces([10]), Fixed(found), TARGET))
    assert says in str(error.value)
    assert traces([10])[0].key in str(error.value)


def test_blank_space_at_the_end_need_not_be_covered() -> None:
    trace = make_trace(reasoning="a b \n")
    found = Importance([1, 3], [1.0, 2.0])
    (scored,) = scorers.score([trace], Fixed(found), TARGET)
    assert scored.ends[-1] == 5


@pytest.mark.parametrize(("n", "says"), [(1, "gave 1 for 2 traces"), (3, "gave more than 2")])
def test_one_answer_for_each_trace(n: int, says: str) -> None:
    found = [Importance([10], [1.0])] * n
    with pytest.raises(CotpressError, match=says):
        list(scorers.score(traces([10, 10]), Fixed(*found), TARGET))
