import json
import math
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")

import torch
from command import cotpress
from make import make_problem, make_trace, sum_trace
from safetensors.torch import load_file
from train_fixtures import make_model

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.lm.checkpoint import Checkpoint, read
from cotpress.models.hf import load
from cotpress.pipeline import pairs as pairing
from cotpress.pipeline.grade import Workers
from cotpress.pipeline.whole import whole
from cotpress.records import Asked, CompressedTrace, Grade
from cotpress.rewards import Sample
from cotpress.training import dpo, formats, grpo
from cotpress.training.options import TrainOptions
from cotpress.training.reward_options import DpoOptions, GrpoOptions
from cotpress.training.rewarding import PATIENCE, Collapse, Question, judged, said_time

TINY = {"method": "full", "batch": 2, "warmup": 0.0, "scheduler": "constant"}


class Short:
    """Fewer characters are better, right or not."""

    name = "short"

    def __call__(self, group):
        return [-float(len(one.trace.reasoning + one.trace.conclusion)) for one in group]


@pytest.fixture
def base(tmp_path):
    make_model(tmp_path / "base")
    return str(tmp_path / "base")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(grpo.rewards, "load", lambda spec: Short())
    monkeypatch.setattr("cotpress.training.rewarding.CUT_OFF", 1.0)  # a random model never ends


def questions(n: int = 4):
    made = [make_problem(f"p{i}", question=f"{i} + {i}?", answer=str(2 * i)) for i in range(n)]
    return [Question(problem=one, prompt=one.prompt(), answer=one.answer) for one in made]


def run(base, out, options, how=None, say=str):
    how = how or GrpoOptions(samples=4, max_tokens=12)
    return grpo.train(questions(), load(base), out, "exact", options, how, say=say)


def weights(folder):
    return load_file(next(folder.glob("*model.safetensors")))


def test_a_model_learns_to_end_soon_where_short_answers_are_rewarded(base, tmp_path, short):
    said = []
    done = run(
        base,
        tmp_path / "x",
        TrainOptions(**TINY, max_steps=40, lr=3e-3),
        GrpoOptions(samples=8, max_tokens=12),
        say=said.append,
    )
    points = [json.loads(line) for line in (tmp_path / "x/train_log.jsonl").open()]
    assert (done.method, done.stage, done.steps, len(points)) == ("grpo", "grpo", 40, 40)
    assert points[-1]["rewards"]["short"] > points[0]["rewards"]["short"] + 2
    assert {"accuracy", "tokens", "cut_off", "no_variance", "entropy"} <= set(points[0])
    assert "sampling takes at most" in said[0]
    assert load(str(tmp_path / "x")).torch_model is not None


def test_an_interrupted_run_ends_with_the_same_weights(base, tmp_path, short, monkeypatch):
    options = TrainOptions(**TINY, max_steps=4, lr=1e-3, save_every=2)
    run(base, tmp_path / "whole", options)
    kept = grpo.Rollout.__call__

    def dies(self, prompts, trainer):
        if trainer.state.global_step == 3:
            raise KeyboardInterrupt
        return kept(self, prompts, trainer)

    monkeypatch.setattr(grpo.Rollout, "__call__", dies)
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "part", options)
    monkeypatch.setattr(grpo.Rollout, "__call__", kept)
    said = []
    run(base, tmp_path / "part", options, say=said.append)
    assert any("going on from" in line for line in said)
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "part")
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_an_adapter_is_sampled_with_and_the_base_stays(base, tmp_path, short):
    before = weights(tmp_path / "base")
    options = TrainOptions(batch=2, max_steps=2, lr=1e-2, warmup=0.0)
    done = run(base, tmp_path / "x", options)
    assert done.kind == "lora"
    assert any(
        float(one.abs().sum()) > 0
        for name, one in weights(tmp_path / "x").items()
        if "lora_B" in name
    )
    assert all(torch.equal(before[k], v) for k, v in weights(tmp_path / "base").items())


def test_prompts_are_the_token_ids_that_are_served_and_answers_end_as_they_were_drawn(base):
    model = load(base)
    how = GrpoOptions(samples=2, max_tokens=6)
    with Workers() as workers:
        rollout = grpo.Rollout(questions(), model, [Short()], how, 0, "exact", "", workers)
        trainer = SimpleNamespace(use_vllm=False, state=SimpleNamespace(global_step=3))
        found = rollout(["1", "1", "0", "0"], trainer)
        again = rollout(["0", "0", "1", "1"], trainer)
    assert found["prompt_ids"][0] == model.prompt_ids(questions()[1].prompt)
    assert found["completion_ids"][:2] == again["completion_ids"][2:]
    assert found["completion_ids"][0] != found["completion_ids"][1]
    assert found["logprobs"] is None
    assert all(len(ids) <= 6 for ids in found["completion_ids"])


