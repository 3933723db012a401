"""What `eval` does with latent tokens: force their number, and put others in their place to see
whether they matter.

A model that answers the same whatever its codes are has learnt fillers, not thoughts (specification
section 13, control 3).
"""

from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from cotpress import latent_tokens
from cotpress.methods import CORRUPTED
from cotpress.models import Model, Request, Sampling
from cotpress.pipeline.generate import Failed, split_answer
from cotpress.records import Trace


def corrupted(
    own: Sequence[Trace],
    model: Model,
    sampling: Sampling,
    codebook: int,
    marker: str,
    failed: Failed | None = None,
) -> Iterator[Trace]:
    """Each of the model's own traces up to its last latent token, every
    code another one, and how it goes on; ungraded. `failed` is told of
    those that the model could not continue, and they are left out.
    """
    begins = [changed(trace, codebook, sampling.seed) for trace in own]
    requests = (
        Request(
            key=f"{trace.problem.id}|{trace.sample}|{CORRUPTED}",
            messages=trace.problem.prompt(trace.ratio, budget=trace.asked.budget),
            prefill=begin,
            may_fail=failed is not None,
        )
        for trace, begin in zip(own, begins, strict=True)
    )
    lengths = model.token_ends(begins)
    for trace, begin, ends, completion in zip(
        own, begins, lengths, model.generate(requests, sampling), strict=True
    ):
        if completion.error and failed:
            failed(trace, completion.error)
            continue
        whole = msgspec.structs.replace(
            completion, text=begin + completion.text, n_tokens=len(ends) + completion.n_tokens
        )
        yield split_answer(trace, whole, model, marker)


def changed(trace: Trace, codebook: int, seed: int) -> str:
    """The beginning of a trace's completion up to its last
    run of codes, each replaced by another code.
    """
    text, chance = trace.completion(), Random(f"{seed}|{trace.key}")
    last = [match.end() for match in latent_tokens.RUN.finditer(text)][-1:] or [0]
    return latent_tokens.CODE.sub(
        lambda code: latent_tokens.code(_other(int(code[1]), codebook, chance)), text[: last[0]]
    )


def usable(trace: Trace) -> bool:
    """Whether there is a code to change: in a whole run, with its end marker."""
    return any(latent_tokens.codes(run) for run in latent_tokens.RUN.findall(trace.completion()))


def _other(code: int, codebook: int, chance: Random) -> int:
    """Another code than this one."""
    drawn = chance.randrange(codebook - 1)
    return drawn + (drawn >= code)
