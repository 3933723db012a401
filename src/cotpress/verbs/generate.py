"""`cotpress generate`: let a model answer the problems of a task,
or write down the task's own worked reasoning.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, cast

import msgspec

from cotpress import models, storage, tasks
from cotpress.backends import Backend, chosen
from cotpress.engine.on_ray_data import Asking, RayEngines
from cotpress.engine.shards import Share, parse
from cotpress.errors import CotpressError
from cotpress.failures import USUAL_RATE, Failures
from cotpress.lm.checkpoint import of_run
from cotpress.models import Sampling
from cotpress.pipeline import generate as stage
from cotpress.prompts import check_budget, check_ratio
from cotpress.records import Asked, Trace
from cotpress.verbs.common import (
    answer_limit,
    check_sampling,
    make,
    sampling_as_meant,
    say,
    watched,
)
from cotpress.verbs.failing import Watching, check_error_rate
from cotpress.verbs.groups import ANSWERS, MODEL, OUTPUT, QUESTIONS, SPREAD
from cotpress.verbs.spread import Engine, by_engines, spread

GOLD = "gold"
"""Stands for no model: the task's own worked reasoning."""


@spread("generate", whole=by_engines)
def generate(
    *,
    task: Annotated[str, QUESTIONS],
    model: Annotated[str, MODEL],
    out: Annotated[Path, OUTPUT],
    split: Annotated[str, QUESTIONS] = "train",
    ratio: Annotated[float | None, MODEL] = None,
    budget: Annotated[int | None, MODEL] = None,
    samples: Annotated[int, ANSWERS] = 1,
    limit: Annotated[int | None, QUESTIONS] = None,
    skip: Annotated[int, QUESTIONS] = 0,
    max_tokens: Annotated[int | None, ANSWERS] = None,
    temperature: Annotated[float, ANSWERS] = 0.0,
    top_p: Annotated[float, ANSWERS] = 1.0,
    top_k: Annotated[int, ANSWERS] = 0,
    min_p: Annotated[float, ANSWERS] = 0.0,
    sampling: Annotated[Literal["given", "model"], ANSWERS] = "given",
    seed: Annotated[int, ANSWERS] = 0,
    backend: Annotated[Backend, MODEL] = "auto",
    max_error_rate: Annotated[float, MODEL] = USUAL_RATE,
    shard: Annotated[str, SPREAD] = "",
    processes: Annotated[int, SPREAD] = 1,
    engine: Annotated[Engine, SPREAD] = "processes",
    ray_address: Annotated[str, SPREAD] = "",
) -> None:
    """Let a model answer the problems of a task; each answer is split into reasoning and
    conclusion.

    Example: cotpress generate --task gsm8k --model smollm2 --limit 1000 --out traces.jsonl

    `--model gold` asks no model: it writes the worked reasoning that the task itself has (gsm8k,
    gsm-symbolic and the procedural tasks), one trace per problem, ready for `grade`.

    Parameters
    ----------
    task
        What is asked (see `cotpress ls`).
    model
        Who answers (see `cotpress ls`); gold: the task's own worked reasoning.
    out
        Where the traces go.
    split
        Part of the task.
    ratio
        Fraction of reasoning tokens to ask for in the prompt; nothing is asked where neither it nor
        a budget is given.
    budget
        Reasoning tokens to ask for in the prompt.
    samples
        Answers per problem; more than one needs a temperature.
    limit
        How many problems, from the first on; default: all.
    skip
        Leave out this many problems at the beginning, which another model was trained on, say.
    max_tokens
        Longest answer; one that reaches it is recorded as not finished. Default: what
        the task's answers take, within what the model reads.
    temperature
        0: greedy.
    top_p
        Draw only from the likeliest tokens with this total probability.
    top_k
        Draw only from so many likeliest tokens; 0: from all.
    min_p
        Draw only from tokens at least this share as likely as the likeliest; 0: from all.
    sampling
        model: temperature, top-p, top-k and min-p as the model's own generation_config.json says;
        given: as the four options say.
    seed
        Decides random draws.
    backend
        Who answers for a folder or a model of the Hub: hf (transformers), vllm (in this process),
        or auto: vllm where it is installed and finds a GPU, which is said.
    max_error_rate
        Share of requests that a server may fail to answer before the run ends. What failed stands
        in `<name>.errors.jsonl`, and the same command asks for it again.
    shard
        Do only this part of the run, 0/8 to 7/8 say, into a file of its own; `cotpress merge` joins
        them.
    processes
        Work in so many processes of this machine, each on a GPU of its own, where there are any.
    engine
        ray: work in so many tasks of a Ray cluster instead, on files that all its machines share;
        for a model vllm:… in so many vLLM engines of it, through ray.data.llm.
    ray_address
        The cluster, such as ray-head:6379; default: RAY_ADDRESS, else Ray on this machine.
    """
    check_error_rate(max_error_rate)
    which = parse(shard)
    if ratio is not None:
        check_ratio(ratio)
    if budget is not None:
        check_budget(budget)
    if ratio is not None and budget is not None:
        raise CotpressError("--ratio and --budget ask for two lengths at once: leave one out.")
    drawing = Sampling(
        max_tokens=1 if max_tokens is None else max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
    )
    check_sampling(drawing, samples, own=sampling == "model")
    if model == GOLD and (ratio is not None or budget is not None or samples > 1):
        raise CotpressError(
            "--model gold has one worked reasoning per problem, at its full "
            "length: leave out --ratio, --budget and --samples."
        )
    if model == GOLD and which.n > 1:
        raise CotpressError(
            "--model gold asks no model and takes seconds: leave out --shard and --processes."
        )
    model = of_run(model)
    if model != GOLD:
        models.check(model)
    asked = tasks.load(task)
    problems = tasks.take(asked, split, limit, skip)
    options: dict[str, object] = {"task": task, "split": split, "limit": limit, "model": model}
    options |= {"skip": skip} if skip else {}
    if model == GOLD:
        worked = islice(asked.worked(split), skip, skip + len(problems))
        same = {"task": asked.identity(split)}
        make(
            out,
            Trace,
            lambda items, _: items,
            worked,
            verb="generate",
            options=options,
            identity=same,
            total=len(problems),
        )
        return
    options |= {} if budget is None else {"budget": budget}
    (named,), said = chosen([model], backend)
    if said:
        say(f"generate: {said}")
    answerer = models.load(named)
    if by_engines({"model": model, "backend": backend, "engine": engine}):
        answerer = RayEngines(cast(Asking, answerer), processes, ray_address)
    most = answer_limit(max_tokens, asked.max_tokens, task, [answerer], "generate")
    drawing = sampling_as_meant(
        msgspec.structs.replace(drawing, max_tokens=most),
        samples,
        answerer,
        own=sampling == "model",
        verb="generate",
    )
    place = {problem.id: n for n, problem in enumerate(problems)}
    if which.n > 1 and len(place) < len(problems):
        raise CotpressError(
            f"some problems of {task} share an id, by which shards are joined: give each its own."
        )
    share = Share(which, len(problems) * samples)
    failures = list[Failures]()

    def asking() -> Iterator[Trace]:
        asks = Asked(ratio=ratio, budget=budget)
        for problem in problems:
            for sample in range(samples):
                yield stage.unanswered(problem, answerer, asks, sample)

    def answered(items: Iterator[Trace]) -> Iterator[Trace]:
        watching = Watching(failures[0], "generate", max_error_rate, share.n_items)
        made = stage.answer_as_ready(
            items, answerer, drawing, marker=asked.marker, failed=watching.failed
        )
        return watched(watching.counted(made), "generate", most)

    make(
        out,
        Trace,
        lambda items, dropped: answered(items),
        share.take(asking()),
        verb="generate",
        options=options
        | {"ratio": ratio, "samples": samples, "sampling": msgspec.to_builtins(drawing)},
        identity={"task": asked.identity(split), "model": answerer.identity},
        share=share,
        keys=lambda: (trace.key for trace in share.take(asking())),
        skip=lambda trace: trace.key,
        key=lambda trace: trace.key,
        rank=lambda trace: (place[trace.problem.id], trace.sample),
        watch=failures.append,
    )
    if which.n == 1:
        say_what_came(out)


def say_what_came(out: Path) -> None:
    """One line on the traces, read one by one."""
    counts, reasons = Counter[str](), Counter[str]()
    for trace in storage.read(out, Trace):
        counts["traces"] += 1
        counts["finished"] += trace.finished
        counts["unsplit"] += not trace.conclusion
        if trace.finish:
            reasons[trace.finish] += 1
    ended = "".join(f", {n} ended by {why!r}" for why, n in sorted(reasons.items()))
    say(
        f"generate: {counts['traces']} traces, {counts['finished'] / counts['traces']:.1%} "
        f"finished{ended}, {counts['unsplit']} without a conclusion"
    )
