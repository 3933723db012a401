"""A token classifier of your own (`cotpress train-scorer`), which reads the question before the
reasoning.

`classifier:FOLDER`. The encoder reads question and reasoning as a pair, long reasoning in windows
that overlap by a quarter, the question in front of each; a token counts in the window in which it
is farther from an edge. Its one output per token is a rank, not a probability to keep: every ratio
is cut from it. LLMLingua's classifiers see no question and have two labels; they stay
`llmlingua2:`. float32 on every device, for in bfloat16 ties would decide.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import json
from numpy.typing import NDArray
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from cotpress.errors import CotpressError
from cotpress.lm.fitting import batch_size
from cotpress.models import hf
from cotpress.plugins import Spec
from cotpress.records import Record, Trace
from cotpress.scorers import Importance, Scorer
from cotpress.scorers.llmlingua2 import by_length, merged, window

ABOUT = "cotpress_scorer.json"
"""What `train-scorer` writes last into a folder."""

REASONING = 1
"""Which text of the pair is scored."""


class About(Record, frozen=True, kw_only=True):
    """What the folder says that reading needs; `training.scorer_options.ScorerSummary` is all."""

    window: int
    """Tokens that are read at once, question and special tokens included."""
    from_start: bool = False
    """Whether a cut keeps a beginning of the reasoning, as its teacher's do."""


class Reader:
    """An encoder with one output per token, and its tokenizer."""

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, size: int
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.size = min(size, window(model, tokenizer))
        self.overlap = self.size // 4
        self._types = "token_type_ids" in tokenizer.model_input_names

    def windows(self, questions: Sequence[str], texts: Sequence[str]) -> list[list[Any]]:
        """For each text its windows behind its question, as `tokenizers.Encoding`s; neighbours
        share `overlap` tokens. Of a question that takes more than a quarter of a window the end is
        read.
        """
        encoded = self.tokenizer(
            [self._short(question) for question in questions],
            list(texts),
            truncation="only_second",
            max_length=self.size,
            stride=self.overlap,
            return_overflowing_tokens=True,
            split_special_tokens=True,
        )
        found: list[list[Any]] = [[] for _ in texts]
        for sample, one in zip(
            encoded["overflow_to_sample_mapping"], encoded.encodings, strict=True
        ):
            found[sample].append(one)
        return found

    def inputs(self, rows: Sequence[Any]) -> dict[str, torch.Tensor]:
        """The (B, T) inputs of these windows, on the model's device."""
        longest = max(len(row.ids) for row in rows)
        pad = self.tokenizer.pad_token_id or 0

        def padded(values: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
            full = [[*one, *[fill] * (longest - len(one))] for one in values]
            return torch.tensor(full, device=self.model.device)

        inputs = {
            "input_ids": padded([row.ids for row in rows], pad),
            "attention_mask": padded([[1] * len(row.ids) for row in rows], 0),
        }
        if self._types:
            inputs["token_type_ids"] = padded([row.type_ids for row in rows], 0)
        return inputs

    @torch.inference_mode()
    def values(self, rows: Sequence[Any], batch_tokens: int) -> list[NDArray[np.float32]]:
        """The output at every token of every window, in their order."""
        found: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(rows)

        def run(batch: Sequence[int]) -> NDArray[np.float32]:
            # (B, T, 1)
            logits = self.model(**self.inputs([rows[i] for i in batch])).logits
            values: NDArray[np.float32] = logits[..., 0].float().cpu().numpy()
            return values

        for batch, values in by_length([len(row.ids) for row in rows], batch_tokens, run):
            for i, row in zip(batch, values, strict=True):
                found[i] = row[: len(rows[i].ids)]
        return found

    def _short(self, question: str) -> str:
        most = self.size // 4
        offsets = self.tokenizer(
            question,
            add_special_tokens=False,
            return_offsets_mapping=True,
            split_special_tokens=True,
        )["offset_mapping"]
        return question if len(offsets) <= most else question[offsets[-most][0] :]


class Classifier:
    """Importance of a piece = the encoder's output at its token."""

    def __init__(self, name: str, reader: Reader, about: About, batch_tokens: int, identity: str):
        self.name = name
        self.identity = f"{name}@{identity}"
        self.reader = reader
        self.about = about
        self.batch_tokens = batch_tokens

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order; all traces handed over are batched together, by
        length.
        """
        traces = list(traces)
        if not traces:
            return
        windows = self.reader.windows(
            [trace.problem.question for trace in traces], [trace.reasoning for trace in traces]
        )
        rows = [(sample, one) for sample, parts in enumerate(windows) for one in parts]
        values = self.reader.values([one for _, one in rows], self.batch_tokens)
        scored = zip(rows, values, strict=True)
        for _, parts in groupby(scored, key=lambda row: row[0][0]):
            found = merged(
                [(one, values) for (_, one), values in parts], self.reader.overlap, REASONING
            )
            yield found._replace(from_start=self.about.from_start)


def load(target: str, *, batch_tokens: int = 0) -> Scorer:
    """The scorer in the folder `target`, as `cotpress train-scorer` wrote it; batches hold at most
    `batch_tokens`, padding included (0: what suits the device).
    """
    folder = Path(target)
    if not target or not (folder / ABOUT).is_file():
        raise CotpressError(
            f"scorer classifier needs a folder of `cotpress train-scorer`, which "
            f"{target or 'nothing'} is not: a two-label classifier is llmlingua2:{target}."
        )
    try:
        about = json.decode((folder / ABOUT).read_bytes(), type=About)
    except ValueError as error:
        raise CotpressError(
            f"{folder / ABOUT} does not describe a scorer ({error}): train it again."
        ) from error
    tokenizer = tokenizer_of(target)
    try:
        model = AutoModelForTokenClassification.from_pretrained(
            target, dtype=torch.float32, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise CotpressError(f"scorer classifier: cannot load {target}: {why}.") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    identity = f"{hf.weights_hash(folder)}+{hf.tokenizer_hash(tokenizer, None)}"
    reader = Reader(model.eval().to(device), tokenizer, about.window)
    return Classifier(
        str(Spec("classifier", target)),
        reader,
        about,
        batch_tokens or batch_size(reader.model.device),
        identity,
    )


def tokenizer_of(target: str) -> PreTrainedTokenizerFast:
    """The tokenizer of an encoder; `CotpressError` where it gives no offsets."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(target, trust_remote_code=False)
    except (OSError, ValueError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise CotpressError(f"cannot load the tokenizer of {target}: {why}.") from error
    if not tokenizer.is_fast:
        raise CotpressError(
            f"{target} has no fast tokenizer, which gives the offsets of its tokens: save its "
            "tokenizer.json, or take another encoder, such as answerdotai/ModernBERT-base."
        )
    return tokenizer
