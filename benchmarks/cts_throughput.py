"""Tokens per second of the causal scorers on traces as long as GSM8K's, against the usual loop. The
floor is 1.5 times it.

    python benchmarks/cts_throughput.py ../shared/data/gsm8k_train.jsonl [--model smollm2] [--traces
    24] [--passes 3]

The loop runs transformers one text at a time with full logits and `log_softmax`, on the same
tokens; `bare` is the model's decoder without its head, one text at a time, so without padding: the
floor is 0.85 of it. Texts are counted whole, prompts included and shared beginnings each time,
because that is what the loop runs. The measures take turns, so that a busy machine slows all of
them; the best pass of each counts. The last column is the largest difference to the loop's scores.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from cotpress.lm import logprobs
from cotpress.records import Problem, Trace
from cotpress.scorers import Importance, Scorer, load
from cotpress.scorers.cts import CTS
from cotpress.scorers.surprisal import Surprisal

INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


def traces(path: Path, n: int) -> list[Trace]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:n]]
    return [
        Trace(
            problem=Problem(
                id=str(i),
                question=row["question"],
                answer=row["answer"],
                task="gsm8k",
                instruction=INSTRUCTION,
            ),
            model="worked",
            reasoning=row["cot"],
            conclusion=f"The final answer is \\boxed{{{row['answer']}}}.",
            n_tokens=0,
            n_conclusion_tokens=0,
            finished=True,
        )
        for i, row in enumerate(rows)
    ]


def contexts(lm: Any, trace: Trace, scorer: Scorer) -> list[list[int]]:
    asked = trace.problem.prompt()
    informed = [
        {
            "role": "user",
            "content": f"{asked[0]['content']}\n\nReference answer:\n{trace.conclusion}",
        }
    ]
    return (
        [lm.prompt_ids(informed), lm.prompt_ids(asked)]
        if isinstance(scorer, CTS)
        else [lm.prompt_ids(asked)]
    )


@torch.inference_mode()
def loop(lm: Any, scorer: Scorer, items: Sequence[Trace]) -> list[list[float]]:
    result = []
    for trace in items:
        (text,) = logprobs.encode(lm, [trace.reasoning])
        values = []
        for before in contexts(lm, trace, scorer):
            ids = torch.tensor([before + text.ids])
            every = lm.torch_model(ids).logits.float().log_softmax(-1)[0, len(before) - 1 : -1]
            values.append(every.gather(-1, torch.tensor(text.ids)[:, None])[:, 0])
        result.append((values[0] - values[1] if len(values) == 2 else -values[0]).tolist())
    return result


@torch.inference_mode()
def bare(lm: Any, texts: Sequence[list[int]]) -> None:
    for ids in texts:
        lm.torch_model.get_decoder()(torch.tensor([ids]), use_cache=False)


def seconds(act: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = act()
    return time.perf_counter() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--traces", type=int, default=24)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    lm = load(f"cts:{options.model}").lm
    items = traces(options.data, options.traces)
    bare(lm, [[1] * 200])
    print(f"{torch.get_num_threads()} threads, {len(items)} traces")
    print(
        f"{'scorer':10} {'tokens':>7} {'ours/s':>7} {'loop/s':>7} {'bare/s':>7} "
        f"{'x loop':>7} {'x bare':>7} {'differ':>8}"
    )
    for scorer in (CTS("cts", lm), Surprisal("surprisal", lm)):
        texts = [
            before + logprobs.encode(lm, [trace.reasoning])[0].ids
            for trace in items
            for before in contexts(lm, trace, scorer)
        ]
        best = {"ours": 1e9, "loop": 1e9, "bare": 1e9}
        found: dict[str, Any] = {}
        for _ in range(options.passes):
            for name, act in (
                ("ours", lambda s=scorer: list(s.score(items))),
                ("loop", lambda s=scorer: loop(lm, s, items)),
                ("bare", lambda t=texts: bare(lm, t)),
            ):
                took, found[name] = seconds(act)
                best[name] = min(best[name], took)
        n = sum(map(len, texts))
        pairs = zip(found["ours"], found["loop"], strict=True)
        differ = max(
            abs(a - b) for one, other in pairs for a, b in zip(values(one), other, strict=True)
        )
        rates = {name: n / took for name, took in best.items()}
        print(
            f"{scorer.name:10} {n:7} {rates['ours']:7.0f} "
            f"{rates['loop']:7.0f} {rates['bare']:7.0f} "
            f"{rates['ours'] / rates['loop']:7.2f} "
            f"{rates['ours'] / rates['bare']:7.2f} {differ:8.1e}"
        )


def values(result: Importance) -> list[float]:
    return result.values


if __name__ == "__main__":
    main()
