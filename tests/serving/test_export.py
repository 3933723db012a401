"""An exported folder is an ordinary model folder: what was trained is what is served."""

import json
import re
import shlex
import shutil
from dataclasses import asdict

import msgspec
import pytest

pytest.importorskip("torch")
import torch
from make import make_row, sum_examples
from train_fixtures import CHATML, make_model

from cotpress import latent_tokens, plugins
from cotpress.errors import CotpressError
from cotpress.lm.adapters import lora
from cotpress.models.hf import load
from cotpress.prompts import ratio_tag
from cotpress.records import NOTHING
from cotpress.serving import chat_template
from cotpress.serving.adapter import command
from cotpress.serving.export import export, read_about, served_ids
from cotpress.serving.model_card import model_card
from cotpress.training.sft import TrainOptions, train
from cotpress.training.vocabulary import with_latents
from cotpress.verbs.export import trained

LORA = TrainOptions(epochs=2, lr=1e-2, batch=4, gradient_checkpointing=False)


def silent(line):
    pass


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "model"
    make_model(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "x"
    train([*sum_examples(4, 0.5), *sum_examples(4, 0.8)], load(str(base)), out, LORA, say=silent)
    return out


@pytest.fixture(scope="module")
def exported(adapter, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "short"
    export(load(str(adapter)), out, trained=trained(adapter), say=silent)
    return out


def logits(model):
    with torch.no_grad():
        return model.torch_model(
            torch.tensor([model.prompt_ids([{"role": "user", "content": "1 + 2"}])])
        ).logits


def test_a_lora_adapter_is_merged_into_a_folder_that_needs_neither_it_nor_peft(
    base, adapter, exported
):
    assert not list(exported.glob("adapter*"))
    assert torch.allclose(logits(load(str(exported))), logits(load(str(adapter))), atol=1e-5)
    assert not torch.allclose(logits(load(str(exported))), logits(load(str(base))), atol=1e-2)


def test_the_folder_stands_on_its_own_when_the_run_and_the_base_are_gone(
    adapter, exported, tmp_path
):
    shutil.copytree(exported, tmp_path / "moved")
    assert "base_model_name_or_path" not in "".join(
        path.read_text() for path in (tmp_path / "moved").glob("*config.json")
    )
    assert torch.allclose(
        logits(load(str(tmp_path / "moved"))), logits(load(str(adapter))), atol=1e-5
    )


def test_whoever_may_read_the_config_may_read_the_weights(exported):
    assert len({path.stat().st_mode for path in exported.iterdir()}) == 1


def test_prompts_by_template_argument_have_the_ids_of_the_training_prompts(adapter, exported):
    tokenizer = load(str(exported)).tokenizer
    for one in [*sum_examples(4, 0.5), *sum_examples(2, 0.8), *sum_examples(2, 1.0)]:
        expected = load(str(adapter)).prompt_ids(one.prompt)
        assert served_ids(tokenizer, one.problem.prompt(), compression_ratio=one.ratio) == expected


def test_our_own_prompts_which_carry_the_tag_do_not_get_it_twice(adapter, exported):
    for one in sum_examples(2, 0.5):
        assert load(str(exported)).prompt_ids(one.prompt) == load(str(adapter)).prompt_ids(
            one.prompt
        )


def test_it_says_what_it_was_made_from_and_what_the_efforts_stand_for(exported):
    about = read_about(exported)
    assert (about.method, about.ratios) == ("tokenskip", [0.8, 0.5])
    assert about.efforts == {"low": 0.5, "medium": 0.5, "high": 0.8}
    assert (
        json.dumps({"low": ratio_tag(0.5), "medium": ratio_tag(0.5), "high": ratio_tag(0.8)})
        in (exported / "chat_template.jinja").read_text()
    )


def test_generation_ends_at_the_end_of_the_turn_in_every_library(exported):
    assert (
        load(str(exported)).end_id
        in json.loads((exported / "generation_config.json").read_text())["eos_token_id"]
    )


def test_tied_weights_stay_tied(exported):
    net = load(str(exported)).torch_model
    assert (
        net.get_input_embeddings().weight.data_ptr()
        == net.get_output_embeddings().weight.data_ptr()
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_weights_have_the_precision_of_the_base(dtype, tmp_path):
    make_model(tmp_path / "base")
    load(str(tmp_path / "base")).torch_model.to(getattr(torch, dtype)).save_pretrained(
        tmp_path / "base"
    )
    train(sum_examples(4), load(str(tmp_path / "base")), tmp_path / "x", LORA, say=silent)
    export(load(str(tmp_path / "x")), tmp_path / "out", say=silent)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == dtype


def test_an_exported_folder_can_be_exported_with_other_efforts_and_trained_again(
    exported, tmp_path
):
    export(load(str(exported)), tmp_path / "same", trained=trained(exported), say=silent)
    assert (tmp_path / "same" / "chat_template.jinja").read_text() == (
        exported / "chat_template.jinja"
    ).read_text()
    export(
        load(str(exported)),
        tmp_path / "other",
        efforts=(0.2, 0.3, 0.4),
        trained=trained(exported),
        say=silent,
    )
    assert (tmp_path / "other" / "chat_template.jinja").read_text().endswith(CHATML)
    assert read_about(tmp_path / "other").efforts == {"low": 0.2, "medium": 0.3, "high": 0.4}
    export(load(str(tmp_path / "other")), tmp_path / "kept", trained=trained(exported), say=silent)
    # unasked, they stay
    assert read_about(tmp_path / "kept").efforts == {
        "low": 0.2,
        "medium": 0.3,
        "high": 0.4,
    }
    train(sum_examples(4), load(str(exported)), tmp_path / "again", LORA, say=silent)
    export(
        load(str(tmp_path / "again")),
        tmp_path / "third",
        trained=trained(tmp_path / "again"),
        say=silent,
    )
    expected = load(str(exported)).prompt_ids(sum_examples(1)[0].prompt)
    assert (
        served_ids(
            load(str(tmp_path / "third")).tokenizer,
            sum_examples(1)[0].problem.prompt(),
            compression_ratio=0.5,
        )
        == expected
    )


def test_latent_tokens_go_along_whole(base, tmp_path):
    said = latent_tokens.run([0, 3]) + " so it is 1"
    examples = [
        msgspec.structs.replace(one, completion=said, codebook=4, asked=NOTHING)
        for one in sum_examples(4)
    ]
    examples = [msgspec.structs.replace(one, prompt=one.problem.prompt()) for one in examples]
    train(examples, load(str(base)), tmp_path / "x", LORA, say=silent)
    export(load(str(tmp_path / "x")), tmp_path / "out", trained=trained(tmp_path / "x"), say=silent)
    there, here = load(str(tmp_path / "x")), load(str(tmp_path / "out"))
    for word in latent_tokens.vocabulary(4):
        assert here.text_ids(word) == there.text_ids(word) == [here.text_ids(word)[0]]
    assert here.torch_model.get_input_embeddings().weight.shape[0] >= len(here.tokenizer)
    assert torch.allclose(logits(here), logits(there), atol=1e-5)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "ratios trained: none, so nothing says that it obeys one" in card
    assert "may write the beginning of its reasoning as latent tokens" in card
    assert "of which it\nknows 4. How many is its own choice" in card


# --- the model card -------------------------------------------------------------------------------


def row(**others):
    fields = {
        "model": "m",
        "task": "sums",
        "n": 200,
        "accuracy": 0.9,
        "accuracy_low": 0.85,
        "accuracy_high": 0.93,
    }
    fields |= {"mean_tokens": 54.7, "kept": 0.51, "truncated": 0.01, "seconds_per_problem": 1.0}
    return make_row(**({"method": "tokenskip", "ratio": 0.5} | fields | others))


def test_the_card_says_base_method_ratios_figures_licence_and_how_to_serve(adapter, tmp_path):
    export(
        load(str(adapter)), tmp_path / "short", trained=trained(adapter), rows=[row()], say=silent
    )
    card = (tmp_path / "short" / "README.md").read_text()
    assert "- base model: model\n" in card
    assert str(adapter.parent) not in card
    assert "- method: tokenskip, tokens scored by surprisal; lora fine-tuning on 8 examples" in card
    assert "- ratios trained: 0.8, 0.5" in card
    assert "| sums | tokenskip | 0.50 | 200 | 90.0% [85.0, 93.0] | 54.7 | 0.51 | 1.0% |" in card
    assert "- data: sums (problems: not known to cotpress; say it here)" in card
    assert "vllm serve short" in card
    assert '"chat_template_kwargs": {"compression_ratio": 0.5}' in card


def test_the_card_claims_a_ratio_only_where_one_below_1_was_taught(adapter):
    taught = trained(adapter)
    assert "set per request" in model_card("m", {"medium": 0.6}, taught)
    whole = model_card("m", {"medium": 1.0}, msgspec.structs.replace(taught, ratios=[1.0]))
    assert "set per request" not in whole
    assert "A model that reasons at full length" in whole


def test_the_card_of_a_model_that_was_asked_for_nothing_says_that_it_decides(adapter):
    taught = msgspec.structs.replace(trained(adapter), ratios=[], method="shortest-right")
    card = model_card("m", {"medium": 0.7}, taught)
    assert "decides by itself how long it reasons. Fine-tuned on the shortest right one" in card
    assert "set per request" not in card


def test_the_card_knows_the_licence_of_every_task_that_brings_its_problems(adapter):
    named = [name for name in plugins.available("tasks") if name != "jsonl"]
    known = {
        "prosqa:prosqa_valid.json": "MIT",
        "prosqa,control=twins": "made by cotpress, Apache-2.0",
    }
    card = model_card(
        "m", {"medium": 0.6}, msgspec.structs.replace(trained(adapter), tasks=[*named, *known])
    )
    assert "not known to cotpress" not in card
    for task, licence in known.items():
        assert f"- data: {task} (problems: {licence})" in card


def test_the_card_escapes_what_it_writes(adapter):
    yaml = pytest.importorskip("yaml")
    bad = "x | y\n\n# [click](http://z) <b> `c`\x1b[2J"
    about = msgspec.structs.replace(
        trained(adapter),
        base="hf:own/er\nlicense: mit",
        method=bad,
        scorer=bad,
        tasks=[bad],
        instructions=["Add.\n\n# not a heading\x1b[2J"],
        version=bad,
    )
    row = make_row(task=bad, method=bad)
    card = model_card("a 'b'; rm -rf ~", {"medium": 0.7}, about, [row])
    _, head, body = card.split("---\n", 2)
    assert set(yaml.safe_load(head)) == {"library_name", "pipeline_tag", "tags", "model-index"}
    assert "\x1b" not in card
    assert [line for line in body.splitlines() if line.startswith("#")] == [
        "# a 'b'; rm -rf \\~",
        "## Serving",
    ]
    assert not re.search(r"(?<!\\)\[click|(?<!\\)<b>|(?<!\\)`c`", body)
    (cells,) = [line for line in body.splitlines() if line.startswith("| x")]
    assert len(re.findall(r"(?<!\\)\|", cells)) == 9
    serve = next(line for line in body.splitlines() if line.startswith("vllm serve"))
    assert shlex.split(serve, comments=True) == ["vllm", "serve", "a 'b'; rm -rf ~"]


def test_a_base_of_the_hub_is_named_for_the_hub(adapter, tmp_path):
    about = trained(adapter)
    about = type(about)(
        **{name: getattr(about, name) for name in about.__struct_fields__}
        | {"base": "hf:Qwen/Qwen2.5-0.5B-Instruct"}
    )
    export(load(str(adapter)), tmp_path / "short", trained=about, say=silent)
    assert (
        "base_model: Qwen/Qwen2.5-0.5B-Instruct\n---"
        in (tmp_path / "short" / "README.md").read_text()
    )


def test_a_model_that_was_not_trained_is_exported_and_said_not_to_be(base, tmp_path):
    about = export(load(str(base)), tmp_path / "out", say=silent)
    assert about.method == "original"
    assert not (tmp_path / "out" / "cotpress.json").exists()
    assert "nothing says that it obeys the ratio" in (tmp_path / "out" / "README.md").read_text()


# --- trouble --------------------------------------------------------------------------------------


def test_a_second_export_does_nothing_and_one_under_other_options_is_refused(adapter, exported):
    lines = []
    before = (exported / "model.safetensors").stat().st_mtime_ns
    export(load(str(adapter)), exported, trained=trained(adapter), say=lines.append)
    assert lines == [
        f"export: {exported} was finished before under the same options; nothing to do"
    ]
    assert (exported / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(CotpressError, match="another model or under other options"):
        export(
            load(str(adapter)),
            exported,
            efforts=(0.1, 0.2, 0.3),
            trained=trained(adapter),
            say=silent,
        )


def test_a_folder_with_something_else_in_it_is_refused_and_an_empty_one_is_taken(base, tmp_path):
    (tmp_path / "x").mkdir()
    export(load(str(base)), tmp_path / "x", say=silent)
    (tmp_path / "y").mkdir()
    (tmp_path / "y" / "thesis.tex").write_text("")
    with pytest.raises(CotpressError, match="holds something else than an export"):
        export(load(str(base)), tmp_path / "y", say=silent)


def test_what_a_killed_export_left_is_made_again(base, tmp_path):
    (tmp_path / "x.part").mkdir()
    (tmp_path / "x.part" / "model.safetensors").write_bytes(b"half")
    export(load(str(base)), tmp_path / "x", say=silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]
    assert load(str(tmp_path / "x")).torch_model


def test_an_adapter_whose_base_is_missing_is_one_sentence_with_both(adapter, tmp_path):
    shutil.copytree(adapter, tmp_path / "x")
    about = json.loads((tmp_path / "x" / "cotpress.json").read_text())
    (tmp_path / "x" / "cotpress.json").write_text(json.dumps(about | {"base": "hf:/gone/base"}))
    with pytest.raises(
        CotpressError,
        match=r"base of the adapter .*/x cannot be loaded, hf:/gone/base: put it back, or name",
    ):
        load(str(tmp_path / "x"))


def test_a_template_that_already_takes_the_ratio_is_refused_before_anything_is_written(
    base, tmp_path
):
    model = load(str(base))
    model.tokenizer.chat_template = "{{ compression_ratio }}" + CHATML
    with pytest.raises(CotpressError, match="already takes compression_ratio"):
        export(model, tmp_path / "out", say=silent)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_would_not_serve_what_was_trained_is_never_made(base, tmp_path, monkeypatch):
    monkeypatch.setattr(chat_template, "RATIO_TAG", "\n<rate>{}</rate>")
    with pytest.raises(CotpressError, match=r"would not serve ratio 0\.05 as it was trained"):
        export(load(str(base)), tmp_path / "x", say=silent)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_template_is_told_where_to_get_one(base, tmp_path):
    model = load(str(base))
    model.tokenizer.chat_template = None
    with pytest.raises(CotpressError, match="has no chat template"):
        export(model, tmp_path / "out", say=silent)


def test_the_options_are_written_down(exported):
    assert json.loads((exported / "cotpress.json").read_text())["options"] == json.loads(
        json.dumps(asdict(LORA))
    )


def test_rounded_weights_are_not_exported_as_exact_ones(base, tmp_path):
    rounded = load(str(base), dtype="bfloat16")
    with pytest.raises(CotpressError, match="load it with dtype=float32"):
        export(rounded, tmp_path / "out", say=silent)
    assert not (tmp_path / "out").exists()


# --- without merging ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unmerged(adapter, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "it's short"
    export(load(str(adapter)), out, trained=trained(adapter), adapter=True, say=silent)
    return out


def test_an_adapter_is_copied_with_the_template_that_takes_the_ratio(adapter, unmerged, base):
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (unmerged / name).read_bytes() == (adapter / name).read_bytes()
    assert not (unmerged / "model.safetensors").exists()
    tokenizer = load(str(unmerged)).tokenizer
    for one in [*sum_examples(2, 0.5), *sum_examples(2, 1.0)]:
        expected = load(str(adapter)).prompt_ids(one.prompt)
        assert served_ids(tokenizer, one.problem.prompt(), compression_ratio=one.ratio) == expected
    assert torch.equal(logits(load(str(unmerged))), logits(load(str(adapter))))
    assert read_about(unmerged).adapter
    said = json.loads((unmerged / "generation_config.json").read_text())
    assert load(str(base)).end_id in said["eos_token_id"]


def test_the_card_of_an_adapter_has_the_command_that_serves_it_on_its_base(unmerged):
    card = (unmerged / "README.md").read_text()
    assert "library_name: peft\n" in card
    assert "convert_hf_to_gguf" not in card
    line = next(line for line in card.splitlines() if line.startswith("vllm serve"))
    name = "it's short"
    assert shlex.split(line) == [
        *["vllm", "serve", "model", "--enable-lora", "--lora-modules", f"{name}={name}"],
        *["--chat-template", f"{name}/chat_template.jinja", "--generation-config", name],
    ]


def test_an_adapter_of_a_high_rank_is_served_with_room_for_it(adapter, tmp_path):
    config = json.loads((adapter / "adapter_config.json").read_text())
    for rank, room in ((16, ""), (20, "--max-lora-rank 32")):
        (tmp_path / "adapter_config.json").write_text(json.dumps(config | {"r": rank}))
        line = command(lora(tmp_path / "adapter_config.json", "b", "x"), "n", "d")
        assert line.partition("--generation-config d")[2].strip() == room


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"trainable_token_indices": {"embed_tokens": [3]}}, "trains single tokens"),
        ({"modules_to_save": ["embed_tokens"]}, "holds whole layers"),
        ({"use_dora": True}, "is a DoRA"),
        ({"bias": "all"}, "trains biases"),
        ({"peft_type": "IA3"}, "is not a LoRA"),
        ({"rank_pattern": {"q_proj": 1024}}, "has a rank above 512"),
    ],
)
def test_an_adapter_that_vllm_refuses_is_refused_before(adapter, tmp_path, change, why):
    config = json.loads((adapter / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps(config | change))
    with pytest.raises(CotpressError, match=re.escape(why)):
        lora(tmp_path / "adapter_config.json", "base", "x")


def test_an_adapter_on_an_adapter_is_refused(adapter):
    with pytest.raises(CotpressError, match="an adapter itself: merge it with"):
        lora(adapter / "adapter_config.json", str(adapter), "x")


def test_a_model_without_an_adapter_or_with_latent_tokens_is_not_exported_as_one(base, tmp_path):
    with pytest.raises(CotpressError, match="is not an adapter: leave out --adapter"):
        export(load(str(base)), tmp_path / "out", adapter=True, say=silent)
    with pytest.raises(CotpressError, match="knows latent tokens, and vLLM takes no adapter"):
        export(with_latents(load(str(base)), 4), tmp_path / "out", adapter=True, say=silent)
    assert not list(tmp_path.iterdir())


def test_an_adapter_whose_tokens_are_not_those_of_its_base_is_refused(adapter, tmp_path):
    model = load(str(adapter))
    model.tokenizer.add_tokens(["<new>"])
    with pytest.raises(CotpressError, match="has other tokens than its base"):
        export(model, tmp_path / "out", adapter=True, say=silent)
