"""What matters in a trace: one file per scorer, each with `load(target, **options) -> Scorer`.

A scorer splits the reasoning into pieces and gives each an importance; the `score` stage turns that
into importance of target-model tokens: of the pieces that overlap a
token, the highest. In which units those are kept or dropped, and what is protected, is a matter of
the cut (pipeline/units). A whole scorer::

    class LongWords:
        name, identity = "long-words", "long-words 1"

        def score(self, traces):
            for trace in traces:
                ends = [match.end() for match in re.finditer(r"\\S+", trace.reasoning)]
                yield Importance(ends, [float(b - a) for a, b in zip([0, *ends], ends)])
"""

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from math import isfinite
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import msgspec

from cotpress import models, plugins, segments
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import CausalLM, able
from cotpress.models import Model
from cotpress.records import Percentile, ScoredTrace, Trace
from cotpress.scorers._windows import MOST, left, windows

NO_TOKENS = "reasoning without a token of the target model"
"""A ratio of nothing has no meaning: characters that a
tokenizer has no bytes for are left out by it.
"""

BLOCK = MOST
"""Traces from whose multiples on, counted in the input, windows begin anew: a part of the input
that begins and ends at them is scored as it is within the whole.
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

        A scorer that takes long may have an `at_once`, the characters of reasoning that take it
        about a quarter of a minute: it is then handed no more, and what it has done is written.
        """
        ...


def load(spec: str) -> Scorer:
    """The scorer that `spec` names: `NAME[:TARGET][,option=value…]`.

    Args:
        spec: A bundled scorer, such as `llmlingua2`, `surprisal:MODEL` or `cts:MODEL`, or the
            dotted name of a module of yours.

    Returns:
        The scorer, for `score`.

    Raises:
        CotpressError: The spec cannot be read, names no scorer or no option of it, a needed
            package is not installed, or its model cannot be loaded.
    """
    return cast(Scorer, plugins.load("scorers", spec, offers=("name", "identity", "score")))


def score(
    traces: Iterable[Trace],
    scorer: Scorer,
    target: Model,
    *,
    dropped: Counter[str] | None = None,
    done: Counter[str] | None = None,
) -> Iterator[ScoredTrace]:
    """Score traces in order. Those without reasoning and those the scorer cannot score are left
    out.

    Args:
        traces: Graded or not; read in blocks of up to 256.
        scorer: Gives each piece of a reasoning its importance; see `load_scorer`.
        target: The model to be taught. Importance is given for its tokens: for each the highest
            among the pieces that overlap it.
        dropped: Gets the number of traces left out, by reason.
        done: How many traces of each key (`Trace.key`) were scored before; so many are passed
            over and not counted.

    Yields:
        One `ScoredTrace` per trace; `ends` (characters) and `importance` have one entry per
        token of the reasoning.

    Raises:
        CotpressError: The scorer fails on a trace, or gives values that are not finite, or
            pieces that do not cover the reasoning.
    """
    dropped = Counter() if dropped is None else dropped
    characters = getattr(scorer, "at_once", None)
    items = iter(traces)
    blocks = iter(lambda: list(islice(items, BLOCK)), [])
    together = chain.from_iterable(
        windows(_with_reasoning(block, dropped), characters) for block in blocks
    )
    for batch, written in left(together, done or Counter()):
        tokens = target.token_ends([trace.reasoning for trace in batch])
        found = _one_each(scorer, batch)
        for trace, ends, importance, there in zip(batch, tokens, found, written, strict=True):
            if there:
                continue
            if not ends:
                dropped[NO_TOKENS] += 1
            elif isinstance(importance, Unscored):
                dropped[importance.reason] += 1
            else:
                check_importance(importance, trace, scorer.name)
                yield score_trace(trace, ends, importance, scorer.name, target.name)


def _one_each(scorer: Scorer, batch: Sequence[Trace]) -> Iterator["Importance | Unscored"]:
    """What the scorer says of each trace; `CotpressError` for too few or too many answers, and
    where a plug-in of the user's own breaks.
    """
    n, answers = 0, _named_where_it_breaks(scorer, batch)
    for n, found in enumerate(answers, 1):
        if n > len(batch):
            break
        yield found
    if n != len(batch):
        more = "more than" if n > len(batch) else f"{n} for"
        raise CotpressError(
            f"scorer {scorer.name} gave {more} {len(batch)} traces: give one Importance, or one "
            "Unscored, for each."
        )


def _named_where_it_breaks(
    scorer: Scorer, batch: Sequence[Trace]
) -> Iterator["Importance | Unscored"]:
    """The scorer's answers; an error of a plug-in that is not ours is reported with the scorer, the
    trace that it had come to and the line.
    """
    n = 0
    try:
        for found in scorer.score(batch):
            yield found
            n += 1
    except CotpressError:
        raise
    except Exception as error:
        if type(scorer).__module__.partition(".")[0] == "cotpress":
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        trace = batch[min(n, len(batch) - 1)]
        raise CotpressError(
            f"scorer {scorer.name} broke at trace {trace.key} ({type(error).__name__}: {error}; "
            f"{Path(where.filename).name}, line {where.lineno}): repair it, and run the same "
            "command again."
        ) from error


def check_importance(importance: Importance, trace: Trace, scorer: str) -> None:
    """`CotpressError`, with the scorer and the trace named, where the pieces do not cover the
    reasoning, or a value is not finite.
    """
    ends, text = importance.ends, trace.reasoning
    last = ends[-1] if ends else 0
    listed = [importance.values, *(importance.likelihoods or ())]
    if any(len(values) != len(ends) for values in listed):
        why = f"{len(ends)} pieces and {', '.join(str(len(one)) for one in listed)} values"
    elif any(b < a for a, b in pairwise([0, *ends])):
        why = "pieces whose ends fall: give them in the order of the text"
    elif last > len(text) or text[last:].strip():
        why = f"pieces that end at {last} of {len(text)} characters: cover the whole reasoning"
    elif not all(isfinite(value) for values in listed for value in values):
        why = "a value that is not a finite number"
    else:
        return
    raise CotpressError(f"scorer {scorer} gave trace {trace.key} {why}.")


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
        counts = segments.count_starts(pieces, token_ends)
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


def load_reference(spec: str, scorer: str, **told: str) -> CausalLM:
    """The model that `spec` names, if it gives probabilities, under the options that the scorer was
    `told` for it; in float32 where nothing says another `dtype`: in bfloat16 a cut drops other
    tokens.

    `CotpressError` names the `scorer` that needs it.
    """
    if not spec:
        raise CotpressError(
            f"scorer {scorer} needs a model: write {scorer}:smollm2, or {scorer}:FOLDER."
        )
    spec = ",".join([spec, *(f"{key}={value}" for key, value in told.items() if value)])
    return able(models.load(spec, dtype="float32"), CausalLM, f"scorer {scorer}")
