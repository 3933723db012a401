"""Hand damaged files to everything that reads files: what is not read is one sentence, never a traceback.

`python tests/torture/fuzz.py --cases 100000 --seed 0` damages valid files of every kind, deterministically. Cases run
in forks, so that a crash of a library is found as well.
"""

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow
import pyarrow.parquet

from cotpress import cli, inputs, storage, tasks
from cotpress.errors import CotpressError
from cotpress.pipeline.build import build
from cotpress.records import CompressedTrace, EvalRow, ScoredTrace, Trace, TrainingExample

sys.path.append(str(Path(__file__).parents[1]))  # what tests are made of

from make import make_compressed, make_row, make_scored, make_trace

CHUNK = 250
"""Cases of a fork."""

SECONDS = 60
"""After which a case is taken to hang, and ends its fork."""

NASTY = [
    b"[" * 5_000,
    b'{"a":' * 2_000,
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\\ud800",
    b"\\u0000",
    b"\x00",
    b"\x1b[31m\x07",
    b"\r\n",
    b"\n\n",
    b"1e999",
    b"-1",
    b"NaN",
    b"null",
    b'""',
    b"{}",
    b"[]",
    b"9" * 400,
    "‮\u2028𝟛é".encode(),
    b"<|im_start|><think></think><ratio>0.5</ratio>",
    b"../" * 100,
    b"x" * 70_000,
]


class Reader(NamedTuple):
    """One way to read a kind of file."""

    name: str
    file: str
    """What the damaged file is called."""
    seed: bytes
    """A valid file."""
    read: Callable[[Path], object]


