"""An evaluation asks everything once, in an order that lets controls
meet the method's actual ratio; rows are pure.
"""

import re
from collections import Counter
from functools import cache

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotpress.errors import CotpressError, UnknownName
from cotpress.evaluation.evaluate import Plan, evaluate
from cotpress.evaluation.rows import note, rows
from cotpress.evaluation.statistics import mcnemar, wilson
from cotpress.models import Completion
from cotpress.pipeline.segmenting import Rules
from cotpress.records import Asked, Grade, Problem, Trace

N = 8
PROBLEMS = [
    Problem(
        id=f"p/{i}",
        question=f"What is {i} + 1?",
        answer=str(i + 1),
        task="plus",
        instruction="Think.",
    )
    for i in range(N)
]


class Obedient:
    """Reasons in 20 words, or in the share of them that `keeps` gives for the ratio in the prompt,
    or in as many as a budget in the prompt; answers p/0 wrongly.

    From a prefill it concludes rightly if more than 15 words of reasoning are left.
    """

    def __init__(self, name, keeps=lambda ratio: ratio):
        self.name = name
        self.keeps = keeps
        self.asked = []

    def generate(self, requests, sampling):
        for request in requests:
            self.asked.append(request)
            content = request.messages[0]["content"]
            tag = re.search(r"<ratio>(.*)</ratio>", content)
            i = int(re.search(r"What is (\d+)", content)[1])
            if request.prefill:
                kept = len(re.findall(r"w\d+", request.prefill))
                yield Completion(
                    text=f"{i + 1 if kept > 15 else 0}}}.", n_tokens=1, finished=True, seconds=0.1
                )
                continue
            budget = re.search(r"<budget>(.*)</budget>", content)
            n = int(budget[1]) if budget else round(20 * self.keeps(float(tag[1]) if tag else 1.0))
            said = " ".join(f"w{k}" for k in range(n))
            answer = i + 1 if i else 77
            yield Completion(
                text=f"{said}\nThe answer is \\boxed{{{answer}}}.",
                n_tokens=n + 4,
                finished=True,
                seconds=0.2,
            )

    def token_ends(self, texts):
        return [[match.end() for match in re.finditer(r"\S+", text)] for text in texts]


def by_box(traces):
    """A grader for tests: the box holds the answer."""
    for trace in traces:
        box = re.search(r"boxed\{(\w+)\}", trace.conclusion)
        said = box[1] if box else None
        grade = Grade(
            answer=said, correct=said == trace.problem.answer, status="ok" if box else "no_answer"
        )
        yield msgspec.structs.replace(trace, grade=grade)


def plan(ratios=(1.0, 0.5), keeps=lambda ratio: ratio, **others):
    model, original = Obedient("taught", keeps), Obedient("untouched")
    return Plan(
        **{"model": model, "ratios": ratios, "method": "tokenskip", "original": original, **others}
    )


def arms(traces):
    return list(dict.fromkeys((trace.model, trace.method, trace.ratio) for trace in traces))


def test_the_original_comes_first_then_the_method_then_the_baselines():
    traces = list(
        evaluate(
            PROBLEMS, plan(baselines=["be-concise", "lc-prompt", "truncation", "random"]), by_box
        )
    )
    assert arms(traces) == [
        ("untouched", "original", None),
        ("taught", "tokenskip", 1.0),
        ("taught", "tokenskip", 0.5),
        ("untouched", "be-concise", None),
        ("untouched", "lc-prompt", 0.5),
        ("untouched", "truncation", 0.5),
        ("untouched", "random", 0.5),
    ]
    assert [trace.problem.id for trace in traces] == [problem.id for problem in PROBLEMS] * 7
    assert all(trace.grade for trace in traces)
    assert len({trace.key for trace in traces}) == len(traces)


def test_the_method_is_asked_for_the_ratio_and_the_prompts_in_words():
    one = plan(baselines=["lc-prompt"])
    traces = list(evaluate(PROBLEMS[:1], one, by_box))
    assert [request.messages for request in one.model.asked] == [
        PROBLEMS[0].prompt(1.0),
        PROBLEMS[0].prompt(0.5),
    ]
    assert one.original.asked[0].messages == PROBLEMS[0].prompt()
    prompted = one.original.asked[1].messages[0]["content"]
    assert "reduce 50% of the words" in prompted
    assert "<ratio>" not in prompted
    assert traces[-1].problem.prompt()[0]["content"] == prompted  # recorded with the result


