"""What verbs that ask a server share: rows that it could not answer are noted, and counted against
`--max-error-rate`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from cotpress.errors import CotpressError
from cotpress.failures import Failures
from cotpress.records import CompressedTrace, Trace

R = TypeVar("R")


def check_error_rate(rate: float) -> None:
    """`CotpressError` for a share of failed requests that is none."""
    if not 0 <= rate <= 1:
        raise CotpressError("choose 0 <= --max-error-rate <= 1.")


@dataclass
class Watching:
    """How many of `total` requests were answered, and how many were not."""

    failures: Failures
    verb: str
    rate: float
    """Share of requests that may fail."""
    total: int
    seen: int = 0

    def counted(self, answers: Iterable[R]) -> Iterator[R]:
        """Pass answers through."""
        for answer in answers:
            self.seen += 1
            yield answer

    def failed(self, trace: Trace | CompressedTrace, reason: str) -> None:
        """Note a request that was not answered; `CotpressError` where too many were not."""
        self.seen += 1
        self.failures.add(trace.key, reason)
        self.failures.check(self.verb, self.rate, self.seen, self.total)
