"""What verbs hold of a file: numbers and places, never the texts of all its records."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from make import make_compressed, sum_trace

from cotpress import storage
from cotpress.doctor.data import examine_data
from cotpress.errors import CotpressError
from cotpress.evaluation.plan import Wish, plan
from cotpress.evaluation.rows import rows
from cotpress.jsonl import Records, read_placed, reading_at
from cotpress.pipeline.build import build
from cotpress.pipeline.select import choose
from cotpress.records import Asked, Grade, Trace, TrainingExample
from cotpress.training.facts import facts

N, LENGTH = 100, 50_000
RIGHT = Grade(answer="1", correct=True, status="ok")


def long_trace(i: int, ratio: float | None = None) -> Trace:
    """One with 50 kB of reasoning."""
    method = "tokenskip" if ratio else "original"
    said = f"{i} and so on. " + "word " * (LENGTH // 5)
    return sum_trace(i, reasoning=said, method=method, asked=Asked(ratio=ratio), grade=RIGHT)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`traces.jsonl`, `eval.jsonl` and `examples.jsonl`, 5 MB and more each."""
    folder = tmp_path_factory.mktemp("held")
    storage.write(folder / "traces.jsonl", map(long_trace, range(N)))
    both = (long_trace(i, ratio) for ratio in (None, 0.5) for i in range(N // 2))
    storage.write(folder / "eval.jsonl", both)
    cuts = (make_compressed(long_trace(i), {0.5: "x " * (LENGTH // 2)}) for i in range(N))
    storage.write(folder / "examples.jsonl", build(cuts))
    return folder


def chosen(folder: Path) -> Iterator[Trace]:
    path = folder / "traces.jsonl"
    with reading_at(path, Trace) as at:
        yield from choose(read_placed(path, Trace), at)


TAKERS: dict[str, Callable[[Path], object]] = {
    "select": lambda folder: sum(1 for _ in chosen(folder)),
    "rows": lambda folder: rows(storage.read(folder / "eval.jsonl", Trace)),
    "plan": lambda folder: plan(storage.read(folder / "eval.jsonl", Trace), Wish(0.5)),
    "doctor data": lambda folder: list(examine_data(Records(folder / "traces.jsonl", Trace), None)),
    "doctor data, examples": lambda folder: list(
        examine_data(Records(folder / "examples.jsonl", TrainingExample), None)
    ),
    "train": lambda folder: facts(Records(folder / "examples.jsonl", TrainingExample)),
}


@pytest.mark.parametrize("taker", TAKERS)
def test_the_texts_of_a_file_are_not_held(taker: str, files: Path) -> None:
    TAKERS[taker](files)  # loads what it needs
    tracemalloc.start()
    try:
        TAKERS[taker](files)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < N * LENGTH / 4


def test_a_record_is_read_again_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    traces = [sum_trace(i, reasoning="é" * i + "\u2028") for i in range(4)]
    lines = [msgspec.json.encode(one) for one in traces]
    path.write_bytes(b"\xef\xbb\xbf" + lines[0] + b"\n\n  \n" + b"\r\n".join(lines[1:]))
    placed = list(read_placed(path, Trace))
    assert [one for _, one in placed] == traces
    with reading_at(path, Trace) as at:
        assert [at(place) for place, _ in reversed(placed)] == traces[::-1]


def test_a_file_that_changed_while_it_was_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    storage.write(path, map(sum_trace, range(2)))
    places = [place for place, _ in read_placed(path, Trace)]
    path.write_bytes(path.read_bytes()[: places[1] + 5])
    with (
        reading_at(path, Trace) as at,
        pytest.raises(CotpressError, match="changed while it was read"),
    ):
        at(places[1])


def test_the_records_of_a_file_can_be_gone_through_again(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    storage.write(path, map(sum_trace, range(3)))
    records = Records(path, Trace)
    assert list(records) == list(records) == list(map(sum_trace, range(3)))
