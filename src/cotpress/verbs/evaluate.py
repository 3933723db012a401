"""`cotpress eval`: what a ratio or a budget costs. Graded traces in one file, rows
with intervals in another, a table on the screen.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter
from rich.console import Console

from cotpress import models, storage
from cotpress.backends import Backend
from cotpress.engine.shards import parse
from cotpress.evaluation import evaluate as stage
from cotpress.evaluation.rows import rows
from cotpress.failures import USUAL_RATE
from cotpress.lm.checkpoint import Checkpoint, folder_of, of_run, read
from cotpress.lm.contract import MOSTLY_CUT
from cotpress.methods import ORIGINAL
from cotpress.models import Sampling
from cotpress.pipeline import instruction, overlap
from cotpress.pipeline.budgets import PLAIN, Spending
from cotpress.pipeline.segmenting import USUAL
from cotpress.records import EvalRow, Trace
from cotpress.report.screen import table
from cotpress.shown import shown
from cotpress.verbs.common import (
    PLAIN_WIDTH,
    check_sampling,
    rows_path,
    sampling_as_meant,
    say,
)
from cotpress.verbs.eval_asking import (
    Questions,
    asked_for,
    blender,
    codes_of,
    limits_of,
    models_of,
    on_engines,
    questions_of,
    rules_of,
    spending_of,
    without_taught,
)
from cotpress.verbs.eval_traces import write_traces
from cotpress.verbs.failing import check_error_rate
from cotpress.verbs.groups import ANSWERS, COMPARED, LATENT, MODEL, OUTPUT, QUESTIONS, SPREAD
from cotpress.verbs.spread import Engine, by_engines, spread

Many = Parameter(consume_multiple=True)


@spread("eval", whole=by_engines)
def evaluate(
    *,
    task: Annotated[Sequence[str], Many, QUESTIONS],
    model: Annotated[str, MODEL],
    out: Annotated[Path, OUTPUT],
    ratios: Annotated[list[float] | None, Many, MODEL] = None,
    baseline: Annotated[list[str] | None, Many, COMPARED] = None,
    budgets: Annotated[list[int] | None, Many, MODEL] = None,
    latents: Annotated[list[int] | None, Many, LATENT] = None,
    legal_latents: Annotated[bool, LATENT] = False,
    corrupt_codes: Annotated[bool, LATENT] = False,
    blend: Annotated[list[float] | None, Many, COMPARED] = None,
    original: Annotated[str, COMPARED] = "",
    backend: Annotated[Backend, MODEL] = "auto",
    max_error_rate: Annotated[float, MODEL] = USUAL_RATE,
    instruction_mismatch: Annotated[Literal["refuse", "allow"], QUESTIONS] = "refuse",
    exclude_overlap: Annotated[bool, QUESTIONS] = False,
    split: Annotated[str, QUESTIONS] = "test",
    limit: Annotated[int | None, QUESTIONS] = None,
    max_tokens: Annotated[int | None, ANSWERS] = None,
    samples: Annotated[int, ANSWERS] = 1,
    temperature: Annotated[float, ANSWERS] = 0.0,
    top_p: Annotated[float, ANSWERS] = 1.0,
    top_k: Annotated[int, ANSWERS] = 0,
    min_p: Annotated[float, ANSWERS] = 0.0,
    sampling: Annotated[Literal["given", "model"], ANSWERS] = "given",
    seed: Annotated[int, ANSWERS] = 0,
    json: Annotated[bool, OUTPUT] = False,
    shard: Annotated[str, SPREAD] = "",
    processes: Annotated[int, SPREAD] = 1,
    engine: Annotated[Engine, SPREAD] = "processes",
    ray_address: Annotated[str, SPREAD] = "",
) -> None:
    """Say what each ratio or budget costs: accuracy, length, truncation and loops against the
    untouched model and baselines.

    Example: cotpress eval --task gsm8k --model runs/x --ratios 1.0 0.7 0.5 --out eval.jsonl

    Parameters
    ----------
    task
        What is asked (see `cotpress ls`); of several tasks, such as gsm8k math500, each has rows of
        its own: those that were not trained on show what was forgotten.
    model
        The model that is judged: a folder that `cotpress train` or `cotpress run` wrote, or any
        model spec.
    out
        Where the graded traces go; the rows go to `<name>.rows.jsonl` beside it.
    ratios
        Fractions of reasoning tokens to ask for; as trained where neither ratios nor budgets are
        named.
    baseline
        be-concise, only-numbers, abbre-words, chain-of-draft, lc-prompt (prompts); no-think (empty
        thinking); truncation, random (controls at the ratio really reached); budget-forcing,
        native-budget (thinking ended at a budget, by us or by the engine).
    budgets
        Reasoning tokens, such as 128 256 512. A model that was taught budgets is asked for them in
        its prompt, where none is named for three of those trained; budget-forcing and native-budget
        end thinking there, without it after as many in the mean as the model spends at each ratio.
    latents
        Also make the model write so many latent tokens, each number in turn, such as 0 1 2 4: its
        accuracy-length curve.
    legal_latents
        Admit latent tokens only in runs between their markers.
    corrupt_codes
        Also go on from the model's own latent tokens with other codes in their place: how many
        answers change?
    blend
        Also judge blends of the model's weights with those of the untouched one: the model's share,
        such as 0.25 0.5 0.75, each at each of --ratios. Both must be of one architecture and
        tokenizer.
    original
        The untouched model that the others are compared with: as recorded by `cotpress train`; none
        leaves it out.
    backend
        Who answers for folders and models of the Hub: hf (transformers), vllm (in this process, one
        model after the other), or auto: vllm where it is installed and finds a GPU, which is said.
    max_error_rate
        Share of requests that a server may fail to answer before the run ends. What failed stands
        in `<name>.errors.jsonl`, and the same command asks for it again.
    instruction_mismatch
        Whether a task may be asked with another instruction than the model was trained with.
    exclude_overlap
        Leave out problems whose question the model was also taught, or that shares 0.8 of its
        8-grams with one that was. Without it they are counted, and said.
    split
        Part of the task.
    limit
        How many problems of each task, from the first on; default: all.
    max_tokens
        The same limit for every row; default: what each task's answers take, within
        what the models read.
    samples
        Answers a problem; more than one needs a temperature. Accuracy is then their mean (avg@k),
        with an interval over problems, beside pass@k and maj@k.
    temperature
        0: greedy.
    top_p
        Draw only from the likeliest tokens with this total probability.
    top_k
        Draw only from so many likeliest tokens; 0: from all.
    min_p
        Draw only from tokens at least this share as likely as the likeliest; 0: from all.
    sampling
        model: temperature, top-p, top-k and min-p as the judged model's own generation_config.json
        says, for every row; given: as the four options say.
    seed
        Decides random draws, those of the control `random` included. Rows record it: give `report`
        several runs, and it shows their mean and spread.
    json
        Print the rows as JSON instead of a table.
    shard
        Do only this part of the run, 0/8 to 7/8 say, into a file of its own; `cotpress merge` joins
        them, and the same command without it writes the rows. Controls that take the ratio reached
        on all problems are made then, too.
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
    drawing = Sampling(
        max_tokens=1 if max_tokens is None else max_tokens,
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
        legal_latents=legal_latents,
    )
    check_sampling(drawing, samples, own=sampling == "model")
    model = of_run(model)
    models.check(model)
    asked = questions_of([task] if isinstance(task, str) else task, split, limit)
    folder = folder_of(model)
    trained = read(folder, Checkpoint) if folder else None
    if trained and instruction_mismatch == "refuse":
        for one in asked:
            instruction.refuse_others(one.problems, trained.instructions, model, one.spec)
    known_questions = overlap.read(folder) if folder else None
    asked, overlapping = without_taught(asked, known_questions, exclude=exclude_overlap)
    beyond = "--legal-latents" if legal_latents else "--blend" if blend else ""
    judged, untouched = models_of(model, original, trained, folder, backend, beyond)
    if by_engines(
        {
            **{"model": model, "backend": backend, "engine": engine},
            **{"latents": latents, "legal_latents": legal_latents, "corrupt_codes": corrupt_codes},
        }
    ):
        judged, untouched = on_engines(judged, untouched, processes, ray_address)
    codebook, forced = codes_of(model, trained, latents or (), corrupt_codes=corrupt_codes)
    drawing = sampling_as_meant(drawing, samples, judged, own=sampling == "model", verb="eval")
    limits = limits_of(asked, max_tokens, [judged, untouched] if untouched else [judged])
    drawing = msgspec.structs.replace(drawing, max_tokens=max(limits.values()))
    ratios, budgets = asked_for(ratios or [], budgets or [], trained)
    plan = stage.Plan(
        model=judged,
        method=trained.method if trained else ORIGINAL,
        ratios=ratios,
        original=untouched,
        baselines=baseline or [],
        budgets=budgets,
        taught_budgets=trained is not None and trained.budgets is not None,
        sampling=drawing,
        samples=samples,
        rules=rules_of(trained) if trained else USUAL,
        spending=spending_of(trained) if trained else PLAIN,
        forced=forced,
        corrupt=codebook if corrupt_codes else 0,
        weights=list(dict.fromkeys(blend or ())),
        blended=blender(judged, untouched, blend) if blend else None,
    )
    if trained:
        _say_untrained(model, plan, trained)
    deciding = _deciding(asked, split, limit, plan)
    deciding |= {"exclude_overlap": True} if exclude_overlap else {}
    deciding |= {"max_tokens": limits} if len(set(limits.values())) > 1 else {}
    write_traces(out, asked, plan, limits, deciding, max_error_rate, which)
    if which.n > 1:
        return
    found = rows(
        storage.read(out, Trace),
        scorer=trained.scorer if trained else "",
        trained=trained.ratios if trained else None,
        budgets=trained.budgets if trained else None,
        seed=seed,
        graders={name: one.task.grader for one in asked for name in one.names},
        overlapping=overlapping,
    )
    storage.write(rows_path(out), found)
    _say_notes(found, {name: limits[one.spec] for one in asked for name in one.names})
    if json:
        print(shown(msgspec.json.format(msgspec.json.encode(found)).decode()))
    else:
        console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
        console.print(table(found, f"{', '.join(one.spec for one in asked)} {split}, {model}"))


