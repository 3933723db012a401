"""Sections: each is a file, and page, JSON and Markdown loop over them without knowing any by
name.
"""

import importlib
import json
from types import ModuleType

import pytest
from test_report import ORIGIN, sample_report, sample_rows, scored_trace, verified_as

from cotpress.pipeline.compress import compress
from cotpress.plugins import PACKAGE, names
from cotpress.records import Verified
from cotpress.report import page as pages
from cotpress.report import sections as rooms
from cotpress.report.scorers import compare
from cotpress.report.sections import Aside, Grid, Part, Section, sections
from cotpress.report.table import Table

NAMES = names("report/sections")


def everything():
    """A report in which every section but that on latent tokens has something to tell."""
    one, other = scored_trace(0), scored_trace(0, seed=1, scorer="other")
    found = Verified(reference="R", shortened=-2.0, full=-1.0, none=-9.0, n_tokens=5)
    verified = [verified_as(short, found) for short in compress([one], [0.5, 0.8])]
    comparison = compare([one], [other])
    return pages.make_report(
        sample_rows(),
        [],
        [one],
        other=[other],
        comparison=comparison,
        verified=verified,
        origin=ORIGIN,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_section_with_nothing_to_tell_is_none(name):
    module = importlib.import_module(f"cotpress.report.sections.{name}")
    assert module.section(pages.make_report([], [], origin=ORIGIN)) is None
    assert isinstance(module.PLACE, int)


def test_sections_come_by_their_place_each_with_a_name_and_figures_of_its_own():
    told = list(sections(everything()))
    assert [section.name for section in told] == ["accuracy", "verified", "comparison"]
    ids = [drawn.id for section in told for part in section.parts for drawn in part.figures]
    assert len(ids) == len(set(ids)) == 3
    places = [importlib.import_module(f"cotpress.report.sections.{name}").PLACE for name in NAMES]
    assert len(places) == len(set(places))


def test_the_template_names_no_section():
    template = (PACKAGE / "assets" / "report" / "page.html.j2").read_text(encoding="utf-8")
    body = template[template.index("<main>") : template.index('id="traces"')]
    assert not [name for name in NAMES if name in body]


def test_a_new_section_is_told_by_page_json_and_markdown_alike(monkeypatch):
    pytest.importorskip("jinja2")
    table = Table(["what", "how <much>"], [True, False], [["a|b", "1"]])
    part = Part(
        "Part <one>",
        ("First & last.",),
        (),
        Grid("All of it.", table),
        (Aside("An example", ("line <1>",)),),
    )
    new = ModuleType("cotpress.report.sections.new")
    new.PLACE, new.section = (
        15,
        lambda told: Section("new", "Something <new>", (part,), {"much": 1}),
    )
    known = rooms.names
    monkeypatch.setattr(rooms, "names", lambda kind: [*known(kind), "new"])
    real = importlib.import_module
    monkeypatch.setattr(
        importlib,
        "import_module",
        lambda name, *more: new if name.endswith(".new") else real(name, *more),
    )
    told = sample_report(4)
    assert json.loads(pages.as_json(told))["new"] == {"much": 1}
    markdown = pages.as_markdown(told)
    assert (
        "## Something &lt;new>\n\n### Part &lt;one>\n\nFirst &amp; "
        "last.\n\n| what | how &lt;much> |" in markdown
    )
    assert "| a\\|b | 1 |" in markdown
    page = pages.as_html(told)
    assert '<section id="new">\n<h2>Something &lt;new&gt;</h2>\n<h3>Part &lt;one&gt;</h3>' in page
    assert "<caption>All of it.</caption>" in page
    assert "<li><bdi>line &lt;1&gt;</bdi></li>" in page
    assert page.index('id="accuracy"') < page.index('id="new"') < page.index('id="traces"')
