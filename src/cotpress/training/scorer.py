"""Importance or keep and drop decisions -> a token classifier of your own.

The loss of a trace is that of RankNet (Burges et al. 2005) over pairs of its tokens, also across
its windows: ln(1 + exp(s_j - s_i)) where the teacher ranks i above j, weighted by the difference of
their ranks, so that all ratios are learnt and pairs that the teacher hardly tells apart count
little. Beside it stands the cross-entropy of each token's rank, which gives the output a scale that
traces share: 0 is the middle, and `compress --above 0` and `--budget dataset` have a meaning.
"""

import shutil
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from cotpress import __version__, folders, segments, storage
from cotpress.errors import CotpressError
from cotpress.lm.fitting import batch_size
from cotpress.models import hf
from cotpress.scorers.classifier import ABOUT, REASONING, Reader, tokenizer_of
from cotpress.scorers.llmlingua2 import merged, own_tokens, token_ends
from cotpress.training.folder import CHECKPOINTS, last_checkpoint
from cotpress.training.held_out import split
from cotpress.training.lessons import Lesson, of_one_teacher
from cotpress.training.options import TrainOptions
from cotpress.training.scorer_options import SHARES, Agreement, ScorerOptions, ScorerSummary
from cotpress.training.trainer import Progress, Stopping

PARTNERS = 16
"""Other tokens of its trace that each token is compared with in a step."""

KIND = folders.Kind(ABOUT, "a scorer", "was trained on other traces or with other options")

NOT_THE_WEIGHTS = ("save_every",)


def train_scorer(
    lessons: Iterable[Lesson],
    encoder: str,
    out: Path,
    options: ScorerOptions | None = None,
    *,
    dropped: Counter[str] | None = None,
    say: Callable[[str], None] = print,
) -> ScorerSummary:
    """Teach the encoder (a folder or hub id) the lessons, in the folder `out`; goes on where an
    interrupted run of the same kind stopped.

    A finished folder is left as it is. The loss is RankNet's (Burges et al. 2005) over pairs of
    tokens, with the cross-entropy of each token's rank.

    Args:
        lessons: What `lessons_from_scores` or `lessons_from_cuts` gives, of one teacher.
        encoder: Folder or hub id of a model that classifies tokens, such as
            `answerdotai/ModernBERT-base`.
        out: Folder for the scorer (`classifier:FOLDER`), and for what a rerun goes on from.
        options: How to train; default: `ScorerOptions()`.
        dropped: The counter that `lessons` fill, to be recorded in the folder.
        say: Gets a line of progress now and then.

    Returns:
        What `cotpress_scorer.json` says: traces, steps, loss, agreement with the teacher on what
        was held out, and seconds.

    Raises:
        CotpressError: There are no lessons, or those of two scorers; the encoder cannot be loaded;
            nothing is left to train on; or `out` holds something else or is being written.
    """
    options, dropped = options or ScorerOptions(), Counter() if dropped is None else dropped
    everything = list(of_one_teacher(lessons))
    if not everything:
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(dropped.items()))
        raise CotpressError(f"nothing to learn from: {reasons or 'the file holds no traces'}.")
    tokenizer = tokenizer_of(encoder)
    mark = fingerprint(everything, encoder, hf.tokenizer_hash(tokenizer, None), options)
    if folders.is_finished(out, KIND, mark):
        folders.tidy_alone(out, KIND, out / CHECKPOINTS)
        say(f"train-scorer: {out} was finished before under the same options; nothing to do")
        return msgspec.json.decode((out / ABOUT).read_bytes(), type=ScorerSummary)
    taught, held = split(everything, TrainOptions(eval_share=options.eval_share, seed=options.seed))
    with folders.making(out, KIND, mark):
        began = time.monotonic()
        torch.manual_seed(options.seed)
        reader = Reader(encoder_of(encoder), tokenizer, options.window)
        trainer = make_trainer(taught, reader, out, options, say)
        resumed = last_checkpoint(out)
        if resumed:
            say(f"train-scorer: going on from {resumed}")
        trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
        agreement, per_second = compared(held, reader)
        reader.model.save_pretrained(out)
        tokenizer.save_pretrained(out)
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        summary = ScorerSummary(
            base=encoder,
            teacher=everything[0].teacher,
            labels=everything[0].labels,
            window=reader.size,
            from_start=everything[0].from_start,
            traces=len(taught),
            held_out=len(held),
            left_out=dict(dropped),
            steps=trainer.state.global_step,
            loss=mean(losses[-10:]) if losses else None,
            agreement=agreement,
            traces_per_second=round(per_second, 3),
            seconds=round(time.monotonic() - began, 3),
            options=options,
            version=__version__,
            fingerprint=mark,
        )
        folders.finish(out, KIND, summary)
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    return summary


