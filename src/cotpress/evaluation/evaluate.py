"""`Problem -> graded Trace` for a model at each ratio and budget, for the untouched model and the
baselines.

The order is the untouched model first, then the method at each ratio and at each budget that it is
asked for, then the controls, which need the actual ratio the method reached. Every setting is asked
each problem `samples` times; a control cuts each of the untouched model's answers. What the traces
say is for rows.py.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import msgspec

from cotpress.errors import CotpressError, UnknownName
from cotpress.evaluation import forced_latents
from cotpress.evaluation.asking import Asking
from cotpress.evaluation.baselines import BASELINES, CONTROLS
from cotpress.evaluation.problems import Group, Key, key_of, pairs, tokens
from cotpress.evaluation.rows import TOLERANCE
from cotpress.evaluation.setting import setting_of
from cotpress.evaluation.statistics import ratio_of_means
from cotpress.methods import BLEND, CORRUPTED, FORCED, ORIGINAL, check_taught
from cotpress.models import Model, Sampling
from cotpress.pipeline.budgets import PLAIN, Spending
from cotpress.pipeline.generate import Failed, answer_as_ready, unanswered
from cotpress.pipeline.segmenting import USUAL, Rules
from cotpress.prompts import check_ratio
from cotpress.records import NOTHING, Asked, Problem, Setting, Trace

NOTHING_TO_CORRUPT = f"{CORRUPTED}: the model's own answer holds no whole run of latent tokens"

Grade = Callable[[Iterable[Trace]], Iterator[Trace]]
"""Traces in, the same traces with grades out, in order."""


class Marks(NamedTuple):
    """What tells the arms of a task apart."""

    method: str
    asked: Asked
    latents: int | None = None
    """How many latent tokens are forced."""
    blend: float | None = None
    """The judged model's weight, where it is blended."""


def marks_of(trace: Trace) -> Marks:
    """The arm that a trace belongs to."""
    return Marks(trace.method, trace.asked, trace.latents, trace.blend)


@dataclass(frozen=True)
class Plan:
    """What is compared with what."""

    model: Model
    """The model that is judged."""
    ratios: Sequence[float]
    """Fractions of reasoning tokens that it is asked to keep."""
    method: str = ORIGINAL
    """How it was taught, as recorded with its answers."""
    original: Model | None = None
    """The untouched model; may be `model` itself. None: no
    reference, so neither `kept` nor baselines.
    """
    baselines: Sequence[str] = ()
    """Names of baselines and controls, all of which need `original`."""
    budgets: Sequence[int] = ()
    """Reasoning tokens that `budget-forcing` and `native-budget` may spend; empty: as many in the
    mean as the method at each ratio. A model that was taught budgets is asked for them, too.
    """
    taught_budgets: bool = False
    """Whether the method is asked for the budgets in its prompt."""
    sampling: Sampling = field(default_factory=Sampling)
    """How tokens are chosen, in all arms."""
    samples: int = 1
    """Answers a problem; more than one needs a temperature."""
    rules: Rules = USUAL
    """By which rules the method cuts: the control `random` is cut alike."""
    spending: Spending = PLAIN
    """How the method's cuts spend a ratio, and so do those of `random`."""
    marker: str = ""
    """Text with which the task's conclusions begin; empty: the general rules."""
    forced: Sequence[int] = ()
    """Numbers of latent tokens that the model is also made to write, one after the other."""
    corrupt: int = 0
    """Size of the codebook from which other codes are put in place of
    the model's own; 0: that control is left out.
    """
    weights: Sequence[float] = ()
    """Shares of `model` in blends with `original`, each of which is asked for each of `ratios`."""
    blended: Callable[[float], Model] | None = None
    """Makes the blend of a weight; called anew for each, so that one at a time is held."""

    def __post_init__(self) -> None:
        """Refuse ratios that are none, baselines there are not, baselines
        without the model they are asked of, and copies for samples.
        """
        for ratio in self.ratios:
            check_ratio(ratio)
        if self.method in BASELINES:
            check_taught(self.method)
        for name in self.baselines:
            if name not in BASELINES:
                raise UnknownName("baseline", name, BASELINES)
        if self.baselines and self.original is None:
            raise CotpressError(
                "baselines are asked of the untouched model: name it with --original MODEL."
            )
        if self.weights and (self.original is None or self.original is self.model):
            raise CotpressError(
                "--blend takes two models: judge one that was trained, beside the untouched one "
                "it came from (--original MODEL)."
            )
        if any(budget < 1 for budget in self.budgets):
            raise CotpressError("a budget of less than one token is none: choose 1 or more.")
        self._check_budgets()
        if self.samples > 1 and not self.sampling.temperature:
            raise CotpressError(
                f"{self.samples} samples at temperature 0 are copies of one answer: choose a "
                "--temperature, such as 0.6."
            )

    def _check_budgets(self) -> None:
        """Budgets belong to what takes them, and arms that do need them or a method beside."""
        taking = [name for name in self.baselines if BASELINES[name].each == "budget"]
        if self.budgets and not taking and not self.taught_budgets:
            raise CotpressError(
                f"model {self.model.name} was not taught budgets (build --control budget), so that "
                "--budgets is for the baselines budget-forcing and native-budget: name one."
            )
        if taking and not self.budgets and all(one.ratio == 1.0 for one in self.asked):
            raise CotpressError(
                f"baseline {taking[0]} needs --budgets, such as 128 256, or a model that is judged "
                "at ratios below 1."
            )

    @property
    def asked(self) -> list[Asked]:
        """What the method is asked for: ratios, without 1.0 where that is the very prompt of the
        reference, and budgets that are written in the prompt.
        """
        ratios = [
            Asked(ratio=ratio)
            for ratio in dict.fromkeys(self.ratios)
            if not (self.model is self.original and ratio == 1.0)
        ]
        budgets = dict.fromkeys(self.budgets if self.taught_budgets else ())
        return [*ratios, *(Asked(budget=budget) for budget in budgets)]

    @property
    def below(self) -> list[Asked]:
        """The ratios below 1 among them."""
        return [one for one in self.asked if one.ratio is not None and one.ratio < 1]

    @property
    def compared(self) -> list[tuple[str, Asked]]:
        """The baselines in order, each with what is asked for."""
        found = []
        for name in dict.fromkeys(self.baselines if self.original is not None else ()):
            if name not in CONTROLS:
                each = self.below if BASELINES[name].each == "ratio below 1" else [NOTHING]
            elif name in self.late:
                each = self.asked
            else:
                each = [Asked(budget=budget) for budget in self.budgets]
            found += [(name, one) for one in each]
        return found

    @property
    def late(self) -> list[str]:
        """The baselines that cut to the ratio which the method reached on all problems together."""
        return [
            name
            for name in dict.fromkeys(self.baselines)
            if name in CONTROLS and not (BASELINES[name].each == "budget" and self.budgets)
        ]

    @property
    def order(self) -> dict[Marks, int]:
        """The place of each arm among the others, by what is written on its traces."""
        first = self.asked[:1]
        found = [Marks(ORIGINAL, NOTHING)] if self.original is not None else []
        found += [Marks(self.method, one) for one in self.asked]
        found += [Marks(FORCED, one, latents=k) for k in self.forced for one in first]
        found += [Marks(CORRUPTED, one) for one in first if self.corrupt]
        found += [Marks(BLEND, one, blend=w) for w in self.weights for one in self.asked]
        found += [Marks(name, one) for name, one in self.compared]
        return {marks: n for n, marks in reversed([*enumerate(found)])}

    @property
    def n_arms(self) -> int:
        """How often every problem is asked for each sample, at most: controls
        that have nothing to cut are left out.
        """
        settings = len(self.asked)
        times = {
            "once": 1,
            "ratio below 1": len(self.below),
            "ratio reached": settings,
            "budget": len(self.budgets) or settings,
        }
        own = settings * (1 + len(self.weights)) + len(self.forced) + bool(self.corrupt)
        return (
            own
            + (self.original is not None)
            + sum(times[BASELINES[name].each] for name in set(self.baselines))
        )


