"""Files and folders whatever they are called: a comma in a path, and outputs that differ in their ending alone."""

import json

import msgspec
import pytest

pytest.importorskip("transformers")

from command import typed
from make import make_row, make_trace
from train_fixtures import make_model

from cotpress import models, scorers, storage, tasks
from cotpress.models.hf import HFModel
from cotpress.plugins import parse_spec
from cotpress.records import Trace


@pytest.fixture(params=["a,b", "a, b", "a,b,c.d"])
def folder(request, tmp_path, monkeypatch):
    """A folder with a comma in its name, which holds a model and questions."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / request.param
    made.mkdir()
    make_model(made / "model,one")
    rows = [{"question": f"p{i} ?", "answer": str(i)} for i in range(3)]
    (made / "q,r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


@pytest.mark.parametrize("options", ["", ",dtype=float32", ",template.enable_thinking=false"])
def test_a_model_folder_with_a_comma_is_found_with_and_without_its_kind(folder, options):
    for spec in (f"hf:{folder}/model,one", f"{folder}/model,one", f"./{folder.name}/model,one"):
        model = models.load(spec + options)
        assert isinstance(model, HFModel)
        assert model.path.endswith("model,one")
        assert models.load(model.name).path == model.path


def test_a_task_file_with_a_comma_is_found(folder):
    asked = tasks.load(f"jsonl:{folder}/q,r.jsonl,split=train")
    assert [one.question for one in asked.problems("train")] == ["p0 ?", "p1 ?", "p2 ?"]


@pytest.mark.parametrize("options", ["", ",context=none"])
def test_a_scorers_model_with_a_comma_is_found(folder, options):
    assert "model,one" in scorers.load(f"surprisal:{folder}/model,one{options}").name
    assert "model,one" in scorers.load(f"surprisal:hf:{folder}/model,one{options}").name


def test_an_option_that_is_a_path_with_a_comma_is_one_option(folder):
    pytest.importorskip("openai")
    where = f"{folder}/model,one"
    model = models.load(f"http:http://localhost:1/v1,model=m,tokenizer={where},retries=0")
    assert f"tokenizer={where}" in model.name
    assert model.retries == 0
    assert parse_spec(f"vllm:{where},adapter={where},dtype=float32").options["adapter"] == where


def test_verbs_take_paths_with_commas(folder, monkeypatch):
    storage.write(folder / "t,u.jsonl", [make_trace(id=str(i)) for i in range(3)])
    words = ["score", f"{folder}/t,u.jsonl", "--scorer", f"surprisal:{folder}/model,one"]
    words += ["--target", f"{folder}/model,one", "--out", f"{folder}/s,v.jsonl"]
    assert typed(monkeypatch, words) == 0
    assert (folder / "s,v.jsonl").is_file()


def test_outputs_that_differ_in_their_ending_alone_share_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = [make_trace(id=str(i), task="arithmetic") for i in range(2)]
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in found)
    (tmp_path / "t.jsonl").write_bytes(lines)
    before = set(tmp_path.iterdir())
    made = {}
    for name in ("m.jsonl", "m.json", "m.x.jsonl", "m.txt"):
        assert typed(monkeypatch, ["grade", "t.jsonl", "--out", name]) == 0
        made[name] = set(tmp_path.iterdir()) - before
        before |= made[name]
    assert [len(files) for files in made.values()] == [3, 3, 3, 3]
    for name in made:
        config = next(path for path in made[name] if path.name.endswith("config.toml"))
        assert f'out = "{name}"' in config.read_text()
        assert len(list(storage.read(tmp_path / name, Trace))) == 2


@pytest.mark.parametrize("form", [[], ["--format", "md"]], ids=["page", "table"])
def test_a_report_that_another_run_writes_is_refused(tmp_path, monkeypatch, capsys, form):
    pytest.importorskip("jinja2")
    monkeypatch.chdir(tmp_path)
    storage.write(tmp_path / "e.jsonl", [make_trace()])
    storage.write(tmp_path / "e.rows.jsonl", [make_row()])
    command = ["report", "e.jsonl", "--out", "r.html", *form]
    with storage.locked(tmp_path / "r.html"):
        assert typed(monkeypatch, command) == 2
    assert "is being written by another run" in capsys.readouterr().err
    assert typed(monkeypatch, command) == 0
