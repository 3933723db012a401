"""A scorer of one's own against its teacher and the truth: average precision, and traces a second.

    python benchmarks/own_scorer.py --out RUN [--traces 1000] [--held 300] [--teacher SPEC]

The bundled model `overthink` writes the traces (sampled at 0.8), whose every token's use is known.
Teachers: `surprisal:overthink` (any scorer's spec may be given), which on these traces knows no more
than the base rate, and `truth`, 1 on the needed tokens and 0 elsewhere: what keep and drop decisions
that kept the answer say. The student is a ModernBERT of 0.7 M random parameters on the target's
tokenizer, trained on the first traces and judged on the last `--held`, other problems; nothing is
downloaded. Means over traces with 95 % bootstrap intervals over traces (2,000 draws); the ratio of
student to teacher is drawn over pairs. Speed: one core, all held-out traces at once, the faster of two
readings, the model loaded already.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import processors
from transformers import ModernBertConfig, ModernBertForTokenClassification
from truth import average_precision, measured

from cotpress import models, scorers, storage, tasks
from cotpress.models import Sampling
from cotpress.pipeline import generate as asking
from cotpress.records import ScoredTrace, Trace
from cotpress.scorers import Importance, Scorer, score
from cotpress.tasks.overthink import NEEDED, OUTSIDE, label, label_tokens
from cotpress.training.lessons import from_scores
from cotpress.training.scorer import train_scorer
from cotpress.training.scorer_options import ScorerOptions

DRAWS = 2000


class Truth:
    """1 on what is needed, 0 elsewhere."""

    name = identity = "truth"

    def score(self, traces: Iterable[Trace]) -> Iterator[Importance]:
        """One `Importance` per trace."""
        for trace in traces:
            spans = label(trace.reasoning)
            yield Importance([s.end for s in spans], [float(s.label == NEEDED) for s in spans])


def encoder(folder: Path, target) -> str:
    """A small ModernBERT from random weights, on the target's tokenizer with marks around the texts."""
    tokenizer = target.tokenizer
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(t, tokenizer.convert_tokens_to_ids(t)) for t in ("[CLS]", "[SEP]")],
    )
    tokenizer.model_max_length = 8192
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    ids = {"pad_token_id": tokenizer.pad_token_id, "cls_token_id": tokenizer.cls_token_id}
    ids |= {"sep_token_id": tokenizer.sep_token_id, "bos_token_id": None, "eos_token_id": None}
    config = ModernBertConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=192,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=8192,
        local_attention=64,
        num_labels=1,
        attn_implementation="sdpa",
        **ids,
    )
    model = ModernBertForTokenClassification(config)
    model.save_pretrained(folder)
    print(f"encoder: {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters")
    return str(folder)


def traces_of(path: Path, target, n: int) -> list[Trace]:
    """The target's own reasoning, of the grammar throughout."""
    if not path.is_file():
        task = tasks.load("overthink")
        sampling = Sampling(max_tokens=800, temperature=0.8, seed=0)
        asked = tasks.take(task, "train", n)
        storage.write(path, asking.generate(asked, target, sampling, marker=task.marker))
    found = []
    for trace in storage.read(path, Trace):
        labels = {span.label for span in label(trace.reasoning)}
        if trace.finished and NEEDED in labels and OUTSIDE not in labels:
            found.append(trace)
    return found


class Judged(NamedTuple):
    """One scorer on the held-out traces."""

    precision: list[float]
    per_second: float


def judged(scorer: Scorer, traces: Sequence[Trace], target) -> Judged:
    """Average precision of "needed" for each trace, and the speed."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        list(scorer.score(traces))
        seconds.append(time.perf_counter() - began)
    return Judged(
        [precision(one) for one in score(traces, scorer, target)], len(traces) / min(seconds)
    )


def precision(one: ScoredTrace) -> float:
    labels = label_tokens(one.trace.reasoning, one.ends)
    return average_precision(one.importance, [found == NEEDED for found in labels])


def ratio(student: Sequence[float], teacher: Sequence[float]) -> str:
    """Mean over mean, with an interval over pairs of one trace."""
    a, b = np.array(student), np.array(teacher)
    drawn = np.random.default_rng(0).integers(len(a), size=(DRAWS, len(a)))
    low, high = np.percentile(a[drawn].mean(1) / b[drawn].mean(1), [2.5, 97.5])
    return f"{a.mean() / b.mean():.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--traces", type=int, default=1000)
    parser.add_argument("--held", type=int, default=300)
    parser.add_argument("--teacher", default="surprisal:overthink")
    parser.add_argument("--epochs", type=float, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    target = models.load("overthink")
    traces = traces_of(given.out / "traces.jsonl", target, given.traces)
    taught, held = traces[: -given.held], traces[-given.held :]
    base = encoder(given.out / "encoder", models.load("overthink"))
    options = ScorerOptions(epochs=given.epochs, lr=2e-3, batch=16, eval_share=0.05)
    rows = ['| scorer | average precision of "needed" | over its teacher\'s | traces/s |']
    rows.append("|---|---|---|---|")
    labels = [
        [
            found == NEEDED
            for found in label_tokens(t.reasoning, target.token_ends([t.reasoning])[0])
        ]
        for t in held
    ]
    known = measured("base rate", [sum(one) / len(one) for one in labels])
    for teacher in (scorers.load(given.teacher), Truth()):
        name = teacher.name.partition(":")[0]
        scored = score(taught, teacher, target)
        done = train_scorer(
            from_scores(scored, Counter()), base, given.out / f"student-{name}", options
        )
        student = scorers.load(f"classifier:{given.out / f'student-{name}'}")
        by_teacher, by_student = judged(teacher, held, target), judged(student, held, target)
        over = ratio(by_student.precision, by_teacher.precision)
        faster = by_student.per_second / by_teacher.per_second
        rows.append(
            f"| {teacher.name} | {measured('', by_teacher.precision)} | | {by_teacher.per_second:.0f} |"
        )
        rows.append(
            f"| taught by it, {done.traces} traces | {measured('', by_student.precision)} | {over} "
            f"| {by_student.per_second:.0f} ({faster:.1f} times) |"
        )
        for one in done.agreement:
            print(f"{name}: agreement {one.agreement:.3f} at {one.share:g} kept")
    rows.append(f"| base rate | {known} | | |")
    print(f"n = {len(held)} held-out traces")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