def test_controls_are_cut_to_the_ratio_the_method_reached_and_not_to_the_one_it_was_asked_for():
    free = Rules("token", "none")  # every word of the models here holds a digit
    one = plan(
        ratios=[0.5], keeps=lambda ratio: 0.75, baselines=["truncation", "random"], rules=free
    )
    found = {row.method: row for row in rows(evaluate(PROBLEMS, one, by_box))}
    assert found["tokenskip"].kept == found["truncation"].kept == found["random"].kept == 0.75
    assert found["truncation"].ratio == found["random"].ratio == 0.5


def test_a_control_with_nothing_to_cut_is_counted_and_not_made():
    dropped = Counter()
    traces = list(
        evaluate(
            PROBLEMS,
            plan(ratios=[1.0, 0.9], keeps=lambda ratio: 1.0, baselines=["random"]),
            by_box,
            dropped=dropped,
        )
    )
    assert "random" not in {trace.method for trace in traces}
    assert dropped == {
        "random at 1: the model did not shorten anything (kept 1.00)": 1,
        "random at 0.9: the model did not shorten anything (kept 1.00)": 1,
    }


def test_a_model_that_is_its_own_original_is_not_asked_the_same_prompt_twice():
    model = Obedient("plain")
    traces = list(evaluate(PROBLEMS, Plan(model=model, ratios=[1.0, 0.5], original=model), by_box))
    assert arms(traces) == [("plain", "original", None), ("plain", "original", 0.5)]


def test_without_an_original_there_is_no_comparison():
    found = rows(evaluate(PROBLEMS, plan(original=None), by_box))
    assert [(row.method, row.ratio, row.kept, row.p_value) for row in found] == [
        ("tokenskip", 1.0, None, None),
        ("tokenskip", 0.5, None, None),
    ]
    assert found[1].kept_own == 0.5


BASELINES = ["be-concise", "lc-prompt", "truncation", "random"]
N_ARMS = 7


@cache
def whole_run():
    return list(evaluate(PROBLEMS, plan(baselines=BASELINES), by_box))


@given(st.integers(0, N_ARMS * N))
def test_a_run_that_stopped_anywhere_goes_on_to_the_same_traces(n_done):
    done = whole_run()[:n_done]
    one = plan(baselines=BASELINES)
    assert done + list(evaluate(PROBLEMS, one, by_box, done=done)) == whole_run()
    assert len(one.model.asked) + len(one.original.asked) == N_ARMS * N - n_done


