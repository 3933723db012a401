"""`cotpress play`: one question to the original and the shortened model, side by side in a
browser.
"""

from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from cyclopts import Parameter

from cotpress import models, storage, tasks
from cotpress.errors import CotpressError
from cotpress.grading import Check
from cotpress.lm.checkpoint import FINISHED, Checkpoint, folder_of, of_run, read
from cotpress.models import Model, Sampling
from cotpress.pipeline.grade import Workers, grade
from cotpress.play.control import Kind, control_of
from cotpress.play.page import serve
from cotpress.play.session import EXAMPLES, Playground, Verdict, examples
from cotpress.prompts import BOXED
from cotpress.records import Problem, Record, Trace
from cotpress.verbs.common import answer_limit, say
from cotpress.verbs.graders import refuse_own

BUNDLED = {"tiny": "arithmetic", "overthink": "overthink"}
"""The task that each bundled model knows."""

USUAL_TOKENS = 2048
"""Of an answer, where neither an evaluation nor a task says how many."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Task(NamedTuple):
    """What of a problem's task is needed here."""

    grader: str | Check
    marker: str


UNKNOWN = _Task("math", "")

FAULTS: dict[str, Verdict] = {"ok": "wrong", "no_answer": "no answer"}
"""What an answer that is not right is called, by the status of its grade."""


class _Sampling(Record, frozen=True):
    max_tokens: int | None = None


class _Options(Record, frozen=True):
    sampling: _Sampling = _Sampling()


class _Meta(Record, frozen=True):
    """Of the meta file of an evaluation the only figure that is read here."""

    options: _Options = _Options()


def play(
    model: str,
    /,
    *,
    eval: Annotated[Path | None, Parameter(name="--eval")] = None,
    original: str = "",
    control: Kind | None = None,
    max_tokens: int | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
) -> None:
    """Open a page that asks the original and the shortened model one question, and shows both
    answers as they grow, with tokens, seconds and right or wrong.

    Example: cotpress play runs/demo/model --eval runs/demo/eval.jsonl

    Parameters
    ----------
    model
        What is asked for less: a folder that `cotpress train`, `run` or `export` wrote, tiny, or
        any model spec, such as http:http://localhost:8000/v1,model=NAME,tokenizer=DIR.
    eval
        What `cotpress eval` wrote, or the folder of a run that holds eval.jsonl: its problems are
        the examples. Default for models on tiny or overthink: problems of their task.
    original
        The untouched model; default: as recorded by `cotpress train`, else the model itself, asked
        for nothing.
    control
        What the slider asks for; default: what the model was taught, else a ratio.
    max_tokens
        Tokens of an answer at most; default: as in the evaluation, else what the task takes, within
        what the models read.
    host
        Address that the page is served at. Any other than the default lets others on the network
        ask your models.
    port
        Default: the first free one from 7860 on.
    """
    model = of_run(model)
    models.check(model)
    folder = folder_of(model)
    trained = read(folder, Checkpoint) if folder else None
    slider = control_of(trained, control)
    task = BUNDLED.get(trained.base if trained else model, "")
    file = eval / "eval.jsonl" if eval and eval.is_dir() else eval
    shown = _examples(file, task)
    judged = models.load(model)
    untouched = _original(original, trained, folder) or judged
    limit = _limit(max_tokens, file, task, [judged, untouched])
    known = {name: _task(name, file) for name in {problem.task for problem in shown}}
    with Workers(workers=1) as workers:

        def judge(trace: Trace) -> Verdict:
            grader = known.get(trace.problem.task, UNKNOWN).grader
            (found,) = grade([trace], lambda _: grader, within=workers)
            assert found.grade is not None
            return "right" if found.grade.correct else FAULTS.get(found.grade.status, "not judged")

        usual = shown[0].instruction if shown else BOXED
        playground = Playground(
            untouched,
            judged,
            slider,
            judge,
            Sampling(max_tokens=limit),
            shown,
            (trained.instructions or (usual,))[0] if trained else usual,
            lambda problem: known.get(problem.task, UNKNOWN).marker,
        )
        blocks, url = serve(playground, host, port)
        if host not in LOOPBACK:
            say(f"play: everybody who reaches {host} can ask these models")
        say(f"play: open {url} (Ctrl-C ends it)")
        try:
            blocks.block_thread()
        finally:
            blocks.close(verbose=False)


def _examples(file: Path | None, task: str) -> list[Problem]:
    if file is not None:
        found = examples(storage.read(file, Trace))
        if not found:
            raise CotpressError(f"{file} holds no problem: name what `cotpress eval` wrote.")
        return found
    return tasks.take(tasks.load(task), "test", EXAMPLES) if task else []


def _task(name: str, file: Path | None) -> _Task:
    """How a task grades; as math where it is unknown, as that of imported traces."""
    if file is not None:
        refuse_own(name, file)
    try:
        task = tasks.load(name)
    except CotpressError:
        return UNKNOWN
    return _Task(task.grader, task.marker)


def _original(named: str, trained: Checkpoint | None, folder: Path | None) -> Model | None:
    """The untouched model; None: the judged model itself."""
    if named:
        return models.load(named)
    if trained is None or folder is None:
        return None
    cure = "name the untouched model yourself, as --original MODEL"
    return models.load_recorded(trained.base, folder / FINISHED, cure)


def _limit(asked: int | None, file: Path | None, task: str, answerers: list[Model]) -> int:
    """Tokens of an answer: what the user asked for, as in the evaluation, or as the task takes."""
    if asked is None and file is not None and (about := storage.meta_path(file)).exists():
        asked = msgspec.json.decode(about.read_bytes(), type=_Meta).options.sampling.max_tokens
    usual = tasks.load(task).max_tokens if task else USUAL_TOKENS
    return answer_limit(asked, usual, task or "unknown", answerers, "play")
