"""What matters in a trace: one file per scorer, each with `load(target, **options) -> Scorer`.

A scorer says how important which characters of the reasoning are, in whatever pieces it thinks in;
the `score` stage turns that into importance of target-model tokens: of the pieces that overlap a
token, the highest. In which units those are kept or dropped, and what is protected, is a matter of
the cut (pipeline/units). A whole scorer::

    class LongWords:
        name, identity = "long-words", "long-words 1"

        def score(self, traces):
            for trace in traces:
                ends = [match.end() for match in re.finditer(r"\\S+", trace.reasoning)]
                yield Importance(ends, [float(b - a) for a, b in zip([0, *ends], ends)])
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol, cast

import msgspec

from cotpress import models, plugins, segments
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import CausalLM, able
from cotpress.models import Model
from cotpress.records import Percentile, ScoredTrace, Trace

BATCH = 256
"""Traces handed to a scorer at once: enough for it to sort by
length, few enough to lose little when a run dies.
"""


NO_TOKENS = "reasoning without a token of the target model"
"""A ratio of nothing has no meaning: characters that a
tokenizer has no bytes for are left out by it.
"""


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
    """Only from a scorer that reproduces a released selection: the
    pieces are then the segments, empty ones included.
    """
    likelihoods: Likelihoods | None = None
    from_start: bool = False
    """Whether a cut keeps a beginning of the reasoning, whatever fits better behind it."""


class Unscored(NamedTuple):
    """In place of an `Importance`: this trace cannot be
    scored. It is left out, and counted under `reason`.
    """

    reason: str


class Scorer(Protocol):
    """Assigns importance to the reasoning of traces."""

    name: str
    """The spec it was loaded from; recorded with every score."""

    @property
    def identity(self) -> str:
        """Its name and whatever else decides its scores (its model, its file): with another
        identity it is another scorer, and `score` does not go on with what the earlier one wrote.
        """
        ...

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance | Unscored]:
        """One `Importance` (or `Unscored`) per trace, in order;
        scores do not depend on which traces share a batch.
        """
        ...


def load(spec: str) -> Scorer:
    """The scorer that `spec` names: `NAME[:TARGET][,option=value…]`."""
    return cast(Scorer, plugins.load("scorers", spec, offers=("name", "identity", "score")))


def score(
    traces: Iterable[Trace], scorer: Scorer, target: Model, *, dropped: Counter[str] | None = None
) -> Iterator[ScoredTrace]:
    """Score traces in order. Those without reasoning and those the scorer
    cannot score are left out, counted in `dropped`.
    """
    return score_blocks(batched(traces, BATCH), scorer, target, dropped=dropped)


def batched(traces: Iterable[Trace], n: int) -> Iterator[list[Trace]]:
    """The traces, `n` at a time."""
    traces = iter(traces)
    while block := list(islice(traces, n)):
        yield block


def score_blocks(
    blocks: Iterable[Sequence[Trace]],
    scorer: Scorer,
    target: Model,
    *,
    dropped: Counter[str] | None = None,
) -> Iterator[ScoredTrace]:
    """The same for traces in blocks, each of which is handed to the scorer at once: values depend
    on the company, to about 1e-5, and the same blocks give the same bytes.
    """
    dropped = Counter() if dropped is None else dropped
    for block in blocks:
        batch = list(_with_reasoning(block, dropped))
        tokens = target.token_ends([trace.reasoning for trace in batch])
        for trace, ends, importance in zip(batch, tokens, scorer.score(batch), strict=True):
            if not ends:
                dropped[NO_TOKENS] += 1
            elif isinstance(importance, Unscored):
                dropped[importance.reason] += 1
            else:
                yield score_trace(trace, ends, importance, scorer.name, target.name)


def score_trace(
    trace: Trace, token_ends: Sequence[int], importance: Importance, scorer: str, target: str = ""
) -> ScoredTrace:
    """One trace from the ends of its tokens, those of the
    model `target`, and a scorer's importance.
    """
    text, pieces, values, rule = (
        trace.reasoning,
        importance.ends,
        importance.values,
        importance.percentile,
    )
    if rule:
        counts = segments.count_starts(pieces, token_ends, len(text))
        rule = msgspec.structs.replace(rule, n_tokens=counts)
        return ScoredTrace(
            trace=trace,
            scorer=scorer,
            target=target,
            ends=pieces,
            importance=values,
            percentile=rule,
        )
    ends = [*token_ends[:-1], len(text)]
    given, alone = (
        [
            [round(v, 3) for v in segments.spread_beside(ends, pieces, values, o)]
            for o in importance.likelihoods
        ]
        if importance.likelihoods
        else (None, None)
    )
    return ScoredTrace(
        trace=trace,
        scorer=scorer,
        target=target,
        ends=ends,
        importance=segments.spread(ends, pieces, values),
        given=given,
        alone=alone,
        from_start=importance.from_start,
    )


def _with_reasoning(traces: Iterable[Trace], dropped: Counter[str]) -> Iterator[Trace]:
    for trace in traces:
        if trace.reasoning.strip():
            yield trace
        else:
            dropped["no reasoning"] += 1


def load_reference(spec: str, scorer: str) -> CausalLM:
    """The model that `spec` names, if it gives probabilities;
    `CotpressError` names the `scorer` that needs it.
    """
    if not spec:
        raise CotpressError(
            f"scorer {scorer} needs a model: write {scorer}:smollm2, or {scorer}:FOLDER."
        )
    return able(models.load(spec), CausalLM, f"scorer {scorer}")
