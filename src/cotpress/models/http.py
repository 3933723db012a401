"""An OpenAI-compatible server: vLLM, SGLang, llama-server, `transformers serve`, Ollama, or a
hosted service.

    http:http://localhost:8000/v1,model=NAME,tokenizer=DIR

`tokenizer` is the folder or hub id whose tokens lengths are counted in; `tokenizer=words` counts
words and symbols where the model's own is not public, and every figure then carries that name.
`key` names the environment variable that holds the API key: the key itself never stands in a spec,
so it cannot reach a trace, a meta file or a message.

The ratio or budget is in the text of the user turn, as everywhere in cotpress, and the served chat
template gets no argument. With `ratio=template` it is the other way round: the tag is taken out and
sent as `chat_template_kwargs.compression_ratio` or `.thinking_budget`, as the users of an exported
model send it. Never both. A
server that drops the field, or that opens a new turn where a prefill was to be continued, is found
by counting prompt tokens before the first such request, and refused.
"""

import asyncio
import os
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from functools import cached_property, partial
from time import perf_counter
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec
import openai

from cotpress.errors import CotpressError
from cotpress.lm.chat import text_of
from cotpress.lm.contract import Answers, in_order
from cotpress.lm.markup import NONE, Markup
from cotpress.models import Completion, Request, Sampling, _chat_fields
from cotpress.models._bounded import CUT, AsyncBounded, TooLong, httpx, leads_elsewhere
from cotpress.models._bounded import MEGABYTE as MEGABYTE
from cotpress.models._bounded import Bounded as Bounded
from cotpress.models._chat_fields import BadAnswer, Fields, Response
from cotpress.models._chat_stream import Pieces
from cotpress.models._concurrency import Clock, running
from cotpress.models._template import NO_ARGUMENTS, told
from cotpress.models.scripted import TOKEN
from cotpress.plugins import Arguments
from cotpress.prompts import untagged

T = TypeVar("T")

COUNTED: dict[str, Any] = {"stream_options": {"include_usage": True}}
"""Lets a server count the tokens of a stream, too."""

AHEAD = 4
"""Requests that are read ahead, per connection."""

NO_KEY = "none"
"""What servers without keys are sent; the client library insists on one."""

LONG = "Let me think about this step by step."
"""A prefill that no single token repeats."""

SHOWN = 300
"""Characters of a server's complaint that are shown."""

_NAME_THE_KEY = "write key=NAME, the environment variable that holds the API key"
_FIELDS = (
    "if it does not know a field, choose others: fields=openai for hosted "
    "services, fields=transformers for transformers serve"
)
_IN_TEXT = "leave out ratio=template, so that the ratio stands in the text"
CURES = {
    400: _FIELDS,
    401: _NAME_THE_KEY,
    403: _NAME_THE_KEY,
    404: "check model= and the URL, which mostly ends in /v1",
    422: _FIELDS,
    429: "ask less at a time (concurrency=N), or more patiently (retries=N)",
}
"""By HTTP status."""

TOO_LONG = "allow more with max_mb=MEGABYTES, or fewer tokens with --max-tokens"

OF_ALL = (401, 402, 403, 404, 405)
"""Statuses that every request would get."""


