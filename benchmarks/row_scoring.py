"""Scoring against the model's bare forward on as many tokens in ideal batches, and CTS with its two
contexts against a batch-of-one loop with full logits: times as fast.

    OMP_NUM_THREADS=1 python benchmarks/row_scoring.py --data DATA [--model smollm2] [--traces 8]

Traces, contexts and loop are those of benchmarks/cts_throughput.py. The ideal batches hold the same
tokens cut to rows of equal length, eight at a time, so nothing is padded; the decoder runs without
its head, and once more with the head's product for as many tokens as are scored. CPU time of one
thread.
"""

import argparse
from collections.abc import Iterator, Sequence

import torch
from cts_throughput import contexts, loop, traces
from measured import Row, Skipped, in_turns, per_second, run, times_as_fast

from cotpress.lm import logprobs
from cotpress.scorers import load
from cotpress.scorers.cts import CTS
from cotpress.scorers.surprisal import Surprisal

ROWS = 8


@torch.inference_mode()
def ideal(net: torch.nn.Module, ids: Sequence[int], length: int) -> None:
    """The decoder on rows of equal length."""
    whole = torch.tensor(ids[: len(ids) // length * length]).view(-1, length)
    for batch in whole.split(ROWS):
        net.get_decoder()(batch, use_cache=False)


@torch.inference_mode()
def head(net: torch.nn.Module, n: int) -> None:
    """The head's product for n tokens, `logprobs.ROWS` at a time."""
    weight = net.get_output_embeddings().weight
    hidden = torch.randn(n, weight.shape[1])
    for part in hidden.split(logprobs.ROWS):
        part @ weight.t()


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    if not asked.data or not (path := asked.data / "gsm8k_train.jsonl").exists():
        raise Skipped("gsm8k_train.jsonl is not at hand: name its folder with --data")
    torch.set_num_threads(1)
    lm, items = load(f"cts:{asked.model}").lm, traces(path, asked.traces)
    for scorer in (CTS("cts", lm), Surprisal("surprisal", lm)):
        texts = [
            before + logprobs.encode(lm, [trace.reasoning])[0].ids
            for trace in items
            for before in contexts(lm, trace, scorer)
        ]
        scored = sum(len(logprobs.encode(lm, [one.reasoning])[0].ids) for one in items)
        scored *= len(texts) // len(items)
        flat = [token for text in texts for token in text]
        ways = {
            "ours": lambda s=scorer: list(s.score(items)),
            "bare": lambda f=flat, t=texts: ideal(lm.torch_model, f, len(f) // len(t)),
            "head": lambda n=scored: head(lm.torch_model, n),
            "loop": lambda s=scorer: loop(lm, s, items),
        }
        seconds = in_turns(ways, asked.passes)
        shared = {
            "n": f"{len(items)} traces of GSM8K, {len(flat):,} tokens with their contexts, {asked.passes} passes"
        }
        ours = f"{per_second(len(flat), seconds['ours']):,.0f}"
        yield Row(
            what=f"scoring by `{scorer.name}`, {asked.model}, one core",
            against="the decoder alone on as many tokens in ideal batches",
            goal="≥ 0.95×",
            **times_as_fast(seconds["ours"], seconds["bare"]),
            said=f"{ours} against {per_second(len(flat), seconds['bare']):,.0f} tokens/s",
            **shared,
        )
        whole = [a + b for a, b in zip(seconds["bare"], seconds["head"], strict=True)]
        yield Row(
            what=f"scoring by `{scorer.name}`, {asked.model}, one core",
            against="the same, and its head's product for the tokens that are scored",
            goal="≥ 0.95×",
            **times_as_fast(seconds["ours"], whole),
            said=f"{ours} against {per_second(len(flat), whole):,.0f} tokens/s",
            **shared,
        )
        yield Row(
            what=f"scoring by `{scorer.name}`, {asked.model}, one core",
            against="a batch-of-one loop with full logits",
            goal="as far as the products allow; ≥ 5× on a GPU",
            **times_as_fast(seconds["ours"], seconds["loop"]),
            said=f"{ours} against {per_second(len(flat), seconds['loop']):,.0f} tokens/s; the "
            f"decoder alone would be {times_as_fast(seconds['bare'], seconds['loop'])['ratio']:.2f}×",
            **shared,
        )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--traces", type=int, default=8)


if __name__ == "__main__":
    run(rows, __doc__, options)
