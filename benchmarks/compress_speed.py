"""Traces per second of the compress stage on one core, for traces as long as GSM8K's (150
segments). The floor is 1,000.

    python benchmarks/compress_speed.py [--segments 150] [--traces 2000]

The pure stage at one ratio and at five, by the exact budget and by LLMLingua-2's released rule;
then with JSON in and out, as the verb runs it. The best of three passes each.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from itertools import accumulate

import msgspec

from cotpress.pipeline.compress import compress
from cotpress.records import Percentile, Problem, ScoredTrace, Trace

RATIOS = [0.5, 0.6, 0.7, 0.8, 0.9]


def made_up(n_segments: int, seed: int, *, released: bool) -> ScoredTrace:
    rng = random.Random(seed)
    words = [" " + "".join(rng.choices("1bcdefgh", k=rng.randint(1, 8))) for _ in range(n_segments)]
    ends = list(accumulate(map(len, words)))
    trace = Trace(
        problem=Problem(id=str(seed), question="q" * 230, answer="18", task="t"),
        model="m",
        reasoning="".join(words),
        conclusion="The answer is \\boxed{18}.",
        n_tokens=n_segments,
        n_conclusion_tokens=9,
        finished=True,
    )
    weights, ones = rng.choices([1, 3], k=n_segments), [1] * n_segments
    rule = Percentile(weights=weights, chunk_ends=[n_segments], n_tokens=ones) if released else None
    return ScoredTrace(
        trace=trace,
        scorer="random",
        ends=ends,
        importance=[rng.random() for _ in words],
        percentile=rule,
    )


def rate(work: Callable[[], None], n: int) -> float:
    """Items per second of this process on its core, the best of three."""
    seconds = []
    for _ in range(3):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return n / min(seconds)


def cut(scored: Sequence[ScoredTrace], ratios: Sequence[float]) -> None:
    for _ in compress(scored, ratios):
        pass


def with_json(lines: Sequence[bytes], ratios: Sequence[float]) -> None:
    encoder, decoder = msgspec.json.Encoder(), msgspec.json.Decoder(ScoredTrace)
    for compressed in compress(map(decoder.decode, lines), ratios):
        encoder.encode(compressed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=150)
    parser.add_argument("--traces", type=int, default=2000)
    asked = parser.parse_args()
    for name, released in (("exact budget", False), ("released percentile", True)):
        scored = [made_up(asked.segments, seed, released=released) for seed in range(asked.traces)]
        lines = [msgspec.json.encode(trace) for trace in scored]
        for ratios in (RATIOS[:1], RATIOS):
            pure = rate(lambda scored=scored, ratios=ratios: cut(scored, ratios), asked.traces)
            files = rate(lambda lines=lines, ratios=ratios: with_json(lines, ratios), asked.traces)
            print(
                f"{name:20} {len(ratios)} ratio(s): {pure:8,.0f} traces/s, "
                f"{files:8,.0f} with JSON in and out"
            )


if __name__ == "__main__":
    main()
