r"""Where the sentences of a reasoning stand, and its steps: what a reader would leave out whole.

A sentence ends at `.`, `!` or `?` before white space, at `。`, `！` or `？`, and where its line
ends, unless the line goes on (it ends in a colon, a comma or an equals sign, or the next begins in
lower case). A display formula belongs to the sentence that leads to it. Fenced code, with or
without its end, is a sentence by itself.

A step begins with a paragraph, an item of a list, a turn of thought ("Wait", "Alternatively", "Let
me check", "So", "等等"), or code, and ends where the next one begins. Reasoning models announce
their turns, so that a text without a single paragraph has steps, too.

Spans rise and do not overlap. A blank before a sentence is its own; line breaks belong to no span:
spans and the breaks between them join to the text. Linear time.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

Span = tuple[int, int]
"""Start and end in characters."""

_CODE = re.compile(
    r"^[ \t>]*(```+|~~~+)[^\n]*(?:\n(?![ \t>]*\1)[^\n]*)*(?:\n[ \t>]*\1[^\n]*)?", re.MULTILINE
)
_DISPLAY = re.compile(
    r"\$\$(?:(?!\$\$).){1,4000}\$\$|\\\[(?:(?!\\\[|\\\]).){1,4000}\\\]"
    r"|\\begin\s*\{(\w+\*?)\}(?:(?!\\begin\s*\{\1\}).){0,4000}?\\end\s*\{\1\}",
    re.DOTALL,
)
"""Formulas that stand apart; a longer one is prose in lines."""
_END = re.compile(
    r"(?<![.!?])(?P<stop>[.!?]++)['\"’”)\]*_$]*+(?=[\s\u4e00-\u9fff])|[。！？]+[”’」』）]*|\r?\n"
)
_LOWER = re.compile(r"\s*[a-z,;.)\]]")
"""What goes on with a sentence."""
_GLUED = re.compile(r"\S")
_ABBREVIATED = re.compile(
    r"(?:\b(?:Nos?|Figs?|Eqs?|Dr|Mrs?|Ms|St|Prof|vs|approx|ca|cf|Ch|Sec|Thm|Vol|pp?|e\.g|i\.e|resp)"
    r"|(?:^|\n)[ \t>*_#]*(?:\d{1,3}|[A-Za-z]|[ivx]{1,4}))$"
)
"""Before a full stop that ends no sentence: an abbreviation, or the number of an item."""
_ITEM = re.compile(r"[ \t>]*(?:[-*+•–]|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)])[ \t]+(?=\S)")
"""The beginning of an item of a list."""
_HEAD = r"[\s>#*_\"'“(]*"
TURN = re.compile(
    _HEAD
    + r"(?:(?i:wait|hmm+|hm|oh|okay|ok|no(?=,)|alternatively|actually|however|but|so|now|next|then"
    r"|first|firstly|second|secondly|third|thirdly|finally|lastly|therefore|thus|hence|maybe|perhaps"
    r"|check|let me|let us|let's|let’s|another way|one more time|one last time|on second thought"
    r"|to check|to verify|to be safe|is that right|in summary|in short|step \d+|case \d+)\b"
    r"|等等|等一下|不对|不過|不过|嗯|但是|可是|所以|因此|于是|首先|其次|再次|然后|接下来|最后|另外|或者"
    r"|换一?[种个]|让我|我们再|检查|验证)"
)
"""With what a turn of thought begins."""


def sentences(text: str) -> Iterator[Span]:
    """The sentences of a text, without the line breaks between them."""
    for start, end in _pieces(text):
        while start < end and text[start] in "\r\n":
            start += 1
        end = start + len(text[start:end].rstrip())
        if start < end:
            yield start, end


def steps(text: str) -> Iterator[Span]:
    """The steps of a text, without the line breaks between them."""
    code = {start for start, _ in _code(text)}
    begin = stop = -1
    alone = False
    for start, end in sentences(text):
        gap = text[stop:start] if stop >= 0 else ""
        is_code = start in code
        if begin >= 0 and (is_code or alone or _begins(text, start, gap)):
            yield begin, stop
            begin = start
        elif begin < 0:
            begin = start
        stop, alone = end, is_code
    if begin >= 0:
        yield begin, stop


def _begins(text: str, start: int, gap: str) -> bool:
    """Whether a sentence that stands behind `gap` begins a step."""
    if gap.count("\n") > 1 or TURN.match(text, start):
        return True
    return "\n" in gap and _ITEM.match(text, start) is not None


def _code(text: str) -> list[Span]:
    return [match.span() for match in _CODE.finditer(text)]


def _pieces(text: str) -> Iterator[Span]:
    """What lies between two ends of sentences: they tile the text."""
    code = _code(text)
    shown = [match.span() for match in _DISPLAY.finditer(text) if not _in(match.start(), code)]
    led = ((_before(text, start), _behind(text, end)) for start, end in shown)
    whole = sorted([*((start + 1, end) for start, end in code), *led])
    ends = {at for span in [*code, *((end, end) for _, end in shown)] for at in span}
    ends |= {_end_of(text, match) for match in _END.finditer(text)}
    begin = 0
    for end in sorted(end for end in ends if 0 < end < len(text) and not _in(end, whole)):
        yield begin, end
        begin = end
    yield begin, len(text)


def _end_of(text: str, match: re.Match[str]) -> int:
    """Where a sentence ends; 0 where none does."""
    at, end = match.span()
    if text[at] in "\r\n":
        below = text[end : end + 80]
        if below.lstrip(" \t").startswith(("\r", "\n")) or _ITEM.match(below):
            return at
        return 0 if text[at - 1 : at] in (":", ",", "=") or _LOWER.match(below) else at
    if match["stop"] and not match["stop"].strip("."):
        before = text[max(0, at - 12) : at]
        return 0 if _LOWER.match(text, end) or _ABBREVIATED.search(before) else end
    return end


def _behind(text: str, end: int) -> int:
    """Where the sentence of a formula may end first: behind what goes on in lower case, or without
    a blank.
    """
    on = _LOWER.match(text, end) or _GLUED.match(text, end)
    return on.end() if on else end


def _before(text: str, start: int) -> int:
    """Where what leads to a formula ends."""
    while start and text[start - 1].isspace():
        start -= 1
    return start


def _in(at: int, spans: Sequence[Span]) -> bool:
    """Whether a place lies in one of the spans, which rise."""
    place = bisect_right(spans, at, key=lambda span: span[0]) - 1
    return place >= 0 and at < spans[place][1]
