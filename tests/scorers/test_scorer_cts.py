"""CTS: what a condition adds to each token's likelihood, and the published selection with its
golden numbers.

Letters and digits such as R1, F1 and A1 are the rows of the CTS specification's section 13.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from make import make_trace  # noqa: E402

from cotpress import models, scorers  # noqa: E402
from cotpress.errors import CotpressError  # noqa: E402
from cotpress.lm import logprobs  # noqa: E402
from cotpress.pipeline.compress import compress  # noqa: E402
from cotpress.pipeline.segmenting import Rules, segmented  # noqa: E402
from cotpress.records import ScoredTrace  # noqa: E402
from cotpress.scorers import Importance, Unscored, cts  # noqa: E402
from cotpress.scorers._cts_released import rate, released_kept  # noqa: E402
from cotpress.scorers.cts import CTS, Released  # noqa: E402

Make = Callable[..., Any]
Floats = Sequence[float]


@torch.inference_mode()
def naive(lm: Any, context: list[int], ids: list[int]) -> Any:
    logits = lm.torch_model(torch.tensor([context + ids])).logits[0].float().log_softmax(-1)
    return torch.tensor([float(logits[len(context) + i - 1, token]) for i, token in enumerate(ids)])


def asked(lm: Any, content: str) -> list[int]:
    ids: list[int] = lm.prompt_ids([{"role": "user", "content": content}], "<think>\n")
    return ids


@pytest.mark.parametrize(
    ("condition", "answer"), [("question+answer", "The answer is 72."), ("boxed", "72")]
)
def test_the_condition_is_the_prompt_with_the_answer_and_the_baseline_the_prompt(
    causal_lm: Make, condition: cts.Condition, answer: str
) -> None:
    lm = causal_lm(thinks=True)
    (importance,) = CTS("c", lm, condition=condition).score([make_trace(opening="<think>\n")])
    (text,) = logprobs.encode(lm, ["She sold 48/2 = 24 clips."])
    given = naive(lm, asked(lm, f"How many?\n\nReference answer:\n{answer}"), text.ids)
    alone = naive(lm, asked(lm, "How many?"), text.ids)
    assert importance.ends == text.ends
    assert importance.values == pytest.approx((given - alone).tolist(), abs=2e-4)


def word_level() -> Any:
    """Words and single characters of punctuation; what it does not know is one token too."""
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = ["[UNK]", "<|im_start|>", "<|im_end|>"]
    backend.train_from_iterator(
        WORDS, tokenizers.trainers.WordLevelTrainer(special_tokens=special, show_progress=False)
    )
    return backend


def unigram() -> Any:
    """SentencePiece's kind: pieces that carry the blank before them."""
    backend = tokenizers.Tokenizer(tokenizers.models.Unigram())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    special = ["[UNK]", "<|im_start|>", "<|im_end|>"]
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=120, special_tokens=special, unk_token="[UNK]", show_progress=False
    )
    backend.train_from_iterator(WORDS, trainer)
    return backend


WORDS = [
    "How many? Reference answer: The answer is 72.",
    "She sold 48/2 = 24 clips in May, 10\u00b3 more.",
    "user assistant",
]


@pytest.mark.parametrize("make", [None, word_level, unigram])
def test_scores_equal_a_token_by_token_loop_whatever_the_tokenizer(
    causal_lm: Make, make: Callable[[], Any] | None
) -> None:
    lm = causal_lm(thinks=True)
    if make:
        template = lm.tokenizer.chat_template
        names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "[UNK]"}
        lm.tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=make(), **names)
        lm.tokenizer.chat_template = template
    item = make_trace("She sold 48/2 = 24 clips in May,\n 10\u00b3 more.", opening="<think>\n")
    (importance,) = CTS("c", lm).score([item])
    (text,) = logprobs.encode(lm, [item.reasoning])
    contexts = [
        asked(lm, "How many?\n\nReference answer:\nThe answer is 72."),
        asked(lm, "How many?"),
    ]
    given, alone = (
        [one_by_one(lm, before + text.ids[:i], token) for i, token in enumerate(text.ids)]
        for before in contexts
    )
    assert importance.ends == text.ends
    assert importance.values == pytest.approx(
        [a - b for a, b in zip(given, alone, strict=True)], abs=1e-4
    )
    assert importance.likelihoods
    assert importance.likelihoods.given == pytest.approx(given, abs=1e-4)
    assert importance.likelihoods.alone == pytest.approx(alone, abs=1e-4)


