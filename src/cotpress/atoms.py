r"""What a cut keeps or drops whole, always: an atom is never divided, whatever the unit.

A number with its sign, exponent and unit mark; a LaTeX command with its arguments; brackets around
mathematics; a name with digits; a grapheme cluster; a numeral in words; a block of code; a table.
Half of any of them means something else: `10⁻`, `2 × 3 + 4` for `2 × (3 + 4)`, `12` for `AB12CDE`.

Some atoms need others. An operator with the operand behind it needs what stands before: of
`3 + 4 = 7` a cut may leave `3 + 4`, never `= 7` or `3 = 7`. Math delimiters and the two ends of an
environment are one atom with the first piece between them, and each further piece needs the one
before. So formulas grow from the left, balanced at any length, and no atom is so large that it
could not be afforded.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import regex

Span = tuple[int, int]


class Atom(NamedTuple):
    """What is kept or dropped whole."""

    spans: tuple[Span, ...]
    """(start, end) in characters, rising; several for a pair."""
    needs: int = -1
    """Index of the atom without which this one is not kept; -1: it stands by itself."""


_BLOCKS = re.compile(
    r"^(?P<fence>```+|~~~+)[^\n]*\n(?:.*\n)*?(?P=fence)[^\n]*$"
    r"|^[ \t]*\|[^\n]*(?:\n[ \t]*\|[^\n]*)+|\[asy\](?s:.*?)\[/asy\]",
    re.MULTILINE,
)
"""Fenced code, tables of two lines and more, and drawings."""
_DELIMITED = re.compile(
    r"(?P<o1>\$\$)(?:[^$\\]|\\.)+(?P<c1>\$\$)|(?P<o2>\\\[)(?:[^\\]|\\(?!\]).)*(?P<c2>\\\])"
    r"|(?P<o3>\\\()(?:[^\\]|\\(?!\)).)*(?P<c3>\\\))"
    r"|(?<![\\$])(?P<o4>\$)(?=[^\s$])(?:[^$\n\\]|\\.)*?(?<=[^\s\\])(?P<c4>\$)(?!\d)",
    re.DOTALL,
)
"""Formulas between math delimiters; `$5 and $7` is none."""
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}\n]+)\}(?:(?<=\})\{[^{}\n]*\})?")
_PAIR = re.compile(r"\\left(?![a-z])|\\right(?![a-z])|\\.|(?P<open>[({\[])|(?P<close>[)}\]])")
_BARS = re.compile(r"(?<![|\w])\|(?=\S)[^|\n]{1,40}?(?<=\S)\|(?!\|)")
_HEAD = re.compile(r"(?:\\[A-Za-z]+\*?|\\.|[A-Za-z0-9)\]}′'])?\s*[_^]?\s*\Z")
"""What a group of braces belongs to: a command, or a base with `_` or `^`."""
_JOINS = (
    r"\\(?:times|cdot|div|pm|mp|leq?|geq?|neq?|approx|equiv|to|mid|cup|cap|implies|iff|quad|qquad"
    r"|(?:Long)?[rR]ightarrow|(?:Long)?leftrightarrow|cdots|ldots|dots)(?![A-Za-z])"
)
"""Commands that join what stands on both sides."""
_SINGLE = re.compile(
    r"\\(?:[dtc]?frac|[dt]?binom)\s*(?:[0-9A-Za-z]|\\[A-Za-z]+)\s*(?:[0-9A-Za-z]|\\[A-Za-z]+)"
    r"|\\sqrt\s*[0-9A-Za-z]|(?:\\[A-Za-z]+|\w)\s*[_^]\s*(?:\\[A-Za-z]+|[-+]?\w+)"
    rf"|(?!{_JOINS}|\\\\)(?:\\[A-Za-z]+\*?|\\.)"
)
"""Commands with arguments of one letter, sub- and superscripts without braces, bare commands."""

_RAISED = r"[⁰¹²³⁴-⁹⁺⁻⁼ⁿ₀-₉₊₋₌ºª]"
_SIGN = r"(?:(?<![\w)\]}%!'’])[-+−±∓](?=[\d.$€£¥½¼¾⅓-⅞]))?"
_MARKS = r"(?:\s?\\?[%‰°]|[′″!€£¥]+)"
_NAME = r"[A-Za-zÀ-ÖØ-öø-ɏͰ-ϿЀ-ӿ]"
"""Letters of scripts that set words apart by blanks."""
_NUMBER = re.compile(
    rf"{_SIGN}(?:\\?[$€£¥]\s?)?#?(?:{_NAME}+-)?(?:{_NAME}|\d|_(?=\w))*\d(?:{_NAME}|\d|_(?=\w))*"
    rf"(?:[.,:'’/-]?{_NAME}*\d(?:{_NAME}|\d)*)*(?:(?<=[eE])[-+−]\d+)?(?:\s?[½¼¾⅓-⅞])?"
    rf"{_RAISED}*{_MARKS}?|{_SIGN}[½¼¾⅓-⅞]{_MARKS}?|\w{_RAISED}+"
)
"""A number, alone or in a name, with all that changes its value."""
_NUMERAL = re.compile(
    r"(?:第|百分之|千分之)?[零〇一二两兩三四五六七八九十百千万萬亿億]+(?:点[零〇一二三四五六七八九]+)?"
)
_OPERATOR = re.compile(
    r"\s*(?:<=|>=|==|!=|->|[-+−±∓*/×÷·⋅∗=<>≤≥≠≈≡∝→⇒∈⊂∪∩^]|"
    + _JOINS
    + r"|(?<=\d)\s+[xX](?=\s+[\d(])|(?<=\))\s*[xX](?=\s*[\d(]))\s*"
)
_RELATION = re.compile(r"\s*(?:[=≤≥≠≈≡]|<=|>=|==|!=)\s*\Z")
_LETTER = re.compile(r"(?<![^\W_])[^\W\d_](?![^\W_])['′]*")
_WORD = re.compile(r"[^\W\d_]+")
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_]{2})|(?<=[^\W\d_]{2})-(?=[^\W\d_])")


def atoms(text: str) -> list[Atom]:
    """The atoms of a text by position; no two overlap, and none needs one that needs it."""
    pairs = list(_pairs(text))
    regions = list(_regions(text))
    nested = [
        (a, b)
        for a, b, _ in [*_environments(text), *_delimited(text)]
        if any(x <= a and b <= y for _, _, (x, y) in regions)
    ]
    small = [pair for pair in pairs if _is_small(text, pair)]
    whole = _merged([*_blocks(text), *nested, *small, *_signs(text)])
    found: list[Atom] = []
    at = 0
    for start, end, inner in [*regions, (len(text), len(text), (len(text), len(text)))]:
        found += _shifted(_plain(text, at, start, whole, pairs), len(found))
        if start < end:
            found += _shifted(_formula(text, start, end, inner, whole), len(found))
        at = end
    return found


def _shifted(chain: Sequence[Atom], by: int) -> list[Atom]:
    return [atom if atom.needs < 0 else atom._replace(needs=atom.needs + by) for atom in chain]


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Overlapping spans as one."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if result and start < result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def _within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """Those of the merged spans that lie between."""
    first = bisect_left(spans, (start, start))
    return [span for span in spans[first : bisect_left(spans, (end, end))] if span[1] <= end]


def _blocks(text: str) -> Iterator[Span]:
    for pattern in (_BLOCKS, _BARS):
        yield from (match.span() for match in pattern.finditer(text))


def _environments(text: str) -> Iterator[tuple[int, int, Span]]:
    """(start, end, what is between) of each environment, nested ones too."""
    open_at: list[re.Match[str]] = []
    for match in _ENVIRONMENT.finditer(text):
        if match[1] == "begin":
            open_at.append(match)
        elif places := [n for n, begin in enumerate(open_at) if begin[2] == match[2]]:
            begin = open_at[places[-1]]
            del open_at[places[-1] :]
            yield begin.start(), match.end(), (begin.end(), match.start())


def _delimited(text: str) -> Iterator[tuple[int, int, Span]]:
    """The same of each formula between math delimiters."""
    for match in _DELIMITED.finditer(text):
        n = next(k for k in "1234" if match[f"o{k}"] is not None)
        yield *match.span(), (match.end(f"o{n}"), match.start(f"c{n}"))


def _regions(text: str) -> Iterator[tuple[int, int, Span]]:
    """The outermost formulas and environments, outside of blocks."""
    blocks = _merged([match.span() for match in _BLOCKS.finditer(text)])
    last = 0
    environments = {start: (end, inner) for start, end, inner in _environments(text)}
    for start, end, inner in sorted([*_environments(text), *_delimited(text)]):
        if start >= last and not any(a <= start < b for a, b in blocks):
            yield start, end, _innermost(text, inner, environments)
            last = end


def _innermost(text: str, inner: Span, environments: dict[int, tuple[int, Span]]) -> Span:
    """What is between the delimiters; of an environment that fills it, what is in that."""
    start = inner[0] + len(text[slice(*inner)]) - len(text[slice(*inner)].lstrip())
    if start in environments and not text[environments[start][0] : inner[1]].strip(" .,\n"):
        return environments[start][1]
    return inner


def _formula(text: str, start: int, end: int, inner: Span, whole: Sequence[Span]) -> list[Atom]:
    """A formula in pieces: the first one with both delimiters, each other needs the one before."""
    cuts, at = [inner[0]], inner[0]
    for stop, after in [*_within(whole, *inner), (inner[1], inner[1])]:
        for match in _BREAK.finditer(text, at, stop):
            piece = text[cuts[-1] : match.start()].rstrip()
            if piece.strip(" \\&\n") and piece[-1] not in _DANGLING:
                cuts.append(match.start())
        at = after
    cuts = cuts[:1] + [cut for cut in cuts[1:] if text[cut : inner[1]].strip(" \\&\n")]
    edges = [*cuts, inner[1]]
    first = Atom(((start, edges[1]), (inner[1], end)) if len(cuts) > 1 else ((start, end),))
    return [first, *(Atom((span,), n) for n, span in enumerate(pairwise(edges[1:])))]


_DANGLING = "=<>≤≥≠≈+-−±×·/*^_({[,"
"""What a piece of a formula does not end with."""
_BREAK = re.compile(r"(?<=\S)\s*(?:[-+−±=<>≤≥≠≈×·,]|\\\\|" + _JOINS + ")")
"""Where a formula may end early: before an operator or a relation, and between rows."""


def _plain(
    text: str, start: int, end: int, whole: Sequence[Span], pairs: Sequence[Span]
) -> list[Atom]:
    """The atoms of a stretch between formulas."""
    if start >= end:
        return []
    own = _within(whole, start, end)
    chains = list(_chains(text, own, start, end))
    joined = [(chain[0][0], chain[-1][1]) for chain in chains]
    found: list[Atom] = []
    single = [span for span in own if not any(a <= span[0] and span[1] <= b for a, b in joined)]
    for chain in sorted([*chains, *([span] for span in single)]):
        begin = _set_apart(text, chain[0][0], found[-1].spans[-1][1] if found else start)
        found.append(Atom(((begin, chain[0][1]),)))
        found += [Atom((span,), len(found) - 1 + k) for k, span in enumerate(chain[1:])]
    taken = _merged([span for atom in found for span in atom.spans])
    clusters = [] if text.isascii() else _clusters(text, start, end, taken)
    for a, b in pairs:  # of brackets in prose: what is between may go, the two ends only together
        if start <= a and b <= end and not any(_cuts(x, y, a, b) for x, y in taken):
            found.append(Atom(((a, a + 1), (b - 1, b))))
    return [*found, *clusters]


def _cuts(x: int, y: int, a: int, b: int) -> bool:
    """Whether a span x-y holds one of the ends of the pair a-b."""
    return x <= a < y or x < b <= y


def _clusters(text: str, start: int, end: int, taken: Sequence[Span]) -> list[Atom]:
    """Letters with what is written above, below or behind them."""
    spans = (match.span() for match in regex.finditer(r"\X", text, pos=start, endpos=end))
    return [
        Atom(((a, b),))
        for a, b in spans
        if b - a > 1 and not any(x < b and a < y for x, y in taken)
    ]


def _set_apart(text: str, start: int, free_from: int) -> int:
    """Where an atom begins with the blank or sign before it: `8 to 5` never becomes 85."""
    before = text[start - 1 : start]
    if before and start > free_from and not before.isalnum() and before not in "\n({[":
        return start - 1 if text[start].isalnum() else start
    return start


def _pairs(text: str) -> Iterator[Span]:
    """Brackets and braces from one end to the other, with what they belong to."""
    open_at: list[tuple[str, int]] = []
    for match in _PAIR.finditer(text):
        said = match[0]
        if said in _OPENS:
            open_at.append((said, match.start()))
        elif closes := _CLOSES.get(said):
            places = [n for n, (kind, _) in enumerate(open_at) if kind in closes]
            if places:
                start = open_at[places[-1]][1]
                del open_at[places[-1] :]
                end = match.end() + (1 if said == "\\right" and match.end() < len(text) else 0)
                yield (_headed(text, start) if said == "}" else start, end)


def _is_small(text: str, pair: Span) -> bool:
    """Whether a pair is one atom with what is between: braces always, brackets of mathematics."""
    said = text[slice(*pair)]
    if said[-1] == "}" or said.startswith("\\left"):
        return True
    return len(said) <= LONGEST and bool(_MATHS.search(said)) and not _PROSE.search(said)


LONGEST = 80
"""Characters between brackets that are still one atom."""
_MATHS = re.compile(r"[\d=+*/^×·÷−√\\]|^.[a-zA-Z].$")
_PROSE = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}|\$")
_OPENS = {"(", "[", "{", "\\left"}
_CLOSES = {")": ("(", "["), "]": ("[", "("), "}": ("{",), "\\right": ("\\left",)}
"""A half-open interval ends with the other bracket."""


def _headed(text: str, brace: int) -> int:
    """Where that begins which a group of braces belongs to: its command, or its base."""
    before = text[max(0, brace - 60) : brace]
    head = _HEAD.search(before)
    if not head or not head[0].strip():
        return brace
    if head[0].strip()[-1:] in "_^" or head[0].startswith("\\") or before[-1:] in "}]":
        return brace - len(head[0])
    return brace


def _signs(text: str) -> Iterator[Span]:
    """Commands with small arguments, numbers, names with digits, and numerals."""
    for pattern in (_SINGLE, _NUMBER, _NUMERAL):
        yield from (match.span() for match in pattern.finditer(text))


def _chains(text: str, found: Sequence[Span], start: int, end: int) -> Iterator[list[Span]]:
    """Operators with their operands: the first operand, then each operator with the next."""
    operands = {a: (b, strong) for a, b, strong in _operands(text, found, start, end)}
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
    if last in operands and text[last - 1 : last] not in (
        "",
        " ",
        "\n",
    ):  # side by side: 2x, 3(y + 1)
        end, other = operands[last]
        small = end - last <= 1 or text[last] in "([{\\"
        return last if strong and other and small else None
    operator = _OPERATOR.match(text, last)
    if not operator:  # `4 -6`
        blank = re.compile(r"[ \t]+(?=[-+−±])").match(text, last)
        return blank.end() if blank and strong and blank.end() in operands else None
    if _HYPHEN.match(text, operator.start()) or "\n" in operator[0]:
        return None
    after = operator.end()
    if after not in operands:
        return None
    return after if strong or operands[after][1] or _RELATION.match(operator[0]) else None


def _operands(
    text: str, found: Sequence[Span], start: int, end: int
) -> list[tuple[int, int, bool]]:
    """(start, end, whether it is surely mathematics) of atoms, and of words between them."""
    result: list[tuple[int, int, bool]] = []
    edges = [start, *(b for _, b in found)], [*(a for a, _ in found), end]
    for (low, high), atom in zip(zip(*edges, strict=True), [*found, None], strict=True):
        for match in _WORD.finditer(text, low, high):
            letter = bool(_LETTER.fullmatch(text, *match.span()))
            result.append((*match.span(), letter))
        if atom:
            said = text[slice(*atom)]
            result.append((*atom, any(c.isdigit() or c in "\\$+=^_" for c in said)))
    return result
