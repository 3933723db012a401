"""Kill verbs before their file operations and at random points, run them again, and compare.

`python tests/torture/kills.py --kills 20 --seed 0` kills every verb so often in each of the two ways. A rerun must
end well and leave the files of the uninterrupted run, byte for byte, with the seconds that it took apart.
"""

import argparse
import gc
import importlib
import os
import pkgutil
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import cotpress.verbs
from cotpress import cli, storage
from cotpress.records import Trace

PREPARED = """
generate --task arithmetic --model gold --limit 24 --out t.jsonl
grade t.jsonl --out g.jsonl
score g.jsonl --scorer surprisal:tiny --target tiny --out s.jsonl
compress s.jsonl --ratios 0.5 0.7 --out c.jsonl
build c.jsonl --out b.jsonl
train-vqvae g.jsonl --target tiny --out vq --codebook 8 --chunk 4 --rate 4 --steps 10 --batch 8
eval --task arithmetic --model tiny --limit 4 --max-tokens 40 --ratios 1.0 0.5 --out e.jsonl
"""
"""What the verbs read."""

VERBS = {
    "import": "import raw.jsonl --out o.jsonl",
    "generate": "generate --task arithmetic --model tiny --limit 6 --max-tokens 40 --out o.jsonl",
    "generate gold": "generate --task arithmetic --model gold --limit 24 --out o.jsonl",
    "grade": "grade t.jsonl --out o.jsonl",
    "select": "select g.jsonl --out o.jsonl",
    "score": "score g.jsonl --scorer surprisal:tiny --target tiny --out o.jsonl",
    "average": "average s.jsonl --out o.jsonl",
    "compress": "compress s.jsonl --ratios 0.5 0.7 --out o.jsonl",
    "compress --budget dataset": "compress s.jsonl --ratios 0.5 --budget dataset --out o.jsonl",
    "verify": "verify c.jsonl --reference tiny --out o.jsonl",
    "conclude": "conclude c.jsonl --model tiny --max-tokens 20 --out o.jsonl",
    "mix": "mix g.jsonl --vqvae vq --out o.jsonl",
    "build": "build c.jsonl --out o.jsonl",
    "build --format trl": "build c.jsonl --format trl --out o.jsonl",
    "eval": "eval --task arithmetic --model tiny --limit 4 --max-tokens 40 --ratios 1.0 0.5 --out o.jsonl",
    "report": "report e.jsonl --scored s.jsonl --out o.html",
    "export": "export tiny --out o",
    "train-vqvae": "train-vqvae g.jsonl --target tiny --out o --codebook 8 --chunk 4 --rate 4 --steps 10 --batch 8",
    "train": "train b.jsonl --model tiny --out o --max-steps 3 --batch 2 --save-every 1",
    "train-scorer": "train-scorer s.jsonl --model encoder --out o --max-steps 3 --batch 2 "
    "--save-every 1 --eval-share 0.2 --window 64",
}
"""Small enough that the libraries, which are loaded once, take most of the time."""

CLOCK = re.compile(
    rb'"(?:seconds[a-z_]*|[a-z_]+_per_second|size)":\s*(?:[-+.0-9e]+|null|\[[^]]*\])'
)
"""Also the bytes of a file, of which the digits of seconds are a part."""

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

CHANGES = {"os.rename", "os.remove", "os.truncate", "os.mkdir", "os.rmdir", "os.link", "os.chmod"}


class Killed(NamedTuple):
    """One run that was killed."""

    verb: str
    where: str
    fault: str
    """What was wrong after the rerun; empty: nothing."""


def needed(verbs: Iterable[str]) -> list[str]:
    """The commands that make what these verbs read, in order."""
    words = {word for verb in verbs for word in VERBS[verb].split()} | {"t.jsonl"}
    found: list[str] = []
    for line in reversed(PREPARED.strip().splitlines()):
        if line.split()[-1] in words:
            words |= set(line.split(" --out ")[0].split())
            found.insert(0, line)
    return found


def prepare(folder: Path, verbs: Iterable[str]) -> None:
    """Make what the verbs read."""
    folder.mkdir(parents=True)
    for line in needed(verbs):
        if code := ended(started(folder, line)):
            raise RuntimeError(f"{line} ended with {code}")
    if any("encoder" in VERBS[verb] for verb in verbs):
        make_encoder(folder / "encoder", folder / "t.jsonl")
    raw = [
        {"question": one.problem.question, "reasoning": one.reasoning, "answer": one.problem.answer}
        for one in storage.read(folder / "t.jsonl", Trace)
    ]
    (folder / "raw.jsonl").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in raw))


def make_encoder(folder: Path, traces: Path) -> None:
    """A small encoder, in a process of its own: what makes tokenizers starts threads."""
    if not (child := os.fork()):
        code = 99
        try:
            sys.path.append(str(Path(__file__).parents[1] / "scorers"))
            from token_classifiers import modernbert

            modernbert(folder, [one.reasoning for one in storage.read(traces, Trace)])
            code = 0
        finally:
            os._exit(code)
    if code := ended(child):
        raise RuntimeError(f"no encoder was made: {code}")


