"""Procedural word problems whose worked reasoning thinks too long, every part of it labelled.

One problem::

    On Monday Mia has 12 coins. On Tuesday Mia finds 6 more coins. On Wednesday Mia gives 4 coins
    to Tom. How many coins does Mia have in the end?

All that it needs is ``Monday: 12. Tuesday: 12 + 6 = 18. Wednesday: 18 - 4 = 14. So Mia has 14 coins
in the end.`` The worked reasoning says this, and around it what reasoning models say: facts again,
wrong turns taken back, days left out and returned to, sums checked at once, and everything checked
again once the answer is known. One verbosity per trace drives all of it, so that two traces of one
problem differ in length by a factor of two and more.

The reasoning is written from `GRAMMAR`, and `label` reads it back: any trace that keeps to the
grammar, a model's own too, can be labelled, so that a scorer can be judged against the truth.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import NamedTuple

from cotpress.answers import stated
from cotpress.errors import CotpressError
from cotpress.records import Problem, Trace
from cotpress.tasks import Task, _procedural, worked_trace
from cotpress.tasks.arithmetic import INSTRUCTION, LESS, MORE, NAMES, THINGS, TIMES

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

LABELS = ("needed", "dead end", "check", "restatement", "filler", "outside")
"""What a part of the reasoning is for; `outside` is text that is not of the grammar."""
NEEDED, DEAD_END, CHECK, RESTATEMENT, FILLER, OUTSIDE = LABELS

_SAID = """
filler opening: Okay, let me think. / Hmm, let me see. / Let me go through this day by day.
  / Let me work it out.
restatement question: The question says: {told} / So we are told: {told}
restatement aim: I need to find how many {things} {name} has in the end.
dead end backwards: Maybe I can start at the end. Wait, no, I do not know the end,
  so back to the start.
needed start: {day}: {a}.
restatement start fact: {name} has {a} {things} at first. / We begin with {a} {things}.
filler lead: Next, / Now / Okay, now / So, on to
dead end left out: {day} now: {a} {sign} {k} = {b}. Wait, I left out {other_day}, so back to {a}.
  / On {day} we get {a} {sign} {k} = {b}. No, {other_day} comes first, so back to {a}.
needed day: {day}:
restatement fact: {name} {fact}, / we know that {name} {fact},
dead end wrong way: maybe {a} {sign} {k} = {b}? No, wait, it goes {way}.
  / perhaps {a} {sign} {k} = {b}. Hmm, no, that is the wrong way, it goes {way}.
dead end slip: roughly {a} {sign} {k} = {b}. Wait, that is not right, let me do it again.
  / quickly, {a} {sign} {k} = {b}? No, that is wrong.
filler because: so we {do} and get / which means that we {do}, and this gives / so
needed sum: {a} {sign} {k} = {b}.
restatement so far: So {name} has {b} {things} now. / That is {b} so far.
  / So it is {b} {things} on {day}.
check check: Check: {b} {back} {k} = {a}, yes. / Is that right? {a} {sign} {k} = {b}, yes.
  / Let me check: {b} {back} {k} is {a}, good.
needed answer: So {name} has {b} {things} in the end.
check first look: Wait, let me double check. / But wait, let me make sure.
check second look: Hmm, let me check it in another way, from the end. / Let me also go backwards.
check third look: One last time, to be safe. / Okay, one more time from the start.
check start again: {day} again: {a}.
check sum again: {day} again: {a} {sign} {k} = {b}.
  / {day} again: {name} {fact}, {a} {sign} {k} = {b}.
check sum back: Before {day}: {b} {back} {k} = {a}.
check looked: That gives {b} again. / So {b} is right. / Yes, it is {b}.
check looked back: That is the start, so {b} is right.
restatement sure: Okay, I am sure that it is {b} {things}. / So the answer must be {b}.
"""
_RULE = re.compile(rf"({'|'.join(LABELS)}) ([a-z ]+): (.*)")

GRAMMAR: dict[str, tuple[str, tuple[str, ...]]] = {
    rule[2]: (rule[1], tuple(rule[3].split(" / ")))
    for rule in _RULE.finditer(_SAID.replace("\n  ", " "))
}
"""Part of the reasoning -> its label and the ways to say it."""

BACK = {"+": "-", "-": "+", "*": "/"}
WAY = {"+": "up", "-": "down", "*": "up"}
DO = {"+": "add {k} to {a}", "-": "take {k} away from {a}", "*": "multiply {a} by {k}"}


Say = Callable[..., str]
"""Part of the reasoning and what its wording names -> its words."""


class Span(NamedTuple):
    """Characters `start` to `end` of a reasoning, and what they are for."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Step:
    """What happens on one day: `a` things before, `b` things after."""

    day: str
    fact: str
    sign: str
    k: int
    a: int
    b: int


