"""Constrained decoding, and what eval makes of it."""

import re
from collections import Counter

import pytest

pytest.importorskip("torch")

import msgspec
import torch
from hypothesis import given
from hypothesis import strategies as st
from make import sum_trace
from train_fixtures import make_model

from cotpress import latent_tokens
from cotpress.errors import CotpressError
from cotpress.evaluation import evaluate as stage
from cotpress.evaluation.forced_latents import changed, usable
from cotpress.evaluation.rows import rows as rows_of
from cotpress.latent_tokens import BEGIN, END, RUN, code, run
from cotpress.lm.latent_grammar import Grammar, LatentIds
from cotpress.methods import CORRUPTED, FORCED
from cotpress.models import Completion, Request, Sampling
from cotpress.records import Grade, Problem, Trace
from cotpress.training.vocabulary import with_latents


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """An untrained model that knows latent tokens; it likes them, so that constraints matter."""
    model = with_latents(make_model(tmp_path_factory.mktemp("base"), tied=False), 6)
    with torch.no_grad():
        ids = model.latent_ids
        head = model.torch_model.get_output_embeddings().weight
        head[[ids.begin, ids.end, *ids.codes]] *= 5
    return model


def said(model, sampling: Sampling, n: int = 6) -> list[str]:
    asked = [
        Request(
            key=str(i),
            messages=Problem(id=str(i), question=f"{i} + {i}?", answer="", task="t").prompt(),
        )
        for i in range(n)
    ]
    return [done.text for done in model.generate(asked, sampling)]


@pytest.mark.parametrize("k", [0, 1, 3])
def test_a_forced_number_is_a_run_of_exactly_so_many_codes_in_front_and_none_after(taught, k):
    for text in said(taught, Sampling(max_tokens=20, temperature=1.0, latents=k)):
        assert len(latent_tokens.codes(text)) == k
        assert latent_tokens.count(text).markers == 2 * bool(k)
        assert text.startswith(run(latent_tokens.codes(text)))


def test_legal_latents_stand_in_runs_that_are_never_empty_and_hold_no_text(taught):
    free, legal = (
        said(taught, Sampling(max_tokens=30, temperature=1.5, legal_latents=legal), 12)
        for legal in (False, True)
    )
    assert any(latent_tokens.SPELLED.search(RUN.sub("", text)) for text in free)
    for text in legal:
        rest = RUN.sub("", text)
        assert END not in rest
        assert rest.count(BEGIN) <= 1  # a last run may be cut off
        assert not latent_tokens.codes(rest.partition(BEGIN)[0])
        assert BEGIN + END not in text


def test_a_state_belongs_to_what_a_row_has_said():
    grammar = Grammar(LatentIds(0, 1, [2, 3]), None, width=6, device=torch.device("cpu"))
    states = grammar.follow(torch.zeros(3, dtype=torch.long), torch.tensor([4, 0, 4]))
    assert grammar.mask(torch.zeros(2, 6), states[1:]).isfinite().tolist() == [
        [False, False, True, True, False, False],
        [True, False, False, False, True, True],
    ]


@given(st.one_of(st.none(), st.integers(0, 3)), st.lists(st.integers(0, 5), max_size=8))
def test_the_state_of_a_row_can_be_told_from_what_it_has_said(forced, said):
    grammar = Grammar(LatentIds(0, 1, [2, 3]), forced, width=6, device=torch.device("cpu"))
    states = torch.tensor([grammar.state([])])
    for token in said:
        states = grammar.follow(states, torch.tensor([token]))
    assert states.tolist() == [grammar.state(said)]


def test_a_model_without_latent_tokens_cannot_be_made_to_write_them(tmp_path):
    with pytest.raises(CotpressError, match="knows no latent tokens"):
        said(make_model(tmp_path / "base"), Sampling(latents=2))


