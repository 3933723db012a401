import json
import subprocess
import sys
from array import array
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

import torch
from hypothesis import given
from hypothesis import strategies as st
from make import sum_examples
from peft import PeftModel
from safetensors.torch import load_file
from train_fixtures import make_model
from transformers import LlamaConfig

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.models import Request, Sampling
from cotpress.models.hf import load
from cotpress.pipeline.build import IGNORED, pretokenized_rows
from cotpress.records import TrainingExample
from cotpress.training import quantised
from cotpress.training import sft as stage
from cotpress.training.curve import Point
from cotpress.training.folder import last_checkpoint
from cotpress.training.held_out import split
from cotpress.training.memory import tokens_that_fit
from cotpress.training.options import TrainOptions, too_little
from cotpress.training.rows import Row
from cotpress.training.sft import make_trainer, train, trainable
from cotpress.training.trainer import CompletionTrainer, Progress, SortedSteps

FIXTURES = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
"""Where a script in a process of its own finds what these tests share."""

FAST = {"batch": 4, "warmup": 0.0, "save_every": 10_000}


@pytest.fixture
def base(tmp_path):
    """Folder of an untrained model."""
    make_model(tmp_path / "base")
    return str(tmp_path / "base")


def answers(model, examples):
    requests = [Request(key=one.problem.id, messages=one.prompt) for one in examples]
    return [done.text for done in model.generate(requests, Sampling(max_tokens=40))]


