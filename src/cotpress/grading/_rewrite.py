r"""One spelling for what is written in many: fonts, repeating
decimals, degrees, plus-minus, groups of digits.
"""

import re
from fractions import Fraction

from cotpress.grading._numerals import in_digits

_FONT = re.compile(
    r"\\(?:mathbf|mathit|mathsf|mathtt|mathbb(?!\s*\{?\s*[CNQRZ]\b)|boldsymbol|bm|pmb|textit|emph|underline|textcolor\s*\{\w+\}|color\s*\{\w+\})\s*(?=\{)"
    r"|\\color\s*\{\w+\}"
)
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar|dot)\s*(?:\{(\d+)\}|(\d))")
_ODD_ROOT = re.compile(r"\\sqrt\s*\[\s*(\d*[13579])\s*\]\s*\{\s*-\s*([^{}]+)\}")
_DEGREES = re.compile(
    r"(\\(?:sin|cos|tan|cot|sec|csc)\s*[({]?\s*)(\d+(?:\.\d+)?)\s*\^\s*\{?\s*\\circ\s*\}?"
)
_ANGLES = re.compile(r"\\(?:langle|left\s*<)\s*(.+?)\s*\\(?:rangle|right\s*>)")
_ABOUT = re.compile(
    r"^(?:\\text\s*\{\s*(?:approximately|about|roughly|around|exactly)\s*\}|(?:approx|ca)\.)"
    r"\s*(?=[\d\\$.-])",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(r"^(-?\d[\d.,]*)\s+\(([a-z]{3,}(?:[ -][a-z]{2,})*)\)$", re.IGNORECASE)
_EMPTY = re.compile(r"\\(?:varnothing|emptyset)(?![a-zA-Z])|\\\{\s*\\\}")
_REALS = re.compile(r"\\mathbb\s*\{?\s*R\s*\}?|\\R(?![a-zA-Z])")
_CURRENCY = re.compile(r"\\(?:text|mathrm|mbox)\s*\{\s*(\\?[$€£¥])\s*\}")
_DECIMAL_COMMA = re.compile(r"(?<![\d.,}])(\d+)\{,\}(\d+)(?![\d.,{])")
_GROUPS = re.compile(
    r"(?<![\d.,^_])[1-9]\d{0,2}(?: \d{3})+(?!\d|-[a-zA-Z])|(?<![\d,])\d+\.\d{3}(?: \d{3})+(?!\d)"
)
_CLOCK = re.compile(
    r"(?<!\d)(\d{1,2})\s*:\s*(\d\d)\s*(?:\\(?:text|mathrm)\s*\{)?\s*([ap])\.?\s*m\b\.?(?:\s*\})?",
    re.IGNORECASE,
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
    plain = _CURRENCY.sub(r"\1", _REALS.sub(r"\\mathbb{R}", _EMPTY.sub(r"\\emptyset ", plain)))
    plain = _CLOCK.sub(lambda time: f"{time[1]}:{time[2]} {time[3].lower()}m", plain)
    return _IN_WORDS.sub(_without_words, plain).strip()


def _without_words(number: re.Match[str]) -> str:
    """`5 (five)` and `5 (apples)` -> `5`; `5 (six)` says two things and stays."""
    said = in_digits(number[2])
    return number[1] if said in (None, number[1].replace(",", "")) else number[0]


def grouped(text: str) -> str:
    r"""The text with one spelling for digits in groups and for decimal commas: `10 000` -> `10000`,
    `0{,}125` -> `0.125`, `1{,}000` -> `1,000`.
    """
    text = _DECIMAL_COMMA.sub(_with_point, text).replace("{,}", ",").replace("{:}", ":")
    return _GROUPS.sub(lambda number: number[0].replace(" ", ""), text)


def _with_point(number: re.Match[str]) -> str:
    thousands = len(number[2]) == 3 and number[1].strip("0") and len(number[1]) <= 3
    return f"{number[1]}{',' if thousands else '.'}{number[2]}"


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


def both_signs(text: str) -> str | None:
    r"""`3 \pm \sqrt{5}` -> the set of its two values; None
    where there is not exactly one plus-minus.
    """
    parts = re.split(r"\\pm(?![a-zA-Z])|±", text)
    return rf"\{{{parts[0]}+{parts[1]}, {parts[0]}-{parts[1]}\}}" if len(parts) == 2 else None
