"""README and the pages of docs hold together: every link leads somewhere, every page is in the
site's contents, and the pages that are made from the code are what the code says.
"""

import re
import runpy
import tomllib
from pathlib import Path

import pytest
import yaml

import cotpress
from cotpress.errors import CotpressError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OUTSIDE = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "recipes/configs/README.md",
)
PAGES = [*(ROOT / name for name in OUTSIDE), *sorted(DOCS.glob("*.md"))]
LINK = re.compile(r"(?<!`)\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")


class Loader(yaml.SafeLoader):
    """mkdocs.yml, whose slugify is a Python object."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, suffix, node: suffix)

SITE = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub names them; so does the site (mkdocs.yml)."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        while slug in found:
            stem, _, number = slug.rpartition("-")
            slug = (
                f"{stem}-{int(number) + 1}" if number.isdigit() and stem in found else f"{slug}-1"
            )
        found.add(slug)
    return found


def nav(entries: list) -> list[str]:
    """The pages of the site's contents."""
    pages = []
    for entry in entries:
        for target in entry.values():
            pages += nav(target) if isinstance(target, list) else [target]
    return pages


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_of_a_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    lost = []
    for path, anchor in LINK.findall(prose(page)):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(f"{path}#{anchor}")
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_row_of_a_table_has_the_cells_of_its_head(page: Path) -> None:
    broken = []
    for table in re.findall(r"(?:^\|.*\n)+", prose(page), re.MULTILINE):
        rows = [re.sub(r"\\\|", "", row).count("|") for row in table.splitlines()]
        broken += [row for row, n in zip(table.splitlines(), rows, strict=True) if n != rows[0]]
    assert not broken


def test_a_link_that_leads_nowhere_would_be_found() -> None:
    assert LINK.findall("[a](b.md#c), [d](#e), ![f](g.png), [h](https://i/j.md)") == [
        ("b.md", "c"),
        ("", "e"),
        ("g.png", ""),
    ]
    assert "a-server-as-the-model-http" in anchors(DOCS / "serving.md")


def test_every_page_is_in_the_contents_of_the_site_once() -> None:
    hook = (DOCS / "site_pages.py").read_text(encoding="utf-8")
    brought = set(re.findall(r'": "([\w-]+\.md)"', hook))
    assert sorted(nav(SITE["nav"])) == sorted({page.name for page in DOCS.glob("*.md")} | brought)


def test_the_site_asks_no_other_host() -> None:
    assert SITE["theme"]["font"] is False
    assert "repo_url" not in SITE  # the theme would ask its host for the number of stars
    found = runpy.run_path(str(DOCS / "check_site.py"))["foreign"]
    assert not found(DOCS)


def test_a_request_to_another_host_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="//fonts.example/a.css"><script src="https://cdn.example/b.js">'
        '</script><img src="c.png"><a href="https://example.org">read on</a>'
    )
    (tmp_path / "d.css").write_text("@font-face { src: url(https://fonts.example/e.woff) }")
    found = runpy.run_path(str(DOCS / "check_site.py"))["foreign"](tmp_path)
    assert [one.rpartition("/")[2] for one in found] == ["a.css", "b.js", "e.woff"]


def test_the_environment_of_the_site_is_pinned() -> None:
    lines = (DOCS / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", line) for line in pins)


@pytest.mark.parametrize("script", ["make_api", "make_troubleshooting"])
def test_a_page_that_is_made_from_the_code_is_what_the_code_says(script: str) -> None:
    made = runpy.run_path(str(DOCS / f"{script}.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "run `make docs`"


def test_the_library_reference_has_every_public_name() -> None:
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \| \S", page, re.MULTILINE))
    assert rows == set(cotpress.__all__) - {"__version__"}


def test_every_sentence_that_is_explained_is_in_the_source() -> None:
    made = runpy.run_path(str(DOCS / "make_troubleshooting.py"))
    sentences = [text for texts in made["messages"]().values() for text in texts]
    causes = tomllib.loads((DOCS / "causes.toml").read_text(encoding="utf-8"))
    explained = [fragment for group in causes.values() for fragment in group]
    assert len(explained) >= 40
    assert not [one for one in explained if not any(one in text for text in sentences)]


def test_a_sentence_that_is_met_is_found_on_the_page_of_troubles() -> None:
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8").replace("\\", "")
    with pytest.raises(CotpressError) as met:
        cotpress.load_scorer("surprisel:tiny")
    assert "unknown scorer 'surprisel'; did you mean surprisal? Available: " in str(met.value)
    assert "unknown … … Available: …" in page
    with pytest.raises(CotpressError) as met:
        cotpress.load_scorer("unigram")
    assert str(met.value).removesuffix(".") in page


def test_the_glossary_has_twenty_words_at_most() -> None:
    page = (DOCS / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| (?!word|-)(.+?) \|", page, re.MULTILINE)
    assert 10 <= len(words) <= 20
    assert len(set(words)) == len(words)


def test_every_figure_of_the_page_on_choosing_refers_to_where_it_was_measured() -> None:
    page = prose(DOCS / "choosing.md")
    pages = ("results.md", "benchmarks.md")
    measured = "".join((DOCS / page).read_text(encoding="utf-8") for page in pages)
    for paragraph in re.split(r"\n(?=\n|\|)", page):
        for figure in re.findall(r"\d+\.\d ± \d+\.\d %|\d+\.\d % ?\[[^\]]+\]|\d+\.\d %", paragraph):
            assert any(f"{page}#" in paragraph for page in pages), paragraph
            [value, *_] = re.findall(r"\d+\.\d", figure)
            assert value in measured, figure
