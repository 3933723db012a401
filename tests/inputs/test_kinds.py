"""Every kind of file gives the same rows, a piece at a time, or one sentence."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotpress import inputs
from cotpress.errors import BadRecord, CotpressError
from cotpress.inputs import _arrow, _csv, _document, _json

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

CASES = Path(__file__).parents[3] / "shared" / "cases" / "turn2-reliability"

Rows = list[dict[str, Any]]


def lines(rows: Rows) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def table(rows: Rows, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    names = list(rows[0])
    writer.writerows([names, *([row[name] for name in names] for row in rows)])
    return text.getvalue().encode()


def columns(rows: Rows) -> bytes:
    file = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(rows), file, row_group_size=3)
    return file.getvalue()


def ipc(rows: Rows, new: Callable[..., Any]) -> bytes:
    file, made = io.BytesIO(), arrow.Table.from_pylist(rows)
    with new(file, made.schema) as writer:
        writer.write_table(made, max_chunksize=2)
    return file.getvalue()


def zstd(content: bytes) -> bytes:
    return arrow.compress(content, "zstd", asbytes=True)


def served(rows: Rows) -> Rows:
    return [{"row_idx": i, "row": row, "truncated_cells": []} for i, row in enumerate(rows)]


KINDS: dict[str, Callable[[Rows], bytes]] = {
    "rows.jsonl": lines,
    "no-newline.ndjson": lambda rows: lines(rows).strip(),
    "mark.jsonl": lambda rows: b"\xef\xbb\xbf" + lines(rows),
    "crlf.txt": lambda rows: b"\r\n\r\n".join(json.dumps(row).encode() for row in rows),
    "array.json": lambda rows: json.dumps(rows).encode(),
    "pretty.json": lambda rows: json.dumps(rows, indent=2).encode(),
    "mark.json": lambda rows: b"\xef\xbb\xbf\n" + json.dumps(rows, indent=2).encode(),
    "data.json": lambda rows: json.dumps({"data": rows}).encode(),
    "about.json": lambda rows: json.dumps(
        {"version": "1", "about": {"rows": [1]}, "data": rows, "n": 1}, indent=1
    ).encode(),
    "any-name.json": lambda rows: json.dumps({"my problems": rows}, indent=1).encode(),
    "server.json": lambda rows: json.dumps(
        {"features": [{"name": "q"}], "rows": served(rows), "num_rows_total": 9}
    ).encode(),
    "one-after-another.json": lambda rows: "\n".join(
        json.dumps(row, indent=2) for row in rows
    ).encode(),
    "rows.jsonl.gz": lambda rows: gzip.compress(lines(rows)),
    "two-members.gz": lambda rows: gzip.compress(lines(rows[:1])) + gzip.compress(lines(rows[1:])),
    "rows.jsonl.bz2": lambda rows: bz2.compress(lines(rows)),
    "rows.jsonl.xz": lambda rows: lzma.compress(lines(rows)),
    "rows.jsonl.zst": lambda rows: zstd(lines(rows)),
    "two-frames.jsonl.zst": lambda rows: zstd(lines(rows[:1])) + zstd(lines(rows[1:])),
    "wrong-suffix.parquet.gz": lambda rows: gzip.compress(json.dumps(rows).encode()),
    "array.json.zst": lambda rows: zstd(json.dumps(rows).encode()),
    "rows.parquet": columns,
    "by-its-content": columns,
    "rows.arrow": lambda rows: ipc(rows, arrow.ipc.new_file),
    "stream.arrow": lambda rows: ipc(rows, arrow.ipc.new_stream),
}
TABLES: dict[str, Callable[[Rows], bytes]] = {
    "rows.csv": table,
    "mark.CSV": lambda rows: b"\xef\xbb\xbf" + table(rows),
    "rows.tsv": lambda rows: table(rows, "\t"),
    "semicolons.csv": lambda rows: table(rows, ";"),
    "rows.csv.gz": lambda rows: gzip.compress(table(rows)),
}

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NESTED = st.lists(
    st.fixed_dictionaries(
        {
            "q": TEXT,
            "n": st.integers(-(2**53), 2**53),
            "x": st.none() | st.floats(allow_nan=False),
            "turns": st.lists(st.fixed_dictionaries({"role": TEXT, "content": TEXT}), max_size=3),
        }
    ),
    min_size=2,
    max_size=7,
)
FLAT = st.lists(st.fixed_dictionaries({"q": TEXT, "a": TEXT}), min_size=2, max_size=7)


def read(folder: Path, name: str, content: bytes) -> Rows:
    (folder / name).write_bytes(content)
    return [row.values for row in inputs.find(str(folder / name)).rows()]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.mark.parametrize("name", KINDS)
@given(rows=NESTED)
@settings(max_examples=20)
def test_every_kind_of_file_gives_the_rows_that_were_written(
    folder: Path, name: str, rows: Rows
) -> None:
    assert read(folder, name, KINDS[name](rows)) == rows


@pytest.mark.parametrize("name", [*KINDS, *TABLES])
@given(rows=FLAT)
@settings(max_examples=20)
def test_rows_of_texts_are_the_same_in_tables_too(folder: Path, name: str, rows: Rows) -> None:
    assert read(folder, name, (KINDS | TABLES)[name](rows)) == rows


@given(rows=NESTED, piece=st.integers(1, 200), form=st.sampled_from(["data.json", "pretty.json"]))
@settings(max_examples=50)
def test_what_a_document_holds_does_not_depend_on_the_pieces_it_is_read_in(
    rows: Rows, piece: int, form: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_document, "PIECE", piece)
        found = _document.document_rows(io.BytesIO(KINDS[form](rows)), "x.json")
        assert [row.values for row in found] == rows


SOME = [{"q": f"What is {i} + {i}?", "a": str(2 * i)} for i in range(40)]


@pytest.mark.parametrize("name", [*KINDS, *TABLES])
@given(
    where=st.floats(0, 1),
    what=st.binary(max_size=12),
    cut=st.booleans(),
)
@settings(max_examples=25)
def test_a_damaged_file_gives_rows_or_one_sentence(
    folder: Path, name: str, where: float, what: bytes, cut: bool
) -> None:
    whole = (KINDS | TABLES)[name](SOME)
    at = int(where * len(whole))
    content = whole[:at] if cut else whole[:at] + what + whole[at + len(what) :]
    try:
        rows = read(folder, f"damaged {name}", content)
        said = f"damaged {name}"
    except CotpressError as error:
        rows, said = [], str(error)
    assert "\n" not in said
    assert f"damaged {name}" in said
    assert all(isinstance(row, dict) for row in rows)


CUT_OFF = [name for name in KINDS if name.endswith((".gz", ".bz2", ".xz", ".zst"))]


@pytest.mark.parametrize("name", CUT_OFF)
def test_a_packed_file_that_is_cut_off_is_never_taken_for_whole(tmp_path: Path, name: str) -> None:
    whole = KINDS[name](SOME)
    with pytest.raises(BadRecord, match=r", behind row \d+: damaged or cut off .*: fetch or pack"):
        read(tmp_path, name, whole[: len(whole) - 5])


def noise(n: int) -> Rows:
    """Rows that no packer makes small."""
    return [{"q": random.Random(i).randbytes(500).hex(), "a": str(i)} for i in range(n)]


STREAMED = [
    *("rows.jsonl", "array.json", "pretty.json", "data.json", "one-after-another.json"),
    *("rows.jsonl.gz", "rows.jsonl.bz2", "rows.jsonl.xz", "rows.jsonl.zst", "rows.csv.gz"),
    *("rows.csv", "server.json"),
]


@pytest.mark.parametrize("name", STREAMED)
def test_rows_come_before_the_rest_is_read(tmp_path: Path, name: str) -> None:
    rows = noise(2500)
    content = (KINDS | TABLES)[name](rows)
    (tmp_path / name).write_bytes(content[:-9] + b"\x00" * 9)  # what an early end would not notice
    reader = inputs.find(str(tmp_path / name)).rows()
    assert [next(reader).values for _ in range(50)] == rows[:50]
    with pytest.raises(BadRecord):
        list(reader)


@pytest.mark.parametrize(
    "name", ["rows.jsonl", "array.json", "server.json", "rows.csv", "rows.parquet"]
)
def test_memory_holds_a_piece_of_a_file_and_not_all(tmp_path: Path, name: str) -> None:
    content = (KINDS | TABLES)[name](noise(20_000))
    assert len(content) > 10e6
    (tmp_path / name).write_bytes(content)
    tracemalloc.start()
    assert sum(1 for _ in inputs.find(str(tmp_path / name)).rows()) == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6


LONG = {"q": "a" * 3_000_000, "a": "1"}


@pytest.mark.parametrize("name", [*KINDS, *TABLES])
def test_a_row_that_is_too_long_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for module in (_json, _document, _csv, _arrow):
        monkeypatch.setattr(module, "MAX_ROW", 2_000_000)
    with pytest.raises(
        BadRecord, match=r"(a row of more than 64 MiB, which is not read|field larger than)"
    ):
        read(tmp_path, name, (KINDS | TABLES)[name]([SOME[0], LONG, SOME[1]]))


@pytest.mark.parametrize("begins", [b'{"a": "', b'{"rows": [{"a": "'])
def test_a_bomb_of_one_endless_row_does_not_fill_the_memory(tmp_path: Path, begins: bytes) -> None:
    with gzip.open(tmp_path / "bomb.json.gz", "wb", compresslevel=1) as bomb:
        for piece in (begins, *[b"a" * (50 << 20)] * 8):
            bomb.write(piece)
    tracemalloc.start()
    with pytest.raises(BadRecord, match="a row of more than 64 MiB, which is not read"):
        list(inputs.find(str(tmp_path / "bomb.json.gz")).rows())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3.5 * inputs.MAX_ROW


def test_a_value_that_a_parquet_file_holds_many_times_is_not_in_memory_as_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_arrow, "HELD", 5 << 20)
    rows = [{"q": "a" * (1 << 20)}] * 90
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet", compression="zstd")
    before, peak = arrow.total_allocated_bytes(), 0
    for row in inputs.find(str(tmp_path / "a.parquet")).rows():
        assert len(row.values["q"]) == 1 << 20
        peak = max(peak, arrow.total_allocated_bytes() - before)
    assert peak < 30 << 20


BROKEN = {
    '{"a": 1}\n{"a": \n': r"x\.json:2: not JSON: .*",
    '{"a": 1}\n[1]\n': r"x\.json:2: not a row: an object was expected, not list",
    '[{"a": 1},\n 5]': r"x\.json, row 2: not a row: an object was expected, not int",
    '[{"a": 1},\n {"b": x}]': r"x\.json:2: not JSON: Expecting value\.",
    '[{"a": 1}\n {"b": 1}]': r"x\.json:2: not JSON: , or \] was expected, not \{\.",
    '[{"a": 1},\n\n': r"x\.json:3: not JSON: Expecting value\.",
    '{\n"a": [\n': r"x\.json:3: not JSON: ",
    '{\n"a": 1,\nb: 2}': r"x\.json:3: not JSON: a name in quotes was expected\.",
    '{"data": [{}],\n "rows": [{}]}': r"x\.json:2: two lists of rows, data and rows, in one file",
    '{\n"test": [{"a": 1}]}\n{"b": 1}': r"x\.json:3: not JSON: more follows the object around",
    '[{"a": 1}] x': r"x\.json:1: not JSON: an object or a list was expected\.",
    "[" * 200_000: r"x\.json:1: not JSON that can be read: nested too deep",
    '{"a": 1}\n' + '{"a":' * 200_000: r"x\.json:2: not JSON that can be read: nested too deep",
    '{\n"a":' + '{"a":' * 200_000: r"x\.json:2: not JSON that can be read: nested too deep",
    "question,answer\n1,2\n": r"x\.json:1: not JSON: ",
}


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
def test_json_that_is_none_is_named_by_file_and_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadRecord, match=BROKEN[text]):
        read(tmp_path, "x.json", text.encode())


TABLES_BROKEN = {
    b"q,a\n1,2\n1,2,3\n": r"x\.csv:3: 3 fields where the header names 2: ",
    b"q,a\n1\n": r"x\.csv:2: 1 fields where the header names 2: ",
    b"q,a,q\n1,2,3\n": r"x\.csv:1: the header names 'q' twice\.",
    b'q,a\n"1,2\n3,4\n': r"x\.csv:\d: not CSV: unexpected end of data",
    b'q,a\n"1"x,2\n': r"x\.csv:2: not CSV: ",
    b"q,a\n\xe9t\xe9,2\n": r"x\.csv:\d: not UTF-8 .*iconv",
    "q,a\n1,2\n".encode("utf-16"): r"x\.csv: UTF-16 text: write it again as UTF-8",
}


@pytest.mark.parametrize("content", TABLES_BROKEN)
def test_a_table_that_is_none_is_named_by_file_and_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadRecord, match=TABLES_BROKEN[content]):
        read(tmp_path, "x.csv", content)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.zip", b"PK\x03\x04....", "is a zip archive: unpack it first, with unzip"),
        ("a.jsonl.gz", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "packed twice"),
        (
            "a.parquet.gz",
            gzip.compress(b"PAR1....", mtime=0),
            "or a table that is packed: unpack it first",
        ),
        ("a.txt", b"What is it?\n", "neither JSON nor a table"),
        ("a.parquet", b"PAR1 but not really", "not a Parquet file, or a damaged one"),
        ("a.arrow", b"ARROW1\0\0 but not really", "not a Arrow file, or a damaged one"),
        ("a.jsonl", b'{"a": "\xff"}\n', r"a\.jsonl:1: not JSON: .*utf-8"),
        ("a.json", b'[{"a": "\xff"}]', r"a\.json:1: not UTF-8: invalid start byte"),
    ],
)
def test_what_is_no_file_of_rows_is_one_sentence(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    with pytest.raises(CotpressError, match=says):
        read(tmp_path, name, content)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"[]", b'{"data": []}', b"[\n]\n"])
def test_a_file_may_hold_no_rows(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, "x.json", content) == []


def test_a_chat_alone_in_a_row_is_a_row(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}
    assert read(tmp_path, "one.jsonl", json.dumps(row).encode()) == [row]
    assert read(tmp_path, "pretty.json", json.dumps(row, indent=1).encode()) == [row]


def test_lines_may_have_a_column_whose_name_is_that_of_a_list_of_rows(tmp_path: Path) -> None:
    rows = [{"data": [{"x": 1}], "q": "a"}, {"data": [], "q": "b"}]
    assert read(tmp_path, "x.jsonl", lines(rows)) == rows


def test_what_json_forbids_but_people_have_is_read_in_arrays_too(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "x.json", b'[{"a": NaN, "b": "\\ud83d", "c": 123456789012345678901}]')
    assert row["a"] != row["a"]
    assert (row["b"], row["c"]) == ("\ud83d", 123456789012345678901)


def test_a_row_says_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": "1"}\n\n{"a": "2"}\n')
    (tmp_path / "b.json").write_bytes(b'[{"a": "3"}]')
    (tmp_path / "c.csv").write_bytes(b'a,b\n"1\n2",3\n4,5\n')
    found = [row.where.removeprefix(f"{tmp_path}/") for row in inputs.find(str(tmp_path)).rows()]
    assert found == ["a.jsonl:1", "a.jsonl:3", "b.json, row 1", "c.csv:3", "c.csv:4"]


@pytest.mark.skipif(not CASES.exists(), reason="no shared cases")
@pytest.mark.parametrize("name", ["corrupt_header.parquet", "corrupt_text.parquet"])
def test_parquet_that_was_damaged_on_the_way_is_one_sentence(name: str) -> None:
    with pytest.raises(BadRecord, match=rf"{name}.*: not a Parquet file, or a damaged one: "):
        list(inputs.find(str(CASES / name)).rows())


def test_parquet_whose_columns_end_the_process_when_they_are_asked_for_is_one_sentence() -> None:
    # found by make torture; in a process of its own, which an abort would end
    broken = Path(__file__).parents[1] / "data" / "aborts_pyarrow.parquet"
    script = f"from cotpress import inputs; list(inputs.find({str(broken)!r}).rows())"
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "not a Parquet file, or a damaged one: " in said.stderr.splitlines()[-1]
