"""What is said of a command that cyclopts cannot read."""

from collections.abc import Iterable

from cyclopts import CoercionError, CycloptsError, MissingArgumentError, UnknownCommandError

from cotpress.errors import UnknownName

ALONE = ("--help", "--version", "--install-completion")
"""Options that need no verb."""


def said(error: CycloptsError, verbs: Iterable[str], methods: Iterable[str]) -> str:
    """One sentence with the cure."""
    chain = " ".join(error.command_chain or ())
    if isinstance(error, UnknownCommandError):
        word = (error.unused_tokens or [""])[0]
        if word.startswith("-"):
            return str(UnknownName("option", word, ALONE))
        return str(
            UnknownName("method", word, methods) if chain else UnknownName("verb", word, verbs)
        )
    sentence = _missing(error, chain) or f"{error}{_written(error)}"
    return f"{sentence} See {' '.join(filter(None, ['cotpress', chain]))} --help."


def _missing(error: CycloptsError, verb: str) -> str:
    """What to say where an argument or its value was not given at all; empty for any other
    mistake.
    """
    if (
        not isinstance(error, MissingArgumentError)
        or error.argument is None
        or error.argument.tokens
    ):
        return ""
    if error.keyword:
        return f"{error.keyword} needs a value."
    name = error.argument.name
    if name.startswith("-"):
        return f"{verb} needs {name}."
    return f"{verb} needs {name}: name the file directly behind `{verb}`."


def _written(error: CycloptsError) -> str:
    """How numbers are written, behind a complaint about one of them."""
    if not isinstance(error, CoercionError) or error.argument is None:
        return ""
    if error.argument.tokens and error.argument.tokens[-1].value.endswith("%"):
        return f" Write a share as a number, such as {_as_share(error.argument.tokens[-1].value)}."
    return " Write several as 0.9 0.7 0.5." if error.argument.parameter.consume_multiple else ""


def _as_share(text: str) -> str:
    try:
        return f"{float(text.removesuffix('%')) / 100:g}"
    except ValueError:
        return "0.5"
