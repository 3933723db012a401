"""Where things stand in the rows of a file: what was named, and for the rest a guess.

A guess is by name first (names.py) and by what the first rows hold then: a column that is null or
empty in all of them is passed over, and so is one that never holds more than a word, if it is to
hold reasoning (`reasoning: on`).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from cotpress.answers import ANNOUNCED, BOX
from cotpress.errors import CotpressError, UnknownName
from cotpress.lm.marks import marked
from cotpress.pipeline.importing import names
from cotpress.pipeline.importing.chats import as_chat, has_reply
from cotpress.pipeline.importing.names import Known, plain
from cotpress.pipeline.importing.references import final_line
from cotpress.pipeline.importing.values import Row, at, decoded, words

Several = str | tuple[str, ...]

SWITCHED = words("on off true false yes no none null auto enabled disabled low medium high")
"""Words of a column that turns reasoning on or off, or names an effort."""


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
    system: str = ""
    """The system turn, where the chat has none."""
    verdict: str = ""
    """Whether the completion is right, as the data set says; a list beside a list of them."""
    id: str = ""


def paths(of: Several) -> tuple[str, ...]:
    """One path or several as several; none for nowhere."""
    return tuple(filter(None, (of,) if isinstance(of, str) else of))


def find_columns(rows: Sequence[Row], named: Columns) -> Columns:
    """The named columns, and for the others a guess by name and content; `rows` are the first of a
    file.
    """
    head = _Head(rows)
    for field in fields(named):
        for path in paths(getattr(named, field.name)):
            head.refuse_missing(field.name, path)
    found = replace(
        named,
        question=named.question or head.question(),
        system=named.system or head.find(names.SYSTEM, _is_text),
    )
    if not (named.reasoning or named.completion or named.messages):
        found = _guess_trace(head, found)
    if not found.messages:
        if not found.question:
            raise head.refused("question")
        if found.reasoning and not found.conclusion:
            found = replace(found, conclusion=head.conclusion(found))
    found = replace(found, answer=found.answer or head.answer(found))
    if found.messages:
        return replace(found, question="")
    # nothing to end with: the end must stand in it
    if found.reasoning and not (found.answer or found.conclusion):
        own = found.reasoning if plain(found.reasoning) in names.SOLUTION.names else ""
        found = replace(found, reasoning="", completion=found.reasoning, answer=own)
    return found


def _guess_trace(head: "_Head", found: Columns) -> Columns:
    """`found` with where the reasoning stands: in a column of its own, in a completion, in a chat,
    or in a worked solution.
    """
    asked = paths(found.question)
    messages = head.find(names.MESSAGES, _is_chat)
    prompt = messages and not any(has_reply(at(row, messages)) for row in head.rows)
    for much in (_much_text, _some_text):
        reasoning = head.find(names.REASONING, much, but=asked)
        numbered = head.numbered(much)
        completion = head.find(names.COMPLETION, _or_chat(much), but=asked) or numbered
        if prompt and (reasoning or completion):
            found, asked = replace(found, question=messages), (messages,)
        if asked and reasoning and not (completion and head.outweighs(completion, reasoning)):
            return replace(found, reasoning=reasoning)
        if asked and completion:
            return replace(found, completion=completion)
        if messages and not prompt:
            return replace(found, messages=messages)
        for question, reasoning, conclusion in names.LATE:
            if all(head.find(Known((name,)), much) for name in (question, reasoning)):
                return replace(
                    found,
                    question=head.find(Known((question,)), much),
                    reasoning=head.find(Known((reasoning,)), much),
                    conclusion=found.conclusion or head.find(Known((conclusion,)), _some_text),
                )
        # after the others: beside generations or messages it is the reference, not a trace
        if solution := head.find(names.SOLUTION, much):
            return replace(found, reasoning=solution)
    answer = found.answer or head.find(names.ANSWER, _is_text)
    if any(final_line(str(at(row, answer)))[1] for row in head.rows):
        return replace(found, reasoning=answer, answer=answer)  # GSM8K as it is published
    if asked and (empty := head.find(names.REASONING, None)):
        return replace(found, reasoning=empty)
    if asked and (empty := head.find(names.COMPLETION, None)):
        return replace(found, completion=empty)
    raise head.refused("reasoning")


class _Head:
    """The first rows of a file, and what their columns are called."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.present = list(dict.fromkeys(name for row in rows for name in row))

    def values(self, path: str) -> list[Any]:
        """What the rows hold there, nulls and blanks aside."""
        found = (at(row, path) for row in self.rows)
        return [one for one in found if one is not None and one != [] and str(one).strip()]

    def find(
        self,
        known: Known,
        fits: Callable[[Any], bool] | None,
        but: Iterable[str] = (),
    ) -> str:
        """The column with the likeliest name of which some value `fits` (None: that is empty); none
        without one. One with less than half as many values as another comes after it.
        """
        order = {name: place for place, name in enumerate(known.names)}
        fitting = {}
        for name in self.present:
            told = plain(name) in order or (known.pattern and known.pattern.fullmatch(name))
            if told and name not in but:
                values = self.values(name)
                if any(map(fits, values)) if fits else not values:
                    fitting[name] = len(values)
        most = max(fitting.values(), default=0)
        likely = sorted(
            (2 * filled < most, order.get(plain(name), len(order)), place, name)
            for place, (name, filled) in enumerate(fitting.items())
        )
        return likely[0][-1] if likely else ""

    def outweighs(self, completion: Several, reasoning: str) -> bool:
        """Whether completions think in marks, and are more than twice as long as what a column with
        the name of a reasoning holds.
        """
        texts, other = (
            [text for path in paths(of) for value in self.values(path) for text in _texts(value)]
            for of in (completion, reasoning)
        )
        thinks = sum(map(marked, texts)) * 2 > len(texts)
        return thinks and _mean(texts) > 2 * _mean(other)

    def question(self) -> Several:
        """Where the question stands: text or a chat; alpaca's instruction with its input."""
        found = self.find(names.QUESTION, _or_chat(_is_text))
        more = self.find(Known(("input",)), _is_text)
        return (found, more) if plain(found) == "instruction" and more else found

    def numbered(self, fits: Callable[[Any], bool]) -> tuple[str, ...]:
        """Columns whose names differ by a running number only; none, if there are not several."""
        stems: dict[str, list[str]] = {}
        for name in self.present:
            if (match := names.NUMBERED.fullmatch(name)) and any(map(fits, self.values(name))):
                stems.setdefault(plain(match[1]), []).append(name)
        found = next((several for several in stems.values() if len(several) > 1), [])
        return tuple(sorted(found, key=lambda name: int(re.findall(r"\d+", name)[-1])))

    def conclusion(self, found: Columns) -> str:
        """The column of the conclusion that goes with the reasoning: of the same family, of a
        known name, or an answer that is a sentence.
        """
        but = (*paths(found.question), found.reasoning, found.answer)
        family = re.split(r"[_\-\s]", found.reasoning)[0]
        same = [name for name in self.present if re.match(rf"{re.escape(family)}[_\-\s]", name)]
        others = [name for name in self.present if name not in same]
        if plain(found.reasoning) in names.SOLUTION.names or found.reasoning == found.answer:
            return ""
        return (
            self.find(names.CONCLUSION, _is_text, but=(*but, *others))
            or self.find(Known(names.CONCLUSION.names), _is_text, but=but)
            or self.find(Known(("answer",)), _is_sentence, but=but)
            # empty: cut off, so that none must be made from the reference
            or self.find(Known(names.CONCLUSION.names), None, but=but)
        )

    def answer(self, found: Columns) -> str:
        """Where the reference answer stands: a column, a place inside of one, a solution."""
        used = (
            *paths(found.question),
            *paths(found.completion),
            found.reasoning,
            found.conclusion,
        )
        return (
            self.find(names.ANSWER, _is_reference, but=used)
            or next(
                (path for path in self.nested() if any(map(_is_reference, self.values(path)))), ""
            )
            or self.find(names.WORKED, _is_text, but=used)
        )

    def nested(self) -> Iterable[str]:
        """Places inside of columns where references stand in known data sets."""
        by_plain = {plain(name): name for name in self.present}
        for path in names.NESTED:
            head, _, rest = path.partition(".")
            tops = names.MESSAGES.names if head == "messages" else (plain(head),)
            yield from (f"{by_plain[top]}.{rest}" for top in tops if top in by_plain)

    def refuse_missing(self, option: str, path: str) -> None:
        """`UnknownName` for a named column that is not there, `CotpressError` for an empty one."""
        if any(at(row, path) is not None for row in self.rows):
            return
        if path in self.present:
            raise CotpressError(
                f"column {path} (--{option}) is null in the first {len(self.rows)} rows: name "
                "another one."
            )
        raise UnknownName(f"column for --{option}", path, self.present)

    def refused(self, what: str) -> CotpressError:
        """What could not be found, and how to name it."""
        if "custom_id" in self.present:
            return CotpressError(
                "these are the answers of a batch, and their questions stand in the file that was "
                "sent: join the two by custom_id into rows with a question, and name "
                "--question and --completion response.body.choices.0.message."
            )
        return CotpressError(
            f"no column is known to hold the {what} among {', '.join(self.present)}: name it with "
            + ("--question." if what == "question" else "--reasoning, --completion or --messages.")
        )


