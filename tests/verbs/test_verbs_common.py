"""What every verb shares: one output by one stage, said in
plain lines off a terminal and as a bar on one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.verbs import common


class Item(msgspec.Struct, frozen=True):
    name: str


def stage(names: Iterator[str], dropped: Counter[str]) -> Iterator[Item]:
    for name in names:
        if name.startswith("bad"):
            dropped["bad name"] += 1
        elif name == "deadly":
            raise KeyboardInterrupt
        else:
            yield Item(name)


def make(out: Path, names: list[str], **options: object) -> None:
    common.make(
        out,
        Item,
        stage,
        iter(names),
        verb="test",
        options=options,
        skip=str,
        key=lambda item: item.name,
    )


def test_what_was_written_and_left_out_is_said_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out.jsonl"
    make(out, ["a", "bad 1", "b", "bad 2"])
    assert capsys.readouterr().err == f"test: 2 records in {out}, 2 left out (bad name)\n"
    assert list(storage.read(out, Item)) == [Item("a"), Item("b")]


def test_a_resumed_run_counts_as_if_it_had_never_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    make(whole, ["a", "bad 1", "b", "c"])
    with pytest.raises(KeyboardInterrupt):
        make(out, ["a", "bad 1", "b", "deadly"])
    capsys.readouterr()
    make(out, ["a", "bad 1", "b", "c"])
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"test: resuming {out} with 2 records done",
        f"test: 3 records in {out}, 1 left out (bad name)",
    ]
    assert out.read_bytes() == whole.read_bytes()
    counts = [
        msgspec.json.decode(storage.meta_path(path).read_bytes())["counts"] for path in (out, whole)
    ]
    assert counts[0] == counts[1] == {"in": 4, "out": 3, "dropped": {"bad name": 1}}


@pytest.mark.parametrize(
    ("names", "why"), [([], "the input is empty"), (["bad 1", "bad 2"], "2 bad name")]
)
def test_an_empty_output_is_a_mistake_and_does_not_stand_in_the_way(
    tmp_path: Path, names: list[str], why: str
) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(CotpressError, match=rf"test: nothing to write to .*out\.jsonl: {why}\."):
        make(out, names, seed=1)
    assert not out.exists()
    make(out, ["a"], seed=2)
    assert list(storage.read(out, Item)) == [Item("a")]


def test_off_a_terminal_progress_is_a_plain_line_now_and_then(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [Item(str(number)) for number in range(3)]
    assert list(common.progress(records, "test", total=9, started_with=5)) == records
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(common, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr(common, "GAP_SECONDS", 0.0)
    assert list(common.progress(records, "test", total=9, started_with=5)) == records
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for number, line in enumerate(lines, 6):
        assert re.fullmatch(rf"test: {number}/9 \([\d.]+/s, \d+ s left\)", line)


def test_the_rate_of_batches_is_that_of_whole_ones(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(common, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def batches() -> Iterator[Item]:
        for _ in range(3):
            clock[0] += 40
            yield from [Item("a")] * 20

    assert len(list(common.progress(batches(), "test", total=60))) == 60
    assert capsys.readouterr().err.splitlines() == [
        "test: 20/60 (0.500/s, 80 s left)",
        "test: 40/60 (0.500/s, 40 s left)",
    ]


def test_on_a_terminal_progress_passes_every_record_through(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    records = [Item(str(number)) for number in range(3)]
    assert list(common.progress(records, "test", total=3)) == records
    assert "test" in capsys.readouterr().err
