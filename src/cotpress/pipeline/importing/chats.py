"""Chats as people keep them -> what was asked and who replied.

The last turn of the user is the question. What comes before is the system turn and the history,
whose replies are carried without their thinking, as chat templates write them; what stands between
the question and the reply (tool calls and what they gave) is carried as it is.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from cotpress.lm.marks import ENDS, thought_in
from cotpress.pipeline.importing.values import Unusable, decoded, named, text
from cotpress.prompts import Message

Turn = Mapping[str, Any]

SPEAKERS = {
    "user": "user human prompter client customer student",
    "assistant": "assistant gpt chatgpt bot chatbot model ai bing bard claude gemini llm "
    "function_call tool_call",
    "system": "system developer",
    "tool": "tool function observation ipython tool_response function_response environment "
    "tool_result tool_results function_result",
}
ROLES = {name: role for role, names in SPEAKERS.items() for name in names.split()}
"""Who speaks, in the words of OpenAI, ShareGPT, Llama, Gemma, GLM and others."""
CALLING = {"function_call", "tool_call"}
"""Speakers whose turn is a tool call."""


class Chat(NamedTuple):
    """One question with its surroundings, and the reply where the chat has it."""

    question: str
    system: str = ""
    history: tuple[Message, ...] = ()
    followed: tuple[Message, ...] = ()
    reply: Turn | None = None
    turns: bool = False
    """Whether it came as turns, not as a bare question."""


def as_chat(value: Any) -> list[Turn] | None:
    """The turns of a chat, as a list or as text of one; None for anything else."""
    value = decoded(value)
    return list(value) if _is_turns(value) else None


def _is_turns(value: Any) -> TypeGuard[Sequence[Turn]]:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and (said_by(one) or "content" in one) for one in value)
        and any(map(said_by, value))
    )


def said_by(turn: Turn) -> str:
    """Who speaks, as it is written."""
    who = turn.get("role") or turn.get("from") or turn.get("speaker") or ""
    return who if isinstance(who, str) else ""


def role_of(turn: Turn) -> str:
    """Who speaks: user, assistant, system or tool; empty for anybody else."""
    return ROLES.get(said_by(turn).strip().lower().replace("-", "_"), "")


def content_of(turn: Turn) -> Any:
    """What is said, unchecked."""
    found = (turn.get(key) for key in ("content", "value", "text"))
    return next((one for one in found if one is not None), None)


def calls_tools(turn: Turn) -> bool:
    """Whether a turn calls a tool, in a field of its own or as a part."""
    content = content_of(turn)
    parts = content if isinstance(content, list) else []
    return (
        bool(turn.get("tool_calls") or turn.get("function_call"))
        or str(turn.get("recipient") or "").startswith("functions.")
        or said_by(turn).strip().lower() in CALLING
        or any(isinstance(part, dict) and part.get("type") == "tool_use" for part in parts)
    )


def has_reply(value: Any) -> bool:
    """Whether a chat ends with an assistant's turn."""
    turns = as_chat(value)
    return turns is not None and role_of(turns[-1]) == "assistant"


def read_chat(value: Any, *, replied: bool) -> Chat:
    """A chat whose last turn is the reply, or whose reply stands elsewhere (not `replied`): then a
    last turn of the assistant may begin it. A system turn anywhere but in front stays in its place.
    `Unusable` for a chat of another shape.
    """
    turns = as_chat(value)
    if turns is None:
        raise Unusable("no messages")
    turns = joined(turns)
    roles = [role_of(turn) for turn in turns]
    if "" in roles:
        who = said_by(turns[roles.index("")])
        raise Unusable(f"a turn of an unknown role ({named(who)})")
    reply = None
    if replied and roles[-1] != "assistant":
        raise Unusable("no reply" if "assistant" not in roles else "the last turn is not a reply")
    if roles[-1] == "assistant" and (replied or not calls_tools(turns[-1])):
        reply, turns, roles = turns[-1], turns[:-1], roles[:-1]
    first = next((place for place, role in enumerate(roles) if role != "system"), len(roles))
    if "user" not in roles:
        raise Unusable("no question")
    asked = len(roles) - 1 - roles[::-1].index("user")
    system = [text(content_of(turn), "system turn", optional=True) for turn in turns[:first]]
    return Chat(
        text(content_of(turns[asked]), "question"),
        "\n\n".join(filter(str.strip, system)),
        tuple(map(message, turns[first:asked])),
        tuple(map(message, turns[asked + 1 :])),
        reply,
        turns=True,
    )


def joined(turns: Sequence[Turn]) -> list[Turn]:
    """Turns in which one in harmony's channel `analysis` is the thinking of the one after it."""
    found: list[Turn] = []
    for turn in turns:
        if found and found[-1].get("channel") == "analysis" and role_of(turn) == "assistant":
            turn = {**turn, "thinking": content_of(found.pop())}
        found.append(turn)
    return found


def pairs(value: Any) -> tuple[Message, ...]:
    """Earlier questions and replies as alpaca rows have them: pairs of texts."""
    found = decoded(value)
    turns: list[Message] = []
    for pair in found if isinstance(found, list) else []:
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair):
            turns.append({"role": "user", "content": pair[0]})
            turns.append({"role": "assistant", "content": without_thought(pair[1])})
    return tuple(turns)


def message(turn: Turn) -> Message:
    """A turn that is carried along: a reply without its thinking, with the tools that it calls."""
    role, content = role_of(turn), content_of(turn)
    if isinstance(content, list):
        kept = [part for part in content if not _is_thinking(part)]
        content = kept or ""
    if role == "tool" and not isinstance(content, str | None):
        content = json.dumps(content, ensure_ascii=False)
    said = text(content, f"turn of the {role}", optional=True)
    calls = turn.get("tool_calls") or _call(turn, said)
    carried: Message = {
        "role": role,
        "content": without_thought(said) if role == "assistant" else said,
    }
    if calls and isinstance(calls, list):
        carried["tool_calls"] = calls
        if said_by(turn).strip().lower() in CALLING:
            carried["content"] = ""
    for key in ("tool_call_id", "name"):
        if isinstance(turn.get(key), str):
            carried[key] = turn[key]
    return carried


def without_thought(said: str) -> str:
    """What a reply says after its thinking."""
    thought = thought_in(said)
    if not thought:
        return said
    ending = ENDS.search(said, thought.answer)
    return said[thought.answer : ending.start() if ending else len(said)].strip()


def _is_thinking(part: Any) -> bool:
    return isinstance(part, dict) and "thinking" in str(part.get("type"))


def _call(turn: Turn, said: str) -> list[Any]:
    """A tool call that is a turn of its own, as OpenAI once had it and LLaMA-Factory has it."""
    call = turn.get("function_call")
    if not call and said_by(turn).strip().lower() in CALLING:
        call = decoded(said)
    return [{"type": "function", "function": call}] if isinstance(call, dict) else []
