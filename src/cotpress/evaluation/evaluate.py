"""`Problem -> graded Trace` for a model at each ratio, for the untouched model and the baselines;
`Trace -> EvalRow`.

The order is the untouched model first, then the method at each ratio, then the controls, which need
the actual ratio the method reached. `rows` is pure over the traces, so that every figure can be
made again without a model. Definitions follow TokenSkip (specification section 5), and differ where
the paper flatters: every length counts failures and cut-off answers, every row has the same token
budget (A9), the base of `kept` is the untouched model on the same problems (A7; against the
method's own ratio 1.0 it is `kept_own`), and a ratio that is missed is said (`note`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from cotpress import latent_tokens
from cotpress.errors import CotpressError, UnknownName
from cotpress.evaluation import forced_latents
from cotpress.evaluation.baselines import BASELINES, CONTROLS, Asking
from cotpress.evaluation.setting import is_reference, setting_of
from cotpress.evaluation.statistics import loops, mcnemar, ratio_of_means, wilson
from cotpress.methods import CORRUPTED, FORCED, ORIGINAL, method
from cotpress.models import Model, Sampling
from cotpress.pipeline.generate import generate
from cotpress.pipeline.segmenting import USUAL, Rules
from cotpress.prompts import check_ratio
from cotpress.records import NOTHING, Asked, EvalRow, Problem, Setting, Trace

TOLERANCE = 0.03
"""An actual ratio further than this from the requested one is called a miss."""

NOTHING_TO_CORRUPT = f"{CORRUPTED}: the model's own answer holds no whole run of latent tokens"

Grade = Callable[[Iterable[Trace]], Iterator[Trace]]
"""Traces in, the same traces with grades out, in order."""


@dataclass(frozen=True)
class Plan:
    """What is compared with what."""

    model: Model
    ratios: Sequence[float]
    method: str = ORIGINAL
    original: Model | None = None
    """The untouched model; may be `model` itself. None: no
    reference, so neither `kept` nor baselines.
    """
    baselines: Sequence[str] = ()
    sampling: Sampling = field(default_factory=Sampling)
    rules: Rules = USUAL
    """By which rules the method cuts: the control `random` is cut alike."""
    marker: str = ""
    """Text with which the task's conclusions begin; empty: the general rules."""
    forced: Sequence[int] = ()
    """Numbers of latent tokens that the model is also made to write, one after the other."""
    corrupt: int = 0
    """Size of the codebook from which other codes are put in place of
    the model's own; 0: that control is left out.
    """

    def __post_init__(self) -> None:
        """Refuse ratios that are none, baselines there are not, and
        baselines without the model they are asked of.
        """
        for ratio in self.ratios:
            check_ratio(ratio)
        for name in self.baselines:
            if name not in BASELINES:
                raise UnknownName("baseline", name, BASELINES)
        if self.baselines and self.original is None:
            raise CotpressError(
                "baselines are asked of the untouched model: name it with --original MODEL."
            )

    @property
    def asked(self) -> list[float]:
        """The ratios the method is asked for; without 1.0
        where that is the very prompt of the reference.
        """
        return [
            ratio
            for ratio in dict.fromkeys(self.ratios)
            if not (self.model is self.original and ratio == 1.0)
        ]

    @property
    def n_arms(self) -> int:
        """How often every problem is asked, at most: controls
        that have nothing to cut are left out.
        """
        ratios, below = len(self.asked), sum(ratio < 1 for ratio in self.asked)
        times = {"once": 1, "ratio below 1": below, "ratio reached": ratios}
        own = ratios + len(self.forced) + bool(self.corrupt)
        return (
            own
            + (self.original is not None)
            + sum(times[BASELINES[name].each] for name in set(self.baselines))
        )


class Arm(NamedTuple):
    """One setting, which every problem goes through once."""

    model: Model
    method: str
    asked: Asked
    actual: float = 1.0
    """For the controls: the ratio to cut to."""
    latents: int | None = None
    """How many latent tokens are forced."""

    @property
    def setting(self) -> Setting:
        """What its traces are known by."""
        return Setting(
            model=self.model.name, method=self.method, asked=self.asked, latents=self.latents
        )


Sets = defaultdict[Setting, dict[str, Trace]]
"""Graded traces by setting, and then by problem id."""


