"""The marks that model families put around their thinking, and where they stand in a text.

One table serves reading (split, import) and writing (lm/markup.py): `<think>` of R1, Qwen3 and
their kin, channels of harmony (gpt-oss), `[THINK]` of Mistral, `<seed:think>`, Gemma 4, Kimi,
MiniMax, Command A, Apertus, Granite, the sections of OpenThoughts, and the tags that prompts ask
for. What a family
writes between two marks (line breaks) is that of its own chat template.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple


class Family(NamedTuple):
    """How one family marks its thinking, white space included."""

    name: str
    opening: str
    closing: str
    """Between the thinking and the answer."""
    ending: str = ""
    """After the answer, where that is marked as well."""


FAMILIES = (
    Family("think", "<think>\n", "\n</think>\n\n"),
    Family(
        "harmony",
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    Family("mistral", "[THINK]", "[/THINK]"),
    Family("seed", "<seed:think>\n", "\n</seed:think>\n"),
    Family("gemma", "<|channel>thought\n", "<channel|>"),
    Family("kimi", "◁think▷", "◁/think▷"),
    Family("minimax", "<mm:think>", "</mm:think>"),
    Family(
        "command",
        "<|START_THINKING|>",
        "<|END_THINKING|><|START_RESPONSE|>",
        "<|END_RESPONSE|>",
    ),
    Family(
        "openthoughts",
        "<|begin_of_thought|>\n\n",
        "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n",
        "\n\n<|end_of_solution|>",
    ),
    Family("apertus", "<|inner_prefix|>", "<|inner_suffix|>"),
    Family("granite", "Here is my thought process:\n\n", "\n\nHere is my response:\n\n"),
    Family("thinking", "<thinking>\n", "\n</thinking>\n\n"),
    Family("thought", "<thought>\n", "\n</thought>\n\n"),
    Family("reasoning", "<reasoning>\n", "\n</reasoning>\n\n"),
)

_TAG = r"think|thinking|thoughts?|reason|reasoning|scratchpad|seed:think|mm:think"
_ANSWER = r"answer|output|solution|response"
OPENS = re.compile(
    rf"<(?P<tag>{_TAG})>|(?P<mistral>\[THINK\])|(?P<kimi>◁think▷)|(?P<gemma><\|channel>thought\b)"
    r"|(?P<harmony>(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>)"
    r"|(?P<command><\|START_THINKING\|>)|(?P<openthoughts><\|begin_of_thought\|>)"
    r"|(?P<apertus><\|inner_prefix\|>)|\A\s*(?P<granite>Here(?:'s| is) my thought process:)",
    re.IGNORECASE,
)
"""What begins the thinking; the name of the group is the family, and `tag` any of the tags."""

BEGINS = re.compile(r"<(?=[A-Za-z|])|\[(?=[Tt])|◁")
"""Where one of `OPENS` can begin, or in front: much faster to look for."""

CLOSES = {
    "tag": rf"</(?:{_TAG})>(?:\s*<(?:{_ANSWER})>)?",
    "mistral": r"\[/THINK\]",
    "kimi": r"◁/think▷",
    "gemma": r"<channel\|>",
    "harmony": r"<\|end\|>\s*(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>",
    "command": r"<\|END_THINKING\|>(?:\s*<\|START_(?:RESPONSE|TEXT)\|>)?",
    "apertus": r"<\|inner_suffix\|>",
    "granite": r"\nHere(?:'s| is) my response:",
    "openthoughts": r"<\|end_of_thought\|>(?:\s*<\|begin_of_solution\|>)?",
}
"""What ends it, by the group of `OPENS`."""
_ANY = [re.compile(pattern, re.IGNORECASE) for pattern in CLOSES.values()]

ENDING = rf"\s*(?:</(?:{_ANSWER})>|<\|END_(?:RESPONSE|TEXT)\|>|<\|end_of_solution\|>)"
"""What ends an answer that is marked as well."""

ENDS = re.compile(rf"{ENDING}\s*\Z", re.IGNORECASE)
"""The same at the end of a text."""

BARE_HARMONY = re.compile(
    r"(\s*(?:assistant)?analysis\s*)"
    r"(?:(?=\S)(.*)(assistantfinal)|(?<=analysis)(?=[A-Z])(.*)()\Z)",
    re.DOTALL,
)
"""Harmony's channels, decoded without its special tokens; unclosed where it was cut off."""
NO_ANALYSIS = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>")
"""Harmony's answer without thinking."""
HARMONY_AGAIN = re.compile(
    r"assistant(?:analysis|commentary)(?=\S)"
    r"|<\|end\|>\s*(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)"
)
"""One of harmony's channels after another one that is not the answer."""

PREAMBLE = 300
"""Characters that may stand before the mark that opens the thinking; more, where it is closed."""

QUOTES = "`'\"“”‘’«»()*"


class Thought(NamedTuple):
    """Where the thinking stands in a text, in characters."""

    begin: int
    """After the opening mark."""
    end: int
    """Before the closing mark; the length of the text where it is not closed."""
    answer: int
    """After the closing mark."""
    closed: bool


