"""Who answers: one file per backend, each with `load(target, **options) -> Model`.

A whole model for a test or a notebook::

    class Parrot:
        name, identity = "parrot", "parrot 1"

        def generate(self, requests, sampling):
            for request in requests:
                yield Completion(text=request.messages[-1]["content"], n_tokens=3, finished=True)

        def token_ends(self, texts):
            return [[match.end() for match in re.finditer(r"\\S+", text)] for text in texts]
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

from cotpress import plugins
from cotpress.errors import CotpressError, UnknownName
from cotpress.records import Message, Record


class Request(Record, frozen=True, kw_only=True):
    """One completion to make."""

    key: str
    """Names the request; with the seed it decides every random draw, so that batch and order change nothing."""
    messages: list[Message]
    prefill: str = ""
    """The beginning of the assistant turn, to be continued; not part of the completion's text."""


class Sampling(Record, frozen=True, kw_only=True):
    """How tokens are chosen, the same for all requests of a call."""

    max_tokens: int = 512
    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    seed: int = 0
    latents: int | None = None
    """Write exactly so many latent tokens first, and then none; None: the model chooses. Only where it knows any."""
    legal_latents: bool = False
    """Latent tokens only in runs between their markers."""


class Completion(Record, frozen=True, kw_only=True):
    """What came back."""

    text: str
    n_tokens: int
    """Generated tokens, the end-of-turn token not counted."""
    finished: bool
    """False: `max_tokens` ended it."""
    seconds: float = 0.0
    """This request's share of its batch's wall time."""


class Model(Protocol):
    """A model that answers, and whose tokens the ratio is counted in."""

    name: str
    """What `Trace.model` and the report call it: the spec it was loaded from."""

    @property
    def identity(self) -> str:
        """Its name and whatever else decides its answers and tokens (a hash of weights and tokenizer): with another
        identity it is another model, and a verb does not go on with what the earlier one wrote.
        """
        ...

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in the order of the requests."""
        ...

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset, in characters, of each of its tokens (no special tokens), never falling."""
        ...


RECORDED = ("hf", "smollm2", "tiny")
"""The kinds of model that a file may name: a folder or hub id. The others import code or call a server."""


def load(spec: str) -> Model:
    """The model that `spec` names: `NAME[:TARGET][,option=value…]`, or the path of a model folder."""
    try:
        return cast(Model, plugins.load("models", _with_name(spec), offers=("name", "identity", "generate", "token_ends")))
    except UnknownName as error:
        raise CotpressError(f"{error} A model of the Hub is hf:NAME, one on this disk its folder.") from error


def load_recorded(spec: str, file: Path, cure: str) -> Model:
    """The model that `file` names; see `check_recorded`."""
    return load(check_recorded(spec, file, cure))


def check_recorded(spec: str, file: Path, cure: str) -> str:
    """`spec`, which stands in `file`; `CotpressError` with the cure where it is not one of the kinds in `RECORDED`.

    Files come from strangers, so they choose among models and never what is run. Every spec that is read from a file goes
    through here before it is loaded; plug-ins and servers are named by the user alone.
    """
    if plugins.parse_spec(_with_name(spec)).name not in RECORDED:
        raise CotpressError(
            f"{file} names the model {spec!r}, and a file may name no plug-in and no server, only a folder, hf:NAME, "
            f"{' or '.join(RECORDED[1:])}: {cure}."
        )
    return spec


def _with_name(spec: str) -> str:
    """The spec, with `hf:` before the path of a folder."""
    head = spec.partition(",")[0]
    if head.partition(":")[0] in plugins.available("models"):
        return spec
    if os.path.isdir(head):  # False where the text cannot be a path
        return f"hf:{spec}"
    if "/" in head and ":" not in head:
        raise CotpressError(f"there is no model folder {head}: for a model of that name on the Hub, write hf:{head}.")
    return spec
