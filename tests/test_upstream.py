"""What cotpress assumes of the inside of other libraries: with a newer version that differs, these
fail first and say where.

Everything else uses public interfaces. `.ci/run` runs this file, and the tests of training and of
`lm`, against the newest versions too, in a step that reports and fails nothing.
"""

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import cotpress

SEEN = {"transformers": "5.23.0", "trl": "1.16.0", "peft": "0.21.2", "cyclopts": "5.4.0"}
"""The versions in which the inside was looked at: those of constraints.txt."""

PACKAGE = Path(cotpress.__file__).parent
INSIDE = {
    "lm/cache.py": r"cache_utils|DynamicLayer|DynamicCache",
    "training/trainer.py": r"_get_train_sampler|_run_epoch|\bSFTTrainer\b",
}
"""The two files that know it, and by which names."""


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize(("place", "names"), INSIDE.items())
def test_only_one_file_knows_the_inside(place, names):
    knowing = [
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if _uses(path, names)
    ]
    assert knowing == [place]


def _uses(path: Path, names: str) -> bool:
    """In code: not in a docstring, which may explain."""
    code = re.sub(r'"""(?s:.*?)"""|#.*', "", path.read_text(encoding="utf-8"))
    return bool(re.search(names, code))


def test_the_versions_are_those_that_are_tested_with():
    constraints = Path(__file__).parents[1] / "constraints.txt"
    pinned = dict(
        line.split("==")
        for line in constraints.read_text().split("\n")
        if "==" in line and line[0] != "#"
    )
    assert {name: pinned[name].strip() for name in SEEN} == SEEN


@pytest.fixture(scope="module")
def cache_utils():
    return pytest.importorskip("transformers.cache_utils")


def test_a_plain_layer_grows_by_update_after_it_was_initialised_late(cache_utils):
    layer = cache_utils.DynamicLayer
    assert parameters(layer.update)[1:3] == ["key_states", "value_states"]
    assert parameters(layer.lazy_initialization)[1:] == ["key_states", "value_states"]
    assert {"get_seq_length", "batch_select_indices", "batch_repeat_interleave"} <= set(dir(layer))
    assert layer().is_initialized is False


def test_a_cache_is_made_from_a_configuration_with_a_layer_for_each_of_the_models(cache_utils):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=3, num_attention_heads=2
    )
    cache = transformers.DynamicCache(config=config)
    assert [type(layer) for layer in cache.layers] == [cache_utils.DynamicLayer] * 3
    assert {"batch_select_indices", "batch_repeat_interleave"} <= set(dir(cache))


def test_a_model_runs_without_its_head_and_gives_the_last_logits_alone():
    transformers = pytest.importorskip("transformers")
    assert "logits_to_keep" in parameters(transformers.LlamaForCausalLM.forward)
    assert callable(transformers.PreTrainedModel.get_decoder)


def test_the_trainer_asks_for_its_sampler_and_computes_its_loss_where_they_are_replaced():
    transformers, trl = pytest.importorskip("transformers"), pytest.importorskip("trl")
    assert parameters(transformers.Trainer._get_train_sampler) == ["self", "train_dataset"]
    wanted = ["self", "model", "inputs", "return_outputs", "num_items_in_batch"]
    assert parameters(transformers.Trainer.compute_loss) == wanted
    assert parameters(trl.SFTTrainer.compute_loss) == wanted
    assert callable(trl.SFTTrainer.create_model_card)
    assert "epoch" in parameters(transformers.Trainer._run_epoch)
    # the plain loss skips TRL's: the next class that has one of its own must be transformers'
    after = trl.SFTTrainer.__mro__[1:]
    assert next(one for one in after if "compute_loss" in vars(one)) is transformers.Trainer


def test_the_trainers_behind_fine_tuning_take_rollouts_and_token_ids():
    trl = pytest.importorskip("trl")
    assert "rollout_func" in parameters(trl.GRPOTrainer.__init__)
    assert "prompts" in parameters(trl.GRPOTrainer._generate)
    assert parameters(trl.DPOTrainer._prepare_dataset)[1] == "dataset"
    source = inspect.getsource(trl.DPOTrainer)
    assert all(name in source for name in ("prompt_ids", "chosen_ids", "rejected_ids"))


def test_adapters_name_their_base_and_train_single_rows_tied():
    peft = pytest.importorskip("peft")
    assert {"trainable_token_indices", "ensure_weight_tying"} <= set(parameters(peft.LoraConfig))
    assert isinstance(peft.PeftModel.active_peft_config, property)
    assert "save_embedding_layers" in parameters(peft.PeftModel.save_pretrained)


def test_a_mistake_on_the_command_line_says_what_it_is_about():
    from cyclopts import App, MissingArgumentError, UnknownCommandError
    from cyclopts.help import DefaultFormatter

    app = App(name="x", result_action="return_value")

    @app.command
    def verb(path: str, *, out: str) -> None:
        """Do."""

    with pytest.raises(MissingArgumentError) as missing:
        app(["verb", "p", "--out"], print_error=False, exit_on_error=False)
    assert missing.value.keyword == "--out"
    assert list(missing.value.command_chain) == ["verb"]
    with pytest.raises(UnknownCommandError) as unknown:
        app(["verbs"], print_error=False, exit_on_error=False)
    assert list(unknown.value.unused_tokens or []) == ["verbs"]
    assert parameters(DefaultFormatter.__call__) == ["self", "console", "options", "panel"]


@pytest.mark.parametrize("name", SEEN)
def test_what_is_installed_is_known_by_name(name):
    assert version(name)
