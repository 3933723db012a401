"""Seconds per answer of a served model at several ratios, one request at a time and many at once,
beside the tokens that it saves.

    python benchmarks/serving_latency.py http://localhost:8000/v1 --model short --task arithmetic \
        [--ratios 1.0 0.7 0.5] [--at-once 1 32] [--limit 96] [--max-tokens 256] [--rounds 3]

The server runs what `cotpress export` wrote (recipes/latency.sh starts vLLM). Every round asks the
same problems of the test split, greedily, at each ratio in turn, so that a machine that slows down
slows all of them. An answer's seconds are those from request to last token. Printed for each ratio
and number of requests at once: generated tokens per answer, median and 90th percentile of the
seconds, and what 1.0 takes divided by it, as the median of the rounds with their range.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import openai

from cotpress import tasks
from cotpress.records import Problem


class Answered(NamedTuple):
    """One answer."""

    seconds: float
    n_tokens: int


class Pass(NamedTuple):
    """All problems at one ratio."""

    answers: list[Answered]
    seconds: float
    """Wall time of all of them."""

    @property
    def median(self) -> float:
        """Seconds of the middle answer."""
        return statistics.median(one.seconds for one in self.answers)

    @property
    def p90(self) -> float:
        """Seconds that nine of ten answers do not exceed."""
        return statistics.quantiles((one.seconds for one in self.answers), n=10)[-1]

    @property
    def tokens(self) -> float:
        """Generated tokens of an answer."""
        return statistics.mean(one.n_tokens for one in self.answers)


class Server:
    """The served model."""

    def __init__(self, url: str, model: str, max_tokens: int) -> None:
        self.client = openai.OpenAI(base_url=url, api_key="none", timeout=600, max_retries=0)
        self.model, self.max_tokens = model, max_tokens

    def ask(self, problem: Problem, ratio: float) -> Answered:
        """One answer."""
        began = time.perf_counter()
        said = self.client.chat.completions.create(
            model=self.model,
            messages=problem.prompt(),  # type: ignore[arg-type]
            max_tokens=self.max_tokens,
            temperature=0.0,
            extra_body={"chat_template_kwargs": {"compression_ratio": ratio}},
        )
        assert said.usage is not None
        return Answered(time.perf_counter() - began, said.usage.completion_tokens)

    def all(self, problems: Sequence[Problem], ratio: float, at_once: int) -> Pass:
        """Every problem once, `at_once` at a time."""
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            answers = list(pool.map(lambda one: self.ask(one, ratio), problems))
        return Pass(answers, time.perf_counter() - began)


def take_turns(
    server: Server, problems: Sequence[Problem], ratios: Sequence[float], at_once: int, rounds: int
) -> list[dict[float, Pass]]:
    """The rounds, each with every problem at every ratio."""
    return [
        {ratio: server.all(problems, ratio, at_once) for ratio in ratios} for _ in range(rounds)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("url")
    parser.add_argument("--model", required=True)
    parser.add_argument("--task", default="arithmetic")
    parser.add_argument("--ratios", type=float, nargs="+", default=[1.0, 0.7, 0.5])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--limit", type=int, default=96)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    server = Server(asked.url, asked.model, asked.max_tokens)
    problems = tasks.take(tasks.load(asked.task), "test", asked.limit)
    server.all(problems[:8], 1.0, 1)  # the first answers compile and fill caches
    for at_once in asked.at_once:
        rounds = take_turns(server, problems, asked.ratios, at_once, asked.rounds)
        for ratio in asked.ratios:
            passes = [one[ratio] for one in rounds]
            print(
                f"at once {at_once:3}  ratio {ratio:.2f}  {passes[0].tokens:6.1f} tokens  "
                f"seconds {_middle([one.median for one in passes])} "
                f"p90 {_middle([one.p90 for one in passes])}  "
                f"1.0 / this: answer {_middle([a[1.0].median / a[ratio].median for a in rounds])} "
                f"all {_middle([a[1.0].seconds / a[ratio].seconds for a in rounds])}",
                flush=True,
            )


def _middle(values: Sequence[float]) -> str:
    """The median and the range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}–{max(values):.3f})"


if __name__ == "__main__":
    main()
