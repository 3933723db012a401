"""Storage: named bad lines, resume that equals the uninterrupted
run byte for byte, and nothing lost on the way.
"""

import errno
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import filelock
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cotpress import storage
from cotpress.errors import BadRecord, CotpressError
from cotpress.records import Problem, ScoredTrace, Trace


class Item(msgspec.Struct, frozen=True):
    name: str
    value: int = 0


def items(n: int) -> list[Item]:
    return [Item(f"item {i}", i * i) for i in range(n)]


def make(
    path: Path,
    wanted: list[Item],
    *,
    stop_at: int | None = None,
    keyed: bool = True,
    verb: str = "double",
    **options: object,
) -> list[str]:
    """A whole run over `wanted`; gives the names that were
    really worked on. `stop_at` items in, it dies.
    """
    worked = []
    with storage.run(
        path, Item, verb, options, version="0", key=(lambda r: r.name) if keyed else None
    ) as this:
        if this.complete:
            return worked
        counted = this.counted(wanted)
        for record in this.write(this.todo(counted, lambda r: r.name) if keyed else counted):
            worked.append(record.name)
            if len(worked) == stop_at:
                raise KeyboardInterrupt
    return worked


def meta(path: Path) -> dict:
    about = json.loads(storage.meta_path(path).read_bytes())
    del about["seconds"]
    return about


# --- reading --------------------------------------------------------------------------------------

PROBLEM = Problem(id="p", question="q", answer="1", task="t")
TRACE = Trace(
    problem=PROBLEM,
    model="m",
    reasoning="a b",
    conclusion="c",
    n_tokens=2,
    n_conclusion_tokens=1,
    finished=True,
)
SCORED = msgspec.to_builtins(
    ScoredTrace(trace=TRACE, scorer="s", ends=[1, 3], importance=[0.5, 1.0])
)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"trace"', "JSON is malformed|truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "missing required field `trace`"),
        (
            json.dumps(SCORED | {"importance": [0.5, "high"]}),
            r"Expected `float`, got `str` - at `\$\.importance\[1\]`",
        ),
        (
            json.dumps(SCORED | {"importance": [0.5, float("nan")]}),
            r"malformed.*importance.: \[0\.5, NaN",
        ),
        (
            json.dumps(SCORED | {"importance": [0.5, None]}),
            r"Expected `float`, got `null` - at `\$\.importance\[1\]`",
        ),
        (json.dumps(SCORED | {"importance": [0.5]}), "one entry per token"),
        (json.dumps(SCORED | {"ends": [1, 2]}), "the last must be the length of trace.reasoning"),
        (json.dumps(SCORED | {"ends": [3, 1]}), "ends must not fall"),
        (
            json.dumps(SCORED | {"percentile": {"weights": [1], "chunk_ends": [1]}}),
            "n_tokens must have one entry per piece",
        ),
        ('{"trace": "\\ud800"}', "JSON is malformed|truncated"),
        (
            '{"trace": "\\ud83d half a smile"}',
            r"half a character \(a lone surrogate\): mend the text or take the line out",
        ),
        ("\x00\x00", "JSON is malformed"),
        ('{"unknown": ' + "[" * 100_000, "recursion"),
    ],
)
def test_a_bad_line_is_named_by_file_line_and_field(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "scored.jsonl"
    path.write_text(f"{json.dumps(SCORED)}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(
        BadRecord, match=rf"scored\.jsonl:3: not a ScoredTrace: .*({says})"
    ) as caught:
        list(storage.read(path, ScoredTrace))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_because_it_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for read in (storage.hash_file, lambda path: list(storage.lines(path))):
        with pytest.raises(
            CotpressError, match="pipe is a pipe, and inputs are read more than once"
        ):
            read(tmp_path / "pipe")


def test_bytes_that_are_no_utf8_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"name": "\xff"}\n')
    with pytest.raises(BadRecord, match=r"a\.jsonl:1: not a Item: .*utf-8"):
        list(storage.read(path, Item))


def test_all_lines_are_checked_before_slow_work(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"name": "x"}\n' * 3)
    assert storage.count(path, Item) == 3
    path.write_text('{"name": "x"}\n' * 3 + "oops\n")
    with pytest.raises(BadRecord, match=":4:"):
        storage.count(path, Item)


