"""Traces that cotpress wrote itself come in as they are."""

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from cotpress.errors import CotpressError
from cotpress.kinds import kind_of
from cotpress.pipeline.importing.values import Row
from cotpress.records import Trace


def is_own(row: Row) -> bool:
    """Whether a row is a trace as `import`, `generate`, `grade` and `select` write them."""
    kind = kind_of(row)
    return kind is not None and kind.record == "Trace"


def own_trace(row: Row) -> Trace:
    """The trace that a row is; `CotpressError` for one that is none."""
    try:
        return msgspec.convert(row, Trace)
    except msgspec.ValidationError as error:
        raise CotpressError(
            f"a row beside traces of cotpress is none ({error}): keep such rows in a file of "
            "their own."
        ) from error


def own_traces(rows: Iterable[Row], dropped: Counter[str]) -> Iterator[Trace]:
    """The traces in `rows`, each once."""
    seen = set()
    for row in rows:
        trace = own_trace(row)
        if trace.key in seen:
            dropped["the same trace twice"] += 1
        else:
            seen.add(trace.key)
            yield trace
