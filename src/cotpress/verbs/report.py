"""`cotpress report`: what shorter reasoning costs, as one page that works offline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cotpress import storage
from cotpress.errors import CotpressError
from cotpress.verbs.common import rows_path

Format = Literal["html", "md", "csv", "json", "latex"]


def report(
    *evals: Path,
    scored: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    verified: Path | None = None,
    vqvae: Path | None = None,
    format: Format = "html",
    out: Path,
) -> None:
    """Show what shorter reasoning costs: figures, table and traces in one HTML page, with
    report.json, report.csv and report.md beside it. Of several runs it compares methods, seeds and
    models.

    Example: cotpress report eval.jsonl --scored scored.jsonl --out report.html

    Parameters
    ----------
    evals
        What `cotpress eval` wrote, or the folder of a run that holds eval.jsonl; the rows are read
        from eval.rows.jsonl beside each.
    scored
        What `cotpress score` wrote: the page then shows, token by token, what each ratio drops; no
        evaluation is needed. Give two files on the same traces to compare two scorers.
    verified
        What `cotpress verify` or `compress` wrote of those traces: the page then shows what the
        conclusions lose, and cuts as it was cut there (--unit, --protect, --budget, --longest-run,
        --keep-answer).
    vqvae
        What `cotpress train-vqvae` wrote: the page then shows what each latent token stands for,
        and decodes those of answers.
    format
        md, latex: a table for a paper instead of the page, of several runs with mean and standard
        deviation. csv, json: every figure of every row.
    out
        Where the page goes, or the table. Without jinja2 the page is left out.
    """
    evals = tuple(path / "eval.jsonl" if path.is_dir() else path for path in evals)
    scored = scored or []
    with storage.locked(out):
        if format == "html":
            _refuse(evals, scored, out)
        elif not evals:
            raise CotpressError("a table needs what `cotpress eval` wrote: name eval.jsonl.")
        else:
            _refuse_evals(evals)
        for path in (*evals, *scored, *([verified] if verified else [])):
            with storage.reading(path), path.open("rb"):
                pass
        from cotpress.verbs import reporting  # what it loads is not needed to refuse

        if format == "html":
            reporting.page(evals, scored, verified, vqvae, out)
        else:
            reporting.table(evals, format, out)


def _refuse(evals: Sequence[Path], scored: Sequence[Path], out: Path) -> None:
    """`CotpressError` for what no report can be made of."""
    if len(scored) > 2:
        raise CotpressError(
            "--scored takes one file, or two to be compared: make a report for each pair."
        )
    if not evals and not scored:
        raise CotpressError(
            "report needs an evaluation (cotpress report eval.jsonl --out report.html), or "
            "--scored with what `cotpress score` wrote; `cotpress show` prints such a file."
        )
    if out.suffix != ".html":
        raise CotpressError(
            f"--out {out} names the HTML page: end it in .html, such as {out.with_suffix('.html')}."
        )
    _refuse_evals(evals)


def _refuse_evals(evals: Sequence[Path]) -> None:
    """`CotpressError` for traces without rows beside them."""
    for path in evals:
        if path.exists() and not rows_path(path).exists():
            raise CotpressError(
                f"no {rows_path(path)} beside {path}: run `cotpress eval` "
                "until it ends, it writes both."
            )
