"""`cotpress build`: what the model is taught, one prompt and completion per line."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.pipeline import build as stage
from cotpress.pipeline import released
from cotpress.records import CompressedTrace, TrainingExample
from cotpress.verbs.common import make, say

RECORDS: dict[str | None, type[msgspec.Struct]] = {
    None: TrainingExample,
    "trl": stage.TrlRow,
    "pretokenized": stage.PretokenizedRow,
    "released": released.AlpacaRow,
}


def build(
    compressed: Path,
    /,
    *,
    out: Path,
    draw: Literal["one", "all"] = "one",
    ratios: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    format: Literal["trl", "pretokenized", "released"] | None = None,
    target: str = "",
    family: Literal["qwen", "llama3"] = "qwen",
    seed: int = 42,
) -> None:
    """Make training examples: (question, ratio) as the prompt, shortened reasoning and conclusion as the completion.

    Example: cotpress build compressed.jsonl --out train.jsonl

    Parameters
    ----------
    compressed
        Compressed traces.
    out
        Where the training examples go.
    draw
        one: each trace at one ratio drawn for it, as in TokenSkip; all: each trace at every ratio.
    ratios
        Ratios to draw from; without it those of the file, and 1.0 (the original).
    format
        Without it the file that `cotpress train` reads. trl: messages for TRL; pretokenized: input_ids, attention_mask and
        labels for any trainer; released: the alpaca rows of TokenSkip's release.
    target
        The model to be taught, whose tokens and chat template `--format pretokenized` writes.
    family
        Whose delimiters `--format released` writes.
    seed
        Of the draw.
    """
    _check(draw, ratios, format, target, family)
    model = models.load(target) if target else None
    noted: Counter[str] = Counter()

    def rows(cuts: Iterator[CompressedTrace], dropped: Counter[str]) -> Iterator[msgspec.Struct]:
        if format == "released":
            return released.released_rows(cuts, family, seed=seed, dropped=dropped)
        examples = stage.build(cuts, draw=draw, seed=seed, ratios=ratios, dropped=dropped, noted=noted)
        if format == "trl":
            return stage.trl_rows(examples)
        return stage.pretokenized_rows(examples, tokenizer_of(model, target), dropped) if format else examples

    options: dict[str, Any] = {"compressed": storage.hash_file(compressed), "draw": draw, "ratios": ratios, "format": format}
    options |= {"target": target, "family": family, "seed": seed}
    extra = {"noted": noted, "tokenizer": getattr(model, "tokenizer_hash", "")}
    make(out, RECORDS[format], rows, storage.read(compressed, CompressedTrace), verb="build", options=options, extra=extra)
    for what, count in noted.items():
        say(f"build: {count} traces {what}")


def tokenizer_of(model: models.Model | None, target: str) -> stage.Tokenizing:
    """The model as a maker of token ids; `CotpressError` for a backend that has no chat template at hand."""
    if not isinstance(model, stage.Tokenizing):
        raise CotpressError(f"model {target} has no tokenizer here: name a local folder or hub id, such as hf:{target}.")
    return model


def _check(draw: str, ratios: list[float] | None, format: str | None, target: str, family: str) -> None:
    if format == "pretokenized" and not target:
        raise CotpressError("--format pretokenized needs --target, the model whose token ids are written.")
    if target and format != "pretokenized":
        raise CotpressError("--target is for --format pretokenized: the other formats hold text, for any model.")
    if family != "qwen" and format != "released":
        raise CotpressError("--family is for --format released: the other formats use the model's own chat template.")
    if format == "released" and (draw != "one" or ratios):
        raise CotpressError("--format released draws as the release does, from 1.0 to 0.5: leave out --draw and --ratios.")
