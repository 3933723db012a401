"""What stands in a row: a value at a path, a value as text, a list that was written as text."""

import ast
import json
import re
import warnings
from typing import Any

Row = dict[str, Any]

WORDS = re.compile(r"\w+|[^\w\s]")
SAID = {"text", "input_text", "output_text"}
"""Types of the parts of a turn that hold what is said, in OpenAI's and Anthropic's words."""
LISTED = re.compile(r"\s*(?:\[\s*(?:[\[{\"'\d-]|true|false|null|True|False|None)|\{\s*[\"'])")
"""How a list or an object begins that was written as text."""


class Unusable(Exception):
    """Why a row, or one completion in it, cannot become a trace."""


def words(text: str) -> frozenset[str]:
    """A set of words, written as one text."""
    return frozenset(text.split())


def count_words(text: str) -> int:
    """Length of a text in words and symbols: stands for tokens where no tokenizer is named."""
    return len(WORDS.findall(text))


def at(row: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does, or for no path.

    A name with dots in it is tried whole first, a number counts into a list (-1: the last), and a
    path leads on into JSON text.
    """
    if not path:
        return None
    if isinstance(row, str):
        row = decoded(row)
    if isinstance(row, list):
        head, _, rest = path.partition(".")
        if not re.fullmatch(r"-?\d{1,9}", head) or not -len(row) <= int(head) < len(row):
            return None
        return at(row[int(head)], rest) if rest else row[int(head)]
    if not isinstance(row, dict):
        return None
    if path in row:
        return row[path]
    for dot in reversed([one.start() for one in re.finditer(r"\.", path)]):
        if path[:dot] in row:
            return at(row[path[:dot]], path[dot + 1 :])
    return None


def decoded(value: Any) -> Any:
    """A list or an object that was written as text (JSON, or as Python prints it, which is what
    CSV files have); anything else as it is.
    """
    if not isinstance(value, str) or not LISTED.match(value):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes
            found = ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value
    return found if isinstance(found, list | dict) else value


def text(value: Any, what: str, *, optional: bool = False) -> str:
    """`value` as text: a string, a number, or a list of parts of a turn; `Unusable` otherwise, and
    if it is blank. A truth value is text too: True, False.
    """
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        kinds = [str(part.get("type", "text")) for part in value]
        if other := next((kind for kind in kinds if kind not in SAID), ""):
            raise Unusable(f"{what} holds a part that is not text ({named(other)})")
        value = "".join(str(part.get("text") or "") for part in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Unusable(f"{what} is not text but {type(value).__name__}")
    if not (value.strip() or optional):
        raise Unusable(f"no {what}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unusable(f"half a character (a lone surrogate) in the {what}") from None
    return value


def named(word: object) -> str:
    """A word of the data in a reason: only short plain ones, for reasons are counted."""
    found = str(word).strip()
    return found if re.fullmatch(r"[\w<>/|\[\]:◁▷.-]{1,30}", found) else "…"
