"""An adapter that vLLM puts on its base: what `lm.adapters` asks of its files, and the tokens."""

from pathlib import Path

from transformers.utils import cached_file

from cotpress.errors import CotpressError
from cotpress.lm.adapters import CONFIG, Lora, lora
from cotpress.models._hf_files import load_tokenizer
from cotpress.models._hf_model import HFModel


def servable(folder: str, base: str, tokens: HFModel) -> Lora:
    """The adapter in `folder` (or on the hub) on the weights at `base`, asked with `tokens`;
    `CotpressError` where vLLM would refuse it, or where it knows tokens that its base does not.
    """
    cure = f"merge it with `cotpress export {folder} --out DIR`."
    if tokens.latent_ids:
        raise CotpressError(
            f"the adapter {folder} knows latent tokens, and vLLM takes no adapter with rows of its "
            f"own: {cure}"
        )
    there = cached_file(folder, CONFIG)
    assert there is not None  # cached_file raises where there is none
    found = lora(Path(there), base, folder)
    if load_tokenizer(base).get_vocab() != tokens.tokenizer.get_vocab():
        raise CotpressError(
            f"the adapter {folder} has other tokens than its base {base}, and vLLM knows those of "
            f"the base alone: {cure}"
        )
    return found