def _deciding(
    asked: Sequence[Questions], split: str, limit: int | None, plan: stage.Plan
) -> dict[str, object]:
    """The options that decide what the file holds."""
    specs = [one.spec for one in asked]
    return {
        "task": specs if len(specs) > 1 else specs[0],
        "split": split,
        "limit": limit,
        "model": plan.model.name,
        "original": plan.original.name if plan.original else None,
        "ratios": plan.ratios,
        "baselines": plan.baselines,
        **({"budgets": plan.budgets} if plan.budgets else {}),
        **({"blend": plan.weights} if plan.weights else {}),
        "latents": plan.forced,
        "corrupt": plan.corrupt,
        "samples": plan.samples,
        "sampling": msgspec.to_builtins(plan.sampling),
        storage.IDENTITY: {
            "task": ", ".join(one.task.identity(split) for one in asked),
            "model": plan.model.identity,
            "original": plan.original.identity if plan.original else "",
            "cut": ", ".join(filter(None, [*plan.rules, *_spent(plan.spending)])),
        },
    }


def _say_untrained(model: str, plan: stage.Plan, trained: Checkpoint) -> None:
    """Which ratios and budgets the model was never trained on."""
    known = f"{', '.join(f'{r:g}' for r in trained.ratios)}"
    known += f"{' and ' if known else ''}budgets of {trained.budgets}" if trained.budgets else ""
    for one in plan.asked if known else ():
        if one.ratio is not None and one.ratio not in trained.ratios:
            say(f"eval: {model} was never trained on ratio {one.ratio:g} (but on {known})")
        if one.budget is not None and trained.budgets and not trained.budgets.hold(one.budget):
            say(
                f"eval: a budget of {one.budget} is outside what {model} was trained on "
                f"({trained.budgets} tokens)"
            )


def _say_notes(found: Sequence[EvalRow], limits: Mapping[str, int]) -> None:
    """What must not be missed about the rows."""
    several = len({row.task for row in found}) > 1
    for row in found:
        at = row.method + ("" if row.blend is None else f" {row.blend:g}")
        at += "" if row.ratio is None else f" at ratio {row.ratio:g}"
        at += "" if row.budget is None else f" at {row.setting.asked}"
        at += f" on {row.task}" if several else ""
        if row.note:
            say(f"eval: {at}: {row.note}")
        if row.truncated > MOSTLY_CUT:
            say(
                f"eval: {at}: the limit of {limits[row.task]:,} tokens cut off "
                f"{row.truncated:.0%} of the answers, so that its figures tell about the limit: "
                "raise --max-tokens and choose another --out"
            )


def _spent(spending: Spending) -> list[str]:
    """What a control is cut by beside the rules, in words; nothing where it is the usual."""
    window = ["window"] if spending.budget == "window" else []
    return window if spending.longest_run is None else [*window, f"runs {spending.longest_run}"]
