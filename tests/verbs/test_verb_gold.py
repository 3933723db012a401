"""`cotpress generate --model gold`: the task's own worked
reasoning, ready for the next verb, without a model.
"""

import pytest

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.records import Trace
from cotpress.verbs.generate import generate
from cotpress.verbs.grade import grade


def test_gold_reasoning_is_written_without_a_model_and_graded_correct(tmp_path, capsys):
    traces, graded = tmp_path / "traces.jsonl", tmp_path / "graded.jsonl"
    generate(task="prosqa", model="gold", limit=20, out=traces)
    grade(traces, out=graded)
    found = list(storage.read(graded, Trace))
    assert len(found) == 20
    assert all(trace.grade.correct and trace.model == "gold" and trace.n_tokens for trace in found)
    assert "20 of 20 correct" in capsys.readouterr().err


def test_what_a_worked_reasoning_cannot_be_asked_for_is_refused(tmp_path):
    with pytest.raises(CotpressError, match="leave out --ratio, --budget and --samples"):
        generate(task="arithmetic", model="gold", limit=3, ratio=0.5, out=tmp_path / "t.jsonl")
    (tmp_path / "q.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n')
    with pytest.raises(CotpressError, match="has no worked reasoning of its own: ask a model, or"):
        generate(
            task=f"jsonl:{tmp_path / 'q.jsonl'},split=train", model="gold", out=tmp_path / "t.jsonl"
        )
