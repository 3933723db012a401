"""`graded Traces of one setting -> EvalRow`: every figure of a row, against the untouched model's
answers to the same problems.

With several answers a problem a figure is the mean over problems of the mean over answers, and
every interval and test is over problems; with one answer they are Wilson's and McNemar's.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from cotpress import latent_tokens
from cotpress.evaluation.at_budget import area, curve, distribution, grid
from cotpress.evaluation.baselines import CONTROLS
from cotpress.evaluation.efficiency import aes, ock_score
from cotpress.evaluation.lengths import adherence, lengths
from cotpress.evaluation.overthinking import first_right
from cotpress.evaluation.problems import Group, by_problem, means, pairs, right, samples, tokens
from cotpress.evaluation.resampling import bootstrap, sign_flip
from cotpress.evaluation.setting import setting_of
from cotpress.evaluation.several import majority, pass_at_k
from cotpress.evaluation.statistics import Interval, loops, mcnemar, ratio_of_means, wilson
from cotpress.records import EvalRow, Stratum, Trace


@dataclass(frozen=True)
class Beside:
    """What the figures of a row are measured against."""

    base: Group = field(default_factory=dict)
    """The untouched model's answers; empty: there is none."""
    own: Group = field(default_factory=dict)
    """The method's own answers at ratio 1.0."""
    largest: int = 0
    """The last budget of the curve, in reasoning tokens."""
    readable: bool = True
    """Whether a sentence of the reasoning can be read for the answer."""


def row(group: Group, beside: Beside) -> EvalRow:
    """The figures of one setting on one task."""
    traces = list(group.values())
    counts = [latent_tokens.count(trace.completion()) for trace in traces]
    shares, base = means(group, right), beside.base
    low, high = interval(shares, samples(group))
    kept = ratio_of_means(*pairs(tokens(group), tokens(base)))
    kept_own = ratio_of_means(*pairs(tokens(group), tokens(beside.own)))
    spent = list(tokens(group).values())
    mean = ratio_of_means(spent, [1.0] * len(spent)) if len(spent) > 1 else None
    return EvalRow(
        setting=setting_of(traces[0]),
        task=traces[0].problem.task,
        n=len(shares),
        k=samples(group),
        accuracy=fmean(shares.values()),
        accuracy_low=low,
        accuracy_high=high,
        mean_tokens=fmean(spent),
        mean_tokens_low=mean.low if mean else None,
        mean_tokens_high=mean.high if mean else None,
        kept=kept.value if kept else None,
        kept_low=kept.low if kept else None,
        kept_high=kept.high if kept else None,
        kept_own=kept_own.value if kept_own else None,
        truncated=fmean(trace.cut_off for trace in traces),
        looping=fmean(loops(trace.reasoning) or loops(trace.completion()) for trace in traces),
        seconds_per_problem=fmean(trace.seconds for trace in traces),
        mean_total_tokens=fmean(means(group, _all_tokens).values()),
        unsplit=fmean(not trace.conclusion for trace in traces),
        p_value=None if group is base else p_value(group, base),
        mean_latent=fmean(count.latent for count in counts),
        mean_markers=fmean(count.markers for count in counts),
        with_latents=fmean(count.latent > 0 for count in counts),
        statuses=dict(
            sorted(Counter(trace.grade.status for trace in traces if trace.grade).items())
        ),
        **_several(group),
        **_lengths(group, beside),
        **_efficiency(group, base),
        strata=_strata(group, base),
    )


def interval(shares: Mapping[str, float], k: int) -> Interval:
    """Of an accuracy, from each problem's share of right answers: Wilson's for one answer a
    problem, else a bootstrap of the problems.
    """
    if k > 1:
        return bootstrap(list(shares.values()))
    return wilson(sum(shares.values()), len(shares))


