import json
from dataclasses import dataclass
from types import SimpleNamespace

import msgspec
import pytest
from make import sum_cuts, sum_trace

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.records import CompressedTrace, Grade, TrainingExample
from cotpress.verbs.build import build


@pytest.fixture
def compressed(tmp_path):
    """Three right traces and a wrong one, at five ratios."""
    wrong = sum_trace(3, grade=Grade(answer="0", correct=False, status="ok"))
    cuts = [sum_cuts(trace) for trace in (*map(sum_trace, range(3)), wrong)]
    path = tmp_path / "compressed.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(cut) + b"\n" for cut in cuts))
    assert len(list(storage.read(path, CompressedTrace))) == 4
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_examples_are_written_with_counts_of_what_was_left_out(compressed, tmp_path, capsys):
    out = tmp_path / "train.jsonl"
    build(compressed, out=out, draw="all")
    assert len(list(storage.read(out, TrainingExample))) == 18
    meta = json.loads((tmp_path / "train.meta.json").read_text())
    assert meta["counts"] == {"in": 4, "out": 18, "dropped": {"wrong answer": 1}}
    assert "18 records" in capsys.readouterr().err


def test_a_second_run_writes_nothing_and_another_draw_is_refused(compressed, tmp_path, capsys):
    out = tmp_path / "train.jsonl"
    build(compressed, out=out)
    first = out.read_bytes()
    build(compressed, out=out)
    assert out.read_bytes() == first
    assert "nothing to do" in capsys.readouterr().err
    with pytest.raises(CotpressError, match="seed"):
        build(compressed, out=out, seed=7)


def test_ungraded_traces_are_kept_and_said_to_be(tmp_path, capsys):
    path = tmp_path / "compressed.jsonl"
    cuts = [sum_cuts(sum_trace(0, grade=None))]
    path.write_bytes(b"".join(msgspec.json.encode(cut) + b"\n" for cut in cuts))
    build(path, out=tmp_path / "train.jsonl")
    assert "1 traces ungraded, kept" in capsys.readouterr().err
    assert json.loads((tmp_path / "train.meta.json").read_text())["noted"] == {"ungraded, kept": 1}


def test_trl_rows_are_messages(compressed, tmp_path):
    build(compressed, out=tmp_path / "trl.jsonl", format="trl", ratios=[0.5])
    assert lines(tmp_path / "trl.jsonl")[0] == {
        "prompt": [{"role": "user", "content": "Add.\n0 + 1?\n<ratio>0.5</ratio>"}],
        "completion": [{"role": "assistant", "content": "we add 0 and\n\nThe answer is 1."}],
        "id": "sum/0",
        "ratio": 0.5,
    }


def test_released_rows_are_alpaca_rows_of_the_family(compressed, tmp_path):
    build(compressed, out=tmp_path / "released.jsonl", format="released", family="llama3")
    rows = lines(tmp_path / "released.jsonl")
    assert len(rows) == 3
    assert all(
        list(row) == ["instruction", "input", "output"] and "?\n" in row["input"] for row in rows
    )


@dataclass
class Letters:
    """A model whose tokens are characters."""

    name: str = "letters"
    identity: str = "letters"
    end_id: int = 0

    def text_ids(self, text):
        return [ord(letter) for letter in text]

    def prompt_ids(self, messages):
        return self.text_ids(messages[0]["content"] + ">")


def test_pretokenized_rows_are_in_the_target_model_s_ids(compressed, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "load", lambda spec, **_how: Letters(spec))
    build(
        compressed,
        out=tmp_path / "ids.jsonl",
        format="pretokenized",
        target="letters",
        ratios=[1.0],
    )
    row = lines(tmp_path / "ids.jsonl")[0]
    text = "".join(map(chr, row["input_ids"]))
    assert text == "Add.\n0 + 1?>we add 0 and 1 and get 1\n\nThe answer is 1.\0"
    assert row["labels"] == [
        -100 if i <= text.index(">") else ord(letter) for i, letter in enumerate(text)
    ]
    assert row["attention_mask"] == [1] * len(text)


@dataclass
class Chats(Letters):
    """And whose chat template is a colon."""

    path: str = "org/letters"
    end_text: str = "\0"
    bos_text: str = ""

    def prompt_text(self, messages):
        return messages[0]["content"] + ">"


@pytest.mark.parametrize("format", ["llamafactory", "axolotl", "trl"])
def test_two_versions_of_a_file_have_two_names_in_settings_and_two_folders(
    compressed, tmp_path, monkeypatch, format
):
    monkeypatch.setattr(models, "load", lambda spec, **_how: Chats(spec))
    found = []
    for name in ("sums.v1", "sums.v2"):
        build(compressed, out=tmp_path / f"{name}.jsonl", format=format, target="letters")
        text = (tmp_path / f"{name}.{format}.yaml").read_text()
        assert f"output_dir: runs/{name}\n" in text
        assert text.splitlines()[0].endswith(f" {name}.{format}.yaml")
        found += [name] if f"dataset: {name}\n" in text else []
    if format == "llamafactory":
        info = json.loads((tmp_path / "dataset_info.json").read_text())
        assert found == list(info) == ["sums.v1", "sums.v2"]


