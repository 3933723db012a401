"""Rows as arrays against the plain lists that they stand for."""

import tracemalloc
from collections import Counter

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st
from make import sum_examples
from safetensors.torch import load_file
from train_fixtures import make_model

from cotpress.models.hf import load
from cotpress.pipeline.build import IGNORED, PretokenizedRow, pretokenized_rows
from cotpress.training import sft
from cotpress.training.options import TrainOptions
from cotpress.training.rows import Row, dataset
from cotpress.training.sft import make_trainer, train, trainable
from cotpress.training.trainer import Progress

ids = st.lists(st.integers(0, 2**31 - 1), max_size=12)


def silent(line: str) -> None:
    """Take a line of progress."""


def pretokenized(prompt: list[int], said: list[int]) -> PretokenizedRow:
    whole = prompt + said
    return PretokenizedRow(
        input_ids=whole, attention_mask=[1] * len(whole), labels=[IGNORED] * len(prompt) + said
    )


def naive(rows):
    """The data set as lists of ids and labels."""
    return Dataset.from_dict(
        {"input_ids": [row.input_ids for row in rows], "labels": [row.labels for row in rows]}
    )


@given(st.lists(st.tuples(ids, ids.filter(bool)), min_size=1, max_size=6))
def test_rows_and_their_data_set_give_the_lists_they_were_made_of(parts):
    plain = [pretokenized(prompt, said) for prompt, said in parts]
    rows = [Row.of(one) for one in plain]
    assert [len(row) for row in rows] == [len(one.input_ids) for one in plain]
    assert [row.input_ids for row in rows] == [one.input_ids for one in plain]
    assert [row.labels for row in rows] == [one.labels for one in plain]
    held, expected = dataset(rows), naive(plain)
    assert held.column_names == expected.column_names
    assert [held[i] for i in range(len(held))] == [expected[i] for i in range(len(plain))]
    backwards = list(range(len(plain)))[::-1]
    assert held.__getitems__(backwards) == expected.__getitems__(backwards)


def test_the_rows_of_a_training_are_those_of_the_pretokenized_format(tmp_path):
    examples, model = sum_examples(6), make_model(tmp_path / "base")
    plain = list(pretokenized_rows(examples, model))
    rows = trainable(examples, model, TrainOptions(), Counter())
    assert [row.input_ids for row in rows] == [one.input_ids for one in plain]
    assert [row.labels for row in rows] == [one.labels for one in plain]
    assert [row.problem for row in rows] == [one.problem.id for one in examples]


def test_the_trainer_makes_the_batches_that_it_makes_of_lists(tmp_path):
    examples, model = sum_examples(11), make_model(tmp_path / "base")
    options = TrainOptions(method="full", batch=4, micro_batch=2, epochs=2)
    rows = trainable(examples, model, options, Counter())
    taught, held = rows[:8], rows[8:]
    trainer = make_trainer(taught, model, tmp_path / "x", options, silent, held)
    loaders = lambda: [trainer.get_train_dataloader(), trainer.get_eval_dataloader()]  # noqa: E731
    found = [list(one) for one in loaders()]
    trainer.train_dataset, trainer.eval_dataset = naive(taught), naive(held)
    expected = [list(one) for one in loaders()]
    assert [len(one) for one in found] == [4, 2]
    for some, others in zip(found, expected, strict=True):
        for batch, other in zip(some, others, strict=True):
            assert batch.keys() == other.keys()
            assert all(torch.equal(batch[name], other[name]) for name in other)


class Killed(BaseException):
    """Stands for a signal."""


@pytest.mark.parametrize("eval_share", [0.0, 0.3])
def test_a_run_that_was_killed_on_lists_goes_on_on_arrays_to_the_same_weights(
    tmp_path, monkeypatch, eval_share
):
    make_model(tmp_path / "base")
    base, examples = str(tmp_path / "base"), sum_examples(10)
    options = TrainOptions(epochs=2, lr=1e-2, batch=3, save_every=2, eval_share=eval_share)

    def die(self, args, state, control, **_):
        if state.global_step == 3:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sft, "dataset", naive)
        whole = train(examples, load(base), tmp_path / "whole", options, say=silent)
        patch.setattr(Progress, "on_step_end", die)
        with pytest.raises(Killed):
            train(examples, load(base), tmp_path / "x", options, say=silent)
    lines: list[str] = []
    found = train(examples, load(base), tmp_path / "x", options, say=lines.append)
    assert "checkpoint-2" in lines[0]
    assert (found.fingerprint, found.examples, found.held_out, found.loss) == (
        whole.fingerprint,
        whole.examples,
        whole.held_out,
        whole.loss,
    )
    weights, expected = (
        load_file(tmp_path / name / "adapter_model.safetensors") for name in ("x", "whole")
    )
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_row_takes_four_bytes_a_token():
    plain = pretokenized(list(range(1000, 1300)), list(range(2000, 2700)))
    tracemalloc.start()
    rows = [Row.of(plain) for _ in range(50)]
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, rows)) == 50_000
    assert held < 5 * 50_000
