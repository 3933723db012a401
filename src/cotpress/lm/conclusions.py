"""How likely a causal language model finds a trace's conclusion after one reasoning or another.

The reasoning stands in the marks of the model that reads. The chat template, the joining by token
ids and the bounded memory are those of `logprobs`. Blanks
that end the markup between reasoning and conclusion are read with the conclusion, because a token
of their own before it is one that no model has seen there.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cotpress.lm import logprobs
from cotpress.lm.capabilities import CausalLM
from cotpress.lm.logprobs import Span
from cotpress.lm.markup import markup_of
from cotpress.records import Trace


class Conclusion(NamedTuple):
    """A conclusion as a model sees it."""

    log_prob: float
    """ln p of all of its tokens."""
    n_tokens: int


def conclusions(lm: CausalLM, asked: Sequence[tuple[Trace, str]]) -> list[Conclusion | None]:
    """For each (trace, reasoning): the trace's conclusion after its question and that reasoning.

    Args:
        lm: A model that gives probabilities, such as `load_model("hf:…")`.
        asked: Pairs of a trace and the reasoning to read in place of its own; may be empty text.

    Returns:
        One per pair, in order: `log_prob`, ln p of the whole conclusion in nats, and `n_tokens`,
        its length in tokens of `lm`. None where there is no conclusion, or where all of it
        together is longer than the model's context.

    Raises:
        CotpressError: The log-probabilities are not finite, as they may be in float16.
    """
    spans = [_span(lm, trace, reasoning) for trace, reasoning in asked]
    values = iter(logprobs.log_probs(lm, [span for span in spans if span]))
    return [
        Conclusion(float(next(values).double().sum()), len(span.tokens)) if span else None
        for span in spans
    ]


def _span(lm: CausalLM, trace: Trace, reasoning: str) -> Span | None:
    if not trace.conclusion.strip():
        return None
    marks = markup_of(lm)
    closing = marks.between(trace.closing)
    markup = closing.rstrip(" ")
    text, said = logprobs.encode(lm, [reasoning, closing[len(markup) :] + trace.conclusion])
    begin = marks.begin(trace.opening)
    before = lm.prompt_ids(trace.problem.prompt(), begin) + text.ids + lm.text_ids(markup)
    fits = logprobs.room(lm, [before], len(said.ids)) == len(said.ids)
    return Span(before, said.ids, len(said.ids)) if fits else None
