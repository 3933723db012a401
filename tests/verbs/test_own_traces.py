"""A user's own traces: held out by question, judged on, looked at, and walked to a report."""

import json
from pathlib import Path

import pytest
from command import cotpress

from cotpress import storage, tasks
from cotpress.errors import BadRecord, CotpressError
from cotpress.pipeline.importing.parts import Parts, held_out_path, is_held_out
from cotpress.records import EvalRow, Trace, TrainingExample
from cotpress.verbs.import_ import import_

TRACES = Path(__file__).parents[2] / "recipes" / "traces.jsonl"


def rows(n: int = 60, samples: int = 2) -> list[dict[str, str]]:
    return [
        {
            "question": f"What is {i} plus one?",
            "cot": f"Way {k}: {i} + 1 = {i + 1}",
            "answer": str(i + 1),
        }
        for i in range(n)
        for k in range(samples)
    ]


def write(path: Path, held: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in held))
    return path


def ids(path: Path) -> list[str]:
    return [trace.problem.id for trace in storage.read(path, Trace)]


def test_a_problem_is_held_out_with_all_its_samples_whatever_else_is_there(tmp_path: Path) -> None:
    for name, held in (("all", rows()), ("half", rows()[60:])):
        file = write(tmp_path / f"{name}.jsonl", held)
        import_(str(file), out=tmp_path / name / "t.jsonl", holdout=0.2)
    taught, judged = (ids(tmp_path / "all" / f"t{part}.jsonl") for part in ("", ".heldout"))
    assert len(taught) + len(judged) == 120
    assert not set(taught) & set(judged)
    assert all(judged.count(one) == 2 for one in judged)
    assert 4 <= len(set(judged)) <= 24
    half = ids(held_out_path(tmp_path / "half" / "t.jsonl"))
    assert half == [one for one in judged if one in half]
    assert set(ids(tmp_path / "half" / "t.jsonl")) <= set(taught)


def test_another_seed_holds_out_others_and_a_larger_share_the_same_and_more() -> None:
    questions = [f"Question {i}?" for i in range(300)]
    small, large, other = (
        {one for one in questions if is_held_out(one, share, seed)}
        for share, seed in ((0.1, 0), (0.3, 0), (0.1, 1))
    )
    assert small < large
    assert small != other
    assert is_held_out("question 7", 0.5, 3) == is_held_out(" Question  7? ", 0.5, 3)


def test_a_part_without_a_reference_cannot_be_held_out(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [{**row, "answer": ""} for row in rows()])
    with pytest.raises(CotpressError, match="holds out no problem with a reference answer"):
        import_(str(file), out=tmp_path / "t.jsonl", completion=["cot"], holdout=0.2)
    with pytest.raises(CotpressError, match=r"--holdout 1 must be a share"):
        Parts(1.0)


