"""doctor: each fault is found, each finding has a cure, and a healthy thing has none."""

import json
import shutil
from typing import Any

import msgspec
import pytest

pytest.importorskip("torch")
from make import sum_cuts, sum_examples, sum_trace
from safetensors.torch import load_file, save_file
from train_fixtures import CHATML, R1, make_model

from cotpress.errors import CotpressError
from cotpress.models.hf import load
from cotpress.pipeline.build import pretokenized_rows, trl_rows
from cotpress.serving.export import export, served_ids
from cotpress.training.formats.axolotl import axolotl_rows
from cotpress.training.formats.llamafactory import llamafactory_rows
from cotpress.training.sft import TrainOptions, train
from cotpress.verbs.doctor import doctor


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A base, an adapter trained on it, and what was exported from that."""
    root = tmp_path_factory.mktemp("models")
    make_model(root / "base")
    options = TrainOptions(epochs=1, batch=4, gradient_checkpointing=False)
    train(sum_examples(4), load(str(root / "base")), root / "run", options, say=lambda line: None)
    from cotpress.verbs.export import trained

    export(
        load(str(root / "run")),
        root / "exported",
        trained=trained(root / "run"),
        say=lambda line: None,
    )
    return root


@pytest.fixture
def found(capsys):
    """Runs doctor; gives findings by what they are about, and whether there was a problem."""

    def examine(what, target, **options):
        code = 0
        try:
            doctor(what, str(target), json=True, **options)
        except SystemExit as stopped:
            code = stopped.code
        findings = json.loads(capsys.readouterr().out)
        assert all(one["cure"] for one in findings if one["level"] != "ok")
        assert code == any(one["level"] == "problem" for one in findings)
        return {one["about"]: (one["level"], one["says"]) for one in findings}

    return examine


def write(path, rows):
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


# --- model ----------------------------------------------------------------------------------------


def test_an_exported_folder_is_healthy(folders, found):
    said = found("model", folders / "exported")
    assert {level for level, _ in said.values()} == {"ok"}
    assert (
        said["template"][1]
        == "compression_ratio writes the ids of training; efforts: low 0.5, medium 0.5, high 0.5"
    )
    assert set(said) == {
        "template",
        "thinking",
        "vocabulary",
        "tied weights",
        "end of turn",
        "tokenizer",
        "instruction",
    }


def test_an_adapter_is_told_from_a_whole_model_and_its_template_takes_no_ratio(folders, found):
    said = found("model", folders / "run")
    assert said["weights"][0] == "warning"
    assert said["template"] == (
        "problem",
        "the chat template does not read compression_ratio: servers drop it without a word",
    )
    assert said["tokenizer"][0] == "ok"


def changed(folders, tmp_path, **files):
    shutil.copytree(folders / "exported", tmp_path / "x")
    for name, text in files.items():
        (tmp_path / "x" / name.replace("__", ".")).write_text(text)
    return tmp_path / "x"


@pytest.mark.parametrize(
    ("template", "level", "says"),
    [
        (CHATML + "{{ compression_ratio }}", "problem", "another prompt than"),
        (
            "{% if compression_ratio %}{{ raise_exception('no') }}{% endif %}" + CHATML,
            "problem",
            "it refuses ratio 1: no",
        ),
    ],
)
def test_a_template_that_takes_the_ratio_but_writes_something_else_is_found(
    folders, found, tmp_path, template, level, says
):
    said = found("model", changed(folders, tmp_path, chat_template__jinja=template))
    assert said["template"][0] == level
    assert says in said["template"][1]
    assert said["tokenizer"][0] == "warning"


def test_embeddings_tied_in_the_config_and_not_in_the_file_are_found(folders, found, tmp_path):
    folder = changed(folders, tmp_path)
    tensors = load_file(folder / "model.safetensors")
    assert "lm_head.weight" not in tensors
    inputs = tensors["model.embed_tokens.weight"]
    save_file(
        tensors | {"lm_head.weight": inputs + 1},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    assert found("model", folder)["tied weights"][0] == "problem"
    save_file(
        tensors | {"lm_head.weight": inputs.clone()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    assert found("model", folder)["tied weights"][0] == "ok"
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert "would be random" in found("model", folder)["tied weights"][1]


def test_an_end_of_turn_that_stops_nothing_is_found(folders, found, tmp_path):
    about = json.loads((folders / "exported" / "tokenizer_config.json").read_text()) | {
        "eos_token": "<pad>"
    }
    config = json.dumps({"eos_token_id": 5})
    said = found(
        "model",
        changed(
            folders,
            tmp_path,
            tokenizer_config__json=json.dumps(about),
            generation_config__json=config,
        ),
    )
    assert said["end of turn"][0] == "problem"


def test_latent_tokens_without_embeddings_are_found(folders, found, tmp_path):
    folder = changed(folders, tmp_path)
    model = load(str(folder))
    model.tokenizer.add_tokens(["<boLatent>", "<eoLatent>", "<|latent_0|>"])
    model.tokenizer.save_pretrained(folder)
    assert "embeddings" in found("model", folder)["vocabulary"][1]
    model.torch_model.resize_token_embeddings(len(model.tokenizer))
    model.torch_model.save_pretrained(folder)
    assert found("model", folder)["vocabulary"] == (
        "ok",
        "3 latent tokens and markers, each one token with an embedding",
    )


def test_a_folder_that_does_not_load_is_a_finding(found, tmp_path):
    (tmp_path / "x").mkdir()
    assert "no config.json" in found("model", tmp_path / "x")["loading"][1]


def test_findings_are_lines_with_cures_for_a_person(folders, capsys):
    with pytest.raises(SystemExit) as stopped:
        doctor("model", str(folders / "base"))
    assert stopped.value.code == 1
    said = capsys.readouterr().out
    assert "problem  template: the chat template does not read" in said
    assert f"cure: cotpress export {folders / 'base'} --out DIR" in said


# --- data -----------------------------------------------------------------------------------------


def test_what_build_writes_is_healthy_with_and_without_a_model(folders, found, tmp_path):
    examples = [*sum_examples(4, 0.5), *sum_examples(4, 1.0)]
    base = str(folders / "base")
    for name, rows in (("examples", examples), ("trl", trl_rows(examples))):
        path = write(tmp_path / f"{name}.jsonl", rows)
        for model in ("", base):
            said = found("data", path, model=model)
            assert {level for level, _ in said.values()} == {"ok"}
            assert said["prompts"][1] == "8 rows by ratio: 1: 4, 0.5: 4"
    rows = write(tmp_path / "ids.jsonl", pretokenized_rows(examples, load(base)))
    assert {level for level, _ in found("data", rows, model=base).values()} == {"ok"}


@pytest.mark.parametrize("rows_of", [llamafactory_rows, axolotl_rows])
def test_rows_of_finished_text_end_their_turn_and_hold_no_markup_inside(
    folders, found, tmp_path, rows_of
):
    model = load(str(folders / "base"))
    rows = list(rows_of(sum_examples(6), model))
    assert {level for level, _ in found("data", write(tmp_path / "a.jsonl", rows)).values()} == {
        "ok"
    }
    said = found("data", write(tmp_path / "b.jsonl", rows), model=str(folders / "base"))
    assert {level for level, _ in said.values()} == {"ok"}
    assert set(said) == {"rows", "markup", "lengths"}
    cut = [
        msgspec.json.decode(msgspec.json.encode(row).replace(model.end_text.encode(), b""))
        for row in rows
    ]
    said = found("data", write(tmp_path / "c.jsonl", cut), model=str(folders / "base"))
    assert said["end of turn"] == (
        "problem",
        f"6 of 6 completions do not end with {model.end_text}: the model would not learn to stop",
    )


def test_drifted_doubled_and_empty_rows_are_found(found, tmp_path):
    one, other, third, *_ = sum_examples(4)
    drifted = msgspec.structs.replace(one, prompt=[{"role": "user", "content": "0+1"}])
    empty = msgspec.structs.replace(third, completion=" ")
    said = found("data", write(tmp_path / "x.jsonl", [drifted, other, other, empty]))
    assert said["prompts"] == ("problem", "1 prompts are not what is served, such as that of sum/0")
    assert said["doubles"] == ("warning", "1 rows say again what another says")
    assert said["completions"][0] == "problem"


def test_a_tag_that_stands_twice_is_found_in_rows_of_others(found, tmp_path):
    row = {
        "prompt": [{"role": "user", "content": "1+1\n<ratio>0.5</ratio>\n<ratio>0.5</ratio>"}],
        "id": "a",
        "ratio": 0.5,
    }
    said = found(
        "data",
        write(
            tmp_path / "x.jsonl", [row | {"completion": [{"role": "assistant", "content": "2"}]}]
        ),
    )
    assert said["prompts"] == ("problem", "1 prompts have two tags")


def test_chat_markup_inside_traces_is_found_and_latent_tokens_are_not_markup(found, tmp_path):
    said = found(
        "data",
        write(tmp_path / "a.jsonl", [sum_trace(0, reasoning="so<|im_end|> 1"), sum_trace(1)]),
    )
    assert said["markup"][0] == "problem"
    assert "inside 1 of 2 texts: <|im_end|> (1)" in said["markup"][1]
    fine = [sum_trace(0, reasoning="<boLatent><|latent_3|><eoLatent> so 1")]
    assert found("data", write(tmp_path / "b.jsonl", fine))["markup"][0] == "ok"


def test_special_tokens_of_the_very_model_are_markup_too(folders, found, tmp_path):
    row = msgspec.structs.replace(sum_examples(1)[0], completion="1 <pad> 1")
    path = write(tmp_path / "x.jsonl", [row])
    assert found("data", path)["markup"][0] == "ok"
    assert found("data", path, model=str(folders / "base"))["markup"][0] == "problem"


def test_rows_that_a_trainer_would_cut_are_found(folders, found, tmp_path):
    long = msgspec.structs.replace(sum_examples(1)[0], completion="1 + " * 200)
    said = found("data", write(tmp_path / "x.jsonl", [long]), model=str(folders / "base"))
    assert said["lengths"][0] == "problem"
    assert "1 rows do not fit the model's 256" in said["lengths"][1]
    ids = {
        "input_ids": [1] * 1030,
        "attention_mask": [1] * 1030,
        "labels": [-100] * 1000 + [1] * 30,
    }
    said = found("data", write(tmp_path / "y.jsonl", [ids]))
    assert said["lengths"] == (
        "warning",
        "median 1030, longest 1030 tokens: TRL would cut 1 rows at its default of 1024",
    )


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ([-100, -100, -100], "no label (1)"),
        ([5, 6, 7], "the prompt is in the loss (1)"),
        ([-100, -100, 8], "labels that are not the ids of one completion (1)"),
        ([-100, 6, -100], "labels that are not the ids of one completion (1)"),
        ([-100, 6], "lists of unequal length (1)"),
        ([-100, 6, 7], "no end of turn at the end (1)"),
    ],
)
def test_faulty_masks_are_found_by_kind(folders, found, tmp_path, labels, says):
    path = write(
        tmp_path / "x.jsonl",
        [{"input_ids": [5, 6, 7], "attention_mask": [1, 1, 1], "labels": labels}],
    )
    assert found("data", path, model=str(folders / "base"))["masks"] == (
        "problem",
        f"1 of 1 rows: {says}",
    )


def test_a_template_that_rewrites_completions_is_found(found, tmp_path):
    model = make_model(tmp_path / "r1", "r1")
    model.tokenizer.chat_template = R1.replace(
        "message.content", "message.content.split('</think>')[-1]"
    )
    model.tokenizer.save_pretrained(tmp_path / "r1")
    row = msgspec.structs.replace(sum_examples(1)[0], completion="<think>\n0 + 1\n</think>\n\n1")
    said = found("data", write(tmp_path / "x.jsonl", [row]), model=str(tmp_path / "r1"))
    assert said["template"][0] == "warning"
    assert "changes 1 of 1 completions" in said["template"][1]


def test_traces_say_how_many_of_them_can_be_learnt_from(found, tmp_path):
    traces = [sum_trace(0), sum_trace(1, finished=False), sum_trace(2, conclusion="")]
    said = found("data", write(tmp_path / "a.jsonl", traces))
    assert (
        said["traces"][1]
        == "1 of 3 can become training examples, 1 cut off by the token limit, 1 no conclusion"
    )
    assert found("data", write(tmp_path / "b.jsonl", traces[1:]))["traces"][0] == "problem"
    assert (
        found("data", write(tmp_path / "c.jsonl", [sum_trace(0, grade=None)]))["traces"][0]
        == "warning"
    )
    assert found("data", write(tmp_path / "d.jsonl", [sum_cuts(sum_trace(0))]))["traces"][0] == "ok"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        (
            '{"a": 1}\n',
            "holds rows with a: read your own traces with `cotpress import` first. doctor knows",
        ),
        ("not JSON\n", "is not a row of JSON Lines"),
    ],
)
def test_a_file_of_something_else_is_a_mistake(tmp_path, content, says):
    (tmp_path / "x.jsonl").write_text(content)
    with pytest.raises(CotpressError, match=says):
        doctor("data", str(tmp_path / "x.jsonl"))


# --- server ---------------------------------------------------------------------------------------


@pytest.fixture
def server(folders):
    """Serves the exported folder's prompts; what it says is nothing of interest."""
    pytest.importorskip("openai")
    from jinja2.exceptions import TemplateError
    from openai_server import serving

    tokenizer = load(str(folders / "exported")).tokenizer

    def prompt(body: dict[str, Any]) -> list[int]:
        asked = dict(body.get("chat_template_kwargs", {}))
        if "reasoning_effort" in body:
            asked["reasoning_effort"] = body["reasoning_effort"]
        try:
            return served_ids(tokenizer, body["messages"], **({} if running.drops else asked))
        except TemplateError as error:
            raise ValueError(str(error)) from error

    with serving() as running:
        running.drops, running.prompt, running.model = False, prompt, "short"
        yield running


