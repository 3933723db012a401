"""Markdown and formulas of an answer as elements, and what must stay as it was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.report.markup import MATHML, TAGS, nodes

KNOWN = {*MATHML, *TAGS.values(), "br", "code", "pre", "h5", "h6"}


def said(found):
    """The text of nodes, and their tags."""
    if isinstance(found, str):
        return found, set()
    parts = [said(child) for child in found[2:]]
    return "".join(text for text, _ in parts), {found[0]}.union(*(tags for _, tags in parts))


@pytest.mark.parametrize(
    "text",
    ["3 + 4 = 7.\nSo 7.", "2*3*4 and x**2 + y**2 = 3", "She has $5 and $10.", "> 5", "a_1_b"],
)
def test_arithmetic_is_no_markdown(text):
    assert nodes(text) is None


def test_a_line_that_begins_with_plus_keeps_it():
    assert nodes("12\n\n+ 4 **x**\n+ 5")[1][2:3] == ["+ "]


def test_formulas_are_read_in_every_way_models_write_them():
    pytest.importorskip("latex2mathml")
    for text in (r"\(x^2\)", r"\[x^2\]", "$x^2$", "$$x^2$$", r"\boxed{x^{2}}"):
        _, tags = said(nodes(text)[0])
        assert {"math", "msup"} <= tags, text
    aligned = r"\[\begin{aligned} x &= 3 \\ y &= 4 \end{aligned}\]"
    assert "mtable" in said(nodes(aligned)[0])[1]


@pytest.mark.parametrize("text", [r"\(\left( 3\)", r"\(\nosuch{x}\)", r"\(" + "x" * 3000 + r"\)"])
def test_a_formula_that_cannot_be_read_in_full_stays_as_it_was_written(text):
    assert nodes(text) == [["p", {}, text]]


def test_a_link_of_a_formula_leads_nowhere():
    pytest.importorskip("latex2mathml")
    assert "javascript" not in json.dumps(nodes(r"\(\href{javascript:alert(1)}{x}\)")[0][2][1:])


@given(st.text(alphabet="ab1 \n*_`$\\()[]{}<>|-+#&^~!:\"'", max_size=60))
def test_no_text_becomes_an_element_that_is_not_on_the_list(text):
    for one in nodes(text) or []:
        assert said(one)[1] <= KNOWN


@given(st.text(alphabet="ab12 *+-=<>\n", max_size=40))
def test_no_letter_and_no_digit_of_plain_text_is_lost(text):
    if (found := nodes(text)) is not None and not any(line.strip()[:1].isdigit() for line in text.split("\n")):  # fmt: skip
        shown = "".join(said(one)[0] for one in found)
        assert [c for c in shown if c.isalnum()] == [c for c in text if c.isalnum()]
