"""`CompressedTrace -> CompressedTrace`: does the shortened reasoning still lead to its conclusion?

A selection looks at tokens one by one and cannot see what is lost together. So the whole conclusion
is read by a reference model after the shortened reasoning, after the full one and after none: ln
p(conclusion | question, reasoning). The first two say what shortening costs, the last what there
was to lose. The CTS paper has no such check.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import msgspec

from cotpress.records import CompressedTrace, Trace, Verified

BATCH = 16
"""Traces whose conclusions are read together, after all of their cuts."""

NO_CONCLUSION = "not verified (no conclusion)"
TOO_LONG = "not verified (too long for the reference model)"


class Likelihood(Protocol):
    """A conclusion's natural log-probability; lm/conclusions.py makes them."""

    @property
    def log_prob(self) -> float:
        """Of the whole conclusion."""
        ...

    @property
    def n_tokens(self) -> int:
        """Its tokens."""
        ...


Reader = Callable[[Sequence[tuple[Trace, str]]], Sequence[Likelihood | None]]
"""For each (trace, reasoning) the likelihood of the trace's
conclusion; None where it cannot be read.
"""


def verify(
    compressed: Iterable[CompressedTrace],
    read: Reader,
    reference: str,
    *,
    noted: Counter[str] | None = None,
) -> Iterator[CompressedTrace]:
    """Each trace with what `read`, the model named `reference`, finds; the same reasoning of a
    trace is read once per batch.

    Args:
        compressed: What `compress` or `mix` gives; read 16 at a time.
        read: For each pair of trace and reasoning the log-probability of the trace's conclusion
            (in nats) and its tokens, or None; such as `partial(conclusions, model)`.
        reference: Name of the model that reads, to be recorded.
        noted: Gets the number of cuts that pass unverified, by reason: no conclusion, or too
            long for the model.

    Returns:
        An iterator of the same traces, in order; each cut that could be read has `verified`,
        whose `loss` is what shortening costs, in nats.
    """
    items = iter(compressed)
    return verify_blocks(iter(lambda: list(islice(items, BATCH)), []), read, reference, noted=noted)


def verify_blocks(
    blocks: Iterable[Sequence[CompressedTrace]],
    read: Reader,
    reference: str,
    *,
    noted: Counter[str] | None = None,
) -> Iterator[CompressedTrace]:
    """The same for traces in blocks, each of which is read together."""
    noted = Counter() if noted is None else noted
    for batch in blocks:
        asked = {(one.key, text): (one.trace, text) for one in batch for text in _reasonings(one)}
        found = dict(zip(asked, read(list(asked.values())), strict=True))
        for one in batch:
            full, none = found[one.key, one.trace.reasoning], found[one.key, ""]
            cuts = []
            for cut in one.cuts:
                shortened = found[one.key, cut.reasoning]
                if shortened is None or full is None or none is None:
                    noted[TOO_LONG if one.trace.conclusion.strip() else NO_CONCLUSION] += 1
                    cuts.append(cut)
                    continue
                verified = Verified(
                    reference=reference,
                    shortened=shortened.log_prob,
                    full=full.log_prob,
                    none=none.log_prob,
                    n_tokens=full.n_tokens,
                )
                cuts.append(msgspec.structs.replace(cut, verified=verified))
            yield msgspec.structs.replace(one, cuts=cuts)


def _reasonings(one: CompressedTrace) -> Iterator[str]:
    """All that is read before the conclusion of a trace."""
    yield from ("", one.trace.reasoning, *(cut.reasoning for cut in one.cuts))
