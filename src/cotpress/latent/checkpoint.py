"""What a training of a VQ-VAE has come to, and the file from which a stopped one goes on:
`checkpoint.safetensors`, written whole, with everything that the next step depends on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.latent.about import Figures
from cotpress.latent.vqvae import VQVAE

FILE = "checkpoint.safetensors"

SAVED = 50
"""Times that a training is saved, in even steps."""

POOL = 20
"""Batches that are sorted by length together."""

NOTE = "place"
"""The entry of the file's header that holds a `Place`."""


class Order(Iterator[list[int]]):
    """Which sequences make up each batch, without end: each pass in a new order, those of like
    length together.
    """

    def __init__(self, lengths: Sequence[int], size: int, chance: torch.Generator) -> None:
        self.lengths, self.size, self.chance = lengths, size, chance
        self.rest: list[int] = []
        """Of this pass."""
        self.waiting: list[list[int]] = []
        """Batches that come next."""

    def __next__(self) -> list[int]:
        if not self.waiting:
            self.rest = self.rest or self._shuffled(len(self.lengths))
            n = POOL * self.size
            pool, self.rest = sorted(self.rest[:n], key=self.lengths.__getitem__), self.rest[n:]
            groups = [pool[i : i + self.size] for i in range(0, len(pool), self.size)]
            self.waiting = [groups[i] for i in self._shuffled(len(groups))]
        return self.waiting.pop(0)

    def _shuffled(self, n: int) -> list[int]:
        return list(map(int, torch.randperm(n, generator=self.chance)))


@dataclass
class Progress:
    """A training between two steps."""

    model: VQVAE
    optimiser: torch.optim.Adam
    order: Order
    uses: Tensor
    """(K,) how often each code was used for reasoning since the last figures."""
    uses_anywhere: Tensor
    """(K,) for anything."""
    losses: list[float] = field(default_factory=list)
    """Since the last figures."""
    figures: list[Figures] = field(default_factory=list)
    step: int = 0
    """Steps that are done."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What of a `Progress` is not a tensor."""

    step: int
    losses: list[float]
    figures: list[Figures]
    rest: list[int]
    waiting: list[list[int]]


def save(path: Path, now: Progress) -> None:
    """Write the file; another one in its place stays until this one is whole."""
    order = now.order
    place = Place(
        step=now.step,
        losses=now.losses,
        figures=now.figures,
        rest=order.rest,
        waiting=order.waiting,
    )
    tensors = {name: one.contiguous().cpu() for name, one in _tensors(now).items()}
    note = {NOTE: msgspec.json.encode(place).decode()}
    storage.write_atomic(path, safetensors.torch.save(tensors, note))


def resume(path: Path, now: Progress) -> None:
    """Bring a training that has just begun to where the file was written, if there is one.

    `CotpressError` for a file that is damaged.
    """
    if not path.exists():
        return
    try:
        with safetensors.safe_open(path, "pt") as file:
            place = msgspec.json.decode(file.metadata()[NOTE], type=Place)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        now.optimiser.load_state_dict(_adam(now.optimiser, tensors))
        kept = {"uses": now.uses, "uses_anywhere": now.uses_anywhere}
        own = {f"model.{name}": one for name, one in now.model.state_dict().items()}
        own["idle"] = now.model.quantiser.idle
        for name, tensor in (kept | own).items():
            tensor.copy_(tensors[name])
        now.order.chance.set_state(tensors["chance"])
    except (SafetensorError, msgspec.DecodeError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise CotpressError(f"cannot go on from {path} ({reason}): remove it.") from error
    now.step, now.losses, now.figures = place.step, place.losses, place.figures
    now.order.rest, now.order.waiting = place.rest, place.waiting


def _tensors(now: Progress) -> dict[str, Tensor]:
    found = {f"model.{name}": one for name, one in now.model.state_dict().items()}
    for number, kept in now.optimiser.state_dict()["state"].items():
        found |= {f"adam.{number}.{name}": one for name, one in kept.items()}
    return found | {
        "idle": now.model.quantiser.idle,
        "uses": now.uses,
        "uses_anywhere": now.uses_anywhere,
        "chance": now.order.chance.get_state(),
    }


def _adam(optimiser: torch.optim.Adam, tensors: dict[str, Tensor]) -> dict[str, object]:
    """The state that an optimiser of the same parameters takes."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("adam."):
            _, number, name = key.split(".")
            state.setdefault(int(number), {})[name] = tensor
    return {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
