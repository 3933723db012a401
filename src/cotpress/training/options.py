"""How `cotpress train` trains, and what it writes down; light, so that the
command line can show the options without torch.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from cotpress import plugins
from cotpress.errors import CotpressError, UnknownName
from cotpress.lm.taught import Budgets
from cotpress.records import Record
from cotpress.training.reward_options import DpoOptions, GrpoOptions, Stage

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

Many = Parameter(consume_multiple=True)
TRAINING = Parameter(group=Group("Training", sort_key=30))
ADAPTER = Parameter(group=Group("Adapter", sort_key=31))
MACHINE = Parameter(group=Group("Memory, speed and messages", sort_key=32))


MOST = 8
"""Examples that are held at once at most, where the memory is not known; on a GPU it is."""

MICRO_TOKENS = 16384
"""Tokens, padding included, that are held at once at most, where the memory is not known."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How to train; the defaults are TokenSkip's."""

    method: Annotated[Literal["lora", "full"], TRAINING] = "lora"
    """lora: an adapter, the model itself is left alone; full: all weights."""
    epochs: Annotated[float, TRAINING] = 3.0
    """How often each example is seen."""
    max_steps: Annotated[int, TRAINING] = 0
    """Optimiser steps, in place of --epochs; 0: as many as --epochs makes."""
    lr: Annotated[float, TRAINING] = 5e-5
    """Highest learning rate."""
    scheduler: Annotated[Literal["cosine", "linear", "constant"], TRAINING] = "cosine"
    """How the learning rate goes on behind --warmup: it falls to 0
    along a cosine or a line, or stays.
    """
    warmup: Annotated[float, TRAINING] = 0.1
    """Share of the steps over which the learning rate rises."""
    weight_decay: Annotated[float, TRAINING] = 0.0
    """By how much AdamW shrinks the weights, per step and unit of learning rate."""
    max_grad_norm: Annotated[float, TRAINING] = 1.0
    """A gradient that is longer is shortened to this; 0: never."""
    batch: Annotated[int, TRAINING] = 8
    """Examples per optimiser step, over all processes."""
    max_length: Annotated[int, TRAINING] = 0
    """Longer examples, in tokens, are left out, never cut; 0: the model's context."""
    max_left_out: Annotated[float, TRAINING] = 0.05
    """Refuse to train if a larger share of the examples than this is left out."""
    eval_share: Annotated[float, TRAINING] = 0.0
    """Hold out this share of the problems, measure the loss on them at every
    checkpoint, and keep the checkpoint with the lowest.
    """
    seed: Annotated[int, TRAINING] = 42
    """Of the order of the examples, of what is held out and of the adapter's first values."""
    lora_rank: Annotated[int, ADAPTER] = 8
    """Rank of the adapter's matrices."""
    lora_alpha: Annotated[int, ADAPTER] = 16
    """The adapter's output is scaled by alpha / rank."""
    lora_dropout: Annotated[float, ADAPTER] = 0.0
    """Share of the adapter's inputs that are zeroed in training."""
    target_modules: Annotated[tuple[str, ...], ADAPTER, Many] = ("all-linear",)
    """Layers that it stands on, such as q_proj v_proj; all-linear: all but the output head."""
    quantize: Annotated[Literal["none", "4bit"], ADAPTER] = "none"
    """4bit: hold the model itself in 4 bits (NF4) under the adapter, a
    quarter of the memory; needs a GPU and bitsandbytes.
    """
    dtype: Annotated[Dtype, MACHINE] = "auto"
    """What is computed in; auto: bfloat16 on a GPU that can, else float32.
    With --method full the weights themselves stay in float32.
    """
    micro_batch: Annotated[int, MACHINE] = 0
    """Examples that one process holds at once; 0: as many as have room, by the longest of them.
    Smaller needs less memory and gives the same gradient.
    """
    gradient_checkpointing: Annotated[bool, MACHINE] = True
    """Compute activations twice instead of keeping them: less
    memory, about a third slower. Never on a CPU.
    """
    save_every: Annotated[int, MACHINE] = 0
    """Steps between two points that an interrupted run can go on from; 0: one epoch."""
    report_to: Annotated[tuple[str, ...], MACHINE] = ()
    """Trackers to report to: tensorboard, wandb, mlflow, trackio …"""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("epochs", "lr", "batch", "lora_rank", "lora_alpha"):
            if not getattr(self, name) > 0:
                raise CotpressError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g} must be above 0."
                )
        for name in (
            "micro_batch",
            "max_length",
            "save_every",
            "max_steps",
            "weight_decay",
            "max_grad_norm",
        ):
            if getattr(self, name) < 0:
                raise CotpressError(
                    f"--{name.replace('_', '-')} {getattr(self, name)} must not be below 0."
                )
        if self.quantize != "none" and self.method == "full":
            raise CotpressError(
                "--quantize 4bit holds weights that cannot be trained: leave out --method full."
            )
        for name in ("max_left_out", "warmup", "lora_dropout", "eval_share"):
            if not 0 <= getattr(self, name) < 1:
                raise CotpressError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g} must be "
                    "a share, at least 0 and below 1."
                )

    def per_process(
        self, n_processes: int, longest: int = 0, room: int = MICRO_TOKENS, most: int = MOST
    ) -> tuple[int, int]:
        """(examples held at once, how many such make a step's share) for each of the processes.

        Held at once are `most` examples at most, and no more than `room` tokens where each is as
        long as the `longest`; one in any case.
        """
        share, rest = divmod(self.batch, n_processes)
        if rest:
            raise CotpressError(
                f"--batch {self.batch} cannot be shared by {n_processes} "
                "processes: choose a multiple."
            )
        if self.micro_batch and share % self.micro_batch:
            raise CotpressError(
                f"--micro-batch {self.micro_batch} does not divide the {share} "
                "examples per step and process: choose a divisor."
            )
        fitting = max(1, min(most, share, room // longest if longest else share))
        micro = self.micro_batch or max(size for size in range(1, fitting + 1) if share % size == 0)
        return micro, share // micro


class TrainSummary(Record, frozen=True, kw_only=True):
    """What `cotpress.json` says in a trained model's folder."""

    base: str
    """Spec of the model that was trained."""
    base_revision: str
    tokenizer: str
    """Hash of the tokenizer and chat template."""
    kind: Literal["lora", "full"]
    method: str
    """Of the examples; several are joined by `+`."""
    scorer: str
    unit: str = ""
    """How the examples were cut, and what was protected: the
    control `random` of `eval` is cut alike.
    """
    protect: str = ""
    protect_regex: str = ""
    budget: str = ""
    """What a ratio held for in the cuts (`compress --budget`); empty: not recorded."""
    longest_run: int | None = None
    """Most tokens dropped in a row there; None: any, or several."""
    ratios: list[float]
    budgets: Budgets | None = None
    """Those that prompts asked for; None: none did."""
    tasks: list[str]
    instructions: list[str] | None = None
    """What stood before the questions, each different one
    once; None: trained before this was recorded.
    """
    codebook: int = 0
    """Latent tokens that were added to the vocabulary; 0: none."""
    examples: int
    """How many were trained on."""
    left_out: dict[str, int]
    steps: int
    loss: float | None
    """Mean of the last ten steps, or of the second half of fewer than twenty."""
    first_loss: float | None = None
    """Mean of as many at the beginning; the whole curve stands in `train_log.jsonl`."""
    held_out: int = 0
    """Examples on whose problems nothing was trained (`--eval-share`)."""
    eval_loss: float | None = None
    """The lowest on those: that of the checkpoint that was kept."""
    best_step: int | None = None
    packed: bool = False
    """Whether short examples stood together in one row, which the model was seen to keep apart;
    else they were padded.
    """
    seconds: float
    """Of the last, uninterrupted stretch."""
    stage: Stage = "sft"
    reward: GrpoOptions | None = None
    """Of `--stage grpo`."""
    pairs: DpoOptions | None = None
    """Of `--stage dpo`."""
    options: TrainOptions
    version: str
    fingerprint: str


FEW_STEPS = 30
"""Fewer teach next to nothing at the usual learning rates."""

LITTLE = 0.05
"""A loss that fell by a smaller share than this taught next to nothing."""


def too_little(steps: int, first: float | None, last: float | None) -> str:
    """Why a training taught next to nothing, and the cure; empty where it may have taught
    something.
    """
    cure = "raise --epochs or --lr, or give it more examples"
    if steps < FEW_STEPS:
        return f"{steps} steps teach next to nothing: {cure}."
    if first is not None and last is not None and last > (1 - LITTLE) * first:
        return (
            f"the loss went from {first:.3f} to {last:.3f}, so next to nothing was taught: {cure}."
        )
    return ""


def check_trackers(options: TrainOptions | None) -> None:
    """`CotpressError` for a tracker that transformers does
    not know, or whose package is not installed.
    """
    if not options or not options.report_to:
        return
    trackers = plugins.require(
        "transformers", "cotpress train"
    ).integrations.integration_utils.INTEGRATION_TO_CALLBACK
    for name in options.report_to:
        if name not in trackers:
            raise UnknownName("tracker", name, trackers)
        try:
            trackers[name]()
        except (RuntimeError, ImportError) as error:
            raise CotpressError(f"--report-to {name}: {error}") from error
