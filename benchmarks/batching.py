"""Answers of very different length: tokens per second with rows that join as others end, against
batches that reserve the limit and drain.

    python benchmarks/batching.py [--model tiny] [--prompts 512] [--limit 256] [--median 0]
    python benchmarks/batching.py --model smollm2 --prompts 40 --limit 2048 --median 100

Both ways run the same loop. The draining way is what `generate` did before: as many prompts as have
room for their prompt and the whole limit, sorted by length in windows of four batches, each batch
until its last row has ended. With `--median` no token ends an answer: its length is drawn,
log-normal with this median and at most the limit, so that both ways write the same number of
tokens; without, the model decides. Rows are of the task arithmetic. Seconds are CPU time of this
process, so that others on the machine count little; the ways take turns.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from cotpress import models, tasks
from cotpress.lm.batch import Row
from cotpress.lm.decoding import decode
from cotpress.models import Sampling
from cotpress.models.hf import HFModel

ROWS, WINDOW = 128, 4


def rows(model: HFModel, n: int, limit: int, median: float) -> list[Row]:
    random = np.random.default_rng(0)
    problems = tasks.take(tasks.load("arithmetic"), "test", n)
    ends = random.lognormal(np.log(median), 1.0, n) if median else np.full(n, limit)
    return [
        Row(i, problem.id, model.prompt_ids(problem.prompt()), int(min(max(1, end), limit)))
        for i, (problem, end) in enumerate(zip(problems, ends, strict=True))
    ]


def in_turn(rows: Sequence[Row]) -> Callable[[int], list[Row]]:
    """`more` of `decode`, as `generate` has it where answers are given out at once."""
    left = list(rows)

    def more(n: int) -> list[Row]:
        taken = left[: max(0, n - (len(rows) - len(left)))]
        del left[: len(taken)]
        return taken

    return more


def draining(rows: Sequence[Row], limit: int, room: int) -> Iterator[list[Row]]:
    """The batches as they were made before."""
    left = list(rows)
    fitting = max(1, min(ROWS, room // (left[0].length + limit)))
    while left:
        window, left = left[: WINDOW * fitting], left[WINDOW * fitting :]
        window.sort(key=lambda row: -row.length)
        while window:
            n = max(1, min(ROWS, room // (window[0].length + limit)))
            batch, window = window[:n], window[n:]
            yield batch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--prompts", type=int, default=512)
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--median", type=float, default=0.0)
    parser.add_argument("--passes", type=int, default=2)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = models.load(asked.model)
    assert isinstance(model, HFModel)
    net, room, sampling = model.torch_model, model._room, Sampling(max_tokens=asked.limit)
    stops = set() if asked.median else model._stops

    def joining() -> list[Row]:
        made = rows(model, asked.prompts, asked.limit, asked.median)
        return list(decode(net, in_turn(made), stops, sampling, room=room, most=ROWS))

    def before() -> list[Row]:
        made, done = rows(model, asked.prompts, asked.limit, asked.median), []
        for batch in draining(made, asked.limit, room):
            done += decode(net, in_turn(batch), stops, sampling, room=10**12, most=ROWS)
        return done

    best: dict[str, float] = {}
    said: dict[str, list[list[int]]] = {}
    for _ in range(asked.passes):
        for name, way in (("draining", before), ("joining", joining)):
            began = time.process_time()
            done = way()
            seconds = time.process_time() - began
            best[name] = min(seconds, best.get(name, seconds))
            said[name] = [row.said for row in sorted(done, key=lambda row: row.index)]
    n = sum(map(len, said["joining"]))
    alike = sum(a == b for a, b in zip(said["joining"], said["draining"], strict=True))
    for name, seconds in best.items():
        print(f"{name:9} {seconds:7.1f} s, {n / seconds:6.0f} tokens/s")
    print(
        f"joining is {best['draining'] / best['joining']:.2f} times as fast; "
        f"{n} tokens, longest {max(map(len, said['joining']))}, room {room} tokens; "
        f"{alike} of {asked.prompts} answers alike"
    )


if __name__ == "__main__":
    main()
