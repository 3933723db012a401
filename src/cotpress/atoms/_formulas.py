"""Formulas, environments, drawings, code and tables: where they are, and in which pieces a formula
may end early.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from cotpress.atoms._spans import Span, inside, merged, widened, within

Region = tuple[int, int, Span]
"""(start, end, what is between the delimiters) of a formula or an environment."""
JOINS = (
    r"\\(?:times|cdot|div|pm|mp|leq?|geq?|neq?|approx|equiv|to|mid|cup|cap|implies|iff|quad|qquad"
    r"|(?:Long)?[rR]ightarrow|(?:Long)?leftrightarrow|cdots|ldots|dots)(?![A-Za-z])"
)
"""Commands that join what stands on both sides."""
_BLOCKS = re.compile(
    r"^[ \t>]*(?P<fence>```+|~~~+)[^\n]*\n(?:.*\n)*?[ \t>]*(?P=fence)[^\n]*$"
    r"|^[ \t]*\|[^\n]*(?:\n[ \t]*\|[^\n]*)+"
    r"|<(?P<tool>tool_(?:call|code|response|result|output)s?|function_(?:call|result)s?)>"
    r"(?s:.*?)</(?P=tool)>",
    re.MULTILINE,
)
"""Fenced code, tables of two lines and more, and calls of tools with what they gave."""
_DELIMITED = re.compile(
    r"(?P<o1>\$\$)(?:[^$\\]|\\.)+(?P<c1>\$\$)|(?P<o2>\\\[)(?:[^\\]|\\(?![\]\[]).)*(?P<c2>\\\])"
    r"|(?P<o3>\\\()(?:[^\\]|\\(?![()]).)*(?P<c3>\\\))"
    r"|(?<!\\)(?P<o4>\$)(?=[^\s$])(?:[^$\n\\]|\\.)*?(?<=[^\s\\])(?P<c4>\$)(?!\d)"
    r"|(?<!\\)(?P<o5>\$)(?=[ \t]+[A-Za-z\d\\({|-]|[A-Za-z\\({|-])(?=[^$\n]*[=\\^_+<>])"
    r"(?:[^$\n\\]|\\.)*?(?P<c5>\$)(?!\s*\d)|(?P<o6>\[asy\])(?:(?!\[asy\]).)*?(?P<c6>\[/asy\])",
    re.DOTALL,
)
"""Formulas between math delimiters, and drawings; `$5 and $7` is none, nor is `$ 5 + $ 6`."""
_BEGINS = re.compile(r"[$\\[]")
"""With what each of them begins."""
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}\n]+)\}(?:(?<=\})\{[^{}\n]*\})?")
_BARS = re.compile(r"(?<![|\w])\|(?=\S)[^|\n]{1,40}?(?<=\S)\|(?!\|)")


def blocks_of(text: str) -> list[Span]:
    """Fenced code, tables of two lines and more, and calls of tools."""
    if not any(mark in text for mark in ("```", "~~~", "|", "<tool_", "<function_")):
        return []
    return [match.span() for match in _BLOCKS.finditer(text)]


def bars_of(text: str) -> list[Span]:
    """What stands between two bars, such as an absolute value."""
    return [match.span() for match in _BARS.finditer(text)] if "|" in text else []


def environments(text: str) -> list[Region]:
    """(start, end, what is between) of each environment, nested ones too."""
    if "\\begin" not in text:
        return []
    found: list[Region] = []
    open_at: list[re.Match[str]] = []
    for match in _ENVIRONMENT.finditer(text):
        if match[1] == "begin":
            open_at.append(match)
        elif places := [n for n, begin in enumerate(open_at) if begin[2] == match[2]]:
            begin = open_at[places[-1]]
            del open_at[places[-1] :]
            found.append((begin.start(), match.end(), (begin.end(), match.start())))
    return found


def delimited(text: str) -> list[Region]:
    """The same of each formula between math delimiters."""
    found: list[Region] = []
    at = 0
    while begin := _BEGINS.search(text, at):
        if match := _DELIMITED.match(text, begin.start()):
            n = next(k for k in "123456" if match[f"o{k}"] is not None)
            found.append((*match.span(), (match.end(f"o{n}"), match.start(f"c{n}"))))
        at = match.end() if match else begin.end()
    return found


def outermost(
    text: str, blocks: Sequence[Span], named: Sequence[Region], shown: Sequence[Region]
) -> Iterator[Region]:
    """The outermost of the environments and formulas of a text, outside of its blocks."""
    if not named and not shown:
        return
    taken, last = merged(blocks), 0
    ends = {start: (end, inner) for start, end, inner in named}
    for start, end, inner in sorted([*named, *shown]):
        if start >= last and not inside((start, start + 1), taken):
            yield start, end, _innermost(text, inner, ends)
            last = end


def _innermost(text: str, inner: Span, named: dict[int, tuple[int, Span]]) -> Span:
    """What is between the delimiters; of an environment that fills it, what is in that."""
    start = inner[0] + len(text[slice(*inner)]) - len(text[slice(*inner)].lstrip())
    if start in named and not text[named[start][0] : inner[1]].strip(" .,\n"):
        return named[start][1]
    return inner


def on_edges(text: str, region: Region, clusters: Sequence[Span]) -> Region:
    """The region with whole characters as its delimiters; the closing one has the blanks before."""
    start, end, inner = region
    last = max(inner[0], inner[0] + len(text[slice(*inner)].rstrip()))
    left, right = widened((inner[0], inner[0]), clusters), widened((last, last), clusters)
    return *widened((start, end), clusters), (left[1], max(left[1], right[0]))


_LINE = re.compile(r"\n")
_DANGLING = "=<>≤≥≠≈+-−±×·/*^_({[,"
"""What a piece of a formula does not end with."""
_BREAK = re.compile(r"(?<=\S)\s*(?:[-+−±=<>≤≥≠≈×·,]|\\\\|" + JOINS + ")")
"""Where a formula may end early: before an operator or a relation, and between rows."""


def pieces_of(text: str, region: Region, whole: Sequence[Span]) -> list[Span]:
    """The pieces between the delimiters of a formula, in which none of the spans of `whole` is
    divided: a formula may end behind each of them.
    """
    start, end, inner = region
    is_drawing = text[start:end].lstrip().startswith("[asy]")
    breaks, dangling = (_LINE, "") if is_drawing else (_BREAK, _DANGLING)
    cuts, at = [inner[0]], inner[0]
    for stop, after in [*within(whole, *inner), (inner[1], inner[1])]:
        for match in breaks.finditer(text, at, stop):
            piece = text[cuts[-1] : match.start()].rstrip()
            if piece.strip(" \\&\n") and piece[-1] not in dangling:
                cuts.append(match.start())
        at = after
    cuts = cuts[:1] + [cut for cut in cuts[1:] if text[cut : inner[1]].strip(" \\&\n")]
    return list(pairwise([*cuts, inner[1]]))
