"""Seconds until a light verb has its arguments: `--help`, `ls`, and `compress` and `report` with a
file that is not there. None may load torch.

    python benchmarks/row_start_up.py [--passes 5]

Each in a new process, in turns; CPU time, and time on the wall.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from statistics import median

from measured import Row, in_turns, run, wall

VERBS = {
    "--help": ["--help"],
    "ls": ["ls"],
    "compress": ["compress", "absent.jsonl", "--ratios", "0.5", "--out", "absent.out.jsonl"],
    "report": ["report", "absent.jsonl", "--out", "absent.html"],
}
LOADED = "import sys; sys.argv[1:] = {}; from cotpress.cli import main\ntry: main()\nfinally: print('torch' in sys.modules)"


def start(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "cotpress", *arguments], capture_output=True, check=False)


def loads_torch(arguments: list[str]) -> bool:
    command = [sys.executable, "-c", LOADED.format(arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.split()[-1] != "False"


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    ways = {name: partial(start, arguments) for name, arguments in VERBS.items()}
    used = in_turns(ways, asked.passes)
    waited = in_turns(ways, asked.passes, clock=wall)
    heavy = [name for name, arguments in VERBS.items() if loads_torch(arguments)]
    parts = [
        f"`{name}` {median(used[name]):.2f} s ({min(used[name]):.2f}–{max(used[name]):.2f}; "
        f"on the wall {median(waited[name]):.2f})"
        for name in VERBS
    ]
    yield Row(
        what="start-up before any work, CPU time",
        goal="under 0.3 s, no torch",
        said="; ".join(parts) + f"; torch: {', '.join(heavy) or 'never loaded'}",
        n=f"{asked.passes} starts each",
    )


if __name__ == "__main__":
    run(rows, __doc__)
