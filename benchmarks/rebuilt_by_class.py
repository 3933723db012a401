"""What a VQ-VAE that was trained before rebuilds of its held-out reasoning, by class of token: words,
numbers that stand in the question, and numbers that do not.

    python benchmarks/rebuilt_by_class.py VQVAE TRACES [--target SPEC]

TRACES is the file that it was trained on, and another one is refused: the held-out traces are drawn
from it anew. Beside its own codes: those of the next trace of a batch, and always the most frequent
token of the class among the held-out ones, which needs no code. Then its own codes by chunk, in
groups that double. Intervals: 95 %, bootstrap over traces (2,000 draws).
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

import numpy as np

from cotpress import models, storage
from cotpress.latent import fit, folder, train
from cotpress.latent.about import about
from cotpress.latent.token_classes import CLASSES
from cotpress.lm import devices
from cotpress.records import Trace

DRAWS = 2000


def counted(
    labels: Sequence[Sequence[Hashable]], hits: Sequence[Sequence[bool]]
) -> dict[Hashable, np.ndarray]:
    """For each label an array (traces, 2): its tokens that are hits, and all of its tokens."""
    found: defaultdict[Hashable, np.ndarray] = defaultdict(lambda: np.zeros((len(labels), 2), int))
    for i, (row, right) in enumerate(zip(labels, hits, strict=True)):
        for label, hit in zip(row, right, strict=True):
            found[label][i] += (hit, 1)
    return found


def share(counts: np.ndarray | None) -> str:
    """`19.9 % [19.1, 20.7], n = 61,234`, the interval over traces."""
    if counts is None:
        return "–"
    drawn = np.random.default_rng(0).integers(len(counts), size=(DRAWS, len(counts)))
    right, n = counts[drawn].sum(1).T
    low, high = np.percentile(100 * right[n > 0] / n[n > 0], [2.5, 97.5])
    right, n = counts.sum(0)
    return f"{100 * right / n:.1f} % [{low:.1f}, {high:.1f}], n = {n:,}"


def line(name: str, cells: Iterable[str]) -> None:
    print(f"| {' | '.join([name, *cells])} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("vqvae", type=Path)
    parser.add_argument("traces", type=Path)
    parser.add_argument("--target", default="", help="its model, if it has moved")
    asked = parser.parse_args()
    known = about(asked.vqvae)
    model, device = models.load(asked.target or known.target), devices.usual()
    coder = folder.load(asked.vqvae, model, device)
    content = storage.hash_file(asked.traces)
    if train.fingerprint(content, model, known.shape, known.options) != known.fingerprint:
        parser.error(f"{asked.vqvae} was trained on another file than {asked.traces}")
    used, data = train.usable(storage.read(asked.traces, Trace), model, known.shape, Counter())
    _, numbers = fit.parted(len(data), known.options)
    held = [data[i] for i in numbers]
    classes = [train.classes(used[i], model) for i in numbers]

    own: list[list[bool]] = []
    other: list[list[bool]] = []
    for hits in fit.rebuilt(coder.model, held, coder.vocabulary, known.options.batch, device):
        masks = hits.parts["reasoning"]
        own += [row[mask].tolist() for row, mask in zip(hits.own, masks, strict=True)]
        if hits.other is not None:  # the last trace may be alone
            other += [row[mask].tolist() for row, mask in zip(hits.other, masks, strict=True)]
    tokens: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for one, row in zip(held, classes, strict=True):
        for token, name in zip(one.reasoning, row, strict=True):
            tokens[name][token] += 1
    usual = {name: counts.most_common(1)[0][0] for name, counts in tokens.items()}
    frequent = [
        [token == usual[name] for token, name in zip(one.reasoning, row, strict=True)]
        for one, row in zip(held, classes, strict=True)
    ]

    n = sum(map(len, classes))
    print(
        f"{len(held)} held-out traces of {len(data)}, {n:,} reasoning tokens; rebuilt by its own "
        f"codes: {sum(map(sum, own)) / n:.1%} (told when it was trained: "
        f"{known.figures[-1].reasoning:.1%})\n"
    )
    line("", [name.replace("_", " ") for name in CLASSES])
    line("---", ["---"] * len(CLASSES))
    line("share of the tokens", [f"{100 * tokens[name].total() / n:.1f} %" for name in CLASSES])
    rows = {
        "its own codes": own,
        "codes of another trace": other,
        "the most frequent token of the class": frequent,
    }
    for name, hits in rows.items():
        found = counted(classes[: len(hits)], hits)
        line(name, [share(found.get(one)) for one in CLASSES])
    chunk = known.shape.chunk
    labels = [
        [((i // chunk + 1).bit_length(), name) for i, name in enumerate(row)] for row in classes
    ]
    found = counted(labels, own)
    for group in sorted({group for group, _ in found}):
        place = f"chunks {2 ** (group - 1)} to {2**group - 1}" if group > 1 else "chunk 1"
        line(f"its own codes, {place}", [share(found.get((group, one))) for one in CLASSES])


if __name__ == "__main__":
    main()
