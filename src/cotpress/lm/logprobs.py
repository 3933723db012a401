"""ln p(token | context, earlier tokens) of a causal language model for many texts, in float32 and
bounded memory.

The usual loop runs one text at a time and holds logits of every position for the whole vocabulary:
3 GB at 16,000 tokens and 49,152 words, several times over (CTS specification, section 12). Here
hidden states come from the model without its head, for several texts at once; only rows whose token
is asked for meet the head, `ROWS` at a time, and each block of logits is reduced to one number per
row before the next is made. Context and text are joined as token ids, never as strings, so that the
boundary is exact.

A text alone in its batch needs no attention mask, so that the causal kernel never holds a T x T
matrix; short texts that begin alike share their beginning (prefixes.py). A text gets the same
values in any company, to about 1e-5.
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cotpress.errors import CotpressError
from cotpress.lm.capabilities import CausalLM
from cotpress.lm.fitting import batch_size, in_memory
from cotpress.lm.prefixes import Row, Runner, batches, cost

ROWS = 512
"""Rows of logits that exist at once: 100 MB for a vocabulary of 49,152 in float32."""

PART = 16384
"""Rows of a head in half precision that exist in float32 at once."""

SPEED = {"cpu": 2e10, "cuda": 2e13}
"""Operations a second, as a slow machine has them."""

AT_ONCE = 15.0
"""Seconds that a scorer may work before it gives anything out."""

LONGEST = 16
"""A text this many times as long as the model's context is a
loop, not reasoning: its windows would take hours.
"""

CURE = "dtype=bfloat16 or device=auto for the model, as in cts:hf:M,device=auto, or a larger device"
"""Where one text does not fit in memory."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Tokens(NamedTuple):
    """A text in tokens."""

    ids: list[int]
    ends: list[int]
    """End offset of each token in characters, never falling; the last is the length of the text."""


class Span(NamedTuple):
    """Tokens whose log-probabilities are asked for."""

    context: Sequence[int]
    """What stands before them; at least one token, for the first token's sake."""
    tokens: Sequence[int]
    room: int
    """How many of `tokens` the model sees at once, the context aside (see `room`)."""


def encode(lm: CausalLM, texts: Sequence[str]) -> list[Tokens]:
    """The texts in the model's tokens. Special tokens spelled out in a
    text are text; a lone surrogate counts as U+FFFD.
    """
    if not texts:
        return []
    clean = [LONE_SURROGATE.sub("\ufffd", text) for text in texts]
    encoded = lm.tokenizer(
        clean,
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
        verbose=False,
    )
    rows = zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    return [
        Tokens(ids, _ends([end for _, end in offsets], len(text))) for text, ids, offsets in rows
    ]


def start_ids(lm: CausalLM) -> list[int]:
    """The token a bare text begins with: BOS, or the
    end-of-text token where there is no BOS (as GPT-2 does).
    """
    first = lm.tokenizer.bos_token_id
    first = lm.tokenizer.eos_token_id if first is None else first
    if first is None:
        raise CotpressError(
            f"model {lm.name} has neither a BOS nor an EOS token to begin a "
            "bare text with: give it a context."
        )
    return [int(first)]


def room(lm: CausalLM, contexts: Sequence[Sequence[int]], n: int) -> int:
    """How many of `n` tokens fit beside the longest of `contexts`, so that all of them are scored
    in the same windows.

    0: the text needs windows, but the contexts leave less than a quarter of the model's length for
    them.
    """
    limit = _context(lm)
    if limit is None:
        return n
    left: int = limit - max(map(len, contexts), default=0)
    return n if n <= left else left if left >= limit // 4 else 0


def at_once(model: Any) -> int:
    """Characters of text that such a model reads in about `AT_ONCE` seconds, at three a token.

    By its size and device alone, so that another run takes the same texts together.
    """
    operations = 2 * max(1, model.num_parameters(exclude_embeddings=True))
    return int(3 * AT_ONCE * SPEED.get(model.device.type, SPEED["cuda"]) / operations)


def endless(lm: CausalLM, n: int) -> bool:
    """Whether `n` tokens are more than `LONGEST` times the model's context."""
    limit = _context(lm)
    return limit is not None and n > LONGEST * limit


