"""The user's own traces, read and counted as `import` would split them; nothing is written."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec

from cotpress import inputs
from cotpress.errors import CotpressError
from cotpress.models import Model
from cotpress.pipeline.importing import (
    HEAD,
    Columns,
    count_words,
    find_columns,
    import_traces,
    is_own,
    own_traces,
)
from cotpress.pipeline.importing.parts import Parts, held_out_path
from cotpress.plugins import parse_spec
from cotpress.prompts import BOXED
from cotpress.records import Problem, Trace
from cotpress.walks import Step

SAMPLE = 256
"""Traces whose tokens are counted."""


@dataclass
class Given:
    """What the files of a walk's first steps will hold."""

    problems: dict[str, list[Problem]] = field(default_factory=dict)
    """By path: the problems of a file of traces, each once."""
    n_traces: dict[Path, int] = field(default_factory=dict)
    sample: list[Trace] = field(default_factory=list)
    """The first of the traces that are taught."""

    @staticmethod
    def of(steps: Sequence[Step]) -> "Given":
        """Of all the steps that import; `CotpressError` where nothing is left to teach."""
        found = Given()
        for step in steps:
            if step.verb == "import_":
                found._read(step)
        return found

    def _read(self, step: Step) -> None:
        how = step.options
        parts = Parts(how["holdout"], how["holdout_seed"], how["skip"], how["limit"])
        traces = list(_traces([str(one) for one in step.given]))
        taught = list(parts.taught(traces, Counter()))
        if not taught:
            raise CotpressError(
                f"{', '.join(map(str, step.given))}: no trace is left to teach, of {len(traces)}: "
                "hold out less, or look with `cotpress import` what is left out and why."
            )
        self.n_traces[how["out"]] = len(taught)
        self.problems[str(how["out"])] = _once(taught)
        if parts.share:
            held = _once(parts.held_out(traces, Counter()))
            self.problems[str(held_out_path(how["out"]))] = held
        self.sample = self.sample or taught[:SAMPLE]

    def known(self, options: Mapping[str, Any]) -> list[Problem] | None:
        """The problems that a verb with these options takes; None where its task reads no file of
        these.
        """
        here = self.problems.get(parse_spec(options["task"]).target)
        if here is None:
            return None
        skip, limit = options.get("skip") or 0, options.get("limit")
        return here[skip : None if limit is None else skip + limit]

    def lengths(self, model: Model) -> tuple[float, float, float]:
        """(tokens of an answer on average, of the longest, bytes of a trace in a file)."""
        ends = model.token_ends([f"{one.reasoning}\n{one.conclusion}" for one in self.sample])
        n = [len(one) for one in ends]
        return mean(n), max(n), mean(len(msgspec.json.encode(one)) for one in self.sample)


def _traces(source: Sequence[str]) -> Iterator[Trace]:
    rows = (row.values for row in inputs.Several(tuple(inputs.sources(list(source)))).rows())
    head = list(islice(rows, HEAD))
    if head and is_own(head[0]):
        return own_traces(chain(head, rows), Counter())
    return import_traces(
        chain(head, rows),
        find_columns(head, Columns()),
        count=count_words,
        task="import",
        model="import",
        instruction=BOXED,
    )


def _once(traces: Iterator[Trace] | Sequence[Trace]) -> list[Problem]:
    return list({trace.problem.id: trace.problem for trace in traces}.values())