class Arm(NamedTuple):
    """One setting, which every problem goes through, `samples` times."""

    model: Model
    method: str
    asked: Asked
    actual: float = 1.0
    """For the controls: the ratio to cut to."""
    latents: int | None = None
    """How many latent tokens are forced."""
    blend: float | None = None
    """The judged model's weight, where it is blended."""

    @property
    def setting(self) -> Setting:
        """What its traces are known by."""
        return Setting(model=self.model.name, **self.marks)

    @property
    def marks(self) -> dict[str, Any]:
        """What is written on its traces."""
        return {
            "method": self.method,
            "asked": self.asked,
            "latents": self.latents,
            "blend": self.blend,
        }


Sets = defaultdict[Setting, dict[Key, Trace]]
"""Graded traces by setting, and then by problem and sample."""

Todo = Sequence[tuple[Problem, int]]
"""Problems with the number of the sample that is wanted of each."""


def evaluate(
    problems: Iterable[Problem],
    plan: Plan,
    grade: Grade,
    *,
    done: Iterable[Trace] = (),
    dropped: Counter[str] | None = None,
    failed: Failed | None = None,
) -> Iterator[Trace]:
    """The graded traces of a plan that are not among `done`, arm by arm, those first in an arm
    that are answered first.

    A control at a ratio where the method itself keeps (nearly) everything has nothing to cut, and
    an answer without latent tokens has none to corrupt.

    Args:
        problems: What to ask, with different ids.
        plan: Models, ratios, budgets, baselines and sampling.
        grade: Traces in, the same traces with grades out, in order; such as `grade` with its
            `grader_of`.
        done: Traces of an earlier, interrupted evaluation under the same plan.
        dropped: Gets the number of answers that a control leaves out, by reason.
        failed: Called with the trace and the reason where a model cannot give one answer. It is
            left out, as are those of arms that begin from it. Default: the model raises.

    Yields:
        One graded `Trace` per problem, arm and sample, for `rows`, `plan` and `make_report`.

    Raises:
        CotpressError: Two problems have the same id, or a model cannot answer and `failed` is not
            given.
    """
    problems = _distinct(problems)
    dropped = Counter() if dropped is None else dropped
    sets: Sets = defaultdict(dict)
    for trace in done:
        sets[setting_of(trace)][key_of(trace)] = trace
    for arm in _arms(plan, sets, dropped):
        known = sets[arm.setting]
        if todo := _todo(arm, problems, plan, sets, dropped):
            told = failed and partial(_fail, failed, arm)
            answers = _answers(arm, todo, plan, sets, told)
            for trace in grade(msgspec.structs.replace(one, **arm.marks) for one in answers):
                known[key_of(trace)] = trace
                yield trace