def test_vllm_samples_in_place_of_our_decoding_where_it_is_asked_for(base):
    """A fake engine: the real one is not run here."""
    model = load(base)
    asked = []

    class Engine:
        def generate(self, prompts, images, num_generations):
            asked.append((prompts, num_generations))
            return (
                prompts,
                [[5, model.end_id]] * len(prompts),
                [[[-0.5], [-0.1]]] * len(prompts),
                None,
            )

    how = GrpoOptions(samples=2, max_tokens=6, vllm=True)
    trainer = SimpleNamespace(
        use_vllm=True, vllm_generation=Engine(), state=SimpleNamespace(global_step=0)
    )
    with Workers() as workers:
        rollout = grpo.Rollout(questions(), model, [Short()], how, 0, "exact", "", workers)
        found = rollout(["0", "0"], trainer)
    assert asked == [([model.prompt_ids(questions()[0].prompt)] * 2, 2)]
    assert found["completion_ids"] == [[5, model.end_id]] * 2
    assert found["logprobs"] == [[-0.5, -0.1]] * 2


def samples(*tokens, right=True, finished=True):
    grade = Grade(answer="1", correct=right, status="ok")
    return [Sample(make_trace("a", n_tokens=n, grade=grade, finished=finished)) for n in tokens]


def test_rewards_that_are_no_number_and_too_few_are_refused_by_name():
    for values, said in (
        ([math.nan, 0.0], "gave nan for an answer to p"),
        ([1.0], "gave 1 values for 2"),
    ):
        bad = type(
            "Bad", (), {"name": "bad", "__call__": lambda self, group, found=values: found}
        )()
        with pytest.raises(CotpressError, match=f"reward bad {said}"):
            judged(samples(1, 2), [bad], [1.0], 2)


def test_figures_count_groups_without_variance_and_answers_cut_off():
    cut = samples(4, 4, right=False, finished=False)
    tokens = type(
        "Tokens",
        (),
        {"name": "n", "__call__": lambda self, group: [one.trace.n_tokens for one in group]},
    )()
    found = judged([*samples(1, 2), *cut], [tokens], [1.0], 2)
    assert found.figures == {"accuracy": 0.5, "tokens": 2.75, "cut_off": 0.5, "no_variance": 0.5}
    assert found.parts[1] == {"n": 2}


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"cut_off": 0.6, "no_variance": 0.0}, "more than half of the answers were cut off"),
        ({"cut_off": 0.0, "no_variance": 1.0}, "worth the same"),
    ],
)
def test_a_collapse_is_seen_after_so_many_steps_in_a_row_also_over_a_restart(figures, said):
    watch = Collapse([figures] * (PATIENCE - 1))
    assert said in watch.seen(figures)
    watch = Collapse([figures] * (PATIENCE - 1))
    assert not watch.seen({"cut_off": 0.5, "no_variance": 0.9})
    assert not watch.seen(figures)


def test_a_training_whose_answers_are_all_alike_stops_with_a_sentence(base, tmp_path, monkeypatch):
    flat = type("Flat", (), {"name": "flat", "__call__": lambda self, group: [1.0] * len(group)})()
    monkeypatch.setattr(grpo.rewards, "load", lambda spec: flat)
    monkeypatch.setattr("cotpress.training.rewarding.PATIENCE", 3)
    monkeypatch.setattr("cotpress.training.rewarding.CUT_OFF", 1.0)
    with pytest.raises(CotpressError, match="stopped at step 3: all answers to a problem"):
        run(base, tmp_path / "x", TrainOptions(**TINY, max_steps=9))


def test_days_of_sampling_are_said_before_they_begin(base, tmp_path, short, monkeypatch):
    monkeypatch.setattr(grpo, "LONG", 0.0)
    said = []
    run(base, tmp_path / "x", TrainOptions(**TINY, max_steps=1), say=said.append)
    assert "for less choose --max-steps" in said[0]
    assert said_time(86400 * 300, 100) == "3.0 days"


def graded(i, sample, n, right=True, **fields):
    grade = Grade(answer="1", correct=right, status="ok")
    return sum_trace(
        i, sample=sample, n_tokens=n, grade=grade, reasoning=f"we add {'on ' * n}", **fields
    )


def test_short_right_is_preferred_to_long_right_and_to_wrong():
    dropped, noted = Counter(), Counter()
    traces = [graded(0, 0, 9), graded(0, 1, 4), graded(0, 2, 2, right=False), graded(1, 0, 5)]
    traces += [graded(1, 1, 5, finished=False)]
    found = list(pairing.pairs(traces, dropped=dropped, noted=noted))
    assert [(one.kind, one.problem) for one in found] == [("shorter", "sum/0"), ("right", "sum/0")]
    assert all(one.chosen[0]["content"] == traces[1].completion() for one in found)
    assert (dropped, noted) == ({pairing.UNUSABLE: 1}, {pairing.NO_PAIR: 1})
    with pytest.raises(CotpressError, match="cotpress grade"):
        list(
            pairing.pairs(
                [msgspec.structs.replace(traces[0], grade=None)], dropped=dropped, noted=noted
            )
        )


