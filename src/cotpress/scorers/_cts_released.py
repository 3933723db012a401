"""Which tokens the published CTS recipe keeps: LLMLingua's segment loop with its shift by one.
Pure; no model.

CTS specification, section 6.1, rules 1 to 6, from `PromptCompressor.iterative_compress_prompt` of
llmlingua 0.2.2 as the CTS release calls it. Here to compare with published numbers; its defects are
the point: token j is kept for the score of token j+1, the condition's length raises the rate, texts
under about 1,800 tokens and the rest after the last whole segment stay whole, and later segments
are scored after what was left of the earlier ones. Two things differ. A text of about 600 to 900
tokens stays whole as rule 5 says, while the library thins its beginning by a negative slice; and
the recipe's cut at 5,000 tokens is left out, because nothing is cut silently here.
"""

from collections.abc import Callable, Sequence

SEGMENT = 1800
"""Tokens of a segment (`iterative_size` of the release)."""


def rate(n: int, n_condition: int, ratio: float) -> float:
    """The rate every segment is cut at (rule 1): the condition's tokens
    count in the budget but not among the tokens cut.
    """
    return max(0.0, min(1.0, ratio * (n_condition + n) / (n + 3)))


def released_kept(
    n: int,
    n_condition: int,
    ratio: float,
    score: Callable[[Sequence[int]], Sequence[float]],
    *,
    size: int = SEGMENT,
) -> list[int]:
    """Indices, rising, of the kept ones among `n` tokens after a condition of `n_condition` tokens.

    `score(indices)` gives the score of each of the tokens `indices` when they alone stand there, in
    order; the first one's is not used. Asked once for the whole text and then once per segment.
    """
    tau = rate(n, n_condition, ratio)
    kept = list(range(n))
    if n_condition + n < size or tau == 1.0:
        return kept  # rules 5 and 3
    own = list(score(kept))
    begin, end = 0, _first_end(n, size)
    while end <= len(kept):
        bar = _threshold(own[1:], tau)
        # rule 4: the next token's score
        stays = [i for i in range(begin, end) if i + 1 == len(kept) or own[i + 1] > bar]
        own = own[:begin] + [own[i] for i in stays] + own[end:]
        kept = kept[:begin] + [kept[i] for i in stays] + kept[end:]
        begin += len(stays)
        end = begin + size
        if end <= len(kept):
            own[:end] = score(kept[:end])
    return kept


def _first_end(n: int, size: int) -> int:
    """Where the first segment ends: one token early, and
    earlier still in a text shorter than a segment.
    """
    if n + 3 >= size:
        return min(n, size) - 1
    return max(0, 2 * n + 2 - size)


def _threshold(pool: Sequence[float], tau: float) -> float:
    """The score that a kept one must exceed (rule 3): the
    `int(tau * m)`-th largest of the pool of `m`.
    """
    ranked = sorted(pool, reverse=True)
    return ranked[max(0, min(len(ranked) - 1, int(len(ranked) * tau) - 1))]
