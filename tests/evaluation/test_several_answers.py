"""Every setting asks each problem k times, controls cut each of the k answers, and rows are means
over problems with the uncertainty of problems.
"""

import re
from statistics import fmean, stdev

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make import make_trace

from cotpress.errors import CotpressError
from cotpress.evaluation.evaluate import Plan, evaluate
from cotpress.evaluation.plan import Wish, plan
from cotpress.evaluation.resampling import bootstrap, sign_flip
from cotpress.evaluation.rows import rows
from cotpress.evaluation.several import majority
from cotpress.models import Completion, Sampling
from cotpress.records import Asked, Grade, Problem

K, N = 3, 4
PROBLEMS = [
    Problem(id=f"p/{i}", question=f"What is {i} + 1?", answer=str(i + 1), task="plus")
    for i in range(N)
]


class Wavering:
    """Reasons in 20 words and one more for each sample, or in their share at a ratio; the last
    sample is wrong. From a prefill it says how many words were left.
    """

    def __init__(self, name):
        self.name = name
        self.asked = []

    def generate(self, requests, sampling):
        for request in requests:
            self.asked.append(request)
            i, sample = int(request.key.split("|")[0][2:]), int(request.key.split("|")[1])
            if request.prefill:
                left = len(re.findall(r"w\d+", request.prefill))
                yield Completion(text=f"{left}}}.", n_tokens=1, finished=True)
                continue
            ratio = re.search(r"<ratio>(.*)</ratio>", request.messages[0]["content"])
            n = round((20 + sample) * float(ratio[1] if ratio else 1))
            answer = 0 if sample == K - 1 else i + 1
            text = " ".join(f"w{j}" for j in range(n)) + f"\nThe answer is \\boxed{{{answer}}}."
            yield Completion(text=text, n_tokens=n + 4, finished=True)

    def token_ends(self, texts):
        return [[match.end() for match in re.finditer(r"\S+", text)] for text in texts]


def by_box(traces):
    for trace in traces:
        said = re.search(r"boxed\{(\w+)\}", trace.conclusion)[1]
        grade = Grade(answer=said, correct=said == trace.problem.answer, status="ok")
        yield msgspec.structs.replace(trace, grade=grade)


def run(done=(), **fields):
    usual = {
        "model": Wavering("taught"),
        "original": Wavering("untouched"),
        "ratios": [1.0, 0.5],
        "method": "tokenskip",
        "baselines": ["be-concise", "truncation"],
        "sampling": Sampling(temperature=0.8),
        "samples": K,
    }
    return list(evaluate(PROBLEMS, Plan(**usual | fields), by_box, done=done))


WHOLE = run()


def test_every_setting_asks_each_problem_k_times_with_all_samples_together():
    assert len(WHOLE) == 5 * N * K
    for begin in range(0, len(WHOLE), N * K):
        part = WHOLE[begin : begin + N * K]
        assert len({(trace.method, trace.ratio) for trace in part}) == 1
        assert [(trace.problem.id, trace.sample) for trace in part] == [
            (problem.id, sample) for problem in PROBLEMS for sample in range(K)
        ]
    assert len({trace.key for trace in WHOLE}) == len(WHOLE)


def test_a_control_cuts_each_of_the_originals_answers():
    (kept,) = {row.kept for row in rows(WHOLE) if (row.method, row.ratio) == ("tokenskip", 0.5)}
    cut = [trace for trace in WHOLE if trace.method == "truncation"]
    assert [trace.n_tokens for trace in cut] == [
        round(kept * (20 + sample)) for _ in range(N) for sample in range(K)
    ]


@given(st.integers(0, len(WHOLE)))
def test_a_run_that_stopped_between_two_samples_goes_on_to_the_same_traces(n):
    assert WHOLE[:n] + run(done=WHOLE[:n]) == WHOLE


def test_one_answer_a_problem_is_asked_as_the_first_of_several():
    first = [trace for trace in WHOLE if trace.sample == 0 and trace.method == "original"]
    assert run(samples=1, baselines=())[:N] == first


def test_copies_of_one_answer_are_refused():
    with pytest.raises(CotpressError, match="3 samples at temperature 0 are copies"):
        run(sampling=Sampling())


