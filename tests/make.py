"""What tests are about, made in memory: problems, traces,
scores, cuts, rows and a model that speaks in words.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from cotpress.pipeline.segmenting import Segments
from cotpress.records import (
    Asked,
    CompressedTrace,
    Cut,
    EvalRow,
    Grade,
    Percentile,
    Problem,
    ScoredTrace,
    Setting,
    Trace,
    TrainingExample,
)


def make_problem(id: str = "p", **fields: Any) -> Problem:
    """A question with the answer 72."""
    return Problem(**{"id": id, "question": "How many?", "answer": "72", "task": "t"} | fields)


def make_trace(reasoning: str = "She sold 48/2 = 24 clips.", **fields: Any) -> Trace:
    """A finished, ungraded trace; `id`, `question`, `answer`, `instruction` and `task` are those of
    its problem.

    `ratio` is the one that it was asked for.
    """
    about = {
        name: fields.pop(name)
        for name in ("id", "question", "answer", "instruction", "task")
        if name in fields
    }
    if "ratio" in fields:
        fields["asked"] = Asked(ratio=fields.pop("ratio"))
    usual = {
        "model": "m",
        "conclusion": "The answer is 72.",
        "n_tokens": 1,
        "n_conclusion_tokens": 1,
        "finished": True,
    }
    return Trace(**{"problem": make_problem(**about), "reasoning": reasoning} | usual | fields)


def make_parts(
    texts: Sequence[str],
    importance: Sequence[float],
    n_tokens: Sequence[int] | None = None,
    protected: Sequence[bool] | None = None,
    *,
    held: Sequence[bool] = (),
    percentile: Percentile | None = None,
) -> Segments:
    """Segments of these texts: one token each and nothing protected, unless it is said."""
    n = len(texts)
    return Segments(
        "".join(texts),
        list(accumulate(map(len, texts))),
        list(importance),
        [1] * n if n_tokens is None else list(n_tokens),
        [False] * n if protected is None else list(protected),
        held,
        percentile=percentile,
    )


def make_scored(
    texts: Sequence[str],
    importance: Sequence[float],
    *,
    scorer: str = "s",
    percentile: Percentile | None = None,
    **fields: Any,
) -> ScoredTrace:
    """A trace of which each text is a token."""
    return ScoredTrace(
        trace=make_trace("".join(texts), **fields),
        scorer=scorer,
        ends=list(accumulate(map(len, texts))),
        importance=list(importance),
        percentile=percentile,
    )


def make_compressed(trace: Trace, cuts: Mapping[float, str], **fields: Any) -> CompressedTrace:
    """A trace with its reasoning at each ratio, a token per character."""
    total = max(1, len(trace.reasoning))
    made = [
        Cut(asked=Asked(ratio=ratio), reasoning=text, kept=len(text) / total, n_tokens=len(text))
        for ratio, text in cuts.items()
    ]
    return CompressedTrace(
        **{"trace": trace, "method": "tokenskip", "scorer": "s", "cuts": made} | fields
    )


def make_row(method: str = "tokenskip", ratio: float | None = 0.6, **fields: Any) -> EvalRow:
    """A row of 500 problems of which 97.6 % are right;
    `model`, `latents` and `blend` are those of its setting.
    """
    model = fields.pop("model", "runs/model" if method == "tokenskip" else "tiny")
    own = {name: fields.pop(name, None) for name in ("latents", "blend")}
    usual = {
        "setting": Setting(model=model, method=method, asked=Asked(ratio=ratio), **own),
        "task": "arithmetic",
        "n": 500,
        "accuracy": 0.976,
        "accuracy_low": 0.958,
        "accuracy_high": 0.986,
        "mean_tokens": 66.2,
        "kept": 0.61,
        "truncated": 0.0,
        "looping": 0.0,
        "seconds_per_problem": 0.01,
    }
    return EvalRow(**usual | fields)


def words(texts: Sequence[str]) -> list[list[int]]:
    """Ends of the words of each text: the tokens of a model that speaks in words."""
    return [[match.end() for match in re.finditer(r"\S+", text)] for text in texts]


def sum_trace(i: int = 0, **fields: Any) -> Trace:
    """A right trace of a sum with an answer of its own; `ratio` is the one that it was asked
    for.
    """
    if "ratio" in fields:
        fields["asked"] = Asked(ratio=fields.pop("ratio"))
    usual = {
        "problem": Problem(
            id=f"sum/{i}", question=f"{i} + 1?", answer=f"{i + 1}", task="sums", instruction="Add."
        ),
        "model": "m",
        "reasoning": f"we add {i} and 1 and get {i + 1}",
        "closing": "\n\n",
        "conclusion": f"The answer is {i + 1}.",
        "n_tokens": 9,
        "n_conclusion_tokens": 5,
        "finished": True,
        "grade": Grade(answer=f"{i + 1}", correct=True, status="ok"),
    }
    return Trace(**usual | fields)


RATIOS = (0.9, 0.8, 0.7, 0.6, 0.5)


def sum_cuts(trace: Trace, ratios: Sequence[float] = RATIOS) -> CompressedTrace:
    """The trace at each ratio, its reasoning cut by characters."""
    cuts = [
        Cut(
            asked=Asked(ratio=ratio),
            reasoning=trace.reasoning[: round(ratio * len(trace.reasoning))],
            kept=ratio,
            n_tokens=round(ratio * trace.n_tokens),
        )
        for ratio in ratios
    ]
    about = {"method": "tokenskip", "scorer": "surprisal:x", "unit": "number", "protect": "symbols"}
    return CompressedTrace(trace=trace, cuts=cuts, **about)


def sum_examples(n: int = 4, ratio: float = 0.5) -> list[TrainingExample]:
    """Sums, each with its own answer."""
    problems = [
        Problem(id=f"sum/{i}", question=f"{i} + {i + 1}", answer=f"{2 * i + 1}", task="sums")
        for i in range(n)
    ]
    return [
        TrainingExample(
            problem=one,
            asked=Asked(ratio=ratio),
            prompt=one.prompt(ratio),
            completion=f"{one.question} = {one.answer}, so the answer is {one.answer}"
            + "." * (i % 3),
            method="tokenskip",
            scorer="surprisal:x",
            unit="number",
            protect="symbols",
        )
        for i, one in enumerate(problems)
    ]
