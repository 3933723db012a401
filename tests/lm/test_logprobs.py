"""Log-probabilities equal one full forward of one text at a
time, in any batch, and hold little memory.
"""

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from cotpress import models  # noqa: E402
from cotpress.errors import CotpressError  # noqa: E402
from cotpress.lm import logprobs, prefixes  # noqa: E402
from cotpress.lm.logprobs import Span, log_probs  # noqa: E402
from cotpress.lm.prefixes import Row  # noqa: E402
from cotpress.scorers import load_reference  # noqa: E402

Make = Callable[..., Any]


@pytest.fixture(scope="module")
def lm(causal_lm: Make) -> Any:
    return causal_lm()


@torch.inference_mode()
def naive(lm: Any, context: list[int], tokens: list[int]) -> Any:
    """One text, all logits."""
    logits = lm.torch_model(torch.tensor([[*context, *tokens]])).logits[0].float().log_softmax(-1)
    return torch.stack([logits[len(context) + i - 1, token] for i, token in enumerate(tokens)])


def spans(n: int, seed: int = 0) -> list[Span]:
    """Texts behind contexts that share a stem, some of them twice the same context."""
    draw = random.Random(seed)
    stem = draw.choices(range(3, 300), k=20)
    result = []
    for _ in range(n):
        context = stem + draw.choices(range(3, 300), k=draw.randint(1, 60))
        for _ in range(draw.randint(1, 3)):
            tokens = draw.choices(range(3, 300), k=draw.randint(1, 50))
            result.append(
                Span(
                    context + draw.choices(range(3, 300), k=draw.randint(0, 8)), tokens, len(tokens)
                )
            )
    return result


