"""Probability that a token classifier keeps a token (LLMLingua-2, TokenSkip's scorer).

Pan et al. 2024 (arXiv 2403.12968); TokenSkip specification, section 3. Any two-label token
classifier will do: the BERT, XLM-R or ModernBERT kind, label 1 (or the one called "keep" or
"preserve") being keep. The PyPI package `llmlingua` feeds XLM-R the wrong special tokens, loses
newlines and `10³`, cuts chunks at 512 without overlap and runs one text at a time (its quirks
Q1-Q11). Here the tokenizer's own special tokens are used, scores are given to characters of the
original text, chunks overlap by a quarter, and batches are filled by tokens. `compat=released`
reproduces the package instead (_llmlingua2_released.py). It computes in float32,
unless `dtype=bfloat16` says otherwise.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from cotpress.errors import CotpressError
from cotpress.lm import devices
from cotpress.lm.fitting import batch_size, in_memory
from cotpress.lm.logprobs import at_once
from cotpress.models import hf
from cotpress.plugins import Spec
from cotpress.records import Trace
from cotpress.scorers import Importance, Scorer
from cotpress.scorers._llmlingua2_released import Released, cl100k_length

T = TypeVar("T")

Dtype = Literal["float32", "bfloat16"]

CHECKPOINT = "microsoft/llmlingua-2-xlm-roberta-large-meetingbank"

CURE = f"a larger device, or {devices.CHOSEN}=cpu"
"""Where one window does not fit in memory."""

KEEP_LABELS = ("keep", "preserve")
"""Names of the label that means keep; a checkpoint that names none uses label 1."""


def load(
    target: str,
    *,
    compat: Literal["fixed", "released"] = "fixed",
    batch_tokens: int = 0,
    dtype: Dtype = "float32",
) -> Scorer:
    """The scorer of the checkpoint `target`, a hub name or a folder; batches hold at most
    `batch_tokens`, padding included (0: what suits the device).

    `compat=released` scores as `llmlingua` 0.2.2 does, in its own words.
    """
    if not target:
        raise CotpressError(
            "scorer llmlingua2 needs a checkpoint: write "
            f"llmlingua2:{CHECKPOINT}, or llmlingua2:FOLDER."
        )
    chosen: dict[str, str] = {} if compat == "fixed" else {"compat": compat}
    chosen |= {} if dtype == "float32" else {"dtype": dtype}
    name = str(Spec("llmlingua2", target, chosen))
    if compat == "fixed":
        return LLMLingua2(name, load_classifier(target, batch_tokens=batch_tokens, dtype=dtype))
    length = cl100k_length()
    classifier = load_classifier(target, batch_tokens=batch_tokens, dtype=dtype)
    if classifier.model.config.model_type != "xlm-roberta":
        raise CotpressError(
            f"{name}: compat=released follows the XLM-R release only: "
            f"leave it out, or use {CHECKPOINT}."
        )
    return Released(name, classifier.tokenizer, classifier.keep, length, model=classifier.identity)


class LLMLingua2:
    """Importance of a piece = p(keep) of its token."""

    def __init__(self, name: str, classifier: "Classifier") -> None:
        self.name = name
        self.identity = f"{name}@{classifier.identity}"
        self.classifier = classifier
        self.at_once = at_once(classifier.model)

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order; all traces
        handed over are batched together, by length.
        """
        texts = [trace.reasoning for trace in traces]
        if not texts:
            return
        chunks = self.classifier.chunks(texts)
        rows = [(sample, chunk) for sample, parts in enumerate(chunks) for chunk in parts]
        scored = zip(rows, self.classifier.keep([chunk.ids for _, chunk in rows]), strict=True)
        for _, parts in groupby(scored, key=lambda row: row[0][0]):
            yield merged([(chunk, values) for (_, chunk), values in parts], self.classifier.overlap)


