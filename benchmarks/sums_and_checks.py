"""What the answers of evaluations hold: sums that are worked out wrong, and the checks of `overthink`.

    python benchmarks/sums_and_checks.py runs/choose/token-assorted/seed-*/eval.jsonl

One row for each setting, over all files: answers, how many are right, how many hold a wrong sum
(an `a + b = c` that has another value; also - * /, not sums of more numbers), and how many of the wrong ones do. Then how
many begin with a result ("in the end" within the first 120 characters behind the codes), how many
check (name Monday behind the codes, and again where there are none), and how many of the answers
with a check, and of those without one, are right.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from operator import add, mul, sub, truediv
from pathlib import Path
from typing import NamedTuple

from cotpress import storage
from cotpress.evaluation.setting import setting_of
from cotpress.latent_tokens import CODE, RUN
from cotpress.records import NOTHING, Trace

NUMBER = r"\d+(?:\.\d+)?"
SUM = re.compile(rf"(?<![-+*/\d.])(?<![-+*/] )({NUMBER}) ?([-+*/]) ?({NUMBER}) ?= ?(-?{NUMBER})")
VALUE = {"+": add, "-": sub, "*": mul, "/": truediv}
BEGINNING = 120
"""Characters in which a result counts as the beginning."""


class Answer(NamedTuple):
    """What is counted of one answer."""

    right: bool
    wrong_sum: bool
    result_first: bool
    checks: bool


def wrong_sums(text: str) -> Iterator[str]:
    """The sums of a text that have another value: `16 * 2 = 4`."""
    for found in SUM.finditer(text):
        a, sign, b, c = found.groups()
        by_nothing = sign == "/" and not Fraction(b)
        if by_nothing or VALUE[sign](Fraction(a), Fraction(b)) != Fraction(c):
            yield found[0]


def read(trace: Trace) -> Answer:
    """A graded trace of an evaluation, counted."""
    text = RUN.sub("", trace.reasoning).strip()
    days = text.count("Monday")
    return Answer(
        right=trace.grade is not None and trace.grade.correct,
        wrong_sum=any(wrong_sums(text)),
        result_first="in the end" in text[:BEGINNING],
        checks=days > (0 if CODE.search(trace.reasoning) else 1),
    )


def share(found: Iterable[Answer]) -> str:
    """`563 of 564` right."""
    right = [one.right for one in found]
    return f"{sum(right)} of {len(right)}"


def line(name: str, found: list[Answer]) -> str:
    wrong = [one for one in found if not one.right]
    faulty = sum(one.wrong_sum for one in found)
    begun = sum(one.result_first for one in found)
    check, none = ([one for one in found if one.checks is told] for told in (True, False))
    cells = [
        name,
        share(found),
        f"{faulty}",
        f"{sum(one.wrong_sum for one in wrong)} of {len(wrong)}",
        f"{begun}",
        share(check),
        share(none),
    ]
    return f"| {' | '.join(cells)} |"


def named(trace: Trace) -> str:
    """The setting of an answer, as the rows call it."""
    setting = setting_of(trace)
    parts = [setting.method]
    parts += [f"at {setting.asked}"] if setting.asked != NOTHING else []
    parts += [] if trace.latents is None else [f"{trace.latents} codes"]
    return " ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluations", type=Path, nargs="+", help="what `cotpress eval` wrote")
    settings: defaultdict[str, list[Answer]] = defaultdict(list)
    for path in parser.parse_args().evaluations:
        for trace in storage.read(path, Trace):
            settings[named(trace)].append(read(trace))
    print("| setting | right | with a wrong sum | of the wrong ones | begin with a result | right, of those that check | right, of the others |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    for name, found in settings.items():
        print(line(name, found))


if __name__ == "__main__":
    main()
