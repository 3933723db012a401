"""For each trace the smallest ratio that keeps its answer likely: dense traces are cut less, padded
ones more.

`cotpress verify` says, for every trace at every ratio, how likely a reference model finds the
conclusion after the shortened reasoning and after the full one. A trace whose conclusion loses more
than the threshold at every ratio is kept whole.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from cotpress.errors import CotpressError
from cotpress.records import Asked, CompressedTrace, Cut

UNVERIFIED = "not verified, kept whole"
LOSING = "losing the answer at every ratio, kept whole"


def keep_answer(
    verified: Iterable[CompressedTrace], threshold: float, *, noted: Counter[str] | None = None
) -> Iterator[CompressedTrace]:
    """One cut of each trace: that of the smallest ratio whose loss is at most `threshold` nats;
    else the whole reasoning.

    `noted` counts the traces kept whole.
    """
    noted = Counter() if noted is None else noted
    if not threshold >= 0:
        raise CotpressError(
            f"--keep-answer {threshold:g} is not a loss that can be tolerated, in "
            "nats: choose 0 or more, such as 0.5."
        )
    for one in verified:
        checked = [cut for cut in one.cuts if cut.verified]
        holding = [cut for cut in checked if cut.verified and cut.verified.loss <= threshold]
        if not holding:
            noted[LOSING if checked else UNVERIFIED] += 1
        chosen = min(holding, key=lambda cut: cut.ratio) if holding else whole(one)
        yield msgspec.structs.replace(one, cuts=[chosen], keep_answer=threshold)


def whole(one: CompressedTrace) -> Cut:
    """The same trace, not shortened."""
    said, n_tokens = one.trace.reasoning, one.n_tokens
    return Cut(asked=Asked(ratio=1.0), reasoning=said, kept=1.0, n_tokens=n_tokens)
