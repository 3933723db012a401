import json
from collections import Counter
from itertools import pairwise

import msgspec
import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")

import torch
from command import cotpress
from hypothesis import given
from hypothesis import strategies as st
from make import make_compressed, make_scored, make_trace
from token_classifiers import bert, modernbert

from cotpress import scorers
from cotpress.errors import CotpressError
from cotpress.records import Verified
from cotpress.scorers.classifier import REASONING, Reader
from cotpress.scorers.llmlingua2 import own_tokens, token_ends
from cotpress.training.lessons import (
    FLAT,
    NO_CUT,
    from_cuts,
    from_scores,
    laid_over,
    of_one_teacher,
    ranks,
)
from cotpress.training.scorer import (
    collated,
    encoder_of,
    overlap,
    ranking_loss,
    tokenizer_of,
    train_scorer,
)
from cotpress.training.scorer_options import ScorerOptions
from cotpress.training.trainer import Progress

TEXTS = ["She sold 48/2 = 24 clips in May. Altogether 48+24 = 72.", "we 😀 get 中文 18, so 10³."]
FAST = {"epochs": 40, "lr": 3e-3, "batch": 4, "eval_share": 0.2, "window": 64}


def scored(n: int = 10, scorer: str = "s"):
    """Digits matter, words do not."""
    words = [["we", " add", f" {i}", " and", f" {i + 1}", " to", f" {2 * i + 1}"] for i in range(n)]
    return [
        make_scored(
            one,
            [3.0 + j if part.strip().isdigit() else float(j) / 9 for j, part in enumerate(one)],
            id=f"p{i}",
            question=f"What is {i} and {i + 1}?",
            scorer=scorer,
        )
        for i, one in enumerate(words)
    ]


@pytest.fixture
def encoder(tmp_path):
    return str(modernbert(tmp_path / "encoder", [one.trace.reasoning for one in scored()]))


