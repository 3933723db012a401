"""ProntoQA: every proof is one, the answer follows from it,
and the form is that of the published example.
"""

import re
from itertools import islice

import pytest

from cotpress import tasks
from cotpress.errors import CotpressError
from cotpress.tasks.prontoqa import HOPS, worked

TRACES = list(islice(worked("train"), 300))
RULE = re.compile(r"(?:(?:Each|Every) (\w+) is|(\w+)es are) (?:an? )?(.+)\.")


def facts(question: str) -> tuple[dict[str, set[str]], str]:
    """Kind -> what its members are, and the query."""
    world, query = question.split(" True or false: ")
    known: dict[str, set[str]] = {}
    for sentence in re.findall(r"[^.]+\.", world):
        match = RULE.fullmatch(sentence.strip())
        kind, what = (
            (match[1] or match[2].lower(), match[3])
            if match
            else sentence.strip(" .").split(" is ")
        )
        what = what.removeprefix("an ").removeprefix("a ")
        known.setdefault(kind, set()).add(
            what.removesuffix("es") if what.endswith("puses") else what
        )
    return known, query


def closure(known: dict[str, set[str]], start: str) -> set[str]:
    found, queue = set(), [start]
    while queue:
        for what in known.get(queue.pop(), ()):
            if what not in found:
                found.add(what)
                queue.append(what)
    return found


def test_the_answer_is_what_forward_chaining_finds():
    for trace in TRACES:
        known, query = facts(trace.problem.question)
        person, what = query.strip(".").split(" is ")
        derived = closure(known, person)
        opposite = what.removeprefix("not ") if what.startswith("not ") else f"not {what}"
        assert (what in derived, opposite in derived) == (
            trace.problem.answer == "True",
            trace.problem.answer == "False",
        )


def test_a_proof_is_five_rules_of_the_question_each_beside_what_it_is_applied_to():
    for trace in TRACES:
        *steps, last = trace.reasoning.split("\n")
        assert len(steps) == HOPS
        for step, after in zip(steps, [*steps[1:], last], strict=True):
            fact, rule = re.findall(r"[^.]+\.", step)
            assert rule.strip() in trace.problem.question
            match = RULE.fullmatch(rule.strip())
            assert fact.rstrip(".").endswith(match[1] or match[2].lower())
            assert match[3].removesuffix("es") in after


def test_the_form_is_that_of_the_published_example():
    """Coconut's appendix: 25 sentences, 23 of them rules in
    random order, a person of two kinds, a query.
    """
    for trace in TRACES:
        world, query = trace.problem.question.split(" True or false: ")
        sentences = re.findall(r"[^.]+\.", world)
        assert len(sentences) == 25
        person = query.split(" is ")[0]
        assert [f" {person} is a" in sentence for sentence in sentences] == [False] * 23 + [
            True
        ] * 2
        assert len(re.findall(r"[^.]+\.", trace.reasoning)) == 11


def test_true_and_false_are_about_equally_frequent():
    assert 110 < sum(trace.problem.answer == "True" for trace in TRACES) < 190


def test_it_takes_no_target():
    with pytest.raises(CotpressError, match="takes no target"):
        tasks.load("prontoqa:5hop.json")
