"""surprisal is the negative log-probability of each token after the question, or after nothing."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from make import make_trace  # noqa: E402

from cotpress import models, plugins, scorers  # noqa: E402
from cotpress.errors import CotpressError  # noqa: E402
from cotpress.lm import logprobs  # noqa: E402
from cotpress.scorers import Unscored, surprisal  # noqa: E402
from cotpress.scorers.surprisal import Surprisal  # noqa: E402

Make = Callable[..., Any]


@torch.inference_mode()
def naive(lm: Any, context: list[int], ids: list[int]) -> list[float]:
    """Token by token."""
    values = []
    for i, token in enumerate(ids):
        logits = lm.torch_model(torch.tensor([context + ids[:i]])).logits[0, -1].float()
        values.append(-float(logits.log_softmax(-1)[token]))
    return values


def test_the_context_is_the_templated_prompt_without_a_ratio_and_the_opening(
    causal_lm: Make,
) -> None:
    lm = causal_lm(thinks=True)
    item = make_trace(
        "She sold 48/2 = 24 clips.", opening="<think>\n", ratio=0.5, instruction="Think."
    )
    (importance,) = Surprisal("s", lm).score([item])
    (text,) = logprobs.encode(lm, [item.reasoning])
    context = lm.prompt_ids([{"role": "user", "content": "Think.\nHow many?"}], "<think>\n")
    assert importance.ends == text.ends
    assert importance.values == pytest.approx(naive(lm, context, text.ids), abs=1e-4)


def test_without_a_context_the_reasoning_stands_after_bos_alone_and_needs_no_template(
    causal_lm: Make,
) -> None:
    lm = causal_lm(chat=False)
    (importance,) = Surprisal("s", lm, context="none").score([make_trace("She sold 24 clips.")])
    (text,) = logprobs.encode(lm, ["She sold 24 clips."])
    assert importance.values == pytest.approx(
        naive(lm, [lm.tokenizer.bos_token_id], text.ids), abs=1e-4
    )


def test_a_model_without_a_chat_template_is_refused_in_one_sentence(causal_lm: Make) -> None:
    with pytest.raises(CotpressError, match="tiny-llama has no chat template"):
        list(Surprisal("s", causal_lm(chat=False)).score([make_trace("x")]))


def test_a_question_longer_than_the_models_context_is_counted_and_the_run_goes_on(
    causal_lm: Make,
) -> None:
    lm = causal_lm(positions=128)
    items = [
        make_trace("one two"),
        make_trace("one two", question="why? " * 300),
        make_trace("three"),
    ]
    first, second, third = Surprisal("s", lm).score(items)
    assert second == Unscored(surprisal.TOO_LONG)
    assert [len(first.values), len(third.values)] == [
        len(logprobs.encode(lm, [t])[0].ids) for t in ("one two", "three")
    ]


def test_the_spec_on_the_command_line_is_the_name_and_options_are_typed(
    causal_lm: Make, monkeypatch: Any
) -> None:
    monkeypatch.setattr(models, "load", lambda spec, **_: causal_lm())
    assert scorers.load("surprisal:smollm2").name == "surprisal:smollm2"
    assert (
        scorers.load("surprisal:hf:org/model,context=none").name
        == "surprisal:hf:org/model,context=none"
    )
    with pytest.raises(CotpressError, match="Available: none, question"):
        plugins.load("scorers", "surprisal:smollm2,context=answer")
