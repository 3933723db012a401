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
from dataclasses import replace
from pathlib import Path
from typing import cast

from cotpress import plugins
from cotpress.errors import CotpressError, UnknownName
from cotpress.lm.contract import Completion as Completion
from cotpress.lm.contract import Model as Model
from cotpress.lm.contract import Request as Request
from cotpress.lm.contract import Sampling as Sampling
from cotpress.lm.contract import as_ready as as_ready
from cotpress.lm.contract import growing as growing

RECORDED = ("hf", "overthink", "smollm2", "tiny")
"""The kinds of model that a file may name: a folder or hub
id. The others import code or call a server.
"""

WRITTEN = "A model of the Hub is hf:NAME, one on this disk its folder."


def check(spec: str) -> None:
    """`CotpressError` for a model that there cannot be; it is not loaded."""
    try:
        plugins.find("models", plugins.parse_spec(with_name(spec)).name)
    except UnknownName as error:
        raise CotpressError(f"{error} {WRITTEN}") from error


def load(spec: str, **usual: str) -> Model:
    """The model that `spec` names: `NAME[:TARGET][,option=value…]`, or the path of a model
    folder.

    Args:
        spec: A bundled model, such as `tiny`, `hf:ID`, `http:URL,model=…`, a folder, or the
            dotted name of a module of yours.
        **usual: Options that hold where the spec does not set them; those that the model does
            not have are ignored.

    Returns:
        The model, ready to generate.

    Raises:
        CotpressError: The spec cannot be read, names no model or no option of it, a needed
            package is not installed, or the model cannot be loaded.
    """
    try:
        named = with_name(spec)
        if usual:
            parsed = plugins.parse_spec(named)
            known = plugins.options_of(plugins.find("models", parsed.name))
            mine = {key: value for key, value in usual.items() if key in known}
            named = str(replace(parsed, options=mine | parsed.options))
        return cast(
            Model,
            plugins.load("models", named, offers=("name", "identity", "generate", "token_ends")),
        )
    except UnknownName as error:
        raise CotpressError(f"{error} {WRITTEN}") from error


def load_recorded(spec: str, file: Path, cure: str) -> Model:
    """The model that `file` names; see `check_recorded`."""
    return load(check_recorded(spec, file, cure))


def check_recorded(spec: str, file: Path, cure: str) -> str:
    """`spec`, which stands in `file`; `CotpressError` with the cure where it is not one of the
    kinds in `RECORDED`.

    Files come from strangers, so they choose among models and never what is run. Every spec that is
    read from a file goes through here before it is loaded; plug-ins and servers are named by the
    user alone.
    """
    if plugins.parse_spec(with_name(spec)).name not in RECORDED:
        raise CotpressError(
            f"{file} names the model {spec!r}, and a file may name no plug-in "
            "and no server, only a folder, hf:NAME, "
            f"{' or '.join(RECORDED[1:])}: {cure}."
        )
    return spec


def with_name(spec: str) -> str:
    """The spec, with `hf:` before the path of a folder."""
    named = plugins.parse_spec(spec)
    head = f"{named.name}:{named.target}" if named.target else named.name
    if head.partition(":")[0] in plugins.names("models"):
        return spec
    if os.path.isdir(head):  # False where the text cannot be a path
        return f"hf:{spec}"
    if "/" in head and ":" not in head:
        raise CotpressError(
            f"there is no model folder {head}: for a model of that "
            f"name on the Hub, write hf:{head}."
        )
    return spec
