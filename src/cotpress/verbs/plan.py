"""`cotpress plan`: which ratio or budget of an evaluation to serve, and what that saves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cotpress import storage
from cotpress.errors import BadRecord, CotpressError
from cotpress.evaluation import plan as stage
from cotpress.records import Trace
from cotpress.shown import shown
from cotpress.verbs.common import PLAIN_WIDTH


def plan(
    evaluation: Path,
    *,
    min_accuracy: float | None = None,
    max_tokens: float | None = None,
    price: float | None = None,
    json: bool = False,
) -> None:
    """Say which ratio or budget to serve, in tokens, seconds and money: the shortest that keeps an
    accuracy, or the most accurate within a length.

    Example: cotpress plan eval.jsonl --min-accuracy 0.9 --price 0.60

    Parameters
    ----------
    evaluation
        What `cotpress eval` wrote.
    min_accuracy
        Share of right answers that is to be kept; a ratio or budget is recommended only if its
        whole 95 % interval keeps it.
    max_tokens
        Generated tokens per request, in the mean, that must not be exceeded; also an upper bound.
    price
        Of a million generated tokens, in any currency: the money saved per million requests is then
        said, too.
    json
        Print the plan as JSON.
    """
    if price is not None and price < 0:
        raise CotpressError(
            f"--price {price:g} is below 0: write what a million generated tokens cost."
        )
    next(storage.lines(evaluation), None)  # a file that is not there is said before anything else
    wish = stage.Wish(min_accuracy, max_tokens)
    found = stage.plan(_counted(evaluation), wish, price)
    if json:
        print(shown(msgspec.json.format(msgspec.json.encode(found)).decode()))
        return
    for sentence in found.sentences:
        print(shown(sentence))
    if money := found.money_saved:
        interval = f"{money.mean:,.2f} [{money.low:,.2f}, {money.high:,.2f}]"
        print(f"At {price:g} per million tokens that is {interval} per million requests.")
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    console.print(table(found))


def _counted(path: Path) -> Iterator[Trace]:
    """The traces; `BadRecord` for one that says it has less than no tokens."""
    for number, trace in enumerate(storage.read(path, Trace), 1):
        for name in ("n_tokens", "n_conclusion_tokens"):
            if (n := getattr(trace, name)) < 0:
                raise BadRecord(
                    f"{path}, record {number}: {name} is {n}, and a number of tokens is at least "
                    "0: evaluate again."
                )
        yield trace


def table(found: stage.Plan) -> Table:
    """Every ratio and budget that could be served, with whether it keeps to the wish."""
    result = Table(box=None, pad_edge=False)
    kinds = {offer.budget is None for offer in found.offers}
    timed = any(offer.seconds for offer in found.offers)
    for name in (
        *(("ratio",) if True in kinds else ()),
        *(("budget",) if False in kinds else ()),
        "method",
        "n",
        "accuracy [95 %]",
        "tokens [95 %]",
        "saved [95 %]",
        *(("s",) if timed else ()),
        "truncated",
        "p",
        "meets it",
    ):
        result.add_column(
            name, justify="left" if name in ("method", "meets it") else "right", no_wrap=True
        )
    for offer in found.offers:
        accuracy = [
            100 * share for share in (offer.accuracy.mean, offer.accuracy.low, offer.accuracy.high)
        ]
        cells = (
            *(("" if offer.ratio is None else f"{offer.ratio:g}",) if True in kinds else ()),
            *(("" if offer.budget is None else f"{offer.budget:,}",) if False in kinds else ()),
            offer.method,
            str(offer.n),
            "{:.1f}% [{:.1f}, {:.1f}]".format(*accuracy),
            _shown(offer.tokens),
            _shown(offer.saved) if offer.saved else "",
            *((f"{offer.seconds.mean:.3g}" if offer.seconds else "",) if timed else ()),
            f"{offer.truncated:.1%}",
            "" if offer.p_value is None or offer == found.choice else f"{offer.p_value:.2g}",
            offer.met,
        )
        result.add_row(*(Text(shown(cell)) for cell in cells))
    return result


def _shown(mean: stage.Mean) -> str:
    return f"{mean.mean:.1f} [{mean.low:.1f}, {mean.high:.1f}]"
