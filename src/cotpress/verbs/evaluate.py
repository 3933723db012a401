"""`cotpress eval`: what a ratio costs. Graded traces in one file, rows
with intervals in another, a table on the screen.
"""

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cotpress import __version__, models, plugins, storage, tasks
from cotpress.errors import CotpressError
from cotpress.evaluation import evaluate as stage
from cotpress.evaluation.setting import setting_of
from cotpress.grading import Check
from cotpress.lm.checkpoint import FINISHED, Checkpoint, folder_of, read
from cotpress.methods import ORIGINAL
from cotpress.models import Sampling
from cotpress.pipeline import instruction
from cotpress.pipeline.grade import grade
from cotpress.pipeline.segmenting import USUAL, Protect, Rules
from cotpress.records import EvalRow, Problem, Trace
from cotpress.verbs.common import PLAIN_WIDTH, answer_limit, progress, rows_path, say, watched

Many = Parameter(consume_multiple=True)


def evaluate(
    *,
    task: str,
    model: str,
    out: Path,
    ratios: Annotated[list[float] | None, Many] = None,
    baseline: Annotated[list[str] | None, Many] = None,
    latents: Annotated[list[int] | None, Many] = None,
    legal_latents: bool = False,
    corrupt_codes: bool = False,
    original: str = "",
    instruction_mismatch: Literal["refuse", "allow"] = "refuse",
    split: str = "test",
    limit: int | None = None,
    max_tokens: int | None = None,
    temperature: float = 0.0,
    seed: int = 0,
    json: bool = False,
) -> None:
    """Say what each ratio costs: accuracy, length, truncation and loops against the untouched model
    and baselines.

    Example: cotpress eval --task gsm8k --model runs/x --ratios 1.0 0.7 0.5 --out eval.jsonl

    Parameters
    ----------
    task
        What is asked (see `cotpress ls`).
    model
        The model that is judged: a folder that `cotpress train` wrote, or any model spec.
    out
        Where the graded traces go; the rows go to `<name>.rows.jsonl` beside it.
    ratios
        Fractions of reasoning tokens to ask for; as trained where none is named.
    baseline
        be-concise, only-numbers, abbre-words, lc-prompt (prompts); truncation, random (controls at
        the ratio really reached).
    latents
        Also make the model write so many latent tokens, each number in turn, such as 0 1 2 4: its
        accuracy-length curve.
    legal_latents
        Admit latent tokens only in runs between their markers.
    corrupt_codes
        Also go on from the model's own latent tokens with other codes in their place: how many
        answers change?
    original
        The untouched model that the others are compared with: as recorded by `cotpress train`; none
        leaves it out.
    instruction_mismatch
        Whether a task may be asked with another instruction than the model was trained with.
    split
        Part of the task.
    limit
        How many problems, from the first on; all where it is not given.
    max_tokens
        The same limit for every row; where it is not given, what the task's answers take, within
        what the models read.
    temperature
        0: greedy.
    seed
        Decides random draws, those of the control `random` included.
    json
        Print the rows as JSON instead of a table.
    """
    if (max_tokens is not None and max_tokens < 1) or temperature < 0:
        raise CotpressError("choose --max-tokens of at least 1 and --temperature of at least 0.")
    asked = tasks.load(task)
    problems = tasks.take(asked, split, limit)
    folder = folder_of(model)
    trained = read(folder, Checkpoint) if folder else None
    if trained and instruction_mismatch == "refuse":
        instruction.refuse_others(problems, trained.instructions, model, task)
    if trained and folder and not original:
        cure = "name the model to compare with yourself, as --original MODEL or --original none"
        models.check_recorded(trained.base, folder / FINISHED, cure)
    judged = models.load(model)
    named = original or (trained.base if trained else model)
    untouched = None if named == "none" else judged if named == model else models.load(named)
    codebook, forced = trained.codebook if trained else 0, list(dict.fromkeys(latents or ()))
    if not codebook and (forced or corrupt_codes):
        raise CotpressError(
            f"model {model} was taught no latent tokens: leave out --latents and --corrupt-codes."
        )
    if any(k < 0 for k in forced):
        raise CotpressError("--latents are numbers of latent tokens, at least 0.")
    answerers = [judged, untouched] if untouched else [judged]
    most = answer_limit(max_tokens, asked.max_tokens, task, answerers, "eval")
    plan = stage.Plan(
        model=judged,
        method=trained.method if trained else ORIGINAL,
        ratios=ratios or sorted(trained.ratios if trained else (), reverse=True) or [1.0],
        original=untouched,
        baselines=baseline or [],
        sampling=Sampling(
            max_tokens=most, temperature=temperature, seed=seed, legal_latents=legal_latents
        ),
        rules=rules_of(trained) if trained else USUAL,
        marker=asked.marker,
        forced=forced,
        corrupt=codebook if corrupt_codes else 0,
    )
    known = trained.ratios if trained else None
    for ratio in plan.ratios:
        if known and ratio not in known:
            say(
                f"eval: {model} was never trained on ratio {ratio:g} (but on "
                f"{', '.join(f'{r:g}' for r in known)})"
            )
    options = {
        "task": task,
        "split": split,
        "limit": limit,
        "model": judged.name,
        "original": untouched.name if untouched else None,
        "ratios": plan.ratios,
        "baselines": plan.baselines,
        "latents": plan.forced,
        "corrupt": plan.corrupt,
        "sampling": msgspec.to_builtins(plan.sampling),
        storage.IDENTITY: {
            "task": asked.identity(split),
            "model": judged.identity,
            "original": untouched.identity if untouched else "",
            "cut": ", ".join(filter(None, plan.rules)),
        },
    }
    _write_traces(out, problems, plan, asked.grader, options)
    found = stage.rows(
        storage.read(out, Trace), scorer=trained.scorer if trained else "", trained=known
    )
    storage.write(rows_path(out), found)
    for row in found:
        if row.note:
            say(f"eval: {row.method} at ratio {row.ratio:g}: {row.note}")
    if json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
        console.print(table(found, f"{task} {split}, {model}"))


