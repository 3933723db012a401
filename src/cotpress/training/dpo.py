"""`Pair -> checkpoint` by preference: DPO (Rafailov et al., arXiv 2305.18290) on TRL.

TRL's `DPOTrainer` would render and tokenise the pairs once more; here prompts and answers are the
token ids of `pipeline.build.tokenize_example`, as in fine-tuning and serving. The loss compares
with the model at the start: the base under an adapter, else log-probabilities that are computed
before the first step.
"""

import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PrinterCallback
from trl import DPOConfig, DPOTrainer

from cotpress import __version__, storage
from cotpress.errors import CotpressError
from cotpress.lm.taught import budgets_of
from cotpress.models.hf import HFModel
from cotpress.pipeline.build import IGNORED, tokenize_example
from cotpress.pipeline.pairs import Pair
from cotpress.records import Problem, TrainingExample
from cotpress.training import folder
from cotpress.training.curve import LOG, curve, summed_up
from cotpress.training.options import TrainOptions, TrainSummary
from cotpress.training.reward_options import DpoOptions
from cotpress.training.sft import NOT_THE_WEIGHTS, SCHEDULERS, _lora, save
from cotpress.training.trainer import Progress, Stopping
from cotpress.training.vocabulary import latent_rows


class Ids(NamedTuple):
    """A pair in token ids."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]


def train(
    pairs: Sequence[Pair],
    model: HFModel,
    out: Path,
    options: TrainOptions | None = None,
    how: DpoOptions | None = None,
    *,
    say: Callable[[str], None] = print,
) -> TrainSummary:
    """Teach `model` to prefer what the pairs prefer, in the folder `out`; goes on where an
    interrupted run of the same kind stopped.
    """
    options, how = options or TrainOptions(), how or DpoOptions()
    _check(model, options)
    deciding = {key: value for key, value in asdict(options).items() if key not in NOT_THE_WEIGHTS}
    about = {"model": model.identity, "options": deciding, "dpo": asdict(how)}
    mark = storage.fingerprint({"pairs": map(msgspec.to_builtins, pairs), **about})
    if found := folder.finished(out, mark):
        say(f"train: {out} was finished before under the same options; nothing to do")
        return found
    left_out: Counter[str] = Counter()
    rows = tokenised(pairs, model, options, left_out)
    first = int(os.environ.get("RANK", "0")) == 0
    with folder.training(out, mark) if first else nullcontext():
        began, dtype = time.monotonic(), model.torch_model.dtype
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            trainer = make_trainer(rows, model, out, options, how, say)
        resumed = folder.last_checkpoint(out)
        if resumed:
            say(f"train: going on from {resumed}")
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        save(trainer, model, out, dtype)
        points = curve(trainer.state.log_history)
        if trainer.args.should_save:
            storage.write(out / LOG, points)
        asked = {one.asked.ratio for one in pairs if one.asked.ratio is not None}
        summary = TrainSummary(
            base=model.name,
            base_revision=model.revision,
            tokenizer=model.tokenizer_hash,
            kind=options.method,
            method="dpo",
            scorer="",
            ratios=sorted(asked, reverse=True),
            budgets=budgets_of([one.asked.budget for one in pairs if one.asked.budget is not None]),
            tasks=sorted({one.task for one in pairs}),
            instructions=sorted({one.instruction for one in pairs}),
            examples=len(rows),
            left_out=dict(left_out),
            steps=trainer.state.global_step,
            **summed_up(points)._asdict(),
            seconds=round(time.monotonic() - began, 3),
            stage="dpo",
            pairs=how,
            options=options,
            version=__version__,
            fingerprint=mark,
        )
        if first:
            folder.finish(out, summary)
    return summary


def _check(model: HFModel, options: TrainOptions) -> None:
    if options.method == "lora" and latent_rows(model):
        raise CotpressError(
            f"model {model.name} has latent tokens, whose rows an adapter would not train here: "
            "choose --method full."
        )
    if options.quantize != "none" or options.eval_share:
        raise CotpressError("--stage dpo takes neither --quantize nor --eval-share.")


def tokenised(
    pairs: Sequence[Pair], model: HFModel, options: TrainOptions, left_out: Counter[str]
) -> list[Ids]:
    """The pairs as token ids; those whose longer side does not fit are counted in `left_out`."""
    longest = options.max_length or model.context or 10**9
    rows = []
    for one in pairs:
        prompt, chosen = _ids(one, one.chosen[0]["content"], model)
        _, rejected = _ids(one, one.rejected[0]["content"], model)
        if len(prompt) + max(len(chosen), len(rejected)) > longest:
            left_out[f"longer than {longest} tokens"] += 1
        elif chosen == rejected:
            left_out["the same answer twice"] += 1
        else:
            rows.append(Ids(prompt, chosen, rejected))
    n_out = left_out.total()
    if not rows or n_out > options.max_left_out * len(pairs):
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(left_out.items()))
        raise CotpressError(
            f"{n_out} of {len(pairs)} pairs would be left out ({reasons or 'the file is empty'}): "
            "raise --max-length or --max-left-out, or build other pairs."
        )
    return rows


def _ids(pair: Pair, said: str, model: HFModel) -> tuple[list[int], list[int]]:
    """(prompt, answer with its end): the answer in the model's own marks of thinking."""
    problem = Problem(id=pair.problem, question="", answer="", task=pair.task)
    one = TrainingExample(
        problem=problem, asked=pair.asked, prompt=pair.prompt, completion=said, writer=pair.writer
    )
    tokens = tokenize_example(one, model)
    n = tokens.labels.count(IGNORED)
    return tokens.ids[:n], tokens.ids[n:]


