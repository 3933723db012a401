"""What `cotpress eval` asks, and whom: problems, models, ratios, budgets, codes and limits, each
checked before anything is asked.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast, get_args

from cotpress import models, plugins, tasks
from cotpress.backends import Backend, chosen
from cotpress.engine.on_ray_data import Asking, RayEngines
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import able
from cotpress.lm.checkpoint import FINISHED, Checkpoint
from cotpress.models import Model
from cotpress.pipeline import overlap
from cotpress.pipeline.budgets import Spending
from cotpress.pipeline.segmenting import USUAL, Protect, Rules
from cotpress.records import Budget, Problem
from cotpress.verbs.common import (
    answer_limit,
    say,
)


class Questions(NamedTuple):
    """A task with the problems that are asked of it."""

    spec: str
    task: tasks.Task
    problems: list[Problem]

    @property
    def names(self) -> list[str]:
        """What its problems call their task."""
        return list(dict.fromkeys(problem.task for problem in self.problems))


def questions_of(specs: Sequence[str], split: str, limit: int | None) -> list[Questions]:
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


def without_taught(
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


def models_of(
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


def on_engines(
    judged: Model, untouched: Model | None, n: int, address: str
) -> tuple[Model, Model | None]:
    """Both models, answered for by vLLM engines of a Ray cluster; one where they are the same."""
    here = RayEngines(cast(Asking, judged), n, address)
    if untouched is None or untouched is judged:
        return here, here if untouched else None
    return here, RayEngines(cast(Asking, untouched), n, address)


def codes_of(
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


def blender(
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


def asked_for(
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


def limits_of(
    asked: Sequence[Questions], max_tokens: int | None, answerers: Sequence[Model]
) -> dict[str, int]:
    """How many tokens an answer may take, task by task."""
    return {
        one.spec: answer_limit(max_tokens, one.task.max_tokens, one.spec, answerers, "eval")
        for one in asked
    }
