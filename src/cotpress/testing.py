"""What a plug-in owes: checks for its author's own tests, and those that hold our own plug-ins.

    from cotpress.testing import check_scorer
    from my_pkg.my_scorer import load

    def test_my_scorer_keeps_the_contract():
        check_scorer(load())

Each check raises `AssertionError` with what is wrong, and returns nothing.
"""

from collections.abc import Iterable, Sequence
from itertools import islice, pairwise

from cotpress.errors import CotpressError
from cotpress.grading import Grader
from cotpress.models import Completion, Model, Request, Sampling
from cotpress.pipeline.grade import grade
from cotpress.records import Grade, Problem, Trace
from cotpress.scorers import Importance, Scorer, Unscored, check_importance
from cotpress.tasks import Task

TEXTS = (
    "She sold 48/2 = 24 clips in May.\r\n\r\nAltogether 48+24 = 72.",
    "a",
    "10³ = 1000, 😀 中文 é é \\frac{1}{2} \\boxed{18}",
    "<|endoftext|> <think> said the model </think> <|im_end|>",
    "line\u2028separators \x00 and \ufeff marks",
    "x" * 3000,
    "\n\n \t 7  ",
    "1 " * 400,
)
"""Reasoning as it comes: short, long, in other scripts, and with marks that mean something to a
tokenizer.
"""

NEAR = 1e-4
"""By how much a score may differ in other company."""


def traces(texts: Sequence[str] = TEXTS) -> list[Trace]:
    """A finished, right trace for each reasoning."""
    return [
        Trace(
            problem=Problem(
                id=str(n), question=f"Question {n}: how many?", answer="72", task="testing"
            ),
            model="testing",
            reasoning=text,
            conclusion="The answer is 72.",
            n_tokens=len(text),
            n_conclusion_tokens=5,
            finished=True,
            grade=Grade(answer="72", correct=True, status="ok"),
        )
        for n, text in enumerate(texts)
    ]


def check_scorer(scorer: Scorer, given: Sequence[Trace] | None = None) -> None:
    """One answer for each trace, whose pieces cover the reasoning, with finite values that do not
    depend on which traces are scored together.
    """
    _named(scorer)
    given = traces() if given is None else given
    together = list(scorer.score(list(given)))
    _expect(len(together) == len(given), f"{len(together)} answers for {len(given)} traces")
    for trace, found in zip(given, together, strict=True):
        if not isinstance(found, Unscored):
            try:
                check_importance(found, trace, scorer.name)
            except CotpressError as error:
                raise AssertionError(str(error)) from error
    backwards = list(scorer.score(list(given[::-1])))[::-1]
    alone = [next(iter(scorer.score([trace]))) for trace in given]
    for others in (backwards, alone):
        for trace, one, other in zip(given, together, others, strict=True):
            _expect(_alike(one, other), f"another score of trace {trace.key} in other company")
    _expect(not list(scorer.score([])), "an answer where nothing was asked")


def _alike(one: Importance | Unscored, other: Importance | Unscored) -> bool:
    if isinstance(one, Unscored) or isinstance(other, Unscored):
        return one == other
    pairs = zip(one.values, other.values, strict=False)
    near = all(abs(a - b) <= NEAR * max(1.0, abs(a)) for a, b in pairs)
    return one.ends == other.ends and near


def check_task(task: Task, n: int = 60) -> None:
    """The same problems every time, with ids of their own, and no question in two splits; where it
    has worked reasoning, that is of the same problems and graded right.
    """
    _expect(bool(task.name), "no name")
    owners: dict[str, str] = {}
    ids: set[str] = set()
    for split in task.splits:
        found = list(islice(task.problems(split), n))
        _expect(bool(found), f"no problem in split {split}")
        _expect(found == list(islice(task.problems(split), n)), f"other problems in {split} again")
        for problem in found:
            _expect(problem.id not in ids, f"two problems with the id {problem.id!r}")
            ids.add(problem.id)
            owner = owners.setdefault(problem.question, split)
            _expect(owner == split, f"a question of {split} that stands in {owner}, too")
        if task.gold is not None:
            _check_worked(task, split, found)


def _check_worked(task: Task, split: str, problems: Sequence[Problem]) -> None:
    worked = list(islice(task.worked(split), len(problems)))
    same = [trace.problem for trace in worked] == list(problems)
    _expect(same, f"worked reasoning of {split} that is not of its problems in their order")
    for trace in grade(worked, lambda _: task.grader, workers=1):
        right = trace.grade is not None and trace.grade.correct
        _expect(right, f"worked reasoning that is graded wrong: {trace.problem.id}")


def check_grader(grader: Grader, answer: str = "B", right: Iterable[str] = ()) -> None:
    """A grade for any text, the same every time and never an exception; nothing is right where
    nothing is said, and the texts `right` are right for `answer`.
    """
    for text in (*TEXTS, "", " \n", "(A)", "\\boxed{", "\\boxed{A}", "#### 7", "\ud800", "\0"):
        found = grader.quick(text, answer)
        _expect(found == grader.quick(text, answer), f"another grade of {text!r} again")
        if isinstance(found, Grade):
            _expect(not found.correct or found.status == "ok", f"right, but not ok: {text!r}")
        else:
            _expect(grader.slow is not None, f"no `slow` to judge {found!r}")
    for text in ("", " \n", "I do not know."):
        _expect(not grader(text, answer).correct, f"right where nothing is said: {text!r}")
    for text in right:
        _expect(grader(text, answer).correct, f"wrong: {text!r} for {answer!r}")
    slow = grader.slow
    sent = slow is None or "<" not in slow.__qualname__
    _expect(sent, "`slow` is not a function of a module, so that no other process can run it")


def check_model(model: Model) -> None:
    """One completion per request, in order and within the limit, the same in any company and drawn
    as the seed says; token ends that never fall and reach the end of the text.
    """
    _named(model)
    asked = [
        Request(key=f"q{i}|0", messages=[{"role": "user", "content": "Add 3 and 4. " * i}])
        for i in range(1, 6)
    ]

    def said(requests: Iterable[Request], **how: float) -> list[tuple[str, int, bool]]:
        return [_said(one) for one in model.generate(requests, Sampling(**how))]  # type: ignore[arg-type]

    together = said(iter(asked), max_tokens=6)
    _expect(len(together) == len(asked), f"{len(together)} answers for {len(asked)} requests")
    _expect(together == said(asked[::-1], max_tokens=6)[::-1], "other answers in other company")
    for limit in (1, 5):
        for _, n, finished in said(asked, max_tokens=limit):
            _expect(n <= limit, f"{n} tokens where {limit} were the limit")
            _expect(finished or n == limit, "cut off before the limit")
    drawn = {"max_tokens": 8, "temperature": 1.0, "seed": 3}
    _expect(said(asked, **drawn) == said(asked, **drawn), "other draws with the same seed")
    for text, ends in zip(TEXTS, model.token_ends(list(TEXTS)), strict=True):
        _expect(all(a <= b for a, b in pairwise([0, *ends])), f"ends that fall in {text[:20]!r}")
        whole = not ends or ends[-1] == len(text)
        _expect(whole, f"tokens that end before the text does: {text[:20]!r}")


def _said(one: Completion) -> tuple[str, int, bool]:
    return one.text, one.n_tokens, one.finished


def _named(plug_in: Scorer | Model) -> None:
    for name in ("name", "identity"):
        _expect(bool(getattr(plug_in, name, "")), f"no {name!r}")


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)
