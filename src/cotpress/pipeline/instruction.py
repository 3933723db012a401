"""What stands before every question is part of the contract: a model is asked as it was taught, or
the user is told.

`train` records the instructions of its examples, `eval` refuses another one, `export` and `doctor`
say which it must be.
"""

from collections.abc import Iterable, Sequence

from cotpress.errors import CotpressError
from cotpress.records import Problem


def of(problems: Iterable[Problem]) -> list[str]:
    """Each different instruction once."""
    return sorted({problem.instruction for problem in problems})


def others(problems: Iterable[Problem], taught: Sequence[str] | None) -> list[str]:
    """The instructions of the problems that a model was not taught
    with; empty where `taught` is None: not known.
    """
    return [] if taught is None else [found for found in of(problems) if found not in taught]


def refuse_others(
    problems: Iterable[Problem], taught: Sequence[str] | None, model: str, task: str
) -> None:
    """`CotpressError` for a task that asks otherwise than the model was taught."""
    if found := others(problems, taught):
        raise CotpressError(
            f"model {model} was taught with {worded(taught or ())}, and task "
            f"{task} asks with {worded(found)}: "
            "give both the same (jsonl:FILE,instruction=… here, cotpress "
            "import --instruction … for training), "
            "or allow it with --instruction-mismatch allow."
        )


def to_send(taught: Sequence[str] | None) -> str:
    """What whoever asks a served model must know; empty where
    no instruction is needed, or none is known.
    """
    if not any(taught or ()):
        return ""
    return (
        f"taught with {worded(taught or ())} before every question, "
        "which the chat template does not write"
    )


SEND = "send the instruction, a newline, and the question"


def worded(instructions: Sequence[str]) -> str:
    """`the instruction "Think."`, or several, or none, in the middle of a sentence."""
    named = [f'the instruction "{text}"' for text in instructions if text]
    return " or ".join([*named, *(["no instruction"] if len(named) < len(instructions) else [])])
