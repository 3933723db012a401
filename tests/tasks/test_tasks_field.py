"""The tasks of the field: each from a small file in the spellings of its copies."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from cotpress import grading, tasks
from cotpress.errors import BadRecord, UnknownName
from cotpress.inputs import Hub
from cotpress.records import Problem
from cotpress.tasks.gpqa_diamond import INSTRUCTION
from cotpress.verbs.graders import grader_of_task

CONTESTS = ("aime24", "aime25", "amc23")
FIELD = (*CONTESTS, "gpqa-diamond", "olympiadbench", "math500")

GPQA = {
    "Record ID": "rec1",
    "Question": "Which one? ",
    "Correct Answer": "the right one\n",
    "Incorrect Answer 1": "wrong 1",
    "Incorrect Answer 2": "wrong 2",
    "Incorrect Answer 3": "wrong 3",
    "High-level domain": "Physics",
}
OLYMPIAD = {
    "id": 1,
    "question": "Find $x$ and $y$.",
    "context": None,
    "final_answer": ["$1$", "$\\frac{1}{2}$"],
    "is_multiple_answer": True,
    "subfield": "Algebra",
    "error": None,
}


def problems(spec: str, split: str = "test") -> list[Problem]:
    return list(tasks.load(spec).problems(split))


def put(path: Path, *rows: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", CONTESTS)
@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"problem": "How many?", "answer": "073"}, "73"),
        ({"question": "How many?", "answer": 27.0}, "27"),
        ({"Problem": "How many?", "Answer": 204, "ID": "2024-I-1"}, "204"),
        ({"question": "How many?", "answer": " $1.5$ "}, "$1.5$"),
        ({"question": "How many?", "answer": "336^\\circ"}, "336^\\circ"),
    ],
)
def test_a_contest_is_read_in_the_spellings_of_its_copies(
    tmp_path: Path, name: str, row: dict[str, Any], answer: str
) -> None:
    (problem,) = problems(f"{name}:{put(tmp_path / 'x.jsonl', row)}")
    assert (problem.question, problem.answer) == ("How many?", answer)
    assert (problem.task, problem.instruction) == (name, tasks.BOXED)


def test_a_problem_is_known_by_its_question_whatever_its_copy(tmp_path: Path) -> None:
    one = problems(f"aime24:{put(tmp_path / 'a.jsonl', {'problem': 'Q?', 'answer': '073'})}")
    two = problems(f"aime24:{put(tmp_path / 'b.jsonl', {'Question': 'Q?', 'Answer': 73})}")
    assert one == two


def test_a_contest_is_read_as_it_is_downloaded(tmp_path: Path) -> None:
    put(tmp_path / "data" / "train-00000-of-00002.jsonl", {"problem": "1?", "answer": "1"})
    put(tmp_path / "data" / "train-00001-of-00002.jsonl", {"problem": "2?", "answer": "2"})
    put(tmp_path / ".cache" / "huggingface" / "x.json", {"problem": "3?", "answer": "3"})
    (tmp_path / "README.md").touch()
    assert [problem.answer for problem in problems(f"aime25:{tmp_path}")] == ["1", "2"]


def test_gpqa_shuffles_its_options_the_same_way_every_time_and_answers_with_the_letter(
    tmp_path: Path,
) -> None:
    rows = [GPQA | {"Question": f"Question {i}?"} for i in range(200)]
    found = problems(f"gpqa-diamond:{put(tmp_path / 'a.jsonl', *rows)}")
    for problem in found:
        _, _, *listed = problem.question.split("\n")
        options = {line[1]: line[4:] for line in listed}
        assert sorted(options) == ["A", "B", "C", "D"]
        assert options[problem.answer] == "the right one"
        assert (problem.stratum, problem.instruction) == ("Physics", INSTRUCTION)
    assert {sum(one.answer == letter for one in found) > 25 for letter in "ABCD"} == {True}
    shorter = problems(f"gpqa-diamond:{put(tmp_path / 'b.jsonl', *rows[100:])}")
    assert shorter == found[100:]


def test_gpqa_reads_the_table_of_its_release(tmp_path: Path) -> None:
    with (tmp_path / "gpqa_diamond.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, GPQA)
        writer.writeheader()
        writer.writerow(GPQA)
    assert problems(f"gpqa-diamond:{tmp_path / 'gpqa_diamond.csv'}") == problems(
        f"gpqa-diamond:{put(tmp_path / 'a.jsonl', GPQA)}"
    )


def test_an_option_of_gpqa_is_graded_by_its_letter(tmp_path: Path) -> None:
    task = tasks.load(f"gpqa-diamond:{put(tmp_path / 'a.jsonl', GPQA)}")
    (problem,) = task.problems("test")
    assert task.grader == "choice"
    grader = grading.load("choice")
    for letter in "ABCD":
        grade = grader(f"So the answer is \\boxed{{{letter}}}.", problem.answer)
        assert grade.correct == (letter == problem.answer)


def test_a_row_of_gpqa_without_four_options_is_one_sentence(tmp_path: Path) -> None:
    row = {name: value for name, value in GPQA.items() if name != "Incorrect Answer 3"}
    with pytest.raises(BadRecord, match=r"a\.jsonl:1: no field 'incorrect answer 3'; fields there"):
        problems(f"gpqa-diamond:{put(tmp_path / 'a.jsonl', row)}")


def test_olympiadbench_joins_its_answers_and_puts_the_context_first(tmp_path: Path) -> None:
    more = {"context": "Let $x=1$.", "final_answer": "2", "subfield": ""}
    one, two = problems(f"olympiadbench:{put(tmp_path / 'a.jsonl', OLYMPIAD, OLYMPIAD | more)}")
    assert (one.question, one.answer, one.stratum) == (
        "Find $x$ and $y$.",
        "$1$, $\\frac{1}{2}$",
        "Algebra",
    )
    assert (two.question, two.answer, two.stratum) == (
        "Let $x=1$.\n\nFind $x$ and $y$.",
        "2",
        "",
    )


@pytest.mark.parametrize("value", [[], [1], None])
def test_an_answer_of_olympiadbench_that_is_no_text_is_refused(tmp_path: Path, value: Any) -> None:
    file = put(tmp_path / "a.jsonl", OLYMPIAD | {"final_answer": value})
    with pytest.raises(BadRecord, match=r"a\.jsonl:1: expected text .* at final_answer"):
        problems(f"olympiadbench:{file}")


def test_the_levels_of_math_500_are_strata_however_they_are_written(tmp_path: Path) -> None:
    row = {"problem": "1?", "answer": "1"}
    rows = [row | {"level": 5}, row | {"level": "Level 3"}, row, row | {"level": None}]
    found = problems(f"math500:{put(tmp_path / 'a.jsonl', *rows)}")
    assert [problem.stratum for problem in found] == ["level 5", "level 3", "", ""]


def test_a_field_of_ones_own_may_be_the_stratum(tmp_path: Path) -> None:
    file = put(tmp_path / "a.jsonl", {"question": "1?", "answer": "1", "kind": "sums"})
    (problem,) = problems(f"jsonl:{file},split=test,stratum=kind")
    assert problem.stratum == "sums"
    assert problem.task == f"jsonl:{file},stratum=kind,split=test"


@pytest.mark.parametrize("name", FIELD)
def test_a_task_of_the_field_is_test_alone_unless_a_file_is_called_otherwise(
    tmp_path: Path, name: str
) -> None:
    file = put(tmp_path / "a.jsonl", {"problem": "1?", "answer": "1"})
    assert tasks.load(f"{name}:{file}").splits == ("test",)
    assert tasks.load(f"{name}:{file},split=train").splits == ("train",)
    with pytest.raises(UnknownName, match="Available: test"):
        problems(f"{name}:{file}", "train")


@pytest.mark.parametrize("name", [*FIELD, "gsm8k"])
def test_what_comes_from_the_hub_is_kept_for_later_and_known_by_its_commit(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(Hub, "content", lambda self: asked.append(self) or "commit")
    assert tasks.load(name).identity("test") == f"{name}@commit"
    assert [(one.keep, name in one.instead) for one in asked] == [(True, True)]


@pytest.mark.parametrize("name", FIELD)
def test_the_grader_of_such_a_trace_is_known_without_reading_anything(
    name: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Hub, "rows", lambda self: pytest.fail("was read"))
    assert grader_of_task(name, Path("t.jsonl")) == ("choice" if "gpqa" in name else "math")
    assert capsys.readouterr().err == ""


def test_how_long_an_answer_may_be_is_what_the_problems_need() -> None:
    limits = {name: tasks.load(name).max_tokens for name in (*FIELD, "gsm8k", "arithmetic")}
    assert limits == dict.fromkeys(FIELD, 32_768) | {
        "math500": 16_384,
        "gsm8k": 4096,
        "arithmetic": 512,
    }