@dataclass(frozen=True)
class Story:
    """A problem before it is told."""

    name: str
    things: str
    start: int
    steps: tuple[Step, ...]

    @property
    def told(self) -> str:
        """What happened, day by day."""
        days = [f"On {step.day} {self.name} {step.fact}." for step in self.steps]
        return " ".join([f"On {DAYS[0]} {self.name} has {self.start} {self.things}.", *days])

    @property
    def question(self) -> str:
        """The whole question."""
        return f"{self.told} How many {self.things} does {self.name} have in the end?"

    @property
    def answer(self) -> int:
        """What there is at the end."""
        return self.steps[-1].b


def load(
    target: str = "", *, steps: int = 5, largest: int = 40, wordy: float = 1.0, seed: int = 0
) -> Task:
    """Problems of `steps` changes or up to two fewer, on numbers of at most `largest`; no target.

    `wordy`, from 0 to 1, is the verbosity of the wordiest trace.
    """
    if not (2 <= steps < len(DAYS) and largest >= 20 and 0 <= wordy <= 1):
        raise CotpressError(
            "task overthink needs steps of 2 to 6, a largest number of at "
            "least 20, and wordy from 0 to 1."
        )
    make = partial(worked, steps=steps, largest=largest, wordy=wordy, seed=seed)
    return _procedural.task("overthink", make, marker="The final answer is", target=target)


def worked(
    split: str, *, steps: int = 5, largest: int = 40, wordy: float = 1.0, seed: int = 0
) -> Iterator[Trace]:
    """The problems of a split, without end, each with its worked
    reasoning inside think tags and a conclusion.
    """

    def make(random: Random) -> tuple[Story, str]:
        story = _story(random, steps, largest)
        return story, _sentences(_think(random, story, wordy * random.uniform(0.5, 1)))

    for index, (story, reasoning) in _procedural.draw(
        split, seed, make, lambda made: made[0].question
    ):
        problem = Problem(
            id=f"overthink/{seed}/{steps}/{largest}/{split}/{index}",
            question=story.question,
            answer=str(story.answer),
            task="overthink",
            instruction=INSTRUCTION,
        )
        conclusion = stated(story.answer)
        yield worked_trace(
            problem, reasoning, conclusion, opening="<think>\n", closing="\n</think>\n\n"
        )


def label(reasoning: str) -> list[Span]:
    """The parts of a reasoning in order; they join to all of it, and what is not of the grammar is
    `outside`.

    The space before a part belongs to it. Where nothing of the grammar begins, text is outside up
    to the end of its sentence.
    """
    spans: list[Span] = []
    at = 0
    while at < len(reasoning):
        found = _PART.match(reasoning, at) or _SENTENCE.match(reasoning, at)
        assert found
        part = _PARTS[int(found.lastgroup.removeprefix("said"))][1] if found.lastgroup else ""
        spans.append(Span(at, found.end(), GRAMMAR[part][0] if part else OUTSIDE))
        at = found.end()
    return spans


def label_tokens(reasoning: str, ends: Sequence[int]) -> list[str]:
    """The label of every token, given where each ends in the reasoning: that of its last
    character.
    """
    spans = iter(label(reasoning))
    span = Span(0, 0, OUTSIDE)
    labels = []
    for end in ends:
        while span.end < end:
            span = next(spans)
        labels.append(span.label)
    return labels


