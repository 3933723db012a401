"""Decoding: a request's answer is the same in any batch, whoever joins, ends or is set aside, and
the batch stays within its room.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from cotpress.errors import CotpressError  # noqa: E402
from cotpress.lm import batch, decoding  # noqa: E402
from cotpress.lm.batch import Row  # noqa: E402
from cotpress.lm.contract import Sampling  # noqa: E402
from cotpress.lm.latent_grammar import Grammar, LatentIds  # noqa: E402

Make = Callable[..., Any]

LONGEST, N = 24, 14
WAYS = {
    "greedy": Sampling(max_tokens=LONGEST),
    "sampled": Sampling(max_tokens=LONGEST, temperature=1.3, top_p=0.9, seed=3),
}
RULES = {"free": (), "legal": (None,), "forced": (3,)}
SLIDING = {"sliding_window": 16}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}


def prompt(i: int) -> list[int]:
    """Of 1 to 40 tokens."""
    return [(7 * i + 13 * j) % 290 + 8 for j in range(1 + (i * 17) % 40)]


def grammar(rules: str) -> Grammar | None:
    if not RULES[rules]:
        return None
    return Grammar(LatentIds(3, 4, [5, 6, 7]), *RULES[rules], 300, torch.device("cpu"))


@pytest.fixture(scope="module")
def nets(causal_lm: Make) -> Callable[[str], Any]:
    """Models in double precision: padding and company change no sum by what could be seen."""

    @cache
    def build(family: str) -> Any:
        config = {"mistral": SLIDING, "gpt2": GPT2}.get(family, {})
        return causal_lm(family, **config).torch_model.double()

    return build


@torch.inference_mode()
def naive(net: Any, i: int, sampling: Sampling, rules: str) -> list[int]:
    """One request, no cache, no padding, no end, the whole text again at every step."""
    table, state, said = grammar(rules), torch.tensor([0]), []
    draws = torch.tensor(decoding.uniforms(str(i), sampling))
    for step in range(LONGEST):
        logits = net(torch.tensor([prompt(i) + said])).logits[:, -1].float()
        drawn = draws[step : step + 1] if sampling.temperature else None
        chosen = decoding.choose(table.mask(logits, state) if table else logits, sampling, drawn)
        state = table.follow(state, chosen) if table else state
        said.append(int(chosen))
    return said


@pytest.fixture(scope="module")
def whole(nets: Callable[[str], Any]) -> Callable[..., list[list[int]]]:
    @cache
    def of(family: str, way: str, rules: str) -> list[list[int]]:
        return [naive(nets(family), i, WAYS[way], rules) for i in range(N)]

    return of


def cut(ids: Sequence[int], stops: set[int], limit: int) -> list[int]:
    ends = [at + 1 for at, token in enumerate(ids) if token in stops]
    return list(ids[: min([limit, *ends])])


class Asked:
    """`more` of `decode`, for answers that are given out in order."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows, self.n_read, self.done = rows, 0, set[int]()
        self.ahead = 0

    def more(self, n: int) -> list[Row]:
        given = next(i for i in range(len(self.rows) + 1) if i not in self.done)
        new = list(self.rows[self.n_read : given + n])
        self.n_read += len(new)
        self.ahead = max(self.ahead, self.n_read - given)
        return new