def _fail(failed: Failed, arm: Arm, trace: Trace, reason: str) -> None:
    """Say that an arm's answer failed, under the key that it would have had."""
    failed(msgspec.structs.replace(trace, **arm.marks), reason)


def _todo(
    arm: Arm, problems: Sequence[Problem], plan: Plan, sets: Sets, dropped: Counter[str]
) -> Todo:
    """The answers that an arm has still to give."""
    known = sets[arm.setting]
    todo = [
        (problem, sample)
        for problem in problems
        for sample in range(plan.samples)
        if (problem.id, sample) not in known
    ]
    if arm.method in BASELINES and BASELINES[arm.method].cuts:
        return [(one, i) for one, i in todo if (one.id, i) in _base(plan, sets)]
    if arm.method != CORRUPTED:
        return todo
    own = _own(arm, plan, sets)
    todo = [(one, i) for one, i in todo if (one.id, i) in own]
    usable = [(one, i) for one, i in todo if forced_latents.usable(own[one.id, i])]
    if len(usable) < len(todo):
        dropped[NOTHING_TO_CORRUPT] += len(todo) - len(usable)
    return usable


def _arms(plan: Plan, sets: Sets, dropped: Counter[str]) -> Iterator[Arm]:
    """The arms in their order; those of the controls look at
    what the arms before them have put into `sets`.
    """
    original = plan.original
    if original is not None:
        yield Arm(original, ORIGINAL, NOTHING)
    for asked in plan.asked:
        yield Arm(plan.model, plan.method, asked)
    for k in plan.forced:
        yield Arm(plan.model, FORCED, plan.asked[0], latents=k)
    if plan.corrupt:
        yield Arm(plan.model, CORRUPTED, plan.asked[0])
    for weight in plan.weights:
        assert plan.blended is not None, "weights come with what blends them"
        model = plan.blended(weight)
        yield from (Arm(model, BLEND, one, blend=weight) for one in plan.asked)
    if original is None:
        return
    for name, asked in plan.compared:
        if name not in plan.late:
            yield Arm(original, name, asked)
            continue
        own = sets[Setting(model=plan.model.name, method=plan.method, asked=asked)]
        reached = ratio_of_means(*pairs(tokens(own), tokens(_base(plan, sets))))
        actual = reached.value if reached else 1.0
        if actual < 1 - TOLERANCE:
            yield Arm(original, name, asked, actual)
        else:
            at = str(asked) if asked.ratio is None else f"{asked.ratio:g}"
            dropped[f"{name} at {at}: the model did not shorten anything (kept {actual:.2f})"] += 1


def _answers(
    arm: Arm, todo: Todo, plan: Plan, sets: Sets, failed: Failed | None
) -> Iterator[Trace]:
    """Ungraded traces of an arm, in any order; their
    method and ratio are not yet written on them.
    """
    if baseline := BASELINES.get(arm.method):
        base = _base(plan, sets)
        asking = Asking(
            arm.method,
            todo,
            base,
            arm.model,
            plan.sampling,
            plan.marker,
            arm.asked,
            arm.actual,
            plan.rules,
            plan.spending,
            failed,
        )
        return baseline.answer(asking)
    if arm.method == CORRUPTED:
        own = _own(arm, plan, sets)
        theirs = [own[problem.id, sample] for problem, sample in todo]
        return forced_latents.corrupted(
            theirs, arm.model, plan.sampling, plan.corrupt, plan.marker, failed
        )
    sampling = msgspec.structs.replace(plan.sampling, latents=arm.latents)
    waiting = (unanswered(problem, arm.model, arm.asked, sample) for problem, sample in todo)
    return answer_as_ready(waiting, arm.model, sampling, marker=plan.marker, failed=failed)


def _own(arm: Arm, plan: Plan, sets: Sets) -> Group:
    """What the judged model wrote by itself at the ratio of an arm."""
    return sets[Setting(model=arm.model.name, method=plan.method, asked=arm.asked)]


def _base(plan: Plan, sets: Sets) -> Group:
    return sets[Setting(model=plan.original.name, method=ORIGINAL)] if plan.original else {}


def _distinct(problems: Iterable[Problem]) -> list[Problem]:
    """All problems; their ids must differ, since they pair the rows."""
    found = list(problems)
    for name, count in Counter(problem.id for problem in found).items():
        if count > 1:
            raise CotpressError(
                f"{count} problems have the id {name!r}: ids pair the "
                "answers, so give each its own."
            )
    return found