def evaluate(
    problems: Iterable[Problem],
    plan: Plan,
    grade: Grade,
    *,
    done: Iterable[Trace] = (),
    dropped: Counter[str] | None = None,
) -> Iterator[Trace]:
    """The graded traces of a plan that are not among `done`, arm by arm, problems in order.

    A control at a ratio where the method itself keeps (nearly) everything has nothing to cut, and
    an answer without latent tokens has none to corrupt; both are counted in `dropped`.
    """
    problems = _distinct(problems)
    dropped = Counter() if dropped is None else dropped
    sets: Sets = defaultdict(dict)
    for trace in done:
        sets[setting_of(trace)][trace.problem.id] = trace
    for arm in _arms(plan, sets, dropped):
        known = sets[arm.setting]
        if todo := _todo(arm, problems, plan, sets, dropped):
            answers = _answers(arm, todo, plan, sets)
            setting = {"method": arm.method, "asked": arm.asked, "latents": arm.latents}
            for trace in grade(msgspec.structs.replace(answer, **setting) for answer in answers):
                known[trace.problem.id] = trace
                yield trace


def _todo(
    arm: Arm, problems: Sequence[Problem], plan: Plan, sets: Sets, dropped: Counter[str]
) -> list[Problem]:
    """The problems that an arm has still to go through."""
    known = sets[arm.setting]
    todo = [problem for problem in problems if problem.id not in known]
    if arm.method != CORRUPTED:
        return todo
    own = _own(arm, plan, sets)
    usable = [problem for problem in todo if forced_latents.usable(own[problem.id])]
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
    for ratio in plan.asked:
        yield Arm(plan.model, plan.method, Asked(ratio=ratio))
    for k in plan.forced:
        yield Arm(plan.model, FORCED, Asked(ratio=plan.asked[0]), latents=k)
    if plan.corrupt:
        yield Arm(plan.model, CORRUPTED, Asked(ratio=plan.asked[0]))
    if original is None:
        return
    below = [ratio for ratio in plan.asked if ratio < 1]
    for name in dict.fromkeys(plan.baselines):
        if name not in CONTROLS:
            asked = (
                [Asked(ratio=ratio) for ratio in below]
                if BASELINES[name].each == "ratio below 1"
                else [NOTHING]
            )
            yield from (Arm(original, name, one) for one in asked)
            continue
        for ratio in plan.asked:
            own = sets[Setting(model=plan.model.name, method=plan.method, asked=Asked(ratio=ratio))]
            reached = ratio_of_means(*_lengths(own, _base(plan, sets)))
            actual = reached.value if reached else 1.0
            if actual < 1 - TOLERANCE:
                yield Arm(original, name, Asked(ratio=ratio), actual)
            else:
                dropped[f"{name} at {ratio:g}: the method itself keeps {actual:.2f}"] += 1


