"""Numbers, names and commands; and operators with their operands."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from cotpress.atoms._formulas import JOINS
from cotpress.atoms._spans import Span, widened

_SINGLE = re.compile(
    r"\\(?:[dtc]?frac|[dt]?binom)\s*(?:[0-9A-Za-z]|\\[A-Za-z]+)\s*(?:[0-9A-Za-z]|\\[A-Za-z]+)"
    r"|\\sqrt\s*[0-9A-Za-z]|(?:\\[A-Za-z]+|[\w)\]}])\s*[_^]\s*(?:\\[A-Za-z]+|[-+]?\w+)"
    r"|(?<![^\W_])[A-Za-z]!+(?!\w)"
    rf"|(?!{JOINS}|\\\\)(?:\\[A-Za-z]+\*?|\\.)"
)
"""Commands with arguments of one letter, sub- and superscripts without braces, bare commands."""
_RAISED = r"[⁰¹²³⁴-⁹⁺⁻⁼ⁿ₀-₉₊₋₌ºª]"
_SIGN = r"(?:(?<![\w)\]}%!'’])[-+−±∓](?=[\d.$€£¥½¼¾⅓-⅞]))?"
_MARKS = r"(?:\s?\\?[%‰°]|[′″!€£¥]+)"
_NAME = r"[A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ӿ]"
"""Letters of scripts that set words apart by blanks."""
_NUMBER = re.compile(
    rf"{_SIGN}(?:\\?[$€£¥]\s?)?#?(?:(?<![\w.)])\.(?=\d))?"
    rf"(?:(?<!{_NAME}|\d|_)(?:{_NAME}+-)?(?:{_NAME}|\d|_(?=\w))*)?\d(?:{_NAME}|\d|_(?=\w))*"
    rf"(?:[.,:'’/-]?{_NAME}*\d(?:{_NAME}|\d)*)*(?:(?<=[eE])[-+−]\d+)?(?:\s?[½¼¾⅓-⅞])?"
    rf"(?:-{_NAME}{{2,}})*{_RAISED}*(?:{_MARKS}|[百千万萬亿億]+)?|{_SIGN}[½¼¾⅓-⅞]{_MARKS}?"
    rf"|\w(?:{_RAISED}|[′″])+"
)
"""A number, alone or in a name, with all that changes its value."""
_NUMERAL = re.compile(
    r"(?:第|百分之|千分之)?[零〇一二两兩三四五六七八九十百千万萬亿億]+"
    r"(?:分之[零〇一二两兩三四五六七八九十百千万萬亿億]+|点[零〇一二三四五六七八九]+)?"
)
_SCALED = re.compile(
    r"(?<![\d.,])(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)"
    r"|[-+−]?\d[\d.,]*\s*(?:[×*·x⋅]|\\times|\\cdot)\s*10"
    rf"\s*(?:\^\s*(?:\{{[^{{}}]*\}}|[-+−]?\d+)|{_RAISED}+))"
)
"""Thousands separated by blanks; a number times a power of ten."""


_SMALL = re.compile(r"[\\_^!]")
"""One of these is in all that `_SINGLE` finds."""
_CORE = re.compile(rf"[\d½¼¾⅓-⅞′″{_RAISED[1:]}")
"""One of these is in all that `_NUMBER` finds."""
_GROUPED = re.compile(r"[ \u00a0\u202f]\d{3}")


def signs(text: str, start: int, end: int) -> Iterator[Span]:
    """Commands with small arguments, numbers, names with digits, and numerals."""
    if _SMALL.search(text, start, end):
        yield from (match.span() for match in _SINGLE.finditer(text, start, end))
    yield from _numbers(text, start, end)
    if not text.isascii():
        yield from (match.span() for match in _NUMERAL.finditer(text, start, end))
    if _GROUPED.search(text, start, end) or _raised(text, start, end):
        yield from (match.span() for match in _SCALED.finditer(text, start, end))


def _raised(text: str, start: int, end: int) -> bool:
    """Whether there may be a power of ten."""
    raised = not text.isascii() or text.find("^", start, end) >= 0
    return raised and text.find("10", start, end) >= 0


def _numbers(text: str, start: int, end: int) -> Iterator[Span]:
    """What `_NUMBER` finds, looked for only where it may be: before the next of `_CORE` a number
    holds no blank, but for one behind a currency sign.
    """
    at = start
    while core := _CORE.search(text, at, end):
        blank = text.rfind(" ", at, core.start())
        if blank > at and text[blank - 1] in "$€£¥":
            blank = text.rfind(" ", at, blank)
        match = _NUMBER.search(text, max(at, blank + 1), end)
        if not match:
            return
        yield match.span()
        at = match.end()


_OPERATOR = re.compile(
    r"\s*(?:<=|>=|==|!=|->|[-+*/%]=|\*\*|//|[-+−±∓*/×÷·⋅∗=<>≤≥≠≈≡∝→⇒∈⊂∪∩^]|%(?=\s*[\w(])|"
    + JOINS
    + r"|(?<=\d)\s+[xX](?=\s+[\d(])|(?<=\))\s*[xX](?=\s*[\d(]))\s*"
)
_JOINING = r"-+−±∓*/×÷·⋅∗=<>≤≥≠≈≡∝→⇒∈⊂∪∩^%!"
_JOINS_ON = re.compile(rf"\s*[{_JOINING}\\xX]")
"""With what an operator begins."""
_JOINED = re.compile(rf"[{_JOINING}]")
_RELATION = re.compile(r"\s*(?:[=≤≥≠≈≡]|<=|>=|==|!=)\s*\Z")
_LETTER = re.compile(r"(?<![^\W_])[^\W\d_](?![^\W_])['′]*")
_ARGUMENTS = re.compile(r"\([A-Za-z](?:,\s*[A-Za-z])*\)")
_WORD = re.compile(r"[^\W\d_]+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_]{2})|(?<=[^\W\d_]{2})-(?=[^\W\d_])")


def chains(
    text: str, found: Sequence[Span], start: int, end: int, clusters: Sequence[Span]
) -> Iterator[list[Span]]:
    """Operators with their operands: the first operand, then each operator with the next."""
    operands = {a: (b, strong) for a, b, strong in _operands(text, found, start, end, clusters)}
    done = -1
    for begin, (last, strong) in operands.items():
        if begin < done:
            continue
        chain, is_strong = [(begin, last)], strong
        while (after := _next(text, last, operands, is_strong)) is not None:
            stop, strong = operands[after]
            is_strong = is_strong or strong
            if after == last:  # side by side: 2x
                chain[-1] = (chain[-1][0], stop)
            else:
                chain.append((last, stop))
            last = stop
        if len(chain) > 1 or chain[0][1] != operands[begin][0]:
            yield chain
            done = last


def _next(text: str, last: int, operands: dict[int, tuple[int, bool]], strong: bool) -> int | None:
    """Where the operand begins that an operator at `last` joins to the one before; None if none."""
    # side by side: 2x, 3(y + 1)
    if last in operands and text[last - 1 : last] not in ("", " ", "\n"):
        end, other = operands[last]
        small = end - last <= 1 or text[last] in "([{\\"
        return last if strong and other and small else None
    operator = _OPERATOR.match(text, last) if _JOINS_ON.match(text, last) else None
    if not operator or _HYPHEN.match(text, operator.start()) or "\n" in operator[0]:
        return None
    after = operator.end()
    if after not in operands:
        return None
    return after if strong or operands[after][1] or _RELATION.match(operator[0]) else None


def _operands(
    text: str, found: Sequence[Span], start: int, end: int, clusters: Sequence[Span]
) -> list[tuple[int, int, bool]]:
    """(start, end, whether it is certainly mathematics) of atoms, and of the words between them
    that an operator may join.
    """
    every = clusters or text.find("\\", start, end) >= 0
    words = (_words if every else _words_joined)(text, found, start, end)
    whole = set(found)
    result: list[tuple[int, int, bool]] = []
    for span in sorted([*words, *found]):
        if span in whole:
            said = text[slice(*span)]
            strong = said.isdigit() or any(c.isdigit() or c in "\\$+=^_" for c in said)
            result.append((*span, strong or bool(_ARGUMENTS.fullmatch(said))))
        else:
            letter = bool(_LETTER.fullmatch(text, *span))
            result.append((*(widened(span, clusters) if clusters else span), letter))
    return result


def _words(text: str, found: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    """All words between atoms."""
    edges = [start, *(b for _, b in found)], [*(a for a, _ in found), end]
    for low, high in zip(*edges, strict=True):
        yield from (match.span() for match in _WORD.finditer(text, low, high))


def _words_joined(text: str, found: Sequence[Span], start: int, end: int) -> Iterator[Span]:
    """Those that touch an atom, or that only blanks divide from the sign of an operator; there is
    no LaTeX command between the atoms.
    """
    atoms, n = [*found, (end, end)], 0
    edges = pairwise([(start, start), *found])
    begins = {_word_begin(text, b, a) for (_, b), (a, _) in edges if text[a - 1 : a].isalnum()}
    begins.update([b for _, b in found if text[b : b + 1].isalnum()])
    for match in _JOINED.finditer(text, start, end):
        at = match.start()
        while atoms[n][1] <= at:
            n += 1
        a, b = atoms[n]  # the first that ends behind the sign
        if at <= a:
            begins.add(_word_begin(text, atoms[n - 1][1] if n else start, at))
        if at < a or at == b - 1:
            after = at + 1
            while text[after : after + 1].isspace():
                after += 1
            if text[after : after + 1].isalnum():
                begins.add(after)
    n = 0
    for begin in sorted(begins):
        while atoms[n][0] < begin and n < len(found):
            n += 1
        if word := _WORD.match(text, begin, atoms[n][0]):
            yield word.span()


def _word_begin(text: str, low: int, end: int) -> int:
    """Where the word begins that ends at `end`, but for blanks; not before `low`."""
    while end > low and text[end - 1].isspace():
        end -= 1
    while end > low and text[end - 1].isalnum() and not text[end - 1].isdecimal():
        end -= 1
    return end