@pytest.mark.parametrize("method", ["full", "lora"])
def test_pairs_make_the_chosen_answer_likelier_than_the_rejected(base, tmp_path, method):
    traces = [graded(i, s, n) for i in range(4) for s, n in ((0, 2), (1, 8))]
    found = list(pairing.pairs(traces, dropped=Counter(), noted=Counter()))
    options = TrainOptions(method=method, batch=4, epochs=15, lr=1e-2, warmup=0.0)
    done = dpo.train(
        found, load(base), tmp_path / "x", options, DpoOptions(sft_weight=0.1), say=str
    )
    assert (done.method, done.examples, done.steps) == ("dpo", 4, 15)
    assert done.loss < done.first_loss
    ids = dpo.tokenised(found, load(base), options, Counter())[0]
    model = load(base)
    assert ids.prompt == model.prompt_ids(found[0].prompt)
    assert ids.chosen[-1] == model.end_id


def test_the_verbs_go_from_samples_to_checkpoints(base, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    traces = [graded(i, s, n) for i in range(4) for s, n in ((0, 2), (1, 8))]
    storage.write(tmp_path / "graded.jsonl", traces)
    assert cotpress(monkeypatch, "build graded.jsonl --format pairs --out pairs.jsonl") == 0
    assert (
        cotpress(monkeypatch, "build graded.jsonl --format grpo --ratios 0.5 --out asked.jsonl")
        == 0
    )
    rows = list(storage.read(tmp_path / "asked.jsonl", Question))
    assert [(one.asked, one.wanted) for one in rows] == [(Asked(ratio=0.5), 1)] * 4
    assert rows[0].prompt[-1]["content"].endswith("<ratio>0.5</ratio>")
    command = f"train pairs.jsonl --stage dpo --model {base} --out d --method full --epochs 1"
    assert cotpress(monkeypatch, command) == 0
    assert "over 4 pairs" in capsys.readouterr().err
    small = f"--stage grpo --model {base} --samples 2 --max-tokens 8 --batch 2 --max-steps 1 --method full"
    assert (
        cotpress(
            monkeypatch,
            f"train asked.jsonl {small} --task arithmetic --reward correct adherence --out g",
        )
        == 0
    )
    told = "build graded.jsonl --format grpo --control budget --ratios 0.5 1.0 --draw all"
    assert cotpress(monkeypatch, f"{told} --out budgets.jsonl") == 0
    assert cotpress(monkeypatch, f"train budgets.jsonl {small} --task arithmetic --out b") == 0
    budgets = read(tmp_path / "b", Checkpoint).budgets
    assert (budgets.least, budgets.most) == (1, 2)
    assert cotpress(monkeypatch, f"train {small} --task arithmetic --limit 4 --out h") == 0
    mine = b"".join(b'{"question": "%d?", "answer": "1"}\n' % i for i in range(4))
    (tmp_path / "mine.jsonl").write_bytes(mine)
    assert cotpress(monkeypatch, f"train mine.jsonl {small} --out m") == 0
    about = json.loads((tmp_path / "m/cotpress.json").read_text())
    assert (about["stage"], about["reward"]["reward"]) == ("grpo", ["dler"])


@pytest.mark.parametrize("control", ["budget", "both"])
def test_questions_ask_for_the_budget_that_a_ratio_of_the_known_reasoning_is(control):
    cuts = list(whole(graded(i, 0, 20) for i in range(40)))
    how = formats.Drawing("all", [0.5], 0, "target", control)
    rows = list(formats.load("grpo").rows(cuts, how, Counter(), Counter()))
    assert {one.wanted for one in rows} == {10}
    asked = Counter((one.asked.ratio, one.asked.budget) for one in rows)
    assert set(asked) == {(None, 10)} | ({(0.5, None)} if control == "both" else set())
    tags = {one.asked: one.prompt[-1]["content"] for one in rows}
    assert tags[Asked(budget=10)].endswith("<budget>10</budget>")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pairs", r"is a file of preference pairs \(`build --format pairs`\): give what"),
        ("grpo", r"is a file of questions for training by rewards .*: give what"),
    ],
)
def test_pairs_and_questions_are_recognised_where_another_file_is_read(
    name, said, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    storage.write(
        Path("graded.jsonl"), [graded(i, s, n) for i in range(4) for s, n in ((0, 2), (1, 8))]
    )
    assert cotpress(monkeypatch, f"build graded.jsonl --format {name} --out rows.jsonl") == 0
    with pytest.raises(CotpressError, match=said):
        list(storage.read(Path("rows.jsonl"), CompressedTrace))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--stage grpo", "name a --task, or a file of them"),
        ("--stage dpo", "--stage dpo needs a file"),
        ("--task arithmetic", "needs a file to train on"),
        ("--stage grpo --task arithmetic --samples 1", "--samples must be at least 2"),
        ("--stage grpo --task arithmetic --limit 2 --reward corect", "did you mean correct?"),
    ],
)
def test_a_mistake_is_one_sentence(base, monkeypatch, capsys, flags, message):
    assert cotpress(monkeypatch, f"train --model {base} --out x {flags}") == 2
    assert message in capsys.readouterr().err
