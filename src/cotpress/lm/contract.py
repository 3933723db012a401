"""The contract of a model: what it is asked, how it chooses tokens, and what comes back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from cotpress.prompts import Message
from cotpress.records import Record

MOSTLY_CUT = 0.3
"""Where `max_tokens` ends more than this share of the answers, figures tell about the limit."""


class Request(Record, frozen=True, kw_only=True):
    """One completion to make."""

    key: str
    """Names the request; with the seed it decides every random
    draw, so that batch and order change nothing.
    """
    messages: list[Message]
    prefill: str = ""
    """The beginning of the assistant turn, to be continued; not part of the completion's text."""
    may_fail: bool = False
    """Where a model cannot answer this one request, it says so in the completion's `error`, and
    goes on with the others; otherwise it raises.
    """


class Sampling(Record, frozen=True, kw_only=True):
    """How tokens are chosen, the same for all requests of a call."""

    max_tokens: int = 512
    """Where an answer is cut off: tokens generated, reasoning included."""
    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    """Draw only from the likeliest tokens that together have this probability."""
    top_k: int = 0
    """Draw only from so many likeliest tokens; 0: from all."""
    min_p: float = 0.0
    """Draw only from tokens at least this share as likely as the likeliest; 0: from all."""
    seed: int = 0
    """With the request's key it decides every draw."""
    latents: int | None = None
    """Write exactly so many latent tokens first, and then none;
    None: the model chooses. Only where it knows any.
    """
    legal_latents: bool = False
    """Latent tokens only in runs between their markers."""
    thinking_budget: int | None = None
    """The engine ends the thinking at so many tokens; None: it does not. Only where it can."""


class Completion(Record, frozen=True, kw_only=True):
    """What came back."""

    text: str
    n_tokens: int
    """Generated tokens, the end-of-turn token not counted."""
    finished: bool
    """False: `max_tokens` ended it, or what `finish` says."""
    finish: str = ""
    """Why it ended, in the server's word, where that was neither the model nor the limit."""
    error: str = ""
    """Why there is no answer; only to a request that may fail."""
    seconds: float = 0.0
    """This request's share of its batch's wall time."""


class Model(Protocol):
    """A model that answers, and whose tokens the ratio is counted in."""

    name: str
    """What `Trace.model` and the report call it: the spec it was loaded from."""

    @property
    def identity(self) -> str:
        """Its name and whatever else decides its answers and tokens (a hash of weights and
        tokenizer): with another identity it is another model, and a verb does not go on with what
        the earlier one wrote.
        """
        ...

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in the order of the requests."""
        ...

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset, in characters, of each of
        its tokens (no special tokens), never falling.
        """
        ...


T = TypeVar("T")

Answers = Iterator[tuple[int, Completion]]
"""Completions with the number of the request that each belongs to."""


def as_ready(model: Model, requests: Iterable[Request], sampling: Sampling) -> Answers:
    """Completions as they are ready, where the model has `as_ready(requests, sampling)`; else in
    the order of the requests. So a kill loses none that is finished.
    """
    own: Callable[[Iterable[Request], Sampling], Answers] | None = getattr(model, "as_ready", None)
    return own(requests, sampling) if own else enumerate(model.generate(requests, sampling))


def growing(model: Model, request: Request, sampling: Sampling) -> Iterator[Completion]:
    """One answer as it grows, for a reader who watches: each completion says more than the one
    before it, and the last is what `generate` gives. A model without `growing(request, sampling)`
    gives only that last one.
    """
    own: Callable[[Request, Sampling], Iterator[Completion]] | None = getattr(
        model, "growing", None
    )
    return own(request, sampling) if own else iter(model.generate([request], sampling))


def in_order(answers: Iterable[tuple[int, T]]) -> Iterator[T]:
    """The answers in the order of the requests, each as soon as those before it are there."""
    done: dict[int, T] = {}
    n = 0
    for number, answer in answers:
        done[number] = answer
        while n in done:
            yield done.pop(n)
            n += 1
