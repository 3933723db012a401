"""The earliest right node: what is kept ends with the first statement of the right answer, as the
grader reads it.
"""

import pytest
from make import make_trace

from cotpress import scorers
from cotpress.errors import CotpressError
from cotpress.pipeline.above import above
from cotpress.pipeline.segmenting import Rules
from cotpress.scorers import score_trace
from cotpress.scorers.earliest import Earliest


def kept(reasoning: str, answer: str = "72", spec: str = "earliest", **problem: str) -> str:
    trace = make_trace(reasoning, answer=answer, **problem)
    (importance,) = scorers.load(spec).score([trace])
    scored = score_trace(trace, list(range(1, len(reasoning) + 1)), importance, "earliest")
    (one,) = above([scored], 0.0, rules=Rules("number", "none"))
    return one.cuts[0].reasoning


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        ("48 / 2 = 24. So 48 + 24 = 72. Wait, let me check. 72 - 24 = 48.",
         "48 / 2 = 24. So 48 + 24 = 72."),
        ("It is \\boxed{72}. Yes.", "It is \\boxed{72}."),
        ("The answer is 72.0, is it? Hmm.", "The answer is 72.0, is it?"),
        ("Thus\n\n$$x = 72$$\n\nWait, no.", "Thus\n\n$$x = 72$$"),
        ("72 of them are 3. So 4.", "72 of them are 3. So 4."),
        ("It is 71. Then 73.", "It is 71. Then 73."),
    ],
)  # fmt: skip
def test_the_reasoning_is_kept_up_to_the_first_statement_or_whole_where_there_is_none(
    reasoning: str, expected: str
) -> None:
    assert kept(reasoning) == expected


def test_a_number_of_the_question_counts_only_where_it_is_a_result_or_announced() -> None:
    question = "Mia has 72 coins and finds none. How many?"
    said = "She has 72. No more come. 72 + 0 = 72. Sure."
    assert kept(said, question=question) == "She has 72. No more come. 72 + 0 = 72."
    assert kept("She has 72. The answer is 72. Ok.", question=question).endswith("answer is 72.")


def test_another_grader_reads_other_answers() -> None:
    said = "It could be A. No: the answer is (B). Let me check A."
    assert kept(said, "B", "earliest,grader=choice") == "It could be A. No: the answer is (B)."


def test_an_answer_that_only_algebra_could_tell_is_passed_over_and_nothing_runs_for_ever() -> None:
    said = "It is \\boxed{9^{9^{9^{9}}} x + 1}. So it is \\boxed{x + 1}. Yes."
    assert kept(said, "x + 1").endswith("\\boxed{x + 1}.")


def test_its_name_says_by_which_grader_and_it_takes_no_target() -> None:
    assert scorers.load("earliest").name == "earliest"
    found = scorers.load("earliest,grader=exact")
    assert isinstance(found, Earliest)
    assert found.name == found.identity == "earliest,grader=exact"
    with pytest.raises(CotpressError, match="takes no target"):
        scorers.load("earliest:math")
