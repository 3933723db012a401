"""Numbers, names and commands; and operators with their operands."""

import re
from collections.abc import Iterator, Sequence

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


def signs(text: str, start: int, end: int) -> Iterator[Span]:
    """Commands with small arguments, numbers, names with digits, and numerals."""
    for pattern in (_SINGLE, _NUMBER, _NUMERAL, _SCALED):
        yield from (match.span() for match in pattern.finditer(text, start, end))


_OPERATOR = re.compile(
    r"\s*(?:<=|>=|==|!=|->|[-+*/%]=|\*\*|//|[-+−±∓*/×÷·⋅∗=<>≤≥≠≈≡∝→⇒∈⊂∪∩^]|%(?=\s*[\w(])|"
    + JOINS
    + r"|(?<=\d)\s+[xX](?=\s+[\d(])|(?<=\))\s*[xX](?=\s*[\d(]))\s*"
)
_BLANK = re.compile(r"[ \t]+(?=[-+−±])")
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
    operator = _OPERATOR.match(text, last)
    if not operator:  # `4 -6`
        blank = _BLANK.match(text, last)
        return blank.end() if blank and strong and blank.end() in operands else None
    if _HYPHEN.match(text, operator.start()) or "\n" in operator[0]:
        return None
    after = operator.end()
    if after not in operands:
        return None
    return after if strong or operands[after][1] or _RELATION.match(operator[0]) else None


def _operands(
    text: str, found: Sequence[Span], start: int, end: int, clusters: Sequence[Span]
) -> list[tuple[int, int, bool]]:
    """(start, end, whether it is certainly mathematics) of atoms, and of words between them."""
    result: list[tuple[int, int, bool]] = []
    edges = [start, *(b for _, b in found)], [*(a for a, _ in found), end]
    for (low, high), atom in zip(zip(*edges, strict=True), [*found, None], strict=True):
        for match in _WORD.finditer(text, low, high):
            letter = bool(_LETTER.fullmatch(text, *match.span()))
            result.append((*widened(match.span(), clusters), letter))
        if atom:
            said = text[slice(*atom)]
            strong = any(c.isdigit() or c in "\\$+=^_" for c in said)
            result.append((*atom, strong or bool(_ARGUMENTS.fullmatch(said))))
    return result
