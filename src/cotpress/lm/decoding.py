"""Batched decoding with transformers models: greedy, or sampled with draws that belong to the
request, not to the batch.

A plain loop over `forward` instead of `generate()`: nothing of a model's own generation_config
(sampling, repetition penalty) can leak in. Sampling inverts the cumulative distribution with one
uniform number per row and step, drawn from (seed, request key), so that batch, order and restarts
change nothing.

Memory is counted in tokens in use, not in what could come: a prompt joins as soon as a row has
ended and there is room, and where the batch outgrows its room, those that have written least are
set aside and later go on from what they have written.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from time import perf_counter

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from cotpress.errors import CotpressError
from cotpress.lm.batch import SPARE, Batch, Row
from cotpress.lm.contract import Sampling
from cotpress.lm.latent_grammar import Grammar

LIVE = 0.9
"""Rows that have ended leave the batch, and others join, when no more than this share is live:
leaving costs one copy of the cache, joining one pass of the model.
"""

WINDOW = 4
"""Batches of requests that are sorted by length together: more would save padding, and lose more
work to a kill.
"""

SLACK = 64
"""Steps that a batch must have room for before another row joins."""

LATEST = 15.0
"""Seconds after which answers that have ended are given out, while their rows stay where they are.
"""


def uniforms(key: str, sampling: Sampling) -> np.ndarray:
    """(max_tokens,) numbers in [0, 1) that depend on the seed and the request's key alone."""
    digest = hashlib.sha256(f"{sampling.seed}|{key}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big")).random(sampling.max_tokens)