@torch.inference_mode()
def one_by_one(lm: Any, before: list[int], token: int) -> float:
    return float(
        lm.torch_model(torch.tensor([before])).logits[0, -1].double().log_softmax(-1)[token]
    )


@pytest.mark.parametrize(
    ("condition", "before"), [("answer", "The answer is 72."), ("question", "How many?")]
)
def test_a_bare_condition_stands_a_blank_line_before_the_reasoning_and_token_0_is_kept_longest(
    causal_lm: Make, condition: cts.Condition, before: str
) -> None:
    lm = causal_lm(chat=False)
    (importance,) = CTS("c", lm, condition=condition).score([make_trace()])
    (text,) = logprobs.encode(lm, [make_trace().reasoning])
    context = logprobs.encode(lm, [before + "\n\n"])[0].ids
    expected = (
        naive(lm, context + text.ids[:1], text.ids[1:]) - naive(lm, text.ids[:1], text.ids[1:])
    ).tolist()
    assert importance.values == pytest.approx([max(expected), *expected], abs=2e-4)


def test_without_a_condition_the_score_is_the_negative_log_likelihood(causal_lm: Make) -> None:
    lm = causal_lm(chat=False)
    (importance,) = CTS("c", lm, condition="none").score([make_trace(conclusion="")])
    (text,) = logprobs.encode(lm, [make_trace().reasoning])
    expected = (-naive(lm, text.ids[:1], text.ids[1:])).tolist()
    assert importance.values == pytest.approx([max(expected), *expected], abs=1e-4)


def test_the_perplexity_difference_ranks_otherwise_and_never_overflows() -> None:
    given, alone = torch.tensor([-1.0, -5.0, -1e6]), torch.tensor([-1.5, -5.2, -1e6])
    assert cts.difference(given, alone, "log") == pytest.approx([0.5, 0.2, 0.0])
    scores = cts.difference(given, alone, "perplexity")
    assert scores[:2] == pytest.approx(
        [float(np.exp(1.5) - np.exp(1.0)), float(np.exp(5.2) - np.exp(5.0))], rel=1e-5
    )
    assert scores[1] > scores[0]
    assert np.isfinite(scores).all()


def test_a_trace_that_cannot_be_scored_is_counted_with_its_reason_and_the_run_goes_on(
    causal_lm: Make,
) -> None:
    lm = causal_lm(positions=128)
    items = [
        make_trace(id="a"),
        make_trace(id="b", conclusion=" \n"),
        make_trace(id="c", conclusion="so " * 200),
        make_trace(id="d", reasoning=" "),
    ]
    dropped: Counter[str] = Counter()
    done = list(scorers.score([*items, make_trace(id="e")], CTS("c", lm), lm, dropped=dropped))
    assert [scored.trace.problem.id for scored in done] == ["a", "e"]
    assert dropped == {cts.NO_CONCLUSION: 1, cts.TOO_LONG: 1, "no reasoning": 1}
    assert list(CTS("c", lm, condition="boxed").score([make_trace(answer="")])) == [
        Unscored(cts.NO_ANSWER)
    ]


