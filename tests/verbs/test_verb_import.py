"""`cotpress import`: from the user's file to traces, with
everything said that was guessed, left out or changed.
"""

import gzip
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from cotpress import models, storage
from cotpress.cli import app
from cotpress.errors import BadRecord, CotpressError, MissingExtra
from cotpress.pipeline.build import unfit
from cotpress.records import Trace
from cotpress.verbs import progress
from cotpress.verbs.import_ import import_

ROWS = [
    {"question": "What is 6 * 7?", "cot": "6 * 7 = <<6*7=42>>42", "answer": "42"},
    {"question": "Again?", "cot": "", "answer": "1"},
    {"question": "Once more?", "cot": "a\u2028b\r\n\0c", "answer": "1"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        encoding="utf-8",
        newline="",
    )
    return path


def test_traces_come_out_and_everything_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "traces.jsonl"
    import_(
        write(tmp_path / "mine.jsonl", ROWS),
        out=out,
        task="sums",
        instruction="Think.",
        model_name="me",
    )
    traces = list(storage.read(out, Trace))
    assert [trace.reasoning for trace in traces] == ["6 * 7 = 42", "a\u2028b\r\n\0c"]
    assert {(trace.model, trace.problem.task, trace.problem.instruction) for trace in traces} == {
        ("me", "sums", "Think.")
    }
    assert traces[0].n_tokens == 5
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "import: guessed --question question, --reasoning cot, --answer answer",
        "import: no --model given, so lengths are word counts here; `score` counts real tokens",
        f"import: 2 records in {out}, 1 left out (no reasoning)",
        "import: 1 trace: calculator marks such as <<48/2=24>> taken out",
    ]
    about = json.loads(storage.meta_path(out).read_bytes())
    assert about["counts"] == {"in": 3, "out": 2, "dropped": {"no reasoning": 1}}
    assert about["lengths_in"] == "words and symbols"
    assert about["notes"] == {"calculator marks such as <<48/2=24>> taken out": 1}
    assert about["options"]["reasoning"] == "cot"


def test_lengths_are_counted_in_the_tokens_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Letters:
        identity = "letters"

        def token_ends(self, texts: list[str]) -> list[list[int]]:
            return [list(range(1, len(text) + 1)) for text in texts]

    monkeypatch.setattr(models, "load", {"letters": Letters()}.__getitem__)
    out = tmp_path / "traces.jsonl"
    import_(write(tmp_path / "mine.jsonl", ROWS), out=out, model="letters")
    for trace in storage.read(out, Trace):
        assert trace.n_tokens == len(trace.reasoning)
        assert trace.n_conclusion_tokens == len(trace.completion()) - len(trace.reasoning)
    assert json.loads(storage.meta_path(out).read_bytes())["lengths_in"] == "tokens of letters"


def test_a_rerun_does_nothing_and_other_columns_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    file, out = write(tmp_path / "mine.jsonl", ROWS), tmp_path / "traces.jsonl"
    import_(file, out=out)
    before = out.stat().st_mtime_ns
    import_(file, out=out)
    assert out.stat().st_mtime_ns == before
    assert "nothing to do" in capsys.readouterr().err
    with pytest.raises(CotpressError, match=r"other options or input \(id\)"):
        import_(file, out=out, id="question")


