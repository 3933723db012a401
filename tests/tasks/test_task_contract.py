"""Worked reasoning of every task: split as a completion is, graded
correct, the same every time, in splits apart.
"""

import re
from itertools import islice
from pathlib import Path

import pytest

from cotpress import tasks
from cotpress.errors import CotpressError
from cotpress.pipeline.grade import grade
from cotpress.pipeline.split import split
from cotpress.plugins import available
from cotpress.testing import check_task

DATA = Path(__file__).parents[3] / "shared" / "data"
TARGETS = {"gsm8k": f":{DATA}"}
NEEDS = {"gsm-symbolic": "reasoning_gym"}
N = 60


def worked(name: str, n: int = N, part: str = "train") -> list:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    if name in TARGETS and not DATA.exists():
        pytest.skip("no shared data")
    return list(islice(tasks.load(name + TARGETS.get(name, "")).worked(part), n))


WITHOUT = {"jsonl": ":x.jsonl", "hub": ":some/set", "math500": ""} | dict.fromkeys(
    ("aime24", "aime25", "amc23", "gpqa-diamond", "olympiadbench"), ""
)
GOLD = [name for name in available("tasks") if name not in WITHOUT]


def test_all_tasks_but_these_have_worked_reasoning():
    for name in (name + target for name, target in WITHOUT.items()):
        with pytest.raises(CotpressError, match="has no worked reasoning of its own"):
            tasks.load(name).worked("test")


@pytest.mark.parametrize("name", GOLD)
def test_worked_reasoning_is_graded_correct(name):
    task = tasks.load(name + TARGETS.get(name, ""))
    graded = list(grade(worked(name), lambda trace: task.grader, workers=1))
    assert [trace.grade.status for trace in graded] == ["ok"] * N
    assert all(trace.grade.correct and trace.reasoning for trace in graded)


@pytest.mark.parametrize("name", GOLD)
def test_another_problems_conclusion_is_graded_wrong(name):
    task = tasks.load(name + TARGETS.get(name, ""))
    traces = worked(name)
    swapped = [
        type(one)(
            **{field: getattr(one, field) for field in one.__struct_fields__}
            | {"conclusion": other.conclusion}
        )
        for one, other in zip(traces, traces[1:] + traces[:1], strict=True)
        if one.problem.answer != other.problem.answer
    ]
    assert len(swapped) > N / 4
    assert not any(
        trace.grade.correct for trace in grade(swapped, lambda trace: task.grader, workers=1)
    )


@pytest.mark.parametrize("name", GOLD)
def test_a_model_that_says_the_worked_reasoning_is_split_where_it_is(name):
    task = tasks.load(name + TARGETS.get(name, ""))
    for trace in worked(name):
        parts = split(trace.completion(), task.marker)
        assert (parts.reasoning, parts.conclusion) == (trace.reasoning, trace.conclusion)


@pytest.mark.parametrize("name", GOLD)
def test_the_contract_that_authors_of_plug_ins_check_is_kept(name):
    worked(name, 1)  # passes over what is not here
    check_task(tasks.load(name + TARGETS.get(name, "")), 300)


@pytest.mark.parametrize("name", GOLD)
def test_the_task_on_a_problem_can_be_loaded_again_for_its_grader(name):
    (trace,) = worked(name, 1)
    assert tasks.load(trace.problem.task).grader == tasks.load(name + TARGETS.get(name, "")).grader
    assert re.search(r"\S", trace.problem.instruction)
