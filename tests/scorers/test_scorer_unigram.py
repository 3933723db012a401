"""unigram counts words in a file of traces; the rarer a word, the longer it is kept."""

import math
from pathlib import Path

import msgspec
import pytest
from make import make_trace

from cotpress import scorers
from cotpress.errors import CotpressError


def counted(folder: Path, *texts: str) -> str:
    path = folder / "traces.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(make_trace(text)) + b"\n" for text in texts))
    return f"unigram:{path}"


def test_self_information_has_the_counts_of_the_file_in_nats(tmp_path: Path) -> None:
    # 8 words and marks, 5 of them different
    scorer = scorers.load(counted(tmp_path, "so we add, so We", "add 2"))
    (found,) = scorer.score([make_trace("We unseen")])
    assert found.ends == [2, 9]
    assert found.values == pytest.approx([-math.log(3 / 14), -math.log(1 / 14)])


def test_the_same_word_is_equally_important_everywhere(tmp_path: Path) -> None:
    scorer = scorers.load(counted(tmp_path, "so we add 3 to 4, so we have 7"))
    (found,) = scorer.score([make_trace("so we\nso we  so we")])
    assert found.values[0::2] == [found.values[0]] * 3
    assert found.values[1::2] == [found.values[1]] * 3


def test_without_a_file_the_sentence_names_one() -> None:
    with pytest.raises(CotpressError, match=r"unigram:graded\.jsonl"):
        scorers.load("unigram")
