"""`TrainingExample -> checkpoint`: LoRA or full fine-tuning with the loss on completions only.

TokenSkip's settings are the defaults (specification section 2.7). TRL's `SFTTrainer` and PEFT do
the work, on rows that are already token ids, so that no chat template can render them again. Four
things of theirs are changed:

- On a CPU TRL's fused language-model head scores every position again for entropy and accuracy: 1.4
  steps/s against 2.0 for a plain loop (0.8 M parameters, 24 x 110 tokens a step, one core). There
  the model's own loss is used.
- The examples of one step are sorted by length before they are split into micro-batches: the same
  gradient with less padding, 2.45 steps/s. Grouping by length across steps gains no more (2.49) and
  would fill a step with one ratio.
- Short rows of a micro-batch stand together in one where the model keeps them apart
  (training/packing.py): 0.97 to 2.00 times as fast, the more their lengths differ.
- Rows are never cut: those that are too long are left out and counted, and more than a few are
  refused.
"""

import math
import os
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch
from peft import LoraConfig, PeftModel
from transformers import PreTrainedModel, PrinterCallback
from trl import SFTConfig

from cotpress import __version__, storage
from cotpress.errors import CotpressError, UnknownName
from cotpress.lm import devices
from cotpress.lm.checkpoint import folder_of
from cotpress.models.hf import HFModel
from cotpress.pipeline import overlap
from cotpress.pipeline.build import pretokenized_rows, unmarked
from cotpress.records import TrainingExample
from cotpress.training import folder as folder
from cotpress.training import packing
from cotpress.training.counting import miscounted
from cotpress.training.curve import LOG, Losses, curve, summed_up
from cotpress.training.facts import Facts, facts
from cotpress.training.held_out import split
from cotpress.training.memory import tokens_that_fit
from cotpress.training.options import MICRO_TOKENS, MOST, TrainOptions, TrainSummary
from cotpress.training.quantised import quantised
from cotpress.training.rows import Row, dataset
from cotpress.training.trainer import CompletionTrainer, Progress, SortedSteps
from cotpress.training.vocabulary import is_tied, latent_rows, with_latents

NOT_THE_WEIGHTS = (
    "micro_batch",
    "max_left_out",
    "save_every",
    "gradient_checkpointing",
    "report_to",
)
"""Options that decide memory, speed or messages: a run goes on under others."""

SCHEDULERS = {"constant": "constant_with_warmup"}
"""What transformers calls a schedule otherwise."""


def train(
    examples: Iterable[TrainingExample],
    model: HFModel,
    out: Path,
    options: TrainOptions | None = None,
    *,
    say: Callable[[str], None] = print,
) -> TrainSummary:
    """Teach `model` the completions, in the folder `out`; goes on where an interrupted run of the
    same kind stopped.

    A finished folder is left as it is. Under a launcher (`accelerate launch`, `torchrun`) every
    process calls this and the first one writes. The loss is the cross-entropy of completion and
    end of turn; the defaults are TokenSkip's (arXiv 2502.12067).

    Args:
        examples: What `build` gives; those too long are left out, never cut. They are gone through
            several times: an iterator is held as a list, of a file of them (`jsonl.Records`) only
            token ids are.
        model: A transformers model, whose weights are changed in place; rows for latent tokens
            are added where the examples need them.
        out: Folder for weights or adapter, tokenizer, `cotpress.json`, and for what a rerun goes
            on from.
        options: How to train; default: `TrainOptions()`, a LoRA adapter for three epochs.
        say: Gets a line of progress now and then.

    Returns:
        What `cotpress.json` says: steps, losses, what was taught, what was left out by reason,
        and seconds.

    Raises:
        CotpressError: No example is left, or a larger share than `max_left_out` is left out; memory
            ends; an option does not fit the model, the machine or the examples; or `out` holds
            something else or is being written.
    """
    options = options or TrainOptions()
    examples = list(examples) if isinstance(examples, Iterator) else examples
    known = facts(examples)
    if options.quantize != "none":
        model = quantised(model, latents=known.codebook > 0)
    model = with_latents(model, known.codebook, options.seed)
    mark = fingerprint(examples, model, options)
    if found := folder.finished(out, mark):
        say(f"train: {out} was finished before under the same options; nothing to do")
        return found
    # before the weights are loaded
    devices.own_card(
        int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    )
    if known.draws > 1:
        say(
            f"train: the examples are drawn for {known.draws} epochs; each of --epochs "
            f"{options.epochs:g} goes through all of them"
        )
    for note in filter(None, (unmarked(examples, model), miscounted(examples, model))):
        say(f"train: {note}")
    left_out: Counter[str] = Counter()
    rows = trainable(examples, model, options, left_out)
    questions = taught(examples, model)
    first = int(os.environ.get("RANK", "0")) == 0
    with folder.training(out, mark) if first else nullcontext():
        began = time.monotonic()
        with warnings.catch_warnings():
            # TRL's own settings under their old names
            warnings.simplefilter("ignore", FutureWarning)
            fitted = fit(rows, model, out, options, say)
        summary = summarised(
            known, model, options, len(rows) - fitted.held_out, left_out, fitted, mark
        )
        summary = msgspec.structs.replace(summary, seconds=round(time.monotonic() - began, 3))
        if first:
            overlap.write(out, questions)
            folder.finish(out, summary)
    return summary