def started(folder: Path, command: str, audit: Callable[[str, Any], None] | None = None) -> int:
    """The process that runs `cotpress COMMAND` in the folder; `audit` sees what it does."""
    if child := os.fork():
        return child
    code = 99
    try:
        os.chdir(folder)
        quiet = os.open(folder.parent / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.argv = ["cotpress", *command.split()]
        if audit:
            sys.addaudithook(audit)
        cli.main()
        code = 0
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """The exit code of a process; below zero: the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def operations(folder: Path, act: Callable[[int], None]) -> Callable[[str, Any], None]:
    """What calls `act` with the number of each file operation in the folder, before it is done."""
    seen, top = 0, str(folder)

    def here(path: Any) -> bool:
        if not isinstance(path, str | bytes | os.PathLike):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(top)

    def audit(event: str, args: Any) -> None:
        nonlocal seen
        writing = event == "open" and isinstance(args[2], int) and args[2] & WRITES
        if (writing or event in CHANGES) and here(args[0]):
            seen += 1
            act(seen)

    return audit


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, without what the clock says."""
    return {
        str(path.relative_to(folder)): CLOCK.sub(b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fault_of(folder: Path, command: str, whole: dict[str, bytes]) -> str:
    """Run a command again that was killed; what is not as if it had not been."""
    if code := ended(started(folder, command)):
        return f"the rerun ended with {code}"
    found = content(folder)
    if found.keys() != whole.keys():
        return f"other files: {sorted(found.keys() ^ whole.keys())}"
    other = [name for name in whole if found[name] != whole[name]]
    return "; ".join(f"{name}: {difference(whole[name], found[name])}" for name in other)


def difference(before: bytes, after: bytes) -> str:
    """Where two contents part."""
    pairs = enumerate(zip(before, after, strict=False))
    at = next((i for i, (one, other) in pairs if one != other), min(len(before), len(after)))
    near = slice(max(0, at - 40), at + 40)
    return f"{before[near]!r} became {after[near]!r}"


def tortured(
    verb: str, inputs: Path, kills: int, chance: random.Random, *, timed: bool
) -> Iterator[Killed]:
    """Kill a verb before `kills` of its file operations, and where `timed` as often at random
    times; some operations come twice where there are fewer.
    """
    command, work = VERBS[verb], inputs.parent / "work"

    def fresh() -> Path:
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(inputs, work)
        return work

    counted = inputs.parent / "count.txt"
    began = time.monotonic()
    audit = operations(fresh(), lambda n: counted.write_text(str(n)))
    if code := ended(started(work, command, audit)):
        raise RuntimeError(f"{command} ended with {code}, see {inputs.parent / 'said.txt'}")
    took, n, whole = time.monotonic() - began, int(counted.read_text()), content(work)
    places = list(range(1, n + 1))
    chance.shuffle(places)
    for at in (places * -(-kills // n))[:kills]:
        stop = operations(
            fresh(), lambda k, at=at: os.kill(os.getpid(), signal.SIGKILL) if k == at else None
        )
        code = ended(started(work, command, stop))
        fault = (
            fault_of(work, command, whole)
            if code == -signal.SIGKILL
            else f"ended with {code} and was not killed"
        )
        yield Killed(verb, f"before file operation {at} of {n}", fault)
    for _ in range(kills if timed else 0):
        wait = chance.uniform(0, took)
        child = started(fresh(), command)
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        ended(child)
        yield Killed(verb, f"after {wait:.3f} of {took:.3f} s", fault_of(work, command, whole))


def main() -> None:
    """Torture every verb and say what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=20)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--verbs", nargs="*", default=list(VERBS))
    asked.add_argument("--operations-only", action="store_true", help="no kills at random times")
    given = asked.parse_args()
    load_libraries(given.verbs)
    total, faults = 0, 0
    with tempfile.TemporaryDirectory() as top:
        inputs = Path(top).resolve() / "inputs"
        prepare(inputs, given.verbs)
        for verb in given.verbs:
            chance = random.Random(f"{given.seed}|{verb}")
            found = []
            for one in tortured(verb, inputs, given.kills, chance, timed=not given.operations_only):
                found.append(one)
                if one.fault:
                    print(f"{one.verb}, killed {one.where}: {one.fault}", flush=True)
            total += len(found)
            faults += sum(bool(one.fault) for one in found)
            print(
                f"{verb}: {len(found)} kills, {sum(bool(one.fault) for one in found)} faults",
                flush=True,
            )
    print(f"{total} kills, {faults} faults, seed {given.seed}")
    raise SystemExit(faults > 0)


NEEDS = {
    "train-vqvae": "cotpress.latent.train",
    "train": "cotpress.training.sft",
    "train-scorer": "cotpress.training.scorer",
}
"""Modules that some verbs take long to load."""


def load_libraries(verbs: Iterable[str]) -> None:
    """Load once what every fork needs."""
    os.environ |= cli.LIBRARIES
    for module in pkgutil.iter_modules(cotpress.verbs.__path__, "cotpress.verbs."):
        importlib.import_module(module.name)
    if any("tiny" in line for line in (*needed(verbs), *map(VERBS.get, verbs)) if line):
        import torch

        importlib.import_module("cotpress.models.hf")
        torch.set_num_threads(1)  # a fork has one thread
        for verb in verbs:
            importlib.import_module(NEEDS.get(verb, "cotpress"))
    gc.collect()
    gc.freeze()  # what trains collects garbage, and would go through all of this each time


if __name__ == "__main__":
    main()
