"""Rows that a model continues together: they join while others run, leave when they end, and are
set aside when memory ends.

Rows are left-padded to one width, so a batch takes rows x width tokens of keys and values,
whatever each of them has written. A row that joins takes the place of one that ended where its
tokens fit there: nothing else is copied. Caches with layers that are not plain
(`lm.cache.is_plain`) cannot be joined; there a batch is filled once and only drains.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from cotpress.lm.cache import Cache, is_plain, put, repack, roomy_cache
from cotpress.lm.latent_grammar import Grammar

SPARE = 1.25
"""Columns beyond the longest row's that are borne before they are cut off, as a share of it."""

PREFILL = 8192
"""Tokens that are read at once, padding included: more would only take memory."""


@dataclass
class Row:
    """One request on its way."""

    index: int
    key: str
    prompt: list[int]
    limit: int
    """Tokens it may write."""
    said: list[int] = field(default_factory=list)
    seconds: float = 0.0
    """Its share of the time of the batches that it ran in."""
    given: bool = False
    """Whether its answer was given out, though it may still stand in the batch."""

    @property
    def length(self) -> int:
        """Tokens of prompt and answer."""
        return len(self.prompt) + len(self.said)


class State(NamedTuple):
    """What is known of each of the B rows; of a row that is not live nothing counts."""

    logits: Tensor
    """(B, V) for the next token."""
    mask: Tensor
    """(B, T) 1 where the cache holds a token of the row."""
    position: Tensor
    """(B,) tokens so far."""
    written: Tensor
    """(B,) of them its own."""
    limit: Tensor
    """(B,) of them at most."""
    live: Tensor
    """(B,) False once it has ended."""
    grammar: Tensor
    """(B,) where it stands in the grammar of latent tokens."""
    draws: Tensor
    """(B, N) its random numbers."""

    def take(self, rows: Tensor) -> "State":
        """These rows, in this order."""
        return State(*(one[rows] for one in self))


