"""The short form of `make torture`: a kill of each quick verb before a file operation, and damaged files of every kind."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")
pytest.importorskip("transformers")
if not hasattr(__import__("os"), "fork"):
    pytest.skip("needs forks", allow_module_level=True)

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent


def test_a_verb_that_was_killed_before_a_file_operation_ends_as_if_it_had_not_been() -> None:
    # in a process of its own, which has one thread to fork
    verbs = ["import", "generate gold", "grade", "select"]
    said = subprocess.run(
        [sys.executable, HERE / "kills.py", "--kills", "2", "--operations-only", "--verbs", *verbs],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.splitlines()[-1:] == ["8 kills, 0 faults, seed 0"], said.stdout + said.stderr


def test_damaged_files_are_read_or_refused_in_a_sentence() -> None:
    said = subprocess.run(
        [sys.executable, HERE / "fuzz.py", "--cases", "1000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout.splitlines()[-1].endswith(" 0 faults, seed 0"), said.stdout + said.stderr


def test_a_damage_is_the_same_whenever_it_is_asked_for() -> None:
    from fuzz import damaged

    file = b'{"question": "p1 ?", "answer": "1"}\n'
    first = [damaged(file, random.Random(f"0|{case}")) for case in range(50)]
    assert first == [damaged(file, random.Random(f"0|{case}")) for case in range(50)]
    assert len(set(first)) > 40


def test_a_reader_that_breaks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fuzz import Reader, fault_of

    monkeypatch.chdir(tmp_path)

    def breaks(path: Path) -> None:
        raise UnicodeDecodeError("utf-8", path.read_bytes(), 0, 1, "invalid")

    assert "UnicodeDecodeError" in fault_of(Reader("r", "f.jsonl", b"", breaks), b"\xff")
    assert fault_of(Reader("r", "f.jsonl", b"", lambda path: path.read_bytes()), b"\xff") == ""
