"""`cotpress average`: files in, files out, and what is refused."""

from pathlib import Path

import pytest
from make import make_problem, make_scored

from cotpress import storage
from cotpress.cli import app
from cotpress.errors import CotpressError
from cotpress.records import ScoredTrace


@pytest.fixture
def scored(tmp_path: Path) -> Path:
    """Two traces whose first step begins alike, one important, the other not."""
    path = tmp_path / "scored.jsonl"
    traces = (
        make_scored([f"So it is {n}.", "\n\nGood."], [n, 3.0], problem=make_problem(f"{n}"))
        for n in (1, 5)
    )
    storage.write(path, traces)
    return path


def run(*words: object) -> None:
    app(
        [str(word) for word in words],
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )


def test_steps_that_begin_alike_become_equally_important(scored: Path, tmp_path: Path) -> None:
    run("average", scored, "--out", tmp_path / "out.jsonl")
    assert [one.importance for one in storage.read(tmp_path / "out.jsonl", ScoredTrace)] == [
        [3.0, 3.0],
        [3.0, 3.0],
    ]


def test_what_it_writes_can_be_cut(scored: Path, tmp_path: Path) -> None:
    run("average", scored, "--unit", "word", "--words", 1, "--out", tmp_path / "out.jsonl")
    run("compress", tmp_path / "out.jsonl", "--ratios", 0.5, "--out", tmp_path / "cut.jsonl")
    assert (tmp_path / "cut.jsonl").exists()


def test_another_unit_is_another_run(scored: Path, tmp_path: Path) -> None:
    run("average", scored, "--out", tmp_path / "out.jsonl")
    with pytest.raises(CotpressError, match="made with other options"):
        run("average", scored, "--unit", "sentence", "--out", tmp_path / "out.jsonl")


def test_what_is_no_unit_is_refused_and_nothing_is_left(scored: Path, tmp_path: Path) -> None:
    with pytest.raises(CotpressError, match="paragraph"):
        run("average", scored, "--unit", "paragraph", "--out", tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
