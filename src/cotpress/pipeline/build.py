"""`CompressedTrace -> TrainingExample`: (question, ratio) as the prompt, short reasoning and
conclusion, the trace's or the cut's own, as the completion. A trace that is taught as it is
(whole.py) asks for nothing.

With budgets the prompt asks for the very number of reasoning tokens that the example has, which is
known beforehand: no rounding, and no reinforcement learning as in L1 (Aggarwal and Welleck 2025,
arXiv 2503.04697). A cut is counted in the tokens of the model it was scored for, a trace that
uncut ones in those of the model that wrote it.

TokenSkip draws ONE ratio per example out of 1.0 and the compressed ones (specification section
2.6). It draws in file order from one generator; here every trace has a generator of its own, from
the seed and the trace's key, so that order, restarts and left-out traces change nothing. The
release's own draw and rows are in released.py.

Token ids and labels are made by `tokenize_example` alone, for `cotpress train` and for `--format
pretokenized`, with the model's own `prompt_ids`: what is trained on is what is served.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple, cast

import msgspec

from cotpress.errors import CotpressError, TemplateRefusal
from cotpress.lm import control
from cotpress.lm.capabilities import Chatting, Tokenizing
from cotpress.lm.marks import marked, thinks_again
from cotpress.lm.markup import markup_of, turn
from cotpress.methods import ALL_RIGHT, BUDGET, POLICY
from cotpress.pipeline.split import split
from cotpress.prompts import Message, check_ratio
from cotpress.records import (
    NOTHING,
    Asked,
    CompressedTrace,
    Cut,
    Record,
    Think,
    Trace,
    TrainingExample,
)

IGNORED = -100
"""The label of a token that the loss does not count, as torch, TRL and Axolotl have it."""

Draw = Literal["one", "all"]

Control = Literal["ratio", "budget", "both", "none"]
"""What the prompt says of the length: the ratio of the cut, its reasoning tokens, one of the two
drawn for each example, or nothing, so that the model decides.
"""


class TrlRow(Record, frozen=True, kw_only=True, omit_defaults=True):
    """TRL's conversational prompt/completion row; its trainer takes the loss on the completion."""

    prompt: list[Message]
    completion: list[Message]
    id: str
    ratio: float | None
    budget: int | None = None


class PretokenizedRow(Record, frozen=True, kw_only=True):
    """The columns that TRL, Axolotl and LLaMA-Factory take as they are."""

    input_ids: list[int]
    attention_mask: list[int]
    labels: list[int]


class Tokens(NamedTuple):
    """One example as the model sees it: prompt, completion, end of turn."""

    ids: list[int]
    labels: list[int]
    """The same ids, and `IGNORED` on the prompt."""


