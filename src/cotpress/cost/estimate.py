"""What each step of a walk takes, from how fast its model was seen to be and how large it is.

Rules of thumb, each a constant here: a control of the evaluation only concludes; training costs as
many forward passes as it must (two more for all weights, one for an adapter, one where activations
are computed twice). What the rules do not know, such as how long the taught model's answers are, is
taken as asked for.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from cotpress import methods, plugins
from cotpress.cost.rates import Rates
from cotpress.cost.shape import Shape
from cotpress.training.options import TrainOptions
from cotpress.walks import Step

ROWS = 128
"""Answers in a batch at most."""

CONCLUDES = 0.3
"""Of an answer's time, what a control takes that only concludes."""

READERS = {"llmlingua2": 560e6, "random": 0.0, "unigram": 0.0}
"""Parameters of the scorers that have a model of their own, or none."""

PASSES = {"cts": 2}
"""Forward passes of a scorer, where it is not one."""

SCORED_BYTES, CUT_SHARE, EXAMPLE_SHARE = 26, 0.55, 1.2
"""Bytes of a score; a cut and an example in a file, as a share of a trace."""

SECONDS = {
    "import": 0.0005,
    "grade": 0.001,
    "select": 0.0005,
    "compress": 0.001,
    "build": 0.0005,
    "mix": 0.002,
}
"""Seconds of a record in the verbs that ask no model."""

BUDGETS = 3
"""At how many budgets a model that was taught them is judged, where none is named."""

PAGE_SECONDS, PAGE_BYTES = 3.0, 5e6
"""The report."""


class Line(NamedTuple):
    """One step of the estimate."""

    verb: str
    what: str
    model: str = ""
    tokens: float = 0.0
    """Written, or read."""
    seconds: float | None = 0.0
    """None: no rule for it."""
    memory: float = 0.0
    """Bytes on one device, the largest part at once; 0: next to none."""
    disk: float = 0.0
    """Bytes."""


@dataclass(frozen=True)
class Device:
    """Where the models run."""

    size: int = 4
    """Bytes of a number: 2 on a GPU that has bfloat16."""
    room: float = 2**30
    """Bytes that keys and values of a batch may take."""
    checkpointing: bool = False
    """Whether activations are computed twice: on a GPU."""
    cards: int = 1
    """GPUs, over which `--processes` are spread; processes on one CPU share its cores."""


