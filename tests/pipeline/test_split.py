"""Where the reasoning ends: cases that the general rules once got wrong."""

from cotpress.pipeline.split import split


def test_a_sentence_that_ends_in_a_number_belongs_to_the_reasoning():
    parts = split("She earned 0.2 x 50 = $10.\nThe final answer is \\boxed{10}.")
    assert (parts.reasoning, parts.conclusion) == ("She earned 0.2 x 50 = $10.", "The final answer is \\boxed{10}.")


def test_the_number_of_a_list_entry_goes_along_with_the_conclusion():
    assert split("1. Add them.\n2. The final answer is 12.").conclusion == "2. The final answer is 12."