def test_a_student_learns_its_teachers_ranks_and_is_a_scorer_then(encoder, tmp_path):
    said = []
    lessons = list(from_scores(scored(), Counter()))
    done = train_scorer(lessons, encoder, tmp_path / "x", ScorerOptions(**FAST), say=said.append)
    assert (done.teacher, done.labels, done.traces, done.held_out) == ("s", "importance", 8, 2)
    assert {one.share for one in done.agreement} == {0.3, 0.5, 0.7}
    assert max(one.agreement for one in done.agreement) > 0.8
    student = scorers.load(f"classifier:{tmp_path / 'x'}")
    (found,) = student.score([scored()[3].trace])
    digits = [v for v, end in zip(found.values, found.ends, strict=True) if end in (8, 14, 19)]
    assert min(digits) > sorted(found.values)[len(found.values) // 2]
    train_scorer(lessons, encoder, tmp_path / "x", ScorerOptions(**FAST), say=said.append)
    assert "nothing to do" in said[-1]


def test_the_scorer_sees_the_question(encoder, tmp_path):
    lessons = list(from_scores(scored(), Counter()))
    options = ScorerOptions(**FAST | {"epochs": 1})
    train_scorer(lessons, encoder, tmp_path / "x", options, say=str)
    student = scorers.load(f"classifier:{tmp_path / 'x'}")
    one, other = student.score([make_trace(question="a?"), make_trace(question="what is 48?")])
    assert one.ends == other.ends
    assert one.values != other.values


@pytest.mark.parametrize("family", [bert, modernbert])
def test_windows_hold_the_question_and_every_token_counts_once(family, tmp_path):
    folder = str(family(tmp_path / "e", TEXTS, window=48))
    reader = Reader(encoder_of(folder), tokenizer_of(folder), 8192)
    text = TEXTS[0] * 4
    (windows,) = reader.windows(["How many clips? " * 20], [text])
    assert len(windows) > 2
    assert all(len(one.ids) <= 48 and 0 in one.sequence_ids for one in windows)
    own = own_tokens(windows, reader.overlap, REASONING)
    alone = reader.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
    assert sum(map(len, own)) == len(alone["input_ids"])
    assert token_ends(windows, own)[-1] == len(text)


def test_the_loss_equals_a_naive_loop_over_pairs():
    outputs, targets = torch.tensor([0.3, -1.0, 2.0]), torch.tensor([0.5, 0.0, 1.0])
    partners = torch.tensor([[1, 2], [0, 2], [2, 0]])
    total = weights = 0.0
    for i, others in enumerate(partners.tolist()):
        for j in others:
            gap = float(targets[i] - targets[j])
            high, low = (i, j) if gap > 0 else (j, i)
            total += abs(gap) * float(torch.log1p(torch.exp(outputs[low] - outputs[high])))
            weights += abs(gap)
    entropy = torch.nn.functional.binary_cross_entropy(outputs.sigmoid(), targets)
    assert float(ranking_loss(outputs, targets, partners)) == pytest.approx(
        total / weights + float(entropy)
    )


def test_partners_are_tokens_of_the_same_trace(encoder):
    reader = Reader(encoder_of(encoder), tokenizer_of(encoder), 64)
    lessons = list(from_scores(scored(3), Counter()))
    batch = collated(lessons, reader)
    rows = batch["places"] // batch["input_ids"].shape[1]
    assert torch.equal(rows[batch["partners"]], rows[:, None].expand_as(batch["partners"]))
    assert len(batch["targets"]) == len(batch["places"])


@given(st.lists(st.floats(-5, 5), min_size=2))
def test_ranks_keep_order_and_ties_and_lie_between_0_and_1(values):
    found = ranks(values)
    assert all(0 <= one <= 1 for one in found)
    for a, x in zip(values, found, strict=True):
        for b, y in zip(values, found, strict=True):
            assert (a < b) == (x < y)


@given(st.text("ab ", max_size=40), st.data())
def test_a_cut_is_laid_over_its_reasoning_again_whole(text, data):
    kept = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    short = "".join(c for c, k in zip(text, kept, strict=True) if k)
    runs = laid_over(text, short)
    assert runs is not None
    assert "".join(text[a:b] for a, b in runs) == short
    assert all(a[1] <= b[0] for a, b in pairwise(runs))


def test_a_kept_run_is_found_where_it_stands_rather_than_in_scattered_letters():
    assert laid_over("a cat sat. The sum is 4.", "The sum is 4.") == [(11, 24)]
    assert laid_over("abc", "cab") is None


def verified(cuts, loss, **fields):
    one = make_compressed(make_trace("so 4 is it, so 4", **fields), cuts)
    seen = Verified(reference="r", shortened=-loss, full=0.0, none=-9.0, n_tokens=1)
    made = [msgspec.structs.replace(cut, verified=seen) for cut in one.cuts]
    return msgspec.structs.replace(one, cuts=made)


def test_what_answer_keeping_cuts_keep_is_learnt_and_the_others_are_counted():
    dropped = Counter()
    both = verified({0.3: "so 4", 0.6: "so 4 is it"}, 0.1)
    (lesson,) = from_cuts([both, verified({0.3: "is"}, 5.0)], 0.5, dropped)
    assert (lesson.ends, lesson.values, lesson.labels) == ([4, 10, 16], [1.0, 0.5, 0.0], "kept")
    assert dropped == {NO_CUT: 1}
    with pytest.raises(CotpressError, match="run `cotpress verify` first"):
        list(from_cuts([make_compressed(make_trace("abc"), {0.5: "a"})], 0.5, Counter()))


def test_of_a_beginning_it_is_learnt_what_is_above_0():
    one = msgspec.structs.replace(
        scored(1)[0], from_start=True, importance=[1, 1, 0.5, 0.2, 0, -1, -1]
    )
    (lesson,) = from_scores([one], Counter())
    assert lesson.values == [1, 1, 1, 1, 0, 0, 0]
    assert (lesson.labels, lesson.from_start) == ("above 0", True)


def test_a_trace_that_tells_nothing_is_counted_and_two_teachers_are_refused():
    dropped = Counter()
    assert not list(from_scores([make_scored(["a", "b"], [1, 1])], dropped))
    assert dropped == {FLAT: 1}
    mixed = from_scores([*scored(2), *scored(2, scorer="t")], Counter())
    with pytest.raises(CotpressError, match="two scorers, s and t"):
        list(of_one_teacher(mixed))


def test_agreement_counts_the_same_number_on_both_sides():
    assert overlap([3, 2, 1, 0], [0, 1, 2, 3], 0.5) == 0
    assert overlap([3, 2, 1, 0], [9, 0, 8, 1], 0.5) == 0.5


def test_an_interrupted_training_goes_on_and_ends_alike(encoder, tmp_path):
    lessons = list(from_scores(scored(), Counter()))
    options = ScorerOptions(**FAST | {"epochs": 2, "batch": 2, "save_every": 3})

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    whole = train_scorer(lessons, encoder, tmp_path / "whole", options, say=str)
    from cotpress.training import scorer as stage

    kept = stage.compared
    stage.compared = lambda *_: stop("")
    try:
        with pytest.raises(KeyboardInterrupt):
            train_scorer(lessons, encoder, tmp_path / "part", options, say=str)
    finally:
        stage.compared = kept
    said = []
    again = train_scorer(lessons, encoder, tmp_path / "part", options, say=said.append)
    assert "going on from" in said[0]
    assert (again.steps, again.loss) == (whole.steps, pytest.approx(whole.loss))


def test_a_training_killed_in_the_middle_of_an_epoch_draws_the_same_partners_again(
    encoder, tmp_path, monkeypatch
):
    lessons = list(from_scores(scored(), Counter()))
    options = ScorerOptions(**FAST | {"epochs": 2, "batch": 2, "save_every": 1})
    whole = train_scorer(lessons, encoder, tmp_path / "whole", options, say=str)

    def stop(self, args, state, control, **_):
        if state.global_step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train_scorer(lessons, encoder, tmp_path / "part", options, say=str)
    again = train_scorer(lessons, encoder, tmp_path / "part", options, say=str)
    assert (again.steps, again.loss) == (whole.steps, whole.loss)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("part", "whole")]
    assert weights[0] == weights[1]