def test_long_traces_are_scored_whole_in_the_same_windows_under_both_contexts(
    causal_lm: Make,
) -> None:
    lm = causal_lm(positions=128)
    item = make_trace("She sold 48/2 = 24 clips. " * 40)
    (importance,) = CTS("c", lm).score([item])
    (text,) = logprobs.encode(lm, [item.reasoning])
    contexts = [
        lm.prompt_ids([{"role": "user", "content": f"How many?{more}"}])
        for more in ("\n\nReference answer:\nThe answer is 72.", "")
    ]
    room = 128 - len(contexts[0])
    given, alone = (
        torch.cat(
            [
                naive(lm, before, text.ids[a:b])[first - a :]
                for a, b, first in logprobs.windows(len(text.ids), room)
            ]
        )
        for before in contexts
    )
    assert importance.values == pytest.approx((given - alone).tolist(), abs=2e-4)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("cts", "scorer cts needs a model"),
        ("cts:m,ratio=0.5", "leave out ratio=0.5"),
        ("cts:m,condition=released", "add ratio=0.5"),
        ("cts:m,condition=released,ratio=5", "choose 0 < ratio <= 1"),
        ("cts:m,condition=released,ratio=0.5,difference=perplexity", "leave out difference"),
        ("cts:m,segment=9", "leave out segment=9"),
        ("cts:m,condition=released,ratio=0.5,segment=1", "choose 2 or more"),
        ("cts:m,condition=answers", "did you mean answer\\?"),
    ],
)
def test_options_that_do_not_go_together_are_one_sentence(
    causal_lm: Make, monkeypatch: Any, spec: str, sentence: str
) -> None:
    monkeypatch.setattr(models, "load", lambda spec, **_: causal_lm())
    with pytest.raises(CotpressError, match=sentence):
        scorers.load(spec)


def test_the_spec_on_the_command_line_is_the_name(causal_lm: Make, monkeypatch: Any) -> None:
    monkeypatch.setattr(models, "load", lambda spec, **_: causal_lm())
    released = "cts:smollm2,condition=released,ratio=0.5"
    for spec in ("cts:smollm2", "cts:smollm2,condition=answer", released, f"{released},segment=60"):
        assert scorers.load(spec).name == spec


# The fixed algorithm, with scores that are known: one letter, one token.


def known(scores: Floats) -> ScoredTrace:
    text, ends = "x" * len(scores), list(range(1, len(scores) + 1))
    return scorers.score_trace(make_trace(text), ends, Importance(ends, list(scores)), "known")


def kept_by(scored: ScoredTrace, ratio: float) -> list[bool]:
    """Which tokens survive; the text's letters are told apart by giving each its own."""
    text = "".join(chr(0xAC00 + i) for i in range(len(scored.ends)))
    lettered = msgspec.structs.replace(scored, trace=make_trace(text))
    (short,) = compress([lettered], [ratio], rules=Rules("token"))
    return [c in short.cuts[0].reasoning for c in text]


@pytest.mark.parametrize("ratio", [0.1, 0.33, 0.5, 0.77, 0.9])
def test_f1_exactly_the_rounded_number_of_tokens_is_kept_and_ties_go_by_position(
    ratio: float,
) -> None:
    scores = np.random.default_rng(0).standard_normal(501).tolist()
    assert sum(kept_by(known(scores), ratio)) == round(ratio * 501)
    assert kept_by(known([1.0] * 10), ratio) == [i < round(ratio * 10) for i in range(10)]


def test_f2_the_share_kept_does_not_drift_along_the_trace() -> None:
    scored = known(np.random.default_rng(1).standard_normal(9000).tolist())
    kept = np.array(kept_by(scored, 0.5))
    assert [float(part.mean()) for part in np.split(kept, 5)] == pytest.approx([0.5] * 5, abs=0.04)
    assert sum(kept_by(scored, 0.9)) == 8100


def gap(kept: Sequence[bool], scores: Floats) -> float:
    mask, values = np.array(kept), np.array(scores)
    return float(values[mask].mean() - values[~mask].mean())


def test_a1_fixed_tokens_are_kept_for_their_own_score_and_not_their_neighbours() -> None:
    scores = np.random.default_rng(2).standard_normal(10000).tolist()
    kept = kept_by(known(scores), 0.5)
    assert gap(kept, scores) == pytest.approx(1.60, abs=0.03)
    assert gap(kept[:-1], scores[1:]) == pytest.approx(0.0, abs=0.06)


# The released selection.


def released(
    scores: Floats, n_condition: int = 100, ratio: float = 0.5, size: int = 1800
) -> list[bool]:
    kept = set(
        released_kept(
            len(scores), n_condition, ratio, lambda left: [scores[i] for i in left], size=size
        )
    )
    return [i in kept for i in range(len(scores))]


def rate_kept(n: int, n_condition: int = 100) -> float:
    draws = np.random.default_rng(n + n_condition)
    return float(
        np.mean(
            [np.mean(released(draws.standard_normal(n).tolist(), n_condition)) for _ in range(20)]
        )
    )


