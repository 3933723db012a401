"""The instruction is part of the contract: asked as taught, or refused, or said."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.prompts import BOXED
from cotpress.records import Trace, TrainingExample
from cotpress.training.options import TrainOptions
from cotpress.verbs.evaluate import evaluate

OWN_TRACES = Path(__file__).parents[2] / "docs" / "own-traces.md"

QUICK = {"train": "--epochs 1 --lora-rank 1", "eval": "--max-tokens 16"}
"""What is added to a verb of the walk; nothing of it touches a prompt."""

SUMS = [(a, a + 3) for a in range(2, 6)]


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def taught(workplace: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes `cotpress.json` with these instructions and a
    task of one question; no model may be loaded.
    """

    def write_about(**about: object) -> str:
        (workplace / "x").mkdir(exist_ok=True)
        (workplace / "x" / "cotpress.json").write_text(
            json.dumps({"base": "tiny", "method": "tokenskip", **about})
        )
        write(workplace / "test.jsonl", [{"question": "What is 2 + 2?", "answer": "4"}])
        return "x"

    def load(spec: str) -> None:
        raise LookupError(f"{spec} is loaded")

    monkeypatch.setattr(models, "load", load)
    return write_about


def asked(**others: object) -> None:
    evaluate(
        **{"task": "jsonl:test.jsonl,split=test", "model": "x", "out": Path("eval.jsonl"), **others}
    )


