"""The bundled model solves what it was made for, and needs no download."""

from itertools import islice

import pytest

pytest.importorskip("transformers")

from cotpress import models, tasks
from cotpress.models import Sampling
from cotpress.pipeline.generate import generate
from cotpress.plugins import PACKAGE


def test_it_solves_problems_it_has_never_seen() -> None:
    problems = list(islice(tasks.load("arithmetic").problems("test"), 40))
    traces = list(generate(problems, models.load("tiny"), Sampling(max_tokens=256)))
    right = [rf"\boxed{{{trace.problem.answer}}}" in trace.conclusion for trace in traces]
    assert sum(right) >= 38
    assert all(trace.finished and trace.n_tokens > 50 for trace in traces)


def test_numbers_and_words_are_single_tokens_and_any_text_can_be_written() -> None:
    tiny = models.load("tiny")
    assert len(tiny.token_ends([" 48"])[0]) == 1
    text = "10³ → 你好 \\frac{1}{2}\r\n🙂"
    assert tiny.tokenizer.decode(tiny.text_ids(text)) == text


def test_it_is_small_enough_to_ship() -> None:
    folder = PACKAGE / "assets" / "tiny"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
