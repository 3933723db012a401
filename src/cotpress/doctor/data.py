"""Is this data fit to train on? Prompts, masks, lengths,
doubles, and chat markup spelled out inside traces.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from cotpress import latent_tokens
from cotpress.doctor.findings import Finding, is_ill, ok, problem, unusable, warning
from cotpress.errors import CotpressError
from cotpress.lm.marks import FAMILIES, marked
from cotpress.lm.taught import budgets_of
from cotpress.methods import method
from cotpress.pipeline import instruction
from cotpress.pipeline.build import (
    IGNORED,
    PretokenizedRow,
    TrlRow,
    message,
    renders,
    taught,
    tokenize_example,
    unfit,
)
from cotpress.pipeline.split import Parts, split
from cotpress.prompts import Message, untagged
from cotpress.records import Asked, CompressedTrace, Problem, Record, Trace, TrainingExample
from cotpress.training.formats.axolotl import AxolotlRow
from cotpress.training.formats.llamafactory import LlamaFactoryRow

if TYPE_CHECKING:
    from cotpress.models.hf import HFModel

MARKUP = re.compile(r"<\|(?!latent_)[^\s|<>]{1,40}\|>|</?s>|\[/?INST\]")
"""Chat markup of the usual families; latent tokens are meant to be in a text."""

TRL_CUTS_AT = 1024
"""TRL's default `max_length`: longer rows lose their ends, the conclusion first."""

KINDS: dict[str, type[Record]] = {
    "problem prompt completion": TrainingExample,
    "prompt completion": TrlRow,
    "segments": AxolotlRow,
    "input_ids labels": PretokenizedRow,
    "trace cuts": CompressedTrace,
    "problem reasoning conclusion": Trace,
}
"""By the fields that a row must have; the first that fits."""


def kind_of(row: Mapping[str, Any]) -> type[Record] | None:
    """The record that a row is. LLaMA-Factory's has TRL's
    fields, with text in them instead of messages.
    """
    if isinstance(row.get("prompt"), str):
        return LlamaFactoryRow
    return next(
        (record for needed, record in KINDS.items() if set(row).issuperset(needed.split())), None
    )


def examine_data(
    rows: Sequence[Any], model: "HFModel | None", taught: Sequence[str] | None = None
) -> Iterator[Finding]:
    """All findings about rows of one kind; with a model also about its token
    ids, and the instructions it was `taught` with.
    """
    if isinstance(rows[0], PretokenizedRow):
        yield from masks(rows, model)
        yield from lengths([len(row.input_ids) for row in rows], model)
        return
    if isinstance(rows[0], (Trace, CompressedTrace)):
        traces = [row.trace if isinstance(row, CompressedTrace) else row for row in rows]
        yield from outcomes(traces)
        yield from instructions(
            [trace.problem for trace in traces if method(trace.method).kind != "prompt"], taught
        )
        yield from markup(
            [
                text + trace.conclusion
                for row, trace in zip(rows, traces, strict=True)
                for text in _said(row)
            ],
            model,
        )
        return
    if isinstance(rows[0], (LlamaFactoryRow, AxolotlRow)):
        yield from finished([_texts(row) for row in rows], model)
        return
    examples = [_example(row) for row in rows]
    if model and (fault := unusable(model)):
        yield fault
        return
    yield from prompts(examples, ours=isinstance(rows[0], TrainingExample))
    if isinstance(rows[0], TrainingExample):
        yield from instructions([one.problem for one in examples], taught)
    yield from doubles(examples)
    yield from markup([one.reasoning + one.conclusion for one in examples], model)
    found = list(thinking(examples, model))
    yield from found
    if model and not is_ill(found):
        yield from lengths([len(tokenize_example(one, model).ids) for one in examples], model)
        yield from as_trl_renders(rows, examples, model)


