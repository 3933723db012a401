"""What matters in a trace: one file per scorer, each with `load(target, **options) -> Scorer`.

A scorer says how important which characters of the reasoning are, in whatever pieces it thinks in; the `score` stage turns
that into segments of target-model tokens (segments.py). A whole scorer::

    class LongWords:
        name, identity, unit = "long-words", "long-words 1", "word"

        def score(self, traces):
            for trace in traces:
                ends = [match.end() for match in re.finditer(r"\\S+", trace.reasoning)]
                yield Importance(ends, [float(b - a) for a, b in zip([0, *ends], ends)])
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, cast

from cotpress import models, plugins, segments
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import CausalLM, able
from cotpress.models import Model
from cotpress.records import Percentile, ScoredTrace, Trace
from cotpress.segments import Protect, Unit

BATCH = 256
"""Traces handed to a scorer at once: enough for it to sort by length, few enough to lose little when a run dies."""


NO_TOKENS = "reasoning without a token of the target model"
"""A ratio of nothing has no meaning: characters that a tokenizer has no bytes for are left out by it."""


class Likelihoods(NamedTuple):
    """What a difference of log-likelihoods was made of, in nats, per piece; kept to be shown."""

    given: list[float]
    alone: list[float]


class Importance(NamedTuple):
    """How important each piece of a reasoning is; higher is kept longer."""

    ends: list[int]
    """End offset of each piece in characters of the reasoning, never falling."""
    values: list[float]
    percentile: Percentile | None = None
    """Only from a scorer that reproduces a released selection: the pieces are then the segments, empty ones included."""
    likelihoods: Likelihoods | None = None


class Unscored(NamedTuple):
    """In place of an `Importance`: this trace cannot be scored. It is left out, and counted under `reason`."""

    reason: str


class Scorer(Protocol):
    """Assigns importance to the reasoning of traces."""

    name: str
    """The spec it was loaded from; recorded with every score."""
    unit: Unit

    @property
    def identity(self) -> str:
        """Its name and whatever else decides its scores (its model, its file): with another identity it is another
        scorer, and `score` does not go on with what the earlier one wrote.
        """
        ...

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance | Unscored]:
        """One `Importance` (or `Unscored`) per trace, in order; scores do not depend on which traces share a batch."""
        ...


def load(spec: str) -> Scorer:
    """The scorer that `spec` names: `NAME[:TARGET][,option=value…]`."""
    return cast(Scorer, plugins.load("scorers", spec, offers=("name", "identity", "unit", "score")))


def score(
    traces: Iterable[Trace], scorer: Scorer, target: Model, *, protect: Protect = "symbols", dropped: Counter[str] | None = None
) -> Iterator[ScoredTrace]:
    """Score traces in order. Those without reasoning and those the scorer cannot score are left out, counted in `dropped`."""
    dropped = Counter() if dropped is None else dropped
    usable = _with_reasoning(traces, dropped)
    while batch := list(islice(usable, BATCH)):
        tokens = target.token_ends([trace.reasoning for trace in batch])
        for trace, ends, importance in zip(batch, tokens, scorer.score(batch), strict=True):
            if not ends:
                dropped[NO_TOKENS] += 1
            elif isinstance(importance, Unscored):
                dropped[importance.reason] += 1
            else:
                yield score_trace(trace, ends, importance, scorer.name, scorer.unit, protect, target.name)


def score_trace(
    trace: Trace,
    token_ends: Sequence[int],
    importance: Importance,
    scorer: str,
    unit: Unit,
    protect: Protect,
    target: str = "",
) -> ScoredTrace:
    """One trace from the ends of its tokens, those of the model `target`, and a scorer's importance."""
    text = trace.reasoning
    released = importance.percentile is not None
    pieces, values = importance.ends, importance.values
    ends = pieces if released else segments.segment_ends(text, token_ends, unit)
    given, alone = (
        (
            [round(value, 3) for value in segments.pooled_beside(ends, pieces, values, other, unit)]
            for other in importance.likelihoods
        )
        if importance.likelihoods
        else (None, None)
    )
    return ScoredTrace(
        trace=trace,
        scorer=scorer,
        ends=ends,
        importance=list(values) if released else segments.pooled(ends, pieces, values, unit),
        n_tokens=segments.count_starts(ends, token_ends, len(text)),
        target=target,
        unit=unit,
        protect="none" if released else protect,
        protected=segments.protected(ends, text) if protect == "symbols" and not released else [False] * len(ends),
        percentile=importance.percentile,
        given=given,
        alone=alone,
    )


def _with_reasoning(traces: Iterable[Trace], dropped: Counter[str]) -> Iterator[Trace]:
    for trace in traces:
        if trace.reasoning.strip():
            yield trace
        else:
            dropped["no reasoning"] += 1


def load_reference(spec: str, scorer: str) -> CausalLM:
    """The model that `spec` names, if it gives probabilities; `CotpressError` names the `scorer` that needs it."""
    if not spec:
        raise CotpressError(f"scorer {scorer} needs a model: write {scorer}:smollm2, or {scorer}:FOLDER.")
    return able(models.load(spec), CausalLM, f"scorer {scorer}")
