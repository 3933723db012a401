"""Phrases that stop a native reader may not come back: in README and docs, in help and docstrings,
in messages and comments. Each was once in the project.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PHRASES = {
    r"(?<!there )\b(is|are) no (?!longer|more|less|fewer|larger|smaller|shorter|faster|better|room)": "is not",
    r"\bfor want of\b": "because there is no",
    r"\bnone of its own\b": "without one",
    r"\bwhere (it is|they are) not given\b": "default: …",
    r"\bif not given\b": "default: …",
    r"\bkeeps? to it\b": "meets it",
    r"\bsurely\b": "certainly",
    r"\bperhaps does\b": "may",
    r"\bhangs? on\b": "depends on",
    r"\bno number any more\b": "NaN",
    r"\bany more\b": "no longer",
    r"\bknows? nothing\b": "ignores",
    r"\bbegins? again\b": "starts over",
    r"\bparted by\b": "separated by",
    r"\blikewise\b": "also",
    r"\bone's own\b": "your own",
    r"\bfor ever\b": "without end",
    r"\bnobody\b": "nothing, no one",
    r"\bsomebody\b": "a user",
    r"\blest\b": "so that … not",
    r"\bcould (not )?be told (from|apart)\b": "could be separated",
    r"\bwherefore\b|\bthereby\b|\bhereby\b|\bwhereof\b|\bthereof\b": "plain words",
    r"\bit goes without\b": "plain words",
    r"\bthe like of\b|\bof the like\b": "such",
    r"\bwith nothing but\b": "with only",
}
"""Pattern -> what to say instead."""


def texts() -> Iterator[tuple[str, str]]:
    """(place, prose with single blanks) of every page, and of every string and comment of the code."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{page.relative_to(ROOT)}:{number}", line
    for path in sorted((ROOT / "src").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        where = path.relative_to(ROOT)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{where}:{node.lineno}", " ".join(node.value.split())
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield f"{where}:{token.start[0]}", token.string


PROSE = list(texts())


@pytest.mark.parametrize("pattern", PHRASES)
def test_a_phrase_that_stops_a_reader_does_not_come_back(pattern: str) -> None:
    found = [place for place, text in PROSE if re.search(pattern, text, re.IGNORECASE)]
    assert not found, f"say “{PHRASES[pattern]}” at {', '.join(found)}"
