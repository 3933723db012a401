"""`EvalRow, Trace -> report`: what shorter reasoning costs, as one HTML page that works offline, as JSON and as Markdown.

The page is autoescaped Jinja2; data goes to its scripts as JSON in which `<`, `>` and `&` are escaped, and reaches the
document as text only. A content security policy admits no network and only the page's own three scripts, by their hashes,
so that a script in a model's answer would not run even where escaping failed. plotly.js is inlined (4.8 MB): the price of
figures that can be zoomed and read point by point without a network.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from cotpress.pipeline._report_examples import RATIOS, Examples, examples
from cotpress.pipeline._report_figures import Figure, accuracy_figure, ratio_figure
from cotpress.pipeline._report_latents import Latents
from cotpress.pipeline._report_rows import NOTES, in_order, series, tasks_of
from cotpress.pipeline._report_table import MISS, table
from cotpress.pipeline._report_words import FOOTNOTES, headline, measured, warnings
from cotpress.plugins import PACKAGE, require
from cotpress.records import EvalRow, ScoredTrace, Trace

WHAT = "the HTML page"


@dataclass(frozen=True)
class Source:
    """A file that was read."""

    file: str
    hash: str
    """A short hash of its content."""
    meta: dict[str, Any]
    """The meta file beside it; empty where there is none."""


@dataclass(frozen=True)
class Origin:
    """How a report came to be; it is printed on it."""

    command: str
    version: str
    date: str
    """ISO day."""
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that is to be told; `as_html`, `as_json` and `as_markdown` tell it."""

    rows: list[EvalRow]
    examples: Examples
    origin: Origin
    latents: Latents | None = None
    """What latent tokens stand for; None: there are none, or nobody asked."""


def report(
    rows: Iterable[EvalRow],
    traces: Iterable[Trace],
    scored: Iterable[ScoredTrace] = (),
    *,
    origin: Origin,
    latents: Latents | None = None,
) -> Report:
    """Put rows (at least one) in order and choose example problems; `traces` and `scored` are read once and not kept."""
    return Report(in_order(rows), examples(traces, scored), origin, latents)


def as_json(report: Report) -> str:
    """`{"rows": [EvalRow, …], …}`: the figures and where they come from, for machines."""
    content = {
        "rows": report.rows,
        "headline": headline(report.rows),
        "warnings": warnings(report.rows),
        **asdict(report.origin),
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def as_markdown(report: Report) -> str:
    """The sentences and the table, for an issue or a pull request."""
    rows = report.rows
    parts = [f"# {_plain(_title(rows))}", f"{_plain(measured(rows))} cotpress {report.origin.version}, {report.origin.date}."]
    parts += [f"**{_plain(sentence)}**" for sentence in headline(rows)]
    parts.append("\n".join(f"- Beware: {_plain(sentence)}" for sentence in warnings(rows)))
    for task in tasks_of(rows):
        titles, _, lines = table([row for row in rows if row.task == task])
        drawn = [titles, ["---"] * len(titles), *lines]
        parts += [f"## {_plain(task)}", "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in drawn)]
    parts.append("\n".join(f"- {sentence}" for sentence in FOOTNOTES))
    made = [("This report", report.origin.command), *_sources(report.origin)]
    parts.append("\n".join(f"- {_plain(what)}: {_code(command)}" for what, command in made))
    return "\n\n".join(part for part in parts if part) + "\n"


def as_html(report: Report) -> str:
    """The page; `MissingExtra` where jinja2 or plotly is not installed."""
    jinja2 = require("jinja2", WHAT)
    plotly_js: str = require("plotly.offline", WHAT).get_plotlyjs()
    loader = jinja2.FileSystemLoader(PACKAGE / "assets")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["hashed"] = _csp_hash
    rows = report.rows
    sections = [_section(task, [row for row in rows if row.task == task], number) for number, task in enumerate(tasks_of(rows))]
    figures = {name: figure for section in sections for name, figure in section["figures"].items()}
    page: str = environment.get_template("report.html.j2").render(
        title=_title(rows),
        measured=measured(rows),
        headline=headline(rows),
        warnings=warnings(rows),
        sections=sections,
        miss=MISS,
        footnotes=FOOTNOTES,
        methods=[(name, NOTES[name]) for name in dict.fromkeys(row.method for row in rows) if name in NOTES],
        examples=report.examples,
        latents=report.latents,
        origin=report.origin,
        sources=_sources(report.origin),
        ratios=RATIOS,
        plotly_js=plotly_js,
        figures_json=_script_json(figures),
        examples_json=_script_json(report.examples.shown),
    )
    return page


def _section(task: str, rows: list[EvalRow], number: int) -> dict[str, Any]:
    """What the page shows of one task."""
    curves = series(rows)
    figures: dict[str, Figure] = {f"accuracy-{number}": accuracy_figure(curves)}
    if (asked := ratio_figure(curves)) is not None:
        figures[f"ratio-{number}"] = asked
    detailed = "yaxis2" in figures[f"accuracy-{number}"]["layout"]
    return {"task": task, "number": number, "figures": figures, "detailed": detailed, "table": table(rows)}


def _title(rows: Iterable[EvalRow]) -> str:
    return f"What shorter reasoning costs: {', '.join(tasks_of(rows))}"


def _sources(origin: Origin) -> list[tuple[str, str]]:
    """Each file that was read, with how it was made and what was left out there, by its meta file."""
    return [(source.file, _made(source.meta)) for source in origin.sources]


def _made(meta: dict[str, Any]) -> str:
    """`eval --limit 500 --model tiny …; left out: 2 without an answer`, in one line."""
    parts = [str(meta.get("verb", "no meta file beside it"))]
    for key, value in sorted(meta.get("options", {}).items()):
        if isinstance(value, dict):
            value = [f"{name}={one}" for name, one in value.items()]
        if value not in (None, [], ""):
            parts += [f"--{key.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    dropped = meta.get("counts", {}).get("dropped", {})
    left_out = f"; left out: {', '.join(f'{count} {why}' for why, count in dropped.items())}" if dropped else ""
    return " ".join(parts) + left_out


def _plain(text: str) -> str:
    """Text that Markdown and the HTML within it leave alone, on one line."""
    escaped = "".join("\\" + c if c in "\\`*_|[]#" else "&lt;" if c == "<" else "&amp;" if c == "&" else c for c in text)
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
