"""Each reward against its paper's formula by hand, and what every reward of the folder owes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress import plugins, rewards
from cotpress.errors import CotpressError
from cotpress.records import Grade
from cotpress.rewards import Sample

RIGHT = Grade(answer="72", correct=True, status="ok")
WRONG = Grade(answer="7", correct=False, status="ok")


def sample(tokens: int, right: bool = True, finished: bool = True, wanted: int | None = None):
    grade = RIGHT if right else WRONG
    return Sample(make_trace("so", n_tokens=tokens, grade=grade, finished=finished), wanted)


def value(spec: str, *samples: Sample) -> list[float]:
    return list(rewards.load(spec)(samples))


@pytest.mark.parametrize(
    ("spec", "one", "expected"),
    [
        ("correct", sample(9), 1),
        ("correct", sample(9, right=False), 0),
        ("correct", sample(9, finished=False), 0),
        ("l1-exact", sample(900, wanted=1000), 1 - 0.0003 * 100),
        ("l1-exact,alpha=0", sample(150, right=False, wanted=100), -0.5),
        ("l1-max", sample(500, wanted=1000), 0.0003 * 500 + 0.5),
        ("l1-max,alpha=0", sample(10, wanted=100), 1),
        ("l1-max,alpha=0,length=100", sample(150), 0),
        ("l1-max", sample(1, right=False, wanted=100), 0),
        ("cosine,length=100", sample(0), 2),
        ("cosine,length=100", sample(50), 1.5),
        ("cosine,length=100", sample(500), 1),
        ("cosine,length=100", sample(0, right=False), -10),
        ("cosine,length=100", sample(100, right=False), 0),
        ("cosine,length=100,exceed=-3", sample(100, finished=False), -3),
        ("dler", sample(9000), 1),
        ("dler,length=100", sample(101), 0),
        ("adherence", sample(75, wanted=100), 0.75),
        ("adherence", sample(300, right=False, wanted=100), 0),
    ],
)
def test_a_reward_is_its_formula(spec, one, expected):
    assert value(spec, one) == [pytest.approx(expected)]


def test_the_shortest_of_a_group_is_worth_most_and_a_wrong_one_nothing_for_being_short():
    group = (sample(10), sample(20), sample(30), sample(10, right=False), sample(30, right=False))
    assert value("shortest", *group) == [0.5, 0.0, -0.5, 0.0, -0.5]
    assert value("shortest", sample(5), sample(5, right=False)) == [0, 0]


@pytest.mark.parametrize("name", list(plugins.available("rewards")))
@given(lengths=st.lists(st.integers(0, 900), min_size=1, max_size=6), data=st.data())
def test_every_reward_gives_a_finite_number_for_each_and_none_for_being_wrong(name, lengths, data):
    reward = rewards.load(f"{name},length=200" if name == "cosine" else name)
    bits = st.booleans()
    group = [sample(n, data.draw(bits), data.draw(bits), wanted=100) for n in lengths]
    found = list(reward(group))
    assert len(found) == len(group)
    assert all(map(math.isfinite, found))
    right = list(reward([sample(n, wanted=100) for n in lengths]))
    assert reward.name == name
    assert all(
        a >= b - 1e-9
        for a, b in zip(right, reward([sample(n, False, wanted=100) for n in lengths]), strict=True)
    )


@pytest.mark.parametrize("name", ["l1-exact", "l1-max", "adherence"])
def test_a_reward_for_length_says_so_where_none_is_asked_for(name):
    with pytest.raises(CotpressError, match=f"write {name},length=200"):
        value(name, sample(9))
