"""What a GPU must do as the CPU does, and what it must bear: `pytest -m gpu`, on a CUDA device.

The tolerances are of float32 with sums in another order; half precision is compared with itself.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import msgspec
import torch
from make import sum_examples, sum_trace
from train_fixtures import make_model

from cotpress.lm import logprobs
from cotpress.lm.logprobs import Span
from cotpress.models import Request, Sampling
from cotpress.models.hf import HFModel, load
from cotpress.records import Problem
from cotpress.scorers import load as load_scorer
from cotpress.training.options import TrainOptions
from cotpress.training.sft import make_trainer, train, trainable

pytestmark = pytest.mark.gpu


@pytest.fixture
def folder(tmp_path: Path) -> str:
    make_model(tmp_path / "base")
    return str(tmp_path / "base")


def asked(n: int) -> list[Request]:
    problems = [Problem(id=str(i), question=f"{i} + {i}?", answer="", task="t") for i in range(n)]
    return [Request(key=one.id, messages=one.prompt(0.5)) for one in problems]


def silent(_: str) -> None: ...


@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_float32_model_says_what_it_says_on_the_cpu(
    gpu: str, folder: str, temperature: float
) -> None:
    sampling = Sampling(max_tokens=40, temperature=temperature)
    here, there = (
        load(folder, device=device, dtype="float32").generate(asked(32), sampling)
        for device in ("cpu", gpu)
    )
    assert [one.text for one in there] == [one.text for one in here]


def test_log_probabilities_are_those_of_the_cpu(gpu: str, folder: str) -> None:
    spans = [Span([1, 2, 3], list(range(10, 10 + n)), n) for n in (40, 7, 90)]
    here, there = (
        logprobs.log_probs(load(folder, device=device, dtype="float32"), spans)
        for device in ("cpu", gpu)
    )
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(here, there, strict=True))


def test_a_head_in_half_precision_gives_float32_logits(gpu: str) -> None:
    torch.manual_seed(0)
    hidden, weight = (torch.randn(n, 256, device=gpu).bfloat16() for n in (64, 1000))
    expected = hidden.double() @ weight.double().t()
    assert torch.allclose(logprobs._product(hidden, weight).double(), expected, atol=1e-3)


def test_a_reference_scores_in_float32_and_tf32_stays_with_its_model(gpu: str, folder: str) -> None:
    trace = [sum_trace()]
    usual, exact, fast = (
        load_scorer(f"surprisal:hf:{folder}{dtype}")
        for dtype in ("", ",dtype=float32", ",dtype=tf32")
    )
    first = [one.values for one in usual.score(trace)]  # type: ignore[union-attr]
    roughly = [one.values for one in fast.score(trace)]  # type: ignore[union-attr]
    again = [one.values for one in exact.score(trace)]  # type: ignore[union-attr]
    assert first == again
    assert roughly[0] == pytest.approx(first[0], abs=2e-2)
    assert fast.lm.precision == "tf32"  # type: ignore[attr-defined]


def loss_and_gradient(folder: str, out: Path, device: str) -> tuple[float, dict[str, Any]]:
    model = load(folder, device=device, dtype="float32")
    options = TrainOptions(method="full", dtype="float32", gradient_checkpointing=device == "cuda")
    rows = trainable(sum_examples(8), model, options, Counter())
    trainer = make_trainer(rows, model, out, options, silent)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(rows))])
    batch = {key: value.to(device) for key, value in batch.items()}
    n_items = (batch["labels"][:, 1:] >= 0).sum()
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=n_items)
    loss.backward()
    gradient = {name: one.grad.cpu() for name, one in trainer.model.named_parameters()}
    return loss.item(), gradient


def test_loss_and_gradient_are_those_of_the_cpu(gpu: str, folder: str, tmp_path: Path) -> None:
    here, there = (loss_and_gradient(folder, tmp_path / one, one) for one in ("cpu", gpu))
    assert there[0] == pytest.approx(here[0], rel=1e-4)
    for name, expected in here[1].items():
        assert torch.allclose(there[1][name], expected, rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_packed_rows_have_the_loss_of_padded_ones(
    gpu: str, folder: str, tmp_path: Path, dtype: str
) -> None:
    """In bfloat16 by FlashAttention, where it is installed."""
    model = load(folder, device=gpu, dtype=dtype)
    options = TrainOptions(dtype=dtype, batch=8, gradient_checkpointing=False)
    examples = [
        msgspec.structs.replace(one, completion=one.completion * (1 if i % 3 else 8))
        for i, one in enumerate(sum_examples(8))
    ]
    trainer = make_trainer(
        trainable(examples, model, options, Counter()), model, tmp_path, options, silent
    )
    rows = [trainer.train_dataset[i] for i in range(8)]
    losses = []
    for collate in (trainer.padding, trainer.data_collator):
        batch = collate(rows)
        assert ("attention_mask" in batch) is (collate is trainer.padding)
        there = {
            key: value.to(gpu) if isinstance(value, torch.Tensor) else value
            for key, value in batch.items()
        }
        with torch.autocast("cuda", torch.bfloat16, enabled=dtype == "bfloat16"):
            found = trainer.compute_loss(trainer.model, there, num_items_in_batch=100)
        found.backward()
        losses.append(found.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-5 if dtype == "float32" else 2e-2)


def test_training_and_loading_again_work_in_half_precision(
    gpu: str, folder: str, tmp_path: Path
) -> None:
    options = TrainOptions(method="full", epochs=30, lr=5e-3, batch=4, dtype="bfloat16")
    done = train(sum_examples(4), load(folder), tmp_path / "x", options, say=silent)
    assert done.loss is not None
    assert done.first_loss is not None
    assert done.loss < 0.5 * done.first_loss
    assert next(iter(load(str(tmp_path / "x")).generate(asked(1), Sampling(max_tokens=4)))).text


def test_all_weights_of_a_float32_base_are_saved_in_float32(
    gpu: str, folder: str, tmp_path: Path
) -> None:
    model = load(folder)
    assert model.torch_model.dtype == torch.bfloat16
    options = TrainOptions(method="full", epochs=1, batch=4)
    train(sum_examples(4), load(folder, dtype="float32"), tmp_path / "x", options, say=silent)
    assert load(str(tmp_path / "x")).stored_dtype == torch.float32


def test_logits_of_long_rows_are_never_held_whole(gpu: str, tmp_path: Path) -> None:
    model = load_wide(tmp_path, gpu)
    spans = [Span([1], [5] * 4000, 4000) for _ in range(4)]
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    logprobs.log_probs(model, spans)
    whole = 4 * 4000 * 50_000 * 4
    assert torch.cuda.max_memory_allocated() - before < whole / 4


def load_wide(folder: Path, device: str) -> HFModel:
    made = make_model(folder / "narrow", context=8192)
    net = made.torch_model.to(device)
    net.resize_token_embeddings(50_000)
    return made


def test_answers_that_do_not_fit_together_are_given_all_the_same(gpu: str, folder: str) -> None:
    """The memory is limited to what a few of the rows take, while `batch_tokens` promises more."""
    sampling = Sampling(max_tokens=150)
    requests = asked(64)
    expected = [one.text for one in load(folder, dtype="float32").generate(requests, sampling)]
    model = load(folder, dtype="float32", batch_tokens=10**7)
    assert model.torch_model.device.type == gpu
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**21) / total)
    try:
        found = [one.text for one in model.generate(requests, sampling)]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert found == expected


def test_texts_that_do_not_fit_together_are_scored_all_the_same(gpu: str, folder: str) -> None:
    """The memory is limited to what a few of the texts take, while `batch_tokens` promises more."""
    model = load(folder, dtype="float32")
    spans = [Span([1, 2, 3], [10 + i % 90] * 240, 240) for i in range(64)]
    expected = logprobs.log_probs(model, spans, batch_tokens=500)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**24) / total)
    try:
        found = logprobs.log_probs(model, spans, batch_tokens=10**7)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(found, expected, strict=True))
