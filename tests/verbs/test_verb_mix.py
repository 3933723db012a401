"""`train-vqvae`, `mix`, `build` and the refusals in between,
on a model made in the folder of the test.
"""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from command import cotpress
from latent_fixtures import long_trace
from make import sum_trace
from train_fixtures import make_model

from cotpress import latent_tokens, storage
from cotpress.latent.about import about, code_uses
from cotpress.models.hf import load
from cotpress.pipeline.build import tokenize_example
from cotpress.records import CompressedTrace, TrainingExample
from cotpress.training.vocabulary import with_latents
from cotpress.verbs.mix import AT_ONCE, _mean_length

VQ = (
    "train-vqvae graded.jsonl --target ./base --out vq --codebook 16 --steps 12 --batch 8 --lr 1e-4"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model, traces and a VQ-VAE."""
    there = tmp_path_factory.mktemp("latent")
    make_model(there / "base")
    traces = [long_trace(i) for i in range(12)]
    (there / "graded.jsonl").write_bytes(
        b"".join(msgspec.json.encode(trace) + b"\n" for trace in traces)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        assert cotpress(patch, VQ) == 0
        assert cotpress(patch, "mix graded.jsonl --vqvae vq --epochs 3 --out mixed.jsonl") == 0
        assert cotpress(patch, "build mixed.jsonl --out train.jsonl") == 0
    return there


@pytest.fixture
def there(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


def test_the_folder_says_what_it_holds_and_a_second_run_does_nothing(there, monkeypatch, capsys):
    found = about(there / "vq")
    assert (found.target, found.shape.codebook, found.counts["out"]) == (
        load("./base").name,
        16,
        12,
    )
    assert found.tokenizer == load("./base").tokenizer_hash
    assert 0 < found.figures[-1].usage <= 1
    assert sum(use.uses for use in code_uses(there / "vq")) == sum(
        len(load("./base").text_ids(trace.reasoning)) // 16 for trace in map(long_trace, range(12))
    )
    assert cotpress(monkeypatch, VQ) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert cotpress(monkeypatch, VQ.replace("--steps 12", "--steps 13")) == 2
    assert "was trained on other traces or with other options" in capsys.readouterr().err


def test_what_is_rebuilt_is_told_by_class_of_token_then_and_afterwards(there):
    """The benchmark draws the same held-out traces from the file anew."""
    last = about(there / "vq").figures[-1]
    told = {one.name: one for one in last.by_class()}
    assert 0 < told["words"].share < 1
    assert 0 < told["new numbers"].share < 1
    bench = Path(__file__).parents[2] / "benchmarks" / "rebuilt_by_class.py"

    def run(traces):
        command = [sys.executable, str(bench), "vq", traces]
        return subprocess.run(command, cwd=there, capture_output=True, text=True, check=False)

    said = run("graded.jsonl").stdout
    lines = {line.split("|")[1].strip(): line for line in said.splitlines() if "|" in line}
    for name, one in told.items():
        place = lines[""].split("|").index(f" {name} ")
        assert lines["share of the tokens"].split("|")[place] == f" {100 * one.share:.1f} % "
        right = f" {100 * one.right:.1f} % ["
        assert lines["its own codes"].split("|")[place].startswith(right)
    (there / "others.jsonl").write_bytes((there / "graded.jsonl").read_bytes() * 2)
    refused = run("others.jsonl")
    assert refused.returncode == 2
    assert "vq was trained on another file than others.jsonl" in refused.stderr


def test_a_mixed_completion_is_exactly_as_long_as_computed(there):
    mixed = [
        (one.trace, cut)
        for one in storage.read(there / "mixed.jsonl", CompressedTrace)
        for cut in one.cuts
    ]
    examples = list(storage.read(there / "train.jsonl", TrainingExample))
    model = with_latents(load("./base"), 16)
    assert len(mixed) == len(examples) == 36
    assert any(one.n_latent for _, one in mixed)
    for (trace, one), example in zip(mixed, examples, strict=True):
        n = len(model.text_ids(trace.reasoning))
        m = 16 * one.n_latent
        assert one.n_tokens == len(model.text_ids(one.reasoning)) == m // 16 + 2 * (m > 0) + n - m
        ids = tokenize_example(example, model).ids
        prompt = model.prompt_ids(example.prompt)
        assert ids[len(prompt) :] == [*model.text_ids(example.completion), model.end_id]
        assert (example.epoch, example.codebook, example.ratio) == (one.epoch, 16, 1.0)


def test_a_control_needs_no_codes_and_has_its_own_name(there, monkeypatch):
    assert (
        cotpress(
            monkeypatch,
            "mix graded.jsonl --vqvae vq --codes none --replace all --out solution.jsonl",
        )
        == 0
    )
    found = list(storage.read(there / "solution.jsonl", CompressedTrace))
    assert {(one.method, one.codebook) for one in found} == {("solution-only", 0)}
    assert {(cut.reasoning, cut.n_tokens) for one in found for cut in one.cuts} == {("", 0)}
    about_it = json.loads((there / "solution.meta.json").read_text())
    assert about_it["method"] == "solution-only"


def test_traces_that_spell_latent_tokens_are_left_out_and_short_ones_stay_text(
    there, monkeypatch, capsys
):
    odd = [
        long_trace(0),
        sum_trace(1, reasoning=f"so {latent_tokens.BEGIN} 2"),
        sum_trace(2, reasoning="1 + 1"),
    ]
    (there / "odd.jsonl").write_bytes(b"".join(msgspec.json.encode(trace) + b"\n" for trace in odd))
    assert cotpress(monkeypatch, "mix odd.jsonl --vqvae vq --longest 64 --out odd.mixed.jsonl") == 0
    said = capsys.readouterr().err
    assert "1 left out (latent tokens spelled in the text)" in said
    assert "1 traces shorter than one chunk stay text" in said
    assert [
        one.trace.problem.id for one in storage.read(there / "odd.mixed.jsonl", CompressedTrace)
    ] == ["sum/0", "sum/2"]


def test_reasonings_that_are_short_on_average_are_named_and_not_an_option_that_was_not_given(
    there, monkeypatch, capsys
):
    (there / "short.jsonl").write_bytes(
        msgspec.json.encode(sum_trace(0, reasoning="1 + 1")) + b"\n"
    )
    assert cotpress(monkeypatch, "mix short.jsonl --vqvae vq --out short.mixed.jsonl") == 2
    said = capsys.readouterr().err
    assert (
        "the 1 reasonings in short.jsonl have 3 tokens on average, less than one chunk of 16"
        in said
    )
    assert "--longest 3" not in said


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("mix graded.jsonl --vqvae base --out x.jsonl", "base holds no finished VQ-VAE"),
        ("mix graded.jsonl --vqvae vq --longest 3 --out x.jsonl", "--longest 3 is below one chunk"),
        (
            "mix graded.jsonl --vqvae vq --target ./other --out x.jsonl",
            "./other has another one: train one with",
        ),
        (
            VQ.replace("--out vq", "--out v2").replace("--codebook 16", "--codebook 999"),
            "cannot fill a codebook of 999",
        ),
        (VQ.replace("--out vq", "--out base"), "base holds something else than a VQ-VAE"),
        (
            VQ.replace("--out vq", "--out v2") + " --length 5",
            "nothing to train on: 12 longer than 5 tokens",
        ),
        (
            "build mixed.jsonl --format pretokenized --target ./base --out x.jsonl",
            "cannot hold latent tokens",
        ),
        (
            "eval --task arithmetic --model ./base --limit 1 --latents 2 --out e.jsonl",
            "was taught no latent tokens",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(there, monkeypatch, capsys, command, message):
    if not (there / "other").exists():
        make_model(there / "other", "qwen")
    assert cotpress(monkeypatch, command) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_second_training_is_refused_while_one_writes_the_folder(there, monkeypatch, capsys):
    with storage.locked(there / "locked"):
        assert cotpress(monkeypatch, VQ.replace("--out vq", "--out locked")) == 2
    assert "locked is being written by another run" in capsys.readouterr().err
    assert not (there / "locked").exists()


class Words:
    """Counts the words of a text, and how many texts it is given at once."""

    most = 0

    def token_ends(self, texts):
        self.most = max(self.most, len(texts))
        return [[0] * len(text.split()) for text in texts]


def test_the_mean_length_is_taken_of_some_traces_at_once():
    traces = [sum_trace(i, reasoning="a " * (i % 7)) for i in range(2 * AT_ONCE + 5)]
    model = Words()
    mean = sum(i % 7 for i in range(len(traces))) / len(traces)
    assert _mean_length(iter(traces), model) == round(mean)
    assert model.most == AT_ONCE
