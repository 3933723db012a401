"""How the stages behind supervised fine-tuning train: by rewards (GRPO), by pairs (DPO). Light, so
that the command line can show the options without torch.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from cotpress.errors import CotpressError

Stage = Literal["sft", "grpo", "dpo"]

Many = Parameter(consume_multiple=True)
GRPO = Parameter(group=Group("Stage grpo", sort_key=33))
DPO = Parameter(group=Group("Stage dpo", sort_key=34))


@dataclass(frozen=True, kw_only=True)
class GrpoOptions:
    """How answers are sampled and rewarded; the defaults are DLER's."""

    reward: Annotated[tuple[str, ...], GRPO, Many] = ("dler",)
    """What an answer is worth (see `cotpress ls`), several are added: correct shortest."""
    reward_weights: Annotated[tuple[float, ...], GRPO, Many] = ()
    """One for each --reward; 1 where none is given."""
    samples: Annotated[int, GRPO] = 8
    """Answers to each problem, which are compared with each other."""
    max_tokens: Annotated[int, GRPO] = 0
    """Longest answer; 0: what the task's answers take."""
    temperature: Annotated[float, GRPO] = 1.0
    """Of the answers."""
    scale: Annotated[Literal["batch", "group", "none"], GRPO] = "batch"
    """By whose spread an advantage is divided: that of all answers of a step, of those to its
    problem, or none (Dr. GRPO).
    """
    aggregate: Annotated[Literal["sum", "gdpo"], GRPO] = "sum"
    """sum: rewards are added, then normalised; gdpo: each is normalised first (GDPO)."""
    clip_high: Annotated[float, GRPO] = 0.28
    """Upper clip of the probability ratio (DAPO's clip-higher); the lower is 0.2."""
    mask_truncated: Annotated[bool, GRPO] = False
    """Learn nothing from answers that the limit cut off (DAPO), rather than that they are bad."""
    kl: Annotated[float, GRPO] = 0.0
    """Weight of the distance from the model at the start."""
    vllm: Annotated[bool, GRPO] = False
    """Sample with vLLM on the training's own GPUs (colocated)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        if self.samples < 2:
            raise CotpressError("--samples must be at least 2: answers are compared.")
        if self.temperature <= 0:
            raise CotpressError("--temperature must be above 0: equal answers teach nothing.")
        if not self.reward:
            raise CotpressError("name at least one --reward, such as dler.")
        if self.reward_weights and len(self.reward_weights) != len(self.reward):
            raise CotpressError(
                f"--reward-weights has {len(self.reward_weights)} values for {len(self.reward)} "
                "rewards: give one for each."
            )
        if self.max_tokens < 0 or self.kl < 0 or self.clip_high <= 0:
            raise CotpressError(
                "--max-tokens and --kl must be at least 0, and --clip-high above 0."
            )

    @property
    def weights(self) -> tuple[float, ...]:
        """One for each reward."""
        return self.reward_weights or (1.0,) * len(self.reward)


@dataclass(frozen=True, kw_only=True)
class DpoOptions:
    """How pairs are learnt."""

    beta: Annotated[float, DPO] = 0.1
    """How strongly the model is held to what it was at the start."""
    sft_weight: Annotated[float, DPO] = 0.0
    """Weight of the plain loss on the chosen answers beside DPO's (RPO has 1)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        if self.beta <= 0 or self.sft_weight < 0:
            raise CotpressError("--beta must be above 0, and --sft-weight at least 0.")
