"""`Trace -> CompressedTrace` with a VQ-VAE: the traces are encoded, and mixed as `mix.py` draws."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from cotpress import latent_tokens
from cotpress.errors import CotpressError
from cotpress.latent import encode
from cotpress.latent import mix as draws
from cotpress.latent.folder import Coder
from cotpress.latent.sequences import fits, pieces
from cotpress.models.hf import HFModel
from cotpress.records import CompressedTrace, Trace

AT_ONCE = 512
"""Traces that are encoded together."""


def mix(
    traces: Iterable[Trace],
    coder: Coder,
    model: HFModel,
    plan: draws.Plan,
    *,
    dropped: Counter[str] | None = None,
    noted: Counter[str] | None = None,
) -> Iterator[CompressedTrace]:
    """Every trace as the plan draws it for each epoch; `model` is the one to be taught, `coder` a
    VQ-VAE of its tokens.

    The draws are those of Token Assorted (arXiv 2502.03275), its ablations and controls.

    Args:
        traces: Read 512 at a time.
        coder: What `load_vqvae` gives.
        model: A transformers model, whose tokenizer is used.
        plan: What is replaced, and by what; `chunk`, `rate` and `codebook` must be those of the
            VQ-VAE. Draws depend on its seed, the trace and the epoch alone.
        dropped: Gets the number of traces left out, by reason: no reasoning, longer than the
            VQ-VAE takes, latent tokens spelled in the text.
        noted: Gets the number of traces that stay text, because they are shorter than one chunk.

    Yields:
        One `CompressedTrace` per trace, with one `Cut` per epoch.

    Raises:
        CotpressError: The plan has another chunk, rate or codebook than the VQ-VAE.
    """
    dropped, noted = (
        Counter() if dropped is None else dropped,
        Counter() if noted is None else noted,
    )
    shape, traces = coder.model.shape, iter(traces)
    if (plan.chunk, plan.rate, plan.codebook) != (shape.chunk, shape.rate, shape.codebook):
        raise CotpressError(
            f"the VQ-VAE has a chunk of {shape.chunk}, a rate of {shape.rate} and "
            f"{shape.codebook} codes: plan with these."
        )
    while some := list(islice(traces, AT_ONCE)):
        kept, cut = [], []
        for trace in some:
            one = pieces(trace, model)
            if latent_tokens.SPELLED.search(trace.problem.question + trace.completion()):
                dropped["latent tokens spelled in the text"] += 1
            elif not one.reasoning:
                dropped["no reasoning"] += 1
            elif not fits(one, shape):
                dropped[f"longer than the {shape.length} tokens of the VQ-VAE"] += 1
            else:
                kept.append(trace)
                cut.append(one)
                noted["traces shorter than one chunk stay text"] += len(one.reasoning) < plan.chunk
        ends = model.token_ends([trace.reasoning for trace in kept])
        found = (
            encode.encode(coder, cut) if plan.n_codes and plan.codes == "vq" else [[] for _ in cut]
        )
        yield from draws.mix(map(draws.Ready, kept, ends, found), plan)
