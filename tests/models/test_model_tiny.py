"""The bundled model solves what it was made for, and needs no download."""

from collections import Counter
from functools import partial
from itertools import islice

import pytest

pytest.importorskip("transformers")

from cotpress import models, tasks
from cotpress.evaluation.evaluate import Plan, evaluate
from cotpress.evaluation.rows import rows
from cotpress.models import Sampling
from cotpress.pipeline.generate import generate
from cotpress.pipeline.grade import grade
from cotpress.plugins import PACKAGE


def test_it_solves_problems_it_has_never_seen() -> None:
    problems = list(islice(tasks.load("arithmetic").problems("test"), 40))
    traces = list(generate(problems, models.load("tiny"), Sampling(max_tokens=256)))
    right = [rf"\boxed{{{trace.problem.answer}}}" in trace.conclusion for trace in traces]
    assert sum(right) >= 38
    assert all(trace.finished and trace.n_tokens > 50 for trace in traces)


def test_eight_answers_at_a_high_temperature_are_counted_as_by_hand() -> None:
    problems = list(islice(tasks.load("arithmetic").problems("test"), 4))
    tiny = models.load("tiny")
    plan = Plan(
        model=tiny,
        original=tiny,
        ratios=[0.5],
        samples=8,
        sampling=Sampling(max_tokens=160, temperature=1.3, seed=1),
    )
    traces = list(evaluate(problems, plan, partial(grade, grader_of=lambda trace: "math")))
    for ratio, row in zip((None, 0.5), rows(traces), strict=True):
        answers = [
            [
                trace
                for trace in traces
                if trace.problem.id == problem.id and trace.asked.ratio == ratio
            ]
            for problem in problems
        ]
        said = [[trace.grade.answer for trace in of if trace.grade] for of in answers]
        assert list(map(len, said)) == [8] * 4
        right = [
            sum(one == problem.answer for one in of)
            for problem, of in zip(problems, said, strict=True)
        ]
        assert 0 < sum(right) < 32  # else this count would show nothing
        assert row.accuracy == sum(right) / 32
        assert row.pass_at_k == sum(one > 0 for one in right) / 4
        votes = 0.0
        for problem, of in zip(problems, said, strict=True):
            counts = Counter(one for one in of if one is not None).most_common()
            first = [one for one, count in counts if count == counts[0][1]]
            votes += (problem.answer in first) / max(1, len(first))
        assert row.maj_at_k == votes / 4


def test_the_likeliest_token_alone_is_what_greedy_takes() -> None:
    problems = list(islice(tasks.load("arithmetic").problems("test"), 4))
    tiny = models.load("tiny")
    for cut in ({"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-9}):
        drawn, greedy = (
            list(generate(problems, tiny, Sampling(max_tokens=60, **more)))
            for more in ({"temperature": 1.3, **cut}, {})
        )
        assert [one.reasoning for one in drawn] == [one.reasoning for one in greedy]


def test_numbers_and_words_are_single_tokens_and_any_text_can_be_written() -> None:
    tiny = models.load("tiny")
    assert len(tiny.token_ends([" 48"])[0]) == 1
    text = "10³ → 你好 \\frac{1}{2}\r\n🙂"
    assert tiny.tokenizer.decode(tiny.text_ids(text)) == text


def test_it_is_small_enough_to_ship() -> None:
    folder = PACKAGE / "assets" / "tiny"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