def outcomes(traces: Sequence[Trace]) -> Iterator[Finding]:
    """How many traces can become training examples."""
    reasons = Counter(unfit(trace) or "fit" for trace in traces)
    fit = reasons.pop("fit", 0)
    says = f"{fit} of {len(traces)} can become training examples" + "".join(
        f", {n} {why}" for why, n in reasons.most_common()
    )
    ungraded = sum(trace.grade is None for trace in traces)
    if not fit:
        yield problem(
            "traces",
            says,
            "look at a few of them: is the token limit too low, or the grader the wrong one?",
        )
    elif reasons["cut off by the token limit"] > 0.1 * len(traces):
        yield warning("traces", says, "generate with a higher --max-tokens")
    elif ungraded:
        yield warning(
            "traces",
            f"{says}; {ungraded} are ungraded and taken to be right",
            "cotpress grade FILE --out …",
        )
    else:
        yield ok("traces", says)


def prompts(examples: Sequence[TrainingExample], *, ours: bool) -> Iterator[Finding]:
    """Is every prompt what `Problem.prompt` writes, with one
    tag at most, and every completion something?
    """
    if drifted := [one for one in examples if ours and one.prompt != _served(one)]:
        says = (
            f"{len(drifted)} prompts are not what is served, such as "
            f"that of {drifted[0].problem.id}"
        )
        yield problem("prompts", says, "build them again with this version of cotpress")
    elif twice := sum(untagged(untagged(one.prompt).messages).tagged for one in examples):
        yield problem(
            "prompts",
            f"{twice} prompts have two tags",
            "build them again from the problems",
        )
    else:
        asked = [untagged(one.prompt) for one in examples]
        ratios = Counter(one.ratio for one in asked if one.budget is None)
        told = ", ".join(f"{ratio:g}: {n}" for ratio, n in sorted(ratios.items(), reverse=True))
        budgets = [one.budget for one in asked if one.budget is not None]
        by = [f"by ratio: {told}"] if ratios else []
        by += [f"by budget: {len(budgets)}, {budgets_of(budgets)} tokens"] if budgets else []
        yield ok("prompts", f"{len(examples)} rows {'; '.join(by)}")
    if empty := sum(not one.completion.strip() for one in examples):
        yield problem(
            "completions",
            f"{empty} are empty: the model would be taught to say nothing",
            "leave them out",
        )


def _served(one: TrainingExample) -> list[Message]:
    """The prompt that asks for the same when the model is served."""
    return one.problem.prompt(one.ratio, budget=one.asked.budget)


def instructions(problems: Sequence[Problem], taught: Sequence[str] | None) -> Iterator[Finding]:
    """Is every question asked in one way, and in that of the model?"""
    found = instruction.of(problems)
    says = f"asked with {instruction.worded(found)}"
    if instruction.others(problems, taught):
        cure = "import or generate with the model's instruction, or teach the model anew"
        yield warning(
            "instruction",
            f"{says}, and the model was taught with {instruction.worded(taught or ())}",
            cure,
        )
    elif len(found) > 1:
        yield warning(
            "instruction",
            says,
            "take one (cotpress import --instruction …), unless each task is to have its own",
        )
    else:
        yield ok("instruction", says)


def finished(texts: Sequence[tuple[str, str]], model: "HFModel | None") -> Iterator[Finding]:
    """Prompts and completions as finished text, which another trainer only tokenises."""
    end = model.end_text if model else ""
    if unended := sum(not said.endswith(end) for _, said in texts):
        says = (
            f"{unended} of {len(texts)} completions do not end with {end}: "
            "the model would not learn to stop"
        )
        yield problem("end of turn", says, "build them again with --target MODEL")
    else:
        yield ok(
            "rows", f"{len(texts)} rows of finished text, for a trainer that adds nothing to it"
        )
    if model and (fault := unusable(model)):
        yield fault
    elif model:
        yield from markup([_unmarked(said.removesuffix(end)) for _, said in texts], model)
        if unclosed := sum(not model.markup.closes(said) for _, said in texts):
            says = f"{unclosed} of {len(texts)} never close the thinking that the prompt opens"
            yield problem("thinking", says, "build them again with --think target")
        yield from lengths([len(model.text_ids(asked + said)) for asked, said in texts], model)


def _unmarked(said: str) -> str:
    """A turn without the marks of its thinking."""
    parts = split(said)
    return parts.reasoning + parts.conclusion


