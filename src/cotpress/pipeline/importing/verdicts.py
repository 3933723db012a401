"""What a data set says of its completions: right or wrong, finished or cut off, with reasoning or
without. Unknown words are never guessed at.
"""

import math
from collections.abc import Callable
from typing import Any

from cotpress.pipeline.importing import names
from cotpress.pipeline.importing.names import plain
from cotpress.pipeline.importing.values import Row, Unusable, at, decoded, named, words
from cotpress.records import Grade

RIGHT = words("true yes y t correct right pass passed accepted valid verified success")
WRONG = words("false no n f incorrect wrong fail failed rejected invalid unverified")
NOTHING = {"", "null", "none", "nan", "n/a"}
PASSES = 0.5
"""From which number between 0 and 1 on a score counts as right."""

DONE = words(
    "stop eos eos_token end_turn stop_sequence stop_token finished complete completed done"
)
CUT = words("length max_tokens max_length max_new_tokens truncated incomplete model_length")
"""Reasons for which a completion ends, in the words of OpenAI, Anthropic, vLLM and TGI."""

OFF = {"off", "false", "no", "disabled", "nothink", "no_think", "non-thinking"}
JUDGING = {"genselect"}
"""Modes in which several solutions are compared, not one found."""


def of_sample(value: Any, index: int, n: int) -> Any:
    """What a column says of one of `n` completions: the entry of its list, or what holds for all.

    A share between 0 and 1 for several together says nothing of one.
    """
    found = decoded(value)
    if isinstance(found, list):
        return found[index] if index < len(found) else None
    if n > 1 and isinstance(found, float) and 0 < found < 1:
        return None
    return found


def verdict(value: Any) -> bool | None:
    """Whether a completion is right; None where nothing is said; `ValueError` for other words."""
    if isinstance(value, str):
        word = value.strip(" \t\r\n.!*").lower()
        if word in RIGHT | WRONG:
            return word in RIGHT
        if word in NOTHING:
            return None
        value = float(word)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, int | float) or not (0 <= value <= 1 or value == -1):
        raise ValueError(value)
    return value >= PASSES


def grade(
    row: Row, path: str, index: int, n: int, answer: str, note: Callable[[str], None]
) -> Grade | None:
    """The grade that a data set's verdict stands for; None, and noted, where it says nothing."""
    said = of_sample(at(row, path), index, n)
    try:
        correct = verdict(said)
    except ValueError:
        note(f"ungraded: {named(said)!r} in {path} is not a verdict")
        return None
    if correct is None:
        note(f"ungraded: {path} says nothing")
        return None
    if isinstance(said, float) and 0 < said < 1:
        note(f"graded by a number between 0 and 1 in {path}: {PASSES} and more is right")
    return Grade(answer=(answer or None) if correct else None, correct=correct, status="ok")


def unused(row: Row, n: int) -> str:
    """A column whose verdicts could stand as the grade; empty where there is none."""
    for name in sorted(row, key=_likeness):
        if _likeness(name) < len(names.VERDICT.names) + 1:
            try:
                if any(verdict(of_sample(row[name], index, n)) is not None for index in range(n)):
                    return name
            except ValueError:
                continue
    return ""


def cut_off(row: Row, own: Any, index: int, n: int, note: Callable[[str], None]) -> bool:
    """Whether a completion was cut off, as its own finish reason (`own`) or a column says; a reason
    that is unknown counts as one, for nothing is to be learnt from an answer that failed.
    """
    told = [
        (name, of_sample(row[name], index, n)) for name in row if plain(name) in names.FINISH.names
    ]
    cut = False
    for name, said in [("its finish_reason", own), *told]:
        word = str(said).strip().lower()
        if said is None or said is True or word in NOTHING | DONE:
            continue
        if said is not False and word not in CUT:
            note(f"{name} says {named(said)!r}, which is unknown: taken as cut off")
        else:
            note(f"cut off, as {name} says")
        cut = True
    return cut


def refuse_without_reasoning(row: Row, used: tuple[str, ...]) -> None:
    """`Unusable` for a row that says of itself that it holds no reasoning of one solution."""
    for name, value in row.items():
        if name in used:
            continue
        word = str(value).strip().lower()
        if plain(name) in names.SWITCH.names and (value is False or word in OFF):
            raise Unusable(f"made without reasoning ({named(name)} is {named(word)})")
        if plain(name) in names.MODE.names and word in JUDGING:
            raise Unusable(f"no reasoning of one solution ({named(name)} is {named(word)})")


def _likeness(name: str) -> int:
    """How early a name stands among the known ones for verdicts."""
    known = names.VERDICT
    if plain(name) in known.names:
        return known.names.index(plain(name))
    found = known.pattern and known.pattern.fullmatch(name)
    return len(known.names) + (0 if found else 1)
