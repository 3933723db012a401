"""An answer in one spelling: without markup around it, typographic signs as LaTeX."""

import re

from cotpress.grading._rewrite import grouped, rewritten

MAX_ANSWER = 400
"""Characters. A longer answer is not handed to computer
algebra; the longest reference of MATH has about 160.
"""
SHOWN = 200
"""Characters of an answer that a `Grade` holds; of a longer one the beginning and its length."""

WORDS = re.compile(r"[A-Za-z][A-Za-z .'-]{2,}")

_SPELLINGS = str.maketrans(
    {
        **{
            "−": "-",
            "–": "-",
            "×": r"\times ",
            "·": r"\cdot ",
            "÷": "/",
            "π": r"\pi ",
            "∞": r"\infty ",
            "°": r"^\circ ",
        },
        **{
            "≤": r"\le ",
            "≥": r"\ge ",
            "≠": r"\ne ",
            "∈": r"\in ",
            "ℝ": r"\mathbb{R}",
            "∅": r"\emptyset ",
            "±": r"\pm ",
            "∩": r"\cap ",
            "⟨": r"\langle ",
            "⟩": r"\rangle ",
            "∪": r"\cup ",
            "√": r"\sqrt ",
            "²": "^2",
            "³": "^3",
            "\u00a0": " ",
            "\u202f": " ",
        },
        **{
            "½": r"\frac{1}{2}",
            "¼": r"\frac{1}{4}",
            "¾": r"\frac{3}{4}",
            "～": "~",
            "≈": r"\approx ",
        },
    }
)
_CLEANUPS = [
    (re.compile(r"(?<!\\)\\!\s*"), ""),
    # but not after \\, which ends a row of a matrix
    (
        re.compile(r"(?<!\\)\\[,;:> ]|~|\\q?quad(?![a-zA-Z])"),
        " ",
    ),
    (re.compile(r"\\(?:left|right|displaystyle|textstyle|limits|[bB]igg?[lr]?)(?![a-zA-Z])"), ""),
    (re.compile(r"\\[dtc]frac(?![a-zA-Z])"), r"\\frac"),
    (re.compile(r"\\text(?:normal|rm|it|sf|up)(?![a-zA-Z])"), r"\\text"),
    (re.compile(r"\\(?:mathrm|text|operatorname)\{(e|i)\}"), r"\1"),
    (re.compile(r"(?<![\\a-zA-Z])pi(?![a-zA-Z])"), r"\\pi "),
    (re.compile(r"(?<![\\a-zA-Z])sqrt\s*\(([^()]*)\)"), r"\\sqrt{\1}"),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?!\w)"), r"\1 \\times 10^{\2}"),
    (re.compile(r"(?<![\w.,/])(\d+) (\d+)/(\d+)(?![\w/])"), r"\1\\frac{\2}{\3}"),
]
_DIGITS = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
_WRAPPED = re.compile(
    r"\*\*(.+)\*\*|\$\$?((?:[^$\\]|\\.)+)\$\$?|\\\((.+)\\\)|\\\[(.+)\\\]|\\(?:text|textbf|mathbf|mathrm|mbox|boxed)\{([^{}]*)\}",
    re.DOTALL,
)


def plain(text: str) -> str:
    """The text in one spelling: without `$`, bold or
    `\\text{}` all around it, typographic signs as LaTeX.
    """
    bare = text.strip()
    while wrapped := _WRAPPED.fullmatch(bare):
        bare = next((group for group in wrapped.groups() if group is not None), "").strip()
    if _DIGITS.fullmatch(bare):
        return bare
    bare = bare.translate(_SPELLINGS)
    for pattern, spelling in _CLEANUPS:
        bare = pattern.sub(spelling, bare)
    return rewritten(grouped(bare.strip().removesuffix(".").removeprefix(r"\approx ").strip()))