def doubles(examples: Sequence[TrainingExample]) -> Iterator[Finding]:
    """The same prompt and completion more than once."""
    seen = Counter((msgspec.json.encode(one.prompt), one.completion) for one in examples)
    if n := len(examples) - len(seen):
        yield warning(
            "doubles",
            f"{n} rows say again what another says",
            "leave them out: they count for no more than one",
        )


def markup(texts: Sequence[str], model: "HFModel | None") -> Iterator[Finding]:
    """Special-token strings inside the model's turn become
    control tokens where a trainer tokenises text.
    """
    special = (
        [token.content for token in model.tokenizer.added_tokens_decoder.values() if token.special]
        if model
        else []
    )
    # one pattern for the usual families and for the special tokens of this very model
    meant = re.compile(rf"{latent_tokens.SPELLED.pattern}|</?think>")
    names = [re.escape(token) for token in special if not meant.fullmatch(token)]
    pattern = re.compile("|".join([MARKUP.pattern, *names]))
    hits = [found.group() for text in texts if (found := pattern.search(text))]
    if hits:
        often = ", ".join(f"{text} ({n})" for text, n in Counter(hits).most_common(3))
        cure = (
            "take the markup out where the traces were made, or use build "
            "--format pretokenized, which leaves such rows out"
        )
        says = (
            f"chat markup inside {len(hits)} of {len(texts)} texts: {often}; "
            "the model would learn to end a turn there"
        )
        yield problem("markup", says, cure)
    else:
        yield ok("markup", "no chat markup inside the texts")


def lengths(n_tokens: Sequence[int], model: "HFModel | None") -> Iterator[Finding]:
    """What a trainer would cut."""
    longest, told = max(n_tokens), f"median {median(n_tokens):.0f}, longest {max(n_tokens)} tokens"
    context = _context(model)
    if context and longest > context:
        over = sum(n > context for n in n_tokens)
        yield problem(
            "lengths",
            f"{told}: {over} rows do not fit the model's {context}",
            "leave them out, or take a model with more context",
        )
    elif longest > TRL_CUTS_AT:
        over = sum(n > TRL_CUTS_AT for n in n_tokens)
        cure = (
            f"set max_length: {longest} (LLaMA-Factory: cutoff_len, Axolotl: "
            "sequence_len); cotpress train never cuts"
        )
        yield warning(
            "lengths", f"{told}: TRL would cut {over} rows at its default of {TRL_CUTS_AT}", cure
        )
    else:
        yield ok("lengths", told)


def masks(rows: Sequence[PretokenizedRow], model: "HFModel | None") -> Iterator[Finding]:
    """Labels are the completion's ids, all of them and
    nothing else, and end with the end of the turn.
    """
    faults: Counter[str] = Counter()
    for row in rows:
        first = next((i for i, label in enumerate(row.labels) if label != IGNORED), len(row.labels))
        if not len(row.input_ids) == len(row.labels) == len(row.attention_mask):
            faults["lists of unequal length"] += 1
        elif first == len(row.labels):
            faults["no label"] += 1
        elif not first:
            faults["the prompt is in the loss"] += 1
        elif row.labels[first:] != row.input_ids[first:]:
            faults["labels that are not the ids of one completion"] += 1
        elif model and row.labels[-1] != model.end_id:
            faults["no end of turn at the end"] += 1
        elif model and max(row.input_ids) >= len(model.tokenizer):
            faults["ids that the model does not have"] += 1
    if faults:
        told = ", ".join(f"{why} ({n})" for why, n in faults.most_common())
        yield problem(
            "masks",
            f"{faults.total()} of {len(rows)} rows: {told}",
            "build them again with --target MODEL",
        )
    else:
        yield ok(
            "masks",
            f"{len(rows)} rows: the loss counts the completion and the "
            "end of its turn, nothing else",
        )