def decoded(net: Any, asked: Asked, stops: set[int], way: str, **how: Any) -> dict[int, list[int]]:
    found = {}
    for row in decoding.decode(net, asked.more, stops, WAYS[way], **how):
        assert row.index not in found
        found[row.index] = row.said
        asked.done.add(row.index)
    return found


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "mistral"])
@settings(max_examples=25)
@given(data=st.data())
def test_an_answer_is_that_of_a_naive_loop_whatever_the_batch_and_its_room(
    nets: Any, whole: Any, family: str, data: st.DataObject
) -> None:
    way, rules = data.draw(st.sampled_from(list(WAYS))), data.draw(st.sampled_from(list(RULES)))
    order = data.draw(st.permutations(range(N)))[: data.draw(st.integers(1, N))]
    limits = data.draw(st.lists(st.integers(0, LONGEST), min_size=len(order), max_size=len(order)))
    alone = whole(family, way, rules)
    late = sorted({token for ids in alone for token in ids[3:]})
    stops = data.draw(st.sets(st.sampled_from(late), max_size=6))
    asked = Asked(
        [
            Row(at, str(i), prompt(i), limit)
            for at, (i, limit) in enumerate(zip(order, limits, strict=True))
        ]
    )
    how = {"room": data.draw(st.integers(1, 600)), "most": data.draw(st.integers(1, 6))}
    found = decoded(nets(family), asked, stops, way, grammar=grammar(rules), **how)
    assert found == {
        at: cut(alone[i], stops, limit)
        for at, (i, limit) in enumerate(zip(order, limits, strict=True))
    }
    assert asked.ahead <= max(how["most"], decoding.WINDOW * how["most"])


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "mistral"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("rules", RULES)
def test_the_tokens_of_one_answer_come_one_by_one_and_are_those_of_a_naive_loop(
    nets: Any, whole: Any, family: str, way: str, rules: str
) -> None:
    alone = whole(family, way, rules)
    stops = {ids[7] for ids in alone[:3]}
    for i, limit in ((0, LONGEST), (1, 5), (2, 1), (3, 0), (9, LONGEST)):
        row = Row(0, str(i), prompt(i), limit)
        found = decoding.tokens(nets(family), row, stops, WAYS[way], grammar(rules))
        assert list(found) == cut(alone[i], stops, limit)


