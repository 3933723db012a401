"""A trained VQ-VAE on disk: `vqvae.safetensors`, `vqvae.json` (written last: the training is
finished) and `codes.jsonl`.

It belongs to one tokenizer, whose hash it carries: the codes of another one's chunks would mean
nothing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import safetensors.torch
import torch
from safetensors import SafetensorError

from cotpress import folders, storage
from cotpress.errors import CotpressError
from cotpress.latent.about import (
    ABOUT,
    CODES,
    WEIGHTS,
    About,
    CodeUse,
    about,
    refuse_other_tokenizer,
)
from cotpress.latent.sequences import Vocabulary
from cotpress.latent.vqvae import VQVAE

KIND = folders.Kind(ABOUT, "a VQ-VAE", "was trained on other traces or with other options")


class Tokenized(Protocol):
    """A model that can say which tokenizer it has."""

    name: str

    @property
    def tokenizer_hash(self) -> str:
        """A short hash of tokenizer and chat template."""
        ...


@dataclass(frozen=True)
class Coder:
    """A VQ-VAE that is ready for use."""

    model: VQVAE
    vocabulary: Vocabulary


def save(folder: Path, coder: Coder, about: About, uses: list[CodeUse]) -> None:
    """Write all three files, the one that says it is finished last."""
    storage.write_atomic(
        folder / WEIGHTS,
        safetensors.torch.save({k: v.contiguous() for k, v in coder.model.state_dict().items()}),
    )
    storage.write_atomic(folder / CODES, b"".join(msgspec.json.encode(use) + b"\n" for use in uses))
    folders.finish(folder, KIND, about)


def load(folder: Path, target: Tokenized, device: str = "cpu") -> Coder:
    """The VQ-VAE of a folder, for the tokens of `target`;
    `CotpressError` where it is another tokenizer's, or damaged.

    Args:
        folder: What `train_vqvae` wrote.
        target: The model to be taught; only its name and tokenizer hash are used.
        device: The torch device that it is put on.

    Returns:
        Network (in evaluation mode) and vocabulary, for `mix`.

    Raises:
        CotpressError: The folder holds no finished VQ-VAE, one for another tokenizer, or weights
            that cannot be loaded.
    """
    found = about(folder)
    refuse_other_tokenizer(found, folder, target.name, target.tokenizer_hash)
    vocabulary = Vocabulary(found.tokens)
    model = VQVAE(found.shape, len(vocabulary))
    try:
        model.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (
        OSError,
        SafetensorError,
        RuntimeError,
    ) as error:  # torch reports shapes that do not fit as a RuntimeError
        reason = str(error).strip().partition("\n")[0]
        raise CotpressError(
            f"cannot load {folder / WEIGHTS} ({reason}): run `cotpress train-vqvae` again."
        ) from error
    return Coder(model.to(torch.device(device)).eval(), vocabulary)
