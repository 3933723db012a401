"""`EvalRow, Trace -> report`: what shorter reasoning costs, as one HTML page that works offline, as JSON and as Markdown.

The page is autoescaped Jinja2; data goes to its scripts as JSON in which `<`, `>` and `&` are escaped, and reaches the
document as text only. A content security policy admits no network and only the page's own three scripts, by their hashes,
so that a script in a model's answer would not run even where escaping failed. plotly.js is inlined (4.8 MB): the price of
figures that can be zoomed and read point by point without a network.
"""

import base64
import hashlib
from collections import ChainMap
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from operator import itemgetter
from statistics import mean, median
from typing import Any, NamedTuple

import msgspec

from cotpress.methods import METHODS
from cotpress.plugins import PACKAGE, require
from cotpress.records import CompressedTrace, EvalRow, ScoredTrace, Trace
from cotpress.report.examples import RATIOS, Examples, examples
from cotpress.report.figures import Figure, accuracy_figure, ratio_figure
from cotpress.report.latents import Latents
from cotpress.report.rows import in_order, series, tasks_of
from cotpress.report.scorers import Comparison
from cotpress.report.table import MISS, percent, table
from cotpress.report.verified import Survival, chosen_figure, loss_figure, survival
from cotpress.report.words import FOOTNOTES, headline, measured, warnings
from cotpress.storage import IDENTITY

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
    verified: Survival
    comparison: Comparison | None = None
    latents: Latents | None = None
    """What latent tokens stand for; None: there are none, or nobody asked."""


def make_report(
    rows: Iterable[EvalRow],
    traces: Iterable[Trace],
    scored: Iterable[ScoredTrace] = (),
    *,
    other: Iterable[ScoredTrace] = (),
    comparison: Comparison | None = None,
    verified: Iterable[CompressedTrace] = (),
    origin: Origin,
    latents: Latents | None = None,
) -> Report:
    """Put rows in order and choose example problems; every iterable is read once and not kept.

    `other` are scores of the same traces by a second scorer, and `comparison` what `compare` makes of the two.
    """
    found = survival(verified)
    return Report(in_order(rows), examples(traces, scored, other=other, verified=found), origin, found, comparison, latents)


