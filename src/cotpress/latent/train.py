"""`Trace -> VQ-VAE`: learn the codes of a file's reasonings, in a
folder that is locked meanwhile and finished once.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cotpress import __version__, folders, storage
from cotpress.errors import CotpressError
from cotpress.latent import checkpoint, encode, fit, folder
from cotpress.latent.about import About, about
from cotpress.latent.options import RATES, STEPS, FitOptions, Shape
from cotpress.latent.sequences import Pieces, fits, pieces
from cotpress.latent.token_classes import TokenClass, token_classes
from cotpress.lm import devices
from cotpress.models.hf import HFModel
from cotpress.records import Trace

ANALYSED = 2000
"""Traces from which it is told what each code stands for."""


def train_vqvae(
    traces: Iterable[Trace],
    model: HFModel,
    out: Path,
    shape: Shape | None = None,
    options: FitOptions | None = None,
    *,
    content: str = "",
    say: Callable[[str], None] = print,
) -> About:
    """Train a VQ-VAE on the tokens of `model` in the folder `out`, and say what its codes are
    worth.

    A folder that was finished under the same options is left as it is, and one that was stopped
    goes on to the same codes. The method is Token Assorted's (arXiv 2502.03275).

    Args:
        traces: What to learn from; wrong and unfinished ones are left out, as are those without
            reasoning or too long for `shape`.
        model: The model to be taught, whose tokenizer is used; its weights are not.
        out: Folder for the VQ-VAE and for what a rerun goes on from.
        shape: Size of chunks (tokens), codebook and network; default: `VqvaeShape()`.
        options: Steps, learning rate and the like; default: 1,500 steps at 2e-3.
        content: Hash of the file that the traces come from; default: a hash of the traces. It
            decides whether a rerun is of the same training.
        say: Gets a line of progress now and then.

    Returns:
        What `vqvae.json` in the folder says: figures by step, counts of traces, options.

    Raises:
        CotpressError: Too few traces are left for training or for the codebook, the loss is NaN,
            the codebook collapses, or `out` holds something else or is being written.
    """
    shape, traces = shape or Shape(), list(traces)
    options = options or FitOptions(steps=STEPS["small"], lr=RATES["small"])
    content = content or storage.fingerprint({"traces": map(msgspec.to_builtins, traces)})
    mark = fingerprint(content, model, shape, options)
    with folders.making(out, folder.KIND, mark) as place:
        if place is None:
            (out / checkpoint.FILE).unlink(missing_ok=True)  # of a run killed when it was finished
            say(f"{out} was finished before under the same options; nothing to do")
            return about(out)
        left_out: Counter[str] = Counter()
        used, data = usable(traces, model, shape, left_out)
        began = time.monotonic()
        device = devices.usual()
        say(f"{len(data)} traces, {options.steps} steps on {device}{_told(left_out)}")
        saved = out / checkpoint.FILE
        network, vocabulary, figures = fit.fit(
            data,
            shape,
            options,
            classes=lambda i: classes(used[i], model),
            device=device,
            say=say,
            saved=saved,
        )
        coder = folder.Coder(network, vocabulary)

        def text(ids: Sequence[int]) -> str:
            return str(model.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

        counts: dict[str, Any] = {"in": len(traces), "out": len(data), "dropped": dict(left_out)}
        found = About(
            target=model.name,
            tokenizer=model.tokenizer_hash,
            shape=shape,
            options=options,
            tokens=vocabulary.tokens,
            figures=figures,
            counts=counts,
            seconds=round(time.monotonic() - began, 3),
            version=__version__,
            fingerprint=mark,
        )
        folder.save(out, coder, found, encode.code_uses(coder, data[:ANALYSED], text))
        saved.unlink(missing_ok=True)
    say(f"{out} holds {shape.codebook} codes after {found.seconds:.0f} s")
    return found


def fingerprint(content: str, model: HFModel, shape: Shape, options: FitOptions) -> str:
    """What tells one training from another: its traces (their hash), tokens, shape and options."""
    return storage.fingerprint(
        {
            "graded": content,
            "tokenizer": model.tokenizer_hash,
            "shape": vars(shape),
            "options": vars(options),
        }
    )


def classes(trace: Trace, model: HFModel) -> list[TokenClass]:
    """The class of each token of a trace's reasoning."""
    (ends,) = model.token_ends([trace.reasoning])
    return token_classes(trace.reasoning, ends, trace.problem.question)


def usable(
    traces: Iterable[Trace], model: HFModel, shape: Shape, left_out: Counter[str]
) -> tuple[list[Trace], list[Pieces]]:
    """The traces that can be learnt from, and the same in pieces; `left_out` counts the others by
    reason. `CotpressError` where none is left.
    """
    used: list[Trace] = []
    data: list[Pieces] = []
    for trace in traces:
        if why := _unfit(trace):
            left_out[why] += 1
        elif not fits(one := pieces(trace, model), shape):
            left_out[f"longer than {shape.length} tokens"] += 1
        else:
            used.append(trace)
            data.append(one)
    if not data:
        reasons = (
            ", ".join(f"{count} {why}" for why, count in left_out.items())
            or "the file holds no traces"
        )
        raise CotpressError(f"train-vqvae: nothing to train on: {reasons}.")
    return used, data


def _unfit(trace: Trace) -> str:
    """Why a trace is nothing to learn codes from; empty if it is."""
    if trace.grade is not None and trace.grade.fault:
        return trace.grade.fault
    if not trace.finished:
        return "cut off by the token limit"
    return "" if trace.reasoning else "no reasoning"


def _told(left_out: Counter[str]) -> str:
    """`, 3 left out (wrong answer)`."""
    return "".join(f", {count} left out ({why})" for why, count in sorted(left_out.items()))
