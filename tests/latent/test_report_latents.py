"""What the page tells of latent tokens: codes with their chunks, decoded answers, and their columns in the table."""

import pytest
from build_fixtures import make_trace

from cotpress.latent_tokens import run
from cotpress.pipeline import report as pages
from cotpress.pipeline._report_latents import ANSWERS, CODES, Code, chosen, section
from cotpress.pipeline._report_rows import in_order
from cotpress.pipeline._report_table import table
from cotpress.pipeline.evaluate import rows


def answers():
    """Graded answers of one evaluation: the model's own, forced and corrupted."""
    free = [make_trace(i, method="token-assorted", ratio=1.0, reasoning=f"{run([i, 2])} so <b>{i}</b>") for i in range(4)]
    forced = [make_trace(i, method="forced-latents", ratio=1.0, latents=k) for k in (2, 0) for i in range(4)]
    other = [make_trace(i, method="corrupted-codes", ratio=1.0, reasoning=run([5, 6])) for i in range(2)]
    return [*free, *forced, *other]


def test_answers_are_decoded_where_the_model_wrote_latent_tokens_of_its_own_accord():
    assert [trace.key for trace in chosen(answers())] == [trace.key for trace in answers()[:4]]
    many = [make_trace(i, reasoning=run([1])) for i in range(3 * ANSWERS)]
    assert len(list(chosen(many))) == ANSWERS


def test_the_most_used_codes_come_first_and_unused_ones_are_counted_only():
    codes = [Code(i, i % 90, f"text {i}", [(f"chunk {i}", 3)]) for i in range(100)]
    made = section(codes, ())
    assert (made.total, made.used, len(made.codes)) == (100, 98, CODES)
    assert [code.uses for code in made.codes] == sorted((i % 90 for i in range(100)), reverse=True)[:CODES]


def test_the_page_shows_codes_and_decoded_answers_and_no_text_acts_as_markup():
    pytest.importorskip("jinja2")
    pytest.importorskip("plotly")
    traces = answers()
    latents = section([Code(2, 7, "we <i>add", [("we add \u202e3", 7)])], [(traces[0], ["first <script>", "second"])])
    origin = pages.Origin("cotpress report", "0", "2026-01-01")
    html = pages.as_html(pages.report(rows(traces, trained=(1.0,)), traces, origin=origin, latents=latents))
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
    assert '<section id="latents">' not in pages.as_html(pages.report(rows(traces), traces, origin=origin))


def test_the_table_tells_latent_tokens_markers_and_changed_answers():
    found = in_order(rows(answers(), trained=(1.0,)))
    titles, _, lines = table(found)
    cells = [dict(zip(titles, line, strict=True)) for line in lines]
    told = {(cell["method"], cell["latent + markers"], cell["with latents"], cell["answers changed"]) for cell in cells}
    assert told == {
        ("token-assorted", "2.0 + 2.0", "100.0\u00a0%", "–"),
        ("forced-latents", "0.0 + 0.0 (0 forced)", "–", "–"),
        ("forced-latents", "0.0 + 0.0 (2 forced)", "–", "–"),
        ("corrupted-codes", "2.0 + 2.0", "100.0\u00a0%", "0.0\u00a0%"),
    }
    assert [row.latents for row in found if row.method == "forced-latents"] == [0, 2]
