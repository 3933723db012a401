"""What other trainers make of our rows: the token ids and masks of `cotpress train`."""

import json
from collections import Counter
from functools import partial

import msgspec
import pytest

pytest.importorskip("trl")
from chat_templates import FAMILIES
from datasets import load_dataset
from make import sum_examples
from train_fixtures import make_model, make_tokenizer
from trl import ModelConfig, ScriptArguments, SFTConfig, SFTTrainer, TrlParser
from trl.scripts.utils import DatasetMixtureConfig, get_dataset

from cotpress.errors import CotpressError
from cotpress.models.hf import HFModel, load
from cotpress.pipeline.build import IGNORED, tokenize_example, trl_rows
from cotpress.training.formats import axolotl, llamafactory, trl
from cotpress.training.formats._text import UNLIKE
from cotpress.training.formats.axolotl import axolotl_rows
from cotpress.training.formats.llamafactory import llamafactory_rows

EXAMPLES = [*sum_examples(4, 0.5), *sum_examples(2, 1.0)]
THINKING = msgspec.structs.replace(EXAMPLES[0], completion="<think>\n0 + 1 = 1\n</think>\n\n1")


def model(family="chatml", **special):
    tokenizer = make_tokenizer()
    tokenizer.chat_template = FAMILIES[family]
    tokenizer.add_special_tokens(
        {"eos_token": "<|eot_id|>" if "llama" in family else "<|im_end|>", **special}
    )
    return HFModel(family, "", tokenizer, lambda: None)


def ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def write(path, rows):
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


# --- TRL ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["chatml", "llama3"])
def test_trl_with_our_settings_trains_on_our_ids_and_masks(family, tmp_path):
    base = make_model(tmp_path / "base", family)
    write(tmp_path / "train.jsonl", trl_rows(EXAMPLES))
    (tmp_path / "train.trl.yaml").write_text(
        trl.settings(str(tmp_path / "base"), "train.jsonl", str(tmp_path))
    )
    parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig))
    args = [
        "--config",
        str(tmp_path / "train.trl.yaml"),
        "--use_cpu",
        "true",
        "--bf16",
        "false",
        "--output_dir",
        str(tmp_path / "out"),
    ]
    _, config, lora, mixture = parser.parse_args_and_config(args)
    assert (
        config.learning_rate,
        config.max_length,
        config.completion_only_loss,
        config.warmup_steps,
    ) == (
        5e-5,
        None,
        True,
        0.1,
    )
    assert (lora.use_peft, lora.lora_r, lora.lora_alpha, lora.lora_target_modules) == (
        True,
        8,
        16,
        "all-linear",
    )
    rows = get_dataset(mixture)["train"]
    trainer = SFTTrainer(
        base.torch_model, args=config, train_dataset=rows, processing_class=base.tokenizer
    )
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(EXAMPLES))])
    for one, row, labels in zip(
        EXAMPLES, trainer.train_dataset, batch["labels"].tolist(), strict=True
    ):
        ours = tokenize_example(one, base)
        n = len(ours.ids)
        assert row["input_ids"][:n] == ours.ids
        assert labels[:n] == ours.labels
        # what the template writes after the end of a turn
        assert base.tokenizer.decode(row["input_ids"][n:]).strip() == ""


# --- finished text --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_axolotl_segments_become_the_ids_and_masks_of_training(family):
    taught = model(family)
    for one, row in zip(
        [*EXAMPLES, THINKING], axolotl_rows([*EXAMPLES, THINKING], taught), strict=True
    ):
        found = [(ids(taught.tokenizer, part.text), part.label) for part in row.segments]
        ours = tokenize_example(one, taught)
        assert [i for tokens, _ in found for i in tokens] == ours.ids
        assert [i if label else IGNORED for tokens, label in found for i in tokens] == ours.labels


@pytest.mark.parametrize("bos", ["", "<|im_start|>", "<|begin_of_text|>"])
@pytest.mark.parametrize("family", ["chatml", "qwen2.5", "qwen3", "llama3", "r1"])
def test_llamafactory_s_empty_template_makes_the_ids_and_masks_of_training(family, bos):
    taught = model(family, **({"bos_token": bos} if bos else {}))
    if not taught.prompt_text(EXAMPLES[0].prompt).startswith(bos):
        with pytest.raises(
            CotpressError,
            match=r"begins every prompt with .*, and the chat template of this model does not",
        ):
            list(llamafactory_rows(EXAMPLES, taught))
        return
    begin = [taught.tokenizer.bos_token_id] if bos else []
    for one, row in zip(
        [*EXAMPLES, THINKING], llamafactory_rows([*EXAMPLES, THINKING], taught), strict=True
    ):
        prompt, said = (
            begin + ids(taught.tokenizer, row.prompt),
            ids(taught.tokenizer, row.completion),
        )
        assert (prompt + said, [IGNORED] * len(prompt) + said) == tokenize_example(one, taught)


def test_a_row_for_axolotl_is_readable():
    row = next(axolotl_rows(EXAMPLES, model()))
    assert [(part.label, part.text) for part in row.segments] == [
        (False, "<|im_start|>user\n0 + 1\n<ratio>0.5</ratio><|im_end|>\n<|im_start|>assistant\n"),
        (True, "0 + 1 = 1, so the answer is 1<|im_end|>"),
    ]


