"""`cotpress doctor`: what this installation has, or what is wrong with a model, a data file or a
server, and what to change.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter

from cotpress import inputs, models, plugins, storage
from cotpress.doctor import findings as stage
from cotpress.doctor.data import KINDS, examine_data, kind_of
from cotpress.doctor.findings import Finding, problem
from cotpress.doctor.machine import examine_machine
from cotpress.doctor.model import examine_model
from cotpress.doctor.server import Answer, examine_server
from cotpress.errors import CotpressError
from cotpress.jsonl import Records
from cotpress.lm.capabilities import able
from cotpress.shown import shown
from cotpress.training.folder import trained

if TYPE_CHECKING:
    from cotpress.models.hf import HFModel

SECONDS = 60.0
"""How long a server may take for one token."""

SHOWN = 200
"""Characters of a server's complaint that are shown."""


def doctor(
    what: str = "",
    target: Annotated[str, Parameter(name="TARGET")] = "",
    /,
    *,
    model: str = "",
    key: str = "",
    json: bool = False,
) -> None:
    """Say what this machine and installation have, or examine a model, a data file or a running
    server: findings, each with its cure. Exit code 1 where there is a problem.

    Example: cotpress doctor server http://localhost:8000/v1

    Parameters
    ----------
    what
        Nothing: versions, extras, GPUs, memory, the hub; model: template, vocabulary, tied weights,
        end of turn; data: prompts, masks, lengths, markup inside traces; server: does the ratio
        reach the template, measured by counting prompt tokens.
    target
        A model folder, a file of traces or training data, or a server's URL.
    model
        data: whose tokens and chat template are meant; server: which of its models, needed only
        where it offers several.
    key
        The name of the environment variable that holds the server's API key.
    json
        Print the findings as JSON.
    """
    if what and what not in _EXAMINE:
        near = get_close_matches(what, _EXAMINE, n=1, cutoff=0.6)
        meant = f"{near[0]} …" if near else f"{_meant(what)} {what}"
        raise CotpressError(
            f"doctor examines a model, data or a server: write cotpress doctor {meant}"
        )
    if what and not target:
        raise CotpressError(f"doctor {what} needs a target: cotpress doctor {what} {_SUCH[what]}.")
    found = list(_EXAMINE[what](target, model, key) if what else examine_machine())
    if json:
        print(shown(msgspec.json.format(msgspec.json.encode(found), indent=2).decode()))
    else:
        print(shown("\n".join(stage.written(found))))
    if stage.is_ill(found):
        raise SystemExit(1)


def _model(target: str, model: str, key: str) -> Iterable[Finding]:
    if model or key:
        raise CotpressError(
            "--model and --key are for doctor data and doctor server: "
            "doctor model examines its target."
        )
    try:
        loaded = _hf(target)
        about = trained(Path(loaded.path))
    except CotpressError as error:
        cure = "name one of `cotpress ls`, hf:NAME of the hub, or a folder with a config.json"
        return [problem("loading", str(error), cure)]
    return examine_model(loaded, about)


def _data(target: str, model: str, key: str) -> Iterable[Finding]:
    if key:
        raise CotpressError("--key is for doctor server.")
    path = inputs.place(target)
    _, first = next(storage.lines(path), (0, b""))
    if not first:
        raise CotpressError(f"{path} is empty: run the verb that writes it.")
    try:
        fields = msgspec.json.decode(first, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CotpressError(
            f"{path}:1 is not a row of JSON Lines ({error}): name a file that cotpress wrote."
        ) from error
    record = kind_of(fields)
    if record is None:
        known = "; ".join(needed.replace(" ", ", ") for needed in KINDS)
        raise CotpressError(
            f"{path} holds rows with {', '.join(fields)}: read your own traces with `cotpress "
            f"import` first. doctor knows rows with {known}."
        )
    loaded = _hf(model) if model else None
    about = trained(Path(loaded.path)) if loaded else None
    return examine_data(Records(path, record), loaded, about.instructions if about else None)


def _server(target: str, model: str, key: str) -> Iterable[Finding]:
    plugins.require("openai", "cotpress doctor server")
    return examine_server(OpenAIServer(target, model, key))


_EXAMINE = {"model": _model, "data": _data, "server": _server}
_SUCH = {"model": "runs/x", "data": "train.jsonl", "server": "http://localhost:8000/v1"}


def _meant(target: str) -> str:
    """What a target without a word before it most likely is."""
    if "://" in target:
        return "server"
    return "data" if Path(target).is_file() else "model"


def _hf(spec: str) -> "HFModel":
    plugins.require("transformers", "cotpress doctor")
    from cotpress.models.hf import HFModel

    loaded = able(models.load(spec), HFModel, "doctor")
    return loaded


class OpenAIServer:
    """A running server, asked through OpenAI's client; every failure is an answer too."""

    def __init__(self, url: str, model: str, key: str) -> None:
        import openai

        from cotpress.models import http

        self.url = http.checked_url(url)
        self.url += "" if urlsplit(self.url).path else "/v1"
        self._key = http.key_in(key)
        self._client = openai.OpenAI(
            base_url=self.url,
            api_key=self._key or http.NO_KEY,
            timeout=SECONDS,
            max_retries=0,
            http_client=http.Bounded(http.MEGABYTE, SECONDS, timeout=SECONDS),
        )
        self.model = model
        if not model and isinstance(names := self.names(), list) and len(names) == 1:
            self.model = names[0]

    def names(self) -> list[str] | str:
        """The models it offers, or why it does not say."""
        import openai

        try:
            return [model.id for model in self._client.models.list()]
        except openai.OpenAIError as error:
            return self._safe(str(error))
        except (TypeError, ValueError) as error:
            return f"its list is none: {error}"

    def ask(self, content: str, extra: dict[str, Any]) -> Answer:
        """One token for one user turn."""
        import openai

        messages: Any = [{"role": "user", "content": content}]
        try:
            raw = self._client.chat.completions.with_raw_response.create(
                model=self.model, messages=messages, max_tokens=1, temperature=0.0, extra_body=extra
            )
        except openai.APIStatusError as error:
            return Answer(error.status_code, self._safe(str(error)))
        except openai.OpenAIError as error:
            return Answer(0, self._safe(f"no answer from {self.url}: {error}"))
        return _read(raw.content)

    def _safe(self, text: str) -> str:
        said = " ".join(text.split())
        return (said.replace(self._key, "***") if self._key else said)[:SHOWN]


def _read(content: bytes) -> Answer:
    try:
        found = msgspec.json.decode(content, type=dict[str, Any])
        counted = (found.get("usage") or {}).get("prompt_tokens")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError) as error:
        return Answer(
            0, f"the answer is not a chat completion ({error}): the URL mostly ends in /v1"
        )
    return Answer(200, "", counted, str(found.get("model") or ""), empty=not found.get("choices"))
