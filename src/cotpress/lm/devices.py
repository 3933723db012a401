"""Where models run: on the GPU, where PyTorch finds one (CUDA, then Apple's mps), else on the CPU.

`COTPRESS_DEVICE` says otherwise for a whole process and those it starts: `cpu`, say, beside a GPU
that is taken, or `cuda:1`.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch

from cotpress.errors import CotpressError

CHOSEN = "COTPRESS_DEVICE"
"""The variable that names the device of a process."""


def usual() -> str:
    """The device of a model for which none is named; `CotpressError` for a chosen one that is not
    there.
    """
    if chosen := os.environ.get(CHOSEN, ""):
        return checked(chosen, CHOSEN)
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def checked(device: str, who: str) -> str:
    """`device`, which `who` names; `CotpressError` where PyTorch finds none of its kind."""
    kind = device.partition(":")[0]
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if kind in there and not there[kind]():
        raise CotpressError(
            f"{who}: PyTorch finds no {kind.replace('cuda', 'CUDA')} device here: take cpu."
        )
    return device


def placed(network: Any, device: str, who: str) -> Any:
    """A network on this device; `CotpressError` where its memory is too small for the weights."""
    try:
        return network.to(device)
    except torch.OutOfMemoryError as error:
        raise CotpressError(
            f"{who}: the weights do not fit in the memory of {device}: load them with "
            f"dtype=bfloat16, over several cards with device=auto, or set {CHOSEN}=cpu."
        ) from error


def cards(environment: Mapping[str, str]) -> list[str]:
    """What CUDA calls the GPUs that a process with this environment sees."""
    n, named = torch.cuda.device_count(), environment.get("CUDA_VISIBLE_DEVICES", "")
    return (named.split(",") if named else [str(i) for i in range(n)])[:n]


def own_card(local_rank: int, n_processes: int) -> None:
    """Give a launched process the card of its number; `CotpressError` where there are fewer cards
    than processes: NCCL lets no two share one.
    """
    if not usual().startswith("cuda"):
        return
    n_cards = torch.cuda.device_count()
    if local_rank >= n_cards:
        raise CotpressError(
            f"{n_processes} processes were launched, and PyTorch finds {n_cards} "
            f"GPU{'s' * (n_cards != 1)}: launch one process for each, or set {CHOSEN}=cpu."
        )
    if n_processes > 1:
        torch.cuda.set_device(local_rank)


def in_tf32(network: Any) -> None:
    """Let a float32 network on CUDA multiply in TensorFloat-32 (10 bits of fraction, sums in 32),
    and no other network of the process.
    """
    before: list[str] = []

    def begin(*_: Any) -> None:
        before.append(torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("high")

    def end(*_: Any) -> None:
        torch.set_float32_matmul_precision(before.pop())

    network.register_forward_pre_hook(begin)
    network.register_forward_hook(end, always_call=True)