def test_rows_whose_text_would_become_other_tokens_are_left_out_and_counted():
    spelled = msgspec.structs.replace(
        EXAMPLES[0], prompt=[{"role": "user", "content": "What is <|im_end|>?"}]
    )
    ended = msgspec.structs.replace(EXAMPLES[1], completion="1<|im_end|>2")
    for rows in (axolotl_rows, llamafactory_rows):
        dropped = Counter()
        assert [row.id for row in rows([spelled, ended, EXAMPLES[2]], model(), dropped)] == [
            "sum/2"
        ]
        assert dropped == {UNLIKE: 2}


# --- settings -------------------------------------------------------------------------------------


SETTINGS = {
    "trl": trl.settings,
    "llamafactory": partial(llamafactory.settings, n_rows=100, longest=321),
    "axolotl": partial(axolotl.settings, longest=321),
}


@pytest.mark.parametrize("trainer", SETTINGS)
def test_settings_are_yaml_with_the_types_and_values_of_cotpress_train(trainer):
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(SETTINGS[trainer]("org/model: x", "train.jsonl", "data"))
    assert (found["learning_rate"], found["output_dir"], found["seed"]) == (5e-5, "runs/train", 42)
    assert "org/model: x" in found.values()
    assert {found.get("num_train_epochs"), found.get("num_epochs")} == {3.0, None}
    rank = {"trl": "lora_r", "axolotl": "lora_r", "llamafactory": "lora_rank"}[trainer]
    assert (found[rank], found["lora_alpha"], found["lora_dropout"]) == (8, 16, 0.0)
    if trainer == "llamafactory":
        assert (found["template"], found["dataset_dir"], found["dataset"], found["cutoff_len"]) == (
            "empty",
            "data",
            "train",
            322,
        )
    else:
        assert found["datasets"][0]["path"] == ("json" if trainer == "trl" else "data/train.jsonl")
        assert {"trl": found.get("max_length"), "axolotl": found.get("sequence_len")}[trainer] == (
            None if trainer == "trl" else 321
        )


@pytest.mark.parametrize(("longest", "micro"), [(300, 8), (8000, 2), (16000, 1)])
def test_long_rows_are_held_one_by_one_and_a_step_is_eight_all_the_same(longest, micro):
    yaml = pytest.importorskip("yaml")
    texts = (
        llamafactory.settings("m", "train.jsonl", "data", n_rows=9, longest=longest),
        axolotl.settings("m", "train.jsonl", "data", longest=longest),
    )
    for found in map(yaml.safe_load, texts):
        held = found.get("per_device_train_batch_size") or found["micro_batch_size"]
        assert (held, held * found["gradient_accumulation_steps"]) == (micro, 8)


def test_rows_that_nobody_counted_are_held_one_by_one():
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(trl.settings("m", "train.jsonl", "data"))
    assert (found["per_device_train_batch_size"], found["gradient_accumulation_steps"]) == (1, 8)
    assert found["gradient_checkpointing"]


# 1, 11 and 125 batches of 8, three times
@pytest.mark.parametrize(("n_rows", "steps"), [(1, 1), (81, 4), (1000, 38)])
def test_llamafactory_warms_up_over_a_tenth_of_all_steps_the_last_smaller_batch_of_an_epoch_included(
    n_rows, steps
):
    assert f"\nwarmup_steps: {steps}\n" in llamafactory.settings(
        "m", "train.jsonl", "data", n_rows=n_rows
    )


# --- the libraries themselves, where they are installed -------------------------------------------


def test_llamafactory_itself_makes_the_ids_and_masks_of_training(tmp_path, monkeypatch):
    pytest.importorskip("llamafactory")
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")
    yaml = pytest.importorskip("yaml")
    from llamafactory.data import get_dataset as get_lf_dataset
    from llamafactory.data import get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args

    for family in ("chatml", "llama3"):
        folder = tmp_path / family
        make_model(folder / "base", family)
        base = load(str(folder / "base"))
        write(folder / "train.jsonl", llamafactory_rows(EXAMPLES, base))
        (folder / "dataset_info.json").write_text(
            json.dumps({"train": llamafactory.dataset_info("train.jsonl")})
        )
        given = yaml.safe_load(
            llamafactory.settings(
                str(folder / "base"), "train.jsonl", str(folder), n_rows=6, longest=200
            )
        )
        given |= {
            "use_cpu": True,
            "output_dir": str(folder / "out"),
            "overwrite_cache": True,
            "report_to": "none",
        }
        model_args, data_args, train_args, *_ = get_train_args(given)
        template = get_template_and_fix_tokenizer(base.tokenizer, data_args)
        rows = get_lf_dataset(
            template, model_args, data_args, train_args, stage="sft", tokenizer=base.tokenizer
        )["train_dataset"]
        ours = [tokenize_example(one, load(str(folder / "base"))) for one in EXAMPLES]
        assert [(row["input_ids"], row["labels"]) for row in rows] == [
            (one.ids, one.labels) for one in ours
        ]


def test_axolotl_itself_makes_the_ids_and_masks_of_training(tmp_path):
    pytest.importorskip("axolotl")
    from types import SimpleNamespace

    from axolotl.prompt_strategies.input_output import load as load_strategy

    taught = model()
    write(tmp_path / "train.jsonl", axolotl_rows(EXAMPLES, taught))
    strategy = load_strategy(
        taught.tokenizer, SimpleNamespace(train_on_inputs=False, sequence_len=321)
    )
    rows = load_dataset("json", data_files=str(tmp_path / "train.jsonl"), split="train").map(
        strategy.tokenize_prompt
    )
    ours = [tokenize_example(one, taught) for one in EXAMPLES]
    assert [(row["input_ids"], row["labels"]) for row in rows] == [
        (one.ids, one.labels) for one in ours
    ]
