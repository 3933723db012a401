"""Token Assorted against its controls at equal training, over several seeds: accuracy, tokens, and
whether codes matter.

    python benchmarks/token_assorted.py --out runs/ta [--task arithmetic --model tiny --source gold
    --seeds 0 1 2]

For every seed: a VQ-VAE, then for every arm the same traces, the same number of draws, steps and
learning rate; then the test split, greedy. Arms with codes are also made to write a given number of
latent tokens (`--latents`), and the method goes on from other codes than its own. Everything
resumes. On two idle CPU cores with the defaults expect for each seed 5 minutes for the VQ-VAE,
about 4 minutes for each of the seven arms and 1 minute for each evaluation: 40 minutes a seed.
Printed: mean and standard deviation over seeds.
"""

import argparse
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from cotpress import storage
from cotpress.latent.about import about
from cotpress.records import EvalRow
from cotpress.verbs.common import rows_path

ARMS = {
    "token-assorted": "",
    "random-codes": "--codes random",
    "constant-codes": "--codes constant",
    "drop-only": "--codes none",
    "full-cot": "--codes none --replace none",
    "solution-only": "--codes none --replace all",
    "icot": "--codes none --replace curriculum",
    "pause": "--codes constant --pauses 6 --replace all",
    "pause-cot": "--codes constant --pauses 6 --replace none",
    "token-assorted-all": "--replace all",
    "token-assorted-curriculum": "--replace curriculum",
    "token-assorted-poisson": "--replace poisson",
}
CODES = ("token-assorted", "random-codes", "constant-codes")
"""Arms that are made to write numbers of latent tokens, too."""

DEFAULT = (
    "token-assorted",
    "random-codes",
    "constant-codes",
    "drop-only",
    "full-cot",
    "solution-only",
    "icot",
)


def cotpress(line: str) -> None:
    command = [sys.executable, "-c", "from cotpress.cli import main; main()", *line.split()]
    print(f"cotpress {line}", flush=True)
    subprocess.run(command, check=True)


def seed_run(asked: argparse.Namespace, seed: int, traces: Path) -> list[tuple[str, Path]]:
    """Every arm of one seed with the file of its evaluation."""
    out = asked.out / f"seed{seed}"
    vqvae = asked.vqvae or out / "vq"
    if not asked.vqvae:
        cotpress(
            f"train-vqvae {traces} --target {asked.model} --out {vqvae} --codebook "
            f"{asked.codebook} --steps {asked.vq_steps}"
            f" --preset {asked.preset} --chunk {asked.chunk} --rate {asked.chunk} --seed {seed}"
        )
    last = about(vqvae).figures[-1]
    print(f"seed {seed}: codes used {last.usage:.0%}, reasoning rebuilt {last.reasoning:.1%}"
          f" (other codes {last.other_codes:.1%}, position {last.position:.1%}, unigram {last.unigram:.1%})")  # fmt: skip
    judged = []
    for arm in asked.arms:
        files = [out / f"{arm}.{name}" for name in ("mixed.jsonl", "train.jsonl", "eval.jsonl")]
        mixed, train, found = files
        longest = f"--longest {asked.longest}" if asked.longest else ""
        cotpress(
            f"mix {traces} --vqvae {vqvae} --epochs {asked.epochs} --seed "
            f"{seed} {longest} {ARMS[arm]} --out {mixed}"
        )
        cotpress(f"build {mixed} --out {train}")
        cotpress(f"train {train} --model {asked.model} --out {out}/{arm} --method full --epochs 1 --lr {asked.lr}"
                 f" --batch {asked.batch} --seed {seed}")  # fmt: skip
        forced = f"--latents {' '.join(map(str, asked.latents))}" if arm in CODES else ""
        forced += " --corrupt-codes" if arm == "token-assorted" else ""
        cotpress(f"eval --task {asked.judged or asked.task} --model {out}/{arm} --original none --split {asked.split} --limit {asked.limit}"
                 f" --max-tokens {asked.max_tokens} {forced} --out {found}")  # fmt: skip
        judged.append((arm, found))
    return judged


def table(files: list[tuple[str, Path]]) -> None:
    """Mean and standard deviation over seeds of every setting."""
    settings: defaultdict[tuple[str, str, int | None], list[EvalRow]] = defaultdict(list)
    for arm, path in files:
        for row in storage.read(rows_path(path), EvalRow):
            settings[arm, row.method, row.latents].append(row)
    print(
        f"{'setting':34} {'accuracy':>14} {'all tokens':>11} {'latent':>7} "
        f"{'with any':>9} {'changed':>8}  seeds"
    )
    for (arm, method, forced), rows in settings.items():
        name = arm if method == arm else f"{arm}, {method}"
        name += "" if forced is None else f" {forced}"
        right = [100 * row.accuracy for row in rows]
        spread = statistics.stdev(right) if len(right) > 1 else 0.0
        tokens, latent, any_ = (
            statistics.mean(getattr(row, field) for row in rows)
            for field in ("mean_total_tokens", "mean_latent", "with_latents")
        )
        changed = [100 * row.changed for row in rows if row.changed is not None]
        told = f"{statistics.mean(changed):.1f} %" if changed else ""
        accuracy = f"{statistics.mean(right):.1f} ± {spread:.1f} %"
        print(
            f"{name:34} {accuracy:>14} {tokens:11.1f} {latent:7.2f} "
            f"{any_:9.1%} {told:>8}  {len(rows)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", default="arithmetic")
    parser.add_argument("--judged", default="", help="another task to judge on; default: the same")
    parser.add_argument("--model", default="tiny")
    parser.add_argument(
        "--source",
        default="gold",
        help="whose reasoning is learnt: gold (the task's own) or a model",
    )
    parser.add_argument(
        "--traces", type=Path, help="graded traces to learn from, in place of the task's own"
    )
    parser.add_argument(
        "--vqvae", type=Path, help="one that is trained, for every seed; default: one for each"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(DEFAULT))
    parser.add_argument("--problems", type=int, default=3200)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--codebook", type=int, default=256)
    parser.add_argument("--chunk", type=int, default=16, help="reasoning tokens per code")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--vq-steps", type=int, default=600)
    parser.add_argument(
        "--longest", type=int, default=0, help="of mix; 0: the mean length of the reasonings"
    )
    parser.add_argument("--latents", type=int, nargs="+", default=list(range(7)))
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--max-tokens", type=int, default=256)
    asked = parser.parse_args()
    graded = asked.traces or asked.out / "graded.jsonl"
    if not asked.traces:
        traces = asked.out / "traces.jsonl"
        cotpress(
            f"generate --task {asked.task} --model {asked.source} --split train "
            f"--limit {asked.problems} --out {traces}"
        )
        cotpress(f"grade {traces} --out {graded}")
    table([path for seed in asked.seeds for path in seed_run(asked, seed, graded)])


if __name__ == "__main__":
    main()