def _mean(texts: Sequence[str]) -> float:
    return sum(map(len, texts)) / max(1, len(texts))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_reference(value: Any) -> bool:
    """Whether a value could be a reference answer; a sentence is none."""
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    return isinstance(one, str | int | float)


def _is_chat(value: Any) -> bool:
    return as_chat(value) is not None


def _texts(value: Any) -> list[str]:
    """The texts of a column that may hold lists of them."""
    value = decoded(value)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _some_text(value: Any) -> bool:
    """Whether there is any text but a word that switches reasoning on or off."""
    return any(one.strip() and one.strip().lower() not in SWITCHED for one in _texts(value))


def _much_text(value: Any) -> bool:
    """Whether there is more than a word."""
    return any(len(one.split()) > 1 or len(one) > 30 for one in _texts(value))


def _or_chat(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value fits, or is a chat or the message of one."""

    def found(value: Any) -> bool:
        whole = decoded(value)
        return (
            fits(value)
            or _is_chat(whole)
            or (isinstance(whole, dict) and ("content" in whole or "choices" in whole))
            or (isinstance(whole, list) and any(map(_is_chat, whole)))
        )

    return found


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
        or re.search(r"(?:\S+\s+){3,}\S+[.!?]$|.{8,}[。！？]$", said)
    )