def taught(examples: Iterable[TrainingExample], model: HFModel) -> overlap.Questions:
    """The questions of the examples, and those that the model was taught before."""
    questions = overlap.Questions.of(one.problem.question for one in examples)
    before = folder_of(model.name)
    known = overlap.read(before) if before else None
    return known + questions if known else questions


def summarised(
    known: Facts,
    model: HFModel,
    options: TrainOptions,
    n_rows: int,
    left_out: Counter[str],
    fitted: "Fitted",
    mark: str,
) -> TrainSummary:
    """What `cotpress.json` says of a training."""
    return TrainSummary(
        base=model.name,
        base_revision=model.revision,
        tokenizer=model.tokenizer_hash,
        kind=options.method,
        **known.summary,
        examples=n_rows,
        left_out=dict(left_out),
        steps=fitted.steps,
        held_out=fitted.held_out,
        packed=fitted.packed,
        **fitted.losses._asdict(),
        seconds=0.0,
        options=options,
        version=__version__,
        fingerprint=mark,
    )


def fingerprint(examples: Iterable[TrainingExample], model: HFModel, options: TrainOptions) -> str:
    """Of everything that decides the weights."""
    deciding = {
        name: value for name, value in asdict(options).items() if name not in NOT_THE_WEIGHTS
    }
    about = {
        "model": model.name,
        "revision": model.revision,
        "tokenizer": model.tokenizer_hash,
        "options": deciding,
    }
    return storage.fingerprint({"examples": map(msgspec.to_builtins, examples), **about})


def trainable(
    examples: Iterable[TrainingExample],
    model: HFModel,
    options: TrainOptions,
    left_out: Counter[str],
) -> list[Row]:
    """The examples as token ids, without those that are too long; `left_out` counts them by reason.

    `CotpressError` if more than `options.max_left_out` of them, or all, would be left out.
    """
    context = getattr(model.torch_model.config, "max_position_embeddings", None)
    longest = options.max_length or context or math.inf
    rows = []
    for one in examples:
        for row in pretokenized_rows([one], model, left_out):
            if len(row.input_ids) > longest:
                left_out[f"longer than {longest} tokens"] += 1
            else:
                rows.append(Row.of(row, one.epoch, one.problem.id))
    n_out = left_out.total()
    reasons = ", ".join(f"{count} {why}" for why, count in sorted(left_out.items()))
    if not rows:
        raise CotpressError(f"nothing to train on: {reasons or 'the file holds no examples'}.")
    if n_out > options.max_left_out * (n_out + len(rows)):
        raise CotpressError(
            f"{n_out} of {n_out + len(rows)} examples would be left out "
            f"({reasons}), more than the share "
            f"{options.max_left_out:g}: raise --max-length or "
            "--max-left-out, or build shorter examples."
        )
    return rows


class Fitted(NamedTuple):
    """What a training came to."""

    steps: int
    held_out: int
    """Examples that were held out."""
    losses: Losses
    packed: bool
    """Whether short rows stood together in one."""