def test_parquet_gives_what_json_lines_give(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {
            "problem": f"Question {i}?",
            "generations": [f"<think>\nThis is {i}.\n</think>\n\n{i}"] * 2,
            "answer": i,
            "x": {"y": 1.5},
        }
        for i in range(250)
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "mine.parquet", row_group_size=7)
    import_(tmp_path / "mine.parquet", out=tmp_path / "a.jsonl")
    import_(write(tmp_path / "mine.jsonl", rows), out=tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert sum(1 for _ in storage.read(tmp_path / "a.jsonl", Trace)) == 500


def test_parquet_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "rows.PARQUET"
    parquet.write_table(arrow.Table.from_pylist(ROWS), file)
    import_(file, out=tmp_path / "out.jsonl")
    assert sum(1 for _ in storage.read(tmp_path / "out.jsonl", Trace)) == 2


def test_parquet_without_pyarrow_or_content_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.parquet"
    file.write_bytes(b"PAR1 but not really")
    pytest.importorskip("pyarrow")
    with pytest.raises(BadRecord, match=r"mine\.parquet: not a Parquet file"):
        import_(file, out=tmp_path / "out.jsonl")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        MissingExtra,
        match=r"reading Parquet needs the package 'pyarrow': pip install 'cotpress\[parquet\]'",
    ):
        import_(file, out=tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b'{"question": "q", "cot": "c", "answer": "1"}\n\n{"question": \n',
            r"mine\.jsonl:3: not JSON: ",
        ),
        (
            b'{"question": "q", "cot": "c", "answer": "1"}\n[1]\n',
            r"mine\.jsonl:2: not a row: an object was expected, not list",
        ),
        (b'{"question": "q\xff"}\n', r"mine\.jsonl:1: not JSON: .*utf-8"),
        (b"[" * 100_000, r"mine\.jsonl:1: not JSON that can be read: nested too deep"),
        (b'{"a":' * 100_000, r"mine\.jsonl:1: not JSON that can be read: nested too deep"),
        (
            b"question,answer\n1,2\n",
            r"mine\.jsonl:1: not JSON: .*\(one JSON object per line was expected; a table is "
            r"called \.csv or \.tsv\)\.$",
        ),
        (
            gzip.compress(b'{"question": "q"}', mtime=0)[:-4],
            r"mine\.jsonl, behind row 0: damaged or cut off .*: fetch or pack it again\.$",
        ),
        (b"PK\x03\x04", r"mine\.jsonl is a zip archive: unpack it first, with unzip"),
        (b"\n \n", "holds no rows"),
        (b"", "holds no rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, content: bytes, says: str
) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_bytes(content)
    with pytest.raises(CotpressError, match=says) as caught:
        import_(file, out=tmp_path / "out.jsonl")
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.jsonl"]


def test_a_bad_line_far_down_leaves_no_output_that_looks_finished(tmp_path: Path) -> None:
    file = write(tmp_path / "mine.jsonl", ROWS * 100)
    with file.open("ab") as more:
        more.write(b"oops\n")
    out = tmp_path / "out.jsonl"
    with pytest.raises(BadRecord, match=r"mine\.jsonl:301: not JSON"):
        import_(file, out=out)
    assert not out.exists()
    write(file, ROWS * 100)
    import_(file, out=out)
    assert sum(1 for _ in storage.read(out, Trace)) == 200


def test_what_json_forbids_but_people_have_is_read(tmp_path: Path) -> None:
    rows = [{**ROWS[0], "score": math.nan}, {**ROWS[0], "question": "Half \ud83d"}]
    file = tmp_path / "mine.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"".join(json.dumps(row).encode() + b"\r\n" for row in rows))
    out = tmp_path / "out.jsonl"
    import_(file, out=out)
    assert sum(1 for _ in storage.read(out, Trace)) == 1
    assert json.loads(storage.meta_path(out).read_bytes())["counts"]["dropped"] == {
        "half a character (a lone surrogate) in the question": 1
    }


def test_a_file_without_a_usable_row_is_one_sentence_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(
        CotpressError, match=r"import: nothing to write to .*out\.jsonl: 2 no reasoning"
    ):
        import_(write(tmp_path / "mine.jsonl", [ROWS[1]] * 2), out=tmp_path / "out.jsonl")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CotpressError, match=r"no file .*none\.parquet"):
        import_(tmp_path / "none.parquet", out=tmp_path / "out.jsonl")


