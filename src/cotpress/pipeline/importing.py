"""The user's own rows -> `Trace`: which column holds what, and how a completion that others wrote
is taken apart.

Known shapes: columns as GSM8K, MATH, s1K, OpenR1-Math and CTS name them, OpenAI `messages`,
ShareGPT `conversations`. The reasoning stands in a column or message field of its own, in `<think>`
tags (R1, Qwen3) or in OpenThoughts' tags. A reasoning column is gold: it is taken as it is, and
without a conclusion of its own it gets one made from the reference answer. A completion is what a
model wrote: it is split, and its conclusion stays its own, right or wrong.

A row that cannot be used is left out and counted with its reason; what is changed or not carried
over (calculator marks, system turns) is counted too. Half a character (a lone surrogate) is no text
and has no UTF-8, so its row is left out.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from cotpress.answers import FINAL, stated
from cotpress.errors import CotpressError, UnknownName
from cotpress.lm.marks import thought_in
from cotpress.pipeline.split import Parts, split
from cotpress.prompts import BOXED
from cotpress.records import Problem, Trace

Row = dict[str, Any]

CALCULATOR = re.compile(r"<<[-+*/().0-9]+=[-+*/().0-9]*>>")
"""GSM8K's annotations, `<<48/2=24>>`: no part of the text
(7,378 of the 7,473 training rows have them).
"""

SPEAKERS = {
    "user": ("user", "human"),
    "assistant": ("assistant", "gpt"),
    "system": ("system", "developer"),
}
ROLES = {name: role for role, names in SPEAKERS.items() for name in names}
"""ShareGPT's and OpenAI's names of who speaks."""


@dataclass(frozen=True)
class Columns:
    """Where things stand in a row: a column's name, or a dotted path like
    `extra.cot` or `choices.0.text`; empty: nowhere.
    """

    question: str = ""
    reasoning: str = ""
    """Only the reasoning, or a list of them; the conclusion stands
    in its own column or is made from the answer.
    """
    completion: str = ""
    """A whole completion, or a list of them."""
    messages: str = ""
    """A chat of one question and one reply."""
    answer: str = ""
    """The reference answer."""
    conclusion: str = ""
    id: str = ""


KNOWN = Columns(
    question="question problem prompt query instruction",
    reasoning="reasoning cot thinking long_res reasoning_content rationale "
    "deepseek_reasoning deepseek_thinking_trajectory",
    conclusion="conclusion content response deepseek_solution deepseek_attempt",
    completion="generations generation completion response output generated_solution model_output",
    messages="messages conversations",
    answer="final_answer expected_answer gold answer",
)
"""Well-known names, the likelier first."""


WORDS = re.compile(r"\w+|[^\w\s]")


def count_words(text: str) -> int:
    """Length of a text in words and symbols: stands for tokens where no tokenizer is named."""
    return len(WORDS.findall(text))


class Unusable(Exception):
    """Why a row, or one completion in it, cannot become a trace."""


class Reply(NamedTuple):
    """One completion as it stands in a row, unchecked."""

    content: Any
    """The whole completion; where the reasoning stands apart, the conclusion."""
    reasoning: Any = None
    gold: bool = False
    """Whether the reasoning has no conclusion of its own, so that the reference answer makes
    one.
    """
    think: bool = False
    """Whether the reasoning was taken out of think tags (a message's
    `reasoning_content`), which then go around it again.
    """


def find_columns(rows: Sequence[Row], named: Columns) -> Columns:
    """The named columns, and for the others a guess by their names; `rows` are the first of a
    file.
    """
    present = list(dict.fromkeys(name for row in rows for name in row))
    for field in fields(named):
        path = getattr(named, field.name)
        if path and all(at(row, path) is None for row in rows):
            raise UnknownName(f"column for --{field.name}", path, present)

    def guess(kind: str) -> str:
        return getattr(named, kind) or next(
            (name for name in getattr(KNOWN, kind).split() if name in present), ""
        )

    found = replace(named, question=guess("question"), answer=guess("answer"))
    if not (named.reasoning or named.completion or named.messages):
        if found.question and guess("reasoning"):
            found = replace(found, reasoning=guess("reasoning"), conclusion=guess("conclusion"))
        elif found.question and guess("completion"):
            found = replace(found, completion=guess("completion"))
        elif guess("messages"):
            found = replace(found, messages=guess("messages"))
        # after the others: beside generations or messages it is the reference, not a trace
        elif "solution" in present:
            found = replace(found, reasoning="solution")
        elif any(final_line(str(at(row, found.answer)))[1] for row in rows):
            found = replace(found, reasoning=found.answer)  # GSM8K as it is published
        else:
            raise CotpressError(
                "no column is known to hold the reasoning among "
                f"{', '.join(present)}: name it with --reasoning."
            )
    if found.messages:
        return replace(found, question="")
    if not found.question:
        raise CotpressError(
            "no column is known to hold the question among "
            f"{', '.join(present)}: name it with --question."
        )
    # nothing to end with: the end must stand in it
    if found.reasoning and not (found.answer or found.conclusion):
        found = replace(found, reasoning="", completion=found.reasoning)
    return found


def import_traces(
    rows: Iterable[Row],
    columns: Columns,
    *,
    count: Callable[[str], int],
    task: str = "import",
    model: str = "import",
    instruction: str = BOXED,
    dropped: Counter[str],
    notes: Counter[str],
) -> Iterator[Trace]:
    """One trace per completion in `rows`, in order. `count` gives the number of tokens of a text.

    `dropped` counts what was left out, `notes` what was changed or not carried over. A problem that
    comes again gets the next sample number.
    """
    next_sample: Counter[str] = Counter()
    for row in rows:
        try:
            question, replies = read_row(row, columns, notes)
            problem = _problem(row, columns, question, task, instruction)
        except Unusable as why:
            dropped[str(why)] += 1
            continue
        for index, reply in enumerate(replies):
            try:
                parts = take_apart(reply, problem.answer)
            except Unusable as why:
                dropped[str(why)] += 1
                continue
            reasoning = CALCULATOR.sub("", parts.reasoning)
            sample = max(index, next_sample[problem.id])
            next_sample[problem.id] = sample + 1
            for note, applies in (
                ("calculator marks such as <<48/2=24>> taken out", reasoning != parts.reasoning),
                ("same id as an earlier one: next sample number given", sample > index),
                ("no reference answer", not problem.answer),
                (
                    "no conclusion could be told from the reasoning, and build leaves such out",
                    not parts.conclusion,
                ),
            ):
                notes.update([note] if applies else [])
            yield Trace(
                problem=problem,
                model=model,
                sample=sample,
                reasoning=reasoning,
                conclusion=parts.conclusion,
                n_tokens=count(reasoning),
                n_conclusion_tokens=count(parts.opening)
                + count(parts.closing + parts.conclusion + parts.ending),
                finished=bool(parts.conclusion)
                or (reply.reasoning is None and not parts.opening.strip()),
                opening=parts.opening,
                closing=parts.closing,
                ending=parts.ending,
            )


def read_row(row: Row, columns: Columns, notes: Counter[str]) -> tuple[Any, list[Reply]]:
    """The question of a row and the replies to it, both
    unchecked; `Unusable` for a chat of another shape.
    """
    if not columns.messages:
        value = at(row, columns.reasoning or columns.completion)
        values = value if isinstance(value, list) else [value]
        if columns.completion:
            return at(row, columns.question), [Reply(value) for value in values]
        conclusion, gold = at(row, columns.conclusion), not columns.conclusion
        return at(row, columns.question), [
            Reply(conclusion, "" if value is None else value, gold) for value in values
        ]
    turns = at(row, columns.messages)
    if not (isinstance(turns, list) and turns and all(isinstance(turn, dict) for turn in turns)):
        raise Unusable("no messages")
    roles = [ROLES.get(str(turn.get("role") or turn.get("from")), "other") for turn in turns]
    if roles[0] == "system":
        notes["system turn not carried over (see --instruction)"] += 1
        roles, turns = roles[1:], turns[1:]
    if roles != ["user", "assistant"]:
        raise Unusable("not one question and one reply" if "assistant" in roles else "no reply")
    asked, replied = (turn.get("content", turn.get("value")) for turn in turns)
    reasoning = turns[1].get("reasoning_content") or turns[1].get("reasoning")
    return asked, [Reply(replied, reasoning or None, think=True)]


def take_apart(reply: Reply, answer: str) -> Parts:
    """Opening, reasoning, closing and conclusion of a reply;
    a reply that was cut off has no conclusion.
    """
    if reply.reasoning is None:
        return _with_reasoning(split(text(reply.content, "completion")))
    reasoning, conclusion = (
        text(reply.reasoning, "reasoning"),
        text(reply.content, "conclusion", optional=True).lstrip(),
    )
    parts = Parts("", final_line(reasoning)[0] if reply.gold else reasoning, "\n\n", "")
    if reply.think:
        parts = Parts("<think>\n", reasoning.strip("\n"), "\n</think>\n\n", "")
    elif thought_in(reasoning):
        parts = split(reasoning)
        conclusion = parts.conclusion or conclusion
        if not parts.conclusion:
            tag = "\n</think>" if "<think>" in parts.opening else ""
            parts = parts._replace(closing=(parts.closing.rstrip() or tag) + "\n\n")
    if reply.gold and not conclusion:
        if not answer:
            raise Unusable("no answer to make a conclusion from")
        conclusion = stated(answer)
    return _with_reasoning(
        parts._replace(conclusion=conclusion, closing=parts.closing if conclusion else "")
    )


def final_line(solution: str) -> tuple[str, str]:
    """A worked solution without its last line `#### 72`, as GSM8K ends one,
    and the answer in it; else as it is, and none.
    """
    before, _, last = solution.rstrip().rpartition("\n")
    if not last.startswith(FINAL) or last.startswith(FINAL + "#"):
        return solution, ""
    return before.rstrip(), last.removeprefix(FINAL).strip()


def at(row: Any, path: str) -> Any:
    """What stands at a dotted path; None where nothing does, or for no
    path. A name with dots in it is tried whole first.
    """
    if isinstance(row, dict) and path in row:
        return row[path]
    head, _, rest = path.partition(".")
    found = row.get(head) if isinstance(row, dict) else None
    if isinstance(row, list) and head.isdecimal() and int(head) < len(row):
        found = row[int(head)]
    return at(found, rest) if rest else found


def text(value: Any, what: str, *, optional: bool = False) -> str:
    """`value` as text: a string, a number, or a list of OpenAI's text
    parts; `Unusable` otherwise, and if it is blank.
    """
    if (
        isinstance(value, list)
        and value
        and all(isinstance(part, dict) and part.get("type") == "text" for part in value)
    ):
        value = "".join(str(part.get("text")) for part in value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise Unusable(f"{what} is not text but {type(value).__name__}")
    if not (value.strip() or optional):
        raise Unusable(f"no {what}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unusable(f"half a character (a lone surrogate) in the {what}") from None
    return value


def _problem(row: Row, columns: Columns, question: Any, task: str, instruction: str) -> Problem:
    question = text(question, "question")
    answer = at(row, columns.answer)
    answer = text(
        answer[0] if isinstance(answer, list) and len(answer) == 1 else answer,
        "answer",
        optional=True,
    )
    answer = (final_line(answer)[1] or answer).strip()
    name = (
        text(at(row, columns.id), "id")
        if columns.id
        else f"{task}/{hashlib.sha256(question.encode()).hexdigest()[:16]}"
    )
    return Problem(id=name, question=question, answer=answer, task=task, instruction=instruction)


def _with_reasoning(parts: Parts) -> Parts:
    if not parts.reasoning.strip():
        raise Unusable("no reasoning")
    return parts
