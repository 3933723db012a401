"""Training with latent tokens: the vocabulary grows,
embeddings stay tied, and the model writes its codes.
"""

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

import msgspec
import torch
from make import sum_examples
from train_fixtures import make_model

from cotpress import models
from cotpress.latent_tokens import BEGIN, code, codes, run
from cotpress.models import Request, Sampling
from cotpress.models.hf import load
from cotpress.pipeline.build import tokenize_example
from cotpress.records import Asked, TrainingExample
from cotpress.training.options import TrainOptions
from cotpress.training.sft import train
from cotpress.training.trainer import SortedSteps
from cotpress.training.vocabulary import is_tied, latent_rows, with_latents

CODEBOOK = 4


def latent_examples(n: int = 4) -> list[TrainingExample]:
    """Sums whose reasoning is one or two codes."""
    return [
        msgspec.structs.replace(
            one,
            asked=Asked(ratio=1.0),
            completion=run([i % CODEBOOK, 1][: 1 + i % 2]) + one.completion,
            codebook=CODEBOOK,
            method="token-assorted",
        )
        for i, one in enumerate(sum_examples(n))
    ]


def silent(line: str) -> None:
    """Take a line of progress."""


@pytest.mark.parametrize("tied", [True, False])
def test_new_rows_are_near_the_mean_never_alike_and_the_old_ones_untouched(tmp_path, tied):
    plain = make_model(tmp_path / "base", tied=tied)
    with torch.no_grad():  # an untrained mean is almost zero
        for weight in {
            plain.torch_model.get_input_embeddings().weight,
            plain.torch_model.get_output_embeddings().weight,
        }:
            weight += torch.linspace(-1, 1, weight.shape[1])
    old = plain.torch_model.get_input_embeddings().weight.clone()
    model = with_latents(plain, CODEBOOK)
    net, ids = model.torch_model, latent_rows(model)
    assert len(ids) == CODEBOOK + 2
    assert is_tied(net) is tied
    for layer in (net.get_input_embeddings(), net.get_output_embeddings()):
        layer.requires_grad_(False)
        rows, mean = layer.weight[ids], layer.weight[: len(old)].mean(0)
        assert (rows - mean).std() == pytest.approx(0.02, rel=0.3)
        assert (rows - mean).abs().max() < 0.15
        assert torch.cdist(rows, rows).fill_diagonal_(1).min() > 0.01
    assert torch.equal(net.get_input_embeddings().weight[: len(old)], old)
    assert net.config.vocab_size == len(model.tokenizer) == len(plain.tokenizer) + CODEBOOK + 2
    assert with_latents(model, CODEBOOK) is model


def test_a_latent_token_is_one_token_in_a_completion_and_text_in_a_question(tmp_path):
    model = with_latents(make_model(tmp_path / "base"), CODEBOOK)
    text = f"{run([3, 0])} 2 + 3 = 5\n"
    ids = model.text_ids(text)
    assert len(ids) == 4 + len(model.text_ids(" 2 + 3 = 5\n"))
    assert model.tokenizer.decode(ids) == text
    assert not set(model.prompt_ids([{"role": "user", "content": f"what is {code(3)}?"}])) & set(
        latent_rows(model)
    )


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_model_learns_to_write_its_codes_and_is_saved_whole(tmp_path, method, tied):
    model, examples = make_model(tmp_path / "base", tied=tied), latent_examples()
    options = TrainOptions(
        method=method,
        epochs=100 if method == "full" else 30,
        lr=2e-2,
        batch=4,
        warmup=0.0,
        save_every=10_000,
    )
    summary = train(examples, model, tmp_path / "x", options, say=silent)
    assert (summary.codebook, summary.ratios, summary.method) == (CODEBOOK, [1.0], "token-assorted")
    assert not (tmp_path / "x" / "adapter_config.json").exists()
    loaded = models.load(str(tmp_path / "x"))
    assert is_tied(loaded.torch_model) is tied
    assert loaded.torch_model.config.tie_word_embeddings is tied
    assert len(latent_rows(loaded)) == CODEBOOK + 2
    asked = [Request(key=one.problem.id, messages=one.prompt) for one in examples]
    said = [done.text for done in loaded.generate(asked, Sampling(max_tokens=40))]
    if method == "full":
        assert said == [one.completion for one in examples]
    assert all(text.startswith(BEGIN) and codes(text) for text in said)


def test_lora_trains_the_rows_of_latent_tokens_and_no_other(tmp_path):
    base, examples = make_model(tmp_path / "base"), latent_examples()
    train(
        examples,
        base,
        tmp_path / "x",
        TrainOptions(epochs=3, lr=1e-2, batch=4, save_every=10_000),
        say=silent,
    )
    old, new = (
        load(str(tmp_path / name)).torch_model.get_input_embeddings().weight
        for name in ("base", "x")
    )
    assert torch.equal(new[: len(old)], old)
    fresh = (
        with_latents(load(str(tmp_path / "base")), CODEBOOK)
        .torch_model.get_input_embeddings()
        .weight
    )
    assert not torch.allclose(new[len(old) :], fresh[len(old) :], atol=1e-4)


def test_the_same_training_gives_the_same_new_rows(tmp_path):
    make_model(tmp_path / "base")
    how = TrainOptions(method="full", epochs=2, lr=1e-3, batch=4)
    for name in ("one", "other"):
        train(latent_examples(8), load(str(tmp_path / "base")), tmp_path / name, how, say=silent)
    one, other = (load(str(tmp_path / name)).torch_model.state_dict() for name in ("one", "other"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_loss_counts_codes_and_markers(tmp_path):
    model = with_latents(make_model(tmp_path / "base"), CODEBOOK)
    tokens = tokenize_example(latent_examples()[1], model)
    assert set(
        model.tokenizer.convert_tokens_to_ids(["<boLatent>", "<|latent_1|>", "<eoLatent>"])
    ) <= set(tokens.labels)


def test_rows_of_later_epochs_come_later_each_in_an_order_of_its_own():
    epochs = [0, 1, 2] * 20
    order = list(SortedSteps([1] * 60, 5, 0, epochs))
    assert [epochs[i] for i in order] == sorted(epochs)
    assert sorted(order) == list(range(60))
    first, second = [i // 3 for i in order[:20]], [i // 3 for i in order[20:40]]
    assert first != second
