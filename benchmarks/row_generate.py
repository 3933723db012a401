"""`generate` against the loop of most scripts: transformers' `generate` on batches of 32 in the order
of the file, padded on the left; and against transformers' continuous batching. Times as fast.

    OMP_NUM_THREADS=1 python benchmarks/row_generate.py [--model smollm2 --task arithmetic --limit 256]

Greedy, each answer as long as the model makes it: those of `tiny` differ little in length, those of
`overthink` much. CPU time of one thread. Tokens are those of our answers; how many answers are
alike is said.
"""

import argparse
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from measured import Row, in_turns, per_second, run, times_as_fast
from transformers import ContinuousBatchingConfig, GenerationConfig

from cotpress import models, tasks
from cotpress.models import Request, Sampling
from cotpress.models.hf import HFModel

BATCH = 32
CONTINUOUS = ContinuousBatchingConfig(num_blocks=256, max_batch_tokens=2048)
"""Left to itself it takes all memory."""


class Setting(NamedTuple):
    """Who answers what."""

    model: str
    task: str
    prompts: int
    limit: int


@torch.inference_mode()
def loop(model: HFModel, prompts: Sequence[list[int]], limit: int) -> list[list[int]]:
    """Batches in order; each ends with its last answer."""
    said = []
    stops = sorted(model._stops)
    for start in range(0, len(prompts), BATCH):
        batch = prompts[start : start + BATCH]
        longest = max(map(len, batch))
        ids = torch.tensor([[stops[0]] * (longest - len(one)) + one for one in batch])
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in batch])
        made = model.torch_model.generate(
            ids, attention_mask=mask, do_sample=False, max_new_tokens=limit,
            eos_token_id=stops, pad_token_id=stops[0],
        )  # fmt: skip
        said += [until(row, stops) for row in made[:, longest:].tolist()]
    return said


def until(ids: list[int], stops: Sequence[int]) -> list[int]:
    """What stands before the first stop."""
    return ids[: next((n for n, one in enumerate(ids) if one in stops), len(ids))]


def continuous(model: HFModel, prompts: Sequence[list[int]], limit: int) -> list[list[int]]:
    """Continuous batching by transformers."""
    stops = sorted(model._stops)
    config = GenerationConfig(
        do_sample=False, max_new_tokens=limit, eos_token_id=stops, pad_token_id=stops[0]
    )
    made = model.torch_model.generate_batch(
        inputs=[*prompts], generation_config=config, continuous_batching_config=CONTINUOUS
    )
    if len(made) != len(prompts):
        raise RuntimeError(f"{len(made)} answers to {len(prompts)} prompts")
    rows = sorted(made.values(), key=lambda one: int(one.request_id.rpartition("_")[2]))
    return [until(one.generated_tokens, stops) for one in rows]


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    torch.set_num_threads(1)
    usual = [Setting("tiny", "arithmetic", 256, 256), Setting("overthink", "overthink", 128, 800)]
    own = Setting(asked.model, asked.task, asked.prompts, asked.limit)
    for setting in [own] if asked.model else usual:
        yield from rows_of(setting, asked.passes)


def rows_of(asked: Setting, passes: int) -> Iterator[Row]:
    """One model against both."""
    model = models.load(asked.model)
    assert isinstance(model, HFModel)
    problems = tasks.take(tasks.load(asked.task), "test", asked.prompts)
    requests = [Request(key=one.id, messages=one.prompt()) for one in problems]
    prompts = [model.prompt_ids(one.prompt()) for one in problems]
    found: dict[str, list] = {}

    def keep(name: str, way) -> object:
        def work() -> None:
            found[name] = way()

        return work

    ways = {
        "ours": keep("ours", lambda: [*model.generate(requests, Sampling(max_tokens=asked.limit))]),
        "loop": keep("loop", lambda: loop(model, prompts, asked.limit)),
        "continuous": keep("continuous", lambda: continuous(model, prompts, asked.limit)),
    }
    seconds = in_turns(ways, passes, warm=asked.model == "tiny")
    n = sum(one.n_tokens for one in found["ours"])
    lengths = [len(one) for one in prompts]
    answers = sorted(one.n_tokens for one in found["ours"])
    about = {
        "what": f"`generate`, {asked.model}, {asked.prompts} prompts, limit {asked.limit}, one core",
        "n": f"{n:,} tokens; prompts of {min(lengths)}–{max(lengths)}, answers of {answers[0]}–"
        f"{answers[-1]}; {passes} passes",
    }
    for name, against, goal in (
        ("loop", "transformers' `generate`, batches of 32 in file order", "≥ 4×"),
        ("continuous", "transformers' continuous batching", "≥ 1×"),
    ):
        alike = sum(
            a.n_tokens in (len(b), len(b) + 1)
            for a, b in zip(found["ours"], found[name], strict=True)
        )
        yield Row(
            against=against,
            goal=goal,
            **times_as_fast(seconds["ours"], seconds[name]),
            said=f"{per_second(n, seconds['ours']):,.0f} against "
            f"{per_second(n, seconds[name]):,.0f} tokens/s; {alike} answers equally long",
            **about,
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", help="default: the two bundled ones")
    parser.add_argument("--task", default="arithmetic")
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--limit", type=int, default=256)


if __name__ == "__main__":
    run(rows, __doc__, options)
