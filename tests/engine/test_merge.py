"""Eight shards joined are what one run leaves, meta file included, and what does not belong
together is refused.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from make import make_compressed, make_problem, make_trace

from cotpress import models, scorers, storage
from cotpress.errors import CotpressError
from cotpress.failures import errors_path
from cotpress.models import Completion
from cotpress.models.scripted import Scripted
from cotpress.records import CompressedTrace, EvalRow, Trace
from cotpress.scorers import Importance, Unscored
from cotpress.tasks import Task
from cotpress.verbs.common import rows_path
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.generate import generate
from cotpress.verbs.merge import merge
from cotpress.verbs.score import score
from cotpress.verbs.verify import verify

N = 8


class Company:
    """A score that depends on all that are scored together, as those of a model do in the last
    digits; stops after `patience` windows.
    """

    name = identity = "company"
    at_once = 2000

    def __init__(self) -> None:
        self.patience = 10**9

    def score(self, traces: Sequence[Trace]) -> Iterator[Importance | Unscored]:
        self.patience -= 1
        if self.patience < 0:
            raise KeyboardInterrupt
        for trace in traces:
            if trace.problem.id.endswith("7"):
                yield Unscored("unlucky")
            else:
                value = float(sum(len(other.reasoning) for other in traces))
                yield Importance([len(trace.reasoning)], [value])


class Words:
    """Answers in 20 to 28 words times the ratio it is asked for; `unlucky` requests fail."""

    unlucky = ""

    def __init__(self, target: str) -> None:
        self.name = self.identity = f"fakes.words:{target}"

    def generate(self, requests: Iterable[Any], sampling: Any) -> Iterator[Completion]:
        for request in requests:
            if self.unlucky and request.key.startswith(self.unlucky) and request.may_fail:
                yield Completion(text="", n_tokens=0, finished=False, error="no answer")
                continue
            content = request.messages[0]["content"]
            ratio = content.partition("<ratio>")[2].partition("</ratio>")[0]
            answer = request.key.partition("|")[0].rpartition("/")[2]
            said = " ".join(["so"] * round((20 + int(answer) % 9) * float(ratio or 1)))
            text = "1}." if request.prefill else f"{said}\nThe answer is \\boxed{{{answer}}}."
            yield Completion(text=text, n_tokens=len(text.split()), finished=True)

    def token_ends(self, texts: Sequence[str]) -> list[list[int]]:
        return Scripted({}).token_ends(texts)


def task(name: str, n: int) -> ModuleType:
    module = ModuleType(f"fakes.{name}")
    problems = [make_problem(f"{name}/{i}", answer=str(i), task=name) for i in range(n)]
    module.load = lambda target="": Task(name, lambda split: iter(problems), ("train", "test"))
    return module


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model and two tasks that specs can name."""
    module = ModuleType("fakes.words")
    module.load = lambda target="": Words(target)
    monkeypatch.setitem(sys.modules, "fakes.words", module)
    monkeypatch.setitem(sys.modules, "fakes.many", task("many", 90))
    monkeypatch.setitem(sys.modules, "fakes.few", task("few", 7))


@pytest.fixture
def company(monkeypatch: pytest.MonkeyPatch) -> Company:
    judge = Company()
    monkeypatch.setattr(scorers, "load", lambda spec: judge)
    monkeypatch.setattr(models, "load", lambda spec, **how: Scripted({}, name="target"))
    return judge


def write(path: Path, records: Iterable[msgspec.Struct]) -> Path:
    storage.write(path, records)
    return path


def traces(n: int) -> Iterator[Trace]:
    for i in range(n):
        yield make_trace("" if i % 50 == 3 else "x " * (1 + i * 37 % 90), id=f"t/{i}")


def shards(verb: Callable[..., None], folder: Path, *given: Any, n: int = N, **how: Any) -> list:
    """The n shards of a run, made last to first."""
    paths = [folder / f"{verb.__name__}.{i}.jsonl" for i in range(n)]
    for i in reversed(range(n)):
        verb(*given, **how, out=paths[i], shard=f"{i}/{n}")
    return paths


def about(path: Path) -> dict[str, Any]:
    """The meta file, without what a clock says and what comes of it."""
    found = json.loads(storage.meta_path(path).read_bytes())
    return {name: value for name, value in found.items() if name not in ("seconds", "size")}


