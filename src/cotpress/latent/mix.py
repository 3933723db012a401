"""`Trace with codes -> CompressedTrace`: the first part of a reasoning as latent tokens, the rest
as text. Pure; no model.

Token Assorted (specification section 3.1): draw m_max from {0, 72, 128, 160, 192, 224, 256}, then m
from {0, 16, …, m_max}, both evenly; the first m tokens become m / 16 codes between two markers, at
most as many as the reasoning has whole chunks. The paper's numbers are for reasoning of about 640
tokens; `Plan.longest` scales the set, and 256 is the paper's own. Every draw belongs to (seed,
trace, epoch): order and restarts change nothing, and every epoch draws anew.

The ablations of the paper's Table 4.4 replace all chunks, one more chunk as training goes on, or
each with probability 1/2. The controls put random or constant codes in their place, or nothing; the
baselines follow from these (`method`). Pauses are constant codes in a fixed number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from cotpress import latent_tokens
from cotpress.errors import CotpressError
from cotpress.records import Asked, CompressedTrace, Cut, Trace

Replace = Literal["ar", "all", "curriculum", "poisson", "none"]
"""Which chunks are replaced: ar: the first ones, a random
number of them (the method); none: no chunk.
"""
Codes = Literal["vq", "random", "constant", "none"]
"""What stands in their place; none: nothing, they are dropped."""

PAPER_SET = (0, 72, 128, 160, 192, 224, 256)
"""Values of m_max, in reasoning tokens. 72 is not a multiple of 16: m is then at most 64 (A1)."""

DROPPED: dict[Replace, str] = {
    "ar": "drop-only",
    "all": "solution-only",
    "curriculum": "icot",
    "poisson": "drop-poisson",
    "none": "full-cot",
}
"""What a mix without codes is called; `cotpress.methods` says what each name means."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is replaced, and by what."""

    longest: int
    """The largest m_max, in tokens."""
    replace: Replace = "ar"
    """Which chunks are replaced: the first ones, in a random number (ar, the method), all, one
    more as training goes on (curriculum), each with probability 1/2 (poisson), or none.
    """
    codes: Codes = "vq"
    """What stands in their place: the VQ-VAE's codes, random or constant ones, or nothing."""
    chunk: int = 16
    """Reasoning tokens that are replaced together, as in the VQ-VAE."""
    rate: int = 16
    """Reasoning tokens per code, as in the VQ-VAE."""
    codebook: int = 512
    """Number of codes, as in the VQ-VAE."""
    epochs: int = 1
    """How often every trace is drawn."""
    pauses: int = 0
    """This many constant codes in front, whatever is replaced; 0: none."""
    seed: int = 0
    """With the trace and the epoch it decides every draw."""

    def __post_init__(self) -> None:
        """Refuse plans that contradict themselves."""
        if self.epochs < 1 or self.longest < 0 or self.pauses < 0:
            raise CotpressError(
                "choose --epochs of at least 1, and --longest and --pauses of at least 0."
            )
        if self.pauses and (self.codes != "constant" or self.replace not in ("all", "none")):
            raise CotpressError(
                "--pauses goes with --codes constant, and with --replace all "
                "(no reasoning) or none (all of it)."
            )
        if self.replace == "ar" and self.codes != "none" and self.longest < self.chunk:
            raise CotpressError(
                f"--longest {self.longest} is below one chunk of {self.chunk} "
                "tokens, so nothing would ever be replaced: "
                "choose a larger one."
            )

    @property
    def n_codes(self) -> int:
        """How many codes a model's vocabulary needs for it."""
        if self.pauses:
            return 1
        return 0 if self.codes == "none" or self.replace == "none" else self.codebook

    @property
    def method(self) -> str:
        """What the report calls it."""
        if self.pauses:
            return "pause" if self.replace == "all" else "pause-cot"
        if self.codes == "none" or self.replace == "none":
            return DROPPED[self.replace]
        name = "token-assorted" if self.codes == "vq" else f"{self.codes}-codes"
        return name if self.replace == "ar" else f"{name}-{self.replace}"


class Ready(NamedTuple):
    """A trace with what mixing needs."""

    trace: Trace
    ends: list[int]
    """End offset, in characters, of each token of the reasoning."""
    codes: list[int]
    """`chunk / rate` for each of its whole chunks."""


