"""`cotpress verify`: does the shortened reasoning still lead to its conclusion?"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Annotated

import msgspec

from cotpress import models, plugins, storage
from cotpress.engine.shards import Share, parse
from cotpress.errors import CotpressError
from cotpress.pipeline import verify as stage
from cotpress.records import CompressedTrace, Verified
from cotpress.shown import shown
from cotpress.verbs.common import make, say
from cotpress.verbs.groups import SPREAD
from cotpress.verbs.spread import Engine, spread


class LossSummary(msgspec.Struct):
    """What shortening to one ratio costs the conclusions, in nats."""

    ratio: float
    n: int
    mean_loss: float
    median_loss: float
    mean_loss_without_reasoning: float
    """What dropping all of the reasoning costs."""


@spread("verify")
def verify(
    compressed: Path,
    /,
    *,
    reference: str,
    out: Path,
    json: bool = False,
    shard: Annotated[str, SPREAD] = "",
    processes: Annotated[int, SPREAD] = 1,
    engine: Annotated[Engine, SPREAD] = "processes",
    ray_address: Annotated[str, SPREAD] = "",
) -> None:
    """Measure how likely a reference model finds each conclusion after the shortened reasoning, the
    full one and none.

    Example: cotpress verify compressed.jsonl --reference runs/reference --out verified.jsonl

    Parameters
    ----------
    compressed
        Compressed traces.
    reference
        The model that reads them: the one CTS scored with, say.
    out
        Where the same traces go, with the likelihoods; `compress --keep-answer` reads it.
    json
        Print the summary as JSON on standard output.
    shard
        Do only this part of the run, 0/8 to 7/8 say, into a file of its own; `cotpress merge` joins
        them.
    processes
        Work in so many processes of this machine, each on a GPU of its own, where there are any.
    engine
        ray: work in so many tasks of a Ray cluster instead, on files that all its machines share.
    ray_address
        The cluster, such as ray-head:6379; default: RAY_ADDRESS, else Ray on this machine.
    """
    which = parse(shard)
    for package in ("torch", "transformers"):
        plugins.require(package, "cotpress verify")
    from cotpress.lm.capabilities import CausalLM, able
    from cotpress.lm.conclusions import conclusions  # torch takes seconds to load: not for --help
    from cotpress.lm.latent_grammar import latent_ids

    judge = able(models.load(reference, dtype="float32"), CausalLM, "verify")
    if latent_ids(judge.tokenizer) is None and any(
        cut.n_latent for one in storage.read(compressed, CompressedTrace) for cut in one.cuts
    ):
        raise CotpressError(
            f"{compressed} holds latent tokens, which {judge.name} does "
            "not know and would read as text: "
            "name a --reference that was taught them."
        )
    noted: Counter[str] = Counter()
    share = Share(which, storage.count(compressed, CompressedTrace), stage.BATCH)

    def own() -> Iterator[CompressedTrace]:
        return storage.read(compressed, CompressedTrace, takes=share.takes)

    make(
        out,
        CompressedTrace,
        lambda blocks, _: stage.verify_blocks(
            blocks, partial(conclusions, judge), judge.name, noted=noted
        ),
        own(),
        verb="verify",
        inputs={"compressed": partial(storage.hash_file, compressed)},
        options={"reference": reference},
        identity={"reference": judge.identity},
        share=share,
        keys=lambda: (one.key for one in own()),
        skip=lambda one: one.key,
        block=stage.BATCH,
        key=lambda one: one.key,
        extra={"noted": noted},
    )
    for what, count in noted.items():
        say(f"verify: {count} cuts {what}")
    if which.n > 1:
        return
    summaries = summarise(out)
    if json:
        print(shown(msgspec.json.encode(summaries).decode()))
        return
    for one in summaries:
        lost = (
            f"conclusions lose {one.mean_loss:.2f} nats on average (median {one.median_loss:.2f})"
        )
        say(
            f"ratio {one.ratio:g}: {lost}, without any reasoning "
            f"{one.mean_loss_without_reasoning:.2f}, n = {one.n}"
        )


def summarise(path: Path) -> list[LossSummary]:
    """One summary per ratio, rising, of the verified traces in a file."""
    by_ratio: dict[float, list[Verified]] = {}
    for one in storage.read(path, CompressedTrace):
        for cut in one.cuts:
            if cut.verified:
                by_ratio.setdefault(cut.ratio, []).append(cut.verified)
    return [
        LossSummary(
            ratio=ratio,
            n=len(found),
            mean_loss=mean(one.loss for one in found),
            median_loss=median(one.loss for one in found),
            mean_loss_without_reasoning=mean(one.full - one.none for one in found),
        )
        for ratio, found in sorted(by_ratio.items())
    ]
