"""`cotpress export`: a model folder that any server takes, whose chat template takes the ratio."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from cotpress import models, plugins, storage
from cotpress.lm.capabilities import able
from cotpress.pipeline import instruction
from cotpress.records import EvalRow
from cotpress.serving import chat_template
from cotpress.serving import export as stage
from cotpress.shown import shown
from cotpress.training.folder import trained
from cotpress.verbs.common import rows_path, say


def export(
    model: str,
    /,
    *,
    out: Path,
    efforts: Annotated[tuple[float, float, float] | None, Parameter(consume_multiple=True)] = None,
    evaluated: Path | None = None,
    json: bool = False,
) -> None:
    """Write a model folder for vLLM, SGLang, llama.cpp and transformers: merged weights, and a
    template that takes the ratio.

    Example: cotpress export runs/q --out qwen-short

    Parameters
    ----------
    model
        A folder of `cotpress run` or `cotpress train`, or any model spec, such as tiny.
    out
        The folder to make.
    efforts
        Ratios that reasoning_effort low, medium and high stand for; the smallest, middle and
        largest trained if not given.
    evaluated
        What `cotpress eval` wrote about this model (eval.jsonl), for the table in the model card.
    json
        Print what was exported as JSON.
    """
    plugins.require("transformers", "cotpress export")
    from transformers.utils import logging

    from cotpress.models.hf import HFModel  # loads torch: not for --help

    logging.disable_progress_bar()
    spec, found = model, evaluated
    if (Path(model) / "model").is_dir():  # of `cotpress run`
        spec = str(Path(model) / "model")
        found = evaluated or Path(model) / "eval.jsonl"
    loaded = able(models.load(spec), HFModel, "export")
    rows = (
        list(storage.read(rows_path(found), EvalRow))
        if found and (evaluated or rows_path(found).is_file())
        else []
    )
    about = trained(Path(loaded.path))
    done = stage.export(loaded, out, efforts=efforts, trained=about, rows=rows, say=say)
    if must := instruction.to_send(about.instructions if about else None):
        say(f"export: it was {must}: {instruction.SEND}")
    if json:
        print(shown(msgspec.json.format(msgspec.json.encode(done), indent=2).decode()))
        return
    says = ", ".join(f"{effort} {ratio:g}" for effort, ratio in done.efforts.items())
    say(
        f"export: {out} takes {chat_template.TAKES}, and reasoning_effort "
        f"({says}); its README.md says how to serve it"
    )
