"""What strangers wrote reaches no terminal as a control sequence."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_compressed, make_trace

from cotpress import cli, storage
from cotpress.shown import CONTROL, shown

ESCAPES = "\x1b[2J\x1b]0;own\x07\x9b31m\u202eq"


@given(st.text())
def test_no_control_character_is_printed_and_nothing_else_is_changed(text: str) -> None:
    said = shown(text)
    assert not CONTROL.search(said)
    said.encode()
    assert said == "".join(f"\\u{ord(char):04x}" if CONTROL.match(char) else char for char in text)


@given(st.text())
def test_shown_json_is_the_same_json(text: str) -> None:
    assert json.loads(shown(json.dumps(text, ensure_ascii=False))) == text


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["cotpress", *words])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


COMMANDS = [
    "import columns.jsonl --out o.jsonl",
    "import columns.jsonl --question \x1b[2J --out o.jsonl",
    "generate --task jsonl:columns.jsonl --model tiny --out o.jsonl",
    "generate --task \x1b]0;own\x07 --model tiny --out o.jsonl",
    "build twice.jsonl --out o.jsonl",
    "plan traces.jsonl",
    "doctor data columns.jsonl",
    "score gone\x1b[2J.jsonl --scorer random --target tiny --out o.jsonl",
    "compress traces.jsonl --ratios \x1b[2J --out o.jsonl",
    "\x1b[2J",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_escapes_in_files_and_words_are_shown_as_text(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("columns.jsonl").write_text(json.dumps({f"que{ESCAPES}st": "x", ESCAPES: "y"}) + "\n")
    trace = make_trace(id=ESCAPES, model=ESCAPES, task=ESCAPES, method=ESCAPES)
    storage.write(Path("traces.jsonl"), [trace])
    storage.write(Path("twice.jsonl"), 2 * [make_compressed(trace, {0.5: "She"})])
    assert run(monkeypatch, *command.split(" ")) in (1, 2)
    said = capsys.readouterr()
    assert said.err or said.out
    assert not CONTROL.search(said.err + said.out)
