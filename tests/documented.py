"""The commands that README.md and the pages of docs print, as words."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "cli.md"),
    ROOT / "recipes" / "configs" / "README.md",
]
"""Those that are written by hand: docs/cli.md is what the help says."""

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Command:
    """`cotpress WORDS…`."""

    words: tuple[str, ...]
    launcher: tuple[str, ...] = ()
    """What stands before it: settings of the environment, `accelerate launch`."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    return [code for word, code in BLOCK.findall(page.read_text("utf-8")) if word in languages]


def commands(page: Path) -> Iterator[Command]:
    """Those of the blocks, in order."""
    for block in blocks(page, "", "bash", "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if "cotpress" not in line or "$v" in line:  # a loop over verbs
                continue
            words = shlex.split(line.replace("$(which cotpress)", "cotpress"), comments=True)
            place = words.index("cotpress") if "cotpress" in words else len(words)
            launched = words[:1] == ["accelerate"] or all("=" in word for word in words[:place])
            if launched and words[place + 1 :]:
                yield Command(tuple(words[place + 1 :]), tuple(words[:place]))


def examples(docstring: str) -> list[Command]:
    """The example in the help of a verb."""
    found = re.findall(r"^Example: cotpress (.*(?:\n.+)*)", docstring, re.MULTILINE)
    return [Command(tuple(shlex.split(one))) for one in found]


def flags(page: Path, verbs: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Of each span of code in the text that begins with a verb, the verb and the options in it."""
    text = BLOCK.sub("", page.read_text("utf-8"))
    for span in SPAN.findall(text):
        words = re.sub(r"^cotpress ", "", span).split()
        given = [word.partition("=")[0] for word in words if re.match(r"--\w", word)]
        if words and words[0] in verbs and given:
            verb = " ".join(words[:2]) if words[0] == "run" else words[0]
            yield verb, [one.rstrip(".,;:)…") for one in given]


def plug_ins(page: Path) -> dict[str, str]:
    """The Python files of a page: their names, as its commands and texts call them, and texts."""
    marks = {
        "long_words": "class LongWords",
        "line": "-> Unit:",
        "double": '"my_pkg.double"',
        "last_word": "-> Grader:",
        "my_format": "class Plain",
    }
    found = {}
    for code in blocks(page, "python"):
        found |= {file: code for file, mark in marks.items() if mark in code}
    return found
