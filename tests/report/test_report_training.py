"""The curve of the loss stands in the report where a judged model has one, and nothing where not."""

import json
from pathlib import Path

from cotpress import storage
from cotpress.lm.checkpoint import FINISHED
from cotpress.report.page import Origin, Training, make_report
from cotpress.report.sections.training import section
from cotpress.training.curve import LOG, Point, RewardPoint, read
from cotpress.verbs.reporting import _trainings

ORIGIN = Origin("cotpress report", "0", "2026-01-01")
POINTS = ((1, 2.0, None), (2, 1.5, 1.75), (3, 1.0, None))


def test_there_is_a_line_for_the_loss_and_dots_for_what_was_held_out() -> None:
    found = section(make_report([], [], origin=ORIGIN, trainings=[Training("runs/x", POINTS)]))
    (drawn,) = found.parts[0].figures
    line, dots = drawn.figure["data"]
    assert (line["x"], line["y"], line["mode"]) == ([1, 2, 3], [2.0, 1.5, 1.0], "lines")
    assert (dots["x"], dots["y"], dots["mode"]) == ([2], [1.75], "markers")
    assert "from 2.000 to 1.000" in drawn.alt
    assert found.data[1] == {"model": "runs/x", "step": 2, "loss": 1.5, "eval_loss": 1.75}


def test_rewards_have_a_line_each_beside_accuracy_and_one_for_the_length(tmp_path: Path) -> None:
    points = [
        RewardPoint(
            step=step,
            accuracy=0.5,
            tokens=90.0 - step,
            cut_off=0.0,
            no_variance=0.0,
            reward=0.75,
            rewards={"correct": 0.5, "shortest": 0.25},
        )
        for step in (1, 2)
    ]
    storage.write(tmp_path / LOG, points)
    trained = Training("runs/g", rewards=tuple(read(tmp_path / LOG)))
    found = section(make_report([], [], origin=ORIGIN, trainings=[trained]))
    worth, lengths = found.parts[0].figures
    assert [(one["name"], one["y"]) for one in worth.figure["data"]] == [
        ("right", [0.5, 0.5]),
        ("correct", [0.5, 0.5]),
        ("shortest", [0.25, 0.25]),
    ]
    assert [(one["x"], one["y"]) for one in lengths.figure["data"]] == [([1, 2], [89.0, 88.0])]
    assert "from 50 to 50 % right, from 89 to 88 reasoning tokens" in worth.alt
    assert found.data[0]["rewards"] == {"correct": 0.5, "shortest": 0.25}


def test_without_a_curve_there_is_nothing() -> None:
    assert section(make_report([], [], origin=ORIGIN)) is None
    assert section(make_report([], [], origin=ORIGIN, trainings=[Training("x", ())])) is None


def test_the_curve_is_found_through_the_model_that_the_evaluation_names(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    points = [Point(step=x, epoch=0.1, loss=y, eval_loss=held) for x, y, held in POINTS]
    storage.write(model / LOG, points)
    (model / FINISHED).write_text("{}")
    evals = [tmp_path / "eval.jsonl", tmp_path / "other.jsonl", tmp_path / "none.jsonl"]
    for path, name in zip(evals, (str(model), "tiny"), strict=False):
        meta = {"options": {"model": name}}
        storage.meta_path(path).write_text(json.dumps(meta))
    assert list(_trainings(evals)) == [Training(str(model), POINTS)]
