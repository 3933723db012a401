"""How much a condition, such as the final answer, changes each token's likelihood (Conditional
Token Selection).

Yuan et al. 2025 (arXiv 2505.17827): `s_i = ln p(x_i | condition, x_<i) - ln p(x_i | x_<i)` under a
reference model, high is important. The release scores one text at a time with full logits, once per
ratio, gives token j the score of token j+1 and leaves short texts whole (specification, sections 2
and 6). Here each context is read once, scores are float32 and belong to their own token, and every
ratio is a cut of the same scores. `condition` says what is compared:

- `question+answer` (default): question and final response against the question alone, in the chat
  template (section 17, rows 1 and 2), so that only what the answer adds counts; `boxed`: the same
  with the reference answer alone;
- `answer` (the paper's figure 1), `question`: that text and a blank line before the bare reasoning,
  against the reasoning alone, without template or BOS. The first token has no likelihood of its own
  then and takes the trace's highest score;
- `none`: the reasoning alone, `-ln p(x_i | x_<i)`, the paper's unconditional ablation;
- `released`: the published selection with its defects, condition as in `answer` (_cts_released.py).
  It is decided for one `ratio` while scoring: `cts:MODEL,condition=released,ratio=0.5`, cut later
  with `--ratios 0.5`. `segment` is the release's `iterative_size`: with the published 1,800 tokens,
  shorter traces stay whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

import torch
from msgspec import structs
from torch import Tensor

from cotpress.errors import CotpressError
from cotpress.lm import logprobs
from cotpress.lm.capabilities import CausalLM
from cotpress.lm.logprobs import Span
from cotpress.lm.markup import markup_of
from cotpress.models.hf import Dtype
from cotpress.plugins import Spec
from cotpress.prompts import check_ratio
from cotpress.records import Percentile, Trace
from cotpress.scorers import Importance, Likelihoods, Scorer, Unscored, load_reference
from cotpress.scorers._cts_released import SEGMENT, released_kept

Condition = Literal["question+answer", "boxed", "answer", "question", "none", "released"]

Difference = Literal["log", "perplexity"]
"""`log`: of log-likelihoods; `perplexity`: of inverse likelihoods,
LongLLMLingua's contrastive perplexity, another ranking.
"""

NO_CONCLUSION = "no conclusion to score with"
NO_ANSWER = "no reference answer to score with"
TOO_LONG = "the condition leaves no room in the scorer's context"
ENDLESS = f"reasoning more than {logprobs.LONGEST} times as long as the scorer's context"

LARGEST_EXPONENT = 700.0


def load(
    target: str,
    *,
    condition: Condition = "question+answer",
    difference: Difference = "log",
    ratio: float | None = None,
    segment: int = SEGMENT,
    dtype: Literal[Dtype, ""] = "",
    device: str = "",
) -> Scorer:
    """The scorer over the reference model that `target` names; `dtype` (default:
    float32) and `device` are the model's; `ratio` and `segment` for `condition=released` only.
    """
    chosen = {
        "condition": (condition, "question+answer"),
        "difference": (difference, "log"),
        "ratio": (ratio, None),
        "segment": (segment, SEGMENT),
        "dtype": (dtype, ""),
    }
    name = str(
        Spec(
            "cts",
            target,
            {key: str(value) for key, (value, default) in chosen.items() if value != default},
        )
    )
    if condition != "released":
        if ratio is not None:
            raise CotpressError(
                f"{name}: every ratio is cut from the same scores: leave out ratio={ratio:g}."
            )
        if segment != SEGMENT:
            raise CotpressError(
                f"{name}: only the released selection works in segments: "
                f"leave out segment={segment}."
            )
        model = load_reference(target, "cts", dtype=dtype, device=device)
        return CTS(name, model, condition=condition, difference=difference)
    if ratio is None:
        raise CotpressError(
            f"{name}: the released selection is made while scoring: add ratio=0.5, say."
        )
    if difference != "log":
        raise CotpressError(
            f"{name}: the released selection is by log-likelihoods: leave out difference."
        )
    if segment < 2:
        raise CotpressError(
            f"{name}: a segment of {segment} tokens cannot be cut: choose 2 or more."
        )
    model = load_reference(target, "cts", dtype=dtype, device=device)
    return Released(name, model, check_ratio(ratio), segment)


class Contrast(NamedTuple):
    """What a trace's tokens are read after, as ids."""

    condition: list[int] | None
    """None: only the baseline is asked for."""
    baseline: list[int]
    bare: bool = False
    """The first token is itself the baseline's context, and has no score of its own."""