def answers(path: Path) -> list[Trace]:
    """The records of a file, without the seconds that they took."""
    return [msgspec.structs.replace(one, seconds=0.0) for one in storage.read(path, Trace)]


def test_shards_of_score_have_the_bytes_of_one_run(tmp_path: Path, company: Company) -> None:
    given = write(tmp_path / "traces.jsonl", traces(2400))
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    score(given, scorer="company", target="t", out=whole)
    parts = shards(score, tmp_path, given, scorer="company", target="t")
    merge(*parts[3:], *parts[:3], out=joined)
    assert joined.read_bytes() == whole.read_bytes()
    assert about(joined) == about(whole)
    assert about(whole)["counts"]["dropped"] == {"no reasoning": 48, "unlucky": 240}


def test_a_shard_that_was_stopped_goes_on_and_still_fits(tmp_path: Path, company: Company) -> None:
    given = write(tmp_path / "traces.jsonl", traces(1100))
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    how = {"scorer": "company", "target": "t"}
    score(given, **how, out=whole)
    company.patience = 5
    with pytest.raises(KeyboardInterrupt):
        score(given, **how, out=tmp_path / "score.0.jsonl", shard="0/2")
    company.patience = 10**9
    merge(*shards(score, tmp_path, given, n=2, **how), out=joined)
    assert joined.read_bytes() == whole.read_bytes()
    assert about(joined) == about(whole)


