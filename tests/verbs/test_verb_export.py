import json
import shutil

import pytest

pytest.importorskip("torch")
import torch
from make import sum_examples
from train_fixtures import make_model

from cotpress import cli, storage
from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import of_run
from cotpress.models.hf import load
from cotpress.records import EvalRow, Trace
from cotpress.training.sft import TrainOptions, train
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.export import export

SHORT = {
    "task": "arithmetic",
    "ratios": [1.0, 0.5],
    "limit": 3,
    "max_tokens": 8,
    "instruction_mismatch": "allow",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What `cotpress run` leaves: the model, an evaluation, a base elsewhere."""
    folder = tmp_path_factory.mktemp("runs") / "q"
    make_model(folder.parent / "base")
    options = TrainOptions(epochs=1, batch=4, gradient_checkpointing=False)
    train(
        sum_examples(4, 0.5),
        load(str(folder.parent / "base")),
        folder / "model",
        options,
        say=lambda line: None,
    )
    evaluate(model=str(folder / "model"), out=folder / "eval.jsonl", **SHORT)
    return folder


def test_the_folder_of_a_run_is_exported_with_its_evaluation(run, tmp_path, capsys):
    export(str(run), out=tmp_path / "short", json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["ratios"] == [0.5]
    card = (tmp_path / "short" / "README.md").read_text()
    assert card.count("| arithmetic | tokenskip |") == 2
    export(str(run / "model"), out=tmp_path / "bare")
    assert "It was not evaluated" in (tmp_path / "bare" / "README.md").read_text()
    assert (
        "takes compression_ratio, and reasoning_effort (low 0.5, medium 0.5, high 0.5)"
        in capsys.readouterr().err
    )


def test_the_folder_of_a_run_is_judged_and_asked_as_its_model_is(run, tmp_path):
    evaluate(model=str(run), out=tmp_path / "eval.jsonl", **SHORT)
    rows = list(storage.read(tmp_path / "eval.rows.jsonl", EvalRow))
    theirs = list(storage.read(run / "eval.rows.jsonl", EvalRow))
    assert [(row.method, row.accuracy) for row in rows] == [
        (row.method, row.accuracy) for row in theirs
    ]
    assert of_run("tiny") == "tiny"


def test_an_exported_folder_is_evaluated_like_the_run_and_the_tag_stands_once(run, tmp_path):
    export(str(run), out=tmp_path / "short")
    evaluate(model=str(tmp_path / "short"), out=tmp_path / "eval.jsonl", **SHORT)
    said, before = (
        [
            (one.problem.id, one.method, one.ratio, one.completion())
            for one in storage.read(folder / "eval.jsonl", Trace)
        ]
        for folder in (tmp_path, run)
    )
    assert said == before


def test_the_bundled_model_is_exported_by_name(tmp_path):
    export("tiny", out=tmp_path / "tiny", efforts=(0.4, 0.6, 1.0))
    assert (
        json.loads((tmp_path / "tiny" / "cotpress_export.json").read_text())["efforts"]["low"]
        == 0.4
    )


def test_a_named_evaluation_that_is_not_there_is_a_mistake(run, tmp_path):
    with pytest.raises(CotpressError, match=r"no file .*none.rows.jsonl"):
        export(str(run), out=tmp_path / "short", evaluated=tmp_path / "none.jsonl")


def test_a_model_without_weights_here_cannot_be_exported(tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"text": "4"}\n')
    with pytest.raises(
        CotpressError, match="export needs a model that gives its weights and tokenizer"
    ):
        export(f"scripted:{tmp_path / 'answers.jsonl'}", out=tmp_path / "out")


def test_a_broken_description_is_one_sentence(run, tmp_path):
    shutil.copytree(run / "model", tmp_path / "x")
    (tmp_path / "x" / "cotpress.json").write_text('{"base": "hf:x"}')
    with pytest.raises(CotpressError):
        export(str(tmp_path / "x"), out=tmp_path / "out")


def test_the_verb_is_among_the_verbs():
    assert "export" in cli.VERBS


def test_a_blend_is_exported_in_the_stored_precision_and_judged_as_one(run, tmp_path, capsys):
    base, out = run.parent / "base", tmp_path / "half"
    weights = [0.0, 0.5]
    evaluate(model=str(run / "model"), out=tmp_path / "eval.jsonl", blend=weights, **SHORT)
    found = list(storage.read(tmp_path / "eval.rows.jsonl", EvalRow))
    assert [(row.blend, row.ratio) for row in found if row.method == "blend"] == [
        (0.0, 1.0),
        (0.0, 0.5),
        (0.5, 1.0),
        (0.5, 0.5),
    ]
    said = {}
    for one in storage.read(tmp_path / "eval.jsonl", Trace):
        said.setdefault((one.method, one.ratio, one.blend), []).append(one.completion())
    assert said["blend", 1.0, 0.0] == said["original", None, None]
    export(str(run), out=out, blend=str(base), weight=0.5, evaluated=tmp_path / "eval.jsonl")
    made, short, original = (load(str(path)) for path in (out, run / "model", base))
    assert made.stored_dtype == original.stored_dtype
    ours = made.torch_model.state_dict()
    for name, value in short.torch_model.state_dict().items():
        assert torch.equal(ours[name], 0.5 * value + 0.5 * original.torch_model.state_dict()[name])
    about = json.loads((out / "cotpress_export.json").read_text())
    assert (about["method"], about["blend"]) == ("blend", 0.5)
    assert about["source"] == f"blend of {original.name} and {short.name}"
    card = (out / "README.md").read_text()
    assert "0.5 times those of the trained model plus 0.5 times those of the original" in card
    assert card.count("| arithmetic | blend |") == 2
    assert "| arithmetic | tokenskip |" not in card
    evaluate(model=str(out), out=tmp_path / "again.jsonl", **SHORT)
    again = [
        (one.method, one.ratio, one.completion())
        for one in storage.read(tmp_path / "again.jsonl", Trace)
    ]
    assert [text for method, ratio, text in again if (method, ratio) == ("blend", 0.5)] == said[
        "blend", 0.5, 0.5
    ]


def test_a_blend_that_was_made_with_another_weight_is_not_taken_for_this_one(run, tmp_path):
    base = str(run.parent / "base")
    export(str(run), out=tmp_path / "x", blend=base, weight=0.25)
    with pytest.raises(CotpressError, match="was exported from another model or under other"):
        export(str(run), out=tmp_path / "x", blend=base, weight=0.75)


def test_a_weight_without_a_blend_and_a_blend_of_one_model_are_mistakes(run, tmp_path):
    with pytest.raises(CotpressError, match="--weight is the model's share in a blend"):
        export(str(run), out=tmp_path / "x", weight=0.5)
    with pytest.raises(CotpressError, match="--blend takes two models"):
        evaluate(model="tiny", out=tmp_path / "eval.jsonl", blend=[0.5], **SHORT)
    with pytest.raises(CotpressError, match=r"cannot blend hf:.*vocabularies differ"):
        evaluate(
            model=str(run / "model"),
            original="tiny",
            out=tmp_path / "eval.jsonl",
            blend=[0.5],
            **SHORT,
        )


def test_an_adapter_is_exported_without_merging_and_the_command_that_serves_it_is_printed(
    run, tmp_path, capsys
):
    export(str(run), out=tmp_path / "short", adapter=True)
    base, short = run.parent / "base", tmp_path / "short"
    assert (
        f"export: serve it with: vllm serve {base} --enable-lora --lora-modules short={short} "
        f"--chat-template {short}/chat_template.jinja --generation-config {short}\n"
    ) in capsys.readouterr().err
    evaluate(model=str(short), out=tmp_path / "eval.jsonl", **SHORT)
    with pytest.raises(CotpressError, match="--adapter writes no weights to blend"):
        export(str(run), out=tmp_path / "x", adapter=True, blend=str(base))
