"""Which questions that are judged were taught: equal once case, spacing and punctuation are gone,
or nearly so.

Nearly: at least `SHARED` of the different 8-grams of words of the judged question stand in one
taught question (8-grams as in Llama 2, arXiv 2307.09288, appendix A.6; one question at a time, so
that templates which fill many questions do not add up). What stands in more than `COMMON` of the
taught questions is the wording of a prompt, and is passed over. Questions of fewer than eight words
are compared whole.

A trained model's folder holds hashes of what it was taught in `FILE`, about 4 bytes a word, so that
an evaluation knows them without the training data.
"""

import hashlib
import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from cotpress import storage
from cotpress.errors import CotpressError

FILE = "taught_questions.npz"
N = 8
"""Words of a gram."""
SHARED = 0.8
"""Share of a judged question's grams from which on it counts as taught."""
COMMON, AT_LEAST = 0.02, 10
"""A gram in a larger share of the taught questions than this, and in more than so many, tells
nothing of one of them.
"""

WORDS = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
    r"|[+\-*/^=<>%|]"
)
"""A word, a character of a script without spaces, or an operator, without which two problems may
be the same.
"""


def words(question: str) -> list[str]:
    """A question in words, with nothing that changes when it is copied."""
    return WORDS.findall(unicodedata.normalize("NFKC", question).casefold())


def normalised(question: str) -> str:
    """What two equal questions have in common."""
    return " ".join(words(question))


def grams(said: Sequence[str]) -> set[int]:
    """32-bit hashes of the 8-grams of words; none of fewer words."""
    return {zlib.crc32(" ".join(said[i : i + N]).encode()) for i in range(len(said) - N + 1)}


@dataclass(frozen=True, eq=False)
class Questions:
    """Hashes of questions, in which others are looked up."""

    whole: NDArray[np.uint64]
    """(n,) Of each question as it is normalised."""
    grams: NDArray[np.uint32]
    """(m,) Of the 8-grams of all, rising."""
    owners: NDArray[np.int32]
    """(m,) Which question each 8-gram is of."""

    @staticmethod
    def of(questions: Iterable[str]) -> "Questions":
        """Those of some questions, each different one once."""
        found: dict[int, NDArray[np.uint32]] = {}
        for question in questions:
            said = words(question)
            if (digest := _digest(said)) not in found:
                found[digest] = np.fromiter(sorted(grams(said)), np.uint32)
        return Questions.together(
            np.fromiter(found, np.uint64, len(found)),
            np.concatenate([np.empty(0, np.uint32), *found.values()]),
            np.array([len(one) for one in found.values()], np.uint32),
        )

    @staticmethod
    def together(
        whole: NDArray[np.uint64], grams: NDArray[np.uint32], sizes: NDArray[np.uint32]
    ) -> "Questions":
        """Of 8-grams that stand question by question, so many of each."""
        owners = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        order = np.argsort(grams, kind="stable")
        return Questions(whole, grams[order], owners[order])

    def like(self, question: str) -> NDArray[np.int64]:
        """Which of the questions this one is like, by place."""
        said = words(question)
        same = np.flatnonzero(self.whole == np.uint64(_digest(said)))
        wanted = np.fromiter(grams(said), np.uint32)
        first = np.searchsorted(self.grams, wanted, "left")
        last = np.searchsorted(self.grams, wanted, "right")
        telling = last - first <= max(AT_LEAST, COMMON * len(self.whole))
        met = [self.owners[a:b] for a, b in zip(first[telling], last[telling], strict=True)]
        least = SHARED * telling.sum()
        if not least or sum(map(bool, map(len, met))) < least:
            return same
        owners, counts = np.unique(np.concatenate(met), return_counts=True)
        return np.union1d(same, owners[counts >= least])

    def has(self, question: str) -> bool:
        """Whether this one is like any of the questions."""
        return bool(len(self.like(question)))

    def __add__(self, other: "Questions") -> "Questions":
        """The questions of both."""
        ours, theirs = self.apart(), other.apart()
        return Questions.together(
            np.concatenate([ours[0], theirs[0]]),
            np.concatenate([ours[1], theirs[1]]),
            np.concatenate([ours[2], theirs[2]]),
        )

    def apart(self) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint32]]:
        """What `together` makes them of."""
        grams = self.grams[np.argsort(self.owners, kind="stable")]
        sizes = np.bincount(self.owners, minlength=len(self.whole)).astype(np.uint32)
        return self.whole, grams, sizes


def like_any(questions: Iterable[str], judged: Iterable[str]) -> set[str]:
    """Those of the taught `questions`, normalised, that a judged one is like."""
    different = list(dict.fromkeys(map(normalised, questions)))
    known = Questions.of(different)
    return {different[place] for one in judged for place in known.like(one)}


def write(folder: Path, questions: Questions) -> None:
    """Leave the hashes in the folder of a trained model."""
    held = BytesIO()
    whole, grams, sizes = questions.apart()
    np.savez(held, whole=whole, grams=grams, sizes=sizes)
    storage.write_atomic(folder / FILE, held.getvalue())


def read(folder: Path) -> Questions | None:
    """What a trained model's folder holds; None where it says nothing of its questions."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            return Questions.together(held["whole"], held["grams"], held["sizes"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise CotpressError(
            f"{path} does not hold the questions of a training ({error}): remove it, or train "
            "again."
        ) from error


def _digest(said: Sequence[str]) -> int:
    digest = hashlib.blake2b(" ".join(said).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest())
