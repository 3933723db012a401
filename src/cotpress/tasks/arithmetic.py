"""Procedural word problems with verbose worked reasoning: needs no download, no model and no end.

One problem, as the default knobs make it::

    Mia has 9 apples. Then Mia finds 8 more apples. Then Mia gives 5 apples to Tom. How many apples
    does Mia have now?

and its worked reasoning, wordy on purpose, so that there is something to leave out::

    Let us go through this step by step. At the start, Mia has 9 apples. Next, Mia finds 8 more
    apples, so we need to add 8 to 9, and this gives 9 + 8 = 17 apples. Next, Mia gives 5 apples to
    Tom, so we need to take 5 away from 17, and this leaves 17 - 5 = 12 apples. So in the end, Mia
    has 12 apples.
"""

from collections.abc import Iterator
from functools import partial
from random import Random

from cotpress.answers import stated
from cotpress.errors import CotpressError
from cotpress.records import Problem, Trace
from cotpress.tasks import Task, _procedural, worked_trace

INSTRUCTION = r"Reason step by step. End with: The final answer is \boxed{}."

NAMES = (
    *("Mia", "Tom", "Ada", "Ben", "Eva", "Leo", "Zoe", "Sam"),
    *("Ivy", "Max", "Amy", "Dan", "Kim", "Jon", "Liv", "Ray"),
)
THINGS = (
    *("apples", "books", "coins", "cards", "pens", "shells", "stamps", "eggs"),
    *("cups", "balls", "keys", "hats", "stones", "plums", "nuts", "boxes"),
)
MORE = (
    "finds {k} more {things}",
    "buys {k} more {things}",
    "gets {k} {things} from {other}",
    "collects {k} new {things}",
)
LESS = (
    "gives {k} {things} to {other}",
    "loses {k} {things}",
    "sells {k} {things}",
    "puts {k} {things} away",
)
TIMES = {2: "doubles the number of {things}", 3: "triples the number of {things}"}
BECAUSE = {
    "+": "so we need to add {k} to {total}, and this gives {total} + {k} = {result} {things}",
    "-": "so we need to take {k} away from {total}, and this leaves "
    "{total} - {k} = {result} {things}",
    "*": "so we need to multiply {total} by {k}, and this gives {total} * {k} = {result} {things}",
}


def load(target: str = "", *, steps: int = 4, largest: int = 50, seed: int = 0) -> Task:
    """Problems of 2 to `steps` operations on whole numbers of at most `largest`; no target."""
    if steps < 2 or largest < 20:
        raise CotpressError(
            "task arithmetic needs steps of at least 2 and a largest number of at least 20."
        )
    return _procedural.task(
        "arithmetic", partial(worked, steps=steps, largest=largest, seed=seed), target=target
    )


def worked(split: str, *, steps: int = 4, largest: int = 50, seed: int = 0) -> Iterator[Trace]:
    """The problems of a split, without end, each with its worked reasoning and conclusion."""
    make = partial(_draw, steps=steps, largest=largest)
    for index, (question, reasoning, answer) in _procedural.draw(
        split, seed, make, lambda made: made[0]
    ):
        problem = Problem(
            id=f"arithmetic/{seed}/{steps}/{largest}/{split}/{index}",
            question=question,
            answer=str(answer),
            task="arithmetic",
            instruction=INSTRUCTION,
        )
        yield worked_trace(problem, reasoning, stated(answer))


def _draw(random: Random, *, steps: int, largest: int) -> tuple[str, str, int]:
    """One question, its worked reasoning and its answer."""
    name, other = random.sample(NAMES, 2)
    things = random.choice(THINGS)
    total = random.randint(2, largest // 2)
    told = [f"{name} has {total} {things}."]
    thought = [f"Let us go through this step by step. At the start, {name} has {total} {things}."]
    for _ in range(random.randint(2, steps)):
        sign, k, result = _operation(random, total, largest)
        words = {"+": random.choice(MORE), "-": random.choice(LESS), "*": TIMES.get(k, "")}[sign]
        what = f"{name} {words}".format(k=k, things=things, other=other)
        told.append(f"Then {what}.")
        because = BECAUSE[sign].format(k=k, total=total, result=result, things=things)
        thought.append(f"Next, {what}, {because}.")
        total = result
    told.append(f"How many {things} does {name} have now?")
    thought.append(f"So in the end, {name} has {total} {things}.")
    return " ".join(told), " ".join(thought), total


def _operation(random: Random, total: int, largest: int) -> tuple[str, int, int]:
    """A sign, a number and the result, which stays between 1 and `largest`."""
    signs = [
        sign
        for sign, possible in (
            ("+", total < largest),
            ("-", total > 1),
            ("*", 2 * total <= largest),
        )
        if possible
    ]
    sign = random.choice(signs)
    if sign == "+":
        k = random.randint(1, min(largest - total, largest // 3))
        return sign, k, total + k
    if sign == "-":
        k = random.randint(1, min(total - 1, largest // 3))
        return sign, k, total - k
    k = random.choice([k for k in TIMES if k * total <= largest])
    return sign, k, k * total