class Classifier:
    """A two-label token classifier with its tokenizer."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        batch_tokens: int,
        identity: str = "",
    ) -> None:
        self.model = model
        self.identity = identity
        """Which weights and which tokenizer these are."""
        self.tokenizer = tokenizer
        self.batch_tokens = batch_tokens or batch_size(model.device)
        self.label = keep_label(model.config.label2id)
        self.window = window(model, tokenizer)
        self.overlap = self.window // 4
        """Tokens that two neighbouring chunks share: a token has at least
        half of it around it, ends of the text apart.
        """

    def chunks(self, texts: Sequence[str]) -> list[list[Any]]:
        """For each text its windows with special tokens, as `tokenizers.Encoding`s; neighbours
        share `overlap` tokens.

        Special tokens spelled out in a text are text (but `</s>` is a word of XLM-R's own
        vocabulary).
        """
        encoded = self.tokenizer(
            list(texts),
            truncation=True,
            max_length=self.window,
            stride=self.overlap,
            return_overflowing_tokens=True,
            split_special_tokens=True,
        )
        chunks: list[list[Any]] = [[] for _ in texts]
        for sample, chunk in zip(
            encoded["overflow_to_sample_mapping"], encoded.encodings, strict=True
        ):
            chunks[sample].append(chunk)
        return chunks

    @torch.inference_mode()
    def keep(self, rows: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """p(keep) of every token of every row of ids, special
        tokens included, in the order of the rows.
        """
        result: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(rows)
        pad = self.tokenizer.pad_token_id or 0

        def run(batch: Sequence[int]) -> NDArray[np.float32]:
            longest = len(rows[batch[0]])
            # (B, T)
            ids = torch.tensor([[*rows[i], *[pad] * (longest - len(rows[i]))] for i in batch])
            lengths = torch.tensor([len(rows[i]) for i in batch])
            mask = (torch.arange(longest) < lengths[:, None]).long()
            device = self.model.device
            logits = self.model(
                input_ids=ids.to(device), attention_mask=mask.to(device)
            ).logits  # (B, T, 2)
            values: NDArray[np.float32] = logits.float().softmax(-1)[..., self.label].cpu().numpy()
            return values

        for batch, values in by_length([len(row) for row in rows], self.batch_tokens, run):
            for i, row in zip(batch, values, strict=True):
                result[i] = row[: len(rows[i])]
        return result


def own_tokens(chunks: Sequence[Any], overlap: int, part: int = 0) -> list[list[int]]:
    """For each chunk of a text the places of the tokens that count there: in an overlap each token
    counts in the chunk in which it is farther from an edge.

    `part`: which of the texts that were encoded together is meant.
    """
    found = []
    for n, chunk in enumerate(chunks):
        text = [i for i, of in enumerate(chunk.sequence_ids) if of == part]
        first = overlap - overlap // 2 if n > 0 else 0
        last = len(text) - (overlap // 2 if n < len(chunks) - 1 else 0)
        found.append(text[first:last])
    return found


def token_ends(chunks: Sequence[Any], places: Sequence[Sequence[int]]) -> list[int]:
    """Where the tokens at these places of each chunk end, never falling.

    A lone `▁` carries the offsets of the character after it, but is the space before it, where
    there is one.
    """
    ends: list[int] = []
    for chunk, own in zip(chunks, places, strict=True):
        tokens, offsets = chunk.tokens, chunk.offsets  # each access makes a new list
        for i in own:
            start, end = offsets[i]
            ends.append((start or end) if tokens[i] == "▁" else end)
    return list(accumulate(ends, max))


def pieces(ends: Sequence[int], values: Sequence[float]) -> Importance:
    """Tokens that end at the same character (the bytes of one emoji, the parts of ½) are one piece,
    at their mean.
    """
    found: dict[int, list[float]] = {}
    for end, value in zip(ends, values, strict=True):
        found.setdefault(end, []).append(value)
    return Importance(list(found), [sum(shared) / len(shared) for shared in found.values()])


def merged(
    chunks: Sequence[tuple[Any, NDArray[np.float32]]], overlap: int, part: int = 0
) -> Importance:
    """One text's importance from its chunks with the values of their tokens."""
    read = [chunk for chunk, _ in chunks]
    own = own_tokens(read, overlap, part)
    values = [
        value
        for (_, keep), places in zip(chunks, own, strict=True)
        for value in keep[places].tolist()
    ]
    return pieces(token_ends(read, own), values)


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Indices of rows to run together, the longest first, so that each
    batch holds at most `tokens` with its padding.
    """
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def by_length(
    lengths: Sequence[int], tokens: int, run: Callable[[Sequence[int]], T]
) -> Iterator[tuple[Sequence[int], T]]:
    """The indices of each of these batches with what `run` makes of them; in smaller ones where the
    memory of a GPU ends.
    """

    def divided(places: Sequence[int], most: int) -> list[list[int]]:
        return [[places[i] for i in one] for one in batches([lengths[i] for i in places], most)]

    def cost(batch: Sequence[int]) -> int:
        return len(batch) * lengths[batch[0]]

    return in_memory(range(len(lengths)), tokens, divided, run, cost, CURE)


def load_classifier(target: str, *, batch_tokens: int, dtype: Dtype = "float32") -> Classifier:
    """The checkpoint, on the GPU if there is one; `CotpressError`
    where it is not a trained classifier with two labels.
    """
    try:
        config = AutoConfig.from_pretrained(target, trust_remote_code=False)
        check_labels(target, config)
        tokenizer = AutoTokenizer.from_pretrained(target, trust_remote_code=False)
        model, loading = AutoModelForTokenClassification.from_pretrained(
            target,
            config=config,
            dtype=getattr(torch, dtype),
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError) as error:
        if hf.cannot_reach(error):
            raise CotpressError(
                f"scorer llmlingua2: cannot load {target!r}: {hf.OFFLINE} Without it, choose "
                "--scorer surprisal:MODEL."
            ) from error
        why = str(error).partition("\n")[0].rstrip(".")
        cure = "name a folder" if target == CHECKPOINT else f"try {CHECKPOINT}, or a folder"
        raise CotpressError(f"scorer llmlingua2: cannot load {target!r}: {why}; {cure}.") from error
    if missing := sorted({*loading["missing_keys"], *map(str, loading["mismatched_keys"])}):
        raise CotpressError(
            f"scorer llmlingua2: {target} lacks the weights of {missing[0]}, which "
            "would be random: save the whole classifier."
        )
    if not tokenizer.is_fast:
        raise CotpressError(
            f"scorer llmlingua2: {target} has no fast tokenizer, which "
            "gives offsets: save its tokenizer.json."
        )
    identity = f"{hf.revision_of(target, config)}+{hf.tokenizer_hash(tokenizer, None)}"
    identity += "" if dtype == "float32" else f"+{dtype}"
    placed = devices.placed(model.eval(), devices.usual(), f"scorer llmlingua2: {target}")
    return Classifier(placed, tokenizer, batch_tokens, identity)


def check_labels(target: str, config: Any) -> None:
    """Refuse what transformers would load with a random head:
    anything but a token classifier with two labels.
    """
    kinds = config.architectures or ["no architecture"]
    if not any("ForTokenClassification" in kind for kind in kinds) or config.num_labels != 2:
        raise CotpressError(
            f"scorer llmlingua2: {target} is {kinds[0]} with {config.num_labels} "
            "labels, not a token classifier with two: "
            f"use {CHECKPOINT}, or one you trained so."
        )


def keep_label(label2id: dict[str, int]) -> int:
    """The label that means keep: the one of `KEEP_LABELS`, or 1."""
    return next((index for name, index in label2id.items() if name.lower() in KEEP_LABELS), 1)


def window(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> int:
    """How many tokens the model takes, special ones included; RoBERTa's
    position table spends `padding_idx + 1` rows.
    """
    tables = (
        module for name, module in model.named_modules() if name.endswith("position_embeddings")
    )
    spent = next(
        (
            table.padding_idx + 1
            for table in tables
            if getattr(table, "padding_idx", None) is not None
        ),
        0,
    )
    return int(
        min(
            tokenizer.model_max_length,
            getattr(model.config, "max_position_embeddings", 512) - spent,
        )
    )
