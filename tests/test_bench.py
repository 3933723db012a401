"""benchmarks/bench.py: the table of speed in docs/benchmarks.md, and that every row can be run."""

import importlib
import os
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


@pytest.fixture
def bench():
    return importlib.import_module("bench")


def test_the_table_stands_between_the_marks_and_nothing_else_changes(bench) -> None:
    row = bench.Row(
        what="a | b", against="c", goal="≥ 2×", ratio=2.5, spread=(2.25, 3.0), said="5 against 2",
        n="7 passes", load=1.5, date="2026-01-02", command="python x.py",
    )  # fmt: skip
    page = f"before\n{bench.BEGIN}\nan old table\n{bench.END}\nafter\n"
    made = bench.rewritten(page, [row])
    assert made == bench.rewritten(made, [row])
    assert made.splitlines() == [
        "before",
        bench.BEGIN,
        "| what | against | goal | measured | n | load, date | command |",
        "|---|---|---|---|---|---|---|",
        "| a \\| b | c | ≥ 2× | **2.50×** (2.25–3.00); 5 against 2 | 7 passes | 1.5, 2026-01-02 "
        "| `python x.py` |",
        bench.END,
        "after",
    ]


def test_a_skipped_row_says_why(bench) -> None:
    row = bench.Row(what="x", skipped="llmlingua is not installed")
    assert bench.line(row) == (
        "| x | – | – | not measured: llmlingua is not installed | – | – | – |"
    )


@pytest.mark.parametrize("page", ["", "{end}\n{begin}", "{begin}"])
def test_a_page_without_the_marks_in_order_is_refused(bench, page: str) -> None:
    with pytest.raises(ValueError, match="in this order"):
        bench.rewritten(page.format(begin=bench.BEGIN, end=bench.END), [])


def test_a_row_that_is_skipped_keeps_its_last_figure_and_a_measured_one_replaces_it(bench) -> None:
    old, new = (bench.Row(what="x", said=said) for said in ("1 s", "2 s"))
    skipped = bench.Row(what="`x`", skipped="took longer than 1 s")
    assert bench.merged({"x": [old]}, "x", [skipped]) == {"x": [old]}
    assert bench.merged({"x": [old]}, "x", [new]) == {"x": [new]}
    assert bench.merged({}, "x", [skipped]) == {"x": [skipped]}


def test_a_row_that_fails_or_takes_too_long_says_so_and_keeps_what_it_had_measured(
    bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "HERE", tmp_path)
    given = 'import sys; open(sys.argv[2], \'w\').write(\'{"what":"x","said":"1 s"}\\n\')\n'
    (tmp_path / "row_fails.py").write_text(given + "sys.exit(3)")
    (tmp_path / "row_hangs.py").write_text(given + "while True: pass")
    failed, hung = bench.measure("fails", [], 60), bench.measure("hangs", [], 2)
    assert [failed[0], failed[1].skipped] == [
        bench.Row(what="x", said="1 s"),
        "ended with exit code 3",
    ]
    assert hung[-1].skipped == "took longer than 2 s"


def test_what_a_row_has_started_ends_with_it(
    bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "HERE", tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = f"file = open({str(pipe)!r}, 'w'); file.write('x'); file.flush()\nwhile True: pass"
    (tmp_path / "row_serves.py").write_text(
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {held!r}])"
    )
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    (row,) = bench.measure("serves", [], 5)
    assert row.skipped == "took longer than 5 s"
    os.set_blocking(reading, True)
    with open(reading, "rb") as file:
        assert file.read() in (b"x", b"")  # to its end, which comes when nobody writes any more


def test_what_a_row_needs_and_lacks_becomes_a_skipped_row(bench, monkeypatch) -> None:
    measured = importlib.import_module("measured")

    def rows(_: object):
        raise measured.Skipped("x is not installed")
        yield

    monkeypatch.setattr(sys, "argv", ["row_x.py", "--data", "/a/folder", "--passes", "2"])
    assert [*measured.loaded(rows, None)] == [
        measured.Row(
            what="", skipped="x is not installed",
            command="python benchmarks/row_x.py --data DATA --passes 2",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "variables", "lacks"),
    [
        ("prompt_logprobs", {}, "COTPRESS_VLLM names no Python"),
        ("prompt_logprobs", {"COTPRESS_VLLM": sys.executable}, "name its folder with --data"),
        ("served", {}, "COTPRESS_VLLM names no Python"),
        ("served", {"COTPRESS_VLLM": "nowhere/python"}, "COTPRESS_VLLM names no Python"),
        ("served", {"COTPRESS_VLLM": sys.executable}, "with --model or COTPRESS_SHORT"),
    ],
)
def test_a_row_of_vllm_says_what_it_lacks(
    name: str, variables: dict[str, str], lacks: str, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("torch", "transformers", "openai"):
        pytest.importorskip(package)
    for variable in ("COTPRESS_VLLM", "COTPRESS_SHORT"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(sys, "argv", [f"row_{name}.py"])
    module, measured = (importlib.import_module(one) for one in (f"row_{name}", "measured"))
    measured.run(module.rows, module.__doc__, module.options)
    assert lacks in capsys.readouterr().out


def test_the_page_of_benchmarks_has_the_marks(bench) -> None:
    page = (BENCHMARKS.parent / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert bench.rewritten(page, []) != page


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("row_*.py")), ids=lambda path: path.stem)
def test_every_row_says_what_it_measures(path: Path, capsys, monkeypatch) -> None:
    for name in ("torch", "transformers", "trl", "math_verify", "openai"):
        pytest.importorskip(name)
    module, measured = importlib.import_module(path.stem), importlib.import_module("measured")
    monkeypatch.setattr(sys, "argv", [path.name, "--help"])
    with pytest.raises(SystemExit) as ended:
        measured.run(module.rows, module.__doc__, getattr(module, "options", id))
    assert ended.value.code == 0
    assert f"python benchmarks/{path.name}" in capsys.readouterr().out
