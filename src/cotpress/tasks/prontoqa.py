"""ProntoQA: is a statement true in a small made-up world? Five deductions in a row (Saparov and He
2023, arXiv 2210.01240).

    … Each yumpus is a lorpus. Every lorpus is floral. … Stella is a zumpus. True or false: Stella
    is not floral.

A generator of our own, in the form of the 5-hop set with distractors, fictional kinds and random
order that Coconut evaluates on (arXiv 2412.06769, appendix); that set itself comes from the
generator of the paper and is not released. Every kind on the chain has a second parent and a
property, the person belongs to a second kind, and an unrelated kind has the opposite of the
property that is asked about. As in the source, all chains are equally long and look alike: a weak
target.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from random import Random
from typing import NamedTuple

from cotpress.records import Problem, Trace
from cotpress.tasks import Task, _procedural, worked_trace

INSTRUCTION = "Reason step by step. End with ### and True or False."
MARKER = "### "
HOPS = 5

PERSONS = ("Alex", "Fae", "Max", "Polly", "Rex", "Sally", "Sam", "Stella", "Wren")
KINDS = (
    *(
        "brimpus",
        "dumpus",
        "gorpus",
        "grimpus",
        "impus",
        "jompus",
        "lempus",
        "lorpus",
        "numpus",
        "rompus",
        "shumpus",
    ),
    *("sterpus", "tumpus", "vumpus", "wumpus", "yumpus", "zumpus"),
)
FAMILIES = (
    *(
        ("blue", "red", "brown", "orange"),
        ("small", "large"),
        ("metallic", "wooden", "luminous", "liquid"),
    ),
    *(
        ("transparent", "opaque"),
        ("nervous", "happy", "feisty", "shy"),
        ("bright", "dull"),
        ("floral", "fruity", "earthy"),
    ),
    *(
        ("sweet", "sour", "spicy", "bitter"),
        ("hot", "cold", "temperate"),
        ("slow", "moderate", "fast"),
    ),
    *(
        ("kind", "mean", "angry", "amenable", "aggressive"),
        ("melodic", "muffled", "discordant", "loud"),
    ),
    *(("windy", "sunny", "overcast", "rainy", "snowy"),),
)
"""Properties; no two kinds of one world have properties of the same
family, so that nothing contradicts by accident.
"""
NEGATED = 1 / 3
"""Share of properties that a kind does not have: "Every wumpus is not shy."."""


class Item(NamedTuple):
    """One problem with its proof."""

    statements: list[str]
    query: str
    proof: list[str]
    """1 + 2 * HOPS sentences: what the person is, then by turns a rule and what follows from it."""
    answer: bool


def load(target: str = "", *, seed: int = 0) -> Task:
    """Problems of five deductions without end; no target."""
    return _procedural.task(
        "prontoqa", partial(worked, seed=seed), grader="exact", marker=MARKER, target=target
    )


def worked(split: str, *, seed: int = 0) -> Iterator[Trace]:
    """The problems of a split, without end, with their proofs:
    a rule per line, beside what it is applied to.
    """
    for index, item in _procedural.draw(
        split, seed, make_item, lambda item: " ".join(sorted(item.statements))
    ):
        problem = Problem(
            id=f"prontoqa/{seed}/{split}/{index}",
            question=f"{' '.join(item.statements)} True or false: {item.query}",
            answer=str(item.answer),
            task="prontoqa",
            instruction=INSTRUCTION,
        )
        lines = [" ".join(item.proof[at : at + 2]) for at in range(0, len(item.proof), 2)]
        yield worked_trace(problem, "\n".join(lines), f"{MARKER}{item.answer}")


def make_item(random: Random) -> Item:
    """A chain of kinds with its distractors, and a question about the property of the last."""
    kinds, families = (
        iter(random.sample(KINDS, 2 * HOPS + 4)),
        iter(random.sample(FAMILIES, 2 * HOPS + 1)),
    )
    person = random.choice(PERSONS)

    def rule(kind: str, what: str, *, noun: bool) -> str:
        said = random.choice(
            (f"Each {kind} is", f"Every {kind} is", f"{_plural(kind).capitalize()} are")
        )
        return (
            f"{said} {_plural(what) if said.endswith('are') else _article(what)}."
            if noun
            else f"{said} {what}."
        )

    def property_of(kind: str) -> tuple[str, str]:
        """A property from a family of its own, as a rule and in words."""
        words = random.choice(next(families))
        words = f"not {words}" if random.random() < NEGATED else words
        return rule(kind, words, noun=False), words

    chain, beyond = [next(kinds) for _ in range(HOPS)], next(kinds)
    links = [rule(kind, parent, noun=True) for kind, parent in pairwise(chain)]
    properties = [property_of(kind) for kind in chain]
    others = [rule(chain[-1], beyond, noun=True)]
    for kind in chain:
        parent = next(kinds)
        others += [rule(kind, parent, noun=True), property_of(parent)[0]]
    second, parent, unrelated = next(kinds), next(kinds), next(kinds)
    others += [rule(second, parent, noun=True), property_of(second)[0]]
    last, words = properties[-1]
    others.append(rule(unrelated, _opposite(words), noun=False))

    rules = links + [said for said, _ in properties] + others
    random.shuffle(rules)
    facts = [f"{person} is {_article(kind)}." for kind in (second, chain[0])]
    random.shuffle(facts)
    proof = [f"{person} is {_article(chain[0])}."]
    for link, kind in zip(links, chain[1:], strict=True):
        proof += [link, f"{person} is {_article(kind)}."]
    answer = random.random() < 0.5
    return Item(
        statements=rules + facts,
        query=f"{person} is {words if answer else _opposite(words)}.",
        proof=[*proof, last, f"{person} is {words}."],
        answer=answer,
    )


def _plural(kind: str) -> str:
    return kind + "es"


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _opposite(words: str) -> str:
    return words.removeprefix("not ") if words.startswith("not ") else f"not {words}"
