"""Fixtures that several folders use. torch is imported by the
fixtures that need it, not by this file.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

# on a busy machine no deadline means anything; in CI the examples are the same every time,
# elsewhere they are new ones
settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("untimed")

os.environ.setdefault("COTPRESS_DEVICE", "cpu")  # beside a GPU, too; `gpu` below is for the others


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> str:
    """The device of a test that needs a GPU, and of all that it loads; skips without one."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch finds no CUDA device")
    monkeypatch.setenv("COTPRESS_DEVICE", "cuda")
    return "cuda"


CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ "
    "message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

THINKS = CHAT.replace(
    "message['content']",
    "('<think>\n' + message.reasoning_content + '\n</think>\n\n' if message.reasoning_content "
    "else '') + message['content']",
)
"""The same for a model that marks its thinking as Qwen3 does."""


@pytest.fixture(scope="session")
def causal_lm() -> Callable[..., Any]:
    """`causal_lm(family="llama", chat=True, thinks=False, positions=512, **config)`: a tiny random
    model behind `models.hf.HFModel`; one that `thinks` marks its thinking.
    """
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    import tokenizers

    from cotpress.models.hf import HFModel

    words = [
        "Please reason step by step.",
        "She sold 48/2 = 24 clips in May.",
        "The final answer is \\boxed{72}. <think>",
    ]

    def tokenizer(chat: bool, thinks: bool) -> Any:
        backend = tokenizers.Tokenizer(tokenizers.models.BPE())
        backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        backend.train_from_iterator(words, trainer)
        made = transformers.PreTrainedTokenizerFast(
            tokenizer_object=backend,
            bos_token="<|endoftext|>",
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
        )
        made.chat_template = (THINKS if thinks else CHAT) if chat else None
        return made

    def build(
        family: str = "llama",
        *,
        chat: bool = True,
        thinks: bool = False,
        positions: int = 512,
        **config: Any,
    ) -> HFModel:
        sizes = {
            "vocab_size": 300,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": positions,
            "initializer_range": 0.3,
        }
        made = transformers.AutoConfig.for_model(family, **sizes | config)

        def make() -> Any:
            torch.manual_seed(0)
            return transformers.AutoModelForCausalLM.from_config(made)

        return HFModel(f"tiny-{family}", "", tokenizer(chat, thinks), make)

    return build


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of slow tests first, so that no worker is left with one at the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    every = Counter(item.path for item in items)
    items.sort(key=lambda item: -slow[item.path] / every[item.path])
