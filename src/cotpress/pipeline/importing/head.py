"""The first rows of a file: what their columns are called and what they hold."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cotpress.errors import CotpressError, UnknownName
from cotpress.lm.marks import marked
from cotpress.pipeline.importing import names
from cotpress.pipeline.importing.chats import as_chat
from cotpress.pipeline.importing.names import Known, plain
from cotpress.pipeline.importing.values import Row, at, decoded, words

Several = str | tuple[str, ...]

SWITCHED = words("on off true false yes no none null auto enabled disabled low medium high")
"""Words of a column that turns reasoning on or off, or names an effort."""


def paths(of: Several) -> tuple[str, ...]:
    """One path or several as several; none for nowhere."""
    return tuple(filter(None, (of,) if isinstance(of, str) else of))


class Head:
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
        found = self.find(names.QUESTION, or_chat(is_text))
        more = self.find(Known(("input",)), is_text)
        return (found, more) if plain(found) == "instruction" and more else found

    def numbered(self, fits: Callable[[Any], bool]) -> tuple[str, ...]:
        """Columns whose names differ by a running number only; none, if there are not several."""
        stems: dict[str, list[str]] = {}
        for name in self.present:
            if (match := names.NUMBERED.fullmatch(name)) and any(map(fits, self.values(name))):
                stems.setdefault(plain(match[1]), []).append(name)
        found = next((several for several in stems.values() if len(several) > 1), [])
        return tuple(sorted(found, key=lambda name: int(re.findall(r"\d+", name)[-1])))

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


def is_text(value: Any) -> bool:
    """Whether a value is text."""
    return isinstance(value, str)


def is_reference(value: Any) -> bool:
    """Whether a value could be a reference answer; a sentence is none."""
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    return isinstance(one, str | int | float)


def are_texts(value: Any) -> bool:
    """Whether a value is text, or a list of texts."""
    return bool(_texts(value))


def is_chat(value: Any) -> bool:
    """Whether a value is a chat, or text of one."""
    return as_chat(value) is not None


def _texts(value: Any) -> list[str]:
    """The texts of a column that may hold lists of them."""
    value = decoded(value)
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def some_text(value: Any) -> bool:
    """Whether there is any text but a word that switches reasoning on or off."""
    return any(one.strip() and one.strip().lower() not in SWITCHED for one in _texts(value))


def much_text(value: Any) -> bool:
    """Whether there is more than a word."""
    return any(len(one.split()) > 1 or len(one) > 30 for one in _texts(value))


def or_chat(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a value fits, or is a chat or the message of one."""

    def turn(value: Any) -> bool:
        return isinstance(value, dict) and bool({"content", "choices", "message"} & value.keys())

    def found(value: Any) -> bool:
        whole = decoded(value)
        several = whole if isinstance(whole, list) else [whole]
        return fits(value) or is_chat(whole) or any(turn(one) or is_chat(one) for one in several)

    return found
