"""As tokenskip; a reference model says how much the answer changes each token's likelihood."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cotpress.errors import CotpressError
from cotpress.training.options import TrainOptions
from cotpress.walks import CUT, Run, Step, graded, step
from cotpress.walks._checks import check
from cotpress.walks._pruning import Cut, prune


def cts(
    run: Annotated[Run, Parameter(name="*")],
    *,
    reference: Annotated[str, CUT] = "",
    reference_limit: Annotated[int, CUT] = 1000,
    scorer: Annotated[str, CUT] = "",
    cut: Annotated[Cut | None, Parameter(name="*")] = None,
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
) -> Iterator[Step]:
    """Walk CTS: train a reference model, then generate, grade, score, compress, build, train, eval,
    report.

    Example: cotpress run cts --task gsm8k --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/q

    Started again, it goes on.

    Parameters
    ----------
    run
        What is walked.
    reference
        The model that scores, and that --keep-answer asks. Without it one is trained from --model,
        on right and uncompressed answers to the first problems, which are then left out of
        everything else.
    reference_limit
        How many problems that training takes.
    scorer
        What assigns importance; default: cts:REFERENCE.
    cut
        How reasoning is cut.
    options
        How to train, the reference model too.
    """
    cut = cut or Cut()
    own = not (reference or scorer)
    judge = str(run.out / "reference" / "model") if own else reference
    scorer = scorer or f"cts:{judge}"
    if cut.keep_answer is not None and not judge:
        raise CotpressError(
            "--keep-answer asks a model how likely it finds the answers: name it with --reference."
        )
    check(run, options, scorer="" if own else scorer, reference=reference)
    yield from graded(run, run.out, limit=run.limit, skip=reference_limit if own else 0)
    if own:
        yield from train_reference(run, options, reference_limit)
    yield from prune(run, cut, options, method="cts", scorer=scorer, judge=judge)


def train_reference(run: Run, options: TrainOptions | None, limit: int) -> Iterator[Step]:
    """CTS's reference model: the model, fine-tuned on right and
    uncompressed answers to the first `limit` problems.
    """
    out: Path = run.out / "reference"
    scored, compressed, examples = (
        out / name for name in ("scored.jsonl", "compressed.jsonl", "train.jsonl")
    )
    yield from graded(run, out, limit=limit)
    # At ratio 1.0 any score will do.
    yield step("score", out / "graded.jsonl", scorer="random", target=run.model, out=scored)
    yield step("compress", scored, ratios=[1.0], out=compressed, method="reference")
    yield step("build", compressed, out=examples)
    yield step("train", examples, model=run.model, out=out / "model", options=options)
