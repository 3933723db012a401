"""`cotpress.json`, which `train` writes last into a trained
model's folder: the one place that reads it.
"""

from pathlib import Path
from typing import TypeVar

import msgspec

from cotpress import plugins
from cotpress.errors import CotpressError
from cotpress.lm.taught import Budgets
from cotpress.records import Record

R = TypeVar("R", bound=Record)

FINISHED = "cotpress.json"


class Checkpoint(Record, frozen=True, kw_only=True):
    """What an evaluation must know of a trained model;
    `training.options.TrainSummary` is all of it.
    """

    base: str
    """Spec of the untouched model."""
    method: str
    """Of the examples; several are joined by `+`."""
    scorer: str = ""
    ratios: tuple[float, ...] = ()
    """Those it was trained on; empty: the method knows no ratios."""
    budgets: Budgets | None = None
    """Those it was trained on; None: it knows no budgets."""
    instructions: tuple[str, ...] | None = None
    """What stood before the questions in training; None: not recorded."""
    codebook: int = 0
    """Latent tokens in its vocabulary."""
    unit: str = ""
    """How the examples were cut, and what was protected;
    empty: not recorded, as in folders of 0.1.0.
    """
    protect: str = ""
    protect_regex: str = ""
    budget: str = ""
    longest_run: int | None = None


def read(folder: Path, kind: type[R]) -> R | None:
    """What the folder's `cotpress.json` says, as a `Checkpoint` or more of it; None where there is
    none.

    `CotpressError` where the file is not one that `train` wrote.
    """
    path = folder / FINISHED
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind) if path.is_file() else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CotpressError(
            f"{path} does not describe a trained model ({error}): train it again."
        ) from error


def folder_of(model: str) -> Path | None:
    """The folder with a `cotpress.json` (the adapter's before the
    model's) that a model spec names; None without one.
    """
    spec = plugins.parse_spec(model)
    folders = (
        Path(folder) for folder in (spec.options.get("adapter"), spec.target, spec.name) if folder
    )
    return next((folder for folder in folders if (folder / FINISHED).is_file()), None)


def of_run(model: str) -> str:
    """The model that a walk trained where `model` is the folder of the walk (`cotpress run --out`),
    otherwise `model` as it is.
    """
    trained = Path(model) / "model"
    return str(trained) if (trained / FINISHED).is_file() else model