RATES = {
    1750: 0.538,
    1800: 0.526,
    1900: 0.546,
    2500: 0.650,
    3500: 0.750,
    3600: 0.515,
    4500: 0.606,
    5000: 0.644,
    5400: 0.509,
}


@pytest.mark.parametrize(
    ("n", "rate"), [(n, 1.0) for n in (500, 600, 800, 1200, 1690)] + list(RATES.items())
)
def test_r1_keep_rates_by_length(n: int, rate: float) -> None:
    assert rate_kept(n) == pytest.approx(rate, abs=0.011 if rate < 1 else 0)


@pytest.mark.parametrize(
    ("n_condition", "rate"), [(20, 0.502), (100, 0.515), (300, 0.541), (600, 0.582), (1500, 0.708)]
)
def test_r1_the_condition_inflates_the_rate(n_condition: int, rate: float) -> None:
    assert rate_kept(3600, n_condition) == pytest.approx(rate, abs=0.011)


def test_r2_a_token_is_kept_for_the_score_of_the_next() -> None:
    agree: dict[int, list[float]] = {0: [], 1: []}
    for seed in range(20):
        scores = np.random.default_rng(seed).standard_normal(600)
        kept = np.array(released(scores.tolist(), n_condition=20, size=600))[:-1]
        for shift, found in agree.items():
            found.append(float(np.mean(kept == (scores > np.median(scores))[shift : shift + 599])))
    assert np.mean(agree[1]) == pytest.approx(0.963, abs=0.03)
    assert np.mean(agree[0]) == pytest.approx(0.5, abs=0.03)


def test_r3_the_rate_is_clamped_and_a_rate_of_1_drops_nothing() -> None:
    assert rate(3600, 1500, 0.5) == 0.5 * 5100 / 3603
    assert rate(2000, 100, 1.0) == 1.0
    assert all(released(np.random.default_rng(0).standard_normal(2000).tolist(), ratio=1.0))


def test_r5_short_texts_and_what_follows_the_last_whole_segment_stay_whole() -> None:
    draws = np.random.default_rng(3)
    assert all(released(draws.standard_normal(1690).tolist()))
    kept = released(draws.standard_normal(2500).tolist())
    assert not all(kept[:1799])
    assert all(kept[1799:])


def test_r6_what_ties_with_the_threshold_is_dropped() -> None:
    kept = released([1.0] * 600, n_condition=20, size=600)
    assert kept == [False] * 599 + [True]
    scores = [float(i % 2) for i in range(600)]  # the threshold is 0 only beyond the 300 ones
    # 299 of the 599 ranked: a 1, and ties with it go
    assert released(scores, n_condition=0, size=600)[:599] == [False] * 599


def test_r6_the_threshold_is_that_of_all_tokens_still_there() -> None:
    scores = [0.0] * 300 + [float(i) for i in range(900)]
    # lower than half of all, though not of their segment
    assert not any(released(scores, n_condition=0, size=300)[:298])


def test_later_segments_are_scored_after_what_was_left_of_the_earlier_ones() -> None:
    scores = np.random.default_rng(4).standard_normal(900).tolist()
    asked_for: list[list[int]] = []
    kept = released_kept(
        900,
        0,
        0.5,
        lambda left: asked_for.append(list(left)) or [scores[i] for i in left],
        size=300,
    )
    assert asked_for[0] == list(range(900))
    assert asked_for[1][:10] == kept[:10]
    assert asked_for[1][-300:] == list(range(299, 599))
    assert asked_for[2][-300:] == list(range(599, 899))
    assert len(asked_for) == 3