@torch.inference_mode()
def decode(
    model: PreTrainedModel,
    more: Callable[[int], list[Row]],
    stops: Collection[int],
    sampling: Sampling,
    *,
    room: int,
    most: int,
    grammar: Grammar | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Iterator[Row]:
    """Rows as they end, in any order: at a token of `stops`, which is included, or at their limit.

    `more(n)` gives further rows, until `n` have been read whose answers could not be given out in
    order: none for now where a row that runs must end first.

    `most`: rows at once. `room`: tokens, padding included, whose keys and values fit in memory; a
    row that is alone goes on beyond it.
    """
    drawn = partial(uniforms, sampling=sampling) if sampling.temperature else None
    run = _Run(Batch(model, grammar, drawn), more, room, most, clock)
    stop_ids = torch.tensor(sorted(stops), device=model.device)
    while True:
        if run.is_due():
            yield from run.change()
            if not run.batch.rows:
                if run.waiting:  # memory ended: fewer are tried
                    continue
                return
        elif run.is_late():
            yield from run.ended()
        state = run.batch.state
        at = state.written.clamp(max=sampling.max_tokens - 1)[:, None]
        draws = state.draws.gather(1, at)[:, 0] if drawn else None
        chosen = choose(run.batch.allowed(), sampling, draws)  # (B,)
        live = state.live & ~torch.isin(chosen, stop_ids) & (state.written + 1 < state.limit)
        run.step(chosen, live)


@torch.inference_mode()
def tokens(
    model: PreTrainedModel,
    row: Row,
    stops: Collection[int],
    sampling: Sampling,
    grammar: Grammar | None = None,
) -> Iterator[int]:
    """The token ids of one answer as they are chosen, that of the end included: those that `decode`
    gives for a row that is alone.
    """
    drawn = partial(uniforms, sampling=sampling) if sampling.temperature else None
    batch = Batch(model, grammar, drawn)
    if row.limit >= 1:
        batch.change([], [row], tight=False)
    for n in range(row.limit):
        draws = batch.state.draws[:, n] if drawn else None
        chosen = choose(batch.allowed(), sampling, draws)  # (1,)
        token = int(chosen[0])
        yield token
        if token in stops or n + 1 == row.limit:
            return
        batch.step(chosen, batch.state.live)


class _Run:
    """Who is in the batch, who waits, and how long answers are."""

    def __init__(
        self,
        batch: Batch,
        more: Callable[[int], list[Row]],
        room: int,
        most: int,
        clock: Callable[[], float],
    ) -> None:
        self.batch, self.more, self.room, self.most = batch, more, room, most
        self.clock = clock
        self.steps: list[Tensor] = []
        """(B,) each: what was said since rows last came or went, -1 where a row had ended."""
        self.waiting: list[Row] = []
        self.fallen: list[Row] = []
        """Rows that had ended when memory did, and were not given out yet."""
        self.n_ended = self.n_written = 0
        self.n_began = 0
        """Rows when others joined, or were set aside, for the last time."""
        self.since = clock()

    def is_due(self) -> bool:
        """Whether rows should come or go, or columns of padding."""
        n = len(self.batch.rows)
        if not n or self._is_full(n):
            return True
        n_live, longest = self.batch.in_use()
        return n_live <= LIVE * n or (self.batch.joins and self.batch.width > SPARE * longest)

    def is_late(self) -> bool:
        """Whether what was said is to be looked at, to give out what has ended."""
        return self.clock() - self.since >= LATEST

    def ended(self) -> Iterator[Row]:
        """Give out the rows that have ended and were not given out; they stay in the batch."""
        self._write_down()
        fallen, self.fallen = self.fallen, []
        rows, live = self.batch.rows, {*self.batch.live()}
        ended = [*fallen, *(row for i, row in enumerate(rows) if i not in live)]
        ended = [row for row in ended if not row.given]
        self.n_ended += len(ended)
        self.n_written += sum(len(row.said) for row in ended)
        for row in ended:
            row.given = True
            yield row

    def change(self) -> Iterator[Row]:
        """Give out the rows that have ended, set rows aside where room ends, let others join."""
        yield from self.ended()
        rows, live = self.batch.rows, self.batch.live()
        stay = self._that_fit(live)
        if len(stay) < len(live):
            self.n_began = len(stay)
            self._wait([rows[i] for i in sorted({*live} - {*stay})])
        joining: list[Row] = []
        if self.batch.joins or not stay:
            yield from self._read()
            n = self._n_that_join([rows[i] for i in stay])
            joining, self.waiting = self.waiting[:n], self.waiting[n:]
        if joining:
            self.n_began = len(stay) + len(joining)
        together = [*(rows[i] for i in stay), *joining]
        try:
            self.batch.change(stay, joining, tight=self._is_full(len(rows), SLACK))
            return
        except torch.OutOfMemoryError as error:
            _refuse_alone(together, error)
        self._wait(together)
        self._shrink(together)

    def step(self, chosen: Tensor, live: Tensor) -> None:
        """Feed (B,) the next tokens; where memory ends all rows wait, to go on in smaller batches
        from what they have written.
        """
        said = torch.where(self.batch.state.live, chosen, -1)
        try:
            self.batch.step(chosen, live)
            self.steps.append(said)
            return
        except torch.OutOfMemoryError as error:
            _refuse_alone(self.batch.rows, error)
        self._write_down()
        rows, going = self.batch.rows, {*self.batch.live()}
        self.fallen += [row for i, row in enumerate(rows) if i not in going]
        self._wait([rows[i] for i in going])
        self._shrink(rows)

    def _shrink(self, rows: Sequence[Row]) -> None:
        """Forget the batch, which was too large with these rows, and let half as many have room."""
        width = max(row.length for row in rows)
        self.room = min(self.room, len(rows) * width // 2)
        self.most, self.n_began = max(1, len(rows) // 2), 0
        self.batch.drop()
        torch.cuda.empty_cache()

    def _read(self) -> Iterator[Row]:
        """Let further rows wait; those that may write nothing are given out.

        How many is known only when it is known how many run together.
        """
        n = WINDOW * self.n_began or self.most
        while new := self.more(n):
            yield from (row for row in new if row.limit < 1)
            self._wait([row for row in new if row.limit >= 1])
            n = WINDOW * (self.n_began or self._n_that_join([])) or self.most

    def _wait(self, rows: Sequence[Row]) -> None:
        """The longest stand in front: beside those that run, the others need little padding."""
        self.waiting = sorted([*self.waiting, *rows], key=lambda row: -row.length)

    def _is_full(self, n: int, steps: int = 1) -> bool:
        return n > 1 and n * (self.batch.width + steps) > self.room

    def _write_down(self) -> None:
        now = self.clock()
        said = torch.stack(self.steps, 1).tolist() if self.steps else []
        share = (now - self.since) / max(1, sum(not row.given for row in self.batch.rows))
        for row, ids in zip(self.batch.rows, said, strict=True):
            row.said += [token for token in ids if token >= 0]
            row.seconds += 0.0 if row.given else share
        self.since, self.steps = now, []

    def _that_fit(self, live: Sequence[int]) -> list[int]:
        """The places of the rows that go on; those that have written least do not, where room
        ends.
        """
        stay = sorted(live, key=lambda i: -len(self.batch.rows[i].said))
        if self._needs(stay, 1) > self.room:
            while len(stay) > 1 and self._needs(stay, SLACK) > self.room:
                stay.pop()
        return sorted(stay)

    def _needs(self, places: Sequence[int], steps: int) -> int:
        """Tokens that these rows take after so many steps."""
        return len(places) * (self.batch.width_of(places) + steps)

    def _n_that_join(self, running: Sequence[Row]) -> int:
        """How many of the next rows have room beside those that run, if their answers will be as
        long as those that have ended; before one has, as long as their prompts.
        """
        width, n = max((row.length for row in running), default=0) + SLACK, len(running)
        for row in self.waiting[: self.most - n]:
            usual = self.n_written // self.n_ended if self.n_ended else len(row.prompt)
            left = min(max(usual - len(row.said), SLACK), row.limit - len(row.said))
            width = max(width, row.length + left)
            if n and (n + 1) * width > self.room:
                break
            n += 1
        return n - len(running)


def _refuse_alone(rows: Sequence[Row], error: torch.OutOfMemoryError) -> None:
    """`CotpressError` where memory ended with one row: there is no smaller batch."""
    if len(rows) == 1:
        raise CotpressError(
            f"out of memory with one answer alone, at {rows[0].length} tokens: choose a smaller "
            "--max-tokens, dtype=bfloat16 or device=auto for the model, or a larger device; what "
            "is finished is kept."
        ) from error


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
    device = logits.device
    if device.type == "mps":  # it has no double precision
        logits, draws = logits.cpu(), draws.cpu()
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
    return order.gather(1, at.minimum(last))[:, 0].to(device)
