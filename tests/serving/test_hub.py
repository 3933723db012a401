"""`--push`: what goes to the Hub, and what is said where it does not."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from make import make_row, sum_cuts, sum_trace

pytest.importorskip("huggingface_hub")
import fake_hub
from fake_hub import TOKEN
from huggingface_hub import DatasetCard, ModelCard, constants

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.records import Asked, Setting
from cotpress.serving.hub import Repository, repository
from cotpress.serving.model_card import model_card
from cotpress.training.options import TrainOptions, TrainSummary
from cotpress.verbs.build import build


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A stand-in for the Hub that this process asks, with a token that it accepts."""
    with fake_hub.serving() as found:
        at(monkeypatch, found.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield found


def at(monkeypatch, url):
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)


def subprocess_at(hub, words, home):
    """`cotpress WORDS` in a process of its own, which reads the endpoint from its environment."""
    own = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
    own |= {"HF_HUB_OFFLINE": "0", "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-m", "cotpress", *words],
        env=os.environ | own | {"no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def compressed(tmp_path):
    wrong = msgspec.structs.replace(sum_trace(3), ending="")
    path = tmp_path / "compressed.jsonl"
    cuts = [sum_cuts(trace) for trace in (*map(sum_trace, range(3)), wrong)]
    path.write_bytes(b"".join(msgspec.json.encode(cut) + b"\n" for cut in cuts))
    return path


# --- what is uploaded -----------------------------------------------------------------------------


def test_an_exported_folder_is_pushed_whole(hub, tmp_path, capsys):
    pytest.importorskip("torch")
    from cotpress.verbs.export import export

    out = tmp_path / "short"
    export("tiny", out=out, push="me/short")
    assert hub.files["models/me/short"] == contents(out)
    assert hub.blobs, "the weights went by LFS"
    assert "visibility" not in hub.repositories["models/me/short"]
    said = capsys.readouterr()
    assert f"export: pushed to {hub.url}/me/short" in said.err
    assert TOKEN not in said.out + said.err


def test_the_token_of_the_environment_is_never_said_not_even_verbosely(hub, compressed, tmp_path):
    out = tmp_path / "train.jsonl"
    words = ["build", str(compressed), "--out", str(out), "--push", "me/sums", "--verbose"]
    done = subprocess_at(hub, words, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert hub.files["datasets/me/sums"]["train.jsonl"] == out.read_bytes()
    assert TOKEN not in done.stdout + done.stderr


def test_training_examples_are_pushed_as_a_data_set_with_a_card(hub, compressed, tmp_path, capsys):
    out = tmp_path / "train.jsonl"
    build(compressed, out=out, draw="all", push="me/sums", private=True)
    pushed = hub.files["datasets/me/sums"]
    assert pushed.keys() == {"train.jsonl", "README.md"}
    assert pushed["train.jsonl"] == out.read_bytes()
    assert hub.repositories["datasets/me/sums"]["visibility"] == "private"
    card = DatasetCard(pushed["README.md"].decode())
    assert card.data.to_dict()["configs"] == [
        {"config_name": "default", "data_files": "train.jsonl"}
    ]
    n = len(out.read_text().splitlines())
    assert f"- rows: {n}, in train.jsonl, from 4 traces" in card.text
    assert "draw all" in card.text
    assert str(tmp_path) not in card.text
    said = capsys.readouterr()
    assert f"build: pushed to {hub.url}/datasets/me/sums" in said.err
    assert TOKEN not in said.out + said.err


def test_what_was_finished_before_is_pushed_by_the_same_command(hub, compressed, tmp_path, capsys):
    out = tmp_path / "train.jsonl"
    build(compressed, out=out)
    build(compressed, out=out, push="me/sums")
    build(compressed, out=out, push="me/sums", private=False)
    assert "nothing to do" in capsys.readouterr().err
    assert hub.files["datasets/me/sums"]["train.jsonl"] == out.read_bytes()
    assert len(hub.commits) == 2
    assert len(hub.repositories) == 1


def test_a_target_on_this_disk_is_named_in_the_card_without_its_path(tmp_path):
    from cotpress.serving.data_card import data_card

    (tmp_path / "model").mkdir()
    meta = {"version": "1", "counts": {"in": 1, "out": 1, "dropped": {"odd | one": 2}}}
    meta |= {"options": {"target": f"hf:{tmp_path / 'model'}", "format": "trl"}}
    out = tmp_path / "t.jsonl"
    storage.meta_path(out).write_text(json.dumps(meta))
    card = data_card("a [name](http://x)", out)
    assert "format trl, target model" in card
    assert str(tmp_path) not in card
    assert "2 (odd \\| one)" in card
    assert "# a \\[name\\](http://x)" in card


# --- what is refused, before the work -------------------------------------------------------------


@pytest.mark.parametrize("name", ["short", "a/b/c", "me/", "/short", "me/a b", "me/x--y", "me/.x"])
def test_a_name_of_another_form_is_refused_before_anything_is_made(hub, name, compressed, tmp_path):
    with pytest.raises(CotpressError, match="name the repository as ORG/NAME"):
        build(compressed, out=tmp_path / "train.jsonl", push=name)
    assert not (tmp_path / "train.jsonl").exists()
    assert not hub.asked


def test_without_a_token_nothing_is_made(hub, compressed, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(CotpressError, match="there is no token: log in with hf auth login"):
        build(compressed, out=tmp_path / "train.jsonl", push="me/sums")
    assert not (tmp_path / "train.jsonl").exists()
    assert not hub.asked


def test_a_token_that_the_hub_does_not_accept_is_refused_before_the_work(
    hub, compressed, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(CotpressError, match="does not accept the token") as refused:
        build(compressed, out=tmp_path / "train.jsonl", push="me/sums")
    assert "hf_expired" not in str(refused.value)
    assert not (tmp_path / "train.jsonl").exists()


def test_a_hub_that_cannot_be_reached_is_one_sentence_before_the_work(
    hub, compressed, tmp_path, monkeypatch
):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(CotpressError, match="the Hub cannot be reached") as refused:
            build(compressed, out=tmp_path / "train.jsonl", push="me/sums")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "train.jsonl").exists()


def test_offline_is_said_to_be_asked_for(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CotpressError, match="HF_HUB_OFFLINE is set: unset it"):
        repository("me/sums", None, "dataset")


def test_private_without_a_repository_is_a_mistake():
    with pytest.raises(CotpressError, match="--private is for --push"):
        repository("", True, "model")
    assert repository("", None, "model") is None


# --- what fails while pushing ---------------------------------------------------------------------


def test_a_token_that_may_not_write_leaves_the_output_and_says_how_to_push_it(
    hub, compressed, tmp_path
):
    hub.forbidden = True
    out = tmp_path / "train.jsonl"
    with pytest.raises(CotpressError, match=r"may not write there: take one .* access to org"):
        build(compressed, out=out, push="org/sums")
    assert out.is_file()
    hub.forbidden = False
    build(compressed, out=out, push="org/sums")
    assert hub.files["datasets/org/sums"]["train.jsonl"] == out.read_bytes()


def test_a_server_that_repeats_the_token_does_not_bring_it_into_the_sentence(hub, tmp_path):
    hub.busy = f"no: {TOKEN}\nthat is\x1b[2J all"
    with pytest.raises(CotpressError, match=r"the Hub answers 400 \(.*no: …") as refused:
        Repository("me/sums", "dataset").push_files({"a": b"b"}, "build")
    assert TOKEN not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is None


# --- the metadata of the model card ---------------------------------------------------------------


def results(card: str) -> list[tuple]:
    return [
        (one.dataset_type, one.metric_type, one.metric_value, one.metric_args)
        for one in ModelCard(card).data.eval_results or []
    ]


def test_the_card_of_a_model_holds_its_own_results_as_the_hub_reads_them():
    rows = [
        make_row("original", None, accuracy=0.98, mean_tokens=104.0),
        make_row("original", None, model="tiny", task="hub:me/sums,split=test", accuracy=0.5),
        make_row("truncation", 0.5),
    ]
    card = model_card("short", {"medium": 0.6}, None, rows)
    data = ModelCard(card).data
    assert data.model_name == "short"
    assert data.to_dict()["library_name"] == "transformers"
    assert data.tags == ["cotpress", "chain-of-thought-compression"]
    assert results(card) == [
        ("arithmetic", "accuracy", 0.98, None),
        ("arithmetic", "mean_reasoning_tokens", 104.0, None),
        ("me/sums", "accuracy", 0.5, None),
        ("me/sums", "mean_reasoning_tokens", 66.2, None),
    ]
    assert {one.task_type for one in data.eval_results} == {"text-generation"}


def taught():
    return TrainSummary(
        base="hf:Qwen/Qwen2.5-0.5B",
        base_revision="",
        tokenizer="",
        kind="lora",
        method="tokenskip",
        scorer="unigram",
        ratios=[0.5],
        tasks=[],
        examples=1,
        left_out={},
        steps=1,
        loss=None,
        seconds=1.0,
        options=TrainOptions(),
        version="0.1.0",
        fingerprint="",
    )


def test_results_are_told_apart_by_what_was_asked_and_others_are_left_out():
    half = make_row(ratio=0.5)
    budget = msgspec.structs.replace(
        half, setting=Setting(model=half.setting.model, method="tokenskip", asked=Asked(budget=64))
    )
    rows = [make_row("original", None), half, budget, make_row("random", 0.5)]
    card = model_card("short", {"medium": 0.5}, taught(), rows)
    assert ModelCard(card).data.base_model == "Qwen/Qwen2.5-0.5B"
    assert results(card) == [
        ("arithmetic", "accuracy", 0.976, {"compression_ratio": 0.5}),
        ("arithmetic", "mean_reasoning_tokens", 66.2, {"compression_ratio": 0.5}),
        ("arithmetic", "accuracy", 0.976, {"thinking_budget": 64}),
        ("arithmetic", "mean_reasoning_tokens", 66.2, {"thinking_budget": 64}),
    ]


def test_rows_of_several_models_claim_nothing_for_this_one():
    rows = [make_row(model="runs/a"), make_row(model="runs/b")]
    card = model_card("short", {"medium": 0.5}, taught(), rows)
    assert results(card) == []
    assert "| arithmetic | tokenskip |" in card


def test_names_in_the_metadata_stay_names():
    bad = "x: [y]\n---\nlicense: mit\x1b[2J"
    card = model_card(bad, {"medium": 0.5}, taught(), [make_row(task=bad)])
    data = ModelCard(card).data.to_dict()
    assert data.keys() == {"library_name", "pipeline_tag", "tags", "base_model", "model-index"}
    assert data["model-index"][0]["name"] == "x: [y] --- license: mit\\u001b[2J"
