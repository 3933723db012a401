"""How latent tokens are written: `<boLatent><|latent_3|><|latent_17|><eoLatent>`, a run of codes
between two markers.

They are ordinary text in every record and file, and one token each in the vocabulary of a model
that was taught them. The names of the markers are those of Token Assorted (specification section
3.1).
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

BEGIN, END = "<boLatent>", "<eoLatent>"

CODE = re.compile(r"<\|latent_(\d+)\|>")
RUN = re.compile(rf"{BEGIN}(?:{CODE.pattern})*{END}".replace(r"(\d+)", r"\d+"))
"""A whole run with its markers."""
SPELLED = re.compile(rf"{BEGIN}|{END}|{CODE.pattern}")
"""Anything that a model would take for a latent token or a marker."""


class Counts(NamedTuple):
    """Latent tokens and markers in a text."""

    latent: int
    markers: int


def code(k: int) -> str:
    """The k-th code as text."""
    return f"<|latent_{k}|>"


def run(codes: Iterable[int]) -> str:
    """Codes between their markers; empty for no codes."""
    inside = "".join(map(code, codes))
    return f"{BEGIN}{inside}{END}" if inside else ""


def vocabulary(codebook: int) -> list[str]:
    """What a model's vocabulary is extended by: the markers,
    then every code; nothing for an empty codebook.
    """
    return [BEGIN, END, *map(code, range(codebook))] if codebook else []


def codes(text: str) -> list[int]:
    """The codes in a text, in order."""
    return [int(k) for k in CODE.findall(text)]


def count(text: str) -> Counts:
    """How many latent tokens and markers a text holds."""
    return Counts(len(CODE.findall(text)), text.count(BEGIN) + text.count(END))