def close(ours: list[Any], theirs: list[Any]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


@pytest.mark.parametrize("batch_tokens", [0, 1, 100, 4000])
def test_every_batch_gives_what_each_text_gets_alone(lm: Any, batch_tokens: int) -> None:
    asked = spans(12)
    close(
        log_probs(lm, asked, batch_tokens=batch_tokens),
        [naive(lm, list(a.context), list(a.tokens)) for a in asked],
    )


def scarce(net: Any, monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Let a model be out of memory with more than `most` tokens at once; returns what it was tried
    with.
    """
    decoder = net.get_decoder()
    whole, tried = decoder.forward, list[int]()

    def forward(*args: Any, input_ids: Any, **given: Any) -> Any:
        tried.append(input_ids.numel())
        if input_ids.numel() > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return whole(*args, input_ids=input_ids, **given)

    monkeypatch.setattr(decoder, "forward", forward)
    return tried


@pytest.mark.parametrize("most", [150, 300, 1000])
def test_where_memory_ends_smaller_batches_give_the_same_values(
    lm: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    asked = spans(12)
    small = log_probs(lm, asked, batch_tokens=most)
    tried = scarce(lm.torch_model, monkeypatch, most)
    for ours, theirs in zip(log_probs(lm, asked, batch_tokens=4000), small, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert max(tried) > most
    # the size that fits is found once, not for every batch
    assert sum(n > most for n in tried) <= 5


def test_one_text_that_does_not_fit_alone_is_one_sentence(
    lm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce(lm.torch_model, monkeypatch, 30)
    with pytest.raises(
        CotpressError, match=r"one text alone, of \d+ tokens: choose dtype=bfloat16"
    ):
        log_probs(lm, spans(3))


def test_a_token_that_is_nearly_sure_has_the_probability_float64_gives_it_not_rounding_noise() -> (
    None
):
    logits = torch.randn(200, 50, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(200) % 50
    logits[torch.arange(200), targets] += 16.0
    exact = logits.double().log_softmax(-1)[torch.arange(200), targets]
    ours = logprobs._of_targets(logits.clone(), targets)
    torch.testing.assert_close(ours.double(), exact, rtol=1e-4, atol=0)
    assert ours.argsort().tolist() == exact.argsort().tolist()


def test_order_and_company_change_nothing(lm: Any) -> None:
    asked = spans(10, seed=1)
    order = random.Random(0).sample(range(len(asked)), len(asked))
    shuffled = log_probs(lm, [asked[i] for i in order])
    close(shuffled, [log_probs(lm, [asked[i]])[0] for i in order])


@pytest.mark.parametrize(
    "family", ["qwen2", "mistral", "gpt2", "gemma2", "gemma3_text", "gpt_neox"]
)
def test_families_with_other_heads_caches_and_soft_caps_agree_with_their_own_logits(
    causal_lm: Make, family: str
) -> None:
    config = {"sliding_window": 16} if family in ("gemma2", "gemma3_text", "mistral") else {}
    lm = causal_lm(family, **config)
    asked = spans(5, seed=2)
    close(log_probs(lm, asked), [naive(lm, list(a.context), list(a.tokens)) for a in asked])


@pytest.mark.parametrize(
    ("family", "scale"), [("cohere", {"logit_scale": 0.06}), ("granite", {"logits_scaling": 8.0})]
)
def test_a_model_that_scales_its_logits_is_refused_in_one_sentence(
    causal_lm: Make, family: str, scale: dict[str, float]
) -> None:
    with pytest.raises(CotpressError, match=f"tiny-{family}.*changes the logits after its head"):
        log_probs(causal_lm(family, **scale), spans(1))


def test_values_that_are_no_numbers_are_refused_in_one_sentence(causal_lm: Make) -> None:
    lm = causal_lm()
    with torch.no_grad():
        lm.torch_model.model.embed_tokens.weight[7] = float("nan")
    with pytest.raises(CotpressError, match="not finite"):
        log_probs(lm, [Span([5, 6, 8, 9, 7], [10], 1)])


def test_the_head_meets_only_asked_rows_and_a_few_at_a_time(
    lm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logprobs, "ROWS", 16)
    asked = [Span(list(range(3, 203)), list(range(3, 103)), 100)]
    rows: list[int] = []
    logits = logprobs._logits
    monkeypatch.setattr(
        logprobs, "_logits", lambda model, hidden: rows.append(len(hidden)) or logits(model, hidden)
    )
    close(log_probs(lm, asked), [naive(lm, list(asked[0].context), list(asked[0].tokens))])
    assert rows[1:] == [16] * 6 + [4]  # the first is the probe of the head


def test_what_texts_begin_with_runs_once(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    context, tokens = list(range(3, 103)), list(range(110, 130))
    ran: list[int] = []
    run = prefixes.Runner._run
    monkeypatch.setattr(
        prefixes.Runner,
        "_run",
        lambda self, ids, cache: ran.append(ids.numel()) or run(self, ids, cache),
    )
    log_probs(
        lm,
        [
            Span(context, tokens, 20),
            Span([*context, 9], tokens, 20),
            Span([*context, 8], tokens, 20),
        ],
    )
    # the shared context short of its last token, and the rest of each
    assert sum(ran) == 99 + 3 * 21


def test_a_long_text_runs_without_cache_or_mask(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    decoder = lm.torch_model.get_decoder()
    hook = decoder.layers[0].register_forward_pre_hook(
        lambda _module, _args, kwargs: seen.append(
            # called `cache` from transformers 5.24 on
            (kwargs["attention_mask"], kwargs.get("past_key_values", kwargs.get("cache")))
        ),
        with_kwargs=True,
    )
    long = Span(list(range(3, 60)), list(range(3, 290)), 287)
    log_probs(lm, [long, long], batch_tokens=128)
    hook.remove()
    assert seen[1:] == [(None, None)] * (len(seen) - 1)


@given(st.integers(1, 400), st.integers(1, 90))
def test_windows_score_each_token_once_where_it_has_most_to_its_left(n: int, room: int) -> None:
    parts = logprobs.windows(n, room)
    assert [first for _, _, first in parts] == [0, *(stop for _, stop, _ in parts[:-1])]
    assert parts[-1][1] == n
    assert all(stop - start <= room for start, stop, _ in parts)
    for start, stop, first in parts[1:]:
        assert first - start >= room // 2
        assert start <= first < stop


def test_a_text_beyond_the_models_length_is_scored_whole_with_its_context_repeated(
    causal_lm: Make,
) -> None:
    lm = causal_lm(positions=64)
    context, tokens = list(range(3, 13)), random.Random(3).choices(range(3, 300), k=200)
    room = logprobs.room(lm, [context], len(tokens))
    assert room == 54
    values = log_probs(lm, [Span(context, tokens, room)])[0]
    expected = [
        naive(lm, context, tokens[a:b])[first - a :] for a, b, first in logprobs.windows(200, room)
    ]
    torch.testing.assert_close(values, torch.cat(expected), atol=1e-4, rtol=0)


def test_room_is_what_the_longest_context_leaves_and_none_where_that_is_too_little(
    causal_lm: Make,
) -> None:
    lm = causal_lm(positions=64)
    assert logprobs.room(lm, [[1] * 5, [1] * 20], 30) == 30
    assert logprobs.room(lm, [[1] * 5, [1] * 20], 100) == 44
    assert logprobs.room(lm, [[1] * 50], 14) == 14
    assert logprobs.room(lm, [[1] * 50], 15) == 0


def test_a_text_is_endless_only_beyond_sixteen_contexts(causal_lm: Make) -> None:
    lm = causal_lm(positions=64)
    assert not logprobs.endless(lm, 16 * 64)
    assert logprobs.endless(lm, 16 * 64 + 1)


@given(
    st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=30), min_size=1, max_size=20),
    st.integers(1, 80),
)
def test_batches_hold_every_row_once_within_the_limit(texts: list[list[int]], limit: int) -> None:
    rows = [Row(ids, 1 + len(ids) // 2, i, 0) for i, ids in enumerate(texts)]
    made = prefixes.batches(rows, limit)
    assert sorted(row.span for batch in made for row in batch) == list(range(len(texts)))
    for batch in made:
        before = prefixes.shared(batch)
        assert all(row.ids[: len(before)] == before and len(before) < row.first for row in batch)
        assert (
            len(batch) == 1
            or len(batch) * max(len(row.ids) - len(before) for row in batch) + len(before) <= limit
        )


TEXTS = [
    "",
    "a",
    "She sold 48/2 = 24.\r\n\n",
    "😀 中文 10³ é",
    "<|endoftext|><think>x</think><|im_end|>",
    "a\ud800b \udfff!",
    "  \t",
]


@pytest.mark.parametrize("text", TEXTS)
def test_offsets_tile_the_text_and_special_tokens_in_it_are_text(lm: Any, text: str) -> None:
    (tokens,) = logprobs.encode(lm, [text])
    assert tokens.ends == sorted(tokens.ends)
    assert (tokens.ends[-1] if text else 0) == len(text)
    assert not set(tokens.ids) & set(lm.tokenizer.all_special_ids)
    assert lm.tokenizer.decode(tokens.ids) == text.replace("\ud800", "\ufffd").replace(
        "\udfff", "\ufffd"
    )


def test_a_bare_text_begins_with_bos_or_else_with_the_end_token(causal_lm: Make) -> None:
    lm = causal_lm()
    assert logprobs.start_ids(lm) == [lm.tokenizer.bos_token_id]
    lm.tokenizer.bos_token = None
    assert logprobs.start_ids(lm) == [lm.tokenizer.eos_token_id]
    lm.tokenizer.eos_token = None
    with pytest.raises(CotpressError, match="tiny-llama has neither a BOS nor an EOS token"):
        logprobs.start_ids(lm)


def test_a_scorer_without_a_model_or_with_one_that_gives_no_probabilities_is_one_sentence(
    monkeypatch: Any,
) -> None:
    with pytest.raises(CotpressError, match="scorer cts needs a model: write cts:smollm2"):
        load_reference("", "cts")
    monkeypatch.setattr(models, "load", lambda spec, **_: SimpleNamespace(name=spec))
    with pytest.raises(
        CotpressError, match="scorer surprisal needs a model that gives probabilities"
    ):
        load_reference("http:x", "surprisal")


def test_a_head_in_half_precision_is_multiplied_part_by_part_as_in_float32(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(logprobs, "PART", 7)
    torch.manual_seed(0)
    hidden, weight = torch.randn(5, 16).bfloat16(), torch.randn(30, 16).bfloat16()
    expected = hidden.double() @ weight.double().t()
    found = logprobs._product(hidden, weight)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), expected, atol=1e-4)
