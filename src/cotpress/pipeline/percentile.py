"""LLMLingua-2's released rule for what a cut keeps, of a trace that carries a `Percentile` (from
`llmlingua2:…,compat=released`; TokenSkip specification, section 3.2, step 6 and quirk Q2).
"""

import numpy as np

from cotpress.pipeline.segmenting import Segments


def above_percentile(parts: Segments, ratio: float) -> list[int]:
    """LLMLingua-2's released rule: per chunk, scores strictly
    above the percentile `int(100 * (1 - ratio) + 1)`.
    """
    rule = parts.percentile
    assert rule is not None, "only a trace that carries its Percentile is cut by it"
    if ratio == 1.0:
        return list(range(len(parts.ends)))
    # as the release: a threshold between two scores rounds
    importance = np.asarray(parts.importance, dtype=np.float32)
    kept: list[int] = []
    for start, end in zip([0, *rule.chunk_ends], rule.chunk_ends, strict=False):
        spread = np.repeat(importance[start:end], rule.weights[start:end])
        if not spread.size:
            continue
        threshold = np.percentile(spread, int(100 * (1 - ratio) + 1))
        part = importance[start:end]
        keep = (part > threshold) | ((threshold == 1.0) & (part == threshold))
        kept += (start + np.flatnonzero(keep)).tolist()
    return kept