class Batch:
    """The rows that run, their cache and state."""

    def __init__(
        self,
        model: PreTrainedModel,
        grammar: Grammar | None,
        drawn: Callable[[str], np.ndarray] | None,
    ) -> None:
        self.model, self.grammar, self.drawn = model, grammar, drawn
        self.joins = is_plain(model)
        """Whether rows may join while others run."""
        self.rows: list[Row] = []
        self._cache: Cache
        self.state: State
        parameters = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in parameters

    @property
    def width(self) -> int:
        """Columns of the cache, padding included."""
        return int(self.state.mask.shape[1]) if self.rows else 0

    def allowed(self) -> Tensor:
        """(B, V) the logits of what may come next."""
        logits = self.state.logits
        return self.grammar.mask(logits, self.state.grammar) if self.grammar else logits

    def step(self, chosen: Tensor, live: Tensor) -> None:
        """Feed (B,) the next token of each row; `live` are those that go on behind it."""
        now = self.state
        mask = torch.cat([now.mask, now.mask.new_ones(len(now.mask), 1)], dim=1)
        self.state = now._replace(
            logits=self._forward(self._cache, chosen[:, None], mask, now.position[:, None]),
            mask=mask,
            # a row that has ended stays where it is: no position beyond the model's last
            position=now.position + live,
            written=now.written + 1,
            live=live,
            grammar=self.grammar.follow(now.grammar, chosen) if self.grammar else now.grammar,
        )

    def drop(self) -> None:
        """Forget all rows, and free their cache."""
        self.rows = []
        for name in ("_cache", "state"):
            vars(self).pop(name, None)

    def live(self) -> list[int]:
        """The places of the rows that have not ended."""
        return self.state.live.nonzero()[:, 0].tolist() if self.rows else []

    def in_use(self) -> tuple[int, int]:
        """How many rows are live, and the tokens of the longest of them."""
        live = self.state.live
        n, longest = torch.stack([live.sum(), (self.state.position * live).max()]).tolist()
        return n, longest

    def width_of(self, places: Sequence[int]) -> int:
        """Columns that a batch of these rows has."""
        return max((self.rows[i].length for i in places), default=0) if self.joins else self.width

    def change(self, stay: list[int], joining: Sequence[Row], *, tight: bool) -> None:
        """Only the rows at `stay` go on, and others join them; `tight`: no column and no place may
        be left empty.
        """
        read = list(self._prefill(joining))
        if not stay:
            self.rows = []
            if not read:
                return
            (self.rows, self._cache, self.state), *read = read
            stay = list(range(len(self.rows)))
        new, width = sum(len(some) for some, _, _ in read), self.width
        longest = max([self.width_of(stay), *(row.length for row in joining)])
        free = [i for i in range(len(self.rows)) if i not in set(stay)]
        packed = longest <= width <= SPARE * longest and not (tight and width > longest)
        if len(free) != new or not packed:
            self._take([*stay, *stay[:1] * new], longest)  # any row, until the new ones come
            free = list(range(len(stay), len(self.rows)))
        for some, cache, state in read:
            self._put(free[: len(some)], some, cache, state)
            free = free[len(some) :]

    def _put(self, places: Sequence[int], rows: Sequence[Row], cache: Cache, state: State) -> None:
        """Let rows that were read stand at these places."""
        at = torch.tensor(places, device=self.model.device)
        put(self._cache, cache, at)
        pad = self.width - state.mask.shape[1]
        state = state._replace(mask=torch.nn.functional.pad(state.mask, (pad, 0)))
        for ours, theirs in zip(self.state, state, strict=True):
            ours[at] = theirs
        for place, row in zip(places, rows, strict=True):
            self.rows[place] = row

    def _take(self, places: Sequence[int], width: int) -> None:
        """Keep the rows at these places, in this order, in `width` columns."""
        at, pad = torch.tensor(places, device=self.model.device), width - self.width
        state = self.state.take(at)
        if self.joins:
            repack(self._cache, at, width)
            state = state._replace(mask=torch.nn.functional.pad(state.mask, (pad, 0)))
        else:
            self._cache.batch_select_indices(at)
        self.state, self.rows = state, [self.rows[i] for i in places]

    def _prefill(self, rows: Sequence[Row]) -> Iterator[tuple[list[Row], Cache, State]]:
        """Read the rows' tokens, those of similar length together."""
        left = sorted(rows, key=lambda row: -row.length)
        device = self.model.device
        while left:
            width = left[0].length
            n = max(1, PREFILL // width) if self.joins else len(left)
            some, left = left[:n], left[n:]
            pads = [[0] * (width - row.length) for row in some]
            tokens = torch.tensor(
                [pad + row.prompt + row.said for pad, row in zip(pads, some, strict=True)],
                device=device,
            )
            mask = torch.tensor([pad + [1] * (width - len(pad)) for pad in pads], device=device)
            cache = roomy_cache(self.model)
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            piece = PREFILL if self.joins else width
            for start in range(0, width, piece):  # a longer row is read in pieces
                to = min(start + piece, width)
                part = tokens[:, start:to], mask[:, :to], positions[:, start:to]
                logits = self._forward(cache, *part)
            yield some, cache, self._state(some, logits, mask)

    def _state(self, rows: Sequence[Row], logits: Tensor, mask: Tensor) -> State:
        device, said = self.model.device, [len(row.said) for row in rows]
        draws = [self.drawn(row.key) if self.drawn else np.zeros(0) for row in rows]
        stands = [self.grammar.state(row.said) if self.grammar else 0 for row in rows]
        return State(
            logits=logits,
            mask=mask,
            position=mask.sum(1),
            written=torch.tensor(said, device=device),
            limit=torch.tensor([row.limit for row in rows], device=device),
            live=torch.ones(len(rows), dtype=torch.bool, device=device),
            grammar=torch.tensor(stands, device=device),
            draws=torch.tensor(np.array(draws), device=device),
        )

    def _forward(self, cache: Any, tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        """(B, V) float32 logits of the next token."""
        where = {"position_ids": positions} if self._takes_positions else {}
        past = {"past_key_values": cache, "use_cache": True, "logits_to_keep": 1}
        output = self.model(input_ids=tokens, attention_mask=mask, **past, **where)
        last: Tensor = output.logits[:, -1]
        return last.float()