def mix(ready: Iterable[Ready], plan: Plan) -> Iterator[CompressedTrace]:
    """Every trace as it is drawn for each epoch."""
    for one in ready:
        cuts = [mixed(one, plan, epoch) for epoch in range(plan.epochs)]
        yield CompressedTrace(
            trace=one.trace, method=plan.method, scorer="", codebook=plan.n_codes, cuts=cuts
        )


def mixed(one: Ready, plan: Plan, epoch: int) -> Cut:
    """One draw."""
    chance = Random(f"{plan.seed}|{one.trace.key}|{epoch}")
    n_chunks = len(one.ends) // plan.chunk
    chosen = chunks(n_chunks, plan, epoch, chance)
    spans = runs(chosen, plan.chunk, one.ends)
    if _drops_all(plan, epoch):
        spans = [(0, len(one.ends))] if one.ends else []
    text, n_tokens, n_latent, at = "", len(one.ends), 0, 0
    if plan.pauses:
        text, n_latent, n_tokens = (
            latent_tokens.run([0] * plan.pauses),
            plan.pauses,
            n_tokens + plan.pauses + 2,
        )
    for begin, end in spans:
        codes = [] if plan.pauses else _codes(one, plan, begin, end, chance)
        text += one.trace.reasoning[at : _offset(one.ends, begin)] + latent_tokens.run(codes)
        at = _offset(one.ends, end)
        n_latent += len(codes)
        n_tokens += len(codes) + 2 * bool(codes) - (end - begin)
    return Cut(
        asked=Asked(ratio=1.0),
        reasoning=text + one.trace.reasoning[at:],
        kept=n_tokens / max(1, len(one.ends)),
        n_tokens=n_tokens,
        n_latent=n_latent,
        epoch=epoch,
    )


def largest(plan: Plan) -> list[int]:
    """The values of m_max: the paper's set, scaled so that its largest is `plan.longest`."""
    return [plan.longest * value // PAPER_SET[-1] for value in PAPER_SET]


def chunks(n: int, plan: Plan, epoch: int, chance: Random) -> list[bool]:
    """Which of a reasoning's n whole chunks are replaced."""
    if plan.replace == "ar":
        most = chance.choice(largest(plan))
        first = chance.randrange(most // plan.chunk + 1)
    elif plan.replace == "curriculum":
        # One chunk more each epoch with the paper's 8 epochs and 7 chunks; stretched or squeezed to
        # other numbers.
        first = round(plan.longest / plan.chunk * epoch / max(1, plan.epochs - 1))
    elif plan.replace == "poisson":
        return [chance.random() < 0.5 for _ in range(n)]
    else:
        first = n if plan.replace == "all" else 0
    return [i < first for i in range(n)]


def runs(chosen: Sequence[bool], chunk: int, ends: Sequence[int]) -> list[tuple[int, int]]:
    """Adjacent chosen chunks as (first token, token after the last);
    shortened where it would cut a character in two.
    """
    found: list[tuple[int, int]] = []
    for i, replaced in enumerate(chosen):
        if replaced and found and found[-1][1] == i * chunk:
            found[-1] = (found[-1][0], (i + 1) * chunk)
        elif replaced:
            found.append((i * chunk, (i + 1) * chunk))
    result = []
    for begin, end in found:
        while begin < end and not _clean(ends, begin):
            begin += chunk
        while begin < end and not _clean(ends, end):
            end -= chunk
        if begin < end:
            result.append((begin, end))
    return result


def _drops_all(plan: Plan, epoch: int) -> bool:
    """Whether not even the remainder below one chunk is left:
    what has no codes ends without any reasoning.
    """
    if plan.codes != "none" and not plan.pauses:
        return False
    return plan.replace == "all" or (plan.replace == "curriculum" and epoch == plan.epochs - 1 > 0)


def _codes(one: Ready, plan: Plan, begin: int, end: int, chance: Random) -> list[int]:
    where = range(begin // plan.rate, end // plan.rate)
    if plan.codes == "vq":
        return one.codes[where.start : where.stop]
    if plan.codes == "random":
        return [chance.randrange(plan.codebook) for _ in where]
    return [0 for _ in where] if plan.codes == "constant" else []


def _offset(ends: Sequence[int], n: int) -> int:
    """Where the text after the first n tokens begins."""
    return ends[n - 1] if n else 0


def _clean(ends: Sequence[int], n: int) -> bool:
    """Whether the first n tokens end with a whole character."""
    return n in (0, len(ends)) or ends[n] > ends[n - 1]