class Estimate:
    """Goes through the steps of a walk, with how many records each file has."""

    def __init__(
        self,
        rates: Rates,
        shape_of: Callable[[str], Shape | None],
        n_of: Callable[[Mapping[str, Any]], int],
        device: Device | None = None,
        own: Shape | None = None,
        given: Rates | None = None,
    ) -> None:
        self.rates, self.shape_of, self.n_of = rates, shape_of, n_of
        self.taught = given or rates
        """With the lengths of what is taught: the user's own traces, or what the model answers."""
        self.own = own
        """That of the model whose rates were measured."""
        self.samples = 1
        """Answers to each problem."""
        self.device = device or Device()
        self.records: dict[Path | str, int] = {}
        self.shares: dict[Path | str, float] = {}
        """How long the reasonings in a file are, as a share of the whole ones."""
        self.ratios: list[float] = [1.0]
        self.control = "ratio"
        """What is taught, and what its prompts ask for."""

    def lines(self, steps: Iterable[Step]) -> list[Line]:
        """One line for each step."""
        return [self._line(step) for step in steps]

    def _line(self, step: Step) -> Line:
        known = getattr(self, f"_{step.verb}", None)
        if known is None:
            if step.given and "out" in step.options:
                self.records[step.options["out"]] = self.records.get(step.given[0], 0)
            return Line(step.verb, "", seconds=None)
        line: Line = known(step)
        return line

    def _import_(self, step: Step) -> Line:
        n = self.records[step.options["out"]] = self.n_of(step.options)
        seconds, disk = n * SECONDS["import"], n * self.taught.line
        return Line("import", f"{n} traces", seconds=seconds, disk=disk)

    def _generate(self, step: Step) -> Line:
        rates, options = self.rates, step.options
        self.taught, self.samples = rates, options.get("samples") or 1
        n = self.n_of(options) * self.samples
        self.records[options["out"]] = n
        if options["model"] == "gold":
            return Line("generate", f"{n} worked answers", "gold", disk=n * rates.line)
        rows, memory = self._rows(options["model"], n)
        return Line(
            "generate",
            f"{n} answers",
            options["model"],
            n * rates.written,
            rates.answers(n, rows) / self._workers(step),
            memory,
            n * rates.line,
        )

    def _workers(self, step: Step) -> int:
        """Processes that work at once, each on a card of its own."""
        processes: int = step.options.get("processes", 1)
        return min(processes, self.device.cards)

    def _rows(self, model: str, n: int) -> tuple[int, float]:
        """(answers in a batch, bytes that they take with the model): memory holds tokens in use."""
        shape = self.shape_of(model)
        if shape is None:
            return min(ROWS, n), 0.0
        length = int(self.rates.prompt + self.rates.written)
        weights = shape.answering(0, length, self.device.size)
        row = shape.answering(1, length, self.device.size) - weights
        rows = max(1, min(ROWS, n, int(self.device.room / row)))
        return rows, weights + rows * row

    def _passed(self, step: Step, share: float, what: str) -> Line:
        """A verb that asks no model and writes `share` times the bytes of a trace."""
        n = self.records.get(step.given[0], 0)
        self.records[step.options["out"]] = n
        self.shares.setdefault(step.options["out"], self.shares.get(step.given[0], 1.0))
        return Line(
            step.verb,
            f"{n} {what}",
            seconds=n * SECONDS[step.verb],
            disk=n * share * self.taught.line,
        )

    def _grade(self, step: Step) -> Line:
        return self._passed(step, 1.04, "answers")

    def _select(self, step: Step) -> Line:
        n, each = self.records[step.given[0]], step.options.get("per_problem") or 1
        chosen = self.records[step.options["out"]] = min(n, n // self.samples * each)
        seconds, disk = n * SECONDS["select"], chosen * self.taught.line
        return Line("select", f"{chosen} of {n} answers", seconds=seconds, disk=disk)

    def _score(self, step: Step) -> Line:
        n, rates = self.records[step.given[0]], self.taught
        self.records[step.options["out"]] = n
        spec = plugins.parse_spec(step.options["scorer"])
        passes, cost = PASSES.get(spec.name, 1), self._relative(spec)
        tokens = n * passes * (rates.prompt + rates.written)
        shape = self.shape_of(spec.target)
        return Line(
            "score",
            f"{n} traces",
            str(spec),
            tokens if cost else 0.0,
            tokens * rates.per_read * cost / self._workers(step),
            shape.reading(int(rates.prompt + rates.longest), self.device.size) if shape else 0.0,
            n * (rates.line + SCORED_BYTES * rates.written),
        )

    def _relative(self, scorer: plugins.Spec) -> float:
        """How much a scorer reads for a token, in units of the walk's own model."""
        own = self.own.parameters if self.own else 0
        if scorer.name in READERS:
            return READERS[scorer.name] / own if own else float(READERS[scorer.name] > 0)
        shape = self.shape_of(scorer.target)
        return shape.parameters / own if shape and own else 1.0

    def _compress(self, step: Step) -> Line:
        ratios = step.options.get("ratios") or [1.0]
        self.shares[step.options["out"]] = mean([*ratios, 1.0] if 1.0 not in ratios else ratios)
        if step.options.get("ratios"):
            self.ratios = [*ratios] if 1.0 in ratios else [1.0, *ratios]
        what = f"traces at {len(ratios)} ratios" if len(ratios) > 1 else "traces at one ratio each"
        line = self._passed(step, 1 + CUT_SHARE * sum(ratios), what)
        return line._replace(seconds=(line.seconds or 0.0) * len(ratios))

    def _verify(self, step: Step) -> Line:
        n, rates = self.records[step.given[0]], self.taught
        self.records[step.options["out"]] = n
        self.shares[step.options["out"]] = self.shares.get(step.given[0], 1.0)
        tokens = 3 * n * (rates.prompt + rates.written)
        return Line(
            "verify",
            f"{n} traces",
            step.options["reference"],
            tokens,
            tokens * rates.per_read / self._workers(step),
            disk=3 * n * rates.line,
        )

    def _mix(self, step: Step) -> Line:
        epochs = step.options.get("epochs", 1)
        line = self._passed(step, 1 + CUT_SHARE * epochs, f"traces, {epochs} times")
        self.records[step.options["out"]] *= epochs
        return line

    def _build(self, step: Step) -> Line:
        self.control = step.options.get("control", "ratio")
        return self._passed(step, EXAMPLE_SHARE, "examples")

    def _train(self, step: Step) -> Line:
        options = step.options.get("options") or TrainOptions()
        n, rates, device = self.records[step.given[0]], self.taught, self.device
        full, share = options.method == "full", self.shares.get(step.given[0], 1.0)
        steps = options.max_steps or math.ceil(options.epochs * math.ceil(n / options.batch))
        length = rates.prompt + rates.written * share
        tokens = min(steps * options.batch, options.epochs * n if not options.max_steps else 1e18)
        tokens *= length
        again = device.checkpointing and options.gradient_checkpointing
        passes = (3 if full else 2) + again
        shape = self.shape_of(step.options["model"])
        memory = disk = 0.0
        if shape:
            longest = int(rates.prompt + rates.longest)
            micro, _ = options.per_process(1, longest)
            memory = shape.training(
                micro * longest,
                device.size,
                full=full,
                rank=options.lora_rank,
                four_bits=options.quantize == "4bit",
                checkpointing=again,
            )
            # what is kept, and two checkpoints with the optimiser's moments while it lasts
            trained = shape.parameters if full else shape.adapter(options.lora_rank)
            disk = trained * (device.size if full else 4) + 2 * 12 * trained
        return Line(
            "train",
            f"{steps} steps, {'all weights' if full else 'an adapter'}",
            step.options["model"],
            tokens,
            tokens * passes * rates.per_read,
            memory,
            disk,
        )

    def _evaluate(self, step: Step) -> Line:
        options, rates = step.options, self.rates
        n = self.n_of({"split": "test", **options})
        asked = self._asked(options)
        latents = options.get("latents") or []
        shares = [*asked, *(1.0 for _ in latents)]
        if options.get("corrupt_codes"):
            shares.append(CONCLUDES)
        if options.get("original") != "none":
            shares.append(1.0)
        for name in options.get("baseline") or []:
            kind = methods.method(name).kind
            if kind == "control":
                shares += [CONCLUDES for share in asked if share < 1]
            else:
                shares += [1.0] * (
                    len(options.get("ratios") or ()) if name == methods.LC_PROMPT else 1
                )
        rows, memory = self._rows(options["model"], n)
        if not memory:
            rows, memory = self._rows(options.get("original", ""), n)
        seconds = sum(rates.answers(n, rows, share) for share in shares) / self._workers(step)
        return Line(
            "eval",
            f"{n} problems, {len(shares)} settings",
            options["model"],
            sum(shares) * n * rates.written,
            seconds,
            memory,
            sum(shares) * n * rates.line,
        )

    def _asked(self, options: Mapping[str, Any]) -> list[float]:
        """How long answers are at each ratio and budget, as a share of whole ones: at a budget as
        long as what is taught is in the mean.
        """
        ratios, n_budgets = options.get("ratios") or [], len(options.get("budgets") or ())
        if not ratios and not n_budgets:  # as it was taught
            ratios = [] if self.control == "budget" else self.ratios
            n_budgets = 0 if self.control == "ratio" else BUDGETS
        return [*ratios, *n_budgets * [mean(self.ratios)]]

    def _report(self, step: Step) -> Line:
        return Line("report", "one page", seconds=PAGE_SECONDS, disk=PAGE_BYTES)
