"""`cotpress eval` end to end with a model in memory: files,
resume, warnings, the table and its JSON.
"""

import json
import re
import sys
from types import ModuleType

import msgspec
import pytest

from cotpress import cli, storage, tasks
from cotpress.errors import CotpressError
from cotpress.models import Completion
from cotpress.records import EvalRow, Problem, Trace
from cotpress.tasks import Task
from cotpress.tasks._sources import split_of
from cotpress.verbs.common import rows_path
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.report import report


class Short:
    """Reasons in 20 words times the ratio in the prompt, or in as many as its budget, and never in
    fewer than 12; stops after `patience` answers.
    """

    def __init__(self, target):
        self.name = self.identity = f"fakes.short:{target}"
        self.n_asked = 0
        self.patience = 10**9

    def generate(self, requests, sampling):
        for request in requests:
            if self.n_asked == self.patience:
                raise KeyboardInterrupt
            self.n_asked += 1
            content = request.messages[0]["content"]
            tag = re.search(r"<ratio>(.*)</ratio>", content)
            answer = int(re.search(r"What is (\d+)", content)[1]) + 1
            if request.prefill:
                yield Completion(text=f"{answer}}}.", n_tokens=1, finished=True)
                continue
            budget = re.search(r"<budget>(.*)</budget>", content)
            n = int(budget[1]) if budget else round(20 * float(tag[1]) if tag else 20)
            n = max(12, n)
            said = " ".join(f"w{k}" for k in range(n))
            yield Completion(
                text=f"{said}\nThe answer is \\boxed{{{answer}}}.", n_tokens=n + 4, finished=True
            )

    def token_ends(self, texts):
        return [[match.end() for match in re.finditer(r"\S+", text)] for text in texts]


def plus(split):
    for i in range(6 if split == "test" else 10**9):
        yield Problem(
            id=f"plus/{split}/{i}",
            question=f"What is {i} + 1?",
            answer=str(i + 1),
            task="fakes.plus",
        )


@pytest.fixture
def fakes(monkeypatch):
    """A task and a model that plug-in specs can name; the models that were loaded, by target."""
    loaded = {}
    task, model = ModuleType("fakes.plus"), ModuleType("fakes.short")
    task.load = lambda target="": Task("plus", plus, ("test", "endless"))
    model.load = lambda target="": loaded.setdefault(target, Short(target))
    monkeypatch.setitem(sys.modules, "fakes.plus", task)
    monkeypatch.setitem(sys.modules, "fakes.short", model)
    return loaded


