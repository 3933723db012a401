"""Write the tables of docs/hardware.md, by the code of `cotpress run … --dry-run`. A test holds the
page to the code.

python docs/make_hardware.py
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cotpress.cost import table
from cotpress.cost.estimate import Device, Estimate, Line
from cotpress.cost.rates import H100, computed
from cotpress.cost.shape import Shape
from cotpress.training.options import TrainOptions
from cotpress.walks import Run
from cotpress.walks._pruning import Cut
from cotpress.walks.cts import cts
from cotpress.walks.token_assorted import token_assorted
from cotpress.walks.tokenskip import tokenskip

PAGE = Path(__file__).parent / "hardware.md"


def shape(*numbers: int, tied: bool = False) -> Shape:
    """Layers, width, heads, kv_heads, head_dim, inner, vocabulary, as in a config.json."""
    names = ("layers", "width", "heads", "kv_heads", "head_dim", "inner", "vocabulary")
    return Shape(**dict(zip(names, numbers, strict=True)), tied=tied)


MODELS = {
    "Qwen2.5-0.5B": shape(24, 896, 14, 2, 64, 4864, 151_936, tied=True),
    "Qwen2.5-1.5B, R1-Distill-Qwen-1.5B": shape(28, 1536, 12, 2, 128, 8960, 151_936, tied=True),
    "Qwen2.5-7B": shape(28, 3584, 28, 4, 128, 18_944, 152_064),
    "Llama-3.1-8B": shape(32, 4096, 32, 8, 128, 14_336, 128_256),
    "Qwen3-8B": shape(36, 4096, 32, 8, 128, 12_288, 151_936),
    "Qwen2.5-14B": shape(48, 5120, 40, 8, 128, 13_824, 152_064),
}

SHORT, LONG = (120, 300), (150, 4000)
"""Tokens of a prompt and of an answer: GSM8K's, and a reasoning model's on competition problems."""


def memory() -> str:
    """Memory by model, and what for."""
    rows = [
        "| model | answers (32 at once, 2,048 tokens) | LoRA, 4 × 1,024 tokens | LoRA, 1 × 8,192 "
        "| LoRA in 4 bits, 1 × 8,192 | all weights, 4 × 1,024 |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in MODELS.items():
        found = (
            one.answering(32, 2048, 2),
            one.training(4 * 1024, 2, full=False),
            one.training(8192, 2, full=False),
            one.training(8192, 2, full=False, four_bits=True),
            one.training(4 * 1024, 2, full=True),
        )
        rows.append("| " + " | ".join([name, *map(table.size, found)]) + " |")
    return "\n".join(rows)


def walked(method: str, one: Shape) -> Line:
    """The sum of a walk's steps."""
    prompt, written = LONG if method == "cts" else SHORT
    rates = computed(
        one, flops=H100.flops, bandwidth=H100.bandwidth, prompt=prompt, written=written
    )
    room = max(1e9, (H100.memory - 2 * one.parameters) / 2)
    limit = 2000 if method == "cts" else 7473
    run = Run(task="gsm8k", model="m", out=Path("q"), limit=limit, max_tokens=2 * written)
    options = TrainOptions(micro_batch=1)
    steps = {
        "tokenskip": lambda: tokenskip(run, cut=Cut(protect="none"), options=options),
        "cts": lambda: cts(run, reference_limit=500, options=options),
        "token-assorted": lambda: token_assorted(run),
    }[method]()

    def n_of(how: Mapping[str, Any]) -> int:
        return how.get("limit") or 1319

    estimate = Estimate(rates, lambda _: one, n_of, Device(2, room, True), one)
    with patch("cotpress.walks._checks.open_all"):  # the page is made without data and models
        return table.total(estimate.lines(list(steps)))


def hours() -> str:
    """Time and disk by model and walk."""
    methods = ("tokenskip", "cts", "token-assorted")
    rows = [
        "| model | " + " | ".join(f"{name}: time, disk" for name in methods) + " |",
        "|---|" + "---|" * len(methods),
    ]
    for name, one in MODELS.items():
        found = [walked(method, one) for method in methods]
        cells = [f"{table.duration(line.seconds)}, {table.size(line.disk)}" for line in found]
        rows.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with its tables made anew."""
    for name, made in (("memory", memory()), ("hours", hours())):
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.escape(begin) + r".*?" + re.escape(end)
        assert re.search(pattern, text, re.S), f"{PAGE} has no place for {name}"
        text = re.sub(pattern, lambda _, m=made, b=begin, e=end: f"{b}\n{m}\n{e}", text, flags=re.S)
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE}")
