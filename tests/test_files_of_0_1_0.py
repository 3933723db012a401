"""A file of 0.1.0 is refused with one sentence, never read as what
it is not; a model that it trained still loads.
"""

import json
from pathlib import Path

import pytest

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import FINISHED, Checkpoint, read
from cotpress.records import CompressedTrace, EvalRow, Problem, ScoredTrace, Trace, TrainingExample
from cotpress.training.options import TrainSummary

OLD = Path(__file__).parent / "data" / "0.1.0"


@pytest.mark.parametrize(
    ("name", "record", "verbs"),
    [
        ("scored.jsonl", ScoredTrace, "`cotpress score`"),
        (
            "eval.jsonl",
            Trace,
            "`cotpress generate` or `cotpress grade` or `cotpress import` or `cotpress select`",
        ),
        ("eval.rows.jsonl", EvalRow, "`cotpress eval`"),
    ],
)
def test_a_file_of_0_1_0_is_refused_by_name_with_what_writes_it_anew(name, record, verbs):
    with pytest.raises(CotpressError) as caught:
        list(storage.read(OLD / name, record))
    assert str(caught.value) == (
        f"{OLD / name} was written by cotpress 0.1.0, whose format is "
        f"another one: make it again with {verbs}."
    )


@pytest.mark.parametrize("record", [CompressedTrace, TrainingExample])
def test_so_are_cuts_and_examples(tmp_path, record):
    path = tmp_path / "old.jsonl"
    path.write_text('{"problem": {}, "trace": {}, "ratio": 0.5}\n')
    with pytest.raises(CotpressError, match=r"was written by cotpress 0\.1\.0"):
        list(storage.read(path, record))


def test_an_output_of_0_1_0_is_not_gone_on_with(tmp_path):
    out = tmp_path / "out.jsonl"
    out.write_text("{}\n")
    options = {"a": 1}
    mark = {
        "verb": "score",
        "options": options,
        "fingerprint": storage.fingerprint({"verb": "score", **options}),
    }
    storage.meta_path(out).write_text(json.dumps(mark | {"version": "0.1.0"}))
    with (
        pytest.raises(
            CotpressError,
            match="was made by an earlier version, in another format: choose another --out",
        ),
        storage.run(out, Problem, "score", options, version="x"),
    ):
        pass


def test_meta_files_name_the_format(tmp_path):
    with storage.run(tmp_path / "out.jsonl", Problem, "v", {}, version="x") as this:
        list(this.write([Problem(id="p", question="q", answer="1", task="t")]))
    assert json.loads((tmp_path / "out.meta.json").read_text())["format"] == storage.FORMAT == 2


def test_a_model_that_0_1_0_trained_still_says_what_it_is(tmp_path):
    said = {
        "base": "tiny",
        "method": "tokenskip",
        "scorer": "surprisal:tiny",
        "ratios": [1.0, 0.5],
        "tasks": ["arithmetic"],
    }
    rest = {
        "base_revision": "",
        "tokenizer": "",
        "kind": "full",
        "examples": 9,
        "left_out": {},
        "steps": 1,
        "loss": None,
    }
    rest |= {"seconds": 1.0, "options": {}, "version": "0.1.0", "fingerprint": "f"}
    (tmp_path / FINISHED).write_text(json.dumps(said | rest))
    about = read(tmp_path, Checkpoint)
    assert about is not None
    assert (about.base, about.ratios, about.unit, about.instructions) == (
        "tiny",
        (1.0, 0.5),
        "",
        None,
    )
    assert read(tmp_path, TrainSummary) is not None
