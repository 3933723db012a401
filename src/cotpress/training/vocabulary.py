"""A model whose vocabulary also holds latent tokens: more rows in the embeddings, more tokens in
the tokenizer.

The new rows begin at the mean of the others plus noise: rows that begin alike would stay alike
wherever the loss treats them alike (specification section 12, A8). Tied embeddings stay tied.
"""

import copy

import torch
from tokenizers import AddedToken
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from cotpress.latent_tokens import vocabulary
from cotpress.models.hf import HFModel

NOISE = 0.02
"""Standard deviation of what a new row differs from the mean by."""


def with_latents(model: HFModel, codebook: int, seed: int = 0) -> HFModel:
    """The model with two markers and `codebook` codes in its vocabulary; the weights of `model` are
    changed in place.

    A model that has them already is returned as it is, with rows for those that are missing.
    """
    wanted = vocabulary(codebook)
    known = model.tokenizer.get_vocab()
    new = [token for token in wanted if token not in known]
    if not new:
        return model
    tokenizer = extended(model.tokenizer, new)

    def make() -> PreTrainedModel:
        return enlarged(model.torch_model, tokenizer, new, seed)

    return HFModel(model.name, model.path, tokenizer, make, revision=model.revision)


def latent_rows(model: HFModel) -> list[int]:
    """Token ids of the markers and all codes that the model knows; empty where it knows none."""
    ids = model.latent_ids
    return [ids.begin, ids.end, *ids.codes] if ids else []


def extended(tokenizer: PreTrainedTokenizerFast, new: list[str]) -> PreTrainedTokenizerFast:
    """A copy of the tokenizer that also knows the tokens `new`, each one whole wherever it
    stands.
    """
    result = copy.deepcopy(tokenizer)
    result.add_tokens(
        [AddedToken(token, normalized=False, special=True) for token in new], special_tokens=True
    )
    return result


@torch.no_grad()
def enlarged(
    net: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, new: list[str], seed: int
) -> PreTrainedModel:
    """The network with a row for each of `new`: the mean of the old rows
    plus noise, on the input and the output side.
    """
    ids = tokenizer.convert_tokens_to_ids(new)
    old = min(ids)
    if max(ids) >= net.get_input_embeddings().weight.shape[0]:
        net.resize_token_embeddings(max(ids) + 1, mean_resizing=False)
    noise = torch.Generator().manual_seed(seed)
    for layer in (
        [net.get_input_embeddings()]
        if is_tied(net)
        else [net.get_input_embeddings(), net.get_output_embeddings()]
    ):
        weight = layer.weight
        rows = torch.randn(len(ids), weight.shape[1], generator=noise) * NOISE
        weight[ids] = (weight[:old].float().mean(0) + rows.to(weight.device)).to(weight.dtype)
    return net


def is_tied(net: PreTrainedModel) -> bool:
    """Whether input and output embeddings are one matrix."""
    output = net.get_output_embeddings()
    return output is None or output.weight is net.get_input_embeddings().weight
