"""What it takes to score and cut many long traces: operations and GPU hours by size of the scorer,
and bytes by file.

    python benchmarks/scale_cost.py [--traces 1000000] [--tokens 8000] [--utilisation 0.4]
    python benchmarks/scale_cost.py --files graded.jsonl scored.jsonl cut.jsonl

A forward pass over T tokens takes 2 operations a token for each weight of the linear layers and of
the head, and 2 T a token for each layer and unit of the heads' width: a query meets T / 2 keys on
average, once for its weights and once for the values, at 2 operations each (Kaplan et al., arXiv
2001.08361, section 2.1). The shapes are those of Qwen2.5. Operations a second are those of NVIDIA's
data sheet for the H100 SXM, dense. How much of them a run reaches is assumed, not measured.

With files the table is of bytes: for each token of the model to be taught (the last file but one
holds them), and scaled to the traces asked for; each is also decoded once, timed in CPU seconds.
"""

import argparse
import time
from pathlib import Path

from cotpress import storage
from cotpress.cost.shape import Shape
from cotpress.records import CompressedTrace, ScoredTrace, Trace

SCORERS = {
    "0.5B": Shape(
        layers=24,
        width=896,
        heads=14,
        kv_heads=2,
        head_dim=64,
        inner=4864,
        vocabulary=151_936,
        tied=True,
    ),
    "1.5B": Shape(
        layers=28,
        width=1536,
        heads=12,
        kv_heads=2,
        head_dim=128,
        inner=8960,
        vocabulary=151_936,
        tied=True,
    ),
    "7B": Shape(
        layers=28,
        width=3584,
        heads=28,
        kv_heads=4,
        head_dim=128,
        inner=18_944,
        vocabulary=152_064,
        tied=False,
    ),
}

H100 = {"bf16": 989e12, "tf32": 494e12, "float32": 67e12}
"""Operations a second of the H100 SXM, dense."""


def operations(shape: Shape, tokens: int) -> tuple[float, float]:
    """Operations for each of `tokens` tokens read at once: those of the weights, and of attention."""
    weights = shape.linear + shape.width * shape.vocabulary
    return 2.0 * weights, 2.0 * tokens * shape.layers * shape.heads * shape.head_dim


def gpu_hours(shape: Shape, traces: int, tokens: int, peak: float, utilisation: float) -> float:
    """Hours of one GPU for one forward pass over all traces."""
    return traces * tokens * sum(operations(shape, tokens)) / (peak * utilisation) / 3600


def print_hours(traces: int, tokens: int, utilisation: float) -> None:
    print(f"{traces:,} traces of {tokens:,} tokens: {traces * tokens:,} tokens, one pass;")
    print(f"H100 hours at {utilisation:.0%} of the data sheet (assumed)")
    for name, shape in SCORERS.items():
        weights, attention = operations(shape, tokens)
        hours = ", ".join(
            f"{precision} {gpu_hours(shape, traces, tokens, peak, utilisation):,.1f}"
            for precision, peak in H100.items()
        )
        print(
            f"{name:5} {weights / 1e9:6.2f} + {attention / 1e9:5.2f} GFLOP a token, "
            f"{(weights + attention) * traces * tokens:.2g} in all: {hours}"
        )


def print_bytes(graded: Path, scored: Path, cut: Path, traces: int, tokens: int) -> None:
    n = sum(len(one.ends) for one in storage.read(scored, ScoredTrace))
    print(f"{n:,} tokens in {scored.name}")
    kinds: list[tuple[Path, type]] = [
        (graded, Trace),
        (scored, ScoredTrace),
        (cut, CompressedTrace),
    ]
    for path, kind in kinds:
        size, began = path.stat().st_size, time.process_time()
        for _ in storage.read(path, kind):
            pass
        rate = size / (time.process_time() - began)
        print(
            f"{path.name:14} {size / n:6.2f} bytes a token, {size / n * tokens / 1e3:6.0f} kB a trace, "
            f"{size / n * tokens * traces / 1e9:6.0f} GB in all, read at {rate / 1e6:.0f} MB/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=8000)
    parser.add_argument("--utilisation", type=float, default=0.4)
    parser.add_argument("--files", type=Path, nargs=3, metavar=("GRADED", "SCORED", "CUT"))
    asked = parser.parse_args()
    if asked.files:
        print_bytes(*asked.files, asked.traces, asked.tokens)
    else:
        print_hours(asked.traces, asked.tokens, asked.utilisation)


if __name__ == "__main__":
    main()
