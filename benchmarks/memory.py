"""Peak memory and processor time of verbs over files of many short traces: those that need no model, and the reading
of `mix` and `train`.

`python benchmarks/memory.py --traces 100000` makes the files in a temporary folder, runs each verb in a process of its
own, and prints a table: verb, traces, seconds of the processor, which other processes lengthen less than those of the
clock, and peak resident megabytes (what the system says of the process). The bound is 400 MB at 100,000 traces and
600 MB at 1,000,000.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cotpress import storage
from cotpress.records import Asked, Grade, Problem, ScoredTrace, Trace

BOUNDS = {100_000: 400, 1_000_000: 600}
"""Megabytes that a verb may take."""

SETTINGS = (("original", None), ("tokenskip", 0.7), ("tokenskip", 0.5))

VERBS = (
    "import raw.jsonl --out imported.jsonl",
    "grade traces.jsonl --grader exact --out graded.jsonl",
    "select traces.jsonl --out chosen.jsonl",
    "compress scored.jsonl --ratios 0.5 0.7 --out compressed.jsonl",
    "compress scored.jsonl --ratios 0.5 0.7 --budget dataset --out dataset.jsonl",
    "build compressed.jsonl --out examples.jsonl",
    "doctor data traces.jsonl",
    "doctor data examples.jsonl",
    "report --scored scored.jsonl --out scored.html",
    "report eval.jsonl --out eval.html",
    "plan eval.jsonl --min-accuracy 0.5",
    "mix traces.jsonl --vqvae vqvae --out mixed.jsonl",
    "train examples.jsonl --model tiny --max-steps 1 --out trained",
)

VQVAE = "train-vqvae few.jsonl --target tiny --out vqvae --codebook 8 --chunk 4 --rate 4 --steps 10 --batch 8"
"""What `mix` reads beside the traces."""


def trace(n: int, method: str = "original", ratio: float | None = None) -> Trace:
    """A right answer in 24 words."""
    reasoning = f"There are {n} eggs in one box, so two boxes hold {n} + {n} = {2 * n} eggs, and that is what was asked for here."
    problem = Problem(
        id=f"p{n}",
        question=f"How many eggs do two boxes of {n} hold?",
        answer=str(2 * n),
        task="eggs",
    )
    return Trace(
        problem=problem,
        model="m",
        method=method,
        asked=Asked(ratio=ratio),
        sample=0,
        reasoning=reasoning,
        conclusion=f"The answer is {2 * n}.",
        n_tokens=round(24 * (ratio or 1.0)),
        n_conclusion_tokens=4,
        finished=True,
        seconds=0.1,
        grade=Grade(answer=str(2 * n), correct=n % 10 > 0, status="ok"),
    )


def scored(n: int) -> ScoredTrace:
    """A trace whose words are its tokens."""
    one = trace(n)
    ends = [i for i, char in enumerate(one.reasoning) if char == " "] + [len(one.reasoning)]
    importance = [((7 * i + n) % 24) / 24 for i in range(len(ends))]
    return ScoredTrace(trace=one, scorer="random", ends=ends, importance=importance)


def write(path: str, records: Iterator[msgspec.Struct]) -> None:
    """Records as JSON Lines, one by one."""
    with Path(path).open("wb") as file:
        for record in records:
            file.write(msgspec.json.encode(record) + b"\n")


def make(n: int) -> None:
    """The files that the verbs read, in the working folder. An evaluation holds a third as many problems, in three
    settings.
    """
    write("traces.jsonl", (trace(i) for i in range(n)))
    write("scored.jsonl", (scored(i) for i in range(n)))
    write("few.jsonl", (trace(i) for i in range(24)))
    write("eval.jsonl", (trace(i, *setting) for setting in SETTINGS for i in range(n // 3)))
    with Path("raw.jsonl").open("w") as file:
        for one in map(trace, range(n)):
            row = {
                "question": one.problem.question,
                "reasoning": one.reasoning,
                "answer": one.problem.answer,
            }
            file.write(json.dumps(row) + "\n")


def rows_of() -> int:
    """Write the rows of the evaluation in a process of its own, whose megabytes are `eval`'s last part."""
    from cotpress.evaluation.rows import rows

    found = rows(storage.read(Path("eval.jsonl"), Trace), graders={"eggs": "exact"})
    storage.write(Path("eval.rows.jsonl"), found)
    return 0


def peak(command: str) -> tuple[int, float, float]:
    """Exit code, seconds of the processor and peak megabytes of a command."""
    child = os.fork()
    if not child:
        with open(os.devnull, "w") as quiet, open("said.txt", "w") as said:
            os.dup2(quiet.fileno(), 1)
            os.dup2(said.fileno(), 2)
        words = (
            ["-c", "import memory; memory.rows_of()"]
            if command == "rows of eval"
            else ["-m", "cotpress", *command.split()]
        )
        os.execv(sys.executable, [sys.executable, *words])
    _, status, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    return os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--traces", type=int, default=100_000)
    asked.add_argument(
        "--verbs", nargs="*", default=[], help="only those that begin so, with what they read"
    )
    given = asked.parse_args()
    here = str(Path(__file__).resolve().parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [here, os.environ.get("PYTHONPATH", "")])
    )
    bound = BOUNDS.get(given.traces)
    print("| verb | traces | CPU s | peak MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as top:
        os.chdir(top)
        make(given.traces)
        commands = list(VERBS)
        commands.insert(commands.index("report eval.jsonl --out eval.html"), "rows of eval")
        for command in commands:
            if given.verbs and not command.startswith(tuple(given.verbs)):
                continue
            if command.startswith("mix "):
                peak(VQVAE)
            code, seconds, megabytes = peak(command)
            note = (
                ""
                if code == 0
                else f", ended with {code}: {Path('said.txt').read_text().strip()[-200:]}"
            )
            note += " (above the bound)" if bound and megabytes > bound else ""
            print(
                f"| `{command.split(' --out')[0]}` | {given.traces:,} | {seconds:.0f} | {megabytes:.0f}{note} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
