"""How the field grades: four rules, each written from its published description.

A rule is a function (text, reference) -> is the answer right. They are here to be compared with
`cotpress.grading` (grading_agreement.py), not to grade with.
"""

import re
from collections.abc import Callable

from cotpress.grading import boxed

Rule = Callable[[str, str], bool]

_NUMBER = re.compile(r"-?\$?\d[\d,]*(?:\.\d+)?")


def gsm8k(text: str, reference: str) -> bool:
    """The number after the last `####`, else the last number; `$` and commas dropped; equal as
    text or as numbers. Cobbe et al. 2021, section 2 and the released `#### N`; the last number as
    in chain-of-thought prompting (Wei et al. 2022).
    """
    marked = re.findall(r"####\s*(-?\$?[\d.,]+)", text)
    found = marked[-1:] or _NUMBER.findall(text)[-1:]
    return bool(found) and _same(_bare(found[0]), _bare(reference))


def _bare(number: str) -> str:
    return number.replace(",", "").replace("$", "").strip().rstrip(".")


def _same(one: str, other: str) -> bool:
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def math(text: str, reference: str) -> bool:
    """The last box, else what follows "final answer is"; equal after string normalisation.
    Hendrycks et al. 2021, appendix on answer equivalence; Lewkowycz et al. 2022, appendix D.1.
    """
    said = re.findall(r"[Ff]inal answer is:?\s*(.+?)\.?(?:\s*I hope it is correct.*)?$", text, re.M)
    found = boxed(text) or (said[-1] if said else None)
    return found is not None and math_string(found) == math_string(reference)


_MATH_STEPS = (
    (r"\n|\\!|\\,|\\;|\\ |~|\\left(?![a-z])|\\right(?![a-z])|\\\$|\$", ""),
    (r"\\[dt]frac", r"\\frac"),
    (r"\^\{?\\circ\}?", ""),
    (r"\\?%", ""),
    # units, which stand behind the number
    (r"(?<=\S)\s*\\(?:text|mbox)\{\s[^{}]*\}(?:\^\{?\d\}?)?", ""),
    (r"\\(?:text|mbox|textbf|mathrm)\{([^{}]*)\}", r"\1"),
    (r"^\s*\w{1,2}\s*=\s*(?=[^=]+$)", ""),
    (r"\s+", ""),
    (r"(?<![\d.])\.(?=\d)", "0."),
    (r"\\sqrt(\d|[a-zA-Z])", r"\\sqrt{\1}"),
    (r"\\frac(\d)(\d)", r"\\frac{\1}{\2}"),
    (r"\\frac(\d)\{", r"\\frac{\1}{"),
    (r"\\frac\{([^{}]*)\}(\d)", r"\\frac{\1}{\2}"),
    (r"^(-?\d+)/(\d+)$", r"\\frac{\1}{\2}"),
    (r"^0\.5$", r"\\frac{1}{2}"),
    (r"^(-?\d{1,3}(?:,\d{3})+)$", lambda number: number[0].replace(",", "")),
    (r"\.$", ""),
)


def math_string(formula: str) -> str:
    r"""A formula without `\left`, units, degrees, per cent, `x=` and spaces, fractions alike."""
    for pattern, spelling in _MATH_STEPS:
        formula = re.sub(pattern, spelling, formula)
    return formula


def gpqa(text: str, reference: str) -> bool:
    """The letter of the last "answer is (X)", else the last "(X)". Rein et al. 2023, appendix on
    prompts: "the correct answer is (insert answer here)".
    """
    said = re.findall(r"[Aa]nswer(?: is|:)?\s*\(([A-Z])\)", text) or re.findall(
        r"\(([A-Z])\)", text
    )
    wanted = re.search(r"[A-Z]", reference)
    return bool(said) and wanted is not None and said[-1] == wanted[0]


def aime(text: str, reference: str) -> bool:
    """The last box, else the last whole number: an integer from 0 to 999, leading zeros dropped.
    The rules of the AIME (Mathematical Association of America).
    """
    found = boxed(text) or (re.findall(r"\d+", text) or [""])[-1]
    said = re.fullmatch(r"\s*\$?\s*(\d{1,3})\s*\$?\s*", found)
    wanted = re.fullmatch(r"\d{1,3}", reference.strip())
    return bool(said and wanted) and int(said[1]) == int(wanted[0])


RULES: dict[str, tuple[str, Rule]] = {
    "GSM8K": ("math", gsm8k),
    "MATH": ("math", math),
    "GPQA": ("choice", gpqa),
    "AIME": ("math", aime),
}
"""Name -> the grader of ours that it is compared with, and the rule."""
