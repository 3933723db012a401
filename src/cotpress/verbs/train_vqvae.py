"""`cotpress train-vqvae`: learn the codes that chunks of reasoning are replaced by."""

from pathlib import Path

from cotpress import models, plugins, storage
from cotpress.latent import options as given
from cotpress.lm.capabilities import able
from cotpress.lm.saving import writing
from cotpress.records import Trace
from cotpress.verbs.common import say


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
    """Train the VQ-VAE that turns chunks of reasoning into latent tokens, and say what it is worth.

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
        small: width 128, for CPUs; paper: width 512, 100,000 steps at a rate of 1e-5, for GPUs.
    codebook
        Number of codes; the paper has 64 for logic, 512 for mazes, 1024 for mathematics.
    chunk
        Reasoning tokens that are replaced together.
    rate
        Reasoning tokens per code; must divide --chunk.
    length
        Longest prompt in tokens, and longest reasoning with solution; longer traces are left out.
    steps
        Optimiser steps; default: by preset.
    lr
        Highest learning rate; default: by preset.
    batch
        Traces per step.
    seed
        Of first values, order, and which traces are held out for the figures.
    """
    for package in ("torch", "transformers", "safetensors"):
        plugins.require(package, "cotpress train-vqvae")
    from cotpress.latent import train as stage
    from cotpress.models.hf import HFModel

    width, steps, lr = given.WIDTHS[preset], steps or given.STEPS[preset], lr or given.RATES[preset]
    shape = given.Shape(chunk=chunk, rate=rate, codebook=codebook, width=width, length=length)
    how = given.FitOptions(steps=steps, lr=lr, batch=batch, seed=seed)
    model = able(models.load(target), HFModel, "train-vqvae")
    content, traces = storage.hash_file(graded), storage.read(graded, Trace)
    with writing(out):
        stage.train_vqvae(traces, model, out, shape, how, content=content, say=_say)


def _say(line: str) -> None:
    say(f"train-vqvae: {line}")
