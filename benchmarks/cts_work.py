"""Tokens that the reference model runs for one trace at five ratios, against the released path. The
floor is 7 times fewer.

    python benchmarks/cts_work.py [--tokens 3600 4500 5000] [--ratios 0.9 0.8 0.7 0.6 0.5]

Both go through `cotpress score` and are counted where ids enter the decoder; how long they take
depends on neither model nor machine, so a random model of a few thousand weights does. The released
path runs once per ratio and runs the rest of the text again for every segment (CTS specification,
section 12); scores made once serve every ratio.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cotpress.models.hf import HFModel
from cotpress.records import Problem, Trace
from cotpress.scorers.cts import CTS, Released

WORDS = 200


def reference() -> HFModel:
    """A random model whose tokens are words."""
    vocabulary = {word: i for i, word in enumerate(["<s>", "?", *(f"w{i}" for i in range(WORDS))])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="<s>", unk_token="?"
    )
    sizes = {
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
    }
    config = LlamaConfig(vocab_size=len(vocabulary), max_position_embeddings=16384, **sizes)
    return HFModel("random", "", tokenizer, lambda: LlamaForCausalLM(config))


def trace(n: int, n_condition: int) -> Trace:
    draw = Random(n).choices
    words = [f"w{i}" for i in range(WORDS)]
    return Trace(
        problem=Problem(id="1", question="w0", answer="w1", task="t"),
        model="m",
        reasoning=" ".join(draw(words, k=n)),
        conclusion=" ".join(draw(words, k=n_condition)),
        n_tokens=n,
        n_conclusion_tokens=n_condition,
        finished=True,
    )


@contextmanager
def counted(lm: HFModel) -> Iterator[list[int]]:
    """The lengths of what the decoder runs meanwhile; the
    four tokens that probe the head are not counted.
    """
    ran: list[int] = []

    def note(_module: Any, _args: Any, kwargs: dict[str, Any]) -> None:
        if (n := kwargs["input_ids"].numel()) > 4:
            ran.append(n)

    hook = lm.torch_model.get_decoder().register_forward_pre_hook(note, with_kwargs=True)
    yield ran
    hook.remove()


def forwarded(lm: HFModel, one: Trace, ratios: Sequence[float]) -> tuple[int, int]:
    """(ours, released): tokens run for a sweep over `ratios`."""
    with counted(lm) as ours:
        list(CTS("cts", lm, condition="answer").score([one]))
    with counted(lm) as theirs:
        for ratio in ratios:
            list(Released("released", lm, ratio).score([one]))
    return sum(ours), sum(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, nargs="+", default=[3600, 4500, 5000])
    parser.add_argument("--condition", type=int, default=100)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.9, 0.8, 0.7, 0.6, 0.5])
    options = parser.parse_args()
    torch.manual_seed(0)
    lm = reference()
    print(f"{'tokens':>7} {'condition':>9} {'2N + C':>7} {'ours':>7} {'released':>9} {'times':>6}")
    for n in options.tokens:
        ours, theirs = forwarded(lm, trace(n, options.condition), options.ratios)
        print(
            f"{n:7} {options.condition:9} {2 * n + options.condition:7} "
            f"{ours:7} {theirs:9} {theirs / ours:6.2f}"
        )


if __name__ == "__main__":
    main()
