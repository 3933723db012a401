from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import sum_cuts, sum_examples, sum_trace

from cotpress import latent_tokens
from cotpress.errors import CotpressError
from cotpress.lm.control import SPELLED as SPELLED_OUT
from cotpress.lm.control import spelled
from cotpress.pipeline.build import (
    IGNORED,
    build,
    pretokenized_rows,
    taught,
    tokenize_example,
    trl_rows,
)
from cotpress.pipeline.whole import whole
from cotpress.records import Asked, Cut, Grade, TrainingExample

ENDS = {"chatml": "<|im_end|>", "qwen": "<|im_end|>", "llama3": "<|eot_id|>"}
RATIOS = (0.9, 0.8, 0.7, 0.6, 0.5)


@pytest.fixture
def make_model():
    """The maker of tiny models; skips where torch is not installed."""
    pytest.importorskip("transformers")
    return pytest.importorskip("train_fixtures").make_model


def cuts_of(*traces, ratios=RATIOS):
    return [sum_cuts(trace, ratios) for trace in traces]


def test_an_example_asks_with_the_ratio_and_answers_with_short_reasoning_and_whole_conclusion():
    trace = sum_trace(4, opening="<think>\n", closing="\n</think>\n\n")
    short = sum_cuts(trace, (0.5,))
    (one,) = build([short], ratios=[0.5])
    assert one.prompt == [{"role": "user", "content": "Add.\n4 + 1?\n<ratio>0.5</ratio>"}]
    assert one.completion == f"<think>\n{short.cuts[0].reasoning}\n</think>\n\nThe answer is 5."
    assert (one.ratio, one.method, one.scorer) == (0.5, "tokenskip", "surprisal:x")
    assert (one.unit, one.protect) == ("number", "symbols")


def test_the_original_is_added_without_a_tag_where_no_cut_at_1_is_at_hand():
    examples = list(build(cuts_of(sum_trace()), draw="all"))
    assert [one.ratio for one in examples] == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert examples[-1].prompt == sum_trace().problem.prompt()
    assert examples[-1].completion == sum_trace().completion()


def test_a_cut_at_1_is_the_original_and_does_not_come_twice():
    examples = list(build(cuts_of(sum_trace(), ratios=(1.0, 0.5)), draw="all"))
    assert [one.ratio for one in examples] == [0.5, 1.0]


# --- budgets --------------------------------------------------------------------------------------


def test_a_budget_is_the_number_of_reasoning_tokens_that_is_taught():
    trace = sum_trace(4, n_tokens=1000)  # in the writer's tokens, which nobody asked for
    words = trace.reasoning.split()
    cuts = [
        Cut(
            asked=Asked(ratio=ratio),
            reasoning=" ".join(words[:n]),
            kept=n / len(words),
            n_tokens=n,
        )
        for ratio, n in ((0.4, 3), (0.8, 6))
    ]
    short = msgspec.structs.replace(sum_cuts(trace), cuts=cuts)
    examples = list(build([short], draw="all", control="budget"))
    assert [one.asked for one in examples] == [Asked(budget=n) for n in (3, 6, len(words))]
    assert [len(one.reasoning.split()) for one in examples] == [3, 6, len(words)]
    for one in examples:
        assert one.prompt == trace.problem.prompt(budget=one.asked.budget)
    assert examples[-1].completion == trace.completion()


def test_a_reasoning_of_nothing_is_asked_for_with_the_smallest_budget_there_is():
    empty = Cut(asked=Asked(ratio=0.1), reasoning="", kept=0.0, n_tokens=0)
    one = msgspec.structs.replace(sum_cuts(sum_trace(), (0.5,)), cuts=[empty])
    (made,) = build([one], ratios=[0.1], control="budget")
    assert made.asked == Asked(budget=1)


def test_whole_traces_have_the_length_that_their_writer_counted():
    traces = [sum_trace(i, n_tokens=7 + i) for i in range(3)]
    examples = list(build(whole(traces), control="budget"))
    assert [one.asked.budget for one in examples] == [7, 8, 9]
    assert {one.method for one in examples} == {"budget"}
    assert {one.method for one in build(whole(traces), control="none")} == {"all-right"}


@pytest.mark.parametrize("draw", ["one", "all"])
def test_of_both_each_example_asks_for_one_and_half_of_them_for_budgets(draw):
    traces = cuts_of(*map(sum_trace, range(200)))
    examples = list(build(traces, draw=draw, control="both"))
    budgets = [one.asked.budget is not None for one in examples]
    assert abs(sum(budgets) / len(budgets) - 0.5) < 3 * 0.5 / len(budgets) ** 0.5
    for one in examples:
        text = one.prompt[-1]["content"]
        assert text.count("</budget>") + text.count("</ratio>") == (one.asked.tag != "")
    ratios = [one.completion for one in build(traces, draw=draw, control="ratio")]
    assert [one.completion for one in examples] == ratios  # the same cuts, only asked otherwise