def _is_of_the_request(error: openai.OpenAIError | BadAnswer) -> bool:
    """Whether other requests may fare better: the server can be reached, and lets us in."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code not in OF_ALL and not 300 <= error.status_code < 400
    if isinstance(error, openai.APIConnectionError):
        return isinstance(error, openai.APITimeoutError)
    return True


class HTTPModel:
    """A model behind a server; `_Session` holds the connections of one call."""

    def __init__(
        self,
        name: str,
        url: str,
        model: str,
        token_ends: Callable[[Sequence[str]], list[list[int]]],
        *,
        tokenizer_hash: str = "",
        key: str = "",
        in_template: bool = False,
        fields: Fields = "open",
        concurrency: int = 16,
        timeout: float = 600.0,
        retries: int = 5,
        max_mb: float = 16.0,
        template: Arguments = NO_ARGUMENTS,
        markup: Callable[[], Markup] = Markup,
    ) -> None:
        self.name, self.url, self.model = name, url, model
        self.identity = (
            f"{name}+{tokenizer_hash}"  # which weights are behind it, a server does not say
        )
        self.in_template, self.fields, self.concurrency = in_template, fields, concurrency
        self.timeout, self.retries, self.max_mb = timeout, retries, max_mb
        self.token_ends = token_ends
        self.template = template
        self._key, self._markup = key, markup

    @cached_property
    def markup(self) -> Markup:
        """How the model behind the server marks thinking, by the chat template of the tokenizer
        that was named; a template that cannot be used says nothing.
        """
        try:
            return self._markup()
        except CotpressError:
            return NONE

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in order, `concurrency` of them at a time."""
        return in_order(self.as_ready(requests, sampling))

    def as_ready(self, requests: Iterable[Request], sampling: Sampling) -> Answers:
        """The completions as they come, each with the number of its request."""
        session, flying = _Session(self, sampling), dict[Future[Completion], int]()
        with running(session.close) as loop:
            for number, request in enumerate(requests):
                future = asyncio.run_coroutine_threadsafe(session.answer(request), loop)
                flying[future] = number
                yield from _landed(flying, wait=len(flying) >= AHEAD * self.concurrency)
            while flying:
                yield from _landed(flying, wait=True)

    def growing(self, request: Request, sampling: Sampling) -> Iterator[Completion]:
        """The answer to one request as the server streams it; while it grows its tokens are counted
        here, at its end by the server. Its seconds are counted from when it was asked.
        """
        session = _Session(self, sampling)
        with running(session.close) as loop:
            answers = session.growing(request)

            def wait(what: Coroutine[Any, Any, T]) -> T:
                return asyncio.run_coroutine_threadsafe(what, loop).result()

            async def following() -> Completion | None:
                return await anext(answers, None)

            try:
                while (now := wait(following())) is not None:
                    yield now
            finally:
                wait(answers.aclose())

    def explain(self, error: openai.OpenAIError | BadAnswer, request: Request) -> CotpressError:
        """What went wrong with a request after all retries, without the key."""
        who = f"the server at {self.url}"
        if isinstance(error, openai.APITimeoutError):
            return CotpressError(
                f"{who} did not answer request {request.key} within "
                f"{self.timeout:g} s, {self.retries + 1} times: "
                "see its log, or allow more with timeout=SECONDS."
            )
        if isinstance(error, openai.APIConnectionError):
            return CotpressError(
                f"{who} cannot be reached, or hangs up: start it, or check the URL."
            )
        # in this order: half a key would not be found
        said = self._safe(" ".join(str(error).split()))[:SHOWN]
        if isinstance(error, BadAnswer):
            return CotpressError(f"{who} answered request {request.key} with {said}: {error.cure}.")
        status = error.status_code if isinstance(error, openai.APIStatusError) else 0
        if isinstance(error, openai.APIStatusError) and (host := leads_elsewhere(error.response)):
            return CotpressError(
                f"{who} redirects to {host}, and no question is sent to a host that was not named: "
                "write the URL of that server, if it is meant."
            )
        cure = CURES.get(status, "see its log")
        if self.in_template and cure == _FIELDS:
            cure = f"{_IN_TEXT}, if it does not know chat_template_kwargs; {cure}"
        return CotpressError(f"{who} refused request {request.key} ({said}): {cure}.")

    def client(self) -> openai.AsyncOpenAI:
        """Connections that try again after 408, 409, 429, 5xx, a hang-up or a
        timeout: after a while or as Retry-After says.
        """
        most = int(self.max_mb * MEGABYTE)
        return openai.AsyncOpenAI(
            http_client=AsyncBounded(most, self.timeout, timeout=self.timeout),
            base_url=self.url,
            api_key=self._key or NO_KEY,
            timeout=self.timeout,
            max_retries=self.retries,
        )

    def _safe(self, text: str) -> str:
        return text.replace(self._key, "***") if self._key else text


def _landed(flying: dict[Future[Completion], int], *, wait: bool) -> Answers:
    """Take out the requests that are answered; `wait`: until there is one. Before the error of one
    is raised, those that were sent before it are waited for.
    """
    found, _ = wait_for(flying, timeout=None if wait else 0, return_when=FIRST_COMPLETED)
    if troubled := [flying[future] for future in found if future.exception()]:
        found, _ = wait_for([f for f, number in flying.items() if number <= min(troubled)])
    for future in sorted(found, key=flying.__getitem__):
        yield flying.pop(future), future.result()


