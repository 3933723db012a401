"""Rows of Parquet and of Arrow's own files and streams (what `datasets` keeps on disk)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cotpress.errors import BadRecord
from cotpress.inputs.row import MAX_ROW, Row, too_long
from cotpress.plugins import require

BATCH = 100
"""Rows that are taken out of a file together."""

HELD = 256 << 20
"""Bytes that one batch may come to where each of its values is as large as its row group allows: a
dictionary lets a small file hold a large value many times.
"""

BUFFER = 1 << 20


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file, a batch in memory at a time."""
    require("pyarrow", "reading Parquet")
    parquet = require("pyarrow.parquet", "reading Parquet")
    yield from _rows(path, "Parquet", lambda: _parquet_batches(parquet, path))


def arrow_rows(path: Path, *, stream: bool) -> Iterator[Row]:
    """The rows of an Arrow file or stream, a batch in memory at a time."""
    arrow = require("pyarrow", "reading Arrow")

    def batches() -> Iterator[Any]:
        with arrow.OSFile(str(path)) as file:
            if stream:
                yield from arrow.ipc.open_stream(file)
            else:
                reader = arrow.ipc.open_file(file)
                yield from map(reader.get_batch, range(reader.num_record_batches))

    yield from _rows(path, "Arrow", batches)


def _parquet_batches(parquet: Any, path: Path) -> Iterator[Any]:
    with parquet.ParquetFile(path, buffer_size=BUFFER) as file:
        largest = 1
        for number in range(file.metadata.num_row_groups):
            # of all columns: to ask for one of a damaged file ends the process in pyarrow 26
            group = file.metadata.row_group(number)
            size = group.total_byte_size
            if size > MAX_ROW * max(1, group.num_rows):
                raise too_long(f"{path}, row group {number + 1}")
            largest = max(largest, size)
        yield from file.iter_batches(max(1, min(BATCH, HELD // largest)))


def _rows(path: Path, kind: str, batches: Callable[[], Iterator[Any]]) -> Iterator[Row]:
    arrow = require("pyarrow", f"reading {kind}")
    number = 0
    try:
        for batch in batches():
            batch.validate(full=True)  # offsets of a damaged file point anywhere
            for start in range(0, batch.num_rows, BATCH):
                part = batch.slice(start, BATCH)
                if part.nbytes > MAX_ROW:
                    _refuse_long(part, path, number)
                for values in part.to_pylist():
                    number += 1
                    yield Row(values, f"{path}, row {number}")
    # What a damaged file raises depends on where the damage is.
    except (
        *(arrow.ArrowException, OSError, ValueError, OverflowError, MemoryError),
        *(KeyError, IndexError, TypeError),
    ) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        where = f"{path}, behind row {number}" if number else f"{path}"
        raise BadRecord(f"{where}: not a {kind} file, or a damaged one: {said[:300]}.") from error


def _refuse_long(part: Any, path: Path, before: int) -> None:
    for index in range(part.num_rows):
        if part.slice(index, 1).nbytes > MAX_ROW:
            raise too_long(f"{path}, row {before + index + 1}")
