"""What is kept and dropped, as people see it."""

from hypothesis import given
from hypothesis import strategies as st

from cotpress.pieces import LONGEST, Piece, aligned, in_html, joined, marked

pieces = st.lists(
    st.tuples(st.text("ab <é.\n", min_size=1, max_size=4), st.booleans()).map(
        lambda one: Piece(*one)
    ),
    max_size=12,
)


@given(pieces)
def test_a_cut_is_aligned_so_that_its_pieces_join_to_both_texts(cut: list[Piece]) -> None:
    whole = "".join(text for text, _ in cut)
    shorter = "".join(text for text, kept in cut if kept)
    found = aligned(whole, shorter)
    assert "".join(text for text, kept in found if kept) == shorter
    assert found == [Piece(shorter, True)] or "".join(text for text, _ in found) == whole


def test_what_was_left_out_is_marked() -> None:
    assert marked(aligned("so we add 2 to 3", "so add 2 3")) == "so[- we-] add 2[- to-] 3"
    assert joined([Piece("a", True), Piece("b", True), Piece("c", False)]) == [
        Piece("ab", True),
        Piece("c", False),
    ]


def test_what_was_rewritten_or_is_too_long_stands_alone() -> None:
    assert aligned("one two", "two three") == [Piece("two three", True)]
    assert aligned("a " * LONGEST, "a") == [Piece("a", True)]


def test_a_notebook_gets_nothing_that_acts_as_markup() -> None:
    page = in_html("<b>", ("<i>", [Piece("<script>", True), Piece("&<p>", False)]))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "&amp;&lt;p&gt;</del>" in page
    assert "&lt;b&gt;" in page
    assert "&lt;i&gt;" in page
