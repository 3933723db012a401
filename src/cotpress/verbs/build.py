"""`cotpress build`: what the model is taught, one prompt and completion per line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Parameter

from cotpress import storage, tasks
from cotpress.errors import CotpressError
from cotpress.jsonl import first_fields
from cotpress.pipeline import overlap
from cotpress.pipeline.build import Control
from cotpress.pipeline.whole import whole
from cotpress.records import CompressedTrace, Think, Trace, TrainingExample
from cotpress.serving.data_card import data_card
from cotpress.serving.hub import repository
from cotpress.training import formats
from cotpress.verbs.common import make, say


def build(
    compressed: Path,
    /,
    *,
    out: Path,
    draw: Literal["one", "all"] = "one",
    ratios: Annotated[list[float] | None, Parameter(consume_multiple=True)] = None,
    format: str = "",
    target: str = "",
    family: Literal["qwen", "llama3"] = "qwen",
    think: Think = "target",
    control: Control = "ratio",
    exclude_overlap: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    seed: int = 42,
    push: str = "",
    private: bool | None = None,
) -> None:
    """Make training examples: (question, ratio) as the prompt, a shorter answer as the completion.

    Example: cotpress build compressed.jsonl --out train.jsonl

    Parameters
    ----------
    compressed
        Compressed traces; or traces, as `cotpress select` writes them, which are taught as they
        are, with nothing asked for in the prompt, or their length (--control budget).
    out
        Where the training examples go.
    draw
        one: each trace at one ratio drawn for it, as in TokenSkip; all: each trace at every ratio.
    ratios
        Ratios to draw from; without it those of the file, and 1.0 (the original).
    format
        Without it what `cotpress train` reads. trl: messages; llamafactory, axolotl: finished text;
        each with settings beside it; pretokenized: ids and labels; released: TokenSkip's rows.
    target
        The model to be taught, for formats that write its tokens or its template.
    family
        Whose delimiters `--format released` writes.
    think
        In whose marks of thinking a turn is taught. target: those of the model to be taught, as its
        chat template writes them; keep: those that the trace came with; none: none.
    control
        What the prompt says of the length. ratio: the ratio of the cut; budget: how many reasoning
        tokens the example has; both: one of the two, drawn for each example, half each; none:
        nothing, so that the model decides, which needs one cut of each trace (compress
        --keep-answer, or one of --ratios).
    exclude_overlap
        Tasks that will be judged on (their split test), such as gsm8k or jsonl:test.csv,split=test:
        traces whose question is one of theirs, or shares 0.8 of its 8-grams, are left out.
    seed
        Of the draw.
    push
        ORG/NAME on the Hugging Face Hub: upload the finished rows there as a data set, with a card.
        The token is that of HF_TOKEN or hf auth login.
    private
        Whether --push makes the repository private where it is not there yet; by default, as with
        hf upload, it is public unless the organisation has another default.
    """
    place = repository(push, private, "dataset")
    alone = draw == "one" and not ratios and control == "ratio"
    chosen = _chosen(format, target, family, think, alone=alone)
    how = formats.Drawing(draw, ratios, seed, think, control)
    noted, about = Counter[str](), {"n_tokens": 0}
    judged, identity = _judged(exclude_overlap or ())
    taught = (one.trace.problem.question for one in _read(compressed))
    like = overlap.like_any(taught, judged) if judged else set[str]()

    def rows(cuts: Iterator[CompressedTrace], dropped: Counter[str]) -> Iterator[msgspec.Struct]:
        cuts = _unlike(cuts, like, dropped)
        if chosen:
            yield from chosen.rows(_without_latents(cuts, format), how, dropped, noted)
            about["n_tokens"] = chosen.longest
        else:
            yield from formats.examples(cuts, how, dropped, noted)

    options: dict[str, Any] = {"draw": draw, "ratios": ratios}
    options |= {"format": format or None, "target": target, "family": family, "seed": seed}
    options |= {} if think == "target" else {"think": think}
    options |= {} if control == "ratio" else {"control": control}
    options |= {"exclude_overlap": exclude_overlap} if exclude_overlap else {}
    make(
        out,
        chosen.record if chosen else TrainingExample,
        rows,
        _read(compressed),
        verb="build",
        options=options,
        inputs={"compressed": partial(storage.hash_file, compressed)},
        identity=identity | ({"target": chosen.model.identity} if chosen and chosen.model else {}),
        extra={"noted": noted, "longest": about},
    )
    _told(out, noted, chosen)
    if place:
        card = data_card(push.partition("/")[2], out).encode()
        url = place.push_files({out.name: out, "README.md": card}, "build")
        say(f"build: pushed to {url}")


def _judged(specs: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The questions of some tasks' split test, and what they are read from."""
    loaded = [tasks.load(spec) for spec in specs]
    questions = [one.question for task in loaded for one in tasks.take(task, "test", None)]
    names = ", ".join(task.identity("test") for task in loaded)
    return questions, {"judged": names} if loaded else {}


