"""What was typed: a file behind a list of numbers, numbers with commas, and mistyped options."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from cyclopts.argument import Argument, ArgumentCollection

from cotpress.console.config import is_file, option_names
from cotpress.remote import is_remote


def spread(words: Sequence[str], arguments: ArgumentCollection) -> list[str]:
    """The words of a verb as cyclopts takes them: `--ratios 0.9,0.7` becomes two values, and a
    file behind the values of an option comes first (`--ratios 0.5 FILE`).

    `words` are those behind the verb's name.
    """
    takes_files = any(map(is_file, arguments))
    move = takes_files and bool(words) and words[0].startswith("-")
    files: list[str] = []
    rest: list[str] = []
    option: Argument | None = None
    for place, word in enumerate(words):
        if word == "--":
            rest += words[place:]
            break
        if word.startswith("--"):
            option = _several(word, arguments)
            rest.append(word)
        elif option is None:
            rest.append(word)
        elif _is_number(word.split(",")[0]) and _holds_numbers(option):
            rest += filter(None, word.split(","))
        elif move and not rest[-1].startswith("--") and _is_file(word, option):
            files.append(word)
        else:
            rest.append(word)
    return files + rest


def unknown_option(words: Sequence[str], arguments: ArgumentCollection) -> str:
    """A sentence on the first option that the verb does not have; empty where there is none."""
    names = option_names(arguments)
    for word in words:
        if word == "--":
            break
        name = word.partition("=")[0]
        if name.startswith("--") and name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.6)
            return f"Unknown option: {name}." + (f" Did you mean {near[0]}?" if near else "")
    return ""


def _several(word: str, arguments: ArgumentCollection) -> Argument | None:
    """The argument of an option that takes all values behind it."""
    found = next((one for one in arguments if word in one.names), None)
    return found if found is not None and found.parameter.consume_multiple else None


def kinds(hint: Any) -> set[Any]:
    """The types in a hint: `list[float] | None` holds float."""
    return {kind for one in get_args(hint) for kind in kinds(one)} or {hint}


def _holds_numbers(option: Argument) -> bool:
    return bool(kinds(option.hint) & {float, int})


def _is_file(word: str, option: Argument) -> bool:
    """Whether a word behind the values of an option must be a file of the verb."""
    if _holds_numbers(option):
        return not _is_number(word)
    return Path not in kinds(option.hint) and (is_remote(word) or Path(word).exists())


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