def fit(
    rows: Sequence[Row],
    model: HFModel,
    out: Path,
    options: TrainOptions,
    say: Callable[[str], None],
) -> Fitted:
    """Train and save weights (or adapter), tokenizer and the curve of the loss in `out`."""
    dtype = model.torch_model.dtype
    if options.method == "full":
        dtype = model.stored_dtype or dtype
    taught, held = split(rows, options)
    trainer = make_trainer(taught, model, out, options, say, held)
    resumed = folder.last_checkpoint(out)
    if resumed:
        say(f"train: going on from {resumed}")
    try:
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    except torch.OutOfMemoryError as error:
        micro = trainer.args.per_device_train_batch_size
        raise CotpressError(
            f"out of memory with {micro} examples at once: go on with --micro-batch "
            f"{max(1, micro // 2)}, --quantize 4bit or on a larger device."
        ) from error
    save(trainer, model, out, dtype)
    points = curve(trainer.state.log_history)
    if trainer.args.should_save:
        storage.write(out / LOG, points)
    return Fitted(trainer.state.global_step, len(held), summed_up(points), trainer.packed)


def make_trainer(
    rows: Sequence[Row],
    model: HFModel,
    out: Path,
    options: TrainOptions,
    say: Callable[[str], None],
    held: Sequence[Row] = (),
) -> CompletionTrainer:
    """The trainer for these rows, judged on those that are `held` out: the loss counts what their
    labels name.
    """
    net = model.torch_model
    cuda, n_processes = net.device.type == "cuda", int(os.environ.get("WORLD_SIZE", "1"))
    if cuda and n_processes == 1 and torch.cuda.device_count() > 1:
        raise CotpressError(
            f"{torch.cuda.device_count()} GPUs are visible: start with "
            "`accelerate launch $(which cotpress) train …`, "
            "or show one with CUDA_VISIBLE_DEVICES=0."
        )
    if options.method == "full":
        # half precision would round small updates away; computing is in bfloat16 all the same
        net.float()
    elif options.dtype != "auto" and options.quantize == "none":
        net.to(getattr(torch, options.dtype))
    room = _room(net, options) if cuda else None
    args = settings(rows, options, out, net.device.type, n_processes, held, room)
    # all weights are trained in float32, which FlashAttention does not take
    flash = options.method == "lora" and packing.take_flash(net)
    packed = flash or packing.keeps_apart(net)
    try:
        trainer = CompletionTrainer(
            net,
            args=args,
            train_dataset=dataset(rows),
            eval_dataset=dataset(held) if held else None,
            processing_class=model.tokenizer,
            peft_config=_lora(options, model) if options.method == "lora" else None,
            callbacks=[Progress(say)],
        )
    except ValueError as error:
        if "arget modules" not in str(error):
            raise
        layers = {
            name.rpartition(".")[2]
            for name, module in net.named_modules()
            if isinstance(module, torch.nn.Linear)
        }
        raise UnknownName("layer", " ".join(options.target_modules), layers) from error
    lengths, epochs = [len(row) for row in rows], [row.epoch for row in rows]
    trainer.sampler = SortedSteps(lengths, options.batch, options.seed, epochs)
    trainer.plain_loss = not cuda or (options.method == "lora" and bool(latent_rows(model)))
    trainer.padding, trainer.packed = trainer.data_collator, packed
    if flash:
        trainer.data_collator = trainer.flattened()
    elif packed:
        pad = model.tokenizer.pad_token_id or 0
        trainer.data_collator = packing.Packing(trainer.padding, pad)
    trainer.remove_callback(PrinterCallback)
    if isinstance(trainer.model, PeftModel):
        # Named, the base would be looked up, on the hub if need be, each time a checkpoint is
        # saved.
        trainer.model.active_peft_config.base_model_name_or_path = ""
    return trainer


def _room(net: PreTrainedModel, options: TrainOptions) -> int:
    """Tokens that fit on this process's GPU at once; FSDP and DeepSpeed, which share the weights
    out, leave more.
    """
    return tokens_that_fit(
        net.config,
        torch.cuda.mem_get_info(net.device)[0],
        size=4 if options.dtype == "float32" else 2,
        trained=sum(one.numel() for one in net.parameters()) if options.method == "full" else 0,
        checkpointing=options.gradient_checkpointing,
    )


