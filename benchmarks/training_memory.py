"""Memory that the tokenised rows of `cotpress train` take above the loaded model (Linux).

    python benchmarks/training_memory.py 20000 100000 [--kept]

Examples come one by one and are not kept, so that what grows are the rows alone: first as
`trainable` gives them, then with the trainer that holds its own data set of them. With `--kept` the
examples are held and their fingerprint is taken beforehand, as `train` does. Every number of
examples is measured in a process of its own, by that process's high-water mark.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from cotpress import models
from cotpress.records import Asked, Problem, TrainingExample
from cotpress.training.options import TrainOptions
from cotpress.training.sft import fingerprint, make_trainer, trainable


def examples(n: int) -> Iterator[TrainingExample]:
    """Sums in words, no two alike."""
    for i in range(n):
        problem = Problem(
            id=f"sum/{i}", question=f"What is {i} + 7, doubled?", answer=f"{2 * i + 14}", task="t"
        )
        said = (
            f"First {i} + 7 = {i + 7}. Then 2 x {i + 7} = {2 * i + 14}. The answer is {2 * i + 14}."
        )
        yield TrainingExample(
            problem=problem, asked=Asked(ratio=0.5), prompt=problem.prompt(0.5), completion=said
        )


def megabytes(field: str) -> float:
    """A field of the process's status: what it holds (VmRSS) or held at most (VmHWM)."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def measure(n: int, spec: str, kept: bool) -> None:
    """Print one line for `n` examples."""
    model, options = models.load(spec), TrainOptions()
    with tempfile.TemporaryDirectory() as out:
        # once for what is loaded late
        make_trainer(
            trainable(examples(8), model, options, Counter()), model, Path(out), options, print
        )
        model = models.load(spec)
        before = megabytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        began = time.process_time()
        made: Iterable[TrainingExample] = examples(n)
        if kept:
            made = list(made)
            fingerprint(made, model, options)
        rows = trainable(made, model, options, Counter())
        tokenised = megabytes("VmHWM")
        make_trainer(rows, model, Path(out), options, print)
    peak, seconds = megabytes("VmHWM"), time.process_time() - began
    tokens = sum(len(row.input_ids) for row in rows)
    print(
        f"{n} examples, {tokens} tokens, {seconds:.0f} s of CPU time: loaded "
        f"{before:.0f} MB, rows {tokenised - before:.0f} MB, with the trainer "
        f"{peak - before:.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--kept", action="store_true")
    options = parser.parse_args()
    if len(options.sizes) == 1:
        measure(options.sizes[0], options.model, options.kept)
        return
    shared = ["--model", options.model, *["--kept"] * options.kept]
    for n in options.sizes:
        subprocess.run([sys.executable, __file__, str(n), *shared], check=True)


if __name__ == "__main__":
    main()
