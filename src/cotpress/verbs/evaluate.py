"""`cotpress eval`: what a ratio or a budget costs. Graded traces in one file, rows
with intervals in another, a table on the screen.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, cast, get_args

import msgspec
from cyclopts import Parameter
from rich.console import Console

from cotpress import __version__, models, plugins, storage, tasks
from cotpress.backends import Backend, chosen
from cotpress.engine.on_ray_data import Asking, RayEngines
from cotpress.engine.shards import Shard, Share, chunks, parse
from cotpress.errors import CotpressError
from cotpress.evaluation import evaluate as stage
from cotpress.evaluation.rows import rows
from cotpress.evaluation.setting import setting_of
from cotpress.failures import USUAL_RATE
from cotpress.lm.capabilities import able
from cotpress.lm.checkpoint import FINISHED, Checkpoint, folder_of, of_run, read
from cotpress.lm.contract import MOSTLY_CUT
from cotpress.methods import ORIGINAL
from cotpress.models import Model, Sampling
from cotpress.pipeline import instruction, overlap
from cotpress.pipeline.budgets import PLAIN, Spending
from cotpress.pipeline.grade import grade
from cotpress.pipeline.segmenting import USUAL, Protect, Rules
from cotpress.records import NOTHING, Budget, EvalRow, Problem, Trace
from cotpress.report.screen import table
from cotpress.shown import shown
from cotpress.verbs.common import (
    PLAIN_WIDTH,
    answer_limit,
    check_sampling,
    progress,
    refuse_nothing,
    rows_path,
    sampling_as_meant,
    say,
    say_failed,
    watched,
)
from cotpress.verbs.failing import Watching, check_error_rate
from cotpress.verbs.groups import ANSWERS, COMPARED, LATENT, MODEL, OUTPUT, QUESTIONS, SPREAD
from cotpress.verbs.spread import Engine, by_engines, spread

Many = Parameter(consume_multiple=True)


class Questions(NamedTuple):
    """A task with the problems that are asked of it."""

    spec: str
    task: tasks.Task
    problems: list[Problem]

    @property
    def names(self) -> list[str]:
        """What its problems call their task."""
        return list(dict.fromkeys(problem.task for problem in self.problems))


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
    asked = _questions([task] if isinstance(task, str) else task, split, limit)
    folder = folder_of(model)
    trained = read(folder, Checkpoint) if folder else None
    if trained and instruction_mismatch == "refuse":
        for one in asked:
            instruction.refuse_others(one.problems, trained.instructions, model, one.spec)
    known_questions = overlap.read(folder) if folder else None
    asked, overlapping = _compared(asked, known_questions, exclude=exclude_overlap)
    beyond = "--legal-latents" if legal_latents else "--blend" if blend else ""
    judged, untouched = _models(model, original, trained, folder, backend, beyond)
    if by_engines(
        {
            **{"model": model, "backend": backend, "engine": engine},
            **{"latents": latents, "legal_latents": legal_latents, "corrupt_codes": corrupt_codes},
        }
    ):
        judged, untouched = _by_engines(judged, untouched, processes, ray_address)
    codebook, forced = _codes(model, trained, latents or (), corrupt_codes=corrupt_codes)
    drawing = sampling_as_meant(drawing, samples, judged, own=sampling == "model", verb="eval")
    limits = _limits(asked, max_tokens, [judged, untouched] if untouched else [judged])
    drawing = msgspec.structs.replace(drawing, max_tokens=max(limits.values()))
    ratios, budgets = _asked(ratios or [], budgets or [], trained)
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
        blended=_blended(judged, untouched, blend) if blend else None,
    )
    if trained:
        _say_untrained(model, plan, trained)
    deciding = _deciding(asked, split, limit, plan)
    deciding |= {"exclude_overlap": True} if exclude_overlap else {}
    deciding |= {"max_tokens": limits} if len(set(limits.values())) > 1 else {}
    _write_traces(out, asked, plan, limits, deciding, max_error_rate, which)
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


def _by_engines(
    judged: Model, untouched: Model | None, n: int, address: str
) -> tuple[Model, Model | None]:
    """Both models, answered for by vLLM engines of a Ray cluster; one where they are the same."""
    here = RayEngines(cast(Asking, judged), n, address)
    if untouched is None or untouched is judged:
        return here, here if untouched else None
    return here, RayEngines(cast(Asking, untouched), n, address)


def _questions(specs: Sequence[str], split: str, limit: int | None) -> list[Questions]:
    """The tasks with their problems, whose ids must differ, since they pair the answers."""
    found, owners = [], dict[str, str]()
    for spec in dict.fromkeys(specs):
        one = tasks.load(spec)
        problems = tasks.take(one, split, limit)
        for problem in problems:
            if owners.setdefault(problem.id, spec) != spec:
                raise CotpressError(
                    f"tasks {owners[problem.id]} and {spec} both have a problem {problem.id!r}: "
                    "evaluate them one at a time, each into a file of its own."
                )
        found.append(Questions(spec, one, problems))
    return found


def _compared(
    asked: Sequence[Questions], taught: overlap.Questions | None, *, exclude: bool
) -> tuple[list[Questions], set[str] | None]:
    """The problems to ask, and the ids of those that were also taught (None: not known), which is
    said; `CotpressError` where none are left.
    """
    if taught is None:
        if exclude:
            raise CotpressError(
                "--exclude-overlap needs what the model was taught, which this one's folder does "
                f"not say ({overlap.FILE}): train it again, or leave the option out."
            )
        return list(asked), None
    left, found = [], set[str]()
    for one in asked:
        like = {problem.id for problem in one.problems if taught.has(problem.question)}
        if like:
            cure = "left out" if exclude else "leave them out with --exclude-overlap"
            say(
                f"eval: {len(like)} of {len(one.problems)} problems of {one.spec} were also "
                f"taught, or nearly so: {cure}"
            )
        rest = [problem for problem in one.problems if problem.id not in like]
        if exclude and not rest:
            raise CotpressError(
                f"every problem of {one.spec} was also taught: judge on other problems."
            )
        left.append(one._replace(problems=rest) if exclude else one)
        found |= like
    return left, set() if exclude else found


def _models(
    model: str,
    original: str,
    trained: Checkpoint | None,
    folder: Path | None,
    backend: Backend,
    beyond: str,
) -> tuple[Model, Model | None]:
    """The judged model, and the untouched one: the same object where they are the same. Both are of
    one backend; `beyond` names what vLLM cannot do.
    """
    if trained and folder and not original:
        cure = "name the model to compare with yourself, as --original MODEL or --original none"
        models.check_recorded(trained.base, folder / FINISHED, cure)
    named = original or (trained.base if trained else model)
    both = [model] if named in ("none", model) else [model, named]
    specs, said = chosen(both, backend, beyond=beyond)
    if said:
        say(f"eval: {said}")
    judged = models.load(specs[0])
    return judged, None if named == "none" else judged if named == model else models.load(specs[1])


def _codes(
    model: str, trained: Checkpoint | None, latents: Sequence[int], *, corrupt_codes: bool
) -> tuple[int, list[int]]:
    """The size of the codebook, and the numbers of latent tokens that are forced."""
    codebook, forced = trained.codebook if trained else 0, list(dict.fromkeys(latents))
    if not codebook and (forced or corrupt_codes):
        raise CotpressError(
            f"model {model} was taught no latent tokens: leave out --latents and --corrupt-codes."
        )
    if any(k < 0 for k in forced):
        raise CotpressError("--latents are numbers of latent tokens, at least 0.")
    return codebook, forced


def _blended(
    judged: Model, untouched: Model | None, weights: Sequence[float]
) -> Callable[[float], Model] | None:
    """What makes the blend of a weight; `CotpressError` where two models cannot be blended, which
    is said before anything is asked. None where there are no two models, which the plan refuses.
    """
    if untouched is None or untouched is judged:
        return None
    plugins.require("transformers", "cotpress eval --blend")
    from cotpress.models.hf import HFModel  # loads torch: not for --help
    from cotpress.training.blend import blended

    short, original = (able(one, HFModel, "eval --blend") for one in (judged, untouched))
    for weight in weights:
        blended(short, original, weight)
    return partial(blended, short, original)


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


def _asked(
    ratios: list[float], budgets: list[int], trained: Checkpoint | None
) -> tuple[list[float], list[int]]:
    """What is asked for: what was named, else what was trained, else full length. Budgets that the
    model was not taught are for baselines, and do not stand in for its ratios.
    """
    taught = trained.budgets if trained else None
    if ratios or (taught and budgets):
        return ratios, budgets
    found = sorted(trained.ratios if trained else (), reverse=True)
    if taught:
        return found, sorted({*taught.usual}, reverse=True)
    return found or [1.0], budgets


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


def rules_of(trained: Checkpoint) -> Rules:
    """By which rules its examples were cut; the usual ones where it does not say, or says
    several.
    """
    return Rules(
        trained.unit if trained.unit in plugins.names("pipeline/units") else USUAL.unit,
        cast(Protect, trained.protect) if trained.protect in get_args(Protect) else USUAL.protect,
        trained.protect_regex,
    )


def spending_of(trained: Checkpoint) -> Spending:
    """How the cuts of its examples spent a ratio; the usual way where it does not say, or says
    several.
    """
    known = trained.budget in get_args(Budget)
    return Spending(cast(Budget, trained.budget) if known else "trace", trained.longest_run)


def _spent(spending: Spending) -> list[str]:
    """What a control is cut by beside the rules, in words; nothing where it is the usual."""
    window = ["window"] if spending.budget == "window" else []
    return window if spending.longest_run is None else [*window, f"runs {spending.longest_run}"]


def _arm(trace: Trace) -> str:
    """What a trace's row is called in a line."""
    setting = setting_of(trace)
    at = "" if setting.asked == NOTHING else f" at {setting.asked}"
    forced = "" if trace.latents is None else f" {trace.latents}"
    return f"{setting.method}{at}{forced}" + ("" if trace.blend is None else f" {trace.blend:g}")


def _write_traces(
    out: Path,
    asked: Sequence[Questions],
    plan: stage.Plan,
    limits: Mapping[str, int],
    options: dict[str, object],
    max_error_rate: float,
    which: Shard,
) -> None:
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


def _limits(
    asked: Sequence[Questions], max_tokens: int | None, answerers: Sequence[Model]
) -> dict[str, int]:
    """How many tokens an answer may take, task by task."""
    return {
        one.spec: answer_limit(max_tokens, one.task.max_tokens, one.spec, answerers, "eval")
        for one in asked
    }