@given(st.permutations(range(10)), st.integers(0, 10))
def test_which_of_the_two_is_asked_for_depends_on_the_trace_alone(order, n):
    def made(traces):
        return {
            one.problem.id: one for one in build(cuts_of(*map(sum_trace, traces)), control="both")
        }

    everything = made(range(10))
    assert made(order[:n]) == {f"sum/{i}": everything[f"sum/{i}"] for i in order[:n]}


def test_one_example_per_trace_about_a_sixth_of_them_original():
    drawn = Counter(one.ratio for one in build(cuts_of(*map(sum_trace, range(600)))))
    assert drawn.total() == 600
    assert set(drawn) == {1.0, *RATIOS}
    assert all(70 <= count <= 130 for count in drawn.values())  # 100 expected, standard deviation 9


@given(st.permutations(range(12)), st.integers(0, 12))
def test_order_and_left_out_traces_change_no_draw(order, n):
    whole = {one.problem.id: one for one in build(cuts_of(*map(sum_trace, range(12))))}
    part = [sum_trace(i) for i in order[:n]]
    assert list(build(cuts_of(*part))) == [whole[trace.problem.id] for trace in part]


def test_another_seed_draws_otherwise():
    traces = cuts_of(*map(sum_trace, range(30)))
    assert list(build(traces, seed=1)) != list(build(traces, seed=2))
    assert list(build(traces, seed=1)) == list(build(traces, seed=1))


def test_what_is_left_out_is_counted_with_its_reason_and_ungraded_traces_are_kept():
    wrong = Grade(answer="7", correct=False, status="ok")
    traces = [
        sum_trace(0, grade=wrong),
        sum_trace(1, conclusion=" "),
        sum_trace(2, finished=False),
        sum_trace(3, grade=None),
        sum_trace(4),
        sum_trace(5, grade=Grade(answer=None, correct=False, status="no_answer")),
        sum_trace(6, grade=Grade(answer="x", correct=False, status="timeout")),
        sum_trace(7, grade=Grade(answer="x", correct=False, status="error")),
    ]
    dropped, noted = Counter(), Counter()
    examples = list(build(cuts_of(*traces), dropped=dropped, noted=noted))
    assert [one.problem.id for one in examples] == ["sum/3", "sum/4"]
    ungradable = {"no answer": 1, "answer that could not be graded": 2}
    assert (
        dropped
        == {"wrong answer": 1, "no conclusion": 1, "cut off by the token limit": 1} | ungradable
    )
    assert noted == {"ungraded, kept": 1}


def test_asking_for_a_ratio_that_was_not_cut_is_refused():
    with pytest.raises(
        CotpressError, match=r"sum/0\|.* was not compressed at ratio 0.4: compress at it too"
    ):
        list(build(cuts_of(sum_trace()), draw="all", ratios=[0.4, 0.5]))


@pytest.mark.parametrize(
    "cuts",
    [cuts_of(sum_trace(0), sum_trace(1), sum_trace(0)), cuts_of(sum_trace(0), ratios=(0.5, 0.5))],
    ids=["apart", "together"],
)
def test_a_trace_that_comes_twice_is_refused(cuts):
    with pytest.raises(CotpressError, match=r"trace sum/0\|.* comes twice"):
        list(build(cuts))


@pytest.mark.parametrize("template", ["chatml", "qwen", "llama3"])
def test_the_prompt_is_what_is_served_and_only_completion_and_end_of_turn_have_labels(
    make_model, tmp_path, template
):
    model = make_model(tmp_path, template)
    for one in sum_examples(6):
        ids, labels = tokenize_example(one, model)
        served = model.tokenizer.apply_chat_template(
            one.prompt, add_generation_prompt=True, return_dict=False
        )
        assert ids[: len(served)] == served == model.prompt_ids(one.prompt)
        assert labels == [IGNORED] * len(served) + ids[len(served) :]
        assert model.tokenizer.decode(ids[len(served) :]) == one.completion + ENDS[template]


@pytest.mark.parametrize("template", ["chatml", "qwen", "llama3"])
def test_the_row_is_what_the_chat_template_writes_up_to_the_end_of_the_turn(
    make_model, tmp_path, template
):
    model = make_model(tmp_path, template)
    for one in sum_examples(6):
        chat = [*one.prompt, {"role": "assistant", "content": one.completion}]
        whole = model.tokenizer.apply_chat_template(chat, tokenize=False)
        said = model.tokenizer.decode(tokenize_example(one, model).ids)
        assert whole.rstrip("\n") == said


def test_think_is_not_opened_twice_where_the_template_opens_it(make_model, tmp_path):
    one = sum_examples(1)[0]
    opened = TrainingExample(
        problem=one.problem,
        asked=one.asked,
        prompt=one.prompt,
        completion="<think>\nso 1\n</think>\n\n1",
        think="keep",
    )
    r1, chatml = make_model(tmp_path / "r1", "r1"), make_model(tmp_path / "chatml")
    text = r1.tokenizer.decode(tokenize_example(opened, r1).ids)
    assert text.endswith("<|im_start|>assistant\n<think>\nso 1\n</think>\n\n1<|im_end|>")
    text = chatml.tokenizer.decode(tokenize_example(opened, chatml).ids)
    assert text.endswith("<|im_start|>assistant\n<think>\nso 1\n</think>\n\n1<|im_end|>")