def p_value(group: Group, other: Group) -> float | None:
    """Of equal accuracy on the problems that both have answered: exact McNemar where each was
    answered once, else a sign-flip permutation test; None where they share no problem.
    """
    first, second = pairs(means(group, right), means(other, right))
    if not first:
        return None
    if samples(group) > 1 or samples(other) > 1:
        return sign_flip([a - b for a, b in zip(first, second, strict=True)])
    found = Counter(zip(first, second, strict=True))
    return mcnemar(found[1.0, 0.0], found[0.0, 1.0])


def _several(group: Group) -> dict[str, Any]:
    """pass@k and maj@k; nothing where each problem was answered once."""
    k = samples(group)
    if k == 1:
        return {}
    answers = by_problem(group).values()
    graded = [[trace.grade for trace in traces if trace.grade] for traces in answers]
    return {
        "pass_at_k": fmean(
            pass_at_k(len(grades), sum(grade.correct for grade in grades), k) for grades in graded
        ),
        "maj_at_k": fmean(map(majority, graded)),
    }


def _lengths(group: Group, beside: Beside) -> dict[str, Any]:
    """Lengths of right and wrong answers, what a budget buys, what was
    asked for, and what comes after the answer.
    """
    traces, budgets = list(group.values()), grid(beside.largest)
    blind = traces[0].method in CONTROLS  # cut to what the method kept, whatever it was asked for
    kept_to = None if blind else adherence(group, tokens(beside.base))
    stated = [first_right(trace) for trace in traces] if beside.readable else []
    after = [1 - share for share in stated if share is not None]
    return {
        "lengths_right": lengths([trace.n_tokens for trace in traces if right(trace)]),
        "lengths_wrong": lengths([trace.n_tokens for trace in traces if not right(trace)]),
        "budgets": budgets,
        "at_budget": curve(group, budgets),
        "within_budget": distribution(group, budgets),
        "budget_area": area(group, beside.largest),
        "asked_error": kept_to.error if kept_to else None,
        "asked_error_low": kept_to.low if kept_to else None,
        "asked_error_high": kept_to.high if kept_to else None,
        "over_asked": kept_to.over if kept_to else None,
        "answer_stated": len(after) / len(stated) if stated else None,
        "after_answer": fmean(after) if after else None,
    }


def _efficiency(group: Group, base: Group) -> dict[str, Any]:
    """AES and OckScore, and whether the conclusion takes over what the reasoning leaves out."""
    shares, spent = means(group, right), means(group, _all_tokens)
    ours, theirs = pairs(shares, means(base, right))
    length, whole = pairs(spent, means(base, _all_tokens))
    growth = ratio_of_means(*pairs(means(group, _outside), means(base, _outside)))
    return {
        "aes": aes(fmean(ours), fmean(length), fmean(theirs), fmean(whole)) if ours else None,
        "ock_score": ock_score(fmean(shares.values()), fmean(spent.values())),
        "conclusion_growth": growth.value if growth else None,
    }


def _strata(group: Group, base: Group) -> list[Stratum]:
    """The figures stratum by stratum, in the order of their names; none where the task has none."""
    parts: dict[str, dict[tuple[str, int], Trace]] = {}
    for key, trace in group.items():
        parts.setdefault(trace.problem.stratum, {})[key] = trace
    return [_stratum(name, parts[name], base) for name in sorted(parts, key=_natural) if name]


def _stratum(name: str, part: Group, base: Group) -> Stratum:
    shares = means(part, right)
    low, high = interval(shares, samples(part))
    kept = ratio_of_means(*pairs(tokens(part), tokens(base)))
    return Stratum(
        name=name,
        n=len(shares),
        accuracy=fmean(shares.values()),
        accuracy_low=low,
        accuracy_high=high,
        mean_tokens=fmean(tokens(part).values()),
        kept=kept.value if kept else None,
    )


def _natural(name: str) -> list[tuple[int, str]]:
    """`level 10` comes after `level 9`."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _all_tokens(trace: Trace) -> float:
    return trace.n_tokens + trace.n_conclusion_tokens


def _outside(trace: Trace) -> float:
    return trace.n_conclusion_tokens
