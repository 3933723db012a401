"""A run of many shards on many workers, simulated: wall time, lost work and idle share.

    python benchmarks/scale.py [--seconds 20] [--shards 64] [--start 600] …

The time of one window of 256 traces is given with --seconds; without it, it is measured here: this
process scores a window of the task `overthink` with `surprisal:overthink` (CPU seconds of one
thread).

Workers take shards in order as they become free. Shard i has the windows i modulo n, as with
`--shard i/n`. Each shard begins with a start-up (program, model, reading the input). A window takes
its time with noise (log-normal, mean 1), and longer on the share of workers that are slow. A worker
fails at a constant rate while it works: what it did of its window is lost, it comes back after a
while, starts up, and goes on behind the last finished window, as a resumed shard does. Nothing else
is modelled: no queue of a cluster, no network, no GPU that stays away.
"""

import argparse
import heapq
import math
import random
import time
from dataclasses import dataclass
from itertools import islice

from cotpress import models, scorers, tasks
from cotpress.engine.shards import WINDOW, Shard, Share


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What is assumed; times in seconds."""

    workers: int
    seconds: float
    """Of a window on a worker of usual speed."""
    noise: float
    """Standard deviation of the logarithm of a window's time."""
    slow: float
    """Share of workers that are slow."""
    slowness: float
    """How many times as long a slow one takes."""
    failures: float
    """Of a worker in an hour of its work."""
    restart: float
    """Until a failed worker is back."""
    start: float
    """Start-up of a shard."""


@dataclass(frozen=True)
class Outcome:
    """Seconds: of the whole run, and summed over all workers."""

    wall: float
    lost: float
    """Work of windows that were cut short."""
    starting: float
    """Start-ups, those after failures included."""
    away: float
    """Between a failure and the return of the worker."""
    idle: float
    """After a worker's last shard, until the run ends."""
    failures: int


def simulate(windows: list[int], cluster: Cluster, seed: int) -> Outcome:
    """Work through shards with so many `windows` each."""
    rng = random.Random(seed)
    slow = set(rng.sample(range(cluster.workers), round(cluster.slow * cluster.workers)))
    rate = cluster.failures / 3600
    lost = starting = away = 0.0
    failures = 0
    free = [(0.0, worker) for worker in range(cluster.workers)]

    def until_failure() -> float:
        return rng.expovariate(rate) if rate else math.inf

    for n in windows:
        now, worker = heapq.heappop(free)
        pace = cluster.slowness if worker in slow else 1.0
        left, begun, fails = n, False, now + until_failure()  # no memory: drawn anew for a shard
        while left:
            takes = cluster.start
            if begun:
                takes = (
                    cluster.seconds
                    * pace
                    * rng.lognormvariate(-(cluster.noise**2) / 2, cluster.noise)
                )
            if now + takes < fails:
                now += takes
                starting += 0.0 if begun else takes
                left -= begun
                begun = True
                continue
            lost += fails - now if begun else 0.0
            starting += 0.0 if begun else fails - now
            away += cluster.restart
            failures += 1
            now, begun = fails + cluster.restart, False
            fails = now + until_failure()
        heapq.heappush(free, (now, worker))
    wall = max(now for now, _ in free)
    return Outcome(wall, lost, starting, away, sum(wall - now for now, _ in free), failures)


def measured() -> float:
    """CPU seconds for a window of 256 traces with the bundled model."""
    model, judge = models.load("overthink"), scorers.load("surprisal:overthink")
    traces = list(islice(tasks.load("overthink").worked("train"), WINDOW))
    began = time.process_time()
    for _ in scorers.score(traces, judge, model):
        pass
    return time.process_time() - began


def shown(values: list[float], unit: str) -> str:
    """Mean, and the range of the middle nine tenths."""
    ordered = sorted(values)
    cut = len(ordered) // 20
    mean = sum(ordered) / len(ordered)
    return f"{mean:.3g} {unit} ({ordered[cut]:.3g} to {ordered[-1 - cut]:.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seconds", type=float, help="of a window; default: measured here")
    parser.add_argument("--noise", type=float, default=0.1)
    parser.add_argument("--slow", type=float, default=0.05, help="share of workers")
    parser.add_argument("--slowness", type=float, default=1.5, help="times as long")
    parser.add_argument("--failures", type=float, default=0.01, help="of a worker in an hour")
    parser.add_argument("--restart", type=float, default=300.0)
    parser.add_argument("--start", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    seconds = asked.seconds
    if seconds is None:
        seconds = measured()
        print(f"measured: {seconds:.2f} CPU seconds for a window of {WINDOW} traces")
    cluster = Cluster(
        workers=asked.workers,
        seconds=seconds,
        noise=asked.noise,
        slow=asked.slow,
        slowness=asked.slowness,
        failures=asked.failures,
        restart=asked.restart,
        start=asked.start,
    )
    for n in asked.shards:
        windows = [
            -(-share.n_items // share.size)
            for share in (Share(Shard(i, n), asked.traces, WINDOW) for i in range(n))
        ]
        best = sum(windows) * seconds / asked.workers
        done = [simulate(windows, cluster, asked.seed + run) for run in range(asked.runs)]
        hours = [one.wall * asked.workers for one in done]
        print(
            f"{n} shards: wall {shown([one.wall / 3600 for one in done], 'h')}, "
            f"without start-up, noise, slow workers and failures {best / 3600:.3g} h\n"
            f"  failures {shown([one.failures for one in done], 'a run')}, "
            f"lost work {shown([one.lost / 3600 for one in done], 'h')}\n"
            f"  shares of worker time: lost {shown([100 * one.lost / total for one, total in zip(done, hours, strict=True)], '%')}, "
            f"start-up {shown([100 * one.starting / total for one, total in zip(done, hours, strict=True)], '%')}, "
            f"away {shown([100 * one.away / total for one, total in zip(done, hours, strict=True)], '%')}, "
            f"idle {shown([100 * one.idle / total for one, total in zip(done, hours, strict=True)], '%')}"
        )


if __name__ == "__main__":
    main()