def windows(n: int, room: int) -> list[tuple[int, int, int]]:
    """`(start, stop, first)` of windows over `n` tokens: each holds `[start, stop)` and scores
    `[first, stop)`.

    They overlap by half or more, and each token is scored once, where it has the most left context
    (CTS specification, section 17, row 10).
    """
    result = [(0, min(n, room), 0)]
    while (done := result[-1][1]) < n:
        start = min(result[-1][0] + max(1, room // 2), n - room)
        result.append((start, start + room, done))
    return result


@torch.inference_mode()
def log_probs(lm: CausalLM, spans: Sequence[Span], *, batch_tokens: int = 0) -> list[Tensor]:
    """Natural log-probabilities, float32 on the CPU, one per token of each span, in the order of
    the spans.

    `batch_tokens` is how many tokens run together (0: what suits the device); the values do not
    depend on it. Where the memory of a GPU ends, smaller batches go on. `CotpressError` where a
    text does not fit alone, or the model's logits are not its head's output, or are not numbers.
    """
    rows = [row for i, span in enumerate(spans) for row in _rows(i, span)]
    result = [torch.empty(len(span.tokens)) for span in spans]
    if not rows:
        return result
    _check_head(lm, rows[0].ids[:4])
    limit = batch_tokens or batch_size(lm.torch_model.device)
    runner = Runner(lm.torch_model, rows, limit)
    for batch, found in in_memory(rows, limit, batches, partial(_run, runner), cost, CURE):
        for row, values in zip(batch, found, strict=True):
            result[row.span][row.at : row.at + len(values)] = values
    if not all(bool(values.isfinite().all()) for values in result):
        raise CotpressError(
            f"model {lm.name} gives log-probabilities that are not "
            "finite: load it in bfloat16 or float32."
        )
    return result


def _context(lm: CausalLM) -> int | None:
    """How many tokens the model sees at once, where its configuration says so."""
    return getattr(lm.torch_model.config.get_text_config(), "max_position_embeddings", None)


def _rows(i: int, span: Span) -> Iterator[Row]:
    """The windows of a span, as the model gets them."""
    if not span.tokens:
        return
    context = list(span.context)
    for start, stop, first in windows(len(span.tokens), span.room):
        yield Row(context + list(span.tokens[start:stop]), len(context) + first - start, i, first)


def _run(runner: Runner, batch: Sequence[Row]) -> Sequence[Tensor]:
    """The log-probabilities of each row's asked tokens."""
    asked = torch.cat(list(runner.hidden(batch)))  # (R, H)
    targets = torch.tensor([token for row in batch for token in row.ids[row.first :]])
    values = [
        _of_targets(_logits(runner.model, asked[i : i + ROWS]), targets[i : i + ROWS])
        for i in range(0, len(asked), ROWS)
    ]
    return torch.split_with_sizes(
        torch.cat(values).cpu(), [len(row.ids) - row.first for row in batch]
    )


def _of_targets(logits: Tensor, targets: Tensor) -> Tensor:
    """Log-probability (R,) of `targets` (R,), in nats; overwrites `logits` (R, V); exact near p = 1
    too.

    There `logit - logsumexp` is the rounding of float32 (2e-6 for logits near 16), and with a model
    that is sure of its words such noise would order them. Against the sum of all others, -ln p =
    ln(1 + e^(ln Σ_others - logit)).
    """
    index = targets.to(logits.device)[:, None]
    chosen = logits.gather(-1, index)[:, 0]
    others = logits.scatter_(-1, index, -torch.inf).logsumexp(-1)
    return -torch.nn.functional.softplus(others - chosen)


def _logits(model: Any, hidden: Tensor) -> Tensor:
    """Logits (R, V) in float32: in half precision they would be
    rounded to steps of 1/8, more than most CTS scores.
    """
    head = model.get_output_embeddings()
    hidden = hidden.to(head.weight.device)
    logits = _product(hidden, head.weight)
    if head.bias is not None:
        logits += head.bias
    cap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    return logits if not cap else cap * torch.tanh(logits / cap)


def _product(hidden: Tensor, weight: Tensor) -> Tensor:
    """`hidden` (R, H) times `weight` (V, H), summed and given in float32."""
    if weight.dtype == torch.float32:
        return hidden.float() @ weight.t()
    if weight.is_cuda:
        try:
            return torch.mm(hidden, weight.t(), out_dtype=torch.float32)
        except (RuntimeError, TypeError) as error:  # a build or a card that cannot
            if isinstance(error, torch.OutOfMemoryError):
                raise
    # part by part: the whole matrix in float32 would be twice the head
    parts = torch.split_with_sizes(weight, _sizes(len(weight), PART))
    return torch.cat([hidden.float() @ part.float().t() for part in parts], dim=1)


def _sizes(n: int, most: int) -> list[int]:
    """`n` in pieces of `most`, the last as long as what is left."""
    return [min(most, n - start) for start in range(0, n, most)]


def _check_head(lm: CausalLM, ids: Sequence[int]) -> None:
    """Refuse a model that does more to its logits than
    `_logits` does: scales them, say. A few tokens tell.
    """
    model = lm.torch_model
    probe = torch.tensor([list(ids)], device=model.device)
    theirs = model(input_ids=probe, use_cache=False).logits[0].float()
    ours = _logits(
        model, model.get_decoder()(input_ids=probe, use_cache=False).last_hidden_state[0]
    )
    if ours.shape != theirs.shape or (ours - theirs).abs().max() > 0.02 * theirs.abs().max():
        raise CotpressError(
            f"model {lm.name} ({model.config.model_type}) changes the logits "
            "after its head, which is not known here: "
            "score with a model of the Llama, Qwen, Mistral or Gemma kind."
        )


def _ends(ends: Sequence[int], length: int) -> list[int]:
    """`ends`, made never to fall and to reach the end of the
    text: some tokenizers leave out white space.
    """
    rising = list(accumulate(ends, max))
    return [*rising[:-1], length] if rising else []
