"""Connective words stand behind a reasoning whose end was dropped, and nowhere else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_compressed, make_trace, sum_trace, words

from cotpress import scorers, storage
from cotpress.errors import CotpressError
from cotpress.pipeline.build import build, example
from cotpress.pipeline.connect import connected
from cotpress.records import CompressedTrace, ScoredTrace
from cotpress.verbs.compress import compress

SAID = "That is enough."
texts = st.lists(st.sampled_from(["we ", "add 3", " + 4.", "\n", " "]), max_size=9).map("".join)


@given(text=texts, data=st.data(), said=st.sampled_from([SAID, "\n\nSo:", " …"]))
def test_they_stand_behind_what_lost_its_end_and_change_no_count(
    text: str, data: st.DataObject, said: str
) -> None:
    at = data.draw(st.integers(0, len(text)))
    before = make_compressed(make_trace(text), {0.5: text[:at], 1.0: text})
    (after,) = connected([before], said)
    assert after.connect == said
    for cut, was in zip(after.cuts, before.cuts, strict=True):
        rest = cut.reasoning.removeprefix(was.reasoning)
        assert cut.reasoning.startswith(was.reasoning)
        assert (
            rest == "" if not text[len(was.reasoning) :].strip() else rest.strip() == said.strip()
        )
        assert (cut.kept, cut.n_tokens, cut.asked) == (was.kept, was.n_tokens, was.asked)
        # never glued to what was kept
        assert (
            not rest
            or not was.reasoning
            or (was.reasoning[-1] + rest[0]).strip() != (was.reasoning[-1] + rest[0])
        )


def test_they_are_taught_inside_of_the_reasoning_before_its_closing_mark() -> None:
    trace = sum_trace(opening="<think>\n", closing="\n</think>\n\n")
    (one,) = connected([make_compressed(trace, {0.5: "we add 0"})], SAID)
    taught = example(one, {0.5: one.cuts[0]}, 0.5)
    assert taught.completion == ("<think>\nwe add 0 That is enough.\n</think>\n\nThe answer is 1.")
    assert taught.reasoning == "we add 0 That is enough."
    (full,) = build([one], ratios=[1.0])
    assert SAID not in full.completion


def scored_file(folder: Path, scorer: str) -> Path:
    traces = [sum_trace(i, conclusion=f"The answer is {i + 1}.") for i in range(4)]
    found = scorers.load(scorer).score(traces)
    rows = [
        ScoredTrace(
            trace=trace,
            scorer=scorer,
            ends=words([trace.reasoning])[0],
            importance=[-float(i) for i in range(len(words([trace.reasoning])[0]))],
            from_start=importance.from_start,
        )
        for trace, importance in zip(traces, found, strict=True)
    ]
    storage.write(folder / "scored.jsonl", rows)
    return folder / "scored.jsonl"


@pytest.mark.parametrize("how", [{"ratios": [0.5, 1.0]}, {"above": -4.5}])
def test_the_verb_writes_them_and_another_text_is_another_file(
    tmp_path: Path, how: dict[str, object]
) -> None:
    scored, out = scored_file(tmp_path, "prefix"), tmp_path / "cut.jsonl"
    compress(scored, out=out, connect=SAID, **how)
    for one in storage.read(out, CompressedTrace):
        assert one.cuts[0].reasoning.endswith(f" {SAID}")
        assert one.cuts[0].n_tokens < one.trace.n_tokens
        assert all(cut.reasoning == one.trace.reasoning for cut in one.cuts[1:])
    assert json.loads(storage.meta_path(out).read_text())["options"]["connect"] == SAID
    with pytest.raises(CotpressError, match="other options"):
        compress(scored, out=out, connect="Enough.", **how)


def test_words_that_would_join_nothing_are_a_mistake(tmp_path: Path) -> None:
    pruned = scored_file(tmp_path, "random")
    with pytest.raises(CotpressError, match="drop words all over it: score with prefix"):
        compress(pruned, out=tmp_path / "x.jsonl", ratios=[0.5], connect=SAID)
    with pytest.raises(CotpressError, match="holds no words"):
        compress(pruned, out=tmp_path / "x.jsonl", ratios=[0.5], connect=" ")
    with pytest.raises(CotpressError, match="give --connect where they are cut"):
        compress(pruned, out=tmp_path / "x.jsonl", keep_answer=0.5, connect=SAID)
