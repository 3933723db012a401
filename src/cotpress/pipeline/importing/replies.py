"""The shapes in which a completion stands in a row: text, a turn of a chat with its reasoning in a
field of its own or in parts, an answer of an API, a list of any of them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cotpress.pipeline.importing.chats import (
    Turn,
    as_chat,
    calls_tools,
    content_of,
    joined,
    message,
    role_of,
)
from cotpress.pipeline.importing.values import SAID, Unusable, at, decoded
from cotpress.prompts import Message

Note = Callable[[str], None]

FIELDS = ("reasoning_content", "reasoning", "thinking", "thoughts", "thought")
"""Where a turn keeps its reasoning: DeepSeek and vLLM, OpenRouter, gpt-oss and Ollama."""

LOCKED = "reasoning that cannot be read (encrypted or redacted)"


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
    finish: Any = None
    """Why it ended, where that stands with it."""
    followed: tuple[Message, ...] = ()
    """Turns that belong to the completion and stand before its last one."""


def replies_in(value: Any) -> list[Any]:
    """The completions in a column: its list, or the one that it is; a chat is one completion."""
    whole = decoded(value)
    if isinstance(whole, dict) and isinstance(whole.get("choices"), list):
        return list(whole["choices"])
    if not isinstance(whole, list) or as_chat(whole) or _parts(whole):
        return [value]
    written = isinstance(value, str) and not all(isinstance(one, str | dict) for one in whole)
    return [value] if written else whole


def reply_of(value: Any, note: Note) -> Reply:
    """A completion that stands alone: text, a turn, the last turn of a chat, or a choice of an
    API's answer.
    """
    whole = decoded(value)
    if turns := as_chat(whole):
        *before, last = joined(turns)
        if role_of(last) != "assistant":
            raise Unusable("the last turn is not a reply")
        asked = [place for place, turn in enumerate(before) if role_of(turn) == "user"]
        since = before[asked[-1] + 1 :] if asked else before
        return turn_of(last, note)._replace(followed=tuple(map(message, since)))
    if isinstance(whole, dict) and ("message" in whole or "content" in whole):
        turn = whole["message"] if isinstance(whole.get("message"), dict) else whole
        return turn_of(turn, note)._replace(finish=_finish_of(whole))
    return turn_of({"content": value}, note) if _parts(value) else Reply(value)


def turn_of(turn: Turn, note: Note) -> Reply:
    """An assistant's turn: its content and its reasoning, wherever that stands."""
    if calls_tools(turn):
        raise Unusable("the last turn calls a tool")
    content, thought = content_of(turn), ""
    if _parts(content):
        content, thought = _of_parts(content, note)
    fields = (turn.get(key) for key in FIELDS)
    reasoning = next((one for one in fields if one and isinstance(one, str | list)), thought)
    if not reasoning and isinstance(turn.get("reasoning_details"), list):
        reasoning = _of_details(turn["reasoning_details"], note)
    inside = at(dict(turn), "info.think_content")
    if not reasoning and isinstance(inside, str) and inside not in str(content):
        reasoning = inside
    return Reply(content, reasoning or None, think=bool(reasoning), finish=_finish_of(turn))


def _finish_of(answer: Mapping[str, Any]) -> Any:
    """Why an answer ended, in the words of OpenAI, Anthropic and Ollama."""
    found = (answer.get(key) for key in ("finish_reason", "stop_reason", "done_reason"))
    return next((one for one in found if one is not None), None)


def _parts(value: Any) -> bool:
    """Whether a value is a list of typed parts of a turn."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in value)
    )


def _of_parts(parts: list[Mapping[str, Any]], note: Note) -> tuple[Any, str]:
    """What is said, and what is thought before it: parts of Anthropic and of Mistral."""
    thoughts: list[str] = []
    said: list[Any] = []
    locked = False
    for part in parts:
        kind = part["type"]
        if kind == "redacted_thinking":
            locked = True
        elif kind in ("thinking", "reasoning", "thought"):
            if said:
                raise Unusable("more than one block of thinking")
            thoughts.append(_text_of(part.get("thinking") or part.get("text") or part.get(kind)))
        elif kind in SAID and not str(part.get("text") or "").strip() and not said:
            continue  # what streams leave before the thinking
        else:
            said.append(part)
    _unlock(locked, bool(thoughts), note)
    return said, "\n\n".join(filter(None, thoughts))


def _of_details(details: list[Any], note: Note) -> str:
    """The reasoning in OpenRouter's `reasoning_details`, which come in pieces of a stream."""
    found = [one for one in details if isinstance(one, dict)]
    whole = "".join(_text_of(one.get("text")) for one in found)
    summary = "\n\n".join(filter(None, (_text_of(one.get("summary")) for one in found)))
    _unlock(
        any(one.get("type") == "reasoning.encrypted" for one in found), bool(whole or summary), note
    )
    if summary and not whole:
        note("the reasoning is the summary of one that is not shown")
    return whole or summary


def _unlock(locked: bool, readable: bool, note: Note) -> None:
    """Refuse what cannot be read at all, and say where a part cannot be."""
    if locked and not readable:
        raise Unusable(LOCKED)
    if locked:
        note("a part of the reasoning cannot be read (encrypted or redacted)")


def _text_of(value: Any) -> str:
    """The text of a part that may hold parts again."""
    if isinstance(value, list):
        return "".join(_text_of(one.get("text") if isinstance(one, dict) else one) for one in value)
    return value if isinstance(value, str) else ""
