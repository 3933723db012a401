"""`--engine ray` is one run over the tasks of a cluster. Ray itself is used where it is installed;
elsewhere what stands in for it runs each task in a process of its own, from pickled arguments.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest
from make import make_trace

from cotpress import storage
from cotpress.engine import on_ray
from cotpress.errors import CotpressError, MissingExtra
from cotpress.records import ScoredTrace, Trace
from cotpress.verbs.generate import generate
from cotpress.verbs.score import score

DIES_ONCE = """
import os
import sys
from pathlib import Path

from cotpress.scorers import random


class Dies:
    name = identity = "dying.once"
    blocks = 0

    def score(self, traces):
        self.blocks += 1
        mark = Path(os.environ["COTPRESS_TEST_MARK"])
        if self.blocks == 2 and "--shard=0/2" in sys.argv and not mark.exists():
            mark.write_text(str(os.getpid()))
            os.kill(os.getpid(), int(os.environ["COTPRESS_TEST_SIGNAL"]))
        return random.load().score(traces)


def load(target=""):
    return Dies()
"""
"""A scorer whose process gets a signal behind the first window of shard 0, at the first try."""


def dies(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Broken(Exception):
    """What the stand-in raises when a task has none of its tries left."""


class FakeRay(ModuleType):
    """The part of Ray that is used: one process for each task, arguments pickled."""

    def __init__(self, n_gpus: int = 0) -> None:
        super().__init__("ray")
        self.exceptions = SimpleNamespace(RayError=Broken)
        self.pool = ProcessPoolExecutor(
            2, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
        )
        self.n_gpus, self.options, self.address = n_gpus, dict[str, Any](), "not asked"
        self.is_up, self.cancelled = False, list[Any]()

    def is_initialized(self) -> bool:
        return self.is_up

    def init(self, address: str | None, **_: Any) -> None:
        if address == "nowhere:1":
            raise ConnectionError("timed out")
        self.address, self.is_up = address or "local", True

    def shutdown(self) -> None:
        self.is_up = False

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0} | ({"GPU": float(self.n_gpus)} if self.n_gpus else {})

    def remote(self, **options: Any) -> Callable[[Callable[..., Any]], Any]:
        self.options = options
        return lambda function: SimpleNamespace(
            remote=lambda *args: self.pool.submit(function, *args)
        )

    def wait(self, tasks: list[Any], *, num_returns: int, timeout: float) -> tuple[Any, Any]:
        found = wait(tasks, timeout=timeout, return_when=FIRST_COMPLETED)
        return list(found.done), list(found.not_done)

    def get(self, task: Any) -> Any:
        try:
            return task.result()
        except Exception as error:
            raise Broken(str(error)) from error

    def cancel(self, task: Any, *, force: bool) -> None:
        self.cancelled.append(task)
        task.cancel()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRay]:
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    yield ray
    ray.pool.shutdown(cancel_futures=True)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "traces.jsonl"
    storage.write(path, (make_trace(f"She sold {i} clips.", id=f"t/{i}") for i in range(1100)))
    (tmp_path / "answers.jsonl").write_text('{"text": "4"}\n')
    return path


def how(tmp_path: Path, scorer: str = "random") -> dict[str, str]:
    return {"scorer": scorer, "target": f"scripted:{tmp_path / 'answers.jsonl'}"}


def test_two_tasks_write_what_one_run_does(
    fake: FakeRay, given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    alone, both = tmp_path / "alone.jsonl", Path("both.jsonl")
    score(given, **how(tmp_path), out=alone)
    score(
        Path("traces.jsonl"),
        **how(tmp_path),
        out=both,
        processes=2,
        engine="ray",
        ray_address="head:6379",
    )
    assert both.read_bytes() == alone.read_bytes()
    assert not storage.shards_path(both).exists()
    assert fake.address == "head:6379"
    assert fake.options["num_gpus"] == 0
    assert fake.options["max_retries"] == on_ray.RETRIES
    assert not fake.is_up


def test_a_task_that_fails_ends_the_run_with_its_reason_and_what_is_finished_stays(
    fake: FakeRay, given: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(CotpressError) as error:
        score(
            given, scorer="random", target="scripted:not-there", out=out, processes=2, engine="ray"
        )
    assert "of score ended with exit code 2 (" in str(error.value)
    assert "not-there" in str(error.value)
    assert "same command goes on" in str(error.value)
    assert not out.exists()
    assert not fake.is_up
    score(given, **how(tmp_path), out=out, processes=2, engine="ray")
    assert len(list(storage.read(out, ScoredTrace))) == 1100


def test_a_worker_that_dies_with_every_retry_is_one_sentence(
    fake: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "make", dies)
    with pytest.raises(
        CotpressError, match=r"the worker of shard [01]/2 of score died, also after"
    ):
        list(on_ray.work("score", [], tmp_path, 2))


def test_a_cluster_that_is_connected_stays_connected(
    fake: FakeRay, given: Path, tmp_path: Path
) -> None:
    fake.init("mine:1")
    score(given, **how(tmp_path), out=tmp_path / "out.jsonl", processes=2, engine="ray")
    assert fake.is_up
    assert fake.address == "mine:1"


def test_a_cluster_that_does_not_answer_is_one_sentence(fake: FakeRay, tmp_path: Path) -> None:
    with pytest.raises(
        CotpressError, match=r"answers at nowhere:1 \(timed out\): check --ray-addr"
    ):
        list(on_ray.work("score", [], tmp_path, 2, "nowhere:1"))


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match="ray"):
        list(on_ray.work("score", [], tmp_path, 2))


def test_options_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    words: dict[str, Any] = {"scorer": "random", "target": "tiny", "out": tmp_path}
    with pytest.raises(CotpressError, match="say how many with --processes"):
        score(tmp_path, **words, engine="ray")
    with pytest.raises(CotpressError, match="--ray-address is for --engine ray"):
        score(tmp_path, **words, processes=2, ray_address="a:1")
    with pytest.raises(CotpressError, match="leave out --processes, or --shard"):
        score(tmp_path, **words, processes=2, engine="ray", shard="0/2")


@pytest.mark.parametrize(
    ("device", "there", "each"), [("", 8, 1), ("", 0, 0), ("cpu", 8, 0), ("cuda", 1, 1)]
)
def test_a_task_takes_a_gpu_where_the_cluster_has_any_and_models_may_run_there(
    device: str, there: int, each: int
) -> None:
    variables = {"COTPRESS_DEVICE": device} if device else {}
    assert on_ray.gpus(variables, {"CPU": 4.0} | ({"GPU": there} if there else {})) == each


@pytest.mark.parametrize(("device", "said"), [("cuda:1", "another"), ("cuda", "has no GPU")])
def test_a_gpu_that_no_task_can_have_is_refused(device: str, said: str) -> None:
    with pytest.raises(CotpressError, match=said):
        on_ray.gpus({"COTPRESS_DEVICE": device}, {"CPU": 4.0})


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray on this machine with two workers."""
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False)
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("how_it_ends", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_killed_in_mid_run_loses_and_doubles_no_record(
    cluster: None,
    how_it_ends: signal.Signals,
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "dying").mkdir()
    (tmp_path / "dying" / "once.py").write_text(DIES_ONCE)
    mark = tmp_path / "died"
    monkeypatch.setenv("COTPRESS_TEST_MARK", str(mark))
    monkeypatch.setenv("COTPRESS_TEST_SIGNAL", str(int(how_it_ends)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    alone, both = tmp_path / "alone.jsonl", tmp_path / "both.jsonl"
    score(given, **how(tmp_path, "dying.once"), out=alone)
    assert not mark.exists()
    score(given, **how(tmp_path, "dying.once"), out=both, processes=2, engine="ray")
    assert int(mark.read_text()) != os.getpid()  # a worker died, and the run went on
    keys = [one.key for one in storage.read(both, ScoredTrace)]
    assert len(keys) == len(set(keys)) == 1100
    assert both.read_bytes() == alone.read_bytes()


@pytest.mark.slow
def test_ray_generates_the_records_of_one_run(
    cluster: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: dict[str, Any] = {"task": "arithmetic", "limit": 40, "max_tokens": 32}
    (tmp_path / "answers.jsonl").write_text('{"text": "4"}\n' * 40)
    words["model"] = f"scripted:{tmp_path / 'answers.jsonl'}"
    alone, both = tmp_path / "alone.jsonl", tmp_path / "both.jsonl"
    generate(**words, out=alone)
    generate(**words, out=both, processes=2, engine="ray")
    untimed = [
        [msgspec.structs.replace(one, seconds=0.0) for one in storage.read(path, Trace)]
        for path in (alone, both)
    ]
    assert untimed[0] == untimed[1]
    assert len(untimed[0]) == 40
