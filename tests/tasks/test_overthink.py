"""The task that thinks too long: every part of the reasoning has its label,
and the needed ones alone lead to the answer.
"""

import re
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotpress import tasks
from cotpress.errors import CotpressError
from cotpress.tasks import overthink
from cotpress.tasks._procedural import SHARES, split_of
from cotpress.tasks.overthink import (
    CHECK,
    DEAD_END,
    FILLER,
    LABELS,
    NEEDED,
    OUTSIDE,
    RESTATEMENT,
    label,
    label_tokens,
    worked,
)


def parts(reasoning: str) -> list[tuple[str, str]]:
    return [(reasoning[span.start : span.end].strip(), span.label) for span in label(reasoning)]


def needed(reasoning: str) -> str:
    return " ".join(text for text, what in parts(reasoning) if what == NEEDED)


def test_the_parts_of_a_trace_are_labelled_by_what_they_are_for():
    said = (
        "Okay, let me think. Monday: 12. Thursday now: 12 - 4 = 8. Wait, I "
        "left out Tuesday, so back to 12. Tuesday: Mia "
        "finds 6 more coins, maybe 12 - 6 = 6? No, wait, it goes up. "
        "So we add 6 to 12 and get 12 + 6 = 18. Check: 18 - 6 = 12, yes. "
        "So Mia has 18 coins in the end. Tuesday again: 12 + 6 = 18."
    )
    assert parts(said) == [
        ("Okay, let me think.", FILLER),
        ("Monday: 12.", NEEDED),
        ("Thursday now: 12 - 4 = 8. Wait, I left out Tuesday, so back to 12.", DEAD_END),
        ("Tuesday:", NEEDED),
        ("Mia finds 6 more coins,", RESTATEMENT),
        ("maybe 12 - 6 = 6? No, wait, it goes up.", DEAD_END),
        ("So we add 6 to 12 and get", FILLER),
        ("12 + 6 = 18.", NEEDED),
        ("Check: 18 - 6 = 12, yes.", CHECK),
        ("So Mia has 18 coins in the end.", NEEDED),
        ("Tuesday again: 12 + 6 = 18.", CHECK),
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(20, 90), st.floats(0, 1), st.integers(0, 5))
def test_what_is_needed_is_a_chain_of_true_sums_from_the_start_to_the_answer(
    steps: int, largest: int, wordy: float, seed: int
):
    for trace in islice(worked("train", steps=steps, largest=largest, wordy=wordy, seed=seed), 5):
        path = needed(trace.reasoning)
        start = re.match(r"Monday: (\d+)\.", path)
        assert start
        total = int(start[1])
        for day, a, sign, k, b in re.findall(r"(\w+): (\d+) ([-+*]) (\d+) = (\d+)\.", path):
            assert int(a) == total, day
            total = {"+": total + int(k), "-": total - int(k), "*": total * int(k)}[sign]
            assert int(b) == total
        assert str(total) == trace.problem.answer
        assert re.fullmatch(
            r"(\w+: (\d+|\d+ [-+*] \d+ = \d+)\. )+So \w+ has \d+ \w+ in the end\.", path
        )
        assert trace.problem.answer in trace.conclusion
        assert (trace.opening, trace.closing) == ("<think>\n", "\n</think>\n\n")


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.floats(0, 1), st.integers(0, 50))
def test_nothing_the_task_says_is_outside_its_grammar(steps: int, wordy: float, seed: int):
    for trace in islice(worked("test", steps=steps, wordy=wordy, seed=seed), 5):
        assert OUTSIDE not in {span.label for span in label(trace.reasoning)}


def test_every_way_to_say_a_part_is_read_back_as_that_part():
    what = {
        "name": "Mia",
        "things": "coins",
        "day": "Tuesday",
        "other_day": "Monday",
        "a": 3,
        "k": 2,
        "b": 5,
        "sign": "+",
    }
    what |= {
        "back": "-",
        "way": "up",
        "do": "add 2 to 3",
        "fact": "gets 2 coins from Tom",
        "told": "On Monday Mia has 3 coins.",
    }
    for part, (expected, texts) in overthink.GRAMMAR.items():
        for text in texts:
            assert parts(text.format(**what)) == [(text.format(**what), expected)], part


@given(st.text(alphabet=st.sampled_from("Monday: 12 + 6 = 18. Wait,?\nn😀")))
def test_the_parts_of_any_text_join_to_it(text: str):
    spans = label(text)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(span.start < span.end and span.label in LABELS for span in spans)


def test_text_outside_the_grammar_ends_with_its_sentence():
    assert parts("Monday: 12. The cat sat on 3 + 4 = 7. Tuesday: 12 + 6 = 18. Tuesday: 12 +") == [
        ("Monday: 12.", NEEDED),
        ("The cat sat on 3 + 4 = 7.", OUTSIDE),
        ("Tuesday:", NEEDED),
        ("12 + 6 = 18.", NEEDED),
        ("Tuesday:", NEEDED),
        ("12 +", OUTSIDE),
    ]


def test_a_token_has_the_label_of_its_last_character():
    text = "Okay, let me think. Monday: 12. Yes"
    ends = [5, 19, 27, 28, 31, 35]
    assert label_tokens(text, ends) == [FILLER, FILLER, NEEDED, NEEDED, NEEDED, OUTSIDE]
    assert label_tokens("", []) == []


def test_the_reasoning_is_long_and_mostly_not_needed():
    traces = list(islice(worked("train"), 400))
    lengths = sorted(trace.n_tokens for trace in traces)
    assert lengths[100] >= 150
    assert lengths[360] <= 500
    assert sum(len(needed(t.reasoning)) for t in traces) < 0.3 * sum(
        len(t.reasoning) for t in traces
    )
    found = {span.label for trace in traces for span in label(trace.reasoning)}
    assert found == set(LABELS) - {OUTSIDE}


def test_no_question_is_in_two_splits_whatever_the_seed_and_the_verbosity():
    drawn = {
        split: {
            t.problem.question
            for seed in range(2)
            for wordy in (0.2, 1.0)
            for t in islice(worked(split, seed=seed, wordy=wordy), 300)
        }
        for split in SHARES
    }
    assert not drawn["train"] & drawn["test"]
    assert not drawn["train"] & drawn["validation"]
    assert all(split_of(question) == split for split, those in drawn.items() for question in those)


def test_a_knob_out_of_range_is_one_sentence():
    for bad in ("steps=7", "steps=1", "largest=10", "wordy=1.5"):
        with pytest.raises(CotpressError, match="task overthink needs"):
            tasks.load(f"overthink,{bad}")