def test_skip_and_limit_count_problems_not_samples(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", rows())
    import_(str(file), out=tmp_path / "t.jsonl", skip=3, limit=4)
    found = ids(tmp_path / "t.jsonl")
    import_(str(file), out=tmp_path / "all.jsonl")
    assert found == ids(tmp_path / "all.jsonl")[6:14]


def test_traces_of_cotpress_come_in_as_they_are(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", rows())
    import_(str(file), out=tmp_path / "t.jsonl")
    import_(str(tmp_path / "t.jsonl"), out=tmp_path / "again.jsonl", holdout=0.2)
    first = list(storage.read(tmp_path / "t.jsonl", Trace))
    again = [
        trace
        for path in (tmp_path / "again.jsonl", tmp_path / "again.heldout.jsonl")
        for trace in storage.read(path, Trace)
    ]
    assert sorted(first, key=lambda one: one.key) == sorted(again, key=lambda one: one.key)
    with pytest.raises(CotpressError, match="whose fields are known: name no columns"):
        import_(str(tmp_path / "t.jsonl"), out=tmp_path / "n.jsonl", question=["problem"])


def test_the_task_jsonl_reads_what_import_reads(tmp_path: Path) -> None:
    import_(str(TRACES), out=tmp_path / "t.jsonl", holdout=0.1)
    whole = list(tasks.load(f"jsonl:{TRACES},split=test").problems("test"))
    held = list(tasks.load(f"jsonl:{tmp_path / 't.heldout.jsonl'},split=test").problems("test"))
    assert len(whole) == 200
    assert {(one.question, one.answer, one.instruction) for one in held} <= {
        (one.question, one.answer, one.instruction) for one in whole
    }
    assert [one.id for one in held] == ids(tmp_path / "t.heldout.jsonl")
    parts = [len(list(tasks.load(f"jsonl:{TRACES}").problems(name))) for name in ("train", "test")]
    assert sum(parts) == 200
    assert 20 <= parts[1] <= 60


def test_a_trace_without_a_reference_is_no_problem_to_judge_on(tmp_path: Path) -> None:
    row = {
        "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    }
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(BadRecord, match=r"a\.jsonl:1: no reference answer to judge by"):
        list(tasks.load(f"jsonl:{path},split=test").problems("test"))


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("", "name a task with --task, or your own traces with --traces"),
        ("--traces nothing.jsonl", "nothing.jsonl"),
        (f"--traces {TRACES} --holdout 0", "leaves nothing to judge on"),
        (f"--traces {TRACES} --source tiny", "leave one of them out"),
        (f"--traces {TRACES} --grader maths", "did you mean math"),
        ("--task arithmetic --eval-limit 3", "say how many with --limit"),
        ("--task arithmetic --limit 3", "say how many with --eval-limit"),
        ("--task arithmetic --limit 3 --eval-limit 3 --unit wrd", "did you mean word"),
        ("--task arithmetic --limit 3 --eval-limit 3 --baseline randm", "did you mean random"),
        (
            "--task arithmetic --limit 3 --eval-limit 3 --protect-regex (",
            "not a regular expression",
        ),
        ("--task arithmetic --limit 3 --eval-limit 3 --source nosuch", "unknown model 'nosuch'"),
        (
            "--task arithmetic --limit 3 --eval-limit 3 --keep-answer 1 --reference nosuch",
            "unknown model 'nosuch'",
        ),
        (
            "--task arithmetic --limit 3 --eval-limit 3 --scorer llmlingua2:/no/such",
            "--scorer surprisal:tiny",
        ),
    ],
)
def test_what_a_walk_would_stumble_over_later_is_said_before_it_makes_anything(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: str,
    sentence: str,
) -> None:
    pytest.importorskip("trl")
    scorer = "" if "--scorer" in flags else "--scorer random"
    out = tmp_path / "run"
    command = f"run tokenskip --model tiny --out {out} {scorer} {flags}"
    assert cotpress(monkeypatch, command) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
def test_a_new_user_walks_from_own_traces_and_a_config_file_to_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("trl", "math_verify", "plotly"):
        pytest.importorskip(package)
    run = tmp_path / "run"
    config = tmp_path / "run.toml"
    lines = TRACES.read_text().splitlines(keepends=True)[:40]
    mine = tmp_path / "mine.jsonl"
    mine.write_text("".join(lines))
    config.write_text(
        "[run.tokenskip]\n"
        f'traces = ["{mine}"]\nholdout = 0.1\nmodel = "tiny"\nscorer = "surprisal:tiny"\n'
        'ratios = [1.0, 0.6]\nmethod = "full"\nepochs = 1\nbatch = 8\nlr = 1e-4\neval-limit = 3\n'
        f'max-tokens = 200\nout = "{run}"\n'
    )
    assert cotpress(monkeypatch, f"run --config {config}") == 0
    taught = {one.problem.question for one in storage.read(run / "train.jsonl", TrainingExample)}
    judged = {trace.problem.question for trace in storage.read(run / "eval.jsonl", Trace)}
    assert taught
    assert judged
    assert not taught & judged
    found = list(storage.read(run / "eval.rows.jsonl", EvalRow))
    assert {row.overlap for row in found} == {0}
    assert (run / "report.html").stat().st_size > 10_000

    capsys.readouterr()
    assert cotpress(monkeypatch, f"show {run / 'scored.jsonl'} --ratio 0.6") == 0
    assert "[-" in capsys.readouterr().out
    exported = tmp_path / "served"
    assert cotpress(monkeypatch, f"export {run} --out {exported}") == 0
    again = f"eval --task jsonl:{mine},split=test --model {exported} --ratios 1.0 --max-tokens 200"
    again += f" --limit 6 --original none --out {tmp_path}"
    assert cotpress(monkeypatch, f"{again}/all.jsonl") == 0
    n = sum(
        one.question in taught
        for one in tasks.take(tasks.load(f"jsonl:{mine},split=test"), "test", 6)
    )
    assert n
    assert [row.overlap for row in storage.read(tmp_path / "all.rows.jsonl", EvalRow)] == [n]
    assert f"eval: {n} of 6 problems" in capsys.readouterr().err
    page = tmp_path / "overlap.html"
    assert cotpress(monkeypatch, f"report {tmp_path}/all.jsonl --out {page}") == 0
    told = json.loads(page.with_suffix(".json").read_bytes())["headline"]
    assert told[0].startswith(f"Of the 6 problems of jsonl:{mine},split=test, {n} ")
    if n < 6:
        assert cotpress(monkeypatch, f"{again}/new.jsonl --exclude-overlap") == 0
        (row,) = storage.read(tmp_path / "new.rows.jsonl", EvalRow)
        assert (row.n, row.overlap) == (6 - n, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("walk", "first"),
    [
        ("cts --reference-limit 8", "traces.jsonl"),
        ("token-assorted --codebook 8 --vq-steps 4", "traces.jsonl"),
        ("shortest --rounds 2 --samples 2", "round-1/traces.jsonl"),
    ],
)
def test_every_walk_begins_with_own_traces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, walk: str, first: str
) -> None:
    for package in ("trl", "math_verify", "plotly"):
        pytest.importorskip(package)
    mine = tmp_path / "mine.jsonl"
    mine.write_text("".join(TRACES.read_text().splitlines(keepends=True)[:30]))
    out = tmp_path / "run"
    ratios = "--ratios 1.0 0.6" if walk.startswith("cts") else ""
    method = "" if walk.startswith("token") else "--method full"
    command = (
        f"run {walk} --traces {mine} --model tiny --out {out} --eval-limit 2 {ratios} {method}"
    )
    command += " --max-tokens 200 --epochs 1 --batch 8 --lr 1e-4 --holdout 0.2"
    assert cotpress(monkeypatch, command) == 0
    assert {trace.model for trace in storage.read(out / first, Trace)} == {"import"}
    assert (out / "report.html").is_file()
    held = set(ids(held_out_path(out / first)))
    if walk.startswith("cts"):
        parts = [set(ids(out / name / "traces.jsonl")) for name in ("", "reference")]
        assert len(parts[1]) == 8
        assert not parts[0] & parts[1]
        assert not held & (parts[0] | parts[1])
    if walk.startswith("shortest"):
        again = set(ids(out / "round-2" / "traces.jsonl"))
        assert again == set(ids(out / first))
        assert not again & held
