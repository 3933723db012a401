"""What was typed is read as it was meant: numbers with commas, a file behind them, a typo."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import cotpress

from cotpress import cli
from cotpress.console import words
from cotpress.records import CompressedTrace
from cotpress.storage import read

SCORED = Path(__file__).parents[1] / "data" / "scored.jsonl"


def arguments(*command: str):
    with cli.app.app_stack(list(command)):
        return cli.app.parse_commands(list(command))[1][-1].assemble_argument_collection()


@pytest.mark.parametrize(
    ("typed", "read_as"),
    [
        ("--ratios 0.5 0.7 x --out o", "x --ratios 0.5 0.7 --out o"),
        ("--ratios 0.9,0.7 x --out o", "x --ratios 0.9 0.7 --out o"),
        ("--ratios 0.9, 0.7 --out o x", "--ratios 0.9 0.7 --out o x"),
        ("x --ratios 0.9,0.7 --out o", "x --ratios 0.9 0.7 --out o"),
        ("--out o --ratios 0.5 x", "x --out o --ratios 0.5"),
        ("x --ratios 0.5 half", "x --ratios 0.5 half"),
        ("--ratios half --out o", "--ratios half --out o"),
        ("--out 0.5,0.7 --unit a,b x", "--out 0.5,0.7 --unit a,b x"),
        ("--out o -- --ratios 0.5 x", "--out o -- --ratios 0.5 x"),
    ],
)
def test_words_of_compress(typed: str, read_as: str) -> None:
    assert " ".join(words.spread(typed.split(), arguments("compress"))) == read_as


def test_behind_names_a_file_is_what_is_there(tmp_path: Path) -> None:
    examples = tmp_path / "train.jsonl"
    examples.write_text("")
    typed = ["--target-modules", "q_proj", "v_proj", str(examples), "--model", "tiny"]
    found = words.spread(typed, arguments("train"))
    assert found == [str(examples), "--target-modules", "q_proj", "v_proj", "--model", "tiny"]
    typed[3] = str(tmp_path / "none.jsonl")
    assert words.spread(typed, arguments("train")) == typed


def test_a_verb_without_files_keeps_the_order() -> None:
    typed = ["--task", "t", "--ratios", "0.5", "0.7", "--model", "m"]
    assert words.spread(typed, arguments("eval")) == typed


@pytest.mark.parametrize("ratios", ["0.5 0.7", "0.5,0.7"])
def test_the_order_that_everyone_types_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratios: str
) -> None:
    out = tmp_path / "c.jsonl"
    assert cotpress(monkeypatch, f"compress --ratios {ratios} {SCORED} --out {out}") == 0
    assert [cut.ratio for cut in next(read(out, CompressedTrace)).cuts] == [0.5, 0.7]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            "generate --task gsm8k --model tiny --ouput x",
            "Unknown option: --ouput. Did you mean --out?",
        ),
        ("run tokenskip --tsk gsm8k --model tiny", "Unknown option: --tsk. Did you mean --task?"),
        ("generate --task=gsm8k --model=tiny", "generate needs --out"),
        ("--help-me", "unknown option '--help-me'; did you mean --help?"),
        (
            "compress --ratios 0.5 --out o",
            "compress needs SCORED: name the file directly behind `compress`",
        ),
        ("doctor tiny", "write cotpress doctor model tiny"),
        ("doctor http://localhost:1/v1", "write cotpress doctor server http://localhost:1/v1"),
        ("doctor modell x", "write cotpress doctor model …"),
        ("doctor data", "doctor data needs a target: cotpress doctor data train.jsonl."),
    ],
)
def test_a_typo_is_named_even_where_something_required_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, command: str, says: str
) -> None:
    assert cotpress(monkeypatch, command) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_quiet_says_nothing_but_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    command = f"compress {SCORED} --ratios 0.5 --out {tmp_path / 'c.jsonl'} --quiet"
    assert cotpress(monkeypatch, command) == 0
    assert capsys.readouterr().err == ""
    assert cotpress(monkeypatch, f"{command} --unit nosuch") == 2
    assert "nosuch" in capsys.readouterr().err
    assert cotpress(monkeypatch, command.removesuffix(" --quiet")) == 0
    assert "nothing to do" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "hushed"), [("", True), (" --verbose", False)])
def test_other_libraries_are_kept_quiet_unless_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, flags: str, hushed: bool
) -> None:
    for name in cli.LIBRARIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    assert cotpress(monkeypatch, f"ls --json{flags}") == 0
    assert (os.environ.get("HF_HUB_VERBOSITY") == "error") is hushed


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "cotpress", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == cli.__version__


def test_a_shell_can_complete_verbs_and_options() -> None:
    for shell in ("bash", "zsh", "fish"):
        script = cli.app.generate_completion(shell=shell)
        assert all(
            word in script for word in ("train-vqvae", "protect-regex", "install-completion")
        )