class Watched:
    """A model whose passes are written down: (rows, tokens of each, columns)."""

    def __init__(self, net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        forward, self.passes = net.forward, []

        def watched(**given: Any) -> Any:
            self.passes.append((*given["input_ids"].shape, given["attention_mask"].shape[1]))
            return forward(**given)

        watched.__signature__ = inspect.signature(forward)  # type: ignore[attr-defined]
        monkeypatch.setattr(net, "forward", watched)

    @property
    def steps(self) -> list[tuple[int, int]]:
        return [(rows, width) for rows, tokens, width in self.passes if tokens == 1]

    @property
    def n_read(self) -> int:
        return sum(rows for rows, tokens, _ in self.passes if tokens > 1)


def long_rows(n: int, limit: int = LONGEST) -> list[Row]:
    return [Row(i, str(i), [*range(8, 18)], limit) for i in range(n)]


@pytest.mark.parametrize(("family", "room"), [("llama", 240), ("llama", 90), ("mistral", 240)])
def test_a_batch_stays_within_its_room_and_rows_that_were_set_aside_go_on(
    nets: Any, monkeypatch: pytest.MonkeyPatch, family: str, room: int
) -> None:
    monkeypatch.setattr(decoding, "SLACK", 2)
    watched = Watched(nets(family), monkeypatch)
    found = decoded(nets(family), Asked(long_rows(12)), set(), "greedy", room=room, most=12)
    assert all(len(said) == LONGEST for said in found.values())
    assert all(rows == 1 or rows * width <= room for rows, width in watched.steps)
    assert watched.n_read > 12  # some were read again with what they had written


def test_rows_join_as_others_end_and_the_batch_is_not_left_to_drain(
    nets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(nets("llama"), monkeypatch)
    rows = [Row(i, str(i), [*range(8, 18)], 20 if i == 0 else 2) for i in range(13)]
    decoded(nets("llama"), Asked(rows), set(), "greedy", room=10**6, most=4)
    assert {n for n, _ in watched.steps[:8]} == {4}
    assert len(watched.steps) == 20
    assert watched.n_read == 13  # nothing was read twice


def test_columns_that_only_ended_rows_needed_are_cut_off(
    nets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(nets("llama"), monkeypatch)
    rows = [Row(0, "0", [9] * 200, 2), *(Row(i, str(i), [9] * 10, LONGEST) for i in range(1, 12))]
    decoded(nets("llama"), Asked(rows), set(), "greedy", room=10**6, most=12)
    assert watched.steps[0] == (12, 201)
    assert watched.steps[4][1] < 20


def test_the_limit_reserves_no_memory(nets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(nets("llama"), monkeypatch)
    stops = set(range(300))
    decoded(nets("llama"), Asked(long_rows(8, 10**6)), stops, "greedy", room=1000, most=128)
    assert watched.steps[0][0] == 8


def test_the_time_of_a_batch_is_shared_out_once(nets: Any) -> None:
    clock = iter(range(10**6))
    asked = Asked(long_rows(7))
    how = {"room": 90, "most": 3, "clock": lambda: float(next(clock))}
    rows = list(decoding.decode(nets("llama"), asked.more, (), WAYS["greedy"], **how))
    assert sum(row.seconds for row in rows) == pytest.approx(
        next(clock) - 2
    )  # nothing ran before the first


def test_what_has_ended_is_given_out_in_time_and_nothing_else_changes(nets: Any) -> None:
    def run(seconds_a_step: float) -> tuple[int, list[int], dict[int, list[int]]]:
        """At which call of the clock the first row came out, in which order, and what was said."""
        calls = came = 0

        def clock() -> float:
            nonlocal calls
            calls += 1
            return calls * seconds_a_step

        rows = [Row(i, str(i), prompt(i), LONGEST if i else 4) for i in range(N)]
        asked, said, order = Asked(rows), {}, []
        how = {"room": 10**6, "most": N, "clock": clock}
        for row in decoding.decode(nets("llama"), asked.more, (), WAYS["greedy"], **how):
            came = came or calls
            asked.done.add(row.index)
            order.append(row.index)
            said[row.index] = list(row.said)
        return came, order, said

    fast, slow = run(0.0), run(10.0)
    assert fast[2] == slow[2]
    assert sorted(fast[1]) == sorted(slow[1]) == list(range(N))
    assert slow[1][0] == 0
    assert slow[0] < 10 < fast[0]


def scarce(net: Any, monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    """Let the model be out of memory wherever rows x columns of the cache pass `cells`."""
    whole = net.forward

    def forward(*args: Any, attention_mask: Any, **given: Any) -> Any:
        if attention_mask.numel() > cells:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(*args, attention_mask=attention_mask, **given)

    forward.__signature__ = inspect.signature(whole)  # type: ignore[attr-defined]
    monkeypatch.setattr(net, "forward", forward)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("family", ["llama", "mistral"])
@pytest.mark.parametrize("cells", [90, 200, 500])
def test_where_memory_ends_rows_go_on_in_smaller_batches_to_the_same_answers(
    nets: Any, whole: Any, monkeypatch: pytest.MonkeyPatch, family: str, way: str, cells: int
) -> None:
    expected = whole(family, way, "free")
    asked = Asked([Row(i, str(i), prompt(i), LONGEST) for i in range(N)])
    stops = {expected[2][5]}
    scarce(nets(family), monkeypatch, cells)
    found = decoded(nets(family), asked, stops, way, room=10**6, most=N)
    assert found == {i: cut(ids, stops, LONGEST) for i, ids in enumerate(expected)}


def test_one_answer_that_does_not_fit_alone_is_one_sentence(
    nets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce(nets("llama"), monkeypatch, 40)
    rows = [Row(0, "0", prompt(0), 3), Row(1, "1", [9] * 39, LONGEST)]
    run = decoding.decode(
        nets("llama"), Asked(rows).more, set(), WAYS["greedy"], room=10**6, most=4
    )
    with pytest.raises(CotpressError, match=r"out of memory with one answer alone, at \d+ tokens"):
        list(run)


def test_a_prompt_is_read_in_pieces_to_the_same_answer(
    nets: Any, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PREFILL", 7)
    expected = whole("llama", "greedy", "free")
    asked = Asked([Row(i, str(i), prompt(i), LONGEST) for i in range(N)])
    found = decoded(nets("llama"), asked, set(), "greedy", room=10**6, most=N)
    assert found == dict(enumerate(expected))
