"""The nouns: what flows between two verbs, as frozen records.

`Problem -> Trace -> ScoredTrace -> CompressedTrace -> TrainingExample`, and `EvalRow` at the end.
The field names are the public file format (docs/formats.md): fields may be added, never renamed.
`Problem.prompt` is the only place in the package where a question and a ratio or budget become
words, so that training and serving prompts cannot drift apart.
"""

from math import isfinite
from typing import ClassVar, Literal

import msgspec

from cotpress.pieces import Piece, aligned, in_html
from cotpress.prompts import Message, as_text, budget_tag, ratio_tag


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records: immutable, compared by value, unknown
    fields ignored so that newer files still load.
    """

    written_by: ClassVar[tuple[str, ...]] = ()
    """The verbs that write files of these; empty for what stands inside of others."""
    superseded: ClassVar[tuple[str, ...]] = ()
    """Fields that only lines of 0.1.0 have: such a file is refused, not read as what it is not."""


class Asked(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What a prompt asks for, beside the answer: a ratio, a budget, or nothing."""

    ratio: float | None = None
    """Fraction of reasoning tokens to keep."""
    budget: int | None = None
    """Reasoning tokens to spend at most."""

    def __post_init__(self) -> None:
        """Refuse both at once."""
        if self.ratio is not None and self.budget is not None:
            raise ValueError("a ratio or a budget is asked for, not both")

    @property
    def tag(self) -> str:
        """The text that asks for it, at the end of the question; empty for nothing and for ratio
        1.0.
        """
        return ratio_tag(self.ratio) + budget_tag(self.budget)

    def __str__(self) -> str:
        """`0.5`, `200 tokens` or `None`, as keys have it."""
        return f"{self.ratio}" if self.budget is None else f"{self.budget} tokens"


NOTHING = Asked()
"""The plain question."""


class Problem(Record, frozen=True, kw_only=True):
    """A question with its reference answer."""

    id: str
    question: str
    answer: str
    task: str
    instruction: str = ""
    """What the task asks of every model, before the question; part of the prompt."""
    system: str = ""
    """The system turn; empty: none."""
    history: list[Message] = []
    """Turns before the question."""
    followed: list[Message] = []
    """Turns between the question and the reply: tool calls and what they gave."""
    stratum: str = ""
    """A part of the task that is reported apart, such as MATH-500's level."""

    @property
    def asked(self) -> str:
        """The user turn without a tag: instruction and question, a tag of its own escaped."""
        question = as_text(self.question)
        return f"{self.instruction}\n{question}" if self.instruction else question

    def prompt(self, ratio: float | None = None, *, budget: int | None = None) -> list[Message]:
        """The chat that asks this question at `ratio` (fraction of reasoning tokens to keep; None
        or 1.0: no tag) or at `budget` (reasoning tokens; None: no tag): the tag stands at the end
        of the question. Both are a `ValueError`.
        """
        tag = Asked(ratio=ratio, budget=budget).tag
        system: list[Message] = [{"role": "system", "content": self.system}] if self.system else []
        asked: Message = {"role": "user", "content": self.asked + tag}
        return [*system, *self.history, asked, *self.followed]


class Grade(Record, frozen=True, kw_only=True):
    """Is the answer right, and what was read as the answer."""

    answer: str | None
    """The answer that was read from the completion; None where there was none."""
    correct: bool
    status: Literal["ok", "no_answer", "timeout", "error"]

    @property
    def fault(self) -> str:
        """Why nothing is learnt from such an answer; empty for a right one."""
        if self.correct:
            return ""
        known = {"ok": "wrong answer", "no_answer": "no answer"}
        return known.get(self.status, "answer that could not be graded")


