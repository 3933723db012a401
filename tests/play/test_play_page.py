"""The page of `cotpress play` in a real browser: one question to `tiny`, both answers as they grow,
and not one request to another host. Skipped where gradio, playwright or Chromium is absent.
"""

import re
import shutil
import threading
from collections.abc import Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")
sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("transformers")

from cotpress import models, tasks  # noqa: E402
from cotpress.models import Completion, Request, Sampling  # noqa: E402
from cotpress.models.scripted import Scripted  # noqa: E402
from cotpress.play.control import control_of  # noqa: E402
from cotpress.play.page import serve  # noqa: E402
from cotpress.play.session import Playground  # noqa: E402
from cotpress.records import Problem  # noqa: E402

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

AXE = Path(__file__).parents[1] / "report" / "vendor" / "axe.min.js"
ATTACK = "<img src=x onerror=\"document.title='owned'\">"
LONGEST = 120_000
"""Milliseconds that an answer of `tiny` may take on a busy machine."""


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return tasks.take(tasks.load("arithmetic"), "test", 10)


@pytest.fixture(scope="module")
def url(problems: list[Problem]) -> Iterator[str]:
    tiny = models.load("tiny")

    def judge(trace: Any) -> Any:
        return "right" if rf"\boxed{{{trace.problem.answer}}}" in trace.conclusion else "wrong"

    ground = Playground(tiny, tiny, control_of(None), judge, Sampling(max_tokens=256), problems)
    blocks, url = serve(ground, "127.0.0.1", None)
    yield url
    blocks.close(verbose=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def heard() -> list[str]:
    """Requests to other hosts, and complaints on the console."""
    return []


def opened(
    browser: Any, url: str, heard: list[str], width: int = 1280, scheme: str = "light"
) -> Any:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    own = url.rstrip("/")
    page.on(
        "request",
        lambda one: heard.append(one.url) if not one.url.startswith((own, "data:", "blob:")) else 0,
    )
    page.on("console", lambda one: heard.append(one.text) if one.type == "error" else 0)
    page.on("pageerror", lambda one: heard.append(str(one)))
    page.goto(url)
    page.get_by_role("button", name="Ask both").wait_for()
    return page


def ended(page: Any) -> None:
    page.locator(".summary").filter(has_text="reasoning tokens").wait_for(timeout=LONGEST)


def test_an_example_is_asked_of_both_models_counted_timed_and_judged(
    browser: Any, url: str, heard: list[str], problems: list[Problem]
) -> None:
    page = opened(browser, url, heard)
    page.locator("#examples button").nth(3).click()
    page.get_by_label("Question").and_(page.locator("textarea")).wait_for()
    sync_api.expect(page.locator("textarea").first).to_have_value(problems[3].question)
    page.evaluate(
        """() => {
            window.seen = [];
            new MutationObserver(() => {
              const text = document.querySelector('.side .reasoning').textContent;
              if (text !== window.seen.at(-1)) window.seen.push(text);
            }).observe(document.body, {subtree: true, childList: true, characterData: true});
        }"""
    )
    page.get_by_role("button", name="Ask both").click()
    ended(page)
    sides = page.locator(".answer").all()
    assert len(sides) == 2
    for side in sides:
        figures = side.locator(".figures").inner_text()
        assert re.match(r"\d+ reasoning tokens \+ \d+ others · \d+\.\d\ss · ", figures)
    assert sides[0].locator(".verdict").inner_text() == "✓ right"
    assert sides[1].locator("h2").inner_text() == "Shortened: tiny at ratio 0.5"
    seen = [text for text in page.evaluate("window.seen") if text]
    assert len(seen) > 2  # it grew before the reader's eyes
    assert all(other.startswith(one[:20]) for one, other in pairwise(seen))
    assert heard == []


def test_what_is_typed_is_text_and_never_markup(browser: Any, url: str, heard: list[str]) -> None:
    page = opened(browser, url, heard)
    page.locator("textarea").first.fill(f"Ann has 3 apples. {ATTACK}")
    page.get_by_role("button", name="Ask both").click()
    ended(page)
    assert page.title() != "owned"
    assert page.locator(".side img").count() == 0
    assert page.locator(".verdict").count() == 2  # there was still the reference of the example
    assert heard == []


def test_an_empty_question_is_one_sentence(browser: Any, url: str, heard: list[str]) -> None:
    page = opened(browser, url, heard)
    page.locator("textarea").first.fill("  ")
    page.get_by_role("button", name="Ask both").click()
    page.get_by_text("there is no question: write one, or choose an example.").wait_for()


class Endless(Scripted):
    """A model that never comes to an end, and knows whether somebody still listens."""

    def __init__(self) -> None:
        super().__init__({}, name="endless")
        self.closed = threading.Event()

    def growing(self, request: Request, sampling: Sampling) -> Iterator[Completion]:
        try:
            for n in count(1):
                yield Completion(text=f"{n} and so on", n_tokens=4, finished=False)
        finally:
            self.closed.set()


def test_an_answer_can_be_stopped_and_its_model_then_rests(browser: Any, heard: list[str]) -> None:
    endless = Endless()
    ground = Playground(endless, endless, control_of(None), lambda _: "right", Sampling())
    blocks, url = serve(ground, "127.0.0.1", None)
    assert url.startswith("http://127.0.0.1:")
    page = opened(browser, url, heard)
    page.locator("textarea").first.fill("How long?")
    page.get_by_role("button", name="Ask both").click()
    page.locator(".answer").filter(has_text="and so on").first.wait_for(timeout=LONGEST)
    page.get_by_role("button", name="Stop").click()
    assert endless.closed.wait(LONGEST / 1000)
    blocks.close(verbose=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_our_part_of_it_meets_wcag_aa(
    browser: Any, url: str, heard: list[str], width: int, scheme: str
) -> None:
    page = opened(browser, url, heard, width, scheme)
    page.get_by_role("button", name="Ask both").click()
    ended(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.add_script_tag(path=str(AXE))
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations']}"
    context = "{include: ['.head', '.side', '.summary']}"
    found = page.evaluate(
        f"axe.run({context}, {rules}).then(found => found.violations.flatMap(one => "
        "one.nodes.map(node => [one.id, node.html.slice(0, 120), node.failureSummary])))"
    )
    assert found == []
