"""The folder of a training run: its checkpoints while it lasts, and
what `cotpress.json` says when it is finished.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cotpress import folders
from cotpress.lm.checkpoint import FINISHED, read
from cotpress.training.options import TrainSummary

KIND = folders.Kind(
    FINISHED, "a training run", "was trained with other examples, another model or other options"
)

CHECKPOINTS = "checkpoints"
"""What a rerun goes on from."""

STATE = "trainer_state.json"
"""What the trainer writes last into a checkpoint."""


def finished(out: Path, mark: str) -> TrainSummary | None:
    """What a finished run with this fingerprint wrote, without checkpoints that it was killed
    before it removed; None if there is none.
    """
    if not folders.is_finished(out, KIND, mark):
        return None
    folders.tidy_alone(out, KIND, out / CHECKPOINTS)
    return trained(out)


@contextmanager
def training(out: Path, mark: str) -> Iterator[None]:
    """Lock the folder while it is trained in; `CotpressError`
    where something else or another run has it.
    """
    with folders.making(out, KIND, mark):
        yield


def finish(out: Path, summary: TrainSummary) -> None:
    """Say that the run is finished; its checkpoints are needed no more."""
    folders.finish(out, KIND, summary)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def last_checkpoint(out: Path) -> Path | None:
    """The latest whole checkpoint; one that was being written
    when the run was killed is passed over.
    """
    found = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if _is_whole(path)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / STATE).read_bytes())
    except (OSError, ValueError):
        return False
    return True


def trained(folder: Path) -> TrainSummary | None:
    """What `cotpress train` wrote about the model in this folder; None if it did not."""
    return read(folder, TrainSummary)
