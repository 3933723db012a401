"""The simulation behind docs/scale.md accounts for every second of its workers."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "scale.py"

QUIET = {
    "workers": 4,
    "seconds": 20.0,
    "noise": 0.0,
    "slow": 0.0,
    "slowness": 2.0,
    "failures": 0.0,
    "restart": 300.0,
    "start": 60.0,
}


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_scale", PATH)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(scale: ModuleType, windows: list[int], seed: int = 0, **changed: Any) -> Any:
    return scale.simulate(windows, scale.Cluster(**QUIET | changed), seed)


def test_without_chance_a_run_takes_its_start_up_and_its_windows(scale: ModuleType) -> None:
    found = run(scale, [10, 10, 10, 5])
    assert found.wall == pytest.approx(60 + 10 * 20)
    assert found.idle == pytest.approx(5 * 20)
    assert (found.lost, found.away, found.failures) == (0, 0, 0)


def test_a_slow_worker_holds_the_run_up_and_smaller_shards_hold_it_up_less(
    scale: ModuleType,
) -> None:
    assert run(scale, [40] * 4, slow=0.25).wall == pytest.approx(60 + 40 * 20 * 2)
    assert run(scale, [5] * 32, slow=0.25, start=0.0).wall < 40 * 20 * 1.5


def test_every_second_is_work_or_start_up_or_lost_or_away_or_idle(scale: ModuleType) -> None:
    found = run(scale, [50] * 8, failures=2.0)
    assert found.failures > 0
    assert found.lost > 0
    work = 8 * 50 * 20
    told = work + found.lost + found.starting + found.away + found.idle
    assert told == pytest.approx(4 * found.wall)


def test_a_seed_decides_the_run(scale: ModuleType) -> None:
    noisy = {"noise": 0.2, "failures": 2.0}
    assert run(scale, [50] * 8, seed=3, **noisy) == run(scale, [50] * 8, seed=3, **noisy)
    assert run(scale, [50] * 8, seed=3, **noisy) != run(scale, [50] * 8, seed=4, **noisy)
