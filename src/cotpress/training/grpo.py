"""`Question -> checkpoint` by rewards for the model's own answers: GRPO on TRL.

TRL's `GRPOTrainer` does the updates. The answers come through its hook for rollouts: the prompts
are the token ids of `prompt_ids`, as in training and serving, and are continued by our own batched
decoding, on the very weights that are trained, so that draws belong to seed, step, problem and
sample, and a run that was interrupted goes on as if it had not been. Each answer is split and
graded as in `generate` and `grade`, slow grading in processes that can be killed, and judged by
`rewards/`. With `--vllm` TRL's colocated engine samples in our decoding's place.
"""

import math
import os
import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from trl import GRPOConfig, GRPOTrainer

from cotpress import __version__, rewards, storage
from cotpress.errors import CotpressError
from cotpress.grading import Check
from cotpress.lm.taught import budgets_of
from cotpress.models import Request, Sampling
from cotpress.models.hf import HFModel
from cotpress.pipeline import instruction
from cotpress.pipeline.generate import split_answer, unanswered
from cotpress.pipeline.grade import Workers, grade
from cotpress.records import Trace
from cotpress.rewards import Sample
from cotpress.training import folder
from cotpress.training.curve import LOG, RewardPoint
from cotpress.training.options import TrainOptions, TrainSummary
from cotpress.training.reward_options import GrpoOptions
from cotpress.training.rewarding import Collapse, Judged, Question, judged, said_time
from cotpress.training.sft import NOT_THE_WEIGHTS, SCHEDULERS, _lora, save
from cotpress.training.trainer import Progress, Stopping
from cotpress.training.vocabulary import latent_rows

PROBE_TOKENS = 32
"""Tokens of an answer by which the speed of sampling is measured."""

LONG = 86_400.0
"""Seconds of sampling beyond which it is said how to make it less."""


