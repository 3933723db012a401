"""Short rows that stand together in one: the same loss and gradient as padded, or not at all."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

import msgspec
import torch
import transformers
from make import sum_examples
from train_fixtures import make_model

from cotpress.models.hf import HFModel, load
from cotpress.pipeline.build import IGNORED
from cotpress.training import packing
from cotpress.training.options import TrainOptions
from cotpress.training.packing import Packing, keeps_apart, together
from cotpress.training.sft import make_trainer, train, trainable

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import gpu

SMALL = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
CONFIGS = {
    "llama": transformers.LlamaConfig(**SMALL),
    "gpt2": transformers.GPT2Config(
        vocab_size=60, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0,
        attn_pdrop=0, embd_pdrop=0, resid_pdrop=0,
    ),
    "sliding": transformers.MistralConfig(**SMALL, sliding_window=5),
    "mixtral": transformers.MixtralConfig(**SMALL, num_local_experts=4),
    "mamba": transformers.MambaConfig(vocab_size=60, hidden_size=32, num_hidden_layers=2),
    "opt": transformers.OPTConfig(
        vocab_size=60, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
        word_embed_proj_dim=32, dropout=0,
    ),
}  # fmt: skip
LENGTHS = (3, 21, 5, 9, 14, 6, 2)


def made(name: str, attention: str = "eager", dtype: torch.dtype = torch.float32):
    torch.manual_seed(0)
    net = transformers.AutoModelForCausalLM.from_config(
        CONFIGS[name], attn_implementation=attention
    )
    return net.to(dtype)


def rows() -> list[dict[str, list[int]]]:
    chance = torch.Generator().manual_seed(0)
    ids = [torch.randint(1, 60, (n,), generator=chance).tolist() for n in LENGTHS]
    return [{"input_ids": one, "labels": [IGNORED, *one[1:]]} for one in ids]


def padded(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    width = max(len(row["input_ids"]) for row in rows)
    spare = [width - len(row["input_ids"]) for row in rows]
    return {
        "input_ids": torch.tensor(
            [row["input_ids"] + [0] * n for row, n in zip(rows, spare, strict=True)]
        ),
        "labels": torch.tensor(
            [row["labels"] + [IGNORED] * n for row, n in zip(rows, spare, strict=True)]
        ),
        "attention_mask": torch.tensor(
            [[1] * (width - n) + [0] * n for n in spare],
        ),
    }


def loss_and_gradient(net, batch) -> tuple[float, dict[str, torch.Tensor]]:
    net.zero_grad()
    loss = net.train()(**batch, use_cache=False, num_items_in_batch=40).loss
    loss.backward()
    return loss.item(), {
        name: one.grad.clone() for name, one in net.named_parameters() if one.grad is not None
    }


@pytest.mark.parametrize(
    ("name", "attention"),
    [
        ("llama", "sdpa"),
        ("llama", "eager"),
        ("gpt2", "sdpa"),
        ("sliding", "sdpa"),
        ("sliding", "eager"),
        ("mixtral", "sdpa"),
    ],
)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_packed_rows_have_the_loss_and_the_gradient_of_padded_ones(name, attention, checkpointing):
    net = made(name, attention)
    assert keeps_apart(net)
    if checkpointing:
        net.gradient_checkpointing_enable()
    batch = Packing(padded, 0)(rows())
    assert "attention_mask" not in batch
    assert len(batch["input_ids"]) < len(LENGTHS)
    loss, gradient = loss_and_gradient(net, padded(rows()))
    other, its = loss_and_gradient(net, batch)
    assert other == pytest.approx(loss, rel=1e-5)
    assert gradient.keys() == its.keys()
    for key, expected in gradient.items():
        far = (its[key] - expected).norm()
        assert far <= 1e-5 * expected.norm() + 1e-7, key


@pytest.mark.parametrize("name", ["mamba", "opt"])
def test_a_model_that_reads_on_across_rows_is_found_out(name):
    net = made(name)
    net.train()
    assert not keeps_apart(net)
    assert net.training


def test_experts_that_are_counted_in_the_loss_are_not_packed():
    net = made("mixtral")
    assert keeps_apart(net)
    net.config.output_router_logits = True
    assert not keeps_apart(net)
    net.config.output_router_logits = False


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_attention_that_takes_no_mask_is_found_out(dtype, monkeypatch):
    assert keeps_apart(made("llama", "sdpa", dtype))
    monkeypatch.setattr(
        transformers.models.llama.modeling_llama, "create_causal_mask", lambda **_: None
    )
    assert not keeps_apart(made("llama", "sdpa", dtype))


def test_a_group_of_rows_is_never_longer_than_the_longest():
    groups = together(LENGTHS)
    assert sorted(i for group in groups for i in group) == list(range(len(LENGTHS)))
    assert [sum(LENGTHS[i] for i in group) for group in groups] == [21, 20, 19]
    assert together([4, 4, 4]) == [[0], [1], [2]]
    assert together([]) == []


def test_rows_of_which_no_two_fit_together_are_padded():
    equal = [{"input_ids": [1, 2], "labels": [IGNORED, 2]}] * 3
    assert Packing(padded, 0)(equal).keys() == padded(equal).keys()


def test_no_token_is_taught_from_the_row_before_it():
    whole = [{**row, "labels": row["input_ids"]} for row in rows()]
    batch = Packing(padded, 0)(whole)
    assert (batch["labels"][batch["position_ids"] == 0] == IGNORED).all()
    assert (batch["labels"] != IGNORED).sum() == sum(LENGTHS) - len(LENGTHS)


def test_the_benchmark_counts_the_tokens_of_packed_rows_without_padding():
    assert gpu.n_tokens(Packing(padded, 0)(rows())) == sum(LENGTHS)
    assert gpu.n_tokens(padded(rows())) == sum(LENGTHS)


@pytest.fixture
def base(tmp_path: Path) -> str:
    make_model(tmp_path / "base")
    return str(tmp_path / "base")


def mixed() -> list:
    """Every third of them with much to say."""
    return [
        msgspec.structs.replace(one, completion=one.completion * (1 if i % 3 else 10))
        for i, one in enumerate(sum_examples(12))
    ]


FAST = {"batch": 4, "epochs": 2, "lr": 1e-3, "gradient_checkpointing": False}


def trained(base: str, out: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    options = TrainOptions(method="full", **FAST)
    train(mixed(), load(base), out, options, say=lambda _: None)
    return json.loads((out / "cotpress.json").read_text()), load(str(out)).torch_model.state_dict()


def test_a_training_packs_and_says_so_and_teaches_what_a_padded_one_does(
    base, tmp_path, monkeypatch
):
    about, weights = trained(base, tmp_path / "packed")
    assert about["packed"] is True
    monkeypatch.setattr(packing, "keeps_apart", lambda net: False)
    other, expected = trained(base, tmp_path / "padded")
    assert other["packed"] is False
    assert about["loss"] == pytest.approx(other["loss"], rel=1e-5)
    assert about["fingerprint"] == other["fingerprint"]
    assert all(torch.allclose(weights[key], one, atol=2e-5) for key, one in expected.items())


def trainer_of(model: HFModel, out: Path, options: TrainOptions):
    examples = trainable(mixed(), model, options, Counter())
    return make_trainer(examples, model, out, options, lambda _: None, examples[:4])


def test_what_is_taught_is_packed_and_what_is_held_out_is_padded(base, tmp_path):
    trainer = trainer_of(load(base), tmp_path / "x", TrainOptions(eval_share=0.2, **FAST))
    assert any("attention_mask" not in batch for batch in trainer.get_train_dataloader())
    assert all("attention_mask" in batch for batch in trainer.get_eval_dataloader())
    assert any("attention_mask" not in batch for batch in trainer.get_train_dataloader())


class Half:
    """A model on a GPU, as far as it is asked which attention it takes."""

    def __init__(self, fails: tuple[str, ...] = ()) -> None:
        self.config = type("Config", (), {"_attn_implementation": "sdpa"})()
        self.device, self.dtype = torch.device("cuda"), torch.bfloat16
        self.fails = fails

    def set_attn_implementation(self, name: str) -> None:
        if name in self.fails:
            raise ImportError(name)
        self.config._attn_implementation = name


@pytest.mark.parametrize(
    ("installed", "fails", "apart", "taken"),
    [
        ((), (), True, "sdpa"),
        (("flash_attention_2",), (), True, "flash_attention_2"),
        (("flash_attention_2", "flash_attention_3"), (), True, "flash_attention_3"),
        (
            ("flash_attention_2", "flash_attention_3"),
            ("flash_attention_3",),
            True,
            "flash_attention_2",
        ),
        (("flash_attention_2",), ("flash_attention_2",), True, "sdpa"),
        (("flash_attention_2",), (), False, "sdpa"),
    ],
)
def test_flash_attention_is_taken_where_it_is_installed_and_keeps_rows_apart(
    installed, fails, apart, taken, monkeypatch
):
    monkeypatch.setattr(
        packing, "FLASH", {name: lambda name=name: name in installed for name in packing.FLASH}
    )
    monkeypatch.setattr(packing, "keeps_apart", lambda net: apart)
    net = Half(fails)
    assert packing.take_flash(net) is (taken != "sdpa")
    assert net.config._attn_implementation == taken


def test_a_model_in_float32_or_on_a_cpu_keeps_its_attention(monkeypatch):
    monkeypatch.setattr(packing, "FLASH", {"flash_attention_2": lambda: True})
    exact, here = Half(), Half()
    exact.dtype, here.device = torch.float32, torch.device("cpu")
    assert not packing.take_flash(exact)
    assert not packing.take_flash(here)


def test_under_flash_attention_a_micro_batch_is_one_row_with_its_boundaries(
    base, tmp_path, monkeypatch
):
    monkeypatch.setattr(packing, "take_flash", lambda net: True)
    trainer = trainer_of(load(base), tmp_path / "x", TrainOptions(**FAST))
    batch = next(iter(trainer.get_train_dataloader()))
    assert len(batch["input_ids"]) == 1
    assert len(batch["cu_seq_lens_q"]) == FAST["batch"] + 1
    assert (batch["labels"][batch["position_ids"] == 0] == IGNORED).all()
