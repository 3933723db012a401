"""Which tokens may come next where latent tokens are constrained: a table of states and what each
allows.

`legal` runs are what training shows: codes and the end marker only inside a run, no text in it, no
empty run. A forced number k writes the first marker, exactly k codes (the model chooses which), the
end marker, and then text without latent tokens; 0 is text alone. One model then gives a whole curve
of accuracy over length.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from cotpress.errors import CotpressError
from cotpress.latent_tokens import BEGIN, CODE, END
from cotpress.lm.contract import Sampling

NO_GRAMMAR = (
    "model {} cannot keep latent tokens to their runs (--legal-latents): take hf:, or leave it out."
)


class LatentIds(NamedTuple):
    """The token ids of a model's latent tokens."""

    begin: int
    end: int
    codes: list[int]


def latent_ids(tokenizer: PreTrainedTokenizerFast) -> LatentIds | None:
    """The latent tokens of a tokenizer; None where it has none."""
    known = tokenizer.get_added_vocab()
    if BEGIN not in known or END not in known:
        return None
    return LatentIds(
        known[BEGIN], known[END], sorted(i for token, i in known.items() if CODE.fullmatch(token))
    )


class Grammar:
    """What may come next in each state of a row; before it has said anything it is in state 0."""

    def __init__(
        self, ids: LatentIds, forced: int | None, width: int, device: torch.device
    ) -> None:
        latent = [ids.begin, ids.end, *ids.codes]
        text = ~_only(latent, width)
        begin, codes, end = (
            _only([ids.begin], width),
            _only(ids.codes, width),
            _only([ids.end], width),
        )
        if forced is None:
            # (S, V): outside, just begun, inside
            self.allowed = torch.stack([text | begin, codes, codes | end]).to(device)
        else:
            states = [begin, *[codes] * forced, end, text] if forced else [text]
            self.allowed = torch.stack(states).to(device)
        self.forced = forced is not None
        # (V,) state after a token, where none is forced
        self.after = torch.zeros(width, dtype=torch.long, device=device)
        self.after[ids.begin] = 1
        self.after[torch.tensor(ids.codes, device=device)] = 2

    def mask(self, logits: Tensor, states: Tensor) -> Tensor:
        """(B, V) with what may not come next at minus infinity; `states` is (B,)."""
        return logits.masked_fill(~self.allowed[states], float("-inf"))

    def follow(self, states: Tensor, chosen: Tensor) -> Tensor:
        """(B,) the states after the tokens that were written."""
        if self.forced:
            return (states + 1).clamp(max=len(self.allowed) - 1)
        return self.after[chosen]

    def state(self, said: Sequence[int]) -> int:
        """The state of a row that has said these tokens."""
        if self.forced:
            return min(len(said), len(self.allowed) - 1)
        return int(self.after[said[-1]]) if said else 0


def grammar(
    name: str,
    ids: LatentIds | None,
    sampling: Sampling,
    width: int,
    device: torch.device,
) -> Grammar | None:
    """The constraint that `sampling` asks for; `CotpressError`
    where the model has no latent tokens to constrain.
    """
    if sampling.latents is None and not sampling.legal_latents:
        return None
    return Grammar(required(name, ids), sampling.latents, width, device)


def required(name: str, ids: LatentIds | None) -> LatentIds:
    """`ids`; `CotpressError` where the model `name` has no latent tokens to constrain."""
    if ids is None:
        raise CotpressError(
            f"model {name} knows no latent tokens (no {BEGIN} in its tokenizer): "
            "name one that was trained on what `cotpress mix` made."
        )
    return ids


def _only(ids: list[int], width: int) -> Tensor:
    """(V,) true at `ids`."""
    mask = torch.zeros(width, dtype=torch.bool)
    mask[torch.tensor(ids)] = True
    return mask
