"""`cotpress play`: what the page is made of, and where it is served; the page itself stands in the
place of a browser.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from command import cotpress, typed
from make import make_trace
from openai_server import serving

from cotpress import storage
from cotpress.play.session import Playground
from cotpress.records import Problem, Trace
from cotpress.verbs import play as verb

pytest.importorskip("transformers")


class Page:
    """What `serve` was given, and whether the page was waited for and closed."""

    def __init__(self) -> None:
        self.ground: Any = None
        self.where: Any = None
        self.done: list[str] = []
        self.asks: list[str] = []
        """Of these questions the last view is kept, as `seen`, while the page is served."""
        self.seen: list[Any] = []

    def serve(self, ground: Playground, host: str, port: int | None) -> tuple["Page", str]:
        self.ground, self.where = ground, (host, port)
        return self, "http://127.0.0.1:7860/"

    def block_thread(self) -> None:
        for question in self.asks:
            answer = self.ground.problem(question, "7").answer
            *_, last = self.ground.ask(question, answer, self.ground.control.usual)
            self.seen.append(last)
        self.done.append("waited")

    def close(self, verbose: bool) -> None:
        self.done.append("closed")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    found = Page()
    monkeypatch.setattr(verb, "serve", found.serve)
    return found


@pytest.fixture
def evaluated(tmp_path: Path) -> Path:
    """An evaluation of one problem, asked for two settings, under a limit of 90 tokens."""
    problem = Problem(id="q", question="3 + 4?", answer="7", task="t", instruction="Box it.")
    traces = [
        msgspec.structs.replace(make_trace(ratio=ratio), problem=problem) for ratio in (None, 0.5)
    ]
    storage.write(tmp_path / "eval.jsonl", traces)
    about = {"options": {"sampling": {"max_tokens": 90}}}
    storage.meta_path(tmp_path / "eval.jsonl").write_bytes(msgspec.json.encode(about))
    return tmp_path


def test_tiny_works_at_once_on_loopback_with_problems_of_its_task(
    monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    assert cotpress(monkeypatch, "play tiny") == 0
    ground = page.ground
    assert page.where == ("127.0.0.1", None)
    assert page.done == ["waited", "closed"]
    assert ground.model is ground.original
    assert (ground.control.kind, ground.sampling.max_tokens) == ("ratio", 512)
    assert {problem.task for problem in ground.examples} == {"arithmetic"}
    assert ground.instruction == ground.examples[0].instruction


def test_an_evaluation_gives_the_examples_and_the_limit_and_a_folder_will_do(
    monkeypatch: pytest.MonkeyPatch, page: Page, evaluated: Path
) -> None:
    for place in (evaluated, evaluated / "eval.jsonl"):
        assert typed(monkeypatch, ["play", "tiny", "--eval", str(place)]) == 0
        assert [problem.id for problem in page.ground.examples] == ["q"]
        assert page.ground.sampling.max_tokens == 90
        assert page.ground.instruction == "Box it."


def test_a_server_is_asked_and_its_answer_judged_by_the_grader(
    monkeypatch: pytest.MonkeyPatch, page: Page, evaluated: Path
) -> None:
    pytest.importorskip("openai")
    page.asks = ["3 + 4?"]
    with serving() as server:
        server.say = lambda body: (
            r"So it is 8. The final answer is \boxed{8}."
            if "<budget>" in body["messages"][-1]["content"]
            else r"3 + 4 is 7. The final answer is \boxed{7}."
        )
        spec = f"http:{server.url},model=fake,tokenizer=words"
        words = ["play", spec, "--eval", str(evaluated), "--control", "budget", "--port", "7999"]
        assert typed(monkeypatch, words) == 0
    assert page.where == ("127.0.0.1", 7999)
    [(original, short)] = page.seen
    assert (original.verdict, short.verdict) == ("right", "wrong")
    assert short.title.endswith("with a budget of 256 tokens")
    assert server.asked[0]["messages"][-1]["content"] == "Box it.\n3 + 4?"
    assert server.asked[0]["max_tokens"] == 90


def test_another_host_is_served_at_when_it_is_named_and_what_that_means_is_said(
    monkeypatch: pytest.MonkeyPatch, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cotpress(monkeypatch, "play tiny --host 0.0.0.0") == 0
    assert page.where[0] == "0.0.0.0"
    assert "everybody who reaches 0.0.0.0 can ask these models" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("nothing-such", "unknown model 'nothing-such'"),
        ("tiny --control length", "--control"),
        ("tiny --max-tokens 99999", "choose at most 1,024"),
        ("tiny --eval missing.jsonl", "missing.jsonl"),
    ],
)
def test_a_mistake_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    page: Page,
    capsys: pytest.CaptureFixture[str],
    options: str,
    sentence: str,
) -> None:
    assert cotpress(monkeypatch, f"play {options}") == 2
    assert sentence in capsys.readouterr().err
    assert page.ground is None


def test_without_gradio_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert cotpress(monkeypatch, "play tiny") == 2
    assert "pip install 'cotpress[play]'" in capsys.readouterr().err


def test_a_file_that_names_a_plug_in_as_its_task_imports_nothing(
    monkeypatch: pytest.MonkeyPatch,
    page: Page,
    evaluated: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (trace, _) = storage.read(evaluated / "eval.jsonl", Trace)
    strange = msgspec.structs.replace(trace.problem, task="my_pkg.task")
    storage.write(evaluated / "eval.jsonl", [msgspec.structs.replace(trace, problem=strange)])
    assert typed(monkeypatch, ["play", "tiny", "--eval", str(evaluated)]) == 2
    assert "a file may not name a plug-in" in capsys.readouterr().err
    assert page.ground is None