def silent(line: str) -> None:
    """Take a line of progress."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = [*folder.glob("model.safetensors"), *folder.glob("adapter_model.safetensors")]
    return load_file(found[0])


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_tiny_model_learns_four_examples_by_heart_and_answers_them_when_loaded_again(
    base, tmp_path
):
    examples = sum_examples(4)
    summary = train(
        examples,
        load(base),
        tmp_path / "x",
        TrainOptions(method="full", epochs=120, lr=1e-2, **FAST),
        say=silent,
    )
    assert summary.steps == 120
    assert summary.loss < 0.05
    assert answers(models.load(str(tmp_path / "x")), examples) == [
        one.completion for one in examples
    ]


def test_an_adapter_learns_too_leaves_the_base_alone_and_is_loaded_with_it(base, tmp_path):
    examples, model = sum_examples(4), load(base)
    before = weights(Path(base))
    train(examples, model, tmp_path / "x", TrainOptions(epochs=40, lr=3e-2, **FAST), say=silent)
    kept = {
        name.replace(".base_layer", ""): value
        for name, value in model.torch_model.state_dict().items()
    }
    assert all(torch.equal(kept[name], before[name]) for name in before)
    assert same(weights(Path(base)), before)
    assert not list((tmp_path / "x").glob("model*.safetensors"))
    loaded = models.load(str(tmp_path / "x"))
    own, changed = load(base).torch_model.state_dict(), loaded.torch_model.state_dict()
    assert not same(own, changed)
    ids = torch.tensor([loaded.prompt_ids(examples[0].prompt)])
    assert torch.allclose(loaded.torch_model(ids).logits, model.torch_model(ids).logits, atol=1e-4)


@pytest.mark.parametrize("tied", [True, False])
def test_an_adapter_stands_on_all_linear_layers_but_the_head_and_embeddings_stay_as_they_were_tied(
    tmp_path, tied
):
    model = make_model(tmp_path / "base", tied=tied)
    train(
        sum_examples(4), model, tmp_path / "x", TrainOptions(epochs=1, lr=1e-2, **FAST), say=silent
    )
    names = {name.split(".")[-3] for name in weights(tmp_path / "x")}
    assert names == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    merged = PeftModel.from_pretrained(
        load(str(tmp_path / "base")).torch_model, str(tmp_path / "x")
    ).merge_and_unload()
    assert (merged.lm_head.weight.data_ptr() == merged.model.embed_tokens.weight.data_ptr()) is tied
    assert merged.config.tie_word_embeddings is tied


def batches(trainer: CompletionTrainer) -> list[dict[str, torch.Tensor]]:
    return list(trainer.get_train_dataloader())


def test_the_trainer_s_own_batches_label_completion_and_end_of_turn_only(base, tmp_path):
    examples, model = sum_examples(5), load(base)
    options = TrainOptions(method="full", **FAST)
    rows = trainable(examples, model, options, Counter())
    counted = []
    trainer = make_trainer(rows, model, tmp_path, options, silent)
    trainer.data_collator = trainer.padding
    for batch in batches(trainer):
        for ids, labels, mask in zip(
            batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
        ):
            assert torch.equal(ids[labels != IGNORED], labels[labels != IGNORED])
            assert not mask[len(ids[mask == 1]) :].any()
            counted.append(model.tokenizer.decode(labels[labels != IGNORED]))
    assert sorted(counted) == sorted(one.completion + "<|im_end|>" for one in examples)


def test_the_loss_is_the_mean_over_completion_tokens_whatever_the_micro_batch(base, tmp_path):
    model, options = load(base), TrainOptions(method="full", **FAST)
    rows = trainable(sum_examples(4), model, options, Counter())
    trainer = make_trainer(rows, model, tmp_path, options, silent)
    (batch,) = batches(trainer)
    said, total, count = trainer.compute_loss(trainer.model, batch).item(), 0.0, 0
    for row in rows:
        with torch.no_grad():
            chances = model.torch_model(torch.tensor([row.input_ids])).logits[0].log_softmax(-1)
        for i, label in enumerate(row.labels[1:]):
            if label != IGNORED:
                total, count = total - chances[i, label].item(), count + 1
    assert said == pytest.approx(total / count, rel=1e-4)


def test_the_micro_batch_changes_no_gradient(base, tmp_path):
    made = []
    for micro in (1, 2, 4):
        options = TrainOptions(method="full", epochs=3, lr=1e-3, micro_batch=micro, **FAST)
        train(sum_examples(8), load(base), tmp_path / str(micro), options, say=silent)
        made.append(weights(tmp_path / str(micro)))
    for other in made[1:]:
        assert all(torch.allclose(made[0][name], other[name], atol=2e-5) for name in other)


def test_what_was_trained_on_is_written_down(base, tmp_path):
    examples = [*sum_examples(4, 0.5), *sum_examples(4, 1.0)]
    train(examples, load(base), tmp_path / "x", TrainOptions(epochs=1, **FAST), say=silent)
    about = json.loads((tmp_path / "x" / "cotpress.json").read_text())
    assert about["base"] == f"hf:{base}"
    assert (about["kind"], about["method"], about["scorer"]) == ("lora", "tokenskip", "surprisal:x")
    assert (about["unit"], about["protect"]) == ("number", "symbols")
    assert (about["budget"], about["longest_run"]) == ("trace", None)
    assert (about["ratios"], about["tasks"], about["examples"]) == ([1.0, 0.5], ["sums"], 8)
    assert {path.name for path in (tmp_path / "x").iterdir()} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "chat_template.jinja",
        "cotpress.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "taught_questions.npz",
        "train_log.jsonl",
    }


def test_rows_that_are_too_long_are_counted_and_left_out_never_cut(base):
    model = load(base)
    examples = sum_examples(30)
    lengths = sorted(len(row.input_ids) for row in pretokenized_rows(examples, model))
    left_out = Counter()
    rows = trainable(
        examples, model, TrainOptions(max_length=lengths[-2], max_left_out=0.5), left_out
    )
    n_longer = sum(length > lengths[-2] for length in lengths)
    assert left_out == ({f"longer than {lengths[-2]} tokens": n_longer} if n_longer else {})
    kept = [
        row.input_ids
        for row in pretokenized_rows(examples, model)
        if len(row.input_ids) <= lengths[-2]
    ]
    assert kept == [row.input_ids for row in rows]


def test_training_is_refused_where_more_than_the_threshold_would_be_left_out(base, tmp_path):
    examples = sum_examples(19)
    long = TrainingExample(
        problem=examples[0].problem,
        asked=examples[0].asked,
        prompt=examples[0].prompt,
        completion="0 " * 400,
    )
    left_out = Counter()
    # 5 % of them, the model's context
    assert len(trainable([*examples, long], load(base), TrainOptions(), left_out)) == 19
    assert left_out == {"longer than 256 tokens": 1}
    with pytest.raises(
        CotpressError,
        match=r"2 of 21 examples would be left out \(2 longer than 256 tokens\), more than",
    ):
        train([*examples, long, long], load(base), tmp_path / "x", say=silent)
    assert not (tmp_path / "x").exists()
    with pytest.raises(CotpressError, match=r"nothing to train on: 1 longer than 256 tokens"):
        train([long], load(base), tmp_path / "x", say=silent)
    with pytest.raises(CotpressError, match=r"nothing to train on: the file holds no examples"):
        train([], load(base), tmp_path / "x", say=silent)


class Killed(BaseException):
    """Stands for a signal."""


@pytest.mark.parametrize(
    ("method", "killed_at"), [("full", 1), ("full", 3), ("full", 8), ("lora", 5)]
)
def test_a_killed_training_goes_on_to_the_weights_of_an_undisturbed_one(
    base, tmp_path, monkeypatch, method, killed_at
):
    examples = sum_examples(10)
    options = TrainOptions(method=method, epochs=2, lr=1e-2, batch=3, save_every=2)  # 8 steps
    train(examples, load(base), tmp_path / "whole", options, say=silent)

    def die(self, args, state, control, **_):
        if state.global_step == killed_at:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", die)
        with pytest.raises(Killed):
            train(examples, load(base), tmp_path / "x", options, say=silent)
    assert not (tmp_path / "x" / "cotpress.json").exists()
    lines = []
    summary = train(examples, load(base), tmp_path / "x", options, say=lines.append)
    saved = (killed_at - 1) // 2 * 2
    assert lines == (
        [f"train: going on from {tmp_path / 'x' / 'checkpoints' / f'checkpoint-{saved}'}"]
        if saved
        else []
    )
    assert summary.steps == 8
    assert same(weights(tmp_path / "x"), weights(tmp_path / "whole"))
    log, whole = (tmp_path / name / "train_log.jsonl" for name in ("x", "whole"))
    assert log.read_text() == whole.read_text()


@pytest.mark.parametrize(
    ("length", "steps"), [({"epochs": 2, "batch": 4}, 2), ({"max_steps": 3, "batch": 1}, 3)]
)
def test_a_training_killed_after_its_last_checkpoint_only_saves(
    base, tmp_path, monkeypatch, length, steps
):
    examples, options = sum_examples(4), TrainOptions(method="full", save_every=1, **length)
    train(examples, load(base), tmp_path / "whole", options, say=silent)

    def die(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(stage, "save", die)
        with pytest.raises(Killed):
            train(examples, load(base), tmp_path / "x", options, say=silent)
    assert train(examples, load(base), tmp_path / "x", options, say=silent).steps == steps
    assert same(weights(tmp_path / "x"), weights(tmp_path / "whole"))


@pytest.mark.slow
def test_a_training_ended_by_sigkill_goes_on_from_its_checkpoint(base, tmp_path):
    script = f"""
