"""A tiny random Llama with a small BPE tokenizer and a chat template, and examples for it; made in a folder of the test."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cotpress.models.hf import HFModel, load
from cotpress.records import CompressedTrace, Grade, Problem, Trace, TrainingExample

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}" + CHATML
)
LLAMA3 = (
    "<|begin_of_text|>{% for message in messages %}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
R1 = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
TEMPLATES = {"chatml": CHATML, "qwen": QWEN, "llama3": LLAMA3, "r1": R1}

ENDS = {"chatml": "<|im_end|>", "qwen": "<|im_end|>", "llama3": "<|eot_id|>", "r1": "<|im_end|>"}
MARKUP = ["<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<pad>"]

TEXT = [f"{a} + {b} = {a + b}, so the answer is {a + b} <ratio>0.5</ratio> user assistant" for a in range(9) for b in range(9)]


def make_tokenizer(template: str = "chatml") -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 350 tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(TEXT, trainers.BpeTrainer(vocab_size=350, initial_alphabet=alphabet, special_tokens=MARKUP))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=ENDS[template], pad_token="<pad>", additional_special_tokens=MARKUP
    )
    tokenizer.chat_template = TEMPLATES[template]
    return tokenizer


def make_model(folder: Path, template: str = "chatml", *, tied: bool = True, context: int = 256) -> HFModel:
    """The model of `folder`, made there first."""
    tokenizer = make_tokenizer(template)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load(str(folder))


def make_examples(n: int = 4, ratio: float = 0.5) -> list[TrainingExample]:
    """Sums, each with its own answer."""
    problems = [Problem(id=f"sum/{i}", question=f"{i} + {i + 1}", answer=f"{2 * i + 1}", task="sums") for i in range(n)]
    return [
        TrainingExample(
            problem=one,
            ratio=ratio,
            prompt=one.prompt(ratio),
            completion=f"{one.question} = {one.answer}, so the answer is {one.answer}" + "." * (i % 3),
            method="tokenskip",
            scorer="surprisal:x",
        )
        for i, one in enumerate(problems)
    ]


def make_trace(i: int = 0, **others: object) -> Trace:
    """A finished, right trace."""
    fields = {
        "problem": Problem(id=f"sum/{i}", question=f"{i} + 1?", answer=f"{i + 1}", task="sums", instruction="Add."),
        "model": "m",
        "reasoning": f"we add {i} and 1 and get {i + 1}",
        "closing": "\n\n",
        "conclusion": f"The answer is {i + 1}.",
        "n_tokens": 9,
        "n_conclusion_tokens": 5,
        "finished": True,
        "grade": Grade(answer=f"{i + 1}", correct=True, status="ok"),
    }
    return Trace(**(fields | others))  # type: ignore[arg-type]


def make_cuts(trace: Trace, ratios: tuple[float, ...] = (0.9, 0.8, 0.7, 0.6, 0.5)) -> list[CompressedTrace]:
    """The trace at each ratio, its reasoning cut by characters."""
    return [
        CompressedTrace(
            trace=trace,
            method="tokenskip",
            scorer="surprisal:x",
            ratio=ratio,
            reasoning=trace.reasoning[: round(ratio * len(trace.reasoning))],
            kept=ratio,
            n_tokens=round(ratio * trace.n_tokens),
        )
        for ratio in ratios
    ]
