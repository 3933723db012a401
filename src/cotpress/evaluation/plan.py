"""`graded Trace -> Plan`: which ratio or budget of an evaluation to serve, and what that saves.

A bound is met (`yes`) where the whole 95 % interval meets it, missed (`no`) where the whole
interval misses it, and `perhaps` otherwise: only what is met is recommended. Lengths are all
generated tokens, conclusion, wrong and cut-off answers included, since all of them are paid for;
savings are differences on the same problems. Each interval is that of one row: the best of many
rows looks a little better than it is, so measure the chosen ratio once more on other problems
before promising its figures.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Literal

import msgspec

from cotpress.errors import CotpressError
from cotpress.evaluation.brief import Brief, Briefs, grouped
from cotpress.evaluation.problems import means, pairs
from cotpress.evaluation.row import p_value
from cotpress.evaluation.rows import rows_of
from cotpress.evaluation.setting import is_reference
from cotpress.evaluation.statistics import Z, wilson
from cotpress.methods import method
from cotpress.records import NOTHING, EvalRow, Record, Trace

SURE = 0.05
"""Two ratios with a p-value of at least this cannot be told apart."""

MOST_PROBLEMS = 10**6
"""More problems than this are not an evaluation that anyone runs."""

Met = Literal["yes", "perhaps", "no"]


@dataclass(frozen=True)
class Wish:
    """What a served ratio or budget must keep to."""

    min_accuracy: float | None = None
    """Share of right answers."""
    max_tokens: float | None = None
    """Generated tokens per request, in the mean."""

    def __post_init__(self) -> None:
        """Refuse a wish for nothing, or for what cannot be."""
        if self.min_accuracy is None and self.max_tokens is None:
            raise CotpressError(
                "say what the ratio or budget must keep to: --min-accuracy 0.9, --max-tokens 150, "
                "or both."
            )
        if self.min_accuracy is not None and not 0 < self.min_accuracy <= 1:
            raise CotpressError(
                f"--min-accuracy {self.min_accuracy:g} is not a share of "
                "right answers: write 0.9 for 90 %."
            )
        if self.max_tokens is not None and self.max_tokens <= 0:
            raise CotpressError(
                f"--max-tokens {self.max_tokens:g} leaves no room for an "
                "answer: choose more than 0."
            )


class Mean(Record, frozen=True, kw_only=True):
    """A mean per request with its 95 % interval over problems."""

    mean: float
    low: float
    high: float


class Offer(Record, frozen=True, kw_only=True):
    """One ratio or budget that could be served."""

    ratio: float | None
    """1.0 where nothing is asked for; None for a budget."""
    budget: int | None = None
    """In reasoning tokens."""
    method: str
    n: int
    accuracy: Mean
    tokens: Mean
    """Generated tokens per request."""
    saved: Mean | None
    """Tokens per request fewer than the base generates on the same
    problems; None for the base itself, or without one.
    """
    seconds: Mean | None = None
    """Per answer in the evaluation, where many mostly share a machine; None: not measured."""
    seconds_saved: Mean | None = None
    """Like `saved`."""
    truncated: float
    """Share of answers that the evaluation's token limit cut
    off: served without it they are longer.
    """
    met: Met
    p_value: float | None = None
    """Test of its accuracy against the chosen offer's, on the same problems (exact McNemar, or sign
    flips with several answers a problem); None without a choice.
    """


class Plan(Record, frozen=True, kw_only=True):
    """What to serve. `choice` is None when nothing certainly meets the wish."""

    choice: Offer | None
    base: str
    """What savings are measured against; empty: nothing to compare with."""
    offers: list[Offer]
    sentences: list[str]
    price: float | None = None
    """Of a million generated tokens."""
    money_saved: Mean | None = None
    """Per million requests, in the currency of `price`."""


def plan(traces: Iterable[Trace], wish: Wish, price: float | None = None) -> Plan:
    """Choose among the ratios and budgets of one evaluation: the shortest that keeps the accuracy,
    or the most accurate that fits.

    An offer meets a bound only where its whole 95 % interval does.

    Args:
        traces: What `evaluate` gives, of one task; of each its numbers are held.
        wish: Lowest accuracy (0 to 1), most generated tokens per request, or both.
        price: Of a million generated tokens, in any currency; default: no money is reckoned.

    Returns:
        The choice (None where no offer certainly meets the wish), all offers with intervals, what
        is saved per request in tokens, and sentences that say so.

    Raises:
        CotpressError: The traces are of several tasks, hold no ratio or budget to choose, or one
            has no grade.
    """
    by_task = grouped(traces, read=False)  # where an answer is first stated is in no offer
    found = [row for row in rows_of(by_task) if method(row.method).servable]
    if len({row.task for row in found}) > 1:
        raise CotpressError(
            "the evaluation is of several tasks: make a plan for each, "
            "from an evaluation of its own."
        )
    groups = {setting: by_task[task, setting] for task, setting in by_task}
    reference, asked = _sides(found)
    if not asked:
        raise CotpressError(
            "the evaluation holds no ratio or budget to choose: run `cotpress eval` with "
            "--ratios 1.0 0.7 0.5, say, or with --budgets of a model that was taught them."
        )
    base = reference or next((row for row in asked if row.ratio == 1.0), None)
    paired: Briefs = groups[base.setting] if base else {}
    offers = [
        _offer(row, groups[row.setting], {} if row is base else paired, wish) for row in asked
    ]
    choice = _choose([offer for offer in offers if offer.met == "yes"], wish)
    if choice:
        at = offers.index(choice)
        chosen = groups[asked[at].setting]
        offers = [
            msgspec.structs.replace(offer, p_value=p_value(groups[row.setting], chosen))
            for offer, row in zip(offers, asked, strict=True)
        ]
        choice = offers[at]
    name = (
        ""
        if base is None
        else "the untouched model"
        if base is reference
        else f"{base.method} at ratio 1"
    )
    saved = choice.saved if choice else None
    return Plan(
        choice=choice,
        base=name,
        offers=offers,
        sentences=_sentences(choice, offers, wish, name),
        price=price,
        money_saved=_times(saved, price) if saved and price is not None else None,
    )


def _sides(found: Sequence[EvalRow]) -> tuple[EvalRow | None, list[EvalRow]]:
    """The untouched model, and what could be served: the ratios and budgets, and an untouched model
    that is the judged one at 1.0.
    """
    reference = next((row for row in found if is_reference(row.setting)), None)
    asked = [row for row in found if row.setting.asked != NOTHING]
    if (
        reference
        and all(row.model == reference.model for row in asked)
        and not any(row.ratio == 1.0 for row in asked)
    ):
        asked = [reference, *asked] if asked else []
    return reference, asked


def _offer(row: EvalRow, group: Briefs, base: Briefs, wish: Wish) -> Offer:
    accuracy = Mean(mean=row.accuracy, low=row.accuracy_low, high=row.accuracy_high)
    spent = means(group, _length)
    tokens = _mean(list(spent.values()))
    saved = [before - now for now, before in zip(*pairs(spent, means(base, _length)), strict=True)]
    took, before = means(group, _took), means(base, _took)
    faster = [then - now for now, then in zip(*pairs(took, before), strict=True)]
    timed = all((*took.values(), *before.values()))
    met: list[Met] = []
    if wish.min_accuracy is not None:
        met.append(_met(accuracy.low >= wish.min_accuracy, accuracy.high < wish.min_accuracy))
    if wish.max_tokens is not None:
        met.append(_met(tokens.high <= wish.max_tokens, tokens.low > wish.max_tokens))
    return Offer(
        ratio=1.0 if row.setting.asked == NOTHING else row.ratio,
        budget=row.budget,
        method=row.method,
        n=row.n,
        accuracy=accuracy,
        tokens=tokens,
        saved=_mean(saved) if saved else None,
        seconds=_mean(list(took.values())) if timed else None,
        seconds_saved=_mean(faster) if timed and faster else None,
        truncated=row.truncated,
        met="no" if "no" in met else "perhaps" if "perhaps" in met else "yes",
    )


def _met(surely: bool, surely_not: bool) -> Met:
    return "yes" if surely else "no" if surely_not else "perhaps"


def _choose(offers: Sequence[Offer], wish: Wish) -> Offer | None:
    """The shortest where an accuracy is to be kept, else the
    most accurate; of equals the shorter one.
    """
    if wish.min_accuracy is not None:
        return min(offers, key=lambda offer: offer.tokens.mean, default=None)
    return max(offers, key=lambda offer: (offer.accuracy.mean, -offer.tokens.mean), default=None)


def _sentences(choice: Offer | None, offers: Sequence[Offer], wish: Wish, base: str) -> list[str]:
    """The answer in words: what to serve, what it saves, and what the figures cannot tell."""
    said = []
    if choice:
        said.append(
            f"Serve {_name(choice)}: {_accuracy(choice)}, {_tokens(choice.tokens)} per request."
        )
        if choice.saved:
            million = _times(choice.saved, 1e6)
            said.append(
                f"Against {base} that saves {_tokens(choice.saved)} per "
                f"request, {million.mean:,.0f} "
                f"[{million.low:,.0f}, {million.high:,.0f}] per million requests."
            )
        if choice.seconds and choice.seconds_saved:
            said.append(
                f"In the evaluation an answer took {_seconds(choice.seconds)} s, "
                f"{_seconds(choice.seconds_saved)} s less."
            )
        if choice.truncated:
            said.append(
                f"{choice.truncated:.1%} of its answers were cut off at the token "
                "limit; they count as they were cut."
            )
    else:
        bounds = [] if wish.min_accuracy is None else [f"an accuracy of {wish.min_accuracy:.1%}"]
        bounds += [] if wish.max_tokens is None else [f"{wish.max_tokens:g} tokens"]
        kinds = {"ratio" if offer.budget is None else "budget" for offer in offers}
        kind = " or ".join(sorted(kinds, reverse=True))
        said.append(f"No {kind} reliably reaches {' and '.join(bounds)}.")
    for offer in offers:
        shorter = choice is not None and offer.tokens.mean < choice.tokens.mean
        if offer.met == "perhaps" and (choice is None or shorter or wish.min_accuracy is None):
            said.append(
                f"{_name(offer).capitalize()} may qualify too: {_accuracy(offer)}, "
                f"{_tokens(offer.tokens)}{_needed(offer, wish)}."
            )
        elif offer.met == "yes" and shorter and offer.p_value is not None and offer.p_value >= SURE:
            said.append(
                f"{_name(offer).capitalize()} is shorter ({_tokens(offer.tokens)}), and "
                f"{offer.n} problems do not tell its "
                f"accuracy apart: {_accuracy(offer)}, p = {offer.p_value:.2g}."
            )
    return said


def _name(offer: Offer) -> str:
    """What is asked for, in words."""
    if offer.budget is not None:
        return f"a budget of {offer.budget:,} tokens"
    return f"ratio {offer.ratio:g}"


def _seconds(mean: Mean) -> str:
    return f"{mean.mean:.3g} [{mean.low:.3g}, {mean.high:.3g}]"


def _needed(offer: Offer, wish: Wish) -> str:
    """How many problems would make it sure, if its share of right answers stayed what it is."""
    share, least = offer.accuracy.mean, wish.min_accuracy
    if least is None or share <= least or offer.accuracy.low >= least:
        return ""
    n = next((n for n in _sizes(offer.n) if wilson(math.floor(share * n), n).low >= least), None)
    return f"; evaluate about {n:,} problems to be sure" if n else ""


def _sizes(n: int) -> Iterable[int]:
    """Growing numbers of problems, each a tenth above the one before, to two digits."""
    while n < MOST_PROBLEMS:
        n = math.ceil(1.1 * n)
        unit = 10 ** max(0, len(str(n)) - 2)
        yield -(-n // unit) * unit


def _accuracy(offer: Offer) -> str:
    found = offer.accuracy
    return f"accuracy {found.mean:.1%} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _tokens(mean: Mean) -> str:
    return f"{mean.mean:.1f} [{mean.low:.1f}, {mean.high:.1f}] tokens"


def _length(answer: Brief) -> int:
    return answer.n_tokens + answer.n_conclusion_tokens


def _took(answer: Brief) -> float:
    return answer.seconds


def _mean(values: Sequence[float]) -> Mean:
    """With one value there is no interval: it reaches from one end to the other."""
    middle = fmean(values)
    half = Z * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Mean(mean=middle, low=middle - half, high=middle + half)


def _times(mean: Mean, factor: float) -> Mean:
    return Mean(mean=mean.mean * factor, low=mean.low * factor, high=mean.high * factor)
