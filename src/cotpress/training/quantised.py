"""A model whose weights are held in 4 bits, to put an adapter on: QLoRA's NF4 with double
quantisation (Dettmers et al., arXiv 2305.14314, section 3).

Only the training sees the 4 bits: the adapter is saved beside the name of the whole model, and put
on that.
"""

import os

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from cotpress import plugins
from cotpress.errors import CotpressError
from cotpress.lm import devices
from cotpress.models.hf import HFModel

PACKAGE = "bitsandbytes"


def quantised(model: HFModel, *, latents: bool = False) -> HFModel:
    """The same model with its linear layers in 4 bits, on the GPU of this process.

    `CotpressError` without a GPU or bitsandbytes, and where the examples hold `latents`: their
    rows are trained whole, and merged.
    """
    if not devices.usual().startswith("cuda"):
        raise CotpressError(
            "--quantize 4bit needs a CUDA GPU, and PyTorch finds none: leave it out here."
        )
    plugins.require(PACKAGE, "--quantize 4bit")
    if latents:
        raise CotpressError("--quantize 4bit cannot train the rows of latent tokens: leave it out.")
    if model.weights != model.path:
        raise CotpressError(
            f"--quantize 4bit needs a model of its own, and {model.name} is an adapter: name its "
            "base, or a folder of `cotpress export`."
        )

    def make() -> PreTrainedModel:
        exact = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return AutoModelForCausalLM.from_pretrained(
            model.path,
            quantization_config=BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=exact,
            ),
            dtype=exact,
            device_map={"": int(os.environ.get("LOCAL_RANK", "0"))},
            trust_remote_code=False,
            use_safetensors=True,
        )

    return HFModel(
        model.name,
        model.path,
        model.tokenizer,
        make,
        revision=model.revision,
        template=model.template,
    )