import os, signal, sys
sys.path[:0] = {FIXTURES!r}
from make import sum_examples
from cotpress.models.hf import load
from cotpress.training.options import TrainOptions
from cotpress.training.sft import train
from cotpress.training.trainer import Progress
from pathlib import Path
def step(self, args, state, control, **_):
    if state.global_step == 5 and len(sys.argv) > 1:
        os.kill(os.getpid(), signal.SIGKILL)
Progress.on_step_end = step
train(sum_examples(10), load({base!r}), Path({str(tmp_path / "x")!r}), TrainOptions(epochs=2, batch=3, save_every=2))
"""
    first = subprocess.run(
        [sys.executable, "-c", script, "die"], capture_output=True, text=True, check=False
    )
    assert first.returncode == -9, first.stderr
    again = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "checkpoint-4" in again.stdout
    assert json.loads((tmp_path / "x" / "cotpress.json").read_text())["steps"] == 8


@pytest.mark.slow
def test_two_launched_processes_train_the_same_weights_as_one(base, tmp_path):
    options = {"method": "full", "epochs": 2, "lr": 1e-3, "batch": 4}
    script = tmp_path / "script.py"
    script.write_text(f"""
import sys
sys.path[:0] = {FIXTURES!r}
from pathlib import Path
from make import sum_examples
from cotpress.models.hf import load
from cotpress.training.options import TrainOptions
from cotpress.training.sft import train
train(sum_examples(8), load({base!r}), Path({str(tmp_path / "two")!r}), TrainOptions(**{options!r}))
""")
    launch = "-m accelerate.commands.launch --cpu --num_processes 2 --num_machines 1 --mixed_precision no --dynamo_backend no"
    command = [sys.executable, *launch.split(), "--main_process_port", "0", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    train(sum_examples(8), load(base), tmp_path / "one", TrainOptions(**options), say=silent)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.allclose(one[name], two[name], atol=2e-5) for name in one)
    assert not torch.allclose(
        one["model.embed_tokens.weight"],
        weights(Path(base))["model.embed_tokens.weight"],
        atol=1e-3,
    )


def test_a_half_written_checkpoint_is_passed_over(tmp_path):
    for step, state in ((2, "{}"), (10, "{}"), (12, '{"epo'), (14, None)):
        made = tmp_path / "checkpoints" / f"checkpoint-{step}"
        made.mkdir(parents=True)
        if state is not None:
            (made / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoints" / "checkpoint-10"


def test_a_finished_training_is_not_done_again_and_other_options_are_refused(base, tmp_path):
    examples, out = sum_examples(4), tmp_path / "x"
    options = TrainOptions(epochs=1, **FAST)
    first = train(examples, load(base), out, options, say=silent)
    stamp = (out / "adapter_model.safetensors").stat().st_mtime_ns
    lines = []
    assert (
        train(
            examples,
            load(base),
            out,
            TrainOptions(epochs=1, micro_batch=2, **FAST),
            say=lines.append,
        )
        == first
    )
    assert lines == [f"train: {out} was finished before under the same options; nothing to do"]
    assert (out / "adapter_model.safetensors").stat().st_mtime_ns == stamp
    for others in (
        {"examples": sum_examples(3)},
        {"options": TrainOptions(epochs=1, lr=1e-3, **FAST)},
    ):
        with pytest.raises(
            CotpressError, match="was trained with other examples, another model or other options"
        ):
            train(
                **{
                    "examples": examples,
                    "model": load(base),
                    "out": out,
                    "options": options,
                    "say": silent,
                    **others,
                }
            )


def test_a_folder_with_something_else_in_it_is_refused(base, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "thesis.tex").write_text("")
    with pytest.raises(CotpressError, match="holds something else than a training run"):
        train(sum_examples(4), load(base), tmp_path / "x", say=silent)
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["thesis.tex"]


def test_a_loss_that_is_no_number_stops_the_training_with_the_cure(base, tmp_path):
    options = TrainOptions(method="full", epochs=40, lr=1e30, **FAST)
    with pytest.raises(
        CotpressError,
        match=r"the loss is NaN at step \d+: train with a smaller --lr",
    ):
        train(sum_examples(4), load(base), tmp_path / "x", options, say=silent)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 3))
def test_each_epoch_shows_every_row_once_sorted_within_a_step(lengths, batch, epoch):
    sampler = SortedSteps(lengths, batch, seed=7)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert sorted(order) == list(range(len(lengths))) == sorted(sampler)
    assert order == list(sampler)
    for start in range(0, len(order), batch):
        step = [lengths[i] for i in order[start : start + batch]]
        assert step == sorted(step)


def test_epochs_and_seeds_have_orders_of_their_own():
    def order(seed, epoch):
        sampler = SortedSteps([1] * 50, 5, seed)
        sampler.set_epoch(epoch)
        return tuple(sampler)

    assert len({order(seed, epoch) for seed in (1, 2) for epoch in (0, 1)}) == 4


@pytest.mark.parametrize(
    ("options", "n_processes", "expected"),
    [
        ({"batch": 8}, 1, (8, 1)),
        ({"batch": 24}, 1, (8, 3)),
        ({"batch": 24}, 2, (6, 2)),
        ({"batch": 7}, 1, (7, 1)),
        ({"batch": 13}, 1, (1, 13)),
        ({"batch": 8, "micro_batch": 1}, 4, (1, 2)),
    ],
)
def test_a_step_is_shared_out_evenly(options, n_processes, expected):
    assert TrainOptions(**options).per_process(n_processes) == expected


@pytest.mark.parametrize(
    ("batch", "longest", "room", "most", "expected"),
    [
        (8, 300, 16384, 8, (8, 1)),
        (8, 4000, 16384, 8, (4, 2)),
        (8, 16000, 16384, 8, (1, 8)),
        (8, 20000, 16384, 8, (1, 8)),
        (12, 4000, 20000, 8, (4, 3)),
        (64, 300, 40000, 64, (64, 1)),
        (64, 1000, 40000, 64, (32, 2)),
    ],
)
def test_long_examples_are_held_one_by_one_and_short_ones_together(
    batch, longest, room, most, expected
):
    assert TrainOptions(batch=batch).per_process(1, longest, room, most) == expected


def test_more_memory_holds_more_tokens_and_the_state_of_all_weights_leaves_fewer():
    config = LlamaConfig(hidden_size=1024, num_hidden_layers=20)
    usual = {"size": 2, "trained": 0, "checkpointing": True}
    few = tokens_that_fit(config, 2**30, **usual)
    assert few == int(0.7 * 2**30 / (2 * 1024 * 37))
    assert tokens_that_fit(config, 2**31, **usual) == pytest.approx(2 * few, abs=1)
    assert tokens_that_fit(config, 2**30, **usual | {"checkpointing": False}) < few
    assert tokens_that_fit(config, 2**30, **usual | {"trained": 10**6}) < few
    assert tokens_that_fit(config, 2**20, **usual | {"trained": 10**6}) == 1


@pytest.mark.parametrize(
    ("options", "n_processes", "message"),
    [
        ({"batch": 8}, 3, "--batch 8 cannot be shared by 3 processes"),
        ({"batch": 8, "micro_batch": 3}, 1, "--micro-batch 3 does not divide the 8 examples"),
        ({"lr": 0}, 1, "--lr 0 must be above 0"),
        ({"warmup": 1.0}, 1, "--warmup 1 must be a share"),
        ({"max_length": -1}, 1, "--max-length -1 must not be below 0"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(options, n_processes, message):
    with pytest.raises(CotpressError, match=message):
        TrainOptions(**options).per_process(n_processes)


def test_the_defaults_are_the_paper_s():
    options = TrainOptions()
    assert (options.method, options.lora_rank, options.lora_alpha) == ("lora", 8, 16)
    assert (options.lr, options.warmup, options.epochs, options.batch) == (5e-5, 0.1, 3.0, 8)


# --- less usual options ---------------------------------------------------------------------------


def test_max_steps_stand_in_place_of_epochs_and_every_step_is_in_the_log(base, tmp_path):
    options = TrainOptions(max_steps=5, epochs=1, **FAST)
    summary = train(sum_examples(8), load(base), tmp_path / "x", options, say=silent)
    points = list(storage.read(tmp_path / "x" / "train_log.jsonl", Point))
    assert summary.steps == 5
    assert [point.step for point in points] == [1, 2, 3, 4, 5]
    assert summary.loss == pytest.approx(sum(point.loss for point in points[-2:]) / 2)
    assert summary.first_loss == pytest.approx(sum(point.loss for point in points[:2]) / 2)


@given(st.integers(2, 30), st.floats(0.01, 0.6), st.integers(0, 5))
def test_what_is_held_out_shares_no_problem_with_what_is_taught(n, share, seed):
    rows = [Row(array("i", [i]), n_prompt=0, problem=f"p{i // 2}") for i in range(2 * n)]
    taught, held = split(rows, TrainOptions(eval_share=share, seed=seed))
    assert sorted([*taught, *held], key=lambda row: row.input_ids) == rows
    assert not {row.problem for row in taught} & {row.problem for row in held}
    assert len(held) == 2 * max(1, round(share * n))
    assert (taught, held) == split(rows, TrainOptions(eval_share=share, seed=seed))


def test_the_checkpoint_with_the_lowest_loss_on_what_was_held_out_is_kept(base, tmp_path):
    options = TrainOptions(
        method="full", epochs=30, lr=3e-2, scheduler="constant", eval_share=0.3, batch=4, warmup=0.0
    )
    summary = train(sum_examples(10), load(base), tmp_path / "x", options, say=silent)
    points = list(storage.read(tmp_path / "x" / "train_log.jsonl", Point))
    losses = {point.step: point.eval_loss for point in points if point.eval_loss is not None}
    assert (summary.examples, summary.held_out) == (7, 3)
    assert summary.eval_loss == min(losses.values()) == losses[summary.best_step]
    assert summary.best_step < summary.steps  # it over-learns, or nothing would be tested here
    kept = load(str(tmp_path / "x"))
    rows = trainable(sum_examples(10), kept, options, Counter())
    taught, held = split(rows, options)
    again = make_trainer(taught, kept, tmp_path / "y", options, silent, held)
    assert again.evaluate()["eval_loss"] == pytest.approx(summary.eval_loss, rel=1e-4)


def test_a_killed_training_keeps_the_same_best_checkpoint(base, tmp_path, monkeypatch):
    options = TrainOptions(
        method="full", epochs=8, lr=3e-2, scheduler="constant", eval_share=0.3, batch=4, warmup=0.0
    )
    whole = train(sum_examples(10), load(base), tmp_path / "whole", options, say=silent)

    def die(self, args, state, control, **_):
        if state.global_step == 11:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", die)
        with pytest.raises(Killed):
            train(sum_examples(10), load(base), tmp_path / "x", options, say=silent)
    again = train(sum_examples(10), load(base), tmp_path / "x", options, say=silent)
    assert (again.best_step, again.eval_loss) == (whole.best_step, whole.eval_loss)
    assert same(weights(tmp_path / "x"), weights(tmp_path / "whole"))
    log, other = (tmp_path / name / "train_log.jsonl" for name in ("x", "whole"))
    assert log.read_text() == other.read_text()


def test_one_problem_cannot_be_split(base, tmp_path):
    with pytest.raises(CotpressError, match=r"--eval-share 0.5 of 1 problems leaves none to train"):
        train(sum_examples(1), load(base), tmp_path / "x", TrainOptions(eval_share=0.5), say=silent)


def test_an_adapter_stands_on_the_layers_that_are_named(base, tmp_path):
    options = TrainOptions(
        max_steps=1, target_modules=("q_proj", "v_proj"), lora_dropout=0.1, **FAST
    )
    train(sum_examples(4), load(base), tmp_path / "x", options, say=silent)
    assert {name.split(".")[-3] for name in weights(tmp_path / "x")} == {"q_proj", "v_proj"}
    about = json.loads((tmp_path / "x" / "adapter_config.json").read_text())
    assert about["lora_dropout"] == 0.1


def test_a_layer_that_is_not_there_is_named_with_those_that_are(base, tmp_path):
    options = TrainOptions(target_modules=("q_pro",), **FAST)
    with pytest.raises(CotpressError, match=r"unknown layer 'q_pro'; did you mean q_proj\? Avail"):
        train(sum_examples(4), load(base), tmp_path / "x", options, say=silent)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"scheduler": "linear"}, {"lr_scheduler_type": "linear"}),
        ({"scheduler": "constant"}, {"lr_scheduler_type": "constant_with_warmup"}),
        ({"weight_decay": 0.1}, {"weight_decay": 0.1}),
        ({"max_grad_norm": 0.5}, {"max_grad_norm": 0.5}),
        ({"dtype": "bfloat16"}, {"bf16": True, "fp16": False}),
        ({"dtype": "float32"}, {"bf16": False, "fp16": False}),
        ({}, {"weight_decay": 0.0, "max_grad_norm": 1.0, "lr_scheduler_type": "cosine"}),
    ],
)
def test_options_reach_the_trainer(tmp_path, given, expected):
    found = stage.settings([], TrainOptions(**given), tmp_path, "cpu", 1)
    assert {name: getattr(found, name) for name in expected} == expected


def test_half_precision_without_a_gpu_is_refused(tmp_path):
    with pytest.raises(CotpressError, match="--dtype float16 needs a GPU"):
        stage.settings([], TrainOptions(dtype="float16"), tmp_path, "cpu", 1)


def test_four_bits_need_a_gpu_an_adapter_and_the_extra(base, tmp_path, monkeypatch):
    with pytest.raises(CotpressError, match="leave out --method full"):
        TrainOptions(method="full", quantize="4bit")
    monkeypatch.delenv("COTPRESS_DEVICE")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    options = TrainOptions(quantize="4bit", **FAST)
    with pytest.raises(CotpressError, match="--quantize 4bit needs a CUDA GPU"):
        train(sum_examples(4), load(base), tmp_path / "x", options, say=silent)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(CotpressError, match=r"pip install 'cotpress\[4bit\]'"):
        train(sum_examples(4), load(base), tmp_path / "x", options, say=silent)
    assert not (tmp_path / "x").exists()


def test_four_bits_are_asked_for_as_in_qlora_and_run_no_code(base, monkeypatch):
    asked = {}
    monkeypatch.delenv("COTPRESS_DEVICE")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setitem(sys.modules, "bitsandbytes", SimpleNamespace())
    model = quantised.quantised(load_on_cpu(base))
    monkeypatch.setattr(
        quantised.AutoModelForCausalLM,
        "from_pretrained",
        lambda path, **how: asked.update(how, path=path) or torch.nn.Linear(1, 1),
    )
    assert isinstance(model.torch_model, torch.nn.Linear)
    assert (asked["path"], asked["trust_remote_code"], asked["use_safetensors"]) == (
        base,
        False,
        True,
    )
    how = asked["quantization_config"]
    assert (how.load_in_4bit, how.bnb_4bit_quant_type, how.bnb_4bit_use_double_quant) == (
        True,
        "nf4",
        True,
    )
    with pytest.raises(CotpressError, match="cannot train the rows of latent tokens"):
        quantised.quantised(load_on_cpu(base), latents=True)


def load_on_cpu(folder):
    return load(folder, device="cpu")


@pytest.mark.parametrize(
    ("steps", "first", "last", "says"),
    [
        (7, 2.0, 0.1, "7 steps teach next to nothing: raise --epochs or --lr"),
        (30, 2.0, 1.95, "the loss went from 2.000 to 1.950"),
        (30, 2.0, 1.9, ""),
        (30, None, None, ""),
    ],
)
def test_a_training_that_taught_next_to_nothing_says_so(steps, first, last, says):
    assert says in too_little(steps, first, last)
    assert bool(says) == bool(too_little(steps, first, last))
