"""What a file names is never imported and never called: SECURITY.md, verb by verb."""

import ast
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import msgspec
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from command import cotpress
from hypothesis import example, given
from hypothesis import strategies as st
from latent_fixtures import QUICK, SMALL
from make import sum_cuts, sum_examples, sum_trace
from train_fixtures import make_model

import cotpress as package
from cotpress import models, plugins, storage
from cotpress.errors import CotpressError
from cotpress.grading.math import by_algebra
from cotpress.latent.about import About
from cotpress.latent.explain import explained
from cotpress.records import Trace
from cotpress.verbs.run import run
from cotpress.walks import Run, graded

CODE = """
from pathlib import Path

RAN = Path(__file__).with_name("RAN")
RAN.touch()


def load(target="", **options):
    raise SystemExit("the code of a stranger ran")
"""

NAMES = [
    "stranger.plugin:x",
    "stranger.plugin",
    " stranger.plugin :x",
    "stranger.plugin:hf:tiny",
    "stranger.plugin,adapter=x",
    "torch.hub:./repo,model=m,source=local,trust_repo=true",
    "http:http://127.0.0.1:9/v1,model=m,tokenizer=words",
    " http :http://127.0.0.1:9/v1,model=m,tokenizer=words",
    "vllm:tiny",
    "scripted:answers.jsonl",
    "HTTP:x",
]

