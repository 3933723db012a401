"""A model that was taught budgets, from the examples to the folder that is served."""

import contextlib
import json

import msgspec
import pytest

pytest.importorskip("torch")
from jinja2.exceptions import TemplateError
from make import make_row, sum_examples
from openai_server import serving
from train_fixtures import make_model

from cotpress.errors import CotpressError
from cotpress.lm.taught import Budgets
from cotpress.models.hf import load
from cotpress.records import Asked, Setting, TrainingExample
from cotpress.serving.export import export, read_about, served_ids
from cotpress.training.counting import miscounted
from cotpress.training.folder import trained
from cotpress.training.sft import TrainOptions, train
from cotpress.verbs.doctor import doctor

FAST = TrainOptions(epochs=1, batch=4, gradient_checkpointing=False)
BUDGETS = (20, 30, 40, 50, 60)


def examples(*others: TrainingExample) -> list[TrainingExample]:
    """Sums that ask for budgets, which nobody counted."""
    found = []
    for one, budget in zip(sum_examples(len(BUDGETS)), BUDGETS, strict=True):
        asked, prompt = Asked(budget=budget), one.problem.prompt(budget=budget)
        found.append(msgspec.structs.replace(one, asked=asked, prompt=prompt))
    return [*found, *others]


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def run(tmp_path_factory, said):
    root = tmp_path_factory.mktemp("budgets")
    make_model(root / "base")
    train(examples(), load(str(root / "base")), root / "run", FAST, say=said.append)
    return root / "run"


@pytest.fixture(scope="module")
def exported(run):
    export(load(str(run)), run.parent / "served", trained=trained(run), say=lambda line: None)
    return run.parent / "served"


def findings(capsys, what, target, **options):
    with contextlib.suppress(SystemExit):
        doctor(what, str(target), json=True, **options)
    found = json.loads(capsys.readouterr().out)
    return {one["about"]: (one["level"], one["says"]) for one in found}


def test_the_range_that_was_taught_is_written_down(run):
    about = trained(run)
    assert about.ratios == []
    assert about.budgets == Budgets(least=20, low=24, medium=40, high=56, most=60)


def test_budgets_that_are_not_the_model_s_own_tokens_are_said(run, said):
    assert any("the budgets in the prompts are" in line for line in said)
    model, right = load(str(run)), []
    for one in sum_examples(3):
        (ends,) = model.token_ends([one.reasoning])
        right.append(msgspec.structs.replace(one, asked=Asked(budget=max(1, len(ends)))))
    assert miscounted(right, model) == ""
    assert miscounted(sum_examples(3), model) == ""


def test_the_served_template_takes_budgets_and_writes_the_ids_of_training(run, exported):
    tokenizer, taught = load(str(exported)).tokenizer, load(str(run))
    for one in examples():
        expected = taught.prompt_ids(one.prompt)
        asked = one.problem.prompt()
        assert served_ids(tokenizer, asked, thinking_budget=one.asked.budget) == expected
        # a prompt that carries the tag gets no second one
        assert load(str(exported)).prompt_ids(one.prompt) == expected
    with pytest.raises(TemplateError, match="taught budgets and no ratios"):
        served_ids(tokenizer, asked, compression_ratio=0.5)


def test_the_efforts_are_tenths_of_the_budgets_taught_and_can_be_chosen(run, exported, tmp_path):
    about = read_about(exported)
    assert (about.takes, about.efforts) == ("budget", {"low": 24, "medium": 40, "high": 56})
    other = {"trained": trained(run), "say": lambda line: None}
    export(load(str(run)), tmp_path / "x", efforts=(20, 30, 99), **other)
    assert read_about(tmp_path / "x").efforts == {"low": 20, "medium": 30, "high": 99}
    with pytest.raises(CotpressError, match=r"effort 0\.5 is not a number of tokens"):
        export(load(str(run)), tmp_path / "y", efforts=(0.5, 0.7, 1.0), **other)


def test_the_card_tells_of_budgets(run, exported, tmp_path):
    card = (exported / "README.md").read_text()
    assert "- budgets trained: 20 to 60 tokens (10 %, 50 %, 90 %: 24, 40, 56)" in card
    assert "`thinking_budget` asks for so many reasoning tokens" in card
    assert '"chat_template_kwargs": {"thinking_budget": 40}' in card
    assert "ratios trained" not in card
    told = Setting(model="m", method="tokenskip", asked=Asked(budget=60))
    other = {"trained": trained(run), "say": lambda line: None}
    export(load(str(run)), tmp_path / "x", rows=[make_row(setting=told)], **other)
    assert "| arithmetic | tokenskip | 60 tokens | 500 |" in (tmp_path / "x/README.md").read_text()


def test_a_model_that_was_taught_both_takes_both(run, tmp_path):
    base = load(str(run.parent / "base"))
    train(examples(*sum_examples(4, 0.5)), base, tmp_path / "run", FAST, say=lambda line: None)
    about = trained(tmp_path / "run")
    model = load(str(tmp_path / "run"))
    done = export(model, tmp_path / "out", trained=about, say=lambda line: None)
    assert (done.takes, set(done.efforts.values())) == ("both", {0.5})
    card = (tmp_path / "out" / "README.md").read_text()
    assert "in one of two ways" in card
    assert "- ratios trained: 0.5" in card


def test_doctor_finds_the_folder_healthy(capsys, exported):
    found = findings(capsys, "model", exported)
    assert {level for level, _ in found.values()} == {"ok"}
    assert found["template"][1] == (
        "thinking_budget writes the ids of training; efforts: low 24, medium 40, high 56"
    )
    assert found["vocabulary"][1].startswith("the budget tag is ")


def test_doctor_misses_the_budget_in_a_template_that_was_not_exported(capsys, run):
    level, says = findings(capsys, "model", run)["template"]
    assert level == "problem"
    assert says.startswith("the chat template does not read thinking_budget")


def test_doctor_counts_budgets_in_data(capsys, tmp_path):
    path = tmp_path / "train.jsonl"
    made = examples(*sum_examples(2, 0.5))
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in made))
    level, says = findings(capsys, "data", path)["prompts"]
    assert (level, says) == ("ok", "7 rows by ratio: 0.5: 2; by budget: 5, 20 to 60 tokens")


@pytest.fixture
def server(exported):
    tokenizer = load(str(exported)).tokenizer

    def prompt(body):
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


def test_doctor_finds_a_server_of_budgets_healthy(capsys, server):
    found = findings(capsys, "server", server.url)
    assert {level for level, _ in found.values()} == {"ok"}
    assert found["budget"][1].startswith("thinking_budget 256 writes the tag: ")
    assert found["bad budget"] == ("ok", "a budget of 0 is refused (status 400)")
    assert "ratio" not in found


def test_doctor_finds_a_server_that_drops_what_is_asked_for(capsys, server):
    server.drops = True
    assert findings(capsys, "server", server.url)["ratio"][0] == "problem"
