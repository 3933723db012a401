"""`Trace -> codes`, and back: the codes of a reasoning's whole chunks, what each code stands for,
and codes as text.

The encoder is causal, so a chunk's code depends on the prompt and on what stands before it, never
on what follows, on the solution or on the rest of a batch.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import torch

from cotpress.latent.about import CodeUse
from cotpress.latent.folder import Coder
from cotpress.latent.quantise import closest
from cotpress.latent.sequences import Pieces, batch

SIZE = 64
"""Traces that are encoded at once."""

SHOWN = 5
"""Chunks that are named for a code."""


@torch.inference_mode()
def encode(coder: Coder, these: Sequence[Pieces]) -> list[list[int]]:
    """For each trace the codes of the whole chunks of its reasoning: `chunk / rate` codes for
    each.
    """
    model = coder.model
    rate, device = model.shape.rate, model.tokens.weight.device
    found: list[list[int]] = [[] for _ in these]
    order = sorted(range(len(these)), key=lambda i: len(these[i].prompt) + len(these[i].reasoning))
    for first in range(0, len(order), SIZE):
        which = order[first : first + SIZE]
        whole = [_whole(these[i], model.shape.chunk) for i in which]
        one = batch(whole, coder.vocabulary, model.shape, device)
        codes = closest(model.encode(one).pooled, model.quantiser.codebook)  # (B, n)
        for i, row, start, piece in zip(
            which, codes.tolist(), one.start.tolist(), whole, strict=True
        ):
            first_code = start // rate
            found[i] = row[first_code : first_code + len(piece.reasoning) // rate]
    return found


@torch.inference_mode()
def decode(coder: Coder, prompt: Sequence[int], codes: Sequence[int]) -> list[list[int]]:
    """For each of `codes`, which follow a prompt (target tokens),
    the target tokens that the decoder makes of it.
    """
    model = coder.model
    rate, device = model.shape.rate, model.tokens.weight.device
    one = batch([Pieces(list(prompt), [], [])], coder.vocabulary, model.shape, device)
    encoded = model.encode(one)
    before = model.quantise(encoded, one)[0][:, : int(one.start) // rate]
    vectors = torch.cat(
        [
            before,
            model.quantiser.codebook[torch.tensor(list(codes), device=device, dtype=torch.long)][
                None
            ],
        ],
        dim=1,
    )
    states = model.decode(vectors, encoded.condition, one.start)[0, int(one.start) :]
    numbers = model.logits(states).argmax(-1).reshape(-1, rate).tolist() if codes else []
    return [coder.vocabulary.ids(row) for row in numbers]


def code_uses(
    coder: Coder, these: Sequence[Pieces], text: Callable[[Sequence[int]], str]
) -> list[CodeUse]:
    """What each code stands for in these traces; `text` turns target tokens into text."""
    rate = coder.model.shape.rate
    chunks: defaultdict[int, Counter[str]] = defaultdict(Counter)
    decoded: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for one, codes in zip(these, encode(coder, these), strict=True):
        for place, (code, said) in enumerate(
            zip(codes, decode(coder, one.prompt, codes), strict=True)
        ):
            chunks[code][text(one.reasoning[place * rate : (place + 1) * rate])] += 1
            decoded[code][text(said)] += 1
    return [
        CodeUse(
            code=code,
            uses=chunks[code].total(),
            chunks=chunks[code].most_common(SHOWN),
            decoded=decoded[code].most_common(1)[0][0] if decoded[code] else "",
        )
        for code in range(coder.model.shape.codebook)
    ]


def _whole(one: Pieces, chunk: int) -> Pieces:
    """Prompt and whole chunks of reasoning: what follows cannot change their codes."""
    return Pieces(one.prompt, one.reasoning[: len(one.reasoning) // chunk * chunk], [])