def test_partners_are_drawn_anew_each_epoch_and_alike_whatever_came_before(encoder):
    reader = Reader(encoder_of(encoder), tokenizer_of(encoder), 64)
    lessons = list(from_scores(scored(3), Counter()))
    first = collated(lessons, reader, "0|0")["partners"]
    assert torch.equal(collated(lessons, reader, "0|0")["partners"], first)
    assert not torch.equal(collated(lessons, reader, "0|1")["partners"], first)


def test_the_verb_trains_says_what_it_is_worth_and_refuses_in_one_sentence(
    encoder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    rows = b"".join(msgspec.json.encode(one) + b"\n" for one in scored())
    (tmp_path / "s.jsonl").write_bytes(rows)
    command = f"train-scorer s.jsonl --model {encoder} --out mine --epochs 1 --lr 1e-3"
    assert cotpress(monkeypatch, command) == 0
    assert "on 1 held-out traces it keeps what its teacher keeps" in capsys.readouterr().err
    assert json.loads((tmp_path / "mine/cotpress_scorer.json").read_text())["teacher"] == "s"
    with pytest.raises(CotpressError, match="llmlingua2:"):
        scorers.load(f"classifier:{encoder}")
    assert cotpress(monkeypatch, f"train-scorer s.jsonl --model {tmp_path} --out y") == 2
    assert "cannot load the tokenizer" in capsys.readouterr().err


def test_an_encoder_without_offsets_is_refused(tmp_path, monkeypatch):
    from cotpress.scorers import classifier

    slow = type("Slow", (), {"is_fast": False})()
    monkeypatch.setattr(classifier.AutoTokenizer, "from_pretrained", lambda *_, **__: slow)
    with pytest.raises(CotpressError, match="no fast tokenizer"):
        tokenizer_of("somewhere")
