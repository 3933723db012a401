"""Tiny random token classifiers of three kinds, with tokenizers that
work like their families' and have few pieces.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import tokenizers
import torch
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForTokenClassification,
    ModernBertConfig,
    ModernBertForTokenClassification,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForTokenClassification,
)

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
WIDE = {"initializer_range": 0.5}  # so that scores differ as a trained model's do


def xlm_roberta(folder: Path, texts: Sequence[str], *, window: int = 512, **config: object) -> Path:
    """Unigram and Metaspace behind NFKC; characters and some words and parts of words."""
    characters = sorted(
        {
            c
            for text in texts
            for c in unicodedata.normalize("NFKC", text)
            if c.isascii() and c > " "
        }
    )
    whole = [
        "the",
        "sold",
        "clips",
        "altogether",
        "answer",
        "is",
        "and",
        "that",
        "total",
        "Step",
        "more",
        "we",
        "get",
    ]
    parts = [
        "bcde",
        "so",
        "nd",
        "ol",
        "{1",
        "()",
        "<=",
        "**",
        "==",
        "...",
        "fr",
        "ac",
        "ed",
        "./",
        "+,",
        "\\]",
        "\\[",
    ]
    first = ["▁", "▁(", "▁$", "▁4", "▁1", *("▁" + word for word in whole)]
    pieces = dict.fromkeys([*characters, *"×÷−≤π°⁄", *parts, *first])
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary = [
        *special,
        *((piece, -2.0 - 8.0 / len(piece)) for piece in pieces),
        ("<mask>", 0.0),
    ]
    tokenizer = tokenizers.Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    _save(tokenizer, folder, "<s>", "</s>", "<pad>", "<unk>", "<mask>", window)
    torch.manual_seed(0)
    sizes = (
        SIZES
        | WIDE
        | {"vocab_size": len(vocabulary), "max_position_embeddings": window + 2, "num_labels": 2}
    )
    XLMRobertaForTokenClassification(XLMRobertaConfig(**sizes | config)).save_pretrained(folder)
    return folder


def bert(folder: Path, texts: Sequence[str], *, window: int = 512, **config: object) -> Path:
    """WordPiece: no token for white space, unknown characters are `[UNK]`."""
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    ascii_only = ["".join(c for c in text if c.isascii()) for text in texts]
    tokenizer.train_from_iterator(
        ascii_only, trainers.WordPieceTrainer(vocab_size=150, special_tokens=special)
    )
    tokenizer.decoder = decoders.WordPiece()
    _save(tokenizer, folder, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", window)
    torch.manual_seed(0)
    sizes = SIZES | WIDE | {"vocab_size": 150, "max_position_embeddings": window, "num_labels": 2}
    BertForTokenClassification(BertConfig(**sizes | config)).save_pretrained(folder)
    return folder


def modernbert(folder: Path, texts: Sequence[str], *, window: int = 512, **config: object) -> Path:
    """Byte-level BPE: a character may be several tokens with the same offsets."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    _save(tokenizer, folder, "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]", window)
    torch.manual_seed(0)
    ids = {
        "pad_token_id": 0,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    sizes = SIZES | ids | {"vocab_size": 300, "max_position_embeddings": window, "num_labels": 2}
    ModernBertForTokenClassification(ModernBertConfig(**sizes | config)).save_pretrained(folder)
    return folder


def _save(
    tokenizer: tokenizers.Tokenizer,
    folder: Path,
    first: str,
    last: str,
    pad: str,
    unknown: str,
    mask: str,
    window: int,
) -> None:
    ids = [(first, tokenizer.token_to_id(first)), (last, tokenizer.token_to_id(last))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B {last}", special_tokens=ids
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=window,
        bos_token=first,
        cls_token=first,
        eos_token=last,
        sep_token=last,
        pad_token=pad,
        unk_token=unknown,
        mask_token=mask,
    ).save_pretrained(folder)
