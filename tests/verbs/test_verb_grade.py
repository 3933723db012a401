"""`cotpress grade` in a temporary folder."""

import json
from pathlib import Path

import msgspec
import pytest

from cotpress import storage
from cotpress.errors import UnknownName
from cotpress.records import Problem, Trace
from cotpress.verbs.grade import grade
from cotpress.verbs.graders import grader_of_task


def write(path: Path, *rows: tuple[str, str, str]) -> Path:
    traces = [
        Trace(
            problem=Problem(id=f"p{n}", question="?", answer=answer, task=task),
            model="m",
            reasoning="",
            conclusion=conclusion,
            n_tokens=0,
            n_conclusion_tokens=0,
            finished=True,
        )
        for n, (task, conclusion, answer) in enumerate(rows)
    ]
    path.write_bytes(b"".join(msgspec.json.encode(trace) + b"\n" for trace in traces))
    return path


def test_traces_are_graded_as_their_task_says(tmp_path, capsys):
    questions = tmp_path / "q.jsonl"
    rows = [
        ("gsm8k", r"\boxed{18.0}", "18"),
        (f"jsonl:{questions},grader=exact", "Tom is a lempus", "tom is a lempus."),
        (f"jsonl:{questions},grader=choice", "I do not know", "B"),
        ("math500", r"\boxed{7}", "8"),
    ]
    out = tmp_path / "graded.jsonl"
    grade(write(tmp_path / "traces.jsonl", *rows), out=out, json=True)
    captured = capsys.readouterr()
    statuses = {"ok": 3, "no_answer": 1, "timeout": 0, "error": 0}
    assert (
        json.loads(captured.out)
        == {"n": 4, "correct": 2, "no_reference": 0, "problems": 4, "solved": 2} | statuses
    )
    assert [t.grade.status for t in storage.read(out, Trace)] == ["ok", "ok", "no_answer", "ok"]
    assert "no task" not in captured.err


def test_the_summary_is_one_line_and_standard_output_stays_free(tmp_path, capsys):
    grade(
        write(tmp_path / "t.jsonl", ("gsm8k", "18", "18"), ("gsm8k", "none", "18")),
        out=tmp_path / "g.jsonl",
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1] == "grade: 1 of 2 correct; 1 no_answer, 0 timeout, 0 error"


def test_traces_without_a_reference_answer_are_counted_and_the_way_on_is_said(tmp_path, capsys):
    grade(
        write(tmp_path / "t.jsonl", ("gsm8k", "18", "18"), ("gsm8k", "18", "")),
        out=tmp_path / "g.jsonl",
    )
    assert (
        "grade: 1 of 2 have no reference answer, so none can be right: " in capsys.readouterr().err
    )


def test_traces_of_an_unknown_task_are_graded_as_math_and_it_is_said_once(tmp_path, capsys):
    grade(
        write(tmp_path / "t.jsonl", ("my data", "18", "18"), ("my data", "17", "18")),
        out=tmp_path / "g.jsonl",
    )
    said = capsys.readouterr().err
    assert said.count("answers of 'my data' are graded as math") == 1
    assert "1 of 2 correct" in said


@pytest.mark.parametrize("task", ["", "imported", "v1.2", "a,b", "jsonl"])
def test_a_task_that_cannot_be_loaded_is_graded_as_math(task):
    assert grader_of_task(task, Path("t.jsonl")) == "math"


@pytest.mark.parametrize(
    "task", ["gsm8k", "math500", "gsm-symbolic", "gsm8k:no/such/folder", "jsonl:no/such/file"]
)
def test_the_grader_of_a_task_is_known_without_reading_or_downloading_anything(task, capsys):
    assert grader_of_task(task, Path("t.jsonl")) == "math"
    assert capsys.readouterr().err == ""


def test_a_grader_may_be_chosen_and_an_unknown_one_is_refused(tmp_path, capsys):
    traces = write(tmp_path / "t.jsonl", ("gsm8k", "18.0", "18"))
    grade(traces, out=tmp_path / "g.jsonl", grader="exact", json=True)
    assert json.loads(capsys.readouterr().out)["correct"] == 0
    with pytest.raises(UnknownName, match=r"did you mean exact\?"):
        grade(traces, out=tmp_path / "h.jsonl", grader="exakt")


def test_a_rerun_grades_nothing_twice_and_says_the_same_counts(tmp_path, capsys):
    traces, out = write(tmp_path / "t.jsonl", ("gsm8k", "18", "18")), tmp_path / "g.jsonl"
    grade(traces, out=out, json=True)
    first, written = capsys.readouterr().out, out.stat().st_mtime_ns
    grade(traces, out=out, json=True)
    assert capsys.readouterr().out == first
    assert out.stat().st_mtime_ns == written