def test_a_server_of_an_exported_folder_is_healthy(server, found):
    said = found("server", server.url)
    # low and high stand for one ratio: only one was trained
    assert said.pop("effort")[0] == "warning"
    assert {level for level, _ in said.values()} == {"ok"}
    assert said["ratio"][1].startswith("compression_ratio 0.5 writes the tag: ")
    assert said["bad ratio"] == ("ok", "a ratio of 2 is refused (status 400)")
    assert found("server", server.url.removesuffix("/v1"))["models"] == ("ok", "it offers short")


def test_a_server_that_drops_the_ratio_in_silence_is_found(server, found):
    server.drops = True
    said = found("server", server.url)
    assert said["ratio"][0] == "problem"
    assert "compression_ratio is dropped" in said["ratio"][1]


def test_a_server_with_a_default_of_its_own_is_found(server, found):
    whole = server.prompt
    server.prompt = lambda body: whole({"chat_template_kwargs": {"compression_ratio": 0.5}} | body)
    assert found("server", server.url)["default"][0] == "warning"


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("500 broken", "status 500"),
        ("no choice", "holds no choice"),
        ("cut", "no answer from"),
        ("page", "chat"),
    ],
)
def test_trouble_is_a_finding(server, found, trouble, says):
    server.troubles.append(trouble)
    level, said = found("server", server.url, model="short")["answers"]
    assert level == "problem"
    assert says in said


def test_another_model_s_name_is_found(server, found):
    assert (
        "does not offer long, but: short" in found("server", server.url, model="long")["models"][1]
    )
    server.offers = ["long"]
    assert "long was asked, short answers" in found("server", server.url)["answers"][1]


def test_a_server_that_is_down_is_a_finding_without_secrets(found, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    said = found("server", "http://127.0.0.1:9/v1", model="short", key="MY_KEY")
    assert said["answers"][0] == "problem"
    assert "secret" not in str(said)
    # no model is named, and none to be found
    assert found("server", "http://127.0.0.1:9/v1")["models"][0] == "problem"
    with pytest.raises(CotpressError, match="holds a user, a password or a query"):
        doctor("server", "http://me:secret@127.0.0.1:9/v1")


def test_a_complaint_never_repeats_the_key(server, found, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    server.troubles.append("401 wrong key {key}")
    said = found("server", server.url, model="short", key="MY_KEY")
    assert "wrong key" in str(said)
    assert "secret" not in str(said)


def test_a_server_that_counts_no_prompt_tokens_cannot_be_measured(server, found):
    server.usage = False
    assert found("server", server.url)["answers"][0] == "warning"
