"""`cotpress grade`: is the answer right, and if that cannot be said, why not."""

import json as json_text
from collections import Counter
from functools import partial
from pathlib import Path

from cotpress import storage
from cotpress.pipeline import grade as stage
from cotpress.records import Trace
from cotpress.verbs.common import make, say
from cotpress.verbs.graders import graders


def grade(
    traces: Path, /, *, out: Path, grader: str | None = None, task: str = "", json: bool = False
) -> None:
    """Compare every trace's answer with the reference answer of its problem.

    Example: cotpress grade traces.jsonl --out graded.jsonl

    Parameters
    ----------
    traces
        Traces; grades they have already are replaced.
    out
        Where the graded traces go.
    grader
        math, choice, exact, code, text, or one of your own by its dotted name; without it each
        trace is graded as its task says, and by math where the task is unknown.
    task
        Grade all traces as this task says; needed where it is a plug-in of your own, which no file
        can name.
    json
        Print the counts as JSON on standard output.
    """
    found = Counter(trace.problem.task for trace in storage.read(traces, Trace))
    grader_of = graders(found, traces, grader=grader, task=task, verb="grade")
    make(
        out,
        Trace,
        lambda items, dropped: stage.grade(items, grader_of),
        storage.read(traces, Trace),
        verb="grade",
        inputs={"traces": partial(storage.hash_file, traces)},
        options={"grader": grader} | ({"task": task} if task else {}),
        total=found.total(),
        skip=lambda trace: trace.key,
        key=lambda trace: trace.key,
    )
    _told(out, json=json)


def _told(out: Path, *, json: bool) -> None:
    """Say, or print, what the grades came to."""
    counts = counted(out)
    if json:
        print(json_text.dumps(counts))
    else:
        rest = ", ".join(
            f"{counts[status]} {status}" for status in ("no_answer", "timeout", "error")
        )
        say(f"grade: {counts['correct']} of {counts['n']} correct; {rest}")
        if counts["no_reference"]:
            what = (
                "have no reference answer, so none can be right: score and build "
                "also take traces that were never graded"
            )
            say(f"grade: {counts['no_reference']} of {counts['n']} {what}")
        if counts["problems"] < counts["n"]:
            say(
                f"grade: {counts['solved']} of {counts['problems']} problems "
                "have a correct answer among theirs"
            )


def counted(graded: Path) -> dict[str, int]:
    """How many traces there are, how many are correct or have which grading status, and how many
    problems were solved.

    `no_reference`: traces that nothing could be compared with. `solved`: problems with at least one
    correct answer; with k samples each this is pass@k (the maze's 1-feasible-10).
    """
    solved: dict[str, bool] = {}
    grades = []
    no_reference = 0
    for trace in storage.read(graded, Trace):
        if trace.grade:
            grades.append(trace.grade)
            no_reference += not trace.problem.answer and not trace.grade.correct
            solved[trace.problem.id] = solved.get(trace.problem.id, False) or trace.grade.correct
    statuses: Counter[str] = Counter(grade.status for grade in grades)
    names = ("ok", "no_answer", "timeout", "error")
    counts = {
        "n": len(grades),
        "correct": sum(grade.correct for grade in grades),
        "no_reference": no_reference,
    }
    return (
        counts
        | {"problems": len(solved), "solved": sum(solved.values())}
        | {name: statuses[name] for name in names}
    )
