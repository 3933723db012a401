"""What every verb shares: one output by one stage, resumed and counted."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

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


def test_an_input_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("a\nb\n")

    def growing(names: Iterator[str], dropped: Counter[str]) -> Iterator[Item]:
        for name in names:
            source.write_text("a\nb\nc\n")
            yield Item(name.strip())

    hashed = {"names": lambda: storage.hash_file(source)}
    with pytest.raises(CotpressError, match="what was read as names changed meanwhile"):
        common.make(out, Item, growing, ["a", "b"], verb="test", options={}, inputs=hashed)
    assert not out.exists()
    assert storage.part_path(out).exists()


def answerer(name: str, context: int | None) -> SimpleNamespace:
    return SimpleNamespace(name=name, context=context)


SMALL, LARGE, SILENT = answerer("small", 2048), answerer("large", 8192), SimpleNamespace(name="s")


@pytest.mark.parametrize(
    ("asked", "models", "limit", "line"),
    [
        (None, [LARGE, SILENT], 4096, "4,096 tokens (task gsm8k); --max-tokens says otherwise"),
        (None, [SILENT], 4096, "4,096 tokens (task gsm8k)"),
        (None, [LARGE, SMALL], 2048, "2,048 tokens (all that small reads, prompt included)"),
        (100, [LARGE, SMALL], 100, ""),
        (2048, [SMALL], 2048, ""),
        (10**6, [SILENT], 10**6, ""),
    ],
)
def test_an_answer_may_take_what_was_asked_for_else_what_the_task_says_within_the_context(
    asked: int | None, models: list, limit: int, line: str, capsys: pytest.CaptureFixture
) -> None:
    assert common.answer_limit(asked, 4096, "gsm8k", models, "eval") == limit
    said = capsys.readouterr().err
    assert said.count("\n") == bool(line)
    assert line in said


def test_more_than_a_model_reads_is_refused_with_what_is_possible() -> None:
    with pytest.raises(CotpressError, match=r"9,000 is more than small reads.*at most 2,048"):
        common.answer_limit(9000, 512, "t", [LARGE, SMALL], "eval")


@given(st.lists(st.booleans(), max_size=60))
def test_many_cut_off_answers_are_said_once_and_at_the_first_answer_that_shows_it(
    finished: list[bool],
) -> None:
    traces = [make_trace(finished=one) for one in finished]
    cut = [sum(not one for one in finished[:n]) for n in range(len(finished) + 1)]
    wanted = [n for n in range(20, len(cut)) if cut[n] > 0.3 * n][:1]
    told, passed = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "say", lambda line: told.append((len(passed) + 1, line)))
        for trace in common.watched(traces, "eval", 512):
            passed.append(trace)
    assert passed == traces
    assert told == [
        (
            n,
            f"eval: {cut[n]} of the first {n} answers were cut off at 512 tokens: "
            "raise --max-tokens",
        )
        for n in wanted
    ]


def test_each_arm_is_counted_for_itself(capsys: pytest.CaptureFixture) -> None:
    traces = [make_trace(finished=i >= 12, model=name) for name in "ab" for i in range(40)]
    list(common.watched(traces, "eval", 512, lambda trace: f"arm {trace.model}"))
    said = capsys.readouterr().err
    assert said.count("12 of the first 20 answers of arm") == 2
