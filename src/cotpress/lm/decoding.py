"""Batched decoding with transformers models: greedy, or sampled with draws that belong to the
request, not to the batch.

A plain loop over `forward` instead of `generate()`: rows that are finished leave the batch, and
nothing of a model's own generation_config (sampling, repetition penalty) can leak in. Sampling
inverts the cumulative distribution with one uniform number per row and step, drawn from (seed,
request key), so that batch, order and restarts change nothing.

Measured with a 0.65 M parameter model on one CPU core, 110 tokens per row, no row ending early:
7,300 tokens/s with 256 to 512 rows, `generate()` 5,200 and 4,100; copying the cache at every step,
as transformers does, costs the difference.
"""

import hashlib
import inspect
from collections.abc import Collection, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from cotpress.lm.cache import roomy_cache
from cotpress.lm.contract import Sampling
from cotpress.lm.latent_grammar import Grammar

LIVE = 0.9
"""Finished rows leave the batch when no more than this share
is live; leaving costs one copy of the cache.
"""


def uniforms(key: str, sampling: Sampling) -> np.ndarray:
    """(max_tokens,) numbers in [0, 1) that depend on the seed and the request's key alone."""
    digest = hashlib.sha256(f"{sampling.seed}|{key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big")).random(sampling.max_tokens)


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    keys: Sequence[str],
    stops: Collection[int],
    sampling: Sampling,
    grammar: Grammar | None = None,
) -> list[list[int]]:
    """Continue each prompt (token ids) until a token of
    `stops`, which is included, or `sampling.max_tokens`.
    """
    device, width = model.device, max(map(len, prompts))
    # (B, T)
    mask = torch.tensor(
        [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts], device=device
    )
    # (B, T), left-padded
    tokens = torch.tensor([[0] * (width - len(ids)) + list(ids) for ids in prompts], device=device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    draws = (
        torch.tensor(np.array([uniforms(key, sampling) for key in keys]), device=device)
        if sampling.temperature
        else None
    )
    stop_ids = torch.tensor(sorted(stops), device=device)
    takes_positions = "position_ids" in inspect.signature(model.forward).parameters
    cache = roomy_cache(model)
    results: list[list[int]] = [[] for _ in prompts]
    # (B,) which prompt each row of the batch belongs to
    rows = torch.arange(len(prompts), device=device)
    live = torch.ones(len(prompts), dtype=torch.bool, device=device)
    steps: list[torch.Tensor] = []
    for step in range(sampling.max_tokens):
        where = {"position_ids": positions} if takes_positions else {}
        past = {"past_key_values": cache, "use_cache": True, "logits_to_keep": 1}
        output = model(input_ids=tokens, attention_mask=mask, **past, **where)
        logits = output.logits[:, -1].float()
        drawn = None if draws is None else draws[rows, step]
        chosen = choose(grammar.mask(logits) if grammar else logits, sampling, drawn)  # (B,)
        if grammar:
            grammar.follow(chosen)
        steps.append(torch.where(live, chosen, -1))
        live = live & ~torch.isin(chosen, stop_ids)
        n_live = int(live.sum())
        if n_live <= LIVE * len(live) or step == sampling.max_tokens - 1:
            for row, ids in zip(rows.tolist(), torch.stack(steps, 1).tolist(), strict=True):
                results[row] += [token for token in ids if token >= 0]
            if not n_live:
                break
            steps, keep = [], live.nonzero()[:, 0]
            cache.batch_select_indices(keep)
            if grammar:
                grammar.keep(keep)
            rows, chosen, live = rows[keep], chosen[keep], live[keep]
            mask, positions = mask[keep], positions[keep]
        tokens = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        positions = positions[:, -1:] + 1
    return results


def choose(logits: torch.Tensor, sampling: Sampling, draws: torch.Tensor | None) -> torch.Tensor:
    """The next token of each row of `logits` (B, V): the most likely
    one, or that at `draws` (B,) of the distribution.

    The distribution is cut in the order of transformers (`GenerationMixin._get_logits_processor`)
    and vLLM: temperature, then top-k, then top-p of what top-k leaves, then min-p. The last is
    relative to the likeliest token and would cut alike at any place after the temperature. Every
    cut keeps the likeliest tokens, so that together they keep the shortest of three prefixes; of
    equally likely tokens the ones with lower ids come first.
    """
    if draws is None:
        return logits.argmax(-1)
    likely, order = (
        (logits / sampling.temperature)
        .softmax(-1)
        .double()
        .sort(dim=-1, descending=True, stable=True)
    )
    mass = likely.cumsum(-1)
    kept = mass - likely < sampling.top_p
    if sampling.top_k:
        top_k = min(sampling.top_k, likely.shape[-1])
        kept = mass - likely < sampling.top_p * mass[:, top_k - 1 : top_k]
        kept[:, top_k:] = False
    if sampling.min_p:
        kept &= likely >= sampling.min_p * likely[:, :1]
    last = kept.sum(-1, keepdim=True) - 1
    at = torch.searchsorted(mass, draws[:, None] * mass.gather(1, last), right=True)
    return order.gather(1, at.minimum(last))[:, 0]