def test_a1_released_tokens_are_kept_for_their_neighbours_score_through_score_and_compress(
    causal_lm: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = causal_lm(chat=False)
    text = "~" * 5399 + "~"
    n = len(logprobs.encode(lm, [text])[0].ids)
    assert n == 5400
    scores = np.random.default_rng(5).standard_normal(n).tolist()
    monkeypatch.setattr(
        Released, "_scores", lambda self, contrast, ids, left: [scores[i] for i in left]
    )
    scored = next(scorers.score([make_trace(text, conclusion="72")], Released("r", lm, 0.5), lm))
    assert not any(segmented(scored).protected)
    expected = released(scores, len(logprobs.encode(lm, ["72"])[0].ids))
    kept = [value == 1.0 for value in scored.importance]
    assert kept == expected
    assert kept_by(scored, 0.5) == expected
    assert gap(kept[:-1], scores[1:]) == pytest.approx(1.60, abs=0.08)
    assert gap(kept, scores) == pytest.approx(0.0, abs=0.08)


def test_with_smaller_segments_shorter_traces_are_cut_too(causal_lm: Make) -> None:
    lm = causal_lm(chat=False)
    item = make_trace("She sold 48/2 = 24 clips. " * 10)
    n = len(logprobs.encode(lm, [item.reasoning])[0].ids)
    assert 60 < n < 1700
    (whole,) = Released("r", lm, 0.5).score([item])
    (cut,) = Released("r", lm, 0.5, 60).score([item])
    assert sum(whole.values) == n
    assert 0.4 * n < sum(cut.values) < 0.9 * n


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_a_decision_made_while_scoring_survives_the_cut_whatever_the_share_kept(
    ratio: float,
) -> None:
    for n_kept in (0, 1, 50, 99, 100):
        values = [1.0] * n_kept + [0.0] * (100 - n_kept)
        rule = scorers.Percentile(weights=[1] * 100, chunk_ends=[100])
        ends = list(range(1, 101))
        scored = scorers.score_trace(
            make_trace("x" * 100), ends, Importance(ends, values, rule), "r"
        )
        assert kept_by(scored, ratio) == [value == 1.0 for value in values]


def test_r4_released_scores_come_from_the_model_and_nothing_is_protected(causal_lm: Make) -> None:
    lm = causal_lm(chat=False, positions=512)
    item = make_trace("She sold 48/2 = 24 clips. " * 200)
    scored = next(scorers.score([item], Released("r", lm, 0.5), lm))
    digits = [
        value
        for value, piece in zip(scored.importance, segmented(scored).texts, strict=True)
        if piece.strip().isdigit()
    ]
    assert 0 < sum(digits) < len(digits)
    assert list(Released("r", lm, 0.5).score([make_trace(conclusion="")])) == [
        Unscored(cts.NO_CONCLUSION)
    ]


# Work.


@pytest.mark.parametrize(
    ("n", "forwarded"), [(1800, 3701), (3600, 12852), (4500, 14628), (5000, 15626)]
)
def test_the_released_path_forwards_as_many_tokens_as_measured_and_five_ratios_seven_times_ours(
    n: int, forwarded: int
) -> None:
    def sweep(ratio: float) -> float:
        counts = []
        for seed in range(5):
            draws, asked_for = np.random.default_rng(seed).standard_normal(n).tolist(), []
            released_kept(
                n,
                100,
                ratio,
                lambda left, n=asked_for, s=draws: n.append(len(left)) or [s[i] for i in left],
            )
            # without the condition and with it
            counts.append(sum(2 * length + 100 for length in asked_for))
        return float(np.mean(counts))

    assert sweep(0.5) == pytest.approx(forwarded, rel=0.01)
    if n > 1800:
        assert sum(map(sweep, (0.9, 0.8, 0.7, 0.6, 0.5))) >= 7 * (2 * n + 100)


@pytest.mark.parametrize("condition", ["question+answer", "answer"])
def test_each_token_of_a_trace_is_forwarded_twice_and_each_condition_once(
    causal_lm: Make, condition: cts.Condition
) -> None:
    lm = causal_lm()
    item = make_trace("She sold 48/2 = 24 clips. " * 20)
    n = len(logprobs.encode(lm, [item.reasoning])[0].ids)
    scorer = CTS("c", lm, condition=condition)
    contrast = scorer._contrast(item, logprobs.encode(lm, [item.reasoning])[0].ids)
    ran: list[int] = []
    hook = lm.torch_model.get_decoder().register_forward_pre_hook(
        lambda _module, _args, kwargs: ran.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    list(scorer.score([item]))
    hook.remove()
    # of the head; last tokens are targets only; bare contexts hold the first token
    probe, last, bare = (
        8,
        2,
        2 * contrast.bare,
    )
    assert (
        sum(ran) <= probe + 2 * n + len(contrast.condition) + len(contrast.baseline) - last - bare
    )
