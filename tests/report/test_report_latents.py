"""What the page tells of latent tokens: codes with their chunks,
decoded answers, and their columns in the table.
"""

from dataclasses import replace

import msgspec
import pytest
from make import sum_trace

from cotpress.evaluation.rows import rows
from cotpress.latent.about import ByClass
from cotpress.latent_tokens import run
from cotpress.report import page as pages
from cotpress.report.figures import accuracy_figure, ratio_figure
from cotpress.report.latents import ANSWERS, CODES, Code, Worth, chosen, section
from cotpress.report.rows import in_order, series
from cotpress.report.table import table
from cotpress.report.words import headline

ORIGIN = pages.Origin("cotpress report", "0", "2026-01-01")
WORTH = Worth(own=0.612, other=0.431, position=0.408, unigram=0.1, perplexity=35.3)


def answers():
    """Graded answers of one evaluation: the model's own, forced and corrupted."""
    free = [
        sum_trace(i, method="token-assorted", ratio=1.0, reasoning=f"{run([i, 2])} so <b>{i}</b>")
        for i in range(4)
    ]
    forced = [
        sum_trace(i, method="forced-latents", ratio=1.0, latents=k)
        for k in (2, 0)
        for i in range(4)
    ]
    other = [
        sum_trace(i, method="corrupted-codes", ratio=1.0, reasoning=run([5, 6])) for i in range(2)
    ]
    return [*free, *forced, *other]


def test_answers_are_decoded_where_the_model_wrote_latent_tokens_of_its_own_accord():
    assert [trace.key for trace in chosen(answers())] == [trace.key for trace in answers()[:4]]
    made_to = [
        {"method": "forced-latents", "latents": 2},
        {"latents": 2},
        {"method": "corrupted-codes"},
    ]
    assert not list(chosen(sum_trace(reasoning=run([1, 2]), **others) for others in made_to))
    many = [sum_trace(i, reasoning=run([1])) for i in range(3 * ANSWERS)]
    assert len(list(chosen(many))) == ANSWERS


def test_the_most_used_codes_come_first_and_unused_ones_are_counted_only():
    codes = [Code(i, i % 90, f"text {i}", [(f"chunk {i}", 3)]) for i in range(100)]
    made = section(codes, (), WORTH)
    assert (made.total, made.used, len(made.codes)) == (100, 98, CODES)
    assert [code.uses for code in made.codes] == sorted((i % 90 for i in range(100)), reverse=True)[
        :CODES
    ]


def test_the_page_shows_codes_and_decoded_answers_and_no_text_acts_as_markup():
    pytest.importorskip("jinja2")
    traces = answers()
    latents = section(
        [Code(2, 7, "we <i>add", [("we add \u202e3", 7)])],
        [(traces[0], ["first <script>", "second"])],
        WORTH,
    )
    html = pages.as_html(
        pages.make_report(rows(traces, trained=(1.0,)), traces, origin=ORIGIN, latents=latents)
    )
    part = html[html.index('<section id="latents">') :]
    for text in (
        "we &lt;i&gt;add",
        "we add ⟨U+202E⟩3",
        "first &lt;script&gt;",
        "&lt;|latent_0|&gt;",
        "so &lt;b&gt;0&lt;/b&gt;",
        "(right)",
    ):
        assert text in part
    assert '<section id="latents">' not in pages.as_html(
        pages.make_report(rows(traces), traces, origin=ORIGIN)
    )


def test_the_table_tells_latent_tokens_markers_and_changed_answers():
    found = in_order(rows(answers(), trained=(1.0,)))
    titles, _, lines = table(found)
    cells = [dict(zip(titles, line, strict=True)) for line in lines]
    told = {
        (cell["method"], cell["latent + markers"], cell["with latents"], cell["answers changed"])
        for cell in cells
    }
    assert told == {
        ("token-assorted", "2.0 + 2.0", "100.0\u00a0%", "–"),
        ("forced-latents", "0.0 + 0.0 (0 forced)", "–", "–"),
        ("forced-latents", "0.0 + 0.0 (2 forced)", "–", "–"),
        ("corrupted-codes", "2.0 + 2.0", "100.0\u00a0%", "0.0\u00a0%"),
    }
    assert [row.latents for row in found if row.method == "forced-latents"] == [0, 2]


def told(latents=None):
    return pages.make_report(
        rows(answers(), trained=(1.0,)), answers(), origin=ORIGIN, latents=latents
    )


def test_what_the_codebook_is_worth_is_told_on_the_page_in_json_and_in_markdown():
    pytest.importorskip("jinja2")
    report = told(section([Code(2, 7, "we add", [("we add 3", 7)]), Code(3, 0, "", [])], (), WORTH))
    page, text = pages.as_html(report), pages.as_markdown(report)
    for where in (page, text):
        assert (
            "From its own codes 61.2\u00a0% of the tokens of a held-out reasoning come out right"
            in where
        )
        assert "the 2 codes tell apart as much as 35.3 evenly used ones would" in where
    assert "No answer here holds latent tokens" in page
    found = msgspec.json.decode(pages.as_json(report))["latents"]
    assert (found["codebook"], found["used"], found["own"], found["other"]) == (2, 1, 0.612, 0.431)
    assert found["codes"] == [
        {"number": 2, "uses": 7, "decoded": "we add", "chunks": [["we add 3", 7]]}
    ]


def test_what_comes_out_right_is_told_by_class_of_token_where_it_is_known():
    pytest.importorskip("jinja2")
    classes = (
        ByClass(name="words", right=0.7, share=0.8),
        ByClass(name="new numbers", right=0.054, share=0.2),
    )
    known = told(section([Code(2, 7, "we add", [])], (), replace(WORTH, by_class=classes)))
    sentence = (
        "By class of token, its own codes rebuild 70.0\u00a0% of words (80.0\u00a0% of the tokens), "
        "5.4\u00a0% of new numbers (20.0\u00a0% of the tokens); a given number stands in the question"
    )
    unknown = told(section([Code(2, 7, "we add", [])], (), WORTH))
    for made in (pages.as_html, pages.as_markdown):
        assert sentence in made(known)
        assert "By class" not in made(unknown)
    found = msgspec.json.decode(pages.as_json(known))["latents"]["by_class"]
    assert found[1] == {"name": "new numbers", "right": 0.054, "share": 0.2}
    assert msgspec.json.decode(pages.as_json(unknown))["latents"]["by_class"] == []


def test_nothing_is_said_of_obeying_a_ratio_where_none_was_asked_for():
    curves = series(in_order(rows(answers(), trained=(1.0,))))
    assert ratio_figure(curves) is None
    (free,) = (
        trace for trace in accuracy_figure(curves)["data"] if trace["name"] == "token-assorted"
    )
    assert free["text"] == [""]
    (sentence,) = headline(in_order(rows(answers(), trained=(1.0,))))
    assert "ratio 1.0" not in sentence
    assert sentence.startswith("Token-assorted reasons in")


def test_every_number_of_forced_latent_tokens_is_told_apart():
    shown = told().examples.shown
    assert [answer.latents for answer in shown[0].answers if answer.method == "forced-latents"] == [
        0,
        2,
    ]
    forced = next(
        trace
        for trace in accuracy_figure(series(told().rows))["data"]
        if trace["name"] == "forced-latents"
    )
    assert forced["text"] == ["0", "2"]
    assert [text[: text.index("</b>")] for text in forced["customdata"]] == [
        f"<b>forced-latents, {k} forced" for k in (0, 2)
    ]
