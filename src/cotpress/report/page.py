"""`Report -> page`: what shorter reasoning costs, as one HTML page that works offline, as JSON and
as Markdown.

The page is autoescaped Jinja2; data goes to its scripts as JSON in which `<`, `>` and `&` are
escaped, and reaches the document as text, or as the elements that markup.py admits. A content
security policy admits no network and only the page's own three scripts, by their hashes, so that a
script in a model's answer would not run even where escaping failed. The basic bundle of plotly.js
is inlined (1.2 MB): the price of figures that can be zoomed and read point by point without a
network.
"""

import base64
import hashlib
from collections import ChainMap
from dataclasses import asdict
from operator import itemgetter
from typing import Any

import msgspec

from cotpress.methods import METHODS
from cotpress.plugins import PACKAGE, require
from cotpress.report.examples import RATIOS
from cotpress.report.plotting import DARK
from cotpress.report.rows import tasks_of
from cotpress.report.sections import Part, sections
from cotpress.report.told import Origin as Origin
from cotpress.report.told import Report as Report
from cotpress.report.told import Source as Source
from cotpress.report.told import Training as Training
from cotpress.report.told import make_report as make_report
from cotpress.report.words import footnotes, headline, measured, warnings
from cotpress.storage import IDENTITY

WHAT = "the HTML page"
ASSETS = PACKAGE / "assets"
SCRIPTS = {
    "plotly": ASSETS / "vendor" / "plotly-basic.min.js",
    "figures": ASSETS / "report" / "figures.js",
    "viewer": ASSETS / "report" / "viewer.js",
}
"""All that runs on the page."""


def as_json(report: Report) -> str:
    """`{"rows": [EvalRow, …], …}`: the figures and where they come from, for machines.

    Args:
        report: What `make_report` gives.

    Returns:
        JSON text, indented, with a line break at its end; shares are from 0 to 1.
    """
    content = {
        "rows": report.rows,
        "headline": headline(report.rows),
        "warnings": warnings(report.rows),
        **{section.name: section.data for section in sections(report) if section.data is not None},
        **asdict(report.origin),
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def as_markdown(report: Report) -> str:
    """The sentences and the tables, for an issue or a pull request.

    Args:
        report: What `make_report` gives.

    Returns:
        Markdown text with a line break at its end.
    """
    blocks = [
        f"# {_plain(_title(report))}",
        f"{_plain(_measured(report))} cotpress {report.origin.version}, {report.origin.date}.",
    ]
    blocks += [f"**{_plain(sentence)}**" for sentence in headline(report.rows)]
    blocks.append("\n".join(f"- Beware: {_plain(sentence)}" for sentence in warnings(report.rows)))
    for section in sections(report):
        blocks.append(f"## {_plain(section.title)}")
        for part in section.parts:
            blocks += _in_markdown(part)
    blocks.append("\n".join(f"- {sentence}" for sentence in footnotes(report.rows)))
    made = [
        *(("Made by", step.command) for step in report.origin.steps),
        ("This report", report.origin.command),
        *_sources(report.origin),
    ]
    blocks.append("\n".join(f"- {_plain(what)}: {_code(command)}" for what, command in made))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _in_markdown(part: Part) -> list[str]:
    """Title, sentences and table."""
    blocks = [f"### {_plain(part.title)}"] if part.title else []
    blocks += map(_plain, part.sentences)
    if part.grid:
        titles = part.grid.table.titles
        lines = [titles, ["---"] * len(titles), *part.grid.table.lines]
        blocks.append("\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in lines))
    return blocks


def as_html(report: Report) -> str:
    """The page, at most 2 MB or so; `MissingExtra` where jinja2 is not installed.

    Args:
        report: What `make_report` gives.

    Returns:
        One HTML page with its styles, scripts and figures inside; it asks no other host.

    Raises:
        MissingExtra: jinja2 is not installed (extra `report`). It is a `CotpressError`.
    """
    jinja2 = require("jinja2", WHAT)
    loader = jinja2.FileSystemLoader(ASSETS / "report")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["hashed"] = _csp_hash
    rows, told = report.rows, list(sections(report))
    figures = {
        drawn.id: drawn.figure
        for section in told
        for part in section.parts
        for drawn in part.figures
    }
    page: str = environment.get_template("page.html.j2").render(
        title=_title(report),
        measured=_measured(report),
        headline=headline(rows),
        warnings=warnings(rows),
        sections=told,
        footnotes=footnotes(rows),
        methods=[
            (name, METHODS[name].sentence)
            for name in dict.fromkeys(row.method for row in rows)
            if name in METHODS
        ],
        examples=report.examples,
        origin=report.origin,
        sources=_sources(report.origin),
        ratios=RATIOS,
        css=(ASSETS / "report" / "page.css").read_text(encoding="utf-8"),
        scripts={name: path.read_text(encoding="utf-8") for name, path in SCRIPTS.items()},
        figures_json=_script_json({"figures": figures, "dark": DARK}),
        examples_json=_script_json(report.examples.shown),
    )
    return page


def _title(report: Report) -> str:
    if report.rows:
        return f"What shorter reasoning costs: {', '.join(tasks_of(report.rows))}"
    return "Two scorers on the same traces" if report.comparison else "What a ratio drops"


def _measured(report: Report) -> str:
    if report.rows:
        return measured(report.rows)
    if report.comparison is None:
        return "No model was evaluated."
    return (
        f"{' and '.join(report.comparison.scorers)} on "
        f"{report.comparison.n} traces; no model was evaluated."
    )


def _sources(origin: Origin) -> list[tuple[str, str]]:
    """Each file that was read, with how it was made and what was left out there, by its meta
    file.
    """
    return [(source.file, _made(source.meta)) for source in origin.sources]


def _made(meta: dict[str, Any]) -> str:
    """`eval --limit 500 --model tiny …; left out: 2 without an answer`, in one line."""
    parts = [str(meta.get("verb", "no meta file beside it"))]
    options = meta.get("options", {})
    grouped = ChainMap(
        options,
        *(value for key, value in options.items() if isinstance(value, dict) and key != IDENTITY),
    )
    for key, value in sorted(grouped.items(), key=itemgetter(0)):
        if value not in (None, False, [], "") and not isinstance(value, dict):
            parts += [
                f"--{key.replace('_', '-')}",
                *map(str, value if isinstance(value, list) else [value]),
            ]
    dropped = meta.get("counts", {}).get("dropped", {})
    left_out = (
        f"; left out: {', '.join(f'{count} {why}' for why, count in dropped.items())}"
        if dropped
        else ""
    )
    return " ".join(parts) + left_out


def _plain(text: str) -> str:
    """Text that Markdown and the HTML within it leave alone, on one line."""
    escaped = "".join(
        "\\" + c if c in "\\`*_|[]#" else "&lt;" if c == "<" else "&amp;" if c == "&" else c
        for c in text
    )
    return " ".join(escaped.split("\n"))


def _code(text: str) -> str:
    """A code span of Markdown, whatever the text holds."""
    return "`" + " ".join(text.replace("`", "'").split()) + "`"


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in, nor be read as markup."""
    text = msgspec.json.encode(value).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _csp_hash(script: str) -> str:
    """The source expression that admits exactly this inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(str(script).encode()).digest()).decode()}'"
