"""Which items a shard takes: whole windows, each in one shard, and every shard some."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.engine.shards import WINDOW, Shard, Share, chunks, parse
from cotpress.errors import CotpressError


@given(st.integers(0, 3000), st.integers(1, 9), st.sampled_from([1, 16, 256]))
def test_every_item_is_in_one_shard_in_whole_windows(total: int, n: int, batch: int) -> None:
    shares = [Share(Shard(i, n), total, batch) for i in range(n)]
    taken = [list(share.take(range(total))) for share in shares]
    assert sorted(place for own in taken for place in own) == list(range(total))
    for share, own in zip(shares, taken, strict=True):
        assert share.n_items == len(own)
        assert share.size <= WINDOW
        assert share.size % batch == 0
        assert {place // share.size % n for place in own} <= {share.shard.number}


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_no_shard_is_empty_and_none_has_twice_the_items_of_another_but_by_the_last_window(
    total: int, n: int
) -> None:
    sizes = [Share(Shard(i, n), total).n_items for i in range(n)]
    size = Share(Shard(0, n), total).size
    assert max(sizes) <= -(-total // (size * n)) * size
    assert max(sizes) - total / n < size
    assert max(sizes) == sizes[0]


def test_shard_i_takes_the_windows_of_256_whose_number_is_i_modulo_n() -> None:
    own = list(Share(Shard(1, 3), 7 * 256, 256).take(range(7 * 256)))
    assert own == [*range(256, 512), *range(4 * 256, 5 * 256)]


def test_the_window_of_a_record_is_found_where_items_left_none() -> None:
    share = Share(Shard(1, 2), 10)
    assert share.size == 5
    keys = "abcdefghij"
    assert list(share.take(keys)) == list("fghij")
    assert list(share.windows(list("fghij"), "gj")) == [(1,), (1,)]
    assert chunks([(0, 1), (0, 1), (0, 3), (2, 1)]) == [[0, 1, 2], [0, 3, 1], [2, 1, 1]]


def test_a_shard_is_written_as_its_number_of_n() -> None:
    assert parse("0/8") == Shard(0, 8)
    assert parse("") == Shard(0, 1)
    assert parse("").options == {}
    assert parse("7/8").options == {"shard": "7/8"}


@pytest.mark.parametrize("text", ["8/8", "1", "-1/8", "0/0", "a/b", "1/8/2", "٣/8"])
def test_what_is_not_a_shard_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(CotpressError, match="is not a shard: write 0/8"):
        parse(text)