def test_a_row_has_the_mean_the_vote_and_the_tries():
    original, full, half = rows(WHOLE)[:3]
    assert (full.n, full.k) == (N, K)
    assert full.accuracy == pytest.approx(2 / 3)
    assert (full.pass_at_k, full.maj_at_k) == (1.0, 1.0)
    assert full.mean_tokens == 21
    assert full.statuses == {"ok": N * K}
    assert half.kept == pytest.approx(fmean([10, 10, 11]) / 21)
    assert (original.p_value, full.p_value) == (None, 1.0)
    assert original.lengths_right.n == 8
    assert original.lengths_wrong.mean == 22


GRADES = st.lists(
    st.lists(st.tuples(st.sampled_from("1234"), st.integers(1, 90)), min_size=2, max_size=4),
    min_size=1,
    max_size=7,
)


def group(said, **fields):
    return [
        make_trace(
            id=str(i),
            answer="1",
            sample=j,
            n_tokens=length,
            grade=Grade(answer=answer, correct=answer == "1", status="ok"),
            **fields,
        )
        for i, answers in enumerate(said)
        for j, (answer, length) in enumerate(answers)
    ]


@given(GRADES, GRADES)
def test_rows_equal_what_a_loop_over_problems_gives(said, others):
    base = group(said, method="original")
    (_, row) = rows([*base, *group(others, method="cts", asked=Asked(ratio=0.5))], seed=7)
    shares = [fmean(answer == "1" for answer, _ in one) for one in others]
    assert row.accuracy == pytest.approx(fmean(shares))
    assert (row.accuracy_low, row.accuracy_high) == bootstrap(shares)
    assert row.mean_tokens == pytest.approx(fmean(fmean(n for _, n in one) for one in others))
    spent = [fmean(n for _, n in one) for one in others]
    if len(spent) > 1:
        half = 1.959964 * stdev(spent) / len(spent) ** 0.5
        assert row.mean_tokens_low == pytest.approx(max(0.0, fmean(spent) - half), abs=1e-4)
        assert row.mean_tokens_high == pytest.approx(fmean(spent) + half, abs=1e-4)
    else:
        assert (row.mean_tokens_low, row.mean_tokens_high) == (None, None)
    assert (row.n, row.k, row.seed) == (len(others), min(map(len, others)), 7)
    votes = [majority([trace.grade for trace in group([one])]) for one in others]
    assert row.maj_at_k == pytest.approx(fmean(votes))
    before = [fmean(answer == "1" for answer, _ in one) for one in said]
    pairs = list(zip(shares, before, strict=False))
    assert row.p_value == sign_flip([a - b for a, b in pairs])
    kept = [
        [fmean(n for _, n in one) for one in answers[: len(pairs)]] for answers in (others, said)
    ]
    assert row.kept == pytest.approx(sum(kept[0]) / sum(kept[1]))


@given(st.lists(st.integers(10, 90), min_size=2, max_size=20))
def test_a_plan_of_sixteen_copies_promises_no_more_than_one_of_each(lengths):
    def evaluation(k):
        return [
            make_trace(
                id=str(i),
                sample=j,
                model="taught",
                method="tokenskip",
                ratio=0.5,
                n_tokens=n,
                grade=Grade(answer="72", correct=True, status="ok"),
            )
            for i, n in enumerate(lengths)
            for j in range(k)
        ]

    once, often = (plan(evaluation(k), Wish(max_tokens=1000)).offers[0] for k in (1, 16))
    assert once.tokens == often.tokens
    assert once.accuracy == often.accuracy


def test_the_parts_of_a_task_are_judged_by_themselves_in_the_order_of_their_names():
    def part(i, level, right, n_tokens, **fields):
        problem = Problem(id=str(i), question="?", answer="1", task="t", stratum=level)
        grade = Grade(answer="1", correct=right, status="ok")
        return msgspec.structs.replace(
            make_trace(n_tokens=n_tokens, grade=grade, **fields), problem=problem
        )

    asked = {"method": "tokenskip", "ratio": 0.5}
    traces = [
        *(part(i, "level 10", True, 40) for i in range(2)),
        *(part(i, "level 2", True, 20) for i in range(2, 5)),
        *(part(i, "level 10", i == 0, 10, **asked) for i in range(2)),
        *(part(i, "level 2", True, 10, **asked) for i in range(2, 5)),
    ]
    found = rows(traces)[1].strata
    assert [(one.name, one.n, one.accuracy, one.kept) for one in found] == [
        ("level 2", 3, 1.0, 0.5),
        ("level 10", 2, 0.5, 0.25),
    ]
    assert rows(group([[("1", 5)]]))[0].strata == []