def train(
    questions: Sequence[Question],
    model: HFModel,
    out: Path,
    grader: str | Check,
    options: TrainOptions | None = None,
    how: GrpoOptions | None = None,
    *,
    marker: str = "",
    say: Callable[[str], None] = print,
) -> TrainSummary:
    """Teach `model` to answer as the rewards say, in the folder `out`; goes on where an interrupted
    run of the same kind stopped. `marker` begins the conclusions of the task.
    """
    options, how = options or TrainOptions(), how or GrpoOptions()
    if not questions:
        raise CotpressError("there is no problem to train on.")
    _check(model, options, how)
    judges = [rewards.load(spec) for spec in how.reward]
    names = [one.name for one in judges]
    if len(set(names)) < len(names):
        raise CotpressError(f"--reward names one reward twice: {' '.join(how.reward)}.")
    mark = fingerprint(questions, model, options, how)
    if found := folder.finished(out, mark):
        say(f"train: {out} was finished before under the same options; nothing to do")
        return found
    first = int(os.environ.get("RANK", "0")) == 0
    with folder.training(out, mark) if first else nullcontext(), Workers() as workers:
        began, dtype = time.monotonic(), model.torch_model.dtype
        rollout = Rollout(questions, model, judges, how, options.seed, grader, marker, workers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the hook, which is called experimental
            trainer = make_trainer(rollout, model, out, options, how, say)
        if not how.vllm:
            say(f"train: {forecast(rollout, len(trainer.train_dataset), options, how)}")
        resumed = folder.last_checkpoint(out)
        if resumed:
            say(f"train: going on from {resumed}")
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        save(trainer, model, out, dtype)
        points = curve(trainer.state.log_history, names, how.weights)
        if trainer.args.should_save:
            storage.write(out / LOG, points)
        summary = summarised(questions, model, options, how, points, trainer, mark)
        summary = msgspec.structs.replace(summary, seconds=round(time.monotonic() - began, 3))
        if first:
            folder.finish(out, summary)
    return summary


def _check(model: HFModel, options: TrainOptions, how: GrpoOptions) -> None:
    if options.method == "lora" and latent_rows(model):
        raise CotpressError(
            f"model {model.name} has latent tokens, whose rows an adapter would not train here: "
            "choose --method full."
        )
    if options.quantize != "none":
        raise CotpressError("--stage grpo samples from the weights: leave out --quantize.")
    if options.eval_share:
        raise CotpressError(
            "--stage grpo has no loss to hold out for: leave out --eval-share, and judge by "
            "`cotpress eval` on another split."
        )
    if how.vllm and torch.cuda.is_available() is False:
        raise CotpressError("--vllm needs a GPU: leave it out.")


def fingerprint(
    questions: Sequence[Question], model: HFModel, options: TrainOptions, how: GrpoOptions
) -> str:
    """Of everything that decides the weights."""
    deciding = {key: value for key, value in asdict(options).items() if key not in NOT_THE_WEIGHTS}
    about = {"model": model.identity, "options": deciding, "grpo": asdict(how)}
    return storage.fingerprint({"questions": map(msgspec.to_builtins, questions), **about})


class Rollout:
    """Answers and judges a step's prompts: what TRL asks for."""

    def __init__(
        self,
        questions: Sequence[Question],
        model: HFModel,
        judges: Sequence[rewards.Reward],
        how: GrpoOptions,
        seed: int,
        grader: str | Check,
        marker: str,
        workers: Workers,
    ) -> None:
        self.questions, self.model, self.judges, self.how = questions, model, judges, how
        self.seed, self.grader, self.marker, self.workers = seed, grader, marker, workers

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, list[Any]]:
        """Prompts are numbers of questions, each as often as it has samples: token ids of prompts
        and answers, and of every answer its reward parts and the step's figures.
        """
        asked = [self.questions[int(prompt)] for prompt in prompts]
        ids = [self.model.prompt_ids(one.prompt) for one in asked]
        logprobs = None
        if trainer.use_vllm:
            _, said, found, _ = trainer.vllm_generation.generate(
                prompts=ids, images=None, num_generations=self.how.samples
            )
            logprobs = [[token[0] for token in one] for one in found]
        else:
            said = self.sampled(asked, trainer.state.global_step)
        result = self.judge(asked, said)
        return {
            "prompt_ids": ids,
            "completion_ids": said,
            "logprobs": logprobs,
            "parts": result.parts,
            "figures": [result.figures] * len(said),
        }

    def sampled(
        self, asked: Sequence[Question], step: int, max_tokens: int | None = None
    ) -> list[list[int]]:
        """An answer to each question in token ids, drawn for this step."""
        sampling = Sampling(
            max_tokens=max_tokens or self.how.max_tokens,
            temperature=self.how.temperature,
            seed=self.seed,
        )
        requests = [
            Request(key=f"{one.problem.id}|{place % self.how.samples}|{step}", messages=one.prompt)
            for place, one in enumerate(asked)
        ]
        net = self.model.torch_model
        was_training = net.training
        net.eval()
        try:
            return [row.said for row in self.model.answers(requests, sampling)]
        finally:
            net.train(was_training)

    def judge(self, asked: Sequence[Question], said: Sequence[list[int]]) -> Judged:
        """Split, grade and reward the answers."""
        traces = (
            split_answer(
                unanswered(one.problem, self.model, one.asked, place % self.how.samples),
                self.model.completion(ids),
                self.model,
                self.marker,
            )
            for place, (one, ids) in enumerate(zip(asked, said, strict=True))
        )
        graded = grade(traces, self._grader, within=self.workers)
        samples = [Sample(trace, one.wanted) for trace, one in zip(graded, asked, strict=True)]
        return judged(samples, self.judges, self.how.weights, self.how.samples)

    def _grader(self, _: Trace) -> str | Check:
        return self.grader

    def functions(self) -> list[Callable[..., list[float]]]:
        """What TRL calls for each reward: it reads off what was judged already, and logs."""
        return [_named(one.name, logs=place == 0) for place, one in enumerate(self.judges)]


def _named(name: str, *, logs: bool) -> Callable[..., list[float]]:
    def read(
        parts: Sequence[Mapping[str, float]],
        figures: Sequence[Mapping[str, float]],
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float]:
        if logs:
            for key, value in figures[0].items():
                log_metric(key, value)
        return [one[name] for one in parts]

    read.__name__ = name
    return read


