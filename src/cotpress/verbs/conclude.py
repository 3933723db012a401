"""`cotpress conclude`: what does the model conclude from the shortened reasoning?"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import mean

import msgspec

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.failures import USUAL_RATE, Failures
from cotpress.models import Sampling
from cotpress.pipeline import conclude as stage
from cotpress.pipeline.build import misled
from cotpress.pipeline.grade import Workers, grade
from cotpress.records import CompressedTrace, Concluded, Cut
from cotpress.shown import shown
from cotpress.verbs.common import make, say
from cotpress.verbs.failing import Watching, check_error_rate
from cotpress.verbs.graders import graders


class ConclusionSummary(msgspec.Struct):
    """What became of the conclusions at one ratio."""

    ratio: float
    n: int
    right: float
    """Share that `build` takes: right, or with nothing to compare with, and whole."""
    mean_tokens: float
    """Tokens of conclusion and markup."""


def conclude(
    compressed: Path,
    /,
    *,
    model: str,
    out: Path,
    max_tokens: int = 1024,
    grader: str | None = None,
    task: str = "",
    max_error_rate: float = USUAL_RATE,
    json: bool = False,
) -> None:
    """Have the model that is to be taught write the conclusion anew, after each shortened
    reasoning.

    Example: cotpress conclude compressed.jsonl --model hf:Qwen/Qwen3-1.7B --out concluded.jsonl

    `build` then teaches these, and leaves out cuts whose conclusion is wrong.

    Parameters
    ----------
    compressed
        Compressed traces.
    model
        The untouched model.
    out
        Where the same traces go, with the conclusions.
    max_tokens
        Longest conclusion.
    grader
        math, choice, exact, code, text, or one of your own by its dotted name; without it each
        trace is graded as its task says, and by math where the task is unknown.
    task
        Grade all traces as this task says; needed where it is a plug-in of your own, which no file
        can name.
    max_error_rate
        Share of traces that a server may fail to conclude before the run ends. What failed stands
        in `<name>.errors.jsonl`, and the same command asks for it again.
    json
        Print the summary as JSON on standard output.
    """
    check_error_rate(max_error_rate)
    if max_tokens < 1:
        raise CotpressError("choose --max-tokens of at least 1.")
    found: Counter[str] = Counter()
    for one in storage.read(compressed, CompressedTrace):
        found[one.trace.problem.task] += 1
        if any(cut.n_latent for cut in one.cuts):
            raise CotpressError(
                f"{compressed} holds latent tokens, from which no untouched model can conclude: "
                "conclude what `cotpress compress` wrote."
            )
    grader_of = graders(found, compressed, grader=grader, task=task, verb="conclude")
    target = models.load(model)
    noted: Counter[str] = Counter()
    options: dict[str, object] = {"model": model, "max_tokens": max_tokens, "grader": grader}
    failures = list[Failures]()
    with Workers() as pool:

        def concluded(blocks: Iterator[Sequence[CompressedTrace]]) -> Iterator[CompressedTrace]:
            watching = Watching(failures[0], "conclude", max_error_rate, found.total())
            made = stage.conclude_blocks(
                blocks,
                target,
                partial(grade, grader_of=grader_of, within=pool),
                Sampling(max_tokens=max_tokens),
                noted=noted,
                failed=watching.failed,
            )
            return watching.counted(made)

        make(
            out,
            CompressedTrace,
            lambda blocks, _: concluded(blocks),
            storage.read(compressed, CompressedTrace),
            verb="conclude",
            inputs={"compressed": partial(storage.hash_file, compressed)},
            options=options | ({"task": task} if task else {}),
            identity={"model": target.identity},
            total=found.total(),
            skip=lambda one: one.key,
            block=stage.BATCH,
            key=lambda one: one.key,
            extra={"noted": noted},
            watch=failures.append,
        )
    for what, count in noted.items():
        say(f"conclude: {count} cuts {what}")
    summaries = summarise(out)
    if json:
        print(shown(msgspec.json.encode(summaries).decode()))
        return
    for ratio in summaries:
        say(
            f"ratio {ratio.ratio:g}: {ratio.right:.1%} of {ratio.n} conclusions are right, "
            f"{ratio.mean_tokens:.1f} tokens on average"
        )


def summarise(path: Path) -> list[ConclusionSummary]:
    """One summary per ratio, rising, of the concluded traces in a file."""
    by_ratio: dict[float, list[tuple[Cut, Concluded]]] = {}
    for one in storage.read(path, CompressedTrace):
        for cut in one.cuts:
            if cut.concluded:
                by_ratio.setdefault(cut.ratio, []).append((cut, cut.concluded))
    return [
        ConclusionSummary(
            ratio=ratio,
            n=len(found),
            right=mean(not misled(cut) for cut, _ in found),
            mean_tokens=mean(own.n_tokens for _, own in found),
        )
        for ratio, found in sorted(by_ratio.items())
    ]
