"""A file of another step of the walk is recognised, and the verb is named that makes the right
one.
"""

import msgspec
import pytest
from make import make_scored, sum_cuts, sum_examples, sum_trace

from cotpress import kinds, storage
from cotpress.errors import BadRecord
from cotpress.records import CompressedTrace, Problem, ScoredTrace, Trace, TrainingExample

ROWS = {
    "traces": sum_trace(grade=None),
    "graded": sum_trace(),
    "scored": make_scored(["a "], [1.0]),
    "compressed": sum_cuts(sum_trace()),
    "examples": sum_examples(1)[0],
    "problem": Problem(id="a", question="1?", answer="1", task="sums"),
}
NOUNS = {
    "traces": "a file of traces without grades",
    "graded": "a graded file",
    "scored": "a scored file",
    "compressed": "a compressed file",
    "examples": "a file of training examples",
}


def row(record: msgspec.Struct) -> dict:
    return msgspec.to_builtins(record)


@pytest.mark.parametrize("name", NOUNS)
def test_every_step_is_known_by_its_first_row(name: str) -> None:
    found = kinds.kind_of(row(ROWS[name]))
    assert found.noun == NOUNS[name]
    assert found.record == type(ROWS[name]).__name__


@pytest.mark.parametrize("kind", kinds.WALK, ids=lambda kind: kind.noun)
def test_the_fields_of_a_kind_are_fields_of_its_record(kind: kinds.Kind) -> None:
    from cotpress import records

    assert set(kind.fields.split()) <= {
        field.name for field in msgspec.structs.fields(getattr(records, kind.record))
    }


@pytest.mark.parametrize(
    ("given", "wanted", "says"),
    [
        ("graded", ScoredTrace, "is a graded file: run `cotpress score` first."),
        ("traces", ScoredTrace, "is a file of traces without grades: run `cotpress score` first."),
        (
            "graded",
            TrainingExample,
            "is a graded file: run `cotpress score`, then `cotpress compress`, then `cotpress build` first.",
        ),
        ("compressed", TrainingExample, "is a compressed file: run `cotpress build` first."),
        ("scored", Trace, "is a scored file: give what `cotpress generate` or `cotpress grade` or"),
        ("examples", CompressedTrace, "is a file of training examples: give what `cotpress comp"),
    ],
)
def test_the_verbs_between_are_named(given: str, wanted: type, says: str, tmp_path) -> None:
    storage.write(tmp_path / "x.jsonl", [ROWS[given]])
    with pytest.raises(BadRecord) as error:
        list(storage.read(tmp_path / "x.jsonl", wanted))
    assert f"x.jsonl {says}" in str(error.value)


def test_a_strangers_file_is_to_be_imported_and_a_damaged_one_of_ours_is_not(tmp_path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"messages": [], "answer": "1"}\n')
    with pytest.raises(BadRecord, match=r"its rows have messages, answer\): read your own traces"):
        list(storage.read(tmp_path / "mine.jsonl", Trace))
    damaged = row(ROWS["graded"])
    del damaged["reasoning"]
    (tmp_path / "ours.jsonl").write_bytes(msgspec.json.encode(damaged))
    with pytest.raises(BadRecord, match=r"ours\.jsonl:1: not a Trace: .*`reasoning`"):
        list(storage.read(tmp_path / "ours.jsonl", Trace))


def test_only_the_first_row_says_what_a_file_is(tmp_path) -> None:
    storage.write(tmp_path / "x.jsonl", [ROWS["scored"], ROWS["graded"]])
    with pytest.raises(BadRecord, match=r"x\.jsonl:2: not a ScoredTrace"):
        list(storage.read(tmp_path / "x.jsonl", ScoredTrace))


def test_rows_for_another_trainer_are_told_from_training_examples(tmp_path) -> None:
    (tmp_path / "x.jsonl").write_text('{"prompt": [], "completion": []}\n')
    with pytest.raises(BadRecord, match=r"rows for another trainer .*: give what `cotpress build`"):
        list(storage.read(tmp_path / "x.jsonl", TrainingExample))
