"""`cotpress compress`: files in, files out, what is printed and what is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from cotpress import storage
from cotpress.cli import app
from cotpress.errors import CotpressError
from cotpress.pipeline import compress as stage
from cotpress.records import CompressedTrace, Problem, ScoredTrace, Trace


def scored_trace(name: str, reasoning: str, *, protected: bool = False) -> ScoredTrace:
    n = len(reasoning)
    trace = Trace(
        problem=Problem(id=name, question="q", answer="a", task="t"),
        model="m",
        reasoning=reasoning,
        conclusion="18",
        n_tokens=n,
        n_conclusion_tokens=1,
        finished=True,
    )
    return ScoredTrace(
        trace=trace,
        scorer="random",
        ends=list(range(1, n + 1)),
        importance=[float(i % 3) for i in range(n)],
        n_tokens=[1] * n,
        protected=[protected] * n,
    )


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    path = tmp_path / "scored.jsonl"
    records = [scored_trace("a", "0123456789"), scored_trace("b", "1 + 1 = 2\u2028\n", protected=True)]
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    return path


def run(*words: object) -> None:
    app([str(word) for word in ("compress", *words)], exit_on_error=False, print_error=False, result_action="return_value")


def test_every_trace_is_written_at_every_ratio(scored: Path, tmp_path: Path) -> None:
    run(scored, "--ratios", "0.5", "0.7", "1.0", "--out", tmp_path / "out.jsonl")
    cuts = list(storage.read(tmp_path / "out.jsonl", CompressedTrace))
    assert [(cut.trace.problem.id, cut.ratio, cut.n_tokens) for cut in cuts] == [
        ("a", 0.5, 5),
        ("a", 0.7, 7),
        ("a", 1.0, 10),
        ("b", 0.5, 11),
        ("b", 0.7, 11),
        ("b", 1.0, 11),
    ]
    assert cuts[0].reasoning == "12458"
    assert cuts[3].reasoning == "1 + 1 = 2\u2028\n"
    assert {cut.method for cut in cuts} == {"tokenskip"}


def test_the_method_is_what_the_report_will_call_it(scored: Path, tmp_path: Path) -> None:
    run(scored, "--ratios", "0.5", "--method", "cts", "--out", tmp_path / "out.jsonl")
    assert {cut.method for cut in storage.read(tmp_path / "out.jsonl", CompressedTrace)} == {"cts"}


def test_a_line_per_ratio_says_what_was_kept_and_how_often_the_budget_was_exceeded(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(scored, "--ratios", "0.5", "1.0", "--out", tmp_path / "out.jsonl")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-2:] == [
        "ratio 0.5: 0.750 kept on average of 2 traces, 1 over budget (protected tokens alone exceed it)",
        "ratio 1: 1.000 kept on average of 2 traces",
    ]


def test_json_prints_the_summary_on_standard_output_and_the_meta_file_holds_it(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(scored, "--ratios", "0.5", "--json", "--out", tmp_path / "out.jsonl")
    wanted = [{"ratio": 0.5, "n": 2, "kept": 0.75, "n_over_budget": 1}]
    assert msgspec.json.decode(capsys.readouterr().out) == wanted
    meta = msgspec.json.decode((tmp_path / "out.meta.json").read_bytes())
    assert meta["ratios"] == wanted
    assert meta["options"]["ratios"] == [0.5]


def test_a_rerun_does_nothing_again_and_still_sums_up(scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (scored, "--ratios", "0.5", "--json", "--out", tmp_path / "out.jsonl")
    run(*words)
    first, before = capsys.readouterr().out, (tmp_path / "out.jsonl").stat().st_mtime_ns
    run(*words)
    out, err = capsys.readouterr()
    assert out == first
    assert "nothing to do" in err
    assert (tmp_path / "out.jsonl").stat().st_mtime_ns == before


def test_an_interrupted_output_is_begun_again(scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(scored, "--ratios", "0.5", "--out", tmp_path / "whole.jsonl")

    def interrupted(*args: object, **options: object) -> Iterator[CompressedTrace]:
        yield next(stage.compress(*args, **options))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cotpress.verbs.compress.stage", SimpleNamespace(compress=interrupted, OVER_BUDGET=stage.OVER_BUDGET))
        with pytest.raises(KeyboardInterrupt):
            run(scored, "--ratios", "0.5", "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    run(scored, "--ratios", "0.5", "--out", tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_ratio_given_twice_is_cut_once(scored: Path, tmp_path: Path) -> None:
    run(scored, "--ratios", "0.5", "0.50", "--out", tmp_path / "out.jsonl")
    assert len(list(storage.read(tmp_path / "out.jsonl", CompressedTrace))) == 2


@pytest.mark.parametrize("ratio", ["0", "1.5", "nan", "0.123"])
def test_a_ratio_that_is_none_is_refused_before_anything_is_written(scored: Path, tmp_path: Path, ratio: str) -> None:
    with pytest.raises(CotpressError, match="ratio"):
        run(scored, "--ratios", "0.5", ratio, "--out", tmp_path / "out.jsonl")
    assert list(tmp_path.iterdir()) == [scored]


def test_no_input_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "from cotpress.cli import main; main()", "compress", "no.jsonl", "--ratios", "0.5"]
    done = subprocess.run([*words, "--out", "out.jsonl"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cotpress: no file no.jsonl")
    assert len(done.stderr.splitlines()) == 1


def test_other_budgets_are_kept_through_the_files(scored: Path, tmp_path: Path) -> None:
    found = {}
    for option, value in (("--longest-run", "1"), ("--budget", "window"), ("--budget", "dataset")):
        out = tmp_path / f"{value}.jsonl"
        run(scored, "--ratios", "0.3", option, value, "--out", out)
        found[value] = [cut.reasoning for cut in storage.read(out, CompressedTrace)]
    protected = "1 + 1 = 2\u2028\n"
    assert found == {"1": ["124578", protected], "window": ["258", protected], "dataset": ["", protected]}
