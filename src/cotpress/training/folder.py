"""The folder of a training run: what is finished, what was begun, and by whom.

`cotpress.json` is written last and says that the run is finished; until then `checkpoints/` holds what a rerun goes on
from. Both carry the fingerprint of examples, model and options.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import FINISHED, read
from cotpress.training.options import TrainSummary

CHECKPOINTS = "checkpoints"
BEGUN = f"{CHECKPOINTS}/{FINISHED}"

STATE = "trainer_state.json"
"""What the trainer writes last into a checkpoint."""


def finished(out: Path, mark: str) -> TrainSummary | None:
    """What a finished run with this fingerprint wrote; None if there is none."""
    if not (out / FINISHED).is_file() or _mark(out / FINISHED) != mark:
        return None
    return trained(out)


@contextmanager
def training(out: Path, mark: str) -> Iterator[None]:
    """Lock the folder while it is trained in; `CotpressError` where something else or another run has it."""
    storage.make_folder(out)
    with storage.locked(out):
        _refuse_what_others_made(out, mark)
        storage.write_atomic(out / BEGUN, msgspec.json.encode({"fingerprint": mark}))
        yield


def finish(out: Path, summary: TrainSummary) -> None:
    """Say that the run is finished; its checkpoints are needed no more."""
    storage.write_atomic(out / FINISHED, msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def last_checkpoint(out: Path) -> Path | None:
    """The latest whole checkpoint; one that was being written when the run was killed is passed over."""
    found = [path for path in (out / CHECKPOINTS).glob("checkpoint-*") if _is_whole(path)]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / STATE).read_bytes())
    except (OSError, ValueError):
        return False
    return True


def _refuse_what_others_made(out: Path, mark: str) -> None:
    begun = next((out / name for name in (FINISHED, BEGUN) if (out / name).is_file()), None)
    if begun is None:
        if any(path.name != CHECKPOINTS for path in out.iterdir()):
            raise CotpressError(f"{out} holds something else than a training run: choose another --out, or remove it.")
    elif _mark(begun) != mark:
        raise CotpressError(
            f"{out} was trained with other examples, another model or other options: choose another --out, or remove it."
        )


def _mark(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["fingerprint"])
    except (ValueError, KeyError, TypeError):
        return ""


def trained(folder: Path) -> TrainSummary | None:
    """What `cotpress train` wrote about the model in this folder; None if it did not."""
    return read(folder, TrainSummary)
