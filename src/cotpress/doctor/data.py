"""Is this data fit to train on? Prompts, masks, lengths,
doubles, and chat markup spelled out inside traces.

Every question goes through the rows anew, so that of a file none is held.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Generic, TypeVar

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

T = TypeVar("T")

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


@dataclass(frozen=True)
class Each(Generic[T]):
    """Something of each row, made anew whenever the rows are gone through."""

    rows: Iterable[Any]
    of: Callable[[Any], T]

    def __iter__(self) -> Iterator[T]:
        """From the first row on."""
        return map(self.of, self.rows)


def examine_data(
    rows: Iterable[Any], model: "HFModel | None", taught: Sequence[str] | None = None
) -> Iterator[Finding]:
    """All findings about rows of one kind, which can be gone through several times; with a model
    also about its token ids, and the instructions it was `taught` with.
    """
    first = next(iter(rows))
    if isinstance(first, PretokenizedRow):
        yield from masks(rows, model)
        yield from lengths([len(row.input_ids) for row in rows], model)
        return
    if isinstance(first, (Trace, CompressedTrace)):
        traces = Each(rows, _trace)
        yield from outcomes(traces)
        yield from instructions(
            (trace.problem for trace in traces if method(trace.method).kind != "prompt"), taught
        )
        yield from markup((text for row in rows for text in _said(row)), model)
        return
    if isinstance(first, (LlamaFactoryRow, AxolotlRow)):
        yield from finished(Each(rows, _texts), model)
        return
    examples = Each(rows, _example)
    if model and (fault := unusable(model)):
        yield fault
        return
    yield from prompts(examples, ours=isinstance(first, TrainingExample))
    if isinstance(first, TrainingExample):
        yield from instructions((one.problem for one in examples), taught)
    yield from doubles(examples)
    yield from markup((one.reasoning + one.conclusion for one in examples), model)
    found = list(thinking(examples, model))
    yield from found
    if model and not is_ill(found):
        yield from lengths([len(tokenize_example(one, model).ids) for one in examples], model)
        yield from as_trl_renders(rows, model)


def outcomes(traces: Iterable[Trace]) -> Iterator[Finding]:
    """How many traces can become training examples."""
    reasons, ungraded = Counter[str](), 0
    for trace in traces:
        reasons[unfit(trace) or "fit"] += 1
        ungraded += trace.grade is None
    n, fit = reasons.total(), reasons.pop("fit", 0)
    says = f"{fit} of {n} can become training examples" + "".join(
        f", {times} {why}" for why, times in reasons.most_common()
    )
    if not fit:
        yield problem(
            "traces",
            says,
            "look at a few of them: is the token limit too low, or the grader the wrong one?",
        )
    elif reasons["cut off by the token limit"] > 0.1 * n:
        yield warning("traces", says, "generate with a higher --max-tokens")
    elif ungraded:
        yield warning(
            "traces",
            f"{says}; {ungraded} are ungraded and taken to be right",
            "cotpress grade FILE --out …",
        )
    else:
        yield ok("traces", says)


def prompts(examples: Iterable[TrainingExample], *, ours: bool) -> Iterator[Finding]:
    """Is every prompt what `Problem.prompt` writes, with one
    tag at most, and every completion something?
    """
    if drifted := [one.problem.id for one in examples if ours and one.prompt != _served(one)]:
        says = f"{len(drifted)} prompts are not what is served, such as that of {drifted[0]}"
        yield problem("prompts", says, "build them again with this version of cotpress")
    elif twice := sum(untagged(untagged(one.prompt).messages).tagged for one in examples):
        yield problem(
            "prompts",
            f"{twice} prompts have two tags",
            "build them again from the problems",
        )
    else:
        ratios, budgets = Counter[float](), list[int]()
        for one in examples:
            asked = untagged(one.prompt)
            if asked.budget is None:
                ratios[asked.ratio] += 1
            else:
                budgets.append(asked.budget)
        told = ", ".join(f"{ratio:g}: {of}" for ratio, of in sorted(ratios.items(), reverse=True))
        by = [f"by ratio: {told}"] if ratios else []
        by += [f"by budget: {len(budgets)}, {budgets_of(budgets)} tokens"] if budgets else []
        yield ok("prompts", f"{ratios.total() + len(budgets)} rows {'; '.join(by)}")
    if empty := sum(not one.completion.strip() for one in examples):
        yield problem(
            "completions",
            f"{empty} are empty: the model would be taught to say nothing",
            "leave them out",
        )


def _served(one: TrainingExample) -> list[Message]:
    """The prompt that asks for the same when the model is served."""
    return one.problem.prompt(one.ratio, budget=one.asked.budget)


def instructions(problems: Iterable[Problem], taught: Sequence[str] | None) -> Iterator[Finding]:
    """Is every question asked in one way, and in that of the model?"""
    found = instruction.of(problems)
    says = f"asked with {instruction.worded(found)}"
    if taught is not None and set(found) - set(taught):
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


def finished(texts: Iterable[tuple[str, str]], model: "HFModel | None") -> Iterator[Finding]:
    """Prompts and completions as finished text, which another trainer only tokenises."""
    end = model.end_text if model else ""
    n = sum(1 for _ in texts)
    if unended := sum(not said.endswith(end) for _, said in texts):
        says = (
            f"{unended} of {n} completions do not end with {end}: the model would not learn to stop"
        )
        yield problem("end of turn", says, "build them again with --target MODEL")
    else:
        yield ok("rows", f"{n} rows of finished text, for a trainer that adds nothing to it")
    if model and (fault := unusable(model)):
        yield fault
    elif model:
        yield from markup((_unmarked(said.removesuffix(end)) for _, said in texts), model)
        if unclosed := sum(not model.markup.closes(said) for _, said in texts):
            says = f"{unclosed} of {n} never close the thinking that the prompt opens"
            yield problem("thinking", says, "build them again with --think target")
        yield from lengths([len(model.text_ids(asked + said)) for asked, said in texts], model)


def _unmarked(said: str) -> str:
    """A turn without the marks of its thinking."""
    parts = split(said)
    return parts.reasoning + parts.conclusion


def doubles(examples: Iterable[TrainingExample]) -> Iterator[Finding]:
    """The same prompt and completion more than once."""
    seen, n = set[int](), 0
    for one in examples:
        known = hash((msgspec.json.encode(one.prompt), one.completion))
        n += known in seen
        seen.add(known)
    if n:
        yield warning(
            "doubles",
            f"{n} rows say again what another says",
            "leave them out: they count for no more than one",
        )


def markup(texts: Iterable[str], model: "HFModel | None") -> Iterator[Finding]:
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
    hits, n = Counter[str](), 0
    for text in texts:
        n += 1
        if found := pattern.search(text):
            hits[found.group()] += 1
    if hits:
        often = ", ".join(f"{text} ({times})" for text, times in hits.most_common(3))
        cure = (
            "take the markup out where the traces were made, or use build "
            "--format pretokenized, which leaves such rows out"
        )
        says = (
            f"chat markup inside {hits.total()} of {n} texts: {often}; "
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


def masks(rows: Iterable[PretokenizedRow], model: "HFModel | None") -> Iterator[Finding]:
    """Labels are the completion's ids, all of them and
    nothing else, and end with the end of the turn.
    """
    faults, n = Counter[str](), 0
    for row in rows:
        n += 1
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
        told = ", ".join(f"{why} ({times})" for why, times in faults.most_common())
        yield problem(
            "masks",
            f"{faults.total()} of {n} rows: {told}",
            "build them again with --target MODEL",
        )
    else:
        yield ok(
            "masks",
            f"{n} rows: the loss counts the completion and the end of its turn, nothing else",
        )


def thinking(examples: Iterable[TrainingExample], model: "HFModel | None") -> Iterator[Finding]:
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
    kept = sum(
        one.think == "keep" and _family(one.opening + one.closing) not in (own, "none")
        for one in examples
    )
    if kept:
        yield warning(
            "thinking",
            f"{kept} of {families.total()} keep marks that the model's template does not know",
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


def as_trl_renders(rows: Iterable[Any], model: "HFModel") -> Iterator[Finding]:
    """Would a trainer that applies the chat template itself see the ids that `cotpress train`
    sees?
    """
    unlike, n = list[str](), 0
    for row in rows:
        n += 1
        one = _example(row)
        if not _rendered_alike(row, one, model):
            unlike.append(one.problem.id)
    if unlike:
        says = (
            f"the chat template changes {len(unlike)} of {n} "
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


def _trace(row: Trace | CompressedTrace) -> Trace:
    return row.trace if isinstance(row, CompressedTrace) else row


def _said(row: Trace | CompressedTrace) -> list[str]:
    """The reasoning of a trace, or each of its shorter ones, with the conclusion."""
    texts = [row.reasoning] if isinstance(row, Trace) else [cut.reasoning for cut in row.cuts]
    return [text + _trace(row).conclusion for text in texts]


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
