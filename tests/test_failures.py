"""Rows that could not be made: beside the output, never in it, and made alone by the next run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai_server import FakeServer, serving

from cotpress import cli, storage
from cotpress.failures import Failure, errors_path
from cotpress.records import Trace

pytest.importorskip("openai")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeServer]:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.001)
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"p{i} ?", "answer": str(i)} for i in range(40)]
    Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with serving() as running:
        yield running


def generate(monkeypatch: pytest.MonkeyPatch, server: FakeServer, *more: str) -> int:
    spec = f"http:{server.url},model=fake,tokenizer=words,retries=0"
    words = ["generate", "--task", "jsonl:q.jsonl,split=train", "--max-tokens", "50"]
    monkeypatch.setattr(
        "sys.argv", ["cotpress", *words, "--model", spec, "--out", "t.jsonl", *more]
    )
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def bad(*numbers: int, how: Any = None) -> Any:
    """What the server says: nothing good to these questions."""

    def say(body: dict[str, Any]) -> Any:
        asked = body["messages"][0]["content"]
        if any(f"p{n} " in asked for n in numbers):
            if how is None:
                raise ValueError("content filter")
            return how
        return f"Think of it.\n\nThe answer is {asked}."

    return say


HALF = {"choices": [{"message": {"content": "half \ud800 a character"}, "finish_reason": "stop"}]}
NONE = {"choices": []}


@pytest.mark.parametrize("how", [None, HALF, NONE], ids=["status 400", "half a character", "none"])
def test_a_bad_row_stands_beside_the_output_and_is_asked_for_alone_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
    how: Any,
) -> None:
    server.say = bad()
    assert generate(monkeypatch, server) == 0
    whole = [trace.problem.id for trace in storage.read(Path("t.jsonl"), Trace)]
    for path in Path().glob("t.*"):
        path.unlink()

    server.say = bad(7, 23, how=how)
    assert generate(monkeypatch, server) == 0
    assert "generate: failed: 2;" in capsys.readouterr().err
    first = [trace.problem.id for trace in storage.read(Path("t.jsonl"), Trace)]
    assert len(first) == 38
    failed = list(storage.read(errors_path(Path("t.jsonl")), Failure))
    assert len({one.key for one in failed}) == 2
    assert all(one.reason and one.time.endswith("Z") for one in failed)
    assert json.loads(Path("t.meta.json").read_text())["counts"]["failed"] == 2

    server.asked.clear()
    server.say = bad(23, how=how)
    assert generate(monkeypatch, server) == 0
    assert len(server.asked) == 2
    (left,) = storage.read(errors_path(Path("t.jsonl")), Failure)
    assert left.key.startswith(whole[23])

    server.say = bad()
    assert generate(monkeypatch, server) == 0
    assert [trace.problem.id for trace in storage.read(Path("t.jsonl"), Trace)] == whole
    assert not errors_path(Path("t.jsonl")).exists()
    assert "failed" not in json.loads(Path("t.meta.json").read_text())["counts"]
    server.asked.clear()
    assert generate(monkeypatch, server) == 0
    assert not server.asked


def test_too_many_bad_rows_end_the_run_and_keep_what_is_finished(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.say = bad(*range(10, 20))
    assert generate(monkeypatch, server) == 2
    said = capsys.readouterr().err
    assert "more than --max-error-rate 0.05" in said
    assert "content filter" in said
    n = len(Path("t.jsonl.part").read_bytes().splitlines())
    assert 1 <= n < 30
    assert generate(monkeypatch, server, "--max-error-rate", "0.5") == 0
    assert len(list(storage.read(Path("t.jsonl"), Trace))) == 30
    server.say = bad()
    assert generate(monkeypatch, server) == 0
    asked = [trace.problem.question for trace in storage.read(Path("t.jsonl"), Trace)]
    assert asked == [f"p{i} ?" for i in range(40)]
    assert generate(monkeypatch, server, "--max-error-rate", "0", "--overwrite") == 0
    server.say = bad(7)
    assert generate(monkeypatch, server, "--max-error-rate", "0", "--overwrite") == 2


def test_reasons_that_are_neither_the_model_nor_the_limit_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = iter([None, "eos", "content_filter", "length", *["stop"] * 36])

    def say(body: dict[str, Any]) -> Any:
        said = {"message": {"content": "So.\n\nThe answer is 1."}, "finish_reason": next(reasons)}
        return {"choices": [said]}

    server.say = say
    spec_one = ("--limit", "40")
    assert generate(monkeypatch, server, *spec_one) == 0
    found = list(storage.read(Path("t.jsonl"), Trace))
    ends = sorted((one.finished, one.finish) for one in found if not one.finished)
    assert ends == [(False, ""), (False, "content_filter"), (False, "no reason given")]
    assert sum(one.cut_off for one in found) == 1
    said = capsys.readouterr().err
    assert "1 ended by 'content_filter', 1 ended by 'no reason given'" in said


def test_an_output_that_was_cut_at_a_line_end_does_not_pass_as_complete(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.say = bad()
    assert generate(monkeypatch, server) == 0
    lines = Path("t.jsonl").read_bytes().splitlines(keepends=True)
    Path("t.jsonl").write_bytes(b"".join(lines[:-3]))
    assert generate(monkeypatch, server) == 2
    assert "it was cut off or changed since" in capsys.readouterr().err


# --- bounds ---------------------------------------------------------------------------------------


def one_row(monkeypatch: pytest.MonkeyPatch, server: FakeServer, options: str) -> int:
    spec = f"http:{server.url},model=fake,tokenizer=words,retries=0{options}"
    words = ["generate", "--task", "jsonl:q.jsonl,split=train", "--limit", "1"]
    monkeypatch.setattr("sys.argv", ["cotpress", *words, "--model", spec, "--out", "t.jsonl"])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@pytest.mark.parametrize("trouble", ["huge", "gzip bomb", "brotli"])
def test_an_answer_above_the_bound_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    server.troubles.append(trouble)
    assert one_row(monkeypatch, server, ",max_mb=1") == 2
    said = capsys.readouterr().err
    assert "packed as br" in said if trouble == "brotli" else "more than 1 MB" in said
    assert not Path("t.jsonl").exists()


def test_a_packed_answer_within_the_bound_is_read(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer
) -> None:
    server.troubles.append("gzip")
    assert one_row(monkeypatch, server, "") == 0


def test_an_answer_that_comes_byte_by_byte_ends_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.troubles.append("drip")
    assert one_row(monkeypatch, server, ",timeout=0.3") == 2
    assert "within 0.3 s" in capsys.readouterr().err


def test_a_redirect_to_another_host_is_refused_and_one_on_the_same_host_is_followed(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/v1/chat/completions"
    server.troubles.append(f"redirect {server.url[:-3]}{path}")
    assert one_row(monkeypatch, server, "") == 0
    Path("t.jsonl").unlink()
    n = len(server.asked)
    server.troubles.append(f"redirect http://localhost:{server.server_port}{path}")
    assert one_row(monkeypatch, server, "") == 2
    assert f"redirects to localhost:{server.server_port}" in capsys.readouterr().err
    assert len(server.asked) == n + 1


# --- eval -----------------------------------------------------------------------------------------


def judge(monkeypatch: pytest.MonkeyPatch, server: FakeServer, *more: str) -> int:
    spec = f"http:{server.url},model=fake,tokenizer=words,retries=0"
    words = ["eval", "--task", "jsonl:q.jsonl,split=train", "--split", "train", "--ratios", "0.5"]
    words += ["--baseline", "be-concise", "no-think", "truncation", "budget-forcing"]
    words += ["--max-tokens", "50", "--model", spec, "--out", "e.jsonl", *more]
    monkeypatch.setattr("sys.argv", ["cotpress", *words])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def thinking(*numbers: int, where: str = "") -> Any:
    """Longer answers at full length than at a ratio; none to these questions where the request
    holds `where`, and is begun if that is `begun`.
    """

    def say(body: dict[str, Any]) -> Any:
        asked = body["messages"][0]["content"]
        begun = body.get("continue_final_message")
        here = begun if where == "begun" else where in asked and not begun
        if here and any(f"p{n} " in asked for n in numbers):
            raise ValueError("content filter")
        number = asked.split()[0].removeprefix("p")
        if begun:
            return f"{number}."
        return f"{'Think of it. ' * (1 if '<ratio>' in asked else 2)}\n\nThe answer is {number}."

    return say


def answers() -> list[Trace]:
    """What was written, without what the clock says."""
    read = storage.read(Path("e.jsonl"), Trace)
    return [msgspec.structs.replace(trace, seconds=0.0) for trace in read]


@pytest.mark.parametrize(
    ("where", "missing"),
    [
        ("", {"original", "ratio", "be-concise", "no-think", "truncation", "budget-forcing"}),
        ("<ratio>", {"ratio"}),
        ("concise", {"be-concise"}),
        ("begun", {"no-think", "truncation", "budget-forcing"}),
    ],
)
def test_an_evaluation_goes_on_when_rows_fail_and_is_completed_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
    server: FakeServer,
    capsys: pytest.CaptureFixture[str],
    where: str,
    missing: set[str],
) -> None:
    server.say = thinking()
    assert judge(monkeypatch, server) == 0
    whole = answers()
    assert len({trace.method for trace in whole}) == 5
    assert len(whole) == 6 * 40
    for path in Path().glob("e.*"):
        path.unlink()

    server.say = thinking(7, where=where)
    assert judge(monkeypatch, server) == 0
    without = answers()
    absent = [trace for trace in whole if trace not in without]
    assert {trace.problem.question for trace in absent} == {"p7 ?"}
    controls = {"truncation", "budget-forcing"}  # at the ratio that was reached
    assert {
        trace.method if trace.ratio is None or trace.method in controls else "ratio"
        for trace in absent
    } == missing
    failed = list(storage.read(errors_path(Path("e.jsonl")), Failure))
    assert f"eval: failed: {len(failed)};" in capsys.readouterr().err
    assert {one.key for one in failed} <= {trace.key for trace in absent}

    server.asked.clear()
    server.say = thinking()
    assert judge(monkeypatch, server) == 0
    assert answers() == whole
    assert not errors_path(Path("e.jsonl")).exists()
    asked = [body for body in server.asked if body["max_tokens"] > 1]
    assert all("p7 " in body["messages"][0]["content"] for body in asked)


def test_too_many_rows_that_fail_end_an_evaluation_and_keep_what_is_finished(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.say = thinking(*range(10, 20))
    assert judge(monkeypatch, server) == 2
    assert "more than --max-error-rate 0.05" in capsys.readouterr().err
    assert Path("e.jsonl.part").read_bytes()
    assert judge(monkeypatch, server, "--max-error-rate", "1") == 0
    assert judge(monkeypatch, server, "--max-error-rate", "1.5") == 2
