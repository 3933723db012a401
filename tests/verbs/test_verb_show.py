"""`cotpress show`: what a ratio keeps and drops, before anything is trained."""

import io
from pathlib import Path

import pytest
from command import cotpress
from make import make_scored, make_trace, sum_cuts, sum_examples, sum_trace
from rich.console import Console

from cotpress import storage
from cotpress.pieces import Piece
from cotpress.pipeline.compress import compress, cut_pieces
from cotpress.verbs.common import in_colour

SCORED = make_scored(
    ["So", " then", " we", " add", " 2", " to", " 3", "."], [0.1, 0.2, 0.6, 0.9, 0.8, 0.3, 0.7, 0.4]
)


def test_what_is_shown_is_the_cut_that_is_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = SCORED
    storage.write(tmp_path / "scored.jsonl", [scored])
    for ratio in (0.3, 0.6, 1.0):
        cut, pieces = cut_pieces(scored, ratio)
        (made,) = compress([scored], [ratio])
        assert cut == made.cuts[0]
        assert "".join(text for text, kept in pieces if kept) == cut.reasoning
        assert "".join(text for text, _ in pieces) == scored.trace.reasoning
        assert cotpress(monkeypatch, f"show {tmp_path / 'scored.jsonl'} --ratio {ratio}") == 0
        said = capsys.readouterr().out
        assert scored.trace.problem.question in said
        assert ("[-" in said) == (ratio < 1)


def test_files_of_every_step_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = sum_trace()
    records = {"trace": [trace], "cut": [sum_cuts(trace)], "example": sum_examples(2)}
    for name, held in records.items():
        storage.write(tmp_path / f"{name}.jsonl", held)
        assert cotpress(monkeypatch, f"show {tmp_path / name}.jsonl -n 2") == 0
        assert trace.problem.question.rstrip("?") in capsys.readouterr().out
    assert cotpress(monkeypatch, f"show {tmp_path / 'cut.jsonl'} --ratio 0.12") == 2
    assert "no cut at --ratio 0.12 in this file, only at" in capsys.readouterr().err
    assert cotpress(monkeypatch, f"show {tmp_path / 'trace.jsonl'} --skip 1") == 2
    assert "holds no record behind the first 1" in capsys.readouterr().err


@pytest.mark.parametrize(("terminal", "plain"), [(True, False), (True, True), (False, False)])
def test_colour_is_for_terminals_and_marks_for_the_rest(terminal: bool, plain: bool) -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, no_color=plain, color_system="standard")
    console.print(in_colour([Piece("kept", True), Piece("gone", False)], console))
    coloured = terminal and not plain
    assert ("\x1b[" in file.getvalue()) == coloured
    assert ("[-gone-]" in file.getvalue()) != coloured


def test_nothing_in_a_text_acts_on_the_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    assert "\x1b" not in in_colour([Piece("\x1b[2J", True)], console).plain


def test_a_notebook_shows_traces_and_cuts_escaped() -> None:
    trace = make_trace("<script>alert(1)</script> so 2")
    cut = sum_cuts(sum_trace())
    for held in (trace, cut, cut.cuts[-1]):
        page = held._repr_html_()
        assert "<script>" not in page
        assert page.startswith("<div>")
    assert "&lt;script&gt;" in trace._repr_html_()
    assert "<del" in cut._repr_html_()


def test_compress_shows_one_sample_once_and_none_when_it_is_to_be_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = tmp_path / "scored.jsonl"
    storage.write(scored, [SCORED])
    command = f"compress {scored} --ratios 0.6 --out {tmp_path}"
    assert cotpress(monkeypatch, f"{command}/a.jsonl") == 0
    assert "[-" in capsys.readouterr().err
    assert cotpress(monkeypatch, f"{command}/a.jsonl") == 0
    assert "[-" not in capsys.readouterr().err
    assert cotpress(monkeypatch, f"{command}/b.jsonl --quiet") == 0
    assert capsys.readouterr().err == ""


def test_one_scored_file_is_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("plotly")
    scored = tmp_path / "scored.jsonl"
    storage.write(scored, [SCORED])
    assert cotpress(monkeypatch, f"report --scored {scored} --out {tmp_path}/look.html") == 0
    page = (tmp_path / "look.html").read_text()
    assert "What a ratio drops" in page
    assert "So then we add 2 to 3." in page or "then" in page
