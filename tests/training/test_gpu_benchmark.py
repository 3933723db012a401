"""What benchmarks/gpu.py says of a training: the tokens of the very steps that it timed."""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")
from make import sum_examples
from train_fixtures import make_model

from cotpress.training.options import TrainOptions
from cotpress.training.sft import make_trainer, trainable

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import gpu


@pytest.mark.parametrize("micro", [1, 2, 4])
def test_tokens_are_counted_without_padding_over_the_steps_that_were_timed(
    tmp_path, micro, monkeypatch
):
    ticks = iter(range(100))
    monkeypatch.setattr(gpu, "clock", lambda: float(next(ticks)))
    options = TrainOptions(
        batch=4, max_steps=6, micro_batch=micro, epochs=99, gradient_checkpointing=False
    )
    model = make_model(tmp_path / "base")
    rows = trainable(sum_examples(4, 0.5), model, options, Counter())
    assert len({len(row.input_ids) for row in rows}) > 1
    trainer = make_trainer(rows, model, tmp_path / "out", options, print)
    trainer.args.save_strategy = "no"
    steps = gpu.Steps()
    trainer.add_callback(steps)
    gpu.count(trainer, steps)
    trainer.train()
    one = sum(len(row.input_ids) for row in rows)
    assert steps.ends == [(n * one, float(n - 1)) for n in range(1, 7)]
    assert steps.warm() == (3 * one, 3.0)


def test_all_parts_of_the_script_are_known_and_end_within_ten_minutes():
    script = (Path(gpu.__file__).parent / "gpu.sh").read_text("utf-8")
    own = re.findall(r"^part \w+ (\d+) ", script, re.M)
    measured = re.findall(r"^measured (\w+) (\d+)$", script, re.M)
    assert sum(map(int, own)) + sum(int(most) for _, most in measured) < 600
    assert [name for name, _ in measured] == list(gpu.MEASURED)


@pytest.mark.parametrize("what", ["score", "packing", "hf"])
def test_each_part_runs_at_its_smallest_and_writes_what_it_found(what, tmp_path, monkeypatch):
    out = tmp_path / "found.json"
    given = [what, "--out", str(out), "--device", "cpu", "--small"]
    monkeypatch.setattr(sys, "argv", ["gpu.py", *given])
    monkeypatch.setenv("COTPRESS_DEVICE", "cpu")
    gpu.main()
    assert len(json.loads(out.read_text("utf-8"))) > 1
