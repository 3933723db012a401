"""`cotpress run`: one command, every file of the walk, and nothing done twice."""

import json
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytest.importorskip("math_verify")

from command import cotpress

from cotpress import plugins, storage, tasks
from cotpress.cli import METHODS
from cotpress.records import CompressedTrace, EvalRow, ScoredTrace, Trace, TrainingExample
from cotpress.walks import Run, Step
from cotpress.walks._pruning import Cut
from cotpress.walks.shortest import shortest
from cotpress.walks.token_assorted import FORCED

FILES = (
    "traces.jsonl",
    "graded.jsonl",
    "scored.jsonl",
    "compressed.jsonl",
    "train.jsonl",
    "model/cotpress.json",
    "eval.jsonl",
    "eval.rows.jsonl",
    "report.json",
    "report.md",
)


def test_one_command_walks_from_a_task_to_a_report_and_a_second_finds_all_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        "run tokenskip --task arithmetic --model tiny --scorer surprisal:tiny "
        f"--out {tmp_path} --limit 12 --eval-limit 4"
        " --max-tokens 200 --ratios 1.0 0.6 --method full --epochs 1 --batch 4 --lr 1e-4"
    )
    assert cotpress(monkeypatch, command) == 0
    assert all((tmp_path / name).is_file() for name in FILES)
    cuts = list(storage.read(tmp_path / "compressed.jsonl", CompressedTrace))
    assert {cut.method for cut in cuts} == {"tokenskip"}
    rows = {
        (row.method, row.ratio): row for row in storage.read(tmp_path / "eval.rows.jsonl", EvalRow)
    }
    assert {("original", None), ("tokenskip", 1.0), ("tokenskip", 0.6)} <= set(rows)
    assert all(row.n == 4 for row in rows.values())
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in FILES[:7]}
    capsys.readouterr()
    assert cotpress(monkeypatch, command) == 0
    assert capsys.readouterr().err.count("was finished before under the same options") == 7
    assert before == {name: (tmp_path / name).stat().st_mtime_ns for name in FILES[:7]}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--task arithmetic --ratios 1.5", "ratio 1.5 is not a fraction"),
        ("--task arithmetik", "did you mean arithmetic"),
        ("--task arithmetic --scorer surprisl:tiny", "did you mean surprisal"),
        ("--task arithmetic --budgets 64", "add --control budget or both"),
        ("--task arithmetic --control both --budgets 0", "a budget of less than one token"),
    ],
)
def test_a_mistake_shows_before_any_model_is_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: str,
    sentence: str,
) -> None:
    assert cotpress(monkeypatch, f"run tokenskip --model tiny --out {tmp_path} {flags}") == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_walk_teaches_budgets_and_judges_at_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (
        "run tokenskip --task arithmetic --model tiny --scorer surprisal:tiny --control budget "
        f"--budgets 40 90 --out {tmp_path} --limit 12 --eval-limit 2 --max-tokens 200 "
        "--ratios 1.0 0.6 --method full --epochs 1 --batch 4 --lr 1e-4"
    )
    assert cotpress(monkeypatch, command) == 0
    made = storage.read(tmp_path / "train.jsonl", TrainingExample)
    assert all(one.asked.budget and one.asked.ratio is None for one in made)
    rows = storage.read(tmp_path / "eval.rows.jsonl", EvalRow)
    assert [(row.method, row.budget) for row in rows][:3] == [
        ("original", None),
        ("tokenskip", 40),
        ("tokenskip", 90),
    ]
    assert "spent-0" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_what_a_walk_is_judged_at_follows_what_it_teaches() -> None:
    ratios = {"ratios": [1.0, 0.5]}
    assert Cut(**ratios).judged_at == ratios
    open_ = {"ratios": None, "budgets": None}
    assert Cut(**ratios, control="both").judged_at == open_
    assert Cut(**ratios, control="budget").judged_at == open_
    budgets = (64, 128)
    assert Cut(**ratios, control="both", budgets=budgets).judged_at == ratios | {
        "budgets": [64, 128]
    }
    assert Cut(**ratios, control="budget", budgets=budgets).judged_at == {
        "ratios": None,
        "budgets": [64, 128],
    }


