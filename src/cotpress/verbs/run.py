"""`cotpress run METHOD`: the whole walk in one folder. Every verb resumes, so the run does."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cotpress import plugins
from cotpress.errors import CotpressError
from cotpress.latent.options import Preset
from cotpress.pipeline._train_options import TrainOptions
from cotpress.records import check_ratio
from cotpress.segments import Protect
from cotpress.verbs.build import build
from cotpress.verbs.common import say
from cotpress.verbs.compress import compress
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.generate import generate
from cotpress.verbs.grade import grade
from cotpress.verbs.mix import mix
from cotpress.verbs.report import report
from cotpress.verbs.score import score
from cotpress.verbs.train import check_trackers, train
from cotpress.verbs.train_vqvae import train_vqvae
from cotpress.verbs.verify import verify

Many = Parameter(consume_multiple=True)

LLMLINGUA2 = "llmlingua2:microsoft/llmlingua-2-xlm-roberta-large-meetingbank"
"""TokenSkip's scorer."""

FORCED = [0, 1, 2, 4]
"""Numbers of latent tokens at which a Token Assorted model is judged, beside those that it chooses."""


def run(
    walk: Annotated[Literal["tokenskip", "cts", "token-assorted"], Parameter(name="METHOD")],
    /,
    *,
    task: str,
    model: str,
    out: Path,
    scorer: str = "",
    reference: str = "",
    reference_limit: int = 1000,
    keep_answer: float | None = None,
    protect: Protect = "symbols",
    ratios: Annotated[tuple[float, ...], Many] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5),
    draw: Literal["one", "all"] = "one",
    codebook: int = 512,
    preset: Preset = "small",
    limit: int | None = None,
    eval_limit: int | None = None,
    max_tokens: int = 512,
    baseline: Annotated[tuple[str, ...], Many] = ("truncation", "random"),
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
) -> None:
    """Walk a whole method: generate, grade, score, compress, build, train, eval, report; started again, it goes on.

    Example: cotpress run tokenskip --task gsm8k --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/q

    Parameters
    ----------
    walk
        tokenskip: prune unimportant tokens at a ratio that the model learns to obey; cts: the same, with importance from a
        reference model that is given the answer; token-assorted: latent tokens for the first part of the reasoning.
    task
        What is asked: trained on its split train, judged on its split test.
    model
        The model to be taught.
    out
        Folder for every intermediate file, the trained model and report.html.
    scorer
        What assigns importance; without it LLMLingua-2 for tokenskip and cts:REFERENCE for cts.
    reference
        The model that CTS scores with, and that --keep-answer asks. Without it cts first trains one from MODEL, on right and
        uncompressed answers to the first problems, which are then left out of everything else.
    reference_limit
        How many problems that training takes.
    keep_answer
        Teach each trace at the smallest ratio at which its conclusion loses at most this many nats of log-likelihood.
    protect
        symbols: digits, operators, LaTeX commands and \\boxed{…} are never dropped; none: the paper's setting.
    ratios
        Fractions of reasoning tokens to train on and to judge at.
    draw
        one: each trace at one ratio drawn for it, as in the paper; all: each trace at every ratio.
    codebook
        token-assorted: how many latent tokens there are.
    preset
        token-assorted: small for CPUs, paper for GPUs.
    limit
        How many problems to generate reasoning for.
    eval_limit
        How many problems to judge on.
    max_tokens
        Longest answer, in training and in evaluation.
    baseline
        be-concise, only-numbers, abbre-words, lc-prompt; truncation, random (controls at the ratio really reached).
    options
        How to train.
    """
    traces, graded, scored = out / "traces.jsonl", out / "graded.jsonl", out / "scored.jsonl"
    compressed, examples, trained, judged = out / "compressed.jsonl", out / "train.jsonl", out / "model", out / "eval.jsonl"
    levels = sorted({check_ratio(ratio) for ratio in ratios}, reverse=True)
    check_trackers(options)
    if walk == "token-assorted":
        plugins.find("tasks", plugins.parse_spec(task).name)
        generate(task=task, model=model, out=traces, split="train", limit=limit, max_tokens=max_tokens)
        grade(traces, out=graded)
        _token_assorted(out, task, model, options or TrainOptions(method="full"), codebook, preset, eval_limit, max_tokens)
        return
    judge = reference or (str(out / "reference" / "model") if walk == "cts" and not scorer else "")
    scorer = scorer or (f"cts:{judge}" if walk == "cts" else LLMLINGUA2)
    for kind, name in (("tasks", task), ("scorers", scorer)):
        plugins.find(kind, plugins.parse_spec(name).name)  # a missing package or a wrong name shows now, not after hours
    if keep_answer is not None and not judge:
        raise CotpressError("--keep-answer asks a model how likely it finds the answers: name it with --reference.")
    skip = 0
    if judge and not reference:
        skip = reference_limit
        _train_reference(task, model, out / "reference", limit=reference_limit, max_tokens=max_tokens, options=options)
    generate(task=task, model=model, out=traces, split="train", limit=limit, skip=skip, max_tokens=max_tokens)
    grade(traces, out=graded)
    score(graded, scorer=scorer, target=model, out=scored, protect=protect)
    compress(scored, ratios=levels, out=compressed, method=walk)
    if keep_answer is not None:
        verify(compressed, reference=judge, out=out / "verified.jsonl")
        compressed = out / "chosen.jsonl"
        compress(out / "verified.jsonl", keep_answer=keep_answer, out=compressed)
    build(compressed, out=examples, draw=draw)
    train(examples, model=model, out=trained, options=options)
    evaluate(
        task=task,
        model=str(trained),
        out=judged,
        ratios=levels,
        baseline=list(baseline),
        original=model,
        limit=eval_limit,
        max_tokens=max_tokens,
    )
    report(
        judged,
        scored=[scored],
        verified=None if keep_answer is None else compressed,
        out=out / "report.html",
    )
    say(f"run: open {out / 'report.html'}")


