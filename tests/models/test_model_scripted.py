"""The scripted model says what its file says, cut where the limit is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress import models
from cotpress.errors import BadRecord, CotpressError
from cotpress.models import Request, Sampling
from cotpress.models.scripted import Scripted


def ask(question: str, key: str = "q|0", prefill: str = "") -> Request:
    return Request(key=key, messages=[{"role": "user", "content": question}], prefill=prefill)


def test_the_first_line_that_fits_is_said(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text(
        '{"id": "a/1", "text": "by id"}\n{"prompt_contains": "apples", "text": "by question"}\n{"text": "to everything"}\n'
    )
    model = models.load(f"scripted:{file}")
    asked = [
        ask("two apples", "a/1|0"),
        ask("two apples", "a/10|0"),
        ask("two pears"),
        ask("", "a/1"),
    ]
    assert [one.text for one in model.generate(asked, Sampling())] == [
        "by id",
        "by question",
        "to everything",
        "by id",
    ]
    assert model.name == f"scripted:{file}"


def test_a_request_without_a_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text('{"id": "a/1", "text": "by id"}\n')
    with pytest.raises(CotpressError, match=r"no line for the request a/2\|0"):
        list(models.load(f"scripted:{file}").generate([ask("", "a/2|0")], Sampling()))
    file.write_text('{"id": "a/1"}\n')
    with pytest.raises(BadRecord, match=r"answers\.jsonl:1: .*text"):
        models.load(f"scripted:{file}")
    with pytest.raises(CotpressError, match="needs a file"):
        models.load("scripted")


@given(st.text(), st.integers(1, 8))
def test_the_limit_cuts_between_tokens(text: str, limit: int) -> None:
    model = Scripted(lambda request: text)
    (whole,) = model.generate([ask("?")], Sampling(max_tokens=10_000))
    (cut,) = model.generate([ask("?")], Sampling(max_tokens=limit))
    (ends,) = model.token_ends([text])
    assert (whole.text, whole.n_tokens, whole.finished) == (text, len(ends), True)
    assert cut.text == text[: ([0, *ends])[min(limit, len(ends))]]
    assert cut.finished == (len(ends) <= limit)


def test_a_prefill_that_begins_the_answer_is_not_said_again() -> None:
    model = Scripted({"q|0": "2 + 2 = 4. The answer is 4."})
    asked = [ask("?", prefill="2 + 2 = 4."), ask("?", prefill="Other.")]
    assert [one.text for one in model.generate(asked, Sampling())] == [
        " The answer is 4.",
        "2 + 2 = 4. The answer is 4.",
    ]