def test_corruption_changes_every_code_and_nothing_else():
    trace = sum_trace(reasoning=f"{run([0, 1, 2, 5])} and so")
    begin = changed(trace, 6, seed=0)
    assert all(a != b for a, b in zip([0, 1, 2, 5], latent_tokens.codes(begin), strict=True))
    assert begin == run(latent_tokens.codes(begin))
    assert changed(trace, 6, seed=0) == begin
    scattered = f"{run([0, 1])} and {run([2])}"
    begin = changed(sum_trace(reasoning=f"{scattered} so"), 6, seed=0)
    assert latent_tokens.CODE.sub("", begin) == latent_tokens.CODE.sub("", scattered)
    assert all(a != b for a, b in zip([0, 1, 2], latent_tokens.codes(begin), strict=True))
    assert not usable(sum_trace())
    assert not usable(sum_trace(reasoning=f"{BEGIN}{code(3)} cut off"))


class Codes:
    """Writes one code that says the answer and then what the
    code says; `n` where so many are forced.
    """

    name = "codes"

    def generate(self, requests, sampling):
        for request in requests:
            first = int(re.search(r"\d", request.messages[-1]["content"])[0])
            n = sampling.latents if sampling.latents is not None else 1
            begin = request.prefill or (run([first] * n) if n else "")
            known = latent_tokens.codes(begin)
            text = f"{begin} so\nThe answer is {known[0] if known else 9}."
            new = text.removeprefix(request.prefill)
            yield Completion(text=new, n_tokens=len(self.ends(new)), finished=True)

    def ends(self, text):
        return [
            match.end() for match in re.finditer(rf"{latent_tokens.SPELLED.pattern}|\w+|\S", text)
        ]

    def token_ends(self, texts):
        return [self.ends(text) for text in texts]


def grades(traces):
    for trace in traces:
        read = trace.conclusion.removeprefix("The answer is ").rstrip(".")
        grade = Grade(answer=read, correct=read == trace.problem.answer, status="ok")
        yield msgspec.structs.replace(trace, grade=grade)


def test_an_evaluation_forces_and_corrupts_and_tells_how_many_answers_change():
    problems = [Problem(id=str(i), question=f"{i}?", answer=str(i), task="t") for i in range(6)]
    plan = stage.Plan(
        model=Codes(),
        method="token-assorted",
        ratios=[1.0],
        forced=[0, 2],
        corrupt=10,
        marker="The answer",
    )
    traces: list[Trace] = list(stage.evaluate(problems, plan, grades))
    assert len({trace.key for trace in traces}) == len(traces) == 24
    assert not list(stage.evaluate(problems, plan, grades, done=traces))
    rows = {(row.method, row.latents): row for row in rows_of(traces, trained=(1.0,))}
    assert list(rows) == [("token-assorted", None), (FORCED, 0), (FORCED, 2), (CORRUPTED, None)]
    free, none, two, other = rows.values()
    assert (
        free.accuracy,
        free.mean_latent,
        free.mean_markers,
        free.with_latents,
        free.mean_tokens,
    ) == (
        1.0,
        1.0,
        2.0,
        1.0,
        4.0,
    )
    assert (none.mean_latent, none.with_latents, two.mean_latent) == (0.0, 0.0, 2.0)
    assert (other.accuracy, other.changed) == (0.0, 1.0)
    # its beginning counts
    assert (other.mean_tokens, other.mean_total_tokens) == (
        free.mean_tokens,
        free.mean_total_tokens,
    )
    assert {row.note for row in rows.values()} == {""}
    assert free.changed is None


def test_answers_without_latent_tokens_have_none_to_corrupt_and_are_counted():
    class Sometimes(Codes):
        def generate(self, requests, sampling):
            for request in requests:
                even = int(re.search(r"\d", request.messages[-1]["content"])[0]) % 2 == 0
                yield from super().generate(
                    [request], msgspec.structs.replace(sampling, latents=None if even else 0)
                )

    problems = [Problem(id=str(i), question=f"{i}?", answer=str(i), task="t") for i in range(5)]
    plan = stage.Plan(
        model=Sometimes(), method="token-assorted", ratios=[1.0], corrupt=10, marker="The answer"
    )
    dropped = Counter()
    traces = list(stage.evaluate(problems, plan, grades, dropped=dropped))
    assert [trace.problem.id for trace in traces if trace.method == CORRUPTED] == ["0", "2", "4"]
    assert dropped == {stage.NOTHING_TO_CORRUPT: 2}
