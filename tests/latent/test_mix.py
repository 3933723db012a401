"""The law of the draw, the shape of a mixed reasoning, the controls."""

import re
from collections import Counter
from contextlib import suppress
from fractions import Fraction
from itertools import product
from random import Random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import sum_trace

from cotpress import latent_tokens
from cotpress.errors import CotpressError
from cotpress.latent.mix import Codes, Plan, Ready, Replace, chunks, largest, mix, mixed, runs
from cotpress.latent.options import Shape
from cotpress.methods import METHODS


def ready(n: int) -> Ready:
    """A reasoning of n tokens `w0 w1 …`, whose i-th chunk has the code 100 + i."""
    words = [f"w{i} " for i in range(n)]
    ends = [sum(map(len, words[: i + 1])) for i in range(n)]
    return Ready(sum_trace(reasoning="".join(words)), ends, [100 + i for i in range(n // 16)])


def words(begin: int, end: int) -> str:
    return "".join(f"w{i} " for i in range(begin, end))


def law(plan: Plan) -> dict[int, Fraction]:
    """The exact probability of each number of replaced tokens, the reasoning being long enough."""
    found: dict[int, Fraction] = Counter()
    for most in largest(plan):
        values = range(0, most + 1, plan.chunk)
        for m in values:
            found[m] += Fraction(1, 7 * len(values))
    return found


def test_the_papers_law_of_the_two_step_draw():
    found = law(Plan(longest=256))
    assert largest(Plan(longest=256)) == [0, 72, 128, 160, 192, 224, 256]
    assert sum(m * p for m, p in found.items()) == Fraction(512, 7)
    assert round(float(found[0]), 4) == 0.2292
    assert round(float(sum(p for m, p in found.items() if m >= 32)), 4) == 0.6844
    assert round(float(sum(p for m, p in found.items() if m >= 80)), 4) == 0.4254
    assert all(m % 16 == 0 and m <= 256 for m in found)


def test_draws_follow_the_law():
    plan = Plan(longest=256)
    n, chance = 20_000, Random(0)
    drawn = Counter(16 * sum(chunks(100, plan, 0, chance)) for _ in range(n))
    for m, p in law(plan).items():
        assert abs(drawn[m] / n - float(p)) < 4 * (float(p) / n) ** 0.5


def drawn(traces, plan):
    """The cuts of all traces, epoch by epoch."""
    return [cut for one in mix(traces, plan) for cut in one.cuts]


@given(
    n=st.integers(0, 120),
    longest=st.integers(16, 256),
    epoch=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_a_mixed_reasoning_is_codes_between_markers_and_then_the_untouched_rest(
    n, longest, epoch, seed
):
    one, plan = ready(n), Plan(longest=longest, seed=seed, epochs=4)
    result = mixed(one, plan, epoch)
    m = 16 * result.n_latent
    assert m <= min(longest, 16 * (n // 16))
    assert result.reasoning == latent_tokens.run(one.codes[: m // 16]) + words(m, n)
    assert result.n_tokens == m // 16 + 2 * (m > 0) + n - m
    assert result.kept == result.n_tokens / max(1, n)
    assert (result.ratio, result.epoch) == (1.0, epoch)


def test_every_epoch_draws_anew_and_a_draw_depends_on_nothing_else():
    plan = Plan(longest=96, epochs=8)
    alone = list(drawn([ready(100)], plan))
    assert alone == list(drawn([ready(40), ready(100)], plan))[8:]
    assert [one.trace for one in mix([ready(40), ready(100)], plan)] == [
        ready(40).trace,
        ready(100).trace,
    ]
    assert len({one.reasoning for one in alone}) > 2
    assert [one.reasoning for one in drawn([ready(100)], Plan(longest=96, epochs=8, seed=1))] != [
        one.reasoning for one in alone
    ]


def test_the_ablations_replace_all_one_more_chunk_each_epoch_or_each_with_probability_a_half():
    whole = mixed(ready(40), Plan(longest=96, replace="all"), 0)
    assert whole.reasoning == latent_tokens.run([100, 101]) + words(32, 40)
    growing = Plan(longest=112, replace="curriculum", epochs=8)
    assert [one.n_latent for one in drawn([ready(200)], growing)] == list(range(8))
    plan, chance = Plan(longest=96, replace="poisson"), Random(0)
    chosen = [chunks(6, plan, 0, chance) for _ in range(2000)]
    assert all(abs(sum(row[i] for row in chosen) / 2000 - 0.5) < 0.05 for i in range(6))


def test_scattered_chunks_stand_in_runs_of_their_own():
    many = drawn([ready(96)], Plan(longest=96, replace="poisson", epochs=40))
    one = next(one for one in many if one.reasoning.count(latent_tokens.BEGIN) > 1)
    counts = latent_tokens.count(one.reasoning)
    assert one.n_tokens == counts.latent + counts.markers + len(re.findall(r"w\d+ ", one.reasoning))
    assert one.n_tokens == 96 - 15 * one.n_latent + counts.markers


def test_the_controls_have_other_codes_or_none_at_the_same_places():
    true, random, constant, none = (
        drawn([ready(100)], Plan(longest=96, epochs=6, codes=codes))
        for codes in ("vq", "random", "constant", "none")
    )
    assert [
        Plan(longest=96, codes=codes).n_codes for codes in ("vq", "random", "constant", "none")
    ] == [512, 512, 512, 0]
    for a, b, c, d in zip(true, random, constant, none, strict=True):
        assert latent_tokens.codes(c.reasoning) == [0] * a.n_latent
        assert a.n_latent == b.n_latent
        assert a.n_latent == 0 or latent_tokens.codes(a.reasoning) != latent_tokens.codes(
            b.reasoning
        )
        assert d.reasoning == latent_tokens.RUN.sub("", a.reasoning)
        assert d.n_latent == 0


def test_the_baselines_are_mixes_without_codes():
    assert mixed(ready(40), Plan(longest=40, replace="all", codes="none"), 0).reasoning == ""
    assert (
        mixed(ready(40), Plan(longest=40, replace="none"), 0).reasoning == ready(40).trace.reasoning
    )
    last = list(drawn([ready(40)], Plan(longest=40, replace="curriculum", codes="none", epochs=4)))[
        -1
    ]
    assert (last.reasoning, last.n_tokens) == ("", 0)


@pytest.mark.parametrize(
    ("replace", "codes", "pauses", "name"),
    [
        ("ar", "vq", 0, "token-assorted"),
        ("poisson", "vq", 0, "token-assorted-poisson"),
        ("ar", "random", 0, "random-codes"),
        ("ar", "none", 0, "drop-only"),
        ("all", "none", 0, "solution-only"),
        ("curriculum", "none", 0, "icot"),
        ("none", "vq", 0, "full-cot"),
        ("all", "constant", 6, "pause"),
        ("none", "constant", 6, "pause-cot"),
    ],
)
def test_each_mix_has_its_name(replace, codes, pauses, name):
    assert Plan(longest=64, replace=replace, codes=codes, pauses=pauses).method == name


def plans():
    """Every plan there is, as far as its name goes."""
    for replace, codes, pauses in product(get_args(Replace), get_args(Codes), (0, 6)):
        with suppress(CotpressError):
            yield Plan(longest=64, replace=replace, codes=codes, pauses=pauses)


@pytest.mark.parametrize(
    "plan", plans(), ids=lambda plan: f"{plan.replace}-{plan.codes}-{plan.pauses}"
)
def test_the_report_explains_the_name_of_every_mix_and_takes_one_alone_for_a_method(plan):
    found = METHODS[plan.method]
    assert found.sentence
    assert found.trained
    assert (found.kind == "taught") == (plan.replace == "ar" and plan.codes == "vq")
    assert found.servable == (plan.codes == "vq" and plan.replace != "none")


def test_pauses_are_a_fixed_number_of_one_code_with_or_without_the_reasoning():
    without = mixed(ready(40), Plan(longest=40, replace="all", codes="constant", pauses=6), 0)
    assert (without.reasoning, without.n_tokens) == (latent_tokens.run([0] * 6), 8)
    assert Plan(longest=40, replace="all", codes="constant", pauses=6).n_codes == 1
    beside = mixed(ready(40), Plan(longest=40, replace="none", codes="constant", pauses=6), 0)
    assert (beside.reasoning, beside.n_tokens) == (
        without.reasoning + ready(40).trace.reasoning,
        48,
    )


def test_a_reasoning_shorter_than_a_chunk_stays_text():
    assert all(
        one.reasoning == ready(15).trace.reasoning
        for one in drawn([ready(15)], Plan(longest=96, epochs=20))
    )


def test_a_character_of_several_tokens_is_never_cut_in_two():
    ends = [*range(1, 16), 16, 16, 16, *range(17, 38)]  # tokens 15, 16 and 17 are one character
    one = Ready(sum_trace(reasoning="x" * 37), ends, [1, 2])
    found = {mixed(one, Plan(longest=64, epochs=60), epoch).n_latent for epoch in range(60)}
    assert found == {0, 2}


def test_a_run_that_would_begin_inside_of_a_character_begins_a_chunk_later():
    ends = [*range(1, 16), 16, 16, 16, *range(17, 47)]  # tokens 15, 16 and 17 are one character
    assert runs([False, True, True], 16, ends) == [(32, 48)]
    assert runs([False, True, False], 16, ends) == []
    assert runs([True, True, False], 16, ends) == [(0, 32)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "--epochs of at least 1"),
        ({"longest": 10}, "--longest 10 is below one chunk of 16"),
        ({"pauses": 3}, "--pauses goes with --codes constant"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(wrong, message):
    with pytest.raises(CotpressError, match=message):
        Plan(**{"longest": 64} | wrong)


def test_a_plan_for_another_vqvae_is_refused():
    pytest.importorskip("torch")
    from types import SimpleNamespace

    from cotpress.latent import mixing

    coder = SimpleNamespace(model=SimpleNamespace(shape=Shape(codebook=16)))
    with pytest.raises(
        CotpressError, match="a chunk of 16, a rate of 16 and 16 codes: plan with these"
    ):
        next(mixing.mix([], coder, None, Plan(longest=64, codebook=512)))
