"""The user's own rows -> `Trace`: which column holds what, and how a completion that others wrote
is taken apart.

`columns` guesses by names and values where things stand, `chats` reads the turns of a chat,
`replies` the shapes of a reply, `apart` takes one apart, `references` and `verdicts` read what the
data set says of it, and `traces` puts all this together. docs/import.md has a row for each known
layout.

A reasoning column is gold: it is taken as it is, and without a conclusion of its own it gets one
made from the reference answer. A completion is what a model wrote: it is split, and its conclusion
stays its own, right or wrong. A row that cannot be used is left out and counted with its reason;
what is changed or not known is counted too.
"""

from cotpress.pipeline.importing.columns import HEAD, Columns, find_columns
from cotpress.pipeline.importing.own import is_own, own_trace, own_traces
from cotpress.pipeline.importing.references import CALCULATOR
from cotpress.pipeline.importing.traces import import_traces, read_problem
from cotpress.pipeline.importing.values import Row, Unusable, count_words

__all__ = [
    "CALCULATOR",
    "HEAD",
    "Columns",
    "Row",
    "Unusable",
    "count_words",
    "find_columns",
    "import_traces",
    "is_own",
    "own_trace",
    "own_traces",
    "read_problem",
]
