import json
from types import SimpleNamespace

import msgspec
import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

from command import cotpress
from make import sum_examples
from train_fixtures import make_model

from cotpress import models
from cotpress.models.hf import HFModel


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder with a model and training examples."""
    monkeypatch.chdir(tmp_path)
    make_model(tmp_path / "base")
    rows = [msgspec.json.encode(one) + b"\n" for one in sum_examples(6)]
    (tmp_path / "train.jsonl").write_bytes(b"".join(rows))
    return tmp_path


def test_the_verb_trains_a_folder_that_loads_again_and_a_second_run_does_nothing(
    there, monkeypatch, capsys
):
    command = "train train.jsonl --model ./base --out runs/x --method full --epochs 2 --batch 3 --lr 1e-3 --save-every 3"
    assert cotpress(monkeypatch, command) == 0
    assert "runs/x holds 4 steps over 6 examples" in capsys.readouterr().err
    assert isinstance(models.load("runs/x"), HFModel)
    about = json.loads((there / "runs/x/cotpress.json").read_text())
    assert (about["kind"], about["examples"], about["options"]["lr"]) == ("full", 6, 1e-3)
    assert cotpress(monkeypatch, command) == 0
    assert "nothing to do" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--max-length 3", "nothing to train on: 6 longer than 3 tokens"),
        ("--lr 0", "--lr 0 must be above 0"),
        ("--report-to wandbb", "unknown tracker 'wandbb'; did you mean wandb?"),
        ("--batch 6 --micro-batch 4", "--micro-batch 4 does not divide the 6 examples"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(there, monkeypatch, capsys, flags, message):
    assert cotpress(monkeypatch, f"train train.jsonl --model ./base --out runs/x {flags}") == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_model_without_weights_at_hand_cannot_be_trained(there, monkeypatch, capsys):
    monkeypatch.setattr(models, "load", lambda spec, **_how: SimpleNamespace(name=spec))
    assert cotpress(monkeypatch, "train train.jsonl --model far --out runs/x") == 2
    assert (
        "train needs a model that gives its weights and tokenizer, which far does not"
        in capsys.readouterr().err
    )
