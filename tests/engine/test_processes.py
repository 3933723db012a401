"""Several processes of one machine are one run: the same output, ended together, and gone on with."""

import os
import signal
import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from make import make_trace

from cotpress import cli, storage
from cotpress.engine import processes
from cotpress.errors import CotpressError
from cotpress.replacing import replacing
from cotpress.verbs.evaluate import evaluate
from cotpress.verbs.generate import generate
from cotpress.verbs.score import score
from cotpress.verbs.spread import words
from cotpress.verbs.verify import verify

WAITS = "import signal; print('{\"said\": 1}', flush=True); signal.pause()"


def scripts(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let every process run this, with the words of its command behind it."""
    monkeypatch.setattr(processes, "command", lambda: [sys.executable, "-c", script])


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "traces.jsonl"
    storage.write(path, (make_trace(f"She sold {i} clips.", id=f"t/{i}") for i in range(600)))
    (tmp_path / "answers.jsonl").write_text('{"text": "4"}\n')
    return path


def how(tmp_path: Path) -> dict[str, str]:
    return {"scorer": "random", "target": f"scripted:{tmp_path / 'answers.jsonl'}"}


def test_two_processes_write_what_one_does_and_leave_nothing_else(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, both = tmp_path / "alone.jsonl", tmp_path / "both.jsonl"
    score(given, **how(tmp_path), out=alone)
    score(given, **how(tmp_path), out=both, processes=2)
    assert both.read_bytes() == alone.read_bytes()
    assert not storage.shards_path(both).exists()
    assert "2 shards with 600 records joined" in capsys.readouterr().err
    score(given, **how(tmp_path), out=both, processes=2)
    assert "nothing to do" in capsys.readouterr().err


def test_a_process_that_fails_is_named_with_its_log_and_the_next_run_goes_on(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, both = tmp_path / "alone.jsonl", tmp_path / "both.jsonl"
    score(given, **how(tmp_path), out=alone)
    real = processes.command()
    first_only = (
        "import runpy, sys\n"
        "if '--shard=1/2' in sys.argv: sys.exit('cotpress: no room left')\n"
        "sys.argv[0] = 'cotpress'\n"
        "runpy.run_module('cotpress', run_name='__main__')"
    )
    scripts(monkeypatch, first_only)
    with pytest.raises(CotpressError) as error:
        score(given, **how(tmp_path), out=both, processes=2)
    log = storage.shards_path(both) / "1-of-2.log"
    assert "process 1 of 2 of score ended with exit code 1 (no room left)" in str(error.value)
    assert f"its log is {log}" in str(error.value)
    assert log.read_text() == "cotpress: no room left\n"
    assert not both.exists()
    monkeypatch.setattr(processes, "command", lambda: real)
    score(given, **how(tmp_path), out=both, processes=2)
    assert both.read_bytes() == alone.read_bytes()


def test_overwrite_replaces_shards_too_and_leaves_the_old_output_where_no_process_wrote_any(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.jsonl"
    score(given, **how(tmp_path), out=out)
    before = out.read_bytes()
    scripts(monkeypatch, "import sys; sys.exit('cotpress: no such model')")
    with pytest.raises(CotpressError, match="no such model"), replacing(out):
        score(given, **how(tmp_path), out=out, processes=2)
    assert out.read_bytes() == before
    (storage.shards_path(out) / "0-of-2.jsonl").write_text("of an earlier run\n")
    with replacing(out):
        assert not storage.shards_path(out).exists()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_all_processes_end_with_the_one_that_started_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = (
        "import os, sys; from pathlib import Path\n"
        "out = Path(next(word for word in sys.argv if word.startswith('--out='))[6:])\n"
        "Path(f'{out}.pid').write_text(str(os.getpid()))\n"
        "Path(f'{out}.part').write_text('{}\\n')\n" + WAITS
    )
    scripts(monkeypatch, reports)
    working = processes.work("score", [], tmp_path, 2)
    assert {next(working), next(working)} == {0, 1}  # both have written a record
    pids = [int(Path(f"{path}.pid").read_text()) for path in processes.files(tmp_path, 2)]
    assert all(map(is_there, pids))
    with pytest.raises(KeyboardInterrupt):
        working.throw(KeyboardInterrupt)
    assert not any(map(is_there, pids))


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_process_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.0)
    deaf = (
        "import os, signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "out = Path(next(word for word in sys.argv if word.startswith('--out='))[6:])\n"
        "Path(f'{out}.pid').write_text(str(os.getpid()))\n"
        "Path(f'{out}.part').write_text('{}\\n')\n"
        "while True: signal.pause()"
    )
    scripts(monkeypatch, deaf)
    working = processes.work("score", [], tmp_path, 1)
    next(working)
    pid = int(Path(f"{processes.files(tmp_path, 1)[0]}.pid").read_text())
    working.close()
    assert not is_there(pid)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_process_that_was_killed_is_told_by_its_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts(monkeypatch, f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})")
    with pytest.raises(CotpressError, match="process 0 of 1 of score was killed by signal 9;"):
        list(processes.work("score", [], tmp_path, 1))


def test_two_runs_at_once_are_refused(given: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with (
        storage.locked(storage.shards_path(out)),
        pytest.raises(CotpressError, match="is being written by another run"),
    ):
        score(given, **how(tmp_path), out=out, processes=2)


def test_shard_and_processes_exclude_each_other_and_none_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(CotpressError, match="leave out --processes, or --shard"):
        score(tmp_path, scorer="random", target="tiny", out=tmp_path, shard="0/2", processes=2)
    with pytest.raises(CotpressError, match="--processes of at least 1"):
        score(tmp_path, scorer="random", target="tiny", out=tmp_path, processes=0)


CALLS: list[tuple[Callable[..., None], tuple[Any, ...], dict[str, Any]]] = [
    (score, (Path("a b.jsonl"),), {"scorer": "cts:m,x=1", "target": "tiny"}),
    (verify, (Path("cut.jsonl"),), {"reference": "tiny", "json": True}),
    (
        generate,
        (),
        {"task": "gsm8k", "model": "m", "ratio": 0.5, "samples": 4, "temperature": 0.6, "skip": 3},
    ),
    (
        evaluate,
        (),
        {
            "task": ["gsm8k", "math500"],
            "model": "m",
            "ratios": [1.0, 0.7],
            "baseline": ["no-think"],
            "budgets": [128],
            "original": "none",
            "exclude_overlap": True,
            "sampling": "model",
        },
    ),
]


@pytest.mark.parametrize(("verb", "args", "kwargs"), CALLS)
def test_a_process_is_called_with_all_that_its_parent_was(
    verb: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    bound = signature(verb).bind(*args, **kwargs, out=Path("out.jsonl"), processes=2, engine="ray")
    bound.apply_defaults()
    name = {"evaluate": "eval"}.get(verb.__name__, verb.__name__)
    command = [name, *words(bound), "--shard=0/2", "--out=there.jsonl"]
    _, _, there = cli._parsed(command, None)
    there.apply_defaults()
    differing = {name for name, value in there.arguments.items() if value != bound.arguments[name]}
    assert differing == {"out", "shard", "processes", "engine"}


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Let PyTorch find so many devices of a kind."""
    torch = pytest.importorskip("torch")
    from cotpress.lm import devices

    def found(kind: str, n: int) -> None:
        monkeypatch.setattr(devices, "usual", lambda: kind)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: n)

    return found


