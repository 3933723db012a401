"""Connective words behind a reasoning that was cut off, so that it leads to its conclusion instead
of breaking off.

ThinkDial (arXiv 2508.18773) trains on truncated reasoning with such words before `</think>`. They
stand at the end of the reasoning, before its closing mark, and only where its end was dropped.
"""

from collections.abc import Iterable, Iterator

import msgspec

from cotpress.records import CompressedTrace, Cut


def connected(compressed: Iterable[CompressedTrace], words: str) -> Iterator[CompressedTrace]:
    """Each trace with `words` behind every cut that lost the end of its reasoning; `kept` and
    `n_tokens` still count what was kept of it, not the words.

    The cuts must be beginnings of the reasoning, as scores of `prefix` and `earliest` give them.
    """
    for one in compressed:
        cuts = [_joined(cut, one.trace.reasoning, words) for cut in one.cuts]
        yield msgspec.structs.replace(one, cuts=cuts, connect=words)


def _joined(cut: Cut, whole: str, words: str) -> Cut:
    """The cut with the words, a blank between them where neither side has white space."""
    kept = cut.reasoning
    if not whole[len(kept) :].strip():
        return cut
    apart = not kept or kept[-1].isspace() or words[:1].isspace()
    return msgspec.structs.replace(cut, reasoning=kept + ("" if apart else " ") + words)
