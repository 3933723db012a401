"""How `cotpress train` trains, and what it writes down; light, so that the
command line can show the options without torch.
"""

from dataclasses import dataclass
from typing import Literal

from cotpress import plugins
from cotpress.errors import CotpressError, UnknownName
from cotpress.records import Record


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How to train; the defaults are TokenSkip's."""

    method: Literal["lora", "full"] = "lora"
    """lora: an adapter, the model itself is left alone; full: all weights."""
    epochs: float = 3.0
    """How often each example is seen."""
    lr: float = 5e-5
    """Highest learning rate; it falls to 0 along a cosine."""
    batch: int = 8
    """Examples per optimiser step, over all processes."""
    micro_batch: int = 0
    """Examples that one process holds at once; 0: up to 8. Smaller
    needs less memory and gives the same gradient.
    """
    max_length: int = 0
    """Longer examples, in tokens, are left out, never cut; 0: the model's context."""
    max_left_out: float = 0.05
    """Refuse to train if a larger share of the examples than this is left out."""
    warmup: float = 0.1
    """Share of the steps over which the learning rate rises."""
    lora_rank: int = 8
    """Rank of the adapter's matrices."""
    lora_alpha: int = 16
    """The adapter's output is scaled by alpha / rank."""
    seed: int = 42
    """Of the order of the examples and of the adapter's first values."""
    save_every: int = 0
    """Steps between two points that an interrupted run can go on from; 0: one epoch."""
    gradient_checkpointing: bool = True
    """Compute activations twice instead of keeping them: less
    memory, about a third slower. Never on a CPU.
    """
    report_to: tuple[str, ...] = ()
    """Trackers to report to: tensorboard, wandb, mlflow, trackio …"""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("epochs", "lr", "batch", "lora_rank", "lora_alpha"):
            if not getattr(self, name) > 0:
                raise CotpressError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g} must be above 0."
                )
        for name in ("micro_batch", "max_length", "save_every"):
            if getattr(self, name) < 0:
                raise CotpressError(
                    f"--{name.replace('_', '-')} {getattr(self, name)} must not be below 0."
                )
        for name in ("max_left_out", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                raise CotpressError(
                    f"--{name.replace('_', '-')} {getattr(self, name):g} must be "
                    "a share, at least 0 and below 1."
                )

    def per_process(self, n_processes: int) -> tuple[int, int]:
        """(examples held at once, how many such make a step's share) for each of the processes."""
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
        micro = self.micro_batch or max(
            size for size in range(1, min(8, share) + 1) if share % size == 0
        )
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
    ratios: list[float]
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
    """Mean of the last logged steps; None for a run too short to log."""
    seconds: float
    """Of the last, uninterrupted stretch."""
    options: TrainOptions
    version: str
    fingerprint: str


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