ADAPTER_VERBS = [
    "score traces.jsonl --scorer random --target adapter --out o.jsonl",
    "score traces.jsonl --scorer surprisal:adapter --target tiny --out o.jsonl",
    "score traces.jsonl --scorer cts:adapter --target tiny --out o.jsonl",
    "generate --task arithmetic --model adapter --limit 1 --out o.jsonl",
    "generate --task arithmetic --model hf:adapter --limit 1 --out o.jsonl",
    "generate --task arithmetic --model hf:adapter,adapter=second --limit 1 --out o.jsonl",
    "generate --task arithmetic --model second --limit 1 --out o.jsonl",
    "eval --task arithmetic --model adapter --limit 1 --out o.jsonl",
    "eval --task arithmetic --model adapter --original none --limit 1 --out o.jsonl",
    "eval --task arithmetic --model tiny --original adapter --limit 1 --out o.jsonl",
    "export adapter --out o",
    "verify compressed.jsonl --reference adapter --out o.jsonl",
    "build compressed.jsonl --format pretokenized --target adapter --out o.jsonl",
    "train train.jsonl --model adapter --out o",
    "train-vqvae traces.jsonl --target adapter --out o",
    "mix traces.jsonl --vqvae vq --target adapter --out o.jsonl",
    "import own.jsonl --model adapter --out o.jsonl",
    "doctor data train.jsonl --model adapter",
]


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A folder with inputs, and a module on the Python path
    that leaves `stranger/RAN` where it is imported.
    """
    (tmp_path / "stranger").mkdir()
    (tmp_path / "stranger" / "__init__.py").touch()
    (tmp_path / "stranger" / "plugin.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    traces = [sum_trace(0)]
    storage.write(tmp_path / "traces.jsonl", traces)
    storage.write(tmp_path / "compressed.jsonl", [sum_cuts(traces[0])])
    storage.write(tmp_path / "train.jsonl", sum_examples(1, 0.5))
    (tmp_path / "own.jsonl").write_text(
        '{"question": "1 + 1?", "reasoning": "one more", "answer": "2"}\n'
    )
    (tmp_path / "answers.jsonl").write_text('{"text": "2"}\n')
    yield tmp_path
    assert not (tmp_path / "stranger" / "RAN").exists(), "the code of a stranger ran"


def adapter(folder: Path, base: object, file: str = "cotpress.json") -> None:
    """An adapter whose `file` names its base."""
    folder.mkdir()
    about = {"base": base, "method": "tokenskip", "ratios": [1.0, 0.5]}
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "x"})
    )
    if file == "cotpress.json":
        (folder / file).write_text(json.dumps(about))
    else:
        (folder / file).write_text(
            json.dumps({"peft_type": "LORA", "base_model_name_or_path": base})
        )


def vqvae(folder: Path, target: str) -> None:
    """The description of a VQ-VAE that was made for `target`."""
    folder.mkdir()
    fields = {
        "tokenizer": "",
        "shape": SMALL,
        "options": QUICK,
        "tokens": [1, 2],
        "figures": [],
        "counts": {},
    }
    about = About(target=target, **fields, seconds=1.0, version="0", fingerprint="")
    (folder / "vqvae.json").write_bytes(msgspec.json.encode(about))


@pytest.mark.parametrize("command", ADAPTER_VERBS)
def test_no_verb_imports_what_the_folder_of_an_adapter_names(there, monkeypatch, capsys, command):
    adapter(there / "adapter", "stranger.plugin:x")
    adapter(there / "second", "adapter")  # one leads to the other
    vqvae(there / "vq", "tiny")
    assert cotpress(monkeypatch, command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "adapter/cotpress.json names the model 'stranger.plugin:x', and a "
        "file may name no plug-in and no server" in said
    )
    assert "hf:BASE,adapter=adapter" in said or "--original MODEL" in said


def test_doctor_tells_of_it_and_imports_nothing(there, monkeypatch, capsys):
    adapter(there / "adapter", "stranger.plugin:x")
    assert cotpress(monkeypatch, "doctor model adapter") == 1
    assert "adapter/cotpress.json names the model 'stranger.plugin:x'" in " ".join(
        capsys.readouterr().out.split()
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_base_of_an_adapter_is_a_folder_or_hub_id_however_it_is_spelled(there, name):
    adapter(there / "adapter", name)
    with pytest.raises(
        CotpressError,
        match=r"cotpress\.json names the model .*: name the base yourself, as hf:BASE,adapter=",
    ):
        models.load("adapter")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_the_file_of_peft_is_a_hub_id_whatever_it_says(there, name, monkeypatch):
    asked = []
    monkeypatch.setattr(plugins, "find", lambda kind, name: asked.append(name) or hf_only(name))
    adapter(there / "adapter", name, "adapter_config.json")
    with pytest.raises(CotpressError):
        models.load("adapter")
    assert set(asked) == {"hf"}


def hf_only(name: str):
    from cotpress.models import hf

    assert name == "hf"
    return hf


@pytest.mark.parametrize("base", [3, ["hf:x"], {"hf": "x"}, True, ""])
def test_a_base_that_is_no_text_is_one_sentence(there, base):
    adapter(there / "adapter", base)
    with pytest.raises(CotpressError, match="does not name the base model"):
        models.load("adapter")


@pytest.mark.parametrize(
    "bases",
    [("adapter",), ("hf:./adapter",), ("second", "adapter"), ("hf:second,adapter=x", "adapter")],
)
def test_adapters_that_lead_back_to_themselves_are_one_sentence(there, bases):
    for name, base in zip(("adapter", "second"), bases, strict=False):
        adapter(there / name, base)
    with pytest.raises(
        CotpressError, match="leads back to itself by its base: load it with hf:BASE,adapter="
    ):
        models.load("adapter")


@pytest.mark.parametrize("name", NAMES)
def test_eval_compares_with_no_model_that_only_a_file_names(there, monkeypatch, capsys, name):
    make_model(there / "whole")
    about = {"base": name, "method": "tokenskip", "ratios": [1.0, 0.5]}
    (there / "whole" / "cotpress.json").write_text(json.dumps(about))
    asked = (
        "eval --task arithmetic --model whole --ratios 0.5 --limit 1 --max-tokens 2 --out o.jsonl"
    )
    assert cotpress(monkeypatch, asked) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "whole/cotpress.json names the model" in said
    assert "as --original MODEL or --original none" in said
    assert cotpress(monkeypatch, f"{asked} --original none") == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_target_of_a_vqvae_is_a_folder_or_hub_id(there, monkeypatch, capsys, name):
    vqvae(there / "vq", name)
    assert cotpress(monkeypatch, "mix traces.jsonl --vqvae vq --out o.jsonl") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "vq/vqvae.json names the model" in said
    assert "name the model yourself, with --target" in said
    with pytest.raises(
        CotpressError, match=r"vq/vqvae\.json names the model .*: leave out --vqvae, or write"
    ):
        explained(Path("vq"), [sum_trace(0)])


@pytest.mark.parametrize(
    "task",
    [
        "stranger.plugin",
        "stranger.plugin:x",
        " stranger.plugin",
        "jsonl:x.jsonl,grader=stranger.plugin",
    ],
)
def test_grade_imports_no_task_or_grader_that_a_trace_names(there, monkeypatch, capsys, task):
    trace = sum_trace(0)
    problem = msgspec.structs.replace(trace.problem, task=task)
    storage.write(there / "t.jsonl", [trace, msgspec.structs.replace(trace, problem=problem)])
    assert cotpress(monkeypatch, "grade t.jsonl --out o.jsonl") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"t.jsonl names the task {task!r}" in said
    assert "or choose --grader" in said
    assert cotpress(monkeypatch, "grade t.jsonl --grader math --out o.jsonl") == 0


def test_a_task_of_the_users_own_grades_once_it_is_named_on_the_command_line(
    there, monkeypatch, capsys
):
    (there / "own_tasks").mkdir()
    (there / "own_tasks" / "plus.py").write_text(
        "from cotpress.tasks import Task\n\n\ndef load(target=''):\n"
        "    return Task('own_tasks.plus', lambda split: iter(()), "
        "splits=('train',), grader='exact')\n"
    )
    trace = sum_trace(0)
    problem = msgspec.structs.replace(trace.problem, task="own_tasks.plus")
    storage.write(there / "t.jsonl", [msgspec.structs.replace(trace, problem=problem)])
    assert cotpress(monkeypatch, "grade t.jsonl --out o.jsonl") == 2
    assert "write --task own_tasks.plus if it is your own" in " ".join(
        capsys.readouterr().err.split()
    )
    assert cotpress(monkeypatch, "grade t.jsonl --task own_tasks.plus --out o.jsonl") == 0
    assert (
        cotpress(monkeypatch, "grade t.jsonl --task own_tasks.plus --grader math --out p.jsonl")
        == 2
    )


def test_a_walk_over_a_task_of_the_users_own_grades_as_that_task_says(there, monkeypatch):
    (there / "walked").mkdir()
    (there / "walked" / "plus.py").write_text(
        "from cotpress.records import Problem\nfrom cotpress.tasks import "
        "Task, worked_trace\n\n\ndef load(target=''):\n"
        "    asked = Problem(id='p', question='1 + 1?', answer='two', task='walked.plus')\n"
        "    return Task('walked.plus', lambda split: iter([asked]), "
        "splits=('train',), grader='exact',\n"
        "                gold=lambda split: iter([worked_trace(asked, 'one more', 'two')]))\n"
    )
    out = there / "run"
    run(graded(Run(task="walked.plus", model="tiny", out=out, source="gold"), out, limit=None))
    found = out / "graded.jsonl"
    (trace,) = storage.read(found, Trace)
    assert trace.grade.correct
    assert trace.grade.answer == "two"


def test_folders_and_hub_ids_may_be_named_in_files(there):
    (there / "runs").mkdir()
    for spec in (
        "tiny",
        "smollm2",
        "hf:Qwen/Q",
        "hf:/a/b",
        "hf:./a,adapter=b",
        "runs",
        "./runs",
        str(there / "runs"),
    ):
        assert models.check_recorded(spec, Path("cotpress.json"), "…") == spec


@example("hf")
@given(
    st.text()
    | st.sampled_from(NAMES).flatmap(lambda name: st.text(max_size=3).map(lambda more: more + name))
)
def test_a_name_that_is_let_through_is_of_a_kind_that_a_file_may_name(spec):
    try:
        models.check_recorded(spec, Path("cotpress.json"), "…")
    except CotpressError:
        return
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            plugins,
            "load",
            lambda kind, spec, **more: asked.append(plugins.parse_spec(spec).name),
        )
        models.load(spec)
    assert asked[0] in models.RECORDED


@pytest.mark.parametrize(
    "command",
    [
        "generate --task arithmetic --model coded --limit 1 --out o.jsonl",
        "score traces.jsonl --scorer llmlingua2:coded --target tiny --out o.jsonl",
        "doctor model coded",
    ],
)
def test_code_in_a_models_folder_is_not_run_and_nobody_is_asked_whether_to(
    there, monkeypatch, command
):
    make_model(there / "coded")
    about = json.loads((there / "coded" / "config.json").read_text())
    about |= {
        "model_type": "strange",
        "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"},
    }
    (there / "coded" / "config.json").write_text(json.dumps(about))
    shutil.copy(there / "stranger" / "plugin.py", there / "coded" / "code.py")
    monkeypatch.setattr("builtins.input", lambda _: pytest.fail("asked whether to run the code"))
    assert cotpress(monkeypatch, command) in (1, 2)
    assert not list(there.rglob("RAN"))


def test_an_answer_that_is_python_is_not_evaluated_by_the_grader(there):
    said = "__import__('stranger.plugin')"
    for text in (said, f"\\boxed{{{said}}}", f"\\text{{{said}}}", f"x = {said}"):
        by_algebra(text, "1")
        by_algebra("1", text)


def test_vllm_is_told_to_run_no_code_and_to_read_no_pickle(monkeypatch):
    engine = {}
    fake = ModuleType("vllm")
    core = SimpleNamespace(shutdown=lambda: None)
    made = SimpleNamespace(llm_engine=SimpleNamespace(engine_core=core))
    fake.LLM = lambda **options: engine.update(options) or made
    monkeypatch.setitem(sys.modules, "vllm", fake)
    monkeypatch.delitem(sys.modules, "cotpress.models.vllm", raising=False)
    model = models.load(f"vllm:{plugins.PACKAGE / 'assets' / 'tiny'}")
    monkeypatch.delitem(sys.modules, "cotpress.models.vllm")
    assert model.llm is made
    assert (engine["trust_remote_code"], engine["load_format"]) == (False, "safetensors")


def test_every_automatic_class_is_told_not_to_run_code():
    for path in Path(package.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if call.func.attr == "from_pretrained" and ast.unparse(call.func.value).startswith(
                "Auto"
            ):
                assert "trust_remote_code=False" in map(ast.unparse, call.keywords), (
                    f"{path}:{call.lineno}"
                )
