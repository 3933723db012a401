"""`View -> HTML`: an answer as the page shows it. What a model wrote is text and never markup."""

from html import escape

from cotpress.play.session import Pair, View, compared
from cotpress.shown import visible

MARKS = {"right": "✓ right", "wrong": "✗ wrong", "no answer": "✗ no answer"}

STATES = {
    "waiting": "not asked yet",
    "writing": "writing …",
    "ended": "",
    "cut off": "cut off by the token limit",
}


def as_html(view: View) -> str:
    """One answer: its title, its figures, its reasoning and its conclusion."""
    figures = [_figure(view)] if view.state != "waiting" else []
    if state := STATES[view.state]:
        figures.append(f'<span class="state">{state}</span>')
    if view.verdict:
        kind = view.verdict.replace(" ", "-")
        mark = MARKS.get(view.verdict, view.verdict)
        figures.append(f'<span class="verdict {kind}">{mark}</span>')
    parts = [
        f"<h2><bdi>{escape(view.title)}</bdi></h2>",
        f'<p class="figures">{" · ".join(figures)}</p>',
        f'<div class="reasoning">{_text(view.reasoning)}</div>',
    ]
    if view.conclusion:
        parts.append(f'<div class="conclusion">{_text(view.conclusion)}</div>')
    return f'<article class="answer">{"".join(parts)}</article>'


def summary(pair: Pair) -> str:
    """What the shortened answer saves."""
    return f'<p class="summary" role="status">{escape(compared(pair))}</p>'


def _figure(view: View) -> str:
    return (
        f"<b>{view.n_tokens:,}</b> reasoning tokens + {view.n_other:,} others · "
        f"{view.seconds:.1f}\u00a0s"
    )


def _text(text: str) -> str:
    return escape(visible(text))
