"""`cotpress conclude`: files in, files out, what is printed and what is refused."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
from make import sum_cuts, sum_trace

from cotpress import models, storage
from cotpress.errors import CotpressError
from cotpress.failures import Failure, errors_path
from cotpress.models import Completion, Request, Sampling
from cotpress.models.scripted import Scripted
from cotpress.records import CompressedTrace, TrainingExample
from cotpress.verbs.build import build
from cotpress.verbs.conclude import conclude
from cotpress.verbs.show import show

asked: list[str] = []


def say(request: Request) -> str:
    """Finds the sum from more than half of the reasoning."""
    asked.append(request.key)
    number = int(request.key.partition("|")[0].removeprefix("sum/"))
    whole = len(sum_trace(number).reasoning)
    left = len(request.prefill.partition("\n")[0])
    return request.prefill + (f" {number + 1}." if left > whole / 2 else " 99.")


@pytest.fixture
def compressed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "load", lambda spec, **_how: Scripted(say, name=spec))
    path = tmp_path / "compressed.jsonl"
    storage.write(path, [sum_cuts(sum_trace(i), [0.8, 0.3]) for i in range(6)])
    asked.clear()
    return path


def test_conclusions_are_written_graded_summed_up_and_the_wrong_ones_left_out_of_the_training(
    compressed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, train = tmp_path / "concluded.jsonl", tmp_path / "train.jsonl"
    conclude(compressed, model="m", out=out, json=True)
    told = json.loads(capsys.readouterr().out)
    assert [(one["ratio"], one["n"], one["right"]) for one in told] == [(0.3, 6, 0), (0.8, 6, 1)]
    for one in storage.read(out, CompressedTrace):
        right, wrong = (cut.concluded for cut in one.cuts)
        assert right
        assert right.conclusion == one.trace.conclusion
        assert wrong
        assert wrong.conclusion == "The answer is 99."
        assert wrong.model == "m"
    conclude(compressed, model="m", out=out)
    err = capsys.readouterr().err
    assert "nothing to do" in err
    assert "ratio 0.8: 100.0% of 6 conclusions are right" in err

    show(out)
    shown = capsys.readouterr().out
    assert "its conclusion by m, right\nThe answer is 1." in shown
    assert "its conclusion by m, wrong answer\nThe answer is 99." in shown

    build(out, out=train, draw="all")
    assert "6 left out (cut at 0.3 that leads to: wrong answer)" in capsys.readouterr().err
    taught = list(storage.read(train, TrainingExample))
    assert [one.ratio for one in taught] == [0.8, 1.0] * 6


def test_an_interrupted_run_asks_only_for_what_is_left(
    compressed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    conclude(compressed, model="m", out=tmp_path / "whole.jsonl")
    asked.clear()

    def once(request: Request) -> str:
        if len(asked) == 8:
            raise KeyboardInterrupt
        return say(request)

    monkeypatch.setattr("cotpress.pipeline.conclude.BATCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(models, "load", lambda spec, **_how: Scripted(once, name=spec))
        with pytest.raises(KeyboardInterrupt):
            conclude(compressed, model="m", out=tmp_path / "out.jsonl")
    asked.clear()
    conclude(compressed, model="m", out=tmp_path / "out.jsonl")
    assert "resuming" in capsys.readouterr().err
    assert len(asked) == 4
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


class Refusing(Scripted):
    """Answers like a server that refuses some requests, the second one of a trace or any."""

    def __init__(self, refused: set[str], name: str) -> None:
        super().__init__(say, name=name)
        self.refused = refused

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Completion]:
        for request in requests:
            n = asked.count(request.key)
            (answer,) = super().generate([request], sampling)
            if f"{request.key.partition('|')[0]} {n}" in self.refused:
                assert request.may_fail
                answer = Completion(text="", n_tokens=0, finished=False, error="too long")
            yield answer


def test_traces_that_a_server_does_not_conclude_are_noted_and_asked_for_alone(
    compressed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    conclude(compressed, model="m", out=whole)
    asked.clear()
    monkeypatch.setattr("cotpress.pipeline.conclude.BATCH", 2)
    with monkeypatch.context() as patch:
        refusing = Refusing({"sum/1 1", "sum/4 0", "sum/5 0", "sum/5 1"}, "m")
        patch.setattr(models, "load", lambda spec, **_how: refusing)
        conclude(compressed, model="m", out=out, max_error_rate=0.5)
    failed = list(storage.read(errors_path(out), Failure))
    traces = list(storage.read(compressed, CompressedTrace))
    assert [one.key for one in failed] == [traces[i].key for i in (1, 4, 5)]
    assert {one.reason for one in failed} == {"too long"}
    assert storage.count(out, CompressedTrace) == 3
    assert "failed: 3" in capsys.readouterr().err
    asked.clear()
    conclude(compressed, model="m", out=out)
    assert {key.partition("|")[0] for key in asked} == {"sum/1", "sum/4", "sum/5"}
    assert out.read_bytes() == whole.read_bytes()
    assert not errors_path(out).exists()


def test_too_many_refused_requests_end_the_run_and_what_is_done_stays(
    compressed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    monkeypatch.setattr("cotpress.pipeline.conclude.BATCH", 2)
    with monkeypatch.context() as patch:
        refusing = Refusing({f"sum/{i} 0" for i in range(2, 6)}, "m")
        patch.setattr(models, "load", lambda spec, **_how: refusing)
        with pytest.raises(CotpressError, match="2 of 4 requests failed, more than"):
            conclude(compressed, model="m", out=out)
    asked.clear()
    conclude(compressed, model="m", out=out)
    assert {key.partition("|")[0] for key in asked} == {f"sum/{i}" for i in range(2, 6)}
    assert [one.key for one in storage.read(out, CompressedTrace)] == [
        one.key for one in storage.read(compressed, CompressedTrace)
    ]


def test_latent_tokens_are_refused(compressed: Path, tmp_path: Path) -> None:
    mixed = [
        msgspec.structs.replace(
            one, cuts=[msgspec.structs.replace(cut, n_latent=1) for cut in one.cuts]
        )
        for one in storage.read(compressed, CompressedTrace)
    ]
    storage.write(compressed, mixed)
    with pytest.raises(CotpressError, match="holds latent tokens, from which no untouched model"):
        conclude(compressed, model="m", out=tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_tokens": 0}, "choose --max-tokens of at least 1"),
        ({"grader": "maths"}, "did you mean math"),
        ({"grader": "math", "task": "gsm8k"}, "leave one of them out"),
    ],
)
def test_what_makes_no_sense_is_refused_before_the_model_is_asked(
    compressed: Path, tmp_path: Path, options: dict[str, object], sentence: str
) -> None:
    with pytest.raises(CotpressError, match=sentence):
        conclude(compressed, model="m", out=tmp_path / "out.jsonl", **options)  # type: ignore[arg-type]
    assert not asked
