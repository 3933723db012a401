"""What a method is called and means: the one table that `mix`, the baselines, the evaluation,
`plan` and the report read.

A name that is not in the table is that of a user's own method, and is taken for a taught one.
"""

from dataclasses import dataclass
from typing import Literal

from cotpress.errors import CotpressError

Kind = Literal["original", "taught", "prompt", "control", "ablation"]
"""original: the untouched model; taught: what a report is about; prompt: the untouched model, told
to be brief; control: what a method must beat, or what shows why it works; ablation: a taught method
with one part of it changed."""

ORIGINAL = "original"
FORCED = "forced-latents"
CORRUPTED = "corrupted-codes"
BLEND = "blend"
LC_PROMPT = "lc-prompt"
"""The one prompt that names a ratio."""
SHORTEST = "shortest"
SHORTEST_RIGHT = "shortest-right"
ALL_RIGHT = "all-right"
BUDGET = "budget"
"""Whole traces, each with its number of reasoning tokens in the prompt."""
POLICY = "policy"
"""Where nothing is asked for, and each trace had a ratio of its own."""


@dataclass(frozen=True)
class Method:
    """One row of the table."""

    kind: Kind
    sentence: str = ""
    """What it is, for a reader of the report."""
    trained: bool = True
    """Whether a trained model answers; False: the untouched one does."""
    words: str = ""
    """What a prompt adds to the instruction; `{percent}` is the share of words to leave out."""

    @property
    def servable(self) -> bool:
        """Whether it is a way to answer that one would serve, rather than one to compare
        with.
        """
        return self.kind in ("original", "taught", "ablation")


def _prompt(words: str) -> Method:
    return Method(
        "prompt", f"the original, told “{words.format(percent='N')}”", trained=False, words=words
    )


_REPLACED = {
    "all": "every chunk of the reasoning is replaced",
    "curriculum": "one more chunk is replaced with each epoch",
    "poisson": "each chunk is replaced with probability one half",
}
"""How the ablations of Token Assorted choose chunks (paper, Table 4.4)."""

_CODES: dict[str, tuple[Kind, str]] = {
    "token-assorted": ("ablation", "as token-assorted"),
    "random-codes": (
        "control",
        "as token-assorted, with random codes in place of those that encode the reasoning",
    ),
    "constant-codes": (
        "control",
        "as token-assorted, with one and the same code everywhere: a pause of the same length",
    ),
}

