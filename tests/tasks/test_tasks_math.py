"""Tasks that read files, the hub and a generator: the same
problems every time, in splits that never overlap.
"""

import json
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import tasks
from cotpress.errors import BadRecord, CotpressError, UnknownName
from cotpress.plugins import available, first_line
from cotpress.tasks import BOXED, _sources

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no shared data")


def write(path: Path, *rows: dict) -> Path:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def problems(spec: str, split: str, n: int = 10_000) -> list:
    return list(islice(tasks.load(spec).problems(split), n))


def numbered(n: int) -> list[dict]:
    return [{"question": f"What is {i} + 1?", "answer": i + 1} for i in range(n)]


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for the hub: (name, config, split) -> rows; anything else cannot be reached."""
    datasets = pytest.importorskip("datasets")
    held: dict[tuple, list[dict]] = {}

    def builder(name, config=None, *, revision):
        if not any(known[:2] == (name, config) for known in held):
            raise ConnectionError(f"Couldn't reach {name!r} on the Hub\nTraceback …")
        return SimpleNamespace(
            hash=f"commit of {name}",
            download_and_prepare=lambda: None,
            as_dataset=lambda *, split: held[name, config, split],
        )

    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    return held


def test_one_file_is_divided_into_train_and_test_which_never_overlap_and_lose_nothing(tmp_path):
    file = write(tmp_path / "q.jsonl", *numbered(500))
    parts = {split: problems(f"jsonl:{file}", split) for split in ("train", "test")}
    asked = {split: {problem.question for problem in part} for split, part in parts.items()}
    assert not asked["train"] & asked["test"]
    assert asked["train"] | asked["test"] == {row["question"] for row in numbered(500)}
    assert 60 < len(parts["test"]) < 140


@given(st.text())
def test_a_question_is_in_the_same_split_for_ever(question):
    assert _sources.split_of(question) == _sources.split_of(question) in ("train", "test")


def test_the_division_of_questions_does_not_change_between_versions():
    tests = [i for i in range(12) if _sources.split_of(f"What is {i} + 1?") == "test"]
    assert tests == [2, 5]


def test_a_file_may_be_one_split_whole(tmp_path):
    file = write(tmp_path / "q.jsonl", *numbered(20))
    assert len(problems(f"jsonl:{file},split=test", "test")) == 20
    with pytest.raises(UnknownName, match="Available: test"):
        problems(f"jsonl:{file},split=test", "train")


def test_a_folder_has_one_file_per_split(tmp_path):
    write(tmp_path / "gsm8k_train.jsonl", *numbered(3))
    write(tmp_path / "test.jsonl", *numbered(2))
    assert [len(problems(f"gsm8k:{tmp_path}", split)) for split in ("train", "test")] == [3, 2]
    write(tmp_path / "more_train.jsonl")
    with pytest.raises(
        CotpressError,
        match=r"with 'train' in its name, found gsm8k_train\.jsonl, more_train\.jsonl\.$",
    ):
        problems(f"gsm8k:{tmp_path}", "train")


def test_a_folder_may_hold_a_split_in_shards(tmp_path):
    (tmp_path / "data").mkdir()
    for shard in range(12):
        row = {"question": f"{shard}?", "answer": "1"}
        write(tmp_path / "data" / f"train-{shard:05}-of-00012.jsonl", row)
    asked = [problem.question for problem in problems(f"gsm8k:{tmp_path}", "train")]
    assert asked == [f"{shard}?" for shard in range(12)]
    (tmp_path / "socratic").mkdir()
    write(tmp_path / "socratic" / "train-00000-of-00001.jsonl")
    with pytest.raises(CotpressError, match="expected one file, or one in shards, with 'train'"):
        problems(f"gsm8k:{tmp_path}", "train")


def test_questions_may_stand_in_a_file_of_any_kind(tmp_path):
    rows = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(50)]
    (tmp_path / "q.json").write_text(json.dumps({"data": rows}))
    (tmp_path / "q.csv").write_text(
        "question,answer\n" + "".join(f"{row['question']},{row['answer']}\n" for row in rows)
    )
    whole = [
        [(one.question, one.answer) for one in problems(f"jsonl:{tmp_path / name}", "test")]
        for name in ("q.json", "q.csv")
    ]
    assert whole[0] == whole[1]
    assert 3 < len(whole[0]) < 20


def test_half_a_character_in_a_question_is_refused_by_place(tmp_path):
    (tmp_path / "q.jsonl").write_text('{"question": "\\ud83d", "answer": "1"}\n')
    with pytest.raises(BadRecord, match=r"q\.jsonl:1: half a character .* at question"):
        problems(f"jsonl:{tmp_path / 'q.jsonl'},split=a", "a")


def test_fields_are_named_by_options_and_numbers_become_text(tmp_path):
    file = write(tmp_path / "q.jsonl", {"prompt": "Which?", "target": 7, "uid": 3})
    (problem,) = problems(
        f"jsonl:{file},question=prompt,answer=target,id=uid,split=test,grader=choice", "test"
    )
    assert (problem.id, problem.question, problem.answer, problem.instruction) == (
        "3",
        "Which?",
        "7",
        "",
    )
    assert tasks.load(problem.task).grader == "choice"


def test_the_instruction_may_be_replaced_and_asks_for_a_box_by_default(tmp_path):
    file = write(tmp_path / "q.jsonl", *numbered(1))
    assert problems(f"jsonl:{file},split=a", "a")[0].instruction == BOXED
    assert problems(f"jsonl:{file},split=a,instruction=Think.", "a")[0].instruction == "Think."


def test_a_missing_field_is_one_sentence_with_file_line_field_and_what_there_is(tmp_path):
    file = write(
        tmp_path / "q.jsonl", {"question": "?", "answer": "1"}, {"prompt": "?", "solution": "1"}
    )
    with pytest.raises(
        BadRecord, match=r"q\.jsonl:2: no field 'question'; fields there: prompt, solution\.$"
    ):
        problems(f"jsonl:{file},split=test", "test")


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}])
def test_a_field_that_is_no_text_is_refused_by_name(tmp_path, value):
    file = write(tmp_path / "q.jsonl", {"question": "?", "answer": value})
    with pytest.raises(
        BadRecord, match=r"q\.jsonl:1: expected text or a number, got \w+ at answer"
    ):
        problems(f"jsonl:{file},split=test", "test")


@pytest.mark.parametrize("line", ["[1]", "{", '{"question": "\\ud8"}', "\x00"])
def test_a_line_that_is_no_object_is_named(tmp_path, line):
    (tmp_path / "q.jsonl").write_text(line)
    with pytest.raises(BadRecord, match=r"q\.jsonl(:1|, row 1): not (JSON|a row): "):
        problems(f"jsonl:{tmp_path / 'q.jsonl'}", "test")


def test_lines_end_at_the_newline_only(tmp_path):
    file = write(tmp_path / "q.jsonl", {"question": "one\u2028question\u0085here", "answer": "1"})
    assert [problem.question for problem in problems(f"jsonl:{file},split=a", "a")] == [
        "one\u2028question\u0085here"
    ]


def test_a_question_that_comes_again_keeps_an_id_of_its_own(tmp_path):
    row = {"question": "Again?", "answer": "1"}
    for task in ("jsonl", "gsm8k"):
        first, second = problems(f"{task}:{write(tmp_path / 'q.jsonl', row, row)},split=a", "a")
        assert second.id == f"{first.id}/2"


def test_an_id_that_comes_again_is_refused(tmp_path):
    rows = [
        {"id": "a", "question": "1?", "answer": "1"},
        {"id": "a", "question": "2?", "answer": "2"},
    ]
    with pytest.raises(BadRecord, match=r"q\.jsonl:2: id 'a' stands on an earlier line too"):
        problems(f"jsonl:{write(tmp_path / 'q.jsonl', *rows)},id=id,split=test", "test")


def test_a_file_that_is_not_there_is_said_when_problems_are_read_and_not_before(tmp_path):
    task = tasks.load(f"jsonl:{tmp_path / 'none.jsonl'}")
    with pytest.raises(CotpressError, match="no file"):
        next(task.problems("train"))


def test_jsonl_without_a_file_or_with_an_unknown_grader_is_refused():
    with pytest.raises(CotpressError, match=r"write jsonl:questions\.jsonl"):
        tasks.load("jsonl")
    with pytest.raises(UnknownName, match="choice"):
        tasks.load("jsonl:q.jsonl,grader=choise")


def test_gsm8k_reads_the_answer_after_the_four_hashes_and_without_commas(hub):
    hub["openai/gsm8k", "main", "test"] = [
        {"question": "How many?", "answer": "2*600 = <<2*600=1200>>1,200\n#### 1,200"}
    ]
    (problem,) = problems("gsm8k", "test")
    assert (problem.answer, problem.instruction, problem.task) == ("1200", BOXED, "gsm8k")


def test_a_problem_of_gsm8k_is_the_same_one_from_the_hub_and_from_a_file(hub, tmp_path):
    hub["openai/gsm8k", "main", "train"] = [{"question": "How many?", "answer": "1 + 1\n#### 2"}]
    file = write(tmp_path / "train.jsonl", {"question": "How many?", "answer": "2", "cot": "1 + 1"})
    assert problems("gsm8k", "train") == problems(f"gsm8k:{file},split=train", "train")


def test_math_500_trains_on_math_without_the_questions_of_its_test(hub):
    hub["HuggingFaceH4/MATH-500", None, "test"] = [
        {
            "problem": "Held out",
            "solution": "",
            "answer": r"\frac12",
            "unique_id": "test/algebra/1.json",
        }
    ]
    for subject in (
        *("algebra", "counting_and_probability", "geometry", "intermediate_algebra"),
        *("number_theory", "prealgebra", "precalculus"),
    ):
        rows = [
            {"problem": subject, "solution": r"so \boxed{1}, no, \boxed{\frac{1}{2}}"},
            {"problem": "Held out", "solution": ""},
        ]
        hub["EleutherAI/hendrycks_math", subject, "train"] = rows
    (held_out,), train = problems("math500", "test"), problems("math500", "train")
    assert (held_out.id, held_out.answer) == ("test/algebra/1.json", r"\frac12")
    assert {problem.answer for problem in train} == {r"\frac{1}{2}"}
    assert len({problem.id for problem in train}) == len(train) == 7
    assert "Held out" not in {problem.question for problem in train}


def test_a_solution_without_a_box_is_refused_by_place(tmp_path):
    file = write(tmp_path / "q.jsonl", {"problem": "?", "solution": "no box"})
    with pytest.raises(BadRecord, match=r"q\.jsonl:1: no \\boxed answer"):
        problems(f"math500:{file}", "test")


@pytest.mark.parametrize(
    ("task", "instead"), [("gsm8k", "gsm8k:FOLDER"), ("math500", "math500:FILE")]
)
def test_a_data_set_that_cannot_be_reached_is_one_sentence_with_the_cure(hub, task, instead):
    with pytest.raises(
        CotpressError,
        match=rf"cannot be reached, and it is not in the cache: go online, .*, or read .* with {instead}\.$",
    ):
        problems(task, "test")


@needs_data
def test_the_shared_files_are_read_whole_and_no_question_is_in_two_splits():
    train, test = (problems(f"gsm8k:{DATA}", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (7473, 919)
    assert not {problem.question for problem in train} & {problem.question for problem in test}
    assert len({problem.id for problem in train + test}) == 7473 + 919
    maths = problems(f"math500:{DATA / 'math500_public.jsonl'}", "test")
    assert len({problem.id for problem in maths}) == 250
    assert {problem.stratum for problem in maths} == {f"level {i}" for i in range(1, 6)}


@pytest.mark.parametrize(
    ("level", "stratum"),
    [(3, "level 3"), ("Level 5", "level 5"), ("Level ?", ""), (None, ""), ("hard", "")],
)
def test_the_levels_of_math_are_strata_however_they_are_spelt(tmp_path, level, stratum):
    file = write(tmp_path / "q.jsonl", {"problem": "1 + 1?", "answer": "2", "level": level})
    assert problems(f"math500:{file}", "test")[0].stratum == stratum


def test_gsm_symbolic_makes_the_same_new_questions_every_time_in_splits_that_never_overlap():
    pytest.importorskip("reasoning_gym")
    train, test = (problems("gsm-symbolic", split, 3000) for split in ("train", "test"))
    assert train[:50] == problems("gsm-symbolic", "train", 50)
    assert len({problem.question for problem in train + test}) == 6000
    assert len({problem.id for problem in train + test}) == 6000
    assert all(problem.answer.lstrip("-").replace(".", "").isdigit() for problem in train)


def test_gsm_symbolic_has_worked_reasoning_whose_conclusion_is_graded_correct():
    pytest.importorskip("reasoning_gym")
    from cotpress.pipeline.grade import grade
    from cotpress.tasks.gsm_symbolic import worked

    traces = list(grade(islice(worked("train"), 200), lambda trace: "math"))
    assert all(
        trace.grade.correct and trace.reasoning and "####" not in trace.reasoning
        for trace in traces
    )


def test_gsm_symbolic_takes_no_target():
    with pytest.raises(CotpressError, match="takes no target"):
        tasks.load("gsm-symbolic:x")


def test_the_folder_lists_these_tasks_and_not_the_file_they_share():
    assert {"gsm8k", "math500", "gsm-symbolic", "jsonl"} <= set(available("tasks"))
    assert not [name for name in available("tasks") if "sources" in name]
    assert first_line(Path(tasks.__file__).with_name("jsonl.py")).startswith("Your own questions")
