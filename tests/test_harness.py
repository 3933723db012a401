"""What the harnesses are handed: the prompts of `eval`, and its grades.
The harnesses themselves run in tests/serving.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from cotpress import harness, tasks
from cotpress.records import Problem

TASK = tasks.load("arithmetic")
ROWS = harness.problems("arithmetic", "test", 3)


@pytest.fixture(scope="module")
def utils() -> ModuleType:
    """`utils.py`, imported by its path, as lm-eval does."""
    spec = importlib.util.spec_from_file_location("utils", harness.LM_EVAL / "utils.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_is_the_problem_and_its_prompt_the_one_of_training() -> None:
    for row in ROWS:
        one = harness.problem(row | {"prompt": "", "target": "tiny"})
        assert isinstance(one, Problem)
        assert harness.prompt(row, 0.5) == one.prompt(0.5)[0]["content"]
        assert harness.prompt(row, 0.5).endswith("\n<ratio>0.5</ratio>")


def test_an_answer_is_split_and_graded_as_in_eval() -> None:
    row = ROWS[0]
    right = f"3 + 4 is easy.\nThe final answer is \\boxed{{{row['answer']}}}."
    trace = harness.graded(row, TASK, right)
    assert (trace.reasoning, trace.grade.correct) == ("3 + 4 is easy.", True)  # type: ignore[union-attr]
    assert not harness.graded(row, TASK, right.replace("boxed{", "boxed{9")).grade.correct  # type: ignore[union-attr]
    cut = harness.graded(row, TASK, f"I think {row['answer']}", finished=False)
    assert (cut.grade.status, cut.finished) == ("no_answer", False)  # type: ignore[union-attr]


def test_lm_evals_rows_have_prompts_and_what_the_score_needs(utils: ModuleType) -> None:
    pytest.importorskip("datasets")
    made = utils.dataset(problems="arithmetic", limit=3, ratio=0.5, version=1.0, config_source="x")[
        "test"
    ]
    assert [row["prompt"] for row in made] == [harness.prompt(row, 0.5) for row in ROWS]
    said = f"3 + 4 is easy.\nThe final answer is \\boxed{{{made[0]['answer']}}}."
    assert utils.process_results(made[0], [said]) == {"accuracy": 1.0, "reasoning_length": 6.0}
    assert utils.process_results(made[1], ["no idea"])["accuracy"] == 0.0


def test_the_folder_for_lm_eval_is_in_the_package() -> None:
    assert (harness.LM_EVAL / "cotpress.yaml").is_file()
    assert Path(harness.__file__).parent == harness.LM_EVAL.parent
