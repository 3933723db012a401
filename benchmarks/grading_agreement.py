"""Do our graders and the rules of the field agree, and which is right where they do not?

    python benchmarks/grading_agreement.py [--gsm8k FILE] [--math FILE] [--math-verify TESTS]

Always: every row of tests/grading/cases.jsonl, whose verdicts were written by hand, under the rules
of its grader (AIME: the rows with a whole number below 1,000 as reference). `--gsm8k` and `--math`
add gold solutions (JSON lines with `answer` and `cot` or `solution`), each with its own reference,
which is right, and with the next one that differs, which is wrong. `--math-verify` adds the cases
of math-verify's own tests from a checkout of its repository; they are read, not run.

Every disagreement goes to `--out` (`--math-verify-out` for math-verify's), with both verdicts and a
reason; a reason that was written into the file by hand is kept.
"""

import argparse
import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from grading_rules import RULES, math_string

from cotpress.grading import load

HERE = Path(__file__).parent
CASES = HERE.parent / "tests" / "grading" / "cases.jsonl"
BARE = re.compile(
    r"(\$+)(?:(?!\\boxed)[^$])+\1|-?\\frac\{\d+\}\{\d+\}|(?!.*\\boxed)[-\d.,/ $]+", re.DOTALL
)
"""A formula between dollars, or a number, and nothing beside it."""
SHOWN = 160
"""Characters, from the end, of a text that the list of disagreements shows."""


class Case(NamedTuple):
    """A text, a reference, and whether the answer in the text deserves to be right."""

    source: str
    grader: str
    text: str
    reference: str
    right: bool


class Disagreement(NamedTuple):
    """A case on which we and a rule (or its authors) differ."""

    rule: str
    case: Case
    ours: bool
    rules: bool

    def row(self, reasons: dict[str, str]) -> dict[str, object]:
        """One line of the list of disagreements."""
        return {
            "rule": self.rule,
            "source": self.case.source,
            "text": self.case.text[-SHOWN:],
            "reference": self.case.reference,
            "ours": self.ours,
            "theirs": self.rules,
            "reason": reasons.get(key(self.rule, self.case.text[-SHOWN:], self.case.reference), ""),
        }


def key(rule: str, text: str, reference: str) -> str:
    return json.dumps([rule, text, reference])


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def table() -> Iterator[Case]:
    for row in rows(CASES):
        yield Case("table", row["grader"], row["text"], row["reference"], bool(row["right"]))


def gold(source: str, path: Path) -> Iterator[Case]:
    """Every gold solution with its own reference and with the next that differs."""
    found = rows(path)
    for n, row in enumerate(found):
        text = row.get("solution") or f"{row['cot']}\n#### {row['answer']}"
        yield Case(source, "math", text, row["answer"], True)
        others = (found[(n + step) % len(found)]["answer"] for step in range(1, len(found)))
        other = next(one for one in others if math_string(one) != math_string(row["answer"]))
        yield Case(source, "math", text, other, False)


def of_math_verify(tests: Path) -> Iterator[Case]:
    """The parametrised (gold, pred, expected) of math-verify's tests, without those that ask for
    another setting than its own, or are put together by code.
    """
    for path in sorted(tests.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("parametrize")):
                continue
            names = [name.strip() for name in ast.literal_eval(node.args[0]).split(",")]
            if names[:2] != ["gold", "pred"] or not isinstance(node.args[1], ast.List):
                continue
            for item in node.args[1].elts:
                if any(isinstance(part, ast.JoinedStr) for part in ast.walk(item)):
                    continue
                row = dict(zip(names, ast.literal_eval(item), strict=True))
                if row.get("strict", True) and not row.get("allow_set_relation_comp"):
                    right = bool(row.get("expected", row.get("result")))
                    yield Case(path.stem, "math", row["pred"], row["gold"], right)


def write(found: list[Disagreement], out: Path) -> None:
    """The list of disagreements, with the reasons that it had before."""
    known = rows(out) if out.exists() else []
    reasons = {key(row["rule"], row["text"], row["reference"]): row["reason"] for row in known}
    lines = [json.dumps(one.row(reasons), ensure_ascii=False) + "\n" for one in found]
    out.write_text("".join(lines), encoding="utf-8")
    print(f"{len(found)} disagreements in {out}, {len(set(reasons.values()) - {''})} reasons")


def ours(case: Case) -> bool:
    return load(case.grader)(case.text, case.reference).correct


def compared(name: str, cases: list[Case], source: str) -> list[Disagreement]:
    """Compare a rule with ours on the cases of its grader, and print one line."""
    grader, rule = RULES[name]
    mine = [case for case in cases if case.grader == grader]
    if name == "AIME":
        mine = [case for case in mine if case.reference.isdigit() and int(case.reference) < 1000]
    counts: Counter[str] = Counter()
    found = []
    for case in mine:
        we, they = ours(case), rule(case.text, case.reference)
        counts["agree" if we == they else "we" if we == case.right else "they"] += 1
        counts["both wrong"] += we == they != case.right
        if we != they:
            found.append(Disagreement(name, case, we, they))
    print(
        f"{name:6} {source:8} n {len(mine):5}  agree {counts['agree']:5} (both wrong "
        f"{counts['both wrong']})  ours right, rule wrong {counts['we']:4}  "
        f"ours wrong, rule right {counts['they']:3}"
    )
    return found


def against_math_verify(tests: Path) -> list[Disagreement]:
    """Compare ours with the verdicts that math-verify's authors expect: each text as it is; then
    with a box around each that is one bare formula, where ours reads no answer but a last number.
    """
    cases = list(of_math_verify(tests))
    found: list[Disagreement] = []
    for how in ("as it is", "in a box"):
        asked = [in_a_box(case) if how == "in a box" else case for case in cases]
        wrong = [case for case in asked if ours(case) != case.right]
        false = sum(not case.right for case in wrong)
        print(
            f"math-verify's tests, {how}: n {len(cases)}  agree {len(cases) - len(wrong)}", end=""
        )
        print(f"  ours right, theirs wrong {false}, the reverse {len(wrong) - false}")
        found = [Disagreement("math-verify", one, not one.right, one.right) for one in wrong]
    return found


def in_a_box(case: Case) -> Case:
    bare = BARE.fullmatch(case.text.strip())
    return case._replace(text=rf"\boxed{{{case.text.strip(' $')}}}") if bare else case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gsm8k", type=Path)
    parser.add_argument("--math", type=Path)
    parser.add_argument("--math-verify", type=Path)
    parser.add_argument("--math-verify-out", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "grading_disagreements.jsonl")
    asked = parser.parse_args()
    found = [one for name in RULES for one in compared(name, list(table()), "table")]
    if asked.gsm8k:
        found += compared("GSM8K", list(gold("gsm8k", asked.gsm8k)), "gsm8k")
    if asked.math:
        cases = list(gold("math500", asked.math))
        found += [one for name in ("MATH", "AIME") for one in compared(name, cases, "math500")]
    write(found, asked.out)
    if asked.math_verify:
        theirs = against_math_verify(asked.math_verify)
        if asked.math_verify_out:
            write(theirs, asked.math_verify_out)


if __name__ == "__main__":
    main()
