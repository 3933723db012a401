"""An output belongs to what made it: where a task's file, a model or a
scorer changed, a verb neither goes on nor is done.
"""

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from token_classifiers import bert

from cotpress import inputs, models, plugins, scorers, storage, tasks
from cotpress.errors import CotpressError
from cotpress.verbs.build import build
from cotpress.verbs.compress import compress
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.generate import generate
from cotpress.verbs.score import score
from cotpress.verbs.verify import verify

TEXTS = ["She sold 48/2 = 24 clips in May.", "Altogether she sold 48+24 = 72 clips."]


def questions(path: Path, answer: str) -> None:
    rows = [{"question": f"What is {i} + 1?", "answer": answer, "id": str(i)} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def traces(path: Path, word: str = "apples") -> None:
    rows = (
        {"problem": {"id": str(i), "question": f"What is {i} + 1?", "answer": str(i + 1), "task": "t"}, "model": "m",
         "reasoning": f"{i} {word} and 1 more is {i + 1}.", "conclusion": f"\\boxed{{{i + 1}}}", "closing": "\n",
         "n_tokens": 9, "n_conclusion_tokens": 3, "finished": True,
         "grade": {"answer": str(i + 1), "correct": True, "status": "ok"}}
        for i in range(3)
    )  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one of everything that a spec may name:
    questions, a script, traces, a classifier, a model.
    """
    monkeypatch.chdir(tmp_path)
    questions(Path("questions.jsonl"), "1")
    Path("says.jsonl").write_text('{"text": "1 + 1 = 2\\n\\\\boxed{2}"}\n', encoding="utf-8")
    traces(Path("traces.jsonl"))
    traces(Path("counted.jsonl"))
    bert(Path("classifier"), TEXTS)
    shutil.copytree(plugins.PACKAGE / "assets" / "tiny", "model")
    score(Path("traces.jsonl"), scorer="random", target="tiny", out=Path("scored.jsonl"))
    compress(Path("scored.jsonl"), ratios=[0.5], out=Path("compressed.jsonl"))
    return tmp_path


def other_questions() -> None:
    questions(Path("questions.jsonl"), "2")


def other_script() -> None:
    Path("says.jsonl").write_text('{"text": "1 + 1 = 3\\n\\\\boxed{3}"}\n', encoding="utf-8")


def other_counts() -> None:
    traces(Path("counted.jsonl"), "pears")


def other_classifier() -> None:
    touched(Path("classifier"))


def other_model() -> None:
    touched(Path("model"))


def touched(folder: Path) -> None:
    """Another training: the last byte of the weights is another one."""
    (weights,) = folder.glob("*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))


QUESTIONS, SAYS = "jsonl:questions.jsonl,split=train", "scripted:says.jsonl"
OUT = Path("out.jsonl")


def answer(model: str = SAYS) -> None:
    generate(task=QUESTIONS, model=model, out=OUT, max_tokens=4)


def judge() -> None:
    evaluate(task=QUESTIONS, model=SAYS, split="train", out=OUT)


def weigh(scorer: str, target: str = "tiny") -> None:
    score(Path("traces.jsonl"), scorer=scorer, target=target, out=OUT)


CASES = {
    "generate, the task's file": (answer, other_questions, "another task"),
    "generate, the script": (answer, other_script, "another model"),
    "generate, the model": (lambda: answer("./model"), other_model, "another model"),
    "eval, the task's file": (judge, other_questions, "another task"),
    "eval, the script": (judge, other_script, "another model"),
    "score, the file of unigram": (
        lambda: weigh("unigram:counted.jsonl"),
        other_counts,
        "another scorer",
    ),
    "score, the classifier": (
        lambda: weigh("llmlingua2:classifier"),
        other_classifier,
        "another scorer",
    ),
    "score, the model of surprisal": (
        lambda: weigh("surprisal:./model"),
        other_model,
        "another scorer",
    ),
    "score, the reference model": (lambda: weigh("cts:./model"), other_model, "another scorer"),
    "score, the target": (lambda: weigh("random", "./model"), other_model, "another target"),
    "build, the target": (
        lambda: build(Path("compressed.jsonl"), format="pretokenized", target="./model", out=OUT),
        other_model,
        "another target",
    ),
    "verify, the reference model": (
        lambda: verify(Path("compressed.jsonl"), reference="./model", out=OUT),
        other_model,
        "another reference",
    ),
}


@pytest.mark.parametrize(("make", "change", "message"), CASES.values(), ids=CASES)
def test_what_was_made_from_something_else_is_neither_kept_nor_mixed(
    room, make, change, message, capsys
):
    make()
    before = OUT.read_bytes()
    capsys.readouterr()
    make()
    assert "finished before under the same options" in capsys.readouterr().err
    change()
    with pytest.raises(CotpressError, match=message):
        make()
    assert OUT.read_bytes() == before


def test_an_interrupted_run_does_not_go_on_with_another_scorer(room):
    weigh("unigram:counted.jsonl")
    part = storage.part_path(OUT)
    first = OUT.read_bytes().splitlines(keepends=True)[0]
    part.write_bytes(first)
    mark = json.loads(storage.meta_path(OUT).read_bytes())
    part.with_name(part.name + ".json").write_text(json.dumps(mark), encoding="utf-8")
    OUT.unlink()
    other_counts()
    with pytest.raises(CotpressError, match="another scorer"):
        weigh("unigram:counted.jsonl")
    assert part.read_bytes() == first


def test_the_other_split_of_a_folder_and_files_beside_it_are_no_part_of_a_tasks_identity(tmp_path):
    questions(tmp_path / "train.jsonl", "1")
    task = tasks.load(f"jsonl:{tmp_path}")
    before = task.identity("train")
    questions(tmp_path / "test.jsonl", "2")
    questions(tmp_path / "outputs.jsonl", "3")
    assert task.identity("train") == before
    questions(tmp_path / "train.jsonl", "4")
    assert tasks.load(f"jsonl:{tmp_path}").identity("train") != before


def test_a_task_whose_file_is_gone_can_still_grade():
    assert tasks.load("jsonl:not-there.jsonl").grader == "math"


@pytest.mark.parametrize(
    ("kind", "load", "given", "missing"),
    [
        ("models", models.load, "name = 'm'\n    generate = token_ends = print", "identity"),
        ("models", models.load, "name = identity = 'm'\n    token_ends = print", "generate"),
        ("scorers", scorers.load, "name = 's'\n    score = print", "identity"),
        ("scorers", scorers.load, "name = identity = 's'", "score"),
    ],
)
def test_a_plug_in_of_ones_own_that_lacks_a_part_of_the_contract_is_told_which(
    monkeypatch, kind, load, given, missing
):
    name = f"own_{kind}_{missing}"
    module = ModuleType(f"own.{name}")
    exec(f"class Own:\n    {given}\ndef load(target=''):\n    return Own()\n", module.__dict__)
    monkeypatch.setitem(sys.modules, f"own.{name}", module)
    with pytest.raises(
        CotpressError, match=f"has no '{missing}', which every {kind.rstrip('s')} offers"
    ):
        load(f"own.{name}")


@pytest.mark.parametrize("name", ["random", "random,seed=3", "random,seed=4"])
def test_options_are_part_of_a_scorers_identity(name):
    others = {
        scorers.load(other).identity
        for other in ("random", "random,seed=3", "random,seed=4")
        if other != name
    }
    assert scorers.load(name).identity not in others


@pytest.mark.parametrize(
    "name",
    [name for name in plugins.available("tasks") if name not in ("jsonl", "hub", "gsm-symbolic")],
)
def test_every_task_has_an_identity_without_reading_what_is_not_asked_for(name, monkeypatch):
    monkeypatch.setattr(inputs.Hub, "content", lambda self: f"commit of {self.dataset}")
    monkeypatch.setattr(inputs.Hub, "rows", lambda self: pytest.fail("was read"))
    task = tasks.load(name)
    assert task.identity(task.splits[0]).startswith(task.name)