def fingerprint(
    lessons: Sequence[Lesson], encoder: str, tokenizer: str, options: ScorerOptions
) -> str:
    """Of everything that decides the weights."""
    deciding = {key: value for key, value in asdict(options).items() if key not in NOT_THE_WEIGHTS}
    learnt = [[one.trace.key, one.trace.reasoning, one.ends, one.values] for one in lessons]
    weights = hf.weights_hash(Path(encoder)) if Path(encoder).is_dir() else encoder
    about = {"teacher": lessons[0].teacher, "encoder": weights, "tokenizer": tokenizer}
    return storage.fingerprint({"lessons": learnt, "options": deciding, **about})


def encoder_of(target: str) -> PreTrainedModel:
    """The encoder with a new head of one output, on the GPU if there is one; `CotpressError` where
    there is no such encoder.
    """
    try:
        config = AutoConfig.from_pretrained(target, trust_remote_code=False)
        config.num_labels = 1
        config.id2label, config.label2id = {0: "importance"}, {"importance": 0}
        model = AutoModelForTokenClassification.from_pretrained(
            target,
            config=config,
            dtype=torch.float32,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # a head of two labels gives way
        )
    except (OSError, ValueError) as error:
        why = str(error).partition("\n")[0].rstrip(".")
        raise CotpressError(
            f"train-scorer: cannot load the encoder {target}: {why}; take one that classifies "
            "tokens, such as answerdotai/ModernBERT-base, or a folder."
        ) from error
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


class Lessons(torch.utils.data.Dataset[Lesson]):
    """The lessons, as a trainer takes them."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self.lessons = lessons
        self.epoch = 0
        """Which pass through them it is."""

    def __len__(self) -> int:
        return len(self.lessons)

    def __getitem__(self, place: int) -> Lesson:
        return self.lessons[place]


class Epoch(TrainerCallback):  # type: ignore[misc]
    """Tells the lessons which epoch begins, also where a run goes on in its middle."""

    def __init__(self, lessons: Lessons) -> None:
        self.lessons = lessons

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Count."""
        self.lessons.epoch = int(state.epoch or 0)


class RankTrainer(Stopping, Trainer):  # type: ignore[misc]
    """`Trainer` with the loss of ranks."""

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Tensor:
        """The loss of one batch, as `collated` makes it."""
        inputs = dict(inputs)
        places, targets, partners = (inputs.pop(name) for name in ("places", "targets", "partners"))
        outputs = model(**inputs).logits[..., 0].flatten()[places]  # (N,)
        return ranking_loss(outputs, targets, partners)


def ranking_loss(outputs: Tensor, targets: Tensor, partners: Tensor) -> Tensor:
    """RankNet's loss of `outputs` (N,) with ranks `targets` (N,) from 0 to 1, each beside its
    `partners` (N, K), by number; and the cross-entropy of the ranks.
    """
    above = targets[:, None] - targets[partners]  # (N, K)
    apart = outputs[:, None] - outputs[partners]
    weight = above.abs()
    pairs = (weight * F.softplus(-above.sign() * apart)).sum() / weight.sum().clamp(min=1e-6)
    return pairs + F.binary_cross_entropy_with_logits(outputs, targets)