class Trainer(Stopping, GRPOTrainer):  # type: ignore[misc]
    """`GRPOTrainer` whose checkpoints have no model card."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: a checkpoint is not published."""


class Watch(TrainerCallback):  # type: ignore[misc]
    """Stops a training that has collapsed; says the figures now and then."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Take up what an interrupted run saw."""
        self.collapse = Collapse(state.log_history)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Take up one step."""
        if why := self.collapse.seen(logs):
            raise CotpressError(f"stopped at step {state.global_step}: {why}")


class RewardProgress(Progress):
    """Progress that says the figures in place of the loss, which says nothing here."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        """Take up the figures."""
        super().on_log(args, state, control, logs)
        if "accuracy" in logs:
            self.figures = (
                f"reward {logs['reward']:.3f}, {logs['accuracy']:.0%} right, "
                f"{logs['tokens']:.0f} tokens, {logs['cut_off']:.0%} cut off, "
            )

    def said(self) -> str:
        """The figures of the last step."""
        return getattr(self, "figures", "")


def make_trainer(
    rollout: Rollout,
    model: HFModel,
    out: Path,
    options: TrainOptions,
    how: GrpoOptions,
    say: Callable[[str], None],
) -> Trainer:
    """TRL's trainer on the numbers of the questions; all that decides is in `settings`."""
    net = model.torch_model
    if options.method == "full":
        net.float()  # half precision would round small updates away
    elif options.dtype != "auto":
        net.to(getattr(torch, options.dtype))
    order = in_order(len(rollout.questions), options)
    model.stop_at_end_of_turn(net)  # TRL reads off it what ends an answer
    trainer = Trainer(
        net,
        reward_funcs=rollout.functions(),
        args=settings(options, how, out, net.device.type, len(rollout.questions)),
        train_dataset=Dataset.from_dict({"prompt": list(map(str, order))}),
        processing_class=model.tokenizer,
        peft_config=_lora(options, model) if options.method == "lora" else None,
        rollout_func=rollout,
        callbacks=[RewardProgress(say), Watch()],
    )
    trainer.remove_callback(PrinterCallback)
    if isinstance(trainer.model, PeftModel):
        trainer.model.active_peft_config.base_model_name_or_path = ""
    return trainer


def in_order(n: int, options: TrainOptions) -> list[int]:
    """The numbers of the questions over the whole training, each pass in an order of its own; the
    last step is full. Laid out at once, for TRL's sampler would begin anew when a run goes on.
    """
    steps = options.max_steps or math.ceil(options.epochs * n / options.batch)
    found: list[int] = []
    while len(found) < steps * options.batch:
        one = list(range(n))
        random.Random(f"{options.seed}|{len(found) // n}").shuffle(one)
        found += one
    return found[: steps * options.batch]


def settings(
    options: TrainOptions, how: GrpoOptions, out: Path, device: str, n_questions: int
) -> GRPOConfig:
    """TRL's settings: one batch of answers a step, `--batch` problems of `--samples` answers."""
    n_processes = int(os.environ.get("WORLD_SIZE", "1"))
    share, rest = divmod(options.batch, n_processes)
    if rest:
        raise CotpressError(
            f"--batch {options.batch} problems cannot be shared by {n_processes} processes: choose "
            "a multiple."
        )
    answers = share * how.samples
    if options.micro_batch and answers % options.micro_batch:
        raise CotpressError(
            f"--micro-batch {options.micro_batch} does not divide the {answers} answers per step "
            "and process: choose a divisor."
        )
    micro = options.micro_batch or max(n for n in range(1, min(8, answers) + 1) if answers % n == 0)
    cuda = device == "cuda"
    halves = cuda and torch.cuda.is_bf16_supported()
    return GRPOConfig(
        output_dir=str(out / folder.CHECKPOINTS),
        num_train_epochs=1,  # the passes are in the order of the questions
        shuffle_dataset=False,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=answers // micro,
        num_generations=how.samples,
        max_completion_length=how.max_tokens,
        temperature=how.temperature,
        learning_rate=options.lr,
        lr_scheduler_type=SCHEDULERS.get(options.scheduler, options.scheduler),
        warmup_steps=options.warmup,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        beta=how.kl,
        epsilon_high=how.clip_high,
        scale_rewards=how.scale,
        reward_weights=list(how.weights),
        multi_objective_aggregation="normalize_then_sum"
        if how.aggregate == "gdpo"
        else "sum_then_normalize",
        mask_truncated_completions=how.mask_truncated,
        use_vllm=how.vllm,
        vllm_mode="colocate",
        use_cpu=device == "cpu",
        bf16=options.dtype == "bfloat16" or (options.dtype == "auto" and halves),
        fp16=options.dtype == "float16",
        gradient_checkpointing=options.gradient_checkpointing and cuda,
        dataloader_pin_memory=cuda,
        save_strategy="steps",
        save_steps=options.save_every or math.ceil(n_questions / options.batch),
        save_total_limit=1,
        seed=options.seed,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(options.report_to) or "none",
        disable_tqdm=True,
    )


