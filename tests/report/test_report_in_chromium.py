"""The page in a real browser without a network: driven through Chromium's
debugging pipe, which needs no further package.
"""

import json
import os
import shutil
import subprocess
from itertools import count
from pathlib import Path

import pytest
from test_report import (
    ATTACK,
    ORIGIN,
    cut_all,
    sample_rows,
    sample_traces,
    scored_trace,
    trace,
    verified_as,
)
from test_report_samples import evaluated

from cotpress.pipeline.compress import compress
from cotpress.pipeline.segmenting import USUAL, segmented
from cotpress.records import Verified
from cotpress.report import page as pages
from cotpress.report.examples import examples, visible

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

AXE = Path(__file__).parent / "vendor" / "axe.min.js"

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One headless Chromium: commands go to its descriptor 3, answers come
    from its 4, each a JSON message and a zero byte.
    """

    def __init__(self, profile):
        to_read, self.to = os.pipe()
        self.answers, to_write = os.pipe()

        def wire():
            spare = [os.dup(to_read), os.dup(to_write)]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        self.process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            preexec_fn=wire,
            close_fds=False,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.numbers, self.events, self.rest = count(1), [], b""

    def message(self):
        while b"\0" not in self.rest:
            part = os.read(self.answers, 1 << 20)
            assert part, "Chromium ended"
            self.rest += part
        found, _, self.rest = self.rest.partition(b"\0")
        return json.loads(found)

    def call(self, method, session=None, **params):
        number = next(self.numbers)
        asked = {
            "id": number,
            "method": method,
            "params": params,
            **({"sessionId": session} if session else {}),
        }
        left = json.dumps(asked).encode() + b"\0"
        while left:
            left = left[os.write(self.to, left) :]
        while (answer := self.message()).get("id") != number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url, width=1280, height=1600, scheme="light"):
        return Tab(self, url, width, height, scheme)

    def close(self):
        self.call("Browser.close")
        self.process.wait(timeout=30)
        os.close(self.to)
        os.close(self.answers)


class Tab:
    """One page."""

    def __init__(self, browser, url, width, height, scheme):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.call("Page.navigate", url=url)
        self.js(
            "new Promise(done => document.readyState === 'complete' ? "
            "done() : addEventListener('load', done))"
        )
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def js(self, expression):
        answer = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def go(self, change):
        """Do what changes the address, and wait until the page has followed."""
        followed = "location.hash === before ? done() : addEventListener('hashchange', () => done(), {once: true})"
        self.js(f"new Promise(done => {{ const before = location.hash; {change}; {followed} }})")

    def events(self, *methods):
        return [
            e
            for e in self.browser.events
            if e.get("sessionId") == self.session and e["method"] in methods
        ]


SCORED = [
    *(scored_trace(number) for number in (0, 2, 4, 6, 9)),
    scored_trace(8, percentile=True),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = Browser(tmp_path_factory.mktemp("profile"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def text():
    return pages.as_html(pages.make_report(sample_rows(), sample_traces(10), SCORED, origin=ORIGIN))


@pytest.fixture(scope="module")
def page(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def tab(browser, page):
    return browser.open(page)


def shown_examples():
    return examples(sample_traces(10), SCORED).shown


def scored_of(index):
    wanted = shown_examples()[index].id
    return next(scored for scored in SCORED if scored.trace.problem.id == wanted)


def test_the_page_opens_without_a_network_and_without_a_word_on_the_console(tab):
    assert [
        event["params"]["request"]["url"].partition(":")[0]
        for event in tab.events("Network.requestWillBeSent")
    ] == ["file"]
    assert tab.events("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []


def test_markup_in_a_trace_is_text_and_does_not_run(tab):
    for index in range(len(shown_examples())):
        tab.go(f"location.replace('#trace={index}&ratio=1')")
    attacked = next(
        i for i, one in enumerate(shown_examples()) if ATTACK in one.answers[0].conclusion
    )
    tab.go(f"location.replace('#trace={attacked}')")
    assert ATTACK in tab.js("document.getElementById('cards').textContent")
    assert tab.js("document.documentElement.dataset.owned ?? null") is None
    assert tab.js("document.title") == "What shorter reasoning costs: arithmetic"
    assert tab.js("document.querySelectorAll('#traces img, #traces script').length") == 0


def test_a_script_would_not_run_even_if_it_were_not_escaped(browser, text, tmp_path):
    leaky = tmp_path / "leaky.html"
    leaky.write_text(text.replace("<main>", f"<main>{ATTACK}"), encoding="utf-8")
    tab = browser.open(leaky.as_uri())
    assert tab.js("document.querySelectorAll('main img').length") == 1
    assert tab.js("document.documentElement.dataset.owned ?? null") is None
    assert tab.js("document.title") != "owned"


def test_every_row_is_a_mark_in_the_figure(tab):
    marks = tab.js("document.querySelectorAll('#accuracy-0 .xy .scatterlayer .points path').length")
    assert marks == len(sample_rows())
    assert tab.js("document.querySelectorAll('#ratio-0 .scatterlayer .points path').length") == 6
    assert tab.js("[...document.querySelectorAll('#accuracy-0 .annotation-text')].map(text => text.textContent)") == [
        "be-concise", "tokenskip", "original", "truncation", "random"
    ]  # fmt: skip


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.5, 0.6, 0.85, 1.0])
def test_the_slider_keeps_what_compress_keeps(tab, ratio):
    for index, example in enumerate(shown_examples()):
        if example.tokens is None:
            continue
        scored = scored_of(index)
        (cut,) = next(compress([scored], [ratio])).cuts
        parts = segmented(scored)
        tab.go(f"location.replace('#trace={index}&ratio=0.55')")
        slider = f"Object.assign(document.getElementById('ratio'), {{value: {round(20 * ratio)}}})"
        tab.js(f"{slider}.dispatchEvent(new Event('input'))")
        dropped = tab.js(
            "[...document.querySelectorAll('#reasoning span')].map(span => "
            "span.classList.contains('dropped'))"
        )
        kept = [segment for segment, gone in zip(parts.texts, dropped, strict=True) if not gone]
        assert "".join(kept) == cut.reasoning
        assert tab.js("document.getElementById('kept').dataset.kept") == str(cut.n_tokens)
        said = tab.js("document.getElementById('kept').textContent")
        assert said.startswith(
            f"kept {cut.n_tokens} of {sum(parts.n_tokens)} tokens ({cut.kept:.3f})"
        )
        over = cut.n_tokens > round(ratio * sum(parts.n_tokens)) and scored.percentile is None
        assert ("the protected ones alone exceed the budget" in said) == over


def test_an_address_opens_the_problem_and_the_ratio_it_names(browser, page):
    (cut,) = next(compress([scored_of(1)], [0.5])).cuts
    tab = browser.open(page + "#trace=1&ratio=0.5")
    assert tab.js("document.getElementById('question').textContent") == shown_examples()[1].question
    assert tab.js("document.getElementById('kept').dataset.kept") == str(cut.n_tokens)
    assert (
        browser.open(page + "#trace=999&ratio=nonsense").js(
            "document.getElementById('ratio').value"
        )
        == "12"
    )


def test_a_reader_can_step_from_problem_to_problem_and_see_every_answer_with_its_mark(tab):
    tab.go("location.replace('#trace=0')")
    assert tab.js("document.getElementById('previous').disabled")
    tab.go("document.getElementById('next').click()")
    example = shown_examples()[1]
    assert tab.js("document.getElementById('question').textContent") == example.question
    marks = tab.js("[...document.querySelectorAll('.verdict')].map(mark => mark.textContent[0])")
    assert marks == ["✓" if answer.correct else "✗" for answer in example.answers]


def test_only_what_is_kept_can_be_shown(tab):
    tab.go("location.replace('#trace=0&ratio=0.5')")
    tab.js("document.getElementById('only-kept').click()")
    seen = tab.js(
        "[...document.querySelectorAll('#reasoning span')].filter(s => "
        "s.offsetParent).map(s => s.textContent)"
    )
    tab.js("document.getElementById('only-kept').click()")
    (cut,) = next(compress([scored_of(0)], [0.5])).cuts
    assert "".join(seen).replace("↵\n", "\n") == visible(cut.reasoning)


@pytest.mark.parametrize("width", [360, 390, 900, 1280, 1920])
def test_nothing_is_wider_than_the_screen_and_no_text_is_cut_off(browser, page, width):
    tab = browser.open(page, width=width, height=900)
    assert tab.js("document.documentElement.scrollWidth") == width
    assert tab.js(OUT_OF_SIGHT) == []
    few = width < 640
    assert tab.js("document.querySelectorAll('#accuracy-0 .legend').length") == few
    names = tab.js("document.querySelectorAll('#accuracy-0 .annotation-text').length")
    assert names == (0 if few else 5)


OUT_OF_SIGHT = """
[...document.querySelectorAll("main *, header *")]
  .filter((one) => one.checkVisibility() && !one.closest("svg, math, #list, .scroll"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth)
  .map((one) => one.tagName + "." + one.className + ": " + one.textContent.slice(0, 40))
"""
"""What lies beyond the right edge, or is wider than the box it stands in."""


def test_a_wide_screen_is_used(browser, page):
    tab = browser.open(page, width=1920, height=900)
    assert tab.js("Math.max(...[...document.querySelectorAll('main p, main table, main figure')]"
                  ".map(one => one.getBoundingClientRect().right))") > 0.9 * 1920  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_meets_wcag_aa_in_both_colour_schemes(browser, page, width, scheme):
    tab = browser.open(page + "#trace=0&ratio=0.5", width=width, height=900, scheme=scheme)
    tab.js(AXE.read_text(encoding="utf-8") + "; true")
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa'], resultTypes: ['violations']}"
    found = tab.js(
        f"axe.run(document, {rules}).then(found => found.violations.flatMap(one => "
        "one.nodes.map(node => [one.id, node.html.slice(0, 120), node.failureSummary])))"
    )
    assert found == []
    assert tab.events("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded") == []


def test_text_in_the_figures_can_be_read_in_both_colour_schemes(browser, page):
    for scheme, paper in (("light", (255, 255, 255)), ("dark", (22, 24, 26))):
        tab = browser.open(page, scheme=scheme)
        colours = tab.js(
            "[...document.querySelectorAll('.plot svg text')].map(one => getComputedStyle(one).fill)"
        )
        assert colours
        for colour in {*colours}:
            ink = tuple(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))
            assert contrast(ink, paper) >= 3, f"{colour} in {scheme}"


def contrast(one, other):
    """WCAG 2.1: contrast ratio of two colours of sRGB."""

    def luminance(colour):
        parts = [value / 255 for value in colour]
        parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return sum(
            share * part for share, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True)
        )

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_problems_can_be_searched_and_filtered(browser, page):
    tab = browser.open(page)
    shown = shown_examples()

    def listed(search="", which="all"):
        tab.js(
            f"document.getElementById('search').value = {json.dumps(search)};"
            f"document.getElementById('which').value = {json.dumps(which)};"
            "document.getElementById('which').dispatchEvent(new Event('change'))"
        )
        return tab.js(
            "[...document.querySelectorAll('#list .small bdi')].map(one => one.textContent)"
        )

    assert listed() == [one.id for one in shown]
    assert listed(shown[2].question[:20]) == [
        one.id for one in shown if shown[2].question[:20] in one.question
    ]
    assert listed("no such words") == []
    wrong = [one.id for one in shown if any(not answer.correct for answer in one.answers)]
    assert 0 < len(wrong) < len(shown)
    assert listed(which="wrong") == wrong
    assert listed(which="changed") == [
        one.id
        for one in shown
        if any(answer.correct != one.answers[0].correct for answer in one.answers)
    ]
    assert listed(which="cut") == [
        one.id for one in shown if any(not answer.finished for answer in one.answers)
    ]


def test_formulas_and_markdown_are_drawn_and_can_be_seen_as_they_were_written(browser, tmp_path):
    pytest.importorskip("latex2mathml")
    written = "**So** \\(\\frac{18}{5}\\) and 2*3*4"
    path = tmp_path / "drawn.html"
    path.write_text(
        pages.as_html(pages.make_report([], [trace(reasoning=written)], origin=ORIGIN)),
        encoding="utf-8",
    )
    tab = browser.open(path.as_uri())
    box = "document.querySelector('.card .drawn')"
    assert tab.js(f"{box}.querySelector('strong').textContent") == "So"
    assert tab.js(f"{box}.querySelector('math mfrac').getBoundingClientRect().height") > 15
    assert "2*3*4" in tab.js(f"{box}.textContent")
    tab.js("document.getElementById('as-written').click()")
    assert tab.js("document.querySelector('.card .model-text').textContent") == written
    assert tab.events("Runtime.exceptionThrown", "Log.entryAdded") == []


@pytest.fixture(scope="module")
def cut_together(tmp_path_factory):
    """A page on traces that were cut by one threshold for all, with what their conclusions lose."""
    scored = [scored_trace(number) for number in range(4)]
    found = Verified(reference="R", shortened=-2.0, full=-1.0, none=-9.0, n_tokens=5)
    cuts = [verified_as(short, found) for short in cut_all(scored, [0.5, 0.8], USUAL, "dataset", 6)]
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(
        pages.as_html(
            pages.make_report([], sample_traces(6), scored, verified=cuts, origin=ORIGIN)
        ),
        encoding="utf-8",
    )
    return path.as_uri(), scored, cuts


def test_where_one_threshold_decided_for_all_traces_the_slider_stops_at_the_ratios_that_were_cut(
    browser, cut_together
):
    page, scored, cuts = cut_together
    for asked, ratio in ((0.55, 0.5), (0.7, 0.8), (0.2, 0.5)):
        tab = browser.open(f"{page}#trace=0&ratio={asked}")
        assert tab.js("document.getElementById('ratio-shown').textContent") == f"{ratio:.2f}"
        question = tab.js("document.getElementById('question').textContent")
        short = next(one for one in cuts if one.trace.problem.question == question)
        (cut,) = (cut for cut in short.cuts if cut.ratio == ratio)
        segments = segmented(next(one for one in scored if one.key == short.key)).texts
        dropped = tab.js(
            "[...document.querySelectorAll('#reasoning span')].map(span => "
            "span.classList.contains('dropped'))"
        )
        assert (
            "".join(text for text, gone in zip(segments, dropped, strict=True) if not gone)
            == cut.reasoning
        )
        assert "the conclusion loses 1.00 nats" in tab.js(
            "document.getElementById('kept').textContent"
        )
    assert (
        "one threshold for all traces (--budget dataset), and drops at most 6 in a row"
        in tab.js("document.getElementById('how').textContent")
    )


def test_problems_are_grouped_by_what_can_be_seen_of_them(browser, page):
    groups = browser.open(page).js(
        "[...document.querySelectorAll('#list h3')].map(title => "
        "[title.textContent, title.nextElementSibling.children.length])"
    )
    shown = shown_examples()
    answered = sum(bool(one.answers) for one in shown)
    assert groups == [
        [title, n]
        for title, n in (
            (f"Test problems: answers ({answered})", answered),
            (f"Training traces: tokens ({len(shown) - answered})", len(shown) - answered),
        )
        if n
    ]


def test_a_narrow_screen_keeps_the_words_in_the_figure_of_losses(browser, cut_together):
    tab = browser.open(cut_together[0], width=390, height=900)
    assert (
        tab.js("document.querySelector('#loss .annotation-text').textContent")
        == "no reasoning at all (median)"
    )
    assert tab.js("document.querySelectorAll('#loss .legend').length") == 0


def test_distributions_of_lengths_are_drawn_in_line_each_with_a_name(browser, tmp_path):
    path = tmp_path / "lengths.html"
    report = pages.make_report(evaluated(), [], origin=ORIGIN)
    path.write_text(pages.as_html(report), encoding="utf-8")
    for width, scheme in ((390, "dark"), (1280, "light")):
        tab = browser.open(path.as_uri(), width=width, height=900, scheme=scheme)
        tab.js(AXE.read_text(encoding="utf-8") + "; true")
        found = tab.js("axe.run('#lengths').then(found => found.violations.map(one => one.id))")
        assert found == []
        boxes = tab.js(
            "[...document.querySelectorAll('#lengths svg')].map(one => "
            "[one.querySelector('title').textContent, one.querySelectorAll('path').length, "
            "one.getBoundingClientRect().height, one.getBoundingClientRect().right])"
        )
        assert [box[:2] for box in boxes] == [
            ["original: half within 42, 90\u00a0% within 45", 1],
            ["tokenskip at 0.5: half within 22, 90\u00a0% within 25", 2],
        ]
        assert all(height > 30 and right <= width for _, _, height, right in boxes)
        assert tab.js("document.documentElement.scrollWidth") == width