def test_several_files_of_several_kinds_are_one_input(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    there = tmp_path / "data"
    there.mkdir()
    write(there / "train-0.jsonl", ROWS[:1])
    (there / "train-1.json").write_text(json.dumps(ROWS[2:]))
    (there / "README.md").write_text("# Not data")
    import_(str(there), out=tmp_path / "a.jsonl")
    assert "import: 2 files of rows, 1 passed over (README.md)" in capsys.readouterr().err
    import_(str(there / "*.json*"), out=tmp_path / "b.jsonl")
    import_(str(there / "train-0.jsonl"), str(there / "train-1.json"), out=tmp_path / "c.jsonl")
    made = [(tmp_path / name).read_bytes() for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    assert made[0] == made[1] == made[2]
    assert len(list(storage.read(tmp_path / "a.jsonl", Trace))) == 2
    assert "several splits" not in capsys.readouterr().err


def test_files_of_several_splits_are_read_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write(tmp_path / "train.jsonl", ROWS[:1])
    write(tmp_path / "my_test.jsonl", ROWS[2:])
    import_(str(tmp_path), out=tmp_path / "out" / "a.jsonl")
    assert "the files are of several splits (test, train), and all are read" in (
        capsys.readouterr().err
    )


def test_a_file_that_is_named_twice_and_no_file_at_all_are_refused(tmp_path: Path) -> None:
    file = str(write(tmp_path / "mine.jsonl", ROWS))
    with pytest.raises(CotpressError, match=r"mine\.jsonl is named twice, and would be read twice"):
        import_(file, str(tmp_path / "*.jsonl"), out=tmp_path / "out.jsonl")
    with pytest.raises(CotpressError, match="import needs a file, a folder, a glob or hub:"):
        import_(out=tmp_path / "out.jsonl")


def test_other_content_under_the_same_name_is_another_input(tmp_path: Path) -> None:
    there, out = tmp_path / "data", tmp_path / "out.jsonl"
    there.mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        write(there / name, ROWS)
    import_(str(there), out=out)
    write(there / "b.jsonl", ROWS[:1])
    with pytest.raises(CotpressError, match=r"other options or input \(file\)"):
        import_(str(there), out=out)


def test_a_long_import_says_which_file_it_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, ROWS)
    import_(str(tmp_path), out=tmp_path / "out" / "x.jsonl")
    assert f"import: reading {tmp_path}/b.jsonl (2 of 2)" in capsys.readouterr().err


R1 = "<think>\nSix times seven is 42.\n</think>\n\nIt is \\boxed{42}."


def run(*words: str | Path) -> None:
    app(["import", *map(str, words)], result_action="return_value")


def test_several_columns_are_named_in_a_row_and_guessed_in_a_row(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    row = {"instruction": "Multiply.", "input": "6 and 7", "a": R1, "b": R1, "answer": "42"}
    file = write(tmp_path / "mine.jsonl", [row])
    run(file, "--completion", "a", "b", "--out", tmp_path / "named.jsonl")
    named = list(storage.read(tmp_path / "named.jsonl", Trace))
    assert [trace.sample for trace in named] == [0, 1]
    assert named[0].problem.question == "Multiply.\n6 and 7"
    said = capsys.readouterr().err
    assert "guessed --question instruction input, --answer answer\n" in said
    run(file, "--question", "input", "--completion", "b", "--out", tmp_path / "one.jsonl")
    (one,) = storage.read(tmp_path / "one.jsonl", Trace)
    assert one.problem.question == "6 and 7"
    numbered = [{"question": "6 * 7?", "r1_solution_1": R1, "r1_solution_2": R1}]
    run(write(tmp_path / "deep.jsonl", numbered), "--out", tmp_path / "deep.out.jsonl")
    assert "--completion r1_solution_1 r1_solution_2\n" in capsys.readouterr().err


def test_a_verdict_is_said_to_be_there_and_becomes_the_grade_that_build_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    rows = [
        {"question": "6 * 7?", "generations": [R1, R1, "No end"], "verified": [True, False, True]}
    ]
    file = write(tmp_path / "mine.jsonl", rows)
    run(file, "--out", tmp_path / "plain.jsonl")
    hint = "import: 3 traces: a verdict of the data set, not used: --verdict verified takes it"
    assert hint in capsys.readouterr().err.splitlines()
    run(file, "--verdict", "verified", "--out", tmp_path / "graded.jsonl")
    assert "not used" not in capsys.readouterr().err
    traces = list(storage.read(tmp_path / "graded.jsonl", Trace))
    assert [unfit(trace) for trace in traces] == ["", "wrong answer", "no conclusion"]


def test_unknown_marks_are_told_with_the_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    bad = {"question": "6 * 7?", "completion": R1.replace("think>", "ponder>")}
    told = (
        "marks of thinking that no family is known by (<ponder>): write <think> and </think> in "
        "their place"
    )
    file = write(tmp_path / "mine.jsonl", [bad, {"question": "6 * 7?", "completion": R1}])
    run(file, "--out", tmp_path / "out.jsonl")
    assert f"1 left out ({told})" in capsys.readouterr().err
    with pytest.raises(CotpressError) as caught:
        import_(write(tmp_path / "bad.jsonl", [bad]), out=tmp_path / "none.jsonl")
    assert told in str(caught.value)
