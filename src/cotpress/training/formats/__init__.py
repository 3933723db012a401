"""What `build` writes: one file per trainer's format, each with `load(target) -> Format`.

A whole format::

    class Row(Record, frozen=True, kw_only=True):
        text: str

    class Plain(Format):
        record = Row

        def rows(self, cuts, how, dropped, noted):
            for one in examples(cuts, how, dropped, noted):
                yield Row(text=one.completion)

    def load(target: str = "") -> Format:
        return Plain()

`target` is the spec of the model to be taught; a format that needs its tokens or its template
refuses to do without.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple, cast

import msgspec

from cotpress import models, plugins
from cotpress.errors import CotpressError
from cotpress.lm.capabilities import WHAT, T, able
from cotpress.pipeline.build import Control, Draw, build
from cotpress.records import CompressedTrace, Think, TrainingExample


class Drawing(NamedTuple):
    """At which ratio each trace is taught, and in whose marks; see `pipeline.build.build`."""

    draw: Draw = "one"
    ratios: Sequence[float] | None = None
    seed: int = 42
    think: Think = "target"
    control: Control = "ratio"


class Format:
    """Rows of one trainer, and the settings with which it trains on them."""

    record: ClassVar[type[msgspec.Struct]]
    """What a line of the file is."""
    draws_alone: ClassVar[bool] = False
    """Whether the format draws ratios in a way of its own,
    and takes nothing of a `Drawing` but the seed.
    """
    model: models.Model | None = None
    """The model to be taught, where the rows are written for one."""
    longest: int = 0
    """Tokens of the longest row made so far; 0 where they are not counted."""

    def rows(
        self,
        cuts: Iterable[CompressedTrace],
        how: Drawing,
        dropped: Counter[str],
        noted: Counter[str],
    ) -> Iterator[msgspec.Struct]:
        """The rows of the traces; what is left out is counted
        in `dropped`, what is worth saying in `noted`.
        """
        raise NotImplementedError

    def settings(self, data: Path, n_rows: int, longest: int) -> dict[str, bytes]:
        """Files that belong beside the rows in `data`, name and
        content: what starts the trainer. None by default.
        """
        return {}


def load(name: str, target: str = "", **options: str) -> Format:
    """The format of that name (a file of this folder, or a dotted
    name of the user's own) for a model to be taught.
    """
    return cast(
        Format,
        plugins.load(
            "training/formats", plugins.Spec(name, target, options), offers=("record", "rows")
        ),
    )


def examples(
    cuts: Iterable[CompressedTrace], how: Drawing, dropped: Counter[str], noted: Counter[str]
) -> Iterator[TrainingExample]:
    """The training examples that the rows are made of."""
    return build(
        cuts,
        draw=how.draw,
        seed=how.seed,
        ratios=how.ratios,
        think=how.think,
        control=how.control,
        dropped=dropped,
        noted=noted,
    )


def refuse_target(name: str, target: str) -> None:
    """`CotpressError` where a model is named for a format that fits any."""
    if target:
        raise CotpressError(
            f"--target is for formats that are written for one model: --format {name} fits any."
        )


def wanted(name: str, target: str, kind: type[T]) -> tuple[models.Model, T]:
    """The model to be taught, loaded; `CotpressError` where none is
    named, or one that cannot do what the format needs.
    """
    if not target:
        raise CotpressError(
            f"--format {name} needs --target, the model to be taught: {WHAT[kind]} are written."
        )
    model = models.load(target)
    return model, able(model, kind, f"--format {name}")
