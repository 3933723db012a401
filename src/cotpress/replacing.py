"""`--overwrite`: an output that exists is set aside, and gone once another one stands in its place.

A run that fails before it has written anything leaves the old output as it was.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.failures import errors_path

MADE = ("cotpress.json", "cotpress_export.json", "vqvae.json", "config.toml")
"""A folder that holds one of them, or what says who began it, was made by a verb."""


@contextmanager
def replacing(out: Path) -> Iterator[None]:
    """Set aside what stands at `out` while another output is made there.

    `CotpressError` for what no verb made: it is not ours to remove; and under a launcher of several
    processes, of which some may have found the old output already.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise CotpressError(
            f"--overwrite cannot be used by several processes at once: remove {out} before."
        )
    aside = out.with_name(f".{out.name}.replaced")
    if aside.exists():  # of a run that was killed: what it replaced is still whole
        raise CotpressError(
            f"{aside} holds what a stopped run was to replace: move it back, or remove it."
        )
    old = _parts(out)
    if not old:
        yield
        return
    with storage.locked(out):
        aside.mkdir()
        for path in old:
            os.replace(path, aside / path.name)
    try:
        yield
    except BaseException:
        if not _parts(out):
            for path in aside.iterdir():
                os.replace(path, out.with_name(path.name))
        raise
    finally:
        shutil.rmtree(aside)


def _parts(out: Path) -> list[Path]:
    """Every file of an output: itself, what is beside it, and what an unfinished run left."""
    if out.is_dir():
        if not any((out / name).exists() for name in MADE) and not list(out.glob("*.part.json")):
            raise CotpressError(
                f"{out} was not made by cotpress, so --overwrite leaves it alone: remove it."
            )
        return [out]
    meta = storage.meta_path(out)
    note = out.with_name(out.name + ".part.json")
    if out.exists() and not meta.exists() and not note.exists() and out.suffix == ".jsonl":
        raise CotpressError(
            f"{out} was not made by cotpress, so --overwrite leaves it alone: remove it."
        )
    held = out.with_name(storage.stem(out) + ".heldout.jsonl")
    rows = out.with_name(storage.stem(out) + ".rows.jsonl")
    beside = [
        *(out, meta, note, storage.part_path(out), rows, errors_path(out)),
        *(held, storage.meta_path(held)),
    ]
    shards = storage.shards_path(out)  # logs alone are not an output
    if any(path.suffix in (".jsonl", ".part") for path in shards.glob("*")):
        beside.append(shards)
    return [path for path in beside if path.exists()]