def test_each_process_has_a_gpu_of_its_own(gpus: Callable[[str, int], None]) -> None:
    gpus("cuda", 4)
    found = processes.environments(3, {"HOME": "/h"})
    assert found == [{"HOME": "/h", "CUDA_VISIBLE_DEVICES": str(i)} for i in range(3)]
    gpus("cuda", 2)
    found = processes.environments(2, {"CUDA_VISIBLE_DEVICES": "5,GPU-7"})
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == ["5", "GPU-7"]


@pytest.mark.parametrize(
    ("kind", "n", "most"), [("cuda", 2, "--processes 2"), ("mps", 0, "--processes 1")]
)
def test_more_processes_than_gpus_are_refused(
    kind: str, n: int, most: str, gpus: Callable[[str, int], None]
) -> None:
    gpus(kind, n)
    with pytest.raises(CotpressError, match=f"{most}, or set COTPRESS_DEVICE=cpu"):
        processes.environments(3, {})


def test_on_cpus_the_cores_are_shared_unless_the_user_did(
    gpus: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus("cpu", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert processes.environments(4, {}) == [{"OMP_NUM_THREADS": "2"}] * 4
    assert processes.environments(16, {}) == [{"OMP_NUM_THREADS": "1"}] * 16
    assert processes.environments(2, {"OMP_NUM_THREADS": "3"}) == [{"OMP_NUM_THREADS": "3"}] * 2