class CTS:
    """Importance of a token = what the condition adds to its log-likelihood, in nats."""

    def __init__(
        self,
        name: str,
        lm: CausalLM,
        *,
        condition: Condition = "question+answer",
        difference: Difference = "log",
    ) -> None:
        if condition in ("question+answer", "boxed") and not lm.tokenizer.chat_template:
            raise CotpressError(
                f"scorer {name}: model {lm.name} has no chat template: score with condition=answer."
            )
        self.name = name
        self.lm = lm
        self.condition = condition
        self.difference = difference

    @property
    def identity(self) -> str:
        """Its name, and the identity of its model."""
        return f"{self.name}@{self.lm.identity}"

    @property
    def at_once(self) -> int:
        """Characters of reasoning that it is handed at once."""
        return logprobs.at_once(self.lm.torch_model) // 2  # read twice

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance | Unscored]:
        """One result per trace, in order; all traces handed over are batched together, by
        length.
        """
        traces = list(traces)
        texts = logprobs.encode(self.lm, [trace.reasoning for trace in traces])
        plans = [self._plan(trace, text.ids) for trace, text in zip(traces, texts, strict=True)]
        spans = [span for plan in plans if not isinstance(plan, Unscored) for span in plan if span]
        values = iter(logprobs.log_probs(self.lm, spans))
        for text, plan in zip(texts, plans, strict=True):
            if isinstance(plan, Unscored):
                yield plan
                continue
            given, alone = (next(values) if span else None for span in plan)
            assert alone is not None
            scores = difference(
                torch.zeros_like(alone) if given is None else given, alone, self.difference
            )
            missing = len(text.ids) - len(scores)  # the first token of a bare text
            shown = (
                Likelihoods(given.tolist(), alone.tolist())
                if given is not None and not missing
                else None
            )
            yield Importance(
                text.ends, [max(scores, default=0.0)] * missing + scores, likelihoods=shown
            )

    def _plan(self, trace: Trace, ids: list[int]) -> tuple[Span | None, Span] | Unscored:
        """The spans to run for a trace: with the condition and without."""
        contrast = self._contrast(trace, ids)
        return contrast if isinstance(contrast, Unscored) else spans_of(self.lm, contrast, ids)

    def _contrast(self, trace: Trace, ids: list[int]) -> Contrast | Unscored:
        match self.condition:
            case "question+answer" | "boxed":
                return self._templated(trace)
            case "answer":
                return (
                    bare(self.lm, trace.conclusion, ids)
                    if trace.conclusion.strip()
                    else Unscored(NO_CONCLUSION)
                )
            case "question":
                return bare(self.lm, trace.problem.asked, ids)
            case _:
                return Contrast(None, ids[:1], bare=True)

    def _templated(self, trace: Trace) -> Contrast | Unscored:
        said, why = (
            (trace.problem.answer, NO_ANSWER)
            if self.condition == "boxed"
            else (trace.conclusion, NO_CONCLUSION)
        )
        if not said.strip():
            return Unscored(why)
        asked = trace.problem
        informed = structs.replace(asked, question=f"{asked.question}\n\nReference answer:\n{said}")
        begin = markup_of(self.lm).begin(trace.opening)
        before = self.lm.prompt_ids(informed.prompt(), begin)
        return Contrast(before, self.lm.prompt_ids(asked.prompt(), begin))


class Released:
    """Importance of a token = 1 if the published recipe keeps it at
    `ratio`, else 0; a cut at that ratio keeps the ones.
    """

    def __init__(self, name: str, lm: CausalLM, ratio: float, segment: int = SEGMENT) -> None:
        self.name = name
        self.lm = lm
        self.ratio = ratio
        self.segment = segment

    @property
    def identity(self) -> str:
        """Its name, and the identity of its model."""
        return f"{self.name}@{self.lm.identity}"

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance | Unscored]:
        """One result per trace, in order and one at a time: what a later
        segment is scored after depends on the cut so far.
        """
        traces = list(traces)
        for trace, text in zip(
            traces, logprobs.encode(self.lm, [trace.reasoning for trace in traces]), strict=True
        ):
            if not trace.conclusion.strip():
                yield Unscored(NO_CONCLUSION)
                continue
            contrast = bare(self.lm, trace.conclusion, text.ids)
            if isinstance(spans := spans_of(self.lm, contrast, text.ids), Unscored):
                yield spans
                continue
            n_condition = len(logprobs.encode(self.lm, [trace.conclusion])[0].ids)
            score = partial(self._scores, contrast, text.ids)
            kept = set(
                released_kept(len(text.ids), n_condition, self.ratio, score, size=self.segment)
            )
            values = [float(i in kept) for i in range(len(text.ids))]
            yield Importance(
                text.ends, values, Percentile(weights=[1] * len(values), chunk_ends=[len(values)])
            )

    def _scores(self, contrast: Contrast, ids: list[int], left: Sequence[int]) -> list[float]:
        """Scores of the tokens `left` of a text, standing alone; 0 for the first."""
        spans = spans_of(self.lm, contrast, [ids[i] for i in left])
        assert not isinstance(spans, Unscored)  # no longer than the whole text, which had room
        given, alone = logprobs.log_probs(self.lm, [span for span in spans if span])
        return [0.0, *difference(given, alone, "log")]


def bare(lm: CausalLM, condition: str, ids: list[int]) -> Contrast:
    """Condition, blank line and text without any template, against the text alone."""
    before = logprobs.encode(lm, [condition + "\n\n"])[0].ids
    return Contrast(before + ids[:1], ids[:1], bare=True)


def spans_of(
    lm: CausalLM, contrast: Contrast, ids: list[int]
) -> tuple[Span | None, Span] | Unscored:
    """What to run for a text, with the condition and without: the
    same windows, so that only the condition differs.
    """
    tokens = ids[1:] if contrast.bare else ids
    if logprobs.endless(lm, len(tokens)):
        return Unscored(ENDLESS)
    room = logprobs.room(lm, [contrast.condition or [], contrast.baseline], len(tokens))
    if tokens and not room:
        return Unscored(TOO_LONG)
    given = None if contrast.condition is None else Span(contrast.condition, tokens, room)
    return given, Span(contrast.baseline, tokens, room)


def difference(given: Tensor, alone: Tensor, kind: Difference) -> list[float]:
    """Scores from log-likelihoods with the condition and without;
    positive: the condition made the token likelier.
    """
    if kind == "log":
        scores: list[float] = (given - alone).tolist()
        return scores
    inverse = [
        torch.exp((-values.double()).clamp(max=LARGEST_EXPONENT)) for values in (given, alone)
    ]
    scores = (inverse[1] - inverse[0]).tolist()
    return scores