def thinking(examples: Sequence[TrainingExample], model: "HFModel | None") -> Iterator[Finding]:
    """In whose marks does the reasoning stand, and does the model know them?"""
    families = Counter(_family(one.opening + one.closing) for one in examples)
    told = ", ".join(f"{name}: {n}" for name, n in families.most_common())
    if model is None:
        yield ok("thinking", f"marks of thinking by family: {told}")
        return
    own = model.markup.family or "none"
    try:
        for one in examples:
            taught(one, model)
    except CotpressError as error:
        said, _, cure = str(error).rpartition(": ")
        yield problem("thinking", said, cure.removesuffix("."))
        return
    kept = [
        one
        for one in examples
        if one.think == "keep" and _family(one.opening + one.closing) not in (own, "none")
    ]
    if kept:
        yield warning(
            "thinking",
            f"{len(kept)} of {len(examples)} keep marks that the model's template does not know",
            "build with --think target, unless the model is to learn them",
        )
    else:
        yield ok("thinking", f"marks by family: {told}; taught in the model's own ({own})")


def _family(marks: str) -> str:
    """The name of the family that a trace's marks are of."""
    if not marked(marks):
        return "none"
    begins = [one for one in FAMILIES if one.opening.strip().lower() in marks.lower()]
    closes = [one for one in FAMILIES if one.closing.split()[0].lower() in marks.lower()]
    return next((one.name for one in [*begins, *closes]), "another")


def as_trl_renders(
    rows: Sequence[Any], examples: Sequence[TrainingExample], model: "HFModel"
) -> Iterator[Finding]:
    """Would a trainer that applies the chat template itself see the ids that `cotpress train`
    sees?
    """
    unlike = [
        one.problem.id
        for row, one in zip(rows, examples, strict=True)
        if not _rendered_alike(row, one, model)
    ]
    if unlike:
        says = (
            f"the chat template changes {len(unlike)} of {len(examples)} "
            "completions (drops or adds thinking, trims)"
        )
        cure = (
            "use cotpress train or build --format pretokenized, which "
            "tokenise the completion as it is (build --format trl --target MODEL puts thinking "
            "where the template reads it)"
        )
        yield warning("template", f"{says}, such as {unlike[0]}", cure)
    else:
        yield ok("template", "a trainer that applies the chat template itself sees the same ids")


def _rendered_alike(row: Any, one: TrainingExample, model: "HFModel") -> bool:
    """A row of TRL as it is; one of ours as `build --format trl` would write it."""
    if isinstance(row, TrlRow):
        return renders(one, row.completion[0], model)
    return message(one, model) is not None


def _example(row: Any) -> TrainingExample:
    """TRL's rows as examples; what they do not say is left open."""
    if isinstance(row, TrainingExample):
        return row
    said = row.completion[0]
    content, reasoning = said.get("content") or "", said.get("reasoning_content") or ""
    parts = (
        Parts("<think>\n", reasoning, "\n</think>\n\n", content) if reasoning else split(content)
    )
    return TrainingExample(
        problem=Problem(id=row.id, question="", answer="", task=""),
        asked=Asked(ratio=row.ratio),
        prompt=row.prompt,
        completion="".join(parts),
        opening=parts.opening,
        closing=parts.closing,
        conclusion=parts.conclusion,
        ending=parts.ending,
        think="target" if marked(parts.opening + parts.closing) else "keep",
    )


def _said(row: Trace | CompressedTrace) -> list[str]:
    """The reasoning of a trace, or each of its shorter ones."""
    return [row.reasoning] if isinstance(row, Trace) else [cut.reasoning for cut in row.cuts]


def _texts(row: LlamaFactoryRow | AxolotlRow) -> tuple[str, str]:
    """Prompt and completion: what the loss passes over, and what it counts."""
    if isinstance(row, LlamaFactoryRow):
        return row.prompt, row.completion
    parts = [
        "".join(piece.text for piece in row.segments if piece.label is counted)
        for counted in (False, True)
    ]
    return parts[0], parts[1]


def _context(model: "HFModel | None") -> int:
    """How many tokens the model can hold; 0: not known."""
    if model is None or not model.weights:
        return 0
    from transformers import AutoConfig

    return int(
        getattr(
            AutoConfig.from_pretrained(model.weights, trust_remote_code=False).get_text_config(),
            "max_position_embeddings",
            0,
        )
        or 0
    )