def test_the_import_walk_of_the_docs_trains_and_evaluates_with_the_same_prompt(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    pytest.importorskip("math_verify")
    from command import cotpress

    [walk] = [
        block
        for block in re.findall(r"^```\n(.*?)^```", OWN_TRACES.read_text(), re.M | re.S)
        if "cotpress import" in block
    ]
    said = "<think>\nThere are {a} apples and {b} pears, so we have {c} of them.\n</think>\n\nThe answer is \\boxed{{{c}}}."
    mine = [(f"What is {a} + {b}?", said.format(a=a, b=b, c=a + b), str(a + b)) for a, b in SUMS]
    write(
        workplace / "mine.jsonl",
        [{"problem": q, "generations": text, "answer": answer} for q, text, answer in mine],
    )
    write(workplace / "test.jsonl", [{"question": q, "answer": answer} for q, _, answer in mine])
    walk = walk.replace("recipes/traces.jsonl --holdout 0.1", "mine.jsonl")
    walk = walk.replace("traces.heldout.jsonl,", "test.jsonl,")
    for command in re.sub(r" *#.*", "", walk).splitlines():
        verb = command.split()[1]
        assert (
            cotpress(monkeypatch, f"{command} {QUICK.get(verb, '')}".removeprefix("cotpress ")) == 0
        ), command
    examples = list(storage.read(Path("train.jsonl"), TrainingExample))
    traces = list(storage.read(Path("eval.jsonl"), Trace))
    evaluated = {
        (one.problem.question, ratio): one.problem.prompt(ratio)
        for one in traces
        for ratio in (1.0, 0.9, 0.7, 0.5)
    }
    assert len(examples) == len(SUMS)
    for one in examples:
        assert one.prompt == evaluated[one.problem.question, one.ratio]
    assert json.loads(Path("runs/x/cotpress.json").read_bytes())["instructions"] == [BOXED]


def test_eval_refuses_another_instruction_than_the_model_was_taught_with_before_any_model_is_loaded(
    taught,
) -> None:
    taught(instructions=["Think, then speak."])
    with pytest.raises(CotpressError) as refused:
        asked()
    said = str(refused.value)
    assert (
        'x was taught with the instruction "Think, then speak.", and task jsonl:test.jsonl,split=test asks with'
        in said
    )
    assert f'"{BOXED}"' in said
    assert "--instruction-mismatch allow" in said
    with pytest.raises(LookupError):
        asked(task="jsonl:test.jsonl,split=test,instruction=Think, then speak.")
    with pytest.raises(LookupError):
        asked(instruction_mismatch="allow")


def test_no_instruction_is_an_instruction_too(taught) -> None:
    taught(instructions=[""])
    with pytest.raises(
        CotpressError,
        match=r"was taught with no instruction, and task .* asks with the instruction",
    ):
        asked()
    with pytest.raises(LookupError):
        asked(task="jsonl:test.jsonl,split=test,instruction=")


def test_any_instruction_of_a_mixed_training_may_be_asked(taught) -> None:
    taught(instructions=["Think.", BOXED])
    with pytest.raises(LookupError):
        asked()
    with pytest.raises(
        CotpressError,
        match=r'taught with the instruction "Think." or the instruction "Please.*asks with no instr',
    ):
        asked(task="jsonl:test.jsonl,split=test,instruction=")


def test_a_model_that_was_trained_before_instructions_were_recorded_is_not_refused(taught) -> None:
    taught()
    with pytest.raises(LookupError):
        asked()


# --- who serves or trains is told -----------------------------------------------------------------


@pytest.fixture(scope="module")
def instructed(tmp_path_factory):
    """A model that was taught with two instructions, one of them of two lines."""
    pytest.importorskip("trl")
    from make import sum_examples
    from train_fixtures import make_model

    from cotpress.models.hf import load
    from cotpress.training.sft import train

    root = tmp_path_factory.mktemp("models")
    make_model(root / "base")
    texts = ("Add: now.", "Add.\nSay it.", "Add: now.")
    examples = [
        with_instruction(one, text) for one, text in zip(sum_examples(3), texts, strict=True)
    ]
    options = TrainOptions(epochs=1, batch=4, gradient_checkpointing=False)
    train(examples, load(str(root / "base")), root / "run", options, say=lambda line: None)
    return root / "run"


def with_instruction(one: TrainingExample, text: str) -> TrainingExample:
    problem = msgspec.structs.replace(one.problem, instruction=text)
    return msgspec.structs.replace(one, problem=problem, prompt=problem.prompt(one.ratio))


def test_train_records_each_different_instruction_once(instructed: Path) -> None:
    assert json.loads((instructed / "cotpress.json").read_bytes())["instructions"] == [
        "Add.\nSay it.",
        "Add: now.",
    ]


def test_export_and_its_model_card_say_what_must_stand_before_every_question(
    instructed, tmp_path, capsys
) -> None:
    from cotpress.verbs.export import export

    export(str(instructed), out=tmp_path / "short")
    said = capsys.readouterr().err
    assert (
        'export: it was taught with the instruction "Add.\nSay it." or the instruction "Add: now." before every'
        in said
    )
    card = (tmp_path / "short" / "README.md").read_text()
    assert (
        "Ask as in training: the instruction of its task, one of these, a newline, the question."
        in card
    )
    assert "\n\n    Add.\n    Say it.\n\n    Add: now.\n\n" in card


def test_doctor_warns_of_an_instruction_that_no_template_writes(instructed, capsys) -> None:
    from cotpress.verbs.doctor import doctor

    with pytest.raises(SystemExit):  # the template of an adapter takes no ratio
        doctor("model", str(instructed), json=True)
    [found] = [one for one in json.loads(capsys.readouterr().out) if one["about"] == "instruction"]
    assert found["level"] == "warning"
    assert (
        'the instruction "Add: now." before every question, which the chat template does not write'
        in found["says"]
    )


@pytest.mark.parametrize(
    ("texts", "with_model", "level", "says"),
    [
        (["Add: now."], True, "ok", 'asked with the instruction "Add: now."'),
        ([""], False, "ok", "asked with no instruction"),
        (["A.", "B."], False, "warning", 'asked with the instruction "A." or the instruction "B."'),
        (
            ["A."],
            True,
            "warning",
            'asked with the instruction "A.", and the model was taught with the instruction "Add.',
        ),
    ],
)
def test_doctor_says_how_the_data_is_asked_and_warns_of_several_or_others(
    instructed, tmp_path, capsys, texts, with_model, level, says
) -> None:
    from make import sum_examples

    from cotpress.verbs.doctor import doctor

    path = tmp_path / "train.jsonl"
    storage.write(
        path,
        [
            with_instruction(one, text)
            for one, text in zip(sum_examples(4), texts * 4, strict=False)
        ],
    )
    doctor("data", str(path), model=str(instructed) if with_model else "", json=True)
    [found] = [one for one in json.loads(capsys.readouterr().out) if one["about"] == "instruction"]
    assert (found["level"], found["says"][: len(says)]) == (level, says)