def test_the_run_itself_finds_what_was_joined_finished(
    tmp_path: Path, company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    given, joined = write(tmp_path / "traces.jsonl", traces(300)), tmp_path / "joined.jsonl"
    parts = shards(score, tmp_path, given, scorer="company", target="t", n=3)  # the third is empty
    assert not parts[2].read_bytes()
    merge(*parts, out=joined)
    merge(*parts, out=joined)
    score(given, scorer="company", target="t", out=joined)
    assert "was finished before under the same options" in capsys.readouterr().err


def test_shards_of_verify_have_the_bytes_of_one_run(
    tmp_path: Path, causal_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = causal_lm()
    monkeypatch.setattr(models, "load", lambda spec, **how: lm)
    given = write(
        tmp_path / "compressed.jsonl",
        (
            make_compressed(
                make_trace(
                    f"48/2 = {i} in May.", id=f"p/{i}", conclusion="It is 72." * (i % 9 > 0)
                ),
                {0.5: "48/2"},
            )
            for i in range(150)
        ),
    )
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    verify(given, reference="lm", out=whole)
    merge(*shards(verify, tmp_path, given, reference="lm"), out=joined)
    assert joined.read_bytes() == whole.read_bytes()
    assert about(joined) == about(whole)
    assert about(whole)["noted"] == {"not verified (no conclusion)": 17}
    assert (
        sum(
            cut.verified is not None
            for one in storage.read(joined, CompressedTrace)
            for cut in one.cuts
        )
        == 133
    )


def test_shards_of_generate_are_the_records_of_one_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    how: dict[str, Any] = {"task": "arithmetic", "model": "tiny", "limit": 12, "samples": 2}
    how |= {"temperature": 2.0, "max_tokens": 12}
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    generate(**how, out=whole)
    merge(*shards(generate, tmp_path, **how), out=joined)
    assert answers(joined) == answers(whole)
    assert about(joined) == about(whole)
    assert len({one.reasoning for one in answers(whole)}) > 4  # they were drawn


def test_rows_that_failed_in_a_shard_are_those_that_the_run_asks_for_again(
    tmp_path: Path, fakes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"task": "fakes.many", "model": "fakes.words:a"}
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    generate(**how, out=whole)
    monkeypatch.setattr(Words, "unlucky", "many/33")
    merge(*shards(generate, tmp_path, **how), out=joined)
    assert about(joined)["counts"] == {"in": 90, "out": 89, "dropped": {}, "failed": 1}
    (failed,) = errors_path(joined).read_text().splitlines()
    assert json.loads(failed)["key"].startswith("many/33|")
    monkeypatch.setattr(Words, "unlucky", "")
    generate(**how, out=joined)
    assert joined.read_bytes() == whole.read_bytes()
    assert not errors_path(joined).exists()


def test_shards_of_eval_and_what_takes_all_of_them_are_the_records_of_one_run(
    tmp_path: Path, fakes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    how: dict[str, Any] = {
        "task": ["fakes.many", "fakes.few"],
        "model": "fakes.words:a",
        "original": "fakes.words:b",
        "ratios": [0.8, 0.5],
        "baseline": ["truncation", "be-concise", "random"],
    }
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    evaluate(**how, out=whole)
    parts = shards(evaluate, tmp_path, **how)
    capsys.readouterr()
    merge(*parts, out=joined)
    assert "the same eval command without --shard makes truncation, random and writes the rows" in (
        capsys.readouterr().err
    )
    assert not joined.exists()
    evaluate(**how, out=joined)
    assert answers(joined) == answers(whole)
    assert about(joined) == about(whole)
    assert len({one.method for one in answers(whole)}) == 4

    def rows(path: Path) -> list[EvalRow]:
        found = storage.read(rows_path(path), EvalRow)
        return [msgspec.structs.replace(row, seconds_per_problem=0.0) for row in found]

    assert rows(joined) == rows(whole)


def test_shards_of_an_eval_without_such_controls_are_a_finished_file(
    tmp_path: Path, fakes: None
) -> None:
    how = {"task": "fakes.few", "model": "fakes.words:a", "ratios": [0.5]}
    whole, joined = tmp_path / "whole.jsonl", tmp_path / "joined.jsonl"
    evaluate(**how, out=whole)
    merge(*shards(evaluate, tmp_path, **how), out=joined)
    assert answers(joined) == answers(whole)
    assert about(joined) == about(whole)


@pytest.fixture
def three(tmp_path: Path, company: Company) -> list[Path]:
    """Three shards of score."""
    given = write(tmp_path / "traces.jsonl", traces(600))
    return shards(score, tmp_path, given, scorer="company", target="t", n=3)


def refused(*parts: Path, out: Path) -> str:
    with pytest.raises(CotpressError) as error:
        merge(*parts, out=out)
    assert not out.exists()
    assert not storage.part_path(out).exists()
    return str(error.value)


def test_a_missing_shard_is_named(tmp_path: Path, three: list[Path]) -> None:
    said = refused(three[0], three[2], out=tmp_path / "out.jsonl")
    assert said == "shard 1/3 of score missing: make and name every shard of the run."
    three[1].unlink()
    assert "no file" in refused(*three, out=tmp_path / "out.jsonl")


def test_an_unfinished_shard_is_refused(
    tmp_path: Path, three: list[Path], company: Company
) -> None:
    company.patience = 2
    begun = tmp_path / "begun.jsonl"
    with pytest.raises(KeyboardInterrupt):
        score(tmp_path / "traces.jsonl", scorer="company", target="t", out=begun, shard="1/3")
    assert "is not finished: run the command of this shard again" in refused(
        three[0], begun, three[2], out=tmp_path / "out.jsonl"
    )
    storage.meta_path(three[1]).unlink()
    assert "is not finished" in refused(*three, out=tmp_path / "out.jsonl")


def test_shards_of_different_runs_are_refused_with_what_differs(
    tmp_path: Path, three: list[Path]
) -> None:
    other = tmp_path / "other.jsonl"
    score(tmp_path / "traces.jsonl", scorer="another", target="t", out=other, shard="1/3")
    assert "are of different runs (scorer)" in refused(
        three[0], other, three[2], out=tmp_path / "out.jsonl"
    )
    of_two = tmp_path / "of_two.jsonl"
    score(tmp_path / "traces.jsonl", scorer="company", target="t", out=of_two, shard="1/2")
    assert "is shard 1/2" in refused(three[0], of_two, out=tmp_path / "out.jsonl")


def test_a_shard_named_twice_and_one_that_was_cut_off_and_what_is_none_are_refused(
    tmp_path: Path, three: list[Path]
) -> None:
    out = tmp_path / "out.jsonl"
    assert "are both shard 0/3" in refused(*three, three[0], out=out)
    whole = tmp_path / "whole.jsonl"
    score(tmp_path / "traces.jsonl", scorer="company", target="t", out=whole)
    assert "is not a shard" in refused(whole, *three, out=out)
    three[0].write_bytes(three[0].read_bytes()[:-100])
    assert "it was cut off or changed since" in refused(*three, out=out)
