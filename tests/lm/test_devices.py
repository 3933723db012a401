"""Where models run, and how exactly."""

import pytest

pytest.importorskip("torch")

import torch
from train_fixtures import make_model

from cotpress import models, scorers
from cotpress.errors import CotpressError
from cotpress.lm import devices
from cotpress.models import Sampling
from cotpress.models._chat_fields import sampling_fields
from cotpress.scorers import load_reference


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen", "expected"),
    [
        (True, True, "", "cuda"),
        (False, True, "", "mps"),
        (False, False, "", "cpu"),
        (True, False, "cpu", "cpu"),
        (True, False, "cuda:1", "cuda:1"),
    ],
)
def test_a_gpu_is_taken_where_there_is_one_and_nothing_else_was_chosen(
    cuda, mps, chosen, expected, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setenv(devices.CHOSEN, chosen)
    assert devices.usual() == expected


def test_a_chosen_device_that_is_not_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv(devices.CHOSEN, "cuda:1")
    with pytest.raises(CotpressError, match="COTPRESS_DEVICE: PyTorch finds no CUDA device here"):
        devices.usual()


def test_more_processes_than_cards_are_refused_and_one_each_is_given(monkeypatch):
    given = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", given.append)
    monkeypatch.setenv(devices.CHOSEN, "")
    devices.own_card(1, 2)
    assert given == [1]
    with pytest.raises(CotpressError, match="3 processes were launched, and PyTorch finds 2 GPUs"):
        devices.own_card(2, 3)


def test_one_network_multiplies_in_tf32_and_the_others_do_not():
    seen = []

    class Probe(torch.nn.Module):
        def forward(self, x):
            seen.append(torch.get_float32_matmul_precision())
            if x is None:
                raise ValueError("none")
            return x

    fast, exact = Probe(), Probe()
    devices.in_tf32(fast)
    fast(torch.ones(1))
    exact(torch.ones(1))
    with pytest.raises(ValueError, match="none"):
        fast(None)
    exact(torch.ones(1))
    assert seen == ["high", "highest", "high", "highest"]


def test_a_reference_is_float32_unless_told_otherwise_and_the_precision_is_recorded(tmp_path):
    make_model(tmp_path).torch_model.to(torch.bfloat16).save_pretrained(tmp_path)
    for kind in ("surprisal", "cts"):
        exact = scorers.load(f"{kind}:hf:{tmp_path}")
        assert exact.lm.torch_model.dtype == torch.float32
        half = scorers.load(f"{kind}:hf:{tmp_path},dtype=bfloat16")
        assert half.lm.torch_model.dtype == torch.bfloat16
        assert half.lm.identity == exact.lm.identity + "+bfloat16"
        assert (exact.name, half.name) == (
            f"{kind}:hf:{tmp_path}",
            f"{kind}:hf:{tmp_path},dtype=bfloat16",
        )
    with pytest.raises(CotpressError, match="unknown option of model tiny 'dtype'"):
        scorers.load("surprisal:tiny,dtype=bfloat16")
    with pytest.raises(CotpressError, match="dtype=tf32 is for CUDA GPUs"):
        load_reference(f"hf:{tmp_path},dtype=tf32", "surprisal")


def test_usual_options_hold_where_the_spec_says_nothing_and_the_model_knows_them(tmp_path):
    make_model(tmp_path)
    told = models.load(f"hf:{tmp_path},dtype=bfloat16", dtype="float32", temperature="1")
    assert told.precision == "bfloat16"
    assert models.load("tiny", dtype="bfloat16").precision == "float32"


def test_a_server_is_not_said_to_write_latent_tokens():
    for asked in (Sampling(latents=2), Sampling(legal_latents=True)):
        with pytest.raises(CotpressError, match="cannot be made to write latent tokens"):
            sampling_fields(asked, "open")


def test_weights_that_do_not_fit_are_one_sentence_with_the_options(tmp_path, monkeypatch):
    make_model(tmp_path / "base")
    model = models.load(f"hf:{tmp_path / 'base'}")

    def full(*_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(CotpressError, match=r"weights do not fit .* dtype=bfloat16.* device=auto"):
        _ = model.torch_model