def _answers(arm: Arm, todo: Sequence[Problem], plan: Plan, sets: Sets) -> Iterator[Trace]:
    """Ungraded traces of an arm, one per problem; their
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
        )
        return baseline.answer(asking)
    if arm.method == CORRUPTED:
        own = _own(arm, plan, sets)
        theirs = [own[problem.id] for problem in todo]
        return forced_latents.corrupted(theirs, arm.model, plan.sampling, plan.corrupt, plan.marker)
    sampling = msgspec.structs.replace(plan.sampling, latents=arm.latents)
    return generate(todo, arm.model, sampling, asked=arm.asked, marker=plan.marker)


def _own(arm: Arm, plan: Plan, sets: Sets) -> Mapping[str, Trace]:
    """What the judged model wrote by itself at the ratio of an arm."""
    return sets[Setting(model=arm.model.name, method=plan.method, asked=arm.asked)]


def _base(plan: Plan, sets: Sets) -> Mapping[str, Trace]:
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


def rows(
    traces: Iterable[Trace], *, scorer: str = "", trained: Sequence[float] | None = None
) -> list[EvalRow]:
    """One row per task, model, method and ratio of the graded traces of one evaluation, in order of
    appearance.

    The reference is the untouched model: method `original` with no ratio. `scorer` and `trained`
    (the ratios the model was trained on; None: not known) belong to the rows of a trained method.
    """
    groups: defaultdict[tuple[str, Setting], dict[str, Trace]] = defaultdict(dict)
    for trace in traces:
        if trace.grade is None:
            raise CotpressError(f"the trace {trace.key} has no grade: run `cotpress grade` first.")
        groups[trace.problem.task, setting_of(trace)][f"{trace.problem.id}|{trace.sample}"] = trace
    result = []
    for (task, setting), group in groups.items():
        untouched = {
            other.model: found
            for (of, other), found in groups.items()
            if of == task and is_reference(other)
        }
        if len(untouched) > 1:
            names = " and ".join(untouched)
            raise CotpressError(
                f"two untouched models for task {task} ({names}): make the "
                "rows of one evaluation at a time."
            )
        base = next(iter(untouched.values()), {})
        whole = msgspec.structs.replace(setting, asked=Asked(ratio=1.0), latents=None)
        row = _row(group, base, own=groups.get((task, whole), {}))
        if setting.method == CORRUPTED:
            alike = (
                key
                for key in groups
                if key == (task, msgspec.structs.replace(setting, method=key[1].method))
            )
            own = [key for key in alike if _is_by_itself(key[1])]
            row = (
                msgspec.structs.replace(row, changed=_changed(group, groups[own[0]]))
                if own
                else row
            )
        if method(setting.method).trained:
            row = msgspec.structs.replace(row, scorer=scorer)
        result.append(msgspec.structs.replace(row, note=note(row, trained)))
    return result


def note(row: EvalRow, trained: Sequence[float] | None) -> str:
    """What must not be missed about a row's ratio: it was never trained
    on, or the actual one is another. Else empty.
    """
    ratio = row.ratio
    if ratio is None or row.method in CONTROLS:
        return ""
    notes = []
    if method(row.method).trained:
        if ratio == 1.0 and set(trained or ()) <= {1.0}:
            return ""  # a method that knows no ratios, and none was asked for
        if trained is not None and ratio not in trained:
            notes.append("never trained on")
    if row.kept is not None and abs(row.kept - ratio) > TOLERANCE:
        notes.append(f"asked {ratio:g}, kept {row.kept:.2f}")
    return "; ".join(notes)


def _is_by_itself(setting: Setting) -> bool:
    """Whether a trained model answered as it does by itself,
    its latent tokens neither forced nor exchanged.
    """
    return method(setting.method).trained and setting.method not in (FORCED, CORRUPTED)


def _changed(group: Mapping[str, Trace], own: Mapping[str, Trace]) -> float:
    """Share of answers that differ from the model's own, pair by pair."""
    pairs = [(trace.grade, own[key].grade) for key, trace in group.items() if key in own]
    return sum(a is None or b is None or a.answer != b.answer for a, b in pairs) / max(
        1, len(pairs)
    )


def _row(
    group: Mapping[str, Trace], base: Mapping[str, Trace], own: Mapping[str, Trace]
) -> EvalRow:
    """The figures of one group against the untouched model's
    traces `base` and the method's own at ratio 1.0.
    """
    traces = list(group.values())
    first, n = traces[0], len(traces)
    counts = [latent_tokens.count(trace.completion()) for trace in traces]
    right = sum(map(_right, traces))
    interval = wilson(right, n)
    kept, kept_own = ratio_of_means(*_lengths(group, base)), ratio_of_means(*_lengths(group, own))
    pairs = Counter(
        (_right(trace), _right(base[key])) for key, trace in group.items() if key in base
    )
    return EvalRow(
        setting=setting_of(first),
        task=first.problem.task,
        n=n,
        accuracy=right / n,
        accuracy_low=interval.low,
        accuracy_high=interval.high,
        mean_tokens=sum(trace.n_tokens for trace in traces) / n,
        kept=kept.value if kept else None,
        kept_low=kept.low if kept else None,
        kept_high=kept.high if kept else None,
        kept_own=kept_own.value if kept_own else None,
        truncated=sum(not trace.finished for trace in traces) / n,
        looping=sum(loops(trace.reasoning) or loops(trace.completion()) for trace in traces) / n,
        seconds_per_problem=sum(trace.seconds for trace in traces) / n,
        mean_total_tokens=sum(trace.n_tokens + trace.n_conclusion_tokens for trace in traces) / n,
        unsplit=sum(not trace.conclusion for trace in traces) / n,
        p_value=None
        if group is base or not pairs
        else mcnemar(pairs[True, False], pairs[False, True]),
        mean_latent=sum(count.latent for count in counts) / n,
        mean_markers=sum(count.markers for count in counts) / n,
        with_latents=sum(count.latent > 0 for count in counts) / n,
        statuses=dict(
            sorted(Counter(trace.grade.status for trace in traces if trace.grade).items())
        ),
    )


def _right(trace: Trace) -> bool:
    return trace.grade is not None and trace.grade.correct


def _lengths(group: Mapping[str, Trace], base: Mapping[str, Trace]) -> tuple[list[int], list[int]]:
    """Reasoning tokens of the traces that both hold, pair by pair."""
    pairs = [(trace.n_tokens, base[key].n_tokens) for key, trace in group.items() if key in base]
    return [a for a, _ in pairs], [b for _, b in pairs]
