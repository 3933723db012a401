"""Examples, traces and cuts for tests of what is built and trained."""

from cotpress.records import CompressedTrace, Grade, Problem, Trace, TrainingExample


def make_examples(n: int = 4, ratio: float = 0.5) -> list[TrainingExample]:
    """Sums, each with its own answer."""
    problems = [Problem(id=f"sum/{i}", question=f"{i} + {i + 1}", answer=f"{2 * i + 1}", task="sums") for i in range(n)]
    return [
        TrainingExample(
            problem=one,
            ratio=ratio,
            prompt=one.prompt(ratio),
            completion=f"{one.question} = {one.answer}, so the answer is {one.answer}" + "." * (i % 3),
            method="tokenskip",
            scorer="surprisal:x",
            unit="number",
            protect="symbols",
        )
        for i, one in enumerate(problems)
    ]


def make_trace(i: int = 0, **others: object) -> Trace:
    """A finished, right trace."""
    fields = {
        "problem": Problem(id=f"sum/{i}", question=f"{i} + 1?", answer=f"{i + 1}", task="sums", instruction="Add."),
        "model": "m",
        "reasoning": f"we add {i} and 1 and get {i + 1}",
        "closing": "\n\n",
        "conclusion": f"The answer is {i + 1}.",
        "n_tokens": 9,
        "n_conclusion_tokens": 5,
        "finished": True,
        "grade": Grade(answer=f"{i + 1}", correct=True, status="ok"),
    }
    return Trace(**(fields | others))  # type: ignore[arg-type]


def make_cuts(trace: Trace, ratios: tuple[float, ...] = (0.9, 0.8, 0.7, 0.6, 0.5)) -> list[CompressedTrace]:
    """The trace at each ratio, its reasoning cut by characters."""
    return [
        CompressedTrace(
            trace=trace,
            method="tokenskip",
            scorer="surprisal:x",
            unit="number",
            protect="symbols",
            ratio=ratio,
            reasoning=trace.reasoning[: round(ratio * len(trace.reasoning))],
            kept=ratio,
            n_tokens=round(ratio * trace.n_tokens),
        )
        for ratio in ratios
    ]