@given(st.permutations(range(N_ARMS * N)))
def test_rows_do_not_depend_on_the_order_of_the_traces(order):
    def name(row):
        return (row.method, row.ratio or 0)

    assert sorted(rows(whole_run()[i] for i in order), key=name) == sorted(
        rows(whole_run()), key=name
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratios": [1.5]}, "ratio 1.5 is not a fraction"),
        ({"baselines": ["trunkation"]}, "did you mean truncation"),
        ({"baselines": ["random"], "original": None}, "name it with --original"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_any_work(change, message):
    with pytest.raises((CotpressError, UnknownName), match=message):
        plan(**change)


def test_problems_with_one_id_are_refused():
    with pytest.raises(CotpressError, match="2 problems have the id 'p/0'"):
        list(evaluate([PROBLEMS[0], PROBLEMS[0]], plan(), by_box))


def made(i, correct, n_tokens, *, method="original", ratio=None, model="m", **others):
    fields = {
        "reasoning": "so it is",
        "conclusion": "It is 1.",
        "n_conclusion_tokens": 3,
        "finished": True,
        "seconds": 0.5,
        **others,
    }
    grade = Grade(answer="1", correct=correct, status="ok")
    return Trace(
        problem=PROBLEMS[i],
        model=model,
        method=method,
        asked=Asked(ratio=ratio),
        n_tokens=n_tokens,
        grade=grade,
        **fields,
    )


def test_a_row_counts_failures_in_every_length_and_share():
    loop = "wait, let me think about that again. " * 20
    traces = [
        *(made(i, True, 100) for i in range(4)),
        made(0, True, 40, method="tokenskip", ratio=0.5),
        made(1, False, 60, method="tokenskip", ratio=0.5),
        made(
            2,
            False,
            300,
            method="tokenskip",
            ratio=0.5,
            finished=False,
            conclusion="",
            reasoning=loop,
            seconds=3.5,
        ),
        made(3, True, 50, method="tokenskip", ratio=0.5, n_conclusion_tokens=7),
    ]
    original, row = rows(traces, scorer="surprisal:m", trained=[1.0, 0.5])
    assert (row.n, row.accuracy) == (4, 0.5)
    assert (row.accuracy_low, row.accuracy_high) == wilson(2, 4)
    assert row.mean_tokens == (40 + 60 + 300 + 50) / 4
    assert row.mean_total_tokens == row.mean_tokens + 4
    assert row.kept == row.mean_tokens / 100
    assert row.kept_low < row.kept < row.kept_high
    assert (row.truncated, row.looping, row.unsplit) == (0.25, 0.25, 0.25)
    assert row.seconds_per_problem == (3 * 0.5 + 3.5) / 4
    assert row.p_value == mcnemar(0, 2)
    assert row.statuses == {"ok": 4}
    assert row.scorer == "surprisal:m"
    assert row.note == "asked 0.5, kept 1.12"
    assert (original.kept, original.p_value, original.scorer, original.note) == (1.0, None, "", "")


def test_a_loop_in_the_conclusion_counts_as_one_in_the_reasoning_does():
    loop = "The answer is 1. " * 20
    (row,) = rows(
        [made(0, True, 10), made(1, True, 10, conclusion=loop), made(2, True, 10, reasoning=loop)]
    )
    assert row.looping == 2 / 3


def test_rows_compare_on_the_problems_that_both_have_answered():
    traces = [made(0, True, 10), made(1, True, 1000), made(0, False, 5, method="cts", ratio=0.5)]
    row = rows(traces)[1]
    assert row.kept == 0.5
    assert row.p_value == mcnemar(0, 1)


def test_rows_of_ungraded_traces_and_of_two_originals_are_refused():
    with pytest.raises(CotpressError, match="has no grade: run `cotpress grade`"):
        rows([msgspec.structs.replace(made(0, True, 10), grade=None)])
    with pytest.raises(CotpressError, match="two untouched models for task plus"):
        rows([made(0, True, 10, model="a"), made(0, True, 10, model="b")])


@pytest.mark.parametrize(
    ("method", "ratio", "kept", "trained", "expected"),
    [
        ("tokenskip", 0.5, 0.52, [1.0, 0.5], ""),
        ("tokenskip", 0.5, 0.54, [1.0, 0.5], "asked 0.5, kept 0.54"),
        ("tokenskip", 0.4, 0.41, [1.0, 0.5], "never trained on"),
        ("tokenskip", 0.4, 0.6, [1.0, 0.5], "never trained on; asked 0.4, kept 0.60"),
        ("tokenskip", 1.0, 0.9, [1.0, 0.5], "asked 1, kept 0.90"),
        ("tokenskip", 0.5, None, None, ""),
        ("token-assorted", 1.0, 0.8, [], ""),
        ("token-assorted", 0.5, 0.8, [], "never trained on; asked 0.5, kept 0.80"),
        ("original", 0.5, 0.99, None, "asked 0.5, kept 0.99"),
        ("original", None, 1.0, None, ""),
        ("lc-prompt", 0.5, 0.9, [1.0, 0.5], "asked 0.5, kept 0.90"),
        ("lc-prompt", 0.4, 0.4, [1.0, 0.5], ""),
        ("truncation", 0.5, 0.8, [1.0, 0.5], ""),
    ],
)
def test_a_ratio_that_was_never_trained_on_or_that_is_missed_is_said(
    method, ratio, kept, trained, expected
):
    row = rows([made(0, True, 10, method=method, ratio=ratio)])[0]
    assert note(msgspec.structs.replace(row, kept=kept), trained) == expected


def test_the_number_of_arms_is_known_beforehand():
    nothing_to_cut = 2  # both controls at ratio 1.0
    assert plan(baselines=BASELINES).n_arms == N_ARMS + nothing_to_cut
    assert len(arms(whole_run())) == N_ARMS
