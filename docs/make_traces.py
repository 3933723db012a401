"""Write docs/traces.md: ten traces of the bundled model that overthinks, each cut at three ratios,
by tokens and by steps, with what was dropped struck out and what is needed in bold.

    python docs/make_traces.py

About a minute on one CPU core; greedy, so that it writes the same page again.
"""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import islice
from pathlib import Path

import cotpress
from cotpress.pieces import Piece
from cotpress.pipeline.compress import cut_pieces
from cotpress.pipeline.segmenting import chosen_rules
from cotpress.records import ScoredTrace
from cotpress.tasks.overthink import NEEDED, label

PAGE = Path(__file__).parent / "traces.md"
TRACES, RATIOS = 10, (0.9, 0.7, 0.5)
UNITS = {"tokens": "number", "steps": "step"}

HEAD = """# Ten traces, and what was dropped

Answers of the bundled model `overthink` to the first ten test problems, greedy, all right. Every
part of this reasoning has a known label ([methods.md](methods.md)): what is **needed** is bold, and
what a cut drops is <del>struck out</del>. Importance is the model's own surprisal
(`--scorer surprisal:overthink`). *Tokens* is the default cut (numbers and operators are dropped
last), *steps* is `--unit step`. Other traces, scorers and ratios: `cotpress show scored.jsonl`.

What to see here: cuts by tokens thin out every sentence alike, and keep all sums, those of dead
ends and checks too, so that little else is left at 0.5. Cuts by steps drop whole thoughts, the
checks at the end first, then needed ones as well: at 0.5 a needed part is missing from {broken} of
the 10 traces. Why that can still be learnt is discussed in
[results.md](results.md#ways-to-shorten-side-by-side).

"""


def scored() -> list[ScoredTrace]:
    """The traces with the importance of their tokens."""
    task = cotpress.load_task("overthink")
    model = cotpress.load_model("overthink")
    problems = islice(task.problems("test"), TRACES)
    sampling = cotpress.Sampling(max_tokens=800)
    answers = cotpress.generate(problems, model, sampling, marker=task.marker)
    graded = list(cotpress.grade(answers, lambda _: task.grader))
    assert all(one.grade and one.grade.correct for one in graded)
    return list(cotpress.score(graded, cotpress.load_scorer("surprisal:overthink"), model))


def in_html(pieces: Sequence[Piece], needed: Sequence[bool]) -> str:
    """Text with what is dropped struck out, and what is needed bold; `needed` is by character."""
    found, at = [], 0
    for text, kept in pieces:
        for bold, part in _runs(text, needed[at : at + len(text)]):
            shown = f"<b>{escape(part)}</b>" if bold else escape(part)
            found.append(shown if kept else f"<del>{shown}</del>")
        at += len(text)
    return "".join(found)


def _runs(text: str, marks: Sequence[bool]) -> Iterator[tuple[bool, str]]:
    """The text in parts of one mark."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or marks[end] != marks[start]:
            yield marks[start], text[start:end]
            start = end


def page() -> str:
    """The whole page."""
    parts, broken = [], 0
    for number, one in enumerate(scored(), 1):
        trace = one.trace
        needed = [
            span.label == NEEDED
            for span in label(trace.reasoning)
            for _ in range(span.start, span.end)
        ]
        parts.append(f"## {number}. Answer: {trace.problem.answer}\n\n{trace.problem.question}\n")
        for name, unit in UNITS.items():
            rules = chosen_rules(one, unit, None, "")
            for ratio in RATIOS:
                cut, pieces = cut_pieces(one, ratio, rules)
                whole = "".join(text for text, _ in pieces)
                assert whole == trace.reasoning
                parts.append(
                    f"**{ratio:g} by {name}**, {cut.n_tokens} of {trace.n_tokens} tokens:\n\n"
                    f"<p>{in_html(pieces, needed)}</p>\n"
                )
            kept = [kept for text, kept in pieces for _ in text]
            missing = any(
                not any(kept[span.start : span.end])
                for span in label(trace.reasoning)
                if span.label == NEEDED
            )
            broken += missing and unit == "step"
    return HEAD.format(broken=broken) + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
