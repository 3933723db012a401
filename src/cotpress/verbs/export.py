"""`cotpress export`: a model folder that any server takes, whose chat template takes the ratio or
the budget.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from cotpress import models, plugins, storage
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import able
from cotpress.lm.checkpoint import of_run
from cotpress.lm.saving import writing
from cotpress.pipeline import instruction
from cotpress.records import EvalRow
from cotpress.serving import adapter as unmerged
from cotpress.serving import chat_template
from cotpress.serving import export as stage
from cotpress.serving.hub import repository
from cotpress.shown import shown
from cotpress.training.folder import trained
from cotpress.verbs.common import rows_path, say

TAKES = {
    "ratio": chat_template.RATIO,
    "budget": chat_template.BUDGET,
    "both": f"{chat_template.RATIO} or {chat_template.BUDGET}",
}


def export(
    model: str,
    /,
    *,
    out: Path,
    efforts: Annotated[tuple[float, float, float] | None, Parameter(consume_multiple=True)] = None,
    evaluated: Path | None = None,
    blend: str = "",
    weight: float | None = None,
    adapter: bool = False,
    push: str = "",
    private: bool | None = None,
    json: bool = False,
) -> None:
    """Write a model folder for vLLM, SGLang, llama.cpp and transformers: merged weights, and a
    template that takes the ratio or the budget.

    Example: cotpress export runs/q --out qwen-short

    Parameters
    ----------
    model
        A folder of `cotpress run` or `cotpress train`, or any model spec, such as tiny.
    out
        The folder to make.
    efforts
        Ratios that reasoning_effort low, medium and high stand for; the smallest, middle and
        largest trained by default. Of a model that was taught budgets alone they are budgets: a
        tenth, half and nine tenths of those trained are no larger.
    evaluated
        What `cotpress eval` wrote about this model (eval.jsonl), for the table in the model card.
    blend
        The untouched model, or another of the same architecture and tokenizer: the weights that are
        written lie between its own and those of the model.
    weight
        The share of the model itself in --blend; 1 is the model, 0 the one that --blend names, and
        0.5 (the default) their mean.
    adapter
        Do not merge: write the LoRA adapter with tokenizer and template, for a vLLM that holds the
        base once and several adapters; the command is printed.
    push
        ORG/NAME on the Hugging Face Hub: upload the finished folder there, as it is. The token is
        that of HF_TOKEN or hf auth login.
    private
        Whether --push makes the repository private where it is not there yet; by default, as with
        hf upload, it is public unless the organisation has another default.
    json
        Print what was exported as JSON.
    """
    if weight is not None and not blend:
        raise CotpressError("--weight is the model's share in a blend: name the other as --blend.")
    if adapter and blend:
        raise CotpressError("--adapter writes no weights to blend: leave out one of the two.")
    place = repository(push, private, "model")
    plugins.require("transformers", "cotpress export")
    from transformers.utils import logging

    from cotpress.models.hf import HFModel  # loads torch: not for --help

    logging.disable_progress_bar()
    found = evaluated
    if (spec := of_run(model)) != model:
        found = evaluated or Path(model) / "eval.jsonl"
    # merged in float32 on every machine: `save` then writes the precision of the base
    loaded = able(models.load(spec, dtype="float32", device="cpu"), HFModel, "export")
    rows = (
        list(storage.read(rows_path(found), EvalRow))
        if found and (evaluated or rows_path(found).is_file())
        else []
    )
    about = trained(Path(loaded.path))
    share = (0.5 if weight is None else weight) if blend else None
    if share is not None:
        from cotpress.training.blend import blended

        loaded = blended(loaded, able(models.load(blend), HFModel, "export --blend"), share)
    with writing(out):
        done = stage.export(
            loaded,
            out,
            efforts=efforts,
            trained=about,
            rows=rows,
            blend=share,
            adapter=adapter,
            say=say,
        )
    if adapter:
        say(f"export: serve it with: {unmerged.command(unmerged.of(loaded), out.name, str(out))}")
    if must := instruction.to_send(about.instructions if about else None):
        say(f"export: it was {must}: {instruction.SEND}")
    if place:
        say(f"export: pushed to {place.push_folder(out, 'export')}")
    if json:
        print(shown(msgspec.json.format(msgspec.json.encode(done), indent=2).decode()))
        return
    says = ", ".join(f"{effort} {level:g}" for effort, level in done.efforts.items())
    says += " tokens" if done.takes == "budget" else ""
    say(
        f"export: {out} takes {TAKES[done.takes]}, and reasoning_effort ({says}); its README.md "
        "says how to serve it"
    )
    if done.takes == "budget":
        say(
            "export: it was never taught the plain question, without a budget: send one, or teach "
            "it both (build --control both)"
        )
    for effort, level in done.efforts.items():
        if done.takes == "budget" and done.budgets and not done.budgets.hold(int(level)):
            say(
                f"export: effort {effort} is {level:g} tokens, outside what was trained "
                f"({done.budgets})"
            )