class _Session:
    """The connections of one `generate`, all on one event loop."""

    def __init__(self, model: HTTPModel, sampling: Sampling) -> None:
        self.model, self.sampling = model, sampling
        self.client = model.client()
        self.free = asyncio.Semaphore(model.concurrency)
        self.clock = Clock()
        kinds = ("prefill", "compression_ratio", "thinking_budget")
        self.known = {name: asyncio.Lock() for name in kinds}
        self.checked: set[str] = set()
        self.echoes = False

    async def answer(self, request: Request) -> Completion:
        """The completion of one request, after the checks that it is the first to need."""
        try:
            await self._check(request)
            async with self.free:
                began = self.clock.turn(+1)
                try:
                    response = await self._ask(request, self.sampling)
                finally:
                    ended = self.clock.turn(-1)
        except (openai.OpenAIError, BadAnswer) as error:
            explained = self.model.explain(error, request)
            if request.may_fail and _is_of_the_request(error):
                return Completion(text="", n_tokens=0, finished=False, error=str(explained))
            raise explained from None
        return self._completion(response, request, ended - began)

    async def growing(self, request: Request) -> AsyncGenerator[Completion]:
        """The completion of one request as it comes; errors are not asked for again once the
        answer has begun.
        """
        model, pieces = self.model, Pieces()
        try:
            await self._check(request)
            began = perf_counter()
            chunks = await self.client.chat.completions.create(
                **self._fields(request, self.sampling),
                stream=True,
                **({} if model.fields == "transformers" else COUNTED),
            )
            async with chunks:
                async for chunk in chunks:
                    if pieces.add(chunk.model_dump()):
                        said = _chat_fields.checked(pieces.response(), model.model)
                        now = self._completion(said, request, perf_counter() - began)
                        yield msgspec.structs.replace(now, finished=False, finish="")
            said = _chat_fields.checked(pieces.response(), model.model)
            if not pieces.ended:
                raise BadAnswer("an answer that breaks off", "see its log")
            yield self._completion(said, request, perf_counter() - began)
        except (openai.OpenAIError, BadAnswer) as error:
            raise model.explain(error, request) from None
        except TooLong:
            cut = BadAnswer(f"more than {model.max_mb:g} MB", TOO_LONG)
            raise model.explain(cut, request) from None
        except (TimeoutError, httpx.TimeoutException):
            raise CotpressError(
                f"the server at {model.url} did not end its answer to request {request.key} within "
                f"{model.timeout:g} s: allow more with timeout=SECONDS, or fewer tokens."
            ) from None
        except httpx.TransportError:
            raise CotpressError(
                f"the server at {model.url} hangs up before the end of its answer: see its log."
            ) from None

    async def _check(self, request: Request) -> None:
        """That the server does what this request needs, as the first to need it."""
        if request.prefill:
            await self._once("prefill", self._check_prefill, request)
        if self.model.in_template and (asked := untagged(request.messages)).tagged:
            kind = "compression_ratio" if asked.budget is None else "thinking_budget"
            await self._once(kind, partial(self._check_reaches, kind), request)

    def _completion(self, response: Response, request: Request, seconds: float) -> Completion:
        return _chat_fields.completion(
            response,
            request,
            seconds,
            token_ends=self.model.token_ends,
            echoes=self.echoes,
            markup=self.model.markup,
        )

    def _fields(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        model = self.model
        return _chat_fields.body(
            request,
            model.model,
            sampling,
            model.fields,
            in_template=model.in_template,
            template=model.template,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.client.close()

    async def _ask(self, request: Request, sampling: Sampling) -> Response:
        """The client library retries what fails on the way;
        an answer that is none is asked for again here.
        """
        model = self.model
        for attempt in range(model.retries + 1):
            fields = self._fields(request, sampling)
            raw = await self.client.chat.completions.with_raw_response.create(**fields)
            try:
                if cut := raw.http_response.extensions.get(CUT):
                    raise BadAnswer(cut, TOO_LONG if cut.endswith("MB") else "see its log")
                return _chat_fields.read(raw.content, model.model)
            except BadAnswer:
                if attempt == model.retries:
                    raise
        raise AssertionError("unreachable")

    async def _once(
        self, name: str, check: Callable[[Request], Awaitable[None]], request: Request
    ) -> None:
        async with self.known[name]:
            if name not in self.checked:
                await check(request)
                self.checked.add(name)

    async def _check_prefill(self, request: Request) -> None:
        """A prefill of one letter makes a prompt one token longer; a
        turn that is closed and opened anew, several.
        """
        asked = [msgspec.structs.replace(request, prefill=text) for text in ("", "A", LONG)]
        if (
            self.model.fields == "open"
            and await self._n_prompt(asked[1]) - await self._n_prompt(asked[0]) == 1
        ):
            said = await self._ask(asked[2], Sampling(max_tokens=1))
            # in one token
            self.echoes = text_of(said.choices[0].message, continued=True).startswith(LONG)
            return
        raise CotpressError(
            f"the server at {self.model.url} does not continue an answer that "
            "was begun (continue_final_message), "
            "which the controls `truncation` and `random` need: use vLLM, "
            "SGLang, llama-server or hf:, or leave them out."
        )

    async def _check_reaches(self, kind: str, request: Request) -> None:
        """A ratio or budget that reaches the template changes the prompt."""
        plain = untagged(request.messages).messages
        if await self._n_prompt(request) == await self._n_prompt(
            msgspec.structs.replace(request, messages=plain)
        ):
            raise CotpressError(
                f"the server at {self.model.url} drops {kind}: its "
                "chat template does not read it. "
                f"Serve what `cotpress export` wrote, or {_IN_TEXT}."
            )

    async def _n_prompt(self, request: Request) -> int:
        response = await self._ask(request, Sampling(max_tokens=1))
        if response.usage is None or not response.usage.prompt_tokens:
            raise CotpressError(
                f"the server at {self.model.url} does not count prompt tokens, "
                "so that it cannot be told whether it "
                "continues a prefill or reads a ratio: leave out what needs them."
            )
        return response.usage.prompt_tokens


def load(
    target: str,
    *,
    model: str = "",
    tokenizer: str = "",
    key: str = "",
    ratio: Literal["text", "template"] = "text",
    fields: Fields = "open",
    concurrency: int = 16,
    timeout: float = 600.0,
    retries: int = 5,
    max_mb: float = 16.0,
    template: Arguments = NO_ARGUMENTS,
) -> HTTPModel:
    """The model `model` of the server at the URL `target`; nothing is sent before the first
    request.

    `timeout`: seconds one request may take, from the first byte to the last. `retries`: how often
    one is sent again. `max_mb`: megabytes that one answer may have, unpacked. `fields`: which
    sampling fields the server knows: `open` (vLLM, SGLang, llama-server, Ollama), `openai` (hosted
    services) or `transformers` (`transformers serve`). `template` are arguments of the served chat
    template (`chat_template_kwargs`), as `template.enable_thinking=false`.
    """
    url = checked_url(target)
    example = f"http:{url},model=NAME,tokenizer=DIR"
    if not model:
        raise CotpressError(
            "model http needs the name under which the server offers the "
            f"model (see {url}/models): {example}"
        )
    if not tokenizer:
        raise CotpressError(
            "model http needs the tokenizer that lengths are counted "
            f"with: {example}, a folder or hub id; "
            "tokenizer=words counts words and symbols where the model's own is not public."
        )
    if concurrency < 1 or retries < 0 or timeout <= 0 or max_mb <= 0:
        raise CotpressError(
            "model http: choose concurrency of at least 1, retries of "
            "at least 0, a timeout above 0 and max_mb above 0."
        )
    name = (
        f"http:{url},model={model},tokenizer={tokenizer}"
        + (",ratio=template" if ratio == "template" else "")
        + told(template)
    )
    token_ends, tokenizer_hash, markup = _counter(tokenizer, template)
    return HTTPModel(
        name,
        url,
        model,
        token_ends,
        tokenizer_hash=tokenizer_hash,
        key=key_in(key),
        in_template=ratio == "template",
        fields=fields,
        concurrency=concurrency,
        timeout=timeout,
        retries=retries,
        max_mb=max_mb,
        template=template,
        markup=markup,
    )


def checked_url(target: str) -> str:
    """A URL without secrets; they would stand in every trace."""
    try:
        parts = urlsplit(target)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        bad = True
    if bad:
        raise CotpressError(
            "model http needs a server's URL: "
            "http:http://localhost:8000/v1,model=NAME,tokenizer=DIR"
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise CotpressError(
            f"the URL of the server at {parts.hostname} holds a user, a password "
            "or a query: every trace would name it. "
            "Put the API key into an environment variable, and name that with key=NAME."
        )
    return target.rstrip("/")


def key_in(variable: str) -> str:
    """The API key in an environment variable. Its name is not repeated
    in errors: it may be the key, given by mistake.
    """
    if not variable:
        return ""
    found = os.environ.get(variable, "").strip()
    if not found.isascii() or not found.isprintable() or not found:
        raise CotpressError(
            "option key of model http names the environment variable that holds "
            "the API key, and there is none of that "
            "name with a key in it: export one, and write key=NAME."
        )
    return found


def _counter(
    tokenizer: str, template: Arguments
) -> tuple[Callable[[Sequence[str]], list[list[int]]], str, Callable[[], Markup]]:
    """Where tokens end, in those of a tokenizer or in words and symbols; the tokenizer's hash; and
    how its chat template marks thinking.
    """
    if tokenizer == "words":
        ends = lambda texts: [[match.end() for match in TOKEN.finditer(text)] for text in texts]  # noqa: E731
        return ends, "", Markup
    from cotpress.models import hf  # torch is needed only here

    known = hf.tokenizer_only(tokenizer, template)
    return known.token_ends, known.tokenizer_hash, lambda: known.markup