def settings(
    rows: Sequence[Row],
    options: TrainOptions,
    out: Path,
    device: str,
    n_processes: int,
    held: Sequence[Row] = (),
    room: int | None = None,
) -> SFTConfig:
    """TRL's settings: TokenSkip's, a checkpoint for each epoch, no row cut and no loss hidden.

    `room`: tokens that fit in memory at once; None: not known.
    """
    cuda = device == "cuda"
    longest = max((len(row) for row in [*rows, *held]), default=0)
    held_at_once = (MICRO_TOKENS, MOST) if room is None else (room, options.batch)
    micro, accumulation = options.per_process(n_processes, longest, *held_at_once)
    draws = len({row.epoch for row in rows})
    save_every = options.save_every or (
        -(-len(rows) // (draws * options.batch)) if draws > 1 else 0
    )
    strategy = "steps" if save_every else "epoch"
    if options.dtype == "float16" and not cuda:
        raise CotpressError("--dtype float16 needs a GPU: choose bfloat16 or float32.")
    halves = torch.cuda.is_bf16_supported() if cuda else False
    return SFTConfig(
        output_dir=str(out / folder.CHECKPOINTS),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps or -1,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        learning_rate=options.lr,
        lr_scheduler_type=SCHEDULERS.get(options.scheduler, options.scheduler),
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        use_cpu=device == "cpu",
        bf16=options.dtype == "bfloat16" or (options.dtype == "auto" and halves),
        fp16=options.dtype == "float16",
        gradient_checkpointing=options.gradient_checkpointing and cuda,
        dataloader_pin_memory=cuda,
        save_strategy=strategy,
        save_steps=save_every or 500,
        save_total_limit=1,
        eval_strategy=strategy if held else "no",
        eval_steps=save_every or 500,
        load_best_model_at_end=bool(held),
        metric_for_best_model="eval_loss" if held else None,
        greater_is_better=False if held else None,
        prediction_loss_only=True,
        seed=options.seed,
        # Each step: what is logged is then the same, wherever a run was interrupted.
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(options.report_to) or "none",
        disable_tqdm=True,
    )


def _lora(options: TrainOptions, model: HFModel) -> LoraConfig:
    """`all-linear` leaves out the output head: an adapter there would not be trained by the fused
    loss.

    The embeddings of latent tokens are trained whole, on both sides, and stay tied where the
    model's are.
    """
    rows = {}
    if ids := latent_rows(model):
        net = model.torch_model
        ends = [net.get_input_embeddings()] + (
            [] if is_tied(net) else [net.get_output_embeddings()]
        )
        rows = {
            name.rpartition(".")[2]: ids
            for name, module in net.named_modules()
            if any(module is one for one in ends)
        }
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        target_modules="all-linear"
        if options.target_modules == ("all-linear",)
        else list(options.target_modules),
        lora_dropout=options.lora_dropout,
        trainable_token_indices=rows or None,
        ensure_weight_tying=bool(rows) and is_tied(model.torch_model),
    )


def save(trainer: CompletionTrainer, model: HFModel, out: Path, dtype: torch.dtype) -> None:
    """Weights or adapter as safetensors, weights in `dtype` (all of them trained: that in which
    the base is stored), and the tokenizer with its chat template.

    An adapter with latent tokens is merged: no base has the rows it needs, and servers refuse such
    adapters.
    """
    net: PreTrainedModel | PeftModel = trainer.accelerator.unwrap_model(trainer.model_wrapped)
    options: dict[str, Any] = {"is_main_process": trainer.args.should_save}
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if isinstance(net, PeftModel) and latent_rows(model):
        net, state = net.merge_and_unload(), None
    if isinstance(net, PeftModel):
        net.active_peft_config.base_model_name_or_path = model.path
        options["save_embedding_layers"] = False
    else:
        net.to(dtype)
        model.stop_at_end_of_turn(net)
    net.save_pretrained(out, state_dict=state, **options)
    if trainer.args.should_save:
        model.tokenizer.save_pretrained(out)
    net.eval()
