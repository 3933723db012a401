"""`text -> nodes`: the Markdown and the LaTeX of an answer, as elements that the page builds.

A node is a string or `[tag, {attribute: value}, node, …]`, with tags and attributes of the lists
here alone, so that the page can make elements of them and never reads markup. Formulas become
MathML, which browsers draw without a script or a font; one that latex2mathml cannot read, or reads
only in part, stays as it was written, and so does every formula where it is not installed.

What reasoning uses as arithmetic is not Markdown here: `2*3*4`, `x**2`, `a_1`, `[1]`, a line of
dashes, an indented line, a line that begins with `+` or `>`, and `$5 and $10`.
"""

import html
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from xml.etree.ElementTree import Element

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

Node = str | list[Any]

LONGEST_FORMULA = 2000
"""Characters; a longer one stays as it was written."""

HEADINGS = ("h5", "h6")
"""Headings of an answer stand below those of the page."""

TAGS = {
    "paragraph": "p",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "strong": "strong",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
}
"""What becomes of which kind of node of markdown-it."""

MATHML = frozenset(
    {"math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msqrt", "mroot", "mstyle"}
    | {"msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts"}
    | {"mtable", "mtr", "mtd", "menclose", "mpadded", "mphantom"}
)
MATHML_ATTRIBUTES = frozenset(
    {"display", "displaystyle", "scriptlevel", "mathvariant", "linethickness", "notation", "width"}
    | {"stretchy", "fence", "separator", "accent", "accentunder", "minsize", "maxsize"}
    | {"columnalign", "columnspacing", "rowspacing"}
)
"""No `href`, no event, no style."""

FORMULA = re.compile(
    r"\\\((?P<round>.+?)\\\)"
    r"|\\\[(?P<square>.+?)\\\]"
    r"|\$\$(?P<double>.+?)\$\$"
    # pandoc's rule: no blank inside of either dollar, no digit behind the second
    r"|\$(?P<single>(?![\s$])(?:[^$\\\n]|\\.)+?(?<!\s))\$(?!\d)"
    r"|(?P<boxed>\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})",
    re.DOTALL,
)
SIGN = re.compile(r"[$\\]|\*\*|__|`|^ {0,3}(?:[-*+#|]|\d+[.)]) ?", re.MULTILINE)
"""Text without any of these is plain, and needs no reading."""


def nodes(text: str) -> list[Node] | None:
    """What the page shows instead of the text; None where it holds nothing but plain text."""
    if not SIGN.search(text):
        return None
    tree = SyntaxTreeNode(_reader().parse(text))
    found = [node for child in tree.children for node in _of(child)]
    return None if all(map(_is_plain, found)) and "\\" not in text else found


def _is_plain(node: Node) -> bool:
    """Whether it is a paragraph of text alone."""
    return isinstance(node, list) and node[0] == "p" and all(isinstance(x, str) for x in node[2:])


@cache
def _reader() -> MarkdownIt:
    """Markdown as models write it: no HTML, no links, every line break a line break."""
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
    reader.disable(["code", "lheading", "reference", "hr", "html_block", "blockquote"])
    reader.disable(["link", "image", "autolink", "html_inline", "entity"])
    reader.inline.ruler.before("escape", "formula", _formula)
    reader.inline.ruler.before("emphasis", "factor", _factor)
    return reader


def _formula(state: StateInline, silent: bool) -> bool:
    """A rule of markdown-it: a formula begins here."""
    if state.src[state.pos] not in "\\$" or not (found := FORMULA.match(state.src, state.pos)):
        return False
    if not silent:
        token = state.push("formula", "math", 0)
        token.content = found.group()
        token.meta = {
            "latex": found[found.lastgroup or 0],
            "block": found.lastgroup in ("square", "double"),
        }
    state.pos = found.end()
    return True


def _factor(state: StateInline, silent: bool) -> bool:
    """A rule of markdown-it: stars and underscores that mark nothing are text: a single one, which
    is a product or an index more often than emphasis, and those within a word, as of a power.
    """
    sign, start = state.src[state.pos], state.pos
    if sign not in "*_":
        return False
    end = start
    while end < len(state.src) and state.src[end] == sign:
        end += 1
    inside = start > 0 and state.src[start - 1].isalnum() and state.src[end : end + 1].isalnum()
    if end - start == 2 and not inside:
        return False
    if not silent:
        state.pending += state.src[start:end]
    state.pos = end
    return True


def _of(node: SyntaxTreeNode) -> Iterator[Node]:
    """The nodes that one node of markdown-it becomes."""
    children = [made for child in node.children for made in _of(child)]
    if node.type == "inline" or node.hidden:
        yield from children
    elif node.type == "bullet_list" and node.markup == "+":
        yield from (["p", {}, "+ ", *item[2:]] for item in children)
    elif node.type in ("softbreak", "hardbreak"):
        yield ["br", {}]
    elif node.type == "formula":
        yield _math(node.meta["latex"], block=node.meta["block"]) or node.content
    elif node.type == "code_inline":
        yield ["code", {}, node.content]
    elif node.type == "fence":
        yield ["pre", {}, node.content]
    elif node.type == "heading":
        yield [HEADINGS[node.tag not in ("h1", "h2")], {}, *children]
    elif node.type == "ordered_list" and node.attrs.get("start", 1) != 1:
        yield ["ol", {"start": str(node.attrs["start"])}, *children]
    elif node.type in TAGS:
        yield [TAGS[node.type], {}, *children]
    elif children:
        yield from children
    elif node.content:
        yield node.content


def _math(latex: str, *, block: bool) -> Node | None:
    """A formula as MathML; None where it cannot be read in full."""
    try:
        from latex2mathml.converter import convert_to_element

        if len(latex) > LONGEST_FORMULA:
            return None
        # the one spelling that latex2mathml does not know of an environment that it does
        latex = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{align*}", latex)
        return _element(convert_to_element(latex, display="block" if block else "inline"))
    except Exception:  # of whatever kind: a model's LaTeX need not be LaTeX
        return None


def _element(element: Element) -> Node:
    """An element of MathML as a node; ValueError for one that is not on the list, and for a command
    that was not understood.
    """
    text = html.unescape(element.text or "")
    if element.tag not in MATHML or text.startswith("\\") or text == "&":
        raise ValueError(f"{element.tag} {text}")
    attributes = {k: v for k, v in element.attrib.items() if k in MATHML_ATTRIBUTES}
    return [element.tag, attributes, *([text] if text else []), *map(_element, element)]
