"""Texts that begin alike share their beginning: it is run once, and its keys and values serve them
all.

In scoring, half of the tokens are prompts: the system turn and the instruction stand before every
text, the question before each of its traces and in both contexts of CTS. So batches are made of
texts that begin alike, and what a batch shares is one row of a cache, built in its turn on what all
texts share. Long texts are left alone: behind a cache the attention needs a mask (queries x keys),
and they would share little.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cotpress.lm.cache import empty_cache, is_plain

BRANCH = 32
"""Rows that agree in this many tokens after what all rows share are kept together."""

WORTH = 8
"""A batch shares its beginning if that is at least this part (1/8) of its longest row."""


class Row(NamedTuple):
    """One sequence to run."""

    ids: list[int]
    first: int
    """Index in `ids` of the first token whose probability is asked for; the others follow."""
    span: int
    """Whose it is."""
    at: int
    """Where its values go among those of the span."""


def shared(rows: Sequence[Row]) -> list[int]:
    """What all rows begin with, short of the positions whose output is asked for."""
    first, last = min(row.ids for row in rows), max(row.ids for row in rows)
    most = min(row.first for row in rows) - 1
    return first[: next((i for i in range(most) if first[i] != last[i]), most)]


def batches(rows: Sequence[Row], limit: int) -> list[list[Row]]:
    """The rows in batches of at most `limit` tokens, padding included; the
    longest first, those that begin alike together.
    """
    if not rows:
        return []
    stem = len(shared(rows)) + BRANCH
    families = [
        list(family)
        for _, family in groupby(
            sorted(rows, key=lambda row: row.ids[:stem]), lambda row: row.ids[:stem]
        )
    ]
    parts = [part for family in families for part in _split(sorted(family, key=_length), limit)]
    result: list[list[Row]] = []
    for part in sorted(parts, key=lambda part: -max(map(_length, part))):
        if result and cost([*result[-1], *part]) <= limit:
            result[-1] += part
        else:
            result.append(part)
    return result


class Runner:
    """Runs a model's decoder over batches of rows."""

    def __init__(self, model: Any, rows: Sequence[Row], limit: int) -> None:
        self.model = model
        self.limit = limit
        self.stem = shared(rows) if len(rows) > 1 else []
        self.stem_cache: Any = None
        self.can_share = is_plain(model)
        """False for models with a sliding window or a recurrent state,
        whose caches are not one key and value per token.
        """

    def hidden(self, batch: Sequence[Row]) -> Iterator[Tensor]:
        """For each row the states (n, H) that predict its asked tokens. A row's last token is only
        a target and is not run.

        Rows are padded on the right and no attention mask is made: under causal attention no real
        token sees what follows it.
        """
        before = shared(batch) if len(batch) > 1 else self.stem
        width = max(map(_length, batch)) - 1
        if not self.can_share or width > self.limit or WORTH * len(before) < width:
            before = []
        ids = torch.zeros(len(batch), width - len(before), dtype=torch.long)  # (B, T)
        for line, row in zip(ids, batch, strict=True):
            line[: len(row.ids) - 1 - len(before)] = torch.tensor(row.ids[len(before) : -1])
        states = self._run(ids, self._cache(before, len(batch)) if before else None)  # (B, T, H)
        for state, row in zip(states, batch, strict=True):
            yield state[row.first - 1 - len(before) : len(row.ids) - 1 - len(before)]

    def _cache(self, before: list[int], n: int) -> Any:
        """Keys and values of `before`, `n` times."""
        stem = self.stem if before[: len(self.stem)] == self.stem else []
        if stem and self.stem_cache is None:
            self.stem_cache = empty_cache(self.model)
            self._run(torch.tensor([stem]), self.stem_cache)
        cache = deepcopy(self.stem_cache) if stem else empty_cache(self.model)
        if len(before) > len(stem):
            self._run(torch.tensor([before[len(stem) :]]), cache)
        cache.batch_repeat_interleave(n)
        return cache

    def _run(self, ids: Tensor, cache: Any) -> Tensor:
        output = self.model.get_decoder()(
            input_ids=ids.to(self.model.device), past_key_values=cache, use_cache=cache is not None
        )
        states: Tensor = output.last_hidden_state
        return states


def _length(row: Row) -> int:
    return len(row.ids)


def cost(batch: Sequence[Row]) -> int:
    """Tokens that a batch runs."""
    before = len(shared(batch))
    return before + len(batch) * (max(map(_length, batch)) - before)


def _split(family: Sequence[Row], limit: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    for row in family:
        if part and cost([*part, row]) > limit:
            yield part
            part = []
        part.append(row)
    yield part
