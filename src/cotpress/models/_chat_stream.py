"""A streamed chat completion, put together piece by piece: what has come so far is a response like
any other.
"""

from typing import Any

from cotpress.lm.chat import ChatMessage
from cotpress.models._chat_fields import BadAnswer, Choice, Response, Usage

TEXTS = ("content", "reasoning", "reasoning_content")
"""Parts of a message that come in pieces, by the names of `ChatMessage`."""


class Pieces:
    """What the chunks of one stream have said."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._finish: str | None = None
        self._model = ""
        self._usage: Usage | None = None
        self._n = 0

    def add(self, chunk: dict[str, Any]) -> bool:
        """Take a `chat.completion.chunk` in; whether it holds any text."""
        self._model = chunk.get("model") or self._model
        if used := chunk.get("usage"):
            self._usage = Usage(
                prompt_tokens=used.get("prompt_tokens") or 0,
                completion_tokens=used.get("completion_tokens") or 0,
            )
        grown = False
        for choice in (chunk.get("choices") or [])[:1]:
            self._n += 1
            self._finish = choice.get("finish_reason") or self._finish
            for name in TEXTS:
                if isinstance(piece := (choice.get("delta") or {}).get(name), str) and piece:
                    self._texts[name] = self._texts.get(name, "") + piece
                    grown = True
        return grown

    @property
    def ended(self) -> bool:
        """Whether a reason for the end came: a stream without one was broken off."""
        return self._finish is not None

    def response(self) -> Response:
        """All of it; `BadAnswer` where nothing of a chat completion came."""
        if not self._n:
            raise BadAnswer(
                "no stream of a chat completion",
                "check the URL, which mostly ends in /v1, and whether the server can stream",
            )
        choice = Choice(message=ChatMessage(**self._texts), finish_reason=self._finish)
        return Response(choices=[choice], model=self._model, usage=self._usage)
