"""`cotpress mix`: the first part of a reasoning as latent tokens, the rest as text."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from cotpress import models, plugins, storage
from cotpress.errors import CotpressError
from cotpress.latent import mix as stage
from cotpress.latent.about import ABOUT, WEIGHTS, about
from cotpress.lm.capabilities import able
from cotpress.records import CompressedTrace, Trace
from cotpress.verbs.common import make, say

AT_ONCE = 512
"""Traces whose tokens are counted together."""


def mix(
    graded: Path,
    /,
    *,
    vqvae: Path,
    out: Path,
    replace: stage.Replace = "ar",
    codes: stage.Codes = "vq",
    longest: int | None = None,
    epochs: int = 1,
    pauses: int = 0,
    target: str = "",
    seed: int = 42,
) -> None:
    """Replace the first part of each reasoning by latent tokens, a random number of them, drawn
    anew for every epoch.

    Example: cotpress mix graded.jsonl --vqvae runs/vq --epochs 3 --out compressed.jsonl

    Parameters
    ----------
    graded
        Traces.
    vqvae
        What `cotpress train-vqvae` wrote.
    out
        Where the mixed traces go.
    replace
        ar: the first chunks, a random number of them (the method); all, curriculum, poisson: the
        paper's ablations; none.
    codes
        vq: the VQ-VAE's (the method); random, constant: controls that carry nothing; none: the
        chunks are dropped.
    longest
        Most reasoning tokens that are replaced; default: the mean length of the reasonings.
        256: the paper's set.
    epochs
        How often each trace is drawn; `cotpress train` then sees every draw once with --epochs 1.
    pauses
        This many constant codes in front, whatever is replaced: the pause-token baseline.
    target
        The model to be taught, if it has moved; its tokenizer must be the one the VQ-VAE was made
        for.
    seed
        Of the draws.
    """
    for package in ("torch", "transformers", "safetensors"):
        plugins.require(package, "cotpress mix")
    from cotpress.latent import folder, mixing
    from cotpress.models.hf import HFModel

    known = about(vqvae)
    cure = "name the model yourself, with --target"
    model = able(
        models.load(target) if target else models.load_recorded(known.target, vqvae / ABOUT, cure),
        HFModel,
        "mix",
    )
    coder = folder.load(vqvae, model)
    total = storage.count(graded, Trace)
    if longest is None:
        longest = _mean_length(storage.read(graded, Trace), model)
        if replace == "ar" and codes != "none" and longest < known.shape.chunk:
            raise CotpressError(
                f"the {total} reasonings in {graded} have {longest} tokens on "
                "average, less than one chunk of "
                f"{known.shape.chunk}: say with --longest how many may be "
                "replaced, or take longer ones."
            )
    plan = stage.Plan(
        longest=longest,
        replace=replace,
        codes=codes,
        chunk=known.shape.chunk,
        rate=known.shape.rate,
        codebook=known.shape.codebook,
        epochs=epochs,
        pauses=pauses,
        seed=seed,
    )
    short: Counter[str] = Counter()

    def mixed(traces: Iterator[Trace], dropped: Counter[str]) -> Iterator[CompressedTrace]:
        return mixing.mix(traces, coder, model, plan, dropped=dropped, noted=short)

    options = {
        name: value
        for name, value in vars(plan).items()
        if name not in ("chunk", "rate", "codebook")
    }
    make(
        out,
        CompressedTrace,
        mixed,
        storage.read(graded, Trace),
        verb="mix",
        options={
            "vqvae": storage.hash_file(vqvae / WEIGHTS),
            **options,
        },
        inputs={"graded": partial(storage.hash_file, graded)},
        identity={"target": model.identity},
        total=total,
        extra={"tokenizer": model.tokenizer_hash, "method": plan.method, "noted": short},
    )
    for what, count in short.items():
        if count:
            say(f"mix: {count} {what}")
    summary(out, plan)


def summary(out: Path, plan: stage.Plan) -> None:
    """One line on what became of the reasonings; from the
    file, so that a finished output is summed up too.
    """
    n = kept = latent = with_latents = 0.0
    for one in (cut for mixed in storage.read(out, CompressedTrace) for cut in mixed.cuts):
        n, kept, latent, with_latents = (
            n + 1,
            kept + one.kept,
            latent + one.n_latent,
            with_latents + (one.n_latent > 0),
        )
    sizes = ", ".join(map(str, dict.fromkeys(stage.largest(plan))))
    how = f" (m_max one of {sizes})" if plan.replace == "ar" else ""
    say(
        f"mix: {plan.method}{how}: {kept / n:.3f} of the tokens left on "
        f"average of {n:.0f} mixed traces, "
        f"{latent / n:.1f} latent tokens each, {with_latents / n:.0%} with any"
    )


def _mean_length(traces: Iterator[Trace], model: models.Model) -> int:
    """Tokens of a reasoning, in the mean."""
    n_tokens = n = 0
    while some := [trace.reasoning for trace in islice(traces, AT_ONCE)]:
        n_tokens += sum(map(len, model.token_ends(some)))
        n += len(some)
    return round(n_tokens / max(1, n))
