"""What a VQ-VAE's folder says about it, without torch: for
`mix` before the work, and for the report.
"""

from pathlib import Path
from typing import Any

import msgspec

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.latent.options import FitOptions, Shape
from cotpress.latent.token_classes import CLASSES
from cotpress.records import Record

WEIGHTS, ABOUT, CODES = "vqvae.safetensors", "vqvae.json", "codes.jsonl"


class ByClass(Record, frozen=True, kw_only=True):
    """One class of tokens of the held-out reasoning; shares of 1."""

    name: str
    """"words", "given numbers" or "new numbers"."""
    right: float
    """Share of its tokens that come out right."""
    share: float
    """Its part of all tokens of the reasoning."""


class Figures(Record, frozen=True, kw_only=True):
    """What a codebook is worth after one epoch; shares of 1."""

    step: int
    loss: float
    usage: float
    """Share of the codes that stand for some chunk of reasoning."""
    perplexity: float
    """How many codes an even use of the same entropy over reasoning chunks would have."""
    dead: float
    """Share of the codes that stand for nothing at all."""
    prompt: float
    """Reconstruction accuracy of held-out prompts, and of reasoning and solutions."""
    reasoning: float
    solution: float
    other_codes: float
    """Accuracy of the reasoning when the codes are those of another trace."""
    unigram: float
    """What guessing the most frequent token gets of the reasoning."""
    position: float
    """What guessing the most frequent token of each position gets of the reasoning."""
    words: float | None = None
    """Reconstruction accuracy of the reasoning's tokens that belong to no number; None where there
    are none of the class, or before this was counted.
    """
    given_numbers: float | None = None
    """Of the tokens of numbers that stand in the question."""
    new_numbers: float | None = None
    """Of the tokens of numbers that do not."""
    share_of_words: float | None = None
    """The part of each class in the tokens of the reasoning."""
    share_of_given_numbers: float | None = None
    share_of_new_numbers: float | None = None

    def by_class(self) -> list[ByClass]:
        """Words, given and new numbers, as far as they are known."""
        known = ((name, getattr(self, name), getattr(self, f"share_of_{name}")) for name in CLASSES)
        return [
            ByClass(name=name.replace("_", " "), right=right, share=share)
            for name, right, share in known
            if right is not None and share is not None
        ]


class About(Record, frozen=True, kw_only=True):
    """`vqvae.json`."""

    target: str
    """Spec of the model whose tokens it is made for."""
    tokenizer: str
    """Hash of that model's tokenizer."""
    shape: Shape
    options: FitOptions
    tokens: list[int]
    """The target tokens it knows."""
    figures: list[Figures]
    counts: dict[str, Any]
    """Traces in and trained on, and those left out by reason."""
    seconds: float
    version: str
    fingerprint: str


class CodeUse(Record, frozen=True, kw_only=True):
    """What one code stands for, in the traces it was trained on: a line of `codes.jsonl`."""

    code: int
    uses: int
    chunks: list[tuple[str, int]]
    """The most frequent chunks of text that it encodes, and how often."""
    decoded: str
    """The text that the decoder most often makes of it, in its place."""


def about(folder: Path) -> About:
    """What the folder says; `CotpressError` where no finished VQ-VAE is in it."""
    path = folder / ABOUT
    if not path.is_file():
        raise CotpressError(
            f"{folder} holds no finished VQ-VAE (no {ABOUT}): make one with `cotpress train-vqvae`."
        )
    try:
        return msgspec.json.decode(path.read_bytes(), type=About)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CotpressError(
            f"{path} does not describe a VQ-VAE ({error}): run `cotpress train-vqvae` again."
        ) from error


def code_uses(folder: Path) -> list[CodeUse]:
    """What each code stands for."""
    return list(storage.read(folder / CODES, CodeUse))


def refuse_other_tokenizer(found: About, folder: Path, name: str, tokenizer: str) -> None:
    """`CotpressError` where a model has another tokenizer than the VQ-VAE."""
    if found.tokenizer != tokenizer:
        raise CotpressError(
            f"the VQ-VAE in {folder} was made for the tokenizer of "
            f"{found.target}, and {name} has another one: "
            f"train one with `cotpress train-vqvae … --target {name}`."
        )