def _token_assorted(
    out: Path,
    task: str,
    model: str,
    options: TrainOptions,
    codebook: int,
    preset: Preset,
    eval_limit: int | None,
    max_tokens: int,
) -> None:
    """From graded traces to the report: codes, mixes drawn anew for every epoch, training, and what the codes are worth."""
    vqvae, mixed, examples, trained, judged = (
        out / name for name in ("vq", "mixed.jsonl", "train.jsonl", "model", "eval.jsonl")
    )
    train_vqvae(out / "graded.jsonl", target=model, out=vqvae, codebook=codebook, preset=preset)
    mix(out / "graded.jsonl", vqvae=vqvae, out=mixed, epochs=math.ceil(options.epochs))
    build(mixed, out=examples)
    train(examples, model=model, out=trained, options=replace(options, epochs=1))
    evaluate(
        task=task,
        model=str(trained),
        out=judged,
        latents=FORCED,
        corrupt_codes=True,
        original=model,
        limit=eval_limit,
        max_tokens=max_tokens,
    )
    report(judged, vqvae=vqvae, out=out / "report.html")
    say(f"run: open {out / 'report.html'}")


def _train_reference(task: str, model: str, out: Path, *, limit: int, max_tokens: int, options: TrainOptions | None) -> None:
    """CTS's reference model: `model`, fine-tuned on its own right answers to the first `limit` problems, uncompressed."""
    generate(task=task, model=model, out=out / "traces.jsonl", split="train", limit=limit, max_tokens=max_tokens)
    grade(out / "traces.jsonl", out=out / "graded.jsonl")
    score(out / "graded.jsonl", scorer="random", target=model, out=out / "scored.jsonl")  # at ratio 1.0 any score will do
    compress(out / "scored.jsonl", ratios=[1.0], out=out / "compressed.jsonl", method="reference")
    build(out / "compressed.jsonl", out=out / "train.jsonl")
    train(out / "train.jsonl", model=model, out=out / "model", options=options)
