"""What cotpress changes in TRL's `SFTTrainer` and transformers' `Trainer`: all that it knows of
their inside.

The methods that are overridden here are not a public interface: `tests/test_upstream.py` names the
versions they were seen in, and fails where a newer one differs.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import DataLoader, Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from trl import SFTTrainer

from cotpress.errors import CotpressError

Collate = Callable[[list[dict[str, Any]]], dict[str, Any]]
"""Makes a micro-batch of rows."""

SECONDS = 10.0
"""At most one line of progress in this time."""


class Stopping:
    """Takes no step beyond the last one, before a class of transformers.

    A run that was killed between its last checkpoint and its end goes on from a state in which all
    steps are taken; in the middle of an epoch (`max_steps`, or epochs that are not whole)
    transformers would take one more.
    """

    state: TrainerState
    control: TrainerControl

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
        else:
            super()._run_epoch(*args, **kwargs)  # type: ignore[misc]


class CompletionTrainer(Stopping, SFTTrainer):  # type: ignore[misc]
    """`SFTTrainer` with steps sorted inside, a plain loss on
    CPUs, and checkpoints without model cards.
    """

    sampler: "SortedSteps"
    plain_loss: bool
    """Whether the model's own loss is used: on a CPU, and where rows
    of the output matrix are trained apart from it.
    """
    data_collator: Collate
    packed: bool
    """Whether `data_collator` puts short rows together (training/packing.py)."""
    padding: Collate
    """Makes a micro-batch with padding: as evaluation does, whose loss counts by examples."""

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> "SortedSteps":
        return self.sampler

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """TRL's fused loss on accelerators, where it saves the
        memory of the logits; otherwise the model's own.
        """
        if not self.plain_loss:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        plain = super(SFTTrainer, self).compute_loss
        return plain(model, {**inputs, "use_cache": False}, return_outputs, num_items_in_batch)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """What is held out, padded."""
        packing, self.data_collator = self.data_collator, self.padding
        try:
            loader: DataLoader[Any] = super().get_eval_dataloader(eval_dataset)
            return loader
        finally:
            self.data_collator = packing

    def flattened(self) -> Collate:
        """Makes a micro-batch one row, with the boundaries that FlashAttention asks for."""
        padding: Any = self.padding
        made: Collate = replace(padding, padding_free=True)
        return made

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: a checkpoint is not published."""


class SortedSteps(Sampler[int]):
    """Rows in a new random order each epoch, those of one step sorted by length.

    Rows that belong to epochs of their own (`epochs`) come epoch by epoch within each pass.
    """

    def __init__(
        self, lengths: Sequence[int], batch: int, seed: int, epochs: Sequence[int] = ()
    ) -> None:
        self.lengths, self.batch, self.seed, self.epoch = lengths, batch, seed, 0
        self.epochs = epochs or [0] * len(lengths)

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer, also when it goes on in the middle."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        chance = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = torch.randperm(len(self.lengths), generator=chance).tolist()
        order.sort(key=self.epochs.__getitem__)  # keeps the random order within an epoch
        for start in range(0, len(order), self.batch):
            yield from sorted(order[start : start + self.batch], key=lambda i: self.lengths[i])


class Progress(TrainerCallback):  # type: ignore[misc]
    """A line with step, loss, rate and time left now and then; stops a training that has
    diverged.
    """

    def __init__(self, say: Callable[[str], None], verb: str = "train") -> None:
        self.say = say
        self.verb = verb
        self.losses: deque[float] = deque(maxlen=10)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        self.began = self.last = time.monotonic()
        self.first = state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Take up the loss."""
        if "loss" not in logs:
            return
        self.losses.append(logs["loss"])
        if not math.isfinite(logs["loss"]):
            raise CotpressError(
                f"the loss is NaN at step {state.global_step}: train with a smaller --lr."
            )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Say how far it is."""
        now = time.monotonic()
        if now - self.last >= SECONDS and state.is_world_process_zero:
            self.last, rate = now, (state.global_step - self.first) / (now - self.began)
            left = (state.max_steps - state.global_step) / rate
            self.say(
                f"{self.verb}: step {state.global_step}/{state.max_steps} "
                f"({self.said()}{rate:.2f} steps/s, {left:.0f} s left)"
            )

    def said(self) -> str:
        """The loss of the last steps."""
        return f"loss {mean(self.losses):.3f}, " if self.losses else ""
