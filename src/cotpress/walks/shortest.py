"""The shortest right one of several samples is learnt, and then samples of the new model again."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from cyclopts import Parameter

from cotpress import tasks
from cotpress.errors import CotpressError
from cotpress.pipeline.select import Keep
from cotpress.training.options import TrainOptions
from cotpress.walks import Run, Step, graded, judged, own, step
from cotpress.walks._checks import check


def shortest(
    run: Annotated[Run, Parameter(name="*")],
    *,
    samples: int = 8,
    rounds: int = 3,
    temperature: float = 1.0,
    keep: Keep = "shortest-right",
    per_problem: int = 1,
    longest_tokens: int | None = None,
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
) -> Iterator[Step]:
    """Walk the shortest right samples: generate several, grade, select, build, train, eval, and
    again from the trained model; report. Started again, it goes on.

    Example: cotpress run shortest --task gsm8k --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/q

    Each round goes on from the model of the round before, which it samples and then trains, as
    On-Policy SFT does (arXiv 2602.13407); nothing is asked for in the prompt. With --limit each
    round draws other problems, if the task has as many; else all take the same, sampled anew.
    --traces are the samples of the first round; later rounds sample answers to their problems.

    Parameters
    ----------
    run
        What is walked; --source is asked in the first round in place of --model.
    samples
        Answers per problem and round.
    rounds
        How often.
    temperature
        At which is sampled.
    keep
        Which samples are learnt: shortest-right, or for comparison shortest, longest, random,
        all-right.
    per_problem
        How many samples of a problem are learnt at most.
    longest_tokens
        Samples of more reasoning tokens are not learnt.
    options
        How to train, in every round.
    """
    if samples < 1 or rounds < 1 or temperature <= 0:
        raise CotpressError(
            "choose --samples and --rounds of at least 1, and a --temperature above 0."
        )
    check(run, options)
    skip = run.limit if run.limit and not run.traces and _has(run.task, rounds * run.limit) else 0
    first = run.out / "round-1"
    asked = f"jsonl:{first / 'traces.jsonl'},split=train" if run.traces else run.task
    model, answers = run.model, []
    for number in range(rounds):
        out = run.out / f"round-{number + 1}"
        if run.traces and not number:
            yield from graded(run, out, limit=run.limit)
        else:
            yield step(
                "generate",
                task=asked,
                model=(run.source or model) if not number else model,
                out=out / "traces.jsonl",
                split="train",
                limit=None if run.traces else run.limit,
                skip=number * skip,
                samples=samples,
                max_tokens=run.max_tokens,
                temperature=temperature,
                seed=number,
                backend=run.backend,
                **run.spread,
            )
            yield step("grade", out / "traces.jsonl", out=out / "graded.jsonl", task=own(asked))
        chosen = out / "chosen.jsonl"
        yield step(
            "select",
            out / "graded.jsonl",
            out=chosen,
            keep=keep,
            per_problem=per_problem,
            longest_tokens=longest_tokens,
            seed=number,
        )
        yield step("build", chosen, out=out / "train.jsonl")
        yield step("train", out / "train.jsonl", model=model, out=out / "model", options=options)
        model = str(out / "model")
        answers.append(out / "eval.jsonl")
        yield judged(run, first, model=model, out=answers[-1])
    yield step("report", *answers, out=run.out / "report.html")


def _has(task: str, n: int) -> bool:
    """Whether the split train has at least so many problems."""
    return sum(1 for _ in islice(tasks.load(task).problems("train"), n)) == n
