"""The first part of the reasoning becomes discrete latent tokens; the model chooses how many."""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from cyclopts import Parameter

from cotpress.latent.options import Preset
from cotpress.training.options import TrainOptions
from cotpress.verbs.build import build
from cotpress.verbs.common import say
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.mix import mix
from cotpress.verbs.report import report
from cotpress.verbs.run import Run, check, graded
from cotpress.verbs.train import train
from cotpress.verbs.train_vqvae import train_vqvae

FORCED = [0, 1, 2, 4]
"""Numbers of latent tokens at which the model is judged, beside those that it chooses."""


@dataclass(frozen=True, kw_only=True)
class Whole(TrainOptions):
    """How to train here: all weights, as in the paper."""

    method: Literal["lora", "full"] = "full"
    """lora: an adapter and the rows of the latent tokens; full: all weights."""


def token_assorted(
    run: Annotated[Run, Parameter(name="*")],
    *,
    codebook: int = 512,
    preset: Preset = "small",
    vq_steps: int | None = None,
    options: Annotated[Whole | None, Parameter(name="*")] = None,
) -> None:
    """Walk Token Assorted: generate, grade, train-vqvae, mix, build, train, eval, report; started again, it goes on.

    Example: cotpress run token-assorted --task prosqa --source gold --model hf:Qwen/Qwen2.5-0.5B --codebook 64 --out runs/q

    Parameters
    ----------
    run
        What is walked.
    codebook
        How many latent tokens there are; the paper has 64 for logic, 512 for mazes, 1024 for mathematics.
    preset
        Of the VQ-VAE: small for CPUs, paper for GPUs.
    vq_steps
        Optimiser steps of the VQ-VAE; by preset where it is not given.
    options
        How to train; every epoch draws each trace's mix anew.
    """
    options = options or Whole()
    check(run, options)
    traces = graded(run, run.out, limit=run.limit)
    vqvae, mixed, examples, trained, judged = (
        run.out / name for name in ("vq", "mixed.jsonl", "train.jsonl", "model", "eval.jsonl")
    )
    train_vqvae(traces, target=run.model, out=vqvae, codebook=codebook, preset=preset, steps=vq_steps)
    mix(traces, vqvae=vqvae, out=mixed, epochs=math.ceil(options.epochs))
    build(mixed, out=examples)
    train(examples, model=run.model, out=trained, options=replace(options, epochs=1))
    evaluate(
        task=run.task,
        model=str(trained),
        out=judged,
        latents=FORCED,
        corrupt_codes=True,
        original=run.model,
        limit=run.eval_limit,
        max_tokens=run.max_tokens,
    )
    report(judged, vqvae=vqvae, out=run.out / "report.html")
    say(f"run: open {run.out / 'report.html'}")
