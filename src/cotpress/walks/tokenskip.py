"""Unimportant tokens are pruned at a ratio that the model learns to obey."""

from collections.abc import Iterator
from typing import Annotated

from cyclopts import Parameter

from cotpress.errors import CotpressError
from cotpress.training.options import TrainOptions
from cotpress.walks import CUT, Run, Step, graded
from cotpress.walks._checks import check
from cotpress.walks._pruning import Cut, prune


def tokenskip(
    run: Annotated[Run, Parameter(name="*")],
    *,
    scorer: Annotated[str, CUT] = "llmlingua2:microsoft/llmlingua-2-xlm-roberta-large-meetingbank",
    reference: Annotated[str, CUT] = "",
    cut: Annotated[Cut | None, Parameter(name="*")] = None,
    options: Annotated[TrainOptions | None, Parameter(name="*")] = None,
) -> Iterator[Step]:
    """Walk TokenSkip: generate, grade, score, compress, build, train, eval, report; started again,
    it goes on.

    Example: cotpress run tokenskip --task gsm8k --model hf:Qwen/Qwen2.5-1.5B-Instruct --out runs/q

    Parameters
    ----------
    run
        What is walked.
    scorer
        What assigns importance; default: LLMLingua-2, as in the paper.
    reference
        The model that --keep-answer asks how likely it finds the answers.
    cut
        How reasoning is cut.
    options
        How to train.
    """
    cut = cut or Cut()
    if cut.keep_answer is not None and not reference:
        raise CotpressError(
            "--keep-answer asks a model how likely it finds the answers: name it with --reference."
        )
    check(run, options, scorer=scorer, reference=reference)
    yield from graded(run, run.out, limit=run.limit)
    yield from prune(run, cut, options, method="tokenskip", scorer=scorer, judge=reference)
