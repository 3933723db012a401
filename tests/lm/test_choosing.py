"""The next token: temperature, top-k, top-p and min-p against a naive computation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from cotpress.lm.contract import Sampling  # noqa: E402
from cotpress.lm.decoding import choose  # noqa: E402

# no further apart than single precision can tell the shares of all tokens
LOGITS = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


def naive(logits, sampling):
    """(token, probability) of what may be drawn, the likeliest first: each cut by its definition,
    one after the other.
    """
    raised = [2.718281828459045 ** (one / sampling.temperature) for one in logits]
    ranked = sorted(range(len(logits)), key=lambda token: (-raised[token], token))
    left = [(token, raised[token] / sum(raised)) for token in ranked]
    if sampling.top_k:
        left = left[: sampling.top_k]
    total, reached, kept = sum(share for _, share in left), 0.0, []
    for token, share in left:
        if reached >= sampling.top_p < 1:
            break
        kept.append((token, share))
        reached += share / total
    kept = [one for one in kept if one[1] >= sampling.min_p * kept[0][1] - 1e-9]
    total = sum(share for _, share in kept)
    return [(token, share / total) for token, share in kept]


@given(
    LOGITS,
    st.sampled_from([0.5, 1.0, 1.3]),
    st.integers(0, 14),
    st.sampled_from([0.31, 0.77, 0.93, 1.0]),
    st.sampled_from([0.0, 0.07, 0.43, 1.0]),
)
def test_what_is_drawn_is_what_temperature_top_k_top_p_and_min_p_leave(
    logits, temperature, top_k, top_p, min_p
):
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    left = naive(logits, sampling)
    # in the middle of each token's part of the distribution
    ends, reached = [], 0.0
    for _, share in left:
        ends.append(reached + share / 2)
        reached += share
    draws = torch.tensor([*ends, 0.0, 1 - 1e-9], dtype=torch.float64)
    rows = torch.tensor([logits] * len(draws))
    tokens = [token for token, _ in left]
    assert choose(rows, sampling, draws).tolist() == [*tokens, tokens[0], tokens[-1]]


def test_without_a_draw_the_likeliest_token_comes_whatever_else_is_said():
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    assert choose(logits, Sampling(top_k=3, top_p=0.1, min_p=0.5), None).tolist() == [1]


def test_a_top_k_of_more_tokens_than_there_are_is_none():
    logits, draw = torch.tensor([[0.0, 2.0, 1.0]]), torch.tensor([0.999], dtype=torch.float64)
    for top_k in (0, 3, 1000):
        assert choose(logits, Sampling(temperature=1.0, top_k=top_k), draw).tolist() == [0]
