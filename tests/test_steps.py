r"""Sentences and steps: nothing of a text is lost, and what a reader would leave out whole is one."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.steps import sentences, steps

TEXTS = st.lists(
    st.sampled_from(
        ["Wait, ", "So 1 + 2 = 3. ", "e.g. ", "3.5", "\n", "\n\n", "\r\n", "- ", "1. ", "$$x$$", "\\[y",
         "\\]", "```", "```python\n", "等等，", "不对。", "Hmm... ", "we get:", "\\begin{a}", "\\end{a}", "x", "? "]
    )
    | st.text(max_size=3),
    max_size=25,
).map("".join)  # fmt: skip


def pieces(text: str, kind: str) -> list[str]:
    return [text[start:end] for start, end in {"sentence": sentences, "step": steps}[kind](text)]


@pytest.mark.parametrize("kind", ["sentence", "step"])
@given(text=TEXTS)
def test_spans_and_the_blanks_between_them_join_to_the_text(kind: str, text: str) -> None:
    spans = list({"sentence": sentences, "step": steps}[kind](text))
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    outside = list(text)
    for start, end in spans:
        outside[start:end] = [" "] * (end - start)
    assert not "".join(outside).strip()
    assert all(not text[end - 1].isspace() for _, end in spans)


@given(TEXTS)
def test_a_step_is_whole_sentences(text: str) -> None:
    starts, ends = zip(*sentences(text), strict=True) if text.strip() else ((), ())
    for start, end in steps(text):
        assert start in starts
        assert end in ends


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 3.5. Then 4!", ["It is 3.5.", " Then 4!"]),
        ("We use e.g. 7, see Fig. 2. Done", ["We use e.g. 7, see Fig. 2.", " Done"]),
        ("Dr. No said no. Yes?", ["Dr. No said no.", " Yes?"]),
        ("Hmm... maybe. Is it? no.", ["Hmm... maybe.", " Is it?", " no."]),
        ("三是对的。等等，不对。", ["三是对的。", "等等，不对。"]),
        ('He said "no." Then', ['He said "no."', " Then"]),
        ("a wrapped\nline. Next", ["a wrapped\nline.", " Next"]),
        ("We get\nX is 3", ["We get", "X is 3"]),
        ("1. One\n2. Two", ["1. One", "2. Two"]),
        ("We have\n\n$$x = 1.$$\n\nwhere x. So", ["We have\n\n$$x = 1.$$\n\nwhere x.", " So"]),
        ("It follows. \\[ a.\nb \\] Then", ["It follows. \\[ a.\nb \\]", " Then"]),
        ("Look:\n```py\na. B\n\nc\n```\nSo", ["Look:", "```py\na. B\n\nc\n```", "So"]),
        ("Look.\n```\nnever. Closed\n", ["Look.", "```\nnever. Closed"]),
        ("", []),
        (" \n ", []),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert pieces(text, "sentence") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 3. It is odd. Wait, no. It is 4.", ["It is 3. It is odd.", " Wait, no. It is 4."]),
        ("A is 1.\nB is 2.\n\nC is 3.", ["A is 1.\nB is 2.", "C is 3."]),
        ("- one. More.\n- two", ["- one. More.", "- two"]),
        ("It is 3. 等等，不对。它是四。", ["It is 3.", " 等等，不对。它是四。"]),
        ("Run it.\n```\nx = 1\n```\nIt says 1. Fine.",
         ["Run it.", "```\nx = 1\n```", "It says 1. Fine."]),
        ("Thus\n\n$$x = 2$$\n\nand y = 3. It holds.", ["Thus\n\n$$x = 2$$\n\nand y = 3. It holds."]),
        ("Let me check: 2 + 2 = 4. Good. Alternatively, 3.",
         ["Let me check: 2 + 2 = 4. Good.", " Alternatively, 3."]),
        ("Waiting is good. Sober.", ["Waiting is good. Sober."]),
    ],
)  # fmt: skip
def test_where_steps_begin(text: str, expected: list[str]) -> None:
    assert pieces(text, "step") == expected


@pytest.mark.parametrize(
    "unit", [".", "`", "$$", "\\[", "\\begin{a}", "\n", "1. ", "```\n", "Wait "]
)
def test_a_long_text_of_one_mark_is_read_in_time(unit: str) -> None:
    text = unit * (60_000 // len(unit)) + "x"
    assert sum(end - start for start, end in steps(text)) <= len(text)