class Trace(Record, frozen=True, kw_only=True):
    """One completion, split once: `opening + reasoning + closing + conclusion + ending`."""

    written_by = ("generate", "grade", "import", "select")
    superseded = ("ratio",)

    problem: Problem
    model: str
    asked: Asked = NOTHING
    """What the prompt asked for."""
    sample: int = 0
    reasoning: str
    conclusion: str
    """The final answer as the model words it; empty where it could not be found."""
    n_tokens: int
    """Reasoning tokens, in the tokens of `model`."""
    n_conclusion_tokens: int
    """All other generated tokens: conclusion and markup."""
    finished: bool
    """False: the token limit ended it, or what `finish` says, and not the model."""
    finish: str = ""
    """Why it ended, in the server's word, where that was neither the model nor the limit:
    `content_filter`.
    """
    seconds: float = 0.0
    grade: Grade | None = None
    opening: str = ""
    """Markup before the reasoning, such as `<think>\\n`."""
    closing: str = ""
    """Markup or white space between reasoning and conclusion, such as `\\n</think>\\n\\n`."""
    ending: str = ""
    """Markup after the conclusion, such as `</answer>`."""
    method: str = "original"
    """How the reasoning came to be: a method or baseline of `EvalRow.method`."""
    latents: int | None = None
    """How many latent tokens the model was made to write; None: it chose."""
    blend: float | None = None
    """Weight of the trained model, where it was blended with the untouched one; None: it was not.
    """

    @property
    def ratio(self) -> float | None:
        """The ratio that was asked for."""
        return self.asked.ratio

    @property
    def cut_off(self) -> bool:
        """Whether the token limit ended it."""
        return not self.finished and not self.finish

    @property
    def key(self) -> str:
        """What makes this trace the same trace when a run is resumed."""
        forced = "" if self.latents is None else f"|{self.latents} latents"
        mixed = "" if self.blend is None else f"|weight {self.blend:g}"
        who = f"{self.problem.id}|{self.model}|{self.method}"
        return f"{who}|{self.asked}|{self.sample}{forced}{mixed}"

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        grade = self.grade
        said = "" if grade is None else ", right" if grade.correct else f", {grade.fault}"
        return in_html(
            f"{self.problem.id}, {self.model}: {self.n_tokens} reasoning tokens{said}",
            ("question", [Piece(self.problem.question, True)]),
            ("reasoning", [Piece(self.reasoning, True)]),
            ("conclusion", [Piece(self.conclusion, True)]),
        )

    def completion(self, reasoning: str | None = None, conclusion: str | None = None) -> str:
        """The assistant turn, with another reasoning and another conclusion in place of the
        original ones if they are given.
        """
        said = self.reasoning if reasoning is None else reasoning
        end = self.conclusion if conclusion is None else conclusion
        return self.opening + said + self.closing + end + self.ending


class Percentile(Record, frozen=True, kw_only=True):
    """What LLMLingua-2's released selection needs beside the scores (`compat=released` only)."""

    weights: list[int]
    """How often each piece's score counts in the percentile: its cl100k tokens."""
    chunk_ends: list[int]
    """Index after the last piece of each chunk; every chunk has a threshold of its own."""
    n_tokens: list[int] = []
    """Tokens of the target model that begin in each piece;
    filled in by `score`, which knows the target.
    """


class ScoredTrace(Record, frozen=True, kw_only=True):
    """A trace with the importance of each of its tokens: every unit,
    protection and ratio is a cut of these scores.
    """

    written_by = ("score",)
    superseded = ("protected",)

    trace: Trace
    scorer: str
    target: str = ""
    """Spec of the model to be taught, whose tokens these are."""
    ends: list[int]
    """End offset of each target-model token in characters of `trace.reasoning`, never falling; the
    last equals its length.

    Tokens that share one character end alike. A released selection has the pieces of its release
    instead.
    """
    importance: list[float]
    """One value per token; higher is kept longer."""
    percentile: Percentile | None = None
    """Set only by a scorer that reproduces a released selection; None: the exact budget."""
    given: list[float] | None = None
    """Log-likelihood with the condition, in nats, of what decided each token's importance (CTS)."""
    alone: list[float] | None = None
    """The same without the condition."""
    from_start: bool = False
    """Whether a cut keeps a beginning of the reasoning: nothing behind what is dropped."""

    def __post_init__(self) -> None:
        """Refuse what could not be cut: unequal lists, offsets
        that do not tile, importance that is not finite.
        """
        n = len(self.ends)
        if len(self.importance) != n:
            raise ValueError("ends and importance must have one entry per token")
        if any(values is not None and len(values) != n for values in (self.given, self.alone)):
            raise ValueError("given and alone must have one entry per token")
        if self.ends != sorted(self.ends) or (self.ends[-1] if n else 0) != len(
            self.trace.reasoning
        ):
            raise ValueError(
                "ends must not fall and the last must be the length of trace.reasoning"
            )
        if not all(map(isfinite, self.importance)):
            raise ValueError("importance holds a value that is not a finite number")
        if self.percentile and len(self.percentile.n_tokens) != n:
            raise ValueError("percentile.n_tokens must have one entry per piece")

    @property
    def key(self) -> str:
        """The key of the trace it scores."""
        return self.trace.key


