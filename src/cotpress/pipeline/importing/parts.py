"""Which traces are taught and which are held out: decided by each problem's question alone, so that
all samples of a problem, and a problem that comes twice, are on one side.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cotpress.errors import CotpressError
from cotpress.jsonl import stem
from cotpress.pipeline.overlap import normalised
from cotpress.records import Trace


def held_out_path(out: Path) -> Path:
    """`traces.jsonl` -> `traces.heldout.jsonl`."""
    return out.with_name(stem(out) + ".heldout.jsonl")


def is_held_out(question: str, share: float, seed: int) -> bool:
    """Whether a question is among the share that is held out. It stays there whatever other
    questions come or go, and under a larger share.
    """
    text = f"{seed}\n{normalised(question)}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) < share * 2**64


@dataclass(frozen=True)
class Parts:
    """Which problems go where."""

    share: float = 0.0
    """Of the problems, to be held out."""
    seed: int = 0
    """Of that choice."""
    skip: int = 0
    """Taught problems to leave out, from the first on."""
    limit: int | None = None
    """Taught problems to take behind those; None: all."""

    def __post_init__(self) -> None:
        """Refuse what leaves nothing."""
        if not 0 <= self.share < 1:
            raise CotpressError(
                f"--holdout {self.share:g} must be a share, at least 0 and below 1."
            )
        if self.skip < 0:
            raise CotpressError(f"--skip {self.skip} must be 0 or more.")
        if self.limit is not None and self.limit < 1:
            raise CotpressError(f"--limit {self.limit} leaves no problem: choose 1 or more.")

    def taught(self, traces: Iterable[Trace], dropped: Counter[str]) -> Iterator[Trace]:
        """The traces of the problems to learn from."""
        places: dict[str, int] = {}
        for trace in traces:
            if is_held_out(trace.problem.question, self.share, self.seed):
                dropped["held out"] += 1
                continue
            behind = places.setdefault(trace.problem.id, len(places)) - self.skip
            if behind < 0 or (self.limit is not None and behind >= self.limit):
                dropped["outside of --skip and --limit"] += 1
            else:
                yield trace

    def held_out(self, traces: Iterable[Trace], dropped: Counter[str]) -> Iterator[Trace]:
        """The traces of the problems to judge on, which need a reference answer; `CotpressError`
        where there are none.
        """
        n = 0
        for trace in traces:
            if not is_held_out(trace.problem.question, self.share, self.seed):
                dropped["taught"] += 1
            elif not trace.problem.answer:
                dropped["held out, but without a reference answer to judge by"] += 1
            else:
                n += 1
                yield trace
        if not n:
            raise CotpressError(
                f"--holdout {self.share:g} holds out no problem with a reference answer, of "
                f"{dropped.total()} traces: choose a larger share, or name --answer."
            )
