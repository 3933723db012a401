"""A tiny random Llama with a small BPE tokenizer and a chat template, made in a folder of the
test.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cotpress.models.hf import HFModel, load

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ "
    "message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are a "
    "helpful assistant.<|im_end|>\n{% endif %}" + CHATML
)
LLAMA3 = (
    "<|begin_of_text|>{% for message in messages "
    "%}<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
R1 = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
TEMPLATES = {"chatml": CHATML, "qwen": QWEN, "llama3": LLAMA3, "r1": R1}

ENDS = {"chatml": "<|im_end|>", "qwen": "<|im_end|>", "llama3": "<|eot_id|>", "r1": "<|im_end|>"}
MARKUP = [
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<pad>",
]

TEXT = [
    f"{a} + {b} = {a + b}, so the answer is {a + b} <ratio>0.5</ratio> user assistant"
    for a in range(9)
    for b in range(9)
]


def make_tokenizer(template: str = "chatml") -> PreTrainedTokenizerFast:
    """A byte-level BPE of about 350 tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=350, initial_alphabet=alphabet, special_tokens=MARKUP)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=ENDS[template],
        pad_token="<pad>",
        additional_special_tokens=MARKUP,
    )
    tokenizer.chat_template = TEMPLATES[template]
    return tokenizer


def make_model(
    folder: Path, template: str = "chatml", *, tied: bool = True, context: int = 256
) -> HFModel:
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
