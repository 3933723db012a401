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

from cotpress.evaluation.at_budget import area, curve, distribution, grid
from cotpress.evaluation.baselines import CONTROLS
from cotpress.evaluation.brief import Brief, Briefs
from cotpress.evaluation.efficiency import aes, ock_score
from cotpress.evaluation.lengths import adherence, lengths
from cotpress.evaluation.problems import (
    Answers,
    Key,
    by_problem,
    means,
    pairs,
    right,
    samples,
    tokens,
)
from cotpress.evaluation.resampling import bootstrap, sign_flip
from cotpress.evaluation.several import majority, pass_at_k
from cotpress.evaluation.statistics import Interval, mcnemar, ratio_of_means, wilson
from cotpress.records import EvalRow, Setting, Stratum


@dataclass(frozen=True)
class Beside:
    """What the figures of a row are measured against."""

    base: Briefs = field(default_factory=dict)
    """The untouched model's answers; empty: there is none."""
    own: Briefs = field(default_factory=dict)
    """The method's own answers at ratio 1.0."""
    largest: int = 0
    """The last budget of the curve, in reasoning tokens."""
    readable: bool = True
    """Whether a sentence of the reasoning can be read for the answer."""


def row(task: str, setting: Setting, group: Briefs, beside: Beside) -> EvalRow:
    """The figures of one setting on one task."""
    answers = group.values()
    shares, base = means(group, right), beside.base
    low, high = interval(shares, samples(group))
    kept = ratio_of_means(*pairs(tokens(group), tokens(base)))
    kept_own = ratio_of_means(*pairs(tokens(group), tokens(beside.own)))
    spent = list(tokens(group).values())
    mean = ratio_of_means(spent, [1.0] * len(spent)) if len(spent) > 1 else None
    return EvalRow(
        setting=setting,
        task=task,
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
        truncated=fmean(answer.cut_off for answer in answers),
        looping=fmean(answer.looping for answer in answers),
        seconds_per_problem=fmean(answer.seconds for answer in answers),
        mean_total_tokens=fmean(means(group, _all_tokens).values()),
        unsplit=fmean(answer.unsplit for answer in answers),
        p_value=None if group is base else p_value(group, base),
        mean_latent=fmean(answer.latent for answer in answers),
        mean_markers=fmean(answer.markers for answer in answers),
        with_latents=fmean(answer.latent > 0 for answer in answers),
        statuses=dict(sorted(Counter(answer.grade.status for answer in answers).items())),
        **_several(group),
        **_lengths(setting, group, beside),
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


def p_value(group: Answers, other: Answers) -> float | None:
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


def _several(group: Briefs) -> dict[str, Any]:
    """pass@k and maj@k; nothing where each problem was answered once."""
    k = samples(group)
    if k == 1:
        return {}
    graded = [[answer.grade for answer in answers] for answers in by_problem(group).values()]
    return {
        "pass_at_k": fmean(
            pass_at_k(len(grades), sum(grade.correct for grade in grades), k) for grades in graded
        ),
        "maj_at_k": fmean(map(majority, graded)),
    }


def _lengths(setting: Setting, group: Briefs, beside: Beside) -> dict[str, Any]:
    """Lengths of right and wrong answers, what a budget buys, what was
    asked for, and what comes after the answer.
    """
    answers, budgets = group.values(), grid(beside.largest)
    blind = setting.method in CONTROLS  # cut to what the method kept, whatever it was asked for
    kept_to = None if blind else adherence(group, tokens(beside.base))
    stated = [answer.stated for answer in answers] if beside.readable else []
    after = [1 - share for share in stated if share is not None]
    return {
        "lengths_right": lengths([answer.n_tokens for answer in answers if right(answer)]),
        "lengths_wrong": lengths([answer.n_tokens for answer in answers if not right(answer)]),
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


def _efficiency(group: Briefs, base: Briefs) -> dict[str, Any]:
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


def _strata(group: Briefs, base: Briefs) -> list[Stratum]:
    """The figures stratum by stratum, in the order of their names; none where the task has none."""
    parts: dict[str, dict[Key, Brief]] = {}
    for key, answer in group.items():
        parts.setdefault(answer.stratum, {})[key] = answer
    return [_stratum(name, parts[name], base) for name in sorted(parts, key=_natural) if name]


def _stratum(name: str, part: Briefs, base: Briefs) -> Stratum:
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


def _all_tokens(answer: Brief) -> float:
    return answer.n_tokens + answer.n_conclusion_tokens


def _outside(answer: Brief) -> float:
    return answer.n_conclusion_tokens
