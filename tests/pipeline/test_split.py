"""Where the reasoning ends: cases that the general rules once got wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.lm import marks
from cotpress.pipeline.split import LEAD, split


def test_a_sentence_that_ends_in_a_number_belongs_to_the_reasoning():
    parts = split("She earned 0.2 x 50 = $10.\nThe final answer is \\boxed{10}.")
    assert (parts.reasoning, parts.conclusion) == (
        "She earned 0.2 x 50 = $10.",
        "The final answer is \\boxed{10}.",
    )


@pytest.mark.parametrize(
    "before", ["All is said. ", "**All is said.**\n\n", "All is said\n", "都说完了。"]
)
def test_a_conclusion_has_its_whole_sentence_unless_too_much_of_it_stands_before_the_answer_is_announced(
    before: str,
):
    lead = "x" * (LEAD - 1) + " "
    assert split(f"{before}{lead}the answer is 5.").conclusion == f"{lead}the answer is 5."
    assert split(f"{before}x{lead}the answer is 5.").conclusion == "the answer is 5."


def test_the_number_of_a_list_entry_goes_along_with_the_conclusion():
    assert (
        split("1. Add them.\n2. The final answer is 12.").conclusion == "2. The final answer is 12."
    )


@pytest.mark.parametrize("tag", ["think", "thinking", "thought", "reasoning"])
def test_the_tags_of_every_family_end_the_reasoning(tag: str):
    text = f"<{tag}>\n7 + 7 = 14\n</{tag}>\n<answer>14</answer>"
    assert split(text) == (f"<{tag}>\n", "7 + 7 = 14", f"\n</{tag}>\n<answer>", "14", "</answer>")
    assert split(text.removeprefix(f"<{tag}>\n")).reasoning == "7 + 7 = 14"
    assert split(f"<{tag}>\n7 + 7").conclusion == ""
    assert (
        split(f"<{tag}>\n\n</{tag}>\n\n7 + 7 = 14.\nThe answer is 14.").reasoning == "7 + 7 = 14."
    )


def test_a_tag_inside_of_another_is_reasoning():
    assert (
        split("<think>\nThe <reasoning>1</reasoning> is odd.\n</think>\n1").reasoning
        == "The <reasoning>1</reasoning> is odd."
    )


def test_an_answer_tag_or_a_chinese_answer_begins_the_conclusion():
    assert split("7 + 7 = 14\n<answer>14</answer>").conclusion == "<answer>14</answer>"
    assert split("12加30等于42。所以答案是42。").conclusion == "所以答案是42。"
    assert split("所以答案是42。等等，不对，12加31等于43。").conclusion == ""


@pytest.mark.parametrize(
    "talk",
    [
        "Let me know if you have any questions!",
        "But let me know if you need more steps.",
        "But feel free to ask for another way.",
        "I hope this answer is helpful!",
    ],
)
def test_small_talk_after_the_answer_does_not_take_it_back(talk: str):
    for said in ("The answer is 14.", "So it is \\boxed{14}."):
        assert split(f"7 + 7 = 14 in all.\n{said} {talk}").conclusion == f"{said} {talk}"
    assert split("7 + 7 = 14.\nSo it is \\boxed{14}. But let me check that.").conclusion == ""


def test_an_answer_in_harmonys_channels_without_analysis_has_its_visible_reasoning():
    for header in ("", "<|start|>assistant"):
        opening = f"{header}<|channel|>final<|message|>"
        parts = split(f"{opening}7 + 7 = 14.\nThe answer is 14.")
        assert parts == (opening, "7 + 7 = 14.", "\n", "The answer is 14.", "")


PIECES = st.sampled_from(
    [piece for one in marks.FAMILIES for piece in (one.opening, one.closing, one.ending)]
    + [
        "<",
        "/",
        "[",
        "So 7. ",
        "\n",
        " ",
        "\nHERE IS my response:",
        "[/think]",
        "</Think>",
        "◁/THINK▷",
    ]
)


@given(st.lists(PIECES, max_size=6))
def test_the_quick_look_passes_over_no_mark_that_closes(pieces: list[str]) -> None:
    text = "".join(pieces)
    closing = [one for one in marks._ANY if one.search(text)]
    assert set(closing) <= set(marks._any_that_closes(text))
    assert marks._any_that_closes("A text, without any. f(x) = [2; 3]") == []
