"""How far a verb is: a line every 20 seconds, from before the first record on; no test waits."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from make import make_problem

from cotpress import storage
from cotpress.models import Completion, Sampling
from cotpress.pipeline.generate import answer_as_ready, unanswered
from cotpress.records import Trace
from cotpress.verbs import common, progress
from cotpress.verbs.progress import Count, counted, lines, span, spoken


def at(clock: list[float], total: int | None = None, before: int = 0) -> Count:
    return Count("score", total, before, clock=lambda: clock[0])


def test_before_the_first_record_the_line_says_how_long_it_has_taken() -> None:
    clock = [100.0]
    count = at(clock, total=30)
    clock[0] += 40
    assert count.line() == "score: 0/30 after 40 s"


def test_the_rate_is_that_of_whole_batches_and_the_time_since_then_is_taken_off() -> None:
    clock = [0.0]
    count = at(clock, total=65, before=5)
    clock[0] = 40
    for _ in range(20):
        count.add()
    assert count.line() == "score: 25/65 (0.500/s, 80 s left)"
    clock[0] = 60
    assert count.line() == "score: 25/65 (0.500/s, 60 s left)"
    clock[0] = 500
    assert count.line() == "score: 25/65 (0.500/s, 0 s left)"


def test_where_nobody_knows_how_many_there_are_no_time_left_is_told() -> None:
    clock = [0.0]
    count = at(clock)
    clock[0] = 2
    for _ in range(20):
        count.add()
    assert count.line() == "score: 20 (10.0/s)"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (119, "119 s"), (180, "3 min"), (9000, "2.5 h")]
)
def test_a_time_is_said_as_a_person_says_it(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_line_is_said_each_time_that_it_is_due() -> None:
    clock, due, said = [0.0], iter([False, False, True]), []

    def wait() -> bool:
        clock[0] += 20
        return next(due)

    lines(at(clock, total=3), said.append, wait)
    assert said == ["score: 0/3 after 20 s", "score: 0/3 after 40 s"]


def test_lines_come_while_one_batch_is_still_under_way() -> None:
    clock, said, due, heard = [0.0], [], threading.Semaphore(0), threading.Semaphore(0)
    over = threading.Event()

    def wait() -> bool:
        due.acquire()
        return over.is_set()

    def say(line: str) -> None:
        said.append(line)
        heard.release()

    def batch() -> Iterator[int]:
        for _ in range(2):
            clock[0] += 20
            due.release()
            heard.acquire()
        yield from range(4)

    count = at(clock, total=4)
    with spoken(count, say, wait):
        assert list(counted(batch(), count)) == [0, 1, 2, 3]
        over.set()
        due.release()
    assert said == ["score: 0/4 after 20 s", "score: 0/4 after 40 s"]


def test_a_verb_that_fails_says_nothing_more() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise KeyError

    with pytest.raises(KeyError):
        list(common.progress(fail(), "test", 2))
    assert "cotpress-progress" not in {thread.name for thread in threading.enumerate()}


def test_on_a_terminal_every_record_is_passed_through_under_a_bar(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert list(common.progress(range(3), "test", total=3)) == [0, 1, 2]
    assert "test" in capsys.readouterr().err


def test_quiet_is_quiet(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "hushed", True)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    assert list(common.progress(range(3), "test", total=3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


# --- what is finished is written at once ----------------------------------------------------------


class Late:
    """Answers the last request first, and is killed behind `n` answers."""

    name = identity = "late"

    def __init__(self, n: int = 99) -> None:
        self.n = n

    def as_ready(self, requests, sampling):
        for done, (number, request) in enumerate(reversed([*enumerate(requests)])):
            if done == self.n:
                raise KeyboardInterrupt
            yield number, Completion(text=f"for {request.key}", n_tokens=2, finished=True)

    def token_ends(self, texts):
        return [[len(text)] for text in texts]


def generate(out: Path, model: Late, n: int = 6) -> None:
    problems = [make_problem(id=f"p/{i}") for i in range(n)]
    place = {problem.id: i for i, problem in enumerate(problems)}
    common.make(
        out,
        Trace,
        lambda items, _: answer_as_ready(items, model, Sampling()),
        (unanswered(problem, model) for problem in problems),
        verb="generate",
        options={},
        skip=lambda trace: trace.key,
        key=lambda trace: trace.key,
        rank=lambda trace: place[trace.problem.id],
    )


def test_answers_are_on_disk_as_they_come_and_in_order_in_the_end(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    generate(whole, Late())
    with pytest.raises(KeyboardInterrupt):
        generate(out, Late(4))
    written = [trace.problem.id for trace in storage.read(storage.part_path(out), Trace)]
    assert written == ["p/5", "p/4", "p/3", "p/2"]
    generate(out, Late())
    assert [trace.problem.id for trace in storage.read(out, Trace)] == [f"p/{i}" for i in range(6)]
    assert out.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.part*"))


def test_a_model_without_as_ready_answers_in_order() -> None:
    class Plain(Late):
        as_ready = None

        def generate(self, requests, sampling):
            for request in requests:
                yield Completion(text=request.key, n_tokens=1, finished=True)

    traces = [unanswered(make_problem(id=f"p/{i}"), SimpleNamespace(name="m")) for i in range(3)]
    found = answer_as_ready(traces, Plain(), Sampling())
    assert [trace.problem.id for trace in found] == ["p/0", "p/1", "p/2"]
