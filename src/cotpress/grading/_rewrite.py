r"""One spelling for what is written in many: fonts, repeating
decimals, degrees, plus-minus, units behind a formula.
"""

import re
from fractions import Fraction

_FONT = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathtt|mathbb|boldsymbol|bm|pmb|textit|emph|underline|textcolor\s*\{\w+\}|color\s*\{\w+\})\s*(?=\{)"
    r"|\\color\s*\{\w+\}"
)
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{(\d+)\}|(\d))")
_ODD_ROOT = re.compile(r"\\sqrt\s*\[\s*(\d*[13579])\s*\]\s*\{\s*-\s*([^{}]+)\}")
_DEGREES = re.compile(
    r"(\\(?:sin|cos|tan|cot|sec|csc)\s*[({]?\s*)(\d+(?:\.\d+)?)\s*\^\s*\{?\s*\\circ\s*\}?"
)
_ANGLES = re.compile(r"\\(?:langle|left\s*<)\s*(.+?)\s*\\(?:rangle|right\s*>)")
_ABOUT = re.compile(
    r"^\\text\s*\{\s*(?:approximately|about|roughly|around|exactly)\s*\}\s*(?=[\d\\$.-])",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(r"^(\S*\d\S*)\s*\((?:[a-z]+[ -]?)+\)$", re.IGNORECASE)
_INEQUALITY = re.compile(r"^\s*([a-zA-Z])\s*(<=?|>=?|\\leq?(?![a-z])|\\geq?(?![a-z]))\s*([^<>,]+)$")

_WORD_UNIT = r"(?:[kcmµμn]?m|[km]?g|s|h|min|[km]?L|ml|K|N|J|[kM]?W|V|A|Pa|Hz|mol|C|F)"
_UNIT = re.compile(
    r"(?:\s*\^\s*\{?\s*\\circ\s*\}?\s*(?:C|F|\\(?:text|mathrm)\{\s*[CF]\s*\})"
    r"|(?:\\mu\s*)?\\(?:Omega|(?:text|mathrm)\s*\{\s*[^{}\d]*\})(?:\s*\^\s*\{?-?\d\}?)?"
    r"|\\frac\s*\{\s*\\(?:text|mathrm)\{[^{}\d]+\}\s*\}\s*\{\s*\\(?:text|mathrm)\{[^{}\d]+\}(?:\^\{?\d\}?)?\s*\}"
    rf"|\s+{_WORD_UNIT}(?:/{_WORD_UNIT})?(?:\s*\^\s*\{{?[23]\}}?)?)+\s*$"
)


def rewritten(text: str) -> str:
    r"""The formula in plainer LaTeX of the same value; unchanged where nothing is known to be
    plainer.

    `\mathbf{x}` -> `x`, `0.\overline{3}` -> `\frac{1}{3}`, `\sqrt[3]{-8}` -> `-\sqrt[3]{8}`, `\sin
    30^\circ` in radians, `\langle 1,2\rangle` -> `(1,2)`, `5 (five)` -> `5`.
    """
    plain = unfonted(text)
    plain = _REPEATING.sub(_fraction, plain)
    plain = _ODD_ROOT.sub(r"-\\sqrt[\1]{\2}", plain)
    plain = _DEGREES.sub(r"\1 \\frac{\2 \\pi}{180} ", plain)
    plain = _ANGLES.sub(r"(\1)", plain)
    plain = _ABOUT.sub("", plain)
    return _IN_WORDS.sub(r"\1", plain)


def unfonted(text: str) -> str:
    r"""The text without commands that only say how it looks; the braces
    of an argument go, too, however deep it nests.
    """
    while match := _FONT.search(text):
        end = _closing(text, match.end()) if text[match.end() : match.end() + 1] == "{" else None
        inner = text[match.end() + 1 : end] if end is not None else ""
        rest = text[end + 1 :] if end is not None else text[match.end() :]
        text = text[: match.start()] + inner + rest
    return text


def _closing(text: str, start: int) -> int | None:
    """Where the brace that opens at `start` is closed."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return place
    return None


def _fraction(match: re.Match[str]) -> str:
    r"""`0.1\overline{6}` -> `\frac{1}{6}`."""
    whole, before, again = match[1] or "0", match[2], match[3] or match[4]
    value = Fraction(
        int(whole + before + again) - int(whole + before),
        (10 ** len(again) - 1) * 10 ** len(before),
    )
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def without_unit(text: str) -> str:
    """The formula without a unit behind it; the whole text where nothing else is there."""
    return _UNIT.sub("", text).strip() or text


def both_signs(text: str) -> str | None:
    r"""`3 \pm \sqrt{5}` -> the set of its two values; None
    where there is not exactly one plus-minus.
    """
    parts = re.split(r"\\pm(?![a-zA-Z])|±", text)
    return rf"\{{{parts[0]}+{parts[1]}, {parts[0]}-{parts[1]}\}}" if len(parts) == 2 else None


def as_interval(text: str) -> str | None:
    r"""`x < 2` -> `(-\infty, 2)`; None for anything else."""
    match = _INEQUALITY.match(text)
    if not match:
        return None
    sign, bound = match[2].removeprefix("\\"), match[3].strip()
    closed = sign not in ("<", ">")
    if sign[0] in "<l":
        return rf"(-\infty, {bound}{']' if closed else ')'}"
    return rf"{'[' if closed else '('}{bound}, \infty)"
