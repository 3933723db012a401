"""How the answers of a file are graded: by what the user names, else as each trace's task says."""

from collections.abc import Callable, Iterable
from pathlib import Path

from cotpress import grading, plugins, tasks
from cotpress.errors import CotpressError
from cotpress.records import Trace
from cotpress.verbs.common import say


def graders(
    found: Iterable[str], traces: Path, *, grader: str | None, task: str, verb: str
) -> Callable[[Trace], str | grading.Check]:
    """What grades each trace in `traces`, whose tasks are `found`; `CotpressError` for a grader or
    a task that there is not.
    """
    if grader is not None and task:
        raise CotpressError("--grader and --task both say how to grade: leave one of them out.")
    if grader is not None:
        grading.load(grader)
    named: str | grading.Check | None = tasks.load(task).grader if task else grader
    of_task = {} if named else {one: grader_of_task(one, traces, verb) for one in found}
    return lambda trace: named or of_task[trace.problem.task]


def refuse_own(task: str, traces: Path) -> None:
    """`CotpressError` where a trace names a plug-in: a file may come
    from a stranger, and never says what is imported.
    """
    try:
        spec = plugins.parse_spec(task)
    except CotpressError:
        return
    if plugins.is_own("tasks", spec.name) or plugins.is_own(
        "grading", spec.options.get("grader", "")
    ):
        raise CotpressError(
            f"{traces} names the task {task!r}, and a file may not name a "
            f"plug-in: write --task {task} if it is your own, "
            "or choose --grader."
        )


def grader_of_task(task: str, traces: Path, verb: str = "grade") -> str | grading.Check:
    """The grader of a task that is named in `traces`; math, with a line that
    says so, where it is unknown (imported traces).
    """
    refuse_own(task, traces)
    try:
        return tasks.load(task).grader
    except CotpressError:
        say(f"{verb}: answers of {task!r} are graded as math; --grader changes this")
        return "math"