def test_records_before_a_bad_line_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"name": "x"}\noops\n')
    records = storage.read(path, Item)
    assert next(records) == Item("x")
    with pytest.raises(BadRecord):
        next(records)


def test_lines_end_at_newlines_only_and_blank_ones_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"name": "a\xe2\x80\xa8b\xc2\x85"}\r\n\n  \n{"name": "c\\u0000\\r\\n"}'
    )
    assert list(storage.read(path, Item)) == [Item("a\u2028b\x85"), Item("c\0\r\n")]
    assert [number for number, _ in storage.lines(path)] == [1, 4]


def test_an_empty_file_holds_no_records(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert list(storage.read(tmp_path / "a.jsonl", Item)) == []


@pytest.mark.parametrize("reader", [lambda path: list(storage.lines(path)), storage.hash_file])
def test_a_path_that_cannot_be_read_is_one_sentence(tmp_path: Path, reader: object) -> None:
    with pytest.raises(CotpressError, match=r"no file .*none\.jsonl: run the verb that writes it"):
        reader(tmp_path / "none.jsonl")
    with pytest.raises(CotpressError, match="is a folder"):
        reader(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(CotpressError, match="cannot read"):
        reader(tmp_path / "file" / "a.jsonl")
    with pytest.raises(CotpressError, match=r"no file .*mine\.csv: check the path"):
        storage.hash_file(tmp_path / "mine.csv")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(st.lists(st.builds(Item, st.text(), st.integers(-(2**63), 2**63 - 1)), max_size=5))
def test_what_is_written_is_read_again(tmp_path: Path, records: list[Item]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    assert list(storage.read(path, Item)) == records


# --- runs -----------------------------------------------------------------------------------------


def test_a_finished_run_leaves_the_output_and_its_meta_file_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.jsonl"
    make(path, items(3), seed=1)
    assert list(storage.read(path, Item)) == items(3)
    assert {file.name for file in path.parent.iterdir()} == {"out.jsonl", "out.meta.json"}
    about = meta(path)
    assert about["verb"] == "double"
    assert about["options"] == {"seed": 1}
    assert about["counts"] == {"in": 3, "out": 3, "dropped": {}}


def test_a_rerun_of_a_finished_run_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    make(path, items(3))
    before = path.stat()
    # what a run leaves that is killed just after it has written the meta file
    path.with_name("out.jsonl.part.json").write_bytes(b"{}")
    assert make(path, items(3)) == []
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert {file.name for file in tmp_path.iterdir()} == {"out.jsonl", "out.meta.json"}


@pytest.mark.parametrize("stop_at", range(1, 6))
def test_a_resumed_run_does_only_the_rest_and_equals_the_uninterrupted_one(
    tmp_path: Path, stop_at: int
) -> None:
    whole, path = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    make(whole, items(5))
    with pytest.raises(KeyboardInterrupt):
        make(path, items(5), stop_at=stop_at)
    assert not path.exists()
    assert make(path, items(5)) == [item.name for item in items(5)[stop_at:]]
    assert path.read_bytes() == whole.read_bytes()
    assert meta(path) == meta(whole)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(0, 20), st.integers(1, 6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_at_fixed_places_give_the_bytes_of_the_uninterrupted_run(
    tmp_path: Path, names: list[int], stop: int, size: int
) -> None:
    out = tmp_path / "x.jsonl"
    for path in tmp_path.iterdir():
        path.unlink()

    def together(blocks: Iterator[list[int]]) -> Iterator[Item]:
        """Records that depend on their block; 0 has none."""
        for block in blocks:
            yield from (Item(str(name), hash(tuple(block))) for name in block if name)

    def run(stop_at: int | None = None) -> int:
        with storage.run(out, Item, "v", {}, version="0", key=lambda r: r.name) as this:
            if this.complete:
                return 0
            for n, _ in enumerate(this.write(together(this.blocks(names, str, size)))):
                if n + 1 == stop_at:
                    raise KeyboardInterrupt
            return this.n_out

    total = run()
    whole = out.read_bytes()
    out.unlink()
    storage.meta_path(out).unlink()
    if 0 < stop <= total:
        with pytest.raises(KeyboardInterrupt):
            run(stop)
        assert run() == total - stop
    else:
        run()
    assert out.read_bytes() == whole


def test_doubles_in_the_input_stay_doubles_when_resumed(tmp_path: Path) -> None:
    path, doubled = tmp_path / "out.jsonl", [item for item in items(3) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        make(path, doubled, stop_at=3)
    assert make(path, doubled) == ["item 1", "item 2", "item 2"]
    assert list(storage.read(path, Item)) == doubled


def test_a_run_without_keys_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        make(path, items(5), stop_at=2, keyed=False)
    assert len(make(path, items(5), keyed=False)) == 5
    assert list(storage.read(path, Item)) == items(5)


@given(
    st.lists(st.integers(0, 5), max_size=8),
    st.lists(st.integers(0, 5), max_size=8),
    st.binary(max_size=6),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_without_keys_keeps_what_it_makes_again_and_nothing_else(
    tmp_path: Path, before: list[int], now: list[int], torn: bytes
) -> None:
    out = tmp_path / "x.jsonl"
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(KeyboardInterrupt):
        make(out, [Item("a")], keyed=False, stop_at=1)
    lines = [msgspec.json.encode(Item("n", n)) + b"\n" for n in before]
    storage.part_path(out).write_bytes(b"".join(lines) + torn)
    make(out, [Item("n", n) for n in now], keyed=False)
    assert list(storage.read(out, Item)) == [Item("n", n) for n in now]
    assert meta(out)["counts"]["out"] == len(now)


def test_a_run_that_came_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        make(tmp_path / "x.jsonl", (1 // 0 for _ in "a"))
    assert not list(tmp_path.iterdir())


def test_a_run_without_keys_begins_its_own_part_again_under_other_options_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        make(path, items(5), stop_at=2, keyed=False, ratio=0.5)
    make(path, items(5), keyed=False, ratio=0.7)
    assert list(storage.read(path, Item)) == items(5)


@pytest.mark.parametrize(
    "left_by", ["another verb", "the same verb with keys", "a verb that left no note"]
)
def test_a_run_without_keys_never_empties_what_another_run_left(
    tmp_path: Path, left_by: str
) -> None:
    path = tmp_path / "out.jsonl"
    verb, keyed = ("halve", False) if left_by == "another verb" else ("double", True)
    with pytest.raises(KeyboardInterrupt):
        make(path, items(5), stop_at=2, keyed=keyed, verb=verb, seed=1)
    if left_by == "a verb that left no note":
        (tmp_path / "out.jsonl.part.json").unlink()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(
        CotpressError,
        match=r"out\.jsonl\.part was made .*: choose another --out, or replace it with --overwrite",
    ):
        make(path, items(3), keyed=False)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "torn", [b'{"name":"item 2","val', b"\0" * 100, b'{"name":"item 2","value":4}']
)
def test_a_last_line_without_its_end_is_done_again(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        make(path, items(4), stop_at=2)
    with storage.part_path(path).open("ab") as part:
        part.write(torn)
    assert make(path, items(4)) == ["item 2", "item 3"]
    assert list(storage.read(path, Item)) == items(4)


def test_a_corrupt_line_in_the_part_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        make(path, items(4), stop_at=2)
    part = storage.part_path(path)
    part.write_bytes(part.read_bytes().replace(b"item 0", b'item"0', 1))
    with pytest.raises(BadRecord, match=r"out\.jsonl\.part:1: not a Item"):
        make(path, items(4))


@pytest.mark.parametrize("whole", [True, False])
def test_other_options_are_refused_and_named(tmp_path: Path, whole: bool) -> None:
    path = tmp_path / "out.jsonl"
    if whole:
        make(path, items(3), seed=1, data="abc")
    else:
        with pytest.raises(KeyboardInterrupt):
            make(path, items(3), stop_at=1, seed=1, data="abc")
    with pytest.raises(
        CotpressError,
        match=r"out\.jsonl(\.part)? was made with other options or input \(seed\).* --out",
    ):
        make(path, items(3), seed=2, data="abc")
    make(path, items(3), seed=1, data="abc")


def test_another_verbs_output_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    make(path, items(3))
    with (
        pytest.raises(CotpressError, match="was made by double"),
        storage.run(path, Item, "halve", {}, version="0"),
    ):
        pass


def test_a_file_that_was_not_made_here_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("precious")
    with pytest.raises(CotpressError, match="was not made by double"):
        make(path, items(3))
    assert path.read_text() == "precious"


def test_an_output_removed_by_hand_is_made_again_under_any_options(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    make(path, items(3), seed=1)
    path.unlink()
    assert len(make(path, items(3), seed=2)) == 3
    assert meta(path)["options"] == {"seed": 2}


def test_the_meta_file_of_an_output_removed_by_hand_is_never_taken_for_that_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "out.jsonl", storage.write_atomic
    make(path, items(3))
    path.unlink()

    def killed(target: Path, content: bytes) -> None:
        if target == storage.meta_path(path):
            raise KeyboardInterrupt
        write(target, content)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_atomic", killed)
        with pytest.raises(KeyboardInterrupt):
            make(path, items(5))
    make(path, items(5))
    assert meta(path)["counts"] == {"in": 5, "out": 5, "dropped": {}}


def test_a_part_without_records_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with (
        pytest.raises(RuntimeError),
        storage.run(path, Item, "double", {"seed": 1}, version="0", key=lambda r: r.name),
    ):
        raise RuntimeError
    assert len(make(path, items(3), seed=2)) == 3


def test_a_part_whose_note_is_gone_is_not_taken_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        make(path, items(3), stop_at=1)
    (tmp_path / "out.jsonl.part.json").unlink()
    with pytest.raises(CotpressError, match=r"out\.jsonl\.part was made by an unknown run"):
        make(path, items(3))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"fingerprint": 1}', b"\xff"])
def test_a_corrupt_meta_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "out.jsonl"
    make(path, items(3))
    storage.meta_path(path).write_bytes(content)
    with pytest.raises(
        CotpressError, match=r"out\.meta\.json does not say which run it belongs to"
    ):
        make(path, items(3))


def test_a_part_removed_while_it_is_written_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with (
        pytest.raises(CotpressError, match="was removed while it was written"),
        storage.run(path, Item, "double", {}, version="0"),
    ):
        storage.part_path(path).unlink()


def test_the_working_folder_is_no_output() -> None:
    with (
        pytest.raises(CotpressError, match=r"^\. is a folder"),
        storage.run(Path("."), Item, "double", {}, version="0"),
    ):
        pass


def test_an_output_that_is_a_folder_or_lies_in_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CotpressError, match="is a folder"):
        make(tmp_path, items(1))
    (tmp_path / "file").touch()
    with pytest.raises(CotpressError, match="a file is in its place"):
        make(tmp_path / "file" / "out.jsonl", items(1))


def test_of_two_writers_the_second_gets_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with storage.run(path, Item, "double", {}, version="0"):
        with pytest.raises(CotpressError, match="is being written by another run"):
            make(path, items(1))
        make(tmp_path / "other.jsonl", items(1))


def test_a_lock_error_of_the_stage_is_not_taken_for_ours(tmp_path: Path) -> None:
    with (
        pytest.raises(filelock.Timeout),
        storage.run(tmp_path / "out.jsonl", Item, "double", {}, version="0"),
    ):
        raise filelock.Timeout("elsewhere")


def test_what_the_stage_dropped_and_the_verb_adds_stands_in_the_meta_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with storage.run(path, Item, "double", {}, version="7") as this:
        this.extra["revision"] = "abc"
        this.dropped["too short"] += 2
    about = meta(path)
    assert about["counts"]["dropped"] == {"too short": 2}
    assert about["revision"] == "abc"
    assert about["version"] == "7"


def test_writing_all_or_nothing_keeps_the_old_content_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    storage.write_atomic(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        storage.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


# --- trouble from outside -------------------------------------------------------------------------

SCRIPT = textwrap.dedent(
    """
    import random, sys, time
    from pathlib import Path
    import msgspec
    from cotpress import storage

    class Item(msgspec.Struct, frozen=True):
        name: str
        text: str

    def stage(names):
        for name in names:
            time.sleep(pause)
            yield Item(name, random.Random(name).choice("aé😀") * random.Random(name).randrange(10_000))

    path, pause = Path(sys.argv[1]), float(sys.argv[2])
    with storage.run(path, Item, "test", {}, version="0", key=lambda item: item.name) as this:
        if not this.complete:
            for item in this.write(stage(this.todo(this.counted(map(str, range(300))), lambda name: name))):
                print(item.name, flush=True)
    """
)


DYING = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    left = int(sys.argv[3])

    def mortal(call):
        def called(*args, **options):
            global left
            left -= 1
            if left < 0:
                os._exit(9)
            return call(*args, **options)
        return called

    for module, name in ((os, "replace"), (os, "fsync"), (Path, "unlink")):
        setattr(module, name, mortal(getattr(module, name)))
    """
)
"""Before the script: the process dies at its n-th step on the file system."""


LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""
"""Before the script: no file may grow beyond this, as on a full disk."""


def child(path: Path, pause: float = 0.0, **options: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path), str(pause)], stdout=subprocess.PIPE, **options
    )


def test_killed_again_and_again_the_run_ends_as_if_it_never_was(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    child(whole).communicate()
    chance = random.Random(0)
    for _ in range(4):
        with child(path, pause=0.001) as process:
            for _ in range(chance.randrange(1, 60)):
                process.stdout.readline()
            process.kill()
    assert not path.exists()
    assert storage.part_path(path).stat().st_size
    names = child(path).communicate()[0].split()
    assert 0 < len(names) < 300
    assert path.read_bytes() == whole.read_bytes()
    assert meta(path) == meta(whole)
    assert {file.name for file in tmp_path.iterdir()} == {
        "whole.jsonl",
        "whole.meta.json",
        "out.jsonl",
        "out.meta.json",
    }


def test_a_kill_at_any_step_loses_nothing(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    child(whole).communicate()
    for step in range(100):
        path = tmp_path / f"{step}.jsonl"
        dying = subprocess.run(
            [sys.executable, "-c", DYING + SCRIPT, str(path), "0", str(step)],
            stdout=subprocess.PIPE,
            check=False,
        )
        if dying.returncode == 0:
            break
        assert dying.returncode == 9
        finished = len(dying.stdout.split())
        with child(path) as again:
            assert len(again.communicate()[0].split()) == 300 - finished
        assert again.returncode == 0
        assert path.read_bytes() == whole.read_bytes()
        assert meta(path) == meta(whole)
    assert step > 8


def test_a_killed_writers_lock_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with child(path, pause=0.01) as process:
        process.stdout.readline()
        with child(path, stderr=subprocess.PIPE) as second:
            assert b"is being written by another run" in second.communicate()[1]
        process.kill()
    with child(path) as third:
        third.communicate()
    assert third.returncode == 0


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on file sizes")
def test_on_a_full_disk_finished_records_stay_and_the_run_resumes(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    child(whole).communicate()
    limited = LIMITED + SCRIPT
    found = subprocess.run(
        [sys.executable, "-c", limited, str(path), "0"], capture_output=True, check=False
    )
    assert found.returncode == 1
    assert b"OSError: [Errno 27] File too large" in found.stderr
    assert storage.part_path(path).stat().st_size == 100_000
    names = child(path).communicate()[0].split()
    assert 0 < len(names) < 300
    assert path.read_bytes() == whole.read_bytes()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4), st.text(), st.lists(values, max_size=4))
def test_a_fingerprint_is_that_of_the_whole_encoded_at_once_and_iterators_count_as_lists(
    options, name, items
):
    whole = msgspec.json.encode({**options, name: items}, order="deterministic")
    expected = hashlib.sha256(whole).hexdigest()[:16]
    assert storage.fingerprint({**options, name: items}) == expected
    assert storage.fingerprint({**options, name: iter(items)}) == expected


def test_a_fingerprint_of_no_options_is_that_of_an_empty_object():
    assert storage.fingerprint({}) == hashlib.sha256(b"{}").hexdigest()[:16]


def test_only_the_records_that_are_taken_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    good = [msgspec.json.encode(item) for item in items(4)]
    path.write_bytes(b"\n".join([good[0], b"", b"none", good[2], good[3]]) + b"\n")
    assert list(storage.read(path, Item, takes={0, 2}.__contains__)) == [items(4)[0], items(4)[2]]
    with pytest.raises(BadRecord, match=r"m.jsonl:3"):
        list(storage.read(path, Item))
