"""What `cotpress report` reads, makes and writes."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import msgspec

from cotpress import __version__, plugins, storage
from cotpress.errors import CotpressError, MissingExtra
from cotpress.latent.about import about, code_uses
from cotpress.lm.checkpoint import folder_of
from cotpress.records import CompressedTrace, EvalRow, ScoredTrace, Trace
from cotpress.report import page as pages
from cotpress.report.latents import Code, Latents, Worth, chosen, section
from cotpress.report.paper import as_csv, as_latex, as_table
from cotpress.report.provenance import environment, steps
from cotpress.report.rows import in_order
from cotpress.report.scorers import Comparison, compare
from cotpress.report.verified import rules_of
from cotpress.report.wording import Wording, wording_of
from cotpress.training import curve
from cotpress.training.curve import LOG
from cotpress.verbs.common import rows_path, say

Table = Literal["md", "csv", "json", "latex"]


def page(
    evals: tuple[Path, ...],
    scored: list[Path],
    verified: Path | None,
    vqvae: Path | None,
    out: Path,
) -> None:
    """The page, with the JSON, the CSV and the Markdown beside it."""
    files = [*evals, *scored, *([verified] if verified else [])]
    sources = tuple(pages.Source(str(path), storage.hash_file(path), _meta(path)) for path in files)
    rows = _rows(evals)
    traces = chain.from_iterable(storage.read(path, Trace) for path in evals)
    command = _command(evals, scored, verified, vqvae, out)
    origin = pages.Origin(
        command,
        __version__,
        date.today().isoformat(),
        sources,
        steps(files),
        environment(),
        tuple(out.with_suffix(end).name for end in (".csv", ".json", ".md")),
    )
    told = pages.make_report(
        rows,
        traces,
        *(storage.read(path, ScoredTrace) for path in scored[:1]),
        other=storage.read(scored[1], ScoredTrace) if len(scored) == 2 else (),
        comparison=_comparison(scored) if len(scored) == 2 else None,
        wordings=_wordings(scored, verified),
        verified=storage.read(verified, CompressedTrace) if verified else (),
        origin=origin,
        latents=_latents(vqvae, evals) if vqvae else None,
        trainings=_trainings(evals),
    )
    _write(told, out)


def _wordings(scored: Sequence[Path], cuts: Path | None) -> Iterator[Wording]:
    """What the wording tells of the cuts of each file of scores, by the rules of `cuts`, where
    there are any.
    """
    made = next(storage.read(cuts, CompressedTrace), None) if cuts else None
    rules = rules_of(made) if made else None
    for path in scored:
        if found := wording_of(storage.read(path, ScoredTrace), rules):
            yield found


def table(evals: Sequence[Path], format: Table, out: Path) -> None:
    """The rows alone."""
    rows = in_order(_rows(evals))
    if format == "json":
        text = msgspec.json.format(msgspec.json.encode(rows), indent=2).decode() + "\n"
    else:
        text = {"md": as_table, "latex": as_latex, "csv": as_csv}[format](rows)
    storage.write_atomic(out, text.encode())
    say(f"report: {len(rows)} rows in {out}")


def _trainings(evals: Sequence[Path]) -> Iterator[pages.Training]:
    """The curve of each judged model that was trained here, found through the model that the meta
    file of its evaluation names.
    """
    names = (_meta(path).get("options", {}).get("model") for path in evals)
    for name in dict.fromkeys(name for name in names if isinstance(name, str)):
        folder = folder_of(name)
        if folder is not None and (folder / LOG).is_file():
            points = curve.read(folder / LOG)
            yield pages.Training(
                name,
                tuple((p.step, p.loss, p.eval_loss) for p in points if isinstance(p, curve.Point)),
                tuple(p for p in points if isinstance(p, curve.RewardPoint)),
            )


def _rows(evals: Sequence[Path]) -> list[EvalRow]:
    """The rows of evaluations; `CotpressError` where there are none."""
    rows = [row for path in evals for row in storage.read(rows_path(path), EvalRow)]
    if evals and not rows:
        where = ", ".join(str(rows_path(path)) for path in evals)
        raise CotpressError(f"no rows in {where}: run `cotpress eval` again.")
    return rows


def _write(told: pages.Report, out: Path) -> None:
    """The JSON, the CSV and the Markdown, and the page where its libraries are there."""
    storage.write_atomic(out.with_suffix(".json"), pages.as_json(told).encode())
    storage.write_atomic(out.with_suffix(".md"), pages.as_markdown(told).encode())
    storage.write_atomic(out.with_suffix(".csv"), as_csv(told.rows).encode())
    shown = f"{len(told.rows)} rows, {len(told.examples.shown)} of {told.examples.total} problems"
    try:
        html = pages.as_html(told)
    except MissingExtra as missing:
        say(
            f"report: {shown} in {out.with_suffix('.json')} and {out.with_suffix('.md')}; {missing}"
        )
        return
    storage.write_atomic(out, html.encode())
    say(
        f"report: {shown} in {out}, {out.with_suffix('.json').name} "
        f"and {out.with_suffix('.md').name}"
    )


def _command(
    evals: Sequence[Path],
    scored: Sequence[Path],
    verified: Path | None,
    vqvae: Path | None,
    out: Path,
) -> str:
    """The command that makes this report, to be pasted."""
    named = [
        *(["--scored", *scored] if scored else []),
        *(["--verified", verified] if verified else []),
        *(["--vqvae", vqvae] if vqvae else []),
    ]
    return shlex.join(["cotpress", "report", *map(str, [*evals, *named, "--out", out])])


def _latents(vqvae: Path, evals: Sequence[Path]) -> Latents:
    """What the codes stand for, and some answers decoded;
    needs torch only where an answer has codes.
    """
    last = about(vqvae).figures[-1]
    worth = Worth(
        last.reasoning,
        last.other_codes,
        last.position,
        last.unigram,
        last.perplexity,
        tuple(last.by_class()),
    )
    codes = [Code(use.code, use.uses, use.decoded, use.chunks) for use in code_uses(vqvae)]
    answers = list(chosen(chain.from_iterable(storage.read(path, Trace) for path in evals)))
    if not answers:
        return section(codes, (), worth)
    for package in ("torch", "transformers", "safetensors"):
        plugins.require(package, "cotpress report --vqvae")
    from cotpress.latent.explain import explained

    return section(codes, explained(vqvae, answers), worth)


def _comparison(scored: list[Path]) -> Comparison:
    """What the two scorers agree on."""
    found = compare(*(storage.read(path, ScoredTrace) for path in scored))
    if found is None:
        raise CotpressError(
            f"{scored[0]} and {scored[1]} have no trace in common: score "
            "the same traces with both scorers."
        )
    return found


def _meta(path: Path) -> dict[str, Any]:
    """The meta file beside a file; empty where there is none."""
    about = storage.meta_path(path)
    return msgspec.json.decode(about.read_bytes(), type=dict[str, Any]) if about.exists() else {}
