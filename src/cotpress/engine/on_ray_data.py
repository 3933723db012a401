"""vLLM engines of a Ray cluster answer, through `ray.data.llm`: every request goes as token ids and
sampling fields, the very ones that `vllm:` in one process asks with, and Ray Data hands them to the
engines.

Answers come as they are ready and are known by their number. `ray.data.llm` gives the token ids of
an answer and not why it ended, so that is read from the last of them: a token that ends a turn, or
the limit. Engines live as long as one data set, so that each call starts them anew.

The interface is that of Ray 2.60.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from cotpress.engine.on_ray import connect
from cotpress.errors import CotpressError
from cotpress.lm.contract import Answers, Completion, Request, Sampling, in_order
from cotpress.lm.markup import Markup, markup_of
from cotpress.plugins import require

GIVEN = ("number", "generated_tokens", "time_taken_llm")
"""The columns that come back."""

ERROR = "__inference_error__"
"""The column that says why a request has no answer."""


class Asking(Protocol):
    """What of `cotpress.models.vllm.VLLMModel` is needed to ask engines elsewhere."""

    name: str

    @property
    def identity(self) -> str:
        """As of every model."""
        ...

    @property
    def engine(self) -> dict[str, Any]:
        """The arguments that an engine is started with, `model` among them."""
        ...

    @property
    def adapter(self) -> str:
        """The folder of its adapter; empty without one."""
        ...

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens with which an answer ends."""
        ...

    @property
    def generation_config(self) -> dict[str, Any]:
        """What its generation_config.json says."""
        ...

    @property
    def context(self) -> int | None:
        """Tokens of prompt and answer at most; None: not known."""
        ...

    def prompt_ids(self, request: Request) -> list[int]:
        """What an engine is asked with."""
        ...

    def sampling_fields(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        """The fields of `vllm.SamplingParams`."""
        ...

    def completion(self, ids: list[int], finished: bool, seconds: float) -> Completion:
        """What token ids say."""
        ...

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset of each token."""
        ...


class RayEngines:
    """The same model, answered for by at most `n` engines of a Ray cluster."""

    def __init__(self, model: Asking, n: int, address: str = "") -> None:
        self.name, self.identity = model.name, model.identity
        self.markup: Markup = markup_of(model)
        self.generation_config, self.context = model.generation_config, model.context
        self._model, self._n, self._address = model, n, address

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        """For each text the end offset of each token."""
        return self._model.token_ends(texts)

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        """One completion per request, in order."""
        return in_order(self.as_ready(requests, sampling))

    def as_ready(self, requests: Iterable[Request], sampling: Sampling) -> Answers:
        """Completions as they are ready, each with the number of its request. All requests are read
        before the first is asked.
        """
        if sampling.legal_latents or sampling.latents is not None:
            raise CotpressError(
                f"{self.name} is not asked for latent tokens through ray.data.llm: leave out "
                "--engine ray."
            )
        asked = list(requests)
        if not asked:
            return
        may_fail = [request.may_fail for request in asked]
        rows = [self._row(number, one, sampling) for number, one in enumerate(asked)]
        for row in self._answered(rows, go_on=any(may_fail)):
            number = int(row["number"])
            if error := row.get(ERROR):
                if not may_fail[number]:
                    raise CotpressError(
                        f"{self.name}: request {asked[number].key} was not answered ({error}): "
                        "give the same command again, which goes on from there."
                    )
                yield number, Completion(text="", n_tokens=0, finished=False, error=str(error))
                continue
            ids = [int(one) for one in row["generated_tokens"]]
            done = bool(ids) and ids[-1] in self._model.end_ids
            yield (
                number,
                self._model.completion(ids[: -1 if done else None], done, row["time_taken_llm"]),
            )

    def _row(self, number: int, request: Request, sampling: Sampling) -> dict[str, Any]:
        return {
            "number": number,
            "tokenized_prompt": self._model.prompt_ids(request),
            "sampling_params": self._model.sampling_fields(request, sampling),
        } | ({"model": self._model.adapter} if self._model.adapter else {})

    def _answered(self, rows: list[dict[str, Any]], *, go_on: bool) -> Iterator[dict[str, Any]]:
        """The rows with their answers, in any order."""
        ray = require("ray", "--engine ray")
        ours = connect(ray, self._address)
        try:
            yield from self._processor(go_on=go_on)(ray.data.from_items(rows)).iter_rows()
        except ray.exceptions.RayError as error:
            raise CotpressError(
                f"the vLLM engines of Ray stopped ({_first_line(error)}): finished records are "
                "kept, and the same command goes on from there."
            ) from error
        finally:
            if ours:
                ray.shutdown()

    def _processor(self, *, go_on: bool) -> Any:
        """What turns a data set of requests into one of answers; `go_on`: past those that fail."""
        engine = dict(self._model.engine)
        source = engine.pop("model")
        try:
            llm = require("ray.data.llm", "--engine ray with vllm:")
            config = llm.vLLMEngineProcessorConfig(
                model_source=source,
                engine_kwargs=engine,
                concurrency=self._n,
                should_continue_on_error=go_on,
                chat_template_stage=False,
                tokenize_stage=False,
                detokenize_stage=False,
            )
            return llm.build_processor(config, postprocess=_only(GIVEN))
        except (ImportError, AttributeError, ValueError, TypeError) as error:
            raise CotpressError(
                f"ray.data.llm does not take {self.name} ({_first_line(error)}): pip install "
                "'ray[llm]>=2.60' on every machine, or leave out --engine ray."
            ) from error


def _only(columns: Sequence[str]) -> Any:
    """A function that leaves these columns of a row; it is sent to machines without cotpress."""

    def only(row: dict[str, Any]) -> dict[str, Any]:
        return {name: row[name] for name in columns}

    return only


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
