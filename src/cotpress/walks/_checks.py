"""What a walk needs is opened or looked up before anything is made, so that no mistake and nothing
that is missing shows after hours.
"""

import importlib.util
from typing import Any

from cotpress import grading, inputs, models, plugins, scorers, tasks
from cotpress.backends import on_transformers
from cotpress.errors import CotpressError, MissingExtra
from cotpress.lm.capabilities import CausalLM, able
from cotpress.training.options import TrainOptions, check_trackers
from cotpress.walks import Run

PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")
"""What training imports."""


def check(run: Run, options: TrainOptions | None, *, scorer: str = "", reference: str = "") -> None:
    """`CotpressError` or `MissingExtra` for whatever the walk would stumble over later.

    `scorer` and `reference` are those that are there before the walk begins; names are looked up
    before anything is opened.
    """
    _check_words(run)
    for kind, spec in (("tasks", run.task), ("scorers", scorer)):
        if spec:
            plugins.find(kind, plugins.parse_spec(spec).name)
    open_all(run, options, scorer=scorer, reference=reference)


def open_all(run: Run, options: TrainOptions | None, *, scorer: str, reference: str) -> None:
    """Open packages, problems, models and the scorer."""
    _check_packages(options)
    _check_problems(run)
    _check_models(run, reference)
    if scorer:
        _check_scorer(scorer, run.model)


def _check_words(run: Run) -> None:
    """What was typed, by itself."""
    if not (run.task or run.traces):
        raise CotpressError(
            "run needs problems: name a task with --task, or your own traces with --traces."
        )
    if run.traces and run.source:
        raise CotpressError(
            "--traces brings the reasoning and --source would write it: leave one of them out."
        )
    if run.traces and not run.task and not 0 < run.holdout < 1:
        raise CotpressError(
            f"--holdout {run.holdout:g} leaves nothing to judge on: choose a share above 0 and "
            "below 1, or name a --task to judge on."
        )
    for flag, value in (("--limit", run.limit), ("--eval-limit", run.eval_limit)):
        if value is not None and value < 1:
            raise CotpressError(f"{flag} {value} leaves no problem: choose 1 or more.")
    if run.processes < 1:
        raise CotpressError("choose --processes of at least 1.")


def _check_packages(options: TrainOptions | None) -> None:
    """What training, 4 bits and trackers need is installed; nothing heavy is imported for it."""
    four_bits = ("bitsandbytes",) if options and options.quantize != "none" else ()
    for package in (*PACKAGES, *four_bits):
        if importlib.util.find_spec(package) is None:
            raise MissingExtra("cotpress run", package, plugins.extra_of(package))
    check_trackers(options)


def _check_problems(run: Run) -> None:
    """There is something to teach and something to judge on, and a grader for both."""
    task = tasks.load(run.task) if run.task else None
    if run.traces:
        grader: Any = run.grader
        source = inputs.Several(tuple(inputs.sources(list(run.traces))))
        if next(iter(source.rows()), None) is None:
            raise CotpressError(f"{source.name} holds no rows.")
    elif task:
        grader = task.grader
        tasks.take(task, "train", run.limit)
        if run.source == "gold":
            next(iter(task.worked("train")), None)
    if task:
        tasks.take(task, "test", run.eval_limit, flag="--eval-limit")
    for one in {grader, task.grader} if task else {grader}:
        if isinstance(one, str):
            needs = grading.load(one).needs
            if needs and importlib.util.find_spec(needs) is None:
                raise MissingExtra(f"grader {one}", needs, plugins.extra_of(needs))


def _check_models(run: Run, reference: str) -> None:
    """The models are there, and can do what is asked of them; no weights are loaded."""
    from cotpress.models.hf import HFModel

    able(models.load(run.model), HFModel, "train")
    if run.source not in ("", "gold", run.model):
        # an estimate needs no engine
        models.load(on_transformers(run.source) if run.dry_run else run.source)
    if reference:
        able(models.load(reference), CausalLM, "--reference")


def _check_scorer(spec: str, model: str) -> None:
    """The scorer can be loaded; where it cannot, what needs no download."""
    try:
        scorers.load(spec)
    except MissingExtra:
        raise
    except CotpressError as error:
        if plugins.parse_spec(spec).name != "llmlingua2":
            raise
        said = str(error)
        if "surprisal:MODEL" not in said:
            said += " A model that is here can score: --scorer surprisal:MODEL."
        raise CotpressError(said.replace("surprisal:MODEL", f"surprisal:{model}")) from error
