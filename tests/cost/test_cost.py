"""What a walk would take: shapes against real models, rates with a clock of our own, and one line
for each step.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from command import cotpress
from hypothesis import given
from hypothesis import strategies as st
from make import make_problem

from cotpress import models, plugins
from cotpress.cost import table
from cotpress.cost.estimate import CONCLUDES, Device, Estimate, Line
from cotpress.cost.rates import FEW, H100, SEVERAL, Rates, computed, measure, on_engine
from cotpress.cost.shape import ADAM_BYTES, Shape
from cotpress.models import Completion, Request, Sampling
from cotpress.pipeline.importing.parts import is_held_out
from cotpress.training.options import TrainOptions
from cotpress.walks import Step, step

SHAPE = Shape(
    layers=2, width=8, heads=4, kv_heads=2, head_dim=2, inner=16, vocabulary=50, tied=True
)
RATES = Rates(
    per_step=0.1, per_token=0.01, per_read=0.001, prompt=50, written=100, longest=150, line=1000
)

# --- shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny", "overthink"])
def test_the_weights_of_a_model_are_counted_from_its_config(name: str) -> None:
    pytest.importorskip("torch")
    net = models.load(name).torch_model
    real = sum(one.numel() for one in net.parameters())
    norms = sum(one.numel() for one in net.parameters() if one.ndim == 1)
    assert Shape.of(net.config).parameters == real - norms


def test_an_adapter_is_counted_as_peft_makes_it() -> None:
    peft = pytest.importorskip("peft")
    net = models.load("tiny").torch_model
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear")
    made = peft.get_peft_model(net, config)
    assert Shape.of(net.config).adapter(4) == made.get_nb_trainable_parameters()[0]


def test_memory_by_hand() -> None:
    assert SHAPE.linear == 2 * (8 * 2 * (8 + 4) + 3 * 8 * 16)
    assert SHAPE.answering(3, 10, 2) == 2 * (SHAPE.parameters + 2 * 2 * 2 * 2 * 10 * 3)
    full = SHAPE.training(100, 2, full=True)
    assert full > ADAM_BYTES * SHAPE.parameters
    lora = SHAPE.training(100, 2, full=False, rank=1)
    assert SHAPE.training(100, 2, full=False, rank=1, four_bits=True) < lora < full
    assert SHAPE.training(100, 2, full=True, checkpointing=False) > full


# --- rates ----------------------------------------------------------------------------------------


class Clocked:
    """A model of which every step takes a time, and every token of it another; it moves a clock."""

    name = identity = "clocked"

    def __init__(self, per_step: float, per_token: float, lengths: list[int]) -> None:
        self.per_step, self.per_token, self.lengths, self.now = per_step, per_token, lengths, 0.0

    def clock(self) -> float:
        return self.now

    def generate(self, requests, sampling: Sampling):
        asked: list[Request] = list(requests)
        lengths = [min(sampling.max_tokens, self.lengths[int(one.key)]) for one in asked]
        self.now += self.per_step * max(lengths) + self.per_token * sum(lengths)
        for one, length in zip(asked, lengths, strict=True):
            finished = length == self.lengths[int(one.key)]
            yield Completion(text="x" * length, n_tokens=length, finished=finished)

    def token_ends(self, texts):
        return [list(range(1, len(text) + 1)) for text in texts]


PROBLEMS = [make_problem(str(i)) for i in range(SEVERAL)]


@given(
    st.floats(0, 2),
    st.floats(0.001, 2),
    st.lists(st.integers(5, 400), min_size=SEVERAL, max_size=SEVERAL),
)
def test_steps_and_tokens_are_told_apart(
    per_step: float, per_token: float, lengths: list[int]
) -> None:
    model = Clocked(per_step, per_token, lengths)
    found = measure(PROBLEMS, model, 512, clock=model.clock)
    assert (found.written, found.longest) == (sum(lengths) / SEVERAL, max(lengths))
    together = found.per_step * max(lengths) + found.per_token * sum(lengths)
    assert together == pytest.approx(per_step * max(lengths) + per_token * sum(lengths), rel=1e-6)
    assert found.seconds == pytest.approx(model.now)
    few, several = (sum(lengths[:n]) / max(lengths[:n]) for n in (FEW, SEVERAL))
    if several > 1.5 * few:  # two batches that are alike tell nothing apart
        assert found.per_step == pytest.approx(per_step, abs=1e-6)
        assert found.per_token == pytest.approx(per_token, abs=1e-6)


def test_an_answer_that_does_not_end_is_taken_to_reach_the_limit() -> None:
    model = Clocked(1, 1, [600] * SEVERAL)
    assert measure(PROBLEMS, model, 9000, clock=model.clock).written == 9000


def test_reading_is_timed_where_the_weights_are_at_hand() -> None:
    model = Clocked(1, 1, [10] * SEVERAL)

    def read(texts) -> int:
        model.now += 3 * len(texts)
        return 6 * len(texts)

    assert measure(PROBLEMS, model, 512, read=read, clock=model.clock).per_read == 0.5


def test_answers_come_in_batches_each_as_long_as_its_longest() -> None:
    assert RATES.answers(10, 4) == pytest.approx(3 * 0.1 * 150 + 10 * 100 * 0.01 + 10 * 50 * 0.001)
    assert RATES.answers(10, 4, 0.5) - 0.5 == pytest.approx((RATES.answers(10, 4) - 0.5) / 2)


def test_a_gpu_that_is_not_at_hand_is_computed_from_its_figures() -> None:
    found = computed(SHAPE, flops=1e12, bandwidth=1e9, prompt=10, written=20)
    assert found.per_step == pytest.approx(2 * SHAPE.parameters / 0.6e9)
    assert found.per_read == pytest.approx(2 * SHAPE.parameters / 0.4e12)


def test_where_an_engine_answers_only_answers_are_computed_and_reading_is_as_measured() -> None:
    found = on_engine(RATES, SHAPE, H100)
    assert found.per_step == pytest.approx(2 * SHAPE.parameters / (0.6 * H100.bandwidth))
    assert found.per_prompt == pytest.approx(2 * SHAPE.parameters / (0.4 * H100.flops))
    assert (found.per_read, found.written, found.line) == (
        RATES.per_read,
        RATES.written,
        RATES.line,
    )
    once = found.per_step * RATES.longest
    each = found.per_token * RATES.written + found.per_prompt * RATES.prompt
    assert found.answers(10, 10) == pytest.approx(once + 10 * each)


# --- steps ----------------------------------------------------------------------------------------

OUT = Path("q")
OPTIONS = TrainOptions(epochs=2, batch=8, lora_rank=1)


def walk(**changes) -> list[Step]:
    names = ("traces", "graded", "scored", "compressed", "train", "eval")
    traces, graded, scored, compressed, examples, judged = (OUT / f"{name}.jsonl" for name in names)
    return [
        step("generate", task="t", model="m", out=traces, split="train", limit=40, max_tokens=200),
        step("grade", traces, out=graded),
        step("score", graded, scorer="surprisal:m", target="m", out=scored),
        step("compress", scored, ratios=[1.0, 0.5], out=compressed),
        step("build", compressed, out=examples),
        step("train", examples, model="m", out=OUT / "model", options=OPTIONS),
        step(
            "evaluate",
            **{
                "task": "t",
                "model": "q/model",
                "out": judged,
                "ratios": [1.0, 0.5],
                "baseline": ["truncation", "be-concise"],
                "original": "m",
                "limit": 10,
            }
            | changes,
        ),
        step("report", judged, out=OUT / "report.html"),
    ]


def lines(steps: list[Step], device: Device | None = None) -> dict[str, Line]:
    estimate = Estimate(RATES, lambda name: SHAPE, lambda how: how["limit"], device, SHAPE)
    return {line.verb: line for line in estimate.lines(steps)}


def test_every_step_has_a_line_with_its_counts() -> None:
    found = lines(walk())
    assert list(found) == [
        "generate",
        "grade",
        "score",
        "compress",
        "build",
        "train",
        "eval",
        "report",
    ]
    assert found["generate"].seconds == pytest.approx(RATES.answers(40, 40))
    assert found["generate"].tokens == 40 * 100
    assert found["score"].seconds == pytest.approx(40 * 150 * 0.001)
    assert found["train"].what == "10 steps, an adapter"
    assert found["train"].tokens == 2 * 40 * (50 + 100 * 0.75)
    assert found["train"].seconds == pytest.approx(found["train"].tokens * 2 * 0.001)
    shares = [1.0, 0.5, 1.0, CONCLUDES, 1.0]  # two ratios, the original, a control, a prompt
    assert found["eval"].what == "10 problems, 5 settings"
    assert found["eval"].seconds == pytest.approx(sum(RATES.answers(10, 10, one) for one in shares))
    assert all(line.disk for line in found.values())


@pytest.mark.parametrize(
    ("control", "budgets", "shares"),
    [
        ("budget", None, [0.75] * 3),
        ("budget", [20, 60], [0.75] * 2),
        ("both", None, [1.0, 0.5, *[0.75] * 3]),
    ],
)
def test_a_model_that_is_taught_budgets_is_judged_at_them(control, budgets, shares) -> None:
    steps = walk(ratios=None, budgets=budgets, baseline=["truncation"])
    build = steps[4]
    steps[4] = step("build", *build.given, **build.options | {"control": control})
    shares = [*shares, 1.0, *(CONCLUDES for share in shares if share < 1)]
    found = lines(steps)["eval"]
    assert found.what == f"10 problems, {len(shares)} settings"
    assert found.seconds == pytest.approx(sum(RATES.answers(10, 10, one) for one in shares))


def test_all_weights_take_more_and_so_do_activations_that_are_computed_twice() -> None:
    def train(options: TrainOptions, device: Device | None = None) -> Line:
        steps = walk()
        steps[5] = step("train", *steps[5].given, **steps[5].options | {"options": options})
        return lines(steps, device)["train"]

    lora, full = train(OPTIONS), train(TrainOptions(epochs=2, method="full"))
    assert full.seconds == pytest.approx(1.5 * lora.seconds)
    assert full.memory > lora.memory
    assert train(OPTIONS, Device(2, 1e9, True)).seconds == pytest.approx(1.5 * lora.seconds)
    assert train(TrainOptions(max_steps=3)).tokens == 3 * 8 * 125


def test_worked_answers_cost_no_time_and_cts_reads_twice() -> None:
    steps = walk()
    steps[0] = step("generate", **steps[0].options | {"model": "gold"})
    steps[2] = step("score", *steps[2].given, **steps[2].options | {"scorer": "cts:m"})
    found = lines(steps)
    assert found["generate"].seconds == 0
    assert found["score"].tokens == 2 * lines(walk())["score"].tokens


@pytest.mark.parametrize(("cards", "times"), [(1, 1), (2, 2), (8, 4)])
def test_processes_share_the_work_of_the_verbs_that_take_them_over_the_cards(
    cards: int, times: int
) -> None:
    device, spread = Device(cards=cards), ("generate", "score", "evaluate")
    shared = [
        one._replace(options=one.options | {"processes": 4}) if one.verb in spread else one
        for one in walk()
    ]
    one, four = lines(walk(), device), lines(shared, device)
    for verb in one:
        expected = one[verb].seconds / (times if verb in ("generate", "score", "eval") else 1)
        assert four[verb].seconds == pytest.approx(expected), verb


def test_a_batch_is_no_larger_than_the_memory_for_it() -> None:
    row = SHAPE.answering(1, 150, 4) - SHAPE.answering(0, 150, 4)
    assert lines(walk(), Device(room=5 * row))["generate"].seconds == pytest.approx(
        RATES.answers(40, 5)
    )


def test_a_step_without_a_rule_is_said_to_be_unknown_and_the_others_go_on() -> None:
    steps = walk()
    steps.insert(2, step("train_vqvae", OUT / "graded.jsonl", out=OUT / "vq"))
    found = lines(steps)
    assert found["train_vqvae"].seconds is None
    total = table.total([*found.values(), found["train_vqvae"]])
    assert total.what == "without train_vqvae"
    assert total.seconds == pytest.approx(sum(one.seconds or 0 for one in found.values()))
    assert total.memory == max(one.memory for one in found.values())


def test_of_several_samples_as_many_are_taught_as_are_selected() -> None:
    steps = walk()
    steps[0].options["samples"] = 4
    steps.insert(2, step("select", OUT / "graded.jsonl", out=OUT / "chosen.jsonl", per_problem=2))
    found = lines(steps)
    assert found["generate"].what == "160 answers"
    assert found["select"].what == "80 of 160 answers"


def test_own_traces_are_taught_at_their_own_length_and_judged_at_that_of_the_model() -> None:
    steps = walk()
    steps[0] = step("import_", "mine.jsonl", out=OUT / "traces.jsonl")
    long = replace(RATES, written=1000, line=9000)
    found = {
        line.verb: line
        for line in Estimate(
            RATES, lambda name: SHAPE, lambda how: how.get("limit", 40), None, SHAPE, long
        ).lines(steps)
    }
    assert found["import"].what == "40 traces"
    assert found["import"].disk == 40 * 9000
    assert found["score"].tokens == 40 * 1050
    assert found["train"].tokens == 2 * 40 * (50 + 1000 * 0.75)
    assert found["eval"] == lines(walk())["eval"]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (table.duration(0.2), "0.2 s"),
        (table.duration(90), "90 s"),
        (table.duration(150), "2.5 min"),
        (table.duration(3 * 86400), "3 d"),
        (table.duration(None), "not known"),
        (table.size(3 * 2**30), "3 GiB"),
        (table.amount(12_345_678), "12.3 M"),
    ],
)
def test_figures_are_written_for_a_person(made: str, text: str) -> None:
    assert made == text


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", ["", "--control both", "--control budget --budgets 40 80"])
def test_a_dry_run_says_what_a_walk_would_take_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, flags: str
) -> None:
    for package in ("trl", "math_verify"):
        pytest.importorskip(package)
    command = (
        "run tokenskip --task arithmetic --model tiny --scorer surprisal:tiny "
        f"--out {tmp_path / 'q'} --limit 100 --eval-limit 20 --ratios 1.0 0.5 --dry-run {flags}"
    )
    assert cotpress(monkeypatch, command) == 0
    said = capsys.readouterr()
    steps = [line.split()[0] for line in said.out.splitlines()[1:] if line.strip()]
    assert steps == ["load", *lines(walk()), "all"]
    assert "measured 16 answers of tiny" in said.err
    assert "nothing was done" in said.err
    assert not list(tmp_path.iterdir())


def test_a_dry_run_for_vllm_needs_no_vllm_and_says_what_it_assumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for package in ("trl", "math_verify"):
        pytest.importorskip(package)
    folder = plugins.PACKAGE / "assets" / "tiny"
    command = f"run tokenskip --task arithmetic --scorer random --model hf:{folder} --limit 20"
    command += f" --eval-limit 5 --ratios 1.0 0.5 --out {tmp_path / 'q'} --dry-run"
    said = []
    for flags in ("", "--backend vllm", f"--source vllm:{folder},max_len=512"):
        assert cotpress(monkeypatch, f"{command} {flags}") == 0
        found = capsys.readouterr()
        said.append((found.err, found.out))
    assert "vLLM" not in said[0][0]
    for err, out in said[1:]:
        assert "vLLM answers in the run, whose rate is not measured" in err
        assert "one H100 of 80 GB as docs/hardware.md computes it" in err
        line = next(line for line in out.splitlines() if line.startswith("generate"))
        assert " 0 s " in line
    assert not list(tmp_path.iterdir())


def test_a_dry_run_counts_own_traces_from_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for package in ("trl", "math_verify"):
        pytest.importorskip(package)
    traces = Path(__file__).parents[2] / "recipes" / "traces.jsonl"
    out = tmp_path / "q"
    read, held = Counter[str](), Counter[str]()
    rows = [json.loads(line) for line in traces.read_text("utf-8").splitlines()]
    for row in rows:
        kept = is_held_out(row["messages"][0]["content"], 0.1, 0)
        (held if kept else read)[row["messages"][0]["content"]] += 1
    command = f"run tokenskip --traces {traces} --model tiny --scorer surprisal:tiny --out {out}"
    assert cotpress(monkeypatch, f"{command} --ratios 1.0 0.5 --dry-run") == 0
    said = capsys.readouterr()
    assert f"import    {read.total()} traces" in said.out
    assert f"eval      {len(held)} problems, 5 settings" in said.out
    assert "your traces have 120 tokens each" in said.err
    assert not list(tmp_path.iterdir())


def test_a_mistake_is_found_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    command = f"run tokenskip --task arithmetik --model tiny --out {tmp_path / 'q'} --dry-run"
    assert cotpress(monkeypatch, command) == 2
    assert "did you mean arithmetic" in capsys.readouterr().err
