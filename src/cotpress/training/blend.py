"""A model whose weights lie between those of two: the short one's times w, plus the untouched one's
times 1 - w.

Long-to-short merging (Kimi k1.5, arXiv 2501.12599, which takes the plain mean): shorter reasoning
without further training, or some of the accuracy that a training cost bought back. Both must be one
architecture with one tokenizer, one of them trained from the other, say. What a vocabulary gained
by latent tokens has no counterpart to be blended with.
"""

import copy
from itertools import chain
from typing import Any

import torch
from transformers import PreTrainedModel

from cotpress.errors import CotpressError
from cotpress.models.hf import HFModel

UNLIKE = frozenset(
    {
        "_name_or_path",
        "architectures",
        "bos_token_id",
        "dtype",
        "eos_token_id",
        "pad_token_id",
        "torch_dtype",
        "transformers_version",
        "use_cache",
    }
)
"""What two configurations may differ in: it changes no result of the network."""


def check_weight(weight: float) -> float:
    """Return `weight`, the share of the short model, if 0 <= weight <= 1; `CotpressError`
    otherwise.
    """
    if not 0 <= weight <= 1:
        raise CotpressError(
            f"weight {weight:g} is not a share of the short model: choose 0 (the original) to 1 "
            "(the short model), such as 0.5."
        )
    return weight


def blended(short: HFModel, original: HFModel, weight: float) -> HFModel:
    """The model with `weight` of `short`, a LoRA adapter merged, and the rest of `original`; it
    answers with the tokenizer and chat template of `short`.

    The weights are blended when they are first asked for; both models keep theirs. `CotpressError`
    where tokenizers, configurations or, once they are read, weights do not fit.
    """
    check_weight(weight)
    if differ := _difference(short, original):
        raise _no_blend(short.name, original.name, differ)

    def make() -> PreTrainedModel:
        made = copy.deepcopy(short.torch_model)
        if differ := interpolate(made, original.torch_model, weight):
            raise _no_blend(short.name, original.name, differ)
        return made

    return HFModel(
        f"blend of {original.name} and {short.name}",
        short.path,
        short.tokenizer,
        make,
        revision=f"{weight:g} * {short.revision} + {1 - weight:g} * {original.revision}",
        weights=short.weights,
        template=short.template,
    )


@torch.no_grad()
def interpolate(short: PreTrainedModel, original: PreTrainedModel, weight: float) -> str:
    """Turn the weights of `short` into `weight` times themselves plus 1 - `weight` times those of
    `original`, computed in float32 and kept in their own dtype.

    Returns what does not fit, and then has changed nothing; empty where all does. Tied weights,
    which stand under two names, are blended once. What is not a floating-point number (a buffer of
    positions) stays.
    """
    mine, theirs = short.state_dict(), original.state_dict()
    if alone := sorted(mine.keys() ^ theirs.keys()):
        return f"only one of them has the weight {alone[0]}"
    for name, own in mine.items():
        if own.shape != theirs[name].shape:
            shapes = f"{list(own.shape)} and {list(theirs[name].shape)}"
            return f"the weight {name} has the shapes {shapes}"
    for name, of in chain(short.named_parameters(), original.named_parameters()):
        if not of.is_floating_point() or of.dtype.itemsize < 2:
            return f"the weight {name} is quantised ({of.dtype})"
    done: set[int] = set()
    for name, own in mine.items():
        if own.is_floating_point() and own.data_ptr() not in done:
            done.add(own.data_ptr())
            other = theirs[name].to(own.device).float()
            own.copy_(weight * own.float() + (1 - weight) * other)
    return ""


def _difference(short: HFModel, original: HFModel) -> str:
    """The first thing, known without any weights, in which two models differ; empty for none."""
    ours, theirs = short.tokenizer.get_vocab(), original.tokenizer.get_vocab()
    if bool(short.latent_ids) != bool(original.latent_ids):
        return "only one of them was taught latent tokens, whose weights the other does not have"
    if unlike := sorted(ours.items() ^ theirs.items()):
        return f"their vocabularies differ ({len(ours)} and {len(theirs)} tokens; {unlike[0][0]!r})"
    hashes = short.tokenizer_hash_with(None), original.tokenizer_hash_with(None)
    if hashes[0] != hashes[1]:
        return f"their tokenizers differ (hashes {hashes[0]} and {hashes[1]})"
    a, b = short.config.to_dict(), original.config.to_dict()
    keys = [key for key in sorted({*a, *b} - UNLIKE) if a.get(key) != b.get(key)]
    told = ", ".join(f"{key} {_brief(a.get(key))} and {_brief(b.get(key))}" for key in keys[:3])
    return f"their configurations differ in {told}" if keys else ""


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _no_blend(short: str, original: str, why: str) -> CotpressError:
    return CotpressError(
        f"cannot blend {short} with {original}: {why}; blend a model with the one it was trained "
        "from, or with another of the same architecture and tokenizer."
    )
