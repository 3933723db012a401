"""Against the block of section 2.2 and the row of section 2.6 of the method's specification."""

import random
from collections import Counter

import pytest
from make import sum_cuts, sum_trace

from cotpress.errors import CotpressError
from cotpress.records import Grade
from cotpress.training.formats.released import released_prompt, released_rows

Q = "Natalia sold 48 clips. How many?"

PROMPTS = {
    (
        "qwen",
        1.0,
    ): "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nPlease reason step by step, "
    "and put your final answer within \\boxed{}.\n" + Q + "<|im_end|>\n<|im_start|>assistant\n",
    (
        "qwen",
        0.5,
    ): "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nPlease reason step by step, "
    "and put your final answer within \\boxed{}.\n"
    + Q
    + "<|eot_id|>0.5<|eot_id|><|im_end|>\n<|im_start|>assistant\n",
    (
        "llama3",
        1.0,
    ): "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nPlease reason step by step, and put your "
    "final answer within \\boxed{}.\n"
    + Q
    + "\n<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    (
        "llama3",
        0.5,
    ): "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nPlease reason step by step, and put your "
    "final answer within \\boxed{}.\n"
    + Q
    + "\n<|eot_id|>0.5<|eot_id|><|eot_id|><|start_header_id|>assistant"
    "<|end_header_id|>\n\n",
}


@pytest.mark.parametrize(("family", "ratio"), PROMPTS)
def test_prompts_are_the_release_s_byte_for_byte(family, ratio):
    assert released_prompt(Q, ratio, family) == PROMPTS[family, ratio]


def cuts_of(n, **others):
    return [sum_cuts(sum_trace(i, **others)) for i in range(n)]


def test_rows_draws_and_order_are_the_release_s():
    """The release's own steps on the same data: global seed, one
    choice per example in file order, one shuffle.
    """
    traces = [sum_trace(i) for i in range(40)]
    state = random.getstate()
    random.seed(42)
    expected = []
    for i, trace in enumerate(traces):
        index = random.choice([0, 1, 2, 3, 4, 5])
        cot = trace.completion() if index == 0 else sum_cuts(trace).cuts[index - 1].reasoning
        ratio = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5][index]
        expected.append(
            {
                "instruction": "Please reason step by step, and put your final "
                "answer within \\boxed{}.",
                "input": f"{i} + 1?" if index == 0 else f"{i} + 1?<|eot_id|>{ratio}<|eot_id|>",
                "output": cot + "\n\nThe final answer is: $\\boxed{" + str(i + 1) + "}$",
            }
        )
    random.shuffle(expected)
    random.setstate(state)
    rows = released_rows([sum_cuts(trace) for trace in traces])
    assert [
        {"instruction": row.instruction, "input": row.input, "output": row.output} for row in rows
    ] == expected


@pytest.mark.parametrize("family", ["qwen", "llama3"])
def test_training_rows_and_evaluation_prompts_are_one_rendering(family):
    rows = list(released_rows(cuts_of(12), family))
    ends = {"qwen": "<|im_end|>", "llama3": "<|eot_id|><|start"}
    for row in rows:
        question = row.input.partition("?")[0] + "?"
        ratio = float(row.input.split("<|eot_id|>")[1]) if "<|eot_id|>" in row.input else 1.0
        assert f"\n{row.instruction}\n{row.input}{ends[family]}" in released_prompt(
            question, ratio, family
        )


def test_the_answer_is_the_model_s_own_prediction():
    rows = released_rows(cuts_of(1, grade=Grade(answer="1.00", correct=True, status="ok")))
    assert next(rows).output.endswith("The final answer is: $\\boxed{1.00}$")


def test_wrong_and_long_traces_are_left_out_before_the_draw_and_counted():
    wrong = sum_cuts(sum_trace(90, grade=Grade(answer="0", correct=False, status="ok")))
    dropped = Counter()
    rows = released_rows(
        [wrong, sum_cuts(sum_trace(91, n_tokens=501)), *cuts_of(9)], dropped=dropped
    )
    assert list(rows) == list(released_rows(cuts_of(9)))
    assert dropped == {"wrong answer": 1, "reasoning longer than 500 tokens": 1}
    assert len(list(released_rows([sum_cuts(sum_trace(n_tokens=500))]))) == 1


def test_traces_without_all_five_ratios_are_refused():
    with pytest.raises(
        CotpressError,
        match=r"was not compressed at 0.8, 0.7, 0.6: the released rows need compress --ratios",
    ):
        list(released_rows([sum_cuts(sum_trace(), (0.9, 0.5))]))
