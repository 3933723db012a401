"""Errors that are the user's to mend: one sentence with what, where and the cure.

Three kinds of trouble get three answers. The user's mistake is a `CotpressError`, printed as one
sentence with exit code 2 and no traceback. Our own mistake is any other exception, with its
traceback. A model's bad output (no answer, cut off, looping) is not an exception: it is data,
recorded on the trace and counted in every summary.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CotpressError(Exception):
    """Something the user can mend; the message says what is wrong, where, and how to cure it."""


class BadRecord(CotpressError):
    """A line of a file does not hold the record that was expected there."""


class TemplateRefusal(CotpressError):
    """A chat template does not write a chat of this shape, such as one with a system turn."""


class UnknownName(CotpressError):
    """A name that is not among the ones there are; the message offers the nearest."""

    def __init__(self, kind: str, name: str, available: Iterable[str]) -> None:
        names = sorted(available)
        near = get_close_matches(name, names, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]}?" if near else "."
        super().__init__(f"unknown {kind} {name!r}{hint} Available: {', '.join(names) or 'none'}.")


class MissingExtra(CotpressError):
    """A capability needs packages that are not installed; the message is the install line."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs the package {package!r}: pip install 'cotpress[{extra}]'")
