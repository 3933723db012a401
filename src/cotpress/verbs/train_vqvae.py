"""`cotpress train-vqvae`: learn the codes that chunks of reasoning are replaced by."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cotpress import __version__, models, plugins, storage
from cotpress.errors import CotpressError
from cotpress.latent import options as given
from cotpress.latent.about import ABOUT, About, about
from cotpress.records import Trace
from cotpress.verbs.common import say

ANALYSED = 2000
"""Traces from which it is told what each code stands for."""


def train_vqvae(
    graded: Path,
    /,
    *,
    target: str,
    out: Path,
    preset: given.Preset = "small",
    codebook: int = 512,
    chunk: int = 16,
    rate: int = 16,
    length: int = 1024,
    steps: int | None = None,
    lr: float | None = None,
    batch: int = 32,
    seed: int = 0,
) -> None:
    """Train the VQ-VAE that turns chunks of reasoning into latent tokens (Token Assorted), and say what its codes are worth.

    Example: cotpress train-vqvae graded.jsonl --target tiny --out runs/vq

    Parameters
    ----------
    graded
        Traces; wrong and unfinished ones are left out.
    target
        The model to be taught: its tokens are what is encoded.
    out
        Folder for the VQ-VAE: safetensors, JSON, and what each code stands for.
    preset
        small: width 128, for CPUs; paper: width 512, 100,000 steps at a learning rate of 1e-5, for GPUs.
    codebook
        Number of codes; the paper has 64 for logic, 512 for mazes, 1024 for mathematics.
    chunk
        Reasoning tokens that are replaced together.
    rate
        Reasoning tokens per code; must divide --chunk.
    length
        Longest prompt in tokens, and longest reasoning with solution; longer traces are left out.
    steps
        Optimiser steps; by preset where it is not given.
    lr
        Highest learning rate; by preset where it is not given.
    batch
        Traces per step.
    seed
        Of first values, order, and which traces are held out for the figures.
    """
    for package in ("torch", "transformers", "safetensors"):
        plugins.require(package, "cotpress train-vqvae")
    import torch

    from cotpress.latent import encode, fit, folder
    from cotpress.latent.sequences import Pieces, fits, pieces
    from cotpress.models.hf import HFModel

    shape = given.Shape(chunk=chunk, rate=rate, codebook=codebook, width=given.WIDTHS[preset], length=length)
    how = given.FitOptions(steps=steps or given.STEPS[preset], lr=lr or given.RATES[preset], batch=batch, seed=seed)
    model = models.load(target)
    if not isinstance(model, HFModel):
        raise CotpressError(f"model {target} has no tokenizer here: name a local folder or hub id, such as hf:{target}.")
    mark = storage.fingerprint(
        {"graded": storage.hash_file(graded), "tokenizer": model.tokenizer_hash, "shape": vars(shape), "options": vars(how)}
    )
    if finished(out, mark):
        say(f"train-vqvae: {out} was finished before under the same options; nothing to do")
        return
    left_out: Counter[str] = Counter()
    data: list[Pieces] = []
    for trace in storage.read(graded, Trace):
        if why := unfit(trace):
            left_out[why] += 1
        elif not fits(one := pieces(trace, model), shape):
            left_out[f"longer than {length} tokens"] += 1
        else:
            data.append(one)
    if not data:
        reasons = ", ".join(f"{count} {why}" for why, count in left_out.items()) or "the file holds no traces"
        raise CotpressError(f"train-vqvae: nothing to train on: {reasons}.")
    began = time.monotonic()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    say(f"train-vqvae: {len(data)} traces, {how.steps} steps on {device}{told(left_out)}")
    network, vocabulary, figures = fit.fit(data, shape, how, device=device, say=lambda line: say(f"train-vqvae: {line}"))
    coder = folder.Coder(network, vocabulary)

    def text(ids: Sequence[int]) -> str:
        return str(model.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

    counts: dict[str, Any] = {"in": len(data) + left_out.total(), "out": len(data), "dropped": dict(left_out)}
    found = About(
        target=target,
        tokenizer=model.tokenizer_hash,
        shape=shape,
        options=how,
        tokens=vocabulary.tokens,
        figures=figures,
        counts=counts,
        seconds=round(time.monotonic() - began, 3),
        version=__version__,
        fingerprint=mark,
    )
    folder.save(out, coder, found, encode.code_uses(coder, data[:ANALYSED], text))
    say(f"train-vqvae: {out} holds {codebook} codes after {found.seconds:.0f} s")


def unfit(trace: Trace) -> str:
    """Why a trace is nothing to learn codes from; empty if it is."""
    if trace.grade is not None and trace.grade.fault:
        return trace.grade.fault
    if not trace.finished:
        return "cut off by the token limit"
    return "" if trace.reasoning else "no reasoning"


def finished(out: Path, mark: str) -> bool:
    """Whether the folder holds this very VQ-VAE; `CotpressError` where it holds another one, or something else."""
    if not (out / ABOUT).exists():
        if out.is_dir() and any(path.suffix not in (".safetensors", ".jsonl", ".tmp") for path in out.iterdir()):
            raise CotpressError(f"{out} holds something else than a VQ-VAE: choose another --out, or remove it.")
        return False
    if about(out).fingerprint != mark:
        raise CotpressError(f"{out} was trained on other traces or with other options: choose another --out, or remove it.")
    return True


def told(left_out: Counter[str]) -> str:
    """`, 3 left out (wrong answer)`."""
    return "".join(f", {count} left out ({why})" for why, count in sorted(left_out.items()))
