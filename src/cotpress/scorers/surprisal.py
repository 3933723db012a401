"""Surprisal of each token under a causal language model: what the model does not expect is
important.

`-ln p(x_i | context, x_<i)`, as in Selective Context (Li et al. 2023) and LLMLingua; TokenSkip
compares against it, and its specification (section 4.3) says why it is a poor metric for reasoning:
numbers that are repeated are expected. `context=question` (default) reads the reasoning after the
question, in the model's chat template and with the opening of the trace; `context=none` reads it
alone after BOS. Selective Context scores sentence by sentence and loses white space; here all of
the text before a token counts, and offsets carry the scores to the original characters.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from cotpress.lm import logprobs
from cotpress.lm.capabilities import CausalLM
from cotpress.lm.logprobs import Span
from cotpress.lm.markup import markup_of
from cotpress.models.hf import Dtype
from cotpress.plugins import Spec
from cotpress.records import Trace
from cotpress.scorers import Importance, Scorer, Unscored, load_reference

Context = Literal["question", "none"]

TOO_LONG = "the question leaves no room in the scorer's context"
ENDLESS = f"reasoning more than {logprobs.LONGEST} times as long as the scorer's context"


def load(
    target: str, *, context: Context = "question", dtype: Literal[Dtype, ""] = "", device: str = ""
) -> Scorer:
    """The scorer over the model that `target` names, such as `smollm2` or
    `hf:Qwen/Qwen2.5-0.5B`; `dtype` (default: float32) and `device` are the model's.
    """
    chosen: dict[str, str] = {} if context == "question" else {"context": context}
    chosen |= {"dtype": dtype} if dtype else {}
    name = str(Spec("surprisal", target, chosen))
    model = load_reference(target, "surprisal", dtype=dtype, device=device)
    return Surprisal(name, model, context=context)


class Surprisal:
    """Importance of a token = its negative log-probability in nats."""

    def __init__(self, name: str, lm: CausalLM, *, context: Context = "question") -> None:
        self.name = name
        self.lm = lm
        self.context = context

    @property
    def identity(self) -> str:
        """Its name, and the identity of its model."""
        return f"{self.name}@{self.lm.identity}"

    @property
    def at_once(self) -> int:
        """Characters of reasoning that it is handed at once."""
        return logprobs.at_once(self.lm.torch_model)

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance | Unscored]:
        """One `Importance` per trace, in order; all traces
        handed over are batched together, by length.
        """
        traces = list(traces)
        texts = logprobs.encode(self.lm, [trace.reasoning for trace in traces])
        contexts = [self._context(trace) for trace in traces]
        endless = [logprobs.endless(self.lm, len(text.ids)) for text in texts]
        rooms = [
            0 if never else logprobs.room(self.lm, [before], len(text.ids))
            for before, text, never in zip(contexts, texts, endless, strict=True)
        ]
        spans = [
            Span(before, text.ids if room else [], room)
            for before, text, room in zip(contexts, texts, rooms, strict=True)
        ]
        found = zip(texts, spans, endless, logprobs.log_probs(self.lm, spans), strict=True)
        for text, span, never, values in found:
            left_out = len(span.tokens) < len(text.ids)
            yield (
                Unscored(ENDLESS if never else TOO_LONG)
                if left_out
                else Importance(text.ends, (-values).tolist())
            )

    def _context(self, trace: Trace) -> list[int]:
        if self.context == "none":
            return logprobs.start_ids(self.lm)
        begin = markup_of(self.lm).begin(trace.opening)
        return self.lm.prompt_ids(trace.problem.prompt(), begin)
