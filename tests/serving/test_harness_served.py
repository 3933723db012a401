"""inspect-ai and lm-evaluation-harness find the accuracy that `cotpress eval` finds, on the same
problems and answers.

They run in an environment of their own (`make test-serving`), whose Python is named by
COTPRESS_HARNESS, and ask a server on loopback behind which the bundled model answers; a third of
its answers are made wrong.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from openai_server import FakeServer, serving

from cotpress import models, storage
from cotpress.evaluation.rows import rows
from cotpress.harness import LM_EVAL
from cotpress.models import Request, Sampling
from cotpress.models.scripted import Scripted
from cotpress.prompts import untagged
from cotpress.records import Trace
from cotpress.verbs.evaluate import evaluate

PYTHON = os.environ.get("COTPRESS_HARNESS", "")
N, RATIO = 50, 0.5

pytestmark = [
    pytest.mark.serving,
    pytest.mark.skipif(
        not PYTHON,
        reason="COTPRESS_HARNESS names no Python with inspect-ai and lm-eval: make test-serving",
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """The bundled model behind the API; each question has one answer, whoever asks."""
    tiny, said = models.load("tiny"), dict[str, str]()

    def say(body: dict[str, Any]) -> str:
        question = body["messages"][0]["content"]
        assert question.endswith(f"<ratio>{RATIO}</ratio>")
        assert body["temperature"] == 0
        with running.lock:
            if question not in said:
                # the bundled model knows no ratios
                plain, _ = untagged([{"role": "user", "content": question}])
                request = Request(key="", messages=plain)
                (answer,) = tiny.generate([request], Sampling(max_tokens=body["max_tokens"]))
                wrong = crc32(question.encode()) % 3 == 0
                said[question] = answer.text.replace(
                    r"\boxed{", r"\boxed{9" if wrong else r"\boxed{"
                )
        return said[question]

    with serving() as running:
        running.say = say
        yield running


@pytest.fixture(scope="module")
def traces(server: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> list[Trace]:
    """What `cotpress eval` makes of it."""
    out = tmp_path_factory.mktemp("eval") / "eval.jsonl"
    spec = f"http:{server.url},model=fake,tokenizer=words"
    evaluate(task="arithmetic", model=spec, out=out, ratios=[RATIO], original="none", limit=N)
    return list(storage.read(out, Trace))


@pytest.fixture(scope="module")
def accuracy(traces: list[Trace]) -> float:
    """The accuracy `cotpress eval` finds; the wrong third is seen."""
    (row,) = rows(traces)
    assert 0.4 < row.accuracy < 0.9
    return row.accuracy


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    """A program of the harness's environment, in a folder of the test."""

    def run(program: str, *arguments: str, **environment: str) -> None:
        command = [str(Path(PYTHON).with_name(program)), *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    return run


def test_inspect_ai_finds_the_same_accuracy(
    server: FakeServer, accuracy: float, run: Callable[..., None], tmp_path: Path
) -> None:
    asked = ["-T", "task=arithmetic", "-T", f"limit={N}", "-T", f"ratio={RATIO}"]
    where = [
        "--model",
        "openai-api/fake/fake",
        "--log-dir",
        str(tmp_path),
        "--log-format",
        "json",
        "--display",
        "none",
    ]
    run(
        "inspect",
        "eval",
        "cotpress/problems",
        *asked,
        *where,
        FAKE_BASE_URL=server.url,
        FAKE_API_KEY="none",
    )
    (log,) = tmp_path.glob("*.json")
    found = json.loads(log.read_text())
    assert found["status"] == "success"
    scores = {score["name"]: score["metrics"] for score in found["results"]["scores"]}
    assert scores["correct"]["accuracy"]["value"] == pytest.approx(accuracy)
    assert scores["tokens"]["mean"]["value"] > 0
    assert found["results"]["completed_samples"] == N


def test_lm_eval_finds_the_same_accuracy_and_length(
    server: FakeServer,
    accuracy: float,
    traces: list[Trace],
    run: Callable[..., None],
    tmp_path: Path,
) -> None:
    run("lm-eval", "validate", "--tasks", "cotpress", "--include_path", str(LM_EVAL))
    told = json.dumps({"problems": "arithmetic", "ratio": RATIO, "limit": N})
    where = f"base_url={server.url}/chat/completions,model=fake,tokenizer_backend=None,num_concurrent=4,max_retries=1"
    asked = [
        "--tasks",
        "cotpress",
        "--include_path",
        str(LM_EVAL),
        "--metadata",
        told,
        "--apply_chat_template",
    ]
    run(
        "lm-eval",
        "run",
        "--model",
        "local-chat-completions",
        "--model_args",
        where,
        *asked,
        "--output_path",
        str(tmp_path),
    )
    (written,) = tmp_path.rglob("results*.json")
    found = json.loads(written.read_text())
    scores = found["results"]["cotpress"]
    assert scores["accuracy,none"] == pytest.approx(accuracy)
    lengths = [len(ends) for ends in Scripted({}).token_ends([trace.reasoning for trace in traces])]
    assert scores["reasoning_length,none"] == pytest.approx(sum(lengths) / N)
    assert found["n-samples"]["cotpress"]["effective"] == N
