"""`cotpress run METHOD`: the verbs of a walk, one after the
other. Every verb resumes, so a run does.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cotpress import models, plugins, tasks
from cotpress.backends import answers_on_vllm, end_engines, on_transformers
from cotpress.cost import table
from cotpress.cost.estimate import Device, Estimate, Line
from cotpress.cost.given import Given
from cotpress.cost.rates import H100, SEVERAL, measure, on_engine
from cotpress.cost.reading import reader, shape_of
from cotpress.cost.shape import Shape
from cotpress.shown import shown
from cotpress.verbs.common import PLAIN_WIDTH, say
from cotpress.walks import Step


def run(steps: Iterable[Step], *, began: Callable[[], None] = lambda: None) -> None:
    """Run each step's verb, and say where the page is that the last one wrote; `began` is called
    once all is checked and the first step is done.
    """
    page: Path | None = None
    for n, step in enumerate(steps):
        getattr(import_module(f"cotpress.verbs.{step.verb}"), step.verb)(
            *step.given, **step.options
        )
        end_engines()  # a training needs the memory
        page = step.options["out"] if step.verb == "report" else None
        if not n:
            began()
    if page:
        say(f"run: open {page}")


def dry_run(steps: Iterable[Step]) -> None:
    """Print what each step would take; writes nothing."""
    lines = estimated(list(steps))
    listed = Table(*table.HEAD, box=None, pad_edge=False)
    for line in [*lines, table.total(lines)]:
        listed.add_row(*(Text(shown(cell)) for cell in table.cells(line)))
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    console.print(listed)
    say(
        "run: nothing was done. Times are of this machine as busy as it is now; what is not known "
        "before training, such as how long the taught model answers, is taken as asked for."
    )


def estimated(
    steps: list[Step],
    clock: Callable[[], float] = time.perf_counter,
    loaded: Callable[[], float] = time.process_time,
) -> list[Line]:
    """A line for each step, and one for what is loaded; of own traces, their files are read.

    `loaded`: seconds since this process began, once all is loaded.
    """
    given = Given.of(steps)
    judged = next(step for step in steps if step.verb == "evaluate")
    asked = judged if given.n_traces else next(step for step in steps if step.verb == "generate")
    gold = asked.options["model"] == "gold"
    spec = str(judged.options["original"] if gold or given.n_traces else asked.options["model"])
    on_vllm = answers_on_vllm(spec, asked.options["backend"])
    spec = on_transformers(spec)
    model = models.load(spec)
    read = reader(model)
    if any(step.verb == "train" for step in steps):
        plugins.require("trl", "cotpress run")
        import_module("cotpress.training.sft")
    loading = loaded()
    problems = given.known(asked.options) or _problems(asked.options)
    max_tokens = asked.options["max_tokens"] or tasks.load(asked.options["task"]).max_tokens
    rates = measure(problems[:SEVERAL], model, max_tokens, read=read, clock=clock)
    own = shape_of(spec)
    say(
        f"run: measured {min(SEVERAL, len(problems))} answers of {spec} in {rates.seconds:.1f} s: "
        f"{rates.written:.0f} tokens each, {1 / (rates.per_step + rates.per_token):.0f} tokens/s "
        "alone"
    )
    if on_vllm and own:
        rates = on_engine(rates, own, H100)
        say(
            "run: vLLM answers in the run, whose rate is not measured: answers are taken at that "
            f"of one {H100.name} as docs/hardware.md computes it, all else as measured here"
        )

    def shape(name: str) -> Shape | None:
        return shape_of(name) or own

    def n_of(how: Mapping[str, Any]) -> int:
        if "task" not in how:
            return given.n_traces[how["out"]]
        return len(given.known(how) or _problems(how))

    taught = rates
    if given.sample:
        written, longest, line = given.lengths(model)
        taught = replace(rates, written=written, longest=longest, line=line)
        say(f"run: your traces have {written:.0f} tokens each, {longest:.0f} at most")
    estimate = Estimate(rates, shape, n_of, _device(own), own, taught)
    return [Line("load", "libraries and models", spec, seconds=loading), *estimate.lines(steps)]


def _problems(how: Mapping[str, Any]) -> list[Any]:
    return tasks.take(
        tasks.load(how["task"]), how.get("split", "test"), how.get("limit"), how.get("skip") or 0
    )


def _device(own: Shape | None) -> Device:
    """Where models run here."""
    import torch

    from cotpress.lm import devices  # loads torch

    if not devices.usual().startswith("cuda"):
        return Device()
    size = 2 if torch.cuda.is_bf16_supported() else 4
    free = torch.cuda.mem_get_info()[0]
    return Device(size, free / 2, checkpointing=True, cards=torch.cuda.device_count())