def test_cts_trains_its_reference_model_on_other_problems_and_chooses_ratios_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        f"run cts --task arithmetic --model tiny --out {tmp_path} "
        "--reference-limit 6 --limit 8 --eval-limit 2"
        " --keep-answer 2 --max-tokens 200 --ratios 1.0 0.6 --method "
        "full --epochs 1 --batch 4 --lr 1e-4"
    )
    assert cotpress(monkeypatch, command) == 0
    taught, compressed = (
        {trace.problem.id for trace in storage.read(tmp_path / name, Trace)}
        for name in ("reference/traces.jsonl", "traces.jsonl")
    )
    assert (len(taught), len(compressed)) == (6, 8)
    assert not taught & compressed
    assert {scored.scorer for scored in storage.read(tmp_path / "scored.jsonl", ScoredTrace)} == {
        f"cts:{tmp_path}/reference/model"
    }
    cuts = list(storage.read(tmp_path / "chosen.jsonl", CompressedTrace))
    assert {(cut.method, cut.keep_answer) for cut in cuts} == {("cts", 2.0)}
    assert {row.method for row in storage.read(tmp_path / "eval.rows.jsonl", EvalRow)} >= {
        "original",
        "cts",
    }
    capsys.readouterr()
    assert cotpress(monkeypatch, command) == 0
    # walk, reference, verify
    assert capsys.readouterr().err.count("was finished before under the same options") == 7 + 6 + 2


@pytest.mark.parametrize(
    ("method", "source"),
    [*((name, "") for name in METHODS), ("tokenskip", "gold"), ("cts", "gold")],
)
def test_processes_go_to_every_verb_that_asks_a_model_and_to_no_other(
    tmp_path: Path, method: str, source: str
) -> None:
    def steps(processes: int) -> list[Step]:
        asked = {"task": "arithmetic", "limit": 4, "eval_limit": 2, "source": source}
        run = Run(**asked, model="tiny", out=tmp_path, processes=processes)
        own: dict[str, object] = {"rounds": 2} if method == "shortest" else {}
        if method == "tokenskip":
            own = {"cut": Cut(keep_answer=1.0), "reference": "tiny", "scorer": "random"}
        name = method.replace("-", "_")
        return list(getattr(import_module(f"cotpress.walks.{name}"), name)(run, **own))

    asking = {"generate", "evaluate", "score", "verify"}
    for one, several in zip(steps(1), steps(3), strict=True):
        assert "processes" not in one.options
        worked = one.options.get("model") == "gold" or one.options.get("scorer") == "random"
        wanted = 3 if one.verb in asking and not worked else None
        if method == "tokenskip" and one.verb == "score":
            wanted = 3
        assert several.options.get("processes") == wanted, one.verb
        verb = getattr(import_module(f"cotpress.verbs.{several.verb}"), several.verb)
        signature(verb).bind(*several.given, **several.options)


def test_fewer_processes_than_one_are_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"run tokenskip --task arithmetic --model tiny --out {tmp_path / 'q'} --processes 0"
    assert cotpress(monkeypatch, command) == 2
    assert "choose --processes of at least 1" in capsys.readouterr().err


