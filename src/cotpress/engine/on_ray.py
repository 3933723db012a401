"""The shards of a run as tasks of a Ray cluster, or of Ray on this machine.

Each task is the command itself with `--shard i/n`, run in a Ray worker: words travel, never a
loaded model. Input and output are files on a file system that all machines share. When a worker
dies, Ray runs its task anew, and the command goes on from what the shard holds.
"""

import os
import runpy
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple

from cotpress import storage
from cotpress.engine.processes import EVERY, PATIENCE, Lines, failed, files, log_of
from cotpress.engine.shards import Shard
from cotpress.errors import CotpressError
from cotpress.plugins import require

RETRIES = 3
"""How many times a task is run anew after its worker died."""

DEVICE = "COTPRESS_DEVICE"
"""The variable that names the device of a process; see lm/devices.py."""

STOPPED = (130, 143)
"""Exit codes of a command that was asked to end, by SIGINT or SIGTERM."""


class Stopped(Exception):
    """The machine asked a worker to end, as those that are taken away do: the task runs anew."""


class Place(NamedTuple):
    """Where the command was typed, which a worker has to know."""

    folder: str
    """For paths that are not absolute."""
    importing: bool
    """Whether plug-ins are imported from that folder."""
    variables: dict[str, str]
    """Those of cotpress."""


def work(verb: str, given: Sequence[str], folder: Path, n: int, address: str = "") -> Iterator[int]:
    """Run `cotpress VERB` with the `given` words as n tasks; gives the number of a shard for each
    of its records, while they are written.

    `address`: of the cluster; empty: RAY_ADDRESS, else Ray is started on this machine.
    `CotpressError` where no cluster answers, or when a task fails.
    """
    ray = require("ray", "--engine ray")
    here = Place(os.getcwd(), bool({"", os.getcwd()} & set(sys.path)), _variables(os.environ))
    ours = connect(ray, address)
    storage.make_folder(folder)
    paths = files(folder.absolute(), n)
    watches = [Lines(path) for path in paths]
    running: dict[Any, int] = {}
    try:
        task = ray.remote(
            num_gpus=gpus(here.variables, ray.cluster_resources()),
            max_calls=1,  # a worker ends with its task, and frees the memory of the GPU
            max_retries=RETRIES,
            retry_exceptions=[Stopped],
        )(make)
        for i, path in enumerate(paths):
            words = [verb, *given, f"--shard={Shard(i, n)}", f"--out={path}"]
            running[task.remote(words, str(log_of(path)), here)] = i
        while running:
            ended, _ = ray.wait(list(running), num_returns=len(running), timeout=EVERY)
            for i, watch in enumerate(watches):
                yield from [i] * watch.new()
            for one in ended:
                i = running.pop(one)
                who = f"shard {Shard(i, n)} of {verb}"
                if code := _code(ray, one, who, log_of(paths[i])):
                    raise CotpressError(failed(who, code, log_of(paths[i])))
    finally:
        _end(ray, list(running))
        if ours:
            ray.shutdown()


def make(words: Sequence[str], log: str, here: Place) -> int:
    """Run one command in this worker; its exit code. What it says goes to `log`."""
    os.chdir(here.folder)
    os.environ.update(here.variables)
    if here.importing and here.folder not in sys.path:
        sys.path.insert(0, here.folder)
    sys.argv = ["cotpress", *words]
    code: Any = 0
    with Path(log).open("a", encoding="utf-8") as to, redirect_stdout(to), redirect_stderr(to):
        try:
            runpy.run_module("cotpress", run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
    if code in STOPPED:
        raise Stopped(f"exit code {code}")
    return int(code)


def gpus(variables: Mapping[str, str], resources: Mapping[str, float]) -> int:
    """How many GPUs a task takes: one where the cluster has any, unless models are to run
    elsewhere.

    `CotpressError` where GPUs are asked for and the cluster has none, or one by its number.
    """
    chosen, there = variables.get(DEVICE, ""), resources.get("GPU", 0) >= 1
    if chosen.startswith("cuda:"):
        raise CotpressError(
            f"{DEVICE}={chosen} names one GPU, and Ray gives each task another: set {DEVICE}=cuda, "
            "or leave it out."
        )
    if chosen == "cuda" and not there:
        raise CotpressError(f"{DEVICE}=cuda, and this Ray cluster has no GPU: set {DEVICE}=cpu.")
    return int(there and chosen in ("", "cuda"))


def connect(ray: Any, address: str) -> bool:
    """Connect to the cluster; whether it was this call that did. `CotpressError` where none
    answers.
    """
    if ray.is_initialized():
        return False
    try:
        ray.init(address=address or None, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = address or os.environ.get("RAY_ADDRESS", "this machine")
        why = str(error).strip().splitlines()
        raise CotpressError(
            f"--engine ray: no Ray cluster answers at {where} ({why[0] if why else type(error)}): "
            "check --ray-address."
        ) from error
    return True


def _variables(now: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in now.items() if name.startswith("COTPRESS_")}


def _code(ray: Any, task: Any, who: str, log: Path) -> int:
    """The exit code of an ended task; `CotpressError` where its workers died too often."""
    try:
        return int(ray.get(task))
    except ray.exceptions.RayError as error:
        why = str(error).strip().splitlines()
        raise CotpressError(
            f"the worker of {who} died, also after {RETRIES} retries "
            f"({why[0] if why else type(error).__name__}); its log is {log}. Finished records are "
            "kept, and the same command goes on from there."
        ) from error


def _end(ray: Any, running: Sequence[Any]) -> None:
    """Stop the tasks that still run; what they have written stays."""
    for task in running:
        with suppress(ray.exceptions.RayError):
            ray.cancel(task, force=True)
    if running:
        ray.wait(running, num_returns=len(running), timeout=PATIENCE)
