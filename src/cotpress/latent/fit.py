"""Train a VQ-VAE on traces and say at every epoch what its codes are worth.

Loss: mean cross-entropy of every real token of prompt, reasoning and solution + beta * commitment
(specification section 2.1). The first tenth of the steps has no quantiser; the codes then begin as
k-means centres. Accuracy is the share of held-out tokens that the decoder gets right from codes,
against always guessing the most frequent token, the most frequent one at that position of the
reasoning, and against decoding with the codes of another trace, which says how much comes from the
codes at all and how much from the prompt. The accuracy of the reasoning is also told by class of
token (`token_classes`). A codebook that collapses stops the run.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cotpress.errors import CotpressError
from cotpress.latent import checkpoint
from cotpress.latent.about import Figures
from cotpress.latent.checkpoint import SAVED, Order, Progress
from cotpress.latent.options import FitOptions, Shape
from cotpress.latent.quantise import perplexity
from cotpress.latent.sequences import Pieces, Vocabulary, batch
from cotpress.latent.token_classes import CLASSES, TokenClass
from cotpress.latent.vqvae import PAD, VQVAE, Batch

COLLAPSED = 0.01
"""A codebook whose perplexity is below this share of its size, or below 2, has collapsed."""

PER_CODE = 40
"""Vectors per code that k-means begins with, where there are as many."""

REPORTS = 20
"""At most so many reports, where an epoch is short."""


def fit(
    data: Sequence[Pieces],
    shape: Shape,
    options: FitOptions,
    *,
    classes: Callable[[int], Sequence[TokenClass]] | None = None,
    device: str = "cpu",
    say: Callable[[str], None] = print,
    saved: Path | None = None,
) -> tuple[VQVAE, Vocabulary, list[Figures]]:
    """A trained network in evaluation mode, the tokens it knows, and its figures, epoch by epoch.

    `classes`: the class of each reasoning token of the sequence of this number, asked for those
    that are held out; without it the figures tell no classes. `saved`: the file that the training
    is kept in, and from which one that was stopped goes on, to the same network; it stays where it
    is.

    `CotpressError` where there are too few chunks for the codebook, and for a codebook that
    collapses.
    """
    for_training, for_judging = parted(len(data), options)
    train, held_out = [data[i] for i in for_training], [data[i] for i in for_judging]
    held_classes = [classes(i) for i in for_judging] if classes else None
    _fill(train, shape)
    vocabulary = Vocabulary(token for one in train for part in one for token in part)
    guesses = baselines(train, held_out)
    torch.manual_seed(options.seed)
    model = VQVAE(shape, len(vocabulary)).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=options.lr)
    chance = torch.Generator().manual_seed(options.seed)
    epoch = -(-len(train) // options.batch)
    every = max(epoch, -(-options.steps // REPORTS))
    begins = min(max(1, round(options.warm * options.steps)), options.steps - 1)
    order = Order([sum(map(len, one)) for one in train], options.batch, chance)
    now = Progress(
        model, optimiser, order, torch.zeros(shape.codebook), torch.zeros(shape.codebook)
    )
    if saved:
        checkpoint.resume(saved, now)
    if now.step:
        say(f"going on from step {now.step}")
    began, first = time.monotonic(), now.step
    batches = (
        batch([train[i] for i in group], vocabulary, shape, torch.device(device)) for group in order
    )
    for step in range(first + 1, options.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = options.lr * _rate(step - 1, options.steps)
        quantised = step > begins
        if step == begins + 1:
            model.quantiser.begin(
                _vectors(model, batches, shape.codebook * PER_CODE, len(train)), chance
            )
        one = next(batches)
        encoded = model.encode(one)
        if quantised:
            vectors, found = model.quantise(encoded, one)
            commitment = found.commitment
        else:
            vectors, commitment = encoded.pooled, torch.zeros((), device=device)
        real = one.ids != PAD
        states = model.decode(vectors, encoded.condition, one.start)[real]
        loss = (
            F.cross_entropy(model.logits(states), one.ids[real]) + options.commitment * commitment
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        now.losses.append(loss.item())
        if not math.isfinite(now.losses[-1]):
            raise CotpressError(f"the loss is NaN at step {step}: train with a smaller --lr.")
        if quantised:
            model.quantiser.revive(encoded.pooled[model.real(one)], chance)
            now.uses_anywhere += torch.bincount(found.codes, minlength=shape.codebook).cpu()
            now.uses += torch.bincount(
                found.codes[_in_reasoning(model, one)], minlength=shape.codebook
            ).cpu()
        if quantised and (step % every == 0 or step == options.steps):
            latest = Figures(
                step=step,
                loss=sum(now.losses) / len(now.losses),
                usage=float((now.uses > 0).float().mean()),
                perplexity=perplexity(now.uses),
                dead=float((now.uses_anywhere == 0).float().mean()),
                **accuracies(model, held_out, vocabulary, options.batch, device, held_classes),
                **guesses,
            )
            now.figures.append(latest)
            rate = (step - first) / (time.monotonic() - began)
            say(f"{line(latest, options.steps)} ({rate:.1f} steps/s)")
            refuse_collapse(now.figures[-2:], shape)
            now.uses.zero_()
            now.uses_anywhere.zero_()
            now.losses = []
        now.step = step
        if saved and step % max(1, options.steps // SAVED) == 0:
            checkpoint.save(saved, now)
    return model.eval(), vocabulary, now.figures


def line(now: Figures, steps: int) -> str:
    """One epoch for a person."""
    classes = ", ".join(f"{one.name} {one.right:.1%}" for one in now.by_class())
    return (
        f"step {now.step}/{steps}: loss {now.loss:.3f}, codes used "
        f"{now.usage:.0%}, perplexity {now.perplexity:.1f},"
        f" dead {now.dead:.0%}; right: prompt {now.prompt:.1%}, reasoning {now.reasoning:.1%}"
        f" ({classes}{'; ' if classes else ''}other codes {now.other_codes:.1%}, position "
        f"{now.position:.1%}, unigram {now.unigram:.1%}),"
        f" solution {now.solution:.1%}"
    )


def refuse_collapse(latest: Sequence[Figures], shape: Shape) -> None:
    """`CotpressError` where hardly any code was used in two
    reports one after the other: one may be chance.
    """
    now = latest[-1]
    if len(latest) > 1 and all(
        one.perplexity < max(2.0, COLLAPSED * shape.codebook) for one in latest
    ):
        raise CotpressError(
            f"the codebook has collapsed at step {now.step}: {now.usage:.1%} "
            f"of {shape.codebook} codes are used "
            f"(perplexity {now.perplexity:.1f}): train with a lower --lr, a "
            "smaller --codebook or more traces."
        )


def accuracies(
    model: VQVAE,
    held_out: Sequence[Pieces],
    vocabulary: Vocabulary,
    size: int,
    device: str,
    classes: Sequence[Sequence[TokenClass]] | None = None,
) -> dict[str, float]:
    """Share of right tokens by part of the sequence, of the reasoning with the codes of the next
    trace in the batch, and by class of its tokens, where the class of each is told.
    """
    model.eval()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    reasoning: list[bool] = []
    for hits in rebuilt(model, held_out, vocabulary, size, device):
        for name, inside in hits.parts.items():
            right[name] += int(hits.own[inside].sum())
            total[name] += int(inside.sum())
        if hits.other is not None:
            right["other_codes"] += int(hits.other[hits.parts["reasoning"]].sum())
            total["other_codes"] += int(hits.parts["reasoning"].sum())
        reasoning += hits.own[hits.parts["reasoning"]].tolist()
    model.train()
    told = {
        name: right[name] / max(1, total[name])
        for name in ("prompt", "reasoning", "solution", "other_codes")
    }
    return told if classes is None else told | by_class(reasoning, list(chain(*classes)))


def by_class(hits: Sequence[bool], classes: Sequence[TokenClass]) -> dict[str, float]:
    """For each class that is among the tokens of the reasoning, the share of its tokens that are
    hits, and its share of all; as in `Figures`.
    """
    total = Counter(classes)
    right = Counter(name for name, hit in zip(classes, hits, strict=True) if hit)
    there = [name for name in CLASSES if total[name]]
    shares = {f"share_of_{name}": total[name] / len(classes) for name in there}
    return {name: right[name] / total[name] for name in there} | shares


class Hits(NamedTuple):
    """Which tokens of a batch come out right."""

    parts: dict[str, Tensor]
    """(B, T) masks of its three parts."""
    own: Tensor
    """(B, T) from the codes of the sequence itself."""
    other: Tensor | None = None
    """(B, T) with the codes of the next sequence in the batch; None where there is one only."""


@torch.no_grad()
def rebuilt(
    model: VQVAE, held_out: Sequence[Pieces], vocabulary: Vocabulary, size: int, device: str
) -> Iterator[Hits]:
    """What a network in evaluation mode makes of sequences, `size` at a time, in their order."""
    for first in range(0, len(held_out), size):
        these = held_out[first : first + size]
        one = batch(these, vocabulary, model.shape, torch.device(device))
        encoded = model.encode(one)
        own, _ = model.quantise(encoded, one)
        codes = [own, exchanged(own, one, model.shape)] if len(these) > 1 else [own]
        hits = [
            model.logits(model.decode(vectors, encoded.condition, one.start)).argmax(-1) == one.ids
            for vectors in codes
        ]
        yield Hits(parts(one), *hits)


def parts(one: Batch) -> dict[str, Tensor]:
    """(B, T) masks of the three parts of a batch."""
    place = torch.arange(one.ids.shape[1], device=one.ids.device)
    real, before, within = one.ids != PAD, place < one.start[:, None], place < one.end[:, None]
    return {
        "prompt": real & before,
        "reasoning": real & ~before & within,
        "solution": real & ~within,
    }


def exchanged(vectors: Tensor, one: Batch, shape: Shape) -> Tensor:
    """(B, n, d) with the codes from each reasoning's start on taken
    from the next trace of the batch (in a circle).
    """
    n = vectors.shape[1]
    starts = one.start // shape.rate
    index = torch.arange(n, device=vectors.device)
    after = index >= starts[:, None]  # (B, n)
    source = (index - starts[:, None] + starts.roll(-1)[:, None]).clamp(0, n - 1)
    others = vectors.roll(-1, 0).gather(1, source[..., None].expand_as(vectors))
    return torch.where(after[..., None], others, vectors)


def baselines(train: Sequence[Pieces], held_out: Sequence[Pieces]) -> dict[str, float]:
    """What guessing without codes gets of the held-out reasoning: the
    most frequent token, overall and by position.
    """
    everywhere = Counter(token for one in train for token in one.reasoning)
    here: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for one in train:
        for position, token in enumerate(one.reasoning):
            here[position][token] += 1
    frequent = everywhere.most_common(1)[0][0]
    guess = {position: counts.most_common(1)[0][0] for position, counts in here.items()}
    tokens = [(position, token) for one in held_out for position, token in enumerate(one.reasoning)]
    n = max(1, len(tokens))
    return {
        "unigram": sum(token == frequent for _, token in tokens) / n,
        "position": sum(token == guess.get(position, frequent) for position, token in tokens) / n,
    }


def _in_reasoning(model: VQVAE, one: Batch) -> Tensor:
    """(N,) which of the batch's quantised vectors stand for whole pools of reasoning."""
    rate = model.shape.rate
    pool = torch.arange(one.ids.shape[1] // rate, device=one.ids.device)
    inside = (pool >= one.start[:, None] // rate) & (
        pool < (one.end[:, None] - one.start[:, None]) // rate + one.start[:, None] // rate
    )
    return inside[model.real(one)]


def parted(n: int, options: FitOptions) -> tuple[list[int], list[int]]:
    """The numbers of those of n sequences that are (for training, held out), at random.

    `CotpressError` where there are too few.
    """
    held_out = min(500, max(1, round(options.held_out * n)))
    if n <= held_out:
        raise CotpressError(f"{n} traces are too few to train on and to judge by: give at least 2.")
    chance = torch.Generator().manual_seed(options.seed)
    order = list(map(int, torch.randperm(n, generator=chance)))
    return order[held_out:], order[:held_out]


def _fill(train: Sequence[Pieces], shape: Shape) -> None:
    """Refuse a codebook that the reasoning cannot fill."""
    chunks = sum(len(one.reasoning) // shape.rate for one in train)
    if chunks < shape.codebook:
        raise CotpressError(
            f"{chunks} chunks of {shape.rate} reasoning tokens cannot fill "
            f"a codebook of {shape.codebook}: "
            "choose a smaller --codebook, or give more or longer traces."
        )


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / max(1, 0.05 * steps)) * (1 + math.cos(math.pi * step / steps)) / 2


@torch.no_grad()
def _vectors(model: VQVAE, batches: Iterator[Batch], wanted: int, at_most: int) -> Tensor:
    """(N, d) what the encoder now makes of at least `wanted` chunks, or of `at_most` sequences."""
    found: list[Tensor] = []
    sequences = 0
    while sum(map(len, found)) < wanted and sequences < at_most:
        one = next(batches)
        found.append(model.encode(one).pooled[model.real(one)])
        sequences += len(one.ids)
    return torch.cat(found)
