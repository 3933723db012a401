"""`cotpress generate` draws several answers a problem, and refuses to copy one."""

import json

import pytest
from command import cotpress

pytest.importorskip("transformers")

from cotpress import storage
from cotpress.records import Asked, Trace

ASKED = "generate --task arithmetic --model tiny --limit 2 --max-tokens 40 --out traces.jsonl"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_answers_are_drawn_from_the_likeliest_tokens_alone(here, monkeypatch):
    command = f"{ASKED} --samples 3 --temperature 1.5 --top-k 1"
    assert cotpress(monkeypatch, command) == 0
    traces = list(storage.read(here / "traces.jsonl", Trace))
    assert [trace.sample for trace in traces] == [0, 1, 2, 0, 1, 2]
    # the likeliest token alone leaves nothing to draw
    assert len({trace.reasoning for trace in traces}) == 2
    meta = json.loads((here / "traces.meta.json").read_bytes())
    assert meta["options"]["sampling"]["top_k"] == 1
    assert cotpress(monkeypatch, command.replace("--top-k 1", "--min-p 0.5")) == 2


def test_a_budget_is_asked_for_in_the_prompt_and_recorded(here, monkeypatch):
    assert cotpress(monkeypatch, f"{ASKED} --budget 60") == 0
    traces = list(storage.read(here / "traces.jsonl", Trace))
    assert [trace.asked for trace in traces] == [Asked(budget=60)] * 2
    assert "60 tokens" in traces[0].key


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--samples 3", "--samples 3 would be 3 times the same answer: choose a --temperature"),
        ("--min-p 0.1", "without a temperature nothing is drawn"),
        ("--temperature 1 --min-p 2", "0 <= --min-p <= 1"),
        ("--sampling model", "model tiny has no generation_config.json that says how to sample"),
        ("--sampling model --top-p 0.9", "leave out --temperature"),
        ("--ratio 0.5 --budget 60", "--ratio and --budget ask for two lengths at once"),
        ("--budget 0", "a budget of 0 tokens leaves none to reason in"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence_with_the_cure(
    here, monkeypatch, capsys, options, sentence
):
    assert cotpress(monkeypatch, f"{ASKED} {options}") == 2
    assert sentence in capsys.readouterr().err
    assert list(here.iterdir()) == []
