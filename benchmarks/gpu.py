"""One measurement on a CUDA GPU (benchmarks/gpu.sh runs them all): scoring by precision, training
with a profile, generation by transformers or vLLM.

python benchmarks/gpu.py score|train|packing|hf|vllm [MODEL] --out FILE [--device cpu --small]

What is found is written and printed as it comes: a part that runs out of time keeps the rest.
Without MODEL it is a random Llama of 0.5B weights over the tokenizer of the bundled model: its
speed is that of a trained one, its answers mean nothing (they run to the limit).
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import packing
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback

from cotpress import models, plugins, tasks
from cotpress.lm.logprobs import Span, log_probs
from cotpress.models import Request, Sampling
from cotpress.records import Asked, TrainingExample
from cotpress.training.options import TrainOptions
from cotpress.training.sft import make_trainer, trainable

TINY = plugins.PACKAGE / "assets" / "tiny"
MEASURED = ("score", "train", "packing", "hf", "vllm")
RATIOS = (0.5, 0.7, 0.9)


def random_model(folder: Path, small: bool) -> str:
    """A random Llama with the tokenizer of the bundled model, in bfloat16 as most are stored."""
    tokenizer = models.load("tiny").tokenizer
    tokenizer.save_pretrained(folder)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    if not small:
        sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24}
    config = LlamaConfig(
        vocab_size=len(tokenizer) if small else 151_936,
        num_attention_heads=sizes["hidden_size"] // 64,
        num_key_value_heads=max(1, sizes["hidden_size"] // 256),
        max_position_embeddings=32_768,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        **sizes,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return f"hf:{folder}"


def keep(out: Path, found: dict) -> None:
    """Write and print what is known so far."""
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1), flush=True)


def clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def score(spec: str, device: str, small: bool) -> Iterator[dict]:
    """Tokens/s of log-probabilities, and the share of dropped tokens that differ from float32's."""
    chance, size = torch.Generator().manual_seed(0), 256 if small else 4096
    spans = [
        Span([1, 2], torch.randint(10, 300, (size,), generator=chance).tolist(), size)
        for _ in range(4 if small else 16)
    ]
    found, values = {}, {}
    kinds = ["float32", "bfloat16"] + (["tf32"] if device == "cuda" else [])
    for kind in kinds:
        model = models.load(f"{spec},dtype={kind},device={device}")
        log_probs(model, spans[:2])
        began = clock()
        values[kind] = log_probs(model, spans)
        found[kind] = {"tokens_per_s": round(len(spans) * size / (clock() - began))}
        for ratio in RATIOS if kind != "float32" else ():
            wrong = n = 0
            for exact, other in zip(values["float32"], values[kind], strict=True):
                k = round((1 - ratio) * len(exact))  # the most likely are dropped, as by surprisal
                wrong += k - len(
                    {*exact.topk(k).indices.tolist()} & {*other.topk(k).indices.tolist()}
                )
                n += k
            found[kind][f"other_tokens_dropped_at_{ratio}"] = round(wrong / n, 4)
        del model
        yield found


