"""The shards of a run made by as many processes of one machine, each on a GPU of its own.

Each process is the same command with `--shard i/n` and an output and a log of its own. They end
together: when one fails, or when this process is stopped. What they have finished stays, and the
same command goes on from there.
"""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cotpress import storage
from cotpress.engine.shards import Shard
from cotpress.errors import CotpressError

EVERY = 0.2
"""Seconds between two looks at the processes."""

PATIENCE = 10.0
"""Seconds that a process may take to end before it is killed."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable that says which GPUs a process sees."""

THREADS = "OMP_NUM_THREADS"
"""The variable that says how many threads a process computes with."""


def files(folder: Path, n: int) -> list[Path]:
    """The outputs of the n processes."""
    return [folder / f"{i}-of-{n}.jsonl" for i in range(n)]


def work(verb: str, given: Sequence[str], folder: Path, n: int) -> Iterator[int]:
    """Run `cotpress VERB` with the `given` words as n processes; gives the number of a shard for
    each of its records, while they are written.

    `CotpressError` where there are too few GPUs, or when a process fails.
    """
    surroundings = environments(n, os.environ)
    storage.make_folder(folder)
    running: list[subprocess.Popen[bytes]] = []
    watches = [Lines(path) for path in files(folder, n)]
    try:
        for i, (path, environment) in enumerate(zip(files(folder, n), surroundings, strict=True)):
            shard = [f"--shard={Shard(i, n)}", f"--out={path}"]
            with log_of(path).open("ab") as log:
                running.append(
                    subprocess.Popen(
                        [*command(), verb, *given, *shard],
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=environment,
                        start_new_session=True,  # a Ctrl-C comes to this process, which ends them
                    )
                )
        while True:
            codes = [child.poll() for child in running]
            for i, watch in enumerate(watches):
                yield from [i] * watch.new()
            for i, code in enumerate(codes):
                if code:
                    who = f"process {i} of {n} of {verb}"
                    raise CotpressError(failed(who, code, log_of(files(folder, n)[i])))
            if None not in codes:
                return
            time.sleep(EVERY)
    finally:
        _end(running)


def command() -> list[str]:
    """The command line, which finds the plug-ins that this process finds."""
    here = {"", os.getcwd()} & set(sys.path)
    return [sys.executable, *([] if here else ["-P"]), "-m", "cotpress"]


def environments(n: int, now: Mapping[str, str]) -> list[dict[str, str]]:
    """The variables of each process: a GPU of its own where models run on GPUs, else its share of
    the cores.

    `CotpressError` where there are fewer GPUs than processes.
    """
    kind, cards = "cpu", list[str]()
    if importlib.util.find_spec("torch"):
        from cotpress.lm import devices  # loads torch

        kind, cards = devices.usual(), devices.cards(now)
    if kind == "cpu":
        each = max(1, (os.cpu_count() or n) // n)
        return [{THREADS: str(each), **now} for _ in range(n)]
    if kind != "cuda" or len(cards) < n:
        found = len(cards) if kind == "cuda" else 1
        raise CotpressError(
            f"--processes {n} needs as many GPUs, and {found} of {kind} can be used here: choose "
            f"--processes {found}, or set COTPRESS_DEVICE=cpu."
        )
    return [{**now, VISIBLE: card} for card in cards[:n]]


class Lines:
    """Counts the lines of an output while it is made."""

    def __init__(self, path: Path) -> None:
        self.path, self.at = path, 0
        self.new()  # what an earlier run left is not new

    def new(self) -> int:
        """How many came since the last call."""
        for path in (storage.part_path(self.path), self.path):
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(self.at)
                content = file.read()
                self.at += len(content)
                return content.count(b"\n")
        return 0


def log_of(path: Path) -> Path:
    """What the process said that makes this output."""
    return path.with_suffix(".log")


def failed(who: str, code: int, log: Path) -> str:
    """Why a process ended, as far as it said; one sentence about `who`."""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    lines = log.read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
    said = f" ({lines[-1].removeprefix('cotpress: ').strip()})" if lines else ""
    return (
        f"{who} {how}{said}; its log is {log}. The others were stopped; "
        "finished records are kept, and the same command goes on from there."
    )


def _end(running: Sequence[subprocess.Popen[bytes]]) -> None:
    """Stop the processes that still run."""
    for child in running:
        if child.poll() is None:
            child.terminate()
    until = time.monotonic() + PATIENCE
    for child in running:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