class Trainer(Stopping, DPOTrainer):  # type: ignore[misc]
    """`DPOTrainer` on rows that are token ids already, without model cards."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: a checkpoint is not published."""


def make_trainer(
    rows: Sequence[Ids],
    model: HFModel,
    out: Path,
    options: TrainOptions,
    how: DpoOptions,
    say: Callable[[str], None],
) -> Trainer:
    """TRL's trainer on these rows."""
    net = model.torch_model
    if options.method == "full":
        net.float()
    elif options.dtype != "auto":
        net.to(getattr(torch, options.dtype))
    columns = {
        "prompt": ["" for _ in rows],  # TRL asks whether it is there
        "prompt_ids": [row.prompt for row in rows],
        "chosen_ids": [row.chosen for row in rows],
        "rejected_ids": [row.rejected for row in rows],
    }
    trainer = Trainer(
        net,
        args=settings(options, how, out, net.device.type),
        train_dataset=Dataset.from_dict(columns),
        processing_class=model.tokenizer,
        peft_config=_lora(options, model) if options.method == "lora" else None,
        callbacks=[Progress(say)],
    )
    trainer.remove_callback(PrinterCallback)
    if isinstance(trainer.model, PeftModel):
        trainer.model.active_peft_config.base_model_name_or_path = ""
    return trainer


def settings(options: TrainOptions, how: DpoOptions, out: Path, device: str) -> DPOConfig:
    """TRL's settings; a pair counts as one example of a batch."""
    micro, accumulation = options.per_process(int(os.environ.get("WORLD_SIZE", "1")))
    cuda = device == "cuda"
    halves = cuda and torch.cuda.is_bf16_supported()
    both = how.sft_weight > 0
    return DPOConfig(
        output_dir=str(out / folder.CHECKPOINTS),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps or -1,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        learning_rate=options.lr,
        lr_scheduler_type=SCHEDULERS.get(options.scheduler, options.scheduler),
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        max_length=None,
        beta=how.beta,
        loss_type=["sigmoid", "sft"] if both else ["sigmoid"],
        loss_weights=[1.0, how.sft_weight] if both else None,
        precompute_ref_log_probs=options.method == "full",
        use_cpu=device == "cpu",
        bf16=options.dtype == "bfloat16" or (options.dtype == "auto" and halves),
        fp16=options.dtype == "float16",
        gradient_checkpointing=options.gradient_checkpointing and cuda,
        dataloader_pin_memory=cuda,
        save_strategy="steps" if options.save_every else "epoch",
        save_steps=options.save_every or 500,
        save_total_limit=1,
        seed=options.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(options.report_to) or "none",
        disable_tqdm=True,
    )