class Verified(Record, frozen=True, kw_only=True):
    """How likely a reference model finds the whole conclusion, as
    natural log-probabilities, after which reasoning.
    """

    reference: str
    """Spec of the reference model."""
    shortened: float
    full: float
    none: float
    """Straight after the question."""
    n_tokens: int
    """Tokens of the conclusion, the reference model's."""

    @property
    def loss(self) -> float:
        """What shortening costs, in nats: the conclusion became `exp(loss)` times less likely."""
        return self.full - self.shortened


class Concluded(Record, frozen=True, kw_only=True):
    """A conclusion that was written anew, after a shortened reasoning."""

    model: str
    """Spec of the model that wrote it."""
    conclusion: str
    n_tokens: int
    """Tokens of the conclusion and of the markup around the reasoning, that model's."""
    finished: bool
    """False: the token limit ended it."""
    grade: Grade | None
    """None where there is no answer to compare with."""


Think = Literal["target", "keep", "none"]
"""Whose marks stand around a taught reasoning: those of the model to be taught, the trace's own, or
no one's.
"""

Budget = Literal["trace", "window", "dataset"]
"""What a ratio holds for (`cotpress compress --budget`)."""


class Cut(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One shorter reasoning of a trace."""

    asked: Asked
    """What it answers to."""
    reasoning: str
    kept: float
    """What was really kept: fraction of the reasoning's target-model tokens."""
    n_tokens: int
    n_latent: int = 0
    epoch: int = 0
    """For which epoch of training it was drawn."""
    verified: Verified | None = None
    """What `cotpress verify` found; None where it was not run, or
    the conclusion did not fit the reference model.
    """
    concluded: Concluded | None = None
    """The conclusion that `cotpress conclude` had written for this cut; None: the trace's own."""

    @property
    def ratio(self) -> float:
        """The ratio that was asked for; 1.0 where none was."""
        return 1.0 if self.asked.ratio is None else self.asked.ratio

    @property
    def summary(self) -> str:
        """`at 0.6: 66 tokens, 0.60 kept`."""
        return f"at {self.ratio:g}: {self.n_tokens} tokens, {self.kept:.2f} kept"

    def _repr_html_(self) -> str:
        """How a notebook shows it: what is left; `CompressedTrace` also shows what is gone."""
        return in_html(f"cut {self.summary}", ("reasoning", [Piece(self.reasoning, True)]))


class CompressedTrace(Record, frozen=True, kw_only=True):
    """A trace with its shorter reasonings; its own conclusion is never touched."""

    written_by = ("compress", "mix")
    superseded = ("ratio",)

    trace: Trace
    method: str
    scorer: str
    unit: str = ""
    """In what units it was cut, and under which protection: a control
    beside it is cut alike. Empty: not by scores.
    """
    protect: str = ""
    protect_regex: str = ""
    """What was protected beside."""
    budget: Budget = "trace"
    """What a ratio holds for: each trace, each window of it,
    or all traces together by one threshold.
    """
    longest_run: int | None = None
    """No more tokens than this were dropped in a row; None: no such limit."""
    keep_answer: float | None = None
    """The loss, in nats, under which the ratio was chosen for
    this very trace; None: the ratios were asked for.
    """
    connect: str = ""
    """Words behind every reasoning whose end was dropped; part of `Cut.reasoning`, and of no count.
    """
    codebook: int = 0
    """How many latent tokens the model's vocabulary needs; 0: none."""
    cuts: list[Cut]
    """At every ratio, or for every epoch."""

    def _repr_html_(self) -> str:
        """How a notebook shows it: what each cut keeps and drops."""
        whole = self.trace.reasoning
        return in_html(
            f"{self.trace.problem.id}, cut by {self.scorer or self.method}",
            ("question", [Piece(self.trace.problem.question, True)]),
            *(
                (
                    cut.summary,
                    [Piece(cut.reasoning, True)]
                    if self.codebook
                    else aligned(whole, cut.reasoning),
                )
                for cut in self.cuts
            ),
            ("conclusion", [Piece(self.trace.conclusion, True)]),
        )

    @property
    def key(self) -> str:
        """The key of the trace."""
        return self.trace.key

    @property
    def n_tokens(self) -> int:
        """Tokens of the whole reasoning as its cuts count them, the target model's; the writer's
        where every cut is empty.
        """
        longest = max(self.cuts, key=lambda cut: cut.n_tokens)
        return round(longest.n_tokens / longest.kept) if longest.kept else self.trace.n_tokens


class TrainingExample(Record, frozen=True, kw_only=True):
    """What the model is taught: this prompt, that completion."""

    written_by = ("build",)
    superseded = ("ratio",)

    problem: Problem
    asked: Asked
    prompt: list[Message]
    completion: str
    """The assistant's turn in the marks of the trace: `opening + reasoning + closing + conclusion +
    ending`.
    """
    opening: str = ""
    closing: str = ""
    conclusion: str = ""
    ending: str = ""
    think: Think = "target"
    """In whose marks the turn is taught."""
    writer: str = ""
    """The model that wrote the trace: where its template marks no thinking, its own are kept."""
    method: str = ""
    scorer: str = ""
    unit: str = ""
    """As of the cut (`CompressedTrace`)."""
    protect: str = ""
    protect_regex: str = ""
    budget: Budget = "trace"
    longest_run: int | None = None
    epoch: int = 0
    """In which epoch it is seen, where every epoch has examples of its own."""
    codebook: int = 0
    """How many latent tokens the model's vocabulary needs; 0: none."""

    def __post_init__(self) -> None:
        """Refuse parts that are not those of the completion."""
        begins, ends = self.opening, self.closing + self.conclusion + self.ending
        whole = len(begins) + len(ends) <= len(self.completion)
        if not (whole and self.completion.startswith(begins) and self.completion.endswith(ends)):
            raise ValueError("opening, closing, conclusion and ending must be those of completion")

    @property
    def ratio(self) -> float | None:
        """The ratio that the prompt asks for."""
        return self.asked.ratio

    @property
    def reasoning(self) -> str:
        """What is taught as reasoning."""
        ends = len(self.closing) + len(self.conclusion) + len(self.ending)
        return self.completion[len(self.opening) : len(self.completion) - ends]


class Setting(Record, frozen=True, kw_only=True):
    """Who answers, by which method, and what is asked for:
    traces and rows of one setting belong together.
    """

    model: str
    method: str
    asked: Asked = NOTHING
    latents: int | None = None
    """How many latent tokens the model was made to write; None: it chose."""
    blend: float | None = None
    """Weight of the trained model, where it was blended with the untouched one; None: it was not.
    """


class Lengths(Record, frozen=True, kw_only=True):
    """How long some answers reason, in tokens."""

    n: int
    """Answers."""
    mean: float
    median: float
    p90: float
    """Nine of ten are no longer."""


class Stratum(Record, frozen=True, kw_only=True):
    """A row's figures on the problems of one stratum."""

    name: str
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    mean_tokens: float
    kept: float | None = None
    """Against the original model on the same problems."""


class EvalRow(Record, frozen=True, kw_only=True):
    """One method at one ratio on one set of problems; lengths are in
    the evaluated model's tokens, failures included.
    """

    written_by = ("eval",)
    superseded = ("ratio",)

    setting: Setting
    task: str
    n: int
    """Problems."""
    accuracy: float
    """Mean over the problems; with several answers a problem of the share that is right (avg@k)."""
    accuracy_low: float
    """95 % interval over problems: Wilson's, or with several
    answers a problem a bootstrap of the problems.
    """
    accuracy_high: float
    mean_tokens: float
    """Reasoning tokens per problem, wrong and cut-off answers included."""
    mean_tokens_low: float | None = None
    """95 % interval of `mean_tokens`, over problems; None of a single one."""
    mean_tokens_high: float | None = None
    kept: float | None
    """Actual ratio: mean_tokens over those of the original model
    on the same problems; None without an original.
    """
    truncated: float
    """Share of completions that the token limit ended."""
    looping: float
    """Share of completions that end in a repetition."""
    seconds_per_problem: float
    """Of one answer."""
    mean_total_tokens: float = 0.0
    """Reasoning, markup and conclusion."""
    unsplit: float = 0.0
    """Share of completions without a conclusion that could be separated from the reasoning."""
    p_value: float | None = None
    """Test against the original model on the same problems, exact McNemar or with several answers
    a problem a sign-flip permutation; None for the original itself.
    """
    scorer: str = ""
    statuses: dict[str, int] = {}
    """How many answers had which grading status."""
    kept_low: float | None = None
    """95 % interval of `kept`, over problems."""
    kept_high: float | None = None
    kept_own: float | None = None
    """Like `kept`, but over the same model and method at
    ratio 1.0 (the base of TokenSkip's Table 2).
    """
    mean_latent: float = 0.0
    """Latent tokens per problem, a part of the reasoning tokens."""
    mean_markers: float = 0.0
    """Markers around latent tokens per problem; the rest of the reasoning tokens is text."""
    with_latents: float = 0.0
    """Share of completions with any latent token."""
    changed: float | None = None
    """For `corrupted-codes`: share of answers that differ from
    the model's own, where it used latent tokens.
    """
    note: str = ""
    """What must not be missed about the ratio: it was never
    trained on, or the actual one is another.
    """
    k: int = 1
    """Answers a problem."""
    seed: int = 0
    """Seed of the run."""
    pass_at_k: float | None = None
    """Share of problems of which any of k answers is right, unbiased; None for one answer."""
    maj_at_k: float | None = None
    """Share of problems of which the most frequent of k answers is right; None for one answer."""
    lengths_right: Lengths | None = None
    """Reasoning of right answers; None where there are none."""
    lengths_wrong: Lengths | None = None
    budgets: list[int] = []
    """Reasoning tokens: the grid of `at_budget` and `within_budget`."""
    at_budget: list[float] = []
    """Share of answers that are right and reason within each budget."""
    within_budget: list[float] = []
    """Share of answers, right or wrong, that reason within each budget: how lengths are
    distributed; empty: not recorded, as in rows of earlier versions.
    """
    budget_area: float | None = None
    """Mean of that share over all budgets from 0 to the last one (AUC_OAA)."""
    asked_error: float | None = None
    """Mean of |asked - actual| / asked, in reasoning tokens of each
    answer; None where nothing was asked for.
    """
    asked_error_low: float | None = None
    """95 % interval of `asked_error`, over problems; None of a single one."""
    asked_error_high: float | None = None
    over_asked: float | None = None
    """Share of answers that reason longer than they were asked to."""
    answer_stated: float | None = None
    """Share of answers whose reasoning states the right answer; None where it cannot be read."""
    after_answer: float | None = None
    """Of those, the share of the reasoning that comes after its first statement."""
    conclusion_growth: float | None = None
    """Tokens outside the reasoning over those of the original model on the same problems."""
    aes: float | None = None
    """Accuracy-Efficiency Score against the original model (O1-Pruner); None without one."""
    ock_score: float | None = None
    """OckScore (OckBench), in points."""
    overlap: int | None = None
    """Problems whose question the judged model was also taught, or nearly so; None: not known."""
    strata: list[Stratum] = []

    @property
    def model(self) -> str:
        """Who answers."""
        return self.setting.model

    @property
    def method(self) -> str:
        """By which method."""
        return self.setting.method

    @property
    def ratio(self) -> float | None:
        """The ratio that was asked for."""
        return self.setting.asked.ratio

    @property
    def budget(self) -> int | None:
        """The reasoning tokens that were asked for, or allowed."""
        return self.setting.asked.budget

    @property
    def latents(self) -> int | None:
        """How many latent tokens were forced."""
        return self.setting.latents

    @property
    def blend(self) -> float | None:
        """Weight of the trained model in a blend with the untouched one."""
        return self.setting.blend
