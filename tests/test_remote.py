"""Files elsewhere, on fsspec's file system in memory."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from verbs.command import cotpress, typed

from cotpress import inputs, remote, storage, tasks
from cotpress.errors import CotpressError, MissingExtra
from cotpress.records import ScoredTrace, Trace

fsspec = pytest.importorskip("fsspec")

ROWS = [
    {"question": f"What is {n} + 1?", "reasoning": f"{n} + 1 = {n + 1}", "answer": str(n + 1)}
    for n in range(3)
]


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The file system in memory, empty, and a work folder of the test's own."""
    monkeypatch.setenv("COTPRESS_WORK", str(tmp_path / "work"))
    monkeypatch.chdir(tmp_path)
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pseudo_dirs[:] = [""]
    yield files
    files.store.clear()


def lines(rows: list[dict[str, str]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def names(files: Any) -> list[str]:
    return sorted(files.store)


def test_records_are_read_from_and_written_to_urls_as_if_they_were_files(
    there: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    (tmp_path / "rows.jsonl").write_bytes(lines(ROWS))
    for source, folder in (("memory://b", "memory://b"), (".", "here")):
        graded = f"{folder}/graded.jsonl"
        assert cotpress(monkeypatch, f"import {source}/rows.jsonl --out {folder}/t.jsonl") == 0
        assert cotpress(monkeypatch, f"grade {folder}/t.jsonl --out {graded}") == 0
        assert (
            cotpress(monkeypatch, f"score {graded} --scorer random --target tiny --out {folder}/s")
            == 0
        )
    for name in ("t.jsonl", "graded.jsonl", "s"):
        assert there.cat(f"/b/{name}") == (tmp_path / "here" / name).read_bytes()
    ours = json.loads((tmp_path / "here/graded.meta.json").read_bytes())
    theirs = json.loads(there.cat("/b/graded.meta.json"))
    assert theirs["fingerprint"] == ours["fingerprint"]
    assert str(tmp_path) not in there.cat("/b/graded.meta.json").decode()
    told = there.cat("/b/graded.config.toml").decode()
    assert 'traces = "memory://b/t.jsonl"' in told
    assert 'out = "memory://b/graded.jsonl"' in told
    assert not [name for name in names(there) if "lock" in name or "part" in name]


def test_a_second_run_finds_its_output_there_even_from_another_machine(
    there: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    command = "import memory://b/rows.jsonl --out memory://b/t.jsonl"
    assert cotpress(monkeypatch, command) == 0
    written = there.info("/b/t.jsonl")["created"]
    for work in ("work", "another machine"):
        monkeypatch.setenv("COTPRESS_WORK", str(tmp_path / work))
        capsys.readouterr()
        assert cotpress(monkeypatch, command) == 0
        assert "nothing to do" in capsys.readouterr().err
        assert there.info("/b/t.jsonl")["created"] == written
    monkeypatch.setenv("COTPRESS_WORK", str(tmp_path / "a third"))
    assert cotpress(monkeypatch, f"{command} --limit 1") == 2
    assert "was made with other options" in capsys.readouterr().err
    assert cotpress(monkeypatch, f"{command} --limit 1 --overwrite") == 0
    assert there.cat("/b/t.jsonl").count(b"\n") == 1


def test_an_output_that_another_run_wrote_meanwhile_is_not_replaced(
    there: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    command = "import memory://b/rows.jsonl --out memory://b/t.jsonl"
    assert cotpress(monkeypatch, command) == 0
    there.pipe("/b/t.jsonl", b"of another run\n")
    assert cotpress(monkeypatch, command) == 2
    assert "memory://b/t.jsonl was written by another run" in capsys.readouterr().err
    assert there.cat("/b/t.jsonl") == b"of another run\n"
    out = remote.place_output("memory://b/u.jsonl")
    out.write_bytes(b"ours")
    there.pipe("/b/u.jsonl", b"theirs")
    with pytest.raises(CotpressError, match=r"u.jsonl was written by another run"):
        remote.upload(out)
    assert there.cat("/b/u.jsonl") == b"theirs"


def test_an_output_that_could_not_be_taken_up_whole_is_taken_up_by_the_next_run(
    there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.pipe("/b/t.jsonl", b"1")
    there.pipe("/b/t.meta.json", b"{}")
    real = type(there).get_file

    def get(self: Any, path: str, here: str, **more: Any) -> None:
        if path.endswith("meta.json"):
            raise TimeoutError("no route")
        real(self, path, here, **more)

    monkeypatch.setattr(type(there), "get_file", get)
    with pytest.raises(CotpressError, match=r"cannot look for memory://b/t.jsonl \(no route\)"):
        remote.place_output("memory://b/t.jsonl")
    monkeypatch.setattr(type(there), "get_file", real)
    out = remote.place_output("memory://b/t.jsonl")
    assert storage.meta_path(out).read_bytes() == b"{}"


def test_a_failed_upload_says_where_the_file_lies_and_the_same_command_uploads_it(
    there: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    command = "import memory://b/rows.jsonl --out memory://b/t.jsonl"
    real = type(there).put_file

    def put(self: Any, here: str, path: str, **more: Any) -> None:
        if path.endswith("meta.json"):
            raise RuntimeError("no credentials for https://me:secret@host/t?sig=hidden here")
        real(self, here, path, **more)

    monkeypatch.setattr(type(there), "put_file", put)
    assert cotpress(monkeypatch, command) == 2
    said = capsys.readouterr().err
    lies = said.rpartition("the finished output is ")[2].partition(",")[0]
    assert storage.count(Path(lies), Trace) == 3
    assert "the same command uploads it again" in said
    assert "secret" not in said
    assert "hidden" not in said
    assert "/b/t.meta.json" not in names(there)

    monkeypatch.setattr(type(there), "put_file", real)
    assert cotpress(monkeypatch, command) == 0
    assert "nothing to do" in capsys.readouterr().err
    assert "/b/t.meta.json" in names(there)
    assert there.cat("/b/t.jsonl") == Path(lies).read_bytes()


def test_an_input_that_changed_there_is_another_input(
    there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    first = remote.fetch("memory://b/rows.jsonl")
    copied = first.stat().st_mtime_ns
    assert remote.fetch("memory://b/rows.jsonl").stat().st_mtime_ns == copied
    there.pipe("/b/rows.jsonl", lines(ROWS[:1]))
    assert remote.fetch("memory://b/rows.jsonl").read_bytes() == lines(ROWS[:1])


def test_a_web_server_that_says_no_version_is_read_anew_each_time(there: Any) -> None:
    there.pipe("/b/t.jsonl", b"one\n")
    silent = remote.Place("https://host/t.jsonl", there, "/b/t.jsonl")
    assert silent.state("/b/t.jsonl") == ""
    assert remote.Place("memory://b/t.jsonl", there, "/b/t.jsonl").state("/b/t.jsonl")
    here = remote.work_folder().absolute() / "in" / "x" / "t.jsonl"
    note = remote.Note("https://host/t.jsonl")
    remote._get(silent, "/b/t.jsonl", here, note)
    assert not remote._is_same(silent, note, here, "/b/t.jsonl")


def test_folders_and_globs_are_the_files_there_and_no_others(there: Any) -> None:
    there.pipe("/b/data/train-0.jsonl", lines(ROWS[:1]))
    there.pipe("/b/data/train-1.jsonl", lines(ROWS[1:]))
    there.pipe("/b/data/test.jsonl", lines(ROWS))
    there.pipe("/b/data/model.bin", b"weights")
    found = inputs.find("memory://b/data/train-*.jsonl")
    assert [row.values for row in found.rows()] == ROWS
    assert found.name == "memory://b/data/train-*.jsonl"
    assert len(inputs.find("memory://b/data").paths) == 3
    there.rm_file("/b/data/test.jsonl")
    assert len(inputs.find("memory://b/data").paths) == 2
    assert not list(remote.work_folder().rglob("model.bin"))
    with pytest.raises(CotpressError, match=r"memory://b/none-\*: no file of rows there"):
        inputs.find("memory://b/none-*")


def test_a_task_reads_a_url_and_is_called_by_it(there: Any) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    task = tasks.load("jsonl:memory://b/rows.jsonl,split=test")
    problems = tasks.take(task, "test", None)
    assert [problem.answer for problem in problems] == ["1", "2", "3"]
    assert {problem.task for problem in problems} == {"jsonl:memory://b/rows.jsonl,split=test"}


def test_shards_are_merged_from_urls(
    there: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    assert cotpress(monkeypatch, "import memory://b/rows.jsonl --out memory://b/t.jsonl") == 0
    run = "score memory://b/t.jsonl --scorer random --target tiny --out"
    for i in range(2):
        assert cotpress(monkeypatch, f"{run} memory://b/s.{i}.jsonl --shard {i}/2") == 0
    shards = "memory://b/s.0.jsonl memory://b/s.1.jsonl"
    assert cotpress(monkeypatch, f"merge {shards} --out memory://b/s.jsonl") == 0
    assert cotpress(monkeypatch, f"{run} whole.jsonl") == 0
    assert there.cat("/b/s.jsonl") == (tmp_path / "whole.jsonl").read_bytes()
    assert storage.count(remote.fetch("memory://b/s.jsonl"), ScoredTrace) == 3


def test_a_folder_is_uploaded_as_one(there: Any, tmp_path: Path) -> None:
    out = remote.place_output("memory://b/run")
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "weights").write_bytes(b"1")
    (out / "cotpress.json").write_bytes(b"{}")
    (out / "records.jsonl.part").write_bytes(b"half")
    assert remote.upload(out) == "memory://b/run"
    assert names(there) == ["/b/run/cotpress.json", "/b/run/deep/weights"]
    assert remote.upload(out) == ""
    (out / "deep" / "weights").unlink()
    remote.upload(out)
    assert names(there) == ["/b/run/cotpress.json"]
    assert remote.upload(tmp_path / "any.jsonl") == ""


def test_urls_come_from_a_configuration_too(
    there: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.pipe("/b/rows.jsonl", lines(ROWS))
    assert cotpress(monkeypatch, "import memory://b/rows.jsonl --out memory://b/t.jsonl") == 0
    (tmp_path / "c.toml").write_text(
        '[grade]\ntraces = "memory://b/t.jsonl"\nout = "memory://b/g.jsonl"\n'
    )
    assert cotpress(monkeypatch, "grade --config c.toml") == 0
    assert "/b/g.meta.json" in names(there)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("sftp://me:secret@host/t.jsonl", "secret"),
        ("https://token@host/t.jsonl", "token"),
        ("HTTPS://token@host/t.jsonl", "token"),
        ("https://host/t.jsonl?X-Amz-Signature=abc", "abc"),
    ],
)
def test_a_url_with_credentials_is_refused_and_not_repeated(
    url: str, secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["show", url], ["import", url, "--out", "t.jsonl"], ["grade", "a", "--out", url]):
        assert typed(monkeypatch, words) == 2
        said = capsys.readouterr().err
        assert "credentials or a query" in said
        assert secret not in said


def test_what_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(CotpressError, match=r"^s3:// needs the package 's3fs': pip install s3fs$"):
        remote.fetch("s3://b/t.jsonl")
    with pytest.raises(CotpressError, match="Protocol not known: s4"):
        remote.fetch("s4://b/t.jsonl")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        MissingExtra, match=r"needs the package 'fsspec': pip install 'cotpress\[remote\]'"
    ):
        remote.fetch("memory://b/t.jsonl")


def test_a_url_of_nothing_and_one_that_cannot_be_written_are_one_sentence(there: Any) -> None:
    with pytest.raises(
        CotpressError, match=r"cannot read memory://b/none.jsonl \(nothing is there\)"
    ):
        remote.fetch("memory://b/none.jsonl")
    with pytest.raises(CotpressError, match="names no file"):
        remote.fetch("memory://")
    with pytest.raises(CotpressError, match="is a chain of file systems"):
        remote.fetch("zip://t.jsonl::https://token@host/t.zip")
    with pytest.raises(CotpressError, match="can be read and not written"):
        remote.place_output("https://host/t.jsonl")


def test_names_there_never_lead_out_of_the_work_folder() -> None:
    assert str(remote._below("/b/data/../../x.jsonl", "/b/data")) == "x.jsonl"
