"""Which models can do what is asked by its members, not by
calling them; one sentence says that one cannot.
"""

from types import SimpleNamespace

import pytest

from cotpress.errors import CotpressError
from cotpress.lm.capabilities import WHAT, CausalLM, Rendering, Tokenizing, able


class Whole:
    """Has everything, and minds being asked for its weights."""

    name, tokenizer, identity = "whole", object(), "whole 1"
    end_id, end_text, bos_text = 0, ".", ""

    @property
    def torch_model(self) -> object:
        pytest.fail("the weights were loaded")

    def prompt_ids(self, messages: object, prefill: str = "") -> list[int]:
        return []

    def prompt_text(self, messages: object) -> str:
        return ""

    def text_ids(self, text: str) -> list[int]:
        return []


@pytest.mark.parametrize("kind", WHAT)
def test_a_model_that_can_is_given_back_and_loads_nothing(kind: type) -> None:
    model = Whole()
    assert able(model, kind, "this") is model  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "missing"),
    [(Tokenizing, "end_id"), (Rendering, "prompt_text"), (CausalLM, "tokenizer")],
)
def test_one_that_cannot_is_named_with_what_is_wanted_and_where_to_find_it(
    kind: type, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Whole, missing)
    with pytest.raises(
        CotpressError,
        match=f"score needs a model that gives {WHAT[kind]}, which whole does not: name",
    ):
        able(Whole(), kind, "score")  # type: ignore[arg-type]


def test_a_model_that_only_answers_can_do_none_of_it() -> None:
    for kind, what in WHAT.items():
        with pytest.raises(CotpressError, match=f"gives {what}, which far does not"):
            able(SimpleNamespace(name="far", identity="far"), kind, "verify")  # type: ignore[arg-type]
