"""`cotpress select`: several samples in, those to learn from out, and what was left out is said;
`build` takes them as they are.
"""

import json
import re
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch")

from command import cotpress
from make import sum_trace

from cotpress import storage
from cotpress.doctor.data import examine_data
from cotpress.errors import CotpressError
from cotpress.records import NOTHING, CompressedTrace, Grade, Trace, TrainingExample
from cotpress.verbs.build import build

WRONG = Grade(answer="7", correct=False, status="ok")


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """Two problems with right samples of 3 to 5 tokens, and one without any."""
    traces = [
        *(sum_trace(i, sample=k, n_tokens=5 - k) for k in range(3) for i in range(2)),
        sum_trace(2, n_tokens=9, grade=WRONG),
    ]
    path = tmp_path / "graded.jsonl"
    storage.write(path, traces)
    return path


def test_the_chosen_are_written_with_counts_and_a_second_run_has_nothing_to_do(
    graded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = graded.with_name("chosen.jsonl")
    command = f"select {graded} --out {out}"
    assert cotpress(monkeypatch, command) == 0
    chosen = list(storage.read(out, Trace))
    assert [(one.problem.id, one.sample) for one in chosen] == [("sum/0", 2), ("sum/1", 2)]
    meta = json.loads(storage.meta_path(out).read_bytes())
    assert meta["counts"]["dropped"] == {"of which others were chosen": 4, "wrong answer": 1}
    assert meta["noted"] == {"problems without a sample to keep": 1}
    said = capsys.readouterr().err
    assert "select: 1 problems without a sample to keep" in said
    assert "select: 2 problems, 3.0 reasoning tokens on average" in said
    assert cotpress(monkeypatch, command) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert cotpress(monkeypatch, f"{command} --keep longest") == 2
    assert "other options or input (keep)" in capsys.readouterr().err


def test_nothing_to_choose_from_is_one_sentence(
    graded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"select {graded} --longest-tokens 1 --out {graded.with_name('none.jsonl')}"
    assert cotpress(monkeypatch, command) == 2
    assert "nothing to write" in capsys.readouterr().err


def test_build_takes_the_chosen_as_they_are_and_asks_for_nothing(
    graded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen, out = graded.with_name("chosen.jsonl"), graded.with_name("train.jsonl")
    assert cotpress(monkeypatch, f"select {graded} --keep random --out {chosen}") == 0
    for draw in ("one", "all"):
        out = graded.with_name(f"{draw}.jsonl")
        assert cotpress(monkeypatch, f"build {chosen} --draw {draw} --out {out}") == 0
        found = list(storage.read(out, TrainingExample))
        traces = list(storage.read(chosen, Trace))
        assert [one.completion for one in found] == [one.completion() for one in traces]
        assert [one.prompt for one in found] == [one.problem.prompt() for one in traces]
        assert {one.asked for one in found} == {NOTHING}
        assert {(one.method, one.scorer, one.unit) for one in found} == {("random-right", "", "")}
    assert {finding.level for finding in examine_data(found, None)} == {"ok"}


def test_traces_that_nobody_chose_are_taught_where_they_are_right(graded: Path) -> None:
    build(graded, out=graded.with_name("train.jsonl"))
    found = list(storage.read(graded.with_name("train.jsonl"), TrainingExample))
    assert len(found) == 6
    assert {one.method for one in found} == {"all-right"}


def test_rows_of_other_trainers_ask_for_nothing_too(graded: Path) -> None:
    out = graded.with_name("trl.jsonl")
    build(graded, out=out, format="trl")
    row = json.loads(out.read_text().splitlines()[0])
    assert row["ratio"] is None
    assert "<ratio>" not in row["prompt"][-1]["content"]


def test_a_file_of_neither_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    for line, says in (
        ("{}", "other.jsonl:1: not a CompressedTrace"),
        ("nonsense", "other.jsonl:1: not a CompressedTrace"),
        ('{"text": 1}', "was not written by cotpress (its rows have text)"),
    ):
        path.write_text(line + "\n")
        with pytest.raises(CotpressError, match=re.escape(says)):
            build(path, out=tmp_path / "train.jsonl")


def test_policy_is_each_trace_at_its_own_ratio_without_a_tag(tmp_path: Path) -> None:
    path, out = tmp_path / "chosen.jsonl", tmp_path / "train.jsonl"
    from make import sum_cuts

    own = [
        msgspec.structs.replace(sum_cuts(sum_trace(i), (ratio,)), keep_answer=0.5)
        for i, ratio in enumerate((0.5, 0.9))
    ]
    storage.write(path, own)
    build(path, out=out, control="none")
    found = list(storage.read(out, TrainingExample))
    assert [one.reasoning for one in found] == [one.cuts[0].reasoning for one in own]
    assert {(one.method, one.asked) for one in found} == {("policy", NOTHING)}
    assert [one.prompt for one in found] == [one.trace.problem.prompt() for one in own]


def test_without_control_a_trace_has_one_cut_to_be_taught(tmp_path: Path) -> None:
    from make import sum_cuts

    path = tmp_path / "compressed.jsonl"
    storage.write(path, [sum_cuts(sum_trace(0))])
    assert next(storage.read(path, CompressedTrace)).cuts[1:]
    with pytest.raises(CotpressError, match=r"several ratios \(0.5 .*\), and with --control none"):
        build(path, out=tmp_path / "train.jsonl", control="none")
    build(path, out=tmp_path / "one.jsonl", control="none", ratios=[0.5])
    (one,) = storage.read(tmp_path / "one.jsonl", TrainingExample)
    assert (one.method, one.asked) == ("tokenskip", NOTHING)
    with pytest.raises(CotpressError, match="--format released draws as the release does"):
        build(path, out=tmp_path / "rows.jsonl", control="none", format="released")
