"""Where things stand in the rows of a file: what was named, and for the rest a guess.

A guess is by name first (names.py) and by what the first rows hold then: a column that is null or
empty in all of them is passed over, and so is one that never holds more than a word, if it is to
hold reasoning (`reasoning: on`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from cotpress.answers import ANNOUNCED, BOX
from cotpress.pipeline.importing import names
from cotpress.pipeline.importing.chats import has_reply
from cotpress.pipeline.importing.head import (
    Head,
    Several,
    are_texts,
    is_chat,
    is_reference,
    is_text,
    much_text,
    or_chat,
    paths,
    some_text,
)
from cotpress.pipeline.importing.names import Known, plain
from cotpress.pipeline.importing.references import final_line
from cotpress.pipeline.importing.values import Row, at

HEAD = 100
"""Rows that are looked at before the columns are settled: an
optional column may be missing from the first ones.
"""


@dataclass(frozen=True)
class Columns:
    """Where things stand in a row: a column's name, or a dotted path like `extra.cot`,
    `choices.0.text` or `messages.-1.content`; empty: nowhere.
    """

    question: Several = ""
    """Text, or a chat that ends with the question. Of several columns, those that hold text are
    joined by a line break.
    """
    reasoning: str = ""
    """Only the reasoning, or a list of them; the conclusion stands in its own column, at its end,
    or is made from the answer.
    """
    completion: Several = ""
    """A whole completion, or a list of them; several columns: a sample in each."""
    messages: str = ""
    """A chat that ends with the reply."""
    answer: str = ""
    """The reference answer."""
    conclusion: str = ""
    """What follows the reasoning, where that is in a column of its own."""
    system: str = ""
    """The system turn, where the chat has none."""
    verdict: str = ""
    """Whether the completion is right, as the data set says; a list beside a list of them."""
    id: str = ""
    """Names the problem; empty: a hash of its question."""


def find_columns(rows: Sequence[Row], named: Columns) -> Columns:
    """The named columns, and for the others a guess by name and content; `rows` are the first of a
    file.
    """
    head = Head(rows)
    for field in fields(named):
        for path in paths(getattr(named, field.name)):
            head.refuse_missing(field.name, path)
    found = replace(
        named,
        question=named.question or head.question(),
        system=named.system or head.find(names.SYSTEM, is_text),
    )
    if not (named.reasoning or named.completion or named.messages):
        found = _guess_trace(head, found, asking=bool(named.question))
    if not found.messages:
        if not found.question:
            raise head.refused("question")
        if found.reasoning and not found.conclusion:
            found = replace(found, conclusion=_conclusion(head, found))
    found = replace(found, answer=found.answer or _answer(head, found))
    if found.messages:
        return replace(found, question="")
    # nothing to end with: the end must stand in it
    if found.reasoning and not (found.answer or found.conclusion):
        own = found.reasoning if plain(found.reasoning) in names.SOLUTION.names else ""
        found = replace(found, reasoning="", completion=found.reasoning, answer=own)
    return found


def _guess_trace(head: Head, found: Columns, *, asking: bool) -> Columns:
    """`found` with where the reasoning stands: in a column of its own, in a completion, in a chat,
    or in a worked solution. `asking`: the question was named.
    """
    asked = paths(found.question)
    messages = head.find(names.MESSAGES, is_chat)
    prompt = messages and not any(has_reply(at(row, messages)) for row in head.rows)
    for much, any_text in ((much_text, much_text), (some_text, is_text)):
        reasoning = head.find(names.REASONING, much, but=asked)
        one = head.find(names.COMPLETION, or_chat(any_text), but=asked)
        completion: Several = one or head.numbered(any_text)
        if prompt and not asking and (reasoning or completion):
            found, asked = replace(found, question=messages), (messages,)
        if asked and reasoning and not (completion and head.outweighs(completion, reasoning)):
            return replace(found, reasoning=reasoning)
        if asked and completion:
            return replace(found, completion=completion)
        if messages and not prompt:
            return replace(found, messages=messages)
        question, analysis, final = (head.find(Known((name,)), much) for name in names.LATE)
        if question and analysis:
            return replace(found, question=question, reasoning=analysis, conclusion=final)
        # after the others: beside generations or messages it is the reference, not a trace
        if solution := head.find(names.SOLUTION, much):
            return replace(found, reasoning=solution)
    answer = found.answer or head.find(names.ANSWER, is_text)
    if any(final_line(str(at(row, answer)))[1] for row in head.rows):
        return replace(found, reasoning=answer, answer=answer)  # GSM8K as it is published
    if asked and (empty := head.find(names.REASONING, None)):
        return replace(found, reasoning=empty)
    if asked and (empty := head.find(names.COMPLETION, None)):
        return replace(found, completion=empty)
    raise head.refused("reasoning")


def _conclusion(head: Head, found: Columns) -> str:
    """The column of the conclusion that goes with the reasoning: of the same family, of a
    known name, or an answer that is a sentence.
    """
    but = (*paths(found.question), found.reasoning, found.answer)
    family = re.split(r"[_\-\s]", found.reasoning)[0]
    same = [name for name in head.present if re.match(rf"{re.escape(family)}[_\-\s]", name)]
    others = [name for name in head.present if name not in same]
    if plain(found.reasoning) in names.SOLUTION.names or found.reasoning == found.answer:
        return ""
    return (
        head.find(names.CONCLUSION, are_texts, but=(*but, *others))
        or head.find(Known(names.CONCLUSION.names), are_texts, but=but)
        or head.find(Known(("answer",)), _is_sentence, but=but)
        # empty: cut off, so that none must be made from the reference
        or head.find(Known(names.CONCLUSION.names), None, but=but)
    )


def _answer(head: Head, found: Columns) -> str:
    """Where the reference answer stands: a column, a place inside of one, a solution."""
    used = (
        *paths(found.question),
        *paths(found.completion),
        found.reasoning,
        found.conclusion,
    )
    return (
        head.find(names.ANSWER, is_reference, but=used)
        or next((path for path in head.nested() if any(map(is_reference, head.values(path)))), "")
        or head.find(names.WORKED, is_text, but=used)
    )


def _is_sentence(value: Any) -> bool:
    """Whether an answer is worded as a model concludes: announced, boxed, in a sentence or lines.

    A worked solution as GSM8K ends one is a reference.
    """
    if not isinstance(value, str) or final_line(value)[1]:
        return False
    said = value.strip()
    return bool(
        (BOX.search(said) and len(said.split()) > 2)
        or ANNOUNCED.search(said)
        or "\n" in said
        or (len(said.split()) > 3 and said.endswith((".", "!", "?")))
        or (len(said) > 8 and said.endswith(("。", "！", "？")))
    )