def test_marks_of_thinking_are_the_target_s_unless_they_are_to_be_kept_or_left_out(tmp_path):
    marked = sum_trace(0, opening="[THINK]", closing="[/THINK]")
    path = tmp_path / "compressed.jsonl"
    path.write_bytes(msgspec.json.encode(sum_cuts(marked, (0.5,))) + b"\n")
    for think in ("target", "keep", "none"):
        build(path, out=tmp_path / f"{think}.jsonl", think=think)
        (line,) = lines(tmp_path / f"{think}.jsonl")
        assert (line["opening"], line["closing"], line["think"]) == ("[THINK]", "[/THINK]", think)
    with pytest.raises(CotpressError, match="leave out --think"):
        build(path, out=tmp_path / "x.jsonl", format="released", think="keep")


def test_finished_text_for_llamafactory_stands_beside_its_description_and_settings(
    compressed, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(models, "load", lambda spec, **_how: Chats(spec))
    (tmp_path / "dataset_info.json").write_text('{"mine": {"file_name": "mine.json"}}')
    build(
        compressed,
        out=tmp_path / "short.jsonl",
        format="llamafactory",
        target="letters",
        ratios=[0.5],
    )
    assert lines(tmp_path / "short.jsonl")[0] == {
        "prompt": "Add.\n0 + 1?\n<ratio>0.5</ratio>>",
        "completion": "we add 0 and\n\nThe answer is 1.\0",
        "id": "sum/0",
        "ratio": 0.5,
    }
    assert json.loads((tmp_path / "dataset_info.json").read_text()) == {
        "mine": {"file_name": "mine.json"},
        "short": {
            "file_name": "short.jsonl",
            "formatting": "alpaca",
            "columns": {"prompt": "prompt", "response": "completion"},
        },
    }
    settings = (tmp_path / "short.llamafactory.yaml").read_text()
    assert "model_name_or_path: org/letters\n" in settings
    longest = max(len(row["prompt"] + row["completion"]) for row in lines(tmp_path / "short.jsonl"))
    assert f"cutoff_len: {longest + 1}\n" in settings
    assert "short.llamafactory.yaml holds the settings" in capsys.readouterr().err
    (tmp_path / "short.llamafactory.yaml").unlink()
    build(
        compressed,
        out=tmp_path / "short.jsonl",
        format="llamafactory",
        target="letters",
        ratios=[0.5],
    )
    assert (
        tmp_path / "short.llamafactory.yaml"
    ).read_text() == settings  # also of a file that was finished before


def test_segments_for_axolotl_say_what_the_loss_counts(compressed, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "load", lambda spec, **_how: Chats(spec))
    build(
        compressed, out=tmp_path / "short.jsonl", format="axolotl", target="letters", ratios=[0.5]
    )
    assert lines(tmp_path / "short.jsonl")[0]["segments"] == [
        {"label": False, "text": "Add.\n0 + 1?\n<ratio>0.5</ratio>>"},
        {"label": True, "text": "we add 0 and\n\nThe answer is 1.\0"},
    ]
    longest = max(
        sum(len(part["text"]) for part in row["segments"])
        for row in lines(tmp_path / "short.jsonl")
    )
    assert f"sequence_len: {longest}\n" in (tmp_path / "short.axolotl.yaml").read_text()


def test_settings_for_trl_name_the_model_if_one_is_named(compressed, tmp_path, monkeypatch):
    build(compressed, out=tmp_path / "any.jsonl", format="trl")
    assert "model_name_or_path: CHANGE-ME\n" in (tmp_path / "any.trl.yaml").read_text()
    monkeypatch.setattr(models, "load", lambda spec, **_how: Chats(spec))
    build(compressed, out=tmp_path / "one.jsonl", format="trl", target="letters")
    assert "model_name_or_path: org/letters\n" in (tmp_path / "one.trl.yaml").read_text()


def test_a_model_without_token_ids_is_no_target(compressed, tmp_path, monkeypatch):
    monkeypatch.setattr(
        models, "load", lambda spec, **_how: SimpleNamespace(name=spec, identity=spec)
    )
    with pytest.raises(
        CotpressError,
        match="--format pretokenized needs a model that gives its token ids, which far does not",
    ):
        build(compressed, out=tmp_path / "ids.jsonl", format="pretokenized", target="far")
    with pytest.raises(
        CotpressError,
        match="--format axolotl needs a model that gives its chats as text, which far does not",
    ):
        build(compressed, out=tmp_path / "text.jsonl", format="axolotl", target="far")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "pretokenized"}, "--format pretokenized needs --target"),
        (
            {"format": "llamafactory"},
            "--format llamafactory needs --target, the model to be taught: its chats as text",
        ),
        ({"format": "axolotl"}, "--format axolotl needs --target"),
        ({"target": "tiny"}, "--target is for --format, whose rows"),
        ({"family": "llama3"}, "--family is for --format released"),
        ({"format": "released", "draw": "all"}, "--format released draws as the release does"),
        ({"ratios": [0.4]}, "was not compressed at ratio 0.4"),
        ({"ratios": [50.0]}, "ratio 50 is not a fraction"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_cure(compressed, tmp_path, options, message):
    with pytest.raises(CotpressError, match=message):
        build(compressed, out=tmp_path / "train.jsonl", **options)
    assert not (tmp_path / "train.jsonl").exists()
