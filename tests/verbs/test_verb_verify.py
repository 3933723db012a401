"""`cotpress verify` and `compress --keep-answer`: files in,
files out, what is printed and what is refused.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cotpress import models, scorers, storage
from cotpress.errors import CotpressError
from cotpress.pipeline.compress import compress as cut_all
from cotpress.pipeline.segmenting import Rules
from cotpress.records import CompressedTrace, Problem, Trace, TrainingExample
from cotpress.scorers.random import Random
from cotpress.verbs.build import build
from cotpress.verbs.compress import compress
from cotpress.verbs.verify import verify


@pytest.fixture
def compressed(
    tmp_path: Path, causal_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Path:
    lm = causal_lm()
    monkeypatch.setattr(models, "load", lambda spec, **_how: lm)
    traces = [
        Trace(
            problem=Problem(id=str(number), question="How many?", answer="72", task="t"),
            model="m",
            reasoning=f"She sold 48/2 = 24 clips in May, and {number} more.",
            conclusion="The answer is 72." if number else "",
            closing="\n\n",
            n_tokens=20,
            n_conclusion_tokens=5,
            finished=True,
        )
        for number in range(4)
    ]
    scored = scorers.score(traces, Random(), lm)
    path = tmp_path / "compressed.jsonl"
    path.write_bytes(
        b"".join(
            msgspec.json.encode(cut) + b"\n"
            for cut in cut_all(scored, [0.3, 0.6], rules=Rules(protect="none"))
        )
    )
    return path


def test_likelihoods_are_written_summed_up_and_the_ratio_chosen_by_them(
    compressed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verified, chosen = tmp_path / "verified.jsonl", tmp_path / "chosen.jsonl"
    verify(compressed, reference="r", out=verified, json=True)
    out, err = capsys.readouterr()
    assert [(one["ratio"], one["n"]) for one in json.loads(out)] == [(0.3, 3), (0.6, 3)]
    assert "2 cuts not verified" in err
    cuts = [cut for one in storage.read(verified, CompressedTrace) for cut in one.cuts]
    assert [cut.verified is None for cut in cuts] == [True, True] + [False] * 6
    losses = [cut.verified.loss for cut in cuts if cut.verified]
    verify(compressed, reference="r", out=verified)
    assert "nothing to do" in capsys.readouterr().err

    compress(verified, keep_answer=max(0.0, *losses), out=chosen)
    assert [one.cuts[0].ratio for one in storage.read(chosen, CompressedTrace)] == [
        1.0,
        0.3,
        0.3,
        0.3,
    ]
    err = capsys.readouterr().err
    assert "compress: 1 traces not verified, kept whole" in err
    assert "ratio 0.3" in err

    build(chosen, out=tmp_path / "train.jsonl", draw="all")
    taught = list(storage.read(tmp_path / "train.jsonl", TrainingExample))
    assert [(one.problem.id, one.ratio) for one in taught] == [
        (str(n), ratio) for n in (1, 2, 3) for ratio in (0.3, 1.0)
    ]


def test_an_interrupted_run_reads_only_what_is_left(
    compressed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verify(compressed, reference="r", out=tmp_path / "whole.jsonl")
    from cotpress.lm import conclusions

    read, asked = conclusions.conclusions, []

    def once(lm: Any, items: Any) -> Any:
        asked.append(len(items))
        if len(asked) > 1:
            raise KeyboardInterrupt
        return read(lm, items)

    with monkeypatch.context() as patch:
        patch.setattr("cotpress.pipeline.verify.BATCH", 2)
        patch.setattr(conclusions, "conclusions", once)
        with pytest.raises(KeyboardInterrupt):
            verify(compressed, reference="r", out=tmp_path / "out.jsonl")
    verify(compressed, reference="r", out=tmp_path / "out.jsonl")
    assert "resuming" in capsys.readouterr().err
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize(
    "options", [{"ratios": [0.5]}, {"budget": "window"}, {"longest_run": 3}, {"unit": "word"}]
)
def test_keep_answer_goes_with_no_other_choice(
    compressed: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    with pytest.raises(CotpressError, match="--keep-answer chooses among the cuts in its file"):
        compress(compressed, keep_answer=1.0, out=tmp_path / "out.jsonl", **options)
    with pytest.raises(CotpressError, match="name the fractions of tokens to keep"):
        compress(compressed, out=tmp_path / "out.jsonl")


def test_keep_answer_on_what_was_never_verified_is_refused(
    compressed: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        CotpressError,
        match=r"no trace in .*compressed.jsonl is verified, so all would be kept whole",
    ):
        compress(compressed, keep_answer=1.0, out=tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()


def test_latent_tokens_are_not_read_by_a_reference_that_does_not_know_them(
    compressed: Path, tmp_path: Path
) -> None:
    mixed = []
    for one in storage.read(compressed, CompressedTrace):
        cuts = [msgspec.structs.replace(cut, n_latent=1) for cut in one.cuts]
        mixed.append(msgspec.structs.replace(one, cuts=cuts))
    storage.write(compressed, mixed)
    with pytest.raises(
        CotpressError,
        match="holds latent tokens, which tiny-llama does not know and would read as text",
    ):
        verify(compressed, reference="r", out=tmp_path / "out.jsonl")


def test_a_reference_that_gives_no_probabilities_is_one_sentence(
    compressed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cotpress.models.scripted import Scripted

    monkeypatch.setattr(models, "load", lambda spec, **_how: Scripted.__new__(Scripted))
    monkeypatch.setattr(Scripted, "name", "scripted:x", raising=False)
    with pytest.raises(
        CotpressError,
        match="verify needs a model that gives probabilities, which scripted:x does not",
    ):
        verify(compressed, reference="scripted:x", out=tmp_path / "out.jsonl")
