"""The latent tokens of an answer as text: what the decoder
makes of each in its place behind the question.
"""

from collections.abc import Iterable
from pathlib import Path

from cotpress import latent_tokens, models
from cotpress.errors import CotpressError
from cotpress.latent.about import ABOUT, about
from cotpress.latent.encode import decode
from cotpress.latent.folder import load
from cotpress.models.hf import HFModel
from cotpress.records import Trace


def explained(folder: Path, traces: Iterable[Trace]) -> list[tuple[Trace, list[str]]]:
    """Each trace with the text of each of its codes; codes
    the codebook does not have are told as such.
    """
    found = about(folder)
    cure = (
        "leave out --vqvae, or write the folder or hub id of the model "
        f"into {ABOUT}, if you trust the rest"
    )
    target = models.load_recorded(found.target, folder / ABOUT, cure)
    if not isinstance(target, HFModel):
        raise CotpressError(
            f"the VQ-VAE in {folder} was made for {found.target}, which has no tokenizer here."
        )
    coder = load(folder, target)

    def text(trace: Trace) -> list[str]:
        codes = latent_tokens.codes(trace.completion())
        if max(codes, default=0) >= found.shape.codebook:
            return ["(not in this codebook)"] * len(codes)
        prompt = target.text_ids(trace.problem.question)[-found.shape.length :]
        said = decode(coder, prompt, codes[: found.shape.length // found.shape.rate])
        texts = [
            str(target.tokenizer.decode(ids, clean_up_tokenization_spaces=False)) for ids in said
        ]
        return texts + ["(too long to decode)"] * (len(codes) - len(texts))

    return [(trace, text(trace)) for trace in traces]