def lines(records: Sequence[msgspec.Struct]) -> bytes:
    """Records as JSON Lines."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in records)


def verb(command: str) -> Callable[[Path], object]:
    """What runs `cotpress COMMAND` on the file; exit codes other than 0 and 2 are faults."""

    def run(path: Path) -> None:
        sys.argv = [
            "cotpress",
            *(str(path) if word == "FILE" else word for word in command.split()),
        ]
        verb_as_typed()

    return run


def verb_as_typed() -> None:
    """Run what `sys.argv` says; `RuntimeError` for what is neither done nor one sentence, or prints
    what a terminal obeys.
    """
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            cli.main()
        except SystemExit as stopped:
            if stopped.code not in (0, 1, 2, None):
                raise RuntimeError(f"exit code {stopped.code}") from None
    if any(char < " " and char not in "\n\t" for char in said.getvalue()):
        raise RuntimeError(f"control characters were printed: {said.getvalue()[:200]!r}")


def records_of(kind: type[msgspec.Struct]) -> Callable[[Path], object]:
    """What reads records of a kind."""
    return lambda path: sum(1 for _ in storage.read(path, kind))


def rows_of(path: Path) -> int:
    """How many rows `import` and the task `jsonl` find."""
    return sum(1 for source in inputs.sources([str(path)]) for _ in source.rows())


def questions_of(path: Path) -> int:
    """How many problems the task `jsonl` finds."""
    return sum(1 for _ in tasks.load(f"jsonl:{path},split=train").problems("train"))


def named(trace: bytes) -> Callable[[Path], object]:
    """What writes an output that is called as the file says."""

    def run(path: Path) -> None:
        name = os.fsdecode(path.read_bytes()[:300].replace(b"/", b"_").replace(b"\0", b"_"))
        Path("t.jsonl").write_bytes(trace)
        sys.argv = ["cotpress", "grade", "t.jsonl", "--grader", "exact", f"--out={name}"]
        verb_as_typed()

    return run


def readers() -> list[Reader]:
    """Everything that is tortured; those before the verbs are quick."""
    traces = [make_trace(id=str(i), question=f"p{i} ?") for i in range(3)]
    scored = [make_scored(["She ", "sold ", "24."], [0.1, 0.9, 0.5], id=str(i)) for i in range(3)]
    compressed = [
        make_compressed(one, {0.5: one.reasoning[:5], 1.0: one.reasoning}) for one in traces
    ]
    examples = list(build(compressed))
    table = {"question": ["p1 ?", "p2 ?"], "reasoning": ["So.", "Then."], "answer": ["1", "2"]}
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    written = "".join(json.dumps(row) + "\n" for row in rows).encode()
    packed, arrow = io.BytesIO(), io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(table), packed)
    with pyarrow.ipc.new_stream(arrow, pyarrow.table(table).schema) as stream:
        stream.write_table(pyarrow.table(table))
    comma = b'question,reasoning,answer\np1 ?,So.,1\n"p2, ?",Then.,2\n'
    found = [
        Reader("traces", "t.jsonl", lines(traces), records_of(Trace)),
        Reader("scored traces", "s.jsonl", lines(scored), records_of(ScoredTrace)),
        Reader("compressed traces", "c.jsonl", lines(compressed), records_of(CompressedTrace)),
        Reader("examples", "b.jsonl", lines(examples), records_of(TrainingExample)),
        Reader("rows of an evaluation", "e.jsonl", lines([make_row()]), records_of(EvalRow)),
        Reader("rows, JSON Lines", "r.jsonl", written, rows_of),
        Reader("questions", "q.jsonl", written, questions_of),
        Reader("rows, JSON", "r.json", json.dumps(rows).encode(), rows_of),
        Reader("rows, CSV", "r.csv", comma, rows_of),
        Reader("rows, Parquet", "r.parquet", packed.getvalue(), rows_of),
        Reader("rows, Arrow", "r.arrow", arrow.getvalue(), rows_of),
    ]
    commands = {
        "import FILE --out o.jsonl": [
            ("r.jsonl", written),
            ("r.json", json.dumps(rows).encode()),
            ("r.csv", comma),
            ("r.parquet", packed.getvalue()),
        ],
        "doctor data FILE": [("t.jsonl", lines(traces)), ("b.jsonl", lines(examples))],
        "grade FILE --grader exact --out o.jsonl": [("t.jsonl", lines(traces))],
        "compress FILE --ratios 0.5 --out o.jsonl": [("s.jsonl", lines(scored))],
        "build FILE --out o.jsonl": [("c.jsonl", lines(compressed))],
        "select FILE --out o.jsonl": [("t.jsonl", lines(traces))],
        "plan FILE --min-accuracy 0.5": [("t.jsonl", lines(traces))],
        "show FILE": [
            ("t.jsonl", lines(traces)),
            ("s.jsonl", lines(scored)),
            ("c.jsonl", lines(compressed)),
        ],
        "compress s.jsonl --config FILE --out o.jsonl": [
            ("c.toml", b'[compress]\nratios = [0.5, 0.7]\nunit = "word"\n')
        ],
    }
    found.append(
        Reader(
            "cotpress grade --out NAME", "name.txt", b"a name, one.jsonl", named(lines(traces[:1]))
        )
    )
    return found + [
        Reader(f"cotpress {command}", file, seed, verb(command))
        for command, seeds in commands.items()
        for file, seed in seeds
    ]


def damaged(seed: bytes, chance: random.Random) -> bytes:
    """The file with one to three damages."""
    found = seed
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(found) + 1)
        to = min(len(found), at + chance.choice([1, 2, 8, 64]))
        match chance.randrange(6):
            case 0:
                found = found[:at] + bytes([chance.randrange(256)]) + found[at + 1 :]
            case 1:
                found = found[:at]
            case 2:
                found = found[:at] + found[to:]
            case 3:
                found = found[:to] + found[at:]
            case 4:
                found = found[:at] + chance.choice(NASTY) + found[at:]
            case _:
                found = found[:at] + chance.choice(NASTY) + found[to:]
    return found


def fault_of(reader: Reader, content: bytes) -> str:
    """What came of a damaged file but a sentence; empty: nothing."""
    Path(reader.file).write_bytes(content)
    signal.alarm(SECONDS)
    try:
        reader.read(Path(reader.file))
    except CotpressError as error:
        return "" if str(error).strip() else "an empty sentence"
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:120]!r} at {Path(last.filename).name}:{last.lineno}"
    finally:
        for left in Path().iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    return ""


def fuzzed(reader: Reader, cases: int, seed: int, folder: Path) -> Iterator[str]:
    """The faults among so many damaged files of one reader, chunk by chunk in forks."""
    for first in range(0, cases, CHUNK):
        told = folder / "faults.txt"
        told.write_bytes(b"")
        child = os.fork()
        if not child:
            work = folder / "work"
            work.mkdir(exist_ok=True)
            os.chdir(work)
            code = 1
            try:
                with told.open("a", encoding="utf-8") as file:
                    for case in range(first, min(cases, first + CHUNK)):
                        fault = fault_of(
                            reader,
                            damaged(reader.seed, random.Random(f"{seed}|{reader.name}|{case}")),
                        )
                        if fault:
                            file.write(f"case {case}: {fault}\n")
                code = 0
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        yield from told.read_text(encoding="utf-8").splitlines()
        if code:
            yield f"cases from {first} on: the process ended with {code}"


def main() -> None:
    """Fuzz all readers and say what was found."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--cases", type=int, default=100_000)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--only", default="", help="only readers whose name begins so: cotpress")
    given = asked.parse_args()
    found = readers()
    verbs = [one for one in found if one.name.startswith("cotpress ")]
    each_verb = max(1, given.cases // 10 // len(verbs))
    each = -(-(given.cases - each_verb * len(verbs)) // (len(found) - len(verbs)))
    total, faults = 0, 0
    with tempfile.TemporaryDirectory() as top:
        for reader in (one for one in found if one.name.startswith(given.only)):
            cases = each_verb if reader in verbs else each
            said = list(fuzzed(reader, cases, given.seed, Path(top)))
            total, faults = total + cases, faults + len(said)
            for line in said[:5]:
                print(f"{reader.name} ({reader.file}): {line}", flush=True)
            print(f"{reader.name} ({reader.file}): {cases} cases, {len(said)} faults", flush=True)
    print(f"{total} cases, {faults} faults, seed {given.seed}")
    raise SystemExit(faults > 0)


if __name__ == "__main__":
    main()