def _story(random: Random, steps: int, largest: int) -> Story:
    name, other = random.sample(NAMES, 2)
    things = random.choice(THINGS)
    start = total = random.randint(2, largest // 2)
    days = []
    for day in DAYS[1 : 1 + random.randint(max(2, steps - 2), steps)]:
        possible = {"+": total < largest, "-": total > 1, "*": 2 * total <= largest}
        sign = random.choice([sign for sign, can in possible.items() if can])
        k = {
            "+": lambda total=total: random.randint(1, min(largest - total, largest // 3)),
            "-": lambda total=total: random.randint(1, min(total - 1, largest // 3)),
            "*": lambda total=total: random.choice([k for k in TIMES if k * total <= largest]),
        }[sign]()
        words = {"+": random.choice(MORE), "-": random.choice(LESS), "*": TIMES.get(k, "")}[sign]
        after = _result(total, sign, k)
        days.append(Step(day, words.format(k=k, things=things, other=other), sign, k, total, after))
        total = after
    return Story(name, things, start, tuple(days))


def _sentences(parts: Iterable[str]) -> str:
    """The parts in a row, with a capital letter where a sentence begins."""
    text = ""
    for part in parts:
        text += (" " if text else "") + (
            part[0].upper() + part[1:] if text.endswith((".", "?")) else part
        )
    return text


def _result(a: int, sign: str, k: int) -> int:
    return {"+": a + k, "-": a - k, "*": a * k}[sign]


def _think(random: Random, story: Story, verbosity: float) -> Iterator[str]:
    """The worked reasoning, part by part."""

    def say(part: str, **what: object) -> str:
        return random.choice(GRAMMAR[part][1]).format(
            **{"name": story.name, "things": story.things, **what}
        )

    def likely(odds: float) -> bool:
        """Whether to say what the wordiest trace says with these odds."""
        return random.random() < odds * verbosity

    if likely(0.95):
        yield say("opening")
    if likely(0.5):
        yield say("question", told=story.told)
    if likely(0.8):
        yield say("aim")
    if likely(0.3):
        yield say("backwards")
    yield say("start", day=DAYS[0], a=story.start)
    if likely(0.8):
        yield say("start fact", a=story.start)
    for step, after in zip(story.steps, [*story.steps[1:], None], strict=True):
        yield from _day(random, step, after, say, likely)
    yield say("answer", b=story.answer)
    for look, odds in (("first look", 0.95), ("second look", 0.7), ("third look", 0.5)):
        if not likely(odds):
            break
        yield say(look)
        yield from _look(random, look, story, say)
    if likely(0.7):
        yield say("sure", b=story.answer)


def _day(
    random: Random, step: Step, after: Step | None, say: Say, likely: Callable[[float], bool]
) -> Iterator[str]:
    """What is thought about one day; `after` is the day after it.

    Some numbers are likelier to confuse than others, so that a greedy model errs, too.
    """
    hasty, doubtful, sloppy = step.a % 3 == 0, step.k % 3 == 1, step.b % 5 == 0
    what = {
        "day": step.day,
        "fact": step.fact,
        "sign": step.sign,
        "k": step.k,
        "a": step.a,
        "b": step.b,
    }
    if (
        after
        and after.sign != "*"
        and likely(0.95 if hasty else 0.1)
        and (too_early := _result(step.a, after.sign, after.k)) > 0
    ):
        yield say(
            "left out",
            day=after.day,
            other_day=step.day,
            sign=after.sign,
            k=after.k,
            a=step.a,
            b=too_early,
        )
    if likely(0.6):
        yield say("lead")
    yield say("day", **what)
    if likely(0.9):
        yield say("fact", **what)
    wrong = _result(step.a, BACK[step.sign], step.k) if step.sign != "*" else 0
    if likely(0.95 if doubtful else 0.15) and wrong > 0:
        yield say(
            "wrong way", sign=BACK[step.sign], k=step.k, a=step.a, b=wrong, way=WAY[step.sign]
        )
    if likely(0.9 if sloppy else 0.05):
        off = random.choice([off for off in (-2, -1, 1, 2) if step.b + off > 0])
        yield say("slip", **{**what, "b": step.b + off})
    if likely(0.8):
        yield say("because", do=DO[step.sign].format(**what))
    yield say("sum", **what)
    if likely(0.75):
        yield say("so far", **what)
    if likely(0.75):
        yield say("check", back=BACK[step.sign], **what)


def _look(random: Random, look: str, story: Story, say: Say) -> Iterator[str]:
    """Everything once more: forwards, or backwards on the second look."""
    if look == "second look":
        for step in reversed(story.steps):
            yield say("sum back", day=step.day, b=step.b, back=BACK[step.sign], k=step.k, a=step.a)
        yield say("looked back", b=story.answer)
        return
    yield say("start again", day=DAYS[0], a=story.start)
    wording = random.randrange(2)
    for step in story.steps:
        again = GRAMMAR["sum again"][1][wording]
        yield again.format(
            name=story.name,
            day=step.day,
            fact=step.fact,
            sign=step.sign,
            k=step.k,
            a=step.a,
            b=step.b,
        )
    yield say("looked", b=story.answer)


def _pattern(template: str) -> str:
    """The regular expression of all that a template can say."""
    return re.sub(r"\\\{(\w+)\\\}", lambda slot: _SLOTS[slot[1]], re.escape(template))


def _one_of(texts: Sequence[str]) -> str:
    return f"(?:{'|'.join(_pattern(text) for text in texts)})"


_SLOTS = dict.fromkeys(("a", "b", "k"), r"\d+") | {
    "name": f"(?:{'|'.join(NAMES)})",
    "other": f"(?:{'|'.join(NAMES)})",
    "things": f"(?:{'|'.join(THINGS)})",
    "day": f"(?:{'|'.join(DAYS)})",
    "other_day": f"(?:{'|'.join(DAYS)})",
    "sign": r"[-+*]",
    "back": r"[-+/]",
    "way": "(?:up|down)",
}
_SLOTS["fact"] = _one_of([*MORE, *LESS, *TIMES.values()])
_SLOTS["do"] = _one_of(list(DO.values()))
_SLOTS["told"] = (
    _pattern("On {day} {name} has {a} {things}.") + f"(?: {_pattern('On {day} {name} {fact}.')})*"
)
_PARTS = sorted(
    ((text, part) for part, (_, texts) in GRAMMAR.items() for text in texts),
    key=lambda said: -len(said[0]),
)
"""The longest first: of two that begin alike it is the longer that was said."""
_PART = re.compile(
    "|".join(rf"(?P<said{n}>\s*{_pattern(text)})" for n, (text, _) in enumerate(_PARTS)),
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"\s*[^.?!\n]*(?:[.?!\n]+|\Z)")
