"""What TokenSkip and CTS share: graded traces, scored by
something, cut at every ratio, taught and judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cotpress.errors import CotpressError, UnknownName
from cotpress.evaluation.baselines import BASELINES
from cotpress.pipeline import units
from cotpress.pipeline.segmenting import Protect, Rules, protected
from cotpress.prompts import check_ratio
from cotpress.training.options import TrainOptions
from cotpress.walks import CUT, EVALUATION, Many, Run, Step, judged, step


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How reasoning is cut, and what the result is held against."""

    unit: Annotated[str, CUT] = ""
    """What is kept or dropped whole: token, number, word, sentence or step;
    without it word for llmlingua2, else number.
    """
    protect: Annotated[Protect | None, CUT] = None
    """symbols (default): digits, operators, LaTeX commands and \\boxed{…} are dropped last; strict:
    never; none (default of sentence and step): like any other text, as in the papers.
    """
    protect_regex: Annotated[str, CUT] = ""
    """A regular expression: what it matches in a reasoning is protected, too."""
    ratios: Annotated[tuple[float, ...], CUT, Many] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
    """Fractions of reasoning tokens to train on and to judge at."""
    draw: Annotated[Literal["one", "all"], CUT] = "one"
    """one: each trace at one ratio drawn for it, as in the paper; all: each trace at every
    ratio.
    """
    keep_answer: Annotated[float | None, CUT] = None
    """Teach each trace cut as far as its ratios go without making its
    conclusion more than e^T times less likely.
    """
    control: Annotated[Literal["ratio", "budget", "both"], CUT] = "ratio"
    """What the prompt says of the length: the ratio of the cut, its reasoning tokens,
    or one of the two, drawn for each example.
    """
    budgets: Annotated[tuple[int, ...], EVALUATION, Many] = ()
    """Reasoning tokens to judge at, with --control budget or both, such as 128 256;
    without it three of those that were taught.
    """
    baseline: Annotated[tuple[str, ...], EVALUATION, Many] = ("truncation", "random")
    """be-concise, only-numbers, abbre-words, lc-prompt; truncation,
    random (controls at the ratio really reached).
    """

    def __post_init__(self) -> None:
        """Refuse what the verbs would refuse later."""
        for ratio in self.ratios:
            check_ratio(ratio)
        for name in self.baseline:
            if name not in BASELINES:
                raise UnknownName("baseline", name, BASELINES)
        if self.budgets and self.control == "ratio":
            raise CotpressError(
                "--budgets are for a model that is taught them: add --control budget or both."
            )
        if any(budget < 1 for budget in self.budgets):
            raise CotpressError("a budget of less than one token is none: choose 1 or more.")
        if self.unit:
            units.load(self.unit)
        protected((), "", Rules(protect_regex=self.protect_regex))

    @property
    def judged_at(self) -> dict[str, Any]:
        """What the evaluation asks for; what stands at None it takes from what was taught."""
        ratios: list[float] | None = sorted(set(self.ratios), reverse=True)
        if self.control == "ratio":
            return {"ratios": ratios}
        both = self.control == "both" and self.budgets
        return {"ratios": ratios if both else None, "budgets": list(self.budgets) or None}


def prune(
    run: Run, cut: Cut, options: TrainOptions | None, *, method: str, scorer: str, judge: str
) -> Iterator[Step]:
    """From graded.jsonl to the report; `judge` is the reference model that --keep-answer asks."""
    scored, compressed, examples, trained, answers = (
        run.out / name
        for name in ("scored.jsonl", "compressed.jsonl", "train.jsonl", "model", "eval.jsonl")
    )
    ratios = sorted(set(cut.ratios), reverse=True)
    graded = run.out / "graded.jsonl"
    yield step("score", graded, scorer=scorer, target=run.model, out=scored, **run.spread)
    how = {"unit": cut.unit, "protect": cut.protect, "protect_regex": cut.protect_regex}
    yield step("compress", scored, ratios=ratios, out=compressed, method=method, **how)
    if cut.keep_answer is not None:
        verified = run.out / "verified.jsonl"
        yield step("verify", compressed, reference=judge, out=verified, **run.spread)
        compressed = run.out / "chosen.jsonl"
        yield step("compress", verified, keep_answer=cut.keep_answer, out=compressed)
    yield step("build", compressed, out=examples, draw=cut.draw, control=cut.control)
    yield step("train", examples, model=run.model, out=trained, options=options)
    yield judged(
        run,
        run.out,
        model=str(trained),
        out=answers,
        baseline=list(cut.baseline),
        **cut.judged_at,
    )
    chosen = None if cut.keep_answer is None else compressed
    yield step("report", answers, scored=[scored], verified=chosen, out=run.out / "report.html")