class Steps(TrainerCallback):
    """When each step of a training ended, and how many tokens had gone in by then, without padding."""

    def __init__(self) -> None:
        self.tokens = 0
        self.ends: list[tuple[int, float]] = []

    def on_step_end(self, *_: object, **__: object) -> None:
        """Take the time."""
        self.ends.append((self.tokens, clock()))

    def warm(self) -> tuple[int, float]:
        """Tokens and seconds of the steps in the second half: the first ones are cold."""
        (before, began), (after, ended) = self.ends[len(self.ends) // 2 - 1], self.ends[-1]
        return after - before, ended - began


def n_tokens(inputs: dict) -> int:
    """Tokens of a micro-batch, padded or packed; a packed row begins at 0 and goes on with 1, where
    padding stands at 0 throughout.
    """
    if "attention_mask" in inputs:
        return int(inputs["attention_mask"].sum())
    at = inputs["position_ids"]
    return int((at > 0).sum() + (at == 1).sum())


def count(trainer: Trainer, steps: Steps) -> None:
    """Let a trainer count the tokens of every micro-batch that it trains on."""
    own = trainer.training_step

    def counted(model: torch.nn.Module, inputs: dict, *others: object) -> torch.Tensor:
        steps.tokens += n_tokens(inputs)
        return own(model, inputs, *others)

    trainer.training_step = counted


def train(spec: str, device: str, small: bool) -> Iterator[dict]:
    """Tokens/s of LoRA training by length of the examples, with what the steps spend it on."""
    found = {}
    for length, n in ((40, 4), (80, 4)) if small else ((500, 64), (4000, 16), (16_000, 4)):
        model = models.load(f"{spec},device={device}")
        problem = tasks.take(tasks.load("arithmetic"), "train", 1)[0]
        text = ("so we need to add 8 to 9 , and this gives 17 apples . " * (length // 8))[
            : 5 * length
        ]
        made = [
            TrainingExample(
                problem=problem, asked=Asked(ratio=0.5), prompt=problem.prompt(0.5),
                completion=text, method="tokenskip", scorer="x",
            )
        ] * n  # fmt: skip
        options = TrainOptions(batch=n, max_steps=6, micro_batch=0)
        rows = trainable(made, model, options, Counter())
        with tempfile.TemporaryDirectory() as out:
            trainer = make_trainer(rows, model, Path(out), options, print)
            trainer.args.save_strategy = "no"
            steps = Steps()
            trainer.add_callback(steps)
            count(trainer, steps)
            trainer.train()
            tokens, seconds = steps.warm()
            trainer.args.max_steps = 3
            activities = [torch.profiler.ProfilerActivity.CPU]
            activities += [torch.profiler.ProfilerActivity.CUDA] * (device == "cuda")
            with torch.profiler.profile(activities=activities) as profile:
                trainer.train()
        by = "self_cuda_time_total" if device == "cuda" else "self_cpu_time_total"
        table = profile.key_averages()
        waits = ("aten::item", "aten::_local_scalar_dense", "cudaStreamSynchronize", "aten::copy_")
        found[length] = {
            "tokens_per_s": round(tokens / seconds),
            "micro_batch": trainer.args.per_device_train_batch_size,
            "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2)
            if device == "cuda"
            else None,
            "calls_in_3_steps": {one.key: one.count for one in table if one.key in waits},
            "top": [line[:60] for line in table.table(sort_by=by, row_limit=12).splitlines()[3:15]],
        }
        del trainer, model
        yield found


def packed(spec: str, small: bool) -> Iterator[dict]:
    """Training with short rows packed into one, against padding (benchmarks/packing.py)."""
    n, passes = (16, 1) if small else (128, 3)
    yield packing.compare(spec, n=n, batch=16, micro=16, median=60, passes=passes)


def generation(spec: str, small: bool, **options: str) -> Iterator[dict]:
    """Tokens/s of greedy answers, 128 rows at once; the first, cold call apart."""
    model = models.load(",".join([spec, *(f"{key}={value}" for key, value in options.items())]))
    problems = tasks.take(tasks.load("arithmetic"), "test", 4 if small else 128)
    requests = [Request(key=one.id, messages=one.prompt(0.5)) for one in problems]
    sampling, found = Sampling(max_tokens=8 if small else 256), {}
    for what in ("cold", "warm"):
        began = clock()
        answers = list(model.generate(requests, sampling))
        seconds = clock() - began
        found[what] = round(sum(one.n_tokens for one in answers) / seconds)
        yield found


def by_precision(spec: str, device: str, small: bool) -> Iterator[dict]:
    """The same with transformers, in float32 and in bfloat16."""
    found = {}
    for kind in ("float32", "bfloat16"):
        for one in generation(spec, small, dtype=kind, device=device):
            found[kind] = one
            yield found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=MEASURED)
    parser.add_argument("model", nargs="?", default="")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        spec = given.model or random_model(Path(folder), given.small)
        found = {
            "score": lambda: score(spec, given.device, given.small),
            "train": lambda: train(spec, given.device, given.small),
            "packing": lambda: packed(spec, given.small),
            "hf": lambda: by_precision(spec, given.device, given.small),
            "vllm": lambda: generation(
                models.with_name(spec).replace("hf:", "vllm:", 1), given.small, max_len="4096"
            ),
        }
        for one in found[given.what]():
            keep(given.out, {"unit": "tokens/s where nothing else is said", **one})


if __name__ == "__main__":
    main()