def collated(lessons: Sequence[Lesson], reader: Reader, draw: str = "") -> dict[str, Tensor]:
    """The inputs of a step: all windows of these traces (B, T), the `places` (N,) of the tokens
    that count among all B x T, their `targets` (N,), and `partners` (N, K) of the same trace.

    The partners depend on the `draw` and the trace alone: inputs are made before the step that they
    are of, so that a chance shared with it would be another one where a run goes on.
    """
    windows = reader.windows(
        [one.trace.problem.question for one in lessons], [one.trace.reasoning for one in lessons]
    )
    rows = [one for parts in windows for one in parts]
    width = max(len(row.ids) for row in rows)
    places: list[int] = []
    targets: list[float] = []
    partners: list[Tensor] = []
    row = 0
    for lesson, parts in zip(lessons, windows, strict=True):
        own = own_tokens(parts, reader.overlap, REASONING)
        ends = token_ends(parts, own)
        first = len(places)
        for tokens in own:
            places += [row * width + i for i in tokens]
            row += 1
        targets += segments.spread(ends, lesson.ends, lesson.values)
        n = len(places) - first
        chance = torch.Generator().manual_seed(zlib.crc32(f"{draw}|{lesson.trace.key}".encode()))
        partners.append(first + torch.randint(n, (n, PARTNERS), generator=chance))
    return reader.inputs(rows) | {
        "places": torch.tensor(places, device=reader.model.device),
        "targets": torch.tensor(targets, device=reader.model.device),
        "partners": torch.cat(partners).to(reader.model.device),
    }


def make_trainer(
    lessons: Sequence[Lesson],
    reader: Reader,
    out: Path,
    options: ScorerOptions,
    say: Callable[[str], None],
) -> RankTrainer:
    """The trainer of these lessons, as `TrainingArguments` has it beside what is said here."""
    cpu = reader.model.device.type == "cpu"
    args = TrainingArguments(
        output_dir=str(out / CHECKPOINTS),
        num_train_epochs=options.epochs,
        max_steps=options.max_steps or -1,
        per_device_train_batch_size=options.batch,
        learning_rate=options.lr,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        remove_unused_columns=False,
        use_cpu=cpu,
        bf16=not cpu and torch.cuda.is_bf16_supported(),
        dataloader_pin_memory=False,
        save_strategy="steps" if options.save_every else "epoch",
        save_steps=options.save_every or 500,
        save_total_limit=1,
        logging_steps=1,
        logging_nan_inf_filter=False,
        seed=options.seed,
        report_to="none",
        disable_tqdm=True,
    )
    data = Lessons(lessons)
    trainer = RankTrainer(
        reader.model,
        args=args,
        train_dataset=data,
        data_collator=lambda some: collated(some, reader, f"{options.seed}|{data.epoch}"),
        callbacks=[Progress(say, "train-scorer"), Epoch(data)],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def compared(lessons: Sequence[Lesson], reader: Reader) -> tuple[list[Agreement], float]:
    """How far the student keeps what its teacher keeps of these traces, in the encoder's tokens,
    and how many traces it reads in a second. Where the teacher says only what is kept, both keep as
    many as it does.
    """
    reader.model.eval()
    found: dict[float, list[float]] = {}
    shares: list[float] = []
    seconds = 0.0
    for lesson in lessons:
        began = time.perf_counter()
        (windows,) = reader.windows([lesson.trace.problem.question], [lesson.trace.reasoning])
        values = reader.values(windows, batch_size(reader.model.device))
        seconds += time.perf_counter() - began
        read = merged(list(zip(windows, values, strict=True)), reader.overlap, REASONING)
        teacher = segments.spread(read.ends, lesson.ends, lesson.values)
        own = mean(value > 0.5 for value in teacher)
        for share in SHARES if lesson.labels == "importance" else (own,):
            key = share if lesson.labels == "importance" else 0.0
            found.setdefault(key, []).append(overlap(teacher, read.values, share))
        shares.append(own)
    agreement = [
        Agreement(share=share or round(mean(shares), 3), agreement=round(mean(one), 4))
        for share, one in found.items()
    ]
    return agreement, len(lessons) / max(seconds, 1e-9)


def overlap(teacher: Sequence[float], student: Sequence[float], share: float) -> float:
    """Share of the tokens that the teacher keeps which the student keeps, too, where both keep the
    same number; of equal values the earlier are kept.
    """
    n = max(1, round(share * len(teacher)))
    return len(_best(teacher, n) & _best(student, n)) / n


def _best(values: Sequence[float], n: int) -> set[int]:
    return set(sorted(range(len(values)), key=lambda i: -values[i])[:n])