def as_json(report: Report) -> str:
    """`{"rows": [EvalRow, …], …}`: the figures and where they come from, for machines."""
    content = {
        "rows": report.rows,
        "headline": headline(report.rows),
        "warnings": warnings(report.rows),
        **({"comparison": report.comparison} if report.comparison else {}),
        **({"verified": _losses(report.verified)} if report.verified.by_ratio else {}),
        **({"latents": _codebook(report.latents)} if report.latents else {}),
        **asdict(report.origin),
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"


def as_markdown(report: Report) -> str:
    """The sentences and the table, for an issue or a pull request."""
    rows = report.rows
    parts = [
        f"# {_plain(_title(report))}",
        f"{_plain(_measured(report))} cotpress {report.origin.version}, {report.origin.date}.",
    ]
    parts += [f"**{_plain(sentence)}**" for sentence in headline(rows)]
    parts.append("\n".join(f"- Beware: {_plain(sentence)}" for sentence in warnings(rows)))
    for task in tasks_of(rows):
        titles, _, lines = table([row for row in rows if row.task == task])
        drawn = [titles, ["---"] * len(titles), *lines]
        parts += [f"## {_plain(task)}", "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in drawn)]
    for title, titles, lines in _more_tables(report):
        drawn = [titles, ["---"] * len(titles), *lines]
        parts += [f"## {_plain(title)}", "\n".join("| " + " | ".join(map(_plain, line)) + " |" for line in drawn)]
    if report.latents:
        parts += ["## What the latent tokens stand for", report.latents.worth.sentence(report.latents.total)]
    parts.append("\n".join(f"- {sentence}" for sentence in (FOOTNOTES if rows else ())))
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
    if report.verified.by_ratio:
        figures["loss"] = loss_figure(report.verified)
        if (given := chosen_figure(report.verified)) is not None:
            figures["chosen"] = given
    page: str = environment.get_template("report.html.j2").render(
        title=_title(report),
        measured=_measured(report),
        headline=headline(rows),
        warnings=warnings(rows),
        sections=sections,
        miss=MISS,
        more_tables=_more_tables(report),
        verified=report.verified,
        comparison=report.comparison,
        extra_figures={name: figure["layout"]["height"] for name, figure in figures.items() if name in ("loss", "chosen")},
        footnotes=FOOTNOTES if rows else (),
        methods=[(name, METHODS[name].sentence) for name in dict.fromkeys(row.method for row in rows) if name in METHODS],
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
    forced = any(row.latents is not None for row in rows)
    return {"task": task, "number": number, "figures": figures, "detailed": detailed, "forced": forced, "table": table(rows)}


def _title(report: Report) -> str:
    if report.rows:
        return f"What shorter reasoning costs: {', '.join(tasks_of(report.rows))}"
    return "Two scorers on the same traces" if report.comparison else "What a ratio drops"


def _measured(report: Report) -> str:
    if report.rows:
        return measured(report.rows)
    if report.comparison is None:
        return "No model was evaluated."
    return f"{' and '.join(report.comparison.scorers)} on {report.comparison.n} traces; no model was evaluated."


class _Grid(NamedTuple):
    """A table of figures under a title."""

    title: str
    titles: list[str]
    lines: list[list[str]]


def _more_tables(report: Report) -> list[_Grid]:
    """What was verified, then what two scorers have in common, where there are such."""
    found = []
    if report.verified.by_ratio:
        lines = [
            [f"{one['ratio']:g}", str(one["n"]), f"{one['median']:.2f}", f"{one['mean']:.2f}"]
            for one in _losses(report.verified)
        ]
        found.append(_Grid("Do the conclusions survive?", ["ratio", "traces", "median loss (nats)", "mean loss"], lines))
    if report.comparison:
        kinds = list(report.comparison.rows[0].of_kind)
        titles = ["ratio", "kept by both", "by chance", *(f"{kind}: first, second" for kind in kinds)]
        lines = [
            [f"{one.ratio:g}", percent(one.both), percent(one.kept[1])]
            + [f"{percent(one.of_kind[kind][0])}, {percent(one.of_kind[kind][1])}" for kind in kinds]
            for one in report.comparison.rows
        ]
        found.append(_Grid(f"Two scorers: {' and '.join(report.comparison.scorers)}", titles, lines))
    return found


def _losses(found: Survival) -> list[dict[str, float]]:
    """What was lost at each ratio, in nats."""
    return [
        {"ratio": ratio, "n": len(losses), "median": median(losses), "mean": mean(losses)}
        for ratio, losses in sorted(found.by_ratio.items())
    ]


def _codebook(latents: Latents) -> dict[str, Any]:
    """What the codebook is worth and what its most used codes stand for; answers stay in the page."""
    return {"codebook": latents.total, "used": latents.used, **asdict(latents.worth), "codes": latents.codes}


def _sources(origin: Origin) -> list[tuple[str, str]]:
    """Each file that was read, with how it was made and what was left out there, by its meta file."""
    return [(source.file, _made(source.meta)) for source in origin.sources]


def _made(meta: dict[str, Any]) -> str:
    """`eval --limit 500 --model tiny …; left out: 2 without an answer`, in one line."""
    parts = [str(meta.get("verb", "no meta file beside it"))]
    options = meta.get("options", {})
    grouped = ChainMap(options, *(value for key, value in options.items() if isinstance(value, dict) and key != IDENTITY))
    for key, value in sorted(grouped.items(), key=itemgetter(0)):
        if value not in (None, False, [], "") and not isinstance(value, dict):
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
