"""The walk of a model whose prompt opens the thinking, on traces that came without marks: from
import to an answer that closes its thinking, in transformers and in llama.cpp.
"""

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("gguf")

import tokenizers
import torch
import transformers
from command import cotpress
from gguf_of import write_gguf

from cotpress import models
from cotpress.models import Completion, Request, Sampling
from cotpress.pipeline.split import split
from cotpress.records import Problem

xllamacpp = pytest.importorskip("xllamacpp")
pytestmark = pytest.mark.slow

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
    "{% else %}<|model|>{{ m.content.split('</think>')[-1] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|model|><think>\n{% endif %}"
)
PAIRS = [(3, 4), (2, 5), (6, 1), (8, 2)]
ROWS = [
    {
        "question": f"What is {a} + {b}?",
        "deepseek_thinking_trajectory": f"We add {a} and {b}. So {a} + {b} = {a + b} in all.",
        "deepseek_attempt": f"The answer is {a + b}.",
        "answer": str(a + b),
    }
    for a, b in PAIRS
]
"""As s1K has them: thinking and answer in columns, no marks."""


def make(folder: Path) -> None:
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    texts = [" ".join(row.values()) for row in ROWS] * 3
    backend.train_from_iterator(
        texts,
        tokenizers.trainers.BpeTrainer(
            vocab_size=340, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|end|>", pad_token="<|end|>"
    )
    special = [
        tokenizers.AddedToken(token, special=True, normalized=False)
        for token in ("<|end|>", "<|user|>", "<|model|>")
    ]
    tokenizer.add_tokens(special, special_tokens=True)
    marks = [
        tokenizers.AddedToken(token, special=False, normalized=False)
        for token in ("<think>", "</think>")
    ]
    tokenizer.add_tokens(marks)
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole walk by its commands."""
    home = tmp_path_factory.mktemp("r1")
    make(home / "base")
    (home / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    walk = [
        "import {0}/mine.jsonl --out {0}/traces.jsonl --instruction=",
        "score {0}/traces.jsonl --scorer random --target hf:{0}/base --out {0}/scored.jsonl",
        "compress {0}/scored.jsonl --ratios 0.5 --out {0}/compressed.jsonl",
        "build {0}/compressed.jsonl --out {0}/train.jsonl --ratios 0.5",
        "train {0}/train.jsonl --model hf:{0}/base --out {0}/run --method full --epochs 80 "
        "--batch 4 --lr 3e-3",
        "export {0}/run --out {0}/short",
    ]
    with pytest.MonkeyPatch.context() as patch:
        for command in walk:
            assert cotpress(patch, command.format(home)) == 0
    return home / "short"


def asked() -> list[Request]:
    return [
        Request(
            key=f"p{a}|0",
            messages=Problem(
                id=f"p{a}", question=f"What is {a} + {b}?", answer="", task="t"
            ).prompt(0.5),
        )
        for a, b in PAIRS
    ]


def check(answers: list[Completion], model: Any) -> None:
    for one, (a, b) in zip(answers, PAIRS, strict=True):
        assert one.finished
        assert one.text.count("</think>") == 1
        parts = split(model.markup.whole(one.text))
        assert parts.opening.strip() == "<think>"
        assert parts.reasoning
        assert parts.conclusion == f"The answer is {a + b}."


def test_the_answer_in_transformers_closes_the_thinking_that_its_prompt_opens(
    exported: Path,
) -> None:
    model = models.load(str(exported))
    check(list(model.generate(asked(), Sampling(max_tokens=80))), model)


def test_the_answer_in_llama_cpp_is_the_same_with_the_ratio_in_its_template(exported: Path) -> None:
    gguf = write_gguf(exported, exported.with_name("short.gguf"))
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias, params.use_jinja = str(gguf), {"short"}, True
    params.n_ctx, params.n_parallel, params.port = 256, 1, 0
    server = xllamacpp.Server(params)
    spec = f"http:{server.listening_address}/v1,model=short,tokenizer={exported},retries=0"
    try:
        served = models.load(f"{spec},ratio=template")
        check(list(served.generate(asked(), Sampling(max_tokens=80))), served)
    finally:
        del server