def build(
    compressed: Iterable[CompressedTrace],
    *,
    draw: Draw = "one",
    seed: int = 42,
    ratios: Sequence[float] | None = None,
    think: Think = "target",
    control: Control = "ratio",
    dropped: Counter[str] | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[TrainingExample]:
    """Examples, trace by trace: at `one` ratio drawn for it, or at `all`.

    One ratio per example is TokenSkip's choice (arXiv 2502.12067). What is drawn for several
    epochs gives examples for each. A cut whose own conclusion (`conclude`) is wrong or unusable
    is never drawn.

    Args:
        compressed: What `compress`, `conclude` or `mix` gives.
        draw: `one`: a ratio drawn evenly for each trace; `all`: an example for every ratio.
        seed: Of the draws, which depend on it and the trace's key alone.
        ratios: The ratios to choose from, which every trace must have; default: those at hand
            for the trace, and 1.0.
        think: In whose marks of thinking the turns are taught: the `target` model's, those that
            the trace has (`keep`), or `none`.
        control: What the prompt says of the length: the `ratio`; the example's reasoning tokens
            (`budget`, at least 1); one of the two, by a coin (`both`); or `none`, which allows
            one cut per trace and does not add the original.
        dropped: Gets the number of traces and cuts left out, by reason.
        noted: Gets the number of traces that were kept ungraded.

    Yields:
        One `TrainingExample` per trace and drawn ratio.

    Raises:
        CotpressError: A ratio is not valid, a trace comes twice or was not compressed at one of
            `ratios`, or `control` is `none` and a trace has several cuts.
    """
    dropped, noted = (
        Counter() if dropped is None else dropped,
        Counter() if noted is None else noted,
    )
    chosen = None if ratios is None else sorted({check_ratio(ratio) for ratio in ratios})
    for one in distinct(compressed):
        if reason := unfit(one.trace):
            dropped[reason] += 1
            continue
        if one.trace.grade is None:
            noted["ungraded, kept"] += 1
        for cuts in by_ratio(one):
            added = set() if control == "none" else {1.0}
            offered = sorted({*cuts, *added}) if chosen is None else chosen
            if control == "none" and len(offered) > 1:
                raise _several(one, offered)
            offered = [ratio for ratio in offered if not _misled(cuts.get(ratio), dropped)]
            if not offered:
                continue
            drawn = (
                offered if draw == "all" else [random.Random(f"{seed}|{one.key}").choice(offered)]
            )
            for ratio in drawn:
                said = _coin(seed, one, cuts, ratio) if control == "both" else control
                made = example(one, cuts, ratio, think, said)
                if control in ("budget", "both") and made.method == ALL_RIGHT:
                    made = msgspec.structs.replace(made, method=BUDGET)
                yield made


def _coin(seed: int, one: CompressedTrace, cuts: Mapping[float, Cut], ratio: float) -> Control:
    """Ratio or budget, each with probability one half; the same whenever it is asked."""
    said = f"{seed}|control|{one.key}|{_epoch(cuts)}|{ratio:g}"
    return random.Random(said).choice(("ratio", "budget"))


def _epoch(cuts: Mapping[float, Cut]) -> int:
    return next(iter(cuts.values())).epoch


def distinct(compressed: Iterable[CompressedTrace]) -> Iterator[CompressedTrace]:
    """Pass traces on; `CotpressError` for one that comes twice."""
    seen = set[int]()  # hashes: a key may be long, and a file has millions
    for one in compressed:
        if (known := hash(one.key)) in seen:
            raise _twice(one)
        seen.add(known)
        yield one


def by_ratio(one: CompressedTrace) -> Iterator[dict[float, Cut]]:
    """For each epoch its cuts by ratio; `CotpressError` for two at one ratio."""
    for _, group in groupby(one.cuts, key=lambda cut: cut.epoch):
        cuts = list(group)
        found = {cut.ratio: cut for cut in cuts}
        if len(found) < len(cuts):
            raise _twice(one)
        yield found


def _twice(one: CompressedTrace) -> CotpressError:
    return CotpressError(
        f"trace {one.key} comes twice among the compressed traces: remove the double, "
        "or build from one method's file at a time, as compress wrote it."
    )


def _several(one: CompressedTrace, ratios: Sequence[float]) -> CotpressError:
    told = " ".join(f"{ratio:g}" for ratio in ratios)
    return CotpressError(
        f"trace {one.key} has cuts at several ratios ({told}), and with --control none the prompt "
        "does not say which: name one with --ratios, or let compress --keep-answer choose."
    )


def unfit(trace: Trace) -> str:
    """Why a trace cannot be learnt from; empty if it is
    one. An ungraded trace is taken to be right.
    """
    if trace.grade is not None and trace.grade.fault:
        return trace.grade.fault
    if trace.finish:
        return f"ended by the server ({trace.finish})"
    if not trace.finished:
        return "cut off by the token limit"
    return "" if trace.conclusion.strip() else "no conclusion"


def _misled(cut: Cut | None, dropped: Counter[str]) -> bool:
    """Whether a cut is left out for its own conclusion, which is counted."""
    reason = cut and misled(cut)
    if cut and reason:
        dropped[f"cut at {cut.ratio:g} that leads to: {reason}"] += 1
    return bool(reason)


def misled(cut: Cut) -> str:
    """Why a cut's own conclusion is none to learn; empty where it is one, or the trace's stands. An
    ungraded one is taken to be right.
    """
    found = cut.concluded
    if found is None:
        return ""
    if found.grade is not None and found.grade.fault:
        return found.grade.fault
    if not found.finished:
        return "a conclusion that the token limit cut off"
    if not found.conclusion:
        return "no conclusion"
    return "thinking again" if thinks_again(found.conclusion, after=True) else ""


def example(
    one: CompressedTrace,
    cuts: Mapping[float, Cut],
    ratio: float,
    think: Think = "target",
    control: Control = "ratio",
) -> TrainingExample:
    """The trace at one ratio; the original, if 1.0 is not among the cuts. A trace whose ratio was
    chosen for it, and is not asked for, belongs to the method `policy`. `control` is not `both`
    here.
    """
    if ratio not in cuts and ratio != 1.0:
        raise CotpressError(
            f"trace {one.key} was not compressed at ratio {ratio:g}: compress "
            "at it too, or leave it out of --ratios."
        )
    trace, problem = one.trace, one.trace.problem
    led = cuts[ratio].concluded if ratio in cuts else None
    conclusion = led.conclusion if led else trace.conclusion
    asked = cuts[ratio].asked if ratio in cuts else Asked(ratio=ratio)
    if control == "budget":
        asked = Asked(budget=max(1, cuts[ratio].n_tokens if ratio in cuts else one.n_tokens))
    asked = NOTHING if control == "none" else asked
    decides = asked == NOTHING and one.keep_answer is not None
    return TrainingExample(
        problem=problem,
        asked=asked,
        prompt=problem.prompt(asked.ratio, budget=asked.budget),
        completion=trace.completion(cuts[ratio].reasoning if ratio in cuts else None, conclusion),
        opening=trace.opening,
        closing=trace.closing,
        conclusion=conclusion,
        ending=trace.ending,
        think=think,
        writer=trace.model,
        method=POLICY if decides else one.method,
        scorer=one.scorer,
        unit=one.unit,
        protect=one.protect,
        protect_regex=one.protect_regex,
        budget=one.budget,
        longest_run=one.longest_run,
        epoch=_epoch(cuts),
        codebook=one.codebook,
    )


def trl_rows(
    examples: Iterable[TrainingExample],
    model: Chatting | None = None,
    noted: Counter[str] | None = None,
    dropped: Counter[str] | None = None,
) -> Iterator[TrlRow]:
    """Rows for `trl sft` and every trainer that reads messages; TRL adds
    the template's text after the end of the turn.

    Args:
        examples: What `build` gives.
        model: The model to be taught: the thinking then stands where its template reads it,
            inside of the content or in a field of its own. Default: the whole turn is content.
        noted: Gets the number of rows that the chat template would change.
        dropped: Gets the number of rows that spell out a control token, which TRL would take for
            its own.

    Yields:
        One row per example that is not left out: `prompt` and `completion` as messages, the
        problem's `id`, and the `ratio` or `budget` that is asked for.

    Raises:
        CotpressError: `model` is given, and has no chat template or opens a thinking that the
            turn would not close.
    """
    for one in examples:
        if spelled_out(one, model):
            if dropped is not None:
                dropped[control.SPELLED] += 1
            continue
        said = message(one, model) if model else None
        if model and said is None and noted is not None:
            noted["that the chat template changes in TRL: use --format pretokenized"] += 1
        turns: list[Message] = [said or {"role": "assistant", "content": one.completion}]
        yield TrlRow(
            prompt=one.prompt,
            completion=turns,
            id=one.problem.id,
            ratio=one.ratio,
            budget=one.asked.budget,
        )


def message(one: TrainingExample, model: Chatting) -> Message | None:
    """The assistant's turn as a message that the model's chat template renders into the tokens of
    training; None where there is none.
    """
    content = markup_of(model).whole(taught(one, model))
    whole: Message = {"role": "assistant", "content": content}
    apart: Message = {
        "role": "assistant",
        "content": one.conclusion,
        "reasoning_content": one.reasoning,
    }
    return next((said for said in (whole, apart) if renders(one, said, model)), None)


def renders(one: TrainingExample, said: Message, model: Chatting) -> bool:
    """Whether the chat template writes this message as the tokens of training."""
    ids = tokenize_example(one, model).ids
    try:
        written = model.text_ids(model.chat_text([*one.prompt, said]))
    except TemplateRefusal:
        return False
    return written[: len(ids)] == ids


def pretokenized_rows(
    examples: Iterable[TrainingExample], model: Tokenizing, dropped: Counter[str] | None = None
) -> Iterator[PretokenizedRow]:
    """The exact path: what `cotpress train` trains on.

    Args:
        examples: What `build` gives.
        model: The model to be taught; its chat template and tokenizer are used.
        dropped: Gets the number of examples left out because the token that ends the turn stands
            inside of the completion.

    Yields:
        `input_ids`, `attention_mask` (all 1) and `labels` (−100 on the prompt) of each example,
        lists of the same length; neither cut nor padded.

    Raises:
        CotpressError: As in `tokenize_example`.
    """
    for one in examples:
        tokens = tokenize_example(one, model)
        if model.end_id in tokens.labels[:-1]:
            # Of a model that does not tell its control tokens: it would be taught to stop there.
            if dropped is not None:
                dropped["end-of-turn token inside the completion"] += 1
            continue
        yield PretokenizedRow(
            input_ids=tokens.ids, attention_mask=[1] * len(tokens.ids), labels=tokens.labels
        )


def tokenize_example(one: TrainingExample, model: Tokenizing) -> Tokens:
    """Prompt ids exactly as they are served, then the completion and the
    end of the turn, the only tokens with labels.

    Args:
        one: What `build` gives.
        model: The model to be taught; its chat template and tokenizer are used.

    Returns:
        `ids` and `labels`, lists of the same length; a label is the id, or −100 on the prompt.

    Raises:
        CotpressError: The model has no chat template, or the prompt opens a thinking that the
            turn would not close.
    """
    prompt = model.prompt_ids(one.prompt)
    said = [*_completion_ids(one, model), model.end_id]
    return Tokens(prompt + said, [IGNORED] * len(prompt) + said)


def _completion_ids(one: TrainingExample, model: Tokenizing) -> list[int]:
    """Token ids of what is taught. Control tokens that the trace spells out are text; those of the
    marks around its parts, and latent tokens, are tokens.
    """
    said, tokens = [one.reasoning, one.conclusion], control.of(model)
    if not tokens or not control.spelled(said, tokens):
        return model.text_ids(taught(one, model))
    hiding = control.Hiding(tokens, said)
    conclusion = hiding.hide(one.conclusion)
    hidden = msgspec.structs.replace(
        one,
        completion=one.opening + hiding.hide(one.reasoning) + one.closing + conclusion + one.ending,
        conclusion=conclusion,
    )
    text, spans = hiding.shown(taught(hidden, model))
    return cast(control.Plain, model).text_ids(text, spans)


def spelled_out(one: TrainingExample, model: object = None) -> bool:
    """Whether prompt or completion spell out a control token: a trainer that makes the tokens
    itself would take it for one.
    """
    asked = [turn.get("content") or "" for turn in one.prompt]
    return control.spelled([*asked, one.reasoning, one.conclusion], control.of(model))


def taught(one: TrainingExample, model: object) -> str:
    """What the model is taught to write after its prompt, thinking in the marks that the example
    asks for. A completion whose conclusion cannot be found is taught as it is.
    """
    markup = markup_of(model)
    parts = one if one.conclusion else split(one.completion)
    if not parts.conclusion:
        return markup.rest(one.completion)
    return turn(
        markup,
        "keep" if _is_its_own(one, model) else one.think,
        opening=parts.opening,
        reasoning=parts.reasoning,
        closing=parts.closing,
        conclusion=parts.conclusion,
        ending=parts.ending,
    )


def _is_its_own(one: TrainingExample, model: object) -> bool:
    """Whether a model whose template marks no thinking wrote the trace, and so its marks."""
    mine = bool(one.writer) and one.writer == getattr(model, "name", "")
    return mine and one.think == "target" and not markup_of(model).family


def unmarked(examples: Iterable[TrainingExample], model: object) -> str:
    """One sentence where examples lose the marks of their thinking, because the model has none;
    else empty.
    """
    if markup_of(model).family:
        return ""
    n = sum(
        one.think == "target" and marked(one.opening + one.closing) and not _is_its_own(one, model)
        for one in examples
    )
    return (
        f"{n} examples are taught without the marks around their thinking, because the model's "
        "chat template has none (build --think keep keeps them)"
        if n
        else ""
    )
