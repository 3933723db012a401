"""What `import` makes of rows, for its tests: traces, what was left out, what was said."""

from collections import Counter
from typing import Any

from cotpress.pipeline.importing import Columns, find_columns, import_traces
from cotpress.prompts import BOXED
from cotpress.records import Trace

Q = "A crate holds 6 bags of 7 pears each. How many pears?"
T = "There are 6 bags and each bag has 7 pears, so we multiply. 6*7 = 42. That agrees with 7*6."
A = "The crate holds \\boxed{42} pears."
R1 = f"<think>\n{T}\n</think>\n\n{A}"
ASKED = {"role": "user", "content": Q}


def imported(
    *rows: dict[str, Any], instruction: str = BOXED, **named: Any
) -> tuple[list[Trace], Counter[str], Counter[str]]:
    """Traces, counts of what was left out, notes; lengths in words between blanks."""
    dropped: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    columns = find_columns(rows, Columns(**named))
    found = import_traces(
        rows,
        columns,
        count=lambda text: len(text.split()),
        instruction=instruction,
        dropped=dropped,
        noted=notes,
    )
    return list(found), dropped, notes


def only(*rows: dict[str, Any], **named: Any) -> Trace:
    """The one trace of rows of which none is left out."""
    found, dropped, _ = imported(*rows, **named)
    assert not dropped
    assert len(found) == 1
    return found[0]