METHODS: dict[str, Method] = {
    ORIGINAL: Method(
        "original",
        "the untouched model; the reference is its answers to the plain question, without a ratio.",
        trained=False,
    ),
    "tokenskip": Method(
        "taught", "fine-tuned on its own reasoning, pruned to the ratio that the prompt asks for."
    ),
    "cts": Method(
        "taught",
        "as tokenskip, with importance from a reference model that is "
        "given the question and the answer.",
    ),
    "token-assorted": Method(
        "taught", "fine-tuned on reasoning whose first part is replaced by discrete latent tokens."
    ),
    SHORTEST_RIGHT: Method(
        "taught",
        "fine-tuned on the shortest right one of its own samples for each problem; in rounds, each "
        "from the model of the one before.",
    ),
    SHORTEST: Method(
        "ablation",
        "as shortest-right, but the shortest of all samples that ended by themselves, right or "
        "not.",
    ),
    "longest-right": Method(
        "control", "as shortest-right, but the longest right one: what choosing by length is worth."
    ),
    "random-right": Method(
        "control",
        "as shortest-right, but a right one at random (rejection sampling): what practice on its "
        "own right answers is worth by itself.",
    ),
    ALL_RIGHT: Method("control", "fine-tuned on all of its own right samples."),
    "earliest": Method(
        "taught",
        "fine-tuned on its own reasoning, cut behind the first statement of the right answer.",
    ),
    "prefix": Method(
        "control",
        "fine-tuned on the beginning of its own reasoning, as much as the prompt asks for, with "
        "the whole conclusion: truncation that was taught.",
    ),
    POLICY: Method(
        "taught",
        "fine-tuned on its own reasoning, each trace at the smallest ratio that keeps its answer "
        "likely, with nothing asked for in the prompt: the model decides how long it reasons.",
    ),
    BUDGET: Method(
        "taught",
        "fine-tuned on its own whole right samples, each with its number of reasoning tokens in "
        "the prompt: the model reasons as long as it is told.",
    ),
    BLEND: Method(
        "control",
        "a model between the untouched one and the trained one: its weights are theirs, "
        "interpolated (long-to-short merging); the weight beside it is the trained model's share.",
    ),
    "grpo": Method(
        "taught", "taught by rewards for its own answers, right and short (GRPO): no examples."
    ),
    "dpo": Method(
        "taught",
        "taught by pairs of its own answers: the short right one before the long right one, and "
        "before the wrong one (DPO).",
    ),
    "be-concise": _prompt("Be concise."),
    "only-numbers": _prompt("Only use numbers or equations."),
    "abbre-words": _prompt("Abbreviate words as much as possible."),
    LC_PROMPT: _prompt("Please reduce {percent}% of the words in your Chain-of-Thought process."),
    "chain-of-draft": _prompt(
        "Think step by step, but only keep a minimum draft for each thinking step, with 5 words at "
        "most. Return the answer at the end of the response after a separator ####."
    ),
    "no-think": Method(
        "control", "the original, its thinking empty and closed from the start.", trained=False
    ),
    "budget-forcing": Method(
        "control",
        "the first tokens of the original's own thinking, up to a budget that is the same for all "
        "problems; the original then concludes (s1). Without a budget it is the one that spends as "
        "many tokens in the mean as the method did.",
        trained=False,
    ),
    "native-budget": Method(
        "control",
        "the original under a budget for its thinking that the engine enforces.",
        trained=False,
    ),
    "truncation": Method(
        "control",
        "the first tokens of the original's own reasoning, as many as the "
        "method really kept; the original then only"
        " concludes, and the seconds are those of the conclusion.",
        trained=False,
    ),
    "random": Method(
        "control",
        "as truncation, with segments drawn at random in the method's own "
        "units and under its protection: what importance"
        " scores must beat without any training.",
        trained=False,
    ),
    "solution-only": Method("control", "fine-tuned to answer without reasoning."),
    "pause": Method(
        "control", "fine-tuned with pause tokens, which say nothing, in place of reasoning."
    ),
    "icot": Method(
        "control",
        "fine-tuned while the first reasoning tokens are removed step "
        "by step (implicit chain of thought).",
    ),
    "drop-only": Method(
        "control",
        "fine-tuned with the first part of the reasoning dropped and nothing in its place.",
    ),
    "drop-poisson": Method(
        "control", "fine-tuned with each chunk of the reasoning dropped with probability one half."
    ),
    "full-cot": Method(
        "control", "fine-tuned on the whole reasoning, as long as the method it is compared with."
    ),
    "pause-cot": Method("control", "fine-tuned with pause tokens in front of the whole reasoning."),
    **{
        name: Method(kind, f"{what}.") for name, (kind, what) in _CODES.items() if kind == "control"
    },
    **{
        f"{name}-{how}": Method(kind, f"{what}; {which}.")
        for name, (kind, what) in _CODES.items()
        for how, which in _REPLACED.items()
    },
    FORCED: Method(
        "control",
        "the token-assorted model, made to write the given number of latent tokens first.",
    ),
    CORRUPTED: Method(
        "control",
        "the token-assorted model, going on from its own latent tokens with "
        "other codes in their place; “answers changed” is"
        " the share that then differs.",
    ),
}


def method(name: str) -> Method:
    """What a name means; a name that is not in the table is a taught method of the user's own."""
    return METHODS.get(name, Method("taught"))


def check_taught(name: str) -> str:
    """`name`, for a method that is about to be taught. An evaluation answers by name, so that a
    model under the name of an untrained control would be passed over for that control.

    Raises:
        CotpressError: It is the name of an untrained method, or of what is done to a trained model.
    """
    if not method(name).trained or name in (FORCED, CORRUPTED, BLEND):
        raise CotpressError(
            f"{name} names a control that needs no training, and an evaluation would take your "
            "model for it: choose another --method"
            + (", such as chance." if name == "random" else ".")
        )
    return name
