"""The graded traces of `cotpress eval`, task by task and arm by arm: one file that an interrupted
run goes on with, or a part of it that `cotpress merge` joins.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import msgspec

from cotpress import __version__, storage
from cotpress.engine.shards import Shard, Share, chunks
from cotpress.evaluation import evaluate as stage
from cotpress.evaluation.setting import setting_of
from cotpress.pipeline.grade import grade
from cotpress.records import NOTHING, Problem, Trace
from cotpress.verbs.common import (
    progress,
    refuse_nothing,
    say,
    say_failed,
    watched,
)
from cotpress.verbs.eval_asking import Questions
from cotpress.verbs.failing import Watching


def write_traces(
    out: Path,
    asked: Sequence[Questions],
    plan: stage.Plan,
    limits: Mapping[str, int],
    options: dict[str, object],
    max_error_rate: float,
    which: Shard,
) -> None:
    """Ask what is still to be asked, and finish `out` in the order of tasks, arms and problems.

    `options` decide what the file holds; `limits` are each task's tokens of an answer. Of a shard
    only its own problems are asked, without the controls that need all of them. `CotpressError`
    where nothing could be written, or more than a share of `max_error_rate` of the requests fails.
    """
    rank = _ranks(asked, plan)
    if which.n > 1:
        share = Share(which, sum(len(one.problems) for one in asked))
        own = {id(problem) for problem in share.take(_problems(asked))}
        place = {problem.id: n for n, problem in enumerate(_problems(asked))}
        asked = [
            one._replace(problems=[problem for problem in one.problems if id(problem) in own])
            for one in asked
        ]
        late = plan.late
        plan = replace(plan, baselines=[name for name in plan.baselines if name not in late])
        options = options | which.options
    with storage.run(
        out,
        Trace,
        "eval",
        options,
        version=__version__,
        key=lambda trace: trace.key,
        rank=rank,
    ) as this:
        if this.complete:
            say(f"eval: {out} was finished before under the same options; no model was asked")
            return
        n_problems = len(list(this.counted(_problems(asked))))
        if which.n > 1:
            this.extra["rest"] = late
            this.closing = lambda part: {
                "chunks": chunks(
                    (*rank(trace)[:2], place[trace.problem.id] // share.size)
                    for trace in storage.read(part, Trace)
                )
            }
        before = this.done.total()
        if before:
            say(f"eval: resuming {out} with {before} traces done")
        done = list(storage.read(storage.part_path(out), Trace)) if before else []
        total = plan.n_arms * n_problems * plan.samples
        watching = Watching(this.failures, "eval", max_error_rate, total)
        new = chain.from_iterable(
            _traces(one, plan, done, limits, this.dropped, watching) for one in asked
        )
        for _ in progress(this.write(new), "eval", total, before):
            pass
        for why, count in this.dropped.items():
            say(
                f"eval: left out {why}"
                + (f" ({count} answers)" if why == stage.NOTHING_TO_CORRUPT else "")
            )
        if which.n == 1:
            refuse_nothing(this, "eval")
    say_failed(this.failures, "eval")


def _problems(asked: Sequence[Questions]) -> Iterator[Problem]:
    return chain.from_iterable(one.problems for one in asked)


def _ranks(
    asked: Sequence[Questions], plan: stage.Plan
) -> Callable[[Trace], tuple[int, int, int, int]]:
    """Where a trace belongs: task, arm, problem and sample."""
    place = {problem.id: n for n, problem in enumerate(_problems(asked))}
    owner = {problem.id: n for n, one in enumerate(asked) for problem in one.problems}
    arms = plan.order

    def rank(trace: Trace) -> tuple[int, int, int, int]:
        name = trace.problem.id
        return owner[name], arms[stage.marks_of(trace)], place[name], trace.sample

    return rank


def _traces(
    one: Questions,
    plan: stage.Plan,
    done: Sequence[Trace],
    limits: Mapping[str, int],
    dropped: Counter[str],
    watching: Watching,
) -> Iterator[Trace]:
    """The graded traces of one task that are still to be made."""
    most = limits[one.spec]
    ids = {problem.id for problem in one.problems}
    known = [trace for trace in done if trace.problem.id in ids]
    graded = partial(grade, grader_of=lambda trace: one.task.grader)
    sampling = msgspec.structs.replace(plan.sampling, max_tokens=most)
    here = replace(plan, marker=one.task.marker, sampling=sampling)
    made = stage.evaluate(
        one.problems, here, graded, done=known, dropped=dropped, failed=watching.failed
    )
    return watched(watching.counted(made), "eval", most, _arm)


def _arm(trace: Trace) -> str:
    """What a trace's row is called in a line."""
    setting = setting_of(trace)
    at = "" if setting.asked == NOTHING else f" at {setting.asked}"
    forced = "" if trace.latents is None else f" {trace.latents}"
    return f"{setting.method}{at}{forced}" + ("" if trace.blend is None else f" {trace.blend:g}")
