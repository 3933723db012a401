"""The controls that cut the untouched model's own reasoning without looking at it, and let it
conclude.

`truncation` (the first tokens) and `random` (random segments, in order; in the units of the method
and under its protection, so that it is chance alone that differs) cut to the ratio a method
*actually* reached (A10) and let the untouched model write only the conclusion, from a prefill.
Where the method was cut by sentences or steps, so are both, and what a trace leaves of its budget
goes to the next, as it did there (`pipeline.budgets.Left`): a truncation then ends with a whole
unit. That is a stronger control than the paper's truncation, which caps the output tokens and so
mostly ends without an answer: graded strictly, it would be wrong by construction. Where the
conclusion follows the reasoning without markup, the prefill also holds its first words, as in the
original trace, up to where the answer begins, and the conclusion ends with its line: the model
shall conclude, not reason on (small models otherwise repeat the line until the token limit, which
would make the control weaker than it is). Their `seconds` are those of the conclusion alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random

from cotpress import segments
from cotpress.evaluation.asking import Asking
from cotpress.evaluation.problems import Key, key_of
from cotpress.lm.markup import markup_of
from cotpress.models import Model
from cotpress.pipeline.budgets import PLAIN, Left, Spending, prepared
from cotpress.pipeline.compress import cut, within_budget
from cotpress.pipeline.conclude import concluded
from cotpress.pipeline.leads import usual_lead
from cotpress.pipeline.order import keeping_order
from cotpress.pipeline.segmenting import USUAL, Rules, Segments, is_long, segmented
from cotpress.records import Budget, Cut, ScoredTrace, Trace


def cut_blindly(asking: Asking) -> Iterator[Trace]:
    """The untouched model's own reasoning, cut to the ratio
    that the method reached, with a new conclusion.
    """
    originals, model = asking.answers, asking.model
    share, seed = min(1.0, asking.actual), asking.sampling.seed
    how = asking.rules, asking.spending
    made = shortened(asking.originals.values(), model, asking.name, share, seed, *how)
    cuts = [made[key_of(trace)] for trace in originals]
    usual = usual_lead(asking.originals.values(), markup_of(model))
    named = f"{asking.name}|{asking.actual}"
    return concluded(originals, cuts, named, model, asking.sampling, usual, asking.failed)


def shortened(
    originals: Iterable[Trace],
    model: Model,
    control: str,
    ratio: float,
    seed: int,
    rules: Rules = USUAL,
    spending: Spending = PLAIN,
) -> dict[Key, Cut]:
    """Every trace cut blindly to `ratio`, the mean one where units are long. All of an evaluation's
    originals go in, in order: what is carried must not depend on where a run was interrupted.
    """
    originals = list(originals)
    left = Left([ratio]) if is_long(rules) else None
    cuts = {}
    ends = model.token_ends([trace.reasoning for trace in originals])
    for trace, places in zip(originals, ends, strict=True):
        room = left.rooms(len(places))[ratio] if left else None
        made = shorten(trace, places, control, ratio, seed, rules, spending, room)
        if left:
            left.spend(ratio, made.kept)
        cuts[key_of(trace)] = made
    return cuts


def shorten(
    trace: Trace,
    token_ends: Sequence[int],
    control: str,
    ratio: float,
    seed: int,
    rules: Rules = USUAL,
    spending: Spending = PLAIN,
    room: int | None = None,
) -> Cut:
    """Cut a trace blindly to `ratio` (above 0; any number of decimals) of its tokens, which end at
    `token_ends`.

    `truncation` keeps the first tokens; `random` an order of segments that depends on the seed and
    the problem alone, so that a smaller ratio keeps a subset of what a larger one keeps. `random`
    cuts by the `rules` of the method beside it: the same units, and the same protection, which may
    exceed the budget as the method's may; and under its `spending`: in every window, without long
    gaps. One threshold on the scores of all traces is none that chance could have, for it cuts all
    of them alike: then each trace has the ratio. `truncation` under rules with long units ends
    with such a unit; nothing is protected, since nothing is kept behind what it drops. `room` is
    how many tokens may be kept in place of `ratio` of them.
    """
    text, ends = trace.reasoning, list(token_ends)
    if control == "truncation" and not is_long(rules):
        whole = segments.segment_ends(text, ends, ())
        n_tokens = segments.count_starts(whole, ends)
        n = len(whole)
        parts = Segments(text, whole, [0.0] * n, n_tokens, [False] * n)
    else:
        falling = [-float(i) for i in range(len(ends))]
        scored = ScoredTrace(
            trace=trace,
            scorer=control,
            ends=[*ends[:-1], len(text)] if ends else [],
            importance=falling,
            from_start=control == "truncation",
        )
        parts = segmented(scored, rules)
    if control == "random":
        order = list(range(len(parts.ends)))
        Random(f"{seed}|{trace.problem.id}").shuffle(order)
        drawn = [0.0] * len(order)
        for place, i in enumerate(order):
            drawn[i] = float(-place)
        budget: Budget = "window" if spending.budget == "window" else "trace"
        parts = prepared(replace(parts, importance=drawn), budget, spending.longest_run)
    return cut(parts, within_budget(parts, keeping_order(parts), ratio, room), ratio)
