"""Tokenised examples, 4 bytes a token, and the data set that a trainer reads them from.

As lists of Python integers `input_ids`, `attention_mask` and `labels` take about 50 bytes a token.
The mask is all ones and the labels are the ids behind the prompt, so that the ids and the length of
the prompt say everything; the lists are made when a row is read.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset
from datasets.table import InMemoryTable

from cotpress.pipeline.build import IGNORED, PretokenizedRow


@dataclass(frozen=True, slots=True)
class Row:
    """One example as token ids, with the epoch and the problem it belongs to."""

    ids: "array[int]"
    """Prompt, completion and end of turn, 32 bits each."""
    n_prompt: int
    """Tokens before the first one that the loss counts."""
    epoch: int = 0
    problem: str = ""

    @classmethod
    def of(cls, row: PretokenizedRow, epoch: int = 0, problem: str = "") -> "Row":
        """The same row; all that its labels ignore must stand at its beginning."""
        return cls(array("i", row.input_ids), row.labels.count(IGNORED), epoch, problem)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def input_ids(self) -> list[int]:
        """The ids as a list."""
        return self.ids.tolist()

    @property
    def labels(self) -> list[int]:
        """The ids, and `IGNORED` on the prompt."""
        return labelled(self.input_ids, self.n_prompt)


def labelled(ids: list[int], n_prompt: int) -> list[int]:
    """The labels of one row."""
    return [IGNORED] * n_prompt + ids[n_prompt:]


def dataset(rows: Sequence[Row]) -> Dataset:
    """The rows as TRL's trainers take them, which accept no other class: `input_ids` and `labels`,
    both as lists.

    The column `labels` holds the length of the prompt, from which they are made when a row is read.
    """
    ends = np.cumsum([0, *map(len, rows)])
    ids = np.frombuffer(b"".join([row.ids for row in rows]), np.int32)
    columns = {
        "input_ids": pa.LargeListArray.from_arrays(ends, ids),
        "labels": np.array([row.n_prompt for row in rows]),
    }
    # with a fingerprint of its own, for the library would copy all data to make one
    made = Dataset(InMemoryTable(pa.table(columns)), fingerprint="rows")
    return made.with_transform(_read)


def _read(batch: dict[str, Any]) -> dict[str, list[list[int]]]:
    pairs = zip(batch["input_ids"], batch["labels"], strict=True)
    return {"input_ids": batch["input_ids"], "labels": [labelled(*pair) for pair in pairs]}