def test_keep_answer_needs_somebody_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"run tokenskip --task arithmetic --model tiny --scorer random --keep-answer 1 --out {tmp_path}"
    assert cotpress(monkeypatch, command) == 2
    assert "name it with --reference" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_token_assorted_teaches_gold_reasoning_and_judges_forced_and_corrupted_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        "run token-assorted --task arithmetic --source gold --model tiny "
        f"--out {tmp_path} --limit 40 --eval-limit 2"
        " --max-tokens 160 --codebook 8 --vq-steps 4 --epochs 1 --batch 8 --lr 1e-4"
    )
    assert cotpress(monkeypatch, command) == 0
    assert {trace.model for trace in storage.read(tmp_path / "traces.jsonl", Trace)} == {"gold"}
    assert json.loads((tmp_path / "model" / "cotpress.json").read_bytes())["kind"] == "full"
    rows = [
        (row.method, row.latents) for row in storage.read(tmp_path / "eval.rows.jsonl", EvalRow)
    ]
    assert {
        ("original", None),
        ("token-assorted", None),
        *(("forced-latents", n) for n in FORCED),
    } <= set(rows)
    assert (tmp_path / "report.html").is_file()
    capsys.readouterr()
    assert cotpress(monkeypatch, command) == 0
    assert capsys.readouterr().err.count("was finished before under the same options") == 7


def test_the_shortest_right_samples_are_learnt_in_rounds_each_from_the_model_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        f"run shortest --task arithmetic --model tiny --out {tmp_path} --samples 2 --rounds 2 "
        "--limit 6 --eval-limit 2 --max-tokens 200 --method full --epochs 1 --batch 3 --lr 1e-4"
    )
    assert cotpress(monkeypatch, command) == 0
    first, second = (tmp_path / f"round-{n}" for n in (1, 2))
    asked = [
        {trace.problem.id for trace in storage.read(out / "traces.jsonl", Trace)}
        for out in (first, second)
    ]
    assert [len(ids) for ids in asked] == [6, 6]
    assert not asked[0] & asked[1]
    assert {trace.model for trace in storage.read(second / "traces.jsonl", Trace)} == {
        f"hf:{first / 'model'}"
    }
    bases = [json.loads((out / "model" / "cotpress.json").read_bytes()) for out in (first, second)]
    assert [base["method"] for base in bases] == ["shortest-right"] * 2
    assert [base["ratios"] for base in bases] == [[], []]
    assert bases[1]["base"] == f"hf:{first / 'model'}"
    told = json.loads((tmp_path / "report.json").read_bytes())["rows"]
    models = [(row["setting"]["method"], row["setting"]["model"]) for row in told]
    assert models == [
        ("original", "tiny"),
        ("shortest-right", f"hf:{first / 'model'}"),
        ("shortest-right", f"hf:{second / 'model'}"),
    ]
    (second / "chosen.jsonl").unlink()
    capsys.readouterr()
    assert cotpress(monkeypatch, command) == 0
    said = capsys.readouterr().err
    assert said.count("was finished before under the same options") == 11  # all but select
    assert "select: 6 records" in said


def test_rounds_take_the_same_problems_where_there_are_no_others(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [{"question": f"{i} + 1?", "answer": str(i + 1)} for i in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    half = len(list(tasks.load(f"jsonl:{path}").problems("train"))) // 2
    for limit, skips in ((half, [0, half]), (half + 1, [0, 0]), (None, [0, 0])):
        run = Run(task=f"jsonl:{path}", model="tiny", out=tmp_path, limit=limit)
        steps = [one for one in shortest(run, rounds=2) if one.verb == "generate"]
        assert [one.options["skip"] for one in steps] == skips
        assert [one.options["seed"] for one in steps] == [0, 1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("tokenskp", "unknown method 'tokenskp'; did you mean tokenskip?"),
        (
            "token-assorted --task arithmetic --model tiny --out o --scorer random",
            "Unknown option: --scorer",
        ),
        ("cts --task arithmetic --model tiny --out o --codebook 8", "Unknown option: --codebook"),
    ],
)
def test_a_walk_refuses_what_belongs_to_another(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, sentence: str
) -> None:
    assert cotpress(monkeypatch, f"run {words}") == 2
    assert sentence in capsys.readouterr().err


def test_every_method_is_a_file_and_every_file_a_method() -> None:
    assert set(METHODS) == set(plugins.available("walks"))