def rules_of(trained: Checkpoint) -> Rules:
    """By which rules its examples were cut; the usual ones where it does not say, or says
    several.
    """
    return Rules(
        trained.unit if trained.unit in plugins.names("pipeline/units") else USUAL.unit,
        cast(Protect, trained.protect) if trained.protect in get_args(Protect) else USUAL.protect,
        trained.protect_regex,
    )


def table(rows: Sequence[EvalRow], title: str) -> Table:
    """The rows for a person: shares in percent, lengths in tokens per problem."""
    result = Table(title=Text(title), box=None, pad_edge=False, title_justify="left")
    latent = ("latent", "with any", "changed") if any(row.mean_latent for row in rows) else ()
    for name in (
        "method",
        "ratio",
        "n",
        "accuracy [95 %]",
        "tokens",
        "kept",
        "truncated",
        "looping",
        "p",
        *latent,
        "note",
    ):
        result.add_column(
            name, justify="left" if name in ("method", "note") else "right", no_wrap=name != "note"
        )
    for row in rows:
        changed = "" if row.changed is None else f"{row.changed:.1%}"
        cells = (
            row.method if row.latents is None else f"{row.method} {row.latents}",
            "" if row.ratio is None else f"{row.ratio:g}",
            str(row.n),
            f"{row.accuracy:.1%} [{100 * row.accuracy_low:.1f}, {100 * row.accuracy_high:.1f}]",
            f"{row.mean_tokens:.1f}",
            "" if row.kept is None else f"{row.kept:.2f}",
            f"{row.truncated:.1%}",
            f"{row.looping:.1%}",
            "" if row.p_value is None else f"{row.p_value:.2g}",
            *((f"{row.mean_latent:.1f}", f"{row.with_latents:.0%}", changed) if latent else ()),
            row.note,
        )
        result.add_row(*map(Text, cells))
    return result


def _arm(trace: Trace) -> str:
    """What a trace's row is called in a line."""
    setting = setting_of(trace)
    at = "" if setting.asked.ratio is None else f" at {setting.asked.ratio:g}"
    return f"{setting.method}{at}" + ("" if trace.latents is None else f" {trace.latents}")


def _write_traces(
    out: Path,
    problems: Iterable[Problem],
    plan: stage.Plan,
    grader: str | Check,
    options: dict[str, object],
) -> None:
    with storage.run(
        out, Trace, "eval", options, version=__version__, key=lambda trace: trace.key
    ) as this:
        if this.complete:
            say(f"eval: {out} was finished before under the same options; no model was asked")
            return
        asked = list(this.counted(problems))
        before = this.done.total()
        if before:
            say(f"eval: resuming {out} with {before} traces done")
        done = list(storage.read(storage.part_path(out), Trace)) if before else []
        by_grader = partial(grade, grader_of=lambda trace: grader)
        new = stage.evaluate(asked, plan, by_grader, done=done, dropped=this.dropped)
        new = watched(new, "eval", plan.sampling.max_tokens, _arm)
        for _ in progress(this.write(new), "eval", plan.n_arms * len(asked), before):
            pass
        for why, count in this.dropped.items():
            say(
                f"eval: left out {why}"
                + (f" ({count} answers)" if why == stage.NOTHING_TO_CORRUPT else "")
            )
