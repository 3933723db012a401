"""`--backend`: whether transformers or vLLM answers for the models that are named."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from cotpress import models, plugins
from cotpress.errors import CotpressError

Backend = Literal["auto", "hf", "vllm"]
"""auto: vLLM where it is installed and finds a GPU, else as the models are named."""

PASSED_ON = ("adapter",)
"""Options of `hf` that `vllm` has too; arguments of the chat template besides."""


class Chosen(NamedTuple):
    """Who answers."""

    specs: list[str]
    said: str = ""
    """A sentence on it for the user; empty where the models answer as they are named."""


def chosen(specs: Sequence[str], backend: Backend, *, beyond: str = "") -> Chosen:
    """The specs by which these models are loaded, all of them on vLLM or none.

    `beyond` names what is asked for and vLLM cannot do. `CotpressError` where vllm was asked for
    and a model or something `beyond` does not go with it.
    """
    named = list(specs)
    if backend == "hf" or all(_name(spec) == "vllm" for spec in named):
        return Chosen(named)
    if backend == "vllm":
        if beyond:
            raise CotpressError(f"{beyond} is not for vLLM: leave out --backend vllm.")
        return Chosen([_on_vllm(spec) for spec in named])
    if not _there():
        return Chosen(named)
    if beyond:
        return Chosen(named, f"transformers answers, because {beyond} is not for vLLM")
    try:
        found = [_on_vllm(spec) for spec in named]
    except CotpressError as error:
        return Chosen(named, f"transformers answers, because {error}")
    return Chosen(found, "vLLM answers, in this process; --backend hf says otherwise")


def end_engines() -> None:
    """Give back what a vLLM engine of this process holds, if there is one."""
    if module := sys.modules.get("cotpress.models.vllm"):
        module.end_engine()


def on_transformers(spec: str) -> str:
    """The same model in transformers, where `spec` names it for vLLM."""
    parsed = plugins.parse_spec(models.with_name(spec))
    if parsed.name != "vllm":
        return spec
    known = {
        key: value
        for key, value in parsed.options.items()
        if key in PASSED_ON or key.startswith("template.")
    }
    return str(replace(parsed, name="hf", options=known))


def answers_on_vllm(spec: str, backend: Backend) -> bool:
    """Whether vLLM answers for this model in a run; where it was asked for it need not be here."""
    if on_transformers(spec) != spec:
        return True
    return backend == "vllm" or (backend == "auto" and chosen([spec], backend).specs != [spec])


def _there() -> bool:
    """Whether vLLM is installed and the usual device is the GPU that it would take."""
    if importlib.util.find_spec("vllm") is None or importlib.util.find_spec("torch") is None:
        return False
    from cotpress.lm import devices  # loads torch

    return devices.usual() == "cuda" and os.environ.get(devices.CHOSEN, "cuda") == "cuda"


def _on_vllm(spec: str) -> str:
    """The same model in vLLM, in the precision of `hf`; `CotpressError` where there is none."""
    parsed = plugins.parse_spec(models.with_name(spec))
    if parsed.name == "vllm":
        return spec
    if parsed.name != "hf":
        raise CotpressError(
            f"vLLM takes a folder or a model of the Hub, and {spec} is neither: leave out "
            "--backend vllm."
        )
    from cotpress.models.hf import HFModel

    known = {
        key: value
        for key, value in parsed.options.items()
        if key in PASSED_ON or key.startswith("template.")
    }
    if other := sorted(parsed.options.keys() - known.keys() - {"dtype"}):
        raise CotpressError(
            f"{other[0]}=… of {spec} is for transformers alone: leave it out, or name the model as "
            "vllm:… with its own options."
        )
    here = models.load(spec)
    assert isinstance(here, HFModel)
    if here.precision == "tf32":
        raise CotpressError(f"vLLM has no dtype=tf32: leave it out of {spec}.")
    options = known | {"dtype": here.precision}
    there = str(replace(parsed, name="vllm", options=options))
    models.load(there)  # which refuses what vLLM would refuse, before anything is asked
    return there


def _name(spec: str) -> str:
    return plugins.parse_spec(models.with_name(spec)).name
