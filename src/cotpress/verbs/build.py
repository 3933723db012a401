"""`cotpress build`: what the model is taught, one prompt and completion per line."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.pipeline import build as stage
from cotpress.pipeline import released
from cotpress.records import CompressedTrace, TrainingExample
from cotpress.training import trainers
from cotpress.verbs.common import make, say

RECORDS: dict[str | None, type[msgspec.Struct]] = {
    None: TrainingExample,
    "trl": stage.TrlRow,
    "pretokenized": stage.PretokenizedRow,
    "released": released.AlpacaRow,
    "llamafactory": trainers.LlamaFactoryRow,
    "axolotl": trainers.AxolotlRow,
}

NEED_TARGET = {
    "pretokenized": "whose token ids are written",
    "llamafactory": "whose chat template writes the text",
    "axolotl": "whose chat template writes the text",
}
"""Formats that are for one model, and why."""


def build(
    compressed: Path,
    /,
    *,
    out: Path,
    draw: Literal["one", "all"] = "one",
    ratios: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    format: Literal["trl", "pretokenized", "llamafactory", "axolotl", "released"] | None = None,
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
        Without it the file that `cotpress train` reads. trl: messages; llamafactory, axolotl: finished text; each with the
        trainer's settings beside it; pretokenized: input_ids, attention_mask and labels for any trainer; released: the
        alpaca rows of TokenSkip's release.
    target
        The model to be taught, whose tokens and chat template pretokenized, llamafactory and axolotl write.
    family
        Whose delimiters `--format released` writes.
    seed
        Of the draw.
    """
    _check(draw, ratios, format, target, family)
    model = models.load(target) if target else None
    noted: Counter[str] = Counter()

    def rows(cuts: Iterator[CompressedTrace], dropped: Counter[str]) -> Iterator[msgspec.Struct]:
        if format:
            cuts = _without_latents(cuts, format)
        if format == "released":
            return released.released_rows(cuts, family, seed=seed, dropped=dropped)
        examples = stage.build(cuts, draw=draw, seed=seed, ratios=ratios, dropped=dropped, noted=noted)
        if format == "pretokenized":
            return stage.pretokenized_rows(examples, tokenizer_of(model, target), dropped)
        return _for_trainer(format, examples, model, target, dropped, longest) if format else examples

    longest = Longest()
    options: dict[str, Any] = {"compressed": storage.hash_file(compressed), "draw": draw, "ratios": ratios, "format": format}
    options |= {"target": target, "family": family, "seed": seed}
    make(
        out,
        RECORDS[format],
        rows,
        storage.read(compressed, CompressedTrace),
        verb="build",
        options=options,
        identity={"target": model.identity} if model else {},
        extra={"noted": noted, "longest": longest},
    )
    for what, count in noted.items():
        say(f"build: {count} traces {what}")
    if format == "trl" or format == "llamafactory" or format == "axolotl":
        _write_settings(out, format, model)


@dataclass
class Longest:
    """Tokens of the longest row."""

    n_tokens: int = 0


def _for_trainer(
    format: str,
    examples: Iterator[TrainingExample],
    model: models.Model | None,
    target: str,
    dropped: Counter[str],
    longest: Longest,
) -> Iterator[msgspec.Struct]:
    if format == "trl":
        return stage.trl_rows(examples)
    if not isinstance(model, trainers.Rendering):
        raise CotpressError(f"model {target} has no chat template here: name a local folder or hub id, such as hf:{target}.")
    known = model

    def measured() -> Iterator[TrainingExample]:
        for one in examples:
            longest.n_tokens = max(longest.n_tokens, len(stage.tokenize_example(one, known).ids))
            yield one

    make_rows = trainers.llamafactory_rows if format == "llamafactory" else trainers.axolotl_rows
    return make_rows(measured(), known, dropped)


def _write_settings(out: Path, format: trainers.Trainer, model: models.Model | None) -> None:
    """The trainer's settings beside the rows, and LLaMA-Factory's description of them."""
    path = out.with_name(f"{out.stem}.{format}.yaml")
    weights = getattr(model, "path", "") or trainers.UNNAMED
    about = msgspec.json.decode(storage.meta_path(out).read_bytes())
    sizes = {"n_rows": about["counts"]["out"], "longest": about["longest"]["n_tokens"]}
    text = trainers.settings(format, weights, out.name, str(out.parent), **sizes)
    storage.write_atomic(path, text.encode())
    if format == "llamafactory":
        info = out.with_name("dataset_info.json")
        known = msgspec.json.decode(info.read_bytes(), type=dict[str, Any]) if info.is_file() else {}
        known |= {out.stem: trainers.dataset_info(out.name)}
        storage.write_atomic(info, msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
    say(f"build: {path} holds the settings of `cotpress train` for {format}")


def tokenizer_of(model: models.Model | None, target: str) -> stage.Tokenizing:
    """The model as a maker of token ids; `CotpressError` for a backend that has no chat template at hand."""
    if not isinstance(model, stage.Tokenizing):
        raise CotpressError(f"model {target} has no tokenizer here: name a local folder or hub id, such as hf:{target}.")
    return model


def _without_latents(cuts: Iterator[CompressedTrace], format: str) -> Iterator[CompressedTrace]:
    """Pass cuts on; another trainer's model has no rows for latent tokens and would read their names as text."""
    for cut in cuts:
        if cut.codebook:
            raise CotpressError(
                f"--format {format} cannot hold latent tokens, which need rows in the model's vocabulary: "
                "build without --format, for `cotpress train`."
            )
        yield cut


def _check(draw: str, ratios: list[float] | None, format: str | None, target: str, family: str) -> None:
    if format in NEED_TARGET and not target:
        raise CotpressError(f"--format {format} needs --target, the model {NEED_TARGET[format]}.")
    if target and format not in (*NEED_TARGET, "trl"):
        raise CotpressError("--target is for --format pretokenized, llamafactory, axolotl and trl: the rest fits any model.")
    if family != "qwen" and format != "released":
        raise CotpressError("--family is for --format released: the other formats use the model's own chat template.")
    if format == "released" and (draw != "one" or ratios):
        raise CotpressError("--format released draws as the release does, from 1.0 to 0.5: leave out --draw and --ratios.")