def _unlike(
    cuts: Iterator[CompressedTrace], like: set[str], dropped: Counter[str]
) -> Iterator[CompressedTrace]:
    """Pass on the traces whose question is none of these."""
    for one in cuts:
        if like and overlap.normalised(one.trace.problem.question) in like:
            dropped["question that is judged on"] += 1
        else:
            yield one


def _read(path: Path) -> Iterator[CompressedTrace]:
    """What a file holds: compressed traces, or traces to be taught as they are."""
    if {"problem", "reasoning"} <= first_fields(path).keys():
        return whole(storage.read(path, Trace))
    return storage.read(path, CompressedTrace)


def _told(out: Path, noted: Counter[str], chosen: formats.Format | None) -> None:
    """Say what is worth saying, and write the settings that belong to the rows."""
    for what, count in noted.items():
        say(f"build: {count} traces {what}")
    if chosen:
        _write_settings(out, chosen)


def _chosen(
    format: str, target: str, family: str, think: Think, *, alone: bool
) -> formats.Format | None:
    """The format, loaded; None for our own. `CotpressError` for options that do not go with it."""
    if family != "qwen" and format != "released":
        raise CotpressError(
            "--family is for --format released: the other formats use "
            "the model's own chat template."
        )
    if target and not format:
        raise CotpressError(
            "--target is for --format, whose rows are written for one "
            "model: without it they fit any."
        )
    chosen = (
        formats.load(format, target, **({"family": family} if format == "released" else {}))
        if format
        else None
    )
    if think != "target" and format == "released":
        raise CotpressError("--format released writes no marks of thinking: leave out --think.")
    if chosen and chosen.draws_alone and not alone:
        raise CotpressError(
            f"--format {format} draws as the release does, from 1.0 to "
            "0.5: leave out --draw, --ratios and --control."
        )
    return chosen


def _write_settings(out: Path, chosen: formats.Format) -> None:
    """The trainer's settings beside the rows, from what the meta file
    says of them: also of a file finished before.
    """
    about = msgspec.json.decode(storage.meta_path(out).read_bytes())
    for name, content in chosen.settings(
        out, about["counts"]["out"], about["longest"]["n_tokens"]
    ).items():
        storage.write_atomic(out.with_name(name), content)
        if name.endswith(".yaml"):
            trainer = name.removesuffix(".yaml").rpartition(".")[2]
            say(
                f"build: {out.with_name(name)} holds the settings of `cotpress train` for {trainer}"
            )


def _without_latents(cuts: Iterator[CompressedTrace], format: str) -> Iterator[CompressedTrace]:
    """Pass cuts on; another trainer's model has no rows for
    latent tokens and would read their names as text.
    """
    for cut in cuts:
        if cut.codebook:
            raise CotpressError(
                f"--format {format} cannot hold latent tokens, which need "
                "rows in the model's vocabulary: "
                "build without --format, for `cotpress train`."
            )
        yield cut