def forecast(rollout: Rollout, n_asked: int, options: TrainOptions, how: GrpoOptions) -> str:
    """How long sampling takes at most, from a rate that is measured on one problem's answers."""
    first = [rollout.questions[0]] * how.samples
    began = time.perf_counter()
    said = rollout.sampled(first, 0, min(PROBE_TOKENS, how.max_tokens))
    rate = sum(map(len, said)) / max(time.perf_counter() - began, 1e-9)
    tokens = n_asked * how.samples * how.max_tokens
    n_answers = options.batch * how.samples
    line = (
        f"{n_asked // options.batch} steps of {n_answers} answers of at most {how.max_tokens} "
        f"tokens: sampling takes at most {said_time(tokens, rate)} at the {rate:,.0f} tokens/s "
        "measured here"
    )
    if tokens / rate > LONG:
        line += "; for less choose --max-steps, --batch, --samples, --max-tokens, a GPU or --vllm"
    return line


def curve(
    history: Sequence[Mapping[str, Any]], names: Sequence[str], weights: Sequence[float]
) -> list[RewardPoint]:
    """What was logged, a point for each step, without what depends on the clock."""
    return [
        RewardPoint(
            step=entry["step"],
            accuracy=entry["accuracy"],
            tokens=entry["tokens"],
            cut_off=entry["cut_off"],
            no_variance=entry["no_variance"],
            reward=sum(
                w * entry[f"rewards/{name}/mean"] for name, w in zip(names, weights, strict=True)
            ),
            rewards={name: entry[f"rewards/{name}/mean"] for name in names},
            entropy=entry.get("entropy"),
            loss=entry.get("loss"),
            lr=entry.get("learning_rate"),
            grad_norm=entry.get("grad_norm"),
        )
        for entry in history
        if "accuracy" in entry
    ]


def summarised(
    questions: Sequence[Question],
    model: HFModel,
    options: TrainOptions,
    how: GrpoOptions,
    points: Sequence[RewardPoint],
    trainer: Trainer,
    mark: str,
) -> TrainSummary:
    """What `cotpress.json` says of the training."""
    losses = [one.loss for one in points if one.loss is not None]
    asked = {one.asked.ratio for one in questions if one.asked.ratio is not None}
    return TrainSummary(
        base=model.name,
        base_revision=model.revision,
        tokenizer=model.tokenizer_hash,
        kind=options.method,
        method="grpo",
        scorer="",
        ratios=sorted(asked, reverse=True),
        budgets=budgets_of([one.asked.budget for one in questions if one.asked.budget is not None]),
        tasks=sorted({one.problem.task for one in questions}),
        instructions=instruction.of(one.problem for one in questions),
        examples=len(questions),
        left_out={},
        steps=trainer.state.global_step,
        loss=losses[-1] if losses else None,
        seconds=0.0,
        stage="grpo",
        reward=how,
        options=options,
        version=__version__,
        fingerprint=mark,
    )
