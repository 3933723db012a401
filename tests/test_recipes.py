"""The recipes run as they stand, from nothing to a report; here with a
handful of problems, so their figures mean nothing.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cotpress import storage
from cotpress.records import EvalRow

for _package in ("trl", "math_verify", "jinja2"):
    pytest.importorskip(_package)

# a dozen commands each, and a machine may be busy
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]

RECIPES = Path(__file__).parents[1] / "recipes"

SMALL = {
    "demo": ({"LIMIT": "12", "EVAL_LIMIT": "4"}, {"original", "tokenskip"}),
    "tokenskip": (
        {
            "MODEL": "tiny",
            "TASK": "arithmetic",
            "SCORER": "random",
            "LIMIT": "12",
            "EVAL_LIMIT": "4",
        },
        {"original", "tokenskip", "be-concise", "lc-prompt"},
    ),
    "cts": (
        {"REFERENCE_LIMIT": "8", "LIMIT": "12", "EVAL_LIMIT": "4", "MAX_TOKENS": "160"},
        {"original", "cts"},
    ),
    "token_assorted": (
        {"LIMIT": "40", "EPOCHS": "1", "CODEBOOK": "8", "STEPS": "4", "EVAL_LIMIT": "2"},
        {"original", "token-assorted", "forced-latents"},
    ),
}
"""Each recipe with what makes it small and spares it a
download, and methods that it must have judged.
"""


@pytest.mark.parametrize("name", SMALL)
def test_a_recipe_walks_from_nothing_to_a_report(name: str, tmp_path: Path) -> None:
    settings, methods = SMALL[name]
    found = _walked(name, tmp_path, settings)
    assert found.returncode == 0, found.stderr
    assert {row.method for row in storage.read(tmp_path / "eval.rows.jsonl", EvalRow)} >= methods
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert found.stdout.splitlines()[-1] == f"open {tmp_path / 'report.html'}"


def test_the_comparison_of_scorers_ends_with_a_table_of_every_arm(tmp_path: Path) -> None:
    few = {
        "REFERENCE_LIMIT": "8",
        "LIMIT": "8",
        "EVAL_LIMIT": "2",
        "SEEDS": "1",
        "RATIOS": "0.5",
        "MAX_TOKENS": "160",
    }
    found = _walked("compare", tmp_path, few)
    assert found.returncode == 0, found.stderr
    table = [line.split(" | ")[:2] for line in found.stdout.splitlines() if line.startswith("| ")]
    for arm in ("cts", "surprisal", "random-scorer", "cts-released", "cts-aligned"):
        assert [f"| {arm}", arm] in table


def test_the_truth_ends_with_a_table_of_scorers_and_one_of_taught_arms(tmp_path: Path) -> None:
    few = {"LIMIT": "6", "LARGE": "0", "TAUGHT": "8", "EVAL_LIMIT": "2", "SEEDS": "1"}
    found = _walked("truth", tmp_path, few)
    assert found.returncode == 0, found.stderr
    scorers, arms = (tmp_path / f"{name}.md" for name in ("scorers", "arms"))
    for scorer in ("cts-boxed", "surprisal", "unigram", "random", "base rate"):
        assert f"| {scorer} | 0." in scorers.read_text()
    assert [line.split()[1] for line in arms.read_text().splitlines()[2:]] == [
        "oracle",
        "chance",
        "chance-of-parts",
        "no-checks",
    ]
    assert (tmp_path / "scorers.html").stat().st_size > 10_000


def test_choosing_ends_with_a_table_of_arms(tmp_path: Path) -> None:
    few = {
        "ARMS": "surprisal-step shortest policy budget blend token-assorted codes-0.4",
        "LIMIT": "6",
        "SAMPLES": "2",
        "EVAL_LIMIT": "2",
        "SEEDS": "1",
        "RATIOS": "0.7 0.5",
        "OWN": "0.7 0.5",
        "STEPS": "2",
        "LONE_STEPS": "2",
        "UNTRAINED": "no-think budget-forcing",
        "BUDGETS": "64",
        "ASKED": "100",
        "WEIGHTS": "0.5",
        "LATENTS": "0 2",
        "CODEBOOK": "16",
        "VQ_STEPS": "4",
        "DRAWS": "1",
        "LATENT_STEPS": "2",
    }
    found = _walked("choose", tmp_path, few)
    assert found.returncode == 0, found.stderr
    arms = (tmp_path / "choose.md").read_text().split("\n\n")[0]
    rows = [line.split(" | ")[:2] for line in arms.splitlines()[2:]]
    assert rows == [
        ["| original", "–"],
        ["| blend", "weight 0.5"],
        ["| budget", "100 tokens"],
        ["| codes-0.4", "–"],
        ["| codes-0.4", "0 codes"],
        ["| codes-0.4", "2 codes"],
        ["| policy", "–"],
        ["| shortest", "round 1"],
        ["| shortest", "round 2"],
        ["| surprisal-step", "0.7"],
        ["| surprisal-step", "0.5"],
        ["| token-assorted", "–"],
        ["| token-assorted", "0 codes"],
        ["| token-assorted", "2 codes"],
        ["| no-think", "–"],
        ["| budget-forcing", "64 tokens"],
    ]
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_rewards_are_judged_beside_the_stage_before_them(tmp_path: Path) -> None:
    few = {"LIMIT": "8", "PROBLEMS": "8", "STEPS": "2", "EVAL_LIMIT": "2", "MAX_TOKENS": "300"}
    few |= {"SEEDS": "1", "SFT": "--method full --max-steps 2 --batch 4"}
    few |= {"GRPO": "--method full --lr 3e-5 --batch 2 --samples 2 --scheduler constant"}
    found = _walked("reward", tmp_path, few)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "rewards.html").stat().st_size > 10_000
    for stage in ("original", "sft", "grpo-1"):
        assert {row.n for row in storage.read(tmp_path / f"eval-{stage}.rows.jsonl", EvalRow)} == {
            2
        }
    assert found.stdout.splitlines()[-1] == f"open {tmp_path / 'report.html'}"


def test_a_language_model_is_taught_a_task_and_then_every_arm(tmp_path: Path) -> None:
    few = {"MODEL": "tiny", "LIMIT": "12", "CUT": "8", "BASE_STEPS": "2", "STEPS": "2"}
    few |= {"EVAL_LIMIT": "2", "MAX_TOKENS": "40", "ARMS": "surprisal budget"}
    found = _walked("smollm2", tmp_path, few)
    assert found.returncode == 0, found.stderr
    for arm, asked in (("surprisal", {0.5}), ("budget", {40, 60})):
        rows = storage.read(tmp_path / arm / "seed-1" / "eval.rows.jsonl", EvalRow)
        assert {row.setting.asked.budget or row.setting.asked.ratio for row in rows} == asked
    assert found.stdout.splitlines()[-1] == f"open {tmp_path / 'report.html'}"


def _walked(name: str, out: Path, settings: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """What a recipe says, with the `cotpress` and `python` of this interpreter."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "OUT": str(out)} | settings
    command = ["bash", str(RECIPES / f"{name}.sh")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