def thought_in(text: str) -> Thought | None:
    """Where a text thinks; None where no mark is found.

    The mark may follow a preamble, or be missing where the prompt has it (R1). Of several closing
    marks the last ends the thinking, but one in quotes is only mentioned, and so is one in the
    middle of a sentence beside others that are not; so are those that open.
    """
    opened = _opened(text)
    if not opened and (bare := BARE_HARMONY.match(text)):
        group = 2 if bare[3] else 4
        return Thought(bare.end(1), bare.end(group), bare.end(group + 1), bool(bare[3]))
    if not opened and (answer := NO_ANALYSIS.match(text)):
        return Thought(0, 0, answer.end(), True)
    begin = opened.end() if opened else 0
    for pattern in [_closes(opened)] if opened else _any_that_closes(text):
        ends = [one for one in pattern.finditer(text, begin) if not _quoted(text, one)]
        ends = [one for one in ends if not _in_passing(text, one)] or ends
        if ends:
            last, first = ends[-1], len(ends) - 1
            while first and not text[ends[first - 1].end() : ends[first].start()].strip():
                first -= 1  # closed twice
            return Thought(begin, ends[first].start(), last.end(), True)
    return Thought(begin, len(text), len(text), False) if opened else None


def marked(text: str) -> bool:
    """Whether a text has any mark of thinking in it, mentioned ones aside."""
    found = chain(_opening(text), *(one.finditer(text) for one in _any_that_closes(text)))
    return any(not _quoted(text, one) for one in found)


def thinks_again(text: str, *, after: bool) -> bool:
    """Whether a text begins to think once more: a reasoning after a mark that closes it, and
    whatever comes `after` the reasoning at once. What is opened and closed again is not an end.
    """
    marks = [(one.start(), True) for one in _opening(text) if _meant(text, one)]
    for pattern in _any_that_closes(text):
        marks += [(one.start(), False) for one in pattern.finditer(text) if _meant(text, one)]
    depth = 0
    for _, opens in sorted(marks):
        if opens and after:
            return True
        depth += 1 if opens else -1
        after = after or depth < 0
    return bool(HARMONY_AGAIN.search(text))


def family_of(opening: str) -> Family | None:
    """The family whose mark a text ends with, blanks aside."""
    bare = opening.rstrip()
    found = [one for one in FAMILIES if bare.endswith(one.opening.strip())]
    return found[0] if found else None


def _any_that_closes(text: str) -> list[re.Pattern[str]]:
    """Patterns of which one may be found in a text: none where no mark can begin, as in most."""
    may = "<" in text or "[/" in text or "◁" in text or "\nhere" in text.lower()
    return _ANY if may else []


def _closes(opened: re.Match[str]) -> re.Pattern[str]:
    """What ends the thinking that this mark began: a tag is closed by its own."""
    group = str(opened.lastgroup)
    pattern = CLOSES[group]
    if group == "tag":
        pattern = pattern.replace(f"(?:{_TAG})", re.escape(opened["tag"]))
    return re.compile(pattern, re.IGNORECASE)


def _opened(text: str) -> re.Match[str] | None:
    """The mark that opens the thinking: the first that is none in passing, unless the thinking was
    closed before it. After a long preamble it must be closed as often as it is opened: else the
    prompt opened the thinking, and this only shows how.
    """
    found = [one for one in _opening(text) if not _quoted(text, one)]
    one = next((one for one in found if not _in_passing(text, one)), next(iter(found), None))
    if one is None or not text[: one.start()].strip():
        return one
    closes = _closes(one)
    if closes.search(text[: one.start()]):
        return None
    if one.start() <= PREAMBLE:
        return one
    closed = sum(_meant(text, mark) for mark in closes.finditer(text, one.end()))
    opened = sum(mark[0].lower() == one[0].lower() and _meant(text, mark) for mark in found)
    return one if 0 < closed <= opened else None


def _opening(text: str) -> Iterator[re.Match[str]]:
    """Every mark that opens, mentioned or meant."""
    places = chain([0], (place.start() for place in BEGINS.finditer(text, 1)))
    return filter(None, (OPENS.match(text, place) for place in places))


def _meant(text: str, mark: re.Match[str]) -> bool:
    """Whether a mark is more than mentioned."""
    return not (_quoted(text, mark) or _in_passing(text, mark))


def _in_passing(text: str, mark: re.Match[str]) -> bool:
    """Whether a mark stands in the middle of a line, as a word of a sentence."""
    before, after = _around(text, mark)
    return before in (" ", "\t") and bool(after) and after in " \t.,;:)!?"


def _quoted(text: str, mark: re.Match[str]) -> bool:
    """Whether a mark stands in quotes, as where a model writes about it."""
    before, after = _around(text, mark)
    return bool(before) and before in QUOTES and bool(after) and after in QUOTES


def _around(text: str, mark: re.Match[str]) -> tuple[str, str]:
    """The characters before and after a mark; empty at the ends of the text."""
    return text[max(0, mark.start() - 1) : mark.start()], text[mark.end() : mark.end() + 1]
