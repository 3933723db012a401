"""The first part of the reasoning becomes discrete latent tokens; the model chooses how many."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from cyclopts import Parameter

from cotpress.latent.options import Preset
from cotpress.training.options import TRAINING, TrainOptions
from cotpress.walks import CUT, Run, Step, graded, judged, step
from cotpress.walks._checks import check

FORCED = [0, 1, 2, 4]
"""Numbers of latent tokens at which the model is judged, beside those that it chooses."""


@dataclass(frozen=True, kw_only=True)
class Whole(TrainOptions):
    """How to train here: all weights, as in the paper."""

    method: Annotated[Literal["lora", "full"], TRAINING] = "full"
    """lora: an adapter and the rows of the latent tokens; full: all weights."""


def token_assorted(
    run: Annotated[Run, Parameter(name="*")],
    *,
    codebook: Annotated[int, CUT] = 512,
    preset: Annotated[Preset, CUT] = "small",
    vq_steps: Annotated[int | None, CUT] = None,
    options: Annotated[Whole | None, Parameter(name="*")] = None,
) -> Iterator[Step]:
    """Walk Token Assorted: generate, grade, train-vqvae, mix, build, train, eval, report; started
    again, it goes on.

    Example: cotpress run token-assorted --task arithmetic --model tiny --limit 400 --eval-limit 100
    --codebook 64 --out runs/q

    Parameters
    ----------
    run
        What is walked.
    codebook
        How many latent tokens there are; the paper has 64 for logic, 512 for mazes, 1024 for
        mathematics.
    preset
        Of the VQ-VAE: small for CPUs, paper for GPUs.
    vq_steps
        Optimiser steps of the VQ-VAE; default: by preset.
    options
        How to train; every epoch draws each trace's mix anew.
    """
    options = options or Whole()
    check(run, options)
    yield from graded(run, run.out, limit=run.limit)
    traces, vqvae, mixed, examples, trained, answers = (
        run.out / name
        for name in ("graded.jsonl", "vq", "mixed.jsonl", "train.jsonl", "model", "eval.jsonl")
    )
    yield step(
        "train_vqvae",
        traces,
        target=run.model,
        out=vqvae,
        codebook=codebook,
        preset=preset,
        steps=vq_steps,
    )
    yield step("mix", traces, vqvae=vqvae, out=mixed, epochs=math.ceil(options.epochs))
    yield step("build", mixed, out=examples)
    yield step("train", examples, model=run.model, out=trained, options=replace(options, epochs=1))
    yield judged(
        run,
        run.out,
        model=str(trained),
        out=answers,
        latents=FORCED,
        corrupt_codes=True,
    )
    yield step("report", answers, vqvae=vqvae, out=run.out / "report.html")
