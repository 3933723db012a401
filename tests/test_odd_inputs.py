"""Odd files and names are one sentence each, whatever is odd about them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from make import make_trace

from cotpress import cli, storage
from cotpress.training.formats._settings import as_yaml

DEEP = "[" * 5000 + "]" * 5000


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["cotpress", *words])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    storage.write(Path("t.jsonl"), [make_trace()])
    row = json.loads(Path("t.jsonl").read_text())
    Path("deep.jsonl").write_text(json.dumps(row)[:-1] + f', "x": {DEEP}}}\n')
    Path("negative.jsonl").write_text(json.dumps(row | {"n_tokens": -4}) + "\n")
    Path("twice.jsonl").write_text(2 * (json.dumps(row) + "\n"))
    return tmp_path


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("doctor data deep.jsonl", "deep.jsonl:1"),
        ("grade deep.jsonl --out o.jsonl", "deep.jsonl:1"),
        ("build deep.jsonl --out o.jsonl", "deep.jsonl:1"),
        ("show deep.jsonl", "deep.jsonl:1"),
        ("train-scorer deep.jsonl --model none --out o", "deep.jsonl:1"),
        ("train deep.jsonl --model tiny --stage grpo --out o", "deep.jsonl:1"),
        ("plan negative.jsonl --min-accuracy 0.5", "n_tokens"),
        ("score twice.jsonl --scorer random --target tiny --out o.jsonl", "twice"),
        (f"grade t.jsonl --out {'n' * 255}.jsonl", "nnn"),
        (f"grade t.jsonl --out {'n' * 250}", "nnn"),
        (f"grade {'n' * 255}.jsonl --out o.jsonl", "nnn"),
        ("grade \udcff.jsonl --out o.jsonl", "is not UTF-8"),
    ],
)
def test_what_is_odd_is_said_in_one_sentence(
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    says: str,
) -> None:
    assert run(monkeypatch, *command.split(" ")) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert sum(line.startswith("cotpress: ") for line in said.splitlines()) == 1


def test_a_command_in_the_settings_of_a_trainer_is_one_line() -> None:
    written = as_yaml("trl sft --config a\nlearning_rate: 9\x1b[2J.yaml", {"x": 1})
    assert [line for line in written.splitlines() if not line.startswith("#")] == ["x: 1"]
    assert "\x1b" not in written


def test_of_two_reports_at_once_the_second_gets_one_sentence(
    there: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with storage.locked(Path("r.html")):
        assert run(monkeypatch, "report", "t.jsonl", "--out", "r.html") == 2
    assert "is being written by another run" in capsys.readouterr().err


def test_ctrl_c_while_the_command_line_is_loaded_is_quiet() -> None:
    code = (
        "import sys, types\n"
        "class Stops(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        "        raise KeyboardInterrupt\n"
        "sys.modules['cotpress.cli'] = Stops('cotpress.cli')\n"
        "from cotpress.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])},
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "cotpress: stopped.\n")
