"""`cotpress plan`: the answer in words, the table, and the same as JSON."""

import json

import msgspec
import pytest
from test_plan import CURVE

from cotpress.errors import CotpressError
from cotpress.verbs.plan import plan


@pytest.fixture
def evaluation(tmp_path):
    path = tmp_path / "eval.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(trace) + b"\n" for trace in CURVE))
    return path


def test_it_says_what_to_serve_and_what_that_saves(evaluation, capsys):
    plan(evaluation, min_accuracy=0.9, price=0.6)
    said = capsys.readouterr().out
    assert said.startswith("Serve ratio 0.7: accuracy 97.0%")
    assert "At 0.6 per million tokens that is 18.00 [18.00, 18.00] per million requests." in said
    lines = [line.split() for line in said.splitlines()]
    assert ["0.7", "tokenskip", "100"] in [line[:3] for line in lines]
    assert [line[-1] for line in lines[-4:]] == ["yes", "yes", "perhaps", "no"]


def test_json_has_every_figure(evaluation, capsys):
    plan(evaluation, max_tokens=100, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["choice"]["ratio"] == 0.7
    assert [offer["met"] for offer in found["offers"]] == ["no", "yes", "yes", "yes"]
    assert found["money_saved"] is None


def test_mistakes_are_one_sentence(evaluation, tmp_path):
    with pytest.raises(CotpressError, match="--price -1 is below 0"):
        plan(evaluation, min_accuracy=0.9, price=-1)
    with pytest.raises(CotpressError, match="no file"):
        plan(tmp_path / "none.jsonl")