@pytest.fixture
def run(tmp_path, fakes, monkeypatch):
    """The verb for a model that `cotpress train` wrote, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    about = {
        "base": "fakes.short:base",
        "method": "tokenskip",
        "scorer": "surprisal:base",
        "ratios": [1.0, 0.9, 0.6],
    }
    (tmp_path / "taught").mkdir()
    (tmp_path / "taught" / "cotpress.json").write_text(json.dumps(about), encoding="utf-8")

    def run(**others):
        # plug-ins: no file may name them
        named = {
            "model": "fakes.short:taught",
            "original": "fakes.short:base",
        }
        evaluate(**{"task": "fakes.plus", "out": tmp_path / "eval.jsonl", **named, **others})
        out = others.get("out", tmp_path / "eval.jsonl")
        return list(storage.read(rows_path(out), EvalRow))

    return run


def test_a_trained_model_is_judged_at_its_ratios_against_its_base(run, tmp_path, capsys):
    found = run(baseline=["truncation", "be-concise"])
    assert [(row.method, row.ratio, row.n, row.kept) for row in found] == [
        ("original", None, 6, 1.0),
        ("tokenskip", 1.0, 6, 1.0),
        ("tokenskip", 0.9, 6, 0.9),
        ("tokenskip", 0.6, 6, 0.6),
        ("truncation", 0.9, 6, 0.9),
        ("truncation", 0.6, 6, 0.6),
        ("be-concise", None, 6, 1.0),
    ]
    assert {row.model for row in found} == {"fakes.short:base", "fakes.short:taught"}
    assert [row.scorer for row in found if row.method == "tokenskip"] == ["surprisal:base"] * 3
    assert all(row.accuracy == 1.0 and row.task == "fakes.plus" for row in found)
    traces = list(storage.read(tmp_path / "eval.jsonl", Trace))
    assert len(traces) == 7 * 6
    printed = capsys.readouterr()
    assert (
        "eval: left out truncation at 1: the model did not shorten anything (kept 1.00)"
        in printed.err
    )
    assert "100.0% [61.0, 100.0]" in printed.out
    meta = json.loads((tmp_path / "eval.meta.json").read_bytes())
    assert meta["counts"] == {
        "in": 6,
        "out": 42,
        "dropped": {"truncation at 1: the model did not shorten anything (kept 1.00)": 1},
    }


@pytest.mark.parametrize(
    ("recorded", "kept"),
    [({"unit": "token", "protect": "none"}, 0.6), ({}, 0.6), ({"protect": "strict"}, 1.0)],
)
def test_chance_is_cut_by_the_rules_that_the_checkpoint_records(run, tmp_path, recorded, kept):
    path = tmp_path / "taught" / "cotpress.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | recorded), encoding="utf-8")
    found = {row.method: row for row in run(baseline=["random"], ratios=[0.6])}
    assert found["tokenskip"].kept == 0.6
    # every word of these models holds a digit, which `strict` never drops
    assert found["random"].kept == kept


BUDGETS = {"least": 12, "low": 13, "medium": 15, "high": 18, "most": 40}


@pytest.fixture
def taught(run, tmp_path):
    """The verb for a model that was taught budgets, and these ratios."""
    path = tmp_path / "taught" / "cotpress.json"

    def taught(known=(), **others):
        about = json.loads(path.read_text()) | {"ratios": known, "budgets": BUDGETS}
        path.write_text(json.dumps(about), encoding="utf-8")
        return [(row.method, str(row.setting.asked)) for row in run(**others)]

    return taught


def test_a_model_that_was_taught_budgets_is_asked_for_the_usual_ones(taught):
    asked = ["18 tokens", "15 tokens", "13 tokens"]
    assert taught() == [("original", "None"), *(("tokenskip", one) for one in asked)]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, ["1.0", "0.6", "18 tokens", "15 tokens", "13 tokens"]),
        ({"budgets": [14]}, ["14 tokens"]),
        ({"ratios": [0.6]}, ["0.6"]),
        ({"ratios": [0.6], "budgets": [14, 30]}, ["0.6", "30 tokens", "14 tokens"]),
    ],
)
def test_a_model_that_was_taught_both_is_asked_for_what_is_named(taught, named, expected):
    found = taught([1.0, 0.6], **named)
    assert {one for _, one in found[1:]} == set(expected)


def test_the_arms_end_thinking_at_the_budgets_that_the_prompt_asks_for(taught):
    found = taught(budgets=[15], baseline=["budget-forcing"])
    assert found[1:] == [("tokenskip", "15 tokens"), ("budget-forcing", "15 tokens")]


def test_a_budget_outside_what_was_trained_or_missed_is_said(taught, capsys):
    taught(budgets=[5, 50])
    said = capsys.readouterr().err
    outside = "eval: a budget of {} is outside what fakes.short:taught was trained on (12 to 40"
    assert outside.format(5) in said
    assert outside.format(50) in said
    assert "tokenskip at 5 tokens: outside what was trained (12 to 40); asked 5, spent 12" in said
    assert "tokenskip at 50 tokens: outside what was trained (12 to 40)\n" in said


def test_budgets_are_refused_of_a_model_that_was_taught_none(run):
    with pytest.raises(CotpressError, match=r"was not taught budgets \(build --control budget\)"):
        run(budgets=[15])


def test_a_ratio_that_was_never_trained_on_and_is_missed_is_said_twice(run, capsys):
    found = run(ratios=[0.5])
    printed = capsys.readouterr()
    assert "fakes.short:taught was never trained on ratio 0.5 (but on 1, 0.9, 0.6)" in printed.err
    assert "eval: tokenskip at ratio 0.5: never trained on; asked 0.5, kept 0.60" in printed.err
    assert found[1].note == "never trained on; asked 0.5, kept 0.60"
    assert "never trained on; asked 0.5, kept 0.60" in printed.out


def test_a_rerun_asks_no_model_and_prints_the_same_rows(run, fakes, capsys):
    first = run(json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [
        (row["setting"]["method"], row["setting"]["asked"].get("ratio")) for row in printed
    ] == [(row.method, row.ratio) for row in first]
    asked = fakes["taught"].n_asked
    assert run() == first
    assert fakes["taught"].n_asked == asked
    assert "was finished before under the same options" in capsys.readouterr().err


def test_a_stopped_run_goes_on_where_it_stopped(run, fakes, tmp_path):
    whole = run(baseline=["random"])
    n_asked = sum(model.n_asked for model in fakes.values())
    for path in tmp_path.glob("eval.*"):
        path.unlink()
    fakes.clear()
    fakes["taught"] = Short("taught")
    fakes["taught"].patience = 8
    with pytest.raises(KeyboardInterrupt):
        run(baseline=["random"])
    fakes["taught"].patience = 10**9
    kept = (tmp_path / "eval.jsonl.part").read_bytes().count(b"\n")
    assert kept >= 6 + 6
    assert run(baseline=["random"]) == whole
    # two answers had no grade yet
    assert n_asked <= sum(model.n_asked for model in fakes.values()) <= n_asked + 2


def test_other_ratios_do_not_go_into_the_same_file(run):
    run(ratios=[0.6])
    with pytest.raises(CotpressError, match="choose another --out"):
        run(ratios=[0.9])


def test_a_plain_model_is_its_own_original(run):
    assert [(row.method, row.ratio) for row in run(model="fakes.short:plain", original="")] == [
        ("original", None)
    ]


def test_the_original_may_be_another_or_none(run, tmp_path):
    assert run(original="fakes.short:other")[0].model == "fakes.short:other"
    run(original="none", out=tmp_path / "alone.jsonl")
    alone = list(storage.read(tmp_path / "alone.rows.jsonl", EvalRow))
    assert {(row.method, row.kept, row.p_value) for row in alone} == {("tokenskip", None, None)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 0}, "--limit 0 leaves no problem"),
        ({"max_tokens": 0}, "choose --max-tokens of at least 1"),
        ({"ratios": [0.0]}, "ratio 0 is not a fraction of kept tokens"),
        (
            {"split": "endless"},
            "more than 20000 problems in split endless: say how many with --limit",
        ),
        ({"split": "train"}, "unknown split of task plus 'train'"),
        ({"baseline": ["randon"]}, "unknown baseline 'randon'; did you mean random"),
        ({"original": "none", "baseline": ["random"]}, "name it with --original"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_no_file(run, tmp_path, change, message):
    with pytest.raises(CotpressError, match=re.escape(message)):
        run(**change)
    assert list(tmp_path.glob("eval*")) == []


def test_a_broken_description_is_named(run, tmp_path):
    (tmp_path / "taught" / "cotpress.json").write_text('{"base": 3}', encoding="utf-8")
    with pytest.raises(
        CotpressError, match=r"taught/cotpress.json does not describe a trained model"
    ):
        run()


def test_a_file_alone_of_which_no_question_falls_to_the_split_is_answered_with_how_to_take_it_whole(
    tmp_path,
):
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "What is 2 + 2?", "answer": 4}\n')
    empty = "train" if split_of("What is 2 + 2?") == "test" else "test"
    with pytest.raises(CotpressError, match=rf"q\.jsonl,split={empty} for the whole file\.$"):
        tasks.take(tasks.load(f"jsonl:{questions}"), empty, None)
    assert len(tasks.take(tasks.load(f"jsonl:{questions},split={empty}"), empty, None)) == 1


def test_several_values_follow_one_flag(run, tmp_path, monkeypatch, capsys):
    flags = "--ratios 1.0 0.6 --baseline truncation random --limit 3 --out eval.jsonl --json"
    named = "--model fakes.short:taught --original fakes.short:base"
    monkeypatch.setattr(sys, "argv", f"cotpress eval --task fakes.plus {named} {flags}".split())
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code in (None, 0)
    assert [
        (row["setting"]["method"], row["setting"]["asked"].get("ratio"), row["n"])
        for row in json.loads(capsys.readouterr().out)
    ] == [
        ("original", None, 3),
        ("tokenskip", 1.0, 3),
        ("tokenskip", 0.6, 3),
        ("truncation", 0.6, 3),
        ("random", 0.6, 3),
    ]


def test_k_answers_a_problem_have_their_mean_in_rows_file_and_table(run, tmp_path, capsys):
    found = run(samples=3, temperature=0.8, seed=4, baseline=["truncation"], ratios=[0.6])
    assert [(row.method, row.n, row.k, row.seed, row.pass_at_k, row.maj_at_k) for row in found] == [
        (method, 6, 3, 4, 1.0, 1.0) for method in ("original", "tokenskip", "truncation")
    ]
    traces = list(storage.read(tmp_path / "eval.jsonl", Trace))
    assert len(traces) == 3 * 6 * 3
    assert [trace.sample for trace in traces] == [0, 1, 2] * 18
    assert "pass@k" in capsys.readouterr().out


def test_a_run_of_k_answers_goes_on_where_it_stopped(run, fakes, tmp_path):
    several = {"samples": 2, "temperature": 0.8}
    whole = run(**several)
    for path in tmp_path.glob("eval.*"):
        path.unlink()
    fakes.clear()
    fakes["taught"] = Short("taught")
    fakes["taught"].patience = 9
    with pytest.raises(KeyboardInterrupt):
        run(**several)
    fakes["taught"].patience = 10**9
    assert run(**several) == whole
    with pytest.raises(CotpressError, match=r"other options or input \(samples\)"):
        run(samples=3, temperature=0.8)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 4}, "--samples 4 would be 4 times the same answer: choose a --temperature"),
        ({"samples": 0}, "--samples of at least 1"),
        ({"temperature": -1.0}, "--temperature of at least 0"),
        ({"temperature": 0.6, "top_p": 0.0}, "0 < --top-p <= 1"),
        ({"temperature": 0.6, "top_k": -1}, "--top-k of at least 0"),
        ({"temperature": 0.6, "min_p": 1.5}, "0 <= --min-p <= 1"),
        ({"top_k": 20}, "without a temperature nothing is drawn"),
        ({"sampling": "model"}, "has no generation_config.json that says how to sample"),
        ({"sampling": "model", "temperature": 0.6}, "leave out --temperature"),
    ],
)
def test_sampling_that_cannot_be_is_one_sentence_and_leaves_no_file(run, tmp_path, change, message):
    with pytest.raises(CotpressError, match=re.escape(message)):
        run(**change)
    assert list(tmp_path.glob("eval*")) == []


def test_a_model_is_sampled_as_its_own_file_says_and_that_is_said(run, fakes, tmp_path, capsys):
    fakes["taught"] = Short("taught")
    fakes["taught"].generation_config = {"do_sample": True, "temperature": 0.6, "top_k": 20}
    run(sampling="model", samples=2)
    assert "eval: temperature 0.6, top_p 1, top_k 20, min_p 0, from" in capsys.readouterr().err
    meta = json.loads((tmp_path / "eval.meta.json").read_bytes())
    assert meta["options"]["sampling"]["top_k"] == 20


def minus(split):
    for i in range(4):
        yield Problem(
            id=f"minus/{split}/{i}",
            question=f"What is {i} + 1?",
            answer=str(i + 1),
            task="fakes.minus",
        )


@pytest.fixture
def other_task(monkeypatch):
    """A second task, with a marker of its own."""
    task = ModuleType("fakes.minus")
    task.load = lambda target="": Task("minus", minus, ("test",), marker="The answer")
    monkeypatch.setitem(sys.modules, "fakes.minus", task)


def test_several_tasks_are_one_command_with_rows_for_each(run, other_task, tmp_path, capsys):
    found = run(task=["fakes.plus", "fakes.minus"], ratios=[0.6], baseline=["truncation"])
    assert [(row.task, row.method, row.n) for row in found] == [
        (task, method, n)
        for task, n in (("fakes.plus", 6), ("fakes.minus", 4))
        for method in ("original", "tokenskip", "truncation")
    ]
    assert all(row.kept == 0.6 for row in found if row.method == "tokenskip")
    said = capsys.readouterr()
    assert said.out.startswith("fakes.plus, fakes.minus test")
    meta = json.loads((tmp_path / "eval.meta.json").read_bytes())
    assert meta["options"]["task"] == ["fakes.plus", "fakes.minus"]
    assert meta["counts"]["in"] == 10


def test_each_of_several_tasks_goes_on_where_it_stopped(run, other_task, fakes, tmp_path):
    both = {"task": ["fakes.plus", "fakes.minus"], "ratios": [0.6]}
    whole = run(**both)
    for path in tmp_path.glob("eval.*"):
        path.unlink()
    fakes.clear()
    fakes["taught"] = Short("taught")
    fakes["taught"].patience = 8  # within the second task
    with pytest.raises(KeyboardInterrupt):
        run(**both)
    fakes["taught"].patience = 10**9
    assert run(**both) == whole


def test_two_tasks_with_the_same_problems_are_refused(run, monkeypatch):
    twin = ModuleType("fakes.twin")
    twin.load = lambda target="": Task("twin", plus, ("test",))
    monkeypatch.setitem(sys.modules, "fakes.twin", twin)
    with pytest.raises(CotpressError, match="both have a problem 'plus/test/0': evaluate them one"):
        run(task=["fakes.plus", "fakes.twin"])
    assert [row.n for row in run(task=["fakes.plus", "fakes.plus"], ratios=[0.6])] == [6, 6]


def test_answers_that_the_limit_cuts_off_are_said_at_once_and_at_the_end(run, monkeypatch, capsys):
    monkeypatch.setattr("cotpress.verbs.common.AT_LEAST", 4)
    cut = {"plus/test/0", "plus/test/1"}
    real = Short.generate

    def generate(self, requests, sampling):
        asked = list(requests)
        for request, found in zip(asked, real(self, asked, sampling), strict=True):
            yield msgspec.structs.replace(found, finished=request.key.split("|")[0] not in cut)

    monkeypatch.setattr(Short, "generate", generate)
    found = run(ratios=[0.6], max_tokens=77)
    assert [row.truncated for row in found] == [1 / 3, 1 / 3]
    said = capsys.readouterr().err
    assert "eval: 2 of the first 4 answers of original were cut off at 77 tokens: raise" in said
    assert said.count("of the first 4 answers") == 2  # once for each arm
    assert "eval: tokenskip at ratio 0.6: the limit of 77 tokens cut off 33% of the answers" in said
    assert "raise --max-tokens and choose another --out" in said


def test_two_seeds_of_one_evaluation_are_told_apart_and_summed_up_in_the_report(run, tmp_path):
    for seed in (0, 1):
        run(temperature=0.7, seed=seed, ratios=[0.6], out=tmp_path / f"e{seed}.jsonl")
    report(tmp_path / "e0.jsonl", tmp_path / "e1.jsonl", out=tmp_path / "report.html")
    told = json.loads((tmp_path / "report.json").read_bytes())
    assert [(row["setting"]["method"], row["seed"]) for row in told["rows"]] == [
        (method, seed) for method in ("original", "tokenskip") for seed in (0, 1)
    ]
    assert [(one["setting"]["method"], one["seeds"]) for one in told["runs"]] == [
        ("original", [0, 1]),
        ("tokenskip", [0, 1]),
    ]
    assert told["runs"][1]["accuracy"] == {"mean": 1.0, "sd": 0.0, "min": 1.0, "max": 1.0}
    assert "## Seeds and runs" in (tmp_path / "report.md").read_text(encoding="utf-8")