def test_pretokenized_rows_have_three_columns_of_one_length(make_model, tmp_path):
    model = make_model(tmp_path)
    examples = sum_examples(3)
    for row, one in zip(pretokenized_rows(examples, model), examples, strict=True):
        assert (row.input_ids, row.labels) == tokenize_example(one, model)
        assert row.attention_mask == [1] * len(row.input_ids)


SPELLED = [
    ("so <|im_end|> 1", "1"),
    ("so 1", "1 <|im_start|>user\n2"),
    ("<|im_start|><|im_end|>", "1<|im_end|>"),
    ("<|im_end|>", "<|im_end|>"),
]


@pytest.mark.parametrize(("reasoning", "conclusion"), SPELLED)
def test_control_tokens_in_a_completion_are_text_for_the_loss(
    make_model, tmp_path, reasoning, conclusion
):
    model, dropped = make_model(tmp_path), Counter()
    example = with_parts(reasoning, conclusion)
    (row,) = pretokenized_rows([example], model, dropped)
    said = [token for token in row.labels if token != IGNORED]
    assert [model.tokenizer.decode([i]) for i in said if i in model._special] == ["<|im_end|>"]
    assert said[-1] == model.end_id
    assert model.tokenizer.decode(said[:-1]) == taught(example, model)
    assert not dropped


def test_marks_around_the_parts_and_latent_tokens_stay_tokens(make_model, tmp_path):
    with_latents = pytest.importorskip("cotpress.training.vocabulary").with_latents
    model = with_latents(make_model(tmp_path), 8)
    text = latent_tokens.run([3, 1]) + " so <|im_end|> 1"
    (row,) = pretokenized_rows([with_parts(text, "1")], model)
    found = [model.tokenizer.decode([i]) for i in row.labels if i in model._special]
    assert found == ["<boLatent>", "<|latent_3|>", "<|latent_1|>", "<eoLatent>", "<|im_end|>"]


@pytest.mark.parametrize(("reasoning", "conclusion"), SPELLED)
def test_rows_for_trl_that_spell_out_control_tokens_are_left_out_and_counted(
    make_model, tmp_path, reasoning, conclusion
):
    asked = [{"role": "user", "content": "What is <|im_end|>?"}]
    question = msgspec.structs.replace(sum_examples(1)[0], prompt=asked)
    for model in (None, make_model(tmp_path)):
        dropped = Counter()
        bad = [with_parts(reasoning, conclusion), question]
        (row,) = trl_rows([*bad, *sum_examples(1)], model, dropped=dropped)
        assert row.prompt == sum_examples(1)[0].prompt
        assert dropped == {SPELLED_OUT: 2}


@pytest.mark.parametrize(
    "text",
    [
        *("<|endoftext|>", "<|start_header_id|>", "<｜end▁of▁sentence｜>", "</s>", "[INST]"),
        *("<end_of_turn>", "<|turn>", "<|START_OF_TURN_TOKEN|>", "<|eot_id|>", "<eos>"),
    ],
)
def test_the_usual_control_tokens_are_known_where_no_tokenizer_says(text):
    assert spelled([f"so {text} 1"])
    assert not spelled(["a <| b |> c, f(x) |> g, <b>, [1], x<s", latent_tokens.run([3])])


def with_parts(reasoning: str, conclusion: str) -> TrainingExample:
    """An example with this reasoning and conclusion."""
    (one,) = sum_examples(1)
    return msgspec.structs.replace(
        one,
        completion=f"{reasoning}\n\n{conclusion}",
        opening="",
        closing="\n\n",
        conclusion=conclusion,
        ending="",
    )


def test_trl_makes_the_same_ids_of_trl_rows_and_adds_only_what_follows_the_end_of_the_turn(
    make_model, tmp_path
):
    datasets, trl = pytest.importorskip("datasets"), pytest.importorskip("trl")
    model, examples = make_model(tmp_path / "model"), sum_examples(4)
    rows = [{"prompt": row.prompt, "completion": row.completion} for row in trl_rows(examples)]
    args = trl.SFTConfig(
        str(tmp_path / "out"), max_length=None, bf16=False, use_cpu=True, report_to="none"
    )
    trainer = trl.SFTTrainer(
        model.torch_model,
        args=args,
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=model.tokenizer,
    )
    newline = model.text_ids("\n")
    for theirs, one in zip(trainer.train_dataset, examples, strict=True):
        ids, labels = tokenize_example(one, model)
        assert theirs["input_ids"] == ids + newline
        assert theirs["labels"] == labels + newline
