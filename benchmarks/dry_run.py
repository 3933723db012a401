"""Is the estimate of `cotpress run … --dry-run` right? Beside what the same walk then takes.

python benchmarks/dry_run.py [OUT] [LIMIT]: recipes/configs/tiny.toml with LIMIT (100) traces, in
processes of their own, three times; the machine should have nothing else to do.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec

CONFIG = Path(__file__).parents[1] / "recipes" / "configs" / "tiny.toml"
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def walk(out: Path, limit: int, *flags: str) -> tuple[str, float]:
    """What it prints, and the seconds that it takes."""
    began = time.perf_counter()
    words = ["run", "--config", CONFIG, "--out", out, "--limit", limit, "--eval-limit", limit]
    command = [sys.executable, "-m", "cotpress", *map(str, words), *flags]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return said, time.perf_counter() - began


def estimates(said: str) -> dict[str, float]:
    """Seconds by step."""
    found = re.findall(r"^(\w+) .*?([\d.]+) (s|min|h)\s(?!.* (?:s|min|h)\s)", said, re.M)
    return {step: float(number) * SECONDS[unit] for step, number, unit in found}


def taken(out: Path) -> dict[str, float]:
    """Seconds by step, as the files say."""
    files = {"generate": "traces", "score": "scored", "compress": "compressed", "eval": "eval"}
    about = {verb: out / f"{name}.meta.json" for verb, name in files.items()}
    about["train"] = out / "model" / "cotpress.json"
    return {verb: msgspec.json.decode(path.read_bytes())["seconds"] for verb, path in about.items()}


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/dry-run")
    limit = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    print("| run | step | estimated, s | taken, s | factor |\n|---|---|---|---|---|")
    for number in range(1, 4):
        shutil.rmtree(out, ignore_errors=True)
        said, _ = walk(out, limit, "--dry-run")
        _, seconds = walk(out, limit)
        expected = estimates(said)
        for step, real in (taken(out) | {"all": seconds}).items():
            guess = expected[step]
            print(f"| {number} | {step} | {guess:.2f} | {real:.2f} | {real / guess:.2f} |")


if __name__ == "__main__":
    main()
